package rules

import "traceledger/chaincode/trace"

// LineLevel is what a page says first. The order of the constants is the order of
// precedence: the first level that any fact calls for is the one shown.
type LineLevel string

// Levels of the verdict line, most severe first.
const (
	LineRecalled   LineLevel = "recalled"    // this lot, this run of codes or an ancestor is recalled
	LineVoid       LineLevel = "void"        // the code was withdrawn for good
	LineFrozen     LineLevel = "frozen"      // the code is held back for now
	LineNotOnSale  LineLevel = "not-on-sale" // not activated, not harvested yet, or taken off the shelves
	LineWarning    LineLevel = "warning"     // something adverse is on file
	LineIncomplete LineLevel = "incomplete"  // nothing adverse, but something is not shown
	LineGood       LineLevel = "good"        // everything that "good" needs is on file
)

// Text is a sentence in both languages of the pages.
type Text struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// Reason is one finding behind the line, with the records that prove it.
type Reason struct {
	Code string      `json:"code"` // a row of the published table
	Zh   string      `json:"zh"`
	En   string      `json:"en"`
	Keys []trace.Key `json:"keys,omitempty"`
}

// Line is the verdict line of a page.
type Line struct {
	Level LineLevel `json:"level"`
	Text  Text      `json:"text"` // the one line shown first
	// Reasons are all findings in table order, most severe first; for "good" they say
	// what it rests on.
	Reasons []Reason `json:"reasons"`
	// NotShown lists what a reader could expect and the chain does not hold. While
	// it is not empty the line is never good.
	NotShown []Reason `json:"notShown,omitempty"`
}

// PageFacts is everything the verdict line looks at, as plain values that the read
// model folds from records on the chain. Every fact carries the keys of the
// records it was read from; a zero value means "nothing on file", never "fine".
type PageFacts struct {
	Lot   trace.LotID
	Today trace.Date // civil day the page is read on

	// Batch is the lot's record. Harvested is true once the lot is made: registered
	// with Made, or a presale lot that was completed.
	Batch     trace.Key
	Harvested bool
	// Expires is the last day of the shelf life, Made's date + ShelfLifeDays; zero
	// while the lot is not made.
	Expires trace.Date

	// Pack is the item on the page; nil on the lot's page, which therefore never
	// reads "good": a journey belongs to one pack.
	Pack *PackFacts

	Licence LicenceFacts

	// Recalls are the active recalls that hit this page: of the lot, of an ancestor,
	// or of a run of codes that contains this item. On a lot's page a recall of a run
	// of its codes is listed too, with Partial set.
	Recalls []RecallFact
	// Delistings are the active delistings of the lot or its product.
	Delistings []ActionFact

	// Inspections are the lot's and its plot and season's, in chain order.
	Inspections []InspectionFact
	// FailedAncestors are the failed inspections of the lots that this one was made
	// from, and of their plots and seasons, that nothing superseded.
	FailedAncestors []AncestorFact
	// Reviews are the lot's, in chain order.
	Reviews  []ReviewFact
	HighRisk bool // the product needs a passed review of level 2

	// Certificate is the compliance certificate (承诺达标合格证); empty when there is
	// none. CertificateRequired: the product's category must carry one
	// (CertificateRequired(category)).
	Certificate         trace.Key
	CertificateRequired bool

	// Verdicts are verdicts on the lot, its product, its pack, the shipments this
	// page shows and their devices, in chain order.
	Verdicts []VerdictFact

	Journey JourneyFacts

	// SuspectedCopy: this code was scanned in ways that one pack cannot be. It is not
	// on the chain; the scanner counts it.
	SuspectedCopy bool
}

// PackFacts is the state of the code on the page.
type PackFacts struct {
	Pack   trace.PackID
	Item   int64
	State  trace.PackState
	Reason string      // public reason of a frozen or void pack
	Keys   []trace.Key // activation and changes
}

// LicenceStatus is how the producer's licence stands for this lot.
type LicenceStatus string

// Standings of a producer's licence. The day that counts is the day the lot was
// made (today while it is not made); a later expiry does not spoil a lot made in
// time, a later revocation and a suspended producer do.
const (
	LicenceValid     LicenceStatus = "valid"
	LicenceExpired   LicenceStatus = "expired" // not in force on the day the lot was made
	LicenceRevoked   LicenceStatus = "revoked"
	LicenceSuspended LicenceStatus = "suspended" // the producer is suspended today
)

// LicenceFacts is the producer's licence; an empty Status means none on file.
type LicenceFacts struct {
	Status LicenceStatus
	Number string
	Keys   []trace.Key // licence, revocation, standing
}

// RecallFact is one active recall.
type RecallFact struct {
	Lot     trace.LotID
	Codes   *trace.CodeRange // nil: the whole lot
	Parent  bool             // of an ancestor, not of this lot
	Partial bool             // lot page only: hits some packs of the lot
	Action  trace.Key
}

// ActionFact is one active delisting.
type ActionFact struct {
	Product bool // of the whole product rather than the lot
	Action  trace.Key
}

// InspectionFact is one inspection as judged by the contract.
type InspectionFact struct {
	Key        trace.Key
	Sample     trace.SampleKind
	Judgement  trace.Judgement
	Superseded bool // a later inspection, or a correction, takes its place
}

// AncestorFact is a failed inspection of a lot that this one was made from.
type AncestorFact struct {
	Lot        trace.LotID
	Inspection trace.Key
}

// ReviewFact is one review.
type ReviewFact struct {
	Key       trace.Key
	Level     int
	Pass      bool
	Corrected bool // a later record corrects it
}

// VerdictFact is one verdict.
type VerdictFact struct {
	Key         trace.Key
	Finding     string
	Level       trace.VerdictLevel
	Text        string
	TextEnglish string
	Overturned  bool // by a reviewer: counts no more
}

// CustodyStatus is how the chain of custody of one item reads.
type CustodyStatus string

// Standings of custody.
const (
	CustodyUnbroken  CustodyStatus = "unbroken"   // every step from the producer on joins the one before, and the last arrived
	CustodyInTransit CustodyStatus = "in-transit" // unbroken so far; the last shipment has not arrived
	CustodyBroken    CustodyStatus = "broken"     // a step does not join the one before
)

// JourneyFacts is the journey of this item (on a lot's page: of all shipments that
// carried any of it).
type JourneyFacts struct {
	// Custody is empty while no shipment carried the item.
	Custody   CustodyStatus
	Shipments []trace.Key // shipments, handovers and arrivals it was read from
	// ColdChain: the product states a transport range, so that telemetry is due.
	ColdChain bool
	// ExcursionSeconds is the product's allowance.
	ExcursionSeconds int64
	// Findings are the shipments' telemetry findings (see FindJourney), one each.
	Findings []JourneyFindings
}
