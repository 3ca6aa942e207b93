package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ingest/jt808"
	"traceledger/gateway/ingest/registry"
	"traceledger/gateway/ingest/segment"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// benchJT808 measures readings a second from a terminal's TCP connection to their commit
// on the embedded ledger, and the processor time that takes: on a machine with other work
// the second says more.
func benchJT808(ctx context.Context, dir string) ([]figure, error) {
	b, err := openBenchLedger(ctx, filepath.Join(dir, "jt808"))
	if err != nil {
		return nil, err
	}
	defer b.close()
	w, err := b.terminalWork(ctx, filepath.Join(dir, "jt808"), 0, 8_000, func() (time.Duration, error) { return processorTime(os.Getpid()) })
	return []figure{
		{"jt808", w.rate, "readings/s", "required", 100_000},
		{"jt808-cpu", w.ours, "µs/reading", "two cores at the required rate", 20},
		{"jt808-tracker-cpu", w.trackers, "µs/reading", "ours", w.ours},
	}, err
}

// benchNetJT808 measures the same on the network.
func benchNetJT808(ctx context.Context, n *benchNet, run int) ([]figure, error) {
	w, err := n.terminalWork(ctx, filepath.Join(n.dir, fmt.Sprintf("terminals-%d", run)), run, 6_000, func() (time.Duration, error) {
		times, err := n.processorTimes()
		return totalOf(times), err
	})
	return []figure{
		{"jt808-net", w.rate, "readings/s", "required", 30_000},
		{"jt808-net-cpu", w.ours, "µs/reading", "two cores at the required rate", 2e6 / 30_000},
	}, err
}

// terminalWork is what it took to get readings from terminals onto the chain.
type terminalWork struct {
	rate           float64 // readings a second
	ours, trackers float64 // processor time of a reading, in microseconds
}

// terminalWork has trackers, in a process of their own, send each so many positions to a
// server with the gateway's segmenter behind it, until all are on the chain. spent is the
// processor time of all processes that are not theirs, so far.
func (b *benchLedger) terminalWork(ctx context.Context, dir string, run, each int, spent func() (time.Duration, error)) (work terminalWork, err error) {
	w, err := b.openTerminals(ctx, dir)
	if err != nil {
		return work, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	from := (trace.TimeOf(time.Now())/1000 - 20*3_600) * 1000
	if err := w.enrol(ctx, run, from); err != nil {
		return work, err
	}
	trackers, err := startTrackers(w.ctx, trackerPlan{Address: w.address, Run: run, Each: each, From: from})
	if err != nil {
		return work, err
	}
	defer func() { err = errors.Join(err, trackers.stop()) }()
	before, err := spent()
	if err != nil {
		return work, err
	}
	began := time.Now()
	theirs, err := trackers.send()
	if err != nil {
		return work, errors.Join(err, context.Cause(w.ctx))
	}
	for i := range benchTrackers {
		if err := w.segments.Flush(trackerID(run, i)); err != nil {
			return work, err
		}
	}
	for w.segments.Waiting() > 0 {
		select {
		case <-w.ctx.Done():
			return work, context.Cause(w.ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
	took := time.Since(began)
	after, err := spent()
	sent := float64(benchTrackers * each)
	perReading := func(of time.Duration) float64 { return float64(of.Microseconds()) / sent }
	return terminalWork{rate: sent / took.Seconds(), ours: perReading(after - before), trackers: perReading(theirs)}, err
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

// enrol enrols and binds the trackers, and waits until the server knows of it.
func (w *benchTerminals) enrol(ctx context.Context, run int, from trace.Time) error {
	var group errgroup.Group
	for i := range benchTrackers {
		group.Go(func() error {
			id := trackerID(run, i)
			if _, err := w.store.Devices().Enrol(store.Device{ID: id, Protocol: "jt808", Terminal: trackerPhone(run, i), Model: "standard", Party: "bench-factory"}); err != nil {
				return err
			}
			_, err := w.submit(ctx, trace.RoleFactory, "transit", "BindDevice", string(id), trace.BindDeviceRequest{
				Write:  trace.Write{IdempotencyKey: string(id), Claimed: trace.TimeOf(time.Now())},
				Device: id, Store: "bench-store", Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}, From: from,
			})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := range benchTrackers {
		for len(w.devices.Bindings(trackerID(run, i))) == 0 {
			select {
			case <-w.ctx.Done():
				return context.Cause(w.ctx)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return nil
}
