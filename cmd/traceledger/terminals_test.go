package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/ingest/jt808"
	"traceledger/gateway/ingest/jt808/device"
)

// TestTerminalsThroughKillsAndOutage has trackers report over TCP, kills the gateway
// several times and has the ledger away for a while, through which the gateway is killed
// too: the chain holds every reading that was acknowledged, each exactly once and with the
// content that was sent, and none that nobody sent. Long forms are TestSoakTerminals and
// TestSoakTerminalsOnFabric.
func TestTerminalsThroughKillsAndOutage(t *testing.T) {
	l := newHouse(t)
	address := freeAddress(t)
	f := newFleet(t, fleetPlan{sending: 12, connected: 20, every: 5 * time.Millisecond, cut: 2 * time.Second})
	for role, party := range fleetParties {
		l.command("enrol", "-role", string(role), "-party", string(party), "-to", filepath.Join(f.data, "wallet"))
	}
	l.command("enrol", "-role", string(trace.RoleRegulator), "-party", operatorParty, "-to", filepath.Join(f.data, "wallet"))
	startLedger := func() { l.start("ledger", "-ledger-addr", address) }
	startLedger()
	f.open(filepath.Join(l.data, connectionName))
	f.run()
	f.more(2_000)
	for range 2 {
		f.restart()
		f.more(1_000)
	}
	l.kill()
	f.more(1_000)
	f.restartWithoutLedger()
	f.more(1_000)
	startLedger()
	f.more(1_000)
	f.restart()
	f.settle()
	l.stop()
}

// TestDeviceCommand tries a house out as docs/devices.md says: a terminal that is bound
// gets its reports acknowledged, and goes on with its code; one that is not has them
// refused; one that nobody enrolled gets no code.
func TestDeviceCommand(t *testing.T) {
	h, trackers := newHouse(t, trace.RoleRegulator, trace.RoleFactory), freeAddress(t)
	h.start("serve", "-config", h.configure(Config{Ingest: Ingest{JT808: trackers}}))
	h.furnish()
	enrol := func(id, phone string) {
		require.Equal(t, http.StatusCreated, h.send(trace.RoleFactory, "/v1/devices", "", api.DeviceEnrolment{Device: trace.DeviceID(id), Protocol: api.ProtocolJT808, Terminal: phone}, new(api.EnrolledDevice)))
	}
	enrol("tl-0718", "13800138000")
	enrol("tl-0719", "13800138001")
	from := trace.TimeOf(time.Now()) - 3_600_000
	h.must(trace.RoleFactory, "/device-bindings", "bind", map[string]any{"claimed": from, "device": "tl-0718", "store": "cold-1", "probes": []string{trace.ProbeReturnAir}, "from": from})
	try := func(args ...string) (string, error) {
		var out lineBuffer
		err := runDevice(t.Context(), append([]string{"-addr", trackers, "-count", "3", "-every", "0s"}, args...), &out)
		return out.String(), err
	}
	var code string
	require.Eventually(t, func() bool { // the binding is known to the server a moment after its commit
		said, err := try("-phone", "13800138000", "-code", code)
		if _, found, ok := strings.Cut(said, "code "); ok {
			code = strings.TrimSpace(found)
		}
		return err == nil && strings.Count(said, " acknowledged\n") == 3
	}, 2*time.Minute, 50*time.Millisecond)
	require.NotEmpty(t, code)
	said, err := try("-phone", "13800138000", "-code", code, "-edition", "2013", "-batch", "3")
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(said, " acknowledged\n"))
	said, err = try("-phone", "13800138001")
	require.ErrorContains(t, err, "3 of 3 positions were refused")
	require.Equal(t, 3, strings.Count(said, " refused with result 1\n"))
	_, err = try("-phone", "13800138002")
	require.ErrorIs(t, err, device.ErrRegistration)
	h.stop()
}

// fleetParties are whose identities the gateway of a fleet needs, beside the operator's.
var fleetParties = map[trace.Role]trace.PartyID{
	trace.RoleScanner: readerParty, trace.RoleRegulator: "the-regulator", trace.RoleFactory: "the-factory",
}

