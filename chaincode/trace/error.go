package trace

import (
	"errors"
	"fmt"
	"strings"
)

// Code names one kind of refusal. Callers switch on codes, never on text. A code
// keeps its meaning from the contract to the HTTP answer.
type Code string

// Codes a contract method answers with. The gateway adds its own (see
// gateway/ledger, gateway/api); they share the format but never the meaning.
const (
	// Form of the request.
	CodeMalformed      Code = "MALFORMED"       // not JSON, not the expected shape, or trailing bytes
	CodeUnknownField   Code = "UNKNOWN_FIELD"   // a field the request does not have
	CodeDuplicateField Code = "DUPLICATE_FIELD" // a field given twice
	CodeTooLarge       Code = "TOO_LARGE"       // a body, list or text above its limit
	CodeMissing        Code = "MISSING"         // a required field is absent or empty
	CodeInvalid        Code = "INVALID"         // a field is present but cannot be what it should be
	CodeCheckDigit     Code = "CHECK_DIGIT"     // GTIN or SSCC check digit does not hold
	CodeUnknownMethod  Code = "UNKNOWN_METHOD"  // no such contract method

	// Who writes.
	CodeNoIdentity     Code = "NO_IDENTITY"     // the certificate carries no trace.role or trace.party
	CodeForbidden      Code = "FORBIDDEN"       // this role or party may not write this
	CodeWrongOrg       Code = "WRONG_ORG"       // the role belongs to another organisation
	CodeUnknownParty   Code = "UNKNOWN_PARTY"   // party is not in the registry
	CodePartySuspended Code = "PARTY_SUSPENDED" // party is suspended or outside its validity
	CodeLicence        Code = "LICENCE"         // licence missing, expired, revoked or out of scope
	CodeCompanyPrefix  Code = "COMPANY_PREFIX"  // GTIN or SSCC begins with no GS1 company prefix of this party
	CodeNotAccredited  Code = "NOT_ACCREDITED"  // lab not accredited for an item on the day
	CodeOwnLot         Code = "OWN_LOT"         // a lab may not judge its own lot, an author not review itself

	// What is on the chain already.
	CodeNotFound        Code = "NOT_FOUND"        // a record the request names does not exist
	CodeAlreadyExists   Code = "ALREADY_EXISTS"   // the id is taken by another content
	CodeAlreadyRecorded Code = "ALREADY_RECORDED" // this very request is on the chain; the message ends with its key
	CodeState           Code = "STATE"            // the subject's state does not allow this step
	CodeRecalled        Code = "RECALLED"         // the subject or an ancestor is recalled
	CodeNotReady        Code = "NOT_READY"        // the channel is not initialised (epoch or guards)
	CodeImport          Code = "IMPORT"           // an import is open and this is none of it, or the other way round
	CodeEvidence        Code = "EVIDENCE"         // what is shown does not prove it: an imported record by its original, judged words by their run

	// What the rules refuse.
	CodeChronology   Code = "CHRONOLOGY"     // times contradict each other or the record's order
	CodeInterval     Code = "INTERVAL"       // spray inside its pre-harvest interval
	CodeApplications Code = "APPLICATIONS"   // more applications than the standard allows
	CodeYield        Code = "YIELD"          // more lot than the plot can give
	CodeInputs       Code = "INPUTS"         // more taken from a parent than it holds
	CodeTooManyCodes Code = "TOO_MANY_CODES" // more codes than the lot has items
	CodeRebind       Code = "REBIND"         // a code pack is bound once
	CodeCustody      Code = "CUSTODY"        // custody of a unit would break or double
	CodeConsignment  Code = "CONSIGNMENT"    // the holder did not appoint this carrier for these goods
	CodeSegment      Code = "SEGMENT"        // wrong count, disorder or damage in a segment's readings
	CodeOutOfRange   Code = "OUT_OF_RANGE"   // an impossible temperature, coordinate or other physical value
	CodeSequence     Code = "SEQUENCE"       // a device sequence exists with other content or does not chain
	CodeStandard     Code = "STANDARD"       // no standard on file where one is needed
	CodeBasis        Code = "BASIS"          // legal basis or cause records missing
	CodeReview       Code = "REVIEW"         // a review level is missing or does not allow this
)

// Error is the one coded error of the system. It crosses the chain as
// "CODE: message"; Parse restores it on the other side.
type Error struct {
	Code    Code
	Message string // what was wrong, with which value, what would be right
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Is lets errors.Is compare by code alone: errors.Is(err, &trace.Error{Code: c}).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}

// Errorf makes a coded error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of err, or "" when err carries none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Parse restores an error that crossed the chain as text. The text may carry a
// prefix such as "chaincode response 500, ".
func Parse(text string) (*Error, bool) {
	if i := strings.Index(text, "chaincode response "); i >= 0 {
		if _, rest, ok := strings.Cut(text[i:], ", "); ok {
			text = rest
		}
	}
	head, message, ok := strings.Cut(text, ": ")
	if !ok || head == "" {
		return nil, false
	}
	for i := 0; i < len(head); i++ {
		c := head[i]
		upper := c >= 'A' && c <= 'Z'
		if !upper && c != '_' && !(i > 0 && c >= '0' && c <= '9') {
			return nil, false
		}
	}
	return &Error{Code: Code(head), Message: message}, true
}
