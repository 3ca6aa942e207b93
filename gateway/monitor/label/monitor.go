package label

import (
	"context"
	"encoding/json"
	"fmt"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/monitor"
)

// Monitor looks at claims, and at them again when a lot they are about was inspected.
type Monitor struct {
	rule  monitor.Rule
	rules Rules
}

// New makes the monitor with the rule built into the program.
func New() (*Monitor, error) {
	rule, rules, err := Load()
	return &Monitor{rule: rule, rules: rules}, err
}

// Rule is monitor.Monitor's.
func (m *Monitor) Rule() monitor.Rule { return m.rule }

// Kinds is monitor.Monitor's.
func (m *Monitor) Kinds() []string { return []string{state.FactClaim, state.FactInspection} }

// Concerns is monitor.Monitor's.
func (m *Monitor) Concerns(world monitor.World, record index.Record) ([]trace.Subject, error) {
	if record.Kind == state.FactClaim {
		return monitor.ClaimIn(record), nil
	}
	var v struct {
		Lot *trace.LotID `json:"lot"`
	}
	if err := json.Unmarshal(record.Value, &v); err != nil {
		return nil, fmt.Errorf("value of %s: %w", record.Key, err)
	}
	if v.Lot == nil {
		return nil, nil
	}
	return monitor.ClaimsAbout(world, v.Lot.GTIN)
}

// Look is monitor.Monitor's.
func (m *Monitor) Look(_ context.Context, world monitor.World, subject trace.Subject) ([]monitor.Finding, error) {
	claim, err := monitor.ClaimOf(world, subject)
	if err != nil || claim == nil {
		return nil, err
	}
	product, found, err := world.Index.Product(claim.Record.GTIN)
	if err != nil || !found {
		return nil, err
	}
	c := Case{Claim: *claim, Product: &product.Record, ProductKey: product.Provenance.Key}
	lots, err := claim.LotsOf(world)
	if err != nil {
		return nil, err
	}
	for _, id := range lots {
		lot, found, err := world.Index.Lot(id)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		c.Lots = append(c.Lots, Lot{Key: lot.Batch.Provenance.Key, Place: lot.Batch.Record.Place})
		for i := range lot.Inspections {
			if in := &lot.Inspections[i]; len(in.SupersededBy) == 0 && len(in.Provenance.CorrectedBy) == 0 && in.Record.Lot != nil {
				c.Inspections = append(c.Inspections, Inspection{Key: in.Provenance.Key, Record: &in.Record})
			}
		}
	}
	return Check(m.rules, c), nil
}
