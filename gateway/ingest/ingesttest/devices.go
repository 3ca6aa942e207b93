package ingesttest

import (
	"context"
	"crypto/rand"
	"sync"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// Terminal is what somebody enrolled. Plate empty takes any.
type Terminal struct {
	Phone, Terminal, Plate string
	Device                 ingest.Device
}

// Devices are enrolled terminals in memory.
type Devices struct {
	NewCode func() string // of the next registration; nil: random

	mu        sync.Mutex
	terminals map[string]*terminal // by phone
	bindings  map[trace.DeviceID][]trace.BoundPeriod
	failing   error
}

type terminal struct {
	Terminal
	secret trace.Digest
	used   bool
}

// NewDevices makes none.
func NewDevices() *Devices {
	return &Devices{terminals: map[string]*terminal{}, bindings: map[trace.DeviceID][]trace.BoundPeriod{}}
}

// Enrol adds a terminal.
func (d *Devices) Enrol(t Terminal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.terminals[t.Phone] = &terminal{Terminal: t}
}

// Bind sets a device's bindings.
func (d *Devices) Bind(device trace.DeviceID, bindings ...trace.BoundPeriod) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bindings[device] = bindings
}

// Fail has every question fail with err, as a broken store does; nil ends that.
func (d *Devices) Fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing = err
}

// Register implements ingest.Devices.
func (d *Devices) Register(_ context.Context, r ingest.Registration) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing != nil {
		return "", d.failing
	}
	t := d.terminals[r.Phone]
	switch {
	case t == nil || t.Terminal.Terminal != r.Terminal:
		return "", trace.Errorf(ingest.CodeUnknownTerminal, "the terminal is not enrolled")
	case t.used:
		return "", trace.Errorf(ingest.CodeTerminalRegistered, "the terminal is registered")
	case t.Plate != "" && t.Plate != r.Plate:
		return "", trace.Errorf(ingest.CodeUnknownVehicle, "the terminal is enrolled for another vehicle")
	}
	code := rand.Text()
	if d.NewCode != nil {
		code = d.NewCode()
	}
	t.secret = trace.DigestOf([]byte(code))
	return code, nil
}

// Authenticate implements ingest.Devices.
func (d *Devices) Authenticate(_ context.Context, phone, secret string) (ingest.Device, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing != nil {
		return ingest.Device{}, d.failing
	}
	t := d.terminals[phone]
	if t == nil {
		return ingest.Device{}, trace.Errorf(ingest.CodeUnknownTerminal, "the terminal is not enrolled")
	}
	if t.secret.IsZero() || !ingest.SameSecret(t.secret, secret) {
		return ingest.Device{}, trace.Errorf(ingest.CodeCredential, "the code is not this terminal's")
	}
	t.used = true
	return t.Device, nil
}

// Release implements ingest.Devices.
func (d *Devices) Release(_ context.Context, device trace.DeviceID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing != nil {
		return d.failing
	}
	for _, t := range d.terminals {
		if t.Device.ID == device {
			t.used, t.secret = false, trace.Digest{}
		}
	}
	return nil
}

// Bindings implements ingest.Devices.
func (d *Devices) Bindings(device trace.DeviceID) []trace.BoundPeriod {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bindings[device]
}
