package mqtt

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	paho5 "github.com/eclipse/paho.golang/paho"
	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// house is a broker on a real port. Its sink and devices are those of the interface;
// the whole way to the chain is in cmd/traceledger's tests.
type house struct {
	t       *testing.T
	address string
	metrics *Metrics
	server  *Server

	mu    sync.Mutex
	kept  map[trace.DeviceID][]trace.Reading
	errs  []error       // answers of the sink, first come
	gate  chan struct{} // not nil: Put waits for it
	calls int
	bound []trace.BoundPeriod
	// revoked is how often a password is right before it is wrong; 0: always.
	revoked, asked int
}

// patience is how long a test waits for what must happen on a busy machine.
const patience = time.Minute

var start = trace.TimeOf(time.Date(2026, 10, 20, 8, 0, 0, 0, time.UTC))

func newHouse(t *testing.T, limits Limits) *house { return newHouseOver(t, limits, nil) }

func newHouseOver(t *testing.T, limits Limits, secure *tls.Config) *house {
	h := &house{t: t, metrics: NewMetrics(), kept: map[trace.DeviceID][]trace.Reading{}}
	h.bound = []trace.BoundPeriod{{Plot: "plot-01", Probes: []string{"air", "soil"}, From: start}}
	s, err := NewServer(Config{Sink: h, Devices: h, Limits: limits, TLS: secure, Metrics: h.metrics, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	h.server = s
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return h
}

func (h *house) Put(_ context.Context, device trace.DeviceID, readings []trace.Reading) error {
	h.mu.Lock()
	h.calls++
	gate := h.gate
	if len(h.errs) > 0 {
		err := h.errs[0]
		h.errs = h.errs[1:]
		h.mu.Unlock()
		return err
	}
	h.mu.Unlock()
	if gate != nil {
		<-gate
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept[device] = append(h.kept[device], readings...)
	return nil
}

func (h *house) of(device trace.DeviceID) []trace.Reading {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.kept[device]
}

func (h *house) Register(context.Context, ingest.Registration) (string, error) {
	return "", errors.New("not asked")
}
func (h *house) Release(context.Context, trace.DeviceID) error { return errors.New("not asked") }

func (h *house) Authenticate(_ context.Context, terminal, secret string) (ingest.Device, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asked++; h.revoked > 0 && h.asked > h.revoked {
		return ingest.Device{}, trace.Errorf(ingest.CodeCredential, "withdrawn")
	}
	if terminal != "orchard-01" && terminal != "orchard-02" {
		return ingest.Device{}, trace.Errorf(ingest.CodeUnknownTerminal, "unknown")
	}
	if !ingest.SameSecret(sha256.Sum256([]byte("secret of "+terminal)), secret) {
		return ingest.Device{}, trace.Errorf(ingest.CodeCredential, "wrong")
	}
	return ingest.Device{ID: trace.DeviceID(terminal)}, nil
}

func (h *house) Bindings(trace.DeviceID) []trace.BoundPeriod {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bound
}

// v3 signs a device in with MQTT 3.1.1.
func (h *house) v3(client, user, password string) (paho.Client, error) {
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + h.address).SetClientID(client).SetUsername(user).SetPassword(password).
		SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(patience))
	token := c.Connect()
	require.True(h.t, token.WaitTimeout(patience))
	if token.Error() == nil {
		h.t.Cleanup(func() { c.Disconnect(0) })
	}
	return c, token.Error()
}

func (h *house) must(client, user string) paho.Client {
	c, err := h.v3(client, user, "secret of "+user)
	require.NoError(h.t, err)
	return c
}

// v5 signs a device in with MQTT 5.
func (h *house) v5(user string) *paho5.Client {
	conn, err := net.Dial("tcp", h.address)
	require.NoError(h.t, err)
	c := paho5.NewClient(paho5.ClientConfig{Conn: conn, PacketTimeout: patience})
	ack, err := c.Connect(h.t.Context(), &paho5.Connect{ClientID: "five", KeepAlive: 30, CleanStart: true, Username: user, UsernameFlag: true, Password: []byte("secret of " + user), PasswordFlag: true})
	require.NoError(h.t, err)
	require.Zero(h.t, ack.ReasonCode)
	h.t.Cleanup(func() { conn.Close() })
	return c
}

func payload(readings ...string) string { return `{"readings":[` + strings.Join(readings, ",") + `]}` }

func at(second int) string { return (start + trace.Time(second)*1000).String() }

func TestAReadingIsKeptBeforeItIsAcknowledged(t *testing.T) {
	h := newHouse(t, Limits{})
	h.gate = make(chan struct{})
	c := h.must("any", "orchard-01")
	token := c.Publish("t/orchard-01/readings", 1, false, payload(
		fmt.Sprintf(`{"at":%q,"temperatures":{"soil":12.5,"air":-3.25},"humidity":80.20,"shock":12,"speed":3.5,"position":{"latitude":30.123456,"longitude":-103.5}}`, at(1)),
		fmt.Sprintf(`{"at":%q,"temperatures":{"air":70}}`, at(2)),
		fmt.Sprintf(`{"at":%q,"soilMoisture":23.75,"illuminance":41200}`, at(3))))
	require.False(t, token.WaitTimeout(300*time.Millisecond), "not durable, not acknowledged")
	close(h.gate)
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
	want := []trace.Reading{trace.NewReading(start + 1000), trace.NewReading(start + 2000), trace.NewReading(start + 3000)}
	want[0].Temperatures, want[0].Humidity, want[0].Shock, want[0].Speed = []trace.CentiCelsius{-325, 1250}, 8020, 12, 35
	want[0].Fix, want[0].Point = true, trace.Point{Latitude: 30_123_456, Longitude: -103_500_000}
	want[1].Temperatures = []trace.CentiCelsius{7000, trace.NoTemperature}
	want[2].Temperatures = []trace.CentiCelsius{trace.NoTemperature, trace.NoTemperature}
	want[2].SoilMoisture, want[2].Illuminance = 2375, 41_200
	require.Equal(t, want, h.of("orchard-01"))
}

func TestOverTLS(t *testing.T) {
	pages := httptest.NewTLSServer(nil)
	defer pages.Close()
	h := newHouseOver(t, Limits{}, &tls.Config{Certificates: pages.TLS.Certificates, MinVersion: tls.VersionTLS12})
	trusted := pages.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	c := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + h.address).SetUsername("orchard-01").SetPassword("secret of orchard-01").
		SetAutoReconnect(false).SetTLSConfig(&tls.Config{RootCAs: trusted, ServerName: "example.com"}))
	token := c.Connect()
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
	defer c.Disconnect(0)
	token = c.Publish(Topic("orchard-01"), 1, false, payload(fmt.Sprintf(`{"at":%q}`, at(1))))
	require.True(t, token.WaitTimeout(patience))
	require.Len(t, h.of("orchard-01"), 1)
	_, err := h.v3("plain", "orchard-01", "secret of orchard-01")
	require.Error(t, err)
}

