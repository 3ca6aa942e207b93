package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/network/fabric"
)

// TestCommandsWait: what stops or starts nodes says on standard error that it waits for who is in charge of
// the folder, until that ends, its timeout is over, or it is interrupted; what changes the network is refused.
func TestCommandsWait(t *testing.T) {
	path, err := binary()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "topology.json"), []byte(`{"channel": "trace"}`), 0o600))
	soon := filepath.Join(t.TempDir(), "soon.yaml")
	require.NoError(t, os.WriteFile(soon, []byte("timeout: 1s\n"), 0o600))
	holder, err := fabric.Open(t.Context(), fabric.Config{Dir: dir})
	require.NoError(t, err)

	begin := func(args ...string) (said *lineBuffer, ended chan error, cmd *exec.Cmd) {
		said = &lineBuffer{}
		cmd = exec.Command(path, append([]string{"network"}, args...)...)
		cmd.Stderr = said
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		ended = make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		return said, ended, cmd
	}
	waits := func(said *lineBuffer) {
		require.Eventually(t, func() bool { return strings.Contains(said.String(), "who is in charge of "+dir+": process ") }, time.Minute, 10*time.Millisecond)
	}

	for _, args := range [][]string{{"upgrade"}, {"remove", "-msp", "Lab2MSP"}, {"clean", "-yes"}} {
		var said bytes.Buffer
		cmd := exec.Command(path, append([]string{"network", args[0], "-dir", dir, "-chaincode", path}, args[1:]...)...)
		cmd.Stderr = &said
		require.Error(t, cmd.Run())
		require.Contains(t, said.String(), "another process runs the network in "+dir, args[0])
	}

	said, ended, cmd := begin("stop", "orderer1", "-dir", dir)
	waits(said)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, <-ended)
	require.Contains(t, said.String(), "interrupt signal received")

	said, ended, _ = begin("down", "-dir", dir, "-config", soon)
	require.Error(t, <-ended)
	require.Contains(t, said.String(), "context deadline exceeded")

	said, ended, _ = begin("kill", "orderer1", "-dir", dir)
	waits(said)
	holder.Detach()
	require.Error(t, <-ended)
	require.Contains(t, said.String(), `no node "orderer1" in the network`, "it has its turn")
	require.Equal(t, 1, strings.Count(said.String(), "waiting"), said)
}
