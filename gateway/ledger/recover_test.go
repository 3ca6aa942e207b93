package ledger

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// The process dies at each step of a submit, by a power failure that keeps of its disk
// only what was synced. The next process recovers; then the caller, who had no answer,
// asks again. One record, and the true answer.
func TestCrashAtEachStep(t *testing.T) {
	n := newNetwork(t)
	type step struct {
		method  string
		carried bool // the ledger got the request before the process died
	}
	cases := map[string]struct {
		at     step
		outbox bool // the outbox knows of it
	}{
		"before endorsement":         {step{endorsing, false}, false},
		"endorsed, answer not seen":  {step{endorsing, true}, false},
		"in the outbox, not sent":    {step{submitting, false}, true},
		"sent, answer not seen":      {step{submitting, true}, true},
		"accepted, status not asked": {step{asking, false}, true},
		"committed, status not seen": {step{asking, true}, true},
	}
	run := func(name string, at step, outbox bool, options ...func(*Config)) {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			died := make(chan *vfs.MemFS, 1)
			ctx, kill := context.WithCancel(background)
			n.faults.set(func(method string, nth int, proceed func() error) error {
				if method != at.method || nth > 1 {
					return proceed()
				}
				if at.carried {
					_ = proceed()
				}
				died <- disk.CrashClone(vfs.CrashCloneCfg{})
				kill()
				return gone
			})
			// The dying process cannot be stopped at an instruction. It is held at its
			// next wait, and its disk is not the next one's.
			c := n.client(t, openStore(t, disk), append(options, func(cfg *Config) {
				cfg.Drain, cfg.Backoff = time.Nanosecond, Backoff{Base: time.Hour, Max: time.Hour}
			})...)
			_, err := c.Submit(ctx, n.farm, add(name, "key"))
			require.Equal(t, CodeOutcomeUnknown, trace.CodeOf(err))
			_ = c.Close()
			n.faults.set(nil)

			s := openStore(t, <-died)
			rows := 0
			require.NoError(t, s.Outbox().Pending(func(string, []byte) error { rows++; return nil }))
			require.Equal(t, outbox, rows == 1)
			c = n.client(t, s, options...)
			require.NoError(t, c.Recover(background))
			requireEmptyOutbox(t, s.Outbox())
			if outbox {
				require.Equal(t, "1", n.value(name), "what was promised to the outbox is done")
			}
			receipt, err := c.Submit(background, n.farm, add(name, "key"))
			require.NoError(t, err)
			require.Equal(t, "1", string(receipt.Result))
			require.Equal(t, "1", n.value(name))
			require.Equal(t, 1, n.validWrites(name))
			require.NoError(t, c.Close())
		})
	}
	for name, crash := range cases {
		run(name, crash.at, crash.outbox)
		if crash.at.method != asking { // whoever hears of commits does not ask
			run(name+", commits heard", crash.at, crash.outbox, n.withReader)
		}
	}
}

// A row that holds no question of its caller's can be left to its caller.
func TestRecoverWithoutAnybodyToAsk(t *testing.T) {
	n := newNetwork(t)
	disk := vfs.NewCrashableMem()
	died := make(chan *vfs.MemFS, 1)
	ctx, kill := context.WithCancel(background)
	c := n.client(t, openStore(t, disk), n.withReader, func(cfg *Config) {
		cfg.Drain, cfg.Backoff = time.Nanosecond, Backoff{Base: time.Hour, Max: time.Hour}
	})
	n.faults.set(func(method string, nth int, proceed func() error) error {
		if method != submitting {
			return proceed()
		}
		_ = proceed()
		died <- disk.CrashClone(vfs.CrashCloneCfg{})
		kill()
		return gone
	})
	_, err := c.Submit(ctx, n.farm, add("page", "key"))
	require.Equal(t, CodeOutcomeUnknown, trace.CodeOf(err))
	_ = c.Close()
	n.faults.set(nil)

	c = n.client(t, openStore(t, <-died))
	require.NoError(t, c.Recover(background), "nobody can ask, and nobody waits")
	_, err = c.Submit(background, n.farm, add("page", "key"))
	require.NoError(t, err)
	require.Equal(t, 1, n.validWrites("page"))
	require.NoError(t, c.Close())
}

// The answer is in the outbox but not synced when the power fails: asking again finds
// the same transaction.
func TestCrashLosesAnUnsyncedAnswer(t *testing.T) {
	n := newNetwork(t)
	disk := vfs.NewCrashableMem()
	c := n.client(t, openStore(t, disk))
	receipt, err := c.Submit(background, n.farm, add("page", "key"))
	require.NoError(t, err)
	s := openStore(t, disk.CrashClone(vfs.CrashCloneCfg{}))
	require.NoError(t, c.Close())

	again := n.client(t, s)
	second, err := again.Submit(background, n.farm, add("page", "key")) // without Recover
	require.NoError(t, err)
	require.Equal(t, receipt, second)
	require.Equal(t, "1", n.value("page"))
	require.NoError(t, again.Close())
}

