package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/ingest/jt808"
	"traceledger/gateway/ingest/jt808/device"
)

// TestTenThousandConnections fills a house, in a process of its own, with as many
// connections as it takes by default, from ten addresses with a thousand each: one more is
// closed unheard, a terminal among them is heard, and a place that becomes free is given
// again. The Go runtime raises the soft limit of open files to the hard one by itself.
func TestTenThousandConnections(t *testing.T) {
	const addresses, each, spare = 10, 1_000, 600
	var files syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	if files.Max < addresses*each+spare {
		t.Skipf("a process may have %d files open (ulimit -Hn), the test needs %d", files.Max, addresses*each+spare)
	}
	h, trackers := newHouse(t, trace.RoleRegulator, trace.RoleFactory), freeAddress(t)
	h.start("serve", "-config", h.configure(Config{Ingest: Ingest{
		// The others never authenticate, on a busy machine for longer than they may.
		JT808: trackers, JT808Limits: jt808.Limits{AuthenticateWithin: 10 * time.Minute},
	}}))
	h.furnish()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	from := trace.TimeOf(time.Now()) - 3_600_000
	enrolment := api.DeviceEnrolment{Device: "tl-0718", Protocol: api.ProtocolJT808, Terminal: "13800138000"}
	require.Equal(t, http.StatusCreated, h.send(trace.RoleFactory, "/v1/devices", "", enrolment, new(api.EnrolledDevice)))
	h.must(trace.RoleFactory, "/device-bindings", "bind", map[string]any{"claimed": from, "device": "tl-0718", "store": "cold-1", "probes": []string{trace.ProbeReturnAir}, "from": from})

	terminal, err := device.New(device.Config{Address: trackers, Phone: "13800138000", Terminal: "T1", Patient: 5 * time.Minute, Dial: dialFrom(0)})
	require.NoError(t, err)
	ran := make(chan error, 1)
	go func() { ran <- terminal.Run(ctx) }()
	require.Eventually(t, func() bool { return h.metric("traceledger_jt808_authenticated", "") == 1 }, 3*time.Minute, 50*time.Millisecond)

	conns := make([]net.Conn, addresses*each)
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	}()
	began := time.Now()
	var group errgroup.Group
	group.SetLimit(64)
	for i := range conns[1:] { // the terminal has the first place
		group.Go(func() (err error) {
			conns[i+1], err = dialFrom((i+1)/each)(ctx, "tcp", trackers)
			return err
		})
	}
	require.NoError(t, group.Wait())
	connected := func(n float64) func() bool {
		return func() bool { return h.metric("traceledger_jt808_connections", "") == n }
	}
	require.Eventually(t, connected(addresses*each), 3*time.Minute, 50*time.Millisecond, "all are there")
	memory, err := residentMB(h.cmd.Process.Pid)
	require.NoError(t, err)
	t.Logf("%d connections after %s, the house has %.0f MB", addresses*each, time.Since(began).Round(time.Millisecond), memory)

	refused := func() float64 {
		return h.metric(`traceledger_jt808_refused_total{code="`+string(jt808.CodeConnections)+`"}`, "")
	}
	require.Zero(t, refused())
	closedUnheard := func(from int) {
		conn, err := dialFrom(from)(ctx, "tcp", trackers)
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(3*time.Minute)))
		_, err = conn.Read(make([]byte, 1))
		var late net.Error
		require.False(t, err == nil || errors.As(err, &late) && late.Timeout(), "%v", err)
	}
	closedUnheard(addresses)
	require.EqualValues(t, 1, refused())

	terminal.Send(jt808.Position{At: from + 60_000, Items: jt808.AppendTemperatures(nil, 400)})
	drained, stop := context.WithTimeout(ctx, 3*time.Minute)
	defer stop()
	require.NoError(t, terminal.Drained(drained))
	connections, taken := terminal.Counts()
	require.Equal(t, []int{1, 1}, []int{connections, taken}, "on its first connection")

	for _, i := range []int{each, 2 * each} { // of the second and the third address
		require.NoError(t, conns[i].Close())
	}
	require.Eventually(t, connected(addresses*each-2), 3*time.Minute, 50*time.Millisecond)
	closedUnheard(3) // which has its thousand
	require.EqualValues(t, 2, refused())
	conns[each], err = dialFrom(1)(ctx, "tcp", trackers)
	require.NoError(t, err)
	require.Eventually(t, connected(addresses*each-1), 3*time.Minute, 50*time.Millisecond, "a free place is given again")
	cancel()
	require.NoError(t, <-ran)
	h.stop()
}

// dialFrom dials from the n-th address of this machine's own network.
func dialFrom(n int) func(ctx context.Context, network, address string) (net.Conn, error) {
	from := netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + n)})
	dialer := &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	return dialer.DialContext
}