// TestAWithdrawnPassword ends connections under it: one that is there, and one that was
// just being let in.
func TestAWithdrawnPassword(t *testing.T) {
	h := newHouse(t, Limits{})
	gone := func(c paho.Client) {
		t.Helper()
		require.Eventually(t, func() bool { return !c.IsConnectionOpen() }, patience, 5*time.Millisecond)
	}
	one, other := h.must("one", "orchard-01"), h.must("other", "orchard-02")
	h.server.Disconnect("orchard-01")
	gone(one)
	require.True(t, other.IsConnectionOpen())
	h.server.Disconnect("orchard-77")

	h.mu.Lock()
	h.asked, h.revoked = 0, 1
	h.mu.Unlock()
	if c, err := h.v3("one", "orchard-01", "secret of orchard-01"); err == nil {
		gone(c)
	}
}

func TestStrangersStayOut(t *testing.T) {
	h := newHouse(t, Limits{})
	for _, c := range [][2]string{{"orchard-01", "wrong"}, {"orchard-99", "secret of orchard-99"}, {"", ""}} {
		_, err := h.v3("x", c[0], c[1])
		require.Error(t, err, c)
	}
	require.Equal(t, 1., testutil.ToFloat64(h.metrics.refused.WithLabelValues(string(ingest.CodeCredential))))
	require.Equal(t, 2., testutil.ToFloat64(h.metrics.refused.WithLabelValues(string(ingest.CodeUnknownTerminal))))
}

