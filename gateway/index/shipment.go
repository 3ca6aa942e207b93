package index

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"traceledger/chaincode/rules"
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
	if err := s.consignments(out, of); err != nil {
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

// consignments keeps the appointments that a dispatch or a handover rests on: anybody may
// have said something under the shipment's number, and that is not even decoded.
func (s *story) consignments(out *ShipmentHead, of facts) error {
	var named []Record
	for _, rec := range of[state.FactConsignment] {
		if rec.Key == out.Record.Consignment || slices.ContainsFunc(out.Handovers, func(h Typed[trace.Handover]) bool { return h.Record.Consignment == rec.Key }) {
			named = append(named, rec)
		}
	}
	var err error
	out.Consignments, err = typedAll[trace.Consignment](s, named)
	return err
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
			out.Bindings = append(out.Bindings, Binding{Typed: *binding})
		}
	}
	slices.SortStableFunc(out.Bindings, func(a, b Binding) int {
		return cmp.Or(cmp.Compare(a.Record.Device, b.Record.Device), cmp.Compare(a.Record.From, b.Record.From))
	})
	handovers := make([]trace.Handover, len(out.Handovers))
	for i := range out.Handovers {
		handovers[i] = out.Handovers[i].Record
	}
	var bound []trace.Time // when the device was bound to anything
	for i := range out.Bindings {
		b := &out.Bindings[i]
		if i > 0 && out.Bindings[i-1].Record.Device == b.Record.Device {
			b.To = rules.BoundUntil(b.Record.Party, b.Record.From, bound, handovers)
			continue
		}
		of, err := s.factsOf(state.DeviceSubject(b.Record.Device))
		if err != nil {
			return err
		}
		if bound, err = boundTimes(of); err != nil {
			return err
		}
		b.To = rules.BoundUntil(b.Record.Party, b.Record.From, bound, handovers)
		verdicts, err := s.verdicts(of)
		if err != nil {
			return err
		}
		out.DeviceVerdicts = append(out.DeviceVerdicts, verdicts...)
	}
	return nil
}

// boundTimes reads when a device was bound, whatever to: a tracker outlives many
// shipments, so nothing else is decoded.
func boundTimes(of facts) ([]trace.Time, error) {
	times := make([]trace.Time, 0, len(of[state.FactBinding]))
	for _, rec := range of[state.FactBinding] {
		var v struct {
			From trace.Time `json:"from"`
		}
		if err := json.Unmarshal(rec.Value, &v); err != nil {
			return nil, fmt.Errorf("value of %s: %w", rec.Key, err)
		}
		times = append(times, v.From)
	}
	return times, nil
}

// DeviceBindings gives everything a device was bound to, in chain order.
func (x *Index) DeviceBindings(device trace.DeviceID) ([]Typed[trace.DeviceBinding], error) {
	var out []Typed[trace.DeviceBinding]
	err := x.read(func(s *story) error {
		of, err := s.factsOf(state.DeviceSubject(device))
		if err != nil {
			return err
		}
		out, err = typedAll[trace.DeviceBinding](s, of[state.FactBinding])
		return err
	})
	return out, err
}
