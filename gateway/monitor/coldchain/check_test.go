package coldchain

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
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

// The demonstration's truck defrosts every six hours and stands at Yichang with the unit
// off: one excursion, however the readings are cut into segments.
func TestTruckOfTheDemonstration(t *testing.T) {
	for _, each := range []int{1, 7, 12, 400} {
		s := truck(t, each)
		s.Arrived = s.Segments[len(s.Segments)-1].Segment.To
		found := Check(thresholds(t), s)
		require.Equal(t, []string{TemperatureExcursion}, codes(found), "%d readings each", each)
		require.Equal(t, trace.LevelWarning, found[0].Level)
		if each == 400 {
			require.Equal(t, "回风温度高于 5 ℃ 共 75 分钟(10-21 06:00 起)，最高 11.8 ℃；货物最高 4.1 ℃，未超出范围", found[0].Text)
			require.Equal(t, "return air above 5 ℃ for 75 minutes from 10-21 06:00, peak 11.8 ℃; goods at most 4.1 ℃, within range", found[0].TextEnglish)
		}
	}
}

// Judged after every segment, a journey gives each finding once: what it is made of does
// not grow.
func TestFindingsDoNotChangeAsMoreIsKnown(t *testing.T) {
	th := thresholds(t)
	s := truck(t, 3)
	named := map[string]string{}
	for n := 1; n <= len(s.Segments); n++ {
		part := s
		part.Segments = s.Segments[:n]
		for _, f := range Check(th, part) {
			input, err := json.Marshal(f.Input)
			require.NoError(t, err)
			rest, err := json.Marshal([]any{f.Text, f.TextEnglish, f.Level, f.At, f.Evidence})
			require.NoError(t, err)
			if before, known := named[f.Finding+string(input)]; known {
				require.Equal(t, before, string(rest))
			}
			named[f.Finding+string(input)] = string(rest)
		}
	}
	require.Len(t, named, 1, "%v", named)
}

// A table of journeys: readings every five minutes of air and goods, in °C.
func TestCheck(t *testing.T) {
	steady := func(n int, air, goods trace.CentiCelsius) []trace.Reading { return series(0, n, air, goods) }
	for name, c := range map[string]struct {
		readings []trace.Reading
		change   func(*Shipment)
		want     []string
	}{
		"cold all the way": {readings: wave(200)},
		"a defrost":        {readings: join(wave(60), steady(3, 600, 110), wave(60))},
		"a defrost a minute too long": {
			readings: join(wave(60), steady(5, 600, 110), wave(60)), want: []string{TemperatureExcursion}},
		"a defrost in which the goods warmed": {
			readings: join(wave(60), steady(3, 600, 510), wave(60)), want: []string{TemperatureExcursion, GoodsOutOfRange}},
		"loading": {readings: join(steady(10, 700, 110), wave(100))},
		"a door open in the middle": {
			readings: join(wave(30), steady(10, 700, 110), wave(100)), want: []string{TemperatureExcursion}},
		"loading that never ends": {
			readings: join(steady(14, 700, 110), wave(100)), want: []string{TemperatureExcursion}},
		"an excursion that the product allows": {
			readings: join(wave(30), steady(10, 700, 110), wave(100)), change: func(s *Shipment) { s.ExcursionSeconds = 3600 }},
		"two excursions, more than the product allows together": {
			readings: join(wave(30), steady(10, 700, 110), wave(30), steady(10, 700, 110), wave(9)),
			change:   func(s *Shipment) { s.ExcursionSeconds = 3600 }, want: []string{TemperatureExcursion}},
		"five hours": {
			readings: join(wave(30), seriesMoving(60, 700, 110)), want: []string{TemperatureExcursion, ExcursionTotal}},
		"frost": {
			readings: join(wave(30), steady(2, 100, -160), wave(10)), want: []string{GoodsOutOfRange, Freezing}},
		"a jump of the goods": {
			readings: join(wave(30), steady(2, 100, 720), wave(10)), want: []string{GoodsOutOfRange, SensorJump}},
		"air that stands still": {
			readings: seriesRising(60, 150), want: []string{SensorStuck}},
		"probes that contradict each other": {
			readings: contradicting(40), want: []string{TemperatureExcursion, SensorContradiction}},
		"too long without a word": {
			readings: join(wave(10), later(wave(10), 40*60)), want: []string{TelemetryGap}},
		"no cold chain": {
			readings: steady(20, 3000, 2800), change: func(s *Shipment) { s.Record.Range = nil }},
		"warm on the whole": {
			readings: wave(100), change: func(s *Shipment) { s.Record.Range.Maximum = 100; s.Record.DefrostSeconds = 1 << 20 },
			want: []string{GoodsOutOfRange, KineticTemperature}},
	} {
		t.Run(name, func(t *testing.T) {
			readings := renumber(c.readings)
			s := shipment(t, readings, 17, []string{trace.ProbeReturnAir, trace.ProbePulp}, func(s *trace.Shipment) { s.DefrostSeconds, s.GapSeconds = 900, 900 })
			if c.change != nil {
				c.change(&s)
			}
			if name == "warm on the whole" {
				s = shipment(t, readings, 17, []string{trace.ProbeReturnAir, trace.ProbePulp}, func(r *trace.Shipment) { *r = *s.Record; r.Range = &trace.TemperatureRange{Minimum: 0, Maximum: 100} })
				s.Arrived = readings[len(readings)-1].At
				s.ExcursionSeconds = 1 << 30 // only the mean is looked at
			}
			require.ElementsMatch(t, c.want, codes(Check(thresholds(t), s)))
		})
	}
}

