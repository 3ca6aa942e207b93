package rules

import (
	"crypto/sha256"

	"traceledger/chaincode/trace"
)

// DefaultGapSeconds is the telemetry gap allowance of a product that names none.
const DefaultGapSeconds = 15 * 60

// Physical bounds of a reading: beyond them a sensor or a decoder is broken, and the
// segment is refused rather than recorded.
const (
	coldest     trace.CentiCelsius = -90_00
	hottest     trace.CentiCelsius = 70_00
	mostHumid   trace.CentiPercent = 100_00
	wettest     trace.CentiPercent = 100_00
	brightest   trace.Lux          = 200_000 // the sun at noon gives about 120,000
	hardest     int32              = 100_000 // 100 g in milli-g
	fastest     int32              = 3_000   // 300 km/h in 0.1 km/h
	mostNorth   trace.MicroDegrees = 90_000_000
	mostEast    trace.MicroDegrees = 180_000_000
	coarseGrain trace.MicroDegrees = 10_000 // 0.01°, about a kilometre: what may be public
	mostListed                     = 100    // breaches, gaps and days a segment lists
)

// RootBlock is how many readings one leaf of a segment's Merkle tree holds
// (docs/decisions/segment-root.md).
const RootBlock = 16

// SegmentTerms is what a segment is summarised by, from the chain and never from
// the sender.
type SegmentTerms struct {
	Probes     []string                // of the device's binding, in reading order
	Range      *trace.TemperatureRange // of the shipment; nil: breaches are not looked for
	GapSeconds int64                   // allowance; 0: DefaultGapSeconds
}

// Summarise checks a segment's payload against the request's boundaries and the
// laws of physics and computes everything a segment keeps of it; the caller fills
// the head. Errors: SEGMENT (hash, count, boundaries, order, probes, damage),
// OUT_OF_RANGE (an impossible value), TOO_LARGE.
func Summarise(request *trace.AnchorSegmentRequest, terms SegmentTerms, payload []byte) (*trace.Segment, error) {
	if hash := trace.Digest(sha256.Sum256(payload)); hash != request.Payload {
		return nil, trace.Errorf(trace.CodeSegment, "the readings' SHA-256 is %s, the request says %s", hash, request.Payload)
	}
	probes, readings, err := trace.DecodeReadings(payload)
	if err != nil {
		return nil, err
	}
	if probes != len(terms.Probes) {
		return nil, trace.Errorf(trace.CodeSegment, "readings of %d temperature probes, device %s is bound with %d", probes, request.Device, len(terms.Probes))
	}
	if err := checkBoundaries(request, readings); err != nil {
		return nil, err
	}
	s := newSummary(terms, readings)
	for i := range readings {
		if err := checkPhysics(i, &readings[i]); err != nil {
			return nil, err
		}
		s.add(&readings[i])
	}
	s.close(readings[len(readings)-1].At)
	segment := &trace.Segment{
		Device: request.Device, Sequence: request.Sequence,
		Shipment: request.Shipment, Plot: request.Plot, Store: request.Store,
		Count: request.Count, From: request.From, To: request.To,
		Previous: request.Previous, Payload: request.Payload, Root: ReadingsRoot(readings),
		Range: terms.Range, Probes: s.probeSummaries(), Humidity: s.humiditySummary(), Shock: s.shock,
		Breaches: s.breaches, Gaps: s.gaps, Cut: s.cut, Fixes: s.fixes,
	}
	summariseGrowing(segment, terms.Probes, readings)
	if s.fixes > 0 {
		segment.First, segment.Last = &s.first, &s.last
	}
	return segment, nil
}

// ReadingsRoot is the RFC 6962 Merkle root over the readings' canonical bytes, one
// leaf for every RootBlock readings.
func ReadingsRoot(readings []trace.Reading) trace.Digest {
	leaves := make([]trace.Digest, 0, (len(readings)+RootBlock-1)/RootBlock)
	var block []byte
	version := trace.ReadingsVersion(readings)
	for from := 0; from < len(readings); from += RootBlock {
		block = block[:0]
		for i := from; i < min(from+RootBlock, len(readings)); i++ {
			block = trace.AppendCanonical(block, version, &readings[i])
		}
		leaves = append(leaves, LeafHash(block))
	}
	return MerkleRoot(leaves)
}

func checkBoundaries(request *trace.AnchorSegmentRequest, readings []trace.Reading) error {
	if len(readings) != request.Count {
		return trace.Errorf(trace.CodeSegment, "the payload holds %d readings, the request says %d", len(readings), request.Count)
	}
	first, last := readings[0].At, readings[len(readings)-1].At
	if first != request.From || last != request.To {
		return trace.Errorf(trace.CodeSegment, "the readings run from %s to %s, the request says %s to %s", first, last, request.From, request.To)
	}
	for i := 1; i < len(readings); i++ {
		if readings[i].At <= readings[i-1].At {
			return trace.Errorf(trace.CodeSegment, "reading %d at %s is not after the one before it at %s", i+1, readings[i].At, readings[i-1].At)
		}
	}
	return nil
}

