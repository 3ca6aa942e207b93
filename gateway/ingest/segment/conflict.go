package segment

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"traceledger/chaincode/trace"
)

// maxConflicts is how many contradicting readings are kept to look at; the oldest go.
const maxConflicts = 10_000

// Conflict is a reading that was not taken because another of the same device and time,
// with other content, had come before it.
type Conflict struct {
	Device  trace.DeviceID
	Arrived trace.Time
	Kept    trace.Reading
	Dropped trace.Reading
}

type conflictLog struct {
	mu    sync.Mutex
	first uint64 // of those kept
	next  uint64
}

// note writes a conflict into the batch.
func (c *conflictLog) note(s *Segmenter, batch *pebble.Batch, device trace.DeviceID, dropped, kept *trace.Reading) error {
	row := appendText([]byte{rowForm}, string(device))
	row = binary.AppendUvarint(row, uint64(trace.TimeOf(s.now())))
	for _, r := range []*trace.Reading{kept, dropped} {
		payload, err := trace.EncodeReadings(len(r.Temperatures), []trace.Reading{*r})
		if err != nil {
			return err
		}
		row = appendText(row, string(payload))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	number := c.next
	c.next++
	err := batch.Set(numberKey(kindConflict, number), row, nil)
	if c.next-c.first > maxConflicts {
		err = errors.Join(err, batch.Delete(numberKey(kindConflict, c.first), nil))
		c.first++
	}
	return err
}

// Conflicts lists what was not taken, oldest first.
func (s *Segmenter) Conflicts() ([]Conflict, error) {
	var out []Conflict
	lower, upper := kindBounds(kindConflict)
	err := s.scan(lower, upper, func(_, row []byte) error {
		r := rowReader{rest: row}
		r.form()
		c := Conflict{Device: trace.DeviceID(r.text()), Arrived: r.time()}
		for _, into := range []*trace.Reading{&c.Kept, &c.Dropped} {
			_, readings, err := trace.DecodeReadings([]byte(r.text()))
			if err != nil {
				return err
			}
			*into = readings[0]
		}
		out = append(out, c)
		return r.end()
	})
	return out, err
}
