package segment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
)

// outcome is what became of a segment, for who waits for it.
type outcome struct {
	receipt ledger.Receipt
	err     error
}

// tick is how often bins are looked at.
const tick = 50 * time.Millisecond

// Run cuts bins as their time comes and sends segments, oldest first, until ctx ends or
// the disk fails. What was under way then is sent again by the next Run. Segments that
// the chain had refused are tried once more at the start.
func (s *Segmenter) Run(ctx context.Context) error {
	again, err := s.unpark()
	if err != nil {
		return err
	}
	s.queue.add(again...)
	group, ctx := errgroup.WithContext(ctx)
	for range s.limits.InFlight {
		group.Go(func() error {
			for {
				c := s.queue.take(ctx)
				if c == nil {
					return nil
				}
				if err := s.send(ctx, c); err != nil {
					return err
				}
			}
		})
	}
	group.Go(func() error {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		swept := time.Time{}
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
			if err := s.cutDue(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			s.observe()
			if now := s.now(); now.Sub(swept) > time.Hour {
				swept = now
				if err := s.sweep(now); err != nil {
					return err
				}
			}
		}
	})
	return group.Wait()
}

// Drain waits until every segment cut so far is on the chain or parked, for so long at
// most; it gives up earlier when none gets there for two seconds. What does not stays
// and is sent by the next Run.
func (s *Segmenter) Drain(most time.Duration) {
	deadline := time.Now().Add(most)
	last, since := s.unsent.Load(), time.Now()
	for last > 0 && time.Now().Before(deadline) && time.Since(since) < 2*time.Second {
		time.Sleep(tick / 2)
		if now := s.unsent.Load(); now != last {
			last, since = now, time.Now()
		}
	}
}

// send makes one attempt to anchor a segment. An error is the disk's.
func (s *Segmenter) send(ctx context.Context, c *cutSegment) error {
	payload, err := s.stored(c)
	if err != nil {
		return err
	}
	receipt, err := s.chain.Anchor(ctx, c.by, &c.request, payload)
	switch code := trace.CodeOf(err); {
	case err == nil:
		s.metrics.anchored.Inc()
		s.metrics.anchoredReadings.Add(float64(c.request.Count))
		s.metrics.delay.Observe(s.now().Sub(c.made.UTC()).Seconds())
		err = s.settle(c)
		c.tell(outcome{receipt: receipt})
		return err
	case ctx.Err() != nil:
		return nil // the next Run goes on
	case code == trace.CodeSequence:
		s.logger.Warn("the number of a segment is taken on the chain; it takes another", "device", c.request.Device, "sequence", c.request.Sequence)
		return s.renumber(c)
	case definite(code):
		return s.refuse(c, err)
	default:
		s.metrics.retried.Inc()
		c.tries++
		s.queue.delay(c, time.Now().Add(min(s.limits.Retry, 50*time.Millisecond<<min(c.tries, 10))))
		return nil
	}
}

// definite tells a refusal by the contract: nothing of the segment is on the chain, and
// the same bytes will be refused again until something else changes there.
func definite(code trace.Code) bool {
	switch code {
	case trace.CodeMalformed, trace.CodeUnknownField, trace.CodeDuplicateField, trace.CodeTooLarge, trace.CodeMissing, trace.CodeInvalid,
		trace.CodeNoIdentity, trace.CodeForbidden, trace.CodeWrongOrg, trace.CodeUnknownParty, trace.CodePartySuspended, trace.CodeLicence,
		trace.CodeNotFound, trace.CodeState, trace.CodeRecalled, trace.CodeChronology, trace.CodeSegment, trace.CodeOutOfRange:
		return true
	}
	return false
}

func (c *cutSegment) tell(o outcome) {
	if c.done != nil {
		c.done <- o
		c.done = nil
	}
}

// stored reads a segment's payload.
func (s *Segmenter) stored(c *cutSegment) ([]byte, error) {
	value, closer, err := s.db.Get(numberKey(kindPayload, c.cut))
	if err != nil {
		return nil, fmt.Errorf("payload of segment %d of device %s: %w", c.request.Sequence, c.request.Device, err)
	}
	payload := append([]byte(nil), value...)
	return payload, closer.Close()
}

