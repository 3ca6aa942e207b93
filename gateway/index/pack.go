package index

import (
	"encoding/json"
	"fmt"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Unit gives a logistic unit.
func (x *Index) Unit(sscc trace.SSCC) (*Unit, bool, error) {
	var out *Unit
	err := x.read(func(s *story) (err error) {
		out, err = s.unit(sscc)
		return err
	})
	return out, out != nil, err
}

func (s *story) unit(sscc trace.SSCC) (*Unit, error) {
	s.topics[topicOfUnit(sscc)] = struct{}{}
	packed, err := load[trace.LogisticUnit](s, state.UnitKey(sscc))
	if err != nil || packed == nil {
		return nil, err
	}
	out := &Unit{SSCC: sscc, Typed: *packed}
	custody, err := value[trace.UnitCustody](s, state.UnitCustodyKey(sscc))
	if err != nil {
		return nil, err
	}
	if custody != nil {
		out.Custody = *custody
	}
	links, err := linksFrom(s.from, edgeUnit, string(sscc))
	for _, l := range links {
		out.Shipments = append(out.Shipments, trace.ShipmentID(l))
	}
	return out, err
}

// Pack gives a code pack.
func (x *Index) Pack(id trace.PackID) (*Pack, bool, error) {
	var out *Pack
	err := x.read(func(s *story) (err error) {
		out, err = s.pack(id)
		return err
	})
	return out, out != nil, err
}

func (s *story) pack(id trace.PackID) (*Pack, error) {
	of, err := s.factsOf(state.PackSubject(id))
	if err != nil {
		return nil, err
	}
	issued, err := load[trace.CodePack](s, state.CodePackKey(id))
	if err != nil || issued == nil {
		return nil, err
	}
	p := &Pack{ID: id, Typed: *issued}
	status, err := value[trace.PackStatus](s, state.PackStatusKey(id))
	if err != nil {
		return nil, err
	}
	if status != nil {
		p.Status = *status
	}
	custody, err := value[trace.PackCustody](s, state.PackCustodyKey(id))
	if err != nil {
		return nil, err
	}
	if custody != nil {
		p.Custody = *custody
	}
	activated, err := linksFrom(s.from, edgeActivated, string(id))
	if err != nil {
		return nil, err
	}
	if len(activated) > 0 { // bound once: an activation has no correction
		if p.Activation, err = load[trace.PackActivation](s, trace.Key(activated[0])); err != nil {
			return nil, err
		}
	}
	if p.Changes, err = typedAll[trace.PackChange](s, of[state.FactPackChange]); err != nil {
		return nil, err
	}
	if p.Verdicts, err = s.verdicts(of); err != nil {
		return nil, err
	}
	if p.Recalls, err = s.recalledCodes(id); err != nil {
		return nil, err
	}
	return p, s.packUnits(p)
}

func (s *story) recalledCodes(id trace.PackID) ([]RecalledCodes, error) {
	recs, err := records(s.from, state.RecallCodesPrefix(id))
	if err != nil {
		return nil, err
	}
	var out []RecalledCodes
	for _, rec := range recs {
		r := RecalledCodes{Codes: trace.CodeRange{Pack: id}}
		_, parts, _ := state.ParseKey(rec.Key)
		if len(parts) != 2 {
			return nil, fmt.Errorf("%s is not the recall of a code range", rec.Key)
		}
		if _, err := fmt.Sscanf(parts[1], "%d-%d", &r.Codes.First, &r.Codes.Last); err != nil {
			return nil, fmt.Errorf("code range of %s: %w", rec.Key, err)
		}
		if err := json.Unmarshal(rec.Value, &r.Recall); err != nil {
			return nil, fmt.Errorf("value of %s: %w", rec.Key, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func (s *story) packUnits(p *Pack) error {
	units, err := linksFrom(s.from, edgePacked, string(p.ID))
	if err != nil {
		return err
	}
	for _, sscc := range units {
		unit, err := s.unit(trace.SSCC(sscc))
		if err != nil {
			return err
		}
		if unit == nil {
			continue
		}
		held := UnitCodes{SSCC: unit.SSCC, Custody: unit.Custody, Packed: unit.Provenance}
		for _, c := range unit.Record.Codes {
			if c.Pack == p.ID {
				held.Codes = append(held.Codes, c)
			}
		}
		p.Units = append(p.Units, held)
	}
	return nil
}
