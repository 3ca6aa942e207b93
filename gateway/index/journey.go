package index

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// Journey gives how one item of a lot travelled; false when the lot, or the pack as
// one of its packs, is not on file, or the pack has no such item.
func (x *Index) Journey(id trace.LotID, pack trace.PackID, item int64) (*Journey, bool, error) {
	var out *Journey
	err := x.read(func(s *story) error {
		l, err := s.lot(id)
		if err != nil || l == nil {
			return err
		}
		out, err = s.journey(l, pack, item)
		return err
	})
	return out, out != nil, err
}

// journey reads the telemetry of the shipments that carried an item.
func (s *story) journey(l *Lot, id trace.PackID, item int64) (*Journey, error) {
	pack := l.Pack(id)
	if pack == nil || item < 1 || item > pack.Record.Count {
		return nil, nil
	}
	t := l.travel(pack, item)
	j := &Journey{Lot: l.ID, Pack: id, Item: item, Group: t.group(pack), Steps: t.steps(l, pack), Holder: t.holder}
	for _, head := range t.shipments {
		leg, err := s.leg(head)
		if err != nil {
			return nil, err
		}
		j.Legs = append(j.Legs, leg)
	}
	return j, nil
}

func (s *story) leg(head *ShipmentHead) (Leg, error) {
	shipment, err := s.withSegments(head)
	if err != nil {
		return Leg{}, err
	}
	var arrived trace.Time
	if shipment.Arrival != nil {
		arrived = shipment.Arrival.Record.At
	}
	segments := make([]rules.SegmentRecord, 0, len(shipment.Segments))
	for i := range shipment.Segments {
		segments = append(segments, rules.SegmentRecord{Key: shipment.Segments[i].Provenance.Key, Segment: &shipment.Segments[i].Record})
	}
	bound := make([]rules.BoundDevice, 0, len(shipment.Bindings))
	for _, b := range shipment.Bindings {
		bound = append(bound, rules.BoundDevice{Device: b.Record.Device, From: b.Record.From, To: b.To})
	}
	return Leg{Shipment: *shipment, Findings: rules.FindJourney(&shipment.ShipmentHead.Record, arrived, segments, bound...)}, nil
}

// Pack gives one of the lot's packs, nil when it has none of that id.
func (l *Lot) Pack(id trace.PackID) *Pack {
	for i := range l.Packs {
		if l.Packs[i].ID == id {
			return &l.Packs[i]
		}
	}
	return nil
}

// JourneyGroups cuts a pack of the lot into runs of items that travelled alike: what
// their pages show differs in the item's number only. In item order, without gaps;
// nil when the lot has no such pack.
func (l *Lot) JourneyGroups(id trace.PackID) []JourneyGroup {
	pack := l.Pack(id)
	if pack == nil {
		return nil
	}
	var out []JourneyGroup
	for _, first := range l.cuts(pack) {
		if n := len(out); n > 0 {
			out[n-1].Last = first - 1
		}
		if first <= pack.Record.Count {
			out = append(out, JourneyGroup{First: first, Last: pack.Record.Count, Group: l.travel(pack, first).group(pack)})
		}
	}
	return out
}

