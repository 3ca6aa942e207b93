package segment

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// dueTime is read without the line's lock.
type dueTime struct{ at atomic.Int64 }

// plan notes when the next bin of the line is due.
func (l *line) plan() {
	var next trace.Time
	growing := false
	for _, b := range l.bins {
		if next == 0 || b.due < next {
			next = b.due
		}
		growing = growing || b.grows
	}
	l.due.at.Store(int64(next))
	l.growing.Store(growing)
}

// crowded tells that more segments wait than are being sent. Another one would not get
// onto the chain any sooner for being cut now.
func (s *Segmenter) crowded() bool { return s.unsent.Load() >= 2*int64(s.limits.InFlight) }

// growingBins is how many bins may grow at once, as a multiple of Limits.InFlight: with
// the defaults they hold some 100 MB at most.
const growingBins = 4

// mayGrow tells whether a full bin takes more readings instead of being cut. A segment
// costs a network about the same whatever is in it, so while others wait to be sent, bins
// grow to the largest segment there is, and a backlog goes by faster. They are cut once
// there is room, or by their age as ever. The line is locked.
func (s *Segmenter) mayGrow(b *bin) bool {
	if len(b.readings) >= trace.MaxReadings || !s.crowded() {
		return false
	}
	if !b.grows {
		if s.growing.Add(1) > growingBins*int64(s.limits.InFlight) {
			s.growing.Add(-1)
			return false
		}
		b.grows = true
	}
	return true
}

// grown is for a bin that leaves its line.
func (s *Segmenter) grown(b *bin) {
	if b.grows {
		b.grows = false
		s.growing.Add(-1)
	}
}

func (l *line) isDue(now trace.Time) bool {
	at := l.due.at.Load()
	return at != 0 && at <= int64(now)
}

// piece is a run of readings that one segment can hold.
type piece struct {
	bound    trace.BoundPeriod
	readings []trace.Reading
	refusal  *trace.Error // the chain would refuse it
}

// cutBin makes the segments of a bin: numbers, boundaries, bytes and hashes, into the
// batch, which also drops the bin's rows. With an error it gives those made so far, for
// reload. The line is locked.
func (s *Segmenter) cutBin(batch *pebble.Batch, l *line, b *bin, bindings []trace.BoundPeriod, now trace.Time, why string) ([]*cutSegment, error) {
	pieces, err := s.pieces(l, b, bindings)
	if err != nil {
		return nil, err
	}
	var cut []*cutSegment
	for i := range pieces {
		c, err := s.cutPiece(batch, l, &pieces[i], now)
		if c != nil {
			cut = append(cut, c)
		}
		if err != nil {
			return cut, err
		}
		s.metrics.cut.WithLabelValues(why).Inc()
	}
	if b.stored {
		lower, upper := waitingBounds(l.device, b.number)
		if err := errors.Join(batch.DeleteRange(lower, upper, nil), batch.Delete(binKey(l.device, b.number), nil)); err != nil {
			return cut, err
		}
	}
	s.waiting.Add(-b.bytes)
	s.grown(b)
	l.bins = slices.DeleteFunc(l.bins, func(other *bin) bool { return other == b })
	return cut, batch.Set(deviceKey(l.device), l.counter.row(), nil)
}

// pieces divides a bin so that the chain takes each piece: by the bindings as they are
// now – the device may have been bound anew for a time that has passed – by departure
// and arrival, by length, and late readings where a segment lies between them.
func (s *Segmenter) pieces(l *line, b *bin, bindings []trace.BoundPeriod) ([]piece, error) {
	var out []piece
	seen := lookup{s: s, l: l}
	for i := range b.readings {
		r := b.readings[i]
		bound, refusal := s.belongs(l.device, b, bindings, r.At)
		if !slices.Equal(bound.Probes, b.bound.Probes) {
			r.Temperatures = byName(b.bound.Probes, bound.Probes, r.Temperatures)
		}
		if n := len(out); n > 0 {
			last := &out[n-1]
			joins := sameTarget(&last.bound, &bound) && last.bound.From == bound.From && (last.refusal == nil) == (refusal == nil) &&
				len(last.readings) < trace.MaxReadings && r.At-last.readings[0].At <= longestSpan
			if joins && b.late {
				between, err := seen.between(last.readings[len(last.readings)-1].At, r.At)
				if err != nil {
					return nil, err
				}
				joins = !between
			}
			if joins {
				last.readings = append(last.readings, r)
				continue
			}
		}
		out = append(out, piece{bound, append(make([]trace.Reading, 0, len(b.readings)-i), r), refusal})
	}
	return out, nil
}

// belongs finds the binding of a reading as the chain has it now.
func (s *Segmenter) belongs(device trace.DeviceID, b *bin, bindings []trace.BoundPeriod, at trace.Time) (trace.BoundPeriod, *trace.Error) {
	bound, ok := ingest.BindingAt(bindings, at)
	if !ok {
		return b.bound, trace.Errorf(ingest.CodeNotBound, "device %s was bound to nothing at %s", device, at)
	}
	if bound.Shipment != "" {
		if shipment, known := s.bindings.Shipment(bound.Shipment); known {
			var coded *trace.Error
			if errors.As(fits(at, bound.Shipment, &shipment), &coded) {
				return bound, coded
			}
		}
	}
	return bound, nil
}