// fleetPlan is how many terminals there are and what they do.
type fleetPlan struct {
	sending, connected int           // of the connected, so many send
	every              time.Duration // a terminal's time between two reports
	cut                time.Duration // the longest that a reading waits for its segment; 0 is the default
}

// fleet are terminals with a store room each that report to a gateway of their own.
type fleet struct {
	*house
	plan       fleetPlan
	terminals  []*terminal
	from       trace.Time
	mu         sync.Mutex // of what terminals were told
	stop       context.CancelFunc
	ended      *errgroup.Group
	feeding    sync.WaitGroup
	quiet      chan struct{} // closed: nothing new is reported
	memory     float64       // the most the gateway had, MB
	memoryOver sync.Mutex
}

// terminal is one simulated tracker. What it reports in its k-th second is always the
// same (fleet.position), so that one bit says whether that was acknowledged.
type terminal struct {
	*device.Device
	number       int
	reported     int
	acknowledged []bool
	told         int // acknowledgements
	refused      []jt808.Result
}

func newFleet(t *testing.T, plan fleetPlan) *fleet {
	return &fleet{house: newHouse(t), plan: plan, from: (trace.TimeOf(time.Now())/1000 - 24*3_600) * 1000, quiet: make(chan struct{})}
}

// open starts the gateway on a ledger, enrols every terminal and binds those that send.
func (f *fleet) open(connection string) {
	t := f.t
	trackers := freeAddress(t)
	config := f.configure(Config{Connection: connection, Ingest: Ingest{
		JT808: trackers, SegmentAge: f.plan.cut, JT808Limits: jt808.Limits{PerAddress: 2 * f.plan.connected},
	}})
	f.args = []string{"-config", config}
	for _, role := range []trace.Role{trace.RoleRegulator, trace.RoleFactory} {
		f.tokens[role] = strings.TrimSpace(f.command("token", "-config", config, "-make", string(role), "-role", string(role), "-party", string(fleetParties[role])))
	}
	f.start("gateway", f.args...)
	f.furnish()
	var group errgroup.Group
	group.SetLimit(64)
	f.terminals = make([]*terminal, f.plan.connected)
	for i := range f.terminals {
		group.Go(func() error { return f.enrol(i, trackers) })
	}
	require.NoError(t, group.Wait())
}

func (f *fleet) id(i int) trace.DeviceID { return trace.DeviceID(fmt.Sprintf("tracker-%05d", i)) }

func (f *fleet) enrol(i int, address string) error {
	x := &terminal{number: i}
	f.terminals[i] = x
	phone := fmt.Sprintf("138%08d", i)
	if status := f.send(trace.RoleFactory, "/v1/devices", "", api.DeviceEnrolment{Device: f.id(i), Protocol: api.ProtocolJT808, Terminal: phone, TerminalID: "T1"}, new(api.EnrolledDevice)); status != http.StatusCreated {
		return fmt.Errorf("device %s: status %d", f.id(i), status)
	}
	if i < f.plan.sending {
		_, refusal, err := f.settled(f.t.Context(), trace.RoleFactory, "/device-bindings", string(f.id(i)), map[string]any{
			"claimed": f.from, "device": f.id(i), "store": fmt.Sprintf("cold-%05d", i), "probes": []string{trace.ProbeReturnAir, trace.ProbePulp}, "from": f.from,
		})
		if err != nil || refusal != nil {
			return fmt.Errorf("device %s is not bound: %w %+v", f.id(i), err, refusal)
		}
	}
	edition := jt808.Edition2019
	if i%2 == 1 {
		edition = jt808.Edition2013
	}
	batch := 1
	if i%3 == 0 {
		batch = 10
	}
	var err error
	x.Device, err = device.New(device.Config{
		Address: address, Phone: phone, Terminal: "T1", Model: "standard", Edition: edition, Batch: batch, Patient: 15 * time.Second, Pause: 200 * time.Millisecond,
		Acknowledged: func(p jt808.Position) {
			f.mu.Lock()
			defer f.mu.Unlock()
			x.acknowledged[f.second(p.At)] = true
			x.told++
		},
		Refused: func(p jt808.Position, why jt808.Result) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if x.told == 0 { // its binding is known to the server a moment after its commit
				x.Send(p)
				return
			}
			x.refused = append(x.refused, why)
		},
	})
	return err
}

