package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/chaincode/trace"
)

var (
	background = context.Background()
	gone       = status.Error(codes.Unavailable, "injected: connection lost")
)

func TestSubmitAndEvaluate(t *testing.T) {
	n := newNetwork(t)
	c := n.client(t, openStore(t, vfs.NewMem()))

	first, err := c.Submit(background, n.farm, write("page 1", "key 1"))
	require.NoError(t, err)
	require.Equal(t, "written page 1", string(first.Result))
	require.Len(t, first.TransactionID, 64)
	require.Equal(t, n.ledger.Height()-1, first.Block)
	value, err := c.Evaluate(background, n.farm, Call{Contract: "diary", Method: "Read", Arguments: []byte("page 1")})
	require.NoError(t, err)
	require.Equal(t, "page 1", string(value))

	again, err := c.Submit(background, n.farm, write("page 1", "key 1"))
	require.NoError(t, err)
	require.Equal(t, first, again, "the same request has the same answer")
	_, err = c.Submit(background, n.farm, write("page 2", "key 1"))
	require.Equal(t, CodeKeyReused, trace.CodeOf(err))
	other := n.enrol("ProducerMSP", "farm2", map[string]string{"trace.party": "P-FARM-02", "trace.role": "farm"})
	_, err = c.Submit(background, other, write("page 2", "key 1"))
	require.NoError(t, err, "another party has its own keys")

	receipt, err := c.Submit(background, n.farm, Call{
		Contract: "diary", Method: "Secret", Arguments: []byte("page 3"), IdempotencyKey: "key 3",
		Transient: map[string][]byte{"payload": []byte("readings")}, Endorsers: []string{"ProducerMSP", "LabMSP", "CarrierMSP"},
	})
	require.NoError(t, err)
	require.Len(t, receipt.Result, 64)
	require.NoError(t, c.Close())
	_, err = c.Submit(background, n.farm, write("page 4", "key 4"))
	require.Equal(t, CodeBusy, trace.CodeOf(err), "a closed client takes nothing on")
}

func TestRefusalsAreCodedAndNotRemembered(t *testing.T) {
	n := newNetwork(t)
	s := openStore(t, vfs.NewMem())
	c := n.client(t, s)
	_, err := c.Submit(background, n.farm, write("forbidden page", "key"))
	require.Equal(t, &trace.Error{Code: trace.CodeForbidden, Message: `"forbidden page" may not be written`}, err)
	_, err = c.Evaluate(background, n.farm, Call{Contract: "diary", Method: "Burn"})
	require.Equal(t, trace.CodeUnknownMethod, trace.CodeOf(err))
	_, err = c.Submit(background, n.farm, write("page", "key"))
	require.NoError(t, err, "a refusal leaves its key free")

	for name, call := range map[string]Call{
		"no key":       {Contract: "diary", Method: "Write"},
		"no method":    {Contract: "diary", IdempotencyKey: "k"},
		"no endorsers": {Contract: "diary", Method: "Secret", IdempotencyKey: "k", Transient: map[string][]byte{"payload": nil}},
	} {
		_, err := c.Submit(background, n.farm, call)
		require.Equal(t, CodeCall, trace.CodeOf(err), name)
	}
	require.NoError(t, c.Close())
	requireEmptyOutbox(t, s.Outbox())
}

func requireEmptyOutbox(t *testing.T, outbox Outbox) {
	t.Helper()
	require.NoError(t, outbox.Pending(func(string, []byte) error { return errors.New("a transaction is left in the outbox") }))
}

func TestAlreadyRecordedIsResolved(t *testing.T) {
	n := newNetwork(t)
	n.direct("diary:Write", "page")
	want := Receipt{TransactionID: "found in the index", Block: 7, Result: []byte("x")}
	c := n.client(t, openStore(t, vfs.NewMem()))
	_, err := c.Submit(background, n.farm, write("page", "key"))
	require.Equal(t, trace.CodeAlreadyRecorded, trace.CodeOf(err))
	require.NoError(t, c.Close())

	asked := 0
	c = n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) {
		cfg.Resolve = func(_ context.Context, id Identity, call Call) (Receipt, error) {
			asked++
			require.Equal(t, "P-FARM-01", id.Party)
			return want, nil
		}
	})
	for range 2 {
		receipt, err := c.Submit(background, n.farm, write("page", "key"))
		require.NoError(t, err)
		require.Equal(t, want, receipt)
	}
	require.Equal(t, 1, asked, "the answer is remembered")
	require.NoError(t, c.Close())
}

