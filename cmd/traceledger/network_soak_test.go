//go:build soak

package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// With blocks every 50 ms the chain of a long run is twice as long, and on two cores a peer
// that has lost its data was eight minutes behind the writers after forty kills, and more each time.
func init() { batchInterval = "200ms" }

// soakPace spreads the kills: a hundred over thirty minutes at least.
const soakPace = 18 * time.Second

// TestSoakNetwork kills nodes of every kind of a real network at random under writers, a
// hundred times or TRACELEDGER_SOAK_KILLS, every tenth time the orderer that leads, every
// twentieth time a peer with all its data, in turns their gateway's own, and heals it by up.
// At the end it prints what was acknowledged, and what of it is there, and how long the writers
// stood still without a leader and without their own peer.
// An orderer may also stop by itself (docs/decisions/fabric-found-by-conformance.md):
// status tells, and up heals.
func TestSoakNetwork(t *testing.T) {
	const every, leads = 20, 10
	kills := 100
	if text := os.Getenv("TRACELEDGER_SOAK_KILLS"); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	o, r := startConsortium(t)
	made := trace.TimeOf(time.Now()) - 3_600_000
	kinds := map[string][]string{} // nodes by kind: the few get as much as the many
	for _, node := range o.nodes() {
		kinds[nodeKind(node.Name)] = append(kinds[nodeKind(node.Name)], node.Name)
	}
	require.Len(t, kinds, 4)
	w := r.write(t, made)
	require.LessOrEqual(t, o.ready, wantedReady, "nothing else ran yet")
	w.more(t, 20)
	var leaders leaderLosses
	var own time.Duration
	killed, stopped := map[string]int{}, 0
	began := time.Now()
	for kill := range kills {
		<-time.After(time.Until(began.Add(time.Duration(kill) * soakPace)))
		kind := []string{"orderer", "peer", "trace", "ca"}[rand.IntN(4)]
		wipe := kill%every == every-1
		if wipe {
			kind = "peer"
		}
		victim, leader := kinds[kind][rand.IntN(len(kinds[kind]))], o.leader()
		switch {
		case kill%leads == 0:
			kind, victim = "orderer", leader
		case kill%(2*every) == every-1:
			victim = ownPeer
		}
		killed[kind]++
		excuse := ""
		if victim == leader {
			excuse = o.unsteady()
		}
		at := time.Now()
		o.network("kill", victim)
		if wipe {
			require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "nodes", filepath.FromSlash(victim), "data")))
		}
		// For a random while the network works without it, as far as it can.
		<-time.After(time.Duration(rand.IntN(3000)) * time.Millisecond)
		up := strings.TrimSpace(strings.Split(o.network("up"), "\n")[0])
		if o.oneOrdererStandsStill() {
			stopped++
			if excuse == "" {
				excuse = "another orderer stood still by itself"
			}
			o.network("up")
			o.network("status")
		}
		w.within(t, w.count()+10, 3*time.Minute)
		stall := w.longestStall(at)
		switch victim {
		case leader:
			leaders = append(leaders, leaderLoss{victim, stall, excuse})
		case ownPeer:
			own = max(own, stall)
		}
		t.Logf("kill %d of %s (data lost: %t, led: %t): longest stall %s; %s", kill+1, victim, wipe, victim == leader, inSeconds(stall), up)
	}
	t.Logf("%d kills in %s: %d of orderers, %d of peers, %d of chaincode processes, %d of authorities; %d times a node stood still by itself",
		kills, time.Since(began).Round(time.Second), killed["orderer"], killed["peer"], killed["trace"], killed["ca"], stopped)
	o.settleAll(r, w, made, 0)
	leaders.require(t, (kills+leads-1)/leads)
	t.Logf("the writers' own peer killed: longest stall %s, wanted at most %s", inSeconds(own), inSeconds(wantedOwnStall))
	if kills >= every {
		require.Positive(t, own, "it was killed")
	}
	require.LessOrEqual(t, own, toleratedOwnStall)
}

// oneOrdererStandsStill is false if all nodes are well. Anything else than that one orderer
// lacks blocks and gets none fails the test.
func (o *operator) oneOrdererStandsStill() bool {
	o.t.Helper()
	told, err := o.try("status", "-json")
	if err == nil {
		return false
	}
	var nodes []fabric.NodeStatus // before what the command says of its failure
	require.NoError(o.t, json.NewDecoder(strings.NewReader(told)).Decode(&nodes), told)
	nodes = slices.DeleteFunc(nodes, func(node fabric.NodeStatus) bool { return node.Problem == "" })
	require.Len(o.t, nodes, 1, told)
	require.Equal(o.t, "orderer", nodeKind(nodes[0].Name), told)
	require.Contains(o.t, nodes[0].Problem, "stands still", told)
	return true
}
