package trace

// Provision says where parameters of a rulebook come from: law, or a proposal of
// policy.
type Provision struct {
	Parameters []string `json:"parameters"` // of the chapter, each named by exactly one provision
	Proposal   bool     `json:"proposal"`   // a proposal of policy rather than law
	Law        string   `json:"law,omitempty"`
	Article    string   `json:"article,omitempty"`
	Source     string   `json:"source"` // where it was read, or who proposes it
}

// LadderRules are the parameters of the ladder of live streams: violations in a row by
// one host in one stream start it, further ones climb it, quiet leaves it.
type LadderRules struct {
	Row           int            `json:"row"`           // violations in a row that start it
	WindowSeconds int64          `json:"windowSeconds"` // within which those of the row were spoken
	Further       int            `json:"further"`       // further violations for each further step
	ResetSeconds  int64          `json:"resetSeconds"`  // quiet after which it begins anew
	Steps         []ActionKind   `json:"steps"`         // mildest first
	Levels        []VerdictLevel `json:"levels"`        // of verdicts that count as violations
}

// PublishRulebookRequest publishes a version of the rulebook's chapter on the ladder.
// It takes effect after the day it is published, unless it is the first.
type PublishRulebookRequest struct {
	Write
	Version    string      `json:"version"` // "2026-1"
	Effective  Date        `json:"effective"`
	Ladder     LadderRules `json:"ladder"`
	Provisions []Provision `json:"provisions"` // 1 to 10
}

// Rulebook is one version of the chapter on the ladder. All versions lie under one key.
type Rulebook struct {
	Head
	Version    string      `json:"version"`
	Effective  Date        `json:"effective"`
	Ladder     LadderRules `json:"ladder"`
	Provisions []Provision `json:"provisions"`
}

// LadderCause is a violation that a step of the ladder rests on.
type LadderCause struct {
	Verdict Key          `json:"verdict"`
	At      Time         `json:"at"` // when it was spoken
	Level   VerdictLevel `json:"level"`
}

// LadderStep is a step taken and not lowered since.
type LadderStep struct {
	Kind   ActionKind `json:"kind"`
	Action Key        `json:"action"`
}

// LadderState is where the ladder of one host in one stream stands.
type LadderState struct {
	Steps  []LadderStep  `json:"steps,omitempty"`  // mildest first
	Causes []LadderCause `json:"causes,omitempty"` // that they rest on, by time; none is used twice
	Action Key           `json:"action"`           // the newest step or lowering
	Since  Time          `json:"since"`
}
