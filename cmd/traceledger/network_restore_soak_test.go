//go:build soak

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// TestSoakRestore takes backups of a peer and of an orderer as docs/operations.md tells, under
// writers, and restores them after more has been written and the nodes' folders are gone:
// both catch up by start alone, the orderer to where it is needed for ordering, and every
// acknowledged record is on every peer.
func TestSoakRestore(t *testing.T) {
	o, r := startConsortium(t)
	made := trace.TimeOf(time.Now()) - 3_600_000
	w := r.write(t, made)
	w.more(t, 20)
	backups := t.TempDir()
	nodes := []string{"CarrierMSP/peer", "orderer3"}
	for _, node := range nodes {
		o.network("stop", node)
		o.tar(node, backups, "-czf")
		o.network("start", node)
		w.more(t, 20)
		o.levelNode(node)
	}
	w.more(t, 100)
	for _, node := range nodes {
		o.network("kill", node)
		require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "nodes", filepath.FromSlash(node))))
		w.more(t, 20)
		o.tar(node, backups, "-xzf")
		began := time.Now()
		o.network("start", node)
		w.more(t, 20)
		o.levelNode(node)
		t.Logf("%s was level %s after its start", node, time.Since(began).Round(100*time.Millisecond))
	}
	o.network("kill", "orderer1") // without the restored one nothing would be ordered now
	w.more(t, 20)
	o.network("up")
	o.network("status")
	o.settleAll(r, w, made, 0)
	r.gateway.stop()
	require.Contains(t, o.network("down"), "no process and no listener is left")
}

// tar packs a node's folder, or unpacks it again.
func (o *operator) tar(node, backups, how string) {
	o.t.Helper()
	folder, name := filepath.Split(filepath.Join(o.dir, "nodes", filepath.FromSlash(node)))
	out, err := exec.Command("tar", "-C", folder, how, filepath.Join(backups, strings.ReplaceAll(node, "/", "-")+".tgz"), name).CombinedOutput()
	require.NoError(o.t, err, string(out))
}

// levelNode waits until a node has the blocks that the highest has when it is asked, and, under
// writers, until an orderer signs them: its height alone does not tell that it orders along.
func (o *operator) levelNode(node string) {
	o.t.Helper()
	require.Eventually(o.t, func() bool {
		var highest uint64
		var own fabric.NodeStatus
		for _, n := range o.nodesNow() {
			highest = max(highest, n.Height)
			if n.Name == node {
				own = n
			}
		}
		return highest > 0 && own.Height+3 >= highest && (own.Signs || nodeKind(node) != "orderer") // writers go on between one answer and another
	}, 2*time.Minute, time.Second, "%s stays behind", node)
}
