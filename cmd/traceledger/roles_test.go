package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/ledger"
)

// roles are a ledger, a gateway and a scanner, each a process of its own.
type roles struct {
	ledger, gateway, scanner *house
	ledgerAddress            string
	tokenFile                string // of the gateway's, for the scanner; not there yet
}

// startRoles sets the three up as docs/roles.md tells an operator to.
func startRoles(t *testing.T) *roles {
	r := &roles{ledger: newHouse(t), gateway: newHouse(t), scanner: newHouse(t), ledgerAddress: freeAddress(t)}
	enrol := func(role trace.Role, party string, to *house) {
		r.ledger.command("enrol", "-role", string(role), "-party", party, "-to", filepath.Join(to.data, "wallet"))
	}
	for _, e := range []struct {
		role  trace.Role
		party string
		to    *house
	}{
		{trace.RoleScanner, readerParty, r.gateway},
		{trace.RoleRegulator, operatorParty, r.gateway},
		{trace.RoleRegulator, "the-regulator", r.gateway},
		{trace.RoleScanner, readerParty, r.scanner},
	} {
		enrol(e.role, e.party, e.to)
	}
	r.startLedger()
	connection := filepath.Join(r.ledger.data, connectionName)

	gateway := r.gateway.configure(Config{Connection: connection})
	token := func(role trace.Role, party string) {
		printed := r.gateway.command("token", "-config", gateway, "-make", string(role), "-role", string(role), "-party", party)
		r.gateway.tokens[role] = strings.TrimSpace(printed)
	}
	token(trace.RoleRegulator, "the-regulator")
	token(trace.RoleScanner, readerParty)
	r.gateway.start("gateway", "-config", gateway)
	// Who comes later is let in without stopping anything.
	enrol(trace.RoleFactory, "the-factory", r.gateway)
	token(trace.RoleFactory, "the-factory")

	r.tokenFile = filepath.Join(r.scanner.data, "gateway.token")
	r.scanner.start("scanner", "-config", r.scanner.configure(Config{
		Connection: afterADeadPeer(t, connection),
		FilesFrom:  []FilesFrom{{Base: r.gateway.base, TokenFile: r.tokenFile}},
	}))
	return r
}

func (r *roles) startLedger() { r.ledger.start("ledger", "-ledger-addr", r.ledgerAddress) }

// send posts any JSON and reads the answer and its status.
func (h *house) send(role trace.Role, path, key string, body, into any) int {
	h.t.Helper()
	content, err := json.Marshal(body)
	require.NoError(h.t, err)
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.base+path, bytes.NewReader(content))
	require.NoError(h.t, err)
	request.Header.Set("Authorization", "Bearer "+h.tokens[role])
	request.Header.Set("Idempotency-Key", key)
	response, err := http.DefaultClient.Do(request)
	require.NoError(h.t, err)
	defer response.Body.Close()
	require.NoError(h.t, json.NewDecoder(response.Body).Decode(into))
	return response.StatusCode
}

// configure writes a role's YAML file, with what the test sets and defaults elsewhere.
func (h *house) configure(set Config) string {
	h.t.Helper()
	cfg := defaultConfig()
	cfg.Connection, cfg.FilesFrom, cfg.Ingest = set.Connection, set.FilesFrom, set.Ingest
	if set.FilesWait != 0 {
		cfg.FilesWait, cfg.FilesWaitingMB = set.FilesWait, set.FilesWaitingMB
	}
	content, err := yaml.Marshal(cfg)
	require.NoError(h.t, err)
	path := filepath.Join(h.t.TempDir(), "role.yaml")
	require.NoError(h.t, os.WriteFile(path, content, 0o600))
	return path
}

// freeAddress is one that nobody listens on, to be used later and for as long as the test
// lasts. It is below those that the kernel gives to whoever asks for none in particular,
// which a connection of any other process would soon have, and below those of Fabric's
// nodes, and was not given before.
func freeAddress(t *testing.T) string {
	address, found := findFreeAddress()
	require.True(t, found, "no port is free")
	return address
}

func findFreeAddress() (address string, found bool) {
	const lowest, count = 10_000, 5_000
	freePort.Do(func() { nextFreePort.Store(rand.Uint32N(count)) })
	for range count {
		address := fmt.Sprintf("127.0.0.1:%d", lowest+nextFreePort.Add(1)%count)
		if listener, err := net.Listen("tcp", address); err == nil {
			return address, listener.Close() == nil
		}
	}
	return "", false
}

var (
	freePort     sync.Once
	nextFreePort atomic.Uint32
)

