package segment

import (
	"context"
	"errors"
	"slices"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
)

// errSlow ends the waiting of a caller who set no time of his own.
var errSlow = errors.New("the ledger takes longer than usual")

// Known lists a device's segments by rising sequence: those on the chain and those on
// their way there. A plan for a file of readings is made from it; nothing is written.
func (s *Segmenter) Known(device trace.DeviceID) ([]Known, error) {
	known, err := s.chain.Segments(device)
	if err != nil {
		return nil, err
	}
	err = s.visitCut(func(c *cutSegment) error {
		q := &c.request
		if q.Device == device && !slices.ContainsFunc(known, func(k Known) bool { return k.Sequence == q.Sequence }) {
			known = append(known, Known{q.Sequence, q.From, q.To, q.Previous, q.Payload})
		}
		return nil
	})
	slices.SortFunc(known, func(a, b Known) int { return int(a.Sequence - b.Sequence) })
	return known, err
}

// Anchor puts a segment that was cut elsewhere – from a file – on the chain in the
// device's one sequence: Sequence and Previous of the request are set here. by names the
// enrolment that signs. It waits for the outcome; when ctx ends first, or a minute, it
// answers ledger.UnknownOutcome and the segment stays on its way.
//
// A refusal by the chain leaves nothing behind. Readings of times that are taken already
// are refused with trace.CodeSequence.
func (s *Segmenter) Anchor(ctx context.Context, by string, request trace.AnchorSegmentRequest, payload []byte) (ledger.Receipt, error) {
	if by == "" {
		return ledger.Receipt{}, trace.Errorf(trace.CodeMissing, "a segment from a file needs the enrolment of who brings it")
	}
	if err := s.enter(); err != nil {
		return ledger.Receipt{}, err
	}
	defer s.calls.Done()
	_, readings, err := trace.DecodeReadings(payload)
	if err != nil {
		return ledger.Receipt{}, err
	}
	l, err := s.line(request.Device)
	if err != nil {
		return ledger.Receipt{}, err
	}
	c := &cutSegment{made: trace.TimeOf(s.now()), by: by, request: request, done: make(chan outcome, 1)}
	done := c.done
	l.mu.Lock()
	write, err := s.place(l, c, readings, payload)
	l.mu.Unlock()
	if err != nil {
		return ledger.Receipt{}, err
	}
	if err := write.wait(); err != nil {
		return ledger.Receipt{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errSlow)
	defer cancel()
	select {
	case o := <-done:
		return o.receipt, o.err
	case <-ctx.Done():
		return ledger.Receipt{}, &ledger.UnknownOutcome{Reason: context.Cause(ctx)}
	}
}

// place numbers a segment from a file. The line is locked.
func (s *Segmenter) place(l *line, c *cutSegment, readings []trace.Reading, payload []byte) (commit, error) {
	seen := lookup{s: s, l: l}
	for i := range readings {
		at := readings[i].At
		taken := slices.ContainsFunc(l.bins, func(b *bin) bool { _, found := b.find(at); return found })
		if !taken && at <= l.cutTo {
			var err error
			if _, taken, err = seen.at(at); err != nil {
				return commit{}, err
			}
		}
		if taken {
			return commit{}, trace.Errorf(trace.CodeSequence, "a reading of device %s at %s is on the chain or on its way there already", l.device, at)
		}
	}
	s.decoded.add(c.request.Payload, readings)
	b := s.db.NewBatch()
	before := l.counter
	if err := errors.Join(s.number(b, l, c, payload), b.Set(deviceKey(l.device), l.counter.row(), nil)); err != nil {
		l.counter = before
		return commit{}, errors.Join(err, b.Close())
	}
	return s.apply(b, []*cutSegment{c})
}
