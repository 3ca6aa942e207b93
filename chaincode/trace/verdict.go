package trace

// SubjectKind is what a verdict or an action is about.
type SubjectKind string

// Kinds of subject.
const (
	SubjectLot      SubjectKind = "lot"      // id "{gtin}~{lot}", lot percent-encoded
	SubjectPlot     SubjectKind = "plot"     // id "{producer}~{plot}~{season}"
	SubjectShipment SubjectKind = "shipment" // id of the shipment
	SubjectProduct  SubjectKind = "product"  // GTIN
	SubjectParty    SubjectKind = "party"    // party id
	SubjectPack     SubjectKind = "pack"     // pack id
	SubjectDevice   SubjectKind = "device"   // device id
	SubjectStream   SubjectKind = "stream"   // live stream id
)

// Subject names what a fact is about. Facts of one subject lie together on the
// chain, and a case freezes a subject.
type Subject struct {
	Kind SubjectKind `json:"kind"`
	ID   string      `json:"id"`
}

// PublishRuleRequest puts a version of a monitor's rule on file, before its first verdict.
type PublishRuleRequest struct {
	Write
	Monitor     string `json:"monitor"` // "coldchain"
	Version     string `json:"version"`
	Description string `json:"description"`
	Content     Digest `json:"content"` // the rule's code, data or lexicon
}

// MonitorRule is the record.
type MonitorRule struct {
	Head
	Monitor     string `json:"monitor"`
	Version     string `json:"version"`
	Description string `json:"description"`
	Content     Digest `json:"content"`
}

// VerdictLevel orders findings.
type VerdictLevel string

// Levels. Notice and better do not spoil "good"; warning and violation do while open.
const (
	LevelClear     VerdictLevel = "clear"
	LevelNotice    VerdictLevel = "notice"
	LevelWarning   VerdictLevel = "warning"
	LevelViolation VerdictLevel = "violation"
)

// GiveVerdictRequest is a monitor's verdict. Its id is derived from monitor,
// version, subject, finding and input: the same verdict twice is one verdict.
type GiveVerdictRequest struct {
	Claimed     Time         `json:"claimed"`
	Monitor     string       `json:"monitor"`
	Version     string       `json:"version"`
	Subject     Subject      `json:"subject"`
	Finding     string       `json:"finding"` // code of the finding, "temperature-excursion"
	Level       VerdictLevel `json:"level"`
	Text        string       `json:"text"` // in words, Chinese
	TextEnglish string       `json:"textEnglish,omitempty"`
	Input       Digest       `json:"input"` // SHA-256 of what the rule looked at
	// Evidence names records on the chain, 0 to 20; the contract checks that they exist.
	Evidence []Key `json:"evidence,omitempty"`
	// Files name evidence kept off the chain, 0 to 20.
	Files []Digest `json:"files,omitempty"`
	// ConfidenceBP is an outside model's own confidence, where it has one.
	ConfidenceBP BasisPoints `json:"confidenceBP,omitempty"`
	// Observed is when what was found was so: when the words began to be spoken. Required
	// of a verdict on a stream, by which the ladder orders its violations.
	Observed Time `json:"observed,omitempty"`
	// Host is who said it, of a verdict on a stream; required of a warning or violation.
	Host PartyID `json:"host,omitempty"`
	// Utterance is the number, from 1, within the run of utterances that is the first of
	// Evidence; 0 where the run is not on the chain yet.
	Utterance int `json:"utterance,omitempty"`
}

// Verdict is the record.
type Verdict struct {
	Head
	Monitor      string       `json:"monitor"`
	Version      string       `json:"version"`
	Subject      Subject      `json:"subject"`
	Finding      string       `json:"finding"`
	Level        VerdictLevel `json:"level"`
	Text         string       `json:"text"`
	TextEnglish  string       `json:"textEnglish,omitempty"`
	Input        Digest       `json:"input"`
	Evidence     []Key        `json:"evidence,omitempty"`
	Files        []Digest     `json:"files,omitempty"`
	ConfidenceBP BasisPoints  `json:"confidenceBP,omitempty"`
	Observed     Time         `json:"observed,omitempty"`
	Host         PartyID      `json:"host,omitempty"`
	Utterance    int          `json:"utterance,omitempty"`
}

// ReviewOutcome is what second track finds.
type ReviewOutcome string

// Outcomes.
const (
	OutcomeConfirmed  ReviewOutcome = "confirmed"
	OutcomeOverturned ReviewOutcome = "overturned"
)

// ReviewVerdictRequest confirms or overturns a verdict; once per verdict.
type ReviewVerdictRequest struct {
	Write
	Verdict Key           `json:"verdict"`
	Outcome ReviewOutcome `json:"outcome"`
	Reason  string        `json:"reason,omitempty"` // required to overturn
}

// VerdictReview is the record.
type VerdictReview struct {
	Head
	Verdict Key           `json:"verdict"`
	Subject Subject       `json:"subject"`
	Outcome ReviewOutcome `json:"outcome"`
	Reason  string        `json:"reason,omitempty"`
}
