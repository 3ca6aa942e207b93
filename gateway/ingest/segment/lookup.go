package segment

import (
	"errors"
	"sort"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"traceledger/chaincode/trace"
)

// lookup finds readings that segments of a device hold already. The line is locked.
type lookup struct {
	s    *Segmenter
	l    *line
	cut  *[]*cutSegment // cut by this very call, not in the database yet
	last *span          // where the one before was found
}

// at gives the reading of a time, wherever a segment of the device has one.
func (k *lookup) at(t trace.Time) (*trace.Reading, bool, error) {
	if k.last != nil && k.last.from <= t && t <= k.last.to {
		if r, found, err := k.in(k.last, t); err != nil || found {
			return r, found, err
		}
	}
	if k.cut != nil {
		for _, c := range *k.cut {
			q := &c.request
			if q.Device != k.l.device || t < q.From || t > q.To {
				continue
			}
			if r, found, err := k.in(&span{cut: c.cut, from: q.From, to: q.To, payload: q.Payload}, t); err != nil || found {
				return r, found, err
			}
		}
	}
	var reading *trace.Reading
	err := k.spans(t, t, func(s span) (more bool, err error) {
		if s.from > t {
			return true, nil
		}
		r, found, err := k.in(&s, t)
		if found {
			reading, k.last = r, &s
		}
		return !found, err
	})
	return reading, reading != nil, err
}

// between tells whether a segment lies wholly between two times.
func (k *lookup) between(after, before trace.Time) (bool, error) {
	found := false
	err := k.spans(after+1, before, func(s span) (bool, error) {
		found = s.from > after && s.to < before
		return !found && s.to < before, nil
	})
	return found, err
}

// spans visits the segments that end at from or later and may begin by to.
func (k *lookup) spans(from, to trace.Time, visit func(span) (more bool, err error)) (err error) {
	it, err := k.s.db.NewIter(&pebble.IterOptions{LowerBound: spanFrom(k.l.device, from), UpperBound: spanFrom(k.l.device, to+k.l.longest+1)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		s, err := readSpan(it.Key(), value)
		if err != nil {
			return err
		}
		if more, err := visit(s); err != nil || !more {
			return err
		}
	}
	return it.Error()
}

// in looks for a time in one segment.
func (k *lookup) in(s *span, t trace.Time) (*trace.Reading, bool, error) {
	readings, known := k.s.decoded.get(s.payload)
	if !known {
		payload, found, err := k.s.payload(s)
		if err != nil {
			return nil, false, uncoded("a segment's readings cannot be read", err)
		}
		if !found {
			return nil, false, trace.Errorf(CodeTooOld, "readings from %s to %s are on the chain and no longer here: whether that of %s is among them cannot be told", s.from, s.to, t)
		}
		if _, readings, err = trace.DecodeReadings(payload); err != nil {
			return nil, false, uncoded("a segment's readings cannot be read", err)
		}
		k.s.decoded.add(s.payload, readings)
	}
	i := sort.Search(len(readings), func(i int) bool { return readings[i].At >= t })
	if i == len(readings) || readings[i].At != t {
		return nil, false, nil
	}
	return &readings[i], true, nil
}

// payload finds the bytes of a segment: here until it is anchored, then where the chain's
// files are kept.
func (s *Segmenter) payload(of *span) (payload []byte, found bool, err error) {
	if of.cut&foreignCut == 0 {
		value, closer, err := s.db.Get(numberKey(kindPayload, of.cut))
		if err == nil {
			payload = append([]byte(nil), value...)
			return payload, true, closer.Close()
		}
		if !errors.Is(err, pebble.ErrNotFound) {
			return nil, false, err
		}
	}
	return s.chain.Payload(of.payload)
}

// decodedPayloads remembers the readings of segments that were cut or asked for last:
// what devices send twice is mostly what they sent a moment ago.
type decodedPayloads struct {
	mu    sync.Mutex
	byKey map[trace.Digest][]trace.Reading
	order []trace.Digest
	next  int
}

const rememberedPayloads = 256

func newDecodedPayloads() *decodedPayloads {
	return &decodedPayloads{byKey: map[trace.Digest][]trace.Reading{}, order: make([]trace.Digest, rememberedPayloads)}
}

func (d *decodedPayloads) get(hash trace.Digest) ([]trace.Reading, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.byKey[hash]
	return r, ok
}

func (d *decodedPayloads) add(hash trace.Digest, readings []trace.Reading) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.byKey[hash]; known {
		return
	}
	delete(d.byKey, d.order[d.next])
	d.byKey[hash], d.order[d.next] = readings, hash
	d.next = (d.next + 1) % len(d.order)
}
