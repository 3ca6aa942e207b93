//go:build soak

package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

const (
	ownPeer = trace.PlatformMSP + "/peer" // the writers' gateway prefers it

	// wantedOwnStall is the longest stall of writers whose gateway's own peer is lost, comes
	// back without its data or falls behind, on two free cores; toleratedOwnStall is what is
	// demanded beside other work. A question to a peer behind costs them the 5 s for which a
	// commit is waited for, and a moment elsewhere.
	wantedOwnStall    = 6 * time.Second
	toleratedOwnStall = 10 * time.Second
	// aWhile is longer than the gateway leaves its stream of commits where it is, and than it
	// would wait for one question.
	aWhile = 90 * time.Second
)

// TestSoakOwnPeerWithoutData takes all data from the peer that the writers' gateway prefers
// and lets it come back far behind: cut off from the other nodes it joins, answers, and gets
// no block. Writers go on through the others' peers until it is level. Then it falls behind
// while it is in use.
func TestSoakOwnPeerWithoutData(t *testing.T) {
	relayNodes(t)
	o, r := startConsortium(t)
	made := trace.TimeOf(time.Now()) - 3_600_000
	w := r.write(t, made)
	w.more(t, 50)
	own := ""
	for _, other := range o.nodesAnyway() {
		if other.Name == ownPeer {
			own = other.Address
		}
	}
	well := func() bool { return r.gateway.metric("traceledger_ledger_peer_well", own) == 1 }
	endorsed := func() float64 { return r.gateway.metric("traceledger_ledger_endorsed_total", own) }
	require.Positive(t, endorsed(), "it is the preferred one")

	began := time.Now()
	cut(t, o, ownPeer)
	o.network("kill", ownPeer)
	require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "nodes", ownPeer, "data")))
	up := o.begin("up")
	var has, others uint64
	require.Eventually(t, func() bool { has, others = o.heights(ownPeer); return has > 0 }, 4*time.Minute, 200*time.Millisecond, "it has joined")
	<-time.After(aWhile)
	has, others = o.heights(ownPeer)
	require.Less(t, has, others)
	require.False(t, well(), "it answers, but is behind")
	t.Logf("%s came back with %d of %d blocks, for %s: longest stall %.1f s, wanted at most %.0f s", ownPeer, has, others, aWhile, w.longestStall(began).Seconds(), wantedOwnStall.Seconds())
	require.LessOrEqual(t, w.longestStall(began), toleratedOwnStall)

	began = time.Now()
	cut(t, o, "")
	<-up // it may have failed: the peer got no block
	o.network("up")
	before := endorsed()
	require.Eventually(t, func() bool { return well() && endorsed() > before }, time.Minute, 50*time.Millisecond, "it has its place back")
	w.more(t, 50)
	t.Logf("level and in its place after %.1f s: longest stall %.1f s", time.Since(began).Seconds(), w.longestStall(began).Seconds())
	require.LessOrEqual(t, w.longestStall(began), toleratedOwnStall)

	began = time.Now()
	cut(t, o, ownPeer)
	require.Eventually(t, func() bool { return !well() }, 30*time.Second, 50*time.Millisecond, "it is left")
	w.within(t, w.count()+100, 2*time.Minute)
	t.Logf("cut off while in use: longest stall %.1f s, wanted at most %.0f s", w.longestStall(began).Seconds(), wantedOwnStall.Seconds())
	require.LessOrEqual(t, w.longestStall(began), toleratedOwnStall)
	last := r.gateway.must(trace.RoleFactory, "/batches", "LAST", lotRequest(made, "LAST"))
	require.Equal(t, http.StatusOK, r.gateway.get(trace.RoleFactory, "/v1/records/batch/09520000200015/LAST", nil), "pages follow another peer")
	w.acknowledge("LAST", last.Transaction)
	cut(t, o, "")
	o.network("up")
	o.settleAll(r, w, made, 0)
}

// begin starts a command and tells when it has ended. It does not outlive the test.
func (o *operator) begin(args ...string) (ended <-chan struct{}) {
	o.t.Helper()
	cmd := exec.CommandContext(o.t.Context(), o.binary, append([]string{"network", args[0], "-config", o.file}, args[1:]...)...)
	require.NoError(o.t, cmd.Start())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	o.t.Cleanup(func() { <-done })
	return done
}

// heights are those of a peer and of the highest other one.
func (o *operator) heights(peer string) (has, others uint64) {
	for _, node := range o.nodesAnyway() {
		switch {
		case node.Name == peer:
			has = node.Height
		case strings.HasSuffix(node.Name, "/peer"):
			others = max(others, node.Height)
		}
	}
	return has, others
}
