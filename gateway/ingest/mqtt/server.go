// Package mqtt is the broker that sensors publish their readings to.
//
// In come messages of the form in payload.go on the topic t/{device}/readings; out go
// readings to an ingest.Sink, and the PUBACK of a message with QoS 1 once all its
// readings are durable there. A device signs in with its id and its own password,
// publishes on its own topic only and hears its own topics only. Nothing is passed on
// from one client to another. See docs/sensors.md.
//
// Like every way in it knows no ledger and no store.
package mqtt

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"

	broker "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// Limits bound what clients can take. Zero values are the defaults.
type Limits struct {
	Connections       int           // at once; 10,000
	PacketBytes       uint32        // of one packet; 256 KiB
	ReadingsPerSecond float64       // of one device, on average; 100. Faster ones are held back
	Burst             int           // readings a device may send at once; 10,000
	Keepalive         time.Duration // the longest silence of a client; 5 min. Who asks for more, or for none, gets this
	Hold              time.Duration // how long a message waits while too much waits to be anchored; 30 s
}

// Config of a Server. Sink and Devices are required.
type Config struct {
	Sink    ingest.Sink
	Devices ingest.Devices
	Limits  Limits
	TLS     *tls.Config  // nil: plain TCP
	Logger  *slog.Logger // nil is slog.Default(). It sees device ids, never passwords
	Metrics *Metrics     // nil counts into nowhere
}

// Metrics of a Server; register it once.
type Metrics struct {
	connected prometheus.Gauge
	messages  *prometheus.CounterVec
	refused   *prometheus.CounterVec
}

// NewMetrics makes counters that count nothing yet.
func NewMetrics() *Metrics {
	return &Metrics{
		connected: prometheus.NewGauge(prometheus.GaugeOpts{Name: "traceledger_mqtt_connected", Help: "Devices signed in."}),
		messages:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "traceledger_mqtt_messages_total", Help: "Messages, by what came of them: KEPT or the code of the refusal."}, []string{"outcome"}),
		refused:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "traceledger_mqtt_connections_refused_total", Help: "Connections refused, by code."}, []string{"code"}),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	m.connected.Describe(to)
	m.messages.Describe(to)
	m.refused.Describe(to)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.connected.Collect(to)
	m.messages.Collect(to)
	m.refused.Collect(to)
}

// Server is a broker.
type Server struct {
	cfg     Config
	broker  *broker.Server
	logger  *slog.Logger
	metrics *Metrics

	keeping context.Context // of calls to Sink
	abandon context.CancelFunc

	mu    sync.Mutex
	paces map[trace.DeviceID]*rate.Limiter
}

// NewServer makes a server; Serve starts it.
func NewServer(cfg Config) (*Server, error) {
	if cfg.Sink == nil || cfg.Devices == nil {
		return nil, trace.Errorf(trace.CodeMissing, "a broker needs a sink and the devices")
	}
	l := &cfg.Limits
	set(&l.Connections, 10_000)
	set(&l.PacketBytes, 256<<10)
	set(&l.ReadingsPerSecond, 100)
	set(&l.Burst, 10_000)
	l.Burst = max(l.Burst, trace.MaxReadings) // one whole message
	set(&l.Keepalive, 5*time.Minute)
	set(&l.Hold, 30*time.Second)
	s := &Server{cfg: cfg, logger: cfg.Logger, metrics: cfg.Metrics, paces: map[trace.DeviceID]*rate.Limiter{}}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.metrics == nil {
		s.metrics = NewMetrics()
	}
	s.keeping, s.abandon = context.WithCancel(context.Background())
	able := broker.NewDefaultServerCapabilities()
	able.MaximumClients = int64(l.Connections)
	able.MaximumPacketSize = l.PacketBytes
	able.MaximumClientWritesPending = 64
	able.MaximumSessionExpiryInterval = 0 // what was not acknowledged is sent again anyway
	able.ReceiveMaximum, able.MaximumInflight, able.TopicAliasMaximum = 16, 64, 8
	able.MaximumQos, able.RetainAvailable, able.SharedSubAvailable, able.WildcardSubAvailable = 1, 0, 0, 0
	able.MinimumProtocolVersion = 4
	s.broker = broker.New(&broker.Options{Capabilities: able, Logger: slog.New(slog.DiscardHandler)})
	return s, s.broker.AddHook(&hook{server: s}, nil)
}

func set[T ~int | ~int64 | ~uint32 | ~float64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Serve accepts sensors until ctx ends, once. It closes the listener. Messages whose
// acknowledgement was not sent by then are sent again by their devices.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	// A few more than may sign in, so that those above the limit are told so.
	listener = netutil.LimitListener(listener, s.cfg.Limits.Connections+64)
	if s.cfg.TLS != nil {
		listener = tls.NewListener(listener, s.cfg.TLS)
	}
	if err := s.broker.AddListener(listeners.NewNet("sensors", listener)); err != nil {
		return err
	}
	if err := s.broker.Serve(); err != nil {
		return err
	}
	<-ctx.Done()
	s.abandon()
	return s.broker.Close()
}

// Disconnect ends a device's connection, after its credential was withdrawn.
func (s *Server) Disconnect(device trace.DeviceID) {
	if cl, found := s.broker.Clients.Get(string(device)); found {
		cl.Stop(packets.ErrNotAuthorized)
	}
}

// Topic is where a device publishes its readings.
func Topic(device trace.DeviceID) string { return topics(device) + "readings" }

