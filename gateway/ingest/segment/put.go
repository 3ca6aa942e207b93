package segment

import (
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// line is one device: where its numbers go on, and the readings that wait.
type line struct {
	mu     sync.Mutex
	device trace.DeviceID
	known  bool // counter is set
	counter
	bins []*bin
	// outside tells that the newest reading was outside its range.
	outside bool
	newest  trace.Time
	due     dueTime      // when a bin is to be cut
	unsent  atomic.Int64 // readings in segments that are neither on the chain nor parked
	growing atomic.Bool  // a bin grows
	scratch []byte
}

// bin gathers readings of one device and binding.
type bin struct {
	number   uint64
	bound    trace.BoundPeriod
	late     bool            // of times that segments were cut of already
	readings []trace.Reading // by rising time
	// temperatures is where the readings' are; full blocks are theirs alone.
	temperatures []trace.CentiCelsius

	rows   uint32
	bytes  int64      // of its rows
	due    trace.Time // when it is to be cut
	stored bool       // its row is on disk
	grows  bool       // it is full and waits for its turn (mayGrow)
}

// find is where a reading of this time is, or belongs.
func (b *bin) find(at trace.Time) (int, bool) {
	n := len(b.readings)
	if n == 0 || b.readings[n-1].At < at { // the usual case
		return n, false
	}
	i := sort.Search(n, func(i int) bool { return b.readings[i].At >= at })
	return i, b.readings[i].At == at
}

// insert takes a copy of a reading of a new time.
func (b *bin) insert(r *trace.Reading) trace.Reading {
	const block = 512
	if n := len(r.Temperatures); len(b.temperatures)+n > cap(b.temperatures) {
		b.temperatures = make([]trace.CentiCelsius, 0, block) // earlier readings keep the full one
	}
	from := len(b.temperatures)
	b.temperatures = append(b.temperatures, r.Temperatures...)
	own := *r
	own.Temperatures = b.temperatures[from:len(b.temperatures):len(b.temperatures)]
	i, _ := b.find(r.At)
	b.readings = slices.Insert(b.readings, i, own)
	return own
}

// put is one call of Put on its way.
type put struct {
	s        *Segmenter
	device   trace.DeviceID
	now      trace.Time
	bindings []trace.BoundPeriod
	bound    trace.BoundPeriod // of the reading looked at last
	shipment Shipment

	batch *pebble.Batch
	fresh []trace.Reading // of bin, not yet in a row
	bin   *bin
	cut   []*cutSegment

	commit                         commit
	kept, duplicates, contradicted int
}

// mostAtOnce is what one call may bring (ingest.Sink).
const mostAtOnce = 10_000

// judge refuses readings that the chain would refuse, before any is kept.
func (p *put) judge(readings []trace.Reading) error {
	if len(readings) > mostAtOnce {
		return trace.Errorf(trace.CodeTooLarge, "%d readings at once, at most %d", len(readings), mostAtOnce)
	}
	oldest := trace.TimeOf(p.s.now().Add(-p.s.limits.Recent))
	for i := range readings {
		r := &readings[i]
		if r.At > p.now+trace.ClockSkew {
			return trace.Errorf(trace.CodeChronology, "a reading of %s lies in the future, it is %s", r.At, p.now)
		}
		if r.At < oldest {
			return trace.Errorf(CodeTooOld, "a reading of %s is older than %s", r.At, oldest)
		}
		if err := p.bind(r); err != nil {
			return err
		}
		if p.bound.Shipment != "" {
			if err := fits(r.At, p.bound.Shipment, &p.shipment); err != nil {
				return err
			}
		}
		if len(r.Temperatures) != len(p.bound.Probes) {
			return trace.Errorf(trace.CodeSegment, "a reading of %d temperatures; device %s is bound with %d probes", len(r.Temperatures), p.device, len(p.bound.Probes))
		}
		if !r.Fix && r.Point != (trace.Point{}) {
			return trace.Errorf(trace.CodeSegment, "a reading has a position but no fix")
		}
		if err := rules.CheckReading(r); err != nil {
			return err
		}
	}
	return nil
}

// bind finds the binding of a reading.
func (p *put) bind(r *trace.Reading) error {
	if b := &p.bound; b.From == 0 || r.At < b.From || b.To != 0 && r.At >= b.To || b.To == 0 && b.From != p.bindings[len(p.bindings)-1].From {
		found, ok := ingest.BindingAt(p.bindings, r.At)
		if !ok {
			return trace.Errorf(ingest.CodeNotBound, "device %s was bound to nothing at %s", p.device, r.At)
		}
		if found.Shipment != "" && (found.Shipment != p.bound.Shipment || p.bound.From == 0) {
			if p.shipment, ok = p.s.bindings.Shipment(found.Shipment); !ok {
				return trace.Errorf(ingest.CodeBusy, "shipment %s is not to be seen here yet", found.Shipment)
			}
		}
		p.bound = found
	}
	return nil
}

// fits refuses a reading from before a departure or after an arrival, as the chain does.
func fits(at trace.Time, id trace.ShipmentID, s *Shipment) error {
	if at < s.Departed-trace.ClockSkew {
		return trace.Errorf(trace.CodeChronology, "a reading of %s lies before shipment %s departed, %s", at, id, s.Departed)
	}
	if s.Arrived != 0 && at > s.Arrived+trace.ClockSkew {
		return trace.Errorf(trace.CodeChronology, "a reading of %s lies after shipment %s arrived, %s", at, id, s.Arrived)
	}
	return nil
}

// keep takes judged readings into the device's bins and starts to make them durable.
func (p *put) keep(l *line, readings []trace.Reading) error {
	s := p.s
	if waits := s.waiting.Load(); waits+int64(16*len(readings)) > s.limits.Waiting {
		return trace.Errorf(ingest.CodeBusy, "%d bytes of readings wait to be anchored, at most %d", waits, s.limits.Waiting)
	}
	p.batch = s.db.NewBatch()
	seen := lookup{s: s, l: l, cut: &p.cut}
	for i := range readings {
		if err := p.take(l, &readings[i], &seen); err != nil {
			// Memory is ahead of the disk by what this call took in.
			p.undo(l)
			return err
		}
	}
	if err := p.flush(l); err != nil {
		p.undo(l)
		return err
	}
	if p.batch.Empty() { // nothing new, but what it repeats may not be durable yet
		if err := p.batch.LogData(nil, nil); err != nil {
			return err
		}
	}
	l.plan()
	var err error
	p.commit, err = s.apply(p.batch, p.cut)
	return err
}

// undo is for failures of the disk or of the read model half way through a call: the
// memory of the line is read again from the disk.
func (p *put) undo(l *line) {
	p.batch.Close()
	if err := p.s.reload(l, p.cut); err != nil {
		p.s.fail(err)
	}
}

// take puts one reading into its bin unless it is there already.
func (p *put) take(l *line, r *trace.Reading, seen *lookup) error {
	if err := p.bind(r); err != nil {
		return err
	}
	late := r.At <= l.cutTo
	if late {
		known, found, err := seen.at(r.At)
		if err != nil {
			return err
		}
		if found {
			return p.repeats(r, known)
		}
	}
	for _, b := range l.bins {
		if i, found := b.find(r.At); found {
			return p.repeats(r, &b.readings[i])
		}
	}
	b := l.bin(&p.bound, late)
	if b == nil {
		b = &bin{number: p.s.bins.Add(1), bound: p.bound, late: late, due: p.now + trace.Time(p.s.limits.age(&p.bound).Milliseconds())}
		l.bins = append(l.bins, b)
	}
	if b != p.bin {
		if err := p.flush(l); err != nil {
			return err
		}
		p.bin = b
	}
	own := b.insert(r)
	p.fresh = append(p.fresh, own)
	p.kept++
	p.hurry(l, b, r)
	if len(b.readings) >= p.s.limits.Readings && !p.s.mayGrow(b) {
		return p.cutBin(l, b, "count")
	}
	return nil
}

// hurry looks whether a reading may be an excursion. The first one outside is sent at
// once; while they stay outside, after ExcursionAge.
func (p *put) hurry(l *line, b *bin, r *trace.Reading) {
	if p.s.limits.Shock > 0 && r.Shock >= p.s.limits.Shock {
		b.due = p.now
		return
	}
	if r.At < l.newest {
		return // backfill: what it tells is over
	}
	l.newest = r.At
	outside := false
	if within := p.shipment.Range; within != nil && p.bound.Shipment != "" {
		for _, t := range r.Temperatures {
			outside = outside || t != trace.NoTemperature && (t < within.Minimum || t > within.Maximum)
		}
	}
	if outside {
		wait := trace.Time(0)
		if l.outside {
			wait = trace.Time(p.s.limits.ExcursionAge.Milliseconds())
		}
		b.due = min(b.due, p.now+wait)
	}
	l.outside = outside
}

// repeats drops a reading of a time that is taken.
func (p *put) repeats(r, known *trace.Reading) error {
	if equal(r, known) {
		p.duplicates++
		return nil
	}
	p.contradicted++
	return p.s.conflicts.note(p.s, p.batch, p.device, r, known)
}

func equal(a, b *trace.Reading) bool {
	return a.At == b.At && a.Humidity == b.Humidity && a.Shock == b.Shock && a.Fix == b.Fix && a.Point == b.Point &&
		a.Speed == b.Speed && a.SoilMoisture == b.SoilMoisture && a.Illuminance == b.Illuminance && slices.Equal(a.Temperatures, b.Temperatures)
}

// flush writes the new readings of the bin at hand as a row.
func (p *put) flush(l *line) (err error) {
	b := p.bin
	if b == nil || len(p.fresh) == 0 {
		return nil
	}
	if !b.stored {
		if err := p.batch.Set(binKey(l.device, b.number), binRow(&b.bound, b.late), nil); err != nil {
			return err
		}
		b.stored = true
	}
	for rest := p.fresh; len(rest) > 0; {
		part := rest[:min(len(rest), trace.MaxReadings)]
		rest = rest[len(part):]
		if l.scratch, err = trace.AppendReadings(l.scratch[:0], len(b.bound.Probes), part); err != nil {
			return err
		}
		var space [96]byte
		k := waitingKey(space[:0], l.device, b.number, b.rows)
		if err := p.batch.Set(k, l.scratch, nil); err != nil {
			return err
		}
		b.rows++
		size := int64(len(k) + len(l.scratch))
		b.bytes += size
		p.s.waiting.Add(size)
	}
	p.fresh = p.fresh[:0]
	return nil
}

// cutBin makes segments of a bin. What is new in it needs no row of its own.
func (p *put) cutBin(l *line, b *bin, why string) error {
	if p.bin == b {
		p.bin, p.fresh = nil, p.fresh[:0]
	}
	cut, err := p.s.cutBin(p.batch, l, b, p.bindings, p.now, why)
	p.cut = append(p.cut, cut...)
	return err
}

// bin is the device's bin for readings of a binding, nil where there is none.
func (l *line) bin(bound *trace.BoundPeriod, late bool) *bin {
	for _, b := range l.bins {
		if b.late == late && b.bound.From == bound.From && sameTarget(&b.bound, bound) {
			return b
		}
	}
	return nil
}

func sameTarget(a, b *trace.BoundPeriod) bool {
	return a.Shipment == b.Shipment && a.Plot == b.Plot && a.Store == b.Store
}