// settle forgets a segment that is on the chain. It need not wait for the disk: if a
// crash undoes it, the segment is sent again and found to be there.
func (s *Segmenter) settle(c *cutSegment) error {
	b := s.db.NewBatch()
	err := errors.Join(b.Delete(numberKey(kindSegment, c.cut), nil), b.Delete(numberKey(kindPayload, c.cut), nil), s.later(b))
	s.waiting.Add(-c.bytes)
	s.owe(s.lineOf(c), c, -1)
	s.metrics.waitingSegments.Dec()
	return err
}

// renumber gives a segment whose number another content took – another gateway's, say –
// the next free one. Its own content was never under the old one.
func (s *Segmenter) renumber(c *cutSegment) error {
	segments, err := s.chain.Segments(c.request.Device)
	if err != nil {
		s.queue.delay(c, time.Now().Add(s.limits.Retry))
		return nil
	}
	l := s.lineOf(c)
	l.mu.Lock()
	for _, k := range segments {
		if l.continues(k); k.Sequence == l.next-1 {
			l.previous = k.Payload // whoever numbered it
		}
	}
	c.request.Sequence, c.request.Previous = l.next, l.previous
	l.next, l.previous = l.next+1, c.request.Payload
	write, err := s.rewrite(l, c)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if err := write.wait(); err != nil {
		return err
	}
	// The read model may not show yet what took the number.
	s.queue.delay(c, time.Now().Add(100*time.Millisecond))
	return nil
}

func (s *Segmenter) lineOf(c *cutSegment) *line {
	found, _ := s.lines.Load(c.request.Device)
	return found.(*line)
}

// rewrite puts a segment's row and its device's on disk again. The line is locked.
func (s *Segmenter) rewrite(l *line, c *cutSegment) (commit, error) {
	b := s.db.NewBatch()
	if err := errors.Join(b.Set(numberKey(kindSegment, c.cut), c.row(), nil), b.Set(deviceKey(l.device), l.counter.row(), nil)); err != nil {
		return commit{}, errors.Join(err, b.Close())
	}
	return s.apply(b, nil)
}

// refuse parks a segment that the chain refused, or, where someone waits for the answer,
// drops it. If its number was the device's newest, the next segment takes it.
func (s *Segmenter) refuse(c *cutSegment, refusal error) error {
	l := s.lineOf(c)
	s.owe(l, c, -1)
	l.mu.Lock()
	if c.request.Sequence+1 == l.next {
		l.next, l.previous = c.request.Sequence, c.request.Previous
		c.request.Sequence, c.request.Previous = 0, trace.Digest{}
	}
	if c.by != "" {
		write, err := s.drop(l, c)
		l.mu.Unlock()
		err = errors.Join(err, write.wait())
		c.tell(outcome{err: refusal})
		return err
	}
	c.parked, c.code, c.message = true, trace.CodeOf(refusal), refusal.Error()
	var coded *trace.Error
	if errors.As(refusal, &coded) {
		c.message = coded.Message
	}
	write, err := s.rewrite(l, c)
	l.mu.Unlock()
	s.metrics.parked.Inc()
	s.logger.Error("the chain refused a segment; it is parked", "device", c.request.Device, "from", c.request.From, "to", c.request.To, "readings", c.request.Count, "refusal", refusal)
	return errors.Join(err, write.wait())
}

// drop takes back a segment of which nothing was promised. The line is locked.
func (s *Segmenter) drop(l *line, c *cutSegment) (commit, error) {
	s.waiting.Add(-c.bytes)
	s.metrics.waitingSegments.Dec()
	b := s.db.NewBatch()
	err := errors.Join(
		b.Delete(numberKey(kindSegment, c.cut), nil), b.Delete(numberKey(kindPayload, c.cut), nil),
		b.Delete(spanKey(l.device, c.request.To, c.cut), nil), b.Set(deviceKey(l.device), l.counter.row(), nil))
	if err != nil {
		return commit{}, errors.Join(err, b.Close())
	}
	return s.apply(b, nil)
}

// Parked is a segment that the chain refused for good, kept until it is tried again or
// taken by an operator.
type Parked struct {
	Number  uint64 // names it here
	Request trace.AnchorSegmentRequest
	Made    trace.Time // when it was cut
	Code    trace.Code // of the refusal
	Message string
}

