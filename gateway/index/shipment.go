package index

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Shipment gives a shipment with its devices and segments.
func (x *Index) Shipment(id trace.ShipmentID) (*Shipment, bool, error) {
	var out *Shipment
	err := x.read(func(s *story) (err error) {
		out, err = s.shipment(id)
		return err
	})
	return out, out != nil, err
}

func (s *story) shipment(id trace.ShipmentID) (*Shipment, error) {
	head, err := s.shipmentHead(id)
	if err != nil || head == nil {
		return nil, err
	}
	return s.withSegments(head)
}

func (s *story) withSegments(head *ShipmentHead) (*Shipment, error) {
	out := &Shipment{ShipmentHead: *head}
	links, err := linksFrom(s.from, edgeSegment, string(head.ID))
	if err != nil {
		return nil, err
	}
	slices.Sort(links)
	for _, l := range links {
		rec, found, err := record(s.from, trace.Key(l)) // a segment has no corrections to load
		if err != nil || !found {
			return nil, err
		}
		segment, err := typed[trace.Segment](s, rec)
		if err != nil {
			return nil, err
		}
		out.Segments = append(out.Segments, segment)
	}
	return out, nil
}

// shipmentHead reads a shipment without its segments; nil when it is not on file.
func (s *story) shipmentHead(id trace.ShipmentID) (*ShipmentHead, error) {
	of, err := s.factsOf(state.ShipmentSubject(id))
	if err != nil {
		return nil, err
	}
	dispatched, err := load[trace.Shipment](s, state.ShipmentKey(id))
	if err != nil || dispatched == nil {
		return nil, err
	}
	out := &ShipmentHead{ID: id, Typed: *dispatched}
	s.name(out.Record.From, out.Record.Consignee)
	status, err := value[trace.ShipmentStatus](s, state.ShipmentStatusKey(id))
	if err != nil {
		return nil, err
	}
	if status != nil {
		out.Status = *status
		s.name(status.Carriers...)
	}
	if out.Handovers, err = typedAll[trace.Handover](s, of[state.FactHandover]); err != nil {
		return nil, err
	}
	arrivals, err := typedAll[trace.Arrival](s, of[state.FactArrival])
	if err != nil {
		return nil, err
	}
	// A shipment closes once; what comes after the first is its correction.
	if len(arrivals) > 0 {
		out.Arrival = &arrivals[0]
		out.ArrivalCorrections = arrivals[1:]
	}
	if out.Verdicts, err = s.verdicts(of); err != nil {
		return nil, err
	}
	return out, s.bindings(out)
}

// bindings reads the devices bound to a shipment and the verdicts on them.
func (s *story) bindings(out *ShipmentHead) error {
	links, err := linksFrom(s.from, edgeBound, string(out.ID))
	if err != nil {
		return err
	}
	for _, l := range links {
		binding, err := load[trace.DeviceBinding](s, trace.Key(l))
		if err != nil {
			return err
		}
		if binding != nil {
			out.Bindings = append(out.Bindings, *binding)
		}
	}
	slices.SortStableFunc(out.Bindings, func(a, b Typed[trace.DeviceBinding]) int {
		return cmp.Or(cmp.Compare(a.Record.Device, b.Record.Device), cmp.Compare(a.Record.From, b.Record.From))
	})
	for i, b := range out.Bindings {
		if i > 0 && out.Bindings[i-1].Record.Device == b.Record.Device {
			continue
		}
		of, err := s.factsOf(state.DeviceSubject(b.Record.Device))
		if err != nil {
			return err
		}
		verdicts, err := s.verdicts(of)
		if err != nil {
			return err
		}
		out.DeviceVerdicts = append(out.DeviceVerdicts, verdicts...)
	}
	return nil
}

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
