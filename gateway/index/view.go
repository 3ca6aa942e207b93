package index

import (
	"encoding/json"

	"traceledger/chaincode/trace"
)

// Record is one value on the chain with its provenance.
type Record struct {
	Kind  string          `json:"kind"`  // what the key says it is: "batch", "inspection"
	Value json.RawMessage `json:"value"` // the record's JSON as on the chain
	Provenance
}

// Provenance says who put a record on the chain, and who vouches for it.
type Provenance struct {
	Key           trace.Key     `json:"key"` // state key: the record's public name
	TransactionID string        `json:"transactionId"`
	Block         uint64        `json:"block"`
	Position      int           `json:"position"` // of the transaction in its block, from 0
	MSP           string        `json:"msp"`      // organisation of the writer's certificate
	Party         trace.PartyID `json:"party"`    // trace.party of the certificate
	Role          trace.Role    `json:"role"`     // trace.role of the certificate
	// Claimed is when, by the writer's word, the fact was so; zero for values that
	// are not records (gates, balances).
	Claimed trace.Time `json:"claimed,omitempty"`
	// Recorded is the transaction's time; of an imported record the original one's.
	Recorded trace.Time `json:"recorded"`
	// Original is set on what was imported from an earlier ledger.
	Original *trace.Original `json:"original,omitempty"`
	// Endorsers are the organisations that endorsed it, sorted.
	Endorsers []string `json:"endorsers"`
	// CorrectedBy names the records that correct this one, oldest first.
	CorrectedBy []trace.Key `json:"correctedBy,omitempty"`
}

// Typed is a decoded record with its provenance.
type Typed[T any] struct {
	Record     T          `json:"record"`
	Provenance Provenance `json:"provenance"`
}

// Party is what the chain holds about a party.
type Party struct {
	ID trace.PartyID `json:"id"`
	Typed[trace.Party]
	// Standings are all suspensions and restorations, oldest first; the last one
	// holds. Without any the party is active.
	Standings      []Typed[trace.Standing]      `json:"standings,omitempty"`
	Licences       []Licence                    `json:"licences,omitempty"`
	Accreditations []Typed[trace.Accreditation] `json:"accreditations,omitempty"`
	Verdicts       []Verdict                    `json:"verdicts,omitempty"`
	// Registrar is what a legal person that admitted the party is called: a regulator is
	// seldom among the parties of a lot.
	Registrar *PartyName `json:"registrar,omitempty"`
}

// PartyName is a legal person with its registered names.
type PartyName struct {
	ID          trace.PartyID `json:"id"`
	Name        string        `json:"name"`
	NameEnglish string        `json:"nameEnglish,omitempty"`
}

// Licence is a licence with its revocation, if any.
type Licence struct {
	Typed[trace.Licence]
	Revocation *Typed[trace.LicenceRevocation] `json:"revocation,omitempty"`
}

// Product is a trade item with its standing on sale.
type Product struct {
	Typed[trace.Product]
	// Delisted is the current delisting of the whole product, nil if never delisted.
	Delisted *trace.Recall `json:"delisted,omitempty"`
	Verdicts []Verdict     `json:"verdicts,omitempty"`
	Actions  []Action      `json:"actions,omitempty"`
	// Claims are what product pages said.
	Claims []Typed[trace.ProductClaim] `json:"claims,omitempty"`
}

// Inspection is an inspection with the re-test that supersedes it, if any.
type Inspection struct {
	Typed[trace.Inspection]
	SupersededBy []trace.Key `json:"supersededBy,omitempty"`
}

// Verdict is a monitor's verdict with its reviews.
type Verdict struct {
	Typed[trace.Verdict]
	Reviews []Typed[trace.VerdictReview] `json:"reviews,omitempty"`
}

// Overturned tells whether a reviewer overturned the verdict.
func (v Verdict) Overturned() bool {
	for _, r := range v.Reviews {
		if r.Record.Outcome == trace.OutcomeOverturned {
			return true
		}
	}
	return false
}

// Adverse tells whether the verdict stands against its subject: a warning or
// violation that no reviewer overturned.
func (v Verdict) Adverse() bool {
	return (v.Record.Level == trace.LevelWarning || v.Record.Level == trace.LevelViolation) && !v.Overturned()
}

// Action is a step of enforcement with the actions that undid it.
type Action struct {
	Typed[trace.Action]
	UndoneBy []trace.Key `json:"undoneBy,omitempty"`
}

// RecalledCodes is the recall state of a run of codes.
type RecalledCodes struct {
	Codes  trace.CodeRange `json:"codes"`
	Recall trace.Recall    `json:"recall"`
}

// Relative is an ancestor of a lot.
type Relative struct {
	ID     trace.LotID         `json:"id"`
	Batch  *Typed[trace.Batch] `json:"batch,omitempty"`  // nil where the chain does not hold it
	Recall *trace.Recall       `json:"recall,omitempty"` // nil if never recalled
	// Failed are the failed inspections of the lot, and of its plot and season, that
	// nothing superseded or corrected.
	Failed []trace.Key `json:"failed,omitempty"`
	// Direct tells an input from an input's input.
	Direct bool `json:"direct"`
}

