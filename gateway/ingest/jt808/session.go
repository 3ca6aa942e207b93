package jt808

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// Why a connection ended; the label of a metric.
const (
	endPeer          = "peer"         // by the device
	endStrikes       = "bad frames"   // too many of them
	endAttempts      = "credentials"  // too many refused
	endAuthenticate  = "authenticate" // not in time
	endFrame         = "slow frame"   // not complete in time
	endIdle          = "idle"         // no frame in time
	endWrite         = "slow reader"  // answers not read in time
	endReplaced      = "replaced"     // another connection authenticated as the same device
	endWithdrawn     = "withdrawn"    // its credential
	endUnavailable   = "unavailable"  // ours: nobody could say who the device is
	endHeld          = "not durable"  // ours: the sink took nothing for too long
	endBoundAnew     = "bound anew"   // ours: while its readings waited
	endStopped       = "stopped"      // ours
	endFailed        = "error"        // of the connection
	smallBuffer      = 1 << 10        // of an idle connection
	borrowedFor      = 200 * time.Millisecond
	shortestPutPause = 20 * time.Millisecond
	longestPutPause  = 2 * time.Second
)

// session is one connection. One goroutine reads, decodes, has readings made durable,
// answers, and reads on: a device is held back by not being read from.
type session struct {
	server  *Server
	conn    net.Conn
	address netip.Addr

	small    []byte
	buf      []byte // received and not used up
	borrowed *[]byte
	more     bool // the last read filled the buffer

	opened  time.Time
	heard   time.Time // the last good frame
	partial time.Time // when the frame that lies in buf began
	strikes int
	refused int // registrations, and authentications without success, since the last with

	device  ingest.Device
	phone   Phone
	who     *identity // nil until authenticated; guarded by Server.mu for others
	reader  Reader
	paid    int // readings of the buffer at hand that were throttled for
	packets assembler
	serial  uint16 // of our messages

	once sync.Once
	why  string
	done chan struct{}
}

func newSession(server *Server, conn net.Conn, address netip.Addr) *session {
	now := time.Now()
	s := &session{server: server, conn: conn, address: address, opened: now, heard: now, done: make(chan struct{})}
	s.small = make([]byte, 0, smallBuffer)
	s.buf = s.small
	return s
}

// end closes the connection; the first reason counts.
func (s *session) end(why string) {
	s.once.Do(func() {
		s.why = why
		s.server.metrics.closed.WithLabelValues(why).Inc()
		close(s.done)
		s.conn.Close()
	})
}

func (s *session) serve() {
	defer func() {
		s.server.forget(s)
		s.buf = s.buf[:0]
		s.giveBack()
		s.server.logger.Debug("jt808: connection ended", "device", s.device.ID, "why", s.why)
	}()
	for {
		if why := s.receive(); why != "" {
			s.end(why)
			return
		}
		if why := s.handle(); why != "" {
			s.end(why)
			return
		}
		if s.server.stopping.Load() {
			s.end(endStopped)
			return
		}
	}
}

// receive reads more bytes, or says why there will be none.
func (s *session) receive() string {
	if s.more {
		s.borrow()
	}
	if len(s.buf) == cap(s.buf) { // no large one to be had, and a frame larger than the small one
		s.small = append(make([]byte, 0, 2*MaxEscaped), s.buf...)
		s.buf = s.small
	}
	for {
		deadline, _ := s.deadline(time.Now())
		s.conn.SetReadDeadline(deadline)
		if s.server.stopping.Load() { // after the deadline is set: stop sets it last
			return endStopped
		}
		n, err := s.conn.Read(s.buf[len(s.buf):cap(s.buf)])
		if n > 0 {
			if len(s.buf) == 0 {
				s.partial = time.Now()
			}
			s.buf = s.buf[:len(s.buf)+n]
			s.more = len(s.buf) == cap(s.buf)
			s.server.metrics.bytes.Add(float64(n))
			return ""
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if why := s.expire(time.Now()); why != "" {
				return why
			}
		case err == io.EOF || errors.Is(err, net.ErrClosed):
			return endPeer
		case err != nil:
			return endFailed
		}
	}
}

// deadline is when to stop waiting for bytes, and why.
func (s *session) deadline(now time.Time) (time.Time, string) {
	limits := &s.server.limits
	at, why := s.heard.Add(limits.IdleAfter), endIdle
	if s.who == nil {
		at, why = s.opened.Add(limits.AuthenticateWithin), endAuthenticate
	}
	sooner := func(t time.Time, w string) {
		if t.Before(at) {
			at, why = t, w
		}
	}
	if len(s.buf) > 0 {
		sooner(s.partial.Add(limits.FrameWithin), endFrame)
	}
	if s.packets.pending() {
		sooner(s.packets.begun.Add(limits.FrameWithin), "")
	}
	if s.borrowed != nil {
		sooner(now.Add(borrowedFor), "")
	}
	return at, why
}

// expire does what is due when nothing came in time: it ends the connection, or only
// gives memory back.
func (s *session) expire(now time.Time) string {
	if s.server.stopping.Load() {
		return endStopped
	}
	if s.packets.pending() && !now.Before(s.packets.begun.Add(s.server.limits.FrameWithin)) {
		s.packets.drop()
		s.count(CodeFragments)
	}
	s.giveBack()
	if at, why := s.deadline(now); why != "" && !now.Before(at) {
		return why
	}
	return ""
}

