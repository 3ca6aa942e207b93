// Package coldchain judges how cold one shipment stayed.
//
// In come the shipment, what its products allow, its segments as the chain has them and
// the readings behind them; out come findings. Excursions, goods out of range, freezing
// and gaps are read from the endorsed segments alone, so that a carrier who loses the
// readings does not lose the verdict; sensors and the mean kinetic temperature need the
// readings.
//
// A finding is made of the shortest run of segments that shows it, and of nothing that
// came later: looked at again with more known, it is the same verdict.
package coldchain

import (
	"fmt"
	"slices"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor"
)

// Shipment is everything the check looks at. Order of Segments does not matter.
type Shipment struct {
	ID       trace.ShipmentID
	Record   *trace.Shipment
	Arrived  trace.Time // zero while it travels
	Segments []rules.SegmentRecord
	// Readings are by the payload's hash; what is missing is not judged.
	Readings map[trace.Digest][]trace.Reading
	// Commodities of the food that travels, and the strictest ExcursionSeconds of all.
	Commodities      []string
	ExcursionSeconds int64
}

// Codes of findings.
const (
	TemperatureExcursion = "temperature-excursion"    // warning
	GoodsOutOfRange      = "goods-out-of-range"       // violation
	ExcursionTotal       = "excursion-total"          // violation
	Freezing             = "freezing"                 // violation
	KineticTemperature   = "mean-kinetic-temperature" // warning
	TelemetryGap         = "telemetry-gap"            // warning
	SensorStuck          = "sensor-stuck"             // warning
	SensorJump           = "sensor-jump"              // warning
	SensorContradiction  = "sensor-contradiction"     // warning
)

// Check judges a shipment. Without a range no cold chain is claimed and nothing is found.
func Check(t Thresholds, s Shipment) []monitor.Finding {
	if s.Record.Range == nil {
		return nil
	}
	c := &check{Thresholds: t, Shipment: s, limits: *s.Record.Range}
	for _, d := range rules.DeviceTracks(c.Segments) {
		c.excursions(d)
		c.goods(d)
		c.freezing(d)
		c.gaps(d)
		c.sensors(d)
	}
	c.kinetic()
	return c.found
}

type check struct {
	Thresholds
	Shipment
	limits trace.TemperatureRange
	found  []monitor.Finding
}

// input is what every finding depends on: who, by what limits, from which segments.
type input struct {
	Shipment  trace.ShipmentID       `json:"shipment"`
	Device    trace.DeviceID         `json:"device,omitempty"`
	Range     trace.TemperatureRange `json:"range"`
	Defrost   int64                  `json:"defrost,omitempty"`
	Gap       int64                  `json:"gap,omitempty"`
	Allowed   int64                  `json:"allowed,omitempty"`
	Departed  trace.Time             `json:"departed"`
	Arrived   trace.Time             `json:"arrived,omitempty"`
	Commodity []string               `json:"commodity,omitempty"`
	Probe     string                 `json:"probe,omitempty"`
	From      trace.Time             `json:"from"`
	Payloads  []trace.Digest         `json:"payloads"`
}

// finding adds a finding about a time, read from segments, the last of which showed it.
func (c *check) finding(code string, level trace.VerdictLevel, d trace.DeviceID, probe string, from, at trace.Time, segments []rules.SegmentRecord, text, english string) {
	in := input{
		Shipment: c.ID, Device: d, Range: c.limits, Defrost: c.Record.DefrostSeconds, Gap: c.Record.GapSeconds,
		Allowed: c.ExcursionSeconds, Departed: c.Record.Departed, Probe: probe, From: from,
	}
	evidence := []trace.Key{state.ShipmentKey(c.ID)}
	for i, s := range segments {
		in.Payloads = append(in.Payloads, s.Segment.Payload)
		if i < 10 || i >= len(segments)-9 { // a verdict names at most 20 records; the input names all
			evidence = append(evidence, s.Key)
		}
	}
	switch code {
	case KineticTemperature:
		in.Arrived = c.Arrived
	case Freezing:
		in.Commodity = c.Commodities
	}
	c.found = append(c.found, monitor.Finding{
		Subject: state.ShipmentSubject(c.ID), Finding: code, Level: level, At: at,
		Text: text, TextEnglish: english, Input: in, Evidence: evidence,
	})
}

// run is a breach as far as its segments so far tell.
type run struct {
	trace.Breach
	segments []rules.SegmentRecord
	judged   bool
}

