package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/api/apitest"
	"traceledger/gateway/ingest"
	"traceledger/gateway/ingest/jt808"
	"traceledger/gateway/ingest/jt808/device"
	"traceledger/gateway/store"
)

func TestDevices(t *testing.T) {
	h := apitest.Start(t, nil)
	farm, carrier, lab := h.Member(trace.RoleFarm, "farm-one"), h.Member(trace.RoleCarrier, "carrier-one"), h.Member(trace.RoleLab, "lab-one")
	send := func(token, path string, body any, want int) (d api.EnrolledDevice, code trace.Code) {
		t.Helper()
		status, _, raw := h.Call(http.MethodPost, path, token, "", body)
		require.Equal(t, want, status, string(raw))
		var p api.Problem
		require.NoError(t, json.Unmarshal(raw, &d))
		require.NoError(t, json.Unmarshal(raw, &p))
		return d, p.Code
	}
	sensor := map[string]any{"device": "orchard-01", "protocol": "mqtt"}
	made, _ := send(farm, "/v1/devices", sensor, http.StatusCreated)
	require.NotEmpty(t, made.Secret)
	again, _ := send(farm, "/v1/devices", sensor, http.StatusOK)
	require.Empty(t, again.Secret, "a secret is shown once")

	who, err := h.Devices.Authenticate(t.Context(), "orchard-01", made.Secret)
	require.NoError(t, err)
	require.Equal(t, trace.PartyID("farm-one"), who.Party)
	_, err = h.Devices.Authenticate(t.Context(), "orchard-01", "no")
	require.Equal(t, ingest.CodeCredential, trace.CodeOf(err))
	reset, _ := send(farm, "/v1/devices/orchard-01/credential", nil, http.StatusOK)
	_, err = h.Devices.Authenticate(t.Context(), "orchard-01", made.Secret)
	require.Equal(t, ingest.CodeCredential, trace.CodeOf(err))
	_, err = h.Devices.Authenticate(t.Context(), "orchard-01", reset.Secret)
	require.NoError(t, err)
	send(farm, "/v1/devices/orchard-01/state", map[string]any{"disabled": true}, http.StatusOK)
	_, err = h.Devices.Authenticate(t.Context(), "orchard-01", reset.Secret)
	require.Equal(t, ingest.CodeUnknownTerminal, trace.CodeOf(err))

	for _, c := range []struct {
		token, path string
		body        map[string]any
		want        trace.Code
	}{
		{lab, "/v1/devices", map[string]any{"device": "lab-dev", "protocol": "mqtt"}, trace.CodeForbidden},
		{carrier, "/v1/devices", sensor, store.CodeDeviceKnown},
		{carrier, "/v1/devices/orchard-01/credential", nil, store.CodeDeviceUnknown},
		{farm, "/v1/devices", map[string]any{"device": "x-1", "protocol": "smoke"}, trace.CodeInvalid},
		{farm, "/v1/devices", map[string]any{"device": "X", "protocol": "mqtt"}, trace.CodeInvalid},
		{farm, "/v1/devices", map[string]any{"device": "x-1", "protocol": "mqtt", "plate": "京A12345"}, trace.CodeInvalid},
		{carrier, "/v1/devices", map[string]any{"device": "x-1", "protocol": "jt808", "terminal": "12"}, trace.CodeInvalid},
		{carrier, "/v1/devices", map[string]any{"device": "x-1", "protocol": "mqtt", "secret": "mine"}, trace.CodeUnknownField},
	} {
		status, _, raw := h.Call(http.MethodPost, c.path, c.token, "", c.body)
		var p api.Problem
		require.NoError(t, json.Unmarshal(raw, &p))
		require.Equal(t, c.want, p.Code, "%d %s", status, raw)
	}

	var list api.DeviceList
	_, _, raw := h.Call(http.MethodGet, "/v1/devices", farm, "", nil)
	require.NoError(t, json.Unmarshal(raw, &list))
	require.Len(t, list.Devices, 1)
	require.NotContains(t, string(raw), "secret")
}