func checkPhysics(i int, r *trace.Reading) error {
	for p, t := range r.Temperatures {
		if t != trace.NoTemperature && (t < coldest || t > hottest) {
			return trace.Errorf(trace.CodeOutOfRange, "reading %d, probe %d: %s °C, possible are %s to %s", i+1, p+1, Hundredths(t), Hundredths(coldest), Hundredths(hottest))
		}
	}
	if r.Humidity != trace.NoHumidity && (r.Humidity < 0 || r.Humidity > mostHumid) {
		return trace.Errorf(trace.CodeOutOfRange, "reading %d: relative humidity %s %%, possible are 0 to 100", i+1, Hundredths(r.Humidity))
	}
	if r.Shock != trace.NoShock && (r.Shock < 0 || r.Shock > hardest) {
		return trace.Errorf(trace.CodeOutOfRange, "reading %d: shock %d mg, possible are 0 to %d", i+1, r.Shock, hardest)
	}
	if r.Speed != trace.NoSpeed && (r.Speed < 0 || r.Speed > fastest) {
		return trace.Errorf(trace.CodeOutOfRange, "reading %d: speed %d × 0.1 km/h, possible are 0 to %d", i+1, r.Speed, fastest)
	}
	if err := checkGrowing(i, r); err != nil {
		return err
	}
	return checkPoint(i, r.Point)
}

func checkPoint(i int, p trace.Point) error {
	if p.Latitude < -mostNorth || p.Latitude > mostNorth || p.Longitude < -mostEast || p.Longitude > mostEast {
		return trace.Errorf(trace.CodeOutOfRange, "reading %d: position %d, %d micro-degrees; latitude goes to ±90°, longitude to ±180°", i+1, p.Latitude, p.Longitude)
	}
	return nil
}

// summary folds readings, in order, into what a segment keeps.
type summary struct {
	terms    SegmentTerms
	allow    trace.Time // gap allowance, ms
	air      int        // index of the air probe, -1 where there is none
	pulp     int        // index of the pulp probe, -1 where there is none
	probes   []extremes
	humidity extremes
	shock    int32

	open     bool // the last of breaches still runs
	pending  extremes
	lastAir  trace.Time // of the last air temperature (any reading without probes)
	measured bool       // lastAir is a reading, not the segment's start
	breaches []trace.Breach
	gaps     []trace.Gap
	cut      bool

	lastFix     trace.Time
	fixes       int
	first, last trace.Point // coarse; of no meaning without fixes
}

// extremes are the least, largest and sum of the present values of a column.
type extremes struct {
	count    int
	min, max int32
	sum      int64
}

func (e *extremes) add(v int32) {
	if e.count == 0 || v < e.min {
		e.min = v
	}
	if e.count == 0 || v > e.max {
		e.max = v
	}
	e.sum += int64(v)
	e.count++
}

// mean is rounded half away from zero.
func (e *extremes) mean() int32 {
	if e.count == 0 {
		return 0
	}
	n, half := int64(e.count), int64(e.count)/2
	if e.sum < 0 {
		return int32(-((-e.sum + half) / n))
	}
	return int32((e.sum + half) / n)
}

func newSummary(terms SegmentTerms, readings []trace.Reading) *summary {
	s := &summary{terms: terms, allow: trace.Time(gapAllowance(terms.GapSeconds)) * 1000, air: -1, pulp: -1}
	s.probes = make([]extremes, len(terms.Probes))
	for i, name := range terms.Probes {
		switch {
		case name == trace.ProbeReturnAir && (s.air < 0 || terms.Probes[s.air] != trace.ProbeReturnAir):
			s.air = i
		case name == trace.ProbePulp:
			if s.pulp < 0 {
				s.pulp = i
			}
		case s.air < 0:
			s.air = i
		}
	}
	if s.air < 0 && s.pulp >= 0 { // only pulp is measured: it is judged itself
		s.air = s.pulp
	}
	s.lastAir, s.lastFix = readings[0].At, readings[0].At
	return s
}

func gapAllowance(seconds int64) int64 {
	if seconds <= 0 {
		return DefaultGapSeconds
	}
	return seconds
}

