package rules

import (
	"strings"

	"traceledger/chaincode/trace"
)

// ItemDigits writes an item's number (from 1) as the first digits of its serial.
func ItemDigits(item int64) string {
	var b [trace.ItemDigits]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = trace.SerialAlphabet[item&31]
		item >>= 5
	}
	return string(b[:])
}

// FormatSerial joins an item's number and its unguessable part, trace.SecretDigits of
// the alphabet.
func FormatSerial(item int64, secret string) (trace.Serial, error) {
	if item < 1 || item > trace.MaxPackCount {
		return "", trace.Errorf(trace.CodeInvalid, "item %d must be 1 to %d", item, trace.MaxPackCount)
	}
	if len(secret) != trace.SecretDigits || !inAlphabet(secret) {
		return "", trace.Errorf(trace.CodeInvalid, "the secret part must be %d characters of %s", trace.SecretDigits, trace.SerialAlphabet)
	}
	return trace.Serial(ItemDigits(item) + secret), nil
}

// ParsePackID reads a pack id as a person may have typed it: lower case and the
// look-alikes I, L (for 1) and O (for 0) are put right, as Crockford's base 32 says.
func ParsePackID(s string) (trace.PackID, error) {
	text, err := normalise("pack", s, trace.PackDigits)
	return trace.PackID(text), err
}

// ParseSerial reads a serial as a person may have typed it and gives the item number
// in it.
func ParseSerial(s string) (serial trace.Serial, item int64, err error) {
	text, err := normalise("serial", s, trace.SerialDigits)
	if err != nil {
		return "", 0, err
	}
	for i := 0; i < trace.ItemDigits; i++ {
		item = item<<5 | int64(strings.IndexByte(trace.SerialAlphabet, text[i]))
	}
	if item < 1 || item > trace.MaxPackCount {
		return "", 0, trace.Errorf(trace.CodeInvalid, "serial %q names item %d, must be 1 to %d", text, item, trace.MaxPackCount)
	}
	return trace.Serial(text), item, nil
}

func normalise(name, s string, length int) (string, error) {
	if s == "" {
		return "", trace.Errorf(trace.CodeMissing, "%s is missing", name)
	}
	if len(s) != length {
		return "", trace.Errorf(trace.CodeInvalid, "%s %.40q has %d characters, must be %d", name, s, len(s), length)
	}
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		switch c {
		case 'I', 'L':
			c = '1'
		case 'O':
			c = '0'
		}
		b[i] = c
	}
	if !inAlphabet(string(b)) {
		return "", trace.Errorf(trace.CodeInvalid, "%s %q must consist of %s (U is never used)", name, s, trace.SerialAlphabet)
	}
	return string(b), nil
}

func inAlphabet(s string) bool {
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(trace.SerialAlphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}
