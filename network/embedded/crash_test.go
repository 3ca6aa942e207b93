package embedded

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
)

// crash is what a disk may hold after losing power at one moment, and what had
// been promised by then.
type crash struct {
	name     string
	disk     *vfs.MemFS
	promises []promise
}

// promise is a transaction that was reported committed, or private data whose
// endorsement was answered.
type promise struct {
	id       string
	block    uint64
	key      string
	value    string
	endorsed *client.Transaction
}

// diskRecorder takes a picture of the disk before every operation that changes it.
type diskRecorder struct {
	disk *vfs.MemFS
	rng  *rand.Rand

	mu       sync.Mutex
	promises []promise
	crashes  []crash
	stopped  atomic.Bool
}

func (r *diskRecorder) MaybeError(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncTo, errorfs.OpFileSyncData,
		errorfs.OpCreate, errorfs.OpRename, errorfs.OpRemove, errorfs.OpFileClose:
		if !r.stopped.Load() {
			steady := op.Kind != errorfs.OpCreate && op.Kind != errorfs.OpRename && op.Kind != errorfs.OpRemove && op.Kind != errorfs.OpFileClose
			r.take(fmt.Sprintf("before %v of %s", op.Kind, op.Path), steady && strings.HasSuffix(op.Path, ".log"))
		}
	}
	return nil
}

func (r *diskRecorder) String() string { return "crash recorder" }

// take records a crash of this moment that loses everything unsynced. With torn
// set it records another one that keeps half of what was unsynced, which leaves
// torn writes in the log. Torn is for moments when no file has been made or
// renamed: Pebble counts on new names reaching the disk in order, as they do on
// journalling file systems, and the recorder would shuffle them.
func (r *diskRecorder) take(name string, torn bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// The promises are read before the disk: what they say must be on it.
	promises := append([]promise(nil), r.promises...)
	name = fmt.Sprintf("%d %s", len(r.crashes), name)
	r.crashes = append(r.crashes, crash{name, r.disk.CrashClone(vfs.CrashCloneCfg{}), promises})
	if torn {
		half := vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: r.rng}
		r.crashes = append(r.crashes, crash{name + ", torn", r.disk.CrashClone(half), promises})
	}
}

func (r *diskRecorder) promise(p promise) {
	r.mu.Lock()
	r.promises = append(r.promises, p)
	r.mu.Unlock()
	r.take("after promising "+p.key, false)
}

// TestCrash runs a script on a disk that loses what was not synced, cuts the
// power at every operation, and demands that each remaining disk opens, holds
// everything that was promised, and verifies in full.
func TestCrash(t *testing.T) {
	disk := vfs.NewCrashableMem()
	r := &diskRecorder{disk: disk, rng: rand.New(rand.NewPCG(1, 2))}
	e := crashScript(t, r)
	t.Logf("%d crashes", len(r.crashes))
	for _, c := range r.crashes {
		if !surviveCrash(t, c, e) {
			t.Fatalf("crash %s", c.name)
		}
	}
}

// crashScript founds a ledger, writes to it, closes it, opens it again and
// writes more.
func crashScript(t *testing.T, r *diskRecorder) *Enrolment {
	cfg := testConfig(errorfs.Wrap(r.disk, r))
	l, err := Open(cfg)
	require.NoError(t, err)
	r.take("after Open", false)
	e, err := l.Enrol("ProducerMSP", "tester", nil)
	require.NoError(t, err)
	write := func(l *Ledger, key string) {
		g := connectAs(t, l, e)
		defer func() { require.NoError(t, g.Close()) }()
		contract := g.GetNetwork("trace").GetContract("store")
		_, commit, err := contract.SubmitAsync("event", client.WithArguments(key, "value of "+key))
		require.NoError(t, err)
		status, err := commit.Status()
		require.NoError(t, err)
		require.Equal(t, peer.TxValidationCode_VALID, status.Code)
		r.promise(promise{id: status.TransactionID, block: status.BlockNumber, key: key, value: "value of " + key})
	}
	for i := range 3 {
		write(l, fmt.Sprintf("a%d", i))
	}
	g := connectAs(t, l, e)
	proposal, err := g.GetNetwork("trace").GetContract("store").NewProposal("secret", client.WithArguments("pair", "hidden"),
		client.WithTransient(map[string][]byte{"value": []byte("private value")}),
		client.WithEndorsingOrganizations("ProducerMSP", "LabMSP", "CarrierMSP"))
	require.NoError(t, err)
	endorsed, err := proposal.Endorse()
	require.NoError(t, err)
	r.promise(promise{id: endorsed.TransactionID(), key: "hidden", value: "private value", endorsed: endorsed})
	_, err = endorsed.Submit()
	require.NoError(t, err)
	require.NoError(t, g.Close())
	write(l, "b")
	require.NoError(t, l.Close())
	r.take("after Close", false)

	l, err = Open(cfg)
	require.NoError(t, err)
	write(l, "c")
	r.stopped.Store(true)
	require.NoError(t, l.Close())
	return e
}

func connectAs(t testing.TB, l *Ledger, e *Enrolment) *client.Gateway {
	t.Helper()
	id, sign := clientIdentity(t, e)
	g, err := client.Connect(id, client.WithSign(sign), client.WithClientConnection(l.Conn()),
		client.WithEvaluateTimeout(patience), client.WithEndorseTimeout(patience), client.WithSubmitTimeout(patience), client.WithCommitStatusTimeout(patience))
	require.NoError(t, err)
	return g
}

// surviveCrash reports whether the ledger that the crash left keeps its
// promises. It says why not.
func surviveCrash(t *testing.T, c crash, e *Enrolment) bool {
	l, err := Open(testConfig(c.disk))
	if err != nil {
		t.Errorf("open: %v", err)
		return false
	}
	defer func() { require.NoError(t, l.Close()) }()
	v := l.store.view()
	defer v.release()
	for _, p := range c.promises {
		if p.endorsed != nil {
			if !resubmit(t, l, e, p) {
				return false
			}
			continue
		}
		at, err := v.place(p.id)
		if err != nil || at == nil || at.block != p.block || at.code != peer.TxValidationCode_VALID {
			t.Errorf("transaction %s: want block %d, have %+v, %v", p.id, p.block, at, err)
			return false
		}
		value, err := v.Public("store", p.key)
		if err != nil || value == nil || string(value.Value) != p.value {
			t.Errorf("key %s: have %+v, %v", p.key, value, err)
			return false
		}
	}
	if err := l.Verify(testContext(t)); err != nil {
		t.Errorf("verify: %v", err)
		return false
	}
	return true
}

// resubmit sends an endorsed transaction to the ledger that the crash left: its
// private data must have been kept for it.
func resubmit(t *testing.T, l *Ledger, e *Enrolment, p promise) bool {
	g := connectAs(t, l, e)
	defer g.Close()
	raw, err := p.endorsed.Bytes()
	require.NoError(t, err)
	tx, err := g.NewTransaction(raw)
	require.NoError(t, err)
	// Refused as a duplicate when it was committed before the crash; its first
	// outcome counts either way.
	commit, err := tx.Submit()
	if err != nil {
		t.Errorf("submit again: %v", err)
		return false
	}
	status, err := commit.Status()
	if err != nil || status.Code != peer.TxValidationCode_VALID {
		t.Errorf("endorsed transaction: %+v, %v", status, err)
		return false
	}
	got, err := g.GetNetwork("trace").GetContract("store").EvaluateTransaction("reveal", "pair", p.key)
	if err != nil || string(got) != p.value {
		t.Errorf("private value: %q, %v", got, err)
		return false
	}
	return true
}
