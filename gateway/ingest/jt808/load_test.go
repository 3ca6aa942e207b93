package jt808_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
	"traceledger/gateway/ingest/ingesttest"
	"traceledger/gateway/ingest/jt808"
)

// discard takes readings as fast as they come.
type discard struct{}

func (discard) Put(context.Context, trace.DeviceID, []trace.Reading) error { return nil }

// inUse is the memory of the heap and the stacks after a collection.
func inUse() int {
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}

// Five thousand devices connected, two thousand of them sending: what a connection takes
// of this process, both of its ends, is bounded.
func TestMemoryOfFiveThousandConnections(t *testing.T) {
	const connected, sending = 5_000, 2_000
	h := serve(t, jt808.Limits{PerAddress: connected, Connections: connected, AuthenticateWithin: patience, FrameWithin: patience, WriteWithin: patience})
	for i := range connected {
		h.enrol(fmt.Sprintf("139%08d", i), "A000001", trace.DeviceID(fmt.Sprintf("truck-%04d", i)))
	}
	h.log.Reset()
	before := inUse()
	peers := make([]*peer, connected)
	var workers sync.WaitGroup
	each := func(n int, do func(i int)) {
		for w := range 8 {
			workers.Go(func() {
				for i := w; i < n; i += 8 {
					do(i)
				}
			})
		}
		workers.Wait()
	}
	each(connected, func(i int) {
		p := h.dial()
		p.r = nil // the buffer of this end is not the server's
		p.phone, _ = jt808.ParsePhone(fmt.Sprintf("139%08d", i))
		p.ask(p.frame(jt808.Register, jt808.Registration{Terminal: "A000001"}.Append(nil, jt808.Edition2019)), func(body []byte) {
			reply, err := jt808.ParseRegistrationReply(body)
			require.NoError(t, err)
			p.ask(p.frame(jt808.Authenticate, jt808.Authentication{Code: reply.Code}.Append(nil, jt808.Edition2019)), func(body []byte) {
				a, err := jt808.ParseAnswer(body)
				require.NoError(t, err)
				require.Equal(t, jt808.Success, a.Result)
			})
		})
		peers[i] = p
	})
	require.Equal(t, float64(connected), h.value("authenticated", ""))
	idle := inUse() - before
	batch := make([]jt808.Position, 40)
	for i := range batch {
		batch[i] = *at(i)
	}
	body := jt808.AppendBatch(nil, jt808.BatchLive, batch)
	for range 3 {
		each(sending, func(i int) {
			p := peers[i]
			stream, _ := jt808.AppendMessage(nil, jt808.Header{ID: jt808.PositionBatch, Edition: jt808.Edition2019, Version: 1, Phone: p.phone}, body)
			p.write(stream)
		})
		each(sending, func(i int) { peers[i].skip(t, 2) }) // packets
	}
	busy := inUse() - before
	t.Logf("a connection takes %.1f KB idle, %.1f KB after sending, both ends and the readings kept", float64(idle)/connected/1000, float64(busy)/connected/1000)
	require.Less(t, idle/connected, 20_000)
	require.Less(t, busy/connected, 30_000, "the sink's 80,000 readings are in it")
	readings, _, repeated := h.sink.Count()
	require.Equal(t, sending*len(batch), readings)
	require.Equal(t, 2*readings, repeated)

	// The worst: all who send are held back, each with a large buffer's readings decoded.
	h.sink.Judge(func(_ trace.DeviceID, readings []trace.Reading) error {
		if len(readings) > len(batch) {
			return trace.Errorf(ingest.CodeBusy, "the queue is full")
		}
		return nil
	})
	const messages = 25
	each(sending, func(i int) {
		var stream []byte
		for k := range messages {
			h := jt808.Header{ID: jt808.PositionBatch, Edition: jt808.Edition2019, Version: 1, Phone: peers[i].phone, Serial: uint16(10 * k)}
			packets, _ := jt808.AppendMessage(nil, h, body)
			stream = append(stream, packets...)
		}
		peers[i].write(stream)
	})
	h.await("all are held", func() bool { return h.value("held", "") == sending })
	held := inUse() - before
	t.Logf("with %d held back: %d MB in all", sending, held/1_000_000)
	require.Less(t, held, 600_000_000)
	h.sink.Judge(nil)
	each(sending, func(i int) { peers[i].skip(t, 2*messages) })
	after, _, _ := h.sink.Count()
	require.Equal(t, readings, after, "the same readings again")
}

