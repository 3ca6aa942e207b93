package coldchain

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// point is one temperature of a probe, and the segment it came from.
type point struct {
	at      trace.Time
	value   trace.CentiCelsius
	segment int
}

// stretch is segments of a device that follow each other and whose readings are here.
type stretch struct {
	segments []rules.SegmentRecord
	probes   []string
	series   [][]point // by probe
}

// stretches reads a device's readings; a missing sequence, file or other binding parts
// them.
func (c *check) stretches(d rules.DeviceTrack) []stretch {
	var out []stretch
	broken := true
	for i, s := range d.Segments {
		readings, here := c.Readings[s.Segment.Payload]
		names := probesOf(s.Segment)
		if !here {
			broken = true
			continue
		}
		if broken || !d.Follows(i) || !slices.Equal(out[len(out)-1].probes, names) {
			out = append(out, stretch{probes: names, series: make([][]point, len(names))})
			broken = false
		}
		st := &out[len(out)-1]
		st.segments = append(st.segments, s)
		for _, r := range readings {
			for p := range min(len(names), len(r.Temperatures)) {
				if r.Temperatures[p] != trace.NoTemperature {
					st.series[p] = append(st.series[p], point{r.At, r.Temperatures[p], len(st.segments) - 1})
				}
			}
		}
	}
	for _, st := range out { // what filled a gap lies within the segment around it
		for _, series := range st.series {
			slices.SortStableFunc(series, func(a, b point) int { return cmp.Compare(a.at, b.at) })
		}
	}
	return out
}

// from gives the segments from one point's to another's.
func (st *stretch) from(a, b point) []rules.SegmentRecord {
	return st.segments[min(a.segment, b.segment) : max(a.segment, b.segment)+1]
}

func probesOf(s *trace.Segment) []string {
	names := make([]string, len(s.Probes))
	for i, p := range s.Probes {
		names[i] = p.Probe
	}
	return names
}

// sensors looks for probes that cannot be right.
func (c *check) sensors(d rules.DeviceTrack) {
	for _, st := range c.stretches(d) {
		for p, name := range st.probes {
			c.stuck(d.Device, &st, p, name)
			if name == trace.ProbePulp {
				c.jump(d.Device, &st, p)
			}
		}
		air, goods := airOf(st.probes), slices.Index(st.probes, trace.ProbePulp)
		if air >= 0 && goods >= 0 {
			c.contradiction(d.Device, &st, air, goods)
		}
	}
}

// airOf is the probe of the air; -1 where there is none.
func airOf(probes []string) int {
	for _, name := range []string{trace.ProbeReturnAir, trace.ProbeSupplyAir} {
		if i := slices.Index(probes, name); i >= 0 {
			return i
		}
	}
	return -1
}

// stuck finds the first time that a probe read exactly the same for too long while
// another one of the device was elsewhere for long enough.
func (c *check) stuck(d trace.DeviceID, st *stretch, p int, name string) {
	least := c.StuckAir
	if name == trace.ProbePulp {
		least = c.StuckGoods
	}
	own := st.series[p]
	for i := 0; i < len(own); {
		end := i + 1
		for end < len(own) && own[end].value == own[i].value {
			end++
		}
		for k := i; k < end; k++ {
			if seconds(own[i].at, own[k].at) < least {
				continue
			}
			for other := range st.series {
				if other == p || c.away(st.series[other], own[i].at, own[k].at) < c.StuckMoving {
					continue
				}
				c.finding(SensorStuck, trace.LevelWarning, d, name, own[i].at, own[k].at, st.from(own[i], own[k]),
					fmt.Sprintf("设备 %s 的%s自 %s 起 %s一直是 %s，而另一探头在变化:疑似停滞", d, probeName(name), clock(own[i].at), minutes(seconds(own[i].at, own[k].at)), degrees(own[i].value)),
					fmt.Sprintf("%s of device %s read %s for %s from %s while another probe moved: stuck?", probeEnglish(name), d, degrees(own[i].value), minutesEnglish(seconds(own[i].at, own[k].at)), clock(own[i].at)))
				return
			}
		}
		i = end
	}
}

// away is for how long, in seconds, a series lay far from its first value in a time. A
// reading counts until the next one.
func (c *check) away(series []point, from, to trace.Time) int64 {
	var sum int64
	first := -1
	for i, p := range series {
		if p.at < from || p.at > to {
			continue
		}
		if first < 0 {
			first = i
		}
		if i+1 < len(series) && series[i+1].at <= to && distance(p.value, series[first].value) >= c.StuckMoves {
			sum += seconds(p.at, series[i+1].at)
		}
	}
	return sum
}

func distance(a, b trace.CentiCelsius) int64 { return int64(max(a-b, b-a)) }

