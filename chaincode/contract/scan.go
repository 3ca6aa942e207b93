package contract

import (
	"fmt"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// maxScanned is the most keys a scan reads: the ranges scanned here are small by nature.
const maxScanned = 1_000

// scan reads every value under a prefix that ends in '/'. Only ranges that hardly ever
// change are scanned in a submitting transaction: a scan is checked again at commit,
// and a key that came in between makes the transaction invalid – which is wanted where
// that key is a recall, and harmless where it is a licence.
func scan[T any](s *submission, prefix trace.Key, each func(trace.Key, *T) error) error {
	end := string(prefix[:len(prefix)-1]) + "0" // '0' follows '/'
	iterator, err := s.stub.GetStateByRange(string(prefix), end)
	if err != nil {
		return fmt.Errorf("scan %s: %w", prefix, err)
	}
	defer iterator.Close()
	for read := 0; iterator.HasNext(); read++ {
		if read == maxScanned {
			return trace.Errorf(trace.CodeTooLarge, "%s holds more than %d keys", prefix, maxScanned)
		}
		entry, err := iterator.Next()
		if err != nil {
			return fmt.Errorf("scan %s: %w", prefix, err)
		}
		value := new(T)
		if err := state.Decode(entry.Value, value); err != nil {
			return fmt.Errorf("the value of %s is damaged: %w", entry.Key, err)
		}
		if err := each(trace.Key(entry.Key), value); err != nil {
			return err
		}
	}
	return nil
}

// accreditations loads all accreditations of a lab, in order of number.
func (s *submission) accreditations(lab trace.PartyID) ([]trace.Accreditation, error) {
	var held []trace.Accreditation
	err := scan(s, state.AccreditationPrefix(lab), func(_ trace.Key, a *trace.Accreditation) error {
		held = append(held, *a)
		return nil
	})
	return held, err
}

// licences loads all licences of a party with their revocations.
func (s *submission) licences(holder trace.PartyID) ([]rules.HeldLicence, error) {
	var held []rules.HeldLicence
	err := scan(s, state.LicencePrefix(holder), func(_ trace.Key, l *trace.Licence) error {
		revocation, err := state.GetRevocation(s.Ledger, holder, l.Number)
		held = append(held, rules.HeldLicence{Number: l.Number, Licence: l, Revocation: revocation})
		return err
	})
	return held, err
}

// recalledCodes loads the runs of a pack's codes that are recalled now.
func (s *submission) recalledCodes(pack trace.PackID) ([]trace.CodeRange, error) {
	var recalled []trace.CodeRange
	err := scan(s, state.RecallCodesPrefix(pack), func(key trace.Key, r *trace.Recall) error {
		codes, ok := state.RecalledCodes(key)
		if ok && r.Active {
			recalled = append(recalled, codes)
		}
		return nil
	})
	return recalled, err
}
