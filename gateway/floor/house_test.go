package floor_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// lowest finds "全网最低价", as a lexicon of one word would: the checkers that are used
// have tests of their own.
type lowest struct{ version string }

const lowestTerm = "全网最低价"

func (c lowest) Rule() floor.Rule {
	return floor.Rule{Monitor: "speech", Version: c.version, Description: "绝对化用语", Content: trace.DigestOf([]byte(lowestTerm))}
}

func (lowest) Check(said floor.Said) ([]floor.Finding, error) {
	at := strings.Index(said.Text, lowestTerm)
	if at < 0 {
		return nil, nil
	}
	return []floor.Finding{{
		Code: "absolute-term", Level: trace.LevelViolation, Text: "绝对化用语：" + lowestTerm, TextEnglish: "An absolute term",
		Term: floor.Term{Text: lowestTerm, Begin: at, End: at + len(lowestTerm), Article: "广告法第九条"},
	}}, nil
}

// house is a floor on a real ledger, with a store whose disk can lose its power.
type house struct {
	*contracttest.Live
	t      *testing.T
	disk   *vfs.MemFS
	store  *store.Store
	index  *index.Index
	client *ledger.Client
	floor  *floor.Floor
	ids    map[string]ledger.Identity
	config floor.Config
	// through, when set, is what the floor's calls go through on their way to the ledger.
	through func(floor.Ledger) floor.Ledger
	hold    chan struct{} // runs are sent on once it is closed; nil: at once
	down    []func()
}

// Submit is the ledger's, which may be slow to take runs.
func (h *house) Submit(ctx context.Context, as ledger.Identity, call ledger.Call) (ledger.Receipt, error) {
	if h.hold != nil && call.Method == "AnchorTranscript" {
		<-h.hold
	}
	return h.client.Submit(ctx, as, call)
}

func (h *house) Identity(enrolment string) (ledger.Identity, error) {
	id, found := h.ids[enrolment]
	if !found {
		return id, fmt.Errorf("nobody enrolled %s", enrolment)
	}
	return id, nil
}

func newHouse(t *testing.T, configure func(*floor.Config)) *house {
	t.Helper()
	h := &house{
		Live: contracttest.StartLive(contracttest.StartKiwifruit(contracttest.Start(t))),
		t:    t, disk: vfs.NewCrashableMem(), ids: map[string]ledger.Identity{},
	}
	h.enrol(trace.RoleMonitor, "monitor-01")
	h.enrol(trace.RolePlatformOperator, "operator-01")
	h.enrol(trace.RoleScanner, "platform-reader")
	h.config = floor.Config{
		Identities: h, Checker: lowest{"lowest-1"}, Monitor: "monitor-01@monitor", Operator: "operator-01@platform-operator",
		Limits: floor.Limits{RunUtterances: 3, RunAge: 300 * time.Millisecond, Retry: 50 * time.Millisecond},
	}
	if configure != nil {
		configure(&h.config)
	}
	t.Cleanup(func() { h.stop() })
	h.start()
	return h
}

func (h *house) enrol(role trace.Role, party trace.PartyID) {
	name := string(party) + "@" + string(role)
	enrolment, err := h.Ledger.Ledger.Enrol(trace.MSPOf(role), name, map[string]string{
		trace.AttributeRole: string(role), trace.AttributeParty: string(party),
	})
	require.NoError(h.t, err)
	h.ids[name], err = ledger.NewIdentity(trace.MSPOf(role), enrolment.CertPEM, enrolment.KeyPEM)
	require.NoError(h.t, err)
}

// start opens everything on the disk as it is.
func (h *house) start() {
	h.t.Helper()
	logger := slog.New(slog.NewTextHandler(h.t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	var err error
	h.store, err = store.Open(store.Config{Dir: "store", FS: h.disk, Logger: logger})
	require.NoError(h.t, err)
	h.index, err = index.Open(index.Config{Dir: h.t.TempDir(), Logger: logger})
	require.NoError(h.t, err)
	conn := h.Conn()
	h.client, err = ledger.New(ledger.Config{
		Conns: []grpc.ClientConnInterface{conn}, Channel: contracttest.Channel, Chaincode: contracttest.Chaincode, Outbox: h.store.Outbox(), Logger: logger,
	})
	require.NoError(h.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		reader := h.ids["platform-reader@scanner"]
		_ = h.index.Follow(ctx, func(ctx context.Context, from uint64, handle func(*common.Block) error) error {
			return h.client.Blocks(ctx, reader, from, handle)
		})
	}()
	h.caughtUp()
	cfg := h.config
	cfg.Ledger, cfg.Index, cfg.Store, cfg.Logger = h, h.index, h.store, logger
	if h.through != nil {
		cfg.Ledger = h.through(h)
	}
	h.floor, err = floor.New(cfg)
	require.NoError(h.t, err)
	ran := make(chan error, 1)
	go func() { ran <- h.floor.Run(ctx) }()
	h.down = []func(){
		cancel,
		func() { require.NoError(h.t, <-ran) },
		func() { <-followed },
		func() { _ = h.client.Close() },
		func() { _ = h.index.Close() },
		func() { _ = h.store.Close() },
		func() { _ = conn.Close() },
	}
}

// stop ends it in good order.
func (h *house) stop() {
	for _, end := range h.down {
		end()
	}
	h.down = nil
}

// crash loses the power: what was not made durable is gone, and all begins anew.
func (h *house) crash() {
	h.t.Helper()
	left := h.disk.CrashClone(vfs.CrashCloneCfg{})
	h.stop()
	h.disk = left
	h.start()
}

// caughtUp waits until the read model is level with the chain.
func (h *house) caughtUp() {
	h.t.Helper()
	height, err := h.client.Height(h.t.Context(), h.ids["platform-reader@scanner"])
	require.NoError(h.t, err)
	require.NoError(h.t, h.index.WaitFor(h.t.Context(), height-1))
}

func (h *house) monitor() floor.Transcriber {
	return floor.Transcriber{Party: "monitor-01", Role: trace.RoleMonitor, Enrolment: "monitor-01@monitor"}
}

// say sends utterances of the first host, ten seconds apart, and expects them taken.
func (h *house) say(first int64, texts ...string) {
	h.t.Helper()
	through, err := h.floor.Accept(h.t.Context(), h.monitor(), h.Stream, h.spoken(first, texts...))
	require.NoError(h.t, err)
	require.Equal(h.t, first+int64(len(texts))-1, through)
}

func (h *house) spoken(first int64, texts ...string) []floor.Spoken {
	var out []floor.Spoken
	for i, text := range texts {
		n := first + int64(i)
		from := h.Began + trace.Time(n)*1_000
		out = append(out, floor.Spoken{Number: n, From: from, To: from + 800, Host: h.Host.Party, Text: text})
	}
	return out
}

// eventually waits for what the chain will show.
func (h *house) eventually(what string, is func(*index.Stream) bool) *index.Stream {
	h.t.Helper()
	var last *index.Stream
	deadline := time.Now().Add(2 * time.Minute)
	for {
		height := h.index.Height()
		stream, found, err := h.index.Stream(h.Stream)
		require.NoError(h.t, err)
		if last = stream; found && is(stream) {
			return stream
		}
		left := time.Until(deadline)
		if left <= 0 {
			require.FailNow(h.t, "not in time", "%s: %+v", what, last)
		}
		ctx, cancel := context.WithTimeout(h.t.Context(), left)
		_ = h.index.WaitFor(ctx, height)
		cancel()
	}
}
