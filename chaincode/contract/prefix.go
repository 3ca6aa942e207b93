package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// mayUseKey refuses a GTIN or SSCC that is not the caller's: point reads of the few
// prefixes it can begin with, the longest decides.
func (s *submission) mayUseKey(name, key string) error {
	var held *rules.HeldPrefix
	for _, prefix := range rules.CompanyPrefixes(key) {
		var err error
		if held, err = s.prefix(prefix); err != nil {
			return err
		}
		if held != nil {
			break
		}
	}
	return rules.MayUseKey(name, key, s.Caller.Party, held, s.Today)
}

// givePrefix gives a company prefix to one party alone.
func (s *submission) givePrefix(r *trace.GrantLicenceRequest) error {
	var on []rules.HeldPrefix
	for _, prefix := range rules.CompanyPrefixes("0" + r.Number) {
		held, err := s.prefix(prefix)
		if err != nil {
			return err
		}
		if held != nil {
			on = append(on, *held)
		}
	}
	if err := rules.PrefixFree(r.Number, r.Party, on, s.Today); err != nil {
		return err
	}
	s.put(state.CompanyPrefixKey(r.Number), trace.CompanyPrefix{Holder: r.Party})
	return nil
}

// prefix loads a company prefix with its entry, nil when it is not on file.
func (s *submission) prefix(number string) (*rules.HeldPrefix, error) {
	found, err := state.GetCompanyPrefix(s.Ledger, number)
	if err != nil || found == nil {
		return nil, err
	}
	licence, err := s.licence(found.Holder, number)
	return &rules.HeldPrefix{Holder: found.Holder, Licence: licence}, err
}
