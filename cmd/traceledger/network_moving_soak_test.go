//go:build soak

package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// TestSoakMovingAnOrderer gives an orderer another name and other ports by the commands of
// docs/operations.md, under writers, who then need it: another orderer is lost.
func TestSoakMovingAnOrderer(t *testing.T) {
	o, r := startConsortium(t)
	made := trace.TimeOf(time.Now()) - 3_600_000
	w := r.write(t, made)
	w.more(t, 10)
	_, port, err := net.SplitHostPort(freeAddress(t))
	require.NoError(t, err)
	_, admin, err := net.SplitHostPort(freeAddress(t))
	require.NoError(t, err)
	blocks := commandsUnder(t, "## Moving an orderer to another host")
	require.Len(t, blocks, 3, "moved, started, the others restarted")
	commands := strings.Join(blocks, "\n")
	for example, here := range map[string]string{
		"ID=4 H=four.example PORT=28056 ADMIN=28057": "ID=3 H=localhost PORT=" + port + " ADMIN=" + admin,
		"for o in 1 2 3; do":                         "for o in 1 2 4; do",
	} {
		require.Contains(t, commands, example)
		commands = strings.Replace(commands, example, here, 1)
	}
	o.shell(t.TempDir(), "export "+fabric.BinariesVariable+"="+allPrograms(t)+"\n"+o.operationsTools()+"\n"+commands)
	for _, node := range o.nodes() {
		if node.Name == "orderer3" {
			require.Equal(t, "localhost:"+port, node.Address)
		}
	}
	w.more(t, 10)
	o.network("kill", "orderer1")
	w.more(t, 20)
	o.network("up")
	o.settleAll(r, w, made, 0)
	r.gateway.stop()
	require.Contains(t, o.network("down"), "no process and no listener is left")
}
