package rules

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func TestBoundUntil(t *testing.T) {
	handovers := []trace.Handover{{Giver: "carrier-01", At: 50}, {Giver: "carrier-02", At: 80}, {Giver: "carrier-01", At: 90}}
	for name, c := range map[string]struct {
		by   trace.PartyID
		from trace.Time
		want trace.Time
	}{
		"until it is handed over":        {"carrier-01", 10, 50},
		"until it is bound again":        {"carrier-02", 50, 70},
		"handed over before bound again": {"carrier-02", 71, 80},
		"bound after the first handover": {"carrier-01", 85, 90},
		"it lasts":                       {"carrier-03", 70, 0},
	} {
		require.Equal(t, c.want, BoundUntil(c.by, c.from, []trace.Time{10, 70}, handovers), name)
	}
}

// stretch is a segment of a device over some minutes with temperatures.
func stretch(device trace.DeviceID, sequence int64, from, to trace.Time) *trace.Segment {
	return &trace.Segment{Device: device, Sequence: sequence, From: from, To: to, Probes: []trace.ProbeSummary{{Count: 20}}}
}

func records(segments ...*trace.Segment) []SegmentRecord {
	var out []SegmentRecord
	for _, s := range segments {
		out = append(out, SegmentRecord{trace.Key(fmt.Sprintf("seg/%s/%d", s.Device, s.Sequence)), s})
	}
	return out
}

// One device's first or last segments kept back stay visible though another covers them.
func TestADeviceCannotHideBehindAnother(t *testing.T) {
	start := trace.Time(1_792_483_200_000)
	end := start + 600*minute
	whole := stretch("logger-02", 1, start, end)
	both := []BoundDevice{{Device: "logger-02", From: start}, {Device: "logger-01", From: start}}
	silence := func(device trace.DeviceID, from, to trace.Time) DeviceSilence {
		return DeviceSilence{Gap: trace.Gap{From: start + from*minute, To: start + to*minute}, Device: device, Seconds: int64(to-from) * 60}
	}
	tracker := &trace.Segment{Device: "logger-01", Sequence: 1, From: start, To: end, Fixes: 90, Gaps: []trace.Gap{{From: start + 20*minute, To: start + 90*minute, Fix: true}}}
	thin := stretch("logger-01", 1, start, end)
	thin.Gaps = []trace.Gap{{From: start, To: end}}
	for name, c := range map[string]struct {
		bound    []BoundDevice
		segments []*trace.Segment
		arrived  trace.Time
		want     []DeviceSilence
	}{
		"both cover all":         {both, []*trace.Segment{whole, stretch("logger-01", 1, start, end)}, end, nil},
		"the first is kept back": {both, []*trace.Segment{whole, stretch("logger-01", 2, start+100*minute, end)}, end, []DeviceSilence{silence("logger-01", 0, 100)}},
		"the last is kept back":  {both, []*trace.Segment{whole, stretch("logger-01", 1, start, start+500*minute)}, end, []DeviceSilence{silence("logger-01", 500, 600)}},
		"all are kept back":      {both, []*trace.Segment{whole}, end, []DeviceSilence{silence("logger-01", 0, 600)}},
		"one in the middle": {both, []*trace.Segment{whole, stretch("logger-01", 1, start, start+100*minute), stretch("logger-01", 3, start+200*minute, end)}, end,
			[]DeviceSilence{silence("logger-01", 100, 200)}},
		"its ends only, within a segment": {both, []*trace.Segment{whole, thin}, end, []DeviceSilence{silence("logger-01", 0, 600)}},
		"within the allowance":            {both, []*trace.Segment{whole, stretch("logger-01", 1, start+15*minute, end-15*minute)}, end, nil},
		"a second beyond it":              {both, []*trace.Segment{whole, stretch("logger-01", 1, start+15*minute+1000, end)}, end, []DeviceSilence{{Gap: trace.Gap{From: start, To: start + 15*minute + 1000}, Device: "logger-01", Seconds: 901}}},
		"a tracker in a tunnel":           {both, []*trace.Segment{whole, tracker}, end, nil},
		"bound later":                     {[]BoundDevice{{Device: "logger-01", From: start + 100*minute}}, []*trace.Segment{whole, stretch("logger-01", 1, start+100*minute, end)}, end, nil},
		"bound elsewhere since": {[]BoundDevice{{Device: "logger-01", From: start - 60*minute, To: start + 300*minute}},
			[]*trace.Segment{whole, stretch("logger-01", 1, start, start+200*minute)}, end, []DeviceSilence{silence("logger-01", 200, 300)}},
		"bound twice in a row": {[]BoundDevice{{Device: "logger-01", From: start, To: start + 10*minute}, {Device: "logger-01", From: start + 10*minute}},
			[]*trace.Segment{whole, stretch("logger-01", 1, start+20*minute, end)}, end, []DeviceSilence{silence("logger-01", 0, 20)}},
		"bound before the departure only": {[]BoundDevice{{Device: "logger-01", From: start - 60*minute, To: start}}, []*trace.Segment{whole}, end, nil},
		"on its way":                      {both, []*trace.Segment{stretch("logger-02", 1, start, start+200*minute), stretch("logger-01", 1, start, start+150*minute)}, 0, []DeviceSilence{silence("logger-01", 150, 200)}},
		"nobody covers it: a gap":         {both, []*trace.Segment{stretch("logger-02", 1, start+100*minute, end), stretch("logger-01", 1, start+100*minute, end)}, end, nil},
		"bound, by nobody":                {nil, []*trace.Segment{whole, stretch("logger-01", 2, start+100*minute, end)}, end, nil},
	} {
		shipment := &trace.Shipment{Departed: start, GapSeconds: 900}
		f := FindJourney(shipment, c.arrived, records(c.segments...), c.bound...)
		require.Equal(t, c.want, f.Silences, name)
	}
}