// Whatever happens to the answers, the call takes effect once and its caller learns
// where.
func TestFaults(t *testing.T) {
	n := newNetwork(t)
	lose := func(proceed func() error) error { _ = proceed(); return gone }
	cases := map[string]func(method string, nth int, proceed func() error) error{
		"endorser gone once": func(method string, nth int, proceed func() error) error {
			if method == endorsing && nth == 1 {
				return gone
			}
			return proceed()
		},
		"endorsers disagree": func(method string, nth int, proceed func() error) error {
			if method == endorsing && nth <= 2 {
				return status.Error(codes.Aborted, "failed to collect enough transaction endorsements: ProposalResponsePayloads do not match")
			}
			return proceed()
		},
		"answer to submit lost": func(method string, nth int, proceed func() error) error {
			if method == submitting && nth == 1 {
				return lose(proceed)
			}
			return proceed()
		},
		"all answers to submit lost": func(method string, nth int, proceed func() error) error {
			if method == submitting {
				return lose(proceed)
			}
			return proceed()
		},
		"submit not ordered": func(method string, nth int, proceed func() error) error {
			if method == submitting && nth <= 3 {
				return gone
			}
			return proceed()
		},
		"submit accepted and dropped": func(method string, nth int, proceed func() error) error {
			if method == submitting && nth == 1 {
				return nil
			}
			if method == asking && nth == 1 {
				return status.Error(codes.DeadlineExceeded, "injected: no status in time")
			}
			return proceed()
		},
		"status lost": func(method string, nth int, proceed func() error) error {
			if method == asking && nth <= 3 {
				return lose(proceed)
			}
			return proceed()
		},
		"submit and status lost": func(method string, nth int, proceed func() error) error {
			if (method == asking || method == submitting) && nth <= 2 {
				return lose(proceed)
			}
			return proceed()
		},
		"status never to be had": func(method string, nth int, proceed func() error) error {
			if method == asking {
				return gone
			}
			return proceed()
		},
	}
	run := func(name string, rule func(method string, nth int, proceed func() error) error, options ...func(*Config)) {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, vfs.NewMem())
			c := n.client(t, s, options...)
			if c.cfg.Reader != nil {
				awaitStream(t, c)
			}
			n.faults.set(rule)
			receipt, err := c.Submit(background, n.farm, add(name, "key"))
			require.NoError(t, err)
			require.Equal(t, "1", string(receipt.Result))
			again, err := c.Submit(background, n.farm, add(name, "key"))
			require.NoError(t, err)
			require.Equal(t, receipt, again)
			require.NoError(t, c.Close())
			n.faults.set(nil)
			require.Equal(t, "1", n.value(name))
			require.Equal(t, 1, n.validWrites(name))
			requireEmptyOutbox(t, s.Outbox())
		})
	}
	for name, rule := range cases {
		run(name, rule)
		run(name+", commits heard", rule, n.withReader)
	}
}