// Parked lists the parked segments, oldest first.
func (s *Segmenter) Parked() ([]Parked, error) {
	var out []Parked
	err := s.visitCut(func(c *cutSegment) error {
		if c.parked {
			out = append(out, Parked{Number: c.cut, Request: c.request, Made: c.made, Code: c.code, Message: c.message})
		}
		return nil
	})
	return out, err
}

func (s *Segmenter) visitCut(visit func(*cutSegment) error) error {
	lower, upper := kindBounds(kindSegment)
	return s.scan(lower, upper, func(key, row []byte) error {
		c, err := readCut(key, row)
		if err != nil {
			return err
		}
		return visit(c)
	})
}

// Retry sends those of a device's parked segments again that the chain may take now, and
// says how many there were.
func (s *Segmenter) Retry(device trace.DeviceID) (int, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.calls.Done()
	var parked []*cutSegment
	err := s.visitCut(func(c *cutSegment) error {
		if c.parked && c.request.Device == device && s.plausible(c) {
			parked = append(parked, c)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	again, err := s.resume(parked)
	s.queue.add(again...)
	return len(again), err
}

// resume takes segments out of the parked ones, durably, with a number where they have
// none. Those that somebody else took out meanwhile are not among what it gives.
func (s *Segmenter) resume(parked []*cutSegment) (again []*cutSegment, err error) {
	for _, c := range parked {
		l := s.lineOf(c)
		l.mu.Lock()
		still, err := s.stillParked(c.cut)
		if err != nil || !still {
			l.mu.Unlock()
			if err != nil {
				return again, err
			}
			continue
		}
		c.parked, c.code, c.message = false, "", ""
		if c.request.Sequence == 0 {
			c.request.Sequence, c.request.Previous = l.next, l.previous
			l.next, l.previous = l.next+1, c.request.Payload
		}
		write, err := s.rewrite(l, c)
		l.mu.Unlock()
		s.owe(l, c, 1)
		s.metrics.parked.Dec()
		if err := errors.Join(err, write.wait()); err != nil {
			return again, err
		}
		again = append(again, c)
	}
	return again, nil
}

// stillParked looks where it is written down. The segment's line is locked.
func (s *Segmenter) stillParked(cut uint64) (bool, error) {
	key := numberKey(kindSegment, cut)
	row, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) { // on the chain
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c, err := readCut(key, row)
	return err == nil && c.parked, errors.Join(err, closer.Close())
}

// unpark gives what Open found waiting, and of the parked ones those that may go now.
func (s *Segmenter) unpark() ([]*cutSegment, error) {
	var open, parked []*cutSegment
	for _, c := range s.opened {
		switch {
		case !c.parked:
			open = append(open, c)
		case s.plausible(c):
			parked = append(parked, c)
		}
	}
	s.opened = nil
	again, err := s.resume(parked)
	return append(open, again...), err
}

// plausible tells whether the chain may take a parked segment now, as far as can be told
// from here. To send it costs a number of the device's sequence.
func (s *Segmenter) plausible(c *cutSegment) bool {
	q := &c.request
	bindings := s.bindings.Bindings(q.Device)
	target := trace.BoundPeriod{Shipment: q.Shipment, Plot: q.Plot, Store: q.Store}
	for _, at := range []trace.Time{q.From, q.To} {
		bound, refusal := s.belongs(q.Device, &bin{}, bindings, at)
		if refusal != nil || !sameTarget(&bound, &target) || !slices.Equal(bound.Probes, c.probes) {
			return false
		}
	}
	return true
}

// sweep forgets which times old segments cover: readings that old are refused.
func (s *Segmenter) sweep(now time.Time) error {
	oldest := trace.TimeOf(now.Add(-s.limits.Recent))
	b := s.db.NewBatch()
	var err error
	s.lines.Range(func(device, _ any) bool {
		id := device.(trace.DeviceID)
		err = b.DeleteRange(spanFrom(id, 0), spanFrom(id, oldest), nil)
		return err == nil
	})
	if err != nil {
		return errors.Join(err, b.Close())
	}
	return s.later(b)
}

func (s *Segmenter) observe() {
	s.metrics.waiting.Set(float64(s.waiting.Load()))
	age := 0.0
	if at := s.queue.oldest(); !at.IsZero() {
		age = s.now().Sub(at).Seconds()
	}
	s.metrics.oldest.Set(age)
}

// Waiting is how many bytes wait to be anchored.
func (s *Segmenter) Waiting() int64 { return s.waiting.Load() }
