package route

import (
	"cmp"
	"fmt"
	"slices"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor"
)

// bound finds segments of a time in which, by the chain's bindings, their device measured
// something else. The chain takes a segment under the bindings of the day it is anchored;
// a binding recorded later, for a time that has passed, tells of it here. No readings are
// needed.
func (c *check) bound() {
	sorted := slices.Clone(c.Bindings)
	slices.SortFunc(sorted, func(a, b Binding) int {
		return cmp.Or(cmp.Compare(a.Record.Device, b.Record.Device), cmp.Compare(a.Record.From, b.Record.From), cmp.Compare(a.Key, b.Key))
	})
	for _, s := range c.Segments {
		for i, b := range sorted {
			if b.Record.Device != s.Segment.Device || b.Record.Shipment == c.ID {
				continue
			}
			from, to := max(b.Record.From, s.Segment.From), s.Segment.To
			if i+1 < len(sorted) && sorted[i+1].Record.Device == b.Record.Device {
				to = min(to, sorted[i+1].Record.From)
			}
			if seconds(from, to) <= c.BoundElsewhere {
				continue
			}
			zh, en := elsewhere(b.Record)
			c.found = append(c.found, judged{device: string(s.Segment.Device), Finding: monitor.Finding{
				Subject: state.ShipmentSubject(c.ID), Finding: BoundElsewhere, Level: trace.LevelWarning, At: from,
				Text:        fmt.Sprintf("设备 %s 自 %s 起的读数记在本运单，账本上它当时%s", s.Segment.Device, clock(from), zh),
				TextEnglish: fmt.Sprintf("readings of device %s from %s on stand under this shipment; by the ledger it was %s then", s.Segment.Device, clock(from), en),
				Input: input{
					Shipment: c.ID, Device: s.Segment.Device, From: from, To: to, Payloads: []trace.Digest{s.Segment.Payload}, Binding: b.Key,
				},
				Evidence: []trace.Key{state.ShipmentKey(c.ID), s.Key, b.Key},
			}})
		}
	}
}

func elsewhere(b *trace.DeviceBinding) (zh, en string) {
	switch {
	case b.End:
		return "没有绑定", "bound to nothing"
	case b.Shipment != "":
		return "绑定在运单 " + string(b.Shipment), "bound to shipment " + string(b.Shipment)
	case b.Plot != "":
		return "绑定在地块 " + string(b.Plot), "bound to plot " + string(b.Plot)
	}
	return "绑定在库房 " + b.Store, "bound to store " + b.Store
}