// TestATerminalRegisters walks a tracker through ingest.Devices.
func TestATerminalRegisters(t *testing.T) {
	h := apitest.Start(t, nil)
	carrier := h.Member(trace.RoleCarrier, "carrier-one")
	for _, body := range []map[string]any{
		{"device": "truck-01", "protocol": "jt808", "terminal": "013800138000", "terminalId": "T1", "plate": "京A12345"},
		{"device": "truck-02", "protocol": "jt808", "terminal": "013800138001", "plate": "京A12345"},
	} {
		status, _, raw := h.Call(http.MethodPost, "/v1/devices", carrier, "", body)
		require.Equal(t, http.StatusCreated, status, string(raw))
	}
	said := ingest.Registration{Phone: "13800138000", Terminal: "T1", Plate: "京A12345"}
	register := func(change func(*ingest.Registration), want trace.Code) string {
		t.Helper()
		said := said
		change(&said)
		code, err := h.Devices.Register(t.Context(), said)
		require.Equal(t, want, trace.CodeOf(err))
		return code
	}
	same := func(*ingest.Registration) {}
	register(func(r *ingest.Registration) { r.Phone = "13900139000" }, ingest.CodeUnknownTerminal)
	register(func(r *ingest.Registration) { r.Terminal = "T2" }, ingest.CodeUnknownTerminal)
	register(func(r *ingest.Registration) { r.Plate = "京B00000" }, ingest.CodeUnknownVehicle)
	lost := register(same, "")
	code := register(same, "")
	_, err := h.Devices.Authenticate(t.Context(), said.Phone, lost)
	require.Equal(t, ingest.CodeCredential, trace.CodeOf(err), "the answer given last counts")
	device, err := h.Devices.Authenticate(t.Context(), said.Phone, code)
	require.NoError(t, err)
	register(same, ingest.CodeTerminalRegistered)
	register(func(r *ingest.Registration) { r.Phone, r.Terminal = "13800138001", "" }, ingest.CodeVehicleRegistered)
	require.NoError(t, h.Devices.Release(t.Context(), device.ID))
	_, err = h.Devices.Authenticate(t.Context(), said.Phone, code)
	require.Equal(t, ingest.CodeCredential, trace.CodeOf(err))
	register(func(r *ingest.Registration) { r.Phone, r.Terminal = "13800138001", "" }, "")
}

// TestWithdrawnTrackersAreCutOff: a tracker whose credential is reset, or that is taken out
// of service, loses the connection it has.
func TestWithdrawnTrackersAreCutOff(t *testing.T) {
	h := apitest.Start(t, nil)
	carrier := h.Member(trace.RoleCarrier, "carrier-one")
	server, err := jt808.NewServer(jt808.Config{Sink: h.Segments, Devices: h.Devices})
	require.NoError(t, err)
	h.Disconnect = server.Disconnect
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	defer func() { cancel(); require.NoError(t, <-served) }()
	for i, c := range []struct {
		path string
		body any
	}{
		{"/credential", nil},
		{"/state", map[string]any{"disabled": true}},
	} {
		id, phone := fmt.Sprintf("truck-%02d", i), fmt.Sprintf("1380013800%d", i)
		status, _, raw := h.Call(http.MethodPost, "/v1/devices", carrier, "", map[string]any{"device": id, "protocol": "jt808", "terminal": phone})
		require.Equal(t, http.StatusCreated, status, string(raw))
		tracker, err := device.New(device.Config{Address: listener.Addr().String(), Phone: phone, Terminal: "T1", Pause: time.Millisecond})
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() { ended <- tracker.Run(ctx) }()
		require.Eventually(t, func() bool { n, _ := tracker.Counts(); return n == 1 }, 2*time.Minute, time.Millisecond)
		status, _, raw = h.Call(http.MethodPost, "/v1/devices/"+id+c.path, carrier, "", c.body)
		require.Equal(t, http.StatusOK, status, string(raw))
		// It connects again at once, and its code is not taken any more.
		require.ErrorIs(t, <-ended, device.ErrRegistration)
		n, _ := tracker.Counts()
		require.Equal(t, 1, n)
	}
}
