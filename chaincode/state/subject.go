package state

import (
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
)

// LotSubject is a lot as the subject of facts: "{gtin}~{lot, percent-encoded}".
func LotSubject(l trace.LotID) trace.Subject {
	return trace.Subject{Kind: trace.SubjectLot, ID: string(l.GTIN) + "~" + encodePart(string(l.Lot))}
}

// PlotSubject is one season of a plot: "{producer}~{plot}~{season}".
func PlotSubject(producer trace.PartyID, plot trace.PlotID, season int) trace.Subject {
	return trace.Subject{Kind: trace.SubjectPlot, ID: string(producer) + "~" + string(plot) + "~" + digits(int64(season), 4)}
}

// ShipmentSubject is a shipment.
func ShipmentSubject(s trace.ShipmentID) trace.Subject {
	return trace.Subject{Kind: trace.SubjectShipment, ID: string(s)}
}

// ProductSubject is a product.
func ProductSubject(g trace.GTIN) trace.Subject {
	return trace.Subject{Kind: trace.SubjectProduct, ID: string(g)}
}

// PartySubject is a party.
func PartySubject(p trace.PartyID) trace.Subject {
	return trace.Subject{Kind: trace.SubjectParty, ID: string(p)}
}

// PackSubject is a code pack.
func PackSubject(p trace.PackID) trace.Subject {
	return trace.Subject{Kind: trace.SubjectPack, ID: string(p)}
}

// DeviceSubject is a device.
func DeviceSubject(d trace.DeviceID) trace.Subject {
	return trace.Subject{Kind: trace.SubjectDevice, ID: string(d)}
}

// StreamSubject is a live stream.
func StreamSubject(s trace.StreamID) trace.Subject {
	return trace.Subject{Kind: trace.SubjectStream, ID: string(s)}
}

// LotOf gives the lot that a subject names.
func LotOf(s trace.Subject) (trace.LotID, bool) {
	gtin, encoded, ok := strings.Cut(s.ID, "~")
	if s.Kind != trace.SubjectLot || !ok {
		return trace.LotID{}, false
	}
	lot, ok := decodePart(encoded)
	l := trace.LotID{GTIN: trace.GTIN(gtin), Lot: trace.LotNumber(lot)}
	return l, ok && l.Validate() == nil
}

// PlotOf gives the plot and season that a subject names.
func PlotOf(s trace.Subject) (producer trace.PartyID, plot trace.PlotID, season int, ok bool) {
	parts := strings.Split(s.ID, "~")
	if s.Kind != trace.SubjectPlot || len(parts) != 3 || len(parts[2]) != 4 {
		return "", "", 0, false
	}
	producer, plot = trace.PartyID(parts[0]), trace.PlotID(parts[1])
	season, err := strconv.Atoi(parts[2])
	ok = err == nil && season >= 2000 && producer.Validate() == nil && plot.Validate() == nil
	return producer, plot, season, ok
}

// CheckSubject refuses a subject whose kind is unknown or whose id is not exactly
// the one this package would build for it.
func CheckSubject(s trace.Subject) error {
	var err error
	switch s.Kind {
	case trace.SubjectLot:
		if _, ok := LotOf(s); !ok {
			return trace.Errorf(trace.CodeInvalid, "subject id %q is not {GTIN}~{lot, percent-encoded}", s.ID)
		}
	case trace.SubjectPlot:
		if _, _, _, ok := PlotOf(s); !ok {
			return trace.Errorf(trace.CodeInvalid, "subject id %q is not {producer}~{plot}~{season}", s.ID)
		}
	case trace.SubjectShipment:
		err = trace.ShipmentID(s.ID).Validate()
	case trace.SubjectProduct:
		err = trace.GTIN(s.ID).Validate()
	case trace.SubjectParty:
		err = trace.PartyID(s.ID).Validate()
	case trace.SubjectPack:
		err = trace.PackID(s.ID).Validate()
	case trace.SubjectDevice:
		err = trace.DeviceID(s.ID).Validate()
	case trace.SubjectStream:
		err = trace.StreamID(s.ID).Validate()
	default:
		return trace.Errorf(trace.CodeInvalid, "subject kind %q is unknown", string(s.Kind))
	}
	return err
}
