package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/network/fabric"
)

// commandsUnder are the blocks of commands under a heading of docs/operations.md, in order.
func commandsUnder(t *testing.T, heading string) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	require.True(t, found, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string
	for i, part := range strings.Split("\n"+section, "\n```") {
		if i%2 == 1 {
			blocks = append(blocks, strings.TrimPrefix(part, "\n"))
		}
	}
	require.NotEmpty(t, blocks, heading)
	return blocks
}

// operationsTools are the names and functions of docs/operations.md, for this network.
func (o *operator) operationsTools() string {
	tools := strings.Replace(commandsUnder(o.t, "## Tools")[0], "N=/srv/traceledger ", "N="+o.dir+" ", 1)
	require.Contains(o.t, tools, o.dir)
	for _, node := range o.nodesNow() {
		if node.Name == "orderer1" {
			tools = regexp.MustCompile(`export O=\S+`).ReplaceAllString(tools, "export O="+node.Address)
		}
	}
	return tools
}

// shell runs commands in a folder, with Fabric's programs at hand. What they leave running
// ends with the test.
func (o *operator) shell(folder, commands string) string {
	o.t.Helper()
	binaries, err := fabric.EnsureBinaries(o.t.Context())
	require.NoError(o.t, err)
	said, err := os.CreateTemp(o.t.TempDir(), "said")
	require.NoError(o.t, err)
	defer said.Close()
	cmd := exec.Command("/bin/bash", "-c", "set -euo pipefail\n"+commands)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, said, said // a file, which what stays may hold open
	cmd.Env = append(os.Environ(), "PATH="+binaries+":"+filepath.Dir(o.binary)+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(o.t, cmd.Start())
	failed := cmd.Wait()
	if group := -cmd.Process.Pid; syscall.Kill(group, 0) == nil { // else the number may be another's by then
		o.t.Cleanup(func() { _ = syscall.Kill(group, syscall.SIGKILL) })
	}
	out, err := os.ReadFile(said.Name())
	require.NoError(o.t, err)
	require.NoError(o.t, failed, string(out))
	return string(out)
}

// takeOut takes an organisation out of the channel with the commands of docs/operations.md.
func (o *operator) takeOut(msp string) {
	o.t.Helper()
	commands := commandsUnder(o.t, "### Taking one out by Fabric's own tools")[0]
	require.Contains(o.t, commands, "Producer2MSP")
	o.shell(o.t.TempDir(), o.operationsTools()+"\n"+strings.ReplaceAll(commands, "Producer2MSP", msp))
}
