package trace

// ActionKind is a step of enforcement.
type ActionKind string

// Kinds of action. The regulator recalls; the platform delists; either reinstates
// what it did.
const (
	ActionRecall    ActionKind = "recall"
	ActionDelist    ActionKind = "delist"
	ActionReinstate ActionKind = "reinstate"
)

// LegalBasis names the law an action rests on.
type LegalBasis struct {
	Law       string `json:"law"`     // "食品安全法"
	Article   string `json:"article"` // "第六十三条"
	Effective Date   `json:"effective"`
}

// TakeActionRequest takes an action on a lot, on a run of its codes, or on a
// product.
type TakeActionRequest struct {
	Write
	Kind ActionKind `json:"kind"`
	// Lot for a recall, delisting or reinstatement of a lot; with Codes only that
	// run of the lot's codes is meant. GTIN alone delists or reinstates a product.
	Lot    *LotID       `json:"lot,omitempty"`
	Codes  *CodeRange   `json:"codes,omitempty"`
	GTIN   GTIN         `json:"gtin,omitempty"`
	Basis  []LegalBasis `json:"basis"`  // 1 to 10
	Causes []Key        `json:"causes"` // 1 to 20 records; the contract checks each
	Reason string       `json:"reason"`
	// Undoes, Rectification and Inspection belong to a reinstatement: the action it
	// lifts, the report of what was put right, and an inspection passed after it.
	Undoes        Key    `json:"undoes,omitempty"`
	Rectification Digest `json:"rectification,omitzero"`
	Inspection    Key    `json:"inspection,omitempty"`
	Review        Key    `json:"review,omitempty"`
}

// Action is the record.
type Action struct {
	Head
	Kind          ActionKind   `json:"kind"`
	Lot           *LotID       `json:"lot,omitempty"`
	Codes         *CodeRange   `json:"codes,omitempty"`
	GTIN          GTIN         `json:"gtin,omitempty"`
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
