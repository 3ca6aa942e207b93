package rules

import (
	"strings"

	"traceledger/chaincode/trace"
)

// Lengths of a GS1 company prefix (GS1 General Specifications). One of twelve
// digits stands for a single key, such as a GTIN-8, which GS1 issues one by one.
const (
	shortestPrefix = 4
	longestPrefix  = 12
)

// ofGTIN8 is how a GTIN-8 begins among 13 digits; no company prefix does.
const ofGTIN8 = "00000"

// checkCompanyPrefix checks the number of a company prefix put on file.
func checkCompanyPrefix(number string) error {
	if len(number) < shortestPrefix || len(number) > longestPrefix {
		return trace.Errorf(trace.CodeInvalid, "number %q: a GS1 company prefix has %d to %d digits", number, shortestPrefix, longestPrefix)
	}
	for _, c := range []byte(number) {
		if c < '0' || c > '9' {
			return trace.Errorf(trace.CodeInvalid, "number %q: a GS1 company prefix is digits only", number)
		}
	}
	if len(number) < longestPrefix && (strings.HasPrefix(number, ofGTIN8) || strings.HasPrefix(ofGTIN8, number)) {
		return trace.Errorf(trace.CodeInvalid, "number %q would hold every GTIN-8: a prefix that begins with %s is one of %d digits, for one key", number, ofGTIN8, longestPrefix)
	}
	return nil
}

// CompanyPrefixes lists what a GS1 key's company prefix may be, longest first. In a
// 14-digit GTIN and in an SSCC it follows the first digit (indicator or extension). Of a
// prefix it lists the prefix and those it lies under, with key = "0" + prefix.
func CompanyPrefixes(key string) []string {
	digits := key[1:]
	var out []string
	for n := min(longestPrefix, len(digits)); n >= shortestPrefix; n-- {
		out = append(out, digits[:n])
	}
	return out
}

// HeldPrefix is a company prefix on file with its entry.
type HeldPrefix struct {
	Holder  trace.PartyID
	Licence HeldLicence // Number is the prefix
}

// PrefixFree decides whether a company prefix may be given to a party: what is on file
// of it and of the prefixes it lies under is over, or the party's own.
func PrefixFree(prefix string, to trace.PartyID, on []HeldPrefix, today trace.Date) error {
	for _, h := range on {
		if h.Holder == to || prefixOver(h.Licence, today) {
			continue
		}
		return trace.Errorf(trace.CodeAlreadyExists, "company prefix %s lies under %s, which %s holds", prefix, h.Licence.Number, h.Holder)
	}
	return nil
}

func prefixOver(h HeldLicence, today trace.Date) bool {
	return h.Licence == nil || today > h.Licence.ValidTo || h.Revocation != nil && today >= h.Revocation.From
}

// MayUseKey decides whether a party may register something under a GS1 key. held is the
// longest prefix of it on file, nil when there is none.
func MayUseKey(name, key string, by trace.PartyID, held *HeldPrefix, today trace.Date) error {
	if held == nil {
		return trace.Errorf(trace.CodeCompanyPrefix, "%s %s begins with no GS1 company prefix on file: the regulator registers the prefix of %s first", name, key, by)
	}
	if held.Holder != by {
		return trace.Errorf(trace.CodeCompanyPrefix, "%s %s begins with company prefix %s of %s, must begin with one of %s", name, key, held.Licence.Number, held.Holder, by)
	}
	return LicenceInForce(held.Licence.Number, held.Licence.Licence, held.Licence.Revocation, today)
}
