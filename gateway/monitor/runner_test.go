package monitor_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/monitor"
	"traceledger/gateway/monitor/coldchain"
	"traceledger/gateway/monitor/monitortest"
	"traceledger/gateway/monitor/route"
)

// trip is a truck on a real embedded ledger.
type trip struct {
	*contracttest.Kiwifruit
	t        *testing.T
	house    *monitortest.House
	carrier  *contracttest.Client
	monitor  *contracttest.Client
	shipment trace.ShipmentID
	sequence int64
	previous trace.Digest
	at       trace.Time
}

func newTrip(t *testing.T) *trip {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	tr := &trip{Kiwifruit: k, t: t, house: monitortest.Start(t, k.Ledger), carrier: k.Admit(trace.RoleCarrier, "carrier-01"), monitor: k.Admit(trace.RoleMonitor, "monitor-01"), shipment: "sh-01"}
	k.Admit(trace.RoleMerchant, "store-01")
	k.License("carrier-01", "YS-1", trace.LicenceTransport, trace.CategoryFruit)
	lot := k.Batch("PJ261018-A", 40)
	departed := trace.TimeOf(time.Now()) - 3*60*60*1000
	write := func() trace.Write {
		w := k.Write()
		w.Claimed = departed
		return w
	}
	k.IssuePack("PACK0001", 40)
	k.Farm.Must("code:ActivatePack", &trace.ActivatePackRequest{Write: write(), Pack: "PACK0001", LotID: lot})
	k.Farm.Must("transit:Consign", &trace.ConsignRequest{Write: write(), Shipment: tr.shipment, Carrier: "carrier-01", Consignee: "store-01", Lots: []trace.LotID{lot}})
	place := trace.Place{Name: "蒲江", Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000}}
	tr.carrier.Must("transit:Dispatch", &trace.DispatchRequest{
		Write: write(), Shipment: tr.shipment, Loads: []trace.Load{{Codes: &trace.CodeRange{Pack: "PACK0001", First: 1, Last: 40}}},
		From: "farm-01", Consignee: "store-01", Origin: place, Target: place, Departed: departed,
	})
	tr.carrier.Must("transit:BindDevice", &trace.BindDeviceRequest{
		Write: write(), Device: "tl-01", Shipment: tr.shipment, Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}, From: departed,
	})
	tr.at = departed
	return tr
}

// anchor anchors one segment, a reading a minute, and keeps its payload.
func (tr *trip) anchor(air ...trace.CentiCelsius) {
	tr.t.Helper()
	payload, request := tr.segment(air...)
	tr.house.Keep(payload)
	tr.send(payload, request)
}

func (tr *trip) segment(air ...trace.CentiCelsius) ([]byte, *trace.AnchorSegmentRequest) {
	tr.sequence++
	readings := make([]trace.Reading, len(air))
	for i, value := range air {
		tr.at += 60_000
		readings[i] = trace.Reading{At: tr.at, Temperatures: []trace.CentiCelsius{value, 600}, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance}
		if value < 500 {
			readings[i].Temperatures[1] = 110
		}
	}
	payload, err := trace.EncodeReadings(2, readings)
	require.NoError(tr.t, err)
	request := &trace.AnchorSegmentRequest{
		Device: "tl-01", Sequence: tr.sequence, Shipment: tr.shipment, Count: len(air), From: readings[0].At, To: tr.at,
		Previous: tr.previous, Payload: trace.DigestOf(payload),
	}
	tr.previous = request.Payload
	return payload, request
}

func (tr *trip) send(payload []byte, request *trace.AnchorSegmentRequest) {
	tr.t.Helper()
	_, err := tr.carrier.SubmitTransient("transit:AnchorSegment", request, map[string][]byte{trace.TransientReadings: payload}, trace.CarrierMSP, trace.ProducerMSP, trace.RegulatorMSP)
	require.NoError(tr.t, err)
}

func cold(t *testing.T) monitor.Monitor {
	m, err := coldchain.New()
	require.NoError(t, err)
	return m
}

// findings lists what verdicts say, each with how often.
func (tr *trip) findings() map[string]int {
	tr.t.Helper()
	out := map[string]int{}
	for _, record := range tr.house.Verdicts() {
		var v trace.Verdict
		require.NoError(tr.t, json.Unmarshal(record.Value, &v))
		require.Equal(tr.t, "1.0.0", v.Version)
		require.False(tr.t, v.Input.IsZero())
		require.NotEmpty(tr.t, v.Evidence)
		out[v.Finding]++
	}
	return out
}

