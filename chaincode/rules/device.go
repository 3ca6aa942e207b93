package rules

import (
	"slices"

	"traceledger/chaincode/trace"
)

// maxBindings is the most bindings a device's status keeps; the oldest go first, and
// with them the possibility to anchor readings of their time.
const maxBindings = 50

// maxSequence is the largest sequence that its key has digits for.
const maxSequence = 999_999_999_999

// CheckBinding checks the form of a device binding and whether the role may bind
// devices to such a thing: carriers to shipments, producers to plots and stores.
func CheckBinding(r *trace.BindDeviceRequest, role trace.Role) error {
	if err := r.Device.Validate(); err != nil {
		return err
	}
	if r.End {
		return checkEnd(r)
	}
	if err := checkTarget(r.Shipment, r.Plot, r.Store); err != nil {
		return err
	}
	if (r.Shipment != "") != (role == trace.RoleCarrier) {
		return trace.Errorf(trace.CodeForbidden, "role %s: carriers bind devices to shipments, producers to plots and stores", role)
	}
	if len(r.Probes) > trace.MaxProbes {
		return trace.Errorf(trace.CodeTooLarge, "probes has %d names, at most %d", len(r.Probes), trace.MaxProbes)
	}
	for i, p := range r.Probes {
		if err := checkTerm("probe", p); err != nil {
			return err
		}
		if slices.Contains(r.Probes[:i], p) {
			return trace.Errorf(trace.CodeInvalid, "probe %s is named twice", p)
		}
	}
	if r.From == 0 {
		return trace.Errorf(trace.CodeMissing, "from is missing")
	}
	return nil
}

// checkEnd checks the form of an end, which binds to nothing.
func checkEnd(r *trace.BindDeviceRequest) error {
	if r.Shipment != "" || r.Plot != "" || r.Store != "" || len(r.Probes) > 0 {
		return trace.Errorf(trace.CodeInvalid, "the end of a binding names no shipment, plot, store or probes")
	}
	if r.From == 0 {
		return trace.Errorf(trace.CodeMissing, "from is missing")
	}
	return nil
}

// checkTarget: exactly one of shipment, plot and store.
func checkTarget(shipment trace.ShipmentID, plot trace.PlotID, store string) error {
	given := 0
	for _, set := range []bool{shipment != "", plot != "", store != ""} {
		if set {
			given++
		}
	}
	if given != 1 {
		return trace.Errorf(trace.CodeInvalid, "exactly one of shipment, plot and store must be given, got %d", given)
	}
	switch {
	case shipment != "":
		return shipment.Validate()
	case plot != "":
		return plot.Validate()
	}
	return checkTerm("store", store)
}

// BindDevice binds a device whose request is checked, ending its last binding, or only
// ends that. The
// first to bind a device owns it; a device that is sold takes a new id. shipment is
// the status of the shipment to bind to, nil for plots and stores.
func BindDevice(r *trace.BindDeviceRequest, status *trace.DeviceStatus, shipment *trace.ShipmentStatus, by trace.PartyID, now trace.Time) (trace.DeviceStatus, error) {
	next := trace.DeviceStatus{Owner: by}
	if err := notAfter("from", r.From, now); err != nil {
		return next, err
	}
	if status != nil {
		if status.Owner != by {
			return next, trace.Errorf(trace.CodeForbidden, "device %s belongs to %s", r.Device, status.Owner)
		}
		next.Bindings = slices.Clone(status.Bindings)
	}
	if r.Shipment != "" {
		if err := mayBindTo(r.Shipment, shipment, by); err != nil {
			return next, err
		}
	}
	if n := len(next.Bindings); n > 0 {
		last := &next.Bindings[n-1]
		if r.From <= last.From {
			return next, trace.Errorf(trace.CodeChronology, "from %s: device %s was bound later, at %s", r.From, r.Device, last.From)
		}
		if last.To != 0 && r.From < last.To {
			return next, trace.Errorf(trace.CodeChronology, "from %s: device %s was bound until %s", r.From, r.Device, last.To)
		}
		if r.End && last.To != 0 {
			return next, trace.Errorf(trace.CodeState, "the binding of device %s ended at %s", r.Device, last.To)
		}
		if last.To == 0 {
			last.To = r.From
		}
	}
	if r.End {
		if len(next.Bindings) == 0 {
			return next, trace.Errorf(trace.CodeState, "device %s is bound to nothing", r.Device)
		}
		return next, nil
	}
	next.Bindings = append(next.Bindings, trace.BoundPeriod{Shipment: r.Shipment, Plot: r.Plot, Store: r.Store, Probes: r.Probes, From: r.From})
	if extra := len(next.Bindings) - maxBindings; extra > 0 {
		next.Bindings = next.Bindings[extra:]
	}
	return next, nil
}

