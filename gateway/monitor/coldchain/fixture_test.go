package coldchain

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/ingest/sheet"
)

// truck is the demonstration's truck: its logger file as the sheet reader packs it, and
// the segments as the contract would summarise them, at most so many readings in each.
func truck(t *testing.T, each int) Shipment {
	t.Helper()
	data, err := fs.ReadFile(fixtures.Files(), "kiwifruit/truck-logger.csv")
	require.NoError(t, err)
	plan, err := sheet.Parse("truck-logger.csv", data, sheet.Options{
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
	require.Greater(t, len(readings), 350)
	return shipment(t, readings, each, []string{trace.ProbeReturnAir, trace.ProbePulp}, func(s *trace.Shipment) { s.DefrostSeconds, s.GapSeconds = 900, 900 })
}

// shipment packs readings of one device into segments.
func shipment(t require.TestingT, readings []trace.Reading, each int, probes []string, change ...func(*trace.Shipment)) Shipment {
	record := &trace.Shipment{
		Head: trace.Head{ID: "sh-01"}, Departed: readings[0].At,
		Range: &trace.TemperatureRange{Minimum: 0, Maximum: 500},
	}
	for _, c := range change {
		c(record)
	}
	s := Shipment{ID: "sh-01", Record: record, Readings: map[trace.Digest][]trace.Reading{}, Commodities: []string{"kiwifruit"}}
	for sequence := int64(1); len(readings) > 0; sequence++ {
		n := min(each, len(readings))
		s.add(t, "tl-01", sequence, probes, readings[:n])
		readings = readings[n:]
	}
	return s
}

// add anchors one more segment, as the contract does.
func (s *Shipment) add(t require.TestingT, device trace.DeviceID, sequence int64, probes []string, readings []trace.Reading) {
	payload, err := trace.EncodeReadings(len(probes), readings)
	require.NoError(t, err)
	request := &trace.AnchorSegmentRequest{
		Device: device, Sequence: sequence, Shipment: s.ID, Count: len(readings),
		From: readings[0].At, To: readings[len(readings)-1].At, Payload: trace.DigestOf(payload),
	}
	segment, err := rules.Summarise(request, rules.SegmentTerms{Probes: probes, Range: s.Record.Range, GapSeconds: s.Record.GapSeconds}, payload)
	require.NoError(t, err)
	s.Segments = append(s.Segments, rules.SegmentRecord{Key: state.SegmentKey(device, sequence), Segment: segment})
	s.Readings[request.Payload] = readings
}
