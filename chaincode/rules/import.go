package rules

import (
	"bytes"
	"encoding/binary"
	"slices"

	"traceledger/chaincode/trace"
)

// ImportLeaf is the leaf of one transaction in trace.SourceLedger.Root: block and position,
// eight bytes each, big-endian, then the SHA-256 of the transaction as it stands in the
// block.
func ImportLeaf(block int64, position int, envelope trace.Digest) trace.Digest {
	var b [16 + len(envelope)]byte
	binary.BigEndian.PutUint64(b[:8], uint64(block))
	binary.BigEndian.PutUint64(b[8:16], uint64(position))
	copy(b[16:], envelope[:])
	return LeafHash(b[:])
}

// Imported tells whether a method's transactions are imported: all but the steps of the
// channel itself.
func Imported(transaction string) bool {
	switch transaction {
	case "registry:TouchEpoch", "registry:InstallGuard", "registry:AdmitOrganisation", "registry:EndOrganisation",
		"registry:OpenImport", "registry:CloseImport":
		return false
	}
	return true
}

// MayWriteNow keeps imports and ordinary writes apart: while an import is open nothing
// but the import is recorded, and before and after nothing is imported. gate is nil on a
// channel without an import.
func MayWriteNow(gate *trace.ImportGate, evidence bool) error {
	open := gate != nil && gate.Open
	if open && !evidence {
		return trace.Errorf(trace.CodeImport, "the ledger %s is being imported: ordinary writing begins when the regulator has closed the import", gate.Genesis)
	}
	if evidence && !open {
		return trace.Errorf(trace.CodeImport, "no import is open on this channel: nothing is taken as of an earlier time")
	}
	return nil
}

// OpenImport decides whether the import of a ledger may be opened, and the epoch gate's
// value then. A channel has one import, and before its first record: later, facts could
// be put before others that are known already.
func OpenImport(source *trace.SourceLedger, epoch *trace.Epoch, parties bool) (*trace.Epoch, error) {
	if epoch.Import != nil {
		return nil, trace.Errorf(trace.CodeImport, "this channel was opened for the ledger %s; there is one import, ever", epoch.Import.Genesis)
	}
	if parties {
		return nil, trace.Errorf(trace.CodeImport, "this channel has records: a ledger is imported into a channel without any")
	}
	if err := checkSourceLedger(source); err != nil {
		return nil, err
	}
	next := *epoch
	next.Import = &trace.ImportGate{Genesis: source.Genesis, Open: true}
	return &next, nil
}

func checkSourceLedger(s *trace.SourceLedger) error {
	if s.Genesis.IsZero() || s.Tip.IsZero() || s.Root.IsZero() || s.Archive.IsZero() {
		return trace.Errorf(trace.CodeMissing, "genesis, tip, root and archive of the source ledger are all needed")
	}
	if s.Count < 1 || s.Height < 2 {
		return trace.Errorf(trace.CodeInvalid, "a source ledger of %d blocks with %d transactions: there is nothing to import", s.Height, s.Count)
	}
	if err := trace.ValidText("channel", s.Channel, true, 249); err != nil {
		return err
	}
	if err := trace.ValidText("chaincode", s.Chaincode, true, 128); err != nil {
		return err
	}
	var named []string
	for i, a := range s.Authorities {
		if !slices.Contains(trace.MSPs(), a.MSP) || slices.Contains(named, a.MSP) {
			return trace.Errorf(trace.CodeInvalid, "authorities[%d]: %q must be one of %v, once", i, a.MSP, trace.MSPs())
		}
		if len(a.Certificates) < 1 || len(a.Certificates) > trace.MaxSourceAuthorities {
			return trace.Errorf(trace.CodeInvalid, "authorities[%d]: %d certificates, must be 1 to %d", i, len(a.Certificates), trace.MaxSourceAuthorities)
		}
		named = append(named, a.MSP)
	}
	if len(named) == 0 {
		return trace.Errorf(trace.CodeMissing, "authorities are missing: without them no original signature can be checked")
	}
	return nil
}

// TakeImport decides whether the evidence is the transaction to come: the next in order,
// and one of those the import was opened for. In order and without a gap, so that no
// recall or failed inspection stays behind.
func TakeImport(source *trace.SourceLedger, progress trace.ImportProgress, e *trace.Evidence) (trace.ImportProgress, error) {
	if e.Index != progress.Next {
		return progress, trace.Errorf(trace.CodeImport, "transaction %d of the source: the next to import is %d", e.Index, progress.Next)
	}
	leaf := ImportLeaf(e.Block, e.Position, trace.DigestOf(e.Envelope))
	if e.Block < 0 || e.Position < 0 || !VerifyInclusion(source.Root, leaf, e.Index, source.Count, e.Proof) {
		return progress, trace.Errorf(trace.CodeEvidence, "the original transaction is not number %d of the ledger %s, for which the import was opened", e.Index, source.Genesis)
	}
	return trace.ImportProgress{Next: progress.Next + 1}, nil
}

// OriginalFacts is what an original transaction shows.
type OriginalFacts struct {
	Channel, Chaincode string
	MSP                string // of its writer
	Role               trace.Role
	Party              trace.PartyID
	At                 trace.Time // by its writer's clock, which the peers there checked
	Arguments          [][]byte   // the method first
	Endorsers          []string   // organisations of which a peer endorsed, sorted
}

// SameRequest decides whether an original transaction shows this very request, by the
// same party in the same role, endorsed by whom the method answers with.
func SameRequest(source *trace.SourceLedger, o OriginalFacts, by OriginalFacts, guards []string) error {
	switch {
	case o.Channel != source.Channel || o.Chaincode != source.Chaincode:
		return trace.Errorf(trace.CodeEvidence, "the original transaction is one of %s on %s, the source's are of %s on %s", o.Chaincode, o.Channel, source.Chaincode, source.Channel)
	case o.MSP != by.MSP || o.Role != by.Role || o.Party != by.Party:
		return trace.Errorf(trace.CodeEvidence, "the original transaction is by %s %s of %s, this one by %s %s of %s", o.Role, o.Party, o.MSP, by.Role, by.Party, by.MSP)
	case !slices.EqualFunc(o.Arguments, by.Arguments, bytes.Equal):
		return trace.Errorf(trace.CodeEvidence, "the original transaction holds another request")
	case o.At > by.At+trace.ClockSkew:
		return trace.Errorf(trace.CodeEvidence, "the original transaction's time %s lies after now, %s", o.At, by.At)
	}
	for _, msp := range guards {
		if !slices.Contains(o.Endorsers, msp) {
			return trace.Errorf(trace.CodeEvidence, "the original transaction lacks the endorsement of %s", msp)
		}
	}
	return nil
}

// CloseImport decides whether an import may be closed, and the epoch gate's value then.
func CloseImport(genesis trace.Digest, epoch *trace.Epoch, source *trace.Import, progress trace.ImportProgress) (*trace.Epoch, error) {
	if epoch.Import == nil || !epoch.Import.Open || epoch.Import.Genesis != genesis || source == nil {
		return nil, trace.Errorf(trace.CodeImport, "no import of the ledger %s is open", genesis)
	}
	if progress.Next != source.Count {
		return nil, trace.Errorf(trace.CodeImport, "%d of %d transactions are imported: an import is closed when it is whole", progress.Next, source.Count)
	}
	next := *epoch
	next.Import = &trace.ImportGate{Genesis: genesis}
	return &next, nil
}
