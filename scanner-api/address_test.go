package scanner

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

const someSerial = "0000X9C2K7QW4ZTBHM"

func TestDigitalLinksInGS1Order(t *testing.T) {
	for path, want := range map[string]string{
		"09520000100018":                                      "/01/09520000100018",
		"9520000100018":                                       "/01/09520000100018", // GTIN-13
		"09520000100018/":                                     "/01/09520000100018",
		"09520000100018/22/2A":                                "/01/09520000100018",
		"09520000100018/10/PJ261018-A":                        "/01/09520000100018/10/PJ261018-A",
		"09520000100018/22/2A/10/PJ261018-A":                  "/01/09520000100018/10/PJ261018-A",
		"09520000100018/10/A%2FB":                             "/01/09520000100018/10/A%2FB",
		"09520000100018/10/A/21/" + someSerial:                "/01/09520000100018/10/A/21/" + someSerial,
		"09520000100018/10/A/21/0000x9c2k7qw4ztbhm":           "/01/09520000100018/10/A/21/" + someSerial,
		"09520000100018/10/A/21/OOOOX9C2K7QW4ZTBHM":           "/01/09520000100018/10/A/21/" + someSerial,
		"09520000100018/10/A/21/" + someSerial + "/qr.svg":    "/01/09520000100018/10/A/21/" + someSerial,
		"09520000100018/qr.png":                               "/01/09520000100018",
		"09520000100018/10/A/21/" + someSerial + "/proof":     "/01/09520000100018/10/A/21/" + someSerial,
		"09520000100018/10/A/file/" + strings.Repeat("a", 64): "/01/09520000100018/10/A",
	} {
		a, err := parseDigitalLink(path)
		require.NoError(t, err, path)
		require.Equal(t, want, a.path(), path)
	}
}

func TestMalformedDigitalLinks(t *testing.T) {
	for path, want := range map[string]trace.Code{
		"":                                trace.CodeMissing,
		"09520000100017":                  trace.CodeCheckDigit,
		"0952000010002":                   trace.CodeCheckDigit, // thirteen digits that are no GTIN-13
		"952000010001x":                   trace.CodeInvalid,
		"09520000100018/10":               CodeDigitalLink,
		"09520000100018/10/":              CodeDigitalLink,
		"09520000100018/99/X":             CodeDigitalLink,
		"09520000100018/10/A/22/B":        CodeDigitalLink, // wrong order
		"09520000100018/10/A/10/B":        CodeDigitalLink, // twice
		"09520000100018/21/" + someSerial: CodeDigitalLink, // no lot
		"09520000100018/10/A/21/SHORT":    trace.CodeInvalid,
		"09520000100018/10/%7F":           trace.CodeInvalid,
		"09520000100018/10/%zz":           CodeDigitalLink,
		"09520000100018/10/" + strings.Repeat("A", 21):   trace.CodeInvalid,
		"09520000100018/10/A/proof":                      CodeDigitalLink,
		"09520000100018/file/" + strings.Repeat("a", 64): CodeDigitalLink,
		"09520000100018/10/A/file/abc":                   trace.CodeInvalid,
		"09520000100018/10/A/21/0000UUUUUUUUUUUUUU":      trace.CodeInvalid,
	} {
		_, err := parseDigitalLink(path)
		require.Equal(t, want, trace.CodeOf(err), "%s: %v", path, err)
	}
}

func TestShortForms(t *testing.T) {
	a, err := parseShort("7kq2-m9xa-" + strings.ToLower(someSerial))
	require.NoError(t, err)
	require.Equal(t, "/c/7KQ2M9XA"+someSerial, a.path())
	require.EqualValues(t, 29, a.item)
	a, err = parseShort("7KQ2M9XA" + someSerial + "/qr.png")
	require.NoError(t, err)
	require.Equal(t, resourcePNG, a.resource)
	for _, wrong := range []string{"", "7KQ2M9XA", "7KQ2M9XA" + someSerial + "0", "7KQ2M9XA" + someSerial + "/other", "%zz"} {
		_, err := parseShort(wrong)
		require.NotEmpty(t, trace.CodeOf(err), wrong)
	}
}

// FuzzAddresses: whatever is asked for, the parser answers with an address whose
// path it reads as the same address again, or with a coded error.
func FuzzAddresses(f *testing.F) {
	for _, seed := range []string{"09520000100018/22/2A/10/A%2FB/21/" + someSerial, "09520000100018/10/A/qr.png", "7KQ2M9XA" + someSerial, "/", "%", "09520000100018/10/A/file/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		a, err := parseDigitalLink(path)
		if err != nil {
			require.NotEmpty(t, trace.CodeOf(err))
		} else {
			again, err := parseDigitalLink(a.path()[len("/01/"):])
			require.NoError(t, err)
			require.Equal(t, a.path(), again.path())
			require.Equal(t, a.lot, again.lot)
			for _, c := range []byte(a.path()) {
				require.False(t, strings.ContainsRune(`<>"'&\ `, rune(c)) || c < 0x20 || c >= 0x7f, "%q in %s", c, a.path())
			}
		}
		if s, err := parseShort(path); err != nil {
			require.NotEmpty(t, trace.CodeOf(err))
		} else {
			again, err := parseShort(s.path()[len("/c/"):])
			require.NoError(t, err)
			require.Equal(t, s.path(), again.path())
		}
	})
}
