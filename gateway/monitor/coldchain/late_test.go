package coldchain

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor"
)

// backfilled is a shipment of which a stretch was sent late: its segments have numbers
// after those of what was measured later.
func backfilled(t require.TestingT, readings []trace.Reading, each, from, to int) Shipment {
	s := shipment(t, readings[:1], 1, []string{trace.ProbeReturnAir, trace.ProbePulp}, func(s *trace.Shipment) { s.DefrostSeconds, s.GapSeconds = 900, 900 })
	s.Segments = nil
	sequence := int64(0)
	for _, part := range [][]trace.Reading{readings[:from], readings[to:], readings[from:to]} {
		for some := range slices.Chunk(part, each) {
			sequence++
			s.add(t, "tl-01", sequence, []string{trace.ProbeReturnAir, trace.ProbePulp}, some)
		}
	}
	return s
}

// A lorry that was out of reach sends what it measured meanwhile after what it measures
// now. That says nothing else about the journey.
func TestSentLateIsJudgedAsInTime(t *testing.T) {
	warming := wave(200)
	for i := range warming {
		warming[i].Temperatures[1] += trace.CentiCelsius(10 * i) // slowly: no jump
	}
	for name, readings := range map[string][]trace.Reading{
		"cold all the way":        wave(200),
		"a defrost":               join(wave(60), series(0, 3, 600, 110), wave(60)),
		"goods that warm slowly":  warming,
		"air too warm for long":   join(wave(60), series(0, 30, 700, 110), wave(60)),
		"air that stands still":   seriesRising(100, 150),
		"too long without a word": join(wave(75), later(wave(75), 40*60)),
		"probes that do not fit":  contradicting(120),
	} {
		t.Run(name, func(t *testing.T) {
			readings = renumber(readings)
			for _, each := range []int{1, 3, 17} {
				inTime := codes(Check(thresholds(t), backfilled(t, readings, each, 0, 0)))
				for _, late := range [][2]int{{0, 40}, {30, 70}, {61, 66}, {64, 100}} {
					require.ElementsMatch(t, inTime, codes(Check(thresholds(t), backfilled(t, readings, each, late[0], late[1]))), "%d readings each, %v late", each, late)
				}
			}
			// The readings around it were one segment.
			inTime := sensorCodes(Check(thresholds(t), backfilled(t, readings, 17, 0, 0)))
			around := backfilled(t, slices.Concat(readings[:30], readings[70:]), 500, 0, 0)
			around.add(t, "tl-01", 2, []string{trace.ProbeReturnAir, trace.ProbePulp}, readings[30:50])
			around.add(t, "tl-01", 3, []string{trace.ProbeReturnAir, trace.ProbePulp}, readings[50:70])
			require.ElementsMatch(t, inTime, sensorCodes(Check(thresholds(t), around)), "inside a segment")
		})
	}
}

// While what was measured in between may still come, nothing is said of the gap.
func TestBesideAMissingNumberNothingIsSaid(t *testing.T) {
	s := backfilled(t, renumber(wave(90)), 10, 30, 60)
	last := len(s.Segments) - 2 // of the three late ones the second
	s.Segments = slices.Delete(s.Segments, last, last+1)
	require.Empty(t, codes(Check(thresholds(t), s)))
}

// A stretch that a segment left out is none without a word once the device, or several
// together, told of it.
func TestAGapThatWasFilledIsNone(t *testing.T) {
	readings := renumber(wave(90))
	probes := []string{trace.ProbeReturnAir, trace.ProbePulp}
	for name, c := range map[string]struct {
		fill func(s *Shipment)
		want []string
	}{
		"by nobody": {fill: func(*Shipment) {}, want: []string{TelemetryGap}},
		"late, in two segments": {fill: func(s *Shipment) {
			s.add(t, "tl-01", 2, probes, readings[30:45])
			s.add(t, "tl-01", 3, probes, readings[45:60])
		}},
		"late, all but a quarter of an hour": {fill: func(s *Shipment) { s.add(t, "tl-01", 2, probes, readings[33:60]) }},
		"late, all but an hour":              {fill: func(s *Shipment) { s.add(t, "tl-01", 2, probes, readings[42:60]) }, want: []string{TelemetryGap}},
		"by another device's two segments": {fill: func(s *Shipment) {
			s.add(t, "tl-02", 1, probes, readings[29:45])
			s.add(t, "tl-02", 2, probes, readings[44:61])
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := shipment(t, slices.Concat(readings[:30], readings[60:]), 90, probes, func(s *trace.Shipment) { s.DefrostSeconds, s.GapSeconds = 900, 20*60 })
			c.fill(&s)
			require.Equal(t, c.want, codes(Check(thresholds(t), s)))
		})
	}
}

// sensorCodes are of the findings that readings are needed for.
func sensorCodes(found []monitor.Finding) []string {
	return slices.DeleteFunc(codes(found), func(code string) bool {
		return !slices.Contains([]string{SensorStuck, SensorJump, SensorContradiction}, code)
	})
}