// Another writer gets in between endorsement and commit: the transaction is committed
// as invalid, and a new one is endorsed.
func TestConflictIsEndorsedAnew(t *testing.T) {
	n := newNetwork(t)
	metrics := NewMetrics()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	c := n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) { cfg.Metrics = metrics })
	n.faults.set(func(method string, nth int, proceed func() error) error {
		if method == submitting && nth <= 2 {
			n.direct("diary:Add", "balance")
		}
		return proceed()
	})
	receipt, err := c.Submit(background, n.farm, add("balance", "key"))
	require.NoError(t, err)
	require.Equal(t, "3", string(receipt.Result))
	require.Equal(t, 3, n.faults.count(endorsing))
	require.Equal(t, 3, n.validWrites("balance"))
	require.Equal(t, 2.0, testutil.ToFloat64(metrics.retries.WithLabelValues("MVCC_READ_CONFLICT")))
	require.Equal(t, 1.0, testutil.ToFloat64(metrics.submits.WithLabelValues("OK")))
	require.Zero(t, testutil.ToFloat64(metrics.inFlight)+testutil.ToFloat64(metrics.waiting)+testutil.ToFloat64(metrics.outbox))
	_, err = registry.Gather()
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// A transaction that lacks an endorsement is endorsed anew once, as the channel may have
// begun to ask for more; if it lacks one again, nobody would gain by more of them.
func TestLackOfAnEndorsementIsTriedTwice(t *testing.T) {
	n := newNetwork(t)
	metrics := NewMetrics()
	c := n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) { cfg.Metrics = metrics })
	call := add("short", "key")
	call.Endorsers = []string{n.farm.MSPID}
	_, err := c.Submit(background, n.farm, call)
	require.Equal(t, CodeInvalid, trace.CodeOf(err), err)
	require.ErrorContains(t, err, "ENDORSEMENT_POLICY_FAILURE")
	require.Equal(t, 2, n.faults.count(endorsing))
	require.Equal(t, 2.0, testutil.ToFloat64(metrics.retries.WithLabelValues("ENDORSEMENT_POLICY_FAILURE")))
	require.Zero(t, n.validWrites("short"))
	require.NoError(t, c.Close())
}

func TestConflictsAreBounded(t *testing.T) {
	n := newNetwork(t)
	s := openStore(t, vfs.NewMem())
	c := n.client(t, s, func(cfg *Config) { cfg.Conflicts = 2 })
	n.faults.set(func(method string, nth int, proceed func() error) error {
		if method == submitting {
			n.direct("diary:Add", "balance")
		}
		return proceed()
	})
	_, err := c.Submit(background, n.farm, add("balance", "key"))
	require.Equal(t, CodeConflict, trace.CodeOf(err), "%v", err)
	require.Equal(t, 3, n.faults.count(endorsing))
	require.Equal(t, 3, n.validWrites("balance"), "those of the other writer")
	require.NoError(t, c.Close())
	requireEmptyOutbox(t, s.Outbox())
}

func TestManyWritersOfOneBalance(t *testing.T) {
	n := newNetwork(t)
	c := n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) { cfg.Conflicts = 1000 })
	const writers = 16
	var work sync.WaitGroup
	for i := range writers {
		work.Go(func() {
			_, err := c.Submit(background, n.farm, add("balance", fmt.Sprint(i)))
			require.NoError(t, err)
		})
	}
	work.Wait()
	require.NoError(t, c.Close())
	require.Equal(t, fmt.Sprint(writers), n.value("balance"))
}

func TestRepeatsAtTheSameTimeAreOneCall(t *testing.T) {
	n := newNetwork(t)
	c := n.client(t, openStore(t, vfs.NewMem()))
	receipts := make([]Receipt, 20)
	var work sync.WaitGroup
	for i := range receipts {
		work.Go(func() {
			var err error
			receipts[i], err = c.Submit(background, n.farm, add("once", "key"))
			require.NoError(t, err)
		})
	}
	work.Wait()
	for _, receipt := range receipts {
		require.Equal(t, receipts[0], receipt)
	}
	require.NoError(t, c.Close())
	require.Equal(t, "1", n.value("once"))
}

// The caller stops waiting; the work goes on, and asking again gives the answer.
func TestCallerLeaves(t *testing.T) {
	n := newNetwork(t)
	c := n.client(t, openStore(t, vfs.NewMem()))
	ctx, leave := context.WithCancel(background)
	release := make(chan struct{})
	n.faults.set(func(method string, nth int, proceed func() error) error {
		if method == submitting && nth == 1 {
			leave()
			<-release
		}
		return proceed()
	})
	_, err := c.Submit(ctx, n.farm, add("page", "key"))
	var unknown *UnknownOutcome
	require.ErrorAs(t, err, &unknown)
	require.Len(t, unknown.TransactionID, 64)
	require.Equal(t, CodeOutcomeUnknown, trace.CodeOf(err))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, unknown.TransactionID)
	_, err = c.Submit(background, n.farm, add("another page", "key"))
	require.Equal(t, CodeKeyReused, trace.CodeOf(err))
	close(release)
	receipt, err := c.Submit(background, n.farm, add("page", "key"))
	require.NoError(t, err)
	require.Equal(t, unknown.TransactionID, receipt.TransactionID)
	require.NoError(t, c.Close())
	require.Equal(t, "1", n.value("page"))
}

