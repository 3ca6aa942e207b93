package trace

import "strings"

// Validate checks length and alphabet. Look-alike letters and lower case are put
// right where a person typed the code (rules.ParsePackID), never on the chain.
func (p PackID) Validate() error {
	if p == "" {
		return Errorf(CodeMissing, "pack is missing")
	}
	if len(p) != PackDigits {
		return Errorf(CodeInvalid, "pack %q has %d characters, must be %d", clip(string(p)), len(p), PackDigits)
	}
	for i := 0; i < len(p); i++ {
		if strings.IndexByte(SerialAlphabet, p[i]) < 0 {
			return Errorf(CodeInvalid, "pack %q: %q is not one of %s", clip(string(p)), string(rune(p[i])), SerialAlphabet)
		}
	}
	return nil
}

// Validate checks the pack and that the run lies within the largest pack.
func (r CodeRange) Validate() error {
	if err := r.Pack.Validate(); err != nil {
		return err
	}
	if r.First < 1 || r.Last < r.First || r.Last > MaxPackCount {
		return Errorf(CodeInvalid, "items %d to %d of pack %s: must be 1 ≤ first ≤ last ≤ %d", r.First, r.Last, r.Pack, MaxPackCount)
	}
	return nil
}
