package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// Shape of the measured telemetry: what a refrigerated truck with two probes sends.
const (
	benchReadings = 1_000
	benchDevices  = 64
	benchClients  = 64
)

// benchSegments measures readings anchored a second: payload kept durably, segment
// endorsed and committed, 1,000 noisy distinct readings in each.
func benchSegments(ctx context.Context, dir string) ([]figure, error) {
	b, err := openBenchLedger(ctx, filepath.Join(dir, "segments"))
	if err != nil {
		return nil, err
	}
	defer b.close()
	devices, err := b.bindDevices(ctx)
	if err != nil {
		return nil, err
	}
	rate, err := b.anchorRate(ctx, devices)
	return []figure{{"segments", rate, "readings/s", "required", 500_000}}, err
}

// bindDevices puts trackers on the road.
func (b *benchLedger) bindDevices(ctx context.Context) ([]*benchDevice, error) {
	departed := trace.TimeOf(time.Now().Add(-300 * 24 * time.Hour))
	if err := b.dispatch(ctx, departed); err != nil {
		return nil, err
	}
	devices := make([]*benchDevice, benchDevices)
	var group errgroup.Group
	for i := range devices {
		device := &benchDevice{id: trace.DeviceID(fmt.Sprintf("truck-%02d", i)), at: departed + 1000, random: rand.New(rand.NewPCG(1, uint64(i)))}
		devices[i] = device
		group.Go(func() error {
			_, err := b.submit(ctx, trace.RoleCarrier, "transit", "BindDevice", string(device.id), trace.BindDeviceRequest{
				Write:  trace.Write{IdempotencyKey: string(device.id), Claimed: trace.TimeOf(time.Now())},
				Device: device.id, Shipment: "bench-shipment", Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}, From: departed,
			})
			return err
		})
	}
	return devices, group.Wait()
}

// anchorRate is how many readings a second the devices get onto the chain.
func (b *benchLedger) anchorRate(ctx context.Context, devices []*benchDevice) (float64, error) {
	rate, err := rateOf(benchClients, 8*time.Second, func(i int64) error {
		request, payload, err := devices[i%benchDevices].segment()
		if err != nil {
			return err
		}
		return b.anchor(ctx, request, payload)
	})
	return rate * benchReadings, err
}

func (b *benchLedger) anchor(ctx context.Context, request trace.AnchorSegmentRequest, payload []byte) error {
	if _, err := b.store.Files().Keep(payload, store.About{MediaType: "application/octet-stream", Uploader: "bench-carrier"}); err != nil {
		return err
	}
	arguments, err := json.Marshal(request)
	if err != nil {
		return err
	}
	_, err = b.client.Submit(ctx, b.users[trace.RoleCarrier], ledger.Call{
		Contract: "transit", Method: "AnchorSegment", Arguments: arguments,
		Transient:      map[string][]byte{trace.TransientReadings: payload},
		Endorsers:      []string{trace.CarrierMSP, trace.ProducerMSP, trace.LabMSP},
		IdempotencyKey: fmt.Sprintf("%s-%d", request.Device, request.Sequence),
	})
	return err
}

// dispatch puts one coded lot on the road.
func (b *benchLedger) dispatch(ctx context.Context, departed trace.Time) error {
	write := func(key string) trace.Write {
		return trace.Write{IdempotencyKey: key, Claimed: departed - 60_000}
	}
	lot := trace.LotID{GTIN: benchProduct, Lot: "ROAD"}
	const pack trace.PackID = "BENCH000"
	steps := []struct {
		role             trace.Role
		contract, method string
		request          any
	}{
		{trace.RoleFactory, "origin", "RegisterBatch", trace.RegisterBatchRequest{
			Write: write("road"), LotID: lot, Place: "杭州市余杭区", Point: trace.Point{Latitude: 30_420_000, Longitude: 120_300_000},
			Made: departed - 3_600_000, Quantity: trace.Quantity{Amount: 100, Unit: trace.Piece},
		}},
		{trace.RoleFactory, "code", "IssuePack", trace.IssuePackRequest{Write: write("pack"), Pack: pack, Count: 100, Root: trace.DigestOf([]byte("root")), LeafFile: trace.DigestOf([]byte("leaves"))}},
		{trace.RoleFactory, "code", "ActivatePack", trace.ActivatePackRequest{Write: write("activate"), Pack: pack, LotID: lot}},
		{trace.RoleFactory, "transit", "Consign", trace.ConsignRequest{
			Write: write("consign"), Shipment: "bench-shipment", Carrier: "bench-carrier", Consignee: "bench-merchant", Lots: []trace.LotID{lot},
		}},
		{trace.RoleCarrier, "transit", "Dispatch", trace.DispatchRequest{
			Write: write("dispatch"), Shipment: "bench-shipment", Loads: []trace.Load{{Codes: &trace.CodeRange{Pack: pack, First: 1, Last: 100}}},
			From: "bench-factory", Consignee: "bench-merchant", Departed: departed,
			Origin: trace.Place{Name: "余杭", Point: trace.Point{Latitude: 30_420_000, Longitude: 120_300_000}},
			Target: trace.Place{Name: "杭州", Point: trace.Point{Latitude: 30_250_000, Longitude: 120_160_000}},
		}},
	}
	for _, s := range steps {
		if _, err := b.submit(ctx, s.role, s.contract, s.method, s.method, s.request); err != nil {
			return fmt.Errorf("%s:%s: %w", s.contract, s.method, err)
		}
	}
	return nil
}

// benchDevice makes the readings of one tracker: every second a position that moves
// and two temperatures, all with noise.
type benchDevice struct {
	mu       sync.Mutex
	id       trace.DeviceID
	at       trace.Time
	sequence int64
	previous trace.Digest
	random   *rand.Rand
}

func (d *benchDevice) segment() (trace.AnchorSegmentRequest, []byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	readings := make([]trace.Reading, benchReadings)
	for i := range readings {
		d.at += trace.Time(900 + d.random.IntN(200))
		readings[i] = trace.Reading{
			At:           d.at,
			Temperatures: []trace.CentiCelsius{trace.CentiCelsius(40 + d.random.IntN(180)), trace.CentiCelsius(100 + d.random.IntN(40))},
			Humidity:     trace.CentiPercent(9000 + d.random.IntN(500)), Shock: int32(d.random.IntN(400)), Fix: true,
			Point:        trace.Point{Latitude: trace.MicroDegrees(30_000_000 + d.random.IntN(500_000)), Longitude: trace.MicroDegrees(104_000_000 + d.random.IntN(500_000))},
			Speed:        int32(700 + d.random.IntN(200)),
			SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
		}
	}
	payload, err := trace.EncodeReadings(2, readings)
	if err != nil {
		return trace.AnchorSegmentRequest{}, nil, err
	}
	d.sequence++
	request := trace.AnchorSegmentRequest{
		Device: d.id, Sequence: d.sequence, Shipment: "bench-shipment", Count: benchReadings,
		From: readings[0].At, To: readings[benchReadings-1].At, Previous: d.previous, Payload: trace.DigestOf(payload),
	}
	d.previous = request.Payload
	return request, payload, nil
}
