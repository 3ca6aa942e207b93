package jt808_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/jt808"
)

func TestBadFramesEndTheConnection(t *testing.T) {
	bad := func(frame []byte) []byte {
		frame[len(frame)-2] ^= 1
		return frame
	}
	for name, c := range map[string]struct {
		login bool
		bytes func(p *peer) []byte
		code  trace.Code
	}{
		"checksum":        {true, func(p *peer) []byte { return bad(p.position(1)) }, jt808.CodeChecksum},
		"truncated":       {true, func(p *peer) []byte { return append(p.position(1)[:20], 0x7e) }, jt808.CodeChecksum},
		"oversized":       {true, func(*peer) []byte { return []byte("\x7e" + strings.Repeat("x", 5000) + "\x7e") }, trace.CodeTooLarge},
		"a browser":       {false, func(*peer) []byte { return []byte("GET / HTTP/1.1\r\n\r\n~") }, jt808.CodeChecksum},
		"unauthenticated": {false, func(p *peer) []byte { return p.position(1) }, jt808.CodeUnauthenticated},
		"packets before authentication": {false, func(p *peer) []byte {
			return jt808.AppendFrame(nil, &jt808.Header{ID: jt808.Register, Phone: p.phone, Total: 9, Index: 1}, make([]byte, 900))
		}, jt808.CodeUnauthenticated},
		"too many packets": {true, func(p *peer) []byte {
			return jt808.AppendFrame(nil, &jt808.Header{ID: jt808.PositionBatch, Phone: p.phone, Total: 60_000, Index: 1}, make([]byte, 900))
		}, trace.CodeTooLarge},
		"foreign": {true, func(p *peer) []byte {
			return jt808.AppendFrame(nil, &jt808.Header{ID: jt808.Heartbeat, Phone: jt808.Phone{9: 0x99}}, nil)
		}, jt808.CodeForeign},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, jt808.Limits{Strikes: 5})
			var p *peer
			if c.login {
				p = h.login()
				p.write(p.position(0)) // read before the bad ones, and kept
			} else {
				p = h.dial()
			}
			for range 5 {
				p.conn.Write(c.bytes(p))
			}
			p.conn.SetReadDeadline(time.Now().Add(patience))
			_, err := io.Copy(io.Discard, p.r)
			require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "the connection is open")
			h.await("counted", func() bool { return h.value("closed_total", "bad frames") == 1 })
			require.GreaterOrEqual(t, h.value("refused_total", string(c.code)), float64(3))
			kept := 0
			if c.login {
				kept = 1
			}
			require.Len(t, h.sink.Readings("tl-0718"), kept)
		})
	}
}

// A bad frame now and then is the line's fault.
func TestBadFramesAreForgiven(t *testing.T) {
	h := serve(t, jt808.Limits{Strikes: 3})
	p := h.login()
	for i := range 20 {
		b := p.position(i)
		b[len(b)-2] ^= 1
		p.write(b)
		p.write(p.position(i))
		require.Equal(t, jt808.Success, p.answer().Result)
	}
}

// A camera's pictures are not taken, and do not disturb what is.
func TestPicturesAreNotGathered(t *testing.T) {
	h := serve(t, jt808.Limits{Strikes: 3})
	p := h.login()
	for i := range uint16(200) {
		p.write(jt808.AppendFrame(nil, &jt808.Header{ID: 0x0801, Edition: jt808.Edition2019, Version: 1, Phone: p.phone, Serial: 100 + i, Total: 200, Index: 1 + i}, make([]byte, 1000)))
		require.Equal(t, jt808.Answer{Serial: 100 + i, ID: 0x0801, Result: jt808.Unsupported}, p.answer())
	}
	p.write(p.position(1))
	require.Equal(t, jt808.Success, p.answer().Result)
}

