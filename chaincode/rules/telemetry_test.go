package rules

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func moment(t testing.TB, s string) trace.Time {
	v, err := trace.ParseTime(s)
	require.NoError(t, err)
	return v
}

const minute = trace.Time(60_000)

// kiwiJourney is the demonstration journey as a tracker sees it: a reading every five
// minutes from two probes, loading at 4.8 °C, a defrost of 6 °C for ten minutes every
// six hours, the cooling off for 75 minutes at Yichang, positions with tunnels.
func kiwiJourney(t testing.TB) (shipment *trace.Shipment, arrived trace.Time, readings []trace.Reading) {
	departed := moment(t, "2026-10-20T16:00:00+08:00")
	arrived = moment(t, "2026-10-21T23:30:00+08:00")
	off := moment(t, "2026-10-21T06:00:00+08:00")
	shipment = &trace.Shipment{
		Head: trace.Head{ID: "ship-01"}, Departed: departed,
		Range: &trace.TemperatureRange{Minimum: 0, Maximum: 500}, DefrostSeconds: 900, GapSeconds: 900,
	}
	for i, when := 0, departed; when <= arrived; i, when = i+1, when+5*minute {
		air, pulp := trace.CentiCelsius(40+i%7*30), trace.CentiCelsius(90+i%5*10)
		switch since := when - off; {
		case when < departed+20*minute:
			air = 480
		case since >= 0 && since <= 75*minute:
			air, pulp = 510+trace.CentiCelsius(since/minute)*8, 410 // 5.1 °C rising
			if since == 50*minute {
				air = 1180
			}
		case (when-departed)%(360*minute) <= 10*minute:
			air = 600
		}
		tunnel := when > off-40*minute && when < off-30*minute
		r := trace.Reading{
			At: when, Temperatures: []trace.CentiCelsius{air, pulp}, Humidity: trace.CentiPercent(9_000 + i%300),
			Shock: int32(100 + i%50), Speed: 800, Fix: !tunnel,
			SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
		}
		if r.Fix {
			r.Point = trace.Point{Latitude: 30_205_000 + trace.MicroDegrees(i)*1_000, Longitude: 103_512_000 + trace.MicroDegrees(i)*40_000}
		}
		readings = append(readings, r)
	}
	return shipment, arrived, readings
}

// segmented cuts readings into chained segments of a device, as summarised on the chain.
func segmented(t testing.TB, shipment *trace.Shipment, device trace.DeviceID, probes []string, readings []trace.Reading, size int) []SegmentRecord {
	var out []SegmentRecord
	var previous trace.Digest
	for from := 0; from < len(readings); from += size {
		part := readings[from:min(from+size, len(readings))]
		payload, err := trace.EncodeReadings(len(probes), part)
		require.NoError(t, err)
		request := &trace.AnchorSegmentRequest{
			Device: device, Sequence: int64(len(out) + 1), Shipment: trace.ShipmentID(shipment.ID), Count: len(part),
			From: part[0].At, To: part[len(part)-1].At, Previous: previous, Payload: trace.DigestOf(payload),
		}
		s, err := Summarise(request, SegmentTerms{Probes: probes, Range: shipment.Range, GapSeconds: shipment.GapSeconds}, payload)
		require.NoError(t, err)
		previous = request.Payload
		out = append(out, SegmentRecord{Key: trace.Key(fmt.Sprintf("seg/%s/%012d", device, s.Sequence)), Segment: s})
	}
	return out
}

func kiwiProbes() []string { return []string{trace.ProbeReturnAir, trace.ProbePulp} }

