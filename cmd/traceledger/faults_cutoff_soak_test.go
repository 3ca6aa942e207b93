//go:build soak

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// TestSoakPeerCutOff cuts one peer's links to all other nodes, with every process alive
// and writers going on. The others go on; the peer falls behind, and what its own gateway
// answers is true: what it has, and that nothing can be written now. Rejoined, the peer
// is level again by itself, and what was refused is recorded.
func TestSoakPeerCutOff(t *testing.T) {
	relayNodes(t)
	o, r := startConsortium(t)
	made := trace.TimeOf(time.Now()) - 3_600_000
	const cutPeer = trace.LabMSP + "/peer"
	w := r.write(t, made)
	w.more(t, 50)
	own := gatewayAlone(t, o, r, trace.LabMSP)
	before := r.gateway.must(trace.RoleFactory, "/batches", "BEFORE", lotRequest(made, "BEFORE"))
	record := func(lot string) int {
		return own.get(trace.RoleFactory, "/v1/records/batch/09520000200015/"+lot, nil)
	}
	require.Eventually(t, func() bool { return record("BEFORE") == http.StatusOK }, time.Minute, 50*time.Millisecond)
	heights := func() (cut, others uint64) { return o.heights(cutPeer) }

	t.Logf("longest stall while nothing is lost: %.1f s", w.longestStall(time.Time{}).Seconds())
	began := time.Now()
	cut(t, o, cutPeer)
	require.Eventually(t, func() bool { cut, others := heights(); return others >= cut+20 }, 3*time.Minute, 200*time.Millisecond, "its relay looks from time to time")
	after := r.gateway.must(trace.RoleFactory, "/batches", "MEANWHILE", lotRequest(made, "MEANWHILE"))
	w.within(t, w.count()+200, 3*time.Minute)
	t.Logf("longest stall of the others %.1f s", w.longestStall(began).Seconds())
	behind, ahead := heights()
	require.NotZero(t, behind, "the peer is alive")
	require.Less(t, behind, ahead, "the peer is cut off")
	require.LessOrEqual(t, behind, after.Block)
	require.Equal(t, http.StatusOK, record("BEFORE"))
	require.Equal(t, http.StatusNotFound, record("MEANWHILE"), "nobody told it")
	_, refusal, err := own.post(t.Context(), trace.RoleFactory, "/batches", "REJOINED", lotRequest(made, "REJOINED"))
	require.NoError(t, err)
	require.NotNil(t, refusal)
	mayTryAgain(t, refusal)
	t.Logf("the gateway of the cut peer: %s %d: %s", refusal.Code, refusal.Status, refusal.Detail)
	same, _ := heights()
	require.Equal(t, behind, same)
	t.Logf("cut off for %.0f s, %d of %d blocks", time.Since(began).Seconds(), same, ahead)

	cut(t, o, "")
	began = time.Now()
	_, ahead = heights()
	require.Eventually(t, func() bool { height, _ := heights(); return height >= ahead }, 3*time.Minute, 200*time.Millisecond, "level by itself")
	t.Logf("level %.1f s after it was rejoined; longest stall of the others %.1f s", time.Since(began).Seconds(), w.longestStall(began).Seconds())
	require.Eventually(t, func() bool { return record("MEANWHILE") == http.StatusOK }, time.Minute, 50*time.Millisecond)
	rejoined := &roles{gateway: own}
	written := rejoined.settle(t, made, "REJOINED")
	own.stop()
	w.acknowledge("BEFORE", before.Transaction)
	w.acknowledge("MEANWHILE", after.Transaction)
	w.acknowledge("REJOINED", written.Transaction)
	o.settleAll(r, w, made, 0)
}

// relayNodes has every peer and orderer of the test's networks run behind a relay.
func relayNodes(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	folder := t.TempDir()
	for _, find := range []func() (string, error){
		func() (string, error) { return fabric.EnsureBinaries(t.Context()) },
		func() (string, error) { return fabric.EnsureCA(t.Context()) },
	} {
		binaries, err := find()
		require.NoError(t, err)
		programs, err := os.ReadDir(binaries)
		require.NoError(t, err)
		for _, program := range programs {
			real, name := filepath.Join(binaries, program.Name()), filepath.Join(folder, program.Name())
			switch program.Name() {
			case "peer", "orderer":
				script := fmt.Sprintf("#!/bin/sh\n%s='%s' exec '%s' \"$@\"\n", relayedProgram, real, self)
				require.NoError(t, os.WriteFile(name, []byte(script), 0o700))
			default:
				require.NoError(t, os.Symlink(real, name))
			}
		}
	}
	t.Setenv(fabric.BinariesVariable, folder)
}

// cut cuts a node off from all others, or nobody.
func cut(t *testing.T, o *operator, node string) {
	t.Helper()
	require.NoError(t, writeAside(filepath.Join(o.dir, "nodes", cutFile), []byte(node), 0o600))
}

// gatewayAlone is a gateway that knows an organisation's peer and no other.
func gatewayAlone(t *testing.T, o *operator, r *roles, organisation string) *house {
	t.Helper()
	h := newHouse(t)
	require.NoError(t, os.CopyFS(filepath.Join(h.data, "wallet"), os.DirFS(filepath.Join(r.gateway.data, "wallet"))))
	connection, err := readConnection(filepath.Join(o.dir, "clients", organisation, connectionName))
	require.NoError(t, err)
	for _, node := range o.nodes() {
		if node.Name == organisation+"/peer" {
			require.Equal(t, node.Address, connection.Peers[0].Address, "its own peer is the first")
		}
	}
	connection.Peers = connection.Peers[:1]
	path := filepath.Join(t.TempDir(), connectionName)
	require.NoError(t, connection.write(path))
	config := h.configure(Config{Connection: path})
	h.tokens[trace.RoleFactory] = strings.TrimSpace(h.command("token", "-config", config, "-make", "factory", "-role", string(trace.RoleFactory), "-party", "the-factory"))
	h.start("gateway", "-config", config)
	return h
}
