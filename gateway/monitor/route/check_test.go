package route

import (
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/ingest/sheet"
	"traceledger/gateway/monitor"
)

func thresholds(t require.TestingT) Thresholds {
	_, th, err := Load()
	require.NoError(t, err)
	return th
}

func codes(found []monitor.Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Finding)
	}
	return out
}

func at(latitude, longitude float64) trace.Point {
	return trace.Point{Latitude: trace.MicroDegrees(latitude * 1e6), Longitude: trace.MicroDegrees(longitude * 1e6)}
}

var pujiang, linping = at(30.205, 103.512), at(30.42, 120.3)

const start = trace.Time(1_792_483_200_000)

func shipment() Shipment {
	return Shipment{
		ID: "sh-01", Readings: map[trace.Digest][]trace.Reading{},
		Record: &trace.Shipment{Head: trace.Head{ID: "sh-01"}, Departed: start, Origin: trace.Place{Point: pujiang}, Target: trace.Place{Point: linping}},
	}
}

// add packs a device's readings into segments of so many.
func (s *Shipment) add(t require.TestingT, device trace.DeviceID, each int, readings []trace.Reading) {
	for sequence := int64(1); len(readings) > 0; sequence++ {
		n := min(each, len(readings))
		payload, err := trace.EncodeReadings(0, readings[:n])
		require.NoError(t, err)
		segment := &trace.Segment{Device: device, Sequence: sequence, Shipment: s.ID, Count: n, From: readings[0].At, To: readings[n-1].At, Payload: trace.DigestOf(payload)}
		s.Segments = append(s.Segments, rules.SegmentRecord{Key: state.SegmentKey(device, sequence), Segment: segment})
		s.Readings[segment.Payload] = readings[:n]
		readings = readings[n:]
	}
}

// drive is a position a minute from one point to another.
func drive(from trace.Time, minutes int, a, b trace.Point) []trace.Reading {
	out := make([]trace.Reading, minutes)
	for i := range out {
		step := func(x, y trace.MicroDegrees) trace.MicroDegrees {
			return x + trace.MicroDegrees(int64(y-x)*int64(i)/int64(minutes))
		}
		out[i] = trace.Reading{At: from + trace.Time(i)*60_000, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed,
			Fix: true, Point: trace.Point{Latitude: step(a.Latitude, b.Latitude), Longitude: step(a.Longitude, b.Longitude)}, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance}
	}
	return out
}

func without(readings []trace.Reading, from, to int) []trace.Reading {
	for i := from; i < to; i++ {
		readings[i].Fix, readings[i].Point = false, trace.Point{}
	}
	return readings
}

// The demonstration's truck: tunnels of up to eight minutes, rests, seventy-five minutes
// at Yichang. Nothing is odd about it.
func TestTruckOfTheDemonstration(t *testing.T) {
	data, err := fs.ReadFile(fixtures.Files(), "kiwifruit/truck-track.csv")
	require.NoError(t, err)
	plan, err := sheet.Parse("truck-track.csv", data, sheet.Options{
		Party: "carrier-sichuan-01", Anchored: func(trace.DeviceID) ([]sheet.AnchoredSegment, error) { return nil, nil },
	})
	require.NoError(t, err)
	require.Empty(t, plan.Errors)
	var readings []trace.Reading
	for _, s := range plan.Segments {
		_, r, err := trace.DecodeReadings(s.Payload)
		require.NoError(t, err)
		readings = append(readings, r...)
	}
	require.Greater(t, len(readings), 1500)
	for _, each := range []int{50, 1000} {
		s := shipment()
		s.Record.Departed = readings[0].At
		s.add(t, "bd-0718", each, readings)
		require.Empty(t, Check(thresholds(t), s))
	}
}

