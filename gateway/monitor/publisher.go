package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
)

// Ledger submits; *ledger.Client does.
type Ledger interface {
	Submit(ctx context.Context, id ledger.Identity, call ledger.Call) (ledger.Receipt, error)
}

// Publisher puts a monitor's rule version and verdicts on the chain, each once. It is
// safe for concurrent use.
type Publisher struct {
	Ledger   Ledger
	Identity ledger.Identity // role monitor
	Metrics  *Metrics        // nil counts into nowhere
	Logger   *slog.Logger    // nil is slog.Default()

	// Backoff is the first wait after the ledger was away, doubling to a hundredfold;
	// 0 is 100 ms.
	Backoff time.Duration
}

// Publish puts a rule version on file; that it is there already is no error, unless
// another party or other content has taken its name. It waits for a ledger that is away.
func (p *Publisher) Publish(ctx context.Context, rule Rule) error {
	request := trace.PublishRuleRequest{
		Write:   trace.Write{IdempotencyKey: "rule-" + rule.Monitor + "-" + rule.Version},
		Monitor: rule.Monitor, Version: rule.Version, Description: rule.Description, Content: trace.DigestOf(rule.Content),
	}
	// No word of its own about the time: a restart must ask for the very same record.
	request.Claimed = ruleTime
	err := p.persist(ctx, "PublishRule", request.IdempotencyKey, &request)
	if code := trace.CodeOf(err); code == trace.CodeAlreadyRecorded {
		return nil
	} else if code == trace.CodeAlreadyExists {
		return fmt.Errorf("monitor %s: version %s is on the chain with other content, or of another party; changed rule data need a new version: %w", rule.Monitor, rule.Version, err)
	}
	return err
}

// ruleTime is the claimed time of every rule version, 2026-01-01 at +08:00: a record that
// is the same after each start can carry no clock. When it was recorded the chain knows.
const ruleTime trace.Time = 1_767_196_800_000

// Outcome is what became of a finding.
type Outcome string

// Outcomes.
const (
	Given   Outcome = "given"   // its verdict was recorded by this call
	Known   Outcome = "known"   // its verdict is on the chain
	Refused Outcome = "refused" // the contract does not take it, now or later
)

// Give records the verdict of a finding. It waits for a ledger that is away; an error
// means that ctx ended first, or that the finding is not of any form.
func (p *Publisher) Give(ctx context.Context, rule Rule, f Finding) (Outcome, error) {
	request, err := f.request(rule)
	if err != nil {
		return "", fmt.Errorf("finding %s on %s %s: %w", f.Finding, f.Subject.Kind, f.Subject.ID, err)
	}
	err = p.persist(ctx, "Give", "verdict-"+string(rules.VerdictID(request)), request)
	outcome := Given
	switch code := trace.CodeOf(err); {
	case err == nil:
	case code == trace.CodeAlreadyRecorded,
		code == trace.CodeAlreadyExists, code == ledger.CodeKeyReused: // in the words of an earlier program
		outcome, err = Known, nil
	case !passing(code):
		p.logger().Error("verdict refused", "monitor", rule.Monitor, "subject", f.Subject.ID, "finding", f.Finding, "error", err)
		outcome, err = Refused, nil
	}
	if err == nil {
		p.Metrics.verdict(rule.Monitor, f.Finding, outcome)
	}
	return outcome, err
}

// persist submits until there is an answer.
func (p *Publisher) persist(ctx context.Context, method, key string, request any) error {
	arguments, err := json.Marshal(request)
	if err != nil {
		return err
	}
	call := ledger.Call{Contract: "verdict", Method: method, Arguments: arguments, IdempotencyKey: key}
	for try := 0; ; try++ {
		_, err := p.Ledger.Submit(ctx, p.Identity, call)
		if err == nil || !passing(trace.CodeOf(err)) {
			return err
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		p.Metrics.failed()
		level := slog.LevelWarn
		if code := trace.CodeOf(err); code == trace.CodeNotReady || code == trace.CodeUnknownParty {
			level = slog.LevelInfo // a new channel, or a monitor that is not admitted yet
		}
		p.logger().Log(ctx, level, "not taken for now; asking again", "method", method, "error", err)
		if err := pause(ctx, p.Backoff, try); err != nil {
			return err
		}
	}
}

// passing tells whether an answer may be another one later: what says nothing about the
// request itself.
func passing(code trace.Code) bool {
	switch code {
	case ledger.CodeBusy, ledger.CodeLedgerUnavailable, ledger.CodeConflict, ledger.CodeOutcomeUnknown,
		ledger.CodeOutbox, ledger.CodeClock, ledger.CodeCertificate, ledger.CodeInvalid, ledger.CodeEndorsement,
		trace.CodeNotReady, trace.CodeUnknownParty, trace.CodePartySuspended, "":
		return true
	}
	return false
}

func pause(ctx context.Context, first time.Duration, try int) error {
	if first <= 0 {
		first = 100 * time.Millisecond
	}
	wait := first << min(try, 7)
	wait = min(wait, 100*first)
	timer := time.NewTimer(wait/2 + rand.N(wait/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Publisher) logger() *slog.Logger {
	if p.Logger == nil {
		return slog.Default()
	}
	return p.Logger
}
