package contract

import (
	"fmt"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// BindDevice binds a tracker or sensor to a shipment, a plot or a store.
func (t *Transit) BindDevice(ctx *Context, argument string) (string, error) {
	return submit(ctx, t.methods["BindDevice"], argument, func(s *submission, request *trace.BindDeviceRequest) (any, error) {
		if err := rules.CheckBinding(request, s.Caller.Role); err != nil {
			return nil, err
		}
		if err := s.final("a binding"); err != nil {
			return nil, err
		}
		if err := s.fact(state.DeviceSubject(request.Device), state.FactBinding); err != nil {
			return nil, err
		}
		status, err := state.GetDeviceStatus(s.Ledger, request.Device)
		if err != nil {
			return nil, err
		}
		shipment, err := s.boundTo(request)
		if err != nil {
			return nil, err
		}
		next, err := rules.BindDevice(request, status, shipment, s.Caller.Party, s.Now)
		if err != nil {
			return nil, err
		}
		s.put(state.DeviceStatusKey(request.Device), next)
		return &trace.DeviceBinding{
			Device: request.Device, Shipment: request.Shipment, Plot: request.Plot, Store: request.Store,
			Probes: request.Probes, From: request.From, End: request.End,
		}, nil
	})
}

// boundTo loads the shipment to bind to, or checks that the plot is the caller's.
func (s *submission) boundTo(r *trace.BindDeviceRequest) (*trace.ShipmentStatus, error) {
	if r.Shipment != "" {
		return state.GetShipmentStatus(s.Ledger, r.Shipment)
	}
	if r.Plot == "" {
		return nil, nil
	}
	plot, err := state.GetPlot(s.Ledger, s.Caller.Party, r.Plot)
	if err == nil && plot == nil {
		err = trace.Errorf(trace.CodeNotFound, "plot %s is not registered by %s", r.Plot, s.Caller.Party)
	}
	return nil, err
}

// AnchorSegment records the summary of a device's readings, which travel as transient
// data. It is the most frequent transaction by far, so it reads little, and nothing
// that is written often: the device's bindings, and the shipment with its status.
func (t *Transit) AnchorSegment(ctx *Context, argument string) (string, error) {
	return submit(ctx, t.methods["AnchorSegment"], argument, func(s *submission, request *trace.AnchorSegmentRequest) (any, error) {
		if err := rules.CheckSegment(request); err != nil {
			return nil, err
		}
		if err := s.claim(request.To); err != nil { // a device's word is the time of its last reading
			return nil, err
		}
		if err := s.fetchSegment(request); err != nil {
			return nil, err
		}
		if err := s.sequence(request); err != nil {
			return nil, err
		}
		payload, err := s.transient()
		if err != nil {
			return nil, err
		}
		terms, err := s.segmentTerms(request)
		if err != nil {
			return nil, err
		}
		return rules.Summarise(request, terms, payload)
	})
}

// fetchSegment reads at once what a segment is judged by.
func (s *submission) fetchSegment(r *trace.AnchorSegmentRequest) error {
	keys := []trace.Key{state.SegmentKey(r.Device, r.Sequence), state.DeviceStatusKey(r.Device)}
	if r.Shipment != "" {
		keys = append(keys, state.ShipmentStatusKey(r.Shipment), state.ShipmentKey(r.Shipment))
	}
	return s.ahead.fetch(keys...)
}

// sequence prepares the record under device and sequence. Another content under the
// same sequence is told apart from every other kind of clash.
func (s *submission) sequence(r *trace.AnchorSegmentRequest) error {
	err := s.natural(state.SegmentKey(r.Device, r.Sequence))
	if trace.CodeOf(err) == trace.CodeAlreadyExists {
		return trace.Errorf(trace.CodeSequence, "device %s sequence %d is on the chain with other content", r.Device, r.Sequence)
	}
	return err
}

func (s *submission) transient() ([]byte, error) {
	data, err := s.stub.GetTransient()
	if err != nil {
		return nil, fmt.Errorf("read the transient data: %w", err)
	}
	payload, ok := data[s.method.Transient]
	if !ok {
		return nil, trace.Errorf(trace.CodeMissing, "transient data %q is missing: the segment's readings travel there", s.method.Transient)
	}
	return payload, nil
}

// segmentTerms loads what the segment is judged by: from the binding its probes, from
// the shipment its range and allowance.
func (s *submission) segmentTerms(r *trace.AnchorSegmentRequest) (rules.SegmentTerms, error) {
	var terms rules.SegmentTerms
	device, err := state.GetDeviceStatus(s.Ledger, r.Device)
	if err != nil {
		return terms, err
	}
	var status *trace.ShipmentStatus
	if r.Shipment != "" {
		if status, err = state.GetShipmentStatus(s.Ledger, r.Shipment); err != nil {
			return terms, err
		}
	}
	bound, err := rules.MayAnchor(r, device, status, s.Caller.Party)
	if err != nil {
		return terms, err
	}
	terms.Probes = bound.Probes
	if r.Shipment == "" {
		return terms, nil
	}
	shipment, err := state.GetShipment(s.Ledger, r.Shipment)
	if err != nil {
		return terms, err
	}
	terms.Range, terms.GapSeconds = shipment.Range, shipment.GapSeconds
	return terms, nil
}