func TestCheck(t *testing.T) {
	minutes := 26 * 60
	road := func() []trace.Reading { return drive(start, minutes, pujiang, linping) }
	part := func(f int) trace.Point { return road()[f].Point }
	for name, c := range map[string]struct {
		build func(s *Shipment)
		want  []string
	}{
		"a good journey": {build: func(s *Shipment) { s.add(t, "bd-01", 100, road()) }},
		"a tunnel":       {build: func(s *Shipment) { s.add(t, "bd-01", 100, without(road(), 300, 318)) }},
		"no fix for half an hour on the road": {
			build: func(s *Shipment) { s.add(t, "bd-01", 100, without(road(), 300, 330)) }, want: []string{NoFix}},
		"no fix while a segment is missing": {build: func(s *Shipment) {
			s.add(t, "bd-01", 100, without(road(), 300, 330))
			s.Segments = append(s.Segments[:3], s.Segments[4:]...)
		}},
		"parked under a roof": {build: func(s *Shipment) {
			readings := drive(start, 200, pujiang, part(200))
			readings = append(readings, drive(start+200*60_000, 100, part(200), part(200))...)
			s.add(t, "bd-01", 60, without(readings, 205, 290))
		}},
		"a jump": {build: func(s *Shipment) {
			readings := road()
			readings[500].Point.Latitude += 100_000
			s.add(t, "bd-01", 100, readings)
		}, want: []string{ImpossibleSpeed}},
		"three hours at no place": {build: func(s *Shipment) {
			readings := drive(start, 200, pujiang, part(200))
			s.add(t, "bd-01", 60, append(readings, drive(start+200*60_000, 180, part(200), part(200))...))
		}, want: []string{LongStop}},
		"three hours at a handover": {build: func(s *Shipment) {
			s.Places = []trace.Point{part(200)}
			readings := drive(start, 200, pujiang, part(200))
			s.add(t, "bd-01", 60, append(readings, drive(start+200*60_000, 180, part(200), part(200))...))
		}},
		"three hours at the gate": {build: func(s *Shipment) { s.add(t, "bd-01", 60, drive(start, 180, pujiang, pujiang)) }},
		"by way of the north": {build: func(s *Shipment) {
			s.add(t, "bd-01", 100, drive(start, minutes, pujiang, at(41, 112)))
		}, want: []string{OffCorridor}},
		"off the named route": {build: func(s *Shipment) {
			s.Corridor = []trace.Point{pujiang, at(29, 112), linping}
			s.add(t, "bd-01", 100, road())
		}, want: []string{OffCorridor}},
		"another lorry's device beside the own": {build: func(s *Shipment) {
			s.add(t, "bd-01", 100, road())
			s.add(t, "bd-02", 100, drive(start, 100, at(30.21, 103.5), at(31.5, 104)))
		}, want: []string{DevicesApart}},
		"a device that starts elsewhere": {build: func(s *Shipment) { s.add(t, "bd-01", 100, drive(start, 100, at(31, 105), at(31, 106))) }, want: []string{StartsElsewhere}},
	} {
		t.Run(name, func(t *testing.T) {
			s := shipment()
			c.build(&s)
			found := Check(thresholds(t), s)
			require.ElementsMatch(t, c.want, codes(found))
			for _, f := range found {
				require.LessOrEqual(t, len([]rune(f.Text)), 300)
				require.NotEmpty(t, f.Evidence)
			}
		})
	}
}

func (s *Shipment) bind(device trace.DeviceID, to trace.ShipmentID, minute int) {
	n := len(s.Bindings)
	s.Bindings = append(s.Bindings, Binding{
		Key:    state.FactKey(state.DeviceSubject(device), 0, state.FactBinding, string(rune('a'+n))),
		Record: &trace.DeviceBinding{Device: device, Shipment: to, End: to == "", From: start + trace.Time(minute)*60_000},
	})
}