func TestKiwifruitJourney(t *testing.T) {
	shipment, arrived, readings := kiwiJourney(t)
	require.Greater(t, len(readings), 350)
	for _, size := range []int{1, 7, 24, 100, len(readings)} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			segments := segmented(t, shipment, "dev-01", kiwiProbes(), readings, size)
			f := FindJourney(shipment, arrived, segments)
			require.Len(t, f.Excursions, 1)
			e := f.Excursions[0]
			require.EqualValues(t, 75*60, e.Seconds)
			require.EqualValues(t, 75*60, f.ExcursionSeconds)
			require.EqualValues(t, 1180, e.Peak)
			require.EqualValues(t, 410, *e.PulpMaximum)
			require.EqualValues(t, 1180, *f.Peak)
			require.Equal(t, moment(t, "2026-10-21T06:00:00+08:00"), e.From)
			require.Len(t, f.Defrosts, 5, "every six hours after departure")
			for _, d := range f.Defrosts {
				require.EqualValues(t, 600, d.Seconds)
			}
			require.Empty(t, f.Gaps)
			require.Empty(t, f.FixGaps, "tunnels are shorter than the allowance")
			require.Empty(t, f.Missing)
			require.Empty(t, f.Unchained)
			require.False(t, f.Cut)
		})
	}
}

func TestJourneyDoesNotDependOnWhereItIsCut(t *testing.T) {
	shipment, arrived, readings := kiwiJourney(t)
	whole := FindJourney(shipment, arrived, segmented(t, shipment, "dev-01", kiwiProbes(), readings, len(readings)))
	rapid.Check(t, func(rt *rapid.T) {
		segments := segmented(t, shipment, "dev-01", kiwiProbes(), readings, rapid.IntRange(1, 120).Draw(rt, "size"))
		segments = rapid.Permutation(segments).Draw(rt, "order")
		f := FindJourney(shipment, arrived, segments)
		require.Equal(rt, whole.ExcursionSeconds, f.ExcursionSeconds)
		require.Len(rt, f.Excursions, len(whole.Excursions))
		require.Len(rt, f.Defrosts, len(whole.Defrosts))
		require.Equal(rt, whole.Gaps, f.Gaps)
	})
}

// What a device sends late takes a later number, and belongs where it was measured.
func TestJourneyDoesNotDependOnWhatIsSentLate(t *testing.T) {
	shipment, arrived, readings := kiwiJourney(t)
	whole := FindJourney(shipment, arrived, segmented(t, shipment, "dev-01", kiwiProbes(), readings, len(readings)))
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 60).Draw(rt, "size")
		var parts [][]trace.Reading
		for part := range slices.Chunk(readings, size) {
			parts = append(parts, part)
		}
		var segments []SegmentRecord
		for i, part := range rapid.Permutation(parts).Draw(rt, "sent") {
			s := segmented(t, shipment, "dev-01", kiwiProbes(), part, size)[0]
			s.Segment.Sequence, s.Key = int64(i)+1, trace.Key(fmt.Sprintf("seg/dev-01/%012d", i+1))
			segments = append(segments, s)
		}
		f := FindJourney(shipment, arrived, segments)
		require.Equal(rt, whole.ExcursionSeconds, f.ExcursionSeconds)
		require.Len(rt, f.Excursions, len(whole.Excursions))
		require.Len(rt, f.Defrosts, len(whole.Defrosts))
		require.Equal(rt, whole.Gaps, f.Gaps)
		require.Empty(rt, f.Missing)
	})
}

