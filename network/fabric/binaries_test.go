package fabric

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBinariesBuiltElsewhere(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(BinariesVariable, dir)
	_, err := EnsureBinaries(t.Context())
	require.ErrorContains(t, err, "the Fabric program peer is missing")
	for _, name := range fabricTools.programs {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o755))
	}
	got, err := EnsureBinaries(t.Context())
	require.NoError(t, err)
	require.Equal(t, dir, got)
}

// TestAuthoritiesOfANetwork: whether Fabric CA is needed was decided when the network was made.
func TestAuthoritiesOfANetwork(t *testing.T) {
	programs, dir := t.TempDir(), t.TempDir()
	t.Setenv(BinariesVariable, programs)
	for _, name := range fabricTools.programs {
		require.NoError(t, os.WriteFile(filepath.Join(programs, name), nil, 0o755))
	}
	_, err := Config{Dir: dir, Authorities: true}.Prepare(t.Context())
	require.ErrorIs(t, err, ErrNoAuthorities)
	require.ErrorContains(t, err, "the Fabric program fabric-ca-server is missing")

	without := topology{Channel: "trace"}
	require.NoError(t, without.save(dir))
	config, err := Config{Dir: dir, Authorities: true}.Prepare(t.Context())
	require.NoError(t, err)
	require.False(t, config.Authorities)

	with := topology{Channel: "trace", CAs: []caPlan{{MSPID: "LabMSP"}}}
	require.NoError(t, with.save(dir))
	_, err = Config{Dir: dir}.Prepare(t.Context())
	require.ErrorIs(t, err, ErrNoAuthorities)
}

// TestCacheFolder: the folder is named after what would be built.
func TestCacheFolder(t *testing.T) {
	tools, err := fabricTools.source(t.Context())
	require.NoError(t, err)
	pinned, err := fabricTools.cacheFolder(tools)
	require.NoError(t, err)
	require.Contains(t, filepath.Base(pinned), "fabric-v1.4.0-rc1.0.20250510200036-435a7f1a780a-")

	changed := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(tools, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(changed, name), append(content, '\n'), 0o600))
	}
	other, err := fabricTools.cacheFolder(changed)
	require.NoError(t, err)
	require.NotEqual(t, pinned, other)

	require.NoError(t, os.WriteFile(filepath.Join(changed, "go.mod"), []byte("module x\n"), 0o600))
	_, err = fabricTools.cacheFolder(changed)
	require.ErrorContains(t, err, "does not require github.com/hyperledger/fabric")
}

// TestLockFile: the second waits for the first, or for as long as it may.
func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path)
	require.NoError(t, err)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = lockFile(short, path)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	second := make(chan error)
	go func() {
		release, err := lockFile(t.Context(), path)
		if err == nil {
			release()
		}
		second <- err
	}()
	unlock()
	require.NoError(t, <-second)
}
