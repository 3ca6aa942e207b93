package fabric

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInCharge: one process is in charge of a folder. Another one is refused, or waits until it is free
// or nobody wants to wait any more, and hears for whom.
func TestInCharge(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, (&topology{Channel: "trace"}).save(dir))
	holder, err := Open(t.Context(), Config{Dir: dir})
	require.NoError(t, err)
	who := fmt.Sprintf("process %d: %s", os.Getpid(), filepath.Base(os.Args[0]))

	_, err = Open(t.Context(), Config{Dir: dir})
	require.ErrorContains(t, err, "another process runs the network in "+dir+": "+who)

	told := make(chan string, 10)
	patient := Config{Dir: dir, Waiting: func(holder string) { told <- holder }}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := Open(ctx, patient)
		ended <- err
	}()
	require.Contains(t, <-told, who)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)

	var next *Network
	go func() {
		var err error
		next, err = Open(t.Context(), patient)
		ended <- err
	}()
	require.Contains(t, <-told, who)
	require.NoError(t, (&topology{Channel: "trace", Left: []string{"Lab2MSP"}}).save(dir))
	holder.Detach()
	require.NoError(t, <-ended)
	require.Empty(t, told, "it says once for whom it waits")
	require.Equal(t, []string{"Lab2MSP"}, next.planned().Left, "the plan as the other has left it")
	next.Detach()
	content, err := os.ReadFile(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	require.Empty(t, content, "nobody is in charge")
}

// TestCleanGivesUpTheFolderLast: who waits gets an empty folder or none, and not one that is being removed.
func TestCleanGivesUpTheFolderLast(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "network")
	require.NoError(t, makeFolder(dir))
	require.NoError(t, (&topology{Channel: "trace"}).save(dir))
	holder, err := Open(t.Context(), Config{Dir: dir})
	require.NoError(t, err)
	for i := range 500 {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "nodes", fmt.Sprint(i)), 0o700))
		require.NoError(t, os.MkdirAll(filepath.Join(dir, fmt.Sprint("programs", i)), 0o700))
	}
	found := make(chan []os.DirEntry)
	tried := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			unlock, free, err := tryLockFile(filepath.Join(dir, lockName))
			if first {
				close(tried)
			}
			if free {
				entries, _ := os.ReadDir(dir)
				unlock()
				found <- entries
				return
			}
			if err != nil {
				found <- nil
				return
			}
		}
	}()
	<-tried
	require.NoError(t, holder.Clean())
	holder.Detach()
	for _, entry := range <-found {
		require.Equal(t, lockName, entry.Name())
	}
}
