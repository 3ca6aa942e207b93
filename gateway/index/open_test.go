package index_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// damage does one thing to every file of an index's rows whose name matches.
func damage(t *testing.T, dir, pattern string, change func([]byte) []byte) {
	t.Helper()
	changed := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "rows"), func(path string, d fs.DirEntry, err error) error {
		if matched, _ := filepath.Match(pattern, filepath.Base(path)); err != nil || d.IsDir() || !matched {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		changed++
		if content = change(content); content == nil {
			return os.Remove(path)
		}
		return os.WriteFile(path, content, 0o600)
	}))
	require.Positive(t, changed, "no file matches %s", pattern)
}

func flipped(b []byte) []byte {
	b[len(b)/2] ^= 0x10
	return b
}

func TestDamagedDirectoryIsRebuilt(t *testing.T) {
	c := long(t, 200)
	want := dumpOf(t, folded(t, c))
	for name, harm := range map[string]func(t *testing.T, dir string){
		"manifest gone":   func(t *testing.T, dir string) { damage(t, dir, "MANIFEST-*", func([]byte) []byte { return nil }) },
		"table cut off":   func(t *testing.T, dir string) { damage(t, dir, "*.sst", func(b []byte) []byte { return b[:len(b)/3] }) },
		"table gone":      func(t *testing.T, dir string) { damage(t, dir, "*.sst", func([]byte) []byte { return nil }) },
		"table altered":   func(t *testing.T, dir string) { damage(t, dir, "*.sst", flipped) },
		"log altered":     func(t *testing.T, dir string) { damage(t, dir, "*.log", flipped) },
		"everything gone": func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(filepath.Join(dir, "rows"))) },
		"not a database": func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "rows")))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "rows"), []byte("rows"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var log bytes.Buffer
			cfg := index.Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})), MemTableBytes: 64 << 10}
			x, err := index.Open(cfg)
			require.NoError(t, err)
			require.NoError(t, x.Follow(context.Background(), c.source))
			require.NoError(t, x.Close())
			harm(t, dir)
			log.Reset()

			// Damage shows when the directory is opened, or when a damaged row is read;
			// then the next start deals with it.
			for attempt := 0; ; attempt++ {
				require.Less(t, attempt, 3)
				x, err = index.Open(cfg)
				require.NoError(t, err)
				err = x.Follow(context.Background(), c.source)
				if err == nil {
					err = x.Dump(io.Discard)
				}
				if err == nil {
					break
				}
				require.Equal(t, index.CodeDamaged, trace.CodeOf(err), "%v", err)
				require.NoError(t, x.Close())
			}
			require.Equal(t, want, dumpOf(t, x))
			require.NoError(t, x.Close())
			if name != "everything gone" && name != "log altered" { // a log's end may be lost any time
				require.Contains(t, log.String(), "index moved aside, building it anew from block 0")
			}
		})
	}
}

// A manifest that reads as an older one would leave a hole in what was folded.
func TestDamagedManifestLeavesNoHole(t *testing.T) {
	c := long(t, 200)
	want := dumpOf(t, folded(t, c))
	dir := t.TempDir()
	cfg := index.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler), MemTableBytes: 64 << 10, BatchBytes: 4 << 10}
	x, err := index.Open(cfg)
	require.NoError(t, err)
	require.NoError(t, x.Follow(context.Background(), c.source))
	require.NoError(t, x.Close())
	whole := t.TempDir()
	require.NoError(t, os.CopyFS(whole, os.DirFS(dir)))
	size := 0
	damage(t, dir, "MANIFEST-*", func(b []byte) []byte { size = max(size, len(b)); return b })
	for at := 1; at < size; at += 1 + size/25 {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "rows")))
		require.NoError(t, os.CopyFS(filepath.Join(dir, "rows"), os.DirFS(filepath.Join(whole, "rows"))))
		damage(t, dir, "MANIFEST-*", func(b []byte) []byte {
			b[min(at, len(b)-1)] ^= 0x10
			return b
		})
		x, err := index.Open(cfg)
		require.NoError(t, err)
		require.NoError(t, x.Follow(context.Background(), c.source))
		require.Equal(t, len(want), len(dumpOf(t, x)), "byte %d", at)
		require.NoError(t, x.Close())
	}
}

func TestAnotherVersionIsRebuilt(t *testing.T) {
	c := long(t, 0)
	dir := t.TempDir()
	x, err := index.Open(index.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, x.Follow(context.Background(), c.source))
	want := dumpOf(t, x)
	require.NoError(t, x.Close())

	db, err := pebble.Open(filepath.Join(dir, "rows"), &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: quiet{}})
	require.NoError(t, err)
	require.NoError(t, db.Set([]byte("a/format"), []byte("traceledger index 0"), pebble.Sync))
	require.NoError(t, db.Close())

	x, err = index.Open(index.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.Zero(t, x.Height())
	require.NoError(t, x.Follow(context.Background(), c.source))
	require.Equal(t, want, dumpOf(t, x))
	require.NoError(t, x.Close())
}

type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

func TestOneProcessAtATime(t *testing.T) {
	files := vfs.NewMem()
	x := open(t, files)
	defer func() { require.NoError(t, x.Close()) }()
	_, err := index.Open(index.Config{Dir: "index", FS: files, Logger: slog.New(slog.DiscardHandler)})
	require.Equal(t, index.CodeInUse, trace.CodeOf(err))
}
