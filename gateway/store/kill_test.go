package store

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const killedDir = "TRACELEDGER_TEST_KILLED_STORE"

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killedDir); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// writeUntilKilled writes from 64 goroutines and prints a line for every
// acknowledgement.
func writeUntilKilled(dir string) {
	s, err := Open(Config{Dir: dir, Logger: quiet})
	if err != nil {
		fmt.Println("cannot open:", err)
		os.Exit(1)
	}
	var work sync.WaitGroup
	for worker := range 64 {
		work.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), worker, i)
				kind, err := "row", error(nil)
				switch {
				case i%5 == 4:
					kind = "payload"
					_, err = s.Files().Keep([]byte(id), About{})
				case i%5 == 3 && worker < 4:
					kind = "file"
					_, err = s.Files().Receive(strings.NewReader(id), 100, About{})
				default:
					err = s.Outbox().Prepare(id, []byte(strings.Repeat(id, 100)))
				}
				if err != nil {
					fmt.Println("cannot write:", err)
					os.Exit(1)
				}
				fmt.Println(kind, id)
			}
		})
	}
	work.Wait()
}

// Killed again and again under 64 writers, on the real file system, a store opens and
// has all it acknowledged.
func TestKilledUnderLoad(t *testing.T) {
	dir := t.TempDir() + "/store"
	var acknowledged []string
	for round := range 4 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), killedDir+"="+dir)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for count := 0; lines.Scan(); count++ {
			require.NotContains(t, lines.Text(), "cannot")
			acknowledged = append(acknowledged, lines.Text())
			if count == 300+400*round {
				require.NoError(t, child.Process.Kill())
			}
		}
		require.Error(t, child.Wait(), "killed")

		s := open(t, Config{Dir: dir})
		for _, line := range acknowledged {
			kind, id, _ := strings.Cut(line, " ")
			if kind == "row" {
				row, _, found, err := s.Outbox().Get(id)
				require.NoError(t, err)
				require.True(t, found, id)
				require.Equal(t, strings.Repeat(id, 100), string(row))
				continue
			}
			seen, err := observe("file "+id, s)
			require.NoError(t, err)
			require.Equal(t, id, seen)
		}
		if round%2 == 0 {
			require.NoError(t, s.Close())
		} else { // let go of the lock without the care of Close
			require.NoError(t, s.scans.close())
			require.NoError(t, s.release())
		}
	}
}
