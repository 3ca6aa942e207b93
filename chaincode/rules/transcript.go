package rules

import (
	"bytes"

	"traceledger/chaincode/trace"
)

// CheckTranscript checks the form of a run of utterances.
func CheckTranscript(r *trace.AnchorTranscriptRequest) error {
	if err := r.Stream.Validate(); err != nil {
		return err
	}
	if r.Sequence < 1 || r.Sequence > maxSequence {
		return trace.Errorf(trace.CodeInvalid, "sequence %d must be 1 to %d", r.Sequence, int64(maxSequence))
	}
	if (r.Sequence == 1) != r.Previous.IsZero() {
		return trace.Errorf(trace.CodeSequence, "sequence %d: previous is the payload hash of the sequence before, absent only for sequence 1", r.Sequence)
	}
	if r.Count < 1 || r.Count > trace.MaxUtterances {
		return trace.Errorf(trace.CodeInvalid, "count %d must be 1 to %d", r.Count, trace.MaxUtterances)
	}
	if r.From == 0 || r.To < r.From {
		return trace.Errorf(trace.CodeChronology, "from %s and to %s are not the begin of the first and the end of the last utterance", r.From, r.To)
	}
	if r.Payload.IsZero() || r.Root.IsZero() {
		return trace.Errorf(trace.CodeMissing, "payload and root are both needed: the hash of the run's file and the Merkle root over its lines")
	}
	return nil
}

// MayTranscribe decides whether a party may anchor what was said in a stream: any
// monitor, and who opened the stream. Late runs are fine, also after the end.
func MayTranscribe(r *trace.AnchorTranscriptRequest, b Broadcast, by trace.PartyID, role trace.Role, now trace.Time) error {
	if err := b.exists(); err != nil {
		return err
	}
	if role != trace.RoleMonitor && b.Stream.Party != by {
		return trace.Errorf(trace.CodeForbidden, "stream %s was opened by %s; others than monitors anchor only what was said in their own", b.ID, b.Stream.Party)
	}
	return b.ran("utterances", r.From, r.To, now)
}

// UtteranceRoot is the Merkle root of a run's file as EncodeUtterances writes it: a leaf
// for each line without its end. By it one utterance is shown without the others.
func UtteranceRoot(file []byte) trace.Digest {
	var leaves []trace.Digest
	for _, line := range utteranceLines(file) {
		leaves = append(leaves, LeafHash(line))
	}
	return MerkleRoot(leaves)
}

// utteranceLines are the lines of a run's file without their ends.
func utteranceLines(file []byte) (lines [][]byte) {
	for line := range bytes.Lines(file) {
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	return lines
}

// maxClaimText is the longest text of a claim: a material, a grade, a place.
const maxClaimText = 60

// CheckClaim checks a claim's form: spoken or written, and the value of its kind.
func CheckClaim(r *trace.ClaimRequest) error {
	if err := r.GTIN.Validate(); err != nil {
		return err
	}
	if r.Lot != "" {
		if err := r.Lot.Validate(); err != nil {
			return err
		}
	}
	spoken := r.Stream != "" && r.Host != "" && r.Run != "" && r.Utterance > 0 && r.Page.IsZero()
	written := r.Stream == "" && r.Host == "" && r.Run == "" && r.Utterance == 0 && !r.Page.IsZero()
	if !spoken && !written {
		return trace.Errorf(trace.CodeInvalid, "a claim is spoken, with stream, host, run and utterance, or written, with page")
	}
	if spoken {
		if err := r.Stream.Validate(); err != nil {
			return err
		}
	}
	return checkClaimValue(r)
}

func checkClaimValue(r *trace.ClaimRequest) error {
	quantity, text, at := false, false, false
	switch r.Kind {
	case trace.ClaimNetContent:
		quantity = true
	case trace.ClaimMaterial, trace.ClaimGrade, trace.ClaimFreeOf, trace.ClaimOrigin:
		text = true
	case trace.ClaimPickedAt:
		at = true
	default:
		return trace.Errorf(trace.CodeInvalid, "kind %q is not a kind of claim", string(r.Kind))
	}
	if (r.Quantity != trace.Quantity{}) != quantity || (r.Text != "") != text || (r.At != 0) != at {
		return trace.Errorf(trace.CodeInvalid, "a claim of kind %s has quantity: %t, text: %t, at: %t", r.Kind, quantity, text, at)
	}
	if quantity {
		switch r.Quantity.Unit {
		case trace.Gram, trace.Millilitre, trace.Piece:
			return CheckQuantity("quantity", r.Quantity, r.Quantity.Unit)
		}
		return trace.Errorf(trace.CodeInvalid, "quantity: unit %q must be %s, %s or %s", string(r.Quantity.Unit), trace.Gram, trace.Millilitre, trace.Piece)
	}
	return trace.ValidText("text", r.Text, false, maxClaimText)
}

// ClaimFacts is what the chain knows of a claim's surroundings.
type ClaimFacts struct {
	By      trace.PartyID
	Role    trace.Role
	Product *trace.Product
	Stream  Broadcast           // of a spoken claim
	Run     *trace.UtteranceRun // nil where the key names none
}

// MayClaim decides a claim whose form is checked. A monitor records what it hears or
// reads; a merchant only what its own page says.
func MayClaim(r *trace.ClaimRequest, f ClaimFacts) error {
	if f.Role == trace.RoleMerchant {
		if r.Stream != "" {
			return trace.Errorf(trace.CodeForbidden, "a merchant records what its page says; what is spoken is recorded by monitors")
		}
		if f.Product.Merchant != f.By && f.Product.Producer != f.By {
			return trace.Errorf(trace.CodeForbidden, "product %s is not %s's to describe", r.GTIN, f.By)
		}
	}
	if r.Stream == "" {
		return nil
	}
	if err := f.Stream.exists(); err != nil {
		return err
	}
	if err := f.Stream.hosts(r.Host); err != nil {
		return err
	}
	for _, p := range f.Stream.Stream.Products {
		if p.GTIN == r.GTIN {
			return utteranceOf("run", f.Run, r.Stream, r.Utterance, 0)
		}
	}
	return trace.Errorf(trace.CodeInvalid, "stream %s does not list product %s", r.Stream, r.GTIN)
}
