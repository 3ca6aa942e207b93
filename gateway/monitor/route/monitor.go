package route

import (
	"context"
	"errors"

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

// Concerns is monitor.Monitor's.
func (m *Monitor) Concerns(_ monitor.World, record index.Record) ([]trace.Subject, error) {
	return monitor.ShipmentOf(record)
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
	readings, incomplete := world.Readings(s.Segments)
	if incomplete != nil && !errors.Is(incomplete, monitor.ErrIncomplete) {
		return nil, incomplete
	}
	s.Readings = readings
	return Check(m.thresholds, s), incomplete
}
