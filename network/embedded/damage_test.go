package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// filledDirectory returns the data directory of a closed ledger on disk.
func filledDirectory(t *testing.T) Config {
	t.Helper()
	cfg := testConfig(nil)
	cfg.Dir = filepath.Join(t.TempDir(), "data", "ledger")
	l, err := Open(cfg)
	require.NoError(t, err)
	contract := connect(t, l, "ProducerMSP").GetNetwork("trace").GetContract("store")
	for i := range 5 {
		_, err := contract.SubmitTransaction("put", fmt.Sprint("key", i), strings.Repeat("v", 3000))
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())
	return cfg
}

// largest returns the biggest file with the suffix below the database.
func largest(t *testing.T, cfg Config, suffix string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(cfg.Dir, databaseDir, "*"+suffix))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	size := func(name string) int64 {
		info, err := os.Stat(name)
		require.NoError(t, err)
		return info.Size()
	}
	sort.Slice(names, func(i, j int) bool { return size(names[i]) > size(names[j]) })
	return names[0]
}

// flipByte flips a bit at a part of a file's length, in thousandths.
func flipByte(t *testing.T, name string, thousandths int) {
	t.Helper()
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	raw[len(raw)*thousandths/1000] ^= 0x20
	require.NoError(t, os.WriteFile(name, raw, 0o600))
}

func TestDamagedDirectoryIsRefused(t *testing.T) {
	cases := map[string]func(t *testing.T, cfg Config){
		"format file removed": func(t *testing.T, cfg Config) {
			require.NoError(t, os.Remove(filepath.Join(cfg.Dir, formatFile)))
		},
		"format file of another version": func(t *testing.T, cfg Config) {
			require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, formatFile), []byte("traceledger embedded ledger 9\n"), 0o600))
		},
		"format file of another ledger": func(t *testing.T, cfg Config) {
			raw, err := os.ReadFile(filepath.Join(filledDirectory(t).Dir, formatFile))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, formatFile), raw, 0o600))
		},
		"database removed": func(t *testing.T, cfg Config) {
			require.NoError(t, os.RemoveAll(filepath.Join(cfg.Dir, databaseDir)))
		},
		"byte flipped in the data": func(t *testing.T, cfg Config) {
			flipByte(t, largest(t, cfg, ".sst"), 500)
		},
		"byte flipped at the start of the data": func(t *testing.T, cfg Config) {
			flipByte(t, largest(t, cfg, ".sst"), 1)
		},
		"byte flipped at the end of the data": func(t *testing.T, cfg Config) {
			flipByte(t, largest(t, cfg, ".sst"), 999)
		},
		"manifest overwritten": func(t *testing.T, cfg Config) {
			name := largest(t, cfg, "MANIFEST-*")
			require.NoError(t, os.WriteFile(name, []byte(strings.Repeat("x", 500)), 0o600))
		},
		"data cut short": func(t *testing.T, cfg Config) {
			name := largest(t, cfg, ".sst")
			require.NoError(t, os.Truncate(name, 512))
		},
		"data file removed": func(t *testing.T, cfg Config) {
			require.NoError(t, os.Remove(largest(t, cfg, ".sst")))
		},
		"last blocks cut off": func(t *testing.T, cfg Config) {
			require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, heightFile), []byte("1000\n"), 0o600))
		},
	}
	for name, damage := range cases {
		t.Run(name, func(t *testing.T) {
			cfg := filledDirectory(t)
			damage(t, cfg)
			l, err := Open(cfg)
			if err == nil {
				require.NoError(t, l.Close())
			}
			var reason *DamagedError
			require.ErrorAs(t, err, &reason)
			require.ErrorContains(t, err, "data directory is damaged")
		})
	}
}

// TestFlippedByteIsRefusedOrHarmless flips one byte anywhere in a closed ledger.
// Some bytes do not matter (padding, a record that repeats what others say); if
// the ledger opens nothing may be missing.
func TestFlippedByteIsRefusedOrHarmless(t *testing.T) {
	whole := filledDirectory(t)
	names, err := filepath.Glob(filepath.Join(whole.Dir, "*"))
	require.NoError(t, err)
	inside, err := filepath.Glob(filepath.Join(whole.Dir, databaseDir, "*"))
	require.NoError(t, err)
	refused := 0
	for _, name := range append(names, inside...) {
		info, err := os.Stat(name)
		require.NoError(t, err)
		if info.IsDir() || info.Size() == 0 {
			continue
		}
		for part := 20; part < 1000; part += 160 {
			cfg := whole
			cfg.Dir = filepath.Join(t.TempDir(), "copy")
			require.NoError(t, os.CopyFS(cfg.Dir, os.DirFS(whole.Dir)))
			relative, err := filepath.Rel(whole.Dir, name)
			require.NoError(t, err)
			flipByte(t, filepath.Join(cfg.Dir, relative), part)
			l, err := Open(cfg)
			if err != nil {
				var reason *DamagedError
				require.ErrorAs(t, err, &reason, "%s at %d", relative, part)
				refused++
				continue
			}
			require.EqualValues(t, 7, l.Height(), "%s at %d", relative, part)
			require.NoError(t, l.Verify(testContext(t)), "%s at %d", relative, part)
			require.NoError(t, l.Close())
		}
	}
	require.Greater(t, refused, 10)
}

