package device_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
	"traceledger/gateway/ingest/ingesttest"
	"traceledger/gateway/ingest/jt808"
	"traceledger/gateway/ingest/jt808/device"
	"traceledger/gateway/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var begin = time.Date(2026, 10, 20, 8, 0, 0, 0, time.UTC)

type truck struct {
	*device.Device
	id   trace.DeviceID
	mu   sync.Mutex
	told []trace.Time // acknowledged
}

func enrolled(t *testing.T, devices *ingesttest.Devices, n int, address string) []*truck {
	trucks := make([]*truck, n)
	for i := range trucks {
		k := &truck{id: trace.DeviceID(fmt.Sprintf("truck-%04d", i))}
		cfg := device.Config{
			Address: address, Edition: []jt808.Edition{jt808.Edition2013, jt808.Edition2019}[i%2], Phone: fmt.Sprintf("138%08d", i), Terminal: fmt.Sprintf("T%06d", i),
			Batch: []int{1, 10, 60}[i%3], Window: 4, Patient: 2 * time.Second, Pause: 5 * time.Millisecond,
			Acknowledged: func(p jt808.Position) {
				k.mu.Lock()
				defer k.mu.Unlock()
				k.told = append(k.told, p.At)
			},
			Refused: func(p jt808.Position, r jt808.Result) { t.Errorf("%s: %s refused with %d", k.id, p.At, r) },
		}
		devices.Enrol(ingesttest.Terminal{Phone: cfg.Phone, Terminal: cfg.Terminal, Device: ingest.Device{ID: k.id}})
		devices.Bind(k.id, trace.BoundPeriod{Store: "cold-1", Probes: []string{trace.ProbeReturnAir}, From: trace.TimeOf(begin)})
		var err error
		k.Device, err = device.New(cfg)
		require.NoError(t, err)
		trucks[i] = k
	}
	return trucks
}

func position(i int) jt808.Position {
	return jt808.Position{Status: jt808.StatusFixed | jt808.StatusBeidou, Latitude: 30_205_000, Longitude: 103_512_000, At: trace.TimeOf(begin.Add(time.Duration(i) * time.Second)), Items: jt808.AppendTemperatures(nil, 480)}
}

// Through a sink that is busy or broken now and then, connections that end, and servers
// that are killed and started again, every acknowledged position is kept once, and every
// position is acknowledged in the end.
func TestExactlyOnce(t *testing.T) {
	sink, devices := ingesttest.NewSink(), ingesttest.NewDevices()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	start := func(listener net.Listener) (*jt808.Server, func()) {
		server, err := jt808.NewServer(jt808.Config{
			Sink: sink, Devices: devices, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return begin.Add(time.Hour) },
			Limits: jt808.Limits{StopWithin: time.Millisecond, HoldFor: 50 * time.Millisecond, ReadingsPerSecond: 1 << 20},
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(ctx, listener) }()
		return server, func() {
			cancel()
			require.NoError(t, <-ended)
		}
	}
	const trucks, positions = 24, 600
	all := enrolled(t, devices, trucks, address)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	running, stopDevices := context.WithCancel(ctx)
	var g errgroup.Group
	for _, k := range all {
		g.Go(func() error { return k.Run(running) })
	}
	random := rand.New(rand.NewPCG(1, 2))
	server, stop := start(listener)
	connected := map[*truck]int{} // how often before this server
	for i := range positions {
		for _, k := range all {
			k.Send(position(i))
		}
		switch {
		case i%97 == 50:
			sink.Fail([]error{trace.Errorf(ingest.CodeBusy, "full"), errors.New("disk")}[random.IntN(2)])
		case i%97 == 60:
			sink.Fail(nil)
		case i%5 == 0:
			server.Disconnect(all[random.IntN(trucks)].id)
		}
		if i%200 == 199 {
			for _, k := range all { // it is killed once it has had them all
				require.Eventually(t, func() bool { n, _ := k.Counts(); return n > connected[k] }, time.Minute, time.Millisecond)
			}
			stop()
			for _, k := range all {
				connected[k], _ = k.Counts()
			}
			require.Eventually(t, func() bool { // a connection of another process may have the port for a moment
				listener, err = net.Listen("tcp", address)
				return err == nil
			}, time.Minute, time.Millisecond)
			server, stop = start(listener)
		}
		time.Sleep(time.Millisecond) // devices measure at their own pace
	}
	sink.Fail(nil)
	for _, k := range all {
		require.NoError(t, k.Drained(ctx))
	}
	stopDevices()
	require.NoError(t, g.Wait())
	stop()
	for _, k := range all {
		kept := sink.Readings(k.id)
		require.Len(t, kept, positions)
		slices.Sort(k.told)
		require.Len(t, k.told, positions, "each told once")
		for i := range kept {
			require.Equal(t, kept[i].At, k.told[i])
		}
		_, acknowledged := k.Counts()
		require.Equal(t, positions, acknowledged)
		require.Zero(t, k.Unacknowledged())
	}
}

// A terminal with nothing to send stays connected by its heartbeats.
func TestHeartbeats(t *testing.T) {
	devices, metrics := ingesttest.NewDevices(), jt808.NewMetrics()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server, err := jt808.NewServer(jt808.Config{Sink: ingesttest.NewSink(), Devices: devices, Metrics: metrics, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(ctx, listener) }()
	devices.Enrol(ingesttest.Terminal{Phone: "13800138000", Terminal: "A1", Device: ingest.Device{ID: "tl-1"}})
	d, err := device.New(device.Config{Address: listener.Addr().String(), Phone: "13800138000", Terminal: "A1", Beat: time.Millisecond})
	require.NoError(t, err)
	go func() { ended <- d.Run(ctx) }()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	require.Eventually(t, func() bool {
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if f.GetName() == "traceledger_jt808_frames_total" {
				return f.Metric[0].GetCounter().GetValue() > 10
			}
		}
		return false
	}, 2*time.Minute, time.Millisecond)
	n, _ := d.Counts()
	require.Equal(t, 1, n)
	require.NoError(t, d.Drained(ctx))
	cancel()
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
}

// A terminal that nobody enrolled gives up.
func TestNotEnrolled(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server, err := jt808.NewServer(jt808.Config{Sink: ingesttest.NewSink(), Devices: ingesttest.NewDevices(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	d, err := device.New(device.Config{Address: listener.Addr().String(), Phone: "13800138000"})
	require.NoError(t, err)
	require.ErrorIs(t, d.Run(ctx), device.ErrRegistration)
	cancel()
	require.NoError(t, <-ended)
	_, err = device.New(device.Config{Phone: "+86"})
	require.Error(t, err)
}