// By the chain's bindings a device may have measured another shipment, wherever it was.
func TestBoundElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		bind func(s *Shipment)
		want string // of the finding
	}{
		"bound to this one":            {bind: func(s *Shipment) { s.bind("bd-01", "sh-01", 0) }},
		"to another one before":        {bind: func(s *Shipment) { s.bind("bd-01", "sh-00", -600); s.bind("bd-01", "sh-01", 0) }},
		"to another one afterwards":    {bind: func(s *Shipment) { s.bind("bd-01", "sh-01", 0); s.bind("bd-01", "sh-02", 100) }},
		"to another a moment too soon": {bind: func(s *Shipment) { s.bind("bd-01", "sh-01", 0); s.bind("bd-01", "sh-02", 90) }},
		"to another one meanwhile": {bind: func(s *Shipment) {
			s.bind("bd-01", "sh-01", 50)
			s.bind("bd-01", "sh-02", 20) // in any order
			s.bind("bd-01", "sh-01", 0)
		}, want: "绑定在运单 sh-02"},
		"to another one from the middle on": {bind: func(s *Shipment) { s.bind("bd-01", "sh-01", 0); s.bind("bd-01", "sh-02", 50) }, want: "绑定在运单 sh-02"},
		"to another one at the departure":   {bind: func(s *Shipment) { s.bind("bd-01", "sh-00", -60); s.bind("bd-01", "sh-01", 30) }, want: "绑定在运单 sh-00"},
		"taken off":                         {bind: func(s *Shipment) { s.bind("bd-01", "sh-01", 0); s.bind("bd-01", "", 30) }, want: "没有绑定"},
		"another device's binding":          {bind: func(s *Shipment) { s.bind("bd-01", "sh-01", 0); s.bind("bd-02", "sh-02", 10) }},
		"unknown":                           {bind: func(*Shipment) {}},
	} {
		t.Run(name, func(t *testing.T) {
			s := shipment()
			s.add(t, "bd-01", 20, drive(start, 100, pujiang, at(30.3, 104.5)))
			s.Readings = nil // a binding needs none
			c.bind(&s)
			found := Check(thresholds(t), s)
			if c.want == "" {
				require.Empty(t, found)
				return
			}
			require.Equal(t, []string{BoundElsewhere}, codes(found))
			require.Contains(t, found[0].Text, c.want)
			require.Len(t, found[0].Evidence, 3)
		})
	}
}

func TestDistance(t *testing.T) {
	require.InDelta(t, 111_195, Distance(at(30, 100), at(31, 100)), 10, "a degree of latitude")
	require.InDelta(t, 1_610_000, Distance(pujiang, linping), 10_000)
	require.InDelta(t, 55_600, fromLine(at(30.5, 104), []trace.Point{at(30, 103), at(30, 105)}), 300)
	require.Zero(t, Distance(pujiang, pujiang))
}

func TestProperties(t *testing.T) {
	th := thresholds(t)
	journey := func(t *rapid.T) Shipment {
		s := shipment()
		for _, device := range []trace.DeviceID{"bd-01", "bd-02"}[:rapid.IntRange(1, 2).Draw(t, "devices")] {
			n := rapid.IntRange(5, 200).Draw(t, "n")
			end := at(rapid.Float64Range(25, 42).Draw(t, "latitude"), rapid.Float64Range(100, 121).Draw(t, "longitude"))
			readings := drive(start, n, pujiang, end)
			hidden := rapid.IntRange(0, n-1).Draw(t, "hidden")
			s.add(t, device, rapid.IntRange(1, 40).Draw(t, "each"), without(readings, hidden, min(n, hidden+rapid.IntRange(0, 60).Draw(t, "for"))))
		}
		return s
	}
	t.Run("order of segments", rapid.MakeCheck(func(t *rapid.T) {
		s := journey(t)
		want := Check(th, s)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		r.Shuffle(len(s.Segments), func(i, j int) { s.Segments[i], s.Segments[j] = s.Segments[j], s.Segments[i] })
		require.Equal(t, want, Check(th, s))
	}))
	t.Run("tolerance adds nothing", rapid.MakeCheck(func(t *rapid.T) {
		s := journey(t)
		wide := th
		for _, n := range []*int64{&wide.TopSpeed, &wide.JumpSlack, &wide.StopTime, &wide.PlaceRadius, &wide.NoFix, &wide.NoFixMoved, &wide.Detour, &wide.DetourSlack, &wide.Apart, &wide.StartRadius} {
			*n += rapid.Int64Range(0, *n).Draw(t, "more")
		}
		require.Subset(t, append(codes(Check(th, s)), ""), codes(Check(wide, s)))
	}))
	t.Run("more segments, the same findings", rapid.MakeCheck(func(t *rapid.T) {
		s := journey(t)
		known := Check(th, s)
		part := s
		part.Segments = s.Segments[:rapid.IntRange(0, len(s.Segments)).Draw(t, "known")]
		for _, f := range Check(th, part) {
			if f.Finding != DevicesApart { // of two devices, one may be known further than the other
				require.Contains(t, known, f)
			}
		}
	}))
}