func TestJourneyShowsWhatIsMissing(t *testing.T) {
	shipment, arrived, readings := kiwiJourney(t)
	segments := segmented(t, shipment, "dev-01", kiwiProbes(), readings, 24) // two hours each
	missing := append(append([]SegmentRecord{}, segments[:3]...), segments[5:]...)
	f := FindJourney(shipment, arrived, missing)
	require.Equal(t, []MissingSequence{{Device: "dev-01", First: 4, Last: 5}}, f.Missing)
	require.Len(t, f.Gaps, 1)
	require.Equal(t, segments[2].Segment.To, f.Gaps[0].From)
	require.Equal(t, segments[5].Segment.From, f.Gaps[0].To)
	require.Equal(t, f.Gaps[0].Seconds, f.LongestGap)
	require.Len(t, f.FixGaps, 1)

	// A second device closes the gap, and its excursion is counted once.
	both := append(missing, segmented(t, shipment, "dev-02", kiwiProbes(), readings, 50)...)
	f = FindJourney(shipment, arrived, both)
	require.Empty(t, f.Gaps)
	require.EqualValues(t, 75*60, f.ExcursionSeconds)
	require.Len(t, f.Excursions, 2)
	require.NotEmpty(t, f.Missing)

	// But who keeps a device's readings back is not "good" for another device's.
	facts := goodFacts()
	facts.Journey.Findings = []JourneyFindings{{Measured: 1, Missing: f.Missing}}
	require.Equal(t, LineIncomplete, VerdictLine(facts).Level)

	// Nothing at the beginning and the end is a gap, too.
	f = FindJourney(shipment, arrived, segments[1:len(segments)-1])
	require.Len(t, f.Gaps, 2)
	require.Equal(t, shipment.Departed, f.Gaps[0].From)
	require.Equal(t, arrived, f.Gaps[1].To)

	// While it travels, the journey ends with its last reading.
	f = FindJourney(shipment, 0, segments[:4])
	require.Empty(t, f.Gaps)
	require.Equal(t, segments[3].Segment.To, f.To)

	// Nothing measured at all.
	f = FindJourney(shipment, arrived, nil)
	require.Zero(t, f.Measured)
	require.Len(t, f.Gaps, 1)

	// A segment put in another's place does not chain.
	forged := *segments[4].Segment
	forged.Previous = trace.DigestOf([]byte("another"))
	swapped := append([]SegmentRecord{}, segments...)
	swapped[4].Segment = &forged
	require.Equal(t, []trace.Key{segments[4].Key}, FindJourney(shipment, arrived, swapped).Unchained)
}

func TestClassifyBreach(t *testing.T) {
	limits := trace.TemperatureRange{Minimum: 0, Maximum: 500}
	temperature := func(v trace.CentiCelsius) *trace.CentiCelsius { return &v }
	defrost := func() trace.Breach {
		return trace.Breach{From: 0, To: 900_000, Peak: 600, PulpMinimum: temperature(90), PulpMaximum: temperature(500)}
	}
	for name, c := range map[string]struct {
		change func(*trace.Breach)
		want   BreachClass
	}{
		"short, pulp inside":  {func(*trace.Breach) {}, BreachDefrost},
		"pulp at the minimum": {func(b *trace.Breach) { b.PulpMinimum = temperature(0) }, BreachDefrost},
		"a second too long":   {func(b *trace.Breach) { b.To += 1_000 }, BreachExcursion},
		"pulp too warm":       {func(b *trace.Breach) { b.PulpMaximum = temperature(501) }, BreachExcursion},
		"pulp too cold":       {func(b *trace.Breach) { b.PulpMinimum = temperature(-1) }, BreachExcursion},
		"no pulp probe":       {func(b *trace.Breach) { b.PulpMinimum, b.PulpMaximum = nil, nil }, BreachExcursion},
		"too cold is no thaw": {func(b *trace.Breach) { b.Below, b.Peak = true, -200 }, BreachExcursion},
	} {
		b := defrost()
		c.change(&b)
		require.Equal(t, c.want, ClassifyBreach(b, limits, 900), name)
	}
}

