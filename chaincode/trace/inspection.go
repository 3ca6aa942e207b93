package trace

// SampleKind is where an inspection's sample was taken.
type SampleKind string

// Kinds of sample. A plot sample may precede harvest; a lot or market sample may not.
const (
	SamplePlot   SampleKind = "plot"
	SampleLot    SampleKind = "lot"
	SampleMarket SampleKind = "market"
)

// ResultKind is the form of a result.
type ResultKind string

// Forms of a result.
const (
	ResultNumber      ResultKind = "number"
	ResultBelowLOQ    ResultKind = "below-loq"    // below the limit of quantification
	ResultNotDetected ResultKind = "not-detected" // below the limit of detection
	ResultDetected    ResultKind = "detected"     // present, not quantified
	ResultQualitative ResultKind = "qualitative"
)

// ReportInspectionRequest reports an inspection. It carries results only: the
// limits it is judged by are the published ones, and the judgement is the
// contract's.
type ReportInspectionRequest struct {
	Write
	Sample SampleKind `json:"sample"`
	// Lot for lot and market samples; Producer, Plot and Season for plot samples.
	Lot               *LotID           `json:"lot,omitempty"`
	Producer          PartyID          `json:"producer,omitempty"` // whose plot it is
	Plot              PlotID           `json:"plot,omitempty"`
	Season            int              `json:"season,omitempty"`
	Commodity         string           `json:"commodity,omitempty"` // plot samples only, the plot's crop; lots have their product's
	SampledAt         Time             `json:"sampledAt"`
	ReportedAt        Time             `json:"reportedAt"`
	CertificateNumber string           `json:"certificateNumber"`
	Certificate       Digest           `json:"certificate"` // the report file
	Items             []InspectionItem `json:"items"`       // 1 to 200, each substance once
	Supersedes        Key              `json:"supersedes,omitempty"`
}

// InspectionItem is one result.
type InspectionItem struct {
	Substance string     `json:"substance"`
	Method    string     `json:"method"` // "GB 23200.121-2021"
	Result    ResultKind `json:"result"`
	Value     *Decimal   `json:"value,omitempty"` // number; for below-loq and not-detected the LOQ or LOD
	Text      string     `json:"text,omitempty"`  // qualitative
	Unit      string     `json:"unit,omitempty"`
}

// Judgement is what the contract finds.
type Judgement string

// Judgements. "No limit on file" is never a pass.
const (
	JudgedPass    Judgement = "pass"
	JudgedFail    Judgement = "fail"
	JudgedNoLimit Judgement = "no-limit"
)

// JudgedItem is a result with the limit it was judged by.
type JudgedItem struct {
	InspectionItem
	Judgement Judgement     `json:"judgement"`
	Limit     *AppliedLimit `json:"limit,omitempty"`
}

// AppliedLimit quotes the published limit.
type AppliedLimit struct {
	Name     string         `json:"name"`
	Kind     LimitKind      `json:"kind"`
	Minimum  *Decimal       `json:"minimum,omitempty"`
	Maximum  *Decimal       `json:"maximum,omitempty"`
	Expected string         `json:"expected,omitempty"`
	Unit     string         `json:"unit,omitempty"`
	Quality  bool           `json:"quality,omitempty"`
	Source   StandardSource `json:"source"`
}

// Inspection is the record.
type Inspection struct {
	Head
	Sample            SampleKind   `json:"sample"`
	Lot               *LotID       `json:"lot,omitempty"`
	Producer          PartyID      `json:"producer,omitempty"`
	Plot              PlotID       `json:"plot,omitempty"`
	Season            int          `json:"season,omitempty"`
	Commodity         string       `json:"commodity"`
	SampledAt         Time         `json:"sampledAt"`
	ReportedAt        Time         `json:"reportedAt"`
	CertificateNumber string       `json:"certificateNumber"`
	Certificate       Digest       `json:"certificate"`
	Items             []JudgedItem `json:"items"`
	// Judgement is fail if any item fails, else no-limit if any has no limit on
	// file, else pass.
	Judgement     Judgement `json:"judgement"`
	Supersedes    Key       `json:"supersedes,omitempty"`
	Accreditation string    `json:"accreditation"` // number found valid on the day
}

// ReviewRequest asks for a review of a lot. Level 1 is computed by the contract
// from licence scope, validity, issuer and the certificate's match with the lot;
// level 2 is a lab's, level 3 the consumer panel's.
type ReviewRequest struct {
	Write
	LotID
	Level int `json:"level"`
	// Inspection is what a level 1 or 2 review looks at.
	Inspection Key `json:"inspection,omitempty"`
	// Pass, Note and Document are the reviewer's at levels 2 and 3; not allowed at level 1.
	Pass     bool   `json:"pass,omitempty"`
	Note     string `json:"note,omitempty"`
	Document Digest `json:"document,omitzero"`
	// Panel and Satisfied are head counts at level 3.
	Panel     int `json:"panel,omitempty"`
	Satisfied int `json:"satisfied,omitempty"`
}

// Review is the record.
type Review struct {
	Head
	LotID
	Level      int    `json:"level"`
	Inspection Key    `json:"inspection,omitempty"`
	Pass       bool   `json:"pass"`
	Note       string `json:"note,omitempty"`
	Document   Digest `json:"document,omitzero"`
	Panel      int    `json:"panel,omitempty"`
	Satisfied  int    `json:"satisfied,omitempty"`
	// Checks are level 1's findings, in a fixed order.
	Checks []ReviewCheck `json:"checks,omitempty"`
}

// ReviewCheck is one computed check.
type ReviewCheck struct {
	Check string `json:"check"` // "licence-valid", "licence-scope", "issuer", "certificate-lot", …
	Pass  bool   `json:"pass"`
	Found string `json:"found"`
}

// Supersession is the mark on an inspection that another took its place, once.
type Supersession struct {
	By Key `json:"by"`
}

// ReviewLevels is a lot's balance of reviews: the newest one of each level if it
// passed, which the next level builds on.
type ReviewLevels struct {
	Passed []PassedReview `json:"passed"` // at most one of a level, by level
}

// PassedReview is a review that passed.
type PassedReview struct {
	Level      int  `json:"level"`
	Review     Key  `json:"review"`
	Inspection Key  `json:"inspection,omitempty"`
	Recorded   Time `json:"recorded"`
}
