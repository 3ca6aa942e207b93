package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// fillDirectory makes a store with rows of every kind and one file.
func fillDirectory(t *testing.T, dir string) {
	s := open(t, Config{Dir: dir})
	for i := range 300 {
		require.NoError(t, s.Outbox().Prepare(fmt.Sprint(i), []byte(strings.Repeat("transaction", 100))))
		require.NoError(t, s.Outbox().Settle(fmt.Sprint(i), time.Now(), []byte("receipt")))
	}
	_, _, err := s.Tokens().Create(Token{Name: "scale"})
	require.NoError(t, err)
	_, err = s.Files().Keep([]byte("payload"), About{})
	require.NoError(t, err)
	_, err = s.Files().Receive(strings.NewReader("report"), 100, About{})
	require.NoError(t, err)
	_, err = s.Scans().Count("code", "phone", time.Now())
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func glob(t *testing.T, pattern string) string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, paths, pattern)
	return paths[len(paths)-1]
}

func TestDamagedDirectoryIsRefused(t *testing.T) {
	flip := func(path string, where float64) error {
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		raw[int(float64(len(raw)-1)*where)] ^= 0x40
		return os.WriteFile(path, raw, 0o600)
	}
	halve := func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, info.Size()/2)
	}
	cases := map[string]func(dir string) error{
		"marker changed":           func(dir string) error { return flip(filepath.Join(dir, "STORE"), 0.9) },
		"marker emptied":           func(dir string) error { return os.Truncate(filepath.Join(dir, "STORE"), 0) },
		"marker removed":           func(dir string) error { return os.Remove(filepath.Join(dir, "STORE")) },
		"rows removed":             func(dir string) error { return os.RemoveAll(filepath.Join(dir, "rows")) },
		"table removed":            func(dir string) error { return os.Remove(glob(t, dir+"/rows/*.sst")) },
		"table halved":             func(dir string) error { return halve(glob(t, dir+"/rows/*.sst")) },
		"table changed at start":   func(dir string) error { return flip(glob(t, dir+"/rows/*.sst"), 0.01) },
		"table changed inside":     func(dir string) error { return flip(glob(t, dir+"/rows/*.sst"), 0.3) },
		"table changed at end":     func(dir string) error { return flip(glob(t, dir+"/rows/*.sst"), 1) },
		"manifest removed":         func(dir string) error { return os.Remove(glob(t, dir+"/rows/MANIFEST-*")) },
		"manifest changed":         func(dir string) error { return flip(glob(t, dir+"/rows/MANIFEST-*"), 0.5) },
		"manifest emptied":         func(dir string) error { return os.Truncate(glob(t, dir+"/rows/MANIFEST-*"), 0) },
		"manifest marker removed":  func(dir string) error { return os.Remove(glob(t, dir+"/rows/marker.manifest*")) },
		"folder of files removed":  func(dir string) error { return os.RemoveAll(filepath.Join(dir, "files", "7f")) },
		"files removed altogether": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "files")) },
	}
	for name, damage := range cases {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			fillDirectory(t, dir)
			require.NoError(t, damage(dir))
			_, err := Open(Config{Dir: dir, Logger: quiet})
			require.Equal(t, CodeDamaged, trace.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, dir)
			_, err = Open(Config{Dir: dir, Logger: quiet})
			require.Equal(t, CodeDamaged, trace.CodeOf(err), "a second try is no way around it: %v", err)
		})
	}
}

// A store that was killed has its latest rows in the log only, and no seal. Damage
// inside a log must not pass for the torn end that a crash leaves.
func TestDamagedLogIsRefused(t *testing.T) {
	disk := vfs.NewCrashableMem()
	s, err := Open(Config{Dir: "/data/store", FS: disk, Logger: quiet})
	require.NoError(t, err)
	for range 3 { // records in the manifest
		require.NoError(t, s.Outbox().Prepare("flushed", []byte("transaction")))
		require.NoError(t, s.db.Flush())
	}
	for i := range 200 {
		require.NoError(t, s.Outbox().Prepare(fmt.Sprint(i), []byte(strings.Repeat("transaction", 30))))
	}
	names, err := disk.List("/data/store/rows")
	require.NoError(t, err)
	slices.Sort(names)
	var logs []string // and the manifest in use, which is the newest
	for _, name := range names {
		if _, isLog := logNumber(name); isLog {
			logs = append(logs, name)
		} else if strings.HasPrefix(name, "MANIFEST") {
			logs = append(slices.DeleteFunc(logs, func(s string) bool { return strings.HasPrefix(s, "MANIFEST") }), name)
		}
	}
	checked := 0
	for _, name := range logs {
		_, isLog := logNumber(name)
		for percent := 2; percent <= 90; percent += 8 {
			killed := disk.CrashClone(vfs.CrashCloneCfg{})
			raw, err := killed.UnsafeGetFileDataBuffer("/data/store/rows/" + name)
			require.NoError(t, err)
			if isLog && len(raw) < 10000 || !isLog && percent > 60 { // a log already in tables; the last record
				continue
			}
			raw[len(raw)*percent/100] ^= 1
			_, err = Open(Config{Dir: "/data/store", FS: killed, Logger: quiet})
			require.Equal(t, CodeDamaged, trace.CodeOf(err), "%s at %d %% of %d: %v", name, percent, len(raw), err)
			checked++
		}
	}
	require.Greater(t, checked, 15)
	require.NoError(t, s.Close())
}

func TestForeignDirectoryIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("x"), 0o600))
	_, err := Open(Config{Dir: dir, Logger: quiet})
	require.Equal(t, CodeDamaged, trace.CodeOf(err))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// A disk that fails to sync must not lead to an acknowledgement, then or later.
func TestFailedSyncIsNotAcknowledged(t *testing.T) {
	var failing errorfs.Toggle
	failing.Injector = errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo {
			return errors.New("medium error")
		}
		return nil
	})
	s, err := Open(Config{Dir: "/data/store", FS: errorfs.Wrap(vfs.NewMem(), &failing), Logger: quiet})
	require.NoError(t, err)
	require.NoError(t, s.Outbox().Prepare("a", []byte("x")))
	require.NoError(t, s.Healthy())

	failing.On()
	_, err = s.Files().Receive(strings.NewReader("report"), 100, About{})
	require.ErrorContains(t, err, "medium error")
	err = s.Outbox().Prepare("b", []byte("x"))
	require.Equal(t, CodeFailed, trace.CodeOf(err), "%v", err)
	failing.Off()
	require.Equal(t, CodeFailed, trace.CodeOf(s.Outbox().Prepare("c", []byte("x"))), "what the log holds is unknown until it is read again")
	require.Equal(t, CodeFailed, trace.CodeOf(s.Healthy()))
	_, _, found, err := s.Outbox().Get("a")
	require.NoError(t, err)
	require.True(t, found, "reading goes on")
	_ = s.Close() // reports the failure once more
}
