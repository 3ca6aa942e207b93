package coldchain

import (
	"context"
	"errors"
	"slices"

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
func (m *Monitor) Kinds() []string { return monitor.ShipmentKinds() }

// Concerns is monitor.Monitor's.
func (m *Monitor) Concerns(_ monitor.World, record index.Record) ([]trace.Subject, error) {
	return monitor.ShipmentOf(record)
}

// Look is monitor.Monitor's.
func (m *Monitor) Look(_ context.Context, world monitor.World, subject trace.Subject) ([]monitor.Finding, error) {
	told, found, err := world.Index.Shipment(trace.ShipmentID(subject.ID))
	if err != nil || !found || told.Record.Range == nil {
		return nil, err
	}
	s := Shipment{ID: told.ID, Record: &told.Record, Arrived: monitor.ArrivedAt(told), Segments: monitor.SegmentsOf(told)}
	if err := s.allow(world, told.Record.Lots); err != nil {
		return nil, err
	}
	readings, incomplete := world.Readings(s.Segments)
	if incomplete != nil && !errors.Is(incomplete, monitor.ErrIncomplete) {
		return nil, incomplete
	}
	s.Readings = readings
	if incomplete != nil {
		s.Arrived = 0 // what is said of the whole journey waits for all of it
	}
	return Check(m.thresholds, s), incomplete
}

// allow takes what the products of the lots allow, the strictest of each.
func (s *Shipment) allow(world monitor.World, lots []trace.LotID) error {
	for i, lot := range lots {
		product, found, err := world.Index.Product(lot.GTIN)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if i == 0 || product.Record.ExcursionSeconds < s.ExcursionSeconds {
			s.ExcursionSeconds = product.Record.ExcursionSeconds
		}
		switch product.Record.Category {
		case trace.CategoryFruit, trace.CategoryVegetable, trace.CategoryFood:
		default:
			continue // no freezing point by this table
		}
		if !slices.Contains(s.Commodities, product.Record.Commodity) {
			s.Commodities = append(s.Commodities, product.Record.Commodity)
		}
	}
	slices.Sort(s.Commodities)
	return nil
}