// Lot is a lot's whole story. Lists are in the order of the chain (block,
// position) unless their comment says otherwise.
type Lot struct {
	ID trace.LotID `json:"id"`
	// Version is what Index.Version said of this story.
	Version uint64 `json:"version"`

	Product    *Product                 `json:"product,omitempty"`
	Batch      Typed[trace.Batch]       `json:"batch"`
	Completion *Typed[trace.Completion] `json:"completion,omitempty"`
	// Made and Quantity are the batch's or, for a presale lot, its completion's;
	// zero while a presale lot is not harvested.
	Made     trace.Time     `json:"made,omitempty"`
	Quantity trace.Quantity `json:"quantity,omitzero"`
	// Plot and Season are set for lots that name a plot.
	Plot   *Typed[trace.Plot] `json:"plot,omitempty"`
	Season int                `json:"season,omitempty"`

	// Log holds the entries of the lot's plot and season and of the lot itself, by
	// the time of the step.
	Log          []Typed[trace.LogEntry]              `json:"log,omitempty"`
	Certificates []Typed[trace.ComplianceCertificate] `json:"certificates,omitempty"`
	// Growth is what the plot's sensors measured while the lot grew; nil where there were none.
	Growth *Growth `json:"growth,omitempty"`
	// Inspections are the lot's and those of its plot and season.
	Inspections []Inspection          `json:"inspections,omitempty"`
	Reviews     []Typed[trace.Review] `json:"reviews,omitempty"`
	// Verdicts are those on the lot and on its plot and season; verdicts on its
	// product, parties, packs and shipments lie with these.
	Verdicts []Verdict `json:"verdicts,omitempty"`
	Actions  []Action  `json:"actions,omitempty"`

	// Recall is the recall state of the whole lot, nil if never recalled; Delisted
	// likewise.
	Recall   *trace.Recall `json:"recall,omitempty"`
	Delisted *trace.Recall `json:"delisted,omitempty"`

	Packs     []Pack         `json:"packs,omitempty"`
	Shipments []ShipmentHead `json:"shipments,omitempty"`
	// Streams are live streams that sold the lot, newest first: those in which a step was
	// taken on a host (the 5 newest), and the 3 newest of all.
	Streams []StreamHead `json:"streams,omitempty"`
	// Ancestors are the closure of the inputs, sorted; Descendants the lots whose
	// closure holds this one.
	Ancestors   []Relative    `json:"ancestors,omitempty"`
	Descendants []trace.LotID `json:"descendants,omitempty"`

	// Parties are all parties named above that the registry knows: producer,
	// merchant, suppliers, labs, carriers, consignees, ancestors' producers and
	// suppliers, whoever signed something.
	Parties map[trace.PartyID]*Party `json:"parties,omitempty"`
}

// Pack is a code pack with its state, custody and history.
type Pack struct {
	ID trace.PackID `json:"id"`
	Typed[trace.CodePack]
	Status     trace.PackStatus             `json:"status"`
	Custody    trace.PackCustody            `json:"custody"` // empty until activated
	Activation *Typed[trace.PackActivation] `json:"activation,omitempty"`
	Changes    []Typed[trace.PackChange]    `json:"changes,omitempty"`
	Recalls    []RecalledCodes              `json:"recalls,omitempty"`
	Units      []UnitCodes                  `json:"units,omitempty"`
	Verdicts   []Verdict                    `json:"verdicts,omitempty"`
}

// UnitCodes names a logistic unit and the runs of one pack's codes it holds.
type UnitCodes struct {
	SSCC    trace.SSCC        `json:"sscc"`
	Codes   []trace.CodeRange `json:"codes"`
	Custody trace.UnitCustody `json:"custody"`
	Packed  Provenance        `json:"packed"`
}

// Unit is a logistic unit with its custody and the shipments that carried it.
type Unit struct {
	SSCC trace.SSCC `json:"sscc"`
	Typed[trace.LogisticUnit]
	Custody   trace.UnitCustody  `json:"custody"`
	Shipments []trace.ShipmentID `json:"shipments,omitempty"`
}

// ShipmentHead is a shipment without its telemetry.
type ShipmentHead struct {
	ID trace.ShipmentID `json:"id"`
	Typed[trace.Shipment]
	Status    trace.ShipmentStatus    `json:"status"`
	Handovers []Typed[trace.Handover] `json:"handovers,omitempty"`
	// Consignments are the appointments of carriers that its dispatch and handovers rest on.
	Consignments []Typed[trace.Consignment] `json:"consignments,omitempty"`
	// Arrival closed the shipment; nil while it travels. Corrections of it follow.
	Arrival            *Typed[trace.Arrival]  `json:"arrival,omitempty"`
	ArrivalCorrections []Typed[trace.Arrival] `json:"arrivalCorrections,omitempty"`
	Verdicts           []Verdict              `json:"verdicts,omitempty"`
	// Bindings are the devices that measured it, by device, then by the time they begin.
	Bindings       []Binding `json:"bindings,omitempty"`
	DeviceVerdicts []Verdict `json:"deviceVerdicts,omitempty"`
}

// Binding is a device's binding to a shipment with its end: when the device was bound
// again or its carrier handed the shipment over. Zero while it lasts.
type Binding struct {
	Typed[trace.DeviceBinding]
	To trace.Time `json:"to,omitempty"`
}

// Shipment is a shipment with its telemetry.
type Shipment struct {
	ShipmentHead
	// Segments are by device, then by sequence.
	Segments []Typed[trace.Segment] `json:"segments,omitempty"`
}
