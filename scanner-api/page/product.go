package page

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// ProductSubject is everything a product's page tells of.
type ProductSubject struct {
	Product *index.Product
	Parties map[trace.PartyID]*index.Party // producer and merchant
	Lots    []LotFacts
	Root    string // path of the page
	Today   trace.Date
}

// LotFacts is one lot on a product's page.
type LotFacts struct {
	ID       trace.LotID
	Made     trace.Time
	Quantity trace.Quantity
	Line     rules.Line
	Link     string
}

// BuildProduct makes the view of a product's page.
func BuildProduct(l Language, s ProductSubject) View {
	b := &builder{Language: l, signed: map[trace.Key]bool{}, s: Subject{
		Lot: &index.Lot{ID: trace.LotID{GTIN: s.Product.Record.GTIN}, Product: s.Product, Parties: s.Parties}, Root: s.Root,
		Facts: rules.PageFacts{Today: s.Today},
	}}
	b.v = View{Address: s.Root, IsProduct: true}
	b.heading()
	b.label()
	b.v.Producer = b.party(s.Product.Record.Producer, func(l index.Licence) bool { return l.Record.Number == s.Product.Record.LicenceNumber })
	if s.Product.Record.Merchant != "" {
		b.v.Merchant = b.party(s.Product.Record.Merchant, nil)
	}
	for _, lot := range s.Lots {
		b.v.Lots = append(b.v.Lots, b.lotLink(lot))
	}
	b.enforcement()
	return b.v
}

func (b *builder) lotLink(lot LotFacts) LotLink {
	link := LotLink{Lot: string(lot.ID.Lot), Link: lot.Link, Made: "—", Quantity: "—", Standing: b.words("未见不良记录", "nothing adverse")}
	if lot.Made != 0 {
		link.Made, link.Quantity = lot.Made.Date().String(), b.quantity(lot.Quantity)
	}
	switch lot.Line.Level {
	case rules.LineRecalled, rules.LineVoid:
		link.Mark, link.Standing = "bad", "✕ "+b.Level(lot.Line.Level)
	case rules.LineWarning, rules.LineFrozen, rules.LineNotOnSale:
		link.Mark, link.Standing = "warn", "▲ "+b.Level(lot.Line.Level)
	}
	return link
}