// A binding recorded later, for a time whose readings stand under a shipment already, has
// the route monitor look at that shipment again.
func TestABindingOfLaterTellsOfReadingsBefore(t *testing.T) {
	tr := newTrip(t)
	tr.anchor(make([]trace.CentiCelsius, 60)...)
	m, err := route.New()
	require.NoError(t, err)
	bind := &trace.BindDeviceRequest{Write: tr.Write(), Device: "tl-01", End: true, From: tr.at - 30*60_000}
	bind.Claimed = bind.From
	tr.carrier.Must("transit:BindDevice", bind)
	tr.house.CaughtUp()
	records, _, err := tr.house.Index.List(index.ListQuery{Kind: state.FactBinding})
	require.NoError(t, err)
	subjects, err := m.Concerns(tr.house.World(), records[0])
	require.NoError(t, err)
	require.Equal(t, []trace.Subject{state.ShipmentSubject(tr.shipment)}, subjects)
	found, err := m.Look(t.Context(), tr.house.World(), subjects[0])
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, route.BoundElsewhere, found[0].Finding)
	require.Contains(t, found[0].Evidence, records[0].Key)
	subjects, err = m.Concerns(tr.house.World(), records[1])
	require.NoError(t, err)
	require.Equal(t, []trace.Subject{state.ShipmentSubject(tr.shipment)}, subjects, "its own")
}

// From the warm reading to the verdict on the chain.
func TestWarmReadingToVerdict(t *testing.T) {
	tr := newTrip(t)
	ctx, cancel := context.WithCancel(context.Background())
	runner := tr.house.Runner(cold(t), tr.monitor, t.TempDir())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	defer func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	}()
	tr.anchor(100, 120, 110)
	require.NoError(t, runner.Level(ctx, tr.house.CaughtUp()))
	require.Empty(t, tr.findings())

	payload, request := tr.segment(110, 900)
	tr.house.Keep(payload)
	began := time.Now()
	tr.send(payload, request)
	for len(tr.house.Verdicts()) < 2 {
		require.Less(t, time.Since(began), 2*time.Minute)
		time.Sleep(time.Millisecond)
	}
	t.Logf("from sending the warm reading to two verdicts in the read model: %s", time.Since(began).Round(time.Millisecond))
	require.Equal(t, map[string]int{coldchain.TemperatureExcursion: 1, coldchain.GoodsOutOfRange: 1}, tr.findings())
}

// flaky loses answers and is away now and then; its calls may have taken effect.
type flaky struct {
	monitor.Ledger
	calls atomic.Int64
}

func (f *flaky) Submit(ctx context.Context, id ledger.Identity, call ledger.Call) (ledger.Receipt, error) {
	switch f.calls.Add(1) % 4 {
	case 1:
		return ledger.Receipt{}, trace.Errorf(ledger.CodeLedgerUnavailable, "injected")
	case 2:
		_, _ = f.Ledger.Submit(ctx, id, call)
		return ledger.Receipt{}, &ledger.UnknownOutcome{Reason: errors.New("injected: answer lost")}
	}
	return f.Ledger.Submit(ctx, id, call)
}

// A runner killed at random while segments come, its cursor now and then lost, over a
// ledger that loses answers, gives every verdict, and each once.
func TestEachVerdictOnceThroughKills(t *testing.T) {
	tr := newTrip(t)
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(7, 7))
	m := cold(t)
	away := &flaky{Ledger: monitortest.Submitter{Client: tr.monitor}}
	run := func(until time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), until)
		defer cancel()
		at := dir
		if random.IntN(4) == 0 {
			at = t.TempDir() // everything from the beginning
		}
		r := tr.house.Runner(m, tr.monitor, at)
		r.Publisher.Ledger, r.Publisher.Backoff = away, time.Millisecond
		r.Publisher.Logger = slog.New(slog.DiscardHandler)
		require.ErrorIs(t, r.Run(ctx), context.DeadlineExceeded)
	}
	for range 12 {
		tr.anchor(100, 110)
		tr.anchor(800, 820, 810)
		tr.anchor(120)
		run(time.Duration(random.IntN(25)+1) * time.Millisecond)
	}
	final := tr.house.Runner(m, tr.monitor, dir)
	tr.house.Judge(final)
	want := map[string]int{coldchain.TemperatureExcursion: 12, coldchain.GoodsOutOfRange: 1}
	require.Equal(t, want, tr.findings())
	tr.house.Judge(tr.house.Runner(m, tr.monitor, t.TempDir()))
	require.Equal(t, want, tr.findings(), "all of it again writes nothing")
}

// What waits for a file is judged when the file comes, also after a restart.
func TestWaitsForFiles(t *testing.T) {
	tr := newTrip(t)
	dir := t.TempDir()
	payload, request := tr.segment(100, 100)
	request.Payload = trace.DigestOf(payload)
	tr.send(payload, request)
	m := &needsFile{Monitor: cold(t)}
	tr.house.Judge(tr.house.Runner(m, tr.monitor, dir))
	require.Empty(t, tr.findings())
	tr.house.Keep(payload)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- tr.house.Runner(m, tr.monitor, dir).Run(ctx) }()
	for len(tr.house.Verdicts()) == 0 {
		require.NoError(t, ctx.Err())
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Equal(t, map[string]int{"file-here": 1}, tr.findings())
}

