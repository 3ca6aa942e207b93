package sheet

import (
	"strings"

	"traceledger/chaincode/trace"
)

// correctable tells whether the rows of a table may correct a record: those that become
// facts. A record with an id of its own is taken once and for all.
func correctable(table string) bool {
	switch table {
	case "log", "certificate", "report", "handover", "binding", "arrival":
		return true
	}
	return false
}

// correctionColumns name the record that a row corrects, and why.
func correctionColumns() []column {
	return []column{
		{key: "corrects", zh: "更正记录", en: "Corrects", also: []string{"更正哪条记录"}, hint: "只在更正时填：原记录的完整编号，在工作台的记录页上"},
		{key: "correctionReason", zh: "更正原因", en: "Correction reason", hint: "只在更正时填，公开"},
	}
}

// correction puts into a request which record its row corrects. Both records stay on
// the ledger and are shown beside each other.
func (r *row) correction(w *trace.Write) {
	corrects, reason := r.blank("corrects"), r.blank("correctionReason")
	switch {
	case corrects && reason:
		return
	case corrects:
		r.fail("corrects", bad(trace.CodeMissing, "a correction names the record it corrects", "写了更正原因，还要写更正哪条记录"))
		return
	case reason:
		r.fail("correctionReason", bad(trace.CodeMissing, "a correction says why", "更正要写原因"))
		return
	}
	key := r.text("corrects", 300)
	if !r.failed && !strings.HasPrefix(key, "fact/") {
		r.fail("corrects", bad(trace.CodeInvalid, "a correction names a record like \"fact/lot/…\"", "应填原记录的完整编号，以 fact/ 开头，在工作台的记录页上可复制"))
	}
	w.Corrects, w.CorrectionReason = trace.Key(key), r.text("correctionReason", 500)
}
