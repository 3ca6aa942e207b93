package route

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/monitor"
)

// Monitor looks at shipments as they travel.
type Monitor struct {
	rule       monitor.Rule
	thresholds Thresholds
}

// New makes the monitor with the rule built into the program.
func New() (*Monitor, error) {
	rule, thresholds, err := Load()
	return &Monitor{rule: rule, thresholds: thresholds}, err
}

// Rule is monitor.Monitor's.
func (m *Monitor) Rule() monitor.Rule { return m.rule }

// Kinds is monitor.Monitor's.
func (m *Monitor) Kinds() []string { return append(monitor.ShipmentKinds(), state.FactHandover) }

// Concerns is monitor.Monitor's. A binding concerns what the device was bound to before,
// too: it may say that readings anchored there were measured elsewhere.
func (m *Monitor) Concerns(world monitor.World, record index.Record) ([]trace.Subject, error) {
	own, err := monitor.ShipmentOf(record)
	if err != nil || record.Kind != state.FactBinding {
		return own, err
	}
	var bound trace.DeviceBinding
	if err := json.Unmarshal(record.Value, &bound); err != nil {
		return nil, fmt.Errorf("value of %s: %w", record.Key, err)
	}
	all, err := world.Index.DeviceBindings(bound.Device)
	if err != nil {
		return nil, err
	}
	var before *trace.DeviceBinding
	for i := range all {
		if b := &all[i].Record; b.From < bound.From && (before == nil || b.From > before.From) {
			before = b
		}
	}
	if before != nil && before.Shipment != "" && before.Shipment != bound.Shipment {
		own = append(own, state.ShipmentSubject(before.Shipment))
	}
	return own, nil
}

// Look is monitor.Monitor's. The chain holds no route yet: the corridor is the ellipse
// around origin and target.
func (m *Monitor) Look(_ context.Context, world monitor.World, subject trace.Subject) ([]monitor.Finding, error) {
	told, found, err := world.Index.Shipment(trace.ShipmentID(subject.ID))
	if err != nil || !found {
		return nil, err
	}
	s := Shipment{ID: told.ID, Record: &told.Record, Segments: monitor.SegmentsOf(told)}
	for _, h := range told.Handovers {
		s.Places = append(s.Places, h.Record.Place.Point)
	}
	if s.Bindings, err = bindings(world, s.Segments); err != nil {
		return nil, err
	}
	readings, incomplete := world.Readings(s.Segments)
	if incomplete != nil && !errors.Is(incomplete, monitor.ErrIncomplete) {
		return nil, incomplete
	}
	s.Readings = readings
	return Check(m.thresholds, s), incomplete
}

// bindings reads what the devices of segments were bound to, whenever.
func bindings(world monitor.World, segments []rules.SegmentRecord) ([]Binding, error) {
	var out []Binding
	seen := map[trace.DeviceID]bool{}
	for _, s := range segments {
		if seen[s.Segment.Device] {
			continue
		}
		seen[s.Segment.Device] = true
		all, err := world.Index.DeviceBindings(s.Segment.Device)
		if err != nil {
			return nil, err
		}
		for i := range all {
			out = append(out, Binding{Key: all[i].Provenance.Key, Record: &all[i].Record})
		}
	}
	return out, nil
}
