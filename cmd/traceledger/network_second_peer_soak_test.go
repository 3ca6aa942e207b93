//go:build soak

package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// TestSoakSecondPeer gives an organisation a second peer by the commands of docs/operations.md. While
// the first is away it vouches for what the organisation answers for.
func TestSoakSecondPeer(t *testing.T) {
	o, r := startConsortium(t)
	made := trace.TimeOf(time.Now()) - 3_600_000
	newcomer := commandsUnder(t, "### On another host, with keys of its own")[4]
	_, end, found := strings.Cut(newcomer, "\nend() {")
	require.True(t, found)
	end, _, found = strings.Cut(end, "\n}\n")
	require.True(t, found)
	var ports []string
	for _, example := range []string{"127.0.0.1:28210", "127.0.0.1:28211", "127.0.0.1:28212", "127.0.0.1:28213"} {
		ports = append(ports, example, freeAddress(t))
	}
	var blocks []string
	for _, block := range commandsUnder(t, "## A second peer of an organisation") {
		blocks = append(blocks, strings.NewReplacer(ports...).Replace(block))
	}
	require.Len(t, blocks, 3, "made, started, joined")

	folder, tools := t.TempDir(), o.operationsTools()+"\n"
	second := filepath.Join(folder, "second")
	o.shell(folder, tools+"end() {"+end+"\n}\n"+blocks[0])
	o.shell(second, "unset ${!CORE_@} FABRIC_CFG_PATH\n"+blocks[1])
	address, join, found := strings.Cut(blocks[2], "\npeer channel join")
	require.True(t, found)
	o.shell(second, tools+patiently+"\nS=$PWD\n"+address+"\npatiently peer channel join"+join)

	// A peer that has just come knows of the channel's chaincode what the blocks tell it.
	o.shell(second, tools+patiently+"\n"+address+`
patiently peer chaincode query -C trace -n trace -c '{"Args": ["registry:Get", "{\"key\": \"product/09520000200015\"}"]}'`)
	o.network("kill", "ProducerMSP/peer")
	require.Eventually(t, func() bool { // once the other peers have heard of it
		_, refusal, err := r.gateway.post(t.Context(), trace.RoleFactory, "/batches", "lot-second", lotRequest(made, "SECOND"))
		require.NoError(t, err)
		require.True(t, refusal == nil || refusal.Retriable, "%+v", refusal)
		return refusal == nil
	}, 2*time.Minute, 500*time.Millisecond)
	o.network("up")
	r.gateway.stop()
	require.Contains(t, o.network("down"), "no process and no listener is left")
}
