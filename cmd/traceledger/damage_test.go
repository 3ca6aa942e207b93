package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// TestDamagedData damages the data of a stopped house part by part. The program must
// say which and end with a failure, change nothing, and be no different the second time.
// Only the read model, which is made of the chain, is made anew.
func TestDamagedData(t *testing.T) {
	h := newHouse(t, trace.RoleRegulator, trace.RoleFactory)
	h.start("serve")
	h.furnish()
	h.must(trace.RoleFactory, "/batches", "WHOLE-1", lotRequest(trace.TimeOf(time.Now())-3_600_000, "WHOLE-1"))
	h.stop()
	whole := h.data
	dump := h.command("dump")

	flipLargest := func(pattern string) func(string) error {
		return func(data string) error {
			name, err := largestOf(filepath.Join(data, pattern))
			if err != nil {
				return err
			}
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			content[len(content)/2] ^= 0x20
			return os.WriteFile(name, content, 0o600)
		}
	}
	remove := func(pattern string) func(string) error {
		return func(data string) error {
			name, err := largestOf(filepath.Join(data, pattern))
			if err != nil {
				return err
			}
			return os.RemoveAll(name)
		}
	}
	for _, c := range []struct {
		name   string
		damage func(data string) error
		says   []string
	}{
		{"ledger: a bit of a table", flipLargest("ledger/*/*.sst"), []string{"ledger", "damaged"}},
		{"ledger: a table gone", remove("ledger/*/*.sst"), []string{"ledger", "damaged"}},
		{"ledger: the manifest gone", remove("ledger/*/MANIFEST-*"), []string{"ledger", "damaged"}},
		{"ledger: what it is gone", remove("ledger/FORMAT"), []string{"ledger", "damaged"}},
		{"ledger: all of it gone", remove("ledger"), []string{"ledger is missing", "restore"}},
		{"store: a bit of a table", flipLargest("store/rows/*.sst"), []string{"store", "DATA_DAMAGED"}},
		{"store: a bit of what is largest", flipLargest("store/rows/*"), []string{"store", "DATA_DAMAGED"}},
		{"store: a table gone", remove("store/rows/*.sst"), []string{"store", "DATA_DAMAGED"}},
		{"store: what it is gone", remove("store/STORE"), []string{"store", "DATA_DAMAGED"}},
		{"store: a folder of files gone", remove("store/files/7f"), []string{"store", "DATA_DAMAGED", "7f"}},
		{"wallet: a key gone", remove("wallet/the-factory@factory/key.pem"), []string{"wallet", "WALLET_DAMAGED", "the-factory@factory"}},
		{"wallet: a certificate overwritten", func(data string) error {
			return os.WriteFile(filepath.Join(data, "wallet", readerName, "cert.pem"), []byte("nothing"), 0o600)
		}, []string{"wallet", "WALLET_DAMAGED", readerName}},
		{"index: another chain's", func(data string) error {
			other := newHouse(t, trace.RoleRegulator, trace.RoleFactory)
			other.start("serve")
			other.furnish()
			other.stop()
			return errors.Join(os.RemoveAll(filepath.Join(data, "index")), os.CopyFS(filepath.Join(data, "index"), os.DirFS(filepath.Join(other.data, "index"))))
		}, []string{"INDEX_OTHER_CHAIN", "another chain"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &house{t: t, data: filepath.Join(t.TempDir(), "data")}
			require.NoError(t, os.CopyFS(h.data, os.DirFS(whole)))
			require.NoError(t, c.damage(h.data))
			part, _, _ := strings.Cut(c.name, ":")
			before := listing(t, filepath.Join(h.data, part))
			if part == "index" { // it may be made anew at any time
				before = nil
			}
			for range 2 {
				_, said, err := h.try("serve", "-addr", "127.0.0.1:0")
				require.Error(t, err, "it starts")
				require.NotContains(t, said, "goroutine", "it panics")
				_, last, ended := strings.Cut("\n"+said, "\ntraceledger: ")
				require.True(t, ended, said)
				for _, words := range c.says {
					require.Contains(t, last, words)
				}
			}
			after := listing(t, filepath.Join(h.data, part))
			for name, size := range before {
				require.Equal(t, size, after[name], "%s: what is left may be all there is", name)
			}
		})
	}
	for name, damage := range map[string]func(string) error{
		"index: a bit of a table": flipLargest("index/rows/*.sst"),
		"index: a table gone":     remove("index/rows/*.sst"),
		"index: all of it gone":   remove("index"),
	} {
		t.Run(name, func(t *testing.T) {
			again := &house{t: t, data: filepath.Join(t.TempDir(), "data")}
			require.NoError(t, os.CopyFS(again.data, os.DirFS(whole)))
			require.NoError(t, damage(again.data))
			again.start("serve")
			again.stop()
			printed, said, err := again.try("dump")
			if err != nil { // nobody had read the damaged part before
				require.Contains(t, said, "INDEX_DAMAGED")
				again.start("serve")
				again.stop()
				require.Contains(t, again.errors.String(), "building it anew")
				printed = again.command("dump")
			}
			require.Equal(t, dump, printed)
		})
	}
}

func largestOf(pattern string) (string, error) {
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		return "", &fs.PathError{Op: "find", Path: pattern, Err: fs.ErrNotExist}
	}
	size := func(name string) int64 {
		info, err := os.Stat(name)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	return slices.MaxFunc(names, func(a, b string) int { return int(size(a) - size(b)) }), nil
}

var journal = regexp.MustCompile(`^LOCK$|^CLOSED$|^MANIFEST-|^OPTIONS-|^marker\.|\.log$`)

// listing names the tables, files and keys of a data directory with their sizes; not the
// database's own journals, which it moves into tables whenever it opens.
func listing(t *testing.T, data string) map[string]int64 {
	out := map[string]int64{}
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		return out
	}
	require.NoError(t, filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || journal.MatchString(d.Name()) {
			return err
		}
		info, err := d.Info()
		name, _ := filepath.Rel(data, path)
		out[name] = info.Size()
		return err
	}))
	return out
}