// cuts are the items at which something about a pack may change, rising, from 1.
func (l *Lot) cuts(pack *Pack) []int64 {
	cuts := []int64{1}
	cut := func(first, last int64) { cuts = append(cuts, max(first, 1), last+1) }
	for _, h := range l.Shipments {
		for _, c := range h.Record.Codes {
			if c.Pack == pack.ID {
				cut(c.First, c.Last)
			}
		}
	}
	for _, u := range pack.Units {
		for _, c := range u.Codes {
			cut(c.First, c.Last)
		}
	}
	for _, r := range pack.Recalls {
		cut(r.Codes.First, r.Codes.Last)
	}
	for _, span := range pack.Custody.Spans {
		cut(span.First, span.Last)
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

// travel is what happened to one item.
type travel struct {
	shipments []*ShipmentHead // in chain order
	units     []UnitCodes     // in chain order
	recalls   []RecalledCodes
	holder    trace.CustodyHolder
}

func (l *Lot) travel(pack *Pack, item int64) travel {
	var t travel
	holds := func(codes []trace.CodeRange) bool {
		return slices.ContainsFunc(codes, func(c trace.CodeRange) bool {
			return c.Pack == pack.ID && c.First <= item && item <= c.Last
		})
	}
	for i := range l.Shipments {
		if holds(l.Shipments[i].Record.Codes) {
			t.shipments = append(t.shipments, &l.Shipments[i])
		}
	}
	for _, u := range pack.Units {
		if holds(u.Codes) {
			t.units = append(t.units, u)
		}
	}
	for _, r := range pack.Recalls {
		if r.Codes.First <= item && item <= r.Codes.Last {
			t.recalls = append(t.recalls, r)
		}
	}
	for _, span := range pack.Custody.Spans {
		if span.First <= item && item <= span.Last {
			t.holder = span.Holder
		}
	}
	for _, u := range t.units {
		if t.holder.SSCC != "" && u.SSCC == t.holder.SSCC {
			t.holder = u.Custody.Holder
		}
	}
	return t
}

// group names what happened, so that equal names mean equal stories.
func (t travel) group(pack *Pack) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", pack.ID)
	for _, s := range t.shipments {
		fmt.Fprintf(h, "shipment %s\n", s.ID)
	}
	for _, u := range t.units {
		fmt.Fprintf(h, "unit %s\n", u.SSCC)
	}
	for _, r := range t.recalls {
		fmt.Fprintf(h, "recall %d-%d\n", r.Codes.First, r.Codes.Last)
	}
	fmt.Fprintf(h, "holder %s %s %s %d\n", t.holder.Party, t.holder.Shipment, t.holder.SSCC, t.holder.Since)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// steps lists the changes of custody in chain order.
func (t travel) steps(l *Lot, pack *Pack) []CustodyStep {
	var steps []orderedStep
	if a := pack.Activation; a != nil {
		steps = append(steps, orderedStep{a.Provenance, CustodyStep{
			Kind: StepActivated, From: a.Record.Party, To: a.Record.Party, At: a.Record.Claimed,
			Place: &trace.Place{Name: l.Batch.Record.Place, Point: l.Batch.Record.Point},
		}})
	}
	for _, u := range t.units {
		steps = append(steps, orderedStep{u.Packed, CustodyStep{
			Kind: StepPacked, From: u.Packed.Party, To: u.Packed.Party, SSCC: u.SSCC, At: u.Packed.Claimed,
		}})
	}
	for _, s := range t.shipments {
		steps = append(steps, s.steps()...)
	}
	slices.SortStableFunc(steps, func(a, b orderedStep) int { return provenanceOrder(a.by, b.by) })
	out := make([]CustodyStep, 0, len(steps))
	for _, o := range steps {
		o.step.Key = o.by.Key
		out = append(out, o.step)
	}
	return out
}

type orderedStep struct {
	by   Provenance
	step CustodyStep
}

// steps are the changes of custody of everything in a shipment. A handover that
// corrects another is shown with it and is no step of its own.
func (h *ShipmentHead) steps() []orderedStep {
	out := []orderedStep{{h.Provenance, CustodyStep{
		Kind: StepDispatched, From: h.Record.From, To: h.Record.Party, Shipment: h.ID, At: h.Record.Departed, Place: &h.Record.Origin,
		Consignment: h.Record.Consignment,
	}}}
	for i := range h.Handovers {
		o := &h.Handovers[i]
		if o.Record.Corrects != "" {
			continue
		}
		out = append(out, orderedStep{o.Provenance, CustodyStep{
			Kind: StepHandedOver, From: o.Record.Giver, To: o.Record.Party, Shipment: h.ID, At: o.Record.At, Place: &o.Record.Place,
			Consignment: o.Record.Consignment,
		}})
	}
	if a := h.Arrival; a != nil {
		out = append(out, orderedStep{a.Provenance, CustodyStep{
			Kind: StepArrived, From: a.Record.Party, To: a.Record.Consignee, Shipment: h.ID, At: a.Record.At, Place: &a.Record.Place,
		}})
	}
	return out
}

// custody reads a chain of steps: does each begin where the one before ended?
func custody(steps []CustodyStep) rules.CustodyStatus {
	var holder trace.PartyID
	var open trace.ShipmentID
	status := rules.CustodyStatus("")
	for _, s := range steps {
		switch s.Kind {
		case StepActivated:
			holder = s.To
			continue
		case StepPacked: // the holder aggregates what it holds
			if open != "" || s.From != holder {
				return rules.CustodyBroken
			}
			continue
		case StepDispatched:
			if open != "" || s.From != holder {
				return rules.CustodyBroken
			}
			open, status = s.Shipment, rules.CustodyInTransit
		case StepHandedOver:
			if open != s.Shipment || s.From != holder {
				return rules.CustodyBroken
			}
		case StepArrived:
			if open != s.Shipment || s.From != holder {
				return rules.CustodyBroken
			}
			open, status = "", rules.CustodyUnbroken
		}
		holder = s.To
	}
	return status
}
