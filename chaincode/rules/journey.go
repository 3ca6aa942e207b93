package rules

import (
	"cmp"
	"slices"

	"traceledger/chaincode/trace"
)

// BreachClass tells a harmless breach of the range from a real one.
type BreachClass string

// Classes of breach.
const (
	// BreachDefrost: the cooling unit's coil was thawed. The air was outside the range
	// for no longer than the product allows, and the pulp stayed inside.
	BreachDefrost BreachClass = "defrost"
	// BreachExcursion is anything else, also a short breach without a pulp probe:
	// nothing shows then that the goods stayed cold.
	BreachExcursion BreachClass = "excursion"
)

// JourneyBreach is a breach joined over the segments of one device and classified.
type JourneyBreach struct {
	trace.Breach
	Device trace.DeviceID `json:"device"`
	// Seconds from the first to the last reading outside; a single reading has 0.
	Seconds  int64       `json:"seconds"`
	Class    BreachClass `json:"class"`
	Segments []trace.Key `json:"segments"` // that it was read from
}

// JourneyGap is a stretch of a shipment's time that no device covers.
type JourneyGap struct {
	trace.Gap
	Seconds int64 `json:"seconds"`
}

// MissingSequence is a run of segments of a device that is not on the chain though
// later ones are.
type MissingSequence struct {
	Device trace.DeviceID `json:"device"`
	First  int64          `json:"first"`
	Last   int64          `json:"last"`
}

// JourneyFindings is what the telemetry of one shipment shows.
type JourneyFindings struct {
	Shipment trace.ShipmentID `json:"shipment"`
	From     trace.Time       `json:"from"` // departure
	To       trace.Time       `json:"to"`   // arrival, or the last reading while it travels
	// Range is what the temperatures were judged by; nil: no cold chain is claimed.
	Range    *trace.TemperatureRange `json:"range,omitempty"`
	Segments int                     `json:"segments"` // how many segments were read
	// Measured is how many readings carried a temperature; with 0 nothing shows how
	// cold the goods were.
	Measured   int             `json:"measured"`
	Excursions []JourneyBreach `json:"excursions,omitempty"`
	Defrosts   []JourneyBreach `json:"defrosts,omitempty"`
	Gaps       []JourneyGap    `json:"gaps,omitempty"`    // no temperature for longer than the allowance
	FixGaps    []JourneyGap    `json:"fixGaps,omitempty"` // no position for longer than the allowance; shown, no violation
	// Silences are stretches longer than the allowance for which a bound device gave
	// nothing while others did.
	Silences []DeviceSilence   `json:"silences,omitempty"`
	Missing  []MissingSequence `json:"missing,omitempty"`
	// Unchained are segments whose Previous is not the payload of the sequence before.
	Unchained []trace.Key `json:"unchained,omitempty"`
	// ExcursionSeconds is the time in excursion, counted once where devices overlap.
	ExcursionSeconds int64 `json:"excursionSeconds"`
	GapSeconds       int64 `json:"gapSeconds"`   // total of Gaps
	LongestGap       int64 `json:"longestGap"`   // seconds
	GapAllowance     int64 `json:"gapAllowance"` // seconds, as applied
	// Peak is the temperature farthest from the range over the excursions.
	Peak *trace.CentiCelsius `json:"peak,omitempty"`
	// Cut: a segment listed only its first breaches or gaps.
	Cut bool `json:"cut,omitempty"`
	// Keys are the segments read, in order of device and sequence.
	Keys []trace.Key `json:"keys,omitempty"`
}

// SegmentRecord is a segment with its key.
type SegmentRecord struct {
	Key     trace.Key
	Segment *trace.Segment
}

// ClassifyBreach tells a defrost from an excursion: a defrost is the air too warm
// for at most defrostSeconds while a pulp probe was read and stayed in the range.
func ClassifyBreach(b trace.Breach, limits trace.TemperatureRange, defrostSeconds int64) BreachClass {
	short := int64(b.To-b.From) <= defrostSeconds*1000
	pulpInside := b.PulpMinimum != nil && b.PulpMaximum != nil &&
		*b.PulpMinimum >= limits.Minimum && *b.PulpMaximum <= limits.Maximum
	if !b.Below && short && pulpInside {
		return BreachDefrost
	}
	return BreachExcursion
}

// JoinBreaches lists the breaches of segments (in any order), runs that go on from
// one segment of a device into the next joined into one. Runs are not joined over
// a missing sequence: what happened there is a gap. Class stays empty.
func JoinBreaches(segments []SegmentRecord) []JourneyBreach {
	var out []JourneyBreach
	for _, d := range DeviceTracks(segments) {
		out = append(out, joinBreaches(d)...)
	}
	return out
}

