package freshness

import (
	"context"
	"encoding/json"
	"fmt"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/monitor"
)

// Monitor looks at lots, and at spoken picking times.
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
func (m *Monitor) Kinds() []string {
	return []string{state.KindBatch, state.KindCompletion, state.FactLog, state.KindShipment, state.FactArrival, state.KindStream, state.FactClaim}
}

// Concerns is monitor.Monitor's.
func (m *Monitor) Concerns(world monitor.World, record index.Record) ([]trace.Subject, error) {
	read := func(into any) error {
		if err := json.Unmarshal(record.Value, into); err != nil {
			return fmt.Errorf("value of %s: %w", record.Key, err)
		}
		return nil
	}
	switch record.Kind {
	case state.FactClaim:
		return monitor.ClaimIn(record), nil
	case state.KindBatch, state.KindCompletion:
		var id trace.LotID
		err := read(&id)
		return subjects(id), err
	case state.FactLog:
		var e trace.LogEntry
		if err := read(&e); err != nil {
			return nil, err
		}
		if e.Lot != nil {
			return subjects(*e.Lot), nil
		}
		return lotsOfPlot(world, record.Party, e.Plot)
	case state.KindStream:
		var s trace.Stream
		if err := read(&s); err != nil {
			return nil, err
		}
		var lots []trace.LotID
		for _, p := range s.Products {
			for _, lot := range p.Lots {
				lots = append(lots, trace.LotID{GTIN: p.GTIN, Lot: lot})
			}
		}
		return subjects(lots...), nil
	case state.KindShipment:
		var s trace.Shipment
		err := read(&s)
		return subjects(s.Lots...), err
	}
	var a trace.Arrival
	if err := read(&a); err != nil {
		return nil, err
	}
	shipment, found, err := world.Index.Shipment(a.Shipment)
	if err != nil || !found {
		return nil, err
	}
	return subjects(shipment.Record.Lots...), nil
}

func subjects(lots ...trace.LotID) []trace.Subject {
	out := make([]trace.Subject, len(lots))
	for i, id := range lots {
		out[i] = state.LotSubject(id)
	}
	return out
}

// lotsOfPlot are the newest lots of a producer that name a plot: a spray may be logged
// after the harvest.
func lotsOfPlot(world monitor.World, producer trace.PartyID, plot trace.PlotID) ([]trace.Subject, error) {
	records, _, err := world.Index.List(index.ListQuery{Kind: state.KindBatch, Party: producer})
	if err != nil {
		return nil, err
	}
	var out []trace.Subject
	for i := range records {
		var b trace.Batch
		if err := json.Unmarshal(records[i].Value, &b); err != nil {
			return nil, fmt.Errorf("value of %s: %w", records[i].Key, err)
		}
		if b.Plot == plot {
			out = append(out, state.LotSubject(b.LotID))
		}
	}
	return out, nil
}

// Look is monitor.Monitor's.
func (m *Monitor) Look(_ context.Context, world monitor.World, subject trace.Subject) ([]monitor.Finding, error) {
	if id, ok := state.LotOf(subject); ok {
		lot, err := load(world, id)
		if err != nil || lot == nil {
			return nil, err
		}
		return Check(m.thresholds, *lot), nil
	}
	claim, err := monitor.ClaimOf(world, subject)
	if err != nil || claim == nil {
		return nil, err
	}
	ids, err := claim.LotsOf(world)
	if err != nil {
		return nil, err
	}
	var lots []Lot
	for _, id := range ids {
		lot, err := load(world, id)
		if err != nil {
			return nil, err
		}
		if lot != nil {
			lots = append(lots, *lot)
		}
	}
	return CheckPicked(m.thresholds, *claim, lots), nil
}

// load reads a lot; nil when the chain does not hold it.
func load(world monitor.World, id trace.LotID) (*Lot, error) {
	told, found, err := world.Index.Lot(id)
	if err != nil || !found {
		return nil, err
	}
	l := &Lot{ID: id, Key: told.Batch.Provenance.Key, Made: told.Made, Planned: told.Batch.Record.Planned}
	if told.Completion != nil {
		l.Key = told.Completion.Provenance.Key
	}
	if told.Product != nil {
		l.ShelfDays = told.Product.Record.ShelfLifeDays
	}
	for i := range told.Log {
		if e := &told.Log[i]; len(e.Provenance.CorrectedBy) == 0 {
			l.Log = append(l.Log, LogEntry{Key: e.Provenance.Key, Record: &e.Record})
		}
	}
	for i := range told.Shipments {
		s := &told.Shipments[i]
		journey := Shipment{Key: s.Provenance.Key, Departed: s.Record.Departed}
		if s.Arrival != nil {
			journey.Arrived, journey.ArrivalKey = s.Arrival.Record.At, s.Arrival.Provenance.Key
		}
		l.Shipments = append(l.Shipments, journey)
	}
	for _, s := range told.Streams {
		for _, p := range s.Record.Products {
			for _, lot := range p.Lots {
				if p.GTIN == id.GTIN && lot == id.Lot {
					l.Streams = append(l.Streams, Stream{Key: s.Provenance.Key, Planned: s.Record.Planned})
				}
			}
		}
	}
	return l, nil
}
