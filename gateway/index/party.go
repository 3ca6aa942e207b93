package index

import (
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Party gives what the chain holds about a party.
func (x *Index) Party(id trace.PartyID) (*Party, bool, error) {
	var out *Party
	err := x.read(func(s *story) (err error) {
		out, err = s.party(id)
		return err
	})
	return out, out != nil, err
}

// party reads a party once; nil when the registry does not know it.
func (s *story) party(id trace.PartyID) (*Party, error) {
	if p, known := s.parties[id]; known {
		return p, nil
	}
	of, err := s.factsOf(state.PartySubject(id))
	if err != nil {
		return nil, err
	}
	admitted, err := load[trace.Party](s, state.PartyKey(id))
	if err != nil || admitted == nil {
		s.parties[id] = nil
		return nil, err
	}
	p := &Party{ID: id, Typed: *admitted}
	s.parties[id] = p
	if p.Standings, err = typedAll[trace.Standing](s, of[state.FactStanding]); err != nil {
		return nil, err
	}
	if p.Verdicts, err = s.verdicts(of); err != nil {
		return nil, err
	}
	if p.Licences, err = s.licences(id); err != nil {
		return nil, err
	}
	// A key's last part is dropped to get the prefix of all keys beside it.
	scopes, err := records(s.from, prefixOf(state.AccreditationKey(id, "n")))
	if err != nil {
		return nil, err
	}
	if p.Accreditations, err = typedAll[trace.Accreditation](s, scopes); err != nil {
		return nil, err
	}
	p.Registrar, err = s.registrar(p.Provenance.Party)
	return p, err
}

// registrar names who admitted a party, nil for one without a name on the chain. A
// party's admission is never written again, so no page depends on it.
func (s *story) registrar(id trace.PartyID) (*PartyName, error) {
	admitted, err := value[trace.Party](s, state.PartyKey(id))
	if err != nil || admitted == nil || admitted.Name == "" {
		return nil, err
	}
	return &PartyName{id, admitted.Name, admitted.NameEnglish}, nil
}

func (s *story) licences(id trace.PartyID) ([]Licence, error) {
	recs, err := records(s.from, prefixOf(state.LicenceKey(id, "n")))
	if err != nil {
		return nil, err
	}
	var out []Licence
	for _, rec := range recs {
		t, err := typed[trace.Licence](s, rec)
		if err != nil {
			return nil, err
		}
		l := Licence{Typed: t}
		if l.Revocation, err = load[trace.LicenceRevocation](s, state.RevocationKey(id, t.Record.Number)); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// prefixOf begins the keys that differ from this one in their last part only.
func prefixOf(key trace.Key) trace.Key {
	return key[:len(key)-len(state.LastPart(key))]
}

// Suspended tells whether the party may not write: the last word on its standing is
// a suspension.
func (p *Party) Suspended() bool {
	n := len(p.Standings)
	return n > 0 && p.Standings[n-1].Record.Status == trace.PartySuspended
}

// Licence gives the licence with a number, nil when it is not on file.
func (p *Party) Licence(number string) *Licence {
	for i := range p.Licences {
		if p.Licences[i].Record.Number == number {
			return &p.Licences[i]
		}
	}
	return nil
}