func TestADeviceKeepsToItsTopics(t *testing.T) {
	h := newHouse(t, Limits{})
	good := payload(fmt.Sprintf(`{"at":%q}`, at(1)))
	for _, topic := range []string{"t/orchard-02/readings", "t/orchard-01/else", "readings"} {
		answer, err := h.v5("orchard-01").Publish(t.Context(), &paho5.Publish{Topic: topic, QoS: 1, Payload: []byte(good)})
		require.Error(t, err, topic)
		require.EqualValues(t, 0x87, answer.ReasonCode, topic)
	}
	five := h.v5("orchard-01")
	for _, filter := range []string{"t/orchard-02/#", "#", "t/+/readings", "$SYS/#", "t/orchard-0"} {
		_, err := five.Subscribe(t.Context(), &paho5.Subscribe{Subscriptions: []paho5.SubscribeOptions{{Topic: filter, QoS: 1}}})
		require.Error(t, err, filter)
	}
	_, err := five.Subscribe(t.Context(), &paho5.Subscribe{Subscriptions: []paho5.SubscribeOptions{{Topic: "t/orchard-01/commands", QoS: 1}}})
	require.NoError(t, err)
	require.Empty(t, h.of("orchard-01"))
	require.Empty(t, h.of("orchard-02"))
}

func TestBadPayloadsAreRefusedAndCounted(t *testing.T) {
	h := newHouse(t, Limits{})
	five := h.v5("orchard-01")
	for _, c := range []struct {
		name, payload string
		code          trace.Code
	}{
		{"no JSON", `readings`, trace.CodeMalformed},
		{"cut off", `{"readings":[`, trace.CodeMalformed},
		{"trailing bytes", payload(fmt.Sprintf(`{"at":%q}`, at(1))) + "x", trace.CodeMalformed},
		{"no readings", payload(), trace.CodeTooLarge},
		{"an unknown field", payload(fmt.Sprintf(`{"at":%q,"soilPH":3}`, at(1))), trace.CodeUnknownField},
		{"a field twice", payload(fmt.Sprintf(`{"at":%q,"at":%q}`, at(1), at(1))), trace.CodeDuplicateField},
		{"a time that is none", payload(`{"at":"yesterday"}`), trace.CodeInvalid},
		{"no time", payload(`{"humidity":3}`), trace.CodeMissing},
		{"before the binding", payload(fmt.Sprintf(`{"at":%q}`, at(-301))), ingest.CodeNotBound},
		{"a probe that is not bound", payload(fmt.Sprintf(`{"at":%q,"temperatures":{"pulp":1}}`, at(1))), trace.CodeInvalid},
		{"a number in quotes", payload(fmt.Sprintf(`{"at":%q,"humidity":"80"}`, at(1))), trace.CodeInvalid},
		{"an exponent", payload(fmt.Sprintf(`{"at":%q,"humidity":8e1}`, at(1))), trace.CodeInvalid},
		{"more decimals than there is room for", payload(fmt.Sprintf(`{"at":%q,"humidity":80.123}`, at(1))), trace.CodeInvalid},
		{"below nothing", payload(fmt.Sprintf(`{"at":%q,"humidity":-0.01}`, at(1))), trace.CodeOutOfRange},
		{"soil drier than dry", payload(fmt.Sprintf(`{"at":%q,"soilMoisture":-1}`, at(1))), trace.CodeOutOfRange},
		{"a fraction of a lux", payload(fmt.Sprintf(`{"at":%q,"illuminance":0.5}`, at(1))), trace.CodeInvalid},
		{"half a position", payload(fmt.Sprintf(`{"at":%q,"position":{"latitude":1}}`, at(1))), trace.CodeInvalid},
	} {
		before := testutil.ToFloat64(h.metrics.messages.WithLabelValues(string(c.code)))
		answer, err := five.Publish(t.Context(), &paho5.Publish{Topic: Topic("orchard-01"), QoS: 1, Payload: []byte(c.payload)})
		require.Error(t, err, c.name)
		require.EqualValues(t, 0x99, answer.ReasonCode, c.name)
		require.Equal(t, before+1, testutil.ToFloat64(h.metrics.messages.WithLabelValues(string(c.code))), c.name)
	}
	old := h.must("three", "orchard-02")
	old.Publish(Topic("orchard-02"), 1, false, "readings")
	require.Eventually(t, func() bool { return !old.IsConnected() }, patience, 10*time.Millisecond, "MQTT 3.1.1 knows no refusal")
	require.Empty(t, h.of("orchard-01"))
}

