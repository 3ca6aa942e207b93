// Package registry knows the devices: who they are (gateway/store) and what the chain
// says they are bound to (gateway/index).
//
// It is the ingest.Devices of the ways in, and the segment.Bindings of the segmenter.
// Bindings and shipments are held in memory, because they are asked for with every
// reading, and renewed as blocks are folded (Follow).
//
// It must not import the ways in or the ledger.
package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ingest"
	"traceledger/gateway/ingest/segment"
	"traceledger/gateway/store"
)

// Registry is safe for concurrent use.
type Registry struct {
	devices *store.Devices
	index   *index.Index

	mu        sync.RWMutex
	bindings  map[trace.DeviceID][]trace.BoundPeriod // lists are replaced, never changed
	shipments map[trace.ShipmentID]segment.Shipment
}

var (
	_ ingest.Devices   = (*Registry)(nil)
	_ segment.Bindings = (*Registry)(nil)
)

// New makes a registry. It knows no binding until Follow has run.
func New(devices *store.Devices, x *index.Index) *Registry {
	return &Registry{devices: devices, index: x, bindings: map[trace.DeviceID][]trace.BoundPeriod{}, shipments: map[trace.ShipmentID]segment.Shipment{}}
}

// Register implements ingest.Devices.
func (r *Registry) Register(_ context.Context, said ingest.Registration) (string, error) {
	device, known := r.devices.ByTerminal(said.Phone)
	if !known || device.Disabled || device.TerminalID != "" && device.TerminalID != said.Terminal {
		return "", trace.Errorf(ingest.CodeUnknownTerminal, "no such terminal is enrolled here")
	}
	if device.Used {
		return "", trace.Errorf(ingest.CodeTerminalRegistered, "device %s is registered; it logs out first, or its party resets its credential", device.ID)
	}
	if err := r.fitted(&device, said.Plate); err != nil {
		return "", err
	}
	code, digest, err := store.NewSecret()
	if err != nil {
		return "", err
	}
	err = r.change(device.ID, func(d *store.Device) error {
		if d.Used { // meanwhile
			return trace.Errorf(ingest.CodeTerminalRegistered, "device %s is registered", d.ID)
		}
		d.Credential = digest
		return nil
	})
	return code, err
}

// fitted checks the plate that a terminal says it is fitted to.
func (r *Registry) fitted(device *store.Device, plate string) error {
	var vehicle [32]byte
	if plate != "" {
		var err error
		if vehicle, err = r.devices.VehicleDigest(plate); err != nil {
			return later(err)
		}
	}
	if vehicle != device.Vehicle {
		return trace.Errorf(ingest.CodeUnknownVehicle, "device %s is enrolled for another vehicle, or for none", device.ID)
	}
	if plate == "" {
		return nil
	}
	for _, other := range r.devices.All() {
		if other.ID != device.ID && other.Vehicle == vehicle && other.Used && !other.Disabled {
			return trace.Errorf(ingest.CodeVehicleRegistered, "device %s is registered for the vehicle", other.ID)
		}
	}
	return nil
}

// Authenticate implements ingest.Devices.
func (r *Registry) Authenticate(_ context.Context, terminal, secret string) (ingest.Device, error) {
	device, known := r.devices.ByTerminal(terminal)
	if !known || device.Disabled {
		return ingest.Device{}, trace.Errorf(ingest.CodeUnknownTerminal, "no such terminal is enrolled here")
	}
	kept := trace.Digest(device.Credential)
	if !ingest.SameSecret(kept, secret) || kept.IsZero() {
		return ingest.Device{}, trace.Errorf(ingest.CodeCredential, "the credential is not that of device %s", device.ID)
	}
	if !device.Used {
		if err := r.change(device.ID, func(d *store.Device) error {
			if d.Credential != device.Credential {
				return trace.Errorf(ingest.CodeCredential, "the credential of device %s was just changed", d.ID)
			}
			d.Used = true
			return nil
		}); err != nil {
			return ingest.Device{}, err
		}
	}
	return ingest.Device{ID: device.ID, Model: device.Model, Party: trace.PartyID(device.Party)}, nil
}

// Release implements ingest.Devices.
func (r *Registry) Release(_ context.Context, id trace.DeviceID) error {
	return r.change(id, func(d *store.Device) error {
		d.Credential, d.Used = [32]byte{}, false
		return nil
	})
}

// change is store.Devices.Change with the errors that ingest.Devices knows.
func (r *Registry) change(id trace.DeviceID, change func(*store.Device) error) error {
	_, err := r.devices.Change(id, change)
	return later(err)
}

