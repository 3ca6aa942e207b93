package trace

// ActionKind is a step of enforcement.
type ActionKind string

// Kinds of action. The regulator recalls; the platform delists; either reinstates
// what it did. The platform takes the steps of the ladder on a host in a stream, and
// lowers it when a verdict that a step rests on was overturned.
const (
	ActionRecall    ActionKind = "recall"
	ActionDelist    ActionKind = "delist"
	ActionReinstate ActionKind = "reinstate"
	ActionHint      ActionKind = "hint"  // 提示
	ActionLimit     ActionKind = "limit" // 限制展示
	ActionCut       ActionKind = "cut"   // 中断直播
	ActionLower     ActionKind = "lower" // 降级
)

// OnLadder tells the actions on a host in a stream.
func (k ActionKind) OnLadder() bool {
	switch k {
	case ActionHint, ActionLimit, ActionCut, ActionLower:
		return true
	}
	return false
}

// LegalBasis names the law an action rests on.
type LegalBasis struct {
	Law       string `json:"law"`     // "食品安全法"
	Article   string `json:"article"` // "第六十三条"
	Effective Date   `json:"effective"`
}

// TakeActionRequest takes an action on a lot, on a run of its codes, on a product, or
// on a host in a stream. An action on a host has an id of its own, by stream, host,
// kind and causes: the same step for the same causes is one action.
type TakeActionRequest struct {
	Write
	Kind ActionKind `json:"kind"`
	// Lot for a recall, delisting or reinstatement of a lot; with Codes only that
	// run of the lot's codes is meant. GTIN alone delists or reinstates a product.
	Lot   *LotID     `json:"lot,omitempty"`
	Codes *CodeRange `json:"codes,omitempty"`
	GTIN  GTIN       `json:"gtin,omitempty"`
	// Stream and Host belong to the ladder.
	Stream StreamID     `json:"stream,omitempty"`
	Host   PartyID      `json:"host,omitempty"`
	Basis  []LegalBasis `json:"basis"` // 1 to 10
	// Causes are 1 to 20 records; the contract checks each. Of a step of the ladder they
	// are its violations by time, of a lowering the reviews that overturned one.
	Causes []Key  `json:"causes"`
	Reason string `json:"reason"`
	// Undoes, Rectification and Inspection belong to a reinstatement: the action it
	// lifts, the report of what was put right, and an inspection passed after it. A
	// lowering names the newest step in force in Undoes.
	Undoes        Key    `json:"undoes,omitempty"`
	Rectification Digest `json:"rectification,omitzero"`
	Inspection    Key    `json:"inspection,omitempty"`
	Review        Key    `json:"review,omitempty"`
}

// Action is the record.
type Action struct {
	Head
	Kind   ActionKind `json:"kind"`
	Lot    *LotID     `json:"lot,omitempty"`
	Codes  *CodeRange `json:"codes,omitempty"`
	GTIN   GTIN       `json:"gtin,omitempty"`
	Stream StreamID   `json:"stream,omitempty"`
	Host   PartyID    `json:"host,omitempty"`
	// Rules is the version of the rulebook a step rests on, Step how many steps hold after
	// it (after a lowering: that are left), Listed what the stream sold, whose pages show it.
	Rules         string       `json:"rules,omitempty"`
	Step          int          `json:"step,omitempty"`
	Listed        []GTIN       `json:"listed,omitempty"`
	Basis         []LegalBasis `json:"basis"`
	Causes        []Key        `json:"causes"`
	Reason        string       `json:"reason"`
	Undoes        Key          `json:"undoes,omitempty"`
	Rectification Digest       `json:"rectification,omitzero"`
	Inspection    Key          `json:"inspection,omitempty"`
	Review        Key          `json:"review,omitempty"`
}

// Recall is the one key per lot or code range that tells whether it is recalled.
type Recall struct {
	Active bool `json:"active"`
	Action Key  `json:"action"` // the newest action on it
	Since  Time `json:"since"`
}