// second is which of a terminal's reports has this time.
func (f *fleet) second(at trace.Time) int { return int((at-f.from)/1000) - 1 }

// position is what terminal i reports in its k-th second.
func (f *fleet) position(i, k int) jt808.Position {
	n := uint32(i*7_919 + k)
	return jt808.Position{
		Status: jt808.StatusFixed | jt808.StatusBeidou, Latitude: 30_205_000 + n%9_973, Longitude: 103_512_000 + n%9_949, Speed: 785,
		At: f.from + 1000*trace.Time(k+1), Items: jt808.AppendTemperatures(nil, trace.CentiCelsius(10*(n%97)), -trace.CentiCelsius(10*(n%89))),
	}
}

// reading is what the chain must hold of it.
func (f *fleet) reading(i, k int) trace.Reading {
	p, n := f.position(i, k), uint32(i*7_919+k)
	return trace.Reading{
		At: p.At, Temperatures: []trace.CentiCelsius{trace.CentiCelsius(10 * (n % 97)), -trace.CentiCelsius(10 * (n % 89))},
		Humidity: trace.NoHumidity, Shock: trace.NoShock, Fix: true,
		Point: trace.Point{Latitude: trace.MicroDegrees(p.Latitude), Longitude: trace.MicroDegrees(p.Longitude)}, Speed: int32(p.Speed),
		SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
	}
}

// run connects all and has those that send report, never more than 600 ahead of what was
// acknowledged, as a tracker's memory is bounded too.
func (f *fleet) run() {
	ctx, cancel := context.WithCancel(context.Background())
	f.t.Cleanup(cancel)
	f.stop, f.ended = cancel, &errgroup.Group{}
	for _, x := range f.terminals {
		f.ended.Go(func() error {
			if err := x.Run(ctx); err != nil {
				return fmt.Errorf("terminal %d: %w", x.number, err)
			}
			return nil
		})
		if x.number < f.plan.sending {
			f.feeding.Go(func() { f.feed(ctx, x) })
		}
	}
	go f.weigh(ctx)
}

func (f *fleet) feed(ctx context.Context, x *terminal) {
	// They do not report all at once.
	timer := time.NewTimer(rand.N(f.plan.every))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.quiet:
			return
		case <-timer.C:
			timer.Reset(f.plan.every)
		}
		if x.Unacknowledged() > 600 {
			continue
		}
		f.mu.Lock()
		k := x.reported
		x.reported++
		x.acknowledged = append(x.acknowledged, false)
		f.mu.Unlock()
		x.Send(f.position(x.number, k))
	}
}

