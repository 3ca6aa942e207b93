package rules

import (
	"slices"
	"strings"

	"traceledger/chaincode/trace"
)

// maxMSP is the longest name of an organisation that Fabric's tools show whole.
const maxMSP = 64

// KindOf decides what kind of organisation a certificate is from on a day. joined and
// end are what the chain holds about it, nil where it holds nothing; a founding
// organisation needs neither, so that its members' requests read nothing more.
func KindOf(msp string, joined *trace.Organisation, end *trace.OrganisationEnd, day trace.Date) (string, error) {
	if trace.Founding(msp) {
		return msp, nil
	}
	if joined == nil {
		return "", trace.Errorf(trace.CodeWrongOrg, "organisation %s is not admitted", msp)
	}
	if end != nil && day >= end.From {
		return "", trace.Errorf(trace.CodePartySuspended, "organisation %s is no member from %s: %s", msp, end.From, end.Reason)
	}
	return joined.Kind, nil
}

// CheckOrganisation checks the admission of an organisation.
func CheckOrganisation(r *trace.AdmitOrganisationRequest) error {
	if r.MSP == "" {
		return trace.Errorf(trace.CodeMissing, "msp is missing")
	}
	if len(r.MSP) > maxMSP || strings.ContainsFunc(r.MSP, notOfMSP) {
		return trace.Errorf(trace.CodeInvalid, "msp %q must be 1 to %d letters, digits, dots and dashes", r.MSP, maxMSP)
	}
	if trace.Founding(r.MSP) {
		return trace.Errorf(trace.CodeAlreadyExists, "%s is a founding organisation", r.MSP)
	}
	if !slices.Contains(trace.MSPs(), r.Kind) {
		return trace.Errorf(trace.CodeInvalid, "kind %q is not one of %v", r.Kind, trace.MSPs())
	}
	return nil
}

// CheckOrganisationEnd checks the end of a membership. joined is nil when the
// organisation was never admitted.
func CheckOrganisationEnd(r *trace.EndOrganisationRequest, joined *trace.Organisation, today trace.Date) error {
	if trace.Founding(r.MSP) {
		return trace.Errorf(trace.CodeForbidden, "%s is a founding organisation: its membership does not end", r.MSP)
	}
	if joined == nil {
		return trace.Errorf(trace.CodeNotFound, "organisation %s is not admitted", r.MSP)
	}
	if r.From < today {
		return trace.Errorf(trace.CodeChronology, "from %s lies before today, %s", r.From, today)
	}
	return trace.ValidText("reason", r.Reason, true, maxReason)
}

// notOfMSP tells what the name of a group in a channel's configuration cannot hold.
func notOfMSP(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-')
}