// excursions goes through a device's breaches in the order they were measured.
func (c *check) excursions(d rules.DeviceTrack) {
	var open *run
	var before int64 // seconds of excursions that ended
	var spent []rules.SegmentRecord
	var total bool
	end := func() {
		if open != nil && c.class(open.Breach) == excursion {
			before += seconds(open.From, open.To)
			spent = append(spent, open.segments...)
		}
		open = nil
	}
	for i, s := range d.Segments {
		for j, b := range s.Segment.Breaches {
			if goesOn := open != nil && d.Follows(i) && j == 0 && b.AtStart && open.AtEnd && open.Probe == b.Probe && open.Below == b.Below; goesOn {
				open.extend(b)
			} else {
				end()
				open = &run{Breach: b}
			}
			open.segments = append(open.segments, s)
			if c.class(open.Breach) != excursion {
				continue
			}
			sum := before + seconds(open.From, open.To)
			all := unique(append(slices.Clone(spent), open.segments...))
			if sum > c.ExcursionSeconds || sum == 0 && c.ExcursionSeconds == 0 {
				if !open.judged {
					open.judged = true
					c.excursion(d.Device, open, all)
				}
			}
			if sum > max(c.TotalExcursion, c.ExcursionSeconds) && !total {
				total = true
				c.finding(ExcursionTotal, trace.LevelViolation, d.Device, open.Probe, open.From, open.To, all,
					fmt.Sprintf("%s超出 %s 的时间累计 %s，超过 %s", probeName(open.Probe), rangeText(c.limits), minutes(sum), minutes(max(c.TotalExcursion, c.ExcursionSeconds))),
					fmt.Sprintf("%s outside %s for %s in all, more than %s", probeEnglish(open.Probe), rangeText(c.limits), minutesEnglish(sum), minutesEnglish(max(c.TotalExcursion, c.ExcursionSeconds))))
			}
		}
		if len(s.Segment.Breaches) == 0 {
			end()
		}
	}
}

func (r *run) extend(b trace.Breach) {
	r.To, r.AtEnd = b.To, b.AtEnd
	if b.Below {
		r.Peak = min(r.Peak, b.Peak)
	} else {
		r.Peak = max(r.Peak, b.Peak)
	}
	if r.PulpMinimum == nil || b.PulpMinimum == nil { // unknown in one part is unknown in all
		r.PulpMinimum, r.PulpMaximum = nil, nil
		return
	}
	low, high := min(*r.PulpMinimum, *b.PulpMinimum), max(*r.PulpMaximum, *b.PulpMaximum)
	r.PulpMinimum, r.PulpMaximum = &low, &high
}

type class int

const (
	harmless  class = iota // a defrost or loading, as far as it goes
	excursion              // nothing that comes later makes it harmless
)

// class tells an excursion from a defrost (the air too warm for a while, the goods as
// cold as before) and from loading (the same, within a while after departure).
func (c *check) class(b trace.Breach) class {
	if rules.ClassifyBreach(b, c.limits, c.Record.DefrostSeconds) == rules.BreachDefrost {
		return harmless
	}
	if b.To <= c.Record.Departed+trace.Time(c.LoadingWindow*1000) &&
		rules.ClassifyBreach(b, c.limits, c.LoadingWindow) == rules.BreachDefrost {
		return harmless
	}
	return excursion
}

func (c *check) excursion(d trace.DeviceID, r *run, segments []rules.SegmentRecord) {
	side, sideEnglish, limit := "高于", "above", c.limits.Maximum
	if r.Below {
		side, sideEnglish, limit = "低于", "below", c.limits.Minimum
	}
	text := fmt.Sprintf("%s%s %s 共 %s(%s 起)，最%s %s", probeName(r.Probe), side, degrees(limit), minutes(seconds(r.From, r.To)), clock(r.From), farthest(r.Below), degrees(r.Peak))
	english := fmt.Sprintf("%s %s %s for %s from %s, peak %s", probeEnglish(r.Probe), sideEnglish, degrees(limit), minutesEnglish(seconds(r.From, r.To)), clock(r.From), degrees(r.Peak))
	switch {
	case r.PulpMaximum == nil:
		text, english = text+"；没有货物探头", english+"; no goods probe"
	case *r.PulpMinimum >= c.limits.Minimum && *r.PulpMaximum <= c.limits.Maximum:
		text += fmt.Sprintf("；货物最高 %s，未超出范围", degrees(*r.PulpMaximum))
		english += fmt.Sprintf("; goods at most %s, within range", degrees(*r.PulpMaximum))
	default:
		text += fmt.Sprintf("；货物 %s 至 %s，超出范围", degrees(*r.PulpMinimum), degrees(*r.PulpMaximum))
		english += fmt.Sprintf("; goods %s to %s, out of range", degrees(*r.PulpMinimum), degrees(*r.PulpMaximum))
	}
	c.finding(TemperatureExcursion, trace.LevelWarning, d, r.Probe, r.From, r.To, segments, text, english)
}

