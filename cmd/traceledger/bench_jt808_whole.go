package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ingest/jt808"
	"traceledger/gateway/ingest/jt808/device"
	"traceledger/gateway/ingest/registry"
	"traceledger/gateway/ingest/segment"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// Shape of a measurement from TCP to the chain: trackers that have been without a network
// and send what they kept, twenty positions to a message.
const (
	benchTrackers       = 128
	benchPositionsBatch = 20
)

// benchJT808 measures readings a second from a terminal's TCP connection to their commit
// on the embedded ledger.
func benchJT808(ctx context.Context, dir string) ([]figure, error) {
	b, err := openBenchLedger(ctx, filepath.Join(dir, "jt808"))
	if err != nil {
		return nil, err
	}
	defer b.close()
	rate, err := b.terminalRate(ctx, filepath.Join(dir, "jt808"), 0, 8_000)
	return []figure{{"jt808", rate, "readings/s", "required", 100_000}}, err
}

// benchNetJT808 measures the same on the network.
func benchNetJT808(ctx context.Context, n *benchNet, run int) ([]figure, error) {
	rate, err := n.terminalRate(ctx, filepath.Join(n.dir, fmt.Sprintf("terminals-%d", run)), run, 3_000)
	return []figure{{"jt808-net", rate, "readings/s", "required", 30_000}}, err
}

// terminalRate has trackers send each so many positions to a server with the gateway's
// segmenter behind it, and is how many a second are on the chain when the last one is.
func (b *benchLedger) terminalRate(ctx context.Context, dir string, run, each int) (rate float64, err error) {
	w, err := b.openTerminals(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	trackers, err := w.enrol(ctx, run, each)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	for _, tracker := range trackers {
		w.group.Go(func() error { return tracker.Run(w.ctx) })
	}
	for _, tracker := range trackers {
		if err := tracker.Drained(w.ctx); err != nil {
			return 0, errors.Join(err, context.Cause(w.ctx))
		}
		if _, taken := tracker.Counts(); taken != each {
			return 0, fmt.Errorf("%d of %d positions were acknowledged", taken, each)
		}
	}
	for i := range trackers {
		if err := w.segments.Flush(trackerID(run, i)); err != nil {
			return 0, err
		}
	}
	for w.segments.Waiting() > 0 {
		select {
		case <-w.ctx.Done():
			return 0, context.Cause(w.ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return float64(len(trackers)*each) / time.Since(began).Seconds(), nil
}

func trackerID(run, i int) trace.DeviceID {
	return trace.DeviceID(fmt.Sprintf("tracker-%d-%03d", run, i))
}

// benchTerminals is a gateway's part for terminals: read model, registry, segmenter,
// server.
type benchTerminals struct {
	*benchLedger
	index    *index.Index
	devices  *registry.Registry
	segments *segment.Segmenter
	address  string
	ctx      context.Context
	end      context.CancelFunc
	group    *errgroup.Group
}

func (b *benchLedger) openTerminals(ctx context.Context, dir string) (w *benchTerminals, err error) {
	logger, err := logTo("error")
	if err != nil {
		return nil, err
	}
	w = &benchTerminals{benchLedger: b}
	w.ctx, w.end = context.WithCancel(ctx)
	w.group, w.ctx = errgroup.WithContext(w.ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.index, err = index.Open(index.Config{Dir: filepath.Join(dir, "index"), Logger: logger}); err != nil {
		return w, err
	}
	w.devices = registry.New(b.store.Devices(), w.index)
	if w.segments, err = segment.Open(segment.Config{Dir: filepath.Join(dir, "ingest"), Bindings: w.devices, Logger: logger, Chain: &segment.Gateway{
		Ledger: b.client, Files: b.store.Files(), Index: w.index,
		Identity: func(string, trace.DeviceID) (ledger.Identity, error) { return b.users[trace.RoleFactory], nil },
	}}); err != nil {
		return w, err
	}
	// A tracker's pace is not what is measured.
	server, err := jt808.NewServer(jt808.Config{Sink: w.segments, Devices: w.devices, Logger: logger, Limits: jt808.Limits{ReadingsPerSecond: 1_000_000, Burst: 1_000_000}})
	if err != nil {
		return w, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return w, err
	}
	w.address = listener.Addr().String()
	for _, run := range []func(context.Context) error{
		func(ctx context.Context) error {
			return w.index.Follow(ctx, func(ctx context.Context, from uint64, handle func(*common.Block) error) error {
				return b.client.Blocks(ctx, b.users[trace.RoleScanner], from, handle)
			})
		},
		func(ctx context.Context) error { return w.devices.Follow(ctx, 0) },
		w.segments.Run,
		func(ctx context.Context) error { return server.Serve(ctx, listener) },
	} {
		w.group.Go(func() error { return ended(w.ctx, run(w.ctx)) })
	}
	return w, nil
}

func (w *benchTerminals) close() error {
	w.end()
	err := w.group.Wait()
	if w.segments != nil {
		err = errors.Join(err, w.segments.Close())
	}
	if w.index != nil {
		err = errors.Join(err, w.index.Close())
	}
	return err
}

// enrol enrols and binds trackers, and gives each what it has to send: a second a position.
func (w *benchTerminals) enrol(ctx context.Context, run, each int) ([]*device.Device, error) {
	from := (trace.TimeOf(time.Now())/1000 - 20*3_600) * 1000
	trackers := make([]*device.Device, benchTrackers)
	var group errgroup.Group
	for i := range trackers {
		group.Go(func() (err error) {
			id, phone := trackerID(run, i), fmt.Sprintf("138%04d%04d", run, i)
			if _, err := w.store.Devices().Enrol(store.Device{ID: id, Protocol: "jt808", Terminal: phone, Model: "standard", Party: "bench-factory"}); err != nil {
				return err
			}
			if _, err := w.submit(ctx, trace.RoleFactory, "transit", "BindDevice", string(id), trace.BindDeviceRequest{
				Write:  trace.Write{IdempotencyKey: string(id), Claimed: trace.TimeOf(time.Now())},
				Device: id, Store: "bench-store", Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}, From: from,
			}); err != nil {
				return err
			}
			trackers[i], err = device.New(device.Config{Address: w.address, Phone: phone, Terminal: "T1", Model: "standard", Batch: benchPositionsBatch})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, tracker := range trackers {
		positions := make([]jt808.Position, each)
		for k := range positions {
			n := uint32(i*7_919 + k*31)
			positions[k] = jt808.Position{
				Status: jt808.StatusFixed | jt808.StatusBeidou, Latitude: 30_205_000 + n%99_991, Longitude: 103_512_000 + n%99_989, Speed: uint16(700 + n%200),
				At: from + 1000*trace.Time(k+1), Items: jt808.AppendTemperatures(nil, trace.CentiCelsius(10*(n%18)), trace.CentiCelsius(100+10*(n%4))),
			}
		}
		tracker.Send(positions...)
	}
	for i := range trackers {
		for len(w.devices.Bindings(trackerID(run, i))) == 0 {
			select {
			case <-w.ctx.Done():
				return nil, context.Cause(w.ctx)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return trackers, nil
}