// byName moves temperatures to the columns that another binding has for their probes.
func byName(from, to []string, temperatures []trace.CentiCelsius) []trace.CentiCelsius {
	out := make([]trace.CentiCelsius, len(to))
	for i, probe := range to {
		out[i] = trace.NoTemperature
		if at := slices.Index(from, probe); at >= 0 && at < len(temperatures) {
			out[i] = temperatures[at]
		}
	}
	return out
}

// cutPiece makes one segment.
func (s *Segmenter) cutPiece(batch *pebble.Batch, l *line, p *piece, now trace.Time) (*cutSegment, error) {
	payload, err := trace.EncodeReadings(len(p.bound.Probes), p.readings)
	if err != nil {
		return nil, err
	}
	n := len(p.readings)
	c := &cutSegment{made: now, probes: p.bound.Probes, request: trace.AnchorSegmentRequest{
		Device: l.device, Shipment: p.bound.Shipment, Plot: p.bound.Plot, Store: p.bound.Store,
		Count: n, From: p.readings[0].At, To: p.readings[n-1].At, Payload: trace.DigestOf(payload),
	}}
	if p.refusal != nil {
		c.parked, c.code, c.message = true, p.refusal.Code, p.refusal.Message
		s.metrics.parked.Inc()
		s.logger.Warn("readings that the chain would refuse are set aside", "device", l.device, "readings", n, "refusal", p.refusal)
	}
	s.decoded.add(c.request.Payload, p.readings)
	return c, s.number(batch, l, c, payload)
}

// number gives a segment its place in the device's sequence and writes its rows. A
// parked one takes no number.
func (s *Segmenter) number(batch *pebble.Batch, l *line, c *cutSegment, payload []byte) error {
	c.cut, c.bytes = s.cuts.Add(1), int64(len(payload))
	l.lastCut = c.cut
	if !c.parked {
		c.request.Sequence, c.request.Previous = l.next, l.previous
		l.next, l.previous = l.next+1, c.request.Payload
		s.owe(l, c, 1)
	}
	l.cutTo, l.longest = max(l.cutTo, c.request.To), max(l.longest, c.request.To-c.request.From)
	covered := span{from: c.request.From, to: c.request.To, payload: c.request.Payload}
	s.waiting.Add(c.bytes)
	s.metrics.waitingSegments.Inc()
	return errors.Join(
		batch.Set(numberKey(kindSegment, c.cut), c.row(), nil),
		batch.Set(numberKey(kindPayload, c.cut), payload, nil),
		batch.Set(spanKey(l.device, c.request.To, c.cut), covered.row(), nil),
	)
}

// cutDue cuts every bin whose time has come, and full ones as far as there is room.
func (s *Segmenter) cutDue(ctx context.Context) error {
	err := s.cutWhere(ctx, func(l *line, now trace.Time) bool { return l.isDue(now) }, func(b *bin, now trace.Time) bool { return b.due <= now }, "age")
	if err != nil || s.growing.Load() == 0 {
		return err
	}
	return s.cutWhere(ctx,
		func(l *line, _ trace.Time) bool { return l.growing.Load() && !s.crowded() },
		func(b *bin, _ trace.Time) bool { return b.grows }, "count")
}

// commitsAtOnce bounds the writes that wait for one sync together.
const commitsAtOnce = 256

func (s *Segmenter) cutWhere(ctx context.Context, which func(*line, trace.Time) bool, due func(*bin, trace.Time) bool, why string) error {
	now := trace.TimeOf(s.now())
	var commits []commit
	wait := func() (err error) {
		for _, c := range commits {
			err = errors.Join(err, c.wait())
		}
		commits = commits[:0]
		return err
	}
	var failed error
	s.lines.Range(func(_, found any) bool {
		l := found.(*line)
		if !which(l, now) {
			return true
		}
		c, err := s.cutLine(l, now, due, why)
		failed = errors.Join(failed, err)
		commits = append(commits, c)
		if len(commits) == commitsAtOnce {
			failed = errors.Join(failed, wait())
		}
		return failed == nil && ctx.Err() == nil
	})
	return errors.Join(failed, wait())
}

// cutLine cuts the bins of a line that are due.
func (s *Segmenter) cutLine(l *line, now trace.Time, due func(*bin, trace.Time) bool, why string) (commit, error) {
	bindings := s.bindings.Bindings(l.device)
	l.mu.Lock()
	defer l.mu.Unlock()
	var cut []*cutSegment
	batch := s.db.NewBatch()
	for _, b := range slices.Clone(l.bins) {
		if !due(b, now) {
			continue
		}
		more, err := s.cutBin(batch, l, b, bindings, now, why)
		cut = append(cut, more...)
		if err != nil {
			err = errors.Join(err, batch.Close())
			return commit{}, errors.Join(err, s.reload(l, cut))
		}
	}
	l.plan()
	if batch.Empty() {
		return commit{}, batch.Close()
	}
	return s.apply(batch, cut)
}

// Flush cuts everything of a device that waits for its segment.
func (s *Segmenter) Flush(device trace.DeviceID) error {
	found, ok := s.lines.Load(device)
	if !ok {
		return nil
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.calls.Done()
	c, err := s.cutLine(found.(*line), trace.TimeOf(s.now()), func(*bin, trace.Time) bool { return true }, "asked")
	return errors.Join(err, c.wait())
}

func byNumber(a, b *cutSegment) int { return cmp.Compare(a.cut, b.cut) }