// TestDamagedLogIsRefused damages the log of a ledger that was not closed: what
// was synced to it must not be taken for an unfinished write and dropped.
func TestDamagedLogIsRefused(t *testing.T) {
	cfg := testConfig(nil)
	cfg.Dir = filepath.Join(t.TempDir(), "ledger")
	l := openTest(t, cfg)
	contract := connect(t, l, "ProducerMSP").GetNetwork("trace").GetContract("store")
	for i := range 10 {
		_, err := contract.SubmitTransaction("put", fmt.Sprint("key", i), strings.Repeat("v", 3000))
		require.NoError(t, err)
	}
	killed := cfg
	killed.Dir = filepath.Join(t.TempDir(), "killed")
	require.NoError(t, os.CopyFS(killed.Dir, os.DirFS(cfg.Dir)))
	log := largest(t, killed, ".log")
	raw, err := os.ReadFile(log)
	require.NoError(t, err)
	at := strings.Index(string(raw), strings.Repeat("v", 1000))
	require.Positive(t, at)
	raw[at+500] ^= 0x20
	require.NoError(t, os.WriteFile(log, raw, 0o600))

	reopened, err := Open(killed)
	if err == nil {
		require.NoError(t, reopened.Close())
	}
	var reason *DamagedError
	require.ErrorAs(t, err, &reason)
}

func TestDirectoryIsPrivate(t *testing.T) {
	cfg := filledDirectory(t)
	info, err := os.Stat(cfg.Dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.NoError(t, filepath.Walk(cfg.Dir, func(name string, info os.FileInfo, err error) error {
		require.NoError(t, err)
		if !info.IsDir() && filepath.Base(name) != lockFile {
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
		}
		return nil
	}))
}

func TestReopen(t *testing.T) {
	cfg := filledDirectory(t)
	l := openTest(t, cfg)
	require.EqualValues(t, 7, l.Height(), "block 0, one definition, five writes")
	contract := connect(t, l, "LabMSP").GetNetwork("trace").GetContract("store")
	got, err := contract.EvaluateTransaction("get", "key3")
	require.NoError(t, err)
	require.Len(t, got, 3000)
	_, err = contract.SubmitTransaction("put", "key3", "new")
	require.NoError(t, err)
	require.NoError(t, l.Verify(testContext(t)))
}

func TestDirectoryBelongsToOneConfiguration(t *testing.T) {
	cfg := filledDirectory(t)
	other := cfg
	other.Channel = "another"
	_, err := Open(other)
	require.ErrorContains(t, err, `holds channel "trace"`)
	other = cfg
	other.Organisations = []string{"ProducerMSP"}
	_, err = Open(other)
	require.ErrorContains(t, err, "was founded by")
}

func TestDirectoryWithForeignFilesIsRefused(t *testing.T) {
	cfg := testConfig(nil)
	cfg.Dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, "letter.txt"), []byte("dear"), 0o600))
	_, err := Open(cfg)
	require.ErrorContains(t, err, "letter.txt")
}

func TestDirectoryIsForOneLedgerAtATime(t *testing.T) {
	cfg := filledDirectory(t)
	l := openTest(t, cfg)
	_, err := Open(cfg)
	require.ErrorContains(t, err, "is in use by another process")
	var reason *DamagedError
	require.False(t, errors.As(err, &reason))
	contract := connect(t, l, "LabMSP").GetNetwork("trace").GetContract("store")
	_, err = contract.SubmitTransaction("put", "a", "b")
	require.NoError(t, err)
}

func TestNewVersionIsANewSequence(t *testing.T) {
	cfg := filledDirectory(t)
	cfg.Chaincodes[0].Version = "2"
	l := openTest(t, cfg)
	require.EqualValues(t, 8, l.Height())
	contract := connect(t, l, "LabMSP").GetNetwork("trace").GetContract("store")
	_, err := contract.SubmitTransaction("put", "a", "b")
	require.NoError(t, err)
	require.NoError(t, l.Verify(testContext(t)))
}