func TestTooLargeAPacketEndsTheConnection(t *testing.T) {
	h := newHouse(t, Limits{PacketBytes: 1000})
	c := h.must("any", "orchard-01")
	c.Publish(Topic("orchard-01"), 1, false, strings.Repeat(" ", 1001))
	require.Eventually(t, func() bool { return !c.IsConnected() }, patience, 10*time.Millisecond)
}

func TestTheNewestConnectionSpeaksForADevice(t *testing.T) {
	h := newHouse(t, Limits{})
	first := h.must("one", "orchard-01")
	other := h.must("orchard-01", "orchard-02") // another's id as client id takes nothing over
	require.True(t, first.IsConnected())
	second := h.must("two", "orchard-01")
	require.Eventually(t, func() bool { return !first.IsConnected() }, patience, 10*time.Millisecond)
	require.True(t, second.IsConnected())
	require.True(t, other.IsConnected())
	token := second.Publish(Topic("orchard-01"), 1, false, payload(fmt.Sprintf(`{"at":%q}`, at(1))))
	require.True(t, token.WaitTimeout(patience))
	require.Len(t, h.of("orchard-01"), 1)
}

func TestConnectionsAreBounded(t *testing.T) {
	h := newHouse(t, Limits{Connections: 1})
	h.must("one", "orchard-01")
	_, err := h.v3("two", "orchard-02", "secret of orchard-02")
	require.Error(t, err)
}

func TestAFullHouseHoldsDevicesBack(t *testing.T) {
	h := newHouse(t, Limits{Hold: patience})
	busy := trace.Errorf(ingest.CodeBusy, "full")
	h.errs = []error{busy, errors.New("later"), busy}
	c := h.must("any", "orchard-01")
	token := c.Publish(Topic("orchard-01"), 1, false, payload(fmt.Sprintf(`{"at":%q}`, at(1))))
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
	require.Len(t, h.of("orchard-01"), 1)
	require.Equal(t, 4, h.calls)
}

// Bound anew while its message waits, a device's temperatures go where the new binding has
// their probes.
func TestBoundAnewWhileHeldBack(t *testing.T) {
	h := newHouse(t, Limits{Hold: patience})
	h.errs = []error{trace.Errorf(ingest.CodeBusy, "full"), trace.Errorf(ingest.CodeBusy, "full")}
	c := h.must("any", "orchard-01")
	token := c.Publish(Topic("orchard-01"), 1, false, payload(fmt.Sprintf(`{"at":%q,"temperatures":{"soil":12.5,"air":3}}`, at(1))))
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.calls > 0 && len(h.errs) > 0 {
			h.bound = []trace.BoundPeriod{{Plot: "plot-02", Probes: []string{"soil", "air"}, From: start}}
		}
		return len(h.errs) < 2
	}, patience, time.Millisecond)
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
	require.Equal(t, []trace.CentiCelsius{1250, 300}, h.of("orchard-01")[0].Temperatures)
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte(payload(`{"at":"2026-10-20T08:00:01Z","temperatures":{"soil":12.5},"humidity":80.20,"position":{"latitude":30.1,"longitude":1}}`)))
	f.Add([]byte(`{"readings":[{}]}`))
	bindings := []trace.BoundPeriod{{Plot: "plot-01", Probes: []string{"soil"}, From: start}}
	f.Fuzz(func(t *testing.T, content []byte) {
		readings, err := parse(content, "orchard-01", bindings)
		if err != nil {
			require.NotEmpty(t, trace.CodeOf(err), "%v", err)
			return
		}
		_, err = trace.EncodeReadings(1, readings)
		require.NoError(t, err, "what is taken can be packed")
	})
}