func TestSlowLoris(t *testing.T) {
	t.Run("says nothing", func(t *testing.T) {
		h := serve(t, jt808.Limits{AuthenticateWithin: 50 * time.Millisecond})
		h.dial().closed()
		require.Equal(t, float64(1), h.value("closed_total", "authenticate"))
	})
	t.Run("a byte at a time", func(t *testing.T) {
		h := serve(t, jt808.Limits{AuthenticateWithin: time.Minute, FrameWithin: 50 * time.Millisecond})
		p := h.dial()
		drip(p)
		h.await("closed", func() bool { return h.value("closed_total", "slow frame") == 1 })
	})
	t.Run("a byte at a time after authenticating", func(t *testing.T) {
		h := serve(t, jt808.Limits{FrameWithin: 50 * time.Millisecond})
		p := h.login()
		drip(p)
		h.await("closed", func() bool { return h.value("closed_total", "slow frame") == 1 })
	})
	t.Run("markers only", func(t *testing.T) {
		h := serve(t, jt808.Limits{AuthenticateWithin: 50 * time.Millisecond, FrameWithin: time.Minute})
		p := h.dial()
		for range 1000 {
			if _, err := p.conn.Write([]byte{0x7e}); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		h.await("closed", func() bool { return h.value("closed_total", "authenticate") == 1 })
	})
	t.Run("idle", func(t *testing.T) {
		h := serve(t, jt808.Limits{IdleAfter: 50 * time.Millisecond})
		h.login().closed()
		require.Equal(t, float64(1), h.value("closed_total", "idle"))
	})
	t.Run("packets that never come", func(t *testing.T) {
		h := serve(t, jt808.Limits{FrameWithin: 30 * time.Millisecond})
		p := h.login()
		h2 := jt808.Header{ID: jt808.PositionBatch, Phone: p.phone, Total: 2, Index: 1}
		p.write(jt808.AppendFrame(nil, &h2, make([]byte, 900)))
		h.await("given up", func() bool { return h.value("refused_total", string(jt808.CodeFragments)) == 1 })
		p.write(p.position(1))
		require.Equal(t, jt808.Success, p.answer().Result, "the connection goes on")
	})
	t.Run("answers not read", func(t *testing.T) {
		h := serve(t, jt808.Limits{WriteWithin: 50 * time.Millisecond, ReadingsPerSecond: 1 << 20})
		p := h.login()
		beat := p.frame(jt808.Heartbeat, nil)
		var many []byte
		for range 2000 {
			many = append(many, beat...)
		}
		for {
			p.conn.SetWriteDeadline(time.Now().Add(patience))
			if _, err := p.conn.Write(many); err != nil {
				require.False(t, errors.Is(err, os.ErrDeadlineExceeded))
				break
			}
		}
		h.await("closed", func() bool { return h.value("closed_total", "slow reader") == 1 })
	})
}

// drip sends the beginning of a frame byte by byte until the connection is closed.
func drip(p *peer) {
	for range 60_000 {
		if _, err := p.conn.Write([]byte{1}); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	p.t.Error("never closed")
}

// A flood is read as fast as its device may send, and nobody else waits for it.
func TestFlood(t *testing.T) {
	h := serve(t, jt808.Limits{ReadingsPerSecond: 100, Burst: 200})
	h.enrol("13800138001", "A000002", "tl-0719")
	flooding, calm := h.login(), h.dial()
	calm.phone, _ = jt808.ParsePhone("13800138001")
	calm.login("A000002")
	begun := time.Now()
	go func() {
		for i := 0; ; i++ {
			if _, err := flooding.conn.Write(flooding.position(i % 900)); err != nil {
				return
			}
		}
	}()
	go io.Copy(io.Discard, flooding.r)
	h.await("throttled", func() bool { return h.value("throttled", "") == 1 })
	for i := range 20 {
		calm.write(calm.position(i))
		require.Equal(t, jt808.Success, calm.answer().Result)
	}
	flooding.conn.Close()
	// The burst, the rate, and a buffer's readings above them at most.
	took := h.value("readings_total", "") - 20
	require.Less(t, took, 200+100*time.Since(begun).Seconds()+600)
}

// What brings no reading is a flood as well.
func TestFloodWithoutReadings(t *testing.T) {
	for name, frame := range map[string]func(*peer) []byte{
		"heartbeats":            func(p *peer) []byte { return p.frame(jt808.Heartbeat, nil) },
		"unknown messages":      func(p *peer) []byte { return p.frame(0x0f00, nil) },
		"before the binding":    func(p *peer) []byte { return p.position(-24 * 3600) },
		"packets without end":   func(p *peer) []byte { return p.frame(jt808.PositionBatch, nil) },
		"answers to no message": func(p *peer) []byte { return p.frame(0x0001, make([]byte, 5)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, jt808.Limits{ReadingsPerSecond: 100, Burst: 200, Strikes: 1 << 30})
			flooding := h.login()
			begun := time.Now()
			go func() {
				for {
					if _, err := flooding.conn.Write(frame(flooding)); err != nil {
						return
					}
				}
			}()
			go io.Copy(io.Discard, flooding.r)
			h.await("throttled", func() bool { return h.value("throttled", "") == 1 })
			flooding.conn.Close()
			require.Less(t, h.value("frames_total", ""), 200+100*time.Since(begun).Seconds()+2_500)
		})
	}
}

func TestTooManyConnections(t *testing.T) {
	for name, limits := range map[string]jt808.Limits{
		"from one address": {Connections: 20, PerAddress: 10},
		"in all":           {Connections: 10, PerAddress: 20},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, limits)
			var first []*peer
			for range 10 {
				first = append(first, h.dial())
			}
			h.await("all there", func() bool { return h.value("connections", "") == 10 })
			h.dial().closed()
			require.Equal(t, float64(1), h.value("refused_total", string(jt808.CodeConnections)))
			first[0].conn.Close()
			h.await("one gone", func() bool { return h.value("connections", "") == 9 })
			p := h.login() // there is room again
			p.write(p.position(1))
			require.Equal(t, jt808.Success, p.answer().Result)
		})
	}
}