// borrow takes a large buffer while the device sends much.
func (s *session) borrow() {
	if s.borrowed != nil || !s.server.large.TryAcquire(1) {
		return
	}
	s.borrowed = s.server.buffers.Get().(*[]byte)
	s.buf = append((*s.borrowed)[:0], s.buf...)
}

// giveBack returns it when what is left fits the small one.
func (s *session) giveBack() {
	if s.borrowed == nil || len(s.buf) >= cap(s.small) {
		return
	}
	s.buf = append(s.small[:0], s.buf...)
	s.server.buffers.Put(s.borrowed)
	s.server.large.Release(1)
	s.borrowed = nil
}

// handle takes every whole frame out of the buffer.
func (s *session) handle() (why string) {
	// Apart, or in time every group would have the size of the largest.
	pool, most := &s.server.groups[0], smallReadings
	if s.borrowed != nil {
		pool, most = &s.server.groups[1], largeReadings
	}
	g := pool.Get().(*group)
	defer func() {
		g.reset(most)
		pool.Put(g)
	}()
	s.reader.implausible, s.paid = 0, 0
	used, frames := 0, 0
	for why == "" {
		frame, n, err := Next(s.buf[used:])
		used += n
		if err != nil {
			why = s.bad(err)
			continue
		}
		if frame == nil {
			break
		}
		frames++
		why = s.message(g, frame)
	}
	if ended := s.flush(g); why == "" {
		why = ended
	}
	if free := frames - s.paid; why == "" && free > 0 && s.who != nil {
		s.throttle(free) // a frame counts as a reading at least
	}
	if frames > 0 { // now: a device that was held back was not idle
		s.heard = time.Now()
		s.server.metrics.frames.Add(float64(frames))
	}
	if s.reader.implausible > 0 {
		s.server.metrics.implausible.Add(float64(s.reader.implausible))
	}
	if used > 0 {
		s.partial = time.Now()
		s.buf = s.buf[:copy(s.buf, s.buf[used:])]
	}
	return why
}

// bad counts a frame that cannot be read. It is not answered: who sent it is not known.
func (s *session) bad(err error) string {
	s.count(trace.CodeOf(err))
	return s.strike()
}

func (s *session) strike() string {
	if s.strikes++; s.strikes >= s.server.limits.Strikes {
		s.server.logger.Info("jt808: too many bad frames", "device", s.device.ID)
		return endStrikes
	}
	return ""
}

func (s *session) count(code trace.Code) {
	s.server.metrics.refused.WithLabelValues(string(code)).Inc()
	s.server.logger.Debug("jt808: refused", "device", s.device.ID, "code", code)
}

// message handles one frame.
func (s *session) message(g *group, frame []byte) string {
	h, body, err := ParseHeader(frame)
	switch {
	case err != nil && h.ID == 0:
		return s.bad(err)
	case err != nil:
		return s.reject(g, &h, 1, err)
	case h.Encryption != 0:
		return s.reject(g, &h, 1, errEncrypted)
	case s.who != nil && h.Phone != s.phone:
		return s.reject(g, &h, 1, errForeign)
	case h.ID != Register && h.ID != Authenticate && s.who == nil:
		return s.reject(g, &h, 1, errUnauthenticated)
	}
	packets := 1
	if h.Total > 1 {
		switch {
		case s.who == nil:
			return s.reject(g, &h, 1, errUnauthenticated)
		case h.ID != PositionReport && h.ID != PositionBatch: // pictures, say: no packet is kept
			return s.unsupported(g, &h)
		}
		whole, all, dropped, err := s.packets.add(&h, body, s.server.limits.MessageBytes, time.Now())
		if dropped {
			s.count(CodeFragments)
		}
		if err != nil {
			return s.reject(g, &h, 1, err)
		}
		if whole == nil {
			return ""
		}
		packets, h, body = int(whole.Total), *whole, all
	}
	return s.dispatch(g, &h, packets, body)
}

func (s *session) dispatch(g *group, h *Header, packets int, body []byte) string {
	switch h.ID {
	case PositionReport, PositionBatch:
		return s.positions(g, h, packets, body)
	case Heartbeat:
		s.good()
		g.answer(h, packets, Success)
		return ""
	case Register, Authenticate, LogOut:
		// In their order with the positions around them.
		if why := s.flush(g); why != "" {
			return why
		}
		switch h.ID {
		case Register:
			return s.register(g, h, body)
		case Authenticate:
			return s.authenticate(g, h, body)
		}
		return s.logOut(g, h)
	case terminalAnswer: // there is nothing it could answer, and it is never answered
		return ""
	}
	return s.unsupported(g, h)
}

func (s *session) unsupported(g *group, h *Header) string {
	g.answer(h, 1, Unsupported)
	s.count(CodeUnsupported)
	return ""
}

// terminalAnswer is a terminal's general answer to a message of ours; we send none.
const terminalAnswer MessageID = 0x0001

// good takes a strike away.
func (s *session) good() { s.strikes = max(0, s.strikes-1) }
