package rules

import (
	"cmp"
	"slices"

	"traceledger/chaincode/trace"
)

// BoundDevice is one binding of a device to a shipment.
type BoundDevice struct {
	Device trace.DeviceID
	From   trace.Time
	To     trace.Time // zero while it lasts; see BoundUntil
}

// DeviceSilence is a stretch of a shipment's time for which a device that was bound to
// it gave nothing, though other devices may have.
type DeviceSilence struct {
	trace.Gap
	Device  trace.DeviceID `json:"device"`
	Seconds int64          `json:"seconds"`
}

// BoundUntil is when a binding of a carrier's device to a shipment ended: when the device
// was bound again, or when its carrier gave the shipment away. Zero while it lasts.
func BoundUntil(by trace.PartyID, from trace.Time, bound []trace.Time, handovers []trace.Handover) trace.Time {
	var until trace.Time
	end := func(at trace.Time) {
		if until == 0 || at < until {
			until = at
		}
	}
	for _, at := range bound {
		if at > from {
			end(at)
		}
	}
	for _, h := range handovers {
		if h.Giver == by && h.At >= from {
			end(h.At)
		}
	}
	return until
}

// silences lists, for every bound device, the stretches longer than the allowance in
// which it was due and its segments say nothing. Whoever keeps the segments of one device
// back cannot hide behind another. What no device covers is a gap already and not told
// twice.
func (f *JourneyFindings) silences(bound []BoundDevice, sorted []SegmentRecord) {
	byDevice := slices.Clone(bound)
	slices.SortFunc(byDevice, func(a, b BoundDevice) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.From, b.From))
	})
	for len(byDevice) > 0 {
		device, n := byDevice[0].Device, 1
		for n < len(byDevice) && byDevice[n].Device == device {
			n++
		}
		cover := reported(device, sorted)
		for _, due := range f.due(byDevice[:n]) {
			for _, g := range f.uncoveredIn(due, cover, false) {
				if !f.isGap(g.Gap) {
					f.Silences = append(f.Silences, DeviceSilence{Gap: g.Gap, Device: device, Seconds: g.Seconds})
				}
			}
		}
		byDevice = byDevice[n:]
	}
}

// due is when a device should have reported: bound, and between departure and arrival.
func (f *JourneyFindings) due(bound []BoundDevice) []span {
	var out []span
	for _, b := range bound {
		to := f.To
		if b.To != 0 {
			to = min(to, b.To)
		}
		if from := max(f.From, b.From); from < to {
			out = append(out, span{from, to})
		}
	}
	return union(out)
}

// reported is when a device's segments say something: temperatures where it has probes,
// anything where it has none.
func reported(device trace.DeviceID, sorted []SegmentRecord) []span {
	var out []span
	for _, r := range sorted {
		if r.Segment.Device == device {
			out = append(out, reportedIn(r.Segment, false)...)
		}
	}
	return union(out)
}

func (f *JourneyFindings) isGap(silence trace.Gap) bool {
	return slices.ContainsFunc(f.Gaps, func(g JourneyGap) bool { return g.From <= silence.From && silence.To <= g.To })
}