// goods finds the first segment in which the goods themselves were outside the range.
func (c *check) goods(d rules.DeviceTrack) {
	for _, s := range d.Segments {
		for _, p := range s.Segment.Probes {
			if p.Probe != trace.ProbePulp || p.Count == 0 || p.Minimum >= c.limits.Minimum && p.Maximum <= c.limits.Maximum {
				continue
			}
			c.finding(GoodsOutOfRange, trace.LevelViolation, d.Device, p.Probe, s.Segment.From, s.Segment.To, []rules.SegmentRecord{s},
				fmt.Sprintf("货物温度 %s 至 %s，超出 %s", degrees(p.Minimum), degrees(p.Maximum), rangeText(c.limits)),
				fmt.Sprintf("goods at %s to %s, outside %s", degrees(p.Minimum), degrees(p.Maximum), rangeText(c.limits)))
			return
		}
	}
}

// freezing finds the first segment in which chilled goods were below their freezing
// point.
func (c *check) freezing(d rules.DeviceTrack) {
	if int64(c.limits.Maximum) <= c.FrozenBelow {
		return
	}
	point, known := c.freezingPoint()
	if !known {
		return
	}
	for _, s := range d.Segments {
		for _, p := range s.Segment.Probes {
			if p.Probe != trace.ProbePulp || p.Count == 0 || p.Minimum >= point {
				continue
			}
			c.finding(Freezing, trace.LevelViolation, d.Device, p.Probe, s.Segment.From, s.Segment.To, []rules.SegmentRecord{s},
				fmt.Sprintf("货物最低 %s，低于冻结点 %s", degrees(p.Minimum), degrees(point)),
				fmt.Sprintf("goods down to %s, below their freezing point of %s", degrees(p.Minimum), degrees(point)))
			return
		}
	}
}

// freezingPoint is the highest of what travels; false where nothing of it is food.
func (c *check) freezingPoint() (trace.CentiCelsius, bool) {
	point, known := trace.CentiCelsius(0), false
	for _, commodity := range c.Commodities {
		p, listed := c.FreezingPoints[commodity]
		if !listed {
			if p, listed = c.FreezingPoints["default"]; !listed {
				continue
			}
		}
		if !known || p > point {
			point, known = p, true
		}
	}
	return point, known
}

// gaps finds stretches without a temperature that the device itself left out: inside a
// segment, or between two that follow each other. What lies beside a missing sequence may
// still come.
func (c *check) gaps(d rules.DeviceTrack) {
	allowed := c.Record.GapSeconds
	if allowed <= 0 {
		allowed = rules.DefaultGapSeconds
	}
	gap := func(from, to trace.Time, segments ...rules.SegmentRecord) {
		if seconds(from, to) <= allowed || rules.LongestSilence(c.Segments, from, to) <= allowed {
			return
		}
		c.finding(TelemetryGap, trace.LevelWarning, d.Device, "", from, to, segments,
			fmt.Sprintf("设备 %s 从 %s 起 %s没有温度，允许 %s", d.Device, clock(from), minutes(seconds(from, to)), minutes(allowed)),
			fmt.Sprintf("no temperature from device %s for %s from %s, allowed %s", d.Device, minutesEnglish(seconds(from, to)), clock(from), minutesEnglish(allowed)))
	}
	for i, s := range d.Segments {
		if !measures(s.Segment) {
			continue
		}
		if d.Follows(i) && measures(d.Segments[i-1].Segment) {
			gap(d.Segments[i-1].Segment.To, s.Segment.From, d.Segments[i-1], s)
		}
		for _, g := range s.Segment.Gaps {
			if !g.Fix {
				gap(g.From, g.To, s)
			}
		}
	}
}

func measures(s *trace.Segment) bool {
	return slices.ContainsFunc(s.Probes, func(p trace.ProbeSummary) bool { return p.Count > 0 })
}

func seconds(from, to trace.Time) int64 { return int64(to-from) / 1000 }

func unique(segments []rules.SegmentRecord) []rules.SegmentRecord {
	var out []rules.SegmentRecord
	for _, s := range segments {
		if !slices.ContainsFunc(out, func(o rules.SegmentRecord) bool { return o.Key == s.Key }) {
			out = append(out, s)
		}
	}
	return out
}
