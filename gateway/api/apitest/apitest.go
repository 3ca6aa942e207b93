// Package apitest runs the REST interface for tests: the real contracts on the real
// embedded ledger, store, index and submit client, with tokens for whoever a test
// admits.
//
// Only tests import it.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/floor"
	"traceledger/gateway/index"
	"traceledger/gateway/ingest/registry"
	"traceledger/gateway/ingest/segment"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
	"traceledger/gateway/wallet"
)

// House is a running interface with what stands behind it.
type House struct {
	*contracttest.Ledger
	API    *api.API
	Index  *index.Index
	Store  *store.Store
	Wallet *wallet.Wallet
	Client *ledger.Client
	// Segments sends what the interface gives it; Devices knows the bindings.
	Segments *segment.Segmenter
	Devices  *registry.Registry
	// Disconnect is what the interface calls for a device whose credential was withdrawn.
	Disconnect func(trace.DeviceID)
	Base       string // "http://127.0.0.1:port"
	tb         testing.TB
}

// Start brings everything up; it ends with the test. mount may add routes beside the
// interface's.
func Start(tb testing.TB, mount func(*House, *gin.Engine)) *House {
	tb.Helper()
	return StartOn(tb, contracttest.Start(tb), mount)
}

// StartOn brings the interface up on a ledger that the caller made ready.
func StartOn(tb testing.TB, on *contracttest.Ledger, mount func(*House, *gin.Engine)) *House {
	tb.Helper()
	h := &House{Ledger: on, tb: tb}
	logger := slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	dir := tb.TempDir()
	var err error
	h.Store, err = store.Open(store.Config{Dir: dir + "/store", Logger: logger})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, h.Store.Close()) })
	h.Index, err = index.Open(index.Config{Dir: dir + "/index", Logger: logger})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, h.Index.Close()) })
	h.Wallet, err = wallet.Open(dir+"/wallet", nil)
	require.NoError(tb, err)
	conn := h.Conn()
	tb.Cleanup(func() { conn.Close() })
	client, err := ledger.New(ledger.Config{
		Conns: []grpc.ClientConnInterface{conn}, Channel: contracttest.Channel, Chaincode: contracttest.Chaincode,
		Outbox: h.Store.Outbox(), Logger: logger,
	})
	require.NoError(tb, err)
	tb.Cleanup(func() { client.Close() })
	h.Client = client
	reader := h.identity(trace.RoleScanner, "platform-reader")

	ctx, cancel := context.WithCancel(context.Background())
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		err := h.Index.Follow(ctx, func(ctx context.Context, from uint64, handle func(*common.Block) error) error {
			return client.Blocks(ctx, reader, from, handle)
		})
		if ctx.Err() == nil {
			tb.Errorf("the index stopped following: %v", err)
		}
	}()
	tb.Cleanup(func() { cancel(); <-followed })
	h.segments(dir, client, logger)

	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.UseRawPath = true
	server := httptest.NewUnstartedServer(engine)
	h.Base = "http://" + server.Listener.Addr().String()
	limits := api.DefaultLimits()
	limits.IndexWait = time.Minute // who reads what was just written must find it on any machine
	h.API, err = api.New(api.Config{Ledger: client, Index: h.Index, Store: h.Store, Identities: h.Wallet, Segments: h.Segments, Disconnect: h.disconnect, PublicBase: h.Base, Logger: logger, Limits: limits})
	require.NoError(tb, err)
	h.API.Mount(engine)
	if mount != nil {
		mount(h, engine)
	}
	server.Start()
	tb.Cleanup(server.Close)
	return h
}

// segments runs the registry and the segmenter.
func (h *House) segments(dir string, client *ledger.Client, logger *slog.Logger) {
	h.Devices = registry.New(h.Store.Devices(), h.Index)
	var err error
	h.Segments, err = segment.Open(segment.Config{Dir: dir + "/ingest", Bindings: h.Devices, Logger: logger, Chain: &segment.Gateway{
		Ledger: client, Files: h.Store.Files(), Index: h.Index,
		Identity: func(by string, device trace.DeviceID) (ledger.Identity, error) {
			if d, known := h.Store.Devices().Get(device); by == "" && known {
				by = d.Enrolment
			}
			return h.Wallet.Identity(by)
		},
	}})
	require.NoError(h.tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{h.Segments.Run, func(ctx context.Context) error { return h.Devices.Follow(ctx, 0) }} {
		running.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				h.tb.Errorf("stopped: %v", err)
			}
		})
	}
	h.tb.Cleanup(func() { cancel(); running.Wait(); require.NoError(h.tb, h.Segments.Close()) })
}

func (h *House) identity(role trace.Role, party trace.PartyID) ledger.Identity {
	h.tb.Helper()
	name := string(party) + "@" + string(role)
	enrolment, err := h.Ledger.Ledger.Enrol(trace.MSPOf(role), name, map[string]string{
		trace.AttributeRole: string(role), trace.AttributeParty: string(party),
	})
	require.NoError(h.tb, err)
	require.NoError(h.tb, h.Wallet.Put(name, trace.MSPOf(role), enrolment.CertPEM, enrolment.KeyPEM))
	id, err := h.Wallet.Identity(name)
	require.NoError(h.tb, err)
	return id
}

// RunFloor runs a live floor behind the interface; call it from mount.
func (h *House) RunFloor(cfg floor.Config) {
	h.tb.Helper()
	cfg.Ledger, cfg.Index, cfg.Store, cfg.Identities, cfg.Logger = h.Client, h.Index, h.Store, h.Wallet, h.API.Logger
	f, err := floor.New(cfg)
	require.NoError(h.tb, err)
	h.API.Floor = f
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- f.Run(ctx) }()
	h.tb.Cleanup(func() { cancel(); require.NoError(h.tb, <-ran) })
}

// Token enrols a party for a role and gives it a token, without admitting it.
func (h *House) Token(role trace.Role, party trace.PartyID) string {
	h.tb.Helper()
	h.identity(role, party)
	presented, _, err := h.Store.Tokens().Create(store.Token{
		Name: string(party), MSPID: trace.MSPOf(role), Party: string(party), Role: string(role), Enrolment: string(party) + "@" + string(role),
	})
	require.NoError(h.tb, err)
	return presented
}

// Member admits a party to the registry and gives it a token.
func (h *House) Member(role trace.Role, party trace.PartyID) string {
	h.tb.Helper()
	h.Admit(role, party)
	return h.Token(role, party)
}

// Call sends a request and gives status and body. body may be bytes, nil, or a value
// sent as JSON.
func (h *House) Call(method, path, token, key string, body any) (int, http.Header, []byte) {
	h.tb.Helper()
	content, ok := body.([]byte)
	if !ok && body != nil {
		var err error
		content, err = json.Marshal(body)
		require.NoError(h.tb, err)
	}
	request, err := http.NewRequestWithContext(h.tb.Context(), method, h.Base+path, bytes.NewReader(content))
	require.NoError(h.tb, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(h.tb, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(h.tb, err)
	return response.StatusCode, response.Header, answer
}

// Body is a request as the REST interface takes it: without its idempotency key.
func Body(tb testing.TB, request any) map[string]any {
	tb.Helper()
	content, err := json.Marshal(request)
	require.NoError(tb, err)
	var body map[string]any
	require.NoError(tb, json.Unmarshal(content, &body))
	delete(body, "idempotencyKey")
	return body
}

func (h *House) disconnect(device trace.DeviceID) {
	if h.Disconnect != nil {
		h.Disconnect(device)
	}
}
