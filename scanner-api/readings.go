package scanner

import (
	"errors"
	"io"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/store"
	"traceledger/scanner-api/page"
)

// maxReadings bounds the readings that one page's drawings are made from; what is
// beyond is drawn from the endorsed summaries.
const maxReadings = 400_000

// readTelemetry fetches the readings of a journey's segments as far as their
// payloads are kept here. A payload that is absent or damaged is no error: the page
// draws the segment's summary and says so. whole tells that none was.
func (s *Scanner) readTelemetry(journey *index.Journey) (all map[trace.ShipmentID]page.Telemetry, whole bool) {
	if journey == nil {
		return nil, true
	}
	whole = true
	all = make(map[trace.ShipmentID]page.Telemetry, len(journey.Legs))
	left := maxReadings
	for i := range journey.Legs {
		leg := &journey.Legs[i]
		kept := page.Telemetry{Segments: map[trace.Key]page.SegmentReadings{}}
		for _, segment := range leg.Segments {
			if left -= segment.Record.Count; left < 0 {
				break
			}
			readings, err := s.readSegment(&segment.Record)
			if err != nil {
				whole = false
				s.log.Debug("readings of a segment", "segment", segment.Provenance.Key, "error", err)
				continue
			}
			names := make([]string, len(segment.Record.Probes))
			for n, probe := range segment.Record.Probes {
				names[n] = probe.Probe
			}
			kept.Segments[segment.Provenance.Key] = page.SegmentReadings{Probes: names, Readings: readings}
		}
		all[leg.ID] = kept
	}
	return all, whole
}

func (s *Scanner) readSegment(segment *trace.Segment) (readings []trace.Reading, err error) {
	content, err := s.files.Open(store.Hash(segment.Payload))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	payload, err := io.ReadAll(io.LimitReader(content, trace.MaxPayloadBytes+1))
	if err != nil {
		return nil, err
	}
	_, readings, err = trace.DecodeReadings(payload)
	return readings, err
}
