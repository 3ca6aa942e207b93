// Package ingest is what the ways in for live readings share.
//
// jt808 (Beidou trackers over TCP) and mqtt (sensors) turn what devices send into
// readings of chaincode/trace and hand them to a Sink, which keeps them durably before
// the device gets its acknowledgement; behind the Sink they become segments on the
// chain. Who a device is, whom it belongs to and what it is bound to is asked of
// Devices. Sub-packages know no ledger and no store.
//
// It imports chaincode/trace only.
package ingest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"slices"

	"traceledger/chaincode/trace"
)

// Codes of ingestion. A protocol maps them to the answers it knows.
const (
	// CodeBusy: nothing was kept because too much waits already. The device is held
	// back, not refused.
	CodeBusy trace.Code = "BUSY"

	CodeUnknownTerminal    trace.Code = "UNKNOWN_TERMINAL"    // nobody enrolled this terminal
	CodeTerminalRegistered trace.Code = "TERMINAL_REGISTERED" // it has its code already and used it
	CodeUnknownVehicle     trace.Code = "UNKNOWN_VEHICLE"     // it is enrolled for another vehicle, or for none
	CodeVehicleRegistered  trace.Code = "VEHICLE_REGISTERED"  // another terminal is registered for the vehicle
	CodeCredential         trace.Code = "CREDENTIAL"          // the code or password is not this device's
	CodeNotBound           trace.Code = "NOT_BOUND"           // no binding covers the time of a reading
)

// Sink keeps readings durably.
type Sink interface {
	// Put returns nil once every reading is durable here, or an error that names why
	// (trace.Error codes) and then nothing of the call was kept. CodeBusy, and an error
	// without a code, mean "later"; every other code refuses these readings for good.
	//
	// The readings are one device's, in any order of time (devices send backfill beside
	// what is new), and may repeat what was put before: the same device, time and content
	// is one reading. They are at most 10,000. Temperatures are one per probe of the binding that BindingAt gives
	// for the reading's time. The slices are the caller's again when Put returns. Put is
	// called from many goroutines at once, also for one device.
	Put(ctx context.Context, device trace.DeviceID, readings []trace.Reading) error
}

// Device is what ingestion knows of an enrolled device.
type Device struct {
	ID    trace.DeviceID
	Model string        // names how its values are read: an entry of the device models
	Party trace.PartyID // whom it belongs to
}

// Registration is what a terminal says of itself when it registers.
type Registration struct {
	Phone        string // digits of its number, without leading zeros
	Terminal     string // its own id
	Manufacturer string
	Model        string
	// Plate is the vehicle's number plate, for comparing only: it is personal data and
	// goes into no log and no record.
	Plate string
}

// Devices tells what is known of a device: model, credential, whom it belongs to, and
// its bindings.
type Devices interface {
	// Register gives an enrolled terminal its authentication code, durable before it is
	// told: at most 64 printable ASCII characters. Until a code was used to authenticate,
	// registering again gives a code again – the answer may have been lost – and after
	// that it is refused until Release. Errors: CodeUnknownTerminal,
	// CodeTerminalRegistered, CodeUnknownVehicle, CodeVehicleRegistered; without a code:
	// try later.
	Register(ctx context.Context, r Registration) (code string, err error)
	// Authenticate finds the device of a terminal (its phone number; for other protocols
	// its user name) and compares its code or password in constant time (SameSecret).
	// Errors: CodeUnknownTerminal, CodeCredential; without a code: try later.
	Authenticate(ctx context.Context, terminal, secret string) (Device, error)
	// Release undoes the registration, durably: the terminal logged out, because it is
	// taken out of its vehicle. Its code is no longer taken. What is bound on the chain
	// stays bound.
	Release(ctx context.Context, device trace.DeviceID) error
	// Bindings are the device's bindings as they are on the chain, newest last, for the
	// caller to read only. It is asked for every batch and answers from memory.
	Bindings(device trace.DeviceID) []trace.BoundPeriod
}

// BindingAt finds the binding that a reading of this time belongs to: the one that
// covers it, else the newest one that covers it within the clock skew. All who deal with
// a device's readings must find the same one.
func BindingAt(bindings []trace.BoundPeriod, at trace.Time) (trace.BoundPeriod, bool) {
	for _, skew := range [...]trace.Time{0, trace.ClockSkew} {
		for i := len(bindings) - 1; i >= 0; i-- {
			b := &bindings[i]
			if b.From-skew <= at && (b.To == 0 || at < b.To || skew > 0 && at <= b.To+skew) {
				return *b, true
			}
		}
	}
	return trace.BoundPeriod{}, false
}

// SameBindings tells whether a device is bound as before. Between reading what it sent and
// Put a binding may come: then the temperatures are in the columns of another one.
func SameBindings(before, now []trace.BoundPeriod) bool {
	if len(before) == len(now) && (len(now) == 0 || &before[0] == &now[0]) { // lists are replaced, never changed
		return true
	}
	return slices.EqualFunc(before, now, func(a, b trace.BoundPeriod) bool {
		return a.Shipment == b.Shipment && a.Plot == b.Plot && a.Store == b.Store && a.From == b.From && a.To == b.To && slices.Equal(a.Probes, b.Probes)
	})
}

// SameSecret compares what a device presents with the kept SHA-256 of its secret, in a
// time that does not depend on where they differ.
func SameSecret(kept trace.Digest, presented string) bool {
	given := sha256.Sum256([]byte(presented))
	return subtle.ConstantTimeCompare(kept[:], given[:]) == 1
}
