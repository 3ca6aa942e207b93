package segment

import (
	"encoding/binary"
	"errors"

	"traceledger/chaincode/trace"
)

// Rows are varints and texts prefixed by their length, behind a byte that names the form.
const rowForm = 1

var errRow = errors.New("row is not of this form")

func appendText(row []byte, text string) []byte {
	row = binary.AppendUvarint(row, uint64(len(text)))
	return append(row, text...)
}

// rowReader takes a row apart; the first field that does not fit makes it fail.
type rowReader struct {
	rest   []byte
	failed bool
}

func (r *rowReader) fail() { r.rest, r.failed = nil, true }

func (r *rowReader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *rowReader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *rowReader) text() string     { return string(r.bytes(r.number())) }
func (r *rowReader) time() trace.Time { return trace.Time(r.number()) }
func (r *rowReader) digest() (d trace.Digest) {
	copy(d[:], r.bytes(uint64(len(d))))
	return d
}

func (r *rowReader) form() {
	if form := r.bytes(1); !r.failed && form[0] != rowForm {
		r.fail()
	}
}

func (r *rowReader) end() error {
	if r.failed || len(r.rest) > 0 {
		return errRow
	}
	return nil
}

// counter is a device's row: what its next segment continues.
type counter struct {
	next     int64        // sequence of the next segment
	previous trace.Digest // payload hash of the one before, zero before the first
	cutTo    trace.Time   // no segment holds a reading after it
	longest  trace.Time   // no segment covers more time
	lastCut  uint64       // number of its newest cut: no cut after it has a smaller one
}

func (c *counter) row() []byte {
	row := binary.AppendUvarint([]byte{rowForm}, uint64(c.next))
	row = binary.AppendUvarint(row, uint64(c.cutTo))
	row = binary.AppendUvarint(row, uint64(c.longest))
	row = binary.AppendUvarint(row, c.lastCut)
	return append(row, c.previous[:]...)
}

func readCounter(row []byte) (c counter, err error) {
	r := rowReader{rest: row}
	r.form()
	c = counter{next: int64(r.number()), cutTo: r.time(), longest: r.time(), lastCut: r.number(), previous: r.digest()}
	return c, r.end()
}

func appendBound(row []byte, b *trace.BoundPeriod) []byte {
	for _, text := range []string{string(b.Shipment), string(b.Plot), b.Store} {
		row = appendText(row, text)
	}
	row = binary.AppendUvarint(row, uint64(b.From))
	row = binary.AppendUvarint(row, uint64(len(b.Probes)))
	for _, p := range b.Probes {
		row = appendText(row, p)
	}
	return row
}

func (r *rowReader) bound() trace.BoundPeriod {
	b := trace.BoundPeriod{Shipment: trace.ShipmentID(r.text()), Plot: trace.PlotID(r.text()), Store: r.text(), From: r.time()}
	for n := r.number(); n > 0 && !r.failed; n-- {
		b.Probes = append(b.Probes, r.text())
	}
	return b
}

// binRow is a bin's row.
func binRow(b *trace.BoundPeriod, late bool) []byte {
	row := []byte{rowForm, 0}
	if late {
		row[1] = 1
	}
	return appendBound(row, b)
}

func readBin(row []byte) (b trace.BoundPeriod, late bool, err error) {
	r := rowReader{rest: row}
	r.form()
	late = r.number() == 1
	b = r.bound()
	return b, late, r.end()
}

// span is a segment as the search for duplicates sees it.
type span struct {
	cut      uint64 // 0: it came from the chain
	from, to trace.Time
	payload  trace.Digest
}

func (s *span) row() []byte {
	row := binary.AppendUvarint([]byte{rowForm}, uint64(s.from))
	return append(row, s.payload[:]...)
}

func readSpan(key, row []byte) (s span, err error) {
	_, rest, ok := splitDevice(key)
	if !ok || len(rest) != 16 {
		return s, errRow
	}
	s.to, s.cut = trace.Time(binary.BigEndian.Uint64(rest)), binary.BigEndian.Uint64(rest[8:])
	r := rowReader{rest: row}
	r.form()
	s.from, s.payload = r.time(), r.digest()
	return s, r.end()
}

// cutSegment is a segment that is not on the chain yet.
type cutSegment struct {
	cut     uint64
	made    trace.Time // when it was cut
	by      string     // enrolment that signs, "" for the device's own
	probes  []string   // names its payload's temperature columns
	bytes   int64      // of its payload
	request trace.AnchorSegmentRequest

	// A parked segment was refused by the chain for good.
	parked  bool
	code    trace.Code
	message string

	done  chan outcome // of capacity 1; nil when nobody waits here
	tries int          // that failed since the process began
}

func (c *cutSegment) row() []byte {
	q := &c.request
	row := []byte{rowForm, 0}
	if c.parked {
		row[1] = 1
	}
	row = binary.AppendUvarint(row, uint64(c.made))
	for _, text := range []string{c.by, string(q.Device), string(c.code), c.message} {
		row = appendText(row, text)
	}
	for _, n := range []uint64{uint64(c.bytes), uint64(q.Sequence), uint64(q.Count), uint64(q.To)} {
		row = binary.AppendUvarint(row, n)
	}
	row = append(append(row, q.Previous[:]...), q.Payload[:]...)
	return appendBound(row, &trace.BoundPeriod{Shipment: q.Shipment, Plot: q.Plot, Store: q.Store, From: q.From, Probes: c.probes})
}

func readCut(key, row []byte) (*cutSegment, error) {
	r := rowReader{rest: row}
	r.form()
	c := &cutSegment{cut: numberOf(key), parked: r.number() == 1, made: r.time(), by: r.text()}
	q := &c.request
	q.Device, c.code, c.message = trace.DeviceID(r.text()), trace.Code(r.text()), r.text()
	c.bytes = int64(r.number())
	q.Sequence, q.Count, q.To = int64(r.number()), int(r.number()), r.time()
	q.Previous, q.Payload = r.digest(), r.digest()
	b := r.bound()
	q.Shipment, q.Plot, q.Store, q.From, c.probes = b.Shipment, b.Plot, b.Store, b.From, b.Probes
	return c, r.end()
}
