package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/chaincode/trace"
)

// Codes this package answers with, beside those of the contracts.
const (
	CodeCall              trace.Code = "CALL"                   // the call itself is not complete
	CodeKeyReused         trace.Code = "IDEMPOTENCY_KEY_REUSED" // the key was used for another request
	CodeBusy              trace.Code = "BUSY"                   // too many calls wait, or the gateway is shutting down; nothing was sent
	CodeLedgerUnavailable trace.Code = "LEDGER_UNAVAILABLE"     // no endorsement to be had now; nothing was recorded
	CodeEndorsement       trace.Code = "ENDORSEMENT"            // the ledger refused to endorse, without a contract's code
	CodeCertificate       trace.Code = "CERTIFICATE"            // the ledger does not take the caller's certificate: expired, revoked, or not of its organisation
	CodeClock             trace.Code = "CLOCK"                  // the gateway's clock is too far off the ledger's; nothing was recorded
	CodeConflict          trace.Code = "CONFLICT"               // others kept changing the same balance; nothing was recorded
	CodeInvalid           trace.Code = "TRANSACTION_INVALID"    // committed as invalid; nothing was recorded
	CodeOutcomeUnknown    trace.Code = "OUTCOME_UNKNOWN"        // the transaction may or may not take effect; ask again
	CodeOutbox            trace.Code = "OUTBOX"                 // the gateway's own disk failed; see the message for what is known
)

// UnknownOutcome is the answer while nobody can say whether a call took effect. It
// unwraps to a *trace.Error with CodeOutcomeUnknown.
type UnknownOutcome struct {
	TransactionID string // empty: not yet sent
	Reason        error  // why it is not known, or not yet
}

func (e *UnknownOutcome) coded() *trace.Error {
	if e.TransactionID == "" {
		return trace.Errorf(CodeOutcomeUnknown, "the request is still waiting to be sent (%v): ask again with the same idempotency key", e.Reason)
	}
	return trace.Errorf(CodeOutcomeUnknown, "transaction %s may or may not take effect (%v): ask again with the same idempotency key", e.TransactionID, e.Reason)
}

func (e *UnknownOutcome) Error() string { return e.coded().Error() }

// Unwrap gives the coded error first, then the reason.
func (e *UnknownOutcome) Unwrap() []error { return []error{e.coded(), e.Reason} }

// reason is why an endorsement or evaluation failed.
type reason int

const (
	refused     reason = iota // by the contract or by the ledger's rules
	unreachable               // nobody answered who could have; try elsewhere or later
	conflicting               // endorsers at different heights simulated different results
)

func (r reason) String() string {
	return [...]string{"refused", "unreachable", "conflicting"}[r]
}

// explain is the one place where an error of the ledger is taken apart: a contract's
// refusal is restored to the *trace.Error it was before it crossed the chain, and
// everything else gets a code of this package. The result is definite: the call
// that failed has changed nothing.
func explain(err error) (reason, *trace.Error) {
	state := status.Convert(err)
	texts := textsOf(state)
	if errors.Is(err, errDisagree) {
		return conflicting, disagreeing(texts)
	}
	for _, text := range texts {
		if !isRefusal(text) {
			continue
		}
		if coded, ok := trace.Parse(text); ok {
			return refused, coded
		}
	}
	all := strings.Join(texts, "; ")
	switch {
	case strings.Contains(all, expiredText):
		return refused, trace.Errorf(CodeCertificate, "the certificate that this gateway signs with for the caller has expired: enrol it again")
	case strings.Contains(all, strangerText):
		return refused, trace.Errorf(CodeCertificate, "the ledger does not take the certificate that this gateway signs with for the caller: it is revoked, or not of its organisation; enrol it in this ledger")
	case strings.Contains(all, clockText):
		return refused, trace.Errorf(CodeClock, "nothing was recorded: this gateway's clock is more than 15 minutes off the ledger's; its operator sets it right")
	case state.Code() == codes.Unavailable && strings.Contains(state.Message(), untrustedText):
		return unreachable, trace.Errorf(CodeLedgerUnavailable, "nothing was recorded: this gateway does not trust the certificate that the ledger's peer shows (%s); its operator compares tlsCA in the connection file", state.Message())
	case strings.Contains(all, "ProposalResponsePayloads do not match"):
		return conflicting, disagreeing(texts)
	case isUnreachable(state.Code(), all):
		return unreachable, trace.Errorf(CodeLedgerUnavailable, "no endorsement to be had now, nothing was recorded: %s", all)
	default:
		return refused, trace.Errorf(CodeEndorsement, "the ledger refused to endorse it, nothing was recorded: %s: %s", state.Code(), all)
	}
}

// What a peer says of a certificate or a time it does not take, and what this side says of
// a peer's certificate. Evaluate answers some of it as "unavailable", which says nothing
// of the peer.
const (
	expiredText  = "proposal client identity expired"
	clockText    = "request unauthorized due to incorrect timestamp"
	strangerText = "error validating proposal: access denied: channel"

	untrustedText = "authentication handshake failed: tls: failed to verify certificate"
)

func disagreeing(texts []string) *trace.Error {
	return trace.Errorf(CodeConflict, "endorsers disagree for now: %s", strings.Join(texts, "; "))
}

func textsOf(state *status.Status) []string {
	texts := []string{state.Message()}
	for _, detail := range state.Details() {
		if detail, ok := detail.(*gateway.ErrorDetail); ok {
			texts = append(texts, detail.GetMessage())
		}
	}
	return texts
}

func isUnreachable(code codes.Code, text string) bool {
	switch code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Canceled:
		return true
	case codes.FailedPrecondition:
		// The gateway does not know enough peers, as in its first seconds.
		return strings.Contains(text, "no combination of peers") || strings.Contains(text, "no endorsement combination")
	case codes.Aborted:
		// The gateway's peer could not reach other organisations' peers, or was just
		// changing its connection to one, or a peer could not reach its chaincode.
		for _, sign := range []string{"code = Unavailable", "code = Canceled", "code = DeadlineExceeded", "connection error", "failed to execute transaction"} {
			if strings.Contains(text, sign) {
				return true
			}
		}
		return false
	default:
		return false
	}
}

// doubt describes a failed submit or status question for logs and for
// UnknownOutcome.Reason.
func doubt(err error) error {
	if isSubmitError(err) {
		return fmt.Errorf("the answer to the submit was lost: %w", err)
	}
	return fmt.Errorf("the commit status is not to be had: %w", err)
}

func isSubmitError(err error) bool {
	var submit *client.SubmitError
	return errors.As(err, &submit)
}

// outcomeLabel is the metric label of a call's answer.
func outcomeLabel(err error) string {
	if err == nil {
		return "OK"
	}
	if code := trace.CodeOf(err); code != "" {
		return string(code)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return "CANCELLED"
	}
	return "OTHER"
}
