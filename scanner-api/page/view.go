package page

import (
	"html/template"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// Subject is everything a page about a lot, or one item of it, tells of.
type Subject struct {
	Lot     *index.Lot
	Code    *Code          // the item; nil on the lot's own page
	Journey *index.Journey // how this item travelled; nil where nothing is known of it
	Line    rules.Line
	Facts   rules.PageFacts
	// Telemetry holds the readings of the journey's shipments as far as their
	// payloads are kept here.
	Telemetry map[trace.ShipmentID]Telemetry
	// Files tells whether a file's bytes are kept here, so that a link leads somewhere.
	Files func(trace.Digest) bool
	// Root is the path before a lot's own resources (files), "/01/…/10/…".
	Root string
}

// Code is the item on a page with what changes from scan to scan. The texts are
// put in as they are: the server fills them with marks that it replaces in the
// finished page.
type Code struct {
	Pack    trace.PackID
	Address string // path of the page, "/01/…/21/…"
	Serial  string
	Item    string // its number in the pack
	First   string // time of the first scan
	Count   string // of scans
}

// View is a page, ready for the templates.
type View struct {
	Lang    string
	Tag     string // value of the lang attribute
	Other   Language
	Title   string
	Style   template.CSS
	Address string // of this page, for its code as a picture; "" for none

	Brand, Name, OtherName, Content, LotNumber string

	Line   *LineView
	Code   *Code
	Notice *Notice // a refusal or an explanation instead of a story
	Glance []GlanceRow

	Label     []Row
	Producer  *Party
	Suppliers []Supplier
	Origin    []Row
	Parents   []Relative
	Log       []Step
	LogShown  int     // entries before the fold
	Grown     bool    // the lot comes from a plot, so its log is one of growth
	Growth    *Growth // what the plot's sensors measured; nil where there were none
	Papers    []Paper // compliance certificates
	Filing    string  // filing or registration number of the product
	Tests     []Test
	Reviews   []Review
	Storage   []Row
	Custody   []Move
	Legs      []Leg
	Verdicts  []Verdict
	Actions   []Action
	Streams   []Stream
	Merchant  *Party
	Signed    []Signer
	SignedCut int // signed records beyond those listed

	IsProduct bool // a product's page rather than a lot's or item's
	Lots      []LotLink
}

// Row is a label with its value.
type Row struct{ Label, Value string }

// LineView is the verdict line.
type LineView struct {
	Level    rules.LineLevel
	Word     string // the level in a word or two
	Text     string
	Reasons  []string // findings that Text does not say itself
	NotShown string   // what is missing, in one sentence
	Advice   string   // what to do, where there is something to do
}

// GlanceRow is one of the things a scan shows at least, in one line.
type GlanceRow struct {
	Label, Value, Anchor string
	Missing              bool
	Mark                 string // "bad" or "warn" where the value is adverse
}

// Stamp says who put a record on the chain; Anchor leads to the full signature.
type Stamp struct {
	By, Recorded, Anchor string
	// Corrects is the reason when the record corrects the one above it; Corrected
	// tells that a later one corrects this.
	Corrects  string
	Corrected bool
}

// File is a file named by a record.
type File struct {
	Name, Link, Digest string // Link is "" where the bytes are not kept here
}

// Party is a party with its papers.
type Party struct {
	Name, ID, Region, Status string
	Suspended                bool
	Licences                 []Paper
	History                  []Row
}

// Supplier is a raw material with who supplied it.
type Supplier struct {
	Material, Lot, Name, Licence string
	Missing                      bool // no valid licence on file
}

// Relative is a parent lot.
type Relative struct {
	Name, Link, Recalled string
}

// Step is an entry of the growth or production log.
type Step struct {
	When, What, Note string
	Measures         []Row
	Files            []File
	Stamp            Stamp
}

// Paper is a licence or certificate.
type Paper struct {
	Title, Number string
	Rows          []Row
	Good, Bad     string // its standing in words, one of the two
	Files         []File
	Stamp         Stamp
}

// Test is one inspection.
type Test struct {
	Title, Sampled, Lab, Number, Judgement string
	Mark                                   string // pass, fail or no-limit
	Superseded                             bool
	Items                                  []TestItem
	Files                                  []File
	Stamp                                  Stamp
}

// TestItem is one result beside its limit.
type TestItem struct {
	Name, OtherName, Result, Limit, Standard, Method, Judgement, Mark string
}

// Review is one review level.
type Review struct {
	Title, Note, Outcome string
	Pass                 bool
	Checks               []Check
	Files                []File
	Stamp                Stamp
}

// Check is one computed check.
type Check struct {
	Name, Found string
	Pass        bool
}

// Move is one change of custody.
type Move struct {
	When, What, Who, Place string
	Stamp                  Stamp
	// Appointed says who appointed the carrier; Appointment leads to that signature.
	Appointed, Appointment string
}

// Leg is one shipment of the journey.
type Leg struct {
	Title, Carrier, Duration string
	Rows                     []Row
	Temperature, Track       template.HTML
	Legend                   []LegendRow
	FromSummary              bool // drawn from the endorsed summaries: the readings are not kept here
	Findings                 []Finding
	Towns                    []Row
}

// LegendRow explains one mark of a chart.
type LegendRow struct{ Class, Words string }

// Finding is a breach or gap in words.
type Finding struct{ Class, Words, Detail string }

// Verdict is a monitor's finding.
type Verdict struct {
	Level, Text, Monitor string
	Mark                 string // bad, warn or plain
	Overturned           bool
	Reviews              []string
	Stamp                Stamp
}

// Action is a step of enforcement.
type Action struct {
	Title, Reason string
	Basis         []string
	Undone        bool
	Elsewhere     bool // about a run of codes that this item is not in
	Open          bool // in force and about what the page shows
	Files         []File
	Stamp         Stamp
}

// Signer is a party with the records it signed, in the order of the page.
type Signer struct {
	Name, Organisation string
	Records            []Signed
}

// Signed is a record with its provenance.
type Signed struct {
	Anchor, Kind, Claimed, Recorded, Transaction, Key, Endorsers string
	Block                                                        uint64
	Corrected                                                    bool
	Original                                                     *Original // of an imported record
}

// Original is the transaction of an earlier ledger that a record was imported from.
type Original struct {
	Transaction, Imported string
	Block                 int64
}

// LotLink is a lot on a product's page.
type LotLink struct{ Lot, Link, Made, Quantity, Standing, Mark string }

// Notice is a page that tells what something means and what to do.
type Notice struct {
	Level   string // as of a verdict line
	Word    string // that level in a word
	Heading string
	Text    []string
	Code    string // of the error, for support
	Detail  string // its own words
}

// Growth is the growing season by the day.
type Growth struct {
	Rows       []Row
	Chart      template.HTML // "" where only the soil's warmth was measured
	Wet, Light bool          // what the chart shows
	Stamp      Stamp         // of the newest segment it was taken from
}