// afterADeadPeer is a connection file whose preferred peer answers nobody.
func afterADeadPeer(t *testing.T, path string) string {
	connection, err := readConnection(path)
	require.NoError(t, err)
	dead := connection.Peers[0]
	dead.Address = freeAddress(t)
	connection.Peers = append([]Peer{dead}, connection.Peers...)
	path = filepath.Join(t.TempDir(), connectionName)
	require.NoError(t, connection.write(path))
	return path
}

// TestRoles writes through a gateway and scans at a scanner, kills the ledger under
// writers, and demands that all go on when it is back: every request is done once, or
// was answered with a code that says to try again, and is then done once.
func TestRoles(t *testing.T) {
	r := startRoles(t)
	r.gateway.furnish()
	made := trace.TimeOf(time.Now()) - 3_600_000
	r.gateway.must(trace.RoleFactory, "/batches", "A1", lotRequest(made, "A1"))
	code := r.order("A1", 300)
	r.waitForScan(t, code, false) // its leaf file is not here
	require.NoError(t, os.WriteFile(r.tokenFile, []byte(r.gateway.tokens[trace.RoleScanner]+"\n"), 0o600))
	r.waitForScan(t, code, true)

	w := r.write(t, made)
	w.wait(t, 100)
	r.ledger.kill()
	r.waitForScan(t, code, true) // pages need no ledger
	r.refusedForNow(t, made, "OUTAGE")
	require.Equal(t, http.StatusServiceUnavailable, r.gateway.get("", "/readyz", nil), "writes are better sent elsewhere")
	require.Eventually(t, func() bool { return r.scanner.get("", "/readyz", nil) == http.StatusOK }, 3*time.Minute, 20*time.Millisecond)
	r.startLedger()
	acknowledged, unsettled := w.end(t)
	require.GreaterOrEqual(t, len(acknowledged), 100)
	for _, lot := range append(unsettled, "OUTAGE") {
		acknowledged[lot] = r.settle(t, made, lot).Transaction
	}
	r.gateway.checkAcknowledged(acknowledged)
	require.Equal(t, len(acknowledged)+1, r.gateway.countLots(), "nothing is lost, nothing doubled")
	r.gateway.must(trace.RoleFactory, "/batches", "A2", lotRequest(made, "A2"))
	r.waitForScan(t, r.order("A2", 10), true)

	require.Eventually(t, func() bool { return r.scanner.height() == r.gateway.height() }, 3*time.Minute, 20*time.Millisecond)
	for _, h := range []*house{r.scanner, r.gateway, r.ledger} {
		var health struct {
			Notice string `json:"notice"`
		}
		require.Equal(t, http.StatusOK, h.get("", "/healthz", &health))
		require.Equal(t, oneProcessNotice, health.Notice)
		require.Eventually(t, func() bool { return h.get("", "/readyz", nil) == http.StatusOK }, 3*time.Minute, 20*time.Millisecond)
		require.Contains(t, string(fetch(t, h.base+"/metrics", "*/*")), "process_resident_memory_bytes")
		h.stop()
	}
	require.Contains(t, r.ledger.command("verify"), "verified")
	require.Equal(t, r.gateway.command("dump"), r.scanner.command("dump"), "both read models are the same")
}

// height is how many blocks the house's read model has.
func (h *house) height() uint64 {
	h.t.Helper()
	var health struct {
		Height uint64 `json:"height"`
	}
	h.get("", "/healthz", &health)
	return health.Height
}

// order makes a pack of codes for a lot and gives the path of its first code.
func (r *roles) order(lot string, count int) string {
	t := r.gateway.t
	t.Helper()
	made := r.gateway.ordered(lot, api.CodeOrder{Count: int64(count), Lot: &trace.LotID{GTIN: "09520000200015", Lot: trace.LotNumber(lot)}})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.gateway.base+"/v1/code-packs/"+string(made.Pack)+"/codes?first=1&last=1", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+r.gateway.tokens[trace.RoleFactory])
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	rows, err := csv.NewReader(response.Body).ReadAll()
	require.NoError(t, err)
	address, err := url.Parse(rows[1][2])
	require.NoError(t, err)
	return address.EscapedPath()
}

// ordered makes a pack of codes for a lot, which not every endorser of a network may have
// seen yet, nor the read model of a busy house.
func (h *house) ordered(lot string, order api.CodeOrder) api.CodesMade {
	h.t.Helper()
	for began := time.Now(); ; <-time.After(200 * time.Millisecond) {
		var made api.CodesMade
		status := h.send(trace.RoleFactory, "/v1/code-orders", "codes-"+lot, order, &made)
		if status == http.StatusCreated {
			return made
		}
		require.Less(h.t, time.Since(began), max(h.lags, 2*time.Minute), "codes of %s: status %d", lot, status)
	}
}

