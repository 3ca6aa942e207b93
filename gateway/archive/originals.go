package archive

import (
	"encoding/json"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"traceledger/chaincode/evidence"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/network/block"
)

// Originals checks an imported ledger against the original transactions that are kept
// beside it: the same that the contracts checked, by nothing but the ledger's own blocks
// and those files.
type Originals struct {
	// Chaincode is what the contracts run as.
	Chaincode string
	// File gives a kept file by its hash.
	File func(trace.Digest) ([]byte, error)

	// Source is the ledger that was imported, nil while none was.
	Source *trace.SourceLedger
	// Closed tells that the import was closed.
	Closed bool
	// Checked is how many imported transactions were checked.
	Checked int64

	leaves []trace.Digest
}

// Block checks the imported transactions of the ledger's next block. A refusal carries
// EVIDENCE, or the code with which a file is not to be had.
func (o *Originals) Block(b *common.Block) error {
	flags, err := block.Flags(b)
	if err != nil {
		return err
	}
	for i, raw := range b.GetData().GetData() {
		if flags[i] != peer.TxValidationCode_VALID {
			continue
		}
		t := block.ParseTransaction(raw)
		if t.Action == nil || t.Action.Chaincode != o.Chaincode {
			continue
		}
		if err := o.transaction(t); err != nil {
			return err
		}
	}
	return nil
}

// End checks that all of the source was imported, where the import was closed.
func (o *Originals) End() error {
	if o.Source == nil || !o.Closed {
		return nil
	}
	if root := rules.MerkleRoot(o.leaves); o.Checked != o.Source.Count || root != o.Source.Root {
		return trace.Errorf(trace.CodeEvidence, "%d transactions with root %s were imported, the ledger %s has %d with root %s", o.Checked, root, o.Source.Genesis, o.Source.Count, o.Source.Root)
	}
	return nil
}

func (o *Originals) transaction(t *block.Transaction) error {
	arguments, err := t.Action.Arguments()
	if err != nil || len(arguments) != 2 {
		return err
	}
	set := t.Action.ReadWriteSet.Namespace(o.Chaincode)
	if set == nil {
		return nil
	}
	if string(arguments[0]) == "registry:OpenImport" && len(set.Public.GetWrites()) > 0 {
		opened := &trace.OpenImportRequest{}
		if err := json.Unmarshal(arguments[1], opened); err != nil {
			return err
		}
		o.Source = &opened.SourceLedger
		return nil
	}
	o.Closed = o.Closed || string(arguments[0]) == "registry:CloseImport"
	if !moves(set) || o.Source == nil {
		return nil // the read model admits no original here
	}
	for _, w := range set.Public.GetWrites() {
		for _, h := range originals(w.GetValue()) {
			if h.Original == nil || h.Original.Imported != trace.TimeOf(t.ChannelHeader.GetTimestamp().AsTime()) {
				continue
			}
			if err := o.check(t, h); err != nil {
				return trace.Errorf(codeOr(err, trace.CodeEvidence), "%s: %v", w.GetKey(), err)
			}
			o.leaves = append(o.leaves, rules.ImportLeaf(h.Original.Block, h.Original.Position, h.Original.Envelope))
			o.Checked++
			return nil
		}
	}
	return trace.Errorf(trace.CodeEvidence, "transaction %s imports a record that names no original", t.ID())
}

// head is what matters here of a record's beginning.
type head struct {
	Recorded trace.Time      `json:"recorded"`
	Original *trace.Original `json:"original"`
}

// originals are the heads of a record, or of a standard's versions.
func originals(value []byte) []head {
	if len(value) == 0 {
		return nil
	}
	if value[0] == '[' {
		var versions []head
		if json.Unmarshal(value, &versions) != nil {
			return nil
		}
		return versions
	}
	var h head
	if json.Unmarshal(value, &h) != nil {
		return nil
	}
	return []head{h}
}

// check does for one imported transaction what the contracts did.
func (o *Originals) check(t *block.Transaction, h head) error {
	envelope, err := o.File(h.Original.Envelope)
	if err != nil {
		return err
	}
	original, err := evidence.Read(envelope)
	if err != nil {
		return err
	}
	if err := original.Check(o.Source.Authorities); err != nil {
		return err
	}
	again, err := evidence.Read(t.Raw)
	if err != nil {
		return err
	}
	if original.ID != h.Original.Transaction || original.Facts.At != h.Recorded {
		return trace.Errorf(trace.CodeEvidence, "the original is transaction %s of %s, the record names %s of %s", original.ID, original.Facts.At, h.Original.Transaction, h.Recorded)
	}
	guards := []string{}
	for _, m := range trace.Methods() {
		if m.Transaction() == string(again.Facts.Arguments[0]) {
			guards = rules.GuardsOf(m, again.Facts.MSP)
		}
	}
	return rules.SameRequest(o.Source, original.Facts, again.Facts, guards)
}

func codeOr(err error, otherwise trace.Code) trace.Code {
	if code := trace.CodeOf(err); code != "" {
		return code
	}
	return otherwise
}
