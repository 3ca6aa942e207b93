package archive

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/block"
)

// Values is what a chain's records and balances have come to: key to newest value.
type Values map[string][]byte

// Values of the archive's ledger.
func (a *Archive) Values() Values {
	out := Values{}
	n := a.chain.state.public[a.chain.chaincode]
	if n == nil {
		return out
	}
	for _, key := range n.keys {
		out.put(key, n.values[key].Value)
	}
	return out
}

// Fold applies a block's valid transactions that were imported, and no others: what was
// written after the import is not compared. A ledger's own blocks are trusted here; its
// peer has validated them.
func (v Values) Fold(b *common.Block, chaincode string) error {
	flags, err := block.Flags(b)
	if err != nil {
		return err
	}
	for i, raw := range b.GetData().GetData() {
		if flags[i] != peer.TxValidationCode_VALID {
			continue
		}
		t := block.ParseTransaction(raw)
		if t.Action == nil || t.Action.Chaincode != chaincode {
			continue
		}
		arguments, err := t.Action.Arguments()
		if err != nil {
			return err
		}
		set := t.Action.ReadWriteSet.Namespace(chaincode)
		if set == nil || len(arguments) == 0 || !rules.Imported(string(arguments[0])) || !moves(set) {
			continue
		}
		for _, w := range set.Public.GetWrites() {
			v.put(w.GetKey(), w.GetValue())
		}
	}
	return nil
}

// moves tells whether a transaction belongs to an import.
func moves(set *block.NamespaceSet) bool {
	for _, w := range set.Public.GetWrites() {
		if strings.HasPrefix(w.GetKey(), state.KindImportProgress+"/") {
			return true
		}
	}
	return false
}

// put leaves out what belongs to the channel and not to its records.
func (v Values) put(key string, value []byte) {
	kind, _, _ := state.ParseKey(trace.Key(key))
	switch kind {
	case state.KindEpoch, state.KindGuard, state.KindGuardReady, state.KindImport, state.KindImportClosed, state.KindImportProgress:
		return
	}
	if len(value) == 0 {
		delete(v, key)
		return
	}
	v[key] = value
}

// Comparison is what two ledgers have in common.
type Comparison struct {
	Equal                       int
	Different, Missing, Surplus []string // keys, at most a hundred of each
	Differences                 int
}

// Compare compares an imported ledger with its source: everything but from which
// transaction a record was imported.
func Compare(source, target Values) (Comparison, error) {
	var c Comparison
	note := func(list *[]string, key string) {
		if c.Differences++; len(*list) < 100 {
			*list = append(*list, key)
		}
	}
	for key, value := range source {
		other, found := target[key]
		if !found {
			note(&c.Missing, key)
			continue
		}
		plain, err := withoutOriginal(other)
		if err != nil {
			return c, err
		}
		before, err := withoutOriginal(value)
		if err != nil {
			return c, err
		}
		if !bytes.Equal(plain, before) {
			note(&c.Different, key)
			continue
		}
		c.Equal++
	}
	for key := range target {
		if _, found := source[key]; !found {
			note(&c.Surplus, key)
		}
	}
	return c, nil
}

// withoutOriginal is a value in one form, without what only an import adds.
func withoutOriginal(value []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var content any
	if err := decoder.Decode(&content); err != nil {
		return nil, err
	}
	switch v := content.(type) {
	case map[string]any:
		delete(v, "original")
	case []any: // the versions of a standard
		for _, version := range v {
			if m, ok := version.(map[string]any); ok {
				delete(m, "original")
			}
		}
	}
	return json.Marshal(content)
}