// jump finds the first change of the goods that their mass does not allow.
func (c *check) jump(d trace.DeviceID, st *stretch, p int) {
	series := st.series[p]
	for i := 1; i < len(series); i++ {
		a, b := series[i-1], series[i]
		if seconds(a.at, b.at) > c.JumpWithin || distance(a.value, b.value) <= c.JumpGoods {
			continue
		}
		c.finding(SensorJump, trace.LevelWarning, d, trace.ProbePulp, a.at, b.at, st.from(a, b),
			fmt.Sprintf("设备 %s 的货物温度在 %s 从 %s 跳到 %s:传感器不可信或已移位", d, clock(b.at), degrees(a.value), degrees(b.value)),
			fmt.Sprintf("goods of device %s jumped from %s to %s at %s: the sensor errs or was moved", d, degrees(a.value), degrees(b.value), clock(b.at)))
		return
	}
}

// contradiction finds air and goods far apart for long while the goods did not move at
// all: heat flows, so one of the two does not measure what it says.
func (c *check) contradiction(d trace.DeviceID, st *stretch, air, goods int) {
	pulp := map[trace.Time]point{}
	for _, p := range st.series[goods] {
		pulp[p.at] = p
	}
	var from, last point
	var low, high trace.CentiCelsius
	running := false
	for _, a := range st.series[air] {
		g, both := pulp[a.at]
		if !both || distance(a.value, g.value) < c.ContradictApart ||
			running && int64(max(high, g.value)-min(low, g.value)) > c.ContradictStill ||
			running && seconds(last.at, a.at) > c.JumpWithin {
			running = false
			if !both || distance(a.value, g.value) < c.ContradictApart {
				continue
			}
		}
		if !running {
			from, low, high, running = a, g.value, g.value, true
		}
		low, high, last = min(low, g.value), max(high, g.value), a
		if seconds(from.at, a.at) < c.ContradictTime {
			continue
		}
		c.finding(SensorContradiction, trace.LevelWarning, d, trace.ProbePulp, from.at, a.at, st.from(from, a),
			fmt.Sprintf("设备 %s 的空气与货物温度自 %s 起 %s相差 %s 以上，货物却没有变化:两个探头互相矛盾", d, clock(from.at), minutes(seconds(from.at, a.at)), degrees(trace.CentiCelsius(c.ContradictApart))),
			fmt.Sprintf("air and goods of device %s more than %s apart for %s from %s, yet the goods did not move: the probes contradict each other", d, degrees(trace.CentiCelsius(c.ContradictApart)), minutesEnglish(seconds(from.at, a.at)), clock(from.at)))
		return
	}
}

// kinetic judges the mean kinetic temperature of a journey that has ended: of the goods,
// or of the air where no device had a goods probe. Not for frozen goods.
func (c *check) kinetic() {
	if c.Arrived == 0 || int64(c.limits.Maximum) <= c.FrozenBelow {
		return
	}
	for _, goods := range []bool{true, false} {
		values, segments := c.measured(goods)
		if int64(len(values)) < c.KineticReadings {
			continue
		}
		mean := MeanKinetic(values, c.KineticActivation)
		if mean > c.limits.Maximum {
			c.finding(KineticTemperature, trace.LevelWarning, "", "", c.Record.Departed, c.Arrived, segments,
				fmt.Sprintf("全程平均动力学温度 %s，高于 %s", degrees(mean), degrees(c.limits.Maximum)),
				fmt.Sprintf("mean kinetic temperature of the journey %s, above %s", degrees(mean), degrees(c.limits.Maximum)))
		}
		return
	}
}

// measured gives all temperatures of the goods, or of the air, in an order of their own.
func (c *check) measured(goods bool) (values []trace.CentiCelsius, segments []rules.SegmentRecord) {
	for _, d := range rules.DeviceTracks(c.Segments) {
		for _, s := range d.Segments {
			names := probesOf(s.Segment)
			p := slices.Index(names, trace.ProbePulp)
			if !goods {
				if p = airOf(names); p < 0 && len(names) == 1 {
					p = 0
				}
			}
			readings := c.Readings[s.Segment.Payload]
			if p < 0 || len(readings) == 0 {
				continue
			}
			segments = append(segments, s)
			for _, r := range readings {
				if p < len(r.Temperatures) && r.Temperatures[p] != trace.NoTemperature {
					values = append(values, r.Temperatures[p])
				}
			}
		}
	}
	slices.SortFunc(values, cmp.Compare) // one order, one sum
	return values, segments
}

// MeanKinetic is the mean kinetic temperature of equally spaced readings,
// (ΔH/R) / −ln(Σ e^(−ΔH/(R·Tᵢ)) / n) − 273.15 (USP <1079.2>, Haynes 1971), with ΔH in
// 0.01 J/mol; rounded to 1/100 °C. There must be at least one.
func MeanKinetic(values []trace.CentiCelsius, activation int64) trace.CentiCelsius {
	const gas, zero = 8.314472, 273.15
	ratio := float64(activation) / 100 / gas
	var sum float64
	for _, v := range values {
		sum += math.Exp(-ratio / (float64(v)/100 + zero))
	}
	kelvin := ratio / -math.Log(sum/float64(len(values)))
	return trace.CentiCelsius(math.Round((kelvin - zero) * 100))
}
