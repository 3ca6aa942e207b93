package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func heldPrefix(number string, holder trace.PartyID, to string) HeldPrefix {
	return HeldPrefix{Holder: holder, Licence: HeldLicence{Number: number, Licence: &trace.Licence{
		Kind: trace.LicenceGS1Prefix, Number: number, ValidFrom: day("2026-01-01"), ValidTo: day(to),
	}}}
}

func TestCompanyPrefixes(t *testing.T) {
	require.Equal(t, []string{"952000010001", "95200001000", "9520000100", "952000010", "95200001", "9520000", "952000", "95200", "9520"}, CompanyPrefixes("09520000100018"))
	require.Equal(t, "952000010000", CompanyPrefixes("095200001000000018")[0])
	require.Equal(t, []string{"95200", "9520"}, CompanyPrefixes("095200"))
	for number, code := range map[string]trace.Code{
		"9520": "", "952000010": "", "952000010001": "", "952": trace.CodeInvalid, "9520000100012": trace.CodeInvalid, "": trace.CodeInvalid,
		"95200001x": trace.CodeInvalid, "９５２０": trace.CodeInvalid,
		"0000": trace.CodeInvalid, "00000": trace.CodeInvalid, "00000952000": trace.CodeInvalid, "000009520001": "", "00001": "",
	} {
		require.Equal(t, code, trace.CodeOf(checkCompanyPrefix(number)), number)
	}
}

func TestMayUseKey(t *testing.T) {
	today := day("2026-10-20")
	own, another := heldPrefix("952000010", "farm-01", "2026-12-31"), heldPrefix("952000010", "farm-02", "2026-12-31")
	over, revoked := heldPrefix("952000010", "farm-01", "2026-10-19"), own
	revoked.Licence.Revocation = &trace.LicenceRevocation{From: today}
	for name, c := range map[string]struct {
		held *HeldPrefix
		code trace.Code
	}{
		"own": {&own, ""}, "none": {nil, trace.CodeCompanyPrefix}, "another's": {&another, trace.CodeCompanyPrefix},
		"over": {&over, trace.CodeLicence}, "revoked": {&revoked, trace.CodeLicence},
	} {
		require.Equal(t, c.code, trace.CodeOf(MayUseKey("GTIN", "09520000100018", "farm-01", c.held, today)), name)
	}
}

func TestPrefixFree(t *testing.T) {
	today := day("2026-10-20")
	revoked := heldPrefix("95200001", "farm-02", "2026-12-31")
	revoked.Licence.Revocation = &trace.LicenceRevocation{From: today}
	for name, c := range map[string]struct {
		on   []HeldPrefix
		code trace.Code
	}{
		"nothing": {nil, ""}, "its own shorter one": {[]HeldPrefix{heldPrefix("95200001", "farm-01", "2026-12-31")}, ""},
		"another's":         {[]HeldPrefix{heldPrefix("952000010", "farm-02", "2026-12-31")}, trace.CodeAlreadyExists},
		"another's shorter": {[]HeldPrefix{heldPrefix("95200001", "farm-02", "2026-10-20")}, trace.CodeAlreadyExists},
		"over":              {[]HeldPrefix{heldPrefix("95200001", "farm-02", "2026-10-19")}, ""},
		"revoked":           {[]HeldPrefix{revoked}, ""},
	} {
		require.Equal(t, c.code, trace.CodeOf(PrefixFree("952000010", "farm-01", c.on, today)), name)
	}
}

// A prefix is found in a key if and only if the key's digits after the first begin with it.
func TestPrefixesAreFoundInKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := fmt.Sprintf("%013d", rapid.Int64Range(0, 9_999_999_999_999).Draw(t, "data"))
		gtin := data + string(trace.CheckDigit(data))
		prefix := fmt.Sprint(rapid.Int64Range(1000, 999_999_999_999).Draw(t, "prefix"))
		if rapid.Bool().Draw(t, "of the key") {
			prefix = gtin[1 : 1+rapid.IntRange(shortestPrefix, longestPrefix).Draw(t, "length")]
		}
		found := false
		for _, p := range CompanyPrefixes(gtin) {
			found = found || p == prefix
		}
		if found != strings.HasPrefix(gtin[1:13], prefix) {
			t.Fatalf("%s in %s: %v", prefix, gtin, found)
		}
	})
}