// Every minute a device was due is in its segments, in a silence, in a gap, or in a
// stretch within the allowance; and no silence touches what the device said.
func TestSilencesArePreciselyWhatIsMissing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start, total := trace.Time(1_792_483_200_000), 300
		draw := func(device trace.DeviceID) (out []*trace.Segment) {
			for at, n := 0, int64(1); at < total; n++ {
				from := at + rapid.IntRange(0, 60).Draw(t, "pause")
				to := min(from+rapid.IntRange(1, 120).Draw(t, "length"), total)
				if from < to {
					out = append(out, stretch(device, n, start+trace.Time(from)*minute, start+trace.Time(to)*minute))
				}
				at = to
			}
			return out
		}
		own := draw("logger-01")
		from := start + trace.Time(rapid.IntRange(-30, 200).Draw(t, "bound"))*minute
		to := start + trace.Time(rapid.IntRange(200, 400).Draw(t, "until"))*minute
		end := start + trace.Time(total)*minute
		segments := append(draw("logger-02"), own...)
		bound := BoundDevice{Device: "logger-01", From: from, To: to}
		f := FindJourney(&trace.Shipment{Departed: start, GapSeconds: 900}, end, records(rapid.Permutation(segments).Draw(t, "order")...), bound)
		silent := func(at trace.Time) bool {
			for _, s := range f.Silences {
				if s.From <= at && at < s.To {
					return true
				}
			}
			for _, g := range f.Gaps {
				if g.From <= at && at < g.To {
					return true
				}
			}
			return false
		}
		run := trace.Time(0)
		for at := max(from, start); at < min(to, end); at += minute {
			said := false
			for _, s := range own {
				said = said || s.From <= at && at < s.To
			}
			if said {
				run = 0
				for _, s := range f.Silences {
					if s.From <= at && at < s.To {
						t.Fatalf("silent at %d while it spoke", (at-start)/minute)
					}
				}
				continue
			}
			if run += minute; run > 15*minute && !silent(at) {
				t.Fatalf("minute %d is missing and not told: %+v", (at-start)/minute, f)
			}
		}
	})
}