// What needs no readings is found without them.
func TestWithoutReadings(t *testing.T) {
	s := truck(t, 50)
	s.Readings = nil
	require.Equal(t, []string{TemperatureExcursion}, codes(Check(thresholds(t), s)))
}

func TestMeanKinetic(t *testing.T) {
	const activation = 8_314_472
	require.EqualValues(t, 2500, MeanKinetic([]trace.CentiCelsius{2500, 2500, 2500}, activation))
	// Warm hours count for more: the formula by hand for 20 °C and 30 °C.
	require.EqualValues(t, 2626, MeanKinetic([]trace.CentiCelsius{2000, 3000}, activation))
}

func TestProperties(t *testing.T) {
	th := thresholds(t)
	journeys := rapid.Custom(func(t *rapid.T) []trace.Reading {
		n := rapid.IntRange(20, 150).Draw(t, "n")
		out := wave(n)
		for range rapid.IntRange(0, 4).Draw(t, "warm stretches") {
			from, long := rapid.IntRange(0, n-1).Draw(t, "from"), rapid.IntRange(1, 40).Draw(t, "long")
			air := trace.CentiCelsius(rapid.IntRange(-300, 1500).Draw(t, "air"))
			for i := from; i < min(n, from+long); i++ {
				out[i].Temperatures[0] = air
			}
		}
		return renumber(out)
	})
	pack := func(t *rapid.T, readings []trace.Reading, defrost int64) Shipment {
		return shipment(t, readings, rapid.IntRange(1, 30).Draw(t, "each"), []string{trace.ProbeReturnAir, trace.ProbePulp},
			func(s *trace.Shipment) { s.DefrostSeconds, s.GapSeconds = defrost, 900 })
	}
	t.Run("order of segments", rapid.MakeCheck(func(t *rapid.T) {
		s := pack(t, journeys.Draw(t, "readings"), 900)
		want := Check(th, s)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		r.Shuffle(len(s.Segments), func(i, j int) { s.Segments[i], s.Segments[j] = s.Segments[j], s.Segments[i] })
		require.Equal(t, want, Check(th, s))
	}))
	t.Run("tolerance adds nothing", rapid.MakeCheck(func(t *rapid.T) {
		s := pack(t, journeys.Draw(t, "readings"), rapid.Int64Range(0, 1800).Draw(t, "defrost"))
		strict := codes(Check(th, s))
		s.Record.DefrostSeconds += rapid.Int64Range(0, 3600).Draw(t, "more defrost")
		s.ExcursionSeconds += rapid.Int64Range(0, 7200).Draw(t, "more excursion")
		s.Record.GapSeconds += rapid.Int64Range(0, 7200).Draw(t, "more gap")
		for code, n := range count(codes(Check(th, s))) {
			require.LessOrEqual(t, n, count(strict)[code], code)
		}
	}))
	t.Run("defrosts are never judged", rapid.MakeCheck(func(t *rapid.T) {
		n := rapid.IntRange(100, 300).Draw(t, "n")
		readings := wave(n)
		every, long := rapid.IntRange(20, 80).Draw(t, "every"), rapid.IntRange(1, 4).Draw(t, "long")
		for i := rapid.IntRange(0, 19).Draw(t, "first"); i+long < n; i += every {
			for j := range long {
				readings[i+j].Temperatures[0] = trace.CentiCelsius(rapid.IntRange(501, 1500).Draw(t, "air"))
			}
		}
		require.Empty(t, Check(th, pack(t, renumber(readings), 900)))
	}))
}

func count(codes []string) map[string]int {
	out := map[string]int{}
	for _, c := range codes {
		out[c]++
	}
	return out
}

const start = trace.Time(1_792_483_200_000)

// series is n readings of the same.
func series(_, n int, air, goods trace.CentiCelsius) []trace.Reading {
	out := make([]trace.Reading, n)
	for i := range out {
		out[i] = trace.Reading{Temperatures: []trace.CentiCelsius{air, goods}, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance}
	}
	return out
}

// wave is air that goes up and down around 1.5 °C, and goods that hardly move.
func wave(n int) []trace.Reading {
	out := series(0, n, 150, 110)
	for i := range out {
		out[i].Temperatures[0] += trace.CentiCelsius(i%7*10 - 30)
		out[i].Temperatures[1] += trace.CentiCelsius(i % 3)
	}
	return out
}

func seriesMoving(n int, air, goods trace.CentiCelsius) []trace.Reading {
	out := series(0, n, air, goods)
	for i := range out {
		out[i].Temperatures[0] += trace.CentiCelsius(i % 2)
		out[i].Temperatures[1] += trace.CentiCelsius(i)
	}
	return out
}

// seriesRising is air that reads the same while the goods warm up by two degrees.
func seriesRising(n int, air trace.CentiCelsius) []trace.Reading {
	out := series(0, n, air, 100)
	for i := range out {
		out[i].Temperatures[1] += trace.CentiCelsius(i * 4)
	}
	return out
}

// contradicting is air twelve degrees above goods that do not notice.
func contradicting(n int) []trace.Reading {
	out := series(0, n, 1400, 110)
	for i := range out {
		out[i].Temperatures[0] += trace.CentiCelsius(i % 5 * 10)
	}
	return out
}

func join(parts ...[]trace.Reading) []trace.Reading {
	var out []trace.Reading
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// later marks that a part begins so many seconds later than it would.
func later(part []trace.Reading, seconds trace.Time) []trace.Reading {
	part[0].At = seconds * 1000
	return part
}

// renumber gives a reading every five minutes.
func renumber(readings []trace.Reading) []trace.Reading {
	at := start
	for i := range readings {
		if i > 0 {
			at += 5*60*1000 + readings[i].At
		}
		readings[i].At = at
	}
	return readings
}
