package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawTime(t *rapid.T, label string) time.Time {
	ms := rapid.Uint64Range(0, 1<<42).Draw(t, label)
	if ms == 0 {
		return time.Time{}
	}
	return fromMilliseconds(ms)
}

func TestRowsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) string { return rapid.String().Draw(t, label) }
		file := File{
			Size:     rapid.Int64Range(0, 1<<50).Draw(t, "size"),
			About:    About{MediaType: text("media type"), Uploader: text("uploader")},
			Received: drawTime(t, "received"), Again: drawTime(t, "again"),
			payload: rapid.Bool().Draw(t, "payload"),
		}
		if file.Received.IsZero() || file.Again.IsZero() { // every file has both
			return
		}
		read, err := readFileRow(file.Hash, appendFile(nil, file))
		require.NoError(t, err)
		require.Equal(t, file, read)

		token := Token{
			ID: "id", Name: text("name"), MSPID: text("msp"), Party: text("party"), Role: text("role"), Enrolment: text("enrolment"),
			Created: fromMilliseconds(rapid.Uint64Range(1, 1<<42).Draw(t, "created")), Expires: drawTime(t, "expires"), Revoked: drawTime(t, "revoked"),
		}
		digest := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
		gotToken, gotDigest, err := readToken("id", appendToken(nil, token, digest))
		require.NoError(t, err)
		require.Equal(t, token, gotToken)
		require.Equal(t, digest, gotDigest)
	})
}

// Whatever a row holds, reading it ends in a value or an error.
func FuzzRows(f *testing.F) {
	f.Add(appendFile(nil, File{Size: 1, About: About{MediaType: "a", Uploader: "b"}}))
	f.Add(appendToken(nil, Token{Name: "a"}, [32]byte{}))
	f.Fuzz(func(_ *testing.T, row []byte) {
		_, _ = readFileRow(Hash{}, row)
		_, _, _ = readToken("", row)
	})
}

// A log of any bytes is judged without a panic.
func FuzzCheckLog(f *testing.F) {
	f.Add([]byte{}, uint32(0))
	f.Add(make([]byte, 40000), uint32(7))
	f.Fuzz(func(t *testing.T, content []byte, number uint32) {
		at, _ := checkLog(content, number)
		require.LessOrEqual(t, at, len(content)+logBlock)
	})
}