// needsFile finds something once every reading is here.
type needsFile struct{ monitor.Monitor }

func (n *needsFile) Look(_ context.Context, world monitor.World, subject trace.Subject) ([]monitor.Finding, error) {
	told, found, err := world.Index.Shipment(trace.ShipmentID(subject.ID))
	if err != nil || !found || len(told.Segments) == 0 {
		return nil, err
	}
	if _, err := world.Readings(monitor.SegmentsOf(told)); err != nil {
		return nil, err
	}
	return []monitor.Finding{{
		Subject: subject, Finding: "file-here", Level: trace.LevelNotice, Text: "文件已到", At: told.Segments[0].Record.To,
		Input: told.Segments[0].Record.Payload, Evidence: []trace.Key{state.ShipmentKey(told.ID)},
	}}, nil
}

// A rule version is one content; another party's is not taken over.
func TestRuleVersionIsOneContent(t *testing.T) {
	tr := newTrip(t)
	p := &monitor.Publisher{Ledger: monitortest.Submitter{Client: tr.monitor}}
	rule := monitor.Rule{Monitor: "label", Version: "9", Description: "试", Content: []byte("a")}
	require.NoError(t, p.Publish(t.Context(), rule))
	require.NoError(t, p.Publish(t.Context(), rule))
	rule.Content = []byte("b")
	require.Equal(t, trace.CodeAlreadyExists, trace.CodeOf(p.Publish(t.Context(), rule)))
	rule.Content = []byte("a")
	stranger := &monitor.Publisher{Ledger: monitortest.Submitter{Client: tr.Admit(trace.RoleMonitor, "monitor-02")}}
	err := stranger.Publish(t.Context(), rule)
	require.Equal(t, trace.CodeAlreadyExists, trace.CodeOf(err), "of another party")
	finding := monitor.Finding{
		Subject: state.ShipmentSubject(tr.shipment), Finding: "found", Level: trace.LevelNotice, Text: "找到", At: tr.at, Input: trace.DigestOf([]byte("x")),
		Evidence: []trace.Key{state.ShipmentKey(tr.shipment)},
	}
	given, err := stranger.Give(t.Context(), rule, finding)
	require.NoError(t, err)
	require.Equal(t, monitor.Refused, given)
	for i, text := range []string{"找到", "找到", "已找到"} { // the last by a program that says it otherwise
		finding.Text = text
		given, err := p.Give(t.Context(), rule, finding)
		require.NoError(t, err)
		require.Equal(t, map[bool]monitor.Outcome{true: monitor.Given, false: monitor.Known}[i == 0], given)
	}
}

// gone is a ledger that cannot be reached.
type gone struct{}

func (gone) Submit(context.Context, ledger.Identity, ledger.Call) (ledger.Receipt, error) {
	return ledger.Receipt{}, trace.Errorf(ledger.CodeLedgerUnavailable, "injected")
}

// A monitor that stands still is seen to: its lag grows with every look at it, though
// nothing happens in it. One that stopped is no longer running.
func TestLagOfAMonitorThatStandsStill(t *testing.T) {
	tr := newTrip(t)
	tr.house.Judge(tr.house.Runner(cold(t), tr.monitor, t.TempDir())) // its rule is published
	tr.anchor(800, 820, 810)
	tr.house.CaughtUp()
	runner := tr.house.Runner(cold(t), tr.monitor, t.TempDir())
	published := monitortest.Submitter{Client: tr.monitor}
	runner.Publisher.Ledger = onceThen{&published, gone{}, &atomic.Bool{}}
	registry := prometheus.NewRegistry()
	registry.MustRegister(runner.Publisher.Metrics)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	require.Eventually(t, func() bool { return gauge(t, registry, "traceledger_monitor_lag_seconds") > 0 }, time.Minute, time.Millisecond)
	require.Equal(t, 1.0, gauge(t, registry, "traceledger_monitor_running"))
	first := gauge(t, registry, "traceledger_monitor_lag_seconds")
	require.Eventually(t, func() bool { return gauge(t, registry, "traceledger_monitor_lag_seconds") > first }, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Zero(t, gauge(t, registry, "traceledger_monitor_running"))
}

// onceThen submits the first call, the rule, to one ledger and the others to another.
type onceThen struct {
	first, then monitor.Ledger
	used        *atomic.Bool
}

func (o onceThen) Submit(ctx context.Context, id ledger.Identity, call ledger.Call) (ledger.Receipt, error) {
	if o.used.CompareAndSwap(false, true) {
		return o.first.Submit(ctx, id, call)
	}
	return o.then.Submit(ctx, id, call)
}

func gauge(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return 0
}
