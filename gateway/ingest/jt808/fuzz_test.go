package jt808

import (
	"bytes"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
	"traceledger/gateway/ingest/ingesttest"
)

// conversations are the golden ones, as a terminal sends them: each frame, and all of one
// edition.
func conversations(f *testing.F) (frames, whole [][]byte) {
	for _, edition := range []string{"2013", "2019"} {
		script, err := os.ReadFile("testdata/" + edition + ".txt")
		require.NoError(f, err)
		var all []byte
		for line := range strings.Lines(string(script)) {
			if text, sent := strings.CutPrefix(line, "> "); sent {
				frame, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "").Replace(text))
				require.NoError(f, err)
				frames, all = append(frames, frame), append(all, frame...)
			}
		}
		whole = append(whole, all)
	}
	return frames, whole
}

// FuzzFrame: whatever the bytes, the stream comes to its end, and what is taken for a
// frame is one.
func FuzzFrame(f *testing.F) {
	frames, whole := conversations(f)
	for _, b := range append(frames, whole...) {
		f.Add(b)
	}
	f.Add([]byte("\x7e\x7d\x7d\x7e\x7d"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		buf := bytes.Clone(stream)
		for {
			frame, n, err := Next(buf)
			require.LessOrEqual(t, n, len(buf))
			if frame == nil && err == nil {
				require.LessOrEqual(t, len(buf)-n, MaxEscaped, "what waits is bounded")
				return
			}
			require.Positive(t, n)
			buf = buf[n:]
			if err != nil {
				require.Nil(t, frame)
				require.NotEmpty(t, trace.CodeOf(err))
				continue
			}
			require.Less(t, len(frame), MaxFrame)
			sealed := append([]byte{marker}, appendEscaped(nil, append(bytes.Clone(frame), xor(frame)))...)
			again, _, err := Next(append(sealed, marker))
			require.NoError(t, err)
			require.Equal(t, frame, again)
		}
	})
}

// FuzzMessage: whatever the frame, it is refused in code or becomes readings that the
// chain takes, and what is read is what is written.
func FuzzMessage(f *testing.F) {
	frames, _ := conversations(f)
	for _, b := range frames {
		frame, _, err := Next(b)
		require.NoError(f, err)
		f.Add(frame)
	}
	model, err := StandardModels().named("")
	require.NoError(f, err)
	r := Reader{model: model}
	bindings := []trace.BoundPeriod{{Store: "cold-1", Probes: []string{"return-air", "pulp"}, From: noon - 1<<40}}
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, body, err := ParseHeader(frame)
		if err != nil {
			require.NotEmpty(t, trace.CodeOf(err))
			return
		}
		if h.Edition == Edition2013 || h.Version != 0 {
			whole := appendHeader(nil, &h, len(body))
			whole[2] |= frame[2] & 0x80 // the reserved bit
			require.Equal(t, frame, append(whole, body...))
		}
		if v, err := ParseRegistration(h.Edition, body); err == nil {
			again, err := ParseRegistration(h.Edition, v.Append(nil, h.Edition))
			require.NoError(t, err)
			require.Equal(t, v.Province, again.Province)
		}
		_, _ = ParseAuthentication(h.Edition, body)
		_, _ = ParseRegistrationReply(body)
		if v, err := ParseAnswer(body); err == nil {
			require.Equal(t, body, v.Append(nil))
		}
		var p Position
		if ParsePosition(body, &p) == nil {
			require.Equal(t, body, p.Append(nil))
			check(t, &r, bindings, &p)
		}
		batch, err := ParseBatch(body)
		if err != nil {
			return
		}
		var all []Position
		for more := true; more; {
			if more, err = batch.Next(&p); more {
				all = append(all, p)
				check(t, &r, bindings, &p)
			}
		}
		if err == nil {
			require.Equal(t, body, AppendBatch(nil, batch.Kind, all))
		}
	})
}

func check(t *testing.T, r *Reader, bindings []trace.BoundPeriod, p *Position) {
	r.Begin(bindings)
	var got trace.Reading
	if _, err := r.Read(p, noon-1<<40, noon+1<<40, &got, nil); err != nil {
		require.NotEmpty(t, trace.CodeOf(err))
		return
	}
	payload, err := trace.EncodeReadings(2, []trace.Reading{got})
	require.NoError(t, err)
	_, err = rules.Summarise(&trace.AnchorSegmentRequest{Count: 1, From: got.At, To: got.At, Payload: trace.DigestOf(payload)}, rules.SegmentTerms{Probes: bindings[0].Probes}, payload)
	require.NoError(t, err, "the chain would refuse what was acknowledged")
}

// FuzzStream: whatever a stranger or an authenticated device sends, in whatever pieces,
// the session ends, answers are frames, and what is kept is what the chain takes.
func FuzzStream(f *testing.F) {
	frames, whole := conversations(f)
	for _, b := range append(frames, whole...) {
		f.Add(b, uint16(7), true)
		f.Add(b, uint16(1000), false)
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece uint16, known bool) {
		sink, devices := ingesttest.NewSink(), ingesttest.NewDevices()
		devices.NewCode = func() string { return "CODE~}" }
		devices.Enrol(ingesttest.Terminal{Phone: "13800138000", Terminal: "A000001", Device: ingest.Device{ID: "tl-0718"}})
		devices.Bind("tl-0718", trace.BoundPeriod{Store: "cold-1", Probes: []string{"return-air", "pulp"}, From: noon - 1<<40})
		server, err := NewServer(Config{
			Sink: sink, Devices: devices, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon.UTC() },
			Limits: Limits{ReadingsPerSecond: 1 << 30, Burst: 1 << 30, Strikes: 1 << 30, Attempts: 1 << 30, ClockAhead: 1 << 60, ClockBehind: 1 << 60},
		})
		require.NoError(t, err)
		ours, theirs := net.Pipe()
		s := newSession(server, ours, netip.Addr{})
		server.sessions[s] = struct{}{}
		if known {
			s.phone, _ = ParsePhone("13800138000")
			s.device = ingest.Device{ID: "tl-0718"}
			s.reader.model, _ = server.models.named("")
			server.claim(s, "tl-0718")
		}
		ended := make(chan struct{})
		go func() { s.serve(); close(ended) }()
		answers := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(theirs)
			answers <- b
		}()
		for rest := stream; len(rest) > 0; {
			n := min(1+int(piece), len(rest))
			if _, err := theirs.Write(rest[:n]); err != nil {
				break
			}
			rest = rest[n:]
		}
		// The pipe has no half-close: a last heartbeat is answered behind all else.
		theirs.SetWriteDeadline(time.Now().Add(time.Minute))
		theirs.Write([]byte{marker})
		theirs.Write(AppendFrame(nil, &Header{ID: Heartbeat, Phone: Phone{9: 0x77}, Serial: 0xbeef}, nil))
		theirs.Write([]byte{marker})
		server.stop()
		<-ended
		out := <-answers
		require.Empty(t, server.sessions)
		for len(out) > 0 {
			frame, n, err := Next(out)
			require.NoError(t, err)
			require.NotNil(t, frame)
			h, _, err := ParseHeader(frame)
			require.NoError(t, err)
			require.Contains(t, []MessageID{GeneralAnswer, RegistrationAnswer}, h.ID)
			if out = out[n:]; len(out) == 1 {
				break
			}
		}
		for _, r := range sink.Readings("tl-0718") {
			require.Len(t, r.Temperatures, 2)
			require.True(t, !r.Fix && r.Point == trace.Point{} || rules.PossiblePoint(r.Point))
		}
	})
}
