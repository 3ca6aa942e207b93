package state

import (
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
)

// GetAction reads an action by its key; nil where the key names none.
func GetAction(l Reader, key trace.Key) (*trace.Action, error) {
	return getFact[trace.Action](l, key, FactAction)
}

// GetRecall reads what a recall or delist key says, nil when it was never written.
func GetRecall(l Reader, key trace.Key) (*trace.Recall, error) {
	return Get[trace.Recall](l, key)
}

// ActionStateKey is the one key that tells whether an action of a kind (recall or
// delist) holds of a target: a run of codes, a lot, or a product.
func ActionStateKey(kind trace.ActionKind, lot *trace.LotID, codes *trace.CodeRange, gtin trace.GTIN) trace.Key {
	switch {
	case kind == trace.ActionRecall && codes != nil:
		return RecallCodesKey(*codes)
	case kind == trace.ActionRecall:
		return RecallLotKey(*lot)
	case lot != nil:
		return DelistLotKey(*lot)
	}
	return DelistProductKey(gtin)
}

// RecalledCodes gives the run of codes that a recall/codes key is about.
func RecalledCodes(key trace.Key) (trace.CodeRange, bool) {
	kind, parts, ok := ParseKey(key)
	if !ok || kind != KindRecallCodes {
		return trace.CodeRange{}, false
	}
	first, last, ok := strings.Cut(parts[1], "-")
	from, err := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	r := trace.CodeRange{Pack: trace.PackID(parts[0]), First: from, Last: to}
	return r, ok && err == nil && err2 == nil && RecallCodesKey(r) == key
}
