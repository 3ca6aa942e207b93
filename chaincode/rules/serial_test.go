package rules

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func TestSerialRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		item := rapid.Int64Range(1, trace.MaxPackCount).Draw(t, "item")
		secret := rapid.StringOfN(rapid.SampledFrom([]rune(trace.SerialAlphabet)), trace.SecretDigits, trace.SecretDigits, -1).Draw(t, "secret")
		serial, err := FormatSerial(item, secret)
		require.NoError(t, err)
		require.Len(t, string(serial), trace.SerialDigits)
		typed := strings.NewReplacer("0", "o", "1", "l").Replace(strings.ToLower(string(serial)))
		back, number, err := ParseSerial(typed)
		require.NoError(t, err)
		require.Equal(t, serial, back)
		require.Equal(t, item, number)
	})
}

func TestSerialsAreRefused(t *testing.T) {
	good := "00001" + strings.Repeat("Z", trace.SecretDigits)
	_, _, err := ParseSerial(good)
	require.NoError(t, err)
	for s, code := range map[string]trace.Code{
		"":                                   trace.CodeMissing,
		good[1:]:                             trace.CodeInvalid, // too short
		good + "Z":                           trace.CodeInvalid, // too long
		strings.Replace(good, "Z", "U", 1):   trace.CodeInvalid,
		strings.Replace(good, "Z", "-", 1):   trace.CodeInvalid,
		strings.Replace(good, "ZZZ", "猕", 1): trace.CodeInvalid,
		"00000" + good[5:]:                   trace.CodeInvalid, // item 0
		"ZZZZZ" + good[5:]:                   trace.CodeInvalid, // item above the largest pack
	} {
		_, _, err := ParseSerial(s)
		require.Equal(t, code, trace.CodeOf(err), s)
	}
	_, err = FormatSerial(0, good[5:])
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(err))
	_, err = FormatSerial(1, "short")
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(err))

	pack, err := ParsePackID("packo1il")
	require.NoError(t, err)
	require.Equal(t, trace.PackID("PACK0111"), pack)
	require.NoError(t, pack.Validate())
	require.Error(t, trace.PackID("packo1il").Validate())
}

func FuzzSerial(f *testing.F) {
	f.Add("00001ZZZZZZZZZZZZZ", "PACK0001")
	f.Add("oooilabcdefghjkmnp", "猕猴桃")
	f.Fuzz(func(t *testing.T, s, p string) {
		if serial, item, err := ParseSerial(s); err == nil {
			again, err := FormatSerial(item, string(serial[trace.ItemDigits:]))
			require.NoError(t, err)
			require.Equal(t, serial, again)
		} else {
			require.NotEmpty(t, trace.CodeOf(err))
		}
		if pack, err := ParsePackID(p); err == nil {
			require.NoError(t, pack.Validate())
		} else {
			require.NotEmpty(t, trace.CodeOf(err))
		}
	})
}