// A transaction found void by Recover leaves its key free.
func TestRecoverDropsWhatBecameVoid(t *testing.T) {
	n := newNetwork(t)
	disk := vfs.NewCrashableMem()
	died := make(chan *vfs.MemFS, 1)
	ctx, kill := context.WithCancel(background)
	n.faults.set(func(method string, nth int, proceed func() error) error {
		if method == submitting {
			died <- disk.CrashClone(vfs.CrashCloneCfg{})
			kill()
			return gone
		}
		return proceed()
	})
	c := n.client(t, openStore(t, disk), func(cfg *Config) {
		cfg.Drain, cfg.Backoff = time.Nanosecond, Backoff{Base: time.Hour, Max: time.Hour}
	})
	_, err := c.Submit(ctx, n.farm, add("page", "key"))
	require.Equal(t, CodeOutcomeUnknown, trace.CodeOf(err))
	_ = c.Close()
	n.faults.set(nil)
	n.touch() // an hour passes

	s := openStore(t, <-died)
	c = n.client(t, s)
	require.NoError(t, c.Recover(background))
	requireEmptyOutbox(t, s.Outbox())
	require.Empty(t, n.value("page"))
	receipt, err := c.Submit(background, n.farm, add("page", "key"))
	require.NoError(t, err)
	require.Equal(t, "1", string(receipt.Result))
	require.NoError(t, c.Close())
}

// The orderers take the transaction no more. As long as it could still become valid
// the answer is "unknown"; once the epoch has moved on, the chain proves it void, and
// a new transaction is endorsed.
func TestNeverOrderedIsUnknownUntilProvenVoid(t *testing.T) {
	n := newNetwork(t)
	c := n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) { cfg.DoubtTimeout = 20 * time.Millisecond })
	open := make(chan struct{})
	ctx, leave := context.WithCancel(background)
	n.faults.set(func(method string, nth int, proceed func() error) error {
		if method == submitting {
			select {
			case <-open:
			default:
				if nth == 10 { // in doubt again and again
					leave()
				}
				return gone
			}
		}
		return proceed()
	})
	_, err := c.Submit(ctx, n.farm, add("page", "key"))
	require.Equal(t, CodeOutcomeUnknown, trace.CodeOf(err), "%v", err)
	var unknown *UnknownOutcome
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, 1, n.faults.count(endorsing), "nothing is endorsed while the first may yet commit")

	n.touch()
	require.Eventually(t, func() bool { return n.faults.count(endorsing) > 1 }, patience, 5*time.Millisecond)
	close(open)
	receipt, err := c.Submit(background, n.farm, add("page", "key"))
	require.NoError(t, err)
	require.NotEqual(t, unknown.TransactionID, receipt.TransactionID)
	require.NoError(t, c.Close())
	require.Equal(t, 1, n.validWrites("page"))
}

// Recover returns when its context ends and the ledger is out of reach; the work goes
// on, and a caller who asks again waits for it.
func TestRecoverWhileTheLedgerIsOutOfReach(t *testing.T) {
	n := newNetwork(t)
	disk := vfs.NewCrashableMem()
	died := make(chan *vfs.MemFS, 1)
	ctx, kill := context.WithCancel(background)
	n.faults.set(func(method string, nth int, proceed func() error) error {
		if method == endorsing {
			return proceed()
		}
		if method == submitting && nth == 1 {
			died <- disk.CrashClone(vfs.CrashCloneCfg{})
			kill()
		}
		return gone
	})
	c := n.client(t, openStore(t, disk), func(cfg *Config) {
		cfg.Drain, cfg.Backoff = time.Nanosecond, Backoff{Base: time.Hour, Max: time.Hour}
	})
	_, err := c.Submit(ctx, n.farm, add("page", "key"))
	require.Equal(t, CodeOutcomeUnknown, trace.CodeOf(err))
	_ = c.Close()

	c = n.client(t, openStore(t, <-died))
	short, cancel := context.WithTimeout(background, 50*time.Millisecond)
	defer cancel()
	require.Equal(t, CodeOutcomeUnknown, trace.CodeOf(c.Recover(short)))
	n.faults.set(nil)
	receipt, err := c.Submit(background, n.farm, add("page", "key"))
	require.NoError(t, err)
	require.Equal(t, "1", string(receipt.Result))
	require.NoError(t, c.Close())
	require.Equal(t, 1, n.validWrites("page"))
}
