package monitor

import (
	"encoding/json"
	"fmt"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// Claim is what was said or written about a product, with its record's key.
type Claim struct {
	Key    trace.Key
	Record trace.ProductClaim
	// Observed is when it was said, within its run of utterances where it names one.
	Observed trace.Time
}

// claimKind makes a claim a subject to look at: not one of the chain's, since a claim is
// a fact of its stream or product.
const claimKind trace.SubjectKind = "claim"

// ClaimSubject names a claim as something to look at.
func ClaimSubject(key trace.Key) trace.Subject {
	return trace.Subject{Kind: claimKind, ID: string(key)}
}

// ClaimOf reads the claim that ClaimSubject named; nil for another kind of subject.
func ClaimOf(world World, subject trace.Subject) (*Claim, error) {
	if subject.Kind != claimKind {
		return nil, nil
	}
	record, found, err := world.Index.Record(trace.Key(subject.ID))
	if err != nil || !found {
		return nil, err
	}
	c := &Claim{Key: record.Key}
	if err := json.Unmarshal(record.Value, &c.Record); err != nil {
		return nil, fmt.Errorf("value of %s: %w", record.Key, err)
	}
	c.Observed = c.Record.Claimed
	if c.Record.Run == "" {
		return c, nil
	}
	record, found, err = world.Index.Record(c.Record.Run)
	if err != nil || !found {
		return c, err
	}
	var run trace.UtteranceRun
	if err := json.Unmarshal(record.Value, &run); err != nil {
		return nil, fmt.Errorf("value of %s: %w", record.Key, err)
	}
	c.Observed = min(max(c.Observed, run.From), run.To)
	return c, nil
}

// streamsLooked is how many of the newest streams that sell a product are looked through
// for claims when something new is known of its goods.
const streamsLooked = 50

// ClaimsAbout names the claims about a product: on its pages, and in the newest streams
// that sell it.
func ClaimsAbout(world World, gtin trace.GTIN) ([]trace.Subject, error) {
	var out []trace.Subject
	product, found, err := world.Index.Product(gtin)
	if err != nil {
		return nil, err
	}
	if found {
		for _, c := range product.Claims {
			out = append(out, ClaimSubject(c.Provenance.Key))
		}
	}
	streams, _, err := world.Index.StreamsSelling(gtin, "", streamsLooked)
	if err != nil {
		return nil, err
	}
	for _, record := range streams {
		stream, found, err := world.Index.Stream(trace.StreamID(state.LastPart(record.Key)))
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		for _, c := range stream.Claims {
			if c.Record.GTIN == gtin {
				out = append(out, ClaimSubject(c.Provenance.Key))
			}
		}
	}
	return out, nil
}

// About says where a finding about the claim belongs. What is spoken is its host's, on
// the stream, where the ladder counts it: words do not spoil goods. What is written is
// the product's, or the lot's where it names one.
func (c *Claim) About(f Finding) Finding {
	f.At = c.Record.Claimed
	if c.Record.Stream == "" {
		f.Subject = state.ProductSubject(c.Record.GTIN)
		if c.Record.Lot != "" {
			f.Subject = state.LotSubject(trace.LotID{GTIN: c.Record.GTIN, Lot: c.Record.Lot})
		}
		f.Evidence = append([]trace.Key{c.Key}, f.Evidence...)
		if !c.Record.Page.IsZero() {
			f.Files = append(f.Files, c.Record.Page)
		}
		return f
	}
	f.Subject, f.Host, f.Observed = state.StreamSubject(c.Record.Stream), c.Record.Host, c.Observed
	if c.Record.Run != "" {
		f.Utterance = c.Record.Utterance
		f.Evidence = append([]trace.Key{c.Record.Run, c.Key}, f.Evidence...)
	} else {
		f.Evidence = append([]trace.Key{c.Key}, f.Evidence...)
	}
	return f
}

// LotsOf are the lots a claim is about: the one it names, or those the stream lists of
// the product.
func (c *Claim) LotsOf(world World) ([]trace.LotID, error) {
	if c.Record.Lot != "" {
		return []trace.LotID{{GTIN: c.Record.GTIN, Lot: c.Record.Lot}}, nil
	}
	if c.Record.Stream == "" {
		return nil, nil
	}
	stream, found, err := world.Index.Stream(c.Record.Stream)
	if err != nil || !found {
		return nil, err
	}
	var out []trace.LotID
	for _, p := range stream.Record.Products {
		if p.GTIN != c.Record.GTIN {
			continue
		}
		for _, lot := range p.Lots {
			out = append(out, trace.LotID{GTIN: p.GTIN, Lot: lot})
		}
	}
	return out, nil
}

// ClaimIn names the claim that a record is.
func ClaimIn(record index.Record) []trace.Subject { return []trace.Subject{ClaimSubject(record.Key)} }
