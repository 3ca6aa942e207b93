package trace

// SerialAlphabet is the alphabet of pack ids and serials: Crockford base 32, which
// leaves out I, L, O and U so that a printed code can be read aloud.
const SerialAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// Lengths of the parts of an item code. A serial is ItemDigits of the item's
// number in its pack followed by SecretDigits unguessable ones (65 bits); together
// 18 of the 20 characters GS1 AI 21 allows.
const (
	PackDigits   = 8
	ItemDigits   = 5
	SecretDigits = 13
	SerialDigits = ItemDigits + SecretDigits
	// MaxPackCount is the most item codes in one pack.
	MaxPackCount = 1_000_000
)

// Serial is GS1 AI 21 as traceledger issues it: see SerialDigits.
type Serial string

// CodeRange is a run of item numbers of one pack, First to Last inclusive,
// counted from 1.
type CodeRange struct {
	Pack  PackID `json:"pack"`
	First int64  `json:"first"`
	Last  int64  `json:"last"`
}

// Count is how many items the range holds.
func (r CodeRange) Count() int64 { return r.Last - r.First + 1 }

// Overlaps tells whether two ranges share an item.
func (r CodeRange) Overlaps(o CodeRange) bool {
	return r.Pack == o.Pack && r.First <= o.Last && o.First <= r.Last
}

// PackState is where a code pack stands.
type PackState string

// States of a code pack. Issued may be unbound (a pre-printed roll); active is
// bound to a lot, once and for all; frozen can be lifted; void cannot.
const (
	PackIssued PackState = "issued"
	PackActive PackState = "active"
	PackFrozen PackState = "frozen"
	PackVoid   PackState = "void"
)

// IssuePackRequest puts a pack of item codes on the chain: their number and the
// RFC 6962 Merkle root of their leaf hashes. The leaf file itself (32 bytes an
// item, in item order) is published by its SHA-256.
type IssuePackRequest struct {
	Write
	Pack     PackID `json:"pack"`
	Count    int64  `json:"count"`
	Root     Digest `json:"root"`
	LeafFile Digest `json:"leafFile"`
}

// CodePack is the record.
type CodePack struct {
	Head
	Count    int64  `json:"count"`
	Root     Digest `json:"root"`
	LeafFile Digest `json:"leafFile"`
}

// ActivatePackRequest binds a pack to a lot, once, within the lot's quantity.
type ActivatePackRequest struct {
	Write
	Pack PackID `json:"pack"`
	LotID
}

// PackActivation is the record; its subject is the lot.
type PackActivation struct {
	Head
	LotID
	Pack  PackID `json:"pack"`
	Count int64  `json:"count"`
}

// ChangePackRequest freezes, unfreezes or voids a pack, with a public reason.
type ChangePackRequest struct {
	Write
	Pack   PackID    `json:"pack"`
	To     PackState `json:"to"` // frozen, active (unfreeze) or void
	Reason string    `json:"reason"`
}

// PackChange is the record.
type PackChange struct {
	Head
	Pack   PackID    `json:"pack"`
	From   PackState `json:"from"`
	To     PackState `json:"to"`
	Reason string    `json:"reason"`
}

// PackStatus is the balance key of a pack: its current state.
type PackStatus struct {
	State  PackState `json:"state"`
	Count  int64     `json:"count"`
	Lot    *LotID    `json:"lot,omitempty"`
	Owner  PartyID   `json:"owner"`
	Reason string    `json:"reason,omitempty"`
	Before PackState `json:"before,omitempty"` // state to return to when unfrozen
	// FrozenBy is who froze it: what the regulator froze, its owner cannot unfreeze.
	FrozenBy Role `json:"frozenBy,omitempty"`
}
