package jt808_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/gateway/ingest"
	"traceledger/gateway/ingest/ingesttest"
	"traceledger/gateway/ingest/jt808"
)

func TestRegistrations(t *testing.T) {
	h := serve(t, jt808.Limits{Attempts: 3})
	h.devices.Enrol(ingesttest.Terminal{Phone: "13800138002", Terminal: "A000003", Plate: "浙A12345", Device: ingest.Device{ID: "tl-0720", Model: "nobody's"}})
	register := func(p *peer, number, terminal, plate string) jt808.RegistrationReply {
		p.phone, _ = jt808.ParsePhone(number)
		p.write(p.frame(jt808.Register, jt808.Registration{Terminal: terminal, Plate: plate}.Append(nil, jt808.Edition2019)))
		b, err := p.bytes()
		require.NoError(t, err)
		frame, _, err := jt808.Next(b)
		require.NoError(t, err)
		_, body, err := jt808.ParseHeader(frame)
		require.NoError(t, err)
		reply, err := jt808.ParseRegistrationReply(body)
		require.NoError(t, err)
		require.Equal(t, p.serial, reply.Serial)
		return reply
	}
	p := h.dial()
	require.Equal(t, jt808.UnknownTerminal, register(p, "13800138009", "A000001", "").Result, "a number nobody enrolled")
	require.Equal(t, jt808.UnknownTerminal, register(p, phone, "A000009", "").Result, "another terminal with an enrolled number")
	require.Equal(t, jt808.UnknownVehicle, register(p, "13800138002", "A000003", "川A54321").Result)
	p.closed() // the third

	p = h.dial()
	first, second := register(p, phone, "A000001", ""), register(p, phone, "A000001", "")
	require.Equal(t, jt808.Registered, second.Result, "the first answer may have been lost")
	require.NotEqual(t, first.Code, second.Code)
	p.authenticate(second.Code)
	require.Equal(t, jt808.TerminalRegistered, register(p, phone, "A000001", "").Result)
	p.write(p.frame(jt808.LogOut, nil))
	require.Equal(t, jt808.Success, p.answer().Result)
	p.write(p.frame(jt808.Authenticate, jt808.Authentication{Code: second.Code}.Append(nil, jt808.Edition2019)))
	require.Equal(t, jt808.Failure, p.answer().Result, "the code ended with the registration")
	p.authenticate(register(p, phone, "A000001", "").Code)

	// Of a model that is not configured: refused, not misread.
	p = h.dial()
	code := register(p, "13800138002", "A000003", "浙A12345").Code
	require.NotEmpty(t, code)
	p.write(p.frame(jt808.Authenticate, jt808.Authentication{Code: code}.Append(nil, jt808.Edition2019)))
	require.Equal(t, jt808.Failure, p.answer().Result)

	// A code is a durable write: who never uses one gets some only.
	h.devices.Release(context.Background(), "tl-0718")
	p = h.dial()
	for range 3 {
		require.Equal(t, jt808.Registered, register(p, phone, "A000001", "").Result)
	}
	require.Equal(t, jt808.Registered, register(p, phone, "A000001", "").Result)
	p.closed()

	// Nobody can say: no answer, the terminal comes again.
	h.devices.Fail(errors.New("the disk is gone"))
	p = h.dial()
	p.write(p.frame(jt808.Register, jt808.Registration{Terminal: "A000001"}.Append(nil, jt808.Edition2019)))
	p.closed()
	require.Equal(t, float64(1), h.value("closed_total", "unavailable"))
}
