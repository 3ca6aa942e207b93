package scanner

import (
	"encoding/json"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// document is the JSON of a lot's or an item's page: the typed records as they are
// on the chain, each with its provenance, and what the rules find in them. Units are
// those of package trace (1/100 °C, 1e-6 °, RFC 3339 times).
type document struct {
	Line rules.Line `json:"line"`
	// SuspectedCopy and CodeChecked are the scanner's own findings about an item's
	// code, not on the chain.
	SuspectedCopy bool                    `json:"suspectedCopy,omitempty"`
	CodeChecked   *bool                   `json:"codeChecked,omitempty"`
	Lot           lotDocument             `json:"lot"`
	Pack          *packDocument           `json:"pack,omitempty"`
	Journey       *index.Journey          `json:"journey,omitempty"`
	Findings      []rules.JourneyFindings `json:"findings,omitempty"`
}

// lotDocument is a lot without the packs and shipments of its other items.
type lotDocument struct {
	ID           trace.LotID                                `json:"id"`
	Version      uint64                                     `json:"version"`
	Product      *index.Product                             `json:"product,omitempty"`
	Batch        index.Typed[trace.Batch]                   `json:"batch"`
	Completion   *index.Typed[trace.Completion]             `json:"completion,omitempty"`
	Made         trace.Time                                 `json:"made,omitempty"`
	Quantity     trace.Quantity                             `json:"quantity,omitzero"`
	Expires      trace.Date                                 `json:"expires,omitempty"`
	Plot         *index.Typed[trace.Plot]                   `json:"plot,omitempty"`
	Season       int                                        `json:"season,omitempty"`
	Log          []index.Typed[trace.LogEntry]              `json:"log,omitempty"`
	Growth       *index.Growth                              `json:"growth,omitempty"`
	Certificates []index.Typed[trace.ComplianceCertificate] `json:"certificates,omitempty"`
	Inspections  []index.Inspection                         `json:"inspections,omitempty"`
	Reviews      []index.Typed[trace.Review]                `json:"reviews,omitempty"`
	Verdicts     []index.Verdict                            `json:"verdicts,omitempty"`
	Actions      []index.Action                             `json:"actions,omitempty"`
	Recall       *trace.Recall                              `json:"recall,omitempty"`
	Delisted     *trace.Recall                              `json:"delisted,omitempty"`
	Ancestors    []index.Relative                           `json:"ancestors,omitempty"`
	Descendants  []trace.LotID                              `json:"descendants,omitempty"`
	Parties      map[trace.PartyID]*index.Party             `json:"parties,omitempty"`
}

// packDocument is an item's pack.
type packDocument struct {
	ID trace.PackID `json:"id"`
	index.Typed[trace.CodePack]
	State      trace.PackState                    `json:"state"`
	Activation *index.Typed[trace.PackActivation] `json:"activation,omitempty"`
	Changes    []index.Typed[trace.PackChange]    `json:"changes,omitempty"`
	Verdicts   []index.Verdict                    `json:"verdicts,omitempty"`
}

func newDocument(p *index.Page, line rules.Line) document {
	l := p.Lot
	d := document{Line: line, Journey: p.Journey, Findings: p.Facts.Journey.Findings, SuspectedCopy: p.Facts.SuspectedCopy, Lot: lotDocument{
		ID: l.ID, Version: l.Version, Product: l.Product, Batch: l.Batch, Completion: l.Completion, Made: l.Made, Quantity: l.Quantity,
		Expires: p.Facts.Expires, Plot: l.Plot, Season: l.Season, Log: l.Log, Growth: l.Growth, Certificates: l.Certificates, Inspections: l.Inspections,
		Reviews: l.Reviews, Verdicts: l.Verdicts, Actions: l.Actions, Recall: l.Recall, Delisted: l.Delisted,
		Ancestors: l.Ancestors, Descendants: l.Descendants, Parties: l.Parties,
	}}
	if p.Journey == nil {
		d.Findings = nil // of all shipments of the lot: an item's journey is its own
		return d
	}
	for i := range l.Packs {
		if pack := &l.Packs[i]; pack.ID == p.Journey.Pack {
			d.Pack = &packDocument{ID: pack.ID, Typed: pack.Typed, State: pack.Status.State, Activation: pack.Activation, Changes: pack.Changes, Verdicts: pack.Verdicts}
		}
	}
	return d
}

// itemHead is the beginning of an item's document, with the marks of what changes
// from scan to scan; the rest of the document follows it.
func itemHead(pack trace.PackID, m *marks) string {
	return `{"address":"` + m[holeAddress] + `","code":{"pack":"` + string(pack) + `","serial":"` + m[holeSerial] +
		`","item":` + m[holeItem] + `},"scan":{"first":"` + m[holeFirst] + `","count":` + m[holeCount] + `},`
}

// renderDocument writes a document behind its head, "{" for none.
func renderDocument(head string, d document) ([]byte, error) {
	rest, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return append([]byte(head), rest[1:]...), nil
}
