package trace

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// noisyReadings is what a reefer's tracker sends: two probes, humidity, shock and
// a moving position, all with noise, no two readings alike.
func noisyReadings(n int, seed uint64) []Reading {
	r := rand.New(rand.NewPCG(seed, 1))
	noise := func(of int32) int32 { return int32(r.IntN(int(2*of+1))) - of }
	at, point := Time(1_792_483_200_000), Point{Latitude: 30_205_000, Longitude: 103_512_000}
	readings := make([]Reading, n)
	for i := range readings {
		at += Time(60_000 + noise(900))
		point.Latitude += MicroDegrees(noise(9_000))
		point.Longitude += MicroDegrees(8_000 + noise(4_000))
		readings[i] = Reading{
			At:           at,
			Temperatures: []CentiCelsius{CentiCelsius(120 + noise(80)), CentiCelsius(90 + noise(15))},
			Humidity:     CentiPercent(9_200 + noise(250)),
			Shock:        200 + noise(190),
			Fix:          true,
			Point:        point,
			Speed:        800 + noise(60),
			SoilMoisture: NoSoilMoisture, Illuminance: NoIlluminance,
		}
	}
	return readings
}

func TestReadingsOfAJourneyAreCompact(t *testing.T) {
	readings := noisyReadings(1_000, 1)
	payload, err := EncodeReadings(2, readings)
	require.NoError(t, err)
	require.Less(t, len(payload), 24<<10, "1,000 noisy readings")
	probes, back, err := DecodeReadings(payload)
	require.NoError(t, err)
	require.Equal(t, 2, probes)
	require.Equal(t, readings, back)
}

func TestReadingsRefused(t *testing.T) {
	good := func() []Reading { return noisyReadings(3, 2) }
	_, err := EncodeReadings(2, nil)
	require.Equal(t, CodeSegment, CodeOf(err))
	_, err = EncodeReadings(MaxProbes+1, good())
	require.Equal(t, CodeTooLarge, CodeOf(err))
	_, err = EncodeReadings(1, good())
	require.Equal(t, CodeSegment, CodeOf(err), "a temperature too many")
	moved := good()
	moved[1].Fix = false
	_, err = EncodeReadings(2, moved)
	require.Equal(t, CodeSegment, CodeOf(err), "a position without a fix")
	_, err = EncodeReadings(0, make([]Reading, MaxReadings+1))
	require.Equal(t, CodeTooLarge, CodeOf(err))

	payload, err := EncodeReadings(2, good())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		payload []byte
		code    Code
	}{
		"empty":                         {nil, CodeSegment},
		"version":                       {append([]byte{3}, payload[1:]...), CodeSegment},
		"version 2 without its columns": {append([]byte{2}, payload[1:]...), CodeSegment},
		"version 2 with empty columns":  {append(append([]byte{2}, payload[1:]...), 0, 0), CodeSegment},
		"probes":                        {append([]byte{1, MaxProbes + 1}, payload[2:]...), CodeTooLarge},
		"no readings":                   {[]byte{1, 2, 0}, CodeSegment},
		"too many readings":             {[]byte{1, 0, 0xff, 0xff, 0x7f}, CodeTooLarge},
		"count beyond size":             {[]byte{1, 0, 0x80, 0x08, 0}, CodeSegment},
		"trailing byte":                 {append(bytes.Clone(payload), 0), CodeSegment},
		"cut short":                     {payload[:len(payload)-1], CodeSegment},
		"long varint":                   {append([]byte{1, 2, 0x83, 0x00}, payload[3:]...), CodeSegment},
		"too large":                     {make([]byte, MaxPayloadBytes+1), CodeTooLarge},
	} {
		_, _, err := DecodeReadings(c.payload)
		require.Equal(t, c.code, CodeOf(err), name)
	}
}

