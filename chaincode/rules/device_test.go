package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func TestBindDevice(t *testing.T) {
	now := at("2026-10-21T12:00:00+08:00")
	type input struct {
		r        *trace.BindDeviceRequest
		role     trace.Role
		by       trace.PartyID
		status   *trace.DeviceStatus
		shipment *trace.ShipmentStatus
	}
	for name, c := range map[string]struct {
		change func(*input)
		code   trace.Code
	}{
		"first": {func(*input) {}, ""},
		"again": {func(i *input) {
			i.status = &trace.DeviceStatus{Owner: "carrier-01", Bindings: []trace.BoundPeriod{{From: now - 1}}}
		}, ""},
		"another's device": {func(i *input) { i.status = &trace.DeviceStatus{Owner: "carrier-02"} }, trace.CodeForbidden},
		"before the last": {func(i *input) {
			i.status = &trace.DeviceStatus{Owner: "carrier-01", Bindings: []trace.BoundPeriod{{From: now}}}
		}, trace.CodeChronology},
		"tomorrow":          {func(i *input) { i.r.From = now + trace.ClockSkew + 1 }, trace.CodeChronology},
		"no time":           {func(i *input) { i.r.From = 0 }, trace.CodeMissing},
		"no shipment":       {func(i *input) { i.shipment = nil }, trace.CodeNotFound},
		"arrived":           {func(i *input) { i.shipment.Open = false }, trace.CodeState},
		"another's load":    {func(i *input) { i.shipment.Carrier = "carrier-02" }, trace.CodeForbidden},
		"nothing to bind":   {func(i *input) { i.r.Shipment = "" }, trace.CodeInvalid},
		"two targets":       {func(i *input) { i.r.Store = "store-01" }, trace.CodeInvalid},
		"carrier to a plot": {func(i *input) { i.r.Shipment, i.r.Plot = "", "plot-08mu" }, trace.CodeForbidden},
		"farm to shipment":  {func(i *input) { i.role = trace.RoleFarm }, trace.CodeForbidden},
		"farm to store":     {func(i *input) { i.role, i.r.Shipment, i.r.Store = trace.RoleFarm, "", "store-01" }, ""},
		"ended before": {func(i *input) {
			i.status = &trace.DeviceStatus{Owner: "carrier-01", Bindings: []trace.BoundPeriod{{From: now - 9, To: now}}}
		}, ""},
		"before the end of the last": {func(i *input) {
			i.status = &trace.DeviceStatus{Owner: "carrier-01", Bindings: []trace.BoundPeriod{{From: now - 9, To: now + 1}}}
		}, trace.CodeChronology},
		"probe twice":    {func(i *input) { i.r.Probes[1] = i.r.Probes[0] }, trace.CodeInvalid},
		"nine probes":    {func(i *input) { i.r.Probes = make([]string, 9) }, trace.CodeTooLarge},
		"nameless probe": {func(i *input) { i.r.Probes[0] = "" }, trace.CodeMissing},
	} {
		i := &input{
			r:    &trace.BindDeviceRequest{Device: "dev-01", Shipment: "ship-01", Probes: kiwiProbes(), From: now},
			role: trace.RoleCarrier, by: "carrier-01", shipment: &trace.ShipmentStatus{Open: true, Carrier: "carrier-01"},
		}
		c.change(i)
		err := CheckBinding(i.r, i.role)
		var next trace.DeviceStatus
		if err == nil {
			next, err = BindDevice(i.r, i.status, i.shipment, i.by, now)
		}
		require.Equal(t, c.code, trace.CodeOf(err), "%s: %v", name, err)
		if c.code == "" {
			require.Equal(t, trace.PartyID("carrier-01"), next.Owner)
			require.Zero(t, next.Bindings[len(next.Bindings)-1].To)
			if len(next.Bindings) > 1 {
				require.Equal(t, now, next.Bindings[0].To, "binding again ends the binding before it")
			}
		}
	}
}

func TestABindingEnds(t *testing.T) {
	now := at("2026-10-21T12:00:00+08:00")
	bound := func() *trace.DeviceStatus {
		return &trace.DeviceStatus{Owner: "carrier-01", Bindings: []trace.BoundPeriod{{Shipment: "ship-01", From: now - 1000, Probes: kiwiProbes()}}}
	}
	for name, c := range map[string]struct {
		change func(*trace.BindDeviceRequest, **trace.DeviceStatus)
		code   trace.Code
	}{
		"ends":            {func(*trace.BindDeviceRequest, **trace.DeviceStatus) {}, ""},
		"names some":      {func(r *trace.BindDeviceRequest, _ **trace.DeviceStatus) { r.Shipment = "ship-01" }, trace.CodeInvalid},
		"of probes":       {func(r *trace.BindDeviceRequest, _ **trace.DeviceStatus) { r.Probes = kiwiProbes() }, trace.CodeInvalid},
		"no time":         {func(r *trace.BindDeviceRequest, _ **trace.DeviceStatus) { r.From = 0 }, trace.CodeMissing},
		"tomorrow":        {func(r *trace.BindDeviceRequest, _ **trace.DeviceStatus) { r.From = now + trace.ClockSkew + 1 }, trace.CodeChronology},
		"before it began": {func(r *trace.BindDeviceRequest, _ **trace.DeviceStatus) { r.From = now - 1000 }, trace.CodeChronology},
		"never bound":     {func(_ *trace.BindDeviceRequest, s **trace.DeviceStatus) { *s = nil }, trace.CodeState},
		"twice":           {func(_ *trace.BindDeviceRequest, s **trace.DeviceStatus) { (*s).Bindings[0].To = now - 1 }, trace.CodeState},
		"another's":       {func(_ *trace.BindDeviceRequest, s **trace.DeviceStatus) { (*s).Owner = "carrier-02" }, trace.CodeForbidden},
	} {
		r, status := &trace.BindDeviceRequest{Device: "dev-01", From: now, End: true}, bound()
		c.change(r, &status)
		err := CheckBinding(r, trace.RoleCarrier)
		var next trace.DeviceStatus
		if err == nil {
			next, err = BindDevice(r, status, nil, "carrier-01", now)
		}
		require.Equal(t, c.code, trace.CodeOf(err), "%s: %v", name, err)
		if c.code == "" {
			require.Equal(t, []trace.BoundPeriod{{Shipment: "ship-01", From: now - 1000, To: now, Probes: kiwiProbes()}}, next.Bindings)
			require.Zero(t, status.Bindings[0].To, "the rule changes nothing it was given")
		}
	}
}