// topics begins every topic of a device.
func topics(device trace.DeviceID) string { return "t/" + string(device) + "/" }

// pace is a device's allowance, which a new connection does not renew.
func (s *Server) pace(device trace.DeviceID) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.paces[device]
	if p == nil {
		p = rate.NewLimiter(rate.Limit(s.cfg.Limits.ReadingsPerSecond), s.cfg.Limits.Burst)
		s.paces[device] = p
	}
	return p
}

// take keeps a message's readings, or says why not.
func (s *Server) take(device trace.DeviceID, payload []byte) error {
	bindings := s.cfg.Devices.Bindings(device)
	readings, err := parse(payload, device, bindings)
	if err != nil {
		return err
	}
	if err := s.pace(device).WaitN(s.keeping, len(readings)); err != nil {
		return err
	}
	held, cancel := context.WithTimeout(s.keeping, s.cfg.Limits.Hold)
	defer cancel()
	for {
		if now := s.cfg.Devices.Bindings(device); !ingest.SameBindings(bindings, now) { // while it waited
			if readings, err = parse(payload, device, now); err != nil {
				return err
			}
			bindings = now
		}
		err := s.cfg.Sink.Put(s.keeping, device, readings)
		if code := trace.CodeOf(err); err == nil || code != "" && code != ingest.CodeBusy {
			return err
		}
		// Later: the connection is not read meanwhile, which holds the device back.
		select {
		case <-held.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// hook is where the broker asks.
type hook struct {
	broker.HookBase
	server *Server
}

func (h *hook) ID() string { return "devices" }

func (h *hook) Provides(b byte) bool {
	switch b {
	case broker.OnConnect, broker.OnConnectAuthenticate, broker.OnACLCheck, broker.OnPublish, broker.OnSessionEstablished, broker.OnDisconnect:
		return true
	}
	return false
}

// OnConnect bounds a client's silence.
func (h *hook) OnConnect(cl *broker.Client, _ packets.Packet) error {
	if most := uint16(h.server.cfg.Limits.Keepalive / time.Second); cl.State.Keepalive == 0 || cl.State.Keepalive > most {
		cl.State.Keepalive, cl.State.ServerKeepalive = most, true
	}
	return nil
}

// OnConnectAuthenticate lets a device in under its own name: whatever client id it gave,
// it becomes the device's, so that a device has one session, the newest, and cannot take
// over another's. A last will would speak on topics that nobody checks; there is none.
func (h *hook) OnConnectAuthenticate(cl *broker.Client, pk packets.Packet) bool {
	device, err := h.server.cfg.Devices.Authenticate(h.server.keeping, string(pk.Connect.Username), string(pk.Connect.Password))
	if err != nil {
		code := trace.CodeOf(err)
		if code == "" {
			code = "LATER"
		}
		h.server.metrics.refused.WithLabelValues(string(code)).Inc()
		h.server.logger.Info("mqtt: a client was not let in", "code", code)
		return false
	}
	cl.ID, cl.Properties.Will = string(device.ID), broker.Will{}
	cl.Properties.Username = []byte(device.ID)
	return true
}

// OnSessionEstablished asks once more: Disconnect did not know this client before.
func (h *hook) OnSessionEstablished(cl *broker.Client, pk packets.Packet) {
	h.server.metrics.connected.Inc()
	if _, err := h.server.cfg.Devices.Authenticate(h.server.keeping, string(pk.Connect.Username), string(pk.Connect.Password)); err != nil {
		cl.Stop(packets.ErrNotAuthorized)
	}
}

func (h *hook) OnDisconnect(cl *broker.Client, _ error, _ bool) {
	if cl.ID == string(cl.Properties.Username) {
		h.server.metrics.connected.Dec()
	}
}

// OnACLCheck lets a device publish its readings and hear its own topics.
func (h *hook) OnACLCheck(cl *broker.Client, topic string, write bool) bool {
	device := trace.DeviceID(cl.ID)
	allowed := topic == Topic(device)
	if !write {
		own := topics(device)
		allowed = len(topic) > len(own) && topic[:len(own)] == own
	}
	if !allowed {
		h.server.metrics.messages.WithLabelValues(string(trace.CodeForbidden)).Inc()
	}
	return allowed
}

// OnPublish runs before the acknowledgement. A refusal is told to MQTT 5 clients by its
// reason code; older ones know no refusal, and an acknowledgement would be a lie, so
// their connection is closed.
func (h *hook) OnPublish(cl *broker.Client, pk packets.Packet) (packets.Packet, error) {
	s := h.server
	device := trace.DeviceID(cl.ID)
	err := s.take(device, pk.Payload)
	if err == nil {
		s.metrics.messages.WithLabelValues("KEPT").Inc()
		return pk, packets.CodeSuccessIgnore // acknowledged, and passed on to nobody
	}
	code := trace.CodeOf(err)
	reason := packets.ErrPayloadFormatInvalid
	switch code {
	case "":
		code, reason = "LATER", packets.ErrImplementationSpecificError
	case ingest.CodeBusy:
		reason = packets.ErrQuotaExceeded
	}
	s.metrics.messages.WithLabelValues(string(code)).Inc()
	s.logger.Warn("mqtt: a message was not taken", "device", device, "error", err)
	if cl.Properties.ProtocolVersion == 5 && pk.FixedHeader.Qos > 0 {
		return pk, reason
	}
	if pk.FixedHeader.Qos > 0 {
		cl.Stop(reason)
	}
	return pk, packets.ErrRejectPacket
}
