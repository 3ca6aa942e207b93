package trace

// RegisterPlotRequest registers a farm's plot.
type RegisterPlotRequest struct {
	Write
	Plot  PlotID       `json:"plot"`
	Crop  string       `json:"crop"` // commodity
	Area  SquareMetres `json:"area"`
	Place string       `json:"place"` // village or base, as shown to shoppers
	Point Point        `json:"point"` // Beidou, coarse
}

// Plot is the record.
type Plot struct {
	Head
	Crop  string       `json:"crop"`
	Area  SquareMetres `json:"area"`
	Place string       `json:"place"`
	Point Point        `json:"point"`
}

// RegisterBatchRequest registers a lot. With Presale it is opened before harvest
// and completed later by CompleteBatchRequest.
type RegisterBatchRequest struct {
	Write
	LotID
	Place string `json:"place"` // where it was grown or made, as shown to shoppers
	Point Point  `json:"point"` // Beidou, coarse
	// Plot is set by farms; its yield of the season bounds the quantity.
	Plot PlotID `json:"plot,omitempty"`
	// Presale opens the lot before harvest; Planned must then be set, Made and
	// Quantity must not.
	Presale  bool     `json:"presale,omitempty"`
	Planned  Date     `json:"planned,omitempty"`
	Made     Time     `json:"made,omitempty"` // harvested or produced
	Quantity Quantity `json:"quantity,omitzero"`
	// Inputs take quantity from parent batches; at most 50.
	Inputs []Input `json:"inputs,omitempty"`
	// Materials name what the lot was grown or made with and who supplied it; at most 50.
	Materials []Material `json:"materials,omitempty"`
}

// Input takes a quantity, in the parent's unit, out of a parent batch: the producer's
// own, or one that its producer released to it (ReleaseInputRequest).
type Input struct {
	LotID
	Quantity Quantity `json:"quantity"`
}

// ReleaseInputRequest lets another producer use a quantity of the caller's lot as
// input. It is final, as the delivery it stands for is.
type ReleaseInputRequest struct {
	Write
	LotID
	Taker    PartyID  `json:"taker"`
	Quantity Quantity `json:"quantity"` // in the lot's unit
}

// InputRelease is the record; its subject is the lot.
type InputRelease struct {
	Head
	LotID
	Taker    PartyID  `json:"taker"`
	Quantity Quantity `json:"quantity"`
}

// Material is a purchased raw material with its supplier, a registered party.
type Material struct {
	Name          string  `json:"name"`
	Supplier      PartyID `json:"supplier"`
	Lot           string  `json:"lot,omitempty"`           // the supplier's lot
	LicenceNumber string  `json:"licenceNumber,omitempty"` // the supplier's licence, on file
}

// Batch is the record of a lot.
type Batch struct {
	Head
	LotID
	Place     string     `json:"place"`
	Point     Point      `json:"point"`
	Plot      PlotID     `json:"plot,omitempty"`
	Presale   bool       `json:"presale,omitempty"`
	Planned   Date       `json:"planned,omitempty"`
	Made      Time       `json:"made,omitempty"`
	Quantity  Quantity   `json:"quantity,omitzero"`
	Inputs    []Input    `json:"inputs,omitempty"`
	Materials []Material `json:"materials,omitempty"`
	// Ancestors is the closure of the inputs, sorted, each once; at most 1,000.
	Ancestors []LotID `json:"ancestors,omitempty"`
	// Licence is the producer's licence the contract found valid on the day.
	Licence string `json:"licence"`
}

// CompleteBatchRequest gives a presale lot its harvest and quantity, once.
type CompleteBatchRequest struct {
	Write
	LotID
	Made     Time     `json:"made"`
	Quantity Quantity `json:"quantity"`
}

// Completion is the record.
type Completion struct {
	Head
	LotID
	Made     Time     `json:"made"`
	Quantity Quantity `json:"quantity"`
}

// Activity is a step in a growth or production log.
type Activity string

// Activities.
const (
	ActivitySpray      Activity = "spray"
	ActivityFertiliser Activity = "fertiliser"
	ActivityIrrigation Activity = "irrigation"
	ActivitySoil       Activity = "soil"
	ActivityLight      Activity = "light"
	ActivityPollinate  Activity = "pollinate"
	ActivityHarvest    Activity = "harvest"
	ActivityPrecool    Activity = "precool"
	ActivitySort       Activity = "sort"
	ActivityMix        Activity = "mix"
	ActivityFill       Activity = "fill"
	ActivityPack       Activity = "pack"
	ActivityStore      Activity = "store"
	ActivityClean      Activity = "clean"
)

// AddLogEntryRequest adds one step. Exactly one of Plot with Season, and Lot, is
// set: growth is logged on the plot, processing on the lot.
type AddLogEntryRequest struct {
	Write
	Plot     PlotID   `json:"plot,omitempty"`
	Season   int      `json:"season,omitempty"` // civil year of the harvest
	Lot      *LotID   `json:"lot,omitempty"`
	Activity Activity `json:"activity"`
	At       Time     `json:"at"`
	Note     string   `json:"note,omitempty"`
	// Registration and Dose belong to spray.
	Registration string        `json:"registration,omitempty"`
	Dose         string        `json:"dose,omitempty"`
	Measures     []Measurement `json:"measures,omitempty"` // at most 20
	Media        []Digest      `json:"media,omitempty"`    // at most 20
}

// Measurement is a named value with its unit, such as soil pH or light hours.
type Measurement struct {
	Name  string  `json:"name"`
	Value Decimal `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

// LogEntry is the record.
type LogEntry struct {
	Head
	Plot         PlotID        `json:"plot,omitempty"`
	Season       int           `json:"season,omitempty"`
	Lot          *LotID        `json:"lot,omitempty"`
	Activity     Activity      `json:"activity"`
	At           Time          `json:"at"`
	Note         string        `json:"note,omitempty"`
	Registration string        `json:"registration,omitempty"`
	Dose         string        `json:"dose,omitempty"`
	Measures     []Measurement `json:"measures,omitempty"`
	Media        []Digest      `json:"media,omitempty"`
	// IntervalDays is the pre-harvest interval the contract applied to a spray.
	IntervalDays int `json:"intervalDays,omitempty"`
	// SafeFrom is the first day the crop may be harvested after this spray.
	SafeFrom Date `json:"safeFrom,omitempty"`
}

// CertificateBasis is on what a compliance certificate rests (承诺依据).
type CertificateBasis string

// Bases of a compliance certificate.
const (
	BasisOwnTest        CertificateBasis = "own-test"
	BasisCommissioned   CertificateBasis = "commissioned-test"
	BasisQualityControl CertificateBasis = "quality-control"
	BasisDeclaration    CertificateBasis = "declaration"
)

// IssueCertificateRequest issues the compliance certificate of a lot (承诺达标合格证).
type IssueCertificateRequest struct {
	Write
	LotID
	Basis    []CertificateBasis `json:"basis"`
	IssuedOn Date               `json:"issuedOn"`
	Document Digest             `json:"document,omitzero"`
}

// ComplianceCertificate is the record.
type ComplianceCertificate struct {
	Head
	LotID
	Basis    []CertificateBasis `json:"basis"`
	IssuedOn Date               `json:"issuedOn"`
	Document Digest             `json:"document,omitzero"`
}
