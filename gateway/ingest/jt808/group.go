package jt808

import (
	"errors"
	"os"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// group is what one buffer holds: the readings of its messages, made durable in one
// call, and the answers, sent in one write.
type group struct {
	readings []trace.Reading
	arena    []trace.CentiCelsius // of the readings' temperatures
	answers  []answer
	out      []byte
	scratch  []byte
}

// answer is one message's, with the readings [first, last) that it acknowledges.
type answer struct {
	head        Header
	packets     int // of the message; each is answered
	result      Result
	first, last int
}

// mostReadings is the most a group gathers before it is made durable.
const mostReadings = 5_000

// How many readings a pooled group keeps room for; what a rare larger one took goes back
// to the collector.
const (
	smallReadings = smallBuffer / basicPosition
	largeReadings = mostReadings + 2_500
)

func (g *group) reset(most int) {
	if cap(g.readings) > 2*most || cap(g.arena) > 2*most*trace.MaxProbes || cap(g.answers) > 2*most || cap(g.out) > 2*most*maxAnswer || cap(g.scratch) > 2*most*maxAnswer {
		*g = group{}
		return
	}
	g.clear()
}

// maxAnswer is about how many bytes a general answer has.
const maxAnswer = 32

func (g *group) clear() {
	g.readings, g.arena, g.answers, g.out = g.readings[:0], g.arena[:0], g.answers[:0], g.out[:0]
}

func (g *group) answer(h *Header, packets int, result Result) {
	g.answers = append(g.answers, answer{head: *h, packets: packets, result: result, first: len(g.readings), last: len(g.readings)})
}

// positions decodes a report or a batch. A message is taken whole or not at all.
func (s *session) positions(g *group, h *Header, packets int, body []byte) string {
	if len(g.readings) == 0 {
		s.reader.Begin(s.server.devices.Bindings(s.device.ID))
	}
	first, arena := len(g.readings), len(g.arena)
	if err := s.decode(g, h.ID, body); err != nil {
		g.readings, g.arena = g.readings[:first], g.arena[:arena]
		return s.reject(g, h, packets, err)
	}
	s.good()
	g.answers = append(g.answers, answer{head: *h, packets: packets, result: Success, first: first, last: len(g.readings)})
	if len(g.readings) >= mostReadings {
		return s.flush(g)
	}
	return ""
}

func (s *session) decode(g *group, id MessageID, body []byte) error {
	now := s.server.now()
	earliest, latest := trace.TimeOf(now.Add(-s.server.limits.ClockBehind)), trace.TimeOf(now.Add(s.server.limits.ClockAhead))
	var p Position
	add := func() error {
		g.readings = append(g.readings, trace.Reading{})
		var err error
		g.arena, err = s.reader.Read(&p, earliest, latest, &g.readings[len(g.readings)-1], g.arena)
		return err
	}
	if id == PositionReport {
		if err := ParsePosition(body, &p); err != nil {
			return err
		}
		return add()
	}
	batch, err := ParseBatch(body)
	if err != nil {
		return err
	}
	for {
		some, err := batch.Next(&p)
		if err != nil || !some {
			return err
		}
		if err := add(); err != nil {
			return err
		}
	}
}

// reject answers a message that is not accepted, and counts why. What is malformed or
// not the speaker's to say is also a strike; a wrong clock or no binding is none, because
// closing the connection would not help.
func (s *session) reject(g *group, h *Header, packets int, err error) string {
	code := trace.CodeOf(err)
	s.count(code)
	result, strike := BadMessage, false
	switch code {
	case ingest.CodeNotBound:
		result = Failure
	case CodeUnauthenticated, CodeForeign:
		result, strike = Failure, true
	case CodeEncrypted:
		result = Unsupported
	case trace.CodeOutOfRange, trace.CodeChronology:
	default:
		strike = true
	}
	g.answer(h, packets, result)
	if strike {
		return s.strike()
	}
	return ""
}

// flush makes the group's readings durable, sends its answers, and then waits where the
// device is to be held back.
func (s *session) flush(g *group) string {
	n := len(g.readings)
	if why := s.keep(g); why != "" {
		return why
	}
	for i := range g.answers {
		a := &g.answers[i]
		for k := range a.packets {
			g.scratch = Answer{Serial: a.head.Serial + uint16(k), ID: a.head.ID, Result: a.result}.Append(g.scratch[:0])
			s.send(g, &a.head, GeneralAnswer, g.scratch)
		}
	}
	why := s.write(g)
	g.clear()
	if why == "" && n > 0 {
		s.paid += n
		s.throttle(n)
	}
	return why
}

// send appends a message to the terminal that spoke with this header.
func (s *session) send(g *group, to *Header, id MessageID, body []byte) {
	h := Header{ID: id, Edition: to.Edition, Version: to.Version, Phone: to.Phone, Serial: s.serial}
	s.serial++
	g.out = AppendFrame(g.out, &h, body)
}

func (s *session) write(g *group) string {
	if len(g.out) == 0 {
		return ""
	}
	s.conn.SetWriteDeadline(time.Now().Add(s.server.limits.WriteWithin))
	if _, err := s.conn.Write(g.out); errors.Is(err, os.ErrDeadlineExceeded) {
		return endWrite
	} else if err != nil {
		return endPeer
	}
	return ""
}

// keep has the group's readings made durable. When the sink refuses them together, each
// message is tried by itself, so that each gets its own answer.
func (s *session) keep(g *group) string {
	if len(g.readings) == 0 {
		return ""
	}
	messages := 0
	for i := range g.answers {
		if a := &g.answers[i]; a.last > a.first {
			messages++
		}
	}
	code, why := s.put(g.readings)
	if why != "" || code == "" {
		return why
	}
	for i := range g.answers {
		a := &g.answers[i]
		if a.last == a.first {
			continue
		}
		if messages > 1 {
			if code, why = s.put(g.readings[a.first:a.last]); why != "" {
				return why
			}
		}
		if code != "" {
			a.result = Failure
			s.count(code)
		}
	}
	return ""
}

// put gives readings to the sink until it takes or refuses them: the code of the refusal,
// or why the connection ends with nothing answered. Meanwhile nothing is read.
func (s *session) put(readings []trace.Reading) (trace.Code, string) {
	server := s.server
	begun, pause := time.Now(), time.Duration(0)
	for {
		err := s.putOnce(readings)
		switch code := trace.CodeOf(err); {
		case err == errBoundAnew:
			return "", endBoundAnew
		case err == nil:
			server.metrics.readings.Add(float64(len(readings)))
			server.metrics.seconds.Observe(time.Since(begun).Seconds())
			return "", ""
		case code != "" && code != ingest.CodeBusy:
			return code, ""
		case code == "" && server.keeping.Err() == nil:
			server.logger.Error("jt808: readings are not durable", "device", s.device.ID, "error", err)
		}
		if time.Since(begun) > server.limits.HoldFor {
			return "", endHeld
		}
		if pause == 0 {
			server.metrics.held.Inc()
			defer server.metrics.held.Dec()
		}
		pause = min(max(2*pause, shortestPutPause), longestPutPause)
		if !server.wait(pause, s.done) {
			return "", endStopped
		}
	}
}

func (s *session) putOnce(readings []trace.Reading) error {
	server := s.server
	weight := int64(min(len(readings), server.limits.InFlight))
	if err := server.inFlight.Acquire(server.keeping, weight); err != nil {
		return err
	}
	defer server.inFlight.Release(weight)
	if !ingest.SameBindings(s.reader.bindings, server.devices.Bindings(s.device.ID)) {
		return errBoundAnew
	}
	server.metrics.inFlight.Add(float64(len(readings)))
	defer server.metrics.inFlight.Sub(float64(len(readings)))
	return server.sink.Put(server.keeping, s.device.ID, readings)
}

// errBoundAnew: the columns of the readings were those of bindings that have changed. The
// device is asked for them again by closing the connection.
var errBoundAnew = errors.New("the device was bound anew")

// throttle reads nothing from a device that sent more than it may, until that is worn
// off.
func (s *session) throttle(n int) {
	pause := s.who.pace.take(n, time.Now())
	if pause == 0 {
		return
	}
	s.server.metrics.throttled.Inc()
	defer s.server.metrics.throttled.Dec()
	s.server.wait(pause, s.done)
}
