package index

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// Journey is how one item travelled: the shipments that carried this very item,
// never those that carried its lot's other items.
type Journey struct {
	Lot  trace.LotID  `json:"lot"`
	Pack trace.PackID `json:"pack"`
	Item int64        `json:"item"`
	// Group names the shipments and units that carried the item; items of one group
	// share one journey. See Lot.JourneyGroups.
	Group string        `json:"group"`
	Steps []CustodyStep `json:"steps"` // in chain order
	Legs  []Leg         `json:"legs"`  // in chain order
	// Holder is who has the item now; zero before its pack is activated.
	Holder trace.CustodyHolder `json:"holder"`
}

// StepKind is a kind of change of custody.
type StepKind string

// Changes of custody, in the order they can first happen.
const (
	StepActivated  StepKind = "activated"   // code bound to the lot: custody begins with the producer
	StepPacked     StepKind = "packed"      // aggregated into a logistic unit
	StepDispatched StepKind = "dispatched"  // taken over by the carrier
	StepHandedOver StepKind = "handed-over" // passed to the next carrier
	StepArrived    StepKind = "arrived"     // received by the consignee
)

// CustodyStep is one change of custody of an item.
type CustodyStep struct {
	Kind StepKind `json:"kind"`
	// From gave it, To took it; equal where the item changed its unit only.
	From     trace.PartyID    `json:"from"`
	To       trace.PartyID    `json:"to"`
	Shipment trace.ShipmentID `json:"shipment,omitempty"`
	SSCC     trace.SSCC       `json:"sscc,omitempty"`
	At       trace.Time       `json:"at"` // claimed
	Place    *trace.Place     `json:"place,omitempty"`
	Key      trace.Key        `json:"key"` // the record that made it
	// Consignment is the record by which From appointed To to carry; empty where nobody
	// needed to.
	Consignment trace.Key `json:"consignment,omitempty"`
}

// JourneyGroup is a run of a pack's items that travelled alike.
type JourneyGroup struct {
	First int64  `json:"first"`
	Last  int64  `json:"last"`
	Group string `json:"group"`
}

// Leg is one shipment of a journey, with what its telemetry shows.
type Leg struct {
	Shipment
	Findings rules.JourneyFindings `json:"findings"`
}

// Page is everything a page of a lot, or of one item, is drawn from, all read from
// one state of the index.
type Page struct {
	Lot *Lot `json:"lot"`
	// Journey is the item's; nil on a lot's page.
	Journey *Journey `json:"journey,omitempty"`
	// Facts is what the rule of the verdict line looks at.
	Facts rules.PageFacts `json:"-"`
}