func (s *summary) add(r *trace.Reading) {
	for p, t := range r.Temperatures {
		if t != trace.NoTemperature {
			s.probes[p].add(int32(t))
		}
	}
	if r.Humidity != trace.NoHumidity {
		s.humidity.add(int32(r.Humidity))
	}
	if r.Shock != trace.NoShock {
		s.shock = max(s.shock, r.Shock)
	}
	if s.pulp >= 0 && s.open && r.Temperatures[s.pulp] != trace.NoTemperature {
		s.pending.add(int32(r.Temperatures[s.pulp]))
	}
	if s.air < 0 {
		s.gap(s.lastAir, r.At, false)
		s.lastAir = r.At
	} else if t := r.Temperatures[s.air]; t != trace.NoTemperature {
		s.gap(s.lastAir, r.At, false)
		s.judge(r, t)
		s.lastAir, s.measured = r.At, true
	}
	if r.Fix {
		s.position(r)
	}
}

func (s *summary) position(r *trace.Reading) {
	s.gap(s.lastFix, r.At, true)
	s.lastFix = r.At
	s.fixes++
	s.last = Coarse(r.Point)
	if s.fixes == 1 {
		s.first = s.last
	}
}

// judge extends, ends or begins a breach by one air temperature.
func (s *summary) judge(r *trace.Reading, t trace.CentiCelsius) {
	limits := s.terms.Range
	if limits == nil {
		return
	}
	below, outside := t < limits.Minimum, t < limits.Minimum || t > limits.Maximum
	if s.open {
		b := &s.breaches[len(s.breaches)-1]
		if outside && b.Below == below {
			b.To = r.At
			b.Peak = farther(below, b.Peak, t)
			s.foldPulp(b)
			return
		}
		s.open = false
	}
	if !outside {
		return
	}
	if len(s.breaches) == mostListed {
		s.cut = true
		return
	}
	b := trace.Breach{Probe: s.terms.Probes[s.air], From: r.At, To: r.At, Peak: t, Below: below, AtStart: !s.measured}
	s.open, s.pending = true, extremes{}
	if s.pulp >= 0 && r.Temperatures[s.pulp] != trace.NoTemperature {
		s.pending.add(int32(r.Temperatures[s.pulp]))
	}
	s.foldPulp(&b)
	s.breaches = append(s.breaches, b)
}

// foldPulp moves the pulp's extremes since the breach was last extended into it:
// what came after its last reading outside does not belong to it.
func (s *summary) foldPulp(b *trace.Breach) {
	if s.pending.count == 0 {
		return
	}
	low, high := trace.CentiCelsius(s.pending.min), trace.CentiCelsius(s.pending.max)
	if b.PulpMinimum != nil {
		low, high = min(low, *b.PulpMinimum), max(high, *b.PulpMaximum)
	}
	b.PulpMinimum, b.PulpMaximum = &low, &high
	s.pending = extremes{}
}

func farther(below bool, a, b trace.CentiCelsius) trace.CentiCelsius {
	if below {
		return min(a, b)
	}
	return max(a, b)
}

func (s *summary) gap(from, to trace.Time, fix bool) {
	if to-from <= s.allow {
		return
	}
	if len(s.gaps) == mostListed {
		s.cut = true
		return
	}
	s.gaps = append(s.gaps, trace.Gap{From: from, To: to, Fix: fix})
}

// close ends the fold at the last reading's time.
func (s *summary) close(to trace.Time) {
	s.gap(s.lastAir, to, false)
	if s.fixes > 0 { // a device without satellite positioning has no fix to miss
		s.gap(s.lastFix, to, true)
	}
	if s.open {
		s.breaches[len(s.breaches)-1].AtEnd = true
	}
}

func (s *summary) probeSummaries() []trace.ProbeSummary {
	out := make([]trace.ProbeSummary, 0, len(s.probes))
	for i, e := range s.probes {
		out = append(out, trace.ProbeSummary{
			Probe: s.terms.Probes[i], Count: e.count,
			Minimum: trace.CentiCelsius(e.min), Maximum: trace.CentiCelsius(e.max), Mean: trace.CentiCelsius(e.mean()),
		})
	}
	return out
}

func (s *summary) humiditySummary() *trace.HumiditySummary {
	if s.humidity.count == 0 {
		return nil
	}
	e := s.humidity
	return &trace.HumiditySummary{Minimum: trace.CentiPercent(e.min), Maximum: trace.CentiPercent(e.max), Mean: trace.CentiPercent(e.mean())}
}

// Coarse rounds a position to two decimals of a degree, half away from zero.
func Coarse(p trace.Point) trace.Point {
	return trace.Point{Latitude: coarse(p.Latitude), Longitude: coarse(p.Longitude)}
}

func coarse(v trace.MicroDegrees) trace.MicroDegrees {
	if v < 0 {
		return -coarse(-v)
	}
	return (v + coarseGrain/2) / coarseGrain * coarseGrain
}
