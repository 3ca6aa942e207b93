package index

import (
	"encoding/json"
	"fmt"
	"slices"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// links is what the fold derives from one value besides its row.
type links struct {
	head   head
	edges  []edge
	topics []string // whose pages it changes; see version.go
	lots   []string // subject ids of lots in whose list it stands

	plot trace.PlotID       // of a segment, whose sensors measured days
	days []trace.GrowingDay // of that plot

	scopes    []string           // further lists it stands in
	addressee trace.PartyID      // who is to act on it, if somebody is
	awaits    trace.VerdictLevel // of a verdict, which waits for its review
	reviewed  trace.Key          // of a review, the verdict that waits no more
}

// edge is a relation to store; its place is that of the write.
type edge struct {
	relation relation
	from, to string
}

// head is what the fold reads of a record's trace.Head.
type head struct {
	MSP      string          `json:"msp"`
	Party    trace.PartyID   `json:"party"`
	Role     trace.Role      `json:"role"`
	Claimed  trace.Time      `json:"claimed"`
	Corrects trace.Key       `json:"corrects"`
	Recorded trace.Time      `json:"recorded"`
	Original *trace.Original `json:"original"`
}

func (l *links) edge(r relation, from, to string) {
	l.edges = append(l.edges, edge{relation: r, from: from, to: to})
}

func (l *links) topic(s trace.Subject) { l.topics = append(l.topics, topicOf(s)) }

func (l *links) unitTopic(s trace.SSCC) { l.topics = append(l.topics, topicOfUnit(s)) }

func (l *links) inLot(id trace.LotID) {
	subject := state.LotSubject(id)
	l.topic(subject)
	l.lots = append(l.lots, subject.ID)
}

// relate derives the links of a write: those of every record and fact, then those
// of its kind. Values are read only as far as the fold needs them.
func relate(w *write) (*links, error) {
	l := &links{}
	if w.fact {
		l.topic(w.subject)
		if w.subject.Kind == trace.SubjectLot {
			l.lots = append(l.lots, w.subject.ID)
		}
	}
	if w.kind.relate != nil {
		if err := w.kind.relate(w, l); err != nil {
			return nil, err
		}
	}
	if w.kind.nature != natureRecord {
		return l, nil
	}
	if l.head == (head{}) {
		if err := w.decode(&l.head); err != nil {
			return nil, err
		}
	}
	// Only facts are corrected, by facts of the same kind and subject.
	if target, ok := state.ParseFactKey(l.head.Corrects); ok && w.fact && target.Subject == w.subject && target.Kind == w.kind.name {
		l.edge(edgeCorrected, string(l.head.Corrects), w.key)
	}
	return l, nil
}

func (w *write) decode(into any) error {
	if err := json.Unmarshal(w.value, into); err != nil {
		return fmt.Errorf("value of %s: %w", w.key, err)
	}
	return nil
}

func (w *write) lot() trace.LotID {
	return trace.LotID{GTIN: trace.GTIN(w.parts[0]), Lot: trace.LotNumber(w.parts[1])}
}

func relateParty(w *write, l *links) error {
	l.topic(state.PartySubject(trace.PartyID(w.parts[0])))
	return nil
}

func relateLot(w *write, l *links) error {
	l.inLot(w.lot())
	return nil
}

func relatePack(w *write, l *links) error {
	l.topic(state.PackSubject(trace.PackID(w.parts[0])))
	return nil
}

func relateDelistedProduct(w *write, l *links) error {
	l.topic(state.ProductSubject(trace.GTIN(w.parts[0])))
	return nil
}

func relateUnitCustody(w *write, l *links) error {
	l.unitTopic(trace.SSCC(w.parts[0]))
	return nil
}

func relateShipmentStatus(w *write, l *links) error {
	l.topic(state.ShipmentSubject(trace.ShipmentID(w.parts[0])))
	return nil
}

func relateProduct(w *write, l *links) error {
	var v struct {
		head
		Producer trace.PartyID `json:"producer"`
		Merchant trace.PartyID `json:"merchant"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head = v.head
	l.topic(state.ProductSubject(trace.GTIN(w.parts[0])))
	l.edge(edgeProduct, string(v.Producer), w.key)
	if v.Merchant != "" && v.Merchant != v.Producer {
		l.edge(edgeProduct, string(v.Merchant), w.key)
	}
	return nil
}

func relateBatch(w *write, l *links) error {
	var v struct {
		head
		Ancestors []trace.LotID `json:"ancestors"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head = v.head
	l.inLot(w.lot())
	own := state.LotSubject(w.lot()).ID
	for _, a := range v.Ancestors {
		ancestor := state.LotSubject(a)
		l.topic(ancestor)
		l.edge(edgeDescendant, ancestor.ID, own)
	}
	return nil
}

func relateActivation(w *write, l *links) error {
	var v struct {
		head
		Pack trace.PackID `json:"pack"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head = v.head
	l.topic(state.PackSubject(v.Pack))
	l.edge(edgeActivated, string(v.Pack), w.key)
	return nil
}

func relatePackChange(w *write, l *links) error {
	var v struct {
		head
		Pack trace.PackID `json:"pack"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head = v.head
	l.topic(state.PackSubject(v.Pack))
	return nil
}

func relateAction(w *write, l *links) error {
	var v struct {
		head
		Codes  *trace.CodeRange `json:"codes"`
		Listed []trace.GTIN     `json:"listed"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head = v.head
	if v.Codes != nil {
		l.topic(state.PackSubject(v.Codes.Pack))
	}
	for _, gtin := range v.Listed {
		l.topic(state.ProductSubject(gtin))
		l.scopes = append(l.scopes, scopeActed(gtin))
	}
	return nil
}

func relateBinding(w *write, l *links) error {
	var v struct {
		head
		Device   trace.DeviceID   `json:"device"`
		Shipment trace.ShipmentID `json:"shipment"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head = v.head
	l.topic(state.DeviceSubject(v.Device))
	if v.Shipment != "" {
		l.topic(state.ShipmentSubject(v.Shipment))
		l.edge(edgeBound, string(v.Shipment), w.key)
	}
	return nil
}

func relateConsignment(w *write, l *links) error {
	var v struct {
		head
		Carrier trace.PartyID `json:"carrier"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head, l.addressee = v.head, v.Carrier
	return nil
}

func relateSegment(w *write, l *links) error {
	var v struct {
		head
		Shipment trace.ShipmentID   `json:"shipment"`
		Plot     trace.PlotID       `json:"plot"`
		Days     []trace.GrowingDay `json:"days"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head = v.head
	relateGrowth(l, v.Party, v.Plot, v.Days)
	// Not the device's topic: its segments show with the shipment they belong to, and
	// a tracker outlives many shipments.
	if v.Shipment != "" {
		l.topic(state.ShipmentSubject(v.Shipment))
		l.edge(edgeSegment, string(v.Shipment), w.key)
	}
	return nil
}

func relateUnit(w *write, l *links) error {
	var v struct {
		head
		Codes []trace.CodeRange `json:"codes"`
		Lots  []trace.LotID     `json:"lots"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head = v.head
	l.unitTopic(trace.SSCC(w.parts[0]))
	for _, id := range v.Lots {
		l.inLot(id)
	}
	for _, pack := range l.packs(v.Codes) {
		l.edge(edgePacked, string(pack), w.parts[0])
	}
	return nil
}

func relateShipment(w *write, l *links) error {
	var v struct {
		head
		Loads []trace.Load      `json:"loads"`
		Codes []trace.CodeRange `json:"codes"`
		Lots  []trace.LotID     `json:"lots"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head = v.head
	shipment := w.parts[0]
	l.topic(state.ShipmentSubject(trace.ShipmentID(shipment)))
	for _, id := range v.Lots {
		l.inLot(id)
		l.edge(edgeCarried, state.LotSubject(id).ID, shipment)
	}
	for _, load := range v.Loads {
		if load.SSCC != "" {
			l.unitTopic(load.SSCC)
			l.edge(edgeUnit, string(load.SSCC), shipment)
		}
	}
	l.packs(v.Codes)
	return nil
}

// packs notes the packs that ranges of codes touch, in order of appearance.
func (l *links) packs(codes []trace.CodeRange) []trace.PackID {
	var packs []trace.PackID
	for _, c := range codes {
		if !slices.Contains(packs, c.Pack) {
			packs = append(packs, c.Pack)
			l.topic(state.PackSubject(c.Pack))
		}
	}
	return packs
}
