package store

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"traceledger/chaincode/trace"
)

// Codes of devices.
const (
	CodeDeviceUnknown trace.Code = "DEVICE_UNKNOWN"
	CodeDeviceKnown   trace.Code = "DEVICE_ENROLLED" // the device, or its terminal, is enrolled already
)

// Device is a tracker or sensor that may send readings to this gateway.
type Device struct {
	ID       trace.DeviceID
	Protocol string // "jt808" or "mqtt"
	// Terminal is what it says it is when it connects: for jt808 the digits of its number,
	// for mqtt its user name.
	Terminal   string
	TerminalID string   // jt808: the terminal's own id; "" takes any
	Model      string   // how its values are read
	Party      string   // whom it belongs to
	Enrolment  string   // names the identity that signs its segments
	Vehicle    [32]byte // VehicleDigest of the plate it is fitted to; zero: none
	Credential [32]byte // SHA-256 of its code or password; zero: none
	Used       bool     // the credential was used
	Disabled   bool     // may not connect
	Enrolled   time.Time
}

// Devices holds enrolled devices. They are few and asked for at every connection, so all
// are in memory.
type Devices struct {
	store *Store
	key   []byte // of VehicleDigest

	mu        sync.RWMutex
	byID      map[trace.DeviceID]Device
	terminals map[string]trace.DeviceID
}

// vehicleKey is the row of the key of VehicleDigest, among the salts.
const vehicleKey = "devices/vehicles"

func openDevices(s *Store) (*Devices, error) {
	d := &Devices{store: s, byID: map[trace.DeviceID]Device{}, terminals: map[string]trace.DeviceID{}}
	lower, upper := kindBounds(kindDevice)
	err := s.scan(lower, upper, func(rowKey, row []byte) error {
		device, err := readDevice(trace.DeviceID(rowKey[2:]), row)
		d.byID[device.ID], d.terminals[device.Terminal] = device, device.ID
		return err
	})
	if err != nil {
		return nil, err
	}
	key, found, err := s.get(key(kindSalt, vehicleKey))
	if found {
		d.key = key
	}
	return d, err
}

// VehicleDigest stands for a number plate, which is personal data and is not kept. Only
// this store can compute it.
func (d *Devices) VehicleDigest(plate string) ([32]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.key == nil {
		fresh := make([]byte, 32)
		if _, err := rand.Read(fresh); err != nil {
			return [32]byte{}, err
		}
		b := d.store.db.NewBatch()
		if err := b.Set(key(kindSalt, vehicleKey), fresh, nil); err != nil {
			return [32]byte{}, errors.Join(err, b.Close())
		}
		if err := errors.Join(d.store.commit(b), b.Close()); err != nil {
			return [32]byte{}, err
		}
		d.key = fresh
	}
	mac := hmac.New(sha256.New, d.key)
	mac.Write([]byte(plate))
	return [32]byte(mac.Sum(nil)), nil
}

// Enrol adds a device. Durable on return. A device or terminal that is enrolled already
// is refused with CodeDeviceKnown.
func (d *Devices) Enrol(device Device) (Device, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.byID[device.ID]; known {
		return Device{}, trace.Errorf(CodeDeviceKnown, "device %s is enrolled", device.ID)
	}
	if _, known := d.terminals[device.Terminal]; known {
		return Device{}, trace.Errorf(CodeDeviceKnown, "another device is enrolled under the terminal of device %s", device.ID)
	}
	device.Enrolled = rounded(d.store.now())
	return device, d.put(device)
}

// Change lets change alter a device, and keeps the result, durable on return. An error of
// change's leaves the device as it is. No two changes run at once; id and terminal stay.
func (d *Devices) Change(id trace.DeviceID, change func(*Device) error) (Device, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	device, known := d.byID[id]
	if !known {
		return Device{}, trace.Errorf(CodeDeviceUnknown, "device %s is not enrolled", id)
	}
	terminal := device.Terminal
	if err := change(&device); err != nil {
		return Device{}, err
	}
	device.ID, device.Terminal = id, terminal
	return device, d.put(device)
}

// Get gives a device.
func (d *Devices) Get(id trace.DeviceID) (Device, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	device, known := d.byID[id]
	return device, known
}

// ByTerminal gives the device that is enrolled under a terminal.
func (d *Devices) ByTerminal(terminal string) (Device, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	device, known := d.byID[d.terminals[terminal]]
	return device, known && device.Terminal == terminal
}

// All gives every device, in no order.
func (d *Devices) All() []Device {
	d.mu.RLock()
	defer d.mu.RUnlock()
	out := make([]Device, 0, len(d.byID))
	for _, device := range d.byID {
		out = append(out, device)
	}
	return out
}

// put writes a device; the caller holds mu.
func (d *Devices) put(device Device) error {
	b := d.store.db.NewBatch()
	if err := b.Set(key(kindDevice, string(device.ID)), appendDevice(nil, device), nil); err != nil {
		return errors.Join(err, b.Close())
	}
	if err := errors.Join(d.store.commit(b), b.Close()); err != nil {
		return err
	}
	d.byID[device.ID], d.terminals[device.Terminal] = device, device.ID
	return nil
}

// NewSecret makes a secret of 160 random bits and the digest by which it is kept.
func NewSecret() (secret string, digest [32]byte, err error) {
	var random [20]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", digest, err
	}
	secret = hex.EncodeToString(random[:])
	return secret, sha256.Sum256([]byte(secret)), nil
}

const deviceForm = 1

func appendDevice(row []byte, d Device) []byte {
	row = append(row, deviceForm)
	for _, text := range []string{d.Protocol, d.Terminal, d.TerminalID, d.Model, d.Party, d.Enrolment, string(d.Vehicle[:]), string(d.Credential[:])} {
		row = appendText(row, text)
	}
	flags := uint64(0)
	if d.Used {
		flags |= 1
	}
	if d.Disabled {
		flags |= 2
	}
	return appendNumbers(row, flags, millisecondsOrZero(d.Enrolled))
}

func readDevice(id trace.DeviceID, row []byte) (Device, error) {
	r := rowReader{rest: row}
	r.form(deviceForm)
	d := Device{ID: id}
	for _, text := range []*string{&d.Protocol, &d.Terminal, &d.TerminalID, &d.Model, &d.Party, &d.Enrolment} {
		*text = r.text()
	}
	for _, digest := range []*[32]byte{&d.Vehicle, &d.Credential} {
		if copy(digest[:], r.text()) != len(digest) && r.err == nil {
			r.err = errRow
		}
	}
	flags := r.number()
	d.Used, d.Disabled = flags&1 != 0, flags&2 != 0
	d.Enrolled = r.time()
	if err := r.end(); err != nil {
		return Device{}, fmt.Errorf("row of device %s: %w", id, err)
	}
	return d, nil
}
