package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"sync"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/jt808"
	"traceledger/gateway/ingest/jt808/device"
)

// runDevice simulates one JT/T 808 terminal against a running house, so that a carrier's
// engineer can try enrolment, binding and answers without a truck. See docs/devices.md.
func runDevice(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("device", flag.ContinueOnError)
	cfg := device.Config{Model: "standard"}
	flags.StringVar(&cfg.Address, "addr", "", "the house's address for terminals, host:port (ingest.jt808)")
	flags.StringVar(&cfg.Phone, "phone", "", "number of the terminal's SIM card, as enrolled")
	flags.StringVar(&cfg.Terminal, "terminal", "SIM0001", "id of the terminal")
	flags.StringVar(&cfg.Plate, "plate", "", "plate it was enrolled with, if any")
	flags.StringVar(&cfg.Code, "code", "", "authentication code of an earlier run; without one it registers")
	flags.IntVar(&cfg.Batch, "batch", 1, "positions to a message; above 1 they go as batches (0x0704)")
	edition := flags.Int("edition", 2019, "edition of the standard: 2013 or 2019")
	count := flags.Int("count", 10, "positions to send")
	every := flags.Duration("every", time.Second, "between two of them, at least a second of their time")
	celsius := flags.Int("celsius", 2, "°C at the probe return-air")
	within := flags.Duration("within", time.Minute, "the longest to wait for the last answer")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case cfg.Address == "" || cfg.Phone == "":
		return fmt.Errorf("-addr and -phone are needed")
	case *edition != 2013 && *edition != 2019:
		return fmt.Errorf("-edition %d: 2013 or 2019", *edition)
	case *count < 1 || *every < 0:
		return fmt.Errorf("-count must be at least 1 and -every not negative")
	}
	cfg.Edition = jt808.Edition2019
	if *edition == 2013 {
		cfg.Edition = jt808.Edition2013
	}
	var mu sync.Mutex
	refused := 0
	say := func(p jt808.Position, what string) {
		fmt.Fprintf(out, "%s %s\n", p.At, what)
	}
	cfg.Acknowledged = func(p jt808.Position) {
		mu.Lock()
		defer mu.Unlock()
		say(p, "acknowledged")
	}
	cfg.Refused = func(p jt808.Position, why jt808.Result) {
		mu.Lock()
		defer mu.Unlock()
		refused++
		say(p, fmt.Sprintf("refused with result %d", why))
	}
	terminal, err := device.New(cfg)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- terminal.Run(running) }()
	err = sendPositions(ctx, terminal, *count, *every, trace.CentiCelsius(100**celsius), *within, ended)
	stop()
	if code := terminal.Code(); code != "" && cfg.Code == "" {
		fmt.Fprintf(out, "code %s\n", code)
	}
	if err == nil && refused > 0 {
		err = fmt.Errorf("%d of %d positions were refused; see docs/devices.md", refused, *count)
	}
	return err
}

// sendPositions reports from a street in Hangzhou and waits for the answers. Positions
// sent in one go lie in the past, a second apart.
func sendPositions(ctx context.Context, terminal *device.Device, count int, every time.Duration, at trace.CentiCelsius, within time.Duration, ended <-chan error) error {
	from := (trace.TimeOf(time.Now()) / 1000) * 1000
	if every < time.Second {
		from -= trace.Time(count) * 1000
	}
	for k := range count {
		terminal.Send(jt808.Position{
			Status: jt808.StatusIgnition | jt808.StatusFixed | jt808.StatusBeidou, Latitude: 30_250_000 + uint32(k)*50, Longitude: 120_160_000, Speed: 200,
			At: from + trace.Time(k)*max(1000, trace.Time(every.Milliseconds())), Items: jt808.AppendTemperatures(nil, at),
		})
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			return err
		case <-time.After(every):
		}
	}
	drained, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- terminal.Drained(drained) }()
	select {
	case err := <-ended:
		return err
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%d positions have no answer: %w", terminal.Unacknowledged(), err)
		}
		return nil
	}
}
