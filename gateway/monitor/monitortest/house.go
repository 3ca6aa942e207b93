// Package monitortest runs monitors on the real embedded ledger for tests: a read model
// that follows it, files by hash, and an identity that gives verdicts. Only tests import
// it.
package monitortest

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/monitor"
)

// House is a read model of an embedded ledger, with files.
type House struct {
	Index  *index.Index
	Ledger *contracttest.Ledger
	t      *testing.T

	mu    sync.Mutex
	files map[trace.Digest][]byte
}

// Start follows a ledger until the test ends.
func Start(t *testing.T, l *contracttest.Ledger) *House {
	t.Helper()
	x, err := index.Open(index.Config{Dir: "index", FS: vfs.NewMem()})
	require.NoError(t, err)
	source := blocks(t, l)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- x.Follow(ctx, source) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, x.Close())
	})
	return &House{Index: x, Ledger: l, t: t, files: map[trace.Digest][]byte{}}
}

// Keep keeps a file.
func (h *House) Keep(content []byte) trace.Digest {
	h.mu.Lock()
	defer h.mu.Unlock()
	digest := trace.DigestOf(content)
	h.files[digest] = content
	return digest
}

// World is what monitors look at.
func (h *House) World() monitor.World {
	return monitor.World{Index: h.Index, File: func(d trace.Digest) ([]byte, bool, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		content, found := h.files[d]
		return content, found, nil
	}}
}

// CaughtUp waits until everything committed is folded, and gives the height.
func (h *House) CaughtUp() uint64 {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	height := h.Ledger.Height()
	require.NoError(h.t, h.Index.WaitFor(ctx, height-1))
	return height
}

// Runner runs a monitor as a client, with its cursor in dir.
func (h *House) Runner(m monitor.Monitor, as *contracttest.Client, dir string) *monitor.Runner {
	return &monitor.Runner{
		Monitor: m, World: h.World(), Dir: dir, Again: 50 * time.Millisecond,
		Publisher: &monitor.Publisher{Ledger: Submitter{as}, Metrics: monitor.NewMetrics()},
	}
}

// Judge lets a monitor judge everything there is, and stops it.
func (h *House) Judge(r *monitor.Runner) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	require.NoError(h.t, r.Level(ctx, h.CaughtUp()))
	cancel()
	require.ErrorIs(h.t, <-ended, context.Canceled)
	h.CaughtUp()
}

// Verdicts are all verdicts on the chain, oldest first.
func (h *House) Verdicts() []index.Record {
	h.t.Helper()
	h.CaughtUp()
	records, _, err := h.Index.Since(0, []string{"verdict"}, 1<<20)
	require.NoError(h.t, err)
	return records
}

// Submitter submits as a test's client.
type Submitter struct{ *contracttest.Client }

// Submit is monitor.Ledger's.
func (s Submitter) Submit(ctx context.Context, _ ledger.Identity, call ledger.Call) (ledger.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Receipt{}, err
	}
	_, err := s.SubmitRaw(call.Contract+":"+call.Method, client.WithArguments(string(call.Arguments)))
	return ledger.Receipt{}, err
}

// blocks follows a ledger with the stock client.
func blocks(t *testing.T, l *contracttest.Ledger) index.Source {
	t.Helper()
	enrolment, err := l.Ledger.Enrol(trace.PlatformMSP, "monitor-indexer", map[string]string{
		trace.AttributeRole: string(trace.RoleScanner), trace.AttributeParty: "indexer-02",
	})
	require.NoError(t, err)
	block, _ := pem.Decode(enrolment.CertPEM)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	id, err := identity.NewX509Identity(trace.PlatformMSP, certificate)
	require.NoError(t, err)
	key, err := identity.PrivateKeyFromPEM(enrolment.KeyPEM)
	require.NoError(t, err)
	sign, err := identity.NewPrivateKeySign(key)
	require.NoError(t, err)
	conn := l.Conn()
	gate, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, gate.Close())
		require.NoError(t, conn.Close())
	})
	return func(ctx context.Context, from uint64, handle func(*common.Block) error) error {
		blocks, err := gate.GetNetwork(contracttest.Channel).BlockEvents(ctx, client.WithStartBlock(from))
		if err != nil {
			return err
		}
		for b := range blocks {
			if err := handle(b); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
}
