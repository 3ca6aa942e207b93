package jt808

import (
	"encoding/binary"

	"traceledger/chaincode/trace"
)

// Result is the outcome in a general answer.
type Result byte

// Results of a general answer. Success of a position means that it is durable.
const (
	Success     Result = 0
	Failure     Result = 1 // understood, and not accepted
	BadMessage  Result = 2
	Unsupported Result = 3
)

// Answer is the body of a general answer (0x8001): the serial and id of the message it
// answers, and the result.
type Answer struct {
	Serial uint16
	ID     MessageID
	Result Result
}

// Append writes the body.
func (a Answer) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, a.Serial)
	dst = binary.BigEndian.AppendUint16(dst, uint16(a.ID))
	return append(dst, byte(a.Result))
}

// ParseAnswer reads the body of a general answer.
func ParseAnswer(body []byte) (Answer, error) {
	if len(body) != 5 {
		return Answer{}, trace.Errorf(trace.CodeMalformed, "a general answer of %d bytes, must be 5", len(body))
	}
	return Answer{binary.BigEndian.Uint16(body), MessageID(binary.BigEndian.Uint16(body[2:])), Result(body[4])}, nil
}

// RegistrationResult is the outcome of a registration.
type RegistrationResult byte

// Results of a registration.
const (
	Registered         RegistrationResult = 0
	VehicleRegistered  RegistrationResult = 1
	UnknownVehicle     RegistrationResult = 2
	TerminalRegistered RegistrationResult = 3
	UnknownTerminal    RegistrationResult = 4
)

// RegistrationReply is the body of the answer to a registration (0x8100). Code is there
// only when registered, and takes the rest of the body, without a length, in both
// editions.
type RegistrationReply struct {
	Serial uint16
	Result RegistrationResult
	Code   string
}

// Append writes the body.
func (r RegistrationReply) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, r.Serial)
	dst = append(dst, byte(r.Result))
	if r.Result == Registered {
		dst = append(dst, r.Code...)
	}
	return dst
}

// ParseRegistrationReply reads the body of the answer to a registration.
func ParseRegistrationReply(body []byte) (RegistrationReply, error) {
	if len(body) < 3 {
		return RegistrationReply{}, trace.Errorf(trace.CodeMalformed, "an answer to a registration of %d bytes, at least 3", len(body))
	}
	r := RegistrationReply{Serial: binary.BigEndian.Uint16(body), Result: RegistrationResult(body[2])}
	if r.Result == Registered {
		r.Code = textOf(body[3:])
	}
	return r, nil
}
