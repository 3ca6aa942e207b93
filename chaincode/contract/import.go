package contract

import (
	"fmt"

	"traceledger/chaincode/evidence"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// OpenImport names the one earlier ledger whose records this channel takes over, and
// exactly which of its transactions.
func (r *Registry) OpenImport(ctx *Context, argument string) (string, error) {
	return submit(ctx, r.methods["OpenImport"], argument, func(s *submission, request *trace.OpenImportRequest) (any, error) {
		if err := s.natural(state.ImportKey(request.Genesis)); err != nil {
			return nil, err
		}
		epoch, err := state.GetEpoch(s.Ledger)
		if err != nil {
			return nil, err
		}
		parties, err := s.anyParty()
		if err != nil {
			return nil, err
		}
		next, err := rules.OpenImport(&request.SourceLedger, epoch, parties)
		if err != nil {
			return nil, err
		}
		if err := evidence.CheckAuthorities(request.Authorities); err != nil {
			return nil, trace.Errorf(trace.CodeInvalid, "authorities: %v", err)
		}
		s.put(state.EpochKey(), next)
		return &trace.Import{SourceLedger: request.SourceLedger}, nil
	})
}

// CloseImport ends the import once all of it is recorded.
func (r *Registry) CloseImport(ctx *Context, argument string) (string, error) {
	return submit(ctx, r.methods["CloseImport"], argument, func(s *submission, request *trace.CloseImportRequest) (any, error) {
		if err := s.natural(state.ImportClosedKey(request.Genesis)); err != nil {
			return nil, err
		}
		epoch, err := state.GetEpoch(s.Ledger)
		if err != nil {
			return nil, err
		}
		source, err := state.GetImport(s.Ledger, request.Genesis)
		if err != nil {
			return nil, err
		}
		progress, err := state.GetImportProgress(s.Ledger, request.Genesis)
		if err != nil {
			return nil, err
		}
		next, err := rules.CloseImport(request.Genesis, epoch, source, progress)
		if err != nil {
			return nil, err
		}
		s.put(state.EpochKey(), next)
		return &trace.ImportClosing{Count: source.Count}, nil
	})
}

// isImportMethod tells the two methods that open and close an import. They pass epoch and
// guards, but not the registry, which is itself imported.
func isImportMethod(request any) bool {
	switch request.(type) {
	case *trace.OpenImportRequest, *trace.CloseImportRequest:
		return true
	}
	return false
}

// anyParty tells whether the channel has records: nothing is recorded before a first
// party is admitted. The scan of an empty range is in the read set, so a party admitted
// at the same moment makes one of the two transactions void.
func (s *submission) anyParty() (found bool, err error) {
	first, behind := state.PartyBounds()
	parties, err := s.stub.GetStateByRange(first, behind)
	if err != nil {
		return false, fmt.Errorf("look for parties: %w", err)
	}
	found = parties.HasNext()
	return found, parties.Close()
}

// passImport keeps imports and ordinary writes apart, and takes an imported request as of
// its original time.
func (s *submission) passImport(gate *trace.ImportGate) error {
	data, err := s.stub.GetTransient()
	if err != nil {
		return fmt.Errorf("read the transient data: %w", err)
	}
	raw, imported := data[trace.TransientEvidence]
	if err := rules.MayWriteNow(gate, imported); err != nil || !imported {
		return err
	}
	return s.takeAsOf(gate.Genesis, raw)
}

// takeAsOf checks that the evidence shows this very request and sets the time by which
// the rules judge it to the original's.
func (s *submission) takeAsOf(genesis trace.Digest, raw []byte) error {
	if len(raw) > trace.MaxEvidenceBytes {
		return trace.Errorf(trace.CodeTooLarge, "the evidence has %d bytes, at most %d", len(raw), trace.MaxEvidenceBytes)
	}
	e := new(trace.Evidence)
	if err := state.Decode(raw, e); err != nil {
		return trace.Errorf(trace.CodeMalformed, "the evidence cannot be read: %v", err)
	}
	source, err := state.GetImport(s.Ledger, genesis)
	if err != nil {
		return err
	}
	progress, err := state.GetImportProgress(s.Ledger, genesis)
	if err != nil {
		return err
	}
	if progress, err = rules.TakeImport(&source.SourceLedger, progress, e); err != nil {
		return err
	}
	original, err := evidence.Read(e.Envelope)
	if err == nil {
		err = original.Check(source.Authorities)
	}
	if err != nil {
		return trace.Errorf(trace.CodeEvidence, "the original transaction does not hold: %v", err)
	}
	if err := rules.SameRequest(&source.SourceLedger, original.Facts, s.asked(), rules.GuardsOf(s.method, s.Caller.MSP)); err != nil {
		return err
	}
	s.head.Original = &trace.Original{
		Transaction: original.ID, Block: e.Block, Position: e.Position, Envelope: trace.DigestOf(e.Envelope), Imported: s.Now,
	}
	s.Now, s.Today = original.Facts.At, original.Facts.At.Date()
	s.put(state.ImportProgressKey(genesis), progress)
	return nil
}

// asked is what this transaction is, in the terms of an original one.
func (s *submission) asked() rules.OriginalFacts {
	return rules.OriginalFacts{MSP: s.Caller.MSP, Role: s.Caller.Role, Party: s.Caller.Party, At: s.Now, Arguments: s.stub.GetArgs()}
}
