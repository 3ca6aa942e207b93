package jt808

import (
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// Codes of who speaks.
const (
	CodeUnauthenticated trace.Code = "UNAUTHENTICATED"  // before 0x0102 succeeded
	CodeForeign         trace.Code = "FOREIGN_TERMINAL" // another terminal's number on this connection
	CodeUnsupported     trace.Code = "UNSUPPORTED"      // a message that is not spoken here
)

var (
	errUnauthenticated = trace.Errorf(CodeUnauthenticated, "the terminal has not authenticated on this connection")
	errForeign         = trace.Errorf(CodeForeign, "the message carries another terminal's number than this connection authenticated")
)

// register answers a registration.
func (s *session) register(g *group, h *Header, body []byte) string {
	r, err := ParseRegistration(h.Edition, body)
	if err != nil {
		return s.reject(g, h, 1, err)
	}
	code, err := s.server.devices.Register(s.server.keeping, ingest.Registration{
		Phone: h.Phone.String(), Terminal: r.Terminal, Manufacturer: r.Manufacturer, Model: r.Model, Plate: r.Plate,
	})
	reply := RegistrationReply{Serial: h.Serial, Code: code}
	switch trace.CodeOf(err) {
	case ingest.CodeUnknownTerminal:
		reply.Result = UnknownTerminal
	case ingest.CodeTerminalRegistered:
		reply.Result = TerminalRegistered
	case ingest.CodeUnknownVehicle:
		reply.Result = UnknownVehicle
	case ingest.CodeVehicleRegistered:
		reply.Result = VehicleRegistered
	default:
		if err != nil {
			return s.unavailable(err)
		}
	}
	g.scratch = reply.Append(g.scratch[:0])
	s.send(g, h, RegistrationAnswer, g.scratch) // before what follows: the group was flushed
	if err != nil {
		return s.attempt(err)
	}
	// Each code costs a durable write: a connection gets some, until it uses one.
	if s.refused++; s.refused > s.server.limits.Attempts {
		return endAttempts
	}
	s.good()
	return ""
}

// authenticate makes the connection the device's.
func (s *session) authenticate(g *group, h *Header, body []byte) string {
	a, err := ParseAuthentication(h.Edition, body)
	if err != nil {
		return s.reject(g, h, 1, err)
	}
	device, err := s.server.devices.Authenticate(s.server.keeping, h.Phone.String(), a.Code)
	if code := trace.CodeOf(err); code == ingest.CodeUnknownTerminal || code == ingest.CodeCredential {
		g.answer(h, 1, Failure)
		return s.attempt(err)
	}
	if err != nil {
		return s.unavailable(err)
	}
	model, err := s.server.models.named(device.Model)
	if err != nil {
		s.server.logger.Error("jt808: a device of a model that is not configured", "device", device.ID, "model", device.Model)
		g.answer(h, 1, Failure)
		return s.attempt(err)
	}
	s.device, s.phone, s.reader.model = device, h.Phone, model
	s.server.claim(s, device.ID)
	// Disconnect did not know this session before: a code withdrawn meanwhile shows now.
	if _, err := s.server.devices.Authenticate(s.server.keeping, h.Phone.String(), a.Code); err != nil {
		return endWithdrawn
	}
	s.refused = 0
	s.good()
	g.answer(h, 1, Success)
	return ""
}

// attempt counts a refusal.
func (s *session) attempt(err error) string {
	s.count(trace.CodeOf(err))
	if s.refused++; s.refused >= s.server.limits.Attempts {
		return endAttempts
	}
	return ""
}

// unavailable ends a connection whose device nobody could judge now: it asks again when
// it connects again.
func (s *session) unavailable(err error) string {
	s.server.logger.Error("jt808: devices cannot be looked up", "error", err)
	return endUnavailable
}

// logOut undoes the registration. The connection stays, for another registration.
func (s *session) logOut(g *group, h *Header) string {
	if err := s.server.devices.Release(s.server.keeping, s.device.ID); err != nil {
		return s.unavailable(err)
	}
	s.server.mu.Lock()
	s.server.release(s)
	s.who = nil
	s.server.mu.Unlock()
	s.opened = time.Now() // the time to authenticate begins anew
	s.packets.drop()
	g.answer(h, 1, Success)
	return ""
}
