package page

import (
	"slices"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/scanner-api/chart"
)

// Telemetry is what is kept here of a shipment's readings.
type Telemetry struct {
	// Segments hold the readings of the segments whose payload is kept here, under
	// the segment's key.
	Segments map[trace.Key]SegmentReadings
}

// SegmentReadings are the readings of one segment, checked against its payload hash.
type SegmentReadings struct {
	Probes   []string // names of the temperatures, in reading order
	Readings []trace.Reading
}

// series is a shipment's telemetry made ready for drawing.
type series struct {
	lines    []chart.Line
	humidity []chart.Sample
	boxes    []chart.Box
	runs     [][]trace.Point
	fixes    []fix // all position fixes in order of time
	readings int
	devices  int
	absent   int  // segments drawn from their summaries
	sparse   bool // some positions are segments' ends only
}

type fix struct {
	at    trace.Time
	point trace.Point
}

// collect reads a leg's segments, by device and sequence: from their readings where
// these are kept, from the endorsed summary where not.
func collect(leg *index.Leg, telemetry Telemetry, l Language) series {
	var s series
	type probe struct {
		device trace.DeviceID
		name   string
	}
	at := map[probe]int{}
	seen := map[trace.DeviceID]bool{}
	sample := func(device trace.DeviceID, name string, when trace.Time, value trace.CentiCelsius) {
		key := probe{device, name}
		n, ok := at[key]
		if !ok {
			n = len(s.lines)
			at[key] = n
			s.lines = append(s.lines, chart.Line{Name: l.probe(name), Pulp: name == trace.ProbePulp})
		}
		s.lines[n].Samples = append(s.lines[n].Samples, chart.Sample{At: when, Value: int32(value)})
	}
	for _, segment := range leg.Segments {
		r := segment.Record
		s.readings += r.Count
		if !seen[r.Device] {
			seen[r.Device] = true
			s.devices++
		}
		kept, here := telemetry.Segments[segment.Provenance.Key]
		if !here {
			s.absent++
			s.summary(r)
			continue
		}
		drawn := drawnProbes(kept.Probes)
		for _, reading := range kept.Readings {
			for _, n := range drawn {
				if n < len(reading.Temperatures) && reading.Temperatures[n] != trace.NoTemperature {
					sample(r.Device, kept.Probes[n], reading.At, reading.Temperatures[n])
				}
			}
			if reading.Humidity != trace.NoHumidity {
				s.humidity = append(s.humidity, chart.Sample{At: reading.At, Value: int32(reading.Humidity)})
			}
			if reading.Fix {
				s.fixes = append(s.fixes, fix{reading.At, rules.Coarse(reading.Point)})
			}
		}
	}
	slices.SortStableFunc(s.humidity, func(a, b chart.Sample) int { return int(a.At - b.At) })
	slices.SortStableFunc(s.fixes, func(a, b fix) int { return int(a.at - b.at) })
	s.cutIntoRuns()
	return s
}

// drawnProbes are the places of the probes a chart draws: the air probe that rules
// judge and the pulp.
func drawnProbes(names []string) []int {
	air := slices.Index(names, trace.ProbeReturnAir)
	pulp := slices.Index(names, trace.ProbePulp)
	if air < 0 && len(names) > 0 && pulp != 0 {
		air = 0
	}
	var drawn []int
	for _, n := range []int{air, pulp} {
		if n >= 0 {
			drawn = append(drawn, n)
		}
	}
	return drawn
}

// summary adds what a segment's record says where its readings are not here.
func (s *series) summary(r trace.Segment) {
	names := make([]string, len(r.Probes))
	for i, p := range r.Probes {
		names[i] = p.Probe
	}
	for i, n := range drawnProbes(names) {
		p := r.Probes[n]
		if p.Count == 0 {
			continue
		}
		box := chart.Box{
			From: r.From, To: r.To, Minimum: p.Minimum, Maximum: p.Maximum, Mean: p.Mean, Pulp: p.Probe == trace.ProbePulp,
			HumidityLow: trace.NoHumidity, HumidityUp: trace.NoHumidity,
		}
		if i == 0 && r.Humidity != nil {
			box.HumidityLow, box.HumidityUp = r.Humidity.Minimum, r.Humidity.Maximum
		}
		s.boxes = append(s.boxes, box)
	}
	if r.First != nil && r.Last != nil {
		s.sparse = true
		s.fixes = append(s.fixes, fix{r.From, *r.First}, fix{r.To, *r.Last})
	}
}

// cutIntoRuns breaks the track where fixes lie apart much longer than usual: there
// was no reception, and the line between is a guess.
func (s *series) cutIntoRuns() {
	if len(s.fixes) == 0 {
		return
	}
	steps := make([]trace.Time, 0, len(s.fixes))
	for i := 1; i < len(s.fixes); i++ {
		steps = append(steps, s.fixes[i].at-s.fixes[i-1].at)
	}
	longest := trace.Time(0)
	if len(steps) > 0 && !s.sparse {
		slices.Sort(steps)
		longest = max(3*steps[len(steps)/2], 60_000)
	}
	run := []trace.Point{s.fixes[0].point}
	for i := 1; i < len(s.fixes); i++ {
		if s.fixes[i].at-s.fixes[i-1].at > longest {
			s.runs = append(s.runs, run)
			run = nil
		}
		if len(run) == 0 || run[len(run)-1] != s.fixes[i].point {
			run = append(run, s.fixes[i].point)
		}
	}
	s.runs = append(s.runs, run)
}

// positionAt is where the shipment was at a time, by the nearest fix within half an hour.
func (s *series) positionAt(when trace.Time) (trace.Point, bool) {
	const reach = trace.Time(30 * 60 * 1000)
	n, _ := slices.BinarySearchFunc(s.fixes, when, func(f fix, t trace.Time) int { return int(f.at - t) })
	best, found := trace.Point{}, false
	nearest := reach + 1
	for _, i := range []int{n - 1, n} {
		if i < 0 || i >= len(s.fixes) {
			continue
		}
		away := s.fixes[i].at - when
		if away < 0 {
			away = -away
		}
		if away < nearest {
			nearest, best, found = away, s.fixes[i].point, true
		}
	}
	return best, found
}

// distance is the length of the track in whole kilometres, with each gap as a
// straight line: a lower bound.
func (s *series) distance() int {
	km := 0.0
	for i := 1; i < len(s.fixes); i++ {
		km += chart.Distance(s.fixes[i-1].point, s.fixes[i].point)
	}
	return int(km + 0.5)
}

func (l Language) probe(name string) string {
	return lookup(l, map[string]pair{
		trace.ProbeReturnAir: {"回风", "Return air"}, trace.ProbeSupplyAir: {"送风", "Supply air"}, trace.ProbePulp: {"品温", "Pulp"},
	}, name)
}

// span turns a breach into a mark of the chart.
func span(b rules.JourneyBreach, label string) chart.Span {
	return chart.Span{From: b.From, To: b.To, Label: label}
}
