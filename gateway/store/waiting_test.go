package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

// TestQuotaOfWaitingFiles: what no record names is bounded, party by party.
func TestQuotaOfWaitingFiles(t *testing.T) {
	fs, c := vfs.NewMem(), newClock()
	cfg := Config{Dir: "/data/store", FS: fs, Now: c.Now, WaitingBytes: 3 * (1000 + fileOverhead)}
	s := open(t, cfg)
	send := func(party string, name byte) error {
		_, err := s.Files().Receive(bytes.NewReader(bytes.Repeat([]byte{name}, 1000)), 1000, About{Uploader: party})
		return err
	}
	hash := func(name byte) Hash { return sha256.Sum256(bytes.Repeat([]byte{name}, 1000)) }
	for _, name := range []byte("abc") {
		require.NoError(t, send("farm", name))
	}
	require.NoError(t, send("farm", 'a'), "what is charged already is not charged again")
	refused := func(name byte) {
		t.Helper()
		for _, err := range []error{send("farm", name), func() error {
			_, err := s.Files().Keep(bytes.Repeat([]byte{name}, 1000), About{Uploader: "farm"})
			return err
		}()} {
			require.Equal(t, CodeUploadQuota, trace.CodeOf(err))
			require.ErrorContains(t, err, "15288")
		}
		_, found, err := s.Files().Stat(hash(name))
		require.NoError(t, err)
		require.False(t, found)
		for _, folder := range []string{incomingName, hash(name).String()[:2]} {
			left, err := fs.List("/data/store/files/" + folder)
			require.NoError(t, err)
			require.NotContains(t, left, hash(name).String()[2:])
			if folder == incomingName {
				require.Empty(t, left, "the bytes are gone")
			}
		}
	}
	refused('d')
	require.NoError(t, s.Close())
	s = open(t, cfg)
	require.EqualValues(t, cfg.WaitingBytes, s.Files().Waiting("farm"), "a restart forgives nothing")
	refused('d')
	require.NoError(t, send("lab", 'd'), "one party's quota is not another's")
	require.NoError(t, send("lab", 'a'), "who brings it last is charged")
	require.NoError(t, send("farm", 'e'))
	refused('f')
	require.NoError(t, s.Files().Named(hash('b'), Hash{1}))
	require.NoError(t, send("farm", 'b'), "nobody is charged for what a record names")
	require.NoError(t, send("farm", 'f'))
	require.NoError(t, s.Files().Erase(hash('f')))
	require.NoError(t, send("farm", 'g'))
	require.NoError(t, s.Close())
}

// TestNamedFilesAreNeverSwept: also when the same bytes come again later.
func TestNamedFilesAreNeverSwept(t *testing.T) {
	fs, c := vfs.NewMem(), newClock()
	s := memory(t, fs, c)
	large := strings.Repeat("x", payloadLimit+1)
	for _, text := range []string{"named", large} {
		kept, err := s.Files().Keep([]byte(text), About{Uploader: "lab"})
		require.NoError(t, err)
		require.NoError(t, s.Files().Named(kept.Hash))
		c.advance(100 * 24 * time.Hour)
		_, err = s.Files().Keep([]byte(text), About{Uploader: "stranger"})
		require.NoError(t, err)
	}
	c.advance(100 * 24 * time.Hour)
	require.Zero(t, s.Files().Waiting("lab"))
	require.Zero(t, s.Files().Waiting("stranger"))
	none := func([]Hash) (map[Hash]bool, error) { return nil, nil }
	swept, err := s.Sweep(context.Background(), c.now, c.now, none)
	require.NoError(t, err)
	require.Equal(t, Swept{}, swept)
	require.Equal(t, large, string(content(t, s, sha256.Sum256([]byte(large)))))
	require.NoError(t, s.Close())
}