// weigh notes the most memory the gateway takes.
func (f *fleet) weigh(ctx context.Context) {
	for ctx.Err() == nil {
		f.memoryOver.Lock()
		if taken, err := residentMB(f.cmd.Process.Pid); err == nil {
			f.memory = max(f.memory, taken)
		}
		f.memoryOver.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (f *fleet) told() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.terminals {
		n += x.told
	}
	return n
}

// more waits for so many more acknowledgements.
func (f *fleet) more(n int) {
	f.t.Helper()
	before := f.told()
	defer func(at time.Time) { f.t.Logf("%d more in %s", n, time.Since(at)) }(time.Now())
	if !assert.Eventually(f.t, func() bool { return f.told() >= before+n }, 4*time.Minute, 20*time.Millisecond, "no more is acknowledged") {
		require.FailNow(f.t, "the gateway said", f.said())
	}
}

// restart kills the gateway and starts it.
func (f *fleet) restart() {
	f.memoryOver.Lock()
	defer f.memoryOver.Unlock()
	f.kill()
	f.start("gateway", f.args...)
}

// restartWithoutLedger is restart while the ledger is away: it hears terminals and is not
// ready for other work.
func (f *fleet) restartWithoutLedger() {
	f.started = "/healthz"
	defer func() { f.started = "" }()
	f.restart()
}

// settle ends the reports, waits until all is acknowledged and on the chain, and compares.
func (f *fleet) settle() {
	t := f.t
	t.Helper()
	close(f.quiet)
	f.feeding.Wait()
	for _, x := range f.terminals {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		require.NoError(t, x.Drained(ctx), "terminal %d has %d unacknowledged", x.number, x.Unacknowledged())
		cancel()
	}
	f.stop()
	require.NoError(t, f.ended.Wait())
	f.awaitAnchored()

	held := f.heldOfAll()
	reported := 0
	for _, x := range f.terminals {
		require.Empty(t, x.refused, "terminal %d was refused", x.number)
		reported += x.reported
		for k, acknowledged := range x.acknowledged {
			require.True(t, acknowledged, "terminal %d, report %d", x.number, k)
			require.EqualValues(t, 1, held[x.number][k], "how often the chain has report %d of terminal %d", k, x.number)
		}
		require.Len(t, held[x.number], x.reported, "nobody sent more")
	}
	require.Equal(t, reported, f.told())
	var parked api.ParkedSegments
	require.Equal(t, http.StatusOK, f.get(trace.RoleFactory, "/v1/parked-segments", &parked))
	require.Empty(t, parked.Segments)
	t.Logf("%d reports of %d terminals, %d connected: each on the chain once; the gateway took %.0f MB at most", reported, f.plan.sending, f.plan.connected, f.memory)
	f.house.stop()
}

// awaitAnchored waits until nothing waits at the gateway and its read model shows it: as long
// as ever less waits, for how long that takes says the machine and not the gateway.
func (h *house) awaitAnchored() {
	h.t.Helper()
	began := time.Now()
	for least, fell := math.MaxInt, began; least > 0; {
		var health struct {
			Waiting int `json:"readingsWaitingBytes"`
		}
		if h.get("", "/healthz", &health) == http.StatusOK && health.Waiting < least {
			least, fell = health.Waiting, time.Now()
		}
		require.Less(h.t, time.Since(fell), 3*time.Minute, "%d bytes of readings wait that nobody anchors", least)
		<-time.After(100 * time.Millisecond)
	}
	h.t.Logf("all on the chain after %s more", time.Since(began).Round(time.Second))
}

// heldOfAll counts, of each terminal, how often the chain holds its reports: the segments
// on record, and the payloads that they name by hash. A reading with another content than
// was sent fails the test.
func (f *fleet) heldOfAll() map[int][]uint8 {
	t := f.t
	t.Helper()
	held := map[int][]uint8{}
	for _, x := range f.terminals {
		held[x.number] = make([]uint8, x.reported)
	}
	for cursor := ""; ; {
		var page struct {
			Records []struct {
				Value trace.Segment `json:"value"`
			} `json:"records"`
			Next string `json:"next"`
		}
		require.Equal(t, http.StatusOK, f.get(trace.RoleFactory, "/v1/records?kind=seg&limit=200&cursor="+cursor, &page))
		for _, r := range page.Records {
			payload := f.file(trace.RoleFactory, r.Value.Payload)
			require.Equal(t, r.Value.Payload, trace.DigestOf(payload))
			_, readings, err := trace.DecodeReadings(payload)
			require.NoError(t, err)
			require.Len(t, readings, r.Value.Count)
			var i int
			_, err = fmt.Sscanf(string(r.Value.Device), "tracker-%d", &i)
			require.NoError(t, err)
			for _, reading := range readings {
				k := f.second(reading.At)
				require.True(t, k >= 0 && k < len(held[i]), "terminal %d sent nothing at %s", i, reading.At)
				require.Equal(t, f.reading(i, k), reading)
				held[i][k]++
			}
		}
		if cursor = page.Next; cursor == "" {
			return held
		}
	}
}
