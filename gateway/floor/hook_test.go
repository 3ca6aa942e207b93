package floor_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/webhook"
)

var hookSecret = []byte(strings.Repeat("k", webhook.MinSecret))

// receiver is a platform's endpoint: it verifies, and notes what it took.
type receiver struct {
	*httptest.Server
	verifier webhook.Verifier

	mu     sync.Mutex
	answer int // for what is rightly signed
	taken  []string
	kinds  []trace.ActionKind
	wrong  []error
	came   chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{verifier: webhook.Verifier{Secret: hookSecret}, answer: http.StatusNoContent, came: make(chan struct{}, 100)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	defer func() { r.came <- struct{}{} }()
	body, err := io.ReadAll(request.Body)
	var said struct {
		Delivery string       `json:"delivery"`
		Action   trace.Action `json:"action"`
	}
	if err == nil {
		_, err = r.verifier.Verify(request.Header, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &said)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.wrong = append(r.wrong, err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.answer < 300 {
		r.taken, r.kinds = append(r.taken, said.Delivery), append(r.kinds, said.Action.Kind)
	}
	w.WriteHeader(r.answer)
}

func (r *receiver) set(answer int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) wait(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-r.came:
		case <-time.After(2 * time.Minute):
			require.FailNow(t, "nothing was delivered")
		}
	}
}

// takes waits until the receiver has taken so many steps, and demands which.
func (r *receiver) takes(t *testing.T, steps ...trace.ActionKind) {
	t.Helper()
	require.Equal(t, steps, r.took(t, len(steps)))
}

// took waits until the receiver has taken n steps, and gives those that it has.
func (r *receiver) took(t *testing.T, n int) []trace.ActionKind {
	t.Helper()
	taken := func() []trace.ActionKind {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Clone(r.kinds)
	}
	require.Eventually(t, func() bool { return len(taken()) >= n }, 2*time.Minute, 10*time.Millisecond)
	return taken()
}

func hooked(r *receiver) func(*floor.Config) {
	return func(c *floor.Config) {
		c.Webhooks = []floor.Webhook{{Name: "app", URL: r.URL, Secret: hookSecret}}
	}
}

// A step reaches the platform though it was away, though the power failed between, and
// under one name.
func TestWebhooksComeThrough(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, hooked(r))
	r.set(http.StatusServiceUnavailable)
	h.say(1, lowestTerm, lowestTerm, lowestTerm)
	r.wait(t, 1) // at least: it may be asked again before the power fails
	h.crash()
	r.set(http.StatusNoContent)
	r.takes(t, trace.ActionHint)
	h.say(4, lowestTerm)
	r.takes(t, trace.ActionHint, trace.ActionLimit)
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Empty(t, r.wrong)
	require.NotEqual(t, r.taken[0], r.taken[1])
	require.True(t, strings.HasPrefix(r.taken[0], "app:"))
}

// A receiver that does not answer holds up itself only: another is told of every step at
// once, and each is told in the order of the chain.
func TestASlowReceiverHoldsNobodyUp(t *testing.T) {
	slow, fast := newReceiver(t), newReceiver(t)
	answer := make(chan struct{})
	var asked, sending, most atomic.Int64
	slow.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		asked.Add(1)
		most.Store(max(most.Load(), sending.Add(1)))
		defer sending.Add(-1)
		body, err := io.ReadAll(request.Body) // until then a server does not see that its client has gone
		request.Body = io.NopCloser(bytes.NewReader(body))
		select {
		case <-answer:
		case <-request.Context().Done():
		}
		if err == nil && request.Context().Err() == nil { // or it comes again
			slow.ServeHTTP(w, request)
		}
	})
	t.Cleanup(func() { // before the server closes, which waits for its requests
		select {
		case <-answer:
		default:
			close(answer)
		}
	})
	h := newHouse(t, func(c *floor.Config) {
		c.Webhooks = []floor.Webhook{{Name: "slow", URL: slow.URL, Secret: hookSecret}, {Name: "fast", URL: fast.URL, Secret: hookSecret}}
	})
	steps := []trace.ActionKind{trace.ActionHint, trace.ActionLimit, trace.ActionCut}
	h.say(1, lowestTerm, lowestTerm, lowestTerm)
	require.Eventually(t, func() bool { return asked.Load() >= 1 }, 2*time.Minute, time.Millisecond)
	h.say(4, lowestTerm, lowestTerm)
	fast.wait(t, len(steps))
	fast.takes(t, steps...)
	require.Empty(t, slow.came)
	close(answer)
	took := slow.took(t, len(steps))
	require.ElementsMatch(t, steps, took)
	if int(asked.Load()) == len(steps) { // what was given up and is sent again may come after what happened later
		require.Equal(t, steps, took)
	}
	require.EqualValues(t, 1, most.Load(), "one sending at a time")
	slow.mu.Lock()
	defer slow.mu.Unlock()
	require.Empty(t, slow.wrong)
}

// What a receiver refuses for good is put aside, where the operator sees it and can send
// it again.
func TestADeliveryThatIsRefusedIsADeadLetter(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, hooked(r))
	r.set(http.StatusGone)
	h.say(1, lowestTerm, lowestTerm, lowestTerm)
	r.wait(t, 1)
	var dead floor.Delivery
	require.Eventually(t, func() bool {
		subscriptions, err := h.floor.Subscriptions()
		require.NoError(t, err)
		if len(subscriptions[0].Dead) == 0 {
			return false
		}
		dead = subscriptions[0].Dead[0]
		return len(subscriptions[0].Due) == 0
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, 1, dead.Attempts)
	require.Contains(t, dead.Failed, "410")
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(h.floor.Redeliver("app:9999-0")))
	r.set(http.StatusOK)
	require.NoError(t, h.floor.Redeliver(dead.ID()))
	r.wait(t, 1)
	require.Equal(t, []string{dead.ID()}, r.taken)
}

// No request, no redirect and no typing slip makes the gateway call another address.
func TestWebhookTargets(t *testing.T) {
	elsewhere := newReceiver(t)
	r := newReceiver(t)
	r.Config.Handler = http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect)
	h := newHouse(t, hooked(r))
	h.say(1, lowestTerm, lowestTerm, lowestTerm)
	require.Eventually(t, func() bool {
		subscriptions, err := h.floor.Subscriptions()
		return err == nil && len(subscriptions[0].Dead) == 1 && strings.Contains(subscriptions[0].Dead[0].Failed, "307")
	}, time.Minute, 10*time.Millisecond)
	require.Empty(t, elsewhere.came, "a redirect is not followed")

	cfg := h.config
	cfg.Ledger, cfg.Index, cfg.Store = h.client, h.index, h.store
	for _, bad := range []floor.Webhook{
		{Name: "app", URL: "http://platform.example/", Secret: hookSecret},
		{Name: "app", URL: "http://169.254.169.254/", Secret: hookSecret},
		{Name: "app", URL: "file:///etc/passwd", Secret: hookSecret},
		{Name: "app", URL: "https://user:pass@platform.example/", Secret: hookSecret},
		{Name: "app", URL: "https:///nowhere", Secret: hookSecret},
		{Name: "../app", URL: "https://platform.example/", Secret: hookSecret},
		{Name: "app", URL: "https://platform.example/", Secret: []byte("short")},
	} {
		cfg.Webhooks = []floor.Webhook{bad}
		_, err := floor.New(cfg)
		require.Error(t, err, bad.URL)
	}
}