// waitForScan waits until the scanner shows the code's page, with the code checked
// against its leaf file, which has to be fetched from the gateway, or not yet.
func (r *roles) waitForScan(t *testing.T, code string, checked bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		var page struct {
			CodeChecked *bool `json:"codeChecked"`
		}
		status := r.scanner.get("", code, &page)
		return status == http.StatusOK && page.CodeChecked != nil && *page.CodeChecked == checked
	}, 3*time.Minute, 200*time.Millisecond, code)
}

// writers register lots until they are told to end.
type writers struct {
	stop  context.CancelFunc
	group sync.WaitGroup

	mu           sync.Mutex
	acknowledged map[string]string // lot → transaction
	unsettled    []string          // answered with a code that says to try again
	broken       []string          // answered otherwise

	refused, unknown int         // of the unsettled: nothing was recorded, or the outcome was open
	times            []time.Time // of the beginning and of every acknowledgement
}

// write starts eight of them.
func (r *roles) write(t *testing.T, made trace.Time) *writers {
	ctx, stop := context.WithCancel(t.Context())
	w := &writers{stop: stop, acknowledged: map[string]string{}, times: []time.Time{time.Now()}}
	for writer := range 8 {
		w.group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				lot := fmt.Sprintf("W%d-%d", writer, i)
				// Told to end, a writer still waits for its last answer.
				written, refusal, err := r.gateway.post(context.WithoutCancel(ctx), trace.RoleFactory, "/batches", lot, lotRequest(made, lot))
				w.note(lot, written, refusal, err)
				if refusal != nil && refusal.Retriable { // as Retry-After says
					select {
					case <-ctx.Done():
					case <-time.After(time.Second):
					}
				}
			}
		})
	}
	return w
}

func (w *writers) note(lot string, written api.Written, refusal *api.Problem, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		w.broken = append(w.broken, err.Error())
	case refusal == nil:
		w.acknowledged[lot] = written.Transaction
		w.times = append(w.times, time.Now())
	case refusal.Retriable:
		w.unsettled = append(w.unsettled, lot)
		if refusal.Code == ledger.CodeOutcomeUnknown {
			w.unknown++
		} else {
			w.refused++
		}
	default:
		w.broken = append(w.broken, refusal.Detail)
	}
}

// wait returns once so many lots are acknowledged.
func (w *writers) wait(t *testing.T, lots int) { w.within(t, lots, 3*time.Minute) }

func (w *writers) within(t *testing.T, lots int, limit time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool { return w.count() >= lots }, limit, 5*time.Millisecond)
}

// count is how many lots are acknowledged.
func (w *writers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acknowledged)
}

// longestStall is the longest time between two acknowledgements, of those that ended
// after a moment.
func (w *writers) longestStall(after time.Time) (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := 1; i < len(w.times); i++ {
		if w.times[i].After(after) {
			longest = max(longest, w.times[i].Sub(w.times[i-1]))
		}
	}
	return longest
}

// end stops the writers and gives what was acknowledged and what is to be repeated.
func (w *writers) end(t *testing.T) (acknowledged map[string]string, unsettled []string) {
	w.stop()
	w.group.Wait()
	require.Empty(t, w.broken)
	return w.acknowledged, w.unsettled
}

func mayTryAgain(t require.TestingT, refusal *api.Problem) {
	require.Contains(t, []trace.Code{ledger.CodeLedgerUnavailable, ledger.CodeOutcomeUnknown}, refusal.Code, refusal.Detail)
	require.Contains(t, []int{http.StatusServiceUnavailable, http.StatusAccepted}, refusal.Status)
	require.True(t, refusal.Retriable)
}

// refusedForNow demands that a request during the outage is answered, retriable.
func (r *roles) refusedForNow(t *testing.T, made trace.Time, lot string) {
	t.Helper()
	_, refusal, err := r.gateway.post(t.Context(), trace.RoleFactory, "/batches", lot, lotRequest(made, lot))
	require.NoError(t, err)
	require.NotNil(t, refusal)
	mayTryAgain(t, refusal)
}

// settle repeats a request as its client would, until it is done.
func (r *roles) settle(t *testing.T, made trace.Time, lot string) (written api.Written) {
	t.Helper()
	require.Eventually(t, func() bool {
		var refusal *api.Problem
		var err error
		written, refusal, err = r.gateway.post(t.Context(), trace.RoleFactory, "/batches", lot, lotRequest(made, lot))
		require.NoError(t, err)
		if refusal != nil {
			require.True(t, refusal.Retriable, "%+v", refusal)
		}
		return refusal == nil
	}, 4*time.Minute, 200*time.Millisecond, lot)
	return written
}
