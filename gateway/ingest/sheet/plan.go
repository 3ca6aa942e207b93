package sheet

import (
	"time"

	"traceledger/chaincode/trace"
)

// Limits of one upload.
const (
	MaxFileBytes   = 10 << 20 // of the file as uploaded
	MaxRows        = 20_000   // non-empty rows of all sheets together
	MaxColumns     = 200
	MaxCells       = 600_000 // of all sheets together, empty ones among them
	MaxCellBytes   = 4_000
	MaxRowErrors   = 200  // listed; Plan.ErrorsCut tells of more
	SegmentReading = 1000 // most readings in one planned segment
	SegmentDays    = 60   // most days it covers: the chain lists at most 100 of a plot's

	segmentSpan trace.Time = SegmentDays * 24 * 60 * 60 * 1000
)

// Kind is what a file is for.
type Kind string

// Kinds of file.
const (
	KindBatchRecord Kind = "batch-record" // 批次登记表: product, plot, lot, materials, inputs, log, certificate, codes, units, appointment of the carrier
	KindProduct     Kind = "product"      // 商品登记表: products alone, as a merchant registers them
	KindInspection  Kind = "inspection"   // 检验报告: reports and their items
	KindTransport   Kind = "transport"    // 运单: shipments, device bindings, handovers, appointments of carriers, arrivals
	KindReadings    Kind = "readings"     // 温湿度与定位记录: a logger's or tracker's export
	KindRegistry    Kind = "registry"     // 监管登记表: parties, licences, accreditations, standards
	KindEnforcement Kind = "enforcement"  // 处置表: recalls, delistings, reinstatements
	KindReview      Kind = "review"       // 复核表: reviews of lots and of verdicts
	KindMonitor     Kind = "monitor"      // 监测表: rule versions and verdicts
)

// Options carry what the file itself does not say.
type Options struct {
	// Kind forces the kind; empty: recognised from the sheets and headers.
	Kind Kind
	// Zone is where times without an offset are read; nil: +08:00.
	Zone *time.Location
	// Party is the caller's. It stands in where a row leaves its own party out.
	Party trace.PartyID
	// Files are the files uploaded beside this one, by name: a cell that names a
	// file becomes its hash.
	Files map[string]trace.Digest
	// Certificate is the report file of inspections whose row names none.
	Certificate trace.Digest
	// Device, Shipment, Plot and Store say where readings belong when the file does not.
	Device   trace.DeviceID
	Shipment trace.ShipmentID
	Plot     trace.PlotID
	Store    string
	// Probes are the probes of the device's binding, in order; empty: the file's
	// temperature columns in their order.
	Probes []string
	// Resolve finds the record that a cell mentions by its everyday name, such as a
	// report's number. Nil: only full record keys are understood.
	Resolve func(Mention) (trace.Key, error)
	// Anchored tells which segments of a device are on the chain already, by rising
	// sequence. Nil: none. It lets the same file find its own segments again and a
	// new file continue the chain.
	Anchored func(trace.DeviceID) ([]AnchoredSegment, error)
}

// Mention names a record the way people do.
type Mention struct {
	Kind    MentionKind
	Subject trace.Subject // what the record is about; zero when not said
	// Name is the report number of an inspection, "{monitor} {finding}" of a verdict,
	// the kind of an action ("recall"), the level of a review ("2").
	Name string
}

// MentionKind is the kind of record a mention means.
type MentionKind string

// Kinds of mention.
const (
	MentionInspection MentionKind = "inspection"
	MentionVerdict    MentionKind = "verdict"
	MentionAction     MentionKind = "action"
	MentionReview     MentionKind = "review"
)

// AnchoredSegment is a segment that is on the chain.
type AnchoredSegment struct {
	Sequence int64
	From, To trace.Time
	Previous trace.Digest
	Payload  trace.Digest
}

// Plan is what a file asks for. A plan with Errors has no Requests, Orders or
// Segments: a file is taken whole or not at all.
type Plan struct {
	Kind Kind
	// Requests in the order they have to be sent; each waits for the one before it.
	Requests []Planned
	// Segments are anchored after all Requests, in order.
	Segments []PlannedSegment
	// Errors are all that is wrong, by sheet and row; at most MaxRowErrors.
	Errors []RowError
	// ErrorsCut is how many more there were.
	ErrorsCut int
	Summary   Summary
}

// Ready tells whether the plan may be sent.
func (p *Plan) Ready() bool { return len(p.Errors) == 0 && len(p.Requests)+len(p.Segments) > 0 }

// Planned is one request, or one order of codes.
type Planned struct {
	// Transaction is the contract method, "origin:RegisterBatch"; Path its place under
	// the REST root. Both are empty for an order of codes.
	Transaction string
	Path        string
	// Request is a pointer to the trace request type of that method, its idempotency
	// key set; nil for an order of codes.
	Request any
	// Order asks the gateway to make a pack of codes, issue it and bind it: codes hold
	// secrets, which no sheet contains.
	Order *CodeOrder
	Row   Place
	// Title and About say in a line what will be recorded, Chinese.
	Title, TitleEnglish string
	About               string
}

// Place is where in the file something stands.
type Place struct {
	Sheet string
	Row   int // as the spreadsheet program counts, from 1
}

// CodeOrder asks for Count item codes of a lot.
type CodeOrder struct {
	IdempotencyKey string
	Claimed        trace.Time
	Lot            trace.LotID
	Pack           trace.PackID // empty: the gateway chooses
	Count          int64
}

// PlannedSegment is one segment with the payload that travels beside it as
// transient data.
type PlannedSegment struct {
	Request trace.AnchorSegmentRequest
	Payload []byte
	Row     Place // first row of its readings
	// Known tells that the very segment is on the chain already.
	Known bool
}

// Summary is what the dry-run page shows above the rows.
type Summary struct {
	File   string
	SHA256 trace.Digest
	Bytes  int
	Title  string // of the kind, Chinese
	// TitleEnglish of the kind.
	TitleEnglish string
	Tables       []TableSummary
	Transactions []TransactionCount // in sending order
	Readings     *ReadingsSummary   // of a readings file
}

// TableSummary counts what was read of one table.
type TableSummary struct {
	Sheet, Title, TitleEnglish string
	Rows                       int
}

// TransactionCount counts the requests of one method; "" counts orders of codes.
type TransactionCount struct {
	Transaction, Title, TitleEnglish string
	Count                            int
}

// ReadingsSummary describes a device's readings.
type ReadingsSummary struct {
	Device       trace.DeviceID
	Count        int
	From, To     trace.Time
	Probes       []string
	Temperatures int // readings with a temperature
	Minimum      trace.CentiCelsius
	Maximum      trace.CentiCelsius
	Fixes        int // readings with a position
}

// Parse reads a file of any kind. The error is coded (*trace.Error) and means that
// the file as a whole cannot be read; what is wrong with its sheets and rows is in
// Plan.Errors.
func Parse(name string, data []byte, options Options) (*Plan, error) {
	return parse([]File{{Name: name, Data: data}}, options)
}

// File is one uploaded file.
type File struct {
	Name string
	Data []byte
}

// ParseReadings reads several exports of one device – a logger's and a tracker's
// that report as one – and merges their rows by time.
func ParseReadings(files []File, options Options) (*Plan, error) {
	options.Kind = KindReadings
	return parse(files, options)
}
