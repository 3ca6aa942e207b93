package state

import (
	"strings"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// plain tells whether a byte stands for itself in a key part. '/' separates parts
// and '~' the parts of a subject id, so both are encoded, as is '%' itself.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

// writePart writes one part of a key, percent-encoded (RFC 3986, upper-case hex).
// There is exactly one encoding of a part: two keys are equal if and only if their
// parts are.
func writePart(b *strings.Builder, part string) {
	for i := 0; i < len(part); i++ {
		if c := part[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
}

func encodePart(part string) string {
	var b strings.Builder
	writePart(&b, part)
	return b.String()
}

// decodePart undoes writePart and refuses what writePart would not have written.
func decodePart(s string) (string, bool) {
	if s == "" {
		return "", false
	}
	if strings.IndexByte(s, '%') < 0 {
		for i := 0; i < len(s); i++ {
			if !plain(s[i]) {
				return "", false
			}
		}
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '%' {
			if !plain(c) {
				return "", false
			}
			b = append(b, c)
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		high, low := strings.IndexByte(upperHex, s[i+1]), strings.IndexByte(upperHex, s[i+2])
		if high < 0 || low < 0 || plain(byte(high<<4|low)) {
			return "", false
		}
		b = append(b, byte(high<<4|low))
		i += 2
	}
	return string(b), utf8.Valid(b)
}
