package trace

import "encoding/json"

// Heading gives the common part of a record.
func (h *Head) Heading() *Head { return h }

// Headed is implemented by every record that embeds Head.
type Headed interface{ Heading() *Head }

// RequestDigest is Head.Request: the SHA-256 of the request's canonical JSON, which
// is the decoded request encoded again. Spacing, field order and the form of a time
// or number in the original do not matter.
func RequestDigest(request any) (Digest, error) {
	b, err := json.Marshal(request)
	if err != nil {
		return Digest{}, Errorf(CodeMalformed, "the request cannot be written as JSON: %v", err)
	}
	return DigestOf(b), nil
}