func drawReadings(t *rapid.T) (int, []Reading) {
	probes := rapid.IntRange(0, MaxProbes).Draw(t, "probes")
	growing := rapid.Bool().Draw(t, "growing")
	return probes, rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Reading {
		r := Reading{
			At:           Time(rapid.Int64().Draw(t, "at")),
			Temperatures: make([]CentiCelsius, probes),
			Humidity:     CentiPercent(rapid.Int32().Draw(t, "humidity")),
			Shock:        rapid.Int32().Draw(t, "shock"),
			Speed:        rapid.Int32().Draw(t, "speed"),
			Fix:          rapid.Bool().Draw(t, "fix"),
			SoilMoisture: NoSoilMoisture, Illuminance: NoIlluminance,
		}
		if growing {
			r.SoilMoisture, r.Illuminance = CentiPercent(rapid.Int32().Draw(t, "moisture")), Lux(rapid.Int32().Draw(t, "light"))
		}
		for p := range r.Temperatures {
			r.Temperatures[p] = NoTemperature
			if rapid.Bool().Draw(t, "present") {
				r.Temperatures[p] = CentiCelsius(rapid.Int32().Draw(t, "temperature"))
			}
		}
		if r.Fix {
			r.Point = Point{MicroDegrees(rapid.Int32().Draw(t, "latitude")), MicroDegrees(rapid.Int32().Draw(t, "longitude"))}
		}
		return r
	}), 1, 40).Draw(t, "readings")
}

func TestReadingsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		probes, readings := drawReadings(t)
		payload, err := EncodeReadings(probes, readings)
		require.NoError(t, err)
		gotProbes, back, err := DecodeReadings(payload)
		require.NoError(t, err)
		require.Equal(t, probes, gotProbes)
		require.Equal(t, readings, back)
	})
}

func TestReadingsExtremesRoundTrip(t *testing.T) {
	for _, n := range []int{1, 7, 8, 9, MaxReadings} {
		readings := make([]Reading, n)
		for i := range readings {
			readings[i] = Reading{At: math.MaxInt64, Temperatures: make([]CentiCelsius, MaxProbes), Humidity: math.MaxInt32, Shock: math.MinInt32, Speed: math.MaxInt32, Fix: true, SoilMoisture: math.MaxInt32, Illuminance: math.MinInt32}
			for p := range readings[i].Temperatures {
				readings[i].Temperatures[p] = math.MaxInt32
			}
			readings[i].Point = Point{math.MinInt32, math.MaxInt32}
			if i%2 == 1 {
				readings[i] = Reading{At: math.MinInt64, Temperatures: make([]CentiCelsius, MaxProbes), Humidity: math.MinInt32, Shock: math.MaxInt32, Speed: NoSpeed, SoilMoisture: math.MinInt32, Illuminance: math.MaxInt32}
			}
		}
		payload, err := EncodeReadings(MaxProbes, readings)
		require.NoError(t, err)
		require.LessOrEqual(t, len(payload), MaxPayloadBytes, "the largest content fits the largest payload")
		_, back, err := DecodeReadings(payload)
		require.NoError(t, err)
		require.Equal(t, readings, back)
	}
}

// FuzzReadings: no bytes make the decoder panic, and what it accepts encodes to
// the same bytes again.
func FuzzReadings(f *testing.F) {
	for _, n := range []int{1, 2, 9, 40} {
		payload, err := EncodeReadings(2, noisyReadings(n, uint64(n)))
		require.NoError(f, err)
		f.Add(payload)
	}
	sparse := noisyReadings(12, 3)
	for i := range sparse {
		if i%3 != 0 {
			sparse[i] = Reading{At: sparse[i].At, Temperatures: []CentiCelsius{NoTemperature, 4}, Humidity: NoHumidity, Shock: NoShock, Speed: NoSpeed, SoilMoisture: NoSoilMoisture, Illuminance: NoIlluminance}
		}
	}
	payload, err := EncodeReadings(2, sparse)
	require.NoError(f, err)
	f.Add(payload)
	sparse[3].SoilMoisture, sparse[4].Illuminance = 2_375, 41_200
	payload, err = EncodeReadings(2, sparse)
	require.NoError(f, err)
	f.Add(payload)
	f.Fuzz(func(t *testing.T, payload []byte) {
		probes, readings, err := DecodeReadings(payload)
		if err != nil {
			require.NotEmpty(t, CodeOf(err))
			return
		}
		again, err := EncodeReadings(probes, readings)
		require.NoError(t, err)
		require.Equal(t, payload, again)
	})
}

func BenchmarkDecodeReadings(b *testing.B) {
	payload, err := EncodeReadings(2, noisyReadings(1_000, 1))
	require.NoError(b, err)
	b.ReportAllocs()
	b.ReportMetric(float64(len(payload)), "bytes/segment")
	for b.Loop() {
		if _, _, err := DecodeReadings(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeReadings(b *testing.B) {
	readings := noisyReadings(1_000, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := EncodeReadings(2, readings); err != nil {
			b.Fatal(err)
		}
	}
}