// TestHeldWhileSwept: a request that names a file while a sweep looks for records that
// do keeps the file, whichever comes first.
func TestHeldWhileSwept(t *testing.T) {
	for _, size := range []int{100, payloadLimit + 1} {
		fs, c := vfs.NewMem(), newClock()
		s := memory(t, fs, c)
		text := bytes.Repeat([]byte("x"), size)
		kept, err := s.Files().Keep(text, About{Uploader: "lab"})
		require.NoError(t, err)
		c.advance(8 * 24 * time.Hour)
		swept, err := s.Sweep(context.Background(), c.now, c.now.Add(-FilesKept), func([]Hash) (map[Hash]bool, error) {
			return nil, s.Files().Hold(kept.Hash, Hash{1})
		})
		require.NoError(t, err)
		require.Equal(t, Swept{}, swept)
		require.Equal(t, text, content(t, s, kept.Hash))
		require.Positive(t, s.Files().Waiting("lab"), "a request is not a record yet")
		require.NoError(t, s.Close())
		s = memory(t, fs, c)
		require.Equal(t, text, content(t, s, kept.Hash))
		require.NoError(t, s.Close())
	}
}

// TestAccountsFollowTheRows: whatever happens, the accounts in memory are those that
// the rows give, and the files those that were not removed.
func TestAccountsFollowTheRows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fs, c := vfs.NewMem(), newClock()
		s, err := Open(Config{Dir: "/data/store", FS: fs, Now: c.Now, Logger: quiet, WaitingBytes: 40_000})
		require.NoError(rt, err)
		defer func() { require.NoError(rt, s.Close()) }()
		texts := [][]byte{[]byte("a"), bytes.Repeat([]byte("b"), 9000), bytes.Repeat([]byte("c"), 20_000)}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			text := rapid.SampledFrom(texts).Draw(rt, "text")
			about := About{Uploader: rapid.SampledFrom([]string{"", "farm", "lab"}).Draw(rt, "party")}
			h := Hash(sha256.Sum256(text))
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0:
				_, err = s.Files().Receive(bytes.NewReader(text), 1<<20, about)
			case 1:
				_, err = s.Files().Keep(text, about)
			case 2:
				err = s.Files().Hold(h)
			case 3:
				err = s.Files().Named(h)
			case 4:
				err = s.Files().Erase(h)
			case 5:
				c.advance(5 * 24 * time.Hour)
			case 6:
				_, err = s.Sweep(context.Background(), c.now, c.now.Add(-FilesKept), func([]Hash) (map[Hash]bool, error) { return nil, nil })
			}
			if trace.CodeOf(err) != CodeUploadQuota {
				require.NoError(rt, err)
			}
			held := maps.Clone(s.files.waiting.bytes)
			s.files.waiting.bytes = map[string]int64{}
			require.NoError(rt, s.files.countWaiting())
			require.Equal(rt, s.files.waiting.bytes, held)
			for party, waiting := range held {
				require.NotEmpty(rt, party)
				require.LessOrEqual(rt, waiting, int64(40_000))
			}
		}
	})
}

// TestCheckedFilesAreReadOnce: a file that did not change is hashed once an hour; one
// that did is hashed again.
func TestCheckedFilesAreReadOnce(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, Config{Dir: dir, Now: c.Now})
	kept, err := s.Files().Receive(strings.NewReader("certificate"), 100, About{})
	require.NoError(t, err)
	path := filepath.Join(dir, "files", kept.Hash.String()[:2], kept.Hash.String()[2:])
	opened := func() error {
		c, err := s.Files().Open(kept.Hash)
		if err == nil {
			err = c.Close()
		}
		return err
	}
	require.NoError(t, opened())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("certificatE"), 0o600))
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()), "as a decaying disk changes it")
	require.NoError(t, opened(), "it is not read again")
	c.advance(checkedFor)
	require.Equal(t, CodeFileDamaged, trace.CodeOf(opened()))

	_, err = s.Files().Receive(strings.NewReader("certificate"), 100, About{})
	require.NoError(t, err)
	require.NoError(t, opened())
	require.NoError(t, os.WriteFile(path, []byte("certificatE"), 0o600))
	require.NoError(t, os.Chtimes(path, c.now, c.now.Add(time.Second)))
	require.Equal(t, CodeFileDamaged, trace.CodeOf(opened()), "written since")
	require.NoError(t, s.Close())
}

func TestMentioned(t *testing.T) {
	a, b := Hash{1}, Hash{2}
	text := fmt.Sprintf(`{"a":"%s","b":["%s","%sff","%s"],"c":%q}`, a, b, a, strings.ToUpper(Hash{0xab}.String()), "x")
	require.Equal(t, []Hash{a, b}, Mentioned([]byte(text)))
	for cut := range text {
		require.LessOrEqual(t, len(Mentioned([]byte(text[:cut]))), 2)
	}
}