// ask writes a frame and reads one answer without keeping a buffer.
func (p *peer) ask(frame []byte, answer func(body []byte)) {
	p.write(frame)
	buf := make([]byte, 0, 256)
	for {
		p.conn.SetReadDeadline(time.Now().Add(patience))
		n, err := p.conn.Read(buf[len(buf):cap(buf)])
		require.NoError(p.t, err)
		buf = buf[:len(buf)+n]
		if frame, _, err := jt808.Next(buf); frame != nil {
			require.NoError(p.t, err)
			_, body, err := jt808.ParseHeader(frame)
			require.NoError(p.t, err)
			answer(body)
			return
		}
	}
}

// skip reads so many answers of success.
func (p *peer) skip(t testing.TB, answers int) {
	var stack [4096]byte
	buf := stack[:0]
	for answers > 0 {
		p.conn.SetReadDeadline(time.Now().Add(patience))
		n, err := p.conn.Read(buf[len(buf):cap(buf)])
		require.NoError(t, err)
		buf = buf[:len(buf)+n]
		used := 0
		for {
			frame, n, err := jt808.Next(buf[used:])
			require.NoError(t, err)
			if frame == nil {
				buf = buf[:copy(buf, buf[used+n:])]
				break
			}
			_, body, err := jt808.ParseHeader(frame)
			require.NoError(t, err)
			if a, err := jt808.ParseAnswer(body); err != nil || a.Result != jt808.Success {
				require.Fail(t, "not a success", "%v %v", a, err)
			}
			answers--
			used += n
		}
	}
}

// BenchmarkServer measures readings from TCP to a sink that costs nothing, acknowledged:
// what the server leaves for all that comes behind it. Devices send batches of 30, each
// before the last is answered.
func BenchmarkServer(b *testing.B) {
	for _, shape := range []struct {
		name  string
		batch int
	}{{"batches", 30}, {"pipelined", 1}} {
		b.Run(shape.name, func(b *testing.B) {
			const devices, window = 64, 16
			known := ingesttest.NewDevices()
			server, err := jt808.NewServer(jt808.Config{Sink: discard{}, Devices: known, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return quarterPast }, Limits: jt808.Limits{ReadingsPerSecond: 1 << 30, Burst: 1 << 30}})
			require.NoError(b, err)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(b, err)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- server.Serve(ctx, listener) }()
			peers := make([]*peer, devices)
			streams := make([][]byte, devices)
			for i := range peers {
				id := trace.DeviceID(fmt.Sprintf("truck-%02d", i))
				known.Enrol(ingesttest.Terminal{Phone: fmt.Sprint(13900000000 + i), Terminal: "A000001", Device: ingest.Device{ID: id}})
				known.Bind(id, trace.BoundPeriod{Store: "cold-1", Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}, From: at(0).At})
				code, err := known.Register(ctx, ingest.Registration{Phone: fmt.Sprint(13900000000 + i), Terminal: "A000001"})
				require.NoError(b, err)
				conn, err := net.Dial("tcp", listener.Addr().String())
				require.NoError(b, err)
				p := &peer{conn: conn}
				p.phone, _ = jt808.ParsePhone(fmt.Sprint(13900000000 + i))
				p.conn.Write(p.frame(jt808.Authenticate, jt808.Authentication{Code: code}.Append(nil, jt808.Edition2019)))
				p.skip(b, 1)
				var positions []jt808.Position
				for k := range 30 {
					positions = append(positions, *at(k))
				}
				for range window {
					body := positions[0].Append(nil)
					id := jt808.PositionReport
					if shape.batch > 1 {
						id, body = jt808.PositionBatch, jt808.AppendBatch(nil, jt808.BatchLive, positions[:25])
					}
					streams[i] = append(streams[i], p.frame(id, body)...)
				}
				peers[i] = p
			}
			per := window
			if shape.batch > 1 {
				per = window * 25
			}
			b.ResetTimer()
			var g sync.WaitGroup
			for i, p := range peers {
				g.Go(func() {
					for range b.N {
						p.conn.Write(streams[i])
						p.skip(b, window)
					}
				})
			}
			g.Wait()
			b.ReportMetric(float64(b.N*devices*per)/b.Elapsed().Seconds(), "readings/s")
			b.StopTimer()
			for _, p := range peers {
				p.conn.Close()
			}
			cancel()
			require.NoError(b, <-ended)
		})
	}
}
