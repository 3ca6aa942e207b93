package trace

// TransientEvidence is the transient-data key under which the original transaction
// travels while the records of an earlier ledger are imported.
const TransientEvidence = "evidence"

// Bounds of an import.
const (
	MaxSourceAuthorities = 16       // certificates of one organisation of the source
	MaxEvidenceBytes     = 10 << 20 // an envelope with its proof
)

// SourceLedger names the ledger that records are imported from, and exactly which of
// its transactions: nothing can be added to them once this is on the chain.
type SourceLedger struct {
	// Genesis is the header hash of its block 0, by which a ledger is known.
	Genesis Digest `json:"genesis"`
	Height  int64  `json:"height"` // blocks
	Tip     Digest `json:"tip"`    // header hash of the last block
	// Channel and Chaincode are what its transactions were submitted to.
	Channel   string `json:"channel"`
	Chaincode string `json:"chaincode"`
	// Authorities are whose certificates its members and peers carried.
	Authorities []SourceAuthority `json:"authorities"`
	// Count is how many transactions are imported, in the order of its blocks; Root is the
	// Merkle root (RFC 6962) over them, see rules.ImportLeaf.
	Count int64  `json:"count"`
	Root  Digest `json:"root"`
	// Archive is the SHA-256 of the archive's manifest.
	Archive Digest `json:"archive"`
}

// SourceAuthority is an organisation of the source with its CA certificates, PEM.
type SourceAuthority struct {
	MSP          string   `json:"msp"`
	Certificates []string `json:"certificates"`
}

// OpenImportRequest opens the one import that a channel may have, before anything is
// recorded on it.
type OpenImportRequest struct {
	Write
	SourceLedger
}

// Import is the opening's record.
type Import struct {
	Head
	SourceLedger
}

// CloseImportRequest closes the import once all of it is recorded; ordinary writing
// begins.
type CloseImportRequest struct {
	Write
	Genesis Digest `json:"genesis"` // of the source
}

// ImportClosing is the closing's record.
type ImportClosing struct {
	Head
	Count int64 `json:"count"` // transactions imported
}

// ImportGate is the part of the epoch gate that tells imports and ordinary writes
// apart. It lies there because every submitting method reads the epoch anyway, and
// because what was endorsed before an opening or closing must not commit after it.
type ImportGate struct {
	Genesis Digest `json:"genesis"` // of the source
	Open    bool   `json:"open"`
}

// ImportProgress is how far an import is: the number of the transaction to come.
type ImportProgress struct {
	Next int64 `json:"next"`
}

// Evidence is what travels as TransientEvidence beside an imported request: the original
// transaction and the proof that it is one of those the import was opened for.
type Evidence struct {
	Index    int64    `json:"index"` // among the transactions imported, from 0
	Block    int64    `json:"block"`
	Position int      `json:"position"` // in the block, from 0
	Proof    []Digest `json:"proof"`    // audit path, from the leaf upwards
	// Envelope is the original transaction as it stands in the block: request, signature
	// and certificate of its writer, endorsements. JSON: base64.
	Envelope []byte `json:"envelope"`
}

// Original is what an imported record keeps of the ledger that it comes from; the
// Import record names that ledger.
type Original struct {
	Transaction Digest `json:"transaction"` // id there
	Block       int64  `json:"block"`
	Position    int    `json:"position"`
	Envelope    Digest `json:"envelope"` // SHA-256 of the original transaction, kept as a file
	Imported    Time   `json:"imported"` // the importing transaction's time
}
