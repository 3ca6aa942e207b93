package index

import (
	"encoding/json"
	"fmt"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Product gives a trade item.
func (x *Index) Product(gtin trace.GTIN) (*Product, bool, error) {
	var out *Product
	err := x.read(func(s *story) (err error) {
		out, err = s.product(gtin)
		return err
	})
	return out, out != nil, err
}

func (s *story) product(gtin trace.GTIN) (*Product, error) {
	of, err := s.factsOf(state.ProductSubject(gtin))
	if err != nil {
		return nil, err
	}
	registered, err := load[trace.Product](s, state.ProductKey(gtin))
	if err != nil || registered == nil {
		return nil, err
	}
	p := &Product{Typed: *registered}
	s.name(p.Record.Producer, p.Record.Merchant)
	if p.Delisted, err = value[trace.Recall](s, state.DelistProductKey(gtin)); err != nil {
		return nil, err
	}
	if p.Verdicts, err = s.verdicts(of); err != nil {
		return nil, err
	}
	if p.Actions, err = s.actions(of); err != nil {
		return nil, err
	}
	p.Claims, err = typedAll[trace.ProductClaim](s, of[state.FactClaim])
	return p, err
}

// LotsFor lists the lots of a product by lot number.
func (x *Index) LotsFor(gtin trace.GTIN, cursor string, limit int) (lots []Typed[trace.Batch], next string, err error) {
	prefix := prefixOf(state.BatchKey(trace.LotID{GTIN: gtin, Lot: "n"}))
	recs, next, err := x.List(ListQuery{Prefix: prefix, Cursor: cursor, Limit: limit})
	if err != nil {
		return nil, "", err
	}
	for _, rec := range recs {
		t := Typed[trace.Batch]{Provenance: rec.Provenance}
		if err := json.Unmarshal(rec.Value, &t.Record); err != nil {
			return nil, "", fmt.Errorf("value of %s: %w", rec.Key, err)
		}
		lots = append(lots, t)
	}
	return lots, next, nil
}

// ProductsOf lists the products of which a party is the producer or the merchant, in
// chain order.
func (x *Index) ProductsOf(party trace.PartyID) ([]Typed[trace.Product], error) {
	var out []Typed[trace.Product]
	err := x.read(func(s *story) error {
		keys, err := linksFrom(s.from, edgeProduct, string(party))
		if err != nil {
			return err
		}
		for _, key := range keys {
			p, err := load[trace.Product](s, trace.Key(key))
			if err != nil {
				return err
			}
			if p != nil {
				out = append(out, *p)
			}
		}
		return nil
	})
	return out, err
}