func sortedSegments(segments []SegmentRecord) []SegmentRecord {
	sorted := slices.Clone(segments)
	slices.SortFunc(sorted, func(a, b SegmentRecord) int {
		return cmp.Or(cmp.Compare(a.Segment.Device, b.Segment.Device), cmp.Compare(a.Segment.Sequence, b.Segment.Sequence))
	})
	return sorted
}

// DeviceTrack is what one device measured: its segments in order of time. That is not
// always the order of their numbers, for what a device sends late takes a later one.
type DeviceTrack struct {
	Device   trace.DeviceID
	Segments []SegmentRecord
	rank     []int // of each among the numbers that are here
}

// DeviceTracks parts segments, in any order, by device.
func DeviceTracks(segments []SegmentRecord) []DeviceTrack {
	var out []DeviceTrack
	for sorted := sortedSegments(segments); len(sorted) > 0; {
		n := 1
		for n < len(sorted) && sorted[n].Segment.Device == sorted[0].Segment.Device {
			n++
		}
		t := DeviceTrack{Device: sorted[0].Segment.Device, Segments: make([]SegmentRecord, n), rank: make([]int, n)}
		for i := range t.rank {
			t.rank[i] = i
		}
		slices.SortStableFunc(t.rank, func(a, b int) int { return cmp.Compare(sorted[a].Segment.From, sorted[b].Segment.From) })
		for i, at := range t.rank {
			t.Segments[i] = sorted[at]
		}
		out, sorted = append(out, t), sorted[n:]
	}
	return out
}

// Follows tells whether segment i goes on where the one before it ends: of the numbers
// between theirs none is missing, which could lie between them.
func (t *DeviceTrack) Follows(i int) bool {
	if i == 0 {
		return false
	}
	return t.Segments[i].Segment.Sequence-t.Segments[i-1].Segment.Sequence == int64(t.rank[i]-t.rank[i-1])
}

func joinBreaches(t DeviceTrack) []JourneyBreach {
	var out []JourneyBreach
	for i, s := range t.Segments {
		for j, b := range s.Segment.Breaches {
			if t.Follows(i) && j == 0 && b.AtStart && len(out) > 0 && goesOn(&out[len(out)-1], t.Segments[i-1], b) {
				extend(&out[len(out)-1], b, s.Key)
				continue
			}
			out = append(out, JourneyBreach{Breach: b, Device: s.Segment.Device, Segments: []trace.Key{s.Key}})
		}
	}
	for i := range out {
		out[i].Seconds = int64(out[i].To-out[i].From) / 1000
	}
	return out
}

// goesOn tells whether b, at the start of a segment, continues the last breach,
// which must touch the end of the segment before.
func goesOn(last *JourneyBreach, before SegmentRecord, b trace.Breach) bool {
	return last.AtEnd && last.Segments[len(last.Segments)-1] == before.Key && last.Probe == b.Probe && last.Below == b.Below
}

func extend(run *JourneyBreach, b trace.Breach, key trace.Key) {
	run.To, run.AtEnd = b.To, b.AtEnd
	run.Peak = farther(b.Below, run.Peak, b.Peak)
	run.Segments = append(run.Segments, key)
	if run.PulpMinimum == nil || b.PulpMinimum == nil { // unknown in one part is unknown in all
		run.PulpMinimum, run.PulpMaximum = nil, nil
		return
	}
	low, high := min(*run.PulpMinimum, *b.PulpMinimum), max(*run.PulpMaximum, *b.PulpMaximum)
	run.PulpMinimum, run.PulpMaximum = &low, &high
}

// FindJourney judges the telemetry of one shipment: its segments in any order, the
// devices that were bound to it, and the time of its arrival, zero while it travels. The
// range and allowances are those the contract put on the shipment.
func FindJourney(shipment *trace.Shipment, arrived trace.Time, segments []SegmentRecord, bound ...BoundDevice) JourneyFindings {
	sorted := sortedSegments(segments)
	f := JourneyFindings{
		Shipment: trace.ShipmentID(shipment.ID), From: shipment.Departed, To: arrived, Range: shipment.Range,
		Segments: len(sorted), GapAllowance: gapAllowance(shipment.GapSeconds),
	}
	for i, s := range sorted {
		f.Keys = append(f.Keys, s.Key)
		f.Cut = f.Cut || s.Segment.Cut
		f.Measured += temperatures(s.Segment)
		if arrived == 0 {
			f.To = max(f.To, s.Segment.To)
		}
		if i > 0 && sorted[i-1].Segment.Device == s.Segment.Device {
			f.chain(sorted[i-1].Segment, s)
		}
	}
	f.To = max(f.To, f.From)
	f.breaches(shipment, sorted)
	f.Gaps = f.uncovered(coverage(sorted, false), false)
	for _, g := range f.Gaps {
		f.GapSeconds += g.Seconds
		f.LongestGap = max(f.LongestGap, g.Seconds)
	}
	if positions := coverage(sorted, true); len(positions) > 0 {
		f.FixGaps = f.uncovered(positions, true)
	}
	f.silences(bound, sorted)
	return f
}