// later takes the code from an error that is the store's: to a way in it means "later".
func later(err error) error {
	switch code := trace.CodeOf(err); code {
	case "", ingest.CodeTerminalRegistered, ingest.CodeCredential:
		return err
	case store.CodeDeviceUnknown:
		return trace.Errorf(ingest.CodeUnknownTerminal, "the device is not enrolled any more")
	}
	return fmt.Errorf("the device cannot be changed: %v", err)
}

// Bindings implements ingest.Devices and segment.Bindings.
func (r *Registry) Bindings(device trace.DeviceID) []trace.BoundPeriod {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.bindings[device]
}

// Shipment implements segment.Bindings.
func (r *Registry) Shipment(id trace.ShipmentID) (segment.Shipment, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s, known := r.shipments[id]
	return s, known
}

// Load takes over everything that the read model holds now, and says up to which height.
func (r *Registry) Load() (height uint64, err error) {
	height = r.index.Height()
	if err := r.index.Sync(); err != nil {
		return 0, err
	}
	for q := (index.ListQuery{Prefix: state.KindDeviceStatus + "/"}); ; {
		records, next, err := r.index.List(q)
		if err != nil {
			return 0, err
		}
		for i := range records {
			device := trace.DeviceID(string(records[i].Key)[len(state.KindDeviceStatus)+1:])
			if err := r.take(device, records[i].Value); err != nil {
				return 0, err
			}
		}
		if q.Cursor = next; next == "" {
			return height, nil
		}
	}
}

// take takes over a device's status and the shipments it names.
func (r *Registry) take(device trace.DeviceID, value []byte) error {
	var status trace.DeviceStatus
	if err := json.Unmarshal(value, &status); err != nil {
		return err
	}
	for _, b := range status.Bindings {
		if b.Shipment == "" {
			continue
		}
		if _, known := r.Shipment(b.Shipment); !known {
			if err := r.renewShipment(b.Shipment); err != nil {
				return err
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bindings[device] = status.Bindings
	return nil
}

func (r *Registry) renewShipment(id trace.ShipmentID) error {
	var shipment trace.Shipment
	var status trace.ShipmentStatus
	for key, into := range map[trace.Key]any{state.ShipmentKey(id): &shipment, state.ShipmentStatusKey(id): &status} {
		record, found, err := r.index.Record(key)
		if err != nil || !found {
			return err
		}
		if err := json.Unmarshal(record.Value, into); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shipments[id] = segment.Shipment{Range: shipment.Range, Departed: status.Departed, Arrived: status.Arrived}
	return nil
}

// Follow renews what blocks from height on changed, until ctx ends. A binding is durable
// here before it is used: a device that was heard once is heard after a crash while the
// ledger is away, too.
func (r *Registry) Follow(ctx context.Context, height uint64) error {
	for {
		if err := r.index.WaitFor(ctx, height); err != nil {
			return err
		}
		reached := r.index.Height()
		if err := r.renew(height); err != nil {
			return err
		}
		height = reached
	}
}

// renew reads the bindings and arrivals of block first and after it.
func (r *Registry) renew(first uint64) error {
	devices, shipments := map[trace.DeviceID]bool{}, map[trace.ShipmentID]bool{}
	for _, kind := range []string{state.FactBinding, state.FactArrival} {
		err := r.since(kind, first, func(value []byte) error {
			var v struct {
				Device   trace.DeviceID   `json:"device"`
				Shipment trace.ShipmentID `json:"shipment"`
			}
			err := json.Unmarshal(value, &v)
			if v.Device != "" {
				devices[v.Device] = true
			} else if v.Shipment != "" {
				shipments[v.Shipment] = true
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(devices)+len(shipments) > 0 {
		if err := r.index.Sync(); err != nil {
			return err
		}
	}
	for id := range shipments {
		if _, known := r.Shipment(id); known {
			if err := r.renewShipment(id); err != nil {
				return err
			}
		}
	}
	for device := range devices {
		record, found, err := r.index.Record(state.DeviceStatusKey(device))
		if err != nil {
			return err
		}
		if found {
			if err := r.take(device, record.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Registry) since(kind string, first uint64, visit func(value []byte) error) error {
	for q := (index.ListQuery{Kind: kind, Limit: 10}); ; { // mostly the block at hand has one or none
		records, next, err := r.index.List(q)
		if err != nil {
			return err
		}
		for i := range records {
			if records[i].Block < first {
				return nil
			}
			if err := visit(records[i].Value); err != nil {
				return err
			}
		}
		if q.Cursor = next; next == "" {
			return nil
		}
	}
}
