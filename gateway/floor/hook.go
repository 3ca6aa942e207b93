package floor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
	"traceledger/gateway/webhook"
)

// Webhook is a subscription. Only the operator makes one, in the gateway's
// configuration: no request can make this house call an address.
type Webhook struct {
	Name   string // names it in lists and rows: same form as a party id
	URL    string // https, or http to this machine only
	Secret []byte // at least webhook.MinSecret bytes
}

// Delivery is one event on its way to one subscription.
type Delivery struct {
	Name     string     `json:"name"` // of the subscription
	Event    string     `json:"event"`
	Since    trace.Time `json:"since,omitempty"` // when the action was recorded
	Attempts int        `json:"attempts"`
	Next     trace.Time `json:"next,omitempty"` // when it is tried again
	Failed   string     `json:"failed,omitempty"`
}

// ID names a delivery for its receiver.
func (d Delivery) ID() string { return d.Name + ":" + d.Event }

// How often a delivery is tried: after 1 s, 2 s, 4 s … and then every 10 minutes, for a
// day. A receiver that says it will never take it is believed at once.
const (
	firstPause  = time.Second
	maxPause    = 10 * time.Minute
	maxAttempts = 150
	sendTimeout = 10 * time.Second
)

type hook struct {
	Webhook
	floor  *Floor
	client *http.Client
	woken  chan struct{} // a dead letter was sent on its way again
}

func newHook(f *Floor, w Webhook) (*hook, error) {
	if err := trace.PartyID(w.Name).Validate(); err != nil {
		return nil, fmt.Errorf("webhook: name: %w", err)
	}
	if len(w.Secret) < webhook.MinSecret {
		return nil, fmt.Errorf("webhook %s: the secret has %d bytes, at least %d", w.Name, len(w.Secret), webhook.MinSecret)
	}
	u, err := url.Parse(w.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("webhook %s: %q is not an address such as https://platform.example/traceledger", w.Name, w.URL)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return nil, fmt.Errorf("webhook %s: %q must be https; http is for this machine only", w.Name, w.URL)
	}
	return &hook{Webhook: w, floor: f, woken: make(chan struct{}, 1), client: &http.Client{
		Timeout: sendTimeout,
		// Where a receiver sends on to is not configured: it is not followed.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: nil, TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 16 << 10, IdleConnTimeout: time.Minute},
	}}, nil
}