// A caller without a deadline is not kept waiting for ever either.
func TestSlowLedger(t *testing.T) {
	n := newNetwork(t)
	c := n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) { cfg.AnswerTimeout = 20 * time.Millisecond })
	release := make(chan struct{})
	n.faults.set(func(method string, nth int, proceed func() error) error {
		<-release
		return proceed()
	})
	_, err := c.Submit(background, n.farm, add("page", "key"))
	var unknown *UnknownOutcome
	require.ErrorAs(t, err, &unknown)
	require.Empty(t, unknown.TransactionID, "still waiting for its endorsement")
	close(release)
	ctx, leave := context.WithCancel(background)
	leave()
	_, err = c.Submit(ctx, n.farm, add("page", "other key"))
	require.Equal(t, CodeBusy, trace.CodeOf(err), "nothing is begun for a caller who has left")
	require.NoError(t, c.Close())
	require.Equal(t, "1", n.value("page"))
}

func TestBackPressure(t *testing.T) {
	n := newNetwork(t)
	c := n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) { cfg.MaxInFlight, cfg.MaxQueue = 1, 1 })
	release := make(chan struct{})
	n.faults.set(func(method string, nth int, proceed func() error) error {
		<-release
		return proceed()
	})
	var work sync.WaitGroup
	for i := range 2 {
		work.Go(func() {
			_, err := c.Submit(background, n.farm, write(fmt.Sprint(i), fmt.Sprint(i)))
			require.NoError(t, err)
		})
	}
	require.Eventually(t, func() bool { return c.waiting.Load() == 2 }, patience, time.Millisecond)
	_, err := c.Submit(background, n.farm, write("third", "third"))
	require.Equal(t, CodeBusy, trace.CodeOf(err))
	close(release)
	work.Wait()
	_, err = c.Submit(background, n.farm, write("third", "third"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

func TestOtherConnectionsAreUsed(t *testing.T) {
	n := newNetwork(t)
	dead := &faultyConn{ClientConnInterface: n.ledger.Conn()}
	dead.set(func(string, int, func() error) error { return gone })
	c := n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) { cfg.Conns = []grpc.ClientConnInterface{dead, n.faults} })
	for i := range 3 {
		_, err := c.Submit(background, n.farm, write(fmt.Sprint(i), fmt.Sprint(i)))
		require.NoError(t, err)
	}
	_, err := c.Evaluate(background, n.farm, Call{Contract: "diary", Method: "Read", Arguments: []byte("1")})
	require.NoError(t, err)
	require.Equal(t, 1, dead.count(endorsing), "a dead connection is not tried every time")
	require.NoError(t, c.Close())
}

func TestLedgerOutOfReach(t *testing.T) {
	n := newNetwork(t)
	s := openStore(t, vfs.NewMem())
	c := n.client(t, s)
	n.faults.set(func(string, int, func() error) error { return gone })
	_, err := c.Submit(background, n.farm, write("page", "key"))
	require.Equal(t, CodeLedgerUnavailable, trace.CodeOf(err), "nothing was sent, so this is definite")
	_, err = c.Evaluate(background, n.farm, Call{Contract: "diary", Method: "Read", Arguments: []byte("1")})
	require.Equal(t, CodeLedgerUnavailable, trace.CodeOf(err))
	requireEmptyOutbox(t, s.Outbox())
	n.faults.set(nil)
	_, err = c.Submit(background, n.farm, write("page", "key"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// An endorser that lags behind refuses what is right; with Config.Lag the refusal has
// to last.
func TestRefusalOfALaggingEndorser(t *testing.T) {
	n := newNetwork(t)
	c := n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) { cfg.Lag = 50 * time.Millisecond })
	n.faults.set(func(method string, nth int, proceed func() error) error {
		if method == endorsing && nth == 1 {
			return status.Error(codes.Aborted, "chaincode response 500, NOT_FOUND: no such batch")
		}
		return proceed()
	})
	_, err := c.Submit(background, n.farm, write("page", "key"))
	require.NoError(t, err)
	_, err = c.Submit(background, n.farm, write("forbidden", "other key"))
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(err))
	require.NoError(t, c.Close())
}
