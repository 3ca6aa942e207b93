package trace

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRequestDigestIgnoresSpelling(t *testing.T) {
	decode := func(s string) *spelledRequest {
		r := new(spelledRequest)
		require.NoError(t, json.Unmarshal([]byte(s), r))
		return r
	}
	a, err := RequestDigest(decode(`{"at":"2026-10-18T09:00:00+08:00","value":"0.050"}`))
	require.NoError(t, err)
	b, err := RequestDigest(decode(`{ "value": "0.05", "at": "2026-10-18T01:00:00.000Z" }`))
	require.NoError(t, err)
	require.Equal(t, a, b)
	c, err := RequestDigest(decode(`{"at":"2026-10-18T09:00:00+08:00","value":"0.051"}`))
	require.NoError(t, err)
	require.NotEqual(t, a, c)
}

// spelledRequest is a request with the two types that have several spellings.
type spelledRequest struct {
	At    Time    `json:"at"`
	Value Decimal `json:"value"`
}

func TestPacksAndRanges(t *testing.T) {
	require.NoError(t, PackID("PACK0001").Validate())
	for s, code := range map[string]Code{"": CodeMissing, "PACK001": CodeInvalid, "PACK000U": CodeInvalid, "pack0001": CodeInvalid} {
		require.Equal(t, code, CodeOf(PackID(s).Validate()), s)
	}
	require.NoError(t, CodeRange{Pack: "PACK0001", First: 1, Last: MaxPackCount}.Validate())
	for _, r := range []CodeRange{{Pack: "x", First: 1, Last: 1}, {Pack: "PACK0001", First: 0, Last: 1}, {Pack: "PACK0001", First: 2, Last: 1}, {Pack: "PACK0001", First: 1, Last: MaxPackCount + 1}} {
		require.Equal(t, CodeInvalid, CodeOf(r.Validate()), r)
	}
}

// The short way of reading and writing texts agrees with the general one.
func TestQuotesAgreeWithJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		general, err := json.Marshal(s)
		require.NoError(t, err)
		back, ok := unquote(general)
		require.True(t, ok)
		var want string
		require.NoError(t, json.Unmarshal(general, &want))
		require.Equal(t, want, back)
	})
	for _, s := range []string{`1`, `{}`, `"`, `"a"b"`, `"\q"`, "\"\x01\""} {
		_, ok := unquote([]byte(s))
		require.False(t, ok, s)
	}
	require.Equal(t, `"2026-10-18T01:00:00Z"`, string(quote("2026-10-18T01:00:00Z")))
}
