package jt808

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// CodeConnections is the code of a connection above the limits.
const CodeConnections trace.Code = "CONNECTIONS"

// Config of a Server. Sink and Devices are required.
type Config struct {
	Sink    ingest.Sink
	Devices ingest.Devices
	Models  *Models // nil is StandardModels()
	Limits  Limits
	Logger  *slog.Logger     // nil is slog.Default(). It sees device ids, never numbers, plates or addresses
	Metrics *Metrics         // nil is counted nowhere
	Now     func() time.Time // nil is time.Now; what terminals' clocks are compared with
}

// Server serves terminals.
type Server struct {
	sink    ingest.Sink
	devices ingest.Devices
	models  *Models
	limits  Limits
	logger  *slog.Logger
	metrics *Metrics
	now     func() time.Time

	inFlight *semaphore.Weighted
	buffers  sync.Pool           // *[]byte of ReadBuffer bytes
	large    *semaphore.Weighted // how many of them there may be
	groups   [2]sync.Pool        // *group: of small buffers, of large ones

	// keeping is the context of calls to Sink and Devices: it outlives the end of Serve's
	// by StopWithin.
	keeping  context.Context
	abandon  context.CancelFunc
	stopping atomic.Bool
	stopped  chan struct{} // closed when stopping begins

	mu         sync.Mutex
	sessions   map[*session]struct{}
	addresses  map[netip.Addr]int
	identities map[trace.DeviceID]*identity
	ended      sync.WaitGroup
}

// identity is one device for this server: the connection that speaks for it, and its
// allowance, which a new connection does not renew.
type identity struct {
	session *session // guarded by Server.mu
	pace    pace
}

// NewServer makes a server; Serve starts it.
func NewServer(cfg Config) (*Server, error) {
	if cfg.Sink == nil || cfg.Devices == nil {
		return nil, trace.Errorf(trace.CodeMissing, "a JT/T 808 server needs a sink and the devices")
	}
	s := &Server{
		sink: cfg.Sink, devices: cfg.Devices, models: cfg.Models, limits: cfg.Limits.withDefaults(), logger: cfg.Logger, metrics: cfg.Metrics, now: cfg.Now,
		stopped: make(chan struct{}), sessions: map[*session]struct{}{}, addresses: map[netip.Addr]int{}, identities: map[trace.DeviceID]*identity{},
	}
	if s.models == nil {
		s.models = StandardModels()
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.metrics == nil {
		s.metrics = NewMetrics()
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.inFlight = semaphore.NewWeighted(int64(s.limits.InFlight))
	s.buffers.New = func() any {
		b := make([]byte, 0, s.limits.ReadBuffer)
		return &b
	}
	s.large = semaphore.NewWeighted(int64(s.limits.LargeBuffers))
	for i := range s.groups {
		s.groups[i].New = func() any { return new(group) }
	}
	s.keeping, s.abandon = context.WithCancel(context.Background())
	return s, nil
}

// Serve accepts terminals until ctx ends, once. It then reads no more, lets what the
// sessions have read become durable and answered, for StopWithin at most, and returns
// nil when every connection is closed. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	unwatch := context.AfterFunc(ctx, func() {
		s.stop()
		listener.Close()
	})
	defer unwatch()
	err := s.accept(listener)
	listener.Close()
	s.stop()
	late := time.AfterFunc(s.limits.StopWithin, s.cutOff)
	s.ended.Wait()
	late.Stop()
	s.abandon()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Server) accept(listener net.Listener) error {
	var pause time.Duration
	for {
		conn, err := listener.Accept()
		if err != nil {
			var temporary net.Error
			if s.stopping.Load() || errors.Is(err, net.ErrClosed) || !errors.As(err, &temporary) {
				return err
			}
			// Out of file descriptors, or a peer that was gone at once.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.logger.Warn("jt808: no connection accepted", "error", err)
			if !s.wait(pause, nil) {
				return err
			}
			continue
		}
		pause = 0
		if session := s.admit(conn); session != nil {
			s.ended.Add(1)
			go func() {
				defer s.ended.Done()
				session.serve()
			}()
		} else {
			conn.Close()
		}
	}
}

// admit opens a session unless there are too many.
func (s *Server) admit(conn net.Conn) *session {
	var address netip.Addr
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		address = tcp.AddrPort().Addr().Unmap()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() || len(s.sessions) >= s.limits.Connections || s.addresses[address] >= s.limits.PerAddress {
		s.metrics.refused.WithLabelValues(string(CodeConnections)).Inc()
		return nil
	}
	session := newSession(s, conn, address)
	s.sessions[session] = struct{}{}
	s.addresses[address]++
	s.metrics.connections.Inc()
	return session
}

// forget ends a session's account.
func (s *Server) forget(session *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, session)
	if s.addresses[session.address]--; s.addresses[session.address] <= 0 {
		delete(s.addresses, session.address)
	}
	s.release(session)
	s.metrics.connections.Dec()
}

// claim makes a session the one that speaks for its device: the newest to authenticate
// wins, an older one is closed.
func (s *Server) claim(session *session, device trace.DeviceID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(session)
	who := s.identities[device]
	if who == nil {
		who = &identity{pace: pace{each: time.Second / time.Duration(s.limits.ReadingsPerSecond), burst: time.Second * time.Duration(s.limits.Burst) / time.Duration(s.limits.ReadingsPerSecond)}}
		s.identities[device] = who
	}
	if who.session != nil {
		who.session.end(endReplaced)
		s.metrics.authenticated.Dec()
	}
	who.session, session.who = session, who
	s.metrics.authenticated.Inc()
}

// release takes a session's device from it. The caller holds mu.
func (s *Server) release(session *session) {
	if who := session.who; who != nil && who.session == session {
		who.session = nil
		s.metrics.authenticated.Dec()
	}
}

// Disconnect closes a device's connection, after its credential was withdrawn.
func (s *Server) Disconnect(device trace.DeviceID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if who := s.identities[device]; who != nil && who.session != nil {
		who.session.end(endWithdrawn)
	}
}

// stop has every session end after what it is doing.
func (s *Server) stop() {
	if s.stopping.Swap(true) {
		return
	}
	close(s.stopped)
	s.mu.Lock()
	defer s.mu.Unlock()
	for session := range s.sessions {
		session.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// cutOff ends what would not end by itself.
func (s *Server) cutOff() {
	s.abandon()
	s.mu.Lock()
	defer s.mu.Unlock()
	for session := range s.sessions {
		session.end(endStopped)
	}
}

// wait sleeps, unless the server stops or done closes: then it returns false.
func (s *Server) wait(d time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.stopped:
	case <-done:
	}
	return false
}

// pace is one device's allowance of readings.
type pace struct {
	mu    sync.Mutex
	each  time.Duration // a reading's share
	burst time.Duration // how far the device may be ahead
	full  time.Time     // when all that was sent is worn off
}

// take accounts for n readings and tells how long to read no more from the device.
func (p *pace) take(n int, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full.Before(now) {
		p.full = now
	}
	p.full = p.full.Add(time.Duration(n) * p.each)
	return max(0, p.full.Sub(now)-p.burst)
}
