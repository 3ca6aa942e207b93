package api

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/ingest/segment"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
	"traceledger/gateway/wording"
)

// Codes the REST interface adds to the chain's.
const (
	CodeUnauthenticated  trace.Code = "UNAUTHENTICATED"    // no token, or one that does not count
	CodeNoIdempotencyKey trace.Code = "NO_IDEMPOTENCY_KEY" // a write without the Idempotency-Key header
	CodeNoSuchRoute      trace.Code = "NO_SUCH_ROUTE"
	CodeRateLimited                 = floor.CodeRateLimited
	CodeRowErrors        trace.Code = "ROW_ERRORS" // a sheet with row errors cannot be confirmed
	CodeInternal         trace.Code = "INTERNAL"
)

// Problem is an RFC 9457 problem detail. Code is what callers switch on.
type Problem struct {
	Type   string     `json:"type"`  // "urn:traceledger:problem:CODE"
	Title  string     `json:"title"` // the HTTP status in words
	Status int        `json:"status"`
	Code   trace.Code `json:"code"`
	Detail string     `json:"detail"` // what was wrong, with which value, what would be right
	// DetailChinese says the same in Chinese, where the chain or the way to it refuses.
	DetailChinese string `json:"detailChinese,omitempty"`
	// Transaction is set when the outcome of a submitted transaction is unknown:
	// repeat the request with the same Idempotency-Key to learn it.
	Transaction string `json:"transaction,omitempty"`
	// Retriable tells that the same request may succeed later unchanged.
	Retriable bool `json:"retriable,omitempty"`
}

// Status is the one place where codes meet HTTP.
func Status(code trace.Code) int {
	switch code {
	case trace.CodeMalformed, trace.CodeUnknownField, trace.CodeDuplicateField, trace.CodeMissing,
		trace.CodeInvalid, trace.CodeCheckDigit, CodeNoIdempotencyKey:
		return http.StatusBadRequest
	case CodeUnauthenticated, trace.CodeNoIdentity, store.CodeTokenUnknown, store.CodeTokenExpired, store.CodeTokenRevoked, ledger.CodeCertificate:
		return http.StatusUnauthorized
	case trace.CodeForbidden, trace.CodeWrongOrg, trace.CodeUnknownParty, trace.CodePartySuspended,
		trace.CodeLicence, trace.CodeNotAccredited, trace.CodeOwnLot, trace.CodeConsignment, trace.CodeCompanyPrefix:
		return http.StatusForbidden
	case trace.CodeNotFound, trace.CodeUnknownMethod, CodeNoSuchRoute, store.CodeFileUnknown, store.CodeDeviceUnknown:
		return http.StatusNotFound
	case trace.CodeAlreadyExists, trace.CodeAlreadyRecorded, trace.CodeState, trace.CodeRecalled, trace.CodeRebind,
		trace.CodeCustody, trace.CodeSequence, store.CodeDeviceKnown, ledger.CodeKeyReused, ledger.CodeConflict:
		return http.StatusConflict
	case trace.CodeTooLarge, store.CodeFileTooLarge, store.CodeUploadQuota:
		return http.StatusRequestEntityTooLarge
	case CodeRateLimited:
		return http.StatusTooManyRequests
	case trace.CodeNotReady, ledger.CodeBusy, ledger.CodeLedgerUnavailable, ledger.CodeClock:
		return http.StatusServiceUnavailable
	case ledger.CodeOutcomeUnknown:
		return http.StatusAccepted
	case CodeInternal, store.CodeDamaged, store.CodeFailed, store.CodeFileDamaged, segment.CodeDamaged, ledger.CodeOutbox, ledger.CodeCall:
		return http.StatusInternalServerError
	}
	return http.StatusUnprocessableEntity
}

// problemOf makes the answer to err. Uncoded errors are ours, not the caller's:
// they are logged and their text kept from the wire.
func problemOf(err error, said *wording.Table, logger *slog.Logger) Problem {
	var coded *trace.Error
	if !errors.As(err, &coded) {
		coded = Failure(logger, "request failed", "error", err)
	}
	switch coded.Code {
	case store.CodeDamaged, store.CodeFailed, segment.CodeDamaged:
		// Their texts name files and folders of this machine.
		logger.Error("the store failed", "error", err)
		coded = trace.Errorf(coded.Code, "the server's disk failed; its log has the details. Repeat a write with the same Idempotency-Key once it is mended")
	case ledger.CodeOutbox:
		logger.Error("the outbox failed", "error", err)
		first, _, _ := strings.Cut(coded.Message, ": ")
		coded = trace.Errorf(coded.Code, "%s", first)
	}
	status := Status(coded.Code)
	p := Problem{
		Type:   "urn:traceledger:problem:" + string(coded.Code),
		Title:  http.StatusText(status),
		Status: status,
		Code:   coded.Code,
		Detail: coded.Message,

		DetailChinese: said.Refusal(coded.Code, coded.Message),
	}
	switch coded.Code {
	case ledger.CodeOutcomeUnknown, ledger.CodeBusy, ledger.CodeLedgerUnavailable, ledger.CodeClock, ledger.CodeConflict, CodeRateLimited, trace.CodeNotReady:
		p.Retriable = true
	}
	var unknown *ledger.UnknownOutcome
	if errors.As(err, &unknown) {
		p.Transaction = unknown.TransactionID
	}
	return p
}

// Failure logs what went wrong here, under a name for the request, and gives the refusal
// that tells its caller that name and nothing else.
func Failure(logger *slog.Logger, message string, about ...any) *trace.Error {
	name := rand.Text()[:12] // 60 bits
	logger.With("request", name).Error(message, about...)
	return trace.Errorf(CodeInternal, "the server failed; its log has the details under request %s", name)
}

// writeProblem sends the answer; one that may be tried again says after how long.
func writeProblem(w http.ResponseWriter, p Problem, after time.Duration) {
	w.Header().Set("Content-Type", "application/problem+json")
	if p.Retriable {
		w.Header().Set("Retry-After", strconv.Itoa(int(after/time.Second)))
	}
	w.WriteHeader(p.Status)
	// A failure here is the client's connection; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(p)
}