// chain notes what is missing or does not join between two segments of a device.
func (f *JourneyFindings) chain(before *trace.Segment, s SegmentRecord) {
	if before.Sequence+1 < s.Segment.Sequence {
		f.Missing = append(f.Missing, MissingSequence{Device: s.Segment.Device, First: before.Sequence + 1, Last: s.Segment.Sequence - 1})
	} else if s.Segment.Previous != before.Payload {
		f.Unchained = append(f.Unchained, s.Key)
	}
}

func (f *JourneyFindings) breaches(shipment *trace.Shipment, sorted []SegmentRecord) {
	if shipment.Range == nil {
		return
	}
	var outside []span
	worst := trace.CentiCelsius(-1)
	for _, b := range JoinBreaches(sorted) {
		b.Class = ClassifyBreach(b.Breach, *shipment.Range, shipment.DefrostSeconds)
		if b.Class == BreachDefrost {
			f.Defrosts = append(f.Defrosts, b)
			continue
		}
		f.Excursions = append(f.Excursions, b)
		outside = append(outside, span{b.From, b.To})
		distance := max(b.Peak-shipment.Range.Maximum, shipment.Range.Minimum-b.Peak)
		if distance > worst {
			peak := b.Peak
			worst, f.Peak = distance, &peak
		}
	}
	for _, s := range union(outside) {
		f.ExcursionSeconds += int64(s.to-s.from) / 1000
	}
}

// span is a stretch of time, ends included.
type span struct{ from, to trace.Time }

// union merges overlapping and touching spans, in order.
func union(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// coverage is when any device gave temperatures (with fix: positions), allowed gaps
// included.
func coverage(segments []SegmentRecord, fix bool) []span {
	var out []span
	for _, r := range segments {
		s := r.Segment
		if fix && s.Fixes == 0 || !fix && temperatures(s) == 0 {
			continue
		}
		out = append(out, reportedIn(s, fix)...)
	}
	return union(out)
}

// LongestSilence is the longest part of a stretch, in seconds, for which no segment of any
// device gives temperatures: what one left out another may have, or the same device sent
// late.
func LongestSilence(segments []SegmentRecord, from, to trace.Time) int64 {
	longest, at := trace.Time(0), from
	for _, c := range coverage(segments, false) {
		longest = max(longest, min(c.from, to)-at)
		at = max(at, c.to)
	}
	return int64(max(longest, to-at)) / 1000
}

// reportedIn is a segment's time without the gaps it lists of one kind.
func reportedIn(s *trace.Segment, fix bool) []span {
	var out []span
	from := s.From
	for _, g := range s.Gaps {
		if g.Fix == fix {
			out = append(out, span{from, g.From})
			from = g.To
		}
	}
	if s.Cut && len(s.Gaps) == mostListed { // what comes after the last listed gap is not known
		return out
	}
	return append(out, span{from, s.To})
}

// temperatures is how many temperatures the segment's best-read probe gave.
func temperatures(s *trace.Segment) int {
	most := 0
	for _, p := range s.Probes {
		most = max(most, p.Count)
	}
	return most
}

// uncovered lists the stretches of the journey longer than the allowance outside
// the cover.
func (f *JourneyFindings) uncovered(cover []span, fix bool) []JourneyGap {
	return f.uncoveredIn(span{f.From, f.To}, cover, fix)
}

// uncoveredIn lists the stretches within a time.
func (f *JourneyFindings) uncoveredIn(within span, cover []span, fix bool) []JourneyGap {
	var out []JourneyGap
	gap := func(from, to trace.Time) {
		if seconds := int64(to-from) / 1000; seconds > f.GapAllowance {
			out = append(out, JourneyGap{Gap: trace.Gap{From: from, To: to, Fix: fix}, Seconds: seconds})
		}
	}
	at := within.from
	for _, c := range cover {
		gap(at, min(c.from, within.to))
		at = max(at, c.to)
	}
	gap(at, within.to)
	return out
}