func TestJoinBreaches(t *testing.T) {
	temperature := func(v trace.CentiCelsius) *trace.CentiCelsius { return &v }
	type pair struct{ first, second *trace.Segment }
	for name, c := range map[string]struct {
		change func(*pair)
		joined bool
	}{
		"goes on":                {func(*pair) {}, true},
		"ended before":           {func(p *pair) { p.first.Breaches[0].AtEnd = false }, false},
		"began after":            {func(p *pair) { p.second.Breaches[0].AtStart = false }, false},
		"a sequence is missing":  {func(p *pair) { p.second.Sequence = 6 }, false},
		"another device":         {func(p *pair) { p.second.Device = "dev-02" }, false},
		"another probe":          {func(p *pair) { p.second.Breaches[0].Probe = "door" }, false},
		"from warm to cold":      {func(p *pair) { p.second.Breaches[0].Below = true }, false},
		"nothing in the first":   {func(p *pair) { p.first.Breaches = nil }, false},
		"pulp unknown in a part": {func(p *pair) { p.second.Breaches[0].PulpMinimum, p.second.Breaches[0].PulpMaximum = nil, nil }, true},
		"pulp unknown at first":  {func(p *pair) { p.first.Breaches[0].PulpMinimum, p.first.Breaches[0].PulpMaximum = nil, nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pair{
				&trace.Segment{Device: "dev-01", Sequence: 4, Breaches: []trace.Breach{{Probe: "a", From: 1_000, To: 2_000, Peak: 900, AtEnd: true, PulpMinimum: temperature(100), PulpMaximum: temperature(200)}}},
				&trace.Segment{Device: "dev-01", Sequence: 5, Breaches: []trace.Breach{{Probe: "a", From: 3_000, To: 9_000, Peak: 800, AtStart: true, PulpMinimum: temperature(90), PulpMaximum: temperature(150)}}},
			}
			c.change(p)
			joined := JoinBreaches([]SegmentRecord{{"seg/2", p.second}, {"seg/1", p.first}})
			if !c.joined {
				require.Len(t, joined, len(p.first.Breaches)+len(p.second.Breaches))
				return
			}
			require.Len(t, joined, 1)
			require.EqualValues(t, 8, joined[0].Seconds)
			require.EqualValues(t, 900, joined[0].Peak)
			require.Equal(t, []trace.Key{"seg/1", "seg/2"}, joined[0].Segments)
			known := p.first.Breaches[0].PulpMinimum != nil && p.second.Breaches[0].PulpMinimum != nil
			require.Equal(t, known, joined[0].PulpMinimum != nil, "unknown in one part is unknown in all")
			if known {
				require.EqualValues(t, 90, *joined[0].PulpMinimum)
				require.EqualValues(t, 200, *joined[0].PulpMaximum)
			}
		})
	}
}

// A logger without positions and a tracker without temperatures each cover their own
// half of the journey, and only that.
func TestEachDeviceCoversWhatItMeasures(t *testing.T) {
	start := trace.Time(1_792_483_200_000)
	end := start + 100*minute
	logger := &trace.Segment{Device: "logger-01", Sequence: 1, From: start, To: end, Probes: []trace.ProbeSummary{{Count: 20}}}
	tracker := &trace.Segment{Device: "tracker-01", Sequence: 1, From: start, To: end, Fixes: 90, Probes: []trace.ProbeSummary{}}
	shipment := &trace.Shipment{Departed: start, GapSeconds: 900}
	find := func(s ...*trace.Segment) JourneyFindings {
		var records []SegmentRecord
		for _, one := range s {
			records = append(records, SegmentRecord{trace.Key(one.Device), one})
		}
		return FindJourney(shipment, end, records)
	}
	f := find(logger, tracker)
	require.Empty(t, f.Gaps)
	require.Empty(t, f.FixGaps)
	require.Len(t, find(tracker).Gaps, 1, "positions are no temperatures")
	require.Empty(t, find(logger).FixGaps, "without any positioning there is no track to have gaps")

	tracker.Gaps = []trace.Gap{{From: start + 20*minute, To: start + 50*minute, Fix: true}, {From: start + 60*minute, To: start + 80*minute}}
	logger.Gaps = []trace.Gap{{From: start + 10*minute, To: start + 30*minute}}
	f = find(logger, tracker)
	require.Equal(t, []JourneyGap{{Gap: logger.Gaps[0], Seconds: 20 * 60}}, f.Gaps)
	require.Equal(t, []JourneyGap{{Gap: tracker.Gaps[0], Seconds: 30 * 60}}, f.FixGaps)
	require.EqualValues(t, 20*60, f.GapSeconds)

	logger.Gaps[0].To = logger.Gaps[0].From + 15*minute
	require.Empty(t, find(logger, tracker).Gaps, "the allowance itself is allowed")
}