// run delivers until ctx ends. A new subscription begins with what comes after it.
func (h *hook) run(ctx context.Context) error {
	for {
		changed := h.floor.Changed()
		err := h.enqueue()
		var next time.Time
		if err == nil {
			next, err = h.deliver(ctx)
		}
		if err != nil {
			h.floor.Logger.Error("webhook", "name", h.Name, "error", err)
			next = h.floor.Now().Add(h.floor.limits.Retry)
		}
		wait := time.Hour
		if !next.IsZero() {
			wait = max(0, next.Sub(h.floor.Now()))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-changed:
		case <-h.woken:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// enqueue gives each new event its delivery, durably, before any is sent.
func (h *hook) enqueue() error {
	rows := h.floor.Store.Floor()
	row, found, err := rows.Get(rowHook + h.Name)
	if err != nil {
		return err
	}
	if !found {
		newest, err := h.floor.Newest()
		if err != nil {
			return err
		}
		return rows.Apply(store.Change{rowHook + h.Name: []byte(newest.String())})
	}
	after, err := ParsePosition(string(row))
	if err != nil {
		return err
	}
	events, err := h.floor.Events(after)
	if trace.CodeOf(err) == trace.CodeTooLarge {
		h.floor.Logger.Error("webhook: events were passed over", "name", h.Name, "error", err)
		newest, err := h.floor.Newest()
		if err != nil {
			return err
		}
		return rows.Apply(store.Change{rowHook + h.Name: []byte(newest.String())})
	}
	if err != nil || len(events) == 0 {
		return err
	}
	change := store.Change{}
	for _, e := range events {
		change[h.row(rowDue, e.ID)] = encode(&Delivery{Name: h.Name, Event: e.ID, Since: e.Recorded})
		change[rowHook+h.Name] = []byte(e.ID)
	}
	return rows.Apply(change)
}

// row names a delivery's row so that events sort by their place on the chain.
func (h *hook) row(kind, event string) string {
	p, err := ParsePosition(event)
	if err != nil {
		return kind + h.Name + "/" + event
	}
	return fmt.Sprintf("%s%s/%015d-%08d", kind, h.Name, p.Block, p.Index)
}

// deliver sends what is due and gives when the next is; zero when nothing waits.
func (h *hook) deliver(ctx context.Context) (next time.Time, err error) {
	var due []Delivery
	err = h.floor.Store.Floor().Each(rowDue+h.Name+"/", func(name string, row []byte) error {
		d, err := decode[Delivery](name, row)
		due = append(due, d)
		return err
	})
	if err != nil {
		return next, err
	}
	for _, d := range due {
		if ctx.Err() != nil {
			return next, nil
		}
		at := d.Next.UTC()
		if d.Next == 0 || !at.After(h.floor.Now()) {
			if at, err = h.try(ctx, d); err != nil {
				return next, err
			}
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}

// try sends a delivery and writes down what came of it; again is when it is tried again.
func (h *hook) try(ctx context.Context, d Delivery) (again time.Time, err error) {
	rows := h.floor.Store.Floor()
	failed, forGood := h.send(ctx, d)
	if failed == nil {
		h.sent("taken")
		return again, rows.Apply(store.Change{h.row(rowDue, d.Event): nil})
	}
	if ctx.Err() != nil {
		return again, nil
	}
	d.Attempts++
	d.Failed = failed.Error()
	if forGood || d.Attempts >= maxAttempts {
		h.sent("dead")
		h.floor.Logger.Error("webhook: given up", "name", h.Name, "event", d.Event, "attempts", d.Attempts, "error", failed)
		d.Next = 0
		return again, rows.Apply(store.Change{h.row(rowDue, d.Event): nil, h.row(rowDead, d.Event): encode(&d)})
	}
	h.sent("again")
	pause := min(maxPause, firstPause<<min(d.Attempts-1, 20))
	again = h.floor.Now().Add(pause)
	d.Next = trace.TimeOf(again)
	h.floor.Logger.Warn("webhook: not taken", "name", h.Name, "event", d.Event, "attempts", d.Attempts, "again", pause, "error", failed)
	return again, rows.Apply(store.Change{h.row(rowDue, d.Event): encode(&d)})
}

func (h *hook) sent(outcome string) {
	h.floor.Metrics.deliveries.WithLabelValues(h.Name, outcome).Inc()
}

// send posts a delivery once. forGood tells that the receiver will never take it.
func (h *hook) send(ctx context.Context, d Delivery) (failed error, forGood bool) {
	at, err := ParsePosition(d.Event)
	if err != nil {
		return err, true
	}
	event, err := h.floor.eventAt(at)
	if err != nil {
		return err, false
	}
	body := encode(&struct {
		Delivery string `json:"delivery"`
		Type     string `json:"type"`
		Event
	}{d.ID(), "action", event})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return err, true
	}
	request.Header.Set("Content-Type", "application/json")
	webhook.Sign(request.Header, h.Secret, d.ID(), body, h.floor.Now())
	response, err := h.client.Do(request)
	if err != nil {
		return withoutURL(err), false
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10) // so that the connection can be used again
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		return nil, false
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return fmt.Errorf("the receiver answered %d", code), false
	default:
		return fmt.Errorf("the receiver refused it: %d", code), true
	}
}

// withoutURL keeps addresses, which may hold a receiver's own secret, out of logs.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// eventAt reads the action at a place of the chain.
func (f *Floor) eventAt(at Position) (Event, error) {
	before := Position{at.Block, at.Index - 1}
	events, err := f.Events(before)
	if err != nil {
		return Event{}, err
	}
	if len(events) == 0 || events[0].ID != at.String() {
		return Event{}, fmt.Errorf("there is no action at %s", at)
	}
	return events[0], nil
}

// Subscription is how a webhook fares.
type Subscription struct {
	Name string     `json:"name"`
	Due  []Delivery `json:"due,omitempty"`  // at most 200
	Dead []Delivery `json:"dead,omitempty"` // given up; at most 200
}

const maxListed = 200

// Subscriptions lists the webhooks with what waits and what was given up.
func (f *Floor) Subscriptions() ([]Subscription, error) {
	var out []Subscription
	for _, h := range f.hooks {
		s := Subscription{Name: h.Name}
		for _, list := range []struct {
			kind string
			into *[]Delivery
		}{{rowDue, &s.Due}, {rowDead, &s.Dead}} {
			err := f.Store.Floor().Each(list.kind+h.Name+"/", func(name string, row []byte) error {
				d, err := decode[Delivery](name, row)
				if len(*list.into) < maxListed {
					*list.into = append(*list.into, d)
				}
				return err
			})
			if err != nil {
				return nil, err
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// load counts what waits and what was given up; since is when the oldest waiting action
// was recorded.
func (h *hook) load() (pending, dead int, since trace.Time, err error) {
	rows := h.floor.Store.Floor()
	err = rows.Each(rowDue+h.Name+"/", func(name string, row []byte) error {
		d, err := decode[Delivery](name, row)
		if pending++; d.Since > 0 && (since == 0 || d.Since < since) {
			since = d.Since
		}
		return err
	})
	if err != nil {
		return 0, 0, 0, err
	}
	err = rows.Each(rowDead+h.Name+"/", func(string, []byte) error { dead++; return nil })
	return pending, dead, since, err
}

// Redeliver sends a dead letter on its way again.
func (f *Floor) Redeliver(id string) error {
	name, event, _ := strings.Cut(id, ":")
	for _, h := range f.hooks {
		if h.Name != name {
			continue
		}
		rows := f.Store.Floor()
		row, found, err := rows.Get(h.row(rowDead, event))
		if err != nil {
			return err
		}
		if !found {
			break
		}
		d, err := decode[Delivery](id, row)
		if err != nil {
			return err
		}
		d.Attempts, d.Next = 0, 0
		if err := rows.Apply(store.Change{h.row(rowDead, event): nil, h.row(rowDue, event): encode(&d)}); err != nil {
			return err
		}
		select {
		case h.woken <- struct{}{}:
		default:
		}
		return nil
	}
	return trace.Errorf(trace.CodeNotFound, "there is no dead letter %q", id)
}
