package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
)

// binary builds traceledger once for all tests of the package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "traceledger-bin-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "traceledger")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if program := os.Getenv(relayedProgram); program != "" {
		os.Exit(relayMain(program))
	}
	if len(os.Args) > 2 && os.Args[1] == "bench" { // startTrackers, of a test
		if err := runBench(context.Background(), os.Args[2:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// house is a running traceledger process of its own, as an operator starts it.
type house struct {
	t      *testing.T
	data   string
	base   string
	tokens map[trace.Role]string
	args   []string // with which it is started again, where a test does that
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has ended and all that it said is in errors
	errors *lineBuffer
	// started is the path that answers 200 once it counts as started; empty: /readyz.
	started string
	// lags is how long the endorsers of a network may refuse what stands on a record that
	// they have not seen yet. On one process there is nothing to wait for.
	lags time.Duration
}

// newHouse makes the data directory and one token for each role named.
func newHouse(t *testing.T, roles ...trace.Role) *house {
	h := &house{t: t, data: t.TempDir(), tokens: map[trace.Role]string{}}
	for _, role := range roles {
		out := h.command("token", "-make", string(role), "-role", string(role), "-party", "the-"+string(role))
		h.tokens[role] = strings.TrimSpace(out)
	}
	return h
}

// command runs a sub-command on the house's data.
func (h *house) command(name string, args ...string) string {
	h.t.Helper()
	out, errs, err := h.try(name, args...)
	require.NoError(h.t, err, errs)
	return out
}

// try is command for one that may fail: what it prints, what it says, how it ends.
func (h *house) try(name string, args ...string) (printed, said string, err error) {
	h.t.Helper()
	path, err := binary()
	require.NoError(h.t, err)
	ctx, cancel := context.WithTimeout(h.t.Context(), 5*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, path, append([]string{name, "-data", h.data}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// start runs a sub-command that serves and returns once it is ready.
func (h *house) start(command string, args ...string) { h.startPrinting(command, args...) }

// startPrinting is start, with what the process has printed by then. A port that another
// process was quicker to take is left to it.
func (h *house) startPrinting(command string, args ...string) string {
	h.t.Helper()
	for {
		printed, err := h.tryStart(freeAddress(h.t), command, args...)
		if err == nil {
			return printed
		}
		require.Contains(h.t, h.said(), "listen tcp "+strings.TrimPrefix(h.base, "http://")+": bind: address already in use", "%v", err)
	}
}

// tryStart is startPrinting at an address; err says how the process ended.
func (h *house) tryStart(address, command string, args ...string) (string, error) {
	h.t.Helper()
	var printed lineBuffer
	path, err := binary()
	require.NoError(h.t, err)
	cmd := exec.Command(path, append([]string{command, "-data", h.data, "-addr", address}, args...)...)
	h.base, h.errors, h.cmd, h.ended = "http://"+address, &lineBuffer{}, cmd, make(chan struct{})
	cmd.Stdout, cmd.Stderr = &printed, h.errors
	cmd.Env = append(os.Environ(), "TRACELEDGER_REQUESTS_PER_SECOND=100000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(h.t, cmd.Start())
	var end error
	ended := h.ended
	go func() {
		end = cmd.Wait()
		close(ended)
	}()
	said := h.errors
	h.t.Cleanup(func() {
		if h.t.Failed() && h.errors == said { // the last one on these data
			h.t.Logf("%s on %s said:\n%s", command, h.data, endOf(said.String()))
		}
		h.kill()
	})
	deadline := time.After(4 * time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return "", fmt.Errorf("the process ended: %w: %s", end, h.errors)
		case <-deadline:
			require.FailNow(h.t, "not ready in four minutes", h.said())
		case <-tick.C:
		}
		response, err := http.Get(h.base + cmp.Or(h.started, "/readyz"))
		if err != nil {
			continue
		}
		response.Body.Close()
		// What it printed before it was ready may take another way here, and longer.
		if said := printed.String(); response.StatusCode == http.StatusOK && (h.started != "" || strings.Contains("\n"+said, "\nready ")) {
			return said, nil
		}
	}
}

// endOf is the end of what a process has said, for a failed test.
func endOf(said string) string { return said[max(0, len(said)-3000):] }

// kill ends the process at once, as a power cut would end it.
func (h *house) kill() {
	if h.cmd != nil && h.cmd.Process != nil {
		_ = h.cmd.Process.Kill()
		h.gone()
	}
}

// stop asks the process to end and waits for it.
func (h *house) stop() {
	h.t.Helper()
	require.NoError(h.t, h.cmd.Process.Signal(syscall.SIGTERM))
	h.gone()
}

func (h *house) gone() {
	select {
	case <-h.ended:
	case <-time.After(2 * time.Minute):
		require.FailNow(h.t, "the process does not end", h.said())
	}
}

// post writes through the REST interface; refusal is nil when the record is made.
func (h *house) post(ctx context.Context, role trace.Role, path, key string, body any) (written api.Written, refusal *api.Problem, err error) {
	content, ok := body.([]byte)
	if !ok {
		if content, err = json.Marshal(body); err != nil {
			return written, nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.base+"/v1"+path, bytes.NewReader(content))
	if err != nil {
		return written, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+h.tokens[role])
	request.Header.Set("Idempotency-Key", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return written, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return written, nil, err
	}
	if response.StatusCode == http.StatusCreated {
		return written, nil, json.Unmarshal(answer, &written)
	}
	refusal = &api.Problem{}
	return written, refusal, json.Unmarshal(answer, refusal)
}

// must writes and demands the record. What is told to try again, does.
func (h *house) must(role trace.Role, path, key string, body any) api.Written {
	h.t.Helper()
	for began := time.Now(); ; <-time.After(200 * time.Millisecond) {
		written, refusal, err := h.post(h.t.Context(), role, path, key, body)
		require.NoError(h.t, err)
		if refusal == nil {
			return written
		}
		patience := h.lags
		if refusal.Retriable {
			patience = 2 * time.Minute
		}
		require.Less(h.t, time.Since(began), patience, "%s %s: %+v", path, key, refusal)
	}
}

// settled is post, again and again while the answer says to try again.
func (h *house) settled(ctx context.Context, role trace.Role, path, key string, body any) (written api.Written, refusal *api.Problem, err error) {
	for began := time.Now(); ; <-time.After(200 * time.Millisecond) {
		written, refusal, err = h.post(ctx, role, path, key, body)
		if err != nil || refusal == nil || !refusal.Retriable || time.Since(began) > 2*time.Minute {
			return written, refusal, err
		}
	}
}

// record reads what was just written: the read model of a busy house may show it a moment
// later.
func (h *house) record(role trace.Role, key trace.Key, into any) {
	h.t.Helper()
	for began := time.Now(); h.get(role, "/v1/records/"+string(key), into) != http.StatusOK; <-time.After(20 * time.Millisecond) {
		require.Less(h.t, time.Since(began), 2*time.Minute, "record %s is not there", key)
	}
}

// get reads a JSON answer and its status.
func (h *house) get(role trace.Role, path string, into any) int {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.base+path, nil)
	require.NoError(h.t, err)
	request.Header.Set("Authorization", "Bearer "+h.tokens[role])
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(h.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(h.t, err)
	if into != nil {
		require.NoError(h.t, json.Unmarshal(content, into), string(content))
	}
	return response.StatusCode
}

// furnish puts a factory with its licence and product on the chain.
func (h *house) furnish() {
	h.t.Helper()
	now := trace.TimeOf(time.Now())
	from, to := now.Date()-365, now.Date()+365
	h.must(trace.RoleRegulator, "/parties", "admit-regulator", map[string]any{
		"claimed": now, "party": "the-regulator", "roles": []string{"regulator"}, "legalPerson": true, "name": "示范监管局", "validFrom": from, "validTo": to,
	})
	h.must(trace.RoleRegulator, "/parties", "admit-factory", map[string]any{
		"claimed": now, "party": "the-factory", "roles": []string{"factory"}, "legalPerson": true, "name": "示范化妆品厂", "validFrom": from, "validTo": to,
	})
	h.must(trace.RoleRegulator, "/licences", "licence", map[string]any{
		"claimed": now, "party": "the-factory", "number": "TEST-1", "kind": "cosmetics", "scope": []string{"cosmetics"}, "issuer": "示范药监局", "validFrom": from, "validTo": to,
	})
	h.must(trace.RoleRegulator, "/licences", "prefix", map[string]any{
		"claimed": now, "party": "the-factory", "number": "952000020", "kind": "gs1-prefix", "issuer": "示范编码中心", "validFrom": from, "validTo": to,
	})
	h.must(trace.RoleFactory, "/products", "product", map[string]any{
		"claimed": now, "gtin": "09520000200015", "name": "面霜", "category": "cosmetics", "commodity": "cosmetics-leave-on",
		"netContent": map[string]any{"amount": 1, "unit": "piece"}, "licenceNumber": "TEST-1", "filingNumber": "国妆备字2026000001", "producer": "the-factory", "shelfLifeDays": 1000,
	})
}

// lotRequest is a lot the factory can register; the same number gives the same bytes.
func lotRequest(made trace.Time, lot string) map[string]any {
	return map[string]any{
		"claimed": made + 1000, "gtin": "09520000200015", "lot": lot, "place": "杭州市余杭区",
		"point": map[string]any{"latitude": 30_420_000, "longitude": 120_300_000}, "made": made,
		"quantity": map[string]any{"amount": 10_000, "unit": "piece"},
	}
}
