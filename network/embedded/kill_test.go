package embedded

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// killedDirectory names the data directory to the process that TestKill starts.
const killedDirectory = "EMBEDDED_TEST_KILLED_DIRECTORY"

// TestKill kills a process that writes with 64 clients, several times over the
// same directory, and looks for everything that the process had reported.
func TestKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	var reported []string
	for round := range 3 {
		command := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$", "-test.v")
		command.Env = append(os.Environ(), killedDirectory+"="+dir, fmt.Sprintf("EMBEDDED_TEST_ROUND=%d", round))
		out, err := command.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, command.Start())
		lines, before := bufio.NewScanner(out), len(reported)
		for lines.Scan() {
			if key, ok := strings.CutPrefix(lines.Text(), "committed "); ok {
				reported = append(reported, key)
			}
			if len(reported) == before+150*(round+1) {
				require.NoError(t, command.Process.Kill())
			}
		}
		require.Error(t, command.Wait(), "killed")
		require.Greater(t, len(reported), before)

		cfg := testConfig(nil)
		cfg.Dir = dir
		l, err := Open(cfg)
		require.NoError(t, err)
		v := l.store.view()
		for _, key := range reported {
			value, err := v.Public("store", key)
			require.NoError(t, err)
			require.NotNil(t, value, "%s of %d", key, len(reported))
		}
		v.release()
		require.NoError(t, l.Verify(testContext(t)))
		require.NoError(t, l.Close())
	}
}

// TestKilledProcess is the process that TestKill kills. On its own it has
// nothing to do.
func TestKilledProcess(t *testing.T) {
	cfg := testConfig(nil)
	if cfg.Dir = os.Getenv(killedDirectory); cfg.Dir == "" {
		return
	}
	l, err := Open(cfg)
	require.NoError(t, err)
	done := make(chan error)
	for w := range 64 {
		contract := connect(t, l, "ProducerMSP").GetNetwork("trace").GetContract("store")
		go func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%s-%d-%d", os.Getenv("EMBEDDED_TEST_ROUND"), w, i)
				if _, err := contract.SubmitTransaction("put", key, "1"); err != nil {
					done <- err
					return
				}
				// One write to the pipe: lines of several writers do not mix.
				fmt.Fprintf(os.Stdout, "committed %s\n", key)
			}
		}()
	}
	require.NoError(t, <-done)
}
