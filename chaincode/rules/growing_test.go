package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// anchored summarises readings of a device of these probes, as the chain does.
func anchored(t *testing.T, request trace.AnchorSegmentRequest, probes []string, readings []trace.Reading) *trace.Segment {
	payload, err := trace.EncodeReadings(len(probes), readings)
	require.NoError(t, err)
	request.Device, request.Sequence, request.Count = "orchard-01", 1, len(readings)
	request.From, request.To, request.Payload = readings[0].At, readings[len(readings)-1].At, trace.DigestOf(payload)
	segment, err := Summarise(&request, SegmentTerms{Probes: probes}, payload)
	require.NoError(t, err)
	return segment
}

// orchard is what a station measures every six hours from midnight in China.
func orchard(t *testing.T, days int) []trace.Reading {
	start := moment(t, "2026-09-27T16:00:00Z")
	out := make([]trace.Reading, 4*days)
	for i := range out {
		r := trace.NewReading(start + trace.Time(i)*360*minute)
		r.Temperatures = []trace.CentiCelsius{1_800 + trace.CentiCelsius(i%100), trace.NoTemperature}
		r.SoilMoisture = 2_500 - trace.CentiPercent(10*(i%100))
		r.Illuminance = []trace.Lux{0, 900, 52_000, 700}[i%4]
		out[i] = r
	}
	return out
}

func TestAPlotsReadingsAreDividedByTheDayInChina(t *testing.T) {
	readings := orchard(t, 2)
	readings[5].SoilMoisture, readings[6].Illuminance = trace.NoSoilMoisture, trace.NoIlluminance
	plot := trace.AnchorSegmentRequest{Plot: "plot-08"}
	s := anchored(t, plot, []string{trace.ProbeSoil, "air"}, readings)
	require.Equal(t, &trace.MoistureSummary{Count: 7, Minimum: 2_430, Maximum: 2_500, Mean: 2_467}, s.SoilMoisture)
	require.Equal(t, &trace.LightSummary{Count: 7, Minimum: 0, Maximum: 52_000, Mean: 7_886}, s.Illuminance)
	first := moment(t, "2026-09-27T16:00:00Z").Date()
	require.Equal(t, "2026-09-28", first.String())
	require.Equal(t, []trace.GrowingDay{{
		Date:            first,
		SoilMoisture:    &trace.MoistureSummary{Count: 4, Minimum: 2_470, Maximum: 2_500, Mean: 2_485},
		SoilTemperature: &trace.TemperatureSummary{Count: 4, Minimum: 1_800, Maximum: 1_803, Mean: 1_802},
		Illuminance:     &trace.LightSummary{Count: 4, Maximum: 52_000, Mean: 13_400},
	}, {
		Date:            first + 1,
		SoilMoisture:    &trace.MoistureSummary{Count: 3, Minimum: 2_430, Maximum: 2_460, Mean: 2_443},
		SoilTemperature: &trace.TemperatureSummary{Count: 4, Minimum: 1_804, Maximum: 1_807, Mean: 1_806},
		Illuminance:     &trace.LightSummary{Count: 3, Maximum: 900, Mean: 533},
	}}, s.Days)

	store := anchored(t, trace.AnchorSegmentRequest{Store: "greenhouse"}, []string{trace.ProbeSoil, "air"}, readings)
	require.Empty(t, store.Days, "only a plot has a season")
	require.Equal(t, s.Illuminance, store.Illuminance)

	bare := anchored(t, plot, []string{"air", "leaf"}, withoutGrowing(readings))
	require.Empty(t, bare.Days)
	require.Nil(t, bare.SoilMoisture)
	require.Nil(t, bare.Illuminance)

	long := anchored(t, plot, []string{trace.ProbeSoil, "air"}, orchard(t, 102))
	require.Len(t, long.Days, 100)
	require.True(t, long.Cut)
}

func withoutGrowing(readings []trace.Reading) []trace.Reading {
	out := make([]trace.Reading, len(readings))
	for i, r := range readings {
		r.SoilMoisture, r.Illuminance = trace.NoSoilMoisture, trace.NoIlluminance
		out[i] = r
	}
	return out
}

// TestReadingsWithoutSoilAndLightKeepTheirBytes: segments anchored before there was soil
// moisture in a reading verify for ever. The hashes are those of the code of that time.
func TestReadingsWithoutSoilAndLightKeepTheirBytes(t *testing.T) {
	_, _, readings := kiwiJourney(t)
	payload, err := trace.EncodeReadings(2, readings)
	require.NoError(t, err)
	require.Equal(t, "bd38ac85866a3c2ce300ce2da5c1740406ef93590b41a8a669d0eaf5a32fa06b", trace.DigestOf(payload).String())
	require.Equal(t, "82b55839c92dfe1473a3d040f712a048225d8afacddda9673c6942c3feb069c1", ReadingsRoot(readings).String())
	readings[200].SoilMoisture = 2_000
	require.NotEqual(t, "82b55839c92dfe1473a3d040f712a048225d8afacddda9673c6942c3feb069c1", ReadingsRoot(readings).String())
	other := ReadingsRoot(readings)
	readings[0].Illuminance = 0
	require.NotEqual(t, other, ReadingsRoot(readings), "the root covers the light of every reading")
}