func mayBindTo(id trace.ShipmentID, shipment *trace.ShipmentStatus, by trace.PartyID) error {
	if shipment == nil {
		return trace.Errorf(trace.CodeNotFound, "shipment %s is not on the chain", id)
	}
	if !shipment.Open {
		return trace.Errorf(trace.CodeState, "shipment %s arrived at %s", id, shipment.Arrived)
	}
	if shipment.Carrier != by {
		return trace.Errorf(trace.CodeForbidden, "shipment %s is with %s, %s cannot bind a device to it", id, shipment.Carrier, by)
	}
	return nil
}

// CheckSegment checks the form of a segment's request.
func CheckSegment(r *trace.AnchorSegmentRequest) error {
	if err := firstError(r.Device.Validate(), checkTarget(r.Shipment, r.Plot, r.Store)); err != nil {
		return err
	}
	if r.Sequence < 1 || r.Sequence > maxSequence {
		return trace.Errorf(trace.CodeInvalid, "sequence %d must be 1 to %d", r.Sequence, int64(maxSequence))
	}
	if (r.Sequence == 1) != r.Previous.IsZero() {
		return trace.Errorf(trace.CodeSequence, "sequence %d: previous is the payload hash of the sequence before, absent only for sequence 1", r.Sequence)
	}
	if r.Count < 1 || r.Count > trace.MaxReadings {
		return trace.Errorf(trace.CodeSegment, "count %d must be 1 to %d", r.Count, trace.MaxReadings)
	}
	if r.From == 0 || r.To < r.From {
		return trace.Errorf(trace.CodeSegment, "from %s and to %s are not the times of the first and the last reading", r.From, r.To)
	}
	return nil
}

// MayAnchor decides whether a segment's time and target fit what is on the chain, and
// gives the binding it was measured under. The device's owner anchors, also late and
// after the shipment went on with another carrier. shipment is nil for plots and stores.
//
// Whether previous names the payload of the segment before is not asked here: segments
// may arrive late or in any order, and reading a neighbour would make two segments of
// one device conflict. Readers see every joint (FindJourney).
func MayAnchor(r *trace.AnchorSegmentRequest, status *trace.DeviceStatus, shipment *trace.ShipmentStatus, by trace.PartyID) (*trace.BoundPeriod, error) {
	if status == nil {
		return nil, trace.Errorf(trace.CodeNotFound, "device %s was never bound", r.Device)
	}
	if status.Owner != by {
		return nil, trace.Errorf(trace.CodeForbidden, "device %s belongs to %s", r.Device, status.Owner)
	}
	bound := boundAt(r, status)
	if bound == nil {
		return nil, trace.Errorf(trace.CodeState, "device %s was not bound to %s from %s to %s", r.Device, targetName(r), r.From, r.To)
	}
	if r.Shipment == "" {
		return bound, nil
	}
	if shipment == nil {
		return nil, trace.Errorf(trace.CodeNotFound, "shipment %s is not on the chain", r.Shipment)
	}
	if r.From < shipment.Departed-trace.ClockSkew {
		return nil, trace.Errorf(trace.CodeChronology, "the first reading, %s, lies before shipment %s departed, %s", r.From, r.Shipment, shipment.Departed)
	}
	if shipment.Arrived != 0 && r.To > shipment.Arrived+trace.ClockSkew {
		return nil, trace.Errorf(trace.CodeChronology, "the last reading, %s, lies after shipment %s arrived, %s", r.To, r.Shipment, shipment.Arrived)
	}
	return bound, nil
}

// boundAt finds the newest binding to the segment's target that holds all its time.
func boundAt(r *trace.AnchorSegmentRequest, status *trace.DeviceStatus) *trace.BoundPeriod {
	for i := len(status.Bindings) - 1; i >= 0; i-- {
		b := &status.Bindings[i]
		if b.Shipment == r.Shipment && b.Plot == r.Plot && b.Store == r.Store &&
			b.From-trace.ClockSkew <= r.From && (b.To == 0 || r.To <= b.To+trace.ClockSkew) {
			return b
		}
	}
	return nil
}

func targetName(r *trace.AnchorSegmentRequest) string {
	switch {
	case r.Shipment != "":
		return "shipment " + string(r.Shipment)
	case r.Plot != "":
		return "plot " + string(r.Plot)
	}
	return "store " + r.Store
}
