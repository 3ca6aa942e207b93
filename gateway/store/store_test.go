package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// clock is a time that only the test moves.
type clock struct{ now time.Time }

func newClock() *clock                   { return &clock{now: time.Date(2026, 10, 18, 6, 0, 0, 0, time.UTC)} }
func (c *clock) Now() time.Time          { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func open(t *testing.T, cfg Config) *Store {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	s, err := Open(cfg)
	require.NoError(t, err)
	return s
}

func memory(t *testing.T, fs vfs.FS, c *clock) *Store {
	t.Helper()
	return open(t, Config{Dir: "/data/store", FS: fs, Now: c.Now})
}

func content(t *testing.T, s *Store, h Hash) []byte {
	t.Helper()
	c, err := s.Files().Open(h)
	require.NoError(t, err)
	b, err := io.ReadAll(c)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	return b
}

func TestOutbox(t *testing.T) {
	fs, c := vfs.NewMem(), newClock()
	s := memory(t, fs, c)
	o := s.Outbox()

	_, _, found, err := o.Get("k")
	require.NoError(t, err)
	require.False(t, found)

	require.NoError(t, o.Prepare("k", []byte("first transaction")))
	require.NoError(t, o.Prepare("k", []byte("second transaction")))
	require.NoError(t, o.Prepare("other", []byte("x")))
	require.NoError(t, o.Settle("k", c.now, []byte("answer")))
	require.NoError(t, o.Forget("other"))
	require.NoError(t, o.Prepare("third", []byte("y")))
	require.NoError(t, s.Close())

	s = memory(t, fs, c)
	o = s.Outbox()
	row, settled, found, err := o.Get("k")
	require.NoError(t, err)
	require.True(t, found)
	require.True(t, settled)
	require.Equal(t, "answer", string(row))
	pending := map[string]string{}
	require.NoError(t, o.Pending(func(id string, row []byte) error {
		pending[id] = string(row)
		return nil
	}))
	require.Equal(t, map[string]string{"third": "y"}, pending)

	swept, err := s.Sweep(context.Background(), c.now.Add(time.Millisecond), c.now, nil)
	require.NoError(t, err)
	require.Equal(t, 1, swept.Answers)
	_, _, found, err = o.Get("k")
	require.NoError(t, err)
	require.False(t, found)
	_, settled, found, err = o.Get("third")
	require.NoError(t, err)
	require.True(t, found, "a pending row has no age")
	require.False(t, settled)
	require.NoError(t, s.Close())
}

func TestFiles(t *testing.T) {
	fs, c := vfs.NewMem(), newClock()
	s := memory(t, fs, c)
	about := About{MediaType: "application/pdf", Uploader: "P-LAB-01"}
	large := bytes.Repeat([]byte("检验报告"), 20000)
	small := []byte("reading 1\nreading 2\n")

	stored, err := s.Files().Receive(bytes.NewReader(large), 1<<20, about)
	require.NoError(t, err)
	require.Equal(t, File{Hash: sha256.Sum256(large), Size: int64(len(large)), About: about, Received: c.now, Again: c.now}, stored)
	_, err = s.Files().Keep(small, about)
	require.NoError(t, err)
	empty, err := s.Files().Keep(nil, about)
	require.NoError(t, err)
	viaKeep, err := s.Files().Keep(append(large, 'x'), about)
	require.NoError(t, err, "larger payloads become files")

	require.NoError(t, s.Close())
	s = memory(t, fs, c)
	require.Equal(t, large, content(t, s, stored.Hash))
	require.Equal(t, small, content(t, s, sha256.Sum256(small)))
	require.Empty(t, content(t, s, empty.Hash))
	require.Equal(t, append(large, 'x'), content(t, s, viaKeep.Hash))

	c.advance(time.Hour)
	again, err := s.Files().Receive(bytes.NewReader(small), 100, About{MediaType: "text/html", Uploader: "P-STRANGER"})
	require.NoError(t, err)
	require.Equal(t, about, again.About, "what the first writer said stays")
	require.Equal(t, small, content(t, s, again.Hash))

	_, err = s.Files().Open(Hash{1})
	require.Equal(t, CodeFileUnknown, trace.CodeOf(err))
	_, err = s.Files().Receive(bytes.NewReader(small), int64(len(small))-1, about)
	require.Equal(t, CodeFileTooLarge, trace.CodeOf(err))
	left, err := fs.List("/data/store/files/incoming")
	require.NoError(t, err)
	require.Empty(t, left)

	require.NoError(t, s.Files().Erase(stored.Hash))
	require.NoError(t, s.Files().Erase(again.Hash))
	_, err = s.Files().Open(stored.Hash)
	require.Equal(t, CodeFileUnknown, trace.CodeOf(err))
	require.NoError(t, s.Close())
}

func TestDamagedFileIsNotHandedOut(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	stored, err := s.Files().Receive(strings.NewReader("certificate"), 100, About{})
	require.NoError(t, err)
	path := filepath.Join(dir, "files", stored.Hash.String()[:2], stored.Hash.String()[2:])
	require.NoError(t, os.WriteFile(path, []byte("certificatE"), 0o600))
	_, err = s.Files().Open(stored.Hash)
	require.Equal(t, CodeFileDamaged, trace.CodeOf(err))
	_, err = s.Files().Receive(strings.NewReader("certificate"), 100, About{})
	require.NoError(t, err)
	require.Equal(t, "certificate", string(content(t, s, stored.Hash)), "uploading again heals it")
	require.NoError(t, os.Remove(path))
	_, err = s.Files().Open(stored.Hash)
	require.Equal(t, CodeFileDamaged, trace.CodeOf(err))
	require.NoError(t, s.Close())
}

func TestSweepFiles(t *testing.T) {
	fs, c := vfs.NewMem(), newClock()
	s := memory(t, fs, c)
	keep := func(text string) Hash {
		f, err := s.Files().Receive(strings.NewReader(text), 100, About{})
		require.NoError(t, err)
		return f.Hash
	}
	named, unnamed, renewed := keep("named"), keep("unnamed"), keep("renewed")
	payload, err := s.Files().Keep([]byte("payload"), About{})
	require.NoError(t, err)
	c.advance(8 * 24 * time.Hour)
	keep("renewed")
	fresh := keep("fresh")

	asked := map[Hash]int{}
	sweep := func() Swept {
		swept, err := s.Sweep(context.Background(), c.now.Add(-AnswersKept), c.now.Add(-FilesKept), func(hashes []Hash) (map[Hash]bool, error) {
			for _, h := range hashes {
				asked[h]++
			}
			return map[Hash]bool{named: true}, nil
		})
		require.NoError(t, err)
		return swept
	}
	require.Equal(t, Swept{Files: 2}, sweep())
	require.Equal(t, Swept{}, sweep())
	require.Equal(t, map[Hash]int{named: 1, unnamed: 1, payload.Hash: 1, renewed: 2, fresh: 2}, asked, "what was found named or removed is not asked about again")
	for h, want := range map[Hash]bool{named: true, unnamed: false, payload.Hash: false, renewed: true, fresh: true} {
		_, found, err := s.Files().Stat(h)
		require.NoError(t, err)
		require.Equal(t, want, found)
	}
	_, err = s.Sweep(context.Background(), c.now, c.now.Add(time.Second), func([]Hash) (map[Hash]bool, error) { return nil, io.ErrUnexpectedEOF })
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "an index that cannot answer stops the sweep")
	_, found, err := s.Files().Stat(fresh)
	require.NoError(t, err)
	require.True(t, found)
	require.NoError(t, s.Close())
}

