package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/jt808"
	"traceledger/gateway/ingest/mqtt"
	"traceledger/gateway/ingest/registry"
	"traceledger/gateway/ingest/segment"
	"traceledger/gateway/ledger"
)

// Ingest is how devices come in and how their readings become segments. Zero values take
// the defaults named.
type Ingest struct {
	// JT808 is the address for terminals that speak JT/T 808, host:port; empty takes none.
	JT808 string `yaml:"jt808"`
	// JT808Models is a file of device models in place of the built-in ones (docs/devices.md).
	JT808Models string `yaml:"jt808Models"`
	// JT808Limits bounds connections, rates and clocks; zero values take the defaults.
	JT808Limits jt808.Limits `yaml:"jt808Limits"`
	// MQTT is the address of the broker for sensors, host:port; empty runs none.
	MQTT string `yaml:"mqtt"`
	// MQTTTLS lets the broker speak TLS with tlsCertificate.
	MQTTTLS bool `yaml:"mqttTLS"`
	// SegmentReadings is how many readings make a segment; 1000, at most 5000. While
	// segments wait to be sent, larger ones are made.
	SegmentReadings int `yaml:"segmentReadings"`
	// SegmentAge is how long a reading waits for others, "60s".
	SegmentAge time.Duration `yaml:"segmentAge"`
	// PlotAge is how long a reading of a plot's sensor waits, "1h".
	PlotAge time.Duration `yaml:"plotAge"`
	// ExcursionAge is how long it waits while its device measures outside the range, "1s";
	// the first one outside goes at once.
	ExcursionAge time.Duration `yaml:"excursionAge"`
	// Shock is the shock, in milli-g, at which a reading goes at once; 3000. -1: none does.
	Shock int32 `yaml:"shock"`
	// WaitingMB is how many mebibytes of readings may wait while the ledger is away; 4096.
	// Then devices are held back.
	WaitingMB int64 `yaml:"waitingMB"`
}

func (i Ingest) check(cfg Config) error {
	for name, address := range map[string]string{"mqtt": i.MQTT, "jt808": i.JT808} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			return fmt.Errorf("ingest: %s %q is not host:port", name, address)
		}
	}
	if i.MQTTTLS && cfg.TLSCertificate == "" {
		return fmt.Errorf("ingest: mqttTLS needs tlsCertificate and tlsKey")
	}
	if i.SegmentReadings < 0 || i.SegmentReadings > trace.MaxReadings || i.SegmentAge < 0 || i.PlotAge < 0 || i.ExcursionAge < 0 || i.WaitingMB < 0 {
		return fmt.Errorf("ingest: segmentReadings must be 1 to %d, segmentAge, plotAge, excursionAge and waitingMB above 0", trace.MaxReadings)
	}
	return nil
}

// openIngest opens the segmenter and makes the ways in that have an address.
func (n *node) openIngest(metrics prometheus.Registerer) (err error) {
	n.devices = registry.New(n.store.Devices(), n.index)
	counters, i := segment.NewMetrics(), n.cfg.Ingest
	if n.segments, err = segment.Open(segment.Config{
		Dir: filepath.Join(n.cfg.Data, "ingest"), Bindings: n.devices, Logger: n.logger, Metrics: counters,
		Chain: &segment.Gateway{Ledger: n.ledger, Files: n.store.Files(), Index: n.index, Identity: n.signerOf},
		Limits: segment.Limits{
			Readings: i.SegmentReadings, Age: i.SegmentAge, PlotAge: i.PlotAge, ExcursionAge: i.ExcursionAge, Shock: i.Shock, Waiting: i.WaitingMB << 20,
		},
	}); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	if err := metrics.Register(counters); err != nil {
		return err
	}
	if err := n.openTerminals(metrics); err != nil {
		return err
	}
	if i.MQTT == "" {
		return nil
	}
	heard := mqtt.NewMetrics()
	cfg := mqtt.Config{Sink: n.segments, Devices: n.devices, Logger: n.logger, Metrics: heard}
	if i.MQTTTLS {
		certificate, err := tls.LoadX509KeyPair(n.cfg.TLSCertificate, n.cfg.TLSKey)
		if err != nil {
			return err
		}
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	if n.sensors, err = mqtt.NewServer(cfg); err != nil {
		return err
	}
	return metrics.Register(heard)
}

// openTerminals makes the server for terminals that speak JT/T 808.
func (n *node) openTerminals(metrics prometheus.Registerer) error {
	i := n.cfg.Ingest
	if i.JT808 == "" {
		return nil
	}
	heard := jt808.NewMetrics()
	cfg := jt808.Config{Sink: n.segments, Devices: n.devices, Limits: i.JT808Limits, Logger: n.logger, Metrics: heard}
	if i.JT808Models != "" {
		content, err := os.ReadFile(i.JT808Models)
		if err != nil {
			return err
		}
		if cfg.Models, err = jt808.ParseModels(content); err != nil {
			return fmt.Errorf("ingest: %s: %w", i.JT808Models, err)
		}
	}
	var err error
	if n.terminals, err = jt808.NewServer(cfg); err != nil {
		return err
	}
	return metrics.Register(heard)
}

// disconnect ends a device's connections, whatever it speaks.
func (n *node) disconnect(device trace.DeviceID) {
	if n.terminals != nil {
		n.terminals.Disconnect(device)
	}
	if n.sensors != nil {
		n.sensors.Disconnect(device)
	}
}

// signerOf gives who signs a segment: who brought it in a file, or who enrolled the device.
func (n *node) signerOf(by string, device trace.DeviceID) (ledger.Identity, error) {
	if by == "" {
		enrolled, known := n.store.Devices().Get(device)
		if !known {
			return ledger.Identity{}, fmt.Errorf("device %s has readings here and is not enrolled", device)
		}
		by = enrolled.Enrolment
	}
	return n.wallet.Identity(by)
}

// runIngest lets devices in once their bindings are known, and sends what waits.
func (n *node) runIngest(ctx context.Context) error {
	if err := n.knowBindings(ctx); err != nil {
		return ended(ctx, err)
	}
	height, err := n.devices.Load()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ended(ctx, n.devices.Follow(ctx, height)) })
	// What was cut goes out before the house closes, and the requests under way that wait
	// for it are answered.
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		<-ctx.Done()
		defer stop()
		n.segments.Drain(drainTime)
		return nil
	})
	group.Go(func() error { return ended(sending, n.segments.Run(sending)) })
	if n.terminals != nil {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", n.cfg.Ingest.JT808)
		if err != nil {
			return err
		}
		n.logger.Info("terminals", "address", listener.Addr().String())
		group.Go(func() error { return ended(ctx, n.terminals.Serve(ctx, listener)) })
	}
	if n.sensors != nil {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", n.cfg.Ingest.MQTT)
		if err != nil {
			return err
		}
		group.Go(func() error { return ended(ctx, n.sensors.Serve(ctx, listener)) })
	}
	return group.Wait()
}

// knowBindings waits until the read model is level with the chain: a reading of a device
// that is bound there and not yet here would be refused for good. With the ledger away
// the read model of an earlier day has to do, so that devices are heard through an outage.
func (n *node) knowBindings(ctx context.Context) error {
	for {
		ask, cancel := context.WithTimeout(ctx, 2*time.Second)
		height, err := n.ledger.Height(ask, n.reader)
		cancel()
		switch {
		case err == nil && height > 0:
			return n.index.WaitFor(ctx, height-1)
		case err != nil && n.index.Height() > 0:
			n.logger.Warn("ingest: the ledger does not answer; devices are heard with the bindings known here", "error", err)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
