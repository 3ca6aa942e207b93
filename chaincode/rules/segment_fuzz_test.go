package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// FuzzSegment: whatever bytes a device sends, the summary is either refused in code or
// keeps its promises.
func FuzzSegment(f *testing.F) {
	_, _, readings := kiwiJourney(f)
	for _, size := range []int{1, 20, 200} {
		payload, err := trace.EncodeReadings(2, readings[:size])
		require.NoError(f, err)
		f.Add(payload, int64(900), int32(0), int32(500))
	}
	for i := range readings[:20] {
		readings[i].SoilMoisture, readings[i].Illuminance = trace.CentiPercent(2_000+i), trace.Lux(i*1_000)
	}
	payload, err := trace.EncodeReadings(2, readings[:20])
	require.NoError(f, err)
	f.Add(payload, int64(900), int32(0), int32(500))
	f.Fuzz(func(t *testing.T, payload []byte, gap int64, low, high int32) {
		probes, decoded, err := trace.DecodeReadings(payload)
		request := &trace.AnchorSegmentRequest{Device: "dev-01", Sequence: 1, Plot: "plot-08", Payload: trace.DigestOf(payload)}
		if err == nil {
			request.Count, request.From, request.To = len(decoded), decoded[0].At, decoded[len(decoded)-1].At
		}
		terms := SegmentTerms{GapSeconds: gap, Range: &trace.TemperatureRange{Minimum: trace.CentiCelsius(low), Maximum: trace.CentiCelsius(high)}}
		for p := range probes {
			terms.Probes = append(terms.Probes, []string{trace.ProbePulp, trace.ProbeReturnAir, trace.ProbeSoil, "b", "c", "d", "e", "f"}[p])
		}
		s, err := Summarise(request, terms, payload)
		if err != nil {
			require.NotEmpty(t, trace.CodeOf(err))
			return
		}
		require.LessOrEqual(t, len(s.Breaches), mostListed)
		require.LessOrEqual(t, len(s.Gaps), mostListed)
		for _, b := range s.Breaches {
			require.True(t, s.From <= b.From && b.From <= b.To && b.To <= s.To)
			require.True(t, b.Below && b.Peak < terms.Range.Minimum || !b.Below && b.Peak > terms.Range.Maximum)
		}
		for _, g := range s.Gaps {
			require.True(t, s.From <= g.From && g.From < g.To && g.To <= s.To)
		}
		for _, p := range s.Probes {
			require.True(t, p.Minimum <= p.Mean && p.Mean <= p.Maximum)
		}
		require.LessOrEqual(t, len(s.Days), mostListed)
		for i, d := range s.Days {
			require.True(t, s.From.Date() <= d.Date && d.Date <= s.To.Date() && (i == 0 || s.Days[i-1].Date < d.Date))
			if m := d.SoilMoisture; m != nil {
				require.True(t, 0 <= m.Minimum && m.Minimum <= m.Mean && m.Mean <= m.Maximum && m.Count <= s.Count)
			}
		}
	})
}