func TestTokens(t *testing.T) {
	fs, c := vfs.NewMem(), newClock()
	s := memory(t, fs, c)
	spec := Token{Name: "scale 3", MSPID: "ProducerMSP", Party: "P-FARM-01", Role: "farm", Enrolment: "farm1", Expires: c.now.Add(time.Hour)}
	presented, made, err := s.Tokens().Create(spec)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s = memory(t, fs, c)

	got, err := s.Tokens().Authenticate(presented)
	require.NoError(t, err)
	require.Equal(t, made, got)
	last := presented[:len(presented)-1] + map[bool]string{true: "A", false: "Q"}[presented[len(presented)-1] != 'A']
	for name, text := range map[string]string{
		"empty": "", "no prefix": presented[4:], "other secret": last, "short": presented[:30],
		"unknown id": "tlt_0000000000000000" + presented[20:], "longer": presented + "AAAA",
	} {
		_, err := s.Tokens().Authenticate(text)
		require.Equal(t, CodeTokenUnknown, trace.CodeOf(err), name)
	}
	c.advance(time.Hour)
	_, err = s.Tokens().Authenticate(presented)
	require.Equal(t, CodeTokenExpired, trace.CodeOf(err))
	require.NoError(t, s.Tokens().Revoke(made.ID))
	_, err = s.Tokens().Authenticate(presented)
	require.Equal(t, CodeTokenRevoked, trace.CodeOf(err))
	require.Equal(t, CodeTokenUnknown, trace.CodeOf(s.Tokens().Revoke("0000000000000000")))
	count := 0
	require.NoError(t, s.Tokens().List(func(t Token) error { count++; return nil }))
	require.Equal(t, 1, count)
	require.NoError(t, s.Close())
}

func TestTokenSecretIsNotOnDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	presented, _, err := s.Tokens().Create(Token{Name: "x"})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	secret := presented[strings.LastIndex(presented, "_")+1:]
	requireAbsent(t, dir, secret)
}

func TestContactsAreErased(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	require.NoError(t, s.Contacts().SetContact("r1", []byte("+86 138 0000 0000")))
	require.NoError(t, s.Contacts().SetSalt("r1", []byte("pepper-and-salt")))
	require.NoError(t, s.Contacts().SetContact("r2", []byte("stays")))
	require.NoError(t, s.Contacts().Erase(context.Background(), "r1"))
	_, found, err := s.Contacts().Contact("r1")
	require.NoError(t, err)
	require.False(t, found)
	_, found, err = s.Contacts().Salt("r1")
	require.NoError(t, err)
	require.False(t, found)
	row, found, err := s.Contacts().Contact("r2")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "stays", string(row))
	require.NoError(t, s.Close())
	tables, err := filepath.Glob(filepath.Join(dir, "rows", "*.sst"))
	require.NoError(t, err)
	for _, path := range tables {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "pepper")
	}
}

func requireAbsent(t *testing.T, dir, text string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		require.NotContains(t, string(raw), text, path)
		return err
	}))
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	c := newClock()
	s := open(t, Config{Dir: filepath.Join(dir, "store"), Now: c.Now})
	stored, err := s.Files().Receive(strings.NewReader("report"), 100, About{MediaType: "text/plain"})
	require.NoError(t, err)
	payload, err := s.Files().Keep([]byte("payload"), About{})
	require.NoError(t, err)
	require.NoError(t, s.Outbox().Prepare("k", []byte("transaction")))
	require.NoError(t, s.Outbox().Settle("k", c.now, []byte("answer")))
	_, err = s.Scans().Count("code", "phone", c.now)
	require.NoError(t, err)

	to := filepath.Join(dir, "backups", "one")
	require.NoError(t, s.Backup(context.Background(), to))
	require.Error(t, s.Backup(context.Background(), to), "a backup is never written over")
	require.NoError(t, s.Files().Erase(stored.Hash))
	require.NoError(t, s.Close())

	s = open(t, Config{Dir: to, Now: c.Now})
	require.Equal(t, "report", string(content(t, s, stored.Hash)))
	require.Equal(t, "payload", string(content(t, s, payload.Hash)))
	row, settled, _, err := s.Outbox().Get("k")
	require.NoError(t, err)
	require.True(t, settled)
	require.Equal(t, "answer", string(row))
	summary, err := s.Scans().Summary("code")
	require.NoError(t, err)
	require.Equal(t, ScanSummary{First: c.now, Count: 1}, summary)
	require.NoError(t, s.Close())
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	_, err := Open(Config{Dir: dir, Logger: quiet})
	require.Equal(t, CodeInUse, trace.CodeOf(err))
	require.NoError(t, s.Close())
}
