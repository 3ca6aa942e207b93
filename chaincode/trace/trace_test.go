package trace

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestCheckDigits(t *testing.T) {
	require.NoError(t, GTIN("09520000100018").Validate())
	require.NoError(t, GTIN("09520000200015").Validate())
	require.Equal(t, CodeCheckDigit, CodeOf(GTIN("09520000100017").Validate()))
	require.Equal(t, CodeInvalid, CodeOf(GTIN("952").Validate()))
	require.Equal(t, CodeMissing, CodeOf(GTIN("").Validate()))
}

func TestDecimal(t *testing.T) {
	for _, s := range []string{"0", "0.05", "-1.5", "123456789012.123456", "7.1"} {
		d, err := ParseDecimal(s)
		require.NoError(t, err, s)
		require.Equal(t, s, d.String())
	}
	for _, s := range []string{"", ".", "1.", ".5", "1e3", "+1", "0.1234567", "1234567890123", "--1", "1 ", "1,5"} {
		_, err := ParseDecimal(s)
		require.Equal(t, CodeInvalid, CodeOf(err), s)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := Decimal(rapid.Int64Range(-999_999_999_999_999_999, 999_999_999_999_999_999).Draw(t, "d"))
		b, err := json.Marshal(d)
		require.NoError(t, err)
		var back Decimal
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, d, back)
	})
}

func TestTimeAndDate(t *testing.T) {
	late, err := ParseTime("2026-10-18T23:30:00+08:00")
	require.NoError(t, err)
	require.Equal(t, "2026-10-18T15:30:00Z", late.String())
	require.Equal(t, "2026-10-18", late.Date().String())
	early, err := ParseTime("2026-10-18T00:30:00+08:00")
	require.NoError(t, err)
	require.Equal(t, "2026-10-18", early.Date().String(), "the civil day is China's, not UTC's")
	require.Equal(t, 2026, early.Date().Year())
	require.LessOrEqual(t, early.Date().Start(), early)
	for _, s := range []string{"1999-01-01T00:00:00Z", "2026-10-18 00:00:00", "", "2026-13-01T00:00:00Z"} {
		_, err := ParseTime(s)
		require.Equal(t, CodeInvalid, CodeOf(err), s)
	}
}

func TestErrorCrossesTheChain(t *testing.T) {
	e := Errorf(CodeInterval, "spray on %s: harvest is 8 days later", "2026-10-10")
	back, ok := Parse("chaincode response 500, " + e.Error())
	require.True(t, ok)
	require.Equal(t, e, back)
	require.ErrorIs(t, back, &Error{Code: CodeInterval})
	for _, s := range []string{"", "no colon", "lower: x", ": x"} {
		_, ok := Parse(s)
		require.False(t, ok, s)
	}
}

func TestFactIDSeparatesItsParts(t *testing.T) {
	require.NotEqual(t, NewFactID("A", "bc", "d"), NewFactID("A", "b", "cd"))
	require.Equal(t, NewFactID("A", "b", "c"), NewFactID("A", "b", "c"))
}

func TestMethodsNameKnownRoles(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Methods() {
		require.False(t, seen[m.Transaction()], m.Transaction())
		require.False(t, seen[m.Path], m.Path)
		seen[m.Transaction()], seen[m.Path] = true, true
		require.NotEmpty(t, m.Roles)
		for _, r := range m.Roles {
			require.NotEmpty(t, MSPOf(r), r)
		}
		require.NotNil(t, m.NewRequest())
	}
}
