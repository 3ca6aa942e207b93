package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/jt808"
	"traceledger/gateway/ingest/jt808/device"
)

// Shape of a measurement from TCP to the chain: trackers that have been without a network
// and send what they kept, twenty positions to a message.
const (
	benchTrackers       = 128
	benchPositionsBatch = 20
)

// trackerPlan is what trackers send, and where.
type trackerPlan struct {
	Address string     `json:"address"` // of the server
	Run     int        `json:"run"`
	Each    int        `json:"each"` // positions of each, a second apart
	From    trace.Time `json:"from"`
}

func trackerID(run, i int) trace.DeviceID {
	return trace.DeviceID(fmt.Sprintf("tracker-%d-%03d", run, i))
}

func trackerPhone(run, i int) string { return fmt.Sprintf("138%04d%04d", run, i) }

// make gives every tracker what it has to send.
func (p trackerPlan) make() ([]*device.Device, error) {
	trackers := make([]*device.Device, benchTrackers)
	for i := range trackers {
		var err error
		if trackers[i], err = device.New(device.Config{Address: p.Address, Phone: trackerPhone(p.Run, i), Terminal: "T1", Model: "standard", Batch: benchPositionsBatch}); err != nil {
			return nil, err
		}
		positions := make([]jt808.Position, p.Each)
		for k := range positions {
			n := uint32(i*7_919 + k*31)
			positions[k] = jt808.Position{
				Status: jt808.StatusFixed | jt808.StatusBeidou, Latitude: 30_205_000 + n%99_991, Longitude: 103_512_000 + n%99_989, Speed: uint16(700 + n%200),
				At: p.From + 1000*trace.Time(k+1), Items: jt808.AppendTemperatures(nil, trace.CentiCelsius(10*(n%18)), trace.CentiCelsius(100+10*(n%4))),
			}
		}
		trackers[i].Send(positions...)
	}
	return trackers, nil
}

// What a process of trackers says, a line each.
const (
	trackersReady = "ready"
	trackersDone  = "acknowledged"
)

// runTrackers is that process: it sends once it is told to, and stays connected until its
// input ends.
func runTrackers(ctx context.Context, text string, in io.Reader, out io.Writer) error {
	var plan trackerPlan
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		return fmt.Errorf("-trackers: %w", err)
	}
	trackers, err := plan.make()
	if err != nil {
		return err
	}
	fmt.Fprintln(out, trackersReady)
	told := bufio.NewReader(in)
	if _, err := told.ReadString('\n'); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, tracker := range trackers {
		group.Go(func() error { return tracker.Run(ctx) })
	}
	for _, tracker := range trackers {
		if err := tracker.Drained(ctx); err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		if _, taken := tracker.Counts(); taken != plan.Each {
			return fmt.Errorf("%d of %d positions were acknowledged", taken, plan.Each)
		}
	}
	fmt.Fprintln(out, trackersDone)
	_, _ = io.Copy(io.Discard, told)
	cancel()
	return group.Wait()
}

// trackerProcess is runTrackers in a process of its own, so that its processor time is
// told from ours.
type trackerProcess struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said lineBuffer
}

func startTrackers(ctx context.Context, plan trackerPlan) (*trackerProcess, error) {
	text, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &trackerProcess{cmd: exec.CommandContext(ctx, self, "bench", "-trackers", string(text))}
	p.cmd.Stderr = &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := p.await(trackersReady); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *trackerProcess) await(word string) error {
	line, err := p.out.ReadString('\n')
	if err == nil && strings.TrimSpace(line) != word {
		err = fmt.Errorf("%q", line)
	}
	if err != nil {
		return fmt.Errorf("the trackers did not say %q: %w %s", word, err, p.said.String())
	}
	return nil
}

// send has the trackers send until all is acknowledged, and gives the processor time that
// took them.
func (p *trackerProcess) send() (time.Duration, error) {
	before, err := processorTime(p.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	if _, err := io.WriteString(p.in, "send\n"); err != nil {
		return 0, err
	}
	if err := p.await(trackersDone); err != nil {
		return 0, err
	}
	after, err := processorTime(p.cmd.Process.Pid)
	return after - before, err
}

func (p *trackerProcess) stop() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}
