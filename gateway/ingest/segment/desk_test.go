package segment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
)

// chain is the ledger as the contract answers (rules.CheckSegment, MayAnchor, Summarise),
// without its blocks; it can be away, and it can take a segment and lose the answer. The
// real ledger behind the same code is in cmd/traceledger's tests.
type chain struct {
	mu        sync.Mutex
	away      error
	loseAfter int // answers from now on are lost: the segment is on the chain, the caller does not know
	statuses  map[trace.DeviceID]*trace.DeviceStatus
	shipments map[trace.ShipmentID]*trace.ShipmentStatus
	ranges    map[trace.ShipmentID]*trace.TemperatureRange
	segments  map[trace.DeviceID]map[int64]*anchored
	order     []trace.Digest
	attempts  int
	asked     func() // before bindings are told
	lost      bool   // the readings behind the segments are in nobody's files any more
}

type anchored struct {
	request  trace.AnchorSegmentRequest
	payload  []byte
	readings []trace.Reading
}

func newChain() *chain {
	return &chain{statuses: map[trace.DeviceID]*trace.DeviceStatus{}, shipments: map[trace.ShipmentID]*trace.ShipmentStatus{},
		ranges: map[trace.ShipmentID]*trace.TemperatureRange{}, segments: map[trace.DeviceID]map[int64]*anchored{}}
}

func (c *chain) Anchor(ctx context.Context, _ string, q *trace.AnchorSegmentRequest, payload []byte) (ledger.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts++
	if c.away != nil {
		return ledger.Receipt{}, c.away
	}
	receipt := ledger.Receipt{TransactionID: fmt.Sprint(q.Device, q.Sequence)}
	if err := rules.CheckSegment(q); err != nil {
		return ledger.Receipt{}, err
	}
	if have := c.segments[q.Device][q.Sequence]; have != nil {
		if have.request == *q {
			return receipt, nil
		}
		return ledger.Receipt{}, trace.Errorf(trace.CodeSequence, "taken")
	}
	bound, err := rules.MayAnchor(q, c.statuses[q.Device], c.shipments[q.Shipment], "carrier")
	if err != nil {
		return ledger.Receipt{}, err
	}
	if _, err := rules.Summarise(q, rules.SegmentTerms{Probes: bound.Probes}, payload); err != nil {
		return ledger.Receipt{}, err
	}
	_, readings, err := trace.DecodeReadings(payload)
	if err != nil {
		return ledger.Receipt{}, err
	}
	if c.segments[q.Device] == nil {
		c.segments[q.Device] = map[int64]*anchored{}
	}
	c.segments[q.Device][q.Sequence] = &anchored{*q, append([]byte(nil), payload...), readings}
	c.order = append(c.order, q.Payload)
	if c.loseAfter > 0 {
		if c.loseAfter--; c.loseAfter == 0 {
			return ledger.Receipt{}, &ledger.UnknownOutcome{Reason: errors.New("lost")}
		}
	}
	return receipt, nil
}

func (c *chain) Segments(device trace.DeviceID) (out []Known, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := int64(1); len(out) < len(c.segments[device]); n++ {
		if a := c.segments[device][n]; a != nil {
			out = append(out, Known{n, a.request.From, a.request.To, a.request.Previous, a.request.Payload})
		}
	}
	return out, nil
}

func (c *chain) Payload(hash trace.Digest) ([]byte, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range c.segments {
		for _, a := range of {
			if a.request.Payload == hash && !c.lost {
				return a.payload, true, nil
			}
		}
	}
	return nil, false, nil
}

func (c *chain) Bindings(device trace.DeviceID) []trace.BoundPeriod {
	if c.asked != nil {
		c.asked()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.statuses[device]; s != nil {
		return append([]trace.BoundPeriod(nil), s.Bindings...)
	}
	return nil
}

func (c *chain) Shipment(id trace.ShipmentID) (Shipment, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.shipments[id]
	if s == nil {
		return Shipment{}, false
	}
	return Shipment{Range: c.ranges[id], Departed: s.Departed, Arrived: s.Arrived}, true
}

// bind binds a device by the rule of the contract.
func (c *chain) bind(t require.TestingT, device trace.DeviceID, shipment trace.ShipmentID, from trace.Time, probes ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shipments[shipment] == nil {
		c.shipments[shipment] = &trace.ShipmentStatus{Open: true, Carrier: "carrier", Departed: from}
	}
	next, err := rules.BindDevice(&trace.BindDeviceRequest{Device: device, Shipment: shipment, Probes: probes, From: from}, c.statuses[device], c.shipments[shipment], "carrier", from+1)
	require.NoError(t, err)
	c.statuses[device] = &next
}

func (c *chain) setAway(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = err
}

// all gives every reading of a device on the chain, and fails on one that is there twice.
func (c *chain) all(t require.TestingT, device trace.DeviceID) map[trace.Time]trace.Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[trace.Time]trace.Reading{}
	for _, a := range c.segments[device] {
		for _, r := range a.readings {
			_, twice := out[r.At]
			require.False(t, twice, "reading %s of %s is on the chain twice", r.At, device)
			out[r.At] = r
		}
	}
	return out
}

var unavailable = trace.Errorf(ledger.CodeLedgerUnavailable, "away")

var quiet = slog.New(slog.DiscardHandler)

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 10, 20, 8, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// desk is a segmenter under test with what stands around it.
type desk struct {
	t      *testing.T
	chain  *chain
	clock  *clock
	fs     vfs.FS
	limits Limits
	*Segmenter
	stop func()
}

const (
	truck    trace.DeviceID   = "truck-01"
	shipment trace.ShipmentID = "ship-01"
)

func newDesk(t *testing.T, limits Limits) *desk {
	d := &desk{t: t, chain: newChain(), clock: newClock(), fs: vfs.NewMem(), limits: limits}
	d.chain.bind(t, truck, shipment, trace.TimeOf(d.clock.Now().Add(-24*time.Hour)), trace.ProbeReturnAir)
	d.open()
	t.Cleanup(d.close)
	return d
}

func (d *desk) open() {
	var err error
	d.Segmenter, err = Open(Config{Dir: "/data/ingest", FS: d.fs, Bindings: d.chain, Chain: d.chain, Limits: d.limits, Now: d.clock.Now, Logger: quiet})
	require.NoError(d.t, err)
}

// run sends until close.
func (d *desk) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	d.stop = func() { cancel(); require.NoError(d.t, <-done); d.stop = nil }
}

func (d *desk) close() {
	if d.stop != nil {
		d.stop()
	}
	require.NoError(d.t, d.Close())
}

// reading is one a truck sends, seconds after the clock's start.
func (d *desk) reading(seconds int, celsius trace.CentiCelsius) trace.Reading {
	start := trace.TimeOf(newClock().Now())
	return trace.Reading{At: start + trace.Time(seconds)*1000, Temperatures: []trace.CentiCelsius{celsius}, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance}
}

func (d *desk) put(readings ...trace.Reading) error { return d.Put(d.t.Context(), truck, readings) }

func (d *desk) eventually(what string, condition func() bool) {
	d.t.Helper()
	require.Eventually(d.t, condition, time.Minute, 5*time.Millisecond, what)
}

func (d *desk) series(from, to int) []trace.Reading {
	var out []trace.Reading
	for i := from; i < to; i++ {
		out = append(out, d.reading(i, trace.CentiCelsius(i%100)))
	}
	return out
}
