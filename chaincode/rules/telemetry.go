package rules

import "traceledger/chaincode/trace"

// BreachClass tells a harmless breach of the range from a real one.
type BreachClass string

// Classes of breach.
const (
	// BreachDefrost: the cooling unit's coil was thawed. The air was outside the range
	// for no longer than the product allows, and the pulp stayed inside.
	BreachDefrost BreachClass = "defrost"
	// BreachExcursion is anything else, also a short breach without a pulp probe:
	// nothing shows then that the goods stayed cold.
	BreachExcursion BreachClass = "excursion"
)

// JourneyBreach is a breach joined over the segments of one device and classified.
type JourneyBreach struct {
	trace.Breach
	Device trace.DeviceID `json:"device"`
	// Seconds from the first to the last reading outside; a single reading has 0.
	Seconds  int64       `json:"seconds"`
	Class    BreachClass `json:"class"`
	Segments []trace.Key `json:"segments"` // that it was read from
}

// JourneyGap is a stretch of a shipment's time that no device covers.
type JourneyGap struct {
	trace.Gap
	Seconds int64 `json:"seconds"`
}

// MissingSequence is a run of segments of a device that is not on the chain though
// later ones are.
type MissingSequence struct {
	Device trace.DeviceID `json:"device"`
	First  int64          `json:"first"`
	Last   int64          `json:"last"`
}

// JourneyFindings is what the telemetry of one shipment shows.
type JourneyFindings struct {
	Shipment trace.ShipmentID `json:"shipment"`
	From     trace.Time       `json:"from"` // departure
	To       trace.Time       `json:"to"`   // arrival, or the last reading while it travels
	// Segments is how many segments were read; with 0 nothing was measured.
	Segments   int               `json:"segments"`
	Excursions []JourneyBreach   `json:"excursions,omitempty"`
	Defrosts   []JourneyBreach   `json:"defrosts,omitempty"`
	Gaps       []JourneyGap      `json:"gaps,omitempty"`    // no temperature for longer than the allowance
	FixGaps    []JourneyGap      `json:"fixGaps,omitempty"` // no position for longer than the allowance; shown, no violation
	Missing    []MissingSequence `json:"missing,omitempty"`
	// ExcursionSeconds is the time in excursion, counted once where devices overlap.
	ExcursionSeconds int64               `json:"excursionSeconds"`
	GapSeconds       int64               `json:"gapSeconds"`     // total of Gaps
	LongestGap       int64               `json:"longestGap"`     // seconds
	GapAllowance     int64               `json:"gapAllowance"`   // seconds, as applied
	Peak             *trace.CentiCelsius `json:"peak,omitempty"` // farthest from the range over the excursions
	// Cut: a segment listed only its first breaches or gaps.
	Cut bool `json:"cut,omitempty"`
	// Keys are the segments read, in order of device and sequence.
	Keys []trace.Key `json:"keys,omitempty"`
}
