package trace

// StandardSource says where a regulatory value comes from. The ledger hard-codes
// none: a judgement quotes the entry it used.
type StandardSource struct {
	Standard  string `json:"standard"`           // "GB 2763-2021"
	Edition   string `json:"edition,omitempty"`  // amendment or year where the number does not say it
	Clause    string `json:"clause,omitempty"`   // article, table or row
	Effective Date   `json:"effective"`          // first day the value holds
	Source    string `json:"source"`             // where the value was read
	Checked   bool   `json:"checked"`            // compared with the edition in force
	Proposal  bool   `json:"proposal,omitempty"` // from a policy proposal rather than law
}

// LimitKind is how a result is compared with a limit.
type LimitKind string

// Kinds of limit.
const (
	LimitMaximum     LimitKind = "maximum"      // value ≤ Maximum
	LimitMinimum     LimitKind = "minimum"      // value ≥ Minimum
	LimitRange       LimitKind = "range"        // Minimum ≤ value ≤ Maximum
	LimitNotDetected LimitKind = "not-detected" // prohibited: must not be detected
	LimitQualitative LimitKind = "qualitative"  // text equals Expected
)

// PublishLimitRequest publishes a limit for a substance in a commodity. A later
// effective date supersedes; earlier values stay in force for earlier days.
type PublishLimitRequest struct {
	Write
	Commodity string    `json:"commodity"` // "kiwifruit", "cosmetics-leave-on"
	Substance string    `json:"substance"` // "spinosad", "mercury", "soluble-solids"
	Name      string    `json:"name"`      // Chinese name shown to people
	Kind      LimitKind `json:"kind"`
	Minimum   *Decimal  `json:"minimum,omitempty"`
	Maximum   *Decimal  `json:"maximum,omitempty"`
	Expected  string    `json:"expected,omitempty"`
	Unit      string    `json:"unit,omitempty"` // "mg/kg", "CFU/g", "%"
	// Quality marks a trade or quality value rather than a safety limit.
	Quality bool           `json:"quality,omitempty"`
	Source  StandardSource `json:"source"`
}

// Limit is one published value.
type Limit struct {
	Head
	Commodity string         `json:"commodity"`
	Substance string         `json:"substance"`
	Name      string         `json:"name"`
	Kind      LimitKind      `json:"kind"`
	Minimum   *Decimal       `json:"minimum,omitempty"`
	Maximum   *Decimal       `json:"maximum,omitempty"`
	Expected  string         `json:"expected,omitempty"`
	Unit      string         `json:"unit,omitempty"`
	Quality   bool           `json:"quality,omitempty"`
	Source    StandardSource `json:"source"`
}

// PublishIntervalRequest publishes the pre-harvest interval and the most
// applications a season of a registered pesticide on a crop.
type PublishIntervalRequest struct {
	Write
	Registration    string         `json:"registration"` // pesticide registration number
	Name            string         `json:"name"`
	Crop            string         `json:"crop"` // commodity
	PreHarvestDays  int            `json:"preHarvestDays"`
	MaxApplications int            `json:"maxApplications"` // per season
	Source          StandardSource `json:"source"`
}

// Interval is the record.
type Interval struct {
	Head
	Registration    string         `json:"registration"`
	Name            string         `json:"name"`
	Crop            string         `json:"crop"`
	PreHarvestDays  int            `json:"preHarvestDays"`
	MaxApplications int            `json:"maxApplications"`
	Source          StandardSource `json:"source"`
}

// PublishYieldCeilingRequest publishes the most a crop can yield.
type PublishYieldCeilingRequest struct {
	Write
	Crop            string         `json:"crop"`
	GramsPerHectare int64          `json:"gramsPerHectare"` // 45 t/ha = 45,000,000
	Source          StandardSource `json:"source"`
}

// YieldCeiling is the record.
type YieldCeiling struct {
	Head
	Crop            string         `json:"crop"`
	GramsPerHectare int64          `json:"gramsPerHectare"`
	Source          StandardSource `json:"source"`
}

// RegisterProductRequest registers a trade item. Written by its merchant or producer.
type RegisterProductRequest struct {
	Write
	GTIN        GTIN     `json:"gtin"`
	Name        string   `json:"name"`
	NameEnglish string   `json:"nameEnglish,omitempty"`
	Brand       string   `json:"brand,omitempty"`
	Category    Category `json:"category"`
	Commodity   string   `json:"commodity"` // key into the standards table
	// NetContent is the content of one coded item, in the unit batches of the
	// product are counted in: a 5 kg box is 5,000 g; a lot in pieces has 1 piece.
	NetContent Quantity `json:"netContent"`
	// LabelContent is the net content as printed, "50 g".
	LabelContent     string            `json:"labelContent,omitempty"`
	Ingredients      []string          `json:"ingredients,omitempty"`
	LabelClaims      []string          `json:"labelClaims,omitempty"`
	FilingNumber     string            `json:"filingNumber,omitempty"` // cosmetics filing or registration
	LicenceNumber    string            `json:"licenceNumber"`          // the producer's licence it is made under
	Producer         PartyID           `json:"producer"`
	Merchant         PartyID           `json:"merchant,omitempty"`
	Storage          *TemperatureRange `json:"storage,omitempty"`
	Transport        *TemperatureRange `json:"transport,omitempty"`        // nil: no cold chain claimed
	DefrostSeconds   int64             `json:"defrostSeconds,omitempty"`   // longest air breach taken as a defrost while the pulp stays in range
	GapSeconds       int64             `json:"gapSeconds,omitempty"`       // telemetry gap allowance
	ExcursionSeconds int64             `json:"excursionSeconds,omitempty"` // total excursion a journey may have and still read "good"; 0: none
	ShelfLifeDays    int               `json:"shelfLifeDays"`
	HighRisk         bool              `json:"highRisk,omitempty"` // needs review level 2
}

// Product is the record.
type Product struct {
	Head
	GTIN             GTIN              `json:"gtin"`
	Name             string            `json:"name"`
	NameEnglish      string            `json:"nameEnglish,omitempty"`
	Brand            string            `json:"brand,omitempty"`
	Category         Category          `json:"category"`
	Commodity        string            `json:"commodity"`
	NetContent       Quantity          `json:"netContent"`
	LabelContent     string            `json:"labelContent,omitempty"`
	Ingredients      []string          `json:"ingredients,omitempty"`
	LabelClaims      []string          `json:"labelClaims,omitempty"`
	FilingNumber     string            `json:"filingNumber,omitempty"`
	LicenceNumber    string            `json:"licenceNumber"`
	Producer         PartyID           `json:"producer"`
	Merchant         PartyID           `json:"merchant,omitempty"`
	Storage          *TemperatureRange `json:"storage,omitempty"`
	Transport        *TemperatureRange `json:"transport,omitempty"`
	DefrostSeconds   int64             `json:"defrostSeconds,omitempty"`
	GapSeconds       int64             `json:"gapSeconds,omitempty"`
	ExcursionSeconds int64             `json:"excursionSeconds,omitempty"`
	ShelfLifeDays    int               `json:"shelfLifeDays"`
	HighRisk         bool              `json:"highRisk,omitempty"`
}
