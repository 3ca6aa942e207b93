package jt808_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
	"traceledger/gateway/ingest/ingesttest"
	"traceledger/gateway/ingest/jt808"
	"traceledger/gateway/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var quarterPast = time.Date(2026, 10, 20, 16, 15, 0, 0, time.FixedZone("GMT+8", 8*60*60))

const phone = "13800138000"

// patience is how long a test waits for what must happen: machines that run many tests at
// once are slow.
const patience = 2 * time.Minute

// house is a server on a real port, with a sink and devices in memory.
type house struct {
	t       *testing.T
	address string
	sink    *ingesttest.Sink
	devices *ingesttest.Devices
	server  *jt808.Server
	metrics *prometheus.Registry
	log     *strings.Builder
	stop    func() // and wait
}

func serve(t *testing.T, limits jt808.Limits) *house {
	h := &house{t: t, sink: ingesttest.NewSink(), devices: ingesttest.NewDevices(), metrics: prometheus.NewRegistry(), log: &strings.Builder{}}
	h.enrol(phone, "A000001", "tl-0718")
	metrics := jt808.NewMetrics()
	h.metrics.MustRegister(metrics)
	var err error
	h.server, err = jt808.NewServer(jt808.Config{
		Sink: h.sink, Devices: h.devices, Limits: limits, Metrics: metrics, Now: func() time.Time { return quarterPast },
		Logger: slog.New(slog.NewTextHandler(&locked{w: h.log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.server.Serve(ctx, listener) }()
	stopped := false
	h.stop = func() {
		if cancel(); !stopped {
			stopped = true
			select {
			case err := <-ended:
				require.NoError(t, err)
			case <-time.After(patience):
				t.Fatal("the server does not stop")
			}
		}
	}
	t.Cleanup(h.stop)
	return h
}

// enrol makes a terminal known and binds its device from four o'clock on.
func (h *house) enrol(phone, terminal string, device trace.DeviceID) {
	h.devices.Enrol(ingesttest.Terminal{Phone: phone, Terminal: terminal, Device: ingest.Device{ID: device, Party: "carrier-sichuan-01"}})
	h.devices.Bind(device, trace.BoundPeriod{Shipment: "sh-20261020-01", Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}, From: trace.TimeOf(quarterPast.Add(-15 * time.Minute))})
}

// value reads a metric; label "" is one without labels.
func (h *house) value(name, label string) float64 {
	families, err := h.metrics.Gather()
	require.NoError(h.t, err)
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == "traceledger_jt808_"+name && (label == "" || m.Label[0].GetValue() == label) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// await waits for a condition that nothing announces.
func (h *house) await(what string, condition func() bool) {
	h.t.Helper()
	require.Eventually(h.t, condition, patience, 2*time.Millisecond, what)
}

// peer is a terminal's end of a connection, byte by byte.
type peer struct {
	t      *testing.T
	conn   net.Conn
	r      *bufio.Reader
	serial uint16
	phone  jt808.Phone
}

func (h *house) dial() *peer {
	conn, err := net.Dial("tcp", h.address)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { conn.Close() })
	number, err := jt808.ParsePhone(phone)
	require.NoError(h.t, err)
	return &peer{t: h.t, conn: conn, r: bufio.NewReader(conn), phone: number}
}

func (p *peer) write(b []byte) {
	p.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := p.conn.Write(b)
	require.NoError(p.t, err)
}

func (p *peer) frame(id jt808.MessageID, body []byte) []byte {
	p.serial++
	return jt808.AppendFrame(nil, &jt808.Header{ID: id, Edition: jt808.Edition2019, Version: 1, Phone: p.phone, Serial: p.serial}, body)
}

// bytes reads up to the end of the next frame.
func (p *peer) bytes() ([]byte, error) {
	p.conn.SetReadDeadline(time.Now().Add(patience))
	first, err := p.r.ReadBytes(0x7e)
	if err != nil {
		return first, err
	}
	rest, err := p.r.ReadBytes(0x7e)
	return append(first, rest...), err
}

// answer reads the next general answer.
func (p *peer) answer() jt808.Answer {
	p.t.Helper()
	b, err := p.bytes()
	require.NoError(p.t, err)
	frame, _, err := jt808.Next(b)
	require.NoError(p.t, err)
	h, body, err := jt808.ParseHeader(frame)
	require.NoError(p.t, err)
	require.Equal(p.t, jt808.GeneralAnswer, h.ID)
	a, err := jt808.ParseAnswer(body)
	require.NoError(p.t, err)
	return a
}

// closed demands that the server closes without another byte.
func (p *peer) closed() {
	p.t.Helper()
	p.conn.SetReadDeadline(time.Now().Add(patience))
	rest, err := io.ReadAll(p.r)
	require.False(p.t, errors.Is(err, os.ErrDeadlineExceeded), "the connection is open")
	require.Empty(p.t, rest)
}

// login registers and authenticates.
func (h *house) login() *peer {
	p := h.dial()
	p.login("A000001")
	return p
}

func (p *peer) login(terminal string) {
	p.write(p.frame(jt808.Register, jt808.Registration{Terminal: terminal}.Append(nil, jt808.Edition2019)))
	b, err := p.bytes()
	require.NoError(p.t, err)
	frame, _, err := jt808.Next(b)
	require.NoError(p.t, err)
	_, body, err := jt808.ParseHeader(frame)
	require.NoError(p.t, err)
	reply, err := jt808.ParseRegistrationReply(body)
	require.NoError(p.t, err)
	require.Equal(p.t, jt808.Registered, reply.Result)
	p.authenticate(reply.Code)
}

func (p *peer) authenticate(code string) {
	p.write(p.frame(jt808.Authenticate, jt808.Authentication{Code: code}.Append(nil, jt808.Edition2019)))
	require.Equal(p.t, jt808.Answer{Serial: p.serial, ID: jt808.Authenticate, Result: jt808.Success}, p.answer())
}

// at is a position so many seconds after four o'clock.
func at(seconds int) *jt808.Position {
	return &jt808.Position{
		Status: jt808.StatusFixed | jt808.StatusBeidou, Latitude: 30_205_000, Longitude: 103_512_000, Speed: 785,
		At: trace.TimeOf(quarterPast.Add(-15 * time.Minute).Add(time.Duration(seconds) * time.Second)), Items: jt808.AppendTemperatures(nil, 480, 120),
	}
}

func (p *peer) position(seconds int) []byte {
	return p.frame(jt808.PositionReport, at(seconds).Append(nil))
}

// The whole conversation of both editions, byte by byte.
func TestAnswersByteByByte(t *testing.T) {
	for _, edition := range []string{"2013", "2019"} {
		t.Run(edition, func(t *testing.T) {
			h := serve(t, jt808.Limits{Strikes: 100, Attempts: 100})
			h.devices.NewCode = func() string { return "CODE~}" }
			script, err := os.ReadFile("testdata/" + edition + ".txt")
			require.NoError(t, err)
			p := h.dial()
			why := ""
			for line := range strings.Lines(string(script)) {
				bytes, err := hex.DecodeString(strings.NewReplacer(">", "", "<", "", " ", "", "\n", "").Replace(line))
				switch line[0] {
				case '#':
					why = line
				case '>':
					require.NoError(t, err)
					p.write(bytes)
				case '<':
					require.NoError(t, err)
					got, err := p.bytes()
					require.NoError(t, err, why)
					require.Equal(t, hex.EncodeToString(bytes), hex.EncodeToString(got), why)
				}
			}
			here := trace.Point{Latitude: 30_205_000, Longitude: 103_512_000}
			reading := func(minutes int, fix bool, temperatures ...trace.CentiCelsius) trace.Reading {
				r := trace.Reading{At: trace.TimeOf(quarterPast.Add(time.Duration(minutes-15) * time.Minute)), Temperatures: temperatures, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance}
				if fix {
					r.Fix, r.Point, r.Speed = true, here, 785
				}
				return r
			}
			require.Equal(t, []trace.Reading{
				reading(5, true, 480, -120), reading(6, true, -1800, trace.NoTemperature), reading(7, false, trace.NoTemperature, trace.NoTemperature),
			}, h.sink.Readings("tl-0718"))
			_, _, repeated := h.sink.Count()
			require.Equal(t, 2, repeated, "the batch came twice")
			for code, times := range map[trace.Code]float64{
				jt808.CodeUnauthenticated: 2, ingest.CodeCredential: 1, ingest.CodeTerminalRegistered: 1, jt808.CodeUnsupported: 1, trace.CodeMalformed: 3,
				trace.CodeOutOfRange: 1, trace.CodeChronology: 1, ingest.CodeNotBound: 1, jt808.CodeForeign: 1, jt808.CodeEncrypted: 1, jt808.CodeTruncated: 1, ingest.CodeUnknownTerminal: 1,
			} {
				require.Equal(t, times, h.value("refused_total", string(code)), code)
			}
			p.conn.Close()
			h.stop()
			for _, private := range []string{phone, "A12345", "127.0.0.1", "CODE", "8600000"} {
				require.NotContains(t, h.log.String(), private, "the log has no personal data")
			}
			require.Contains(t, h.log.String(), "tl-0718")
		})
	}
}

// What is acknowledged is durable, and what is not durable is not acknowledged.
func TestAcknowledgedOnceDurable(t *testing.T) {
	h := serve(t, jt808.Limits{})
	p := h.login()
	for _, failure := range []error{trace.Errorf(ingest.CodeBusy, "the queue is full"), errors.New("the disk is gone")} {
		h.sink.Fail(failure)
		_, before, _ := h.sink.Count()
		p.write(p.position(int(p.serial)))
		// It tries again, with nothing answered and nothing read meanwhile.
		h.await("tries", func() bool { _, puts, _ := h.sink.Count(); return puts >= before+3 })
		require.Equal(t, float64(1), h.value("held", ""))
		p.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, err := p.r.Peek(1)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "answered before it was durable")
		p.write(p.position(int(p.serial)))
		h.sink.Fail(nil)
		require.Equal(t, jt808.Answer{Serial: p.serial - 1, ID: jt808.PositionReport}, p.answer())
		require.Equal(t, jt808.Answer{Serial: p.serial, ID: jt808.PositionReport}, p.answer())
	}
	require.Len(t, h.sink.Readings("tl-0718"), 4)
	require.Zero(t, h.value("held", ""))
}

// A device of which the sink takes nothing for long is sent away unanswered: it keeps
// what it has and comes again.
func TestHeldTooLong(t *testing.T) {
	h := serve(t, jt808.Limits{HoldFor: 30 * time.Millisecond})
	p := h.login()
	h.sink.Fail(trace.Errorf(ingest.CodeBusy, "the queue is full"))
	p.write(p.position(1))
	p.closed()
	require.Equal(t, float64(1), h.value("closed_total", "not durable"))
}

// All frames that lie in the buffer are one Put and one write; when the sink refuses one
// message's readings, the others' are kept.
func TestEachMessageHasItsOwnAnswer(t *testing.T) {
	h := serve(t, jt808.Limits{})
	p := h.login()
	h.sink.Judge(func(_ trace.DeviceID, readings []trace.Reading) error {
		for _, r := range readings {
			if r.At == at(2).At {
				return trace.Errorf(trace.CodeState, "after the arrival")
			}
		}
		return nil
	})
	var all []byte
	first := p.serial + 1
	for i := range 3 {
		all = append(all, p.position(i+1)...)
	}
	bad := p.position(4)
	bad[len(bad)-2] ^= 1 // not answered
	all = append(all, bad...)
	all = append(all, p.frame(jt808.PositionBatch, jt808.AppendBatch(nil, jt808.BatchBackfill, []jt808.Position{*at(5), *at(6)}))...)
	p.write(all)
	for i, want := range []jt808.Result{jt808.Success, jt808.Failure, jt808.Success} {
		require.Equal(t, jt808.Answer{Serial: first + uint16(i), ID: jt808.PositionReport, Result: want}, p.answer())
	}
	require.Equal(t, jt808.Answer{Serial: first + 4, ID: jt808.PositionBatch}, p.answer())
	var kept []trace.Time
	for _, r := range h.sink.Readings("tl-0718") {
		kept = append(kept, r.At)
	}
	require.Equal(t, []trace.Time{at(1).At, at(3).At, at(5).At, at(6).At}, kept)
	require.Equal(t, float64(1), h.value("refused_total", string(trace.CodeState)))
	require.Equal(t, float64(1), h.value("refused_total", string(jt808.CodeChecksum)))
}

func TestOnePutForManyFrames(t *testing.T) {
	h := serve(t, jt808.Limits{})
	p := h.login()
	// While the first is not durable yet, the others gather.
	release := make(chan struct{})
	h.sink.Judge(func(trace.DeviceID, []trace.Reading) error { <-release; return nil })
	p.write(p.position(0))
	h.await("in flight", func() bool { return h.value("in_flight_readings", "") == 1 })
	var all []byte
	for i := range 100 {
		all = append(all, p.position(i+1)...)
	}
	p.write(all)
	close(release)
	for i := range 101 {
		require.Equal(t, p.serial-100+uint16(i), p.answer().Serial)
	}
	_, puts, _ := h.sink.Count()
	require.LessOrEqual(t, puts, 10, "the first, what fits a small buffer, the rest, which may come in pieces")
}

// Who gets no large buffer, because others have them all, sends frames of any size through
// a small one.
func TestLargeFramesInSmallBuffers(t *testing.T) {
	h := serve(t, jt808.Limits{LargeBuffers: 1})
	h.enrol("13800138001", "A000002", "tl-0719")
	p, other := h.login(), h.dial()
	release := make(chan struct{})
	h.sink.Judge(func(device trace.DeviceID, readings []trace.Reading) error {
		if device == "tl-0718" && len(readings) > 20 { // more than a small buffer holds
			<-release
		}
		return nil
	})
	defer close(release)
	var many []byte
	for i := range 60 {
		many = append(many, p.position(i)...)
	}
	p.write(many)
	h.await("the large buffer", func() bool { return h.value("in_flight_readings", "") > 20 })
	other.phone, _ = jt808.ParsePhone("13800138001")
	other.login("A000002")
	position := at(1)
	position.Items = jt808.AppendItem(position.Items, 0xeb, []byte(strings.Repeat("}", 255)))
	batch := []jt808.Position{*position, *at(2), *position}
	batch[2].At += 2000
	large := other.frame(jt808.PositionBatch, jt808.AppendBatch(nil, jt808.BatchBackfill, batch))
	require.Greater(t, len(large), 1024)
	for range 50 {
		other.write(large)
	}
	for range 50 {
		require.Equal(t, jt808.Success, other.answer().Result)
	}
	require.Len(t, h.sink.Readings("tl-0719"), 3)
}

// The same position again – the answer was lost – is acknowledged again, and kept once.
func TestResends(t *testing.T) {
	h := serve(t, jt808.Limits{})
	p := h.login()
	for range 3 {
		p.write(p.position(1))
		require.Equal(t, jt808.Success, p.answer().Result)
	}
	require.Len(t, h.sink.Readings("tl-0718"), 1)
}

func TestTheNewerConnectionWins(t *testing.T) {
	h := serve(t, jt808.Limits{})
	code := "CODE"
	h.devices.NewCode = func() string { return code }
	older := h.login()
	newer := h.dial()
	// Connecting is not enough, nor is a wrong code.
	newer.write(newer.frame(jt808.Authenticate, jt808.Authentication{Code: "WRONG"}.Append(nil, jt808.Edition2019)))
	require.Equal(t, jt808.Failure, newer.answer().Result)
	older.write(older.position(1))
	require.Equal(t, jt808.Success, older.answer().Result)
	newer.authenticate(code)
	older.closed()
	newer.write(newer.position(2))
	require.Equal(t, jt808.Success, newer.answer().Result)
	require.Len(t, h.sink.Readings("tl-0718"), 2)
	h.await("one is closed", func() bool { return h.value("connections", "") == 1 })
	require.Equal(t, float64(1), h.value("authenticated", ""))
	require.Equal(t, float64(1), h.value("closed_total", "replaced"))
	h.server.Disconnect("tl-0718")
	newer.closed()
	h.await("the other, too", func() bool { return h.value("connections", "") == 0 })
	require.Zero(t, h.value("authenticated", ""))
}

// A stop lets what was read become durable and answered, and reads no more.
func TestStopFinishesWhatIsUnderWay(t *testing.T) {
	h := serve(t, jt808.Limits{StopWithin: patience})
	p := h.login()
	release := make(chan struct{})
	h.sink.Judge(func(trace.DeviceID, []trace.Reading) error { <-release; return nil })
	p.write(p.position(1))
	h.await("in flight", func() bool { return h.value("in_flight_readings", "") == 1 })
	stopped := make(chan struct{})
	go func() { h.stop(); close(stopped) }()
	h.await("no more connections", func() bool {
		conn, err := net.Dial("tcp", h.address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	close(release)
	require.Equal(t, jt808.Success, p.answer().Result)
	p.closed()
	<-stopped
	require.Len(t, h.sink.Readings("tl-0718"), 1)
}

// While the sink takes nothing a stop does not wait for it.
func TestStopWhileHeld(t *testing.T) {
	h := serve(t, jt808.Limits{StopWithin: time.Minute})
	p := h.login()
	h.sink.Fail(trace.Errorf(ingest.CodeBusy, "the queue is full"))
	p.write(p.position(1))
	h.await("held", func() bool { return h.value("held", "") == 1 })
	h.stop()
	p.closed()
	require.Empty(t, h.sink.Readings("tl-0718"))
}

func TestMetricsAreDescribed(t *testing.T) {
	problems, err := testutil.CollectAndLint(jt808.NewMetrics())
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestServerNeedsItsParts(t *testing.T) {
	_, err := jt808.NewServer(jt808.Config{})
	require.Equal(t, trace.CodeMissing, trace.CodeOf(err), fmt.Sprint(err))
}

// Bound anew while its readings wait, a device is asked for them again: they were read by
// a binding that is over, and its probes may be in other columns now.
func TestBoundAnewWhileHeldBack(t *testing.T) {
	h := serve(t, jt808.Limits{})
	p := h.login()
	bound := h.devices.Bindings("tl-0718")[0]
	bound.Probes = []string{trace.ProbePulp, trace.ProbeReturnAir}
	h.sink.Judge(func(trace.DeviceID, []trace.Reading) error {
		h.devices.Bind("tl-0718", bound)
		h.sink.Judge(nil)
		return trace.Errorf(ingest.CodeBusy, "full")
	})
	warm := at(1)
	warm.Items = jt808.AppendTemperatures(nil, 350, 110)
	frame := p.frame(jt808.PositionReport, warm.Append(nil))
	p.write(frame)
	p.closed()
	require.Equal(t, float64(1), h.value("closed_total", "bound anew"))
	require.Empty(t, h.sink.Readings("tl-0718"))
	require.NoError(t, h.devices.Release(t.Context(), "tl-0718"))
	again := h.login()
	again.write(frame)
	require.Equal(t, jt808.Success, again.answer().Result)
	require.Equal(t, []trace.CentiCelsius{110, 350}, h.sink.Readings("tl-0718")[0].Temperatures)
}