func TestDeviceKeepsItsNewestBindings(t *testing.T) {
	status := trace.DeviceStatus{Owner: "farm-01"}
	for i := range 60 {
		r := &trace.BindDeviceRequest{Device: "dev-01", Store: "store-01", From: trace.Time(i + 1)}
		next, err := BindDevice(r, &status, nil, "farm-01", 1_000)
		require.NoError(t, err)
		status = next
	}
	require.Len(t, status.Bindings, 50)
	require.EqualValues(t, 60, status.Bindings[49].From)
}

func TestMayAnchor(t *testing.T) {
	departed := at("2026-10-20T16:00:00+08:00")
	arrived := departed + 1000*minute
	type input struct {
		r        *trace.AnchorSegmentRequest
		status   *trace.DeviceStatus
		shipment *trace.ShipmentStatus
		by       trace.PartyID
	}
	for name, c := range map[string]struct {
		change func(*input)
		code   trace.Code
	}{
		"valid":                {func(*input) {}, ""},
		"late":                 {func(i *input) { i.shipment.Open = false }, ""},
		"after a handover":     {func(i *input) { i.shipment.Carrier = "carrier-02" }, ""},
		"never bound":          {func(i *input) { i.status = nil }, trace.CodeNotFound},
		"another's device":     {func(i *input) { i.by = "carrier-02" }, trace.CodeForbidden},
		"another shipment":     {func(i *input) { i.r.Shipment = "ship-02" }, trace.CodeState},
		"before it was bound":  {func(i *input) { i.status.Bindings[1].From = i.r.From + trace.ClockSkew + 1 }, trace.CodeState},
		"after it was unbound": {func(i *input) { i.status.Bindings[1].To = i.r.To - trace.ClockSkew - 1 }, trace.CodeState},
		"before departure": {func(i *input) {
			i.status.Bindings[1].From = 1
			i.r.From = departed - trace.ClockSkew - 1
		}, trace.CodeChronology},
		"at departure, clock skewed": {func(i *input) {
			i.status.Bindings[1].From = 1
			i.r.From = departed - trace.ClockSkew
		}, ""},
		"after arrival":     {func(i *input) { i.r.To = arrived + trace.ClockSkew + 1 }, trace.CodeChronology},
		"no shipment":       {func(i *input) { i.shipment = nil }, trace.CodeNotFound},
		"no sequence":       {func(i *input) { i.r.Sequence = 0 }, trace.CodeInvalid},
		"first with before": {func(i *input) { i.r.Sequence = 1 }, trace.CodeSequence},
		"second without":    {func(i *input) { i.r.Previous = trace.Digest{} }, trace.CodeSequence},
		"no readings":       {func(i *input) { i.r.Count = 0 }, trace.CodeSegment},
		"too many readings": {func(i *input) { i.r.Count = trace.MaxReadings + 1 }, trace.CodeSegment},
		"backwards":         {func(i *input) { i.r.To = i.r.From - 1 }, trace.CodeSegment},
		"no target":         {func(i *input) { i.r.Shipment = "" }, trace.CodeInvalid},
	} {
		i := &input{
			r: &trace.AnchorSegmentRequest{Device: "dev-01", Sequence: 2, Previous: trace.DigestOf(nil), Shipment: "ship-01", Count: 10, From: departed + minute, To: departed + 60*minute},
			status: &trace.DeviceStatus{Owner: "carrier-01", Bindings: []trace.BoundPeriod{
				{Shipment: "ship-00", From: 1, To: departed}, {Shipment: "ship-01", From: departed, Probes: kiwiProbes()},
			}},
			shipment: &trace.ShipmentStatus{Open: true, Carrier: "carrier-01", Departed: departed, Arrived: arrived}, by: "carrier-01",
		}
		c.change(i)
		err := CheckSegment(i.r)
		var bound *trace.BoundPeriod
		if err == nil {
			bound, err = MayAnchor(i.r, i.status, i.shipment, i.by)
		}
		require.Equal(t, c.code, trace.CodeOf(err), "%s: %v", name, err)
		if c.code == "" {
			require.Equal(t, kiwiProbes(), bound.Probes)
		}
	}
}
