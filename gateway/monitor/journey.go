package monitor

import (
	"encoding/json"
	"fmt"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// ShipmentKinds are the kinds of record that belong to a shipment's journey.
func ShipmentKinds() []string {
	return []string{state.KindShipment, state.KindSegment, state.FactArrival, state.FactBinding}
}

// ShipmentOf names the shipment that a record of ShipmentKinds is about; none for a
// device at a plot or in a store.
func ShipmentOf(record index.Record) ([]trace.Subject, error) {
	if record.Kind == state.KindShipment {
		return []trace.Subject{state.ShipmentSubject(trace.ShipmentID(state.LastPart(record.Key)))}, nil
	}
	var v struct {
		Shipment trace.ShipmentID `json:"shipment"`
	}
	if err := json.Unmarshal(record.Value, &v); err != nil {
		return nil, fmt.Errorf("value of %s: %w", record.Key, err)
	}
	if v.Shipment == "" {
		return nil, nil
	}
	return []trace.Subject{state.ShipmentSubject(v.Shipment)}, nil
}

// SegmentsOf gives a shipment's segments as rules take them.
func SegmentsOf(s *index.Shipment) []rules.SegmentRecord {
	out := make([]rules.SegmentRecord, len(s.Segments))
	for i := range s.Segments {
		out[i] = rules.SegmentRecord{Key: s.Segments[i].Provenance.Key, Segment: &s.Segments[i].Record}
	}
	return out
}

// ArrivedAt is when a shipment arrived, by its newest word; zero while it travels.
func ArrivedAt(s *index.Shipment) trace.Time {
	switch {
	case len(s.ArrivalCorrections) > 0:
		return s.ArrivalCorrections[len(s.ArrivalCorrections)-1].Record.At
	case s.Arrival != nil:
		return s.Arrival.Record.At
	}
	return 0
}

// Readings reads the payloads of segments, by hash. With ErrIncomplete it gives those
// that are here.
func (w World) Readings(segments []rules.SegmentRecord) (map[trace.Digest][]trace.Reading, error) {
	out := make(map[trace.Digest][]trace.Reading, len(segments))
	var incomplete error
	for _, s := range segments {
		payload, found, err := w.File(s.Segment.Payload)
		if err != nil {
			return out, err
		}
		if !found {
			incomplete = ErrIncomplete
			continue
		}
		_, readings, err := trace.DecodeReadings(payload)
		if err != nil {
			return out, fmt.Errorf("readings of %s: %w", s.Key, err)
		}
		out[s.Segment.Payload] = readings
	}
	return out, incomplete
}
