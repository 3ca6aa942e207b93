package trace

type (
	// StreamID names one broadcast: same form as PartyID.
	StreamID string
	// RoomID names a live-streaming room on the platform: same form as PartyID.
	RoomID string
)

// Validate checks the form.
func (s StreamID) Validate() error { return validName("stream", string(s)) }

// Validate checks the form.
func (r RoomID) Validate() error { return validName("room", string(r)) }

// StreamHost is somebody, or something, that speaks in a stream.
type StreamHost struct {
	Party PartyID `json:"party"`
	// AI tells a host that is made by software; such a stream carries a persistent label
	// (直播电商监督管理办法 第三十七条).
	AI bool `json:"ai,omitempty"`
}

// StreamProduct is a product that a stream sells; with lots only these.
type StreamProduct struct {
	GTIN GTIN        `json:"gtin"`
	Lots []LotNumber `json:"lots,omitempty"` // 0 to 10
}

// Signature is whose word stands under a compliance commitment, and since when.
type Signature struct {
	Party PartyID `json:"party"`
	At    Time    `json:"at"`
}

// Commitment is the compliance commitment of a stream. The text is kept off the chain.
type Commitment struct {
	Text       Digest      `json:"text"`       // SHA-256 of the signed text
	Signatures []Signature `json:"signatures"` // 1 to 10, each before the planned start
}

// OpenStreamRequest puts a stream on file before it begins: a stream that is not on
// the chain when its first word falls has no commitment that was signed before it.
type OpenStreamRequest struct {
	Write
	Stream   StreamID        `json:"stream"`
	Room     RoomID          `json:"room"`
	Merchant PartyID         `json:"merchant"` // the actual seller
	Hosts    []StreamHost    `json:"hosts"`    // 1 to 8
	Products []StreamProduct `json:"products"` // 1 to 50
	Planned  Time            `json:"planned"`  // planned start, not before now and within 90 days
	// Commitment is signed by every host that is a person and, for an AI host, by the
	// merchant or whoever opens the stream.
	Commitment Commitment `json:"commitment"`
}

// Stream is the record.
type Stream struct {
	Head
	Room       RoomID          `json:"room"`
	Merchant   PartyID         `json:"merchant"`
	Hosts      []StreamHost    `json:"hosts"`
	Products   []StreamProduct `json:"products"`
	Planned    Time            `json:"planned"`
	Commitment Commitment      `json:"commitment"`
}

// CloseStreamRequest ends a stream, once.
type CloseStreamRequest struct {
	Write
	Stream StreamID `json:"stream"`
	Ended  Time     `json:"ended"`
}

// StreamClose is the record.
type StreamClose struct {
	Head
	Stream StreamID `json:"stream"`
	Ended  Time     `json:"ended"`
}

// Bounds of a run of utterances.
const (
	MaxUtterances     = 2_000
	MaxUtteranceRunes = 2_000
)

// AnchorTranscriptRequest anchors a run of utterances of one stream. What was said, and
// by whom, stays off the chain: voices and words are personal data. The chain keeps
// when, how many, and hashes. Every writer has a sequence of its own, so that nobody
// takes another's number. Its id is stream, writer and sequence, so it carries no
// idempotency key.
type AnchorTranscriptRequest struct {
	Stream   StreamID `json:"stream"`
	Sequence int64    `json:"sequence"` // from 1, of this stream and writer
	Count    int      `json:"count"`
	From     Time     `json:"from"` // begin of the first utterance
	To       Time     `json:"to"`   // end of the last
	// Previous is the payload hash of the sequence before, absent for the first.
	Previous Digest `json:"previous,omitzero"`
	Payload  Digest `json:"payload"` // SHA-256 of the file: EncodeUtterances
	Root     Digest `json:"root"`    // RFC 6962 Merkle root over its lines: rules.UtteranceRoot
}

// UtteranceRun is the record under utterances/{stream}/{writer}/{sequence}.
type UtteranceRun struct {
	Head
	Stream   StreamID `json:"stream"`
	Sequence int64    `json:"sequence"`
	Count    int      `json:"count"`
	From     Time     `json:"from"`
	To       Time     `json:"to"`
	Previous Digest   `json:"previous,omitzero"`
	Payload  Digest   `json:"payload"`
	Root     Digest   `json:"root"`
}

// ClaimKind is what a claim is about.
type ClaimKind string

// Kinds of claim.
const (
	ClaimNetContent ClaimKind = "net-content" // Quantity
	ClaimMaterial   ClaimKind = "material"    // Text: "纯棉"
	ClaimGrade      ClaimKind = "grade"       // Text: "特级"
	ClaimFreeOf     ClaimKind = "free-of"     // Text: "防腐剂"; "添加剂" for a bare 无添加
	ClaimPickedAt   ClaimKind = "picked-at"   // At
	ClaimOrigin     ClaimKind = "origin"      // Text: "四川蒲江"
)

// ClaimRequest records what a host said, or a product page says, about a product.
// Exactly one of Quantity, Text and At is given, as its kind says.
type ClaimRequest struct {
	Write
	// Stream, Host, Run and Utterance belong to a spoken claim: who said it where. Page
	// belongs to a written one.
	Stream    StreamID  `json:"stream,omitempty"`
	Host      PartyID   `json:"host,omitempty"`
	Run       Key       `json:"run,omitempty"`       // of utterances of this stream
	Utterance int       `json:"utterance,omitempty"` // its number in the run, from 1
	Page      Digest    `json:"page,omitzero"`       // SHA-256 of the page as it was seen
	GTIN      GTIN      `json:"gtin"`
	Lot       LotNumber `json:"lot,omitempty"`
	Kind      ClaimKind `json:"kind"`
	Quantity  Quantity  `json:"quantity,omitzero"`
	Text      string    `json:"text,omitempty"`
	At        Time      `json:"at,omitempty"`
}

// ProductClaim is the record: a fact of the stream, or of the product for a page.
type ProductClaim struct {
	Head
	Stream    StreamID  `json:"stream,omitempty"`
	Host      PartyID   `json:"host,omitempty"`
	Run       Key       `json:"run,omitempty"`
	Utterance int       `json:"utterance,omitempty"`
	Page      Digest    `json:"page,omitzero"`
	GTIN      GTIN      `json:"gtin"`
	Lot       LotNumber `json:"lot,omitempty"`
	Kind      ClaimKind `json:"kind"`
	Quantity  Quantity  `json:"quantity,omitzero"`
	Text      string    `json:"text,omitempty"`
	At        Time      `json:"at,omitempty"`
}