// A segment that lists only its first gaps covers nothing after the last one listed.
func TestCutSegmentsDoNotCoverWhatTheyDoNotList(t *testing.T) {
	start := trace.Time(1_792_483_200_000)
	hour := 60 * minute
	s := &trace.Segment{Device: "dev-01", Sequence: 1, From: start, To: start + 500*hour, Cut: true, Probes: []trace.ProbeSummary{{Count: 400}}}
	for i := range trace.Time(100) {
		s.Gaps = append(s.Gaps, trace.Gap{From: start + 2*i*hour, To: start + (2*i+1)*hour})
	}
	shipment := &trace.Shipment{Departed: start, GapSeconds: 900}
	f := FindJourney(shipment, s.To, []SegmentRecord{{"seg/1", s}})
	require.True(t, f.Cut)
	require.Equal(t, s.To, f.Gaps[len(f.Gaps)-1].To)
	s.Cut = false
	f = FindJourney(shipment, s.To, []SegmentRecord{{"seg/1", s}})
	require.False(t, f.Cut)
	require.Len(t, f.Gaps, 100)
}

func TestSummariseRefuses(t *testing.T) {
	type input struct {
		request  *trace.AnchorSegmentRequest
		terms    SegmentTerms
		readings []trace.Reading
		rehash   bool
	}
	fresh := func() *input {
		var readings []trace.Reading
		for i := range 4 {
			readings = append(readings, trace.Reading{
				At: moment(t, "2026-10-20T08:00:00Z") + trace.Time(i)*minute, Temperatures: []trace.CentiCelsius{100, 90},
				Humidity: 9_000, Shock: 100, Speed: 800, Fix: true, Point: trace.Point{Latitude: 30_000_000, Longitude: 104_000_000},
				SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
			})
		}
		return &input{
			request: &trace.AnchorSegmentRequest{Device: "dev-01", Sequence: 1, Shipment: "ship-01", Count: 4, From: readings[0].At, To: readings[3].At},
			terms:   SegmentTerms{Probes: kiwiProbes(), Range: &trace.TemperatureRange{Minimum: 0, Maximum: 500}}, readings: readings, rehash: true,
		}
	}
	for name, c := range map[string]struct {
		change func(*input)
		code   trace.Code
	}{
		"valid":             {func(*input) {}, ""},
		"coldest":           {func(i *input) { i.readings[1].Temperatures[0] = -9000 }, ""},
		"count":             {func(i *input) { i.request.Count = 5 }, trace.CodeSegment},
		"from":              {func(i *input) { i.request.From++ }, trace.CodeSegment},
		"to":                {func(i *input) { i.request.To-- }, trace.CodeSegment},
		"equal times":       {func(i *input) { i.readings[2].At = i.readings[1].At }, trace.CodeSegment},
		"disorder":          {func(i *input) { i.readings[1].At, i.readings[2].At = i.readings[2].At, i.readings[1].At }, trace.CodeSegment},
		"payload hash":      {func(i *input) { i.rehash = false; i.request.Payload = trace.DigestOf([]byte("other")) }, trace.CodeSegment},
		"probes":            {func(i *input) { i.terms.Probes = i.terms.Probes[:1] }, trace.CodeSegment},
		"too cold":          {func(i *input) { i.readings[1].Temperatures[0] = -9001 }, trace.CodeOutOfRange},
		"too hot":           {func(i *input) { i.readings[1].Temperatures[1] = 7001 }, trace.CodeOutOfRange},
		"latitude":          {func(i *input) { i.readings[1].Point.Latitude = 90_000_001 }, trace.CodeOutOfRange},
		"longitude":         {func(i *input) { i.readings[1].Point.Longitude = -180_000_001 }, trace.CodeOutOfRange},
		"humidity":          {func(i *input) { i.readings[1].Humidity = 10_001 }, trace.CodeOutOfRange},
		"negative humidity": {func(i *input) { i.readings[1].Humidity = -2 }, trace.CodeOutOfRange},
		"shock":             {func(i *input) { i.readings[1].Shock = 100_001 }, trace.CodeOutOfRange},
		"speed":             {func(i *input) { i.readings[1].Speed = 3_001 }, trace.CodeOutOfRange},
		"soil moisture":     {func(i *input) { i.readings[1].SoilMoisture = 10_001 }, trace.CodeOutOfRange},
		"negative moisture": {func(i *input) { i.readings[1].SoilMoisture = -2 }, trace.CodeOutOfRange},
		"brightest":         {func(i *input) { i.readings[1].Illuminance = 200_000 }, ""},
		"illuminance":       {func(i *input) { i.readings[1].Illuminance = 200_001 }, trace.CodeOutOfRange},
		"negative light":    {func(i *input) { i.readings[1].Illuminance = -2 }, trace.CodeOutOfRange},
		"absent values pass": {func(i *input) {
			i.readings[1] = trace.Reading{At: i.readings[1].At, Temperatures: []trace.CentiCelsius{trace.NoTemperature, trace.NoTemperature}, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			i := fresh()
			c.change(i)
			payload, err := trace.EncodeReadings(2, i.readings)
			require.NoError(t, err)
			if i.rehash {
				i.request.Payload = trace.DigestOf(payload)
			}
			_, err = Summarise(i.request, i.terms, payload)
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
		})
	}
}

func TestSummariseKeeps(t *testing.T) {
	start := moment(t, "2026-10-20T08:00:00Z")
	reading := func(minutes int, air, pulp trace.CentiCelsius) trace.Reading {
		return trace.Reading{At: start + trace.Time(minutes)*minute, Temperatures: []trace.CentiCelsius{pulp, air}, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance}
	}
	readings := []trace.Reading{
		reading(0, 600, 100), reading(5, 100, 110), reading(10, trace.NoTemperature, 100),
		reading(15, 900, 120), reading(20, 700, trace.NoTemperature), reading(21, 100, 600),
		reading(60, 100, 100), reading(65, -100, 90),
	}
	readings[1].Fix, readings[1].Point = true, trace.Point{Latitude: 30_205_000, Longitude: -103_515_000}
	readings[3].Humidity, readings[4].Humidity, readings[5].Shock = 9_000, 9_001, 2_500
	payload, err := trace.EncodeReadings(2, readings)
	require.NoError(t, err)
	request := &trace.AnchorSegmentRequest{Device: "dev-01", Sequence: 9, Count: len(readings), From: start, To: start + 65*minute, Payload: trace.DigestOf(payload)}
	terms := SegmentTerms{Probes: []string{trace.ProbePulp, trace.ProbeReturnAir}, Range: &trace.TemperatureRange{Minimum: 0, Maximum: 500}}
	s, err := Summarise(request, terms, payload)
	require.NoError(t, err)

	require.Equal(t, trace.ProbeSummary{Probe: trace.ProbeReturnAir, Count: 7, Minimum: -100, Maximum: 900, Mean: 343}, s.Probes[1])
	require.Equal(t, 7, s.Probes[0].Count)
	require.Equal(t, &trace.HumiditySummary{Minimum: 9_000, Maximum: 9_001, Mean: 9_001}, s.Humidity)
	require.EqualValues(t, 2_500, s.Shock)
	require.Equal(t, &trace.Point{Latitude: 30_210_000, Longitude: -103_520_000}, s.First, "two decimals, half away from zero")
	require.Equal(t, 1, s.Fixes)

	require.Len(t, s.Breaches, 3)
	first, middle, last := s.Breaches[0], s.Breaches[1], s.Breaches[2]
	require.True(t, first.AtStart)
	require.False(t, first.AtEnd)
	require.Equal(t, first.From, first.To)
	require.False(t, middle.AtStart || middle.AtEnd)
	require.EqualValues(t, 900, middle.Peak)
	require.EqualValues(t, 120, *middle.PulpMaximum, "what the pulp did after the breach is not its own")
	require.True(t, last.AtEnd && last.Below)
	require.EqualValues(t, -100, last.Peak)

	require.Equal(t, []trace.Gap{
		{From: start + 21*minute, To: start + 60*minute},
		{From: start + 5*minute, To: start + 65*minute, Fix: true},
	}, s.Gaps)
	require.Equal(t, ReadingsRoot(readings), s.Root)
}

func TestSummariseListsAtMostAHundredBreaches(t *testing.T) {
	var readings []trace.Reading
	start := moment(t, "2026-10-20T08:00:00Z")
	for i := range 402 {
		air := trace.CentiCelsius(100)
		if i%2 == 1 {
			air = 900
		}
		readings = append(readings, trace.Reading{At: start + trace.Time(i)*minute, Temperatures: []trace.CentiCelsius{air}, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance})
	}
	payload, err := trace.EncodeReadings(1, readings)
	require.NoError(t, err)
	request := &trace.AnchorSegmentRequest{Device: "dev-01", Sequence: 1, Count: len(readings), From: start, To: readings[401].At, Payload: trace.DigestOf(payload)}
	s, err := Summarise(request, SegmentTerms{Probes: []string{"door"}, Range: &trace.TemperatureRange{Maximum: 500}}, payload)
	require.NoError(t, err)
	require.Len(t, s.Breaches, 100)
	require.True(t, s.Cut)
	require.False(t, s.Breaches[99].AtEnd)
}

func TestReadingsRootProvesABlock(t *testing.T) {
	_, _, readings := kiwiJourney(t)
	root := ReadingsRoot(readings)
	var leaves []trace.Digest
	for from := 0; from < len(readings); from += RootBlock {
		var block []byte
		for i := from; i < min(from+RootBlock, len(readings)); i++ {
			block = trace.AppendCanonical(block, trace.ReadingsPlain, &readings[i])
		}
		leaves = append(leaves, LeafHash(block))
	}
	for i, leaf := range leaves {
		proof, ok := InclusionProof(leaves, int64(i))
		require.True(t, ok)
		require.True(t, VerifyInclusion(root, leaf, int64(i), int64(len(leaves)), proof))
	}
	readings[200].Temperatures[1]++
	require.NotEqual(t, root, ReadingsRoot(readings))
}

func BenchmarkSummarise(b *testing.B) {
	_, _, some := kiwiJourney(b)
	readings := make([]trace.Reading, 1_000)
	for i := range readings {
		readings[i] = some[i%len(some)]
		readings[i].At = some[0].At + trace.Time(i)*minute + trace.Time(i*7919%900)
		readings[i].Temperatures = []trace.CentiCelsius{trace.CentiCelsius(100 + i*31%200), trace.CentiCelsius(90 + i*17%30)}
	}
	payload, err := trace.EncodeReadings(2, readings)
	require.NoError(b, err)
	request := &trace.AnchorSegmentRequest{Device: "dev-01", Sequence: 1, Count: 1_000, From: readings[0].At, To: readings[999].At, Payload: trace.DigestOf(payload)}
	terms := SegmentTerms{Probes: kiwiProbes(), Range: &trace.TemperatureRange{Minimum: 0, Maximum: 500}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Summarise(request, terms, payload); err != nil {
			b.Fatal(err)
		}
	}
}
