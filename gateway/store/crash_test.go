package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// The crash test runs a script of every durable operation on a file system that can
// lose whatever was not synced. Before every single write and sync, and after every
// acknowledgement, it takes the disk as a power failure would leave it: once with
// nothing of what was not synced, and once with a random half of it. On each of these disks the
// store must open and show, for every subject, a value that was allowed then: the
// acknowledged one, or the one being written.

// crash is one disk and what may be seen on it.
type crash struct {
	moment  string
	disk    *vfs.MemFS
	allowed map[string][]string // subject → observations
}

type crashScript struct {
	t    *testing.T
	disk *vfs.MemFS
	rng  *rand.Rand

	mu      sync.Mutex
	synced  bool // something was synced since the last disk without unsynced data was taken
	step    string
	allowed map[string][]string
	crashes []crash
}

func (s *crashScript) MaybeError(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRemoveAll, errorfs.OpRename,
		errorfs.OpReuseForWrite, errorfs.OpMkdirAll, errorfs.OpFileWrite, errorfs.OpFileWriteAt,
		errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		isSync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		s.crash(fmt.Sprintf("before operation %d on %s", op.Kind, op.Path), isSync)
	}
	return nil
}

func (s *crashScript) String() string { return "crash" }

// crash takes the disks. next says that a sync follows: only then does the disk
// without unsynced data change.
func (s *crashScript) crash(moment string, next bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	allowed := maps.Clone(s.allowed)
	moment = fmt.Sprintf("%s, %s", s.step, moment)
	kept := 50
	if strings.HasPrefix(s.step, "opening") {
		// While Pebble opens it relies on names in one directory becoming durable in
		// the order they were made, as journaling file systems have it; the memory
		// file system would keep the second and lose the first.
		kept = 100
	}
	if s.synced {
		s.crashes = append(s.crashes, crash{moment, s.disk.CrashClone(vfs.CrashCloneCfg{}), allowed})
	}
	s.synced = next
	s.crashes = append(s.crashes,
		crash{fmt.Sprintf("%s, %d %% of the unsynced kept", moment, kept), s.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: s.rng}), allowed})
}

// change runs an operation that turns what is seen of subject into want; when it is
// acknowledged, nothing else may be seen any more.
func (s *crashScript) change(subject, want string, operation func() error) {
	s.begin(subject, want)
	require.NoError(s.t, operation(), subject)
	s.mu.Lock()
	s.allowed[subject] = []string{want}
	s.mu.Unlock()
	s.acknowledged()
}

// acknowledged takes the disks after an operation returned.
func (s *crashScript) acknowledged() {
	s.mu.Lock()
	s.synced = true
	s.mu.Unlock()
	s.crash("acknowledged", true)
}

// begin allows want beside what was allowed.
func (s *crashScript) begin(subject, want string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step = subject + " = " + want
	before := s.allowed[subject]
	if len(before) == 0 {
		before = []string{nothing}
	}
	s.allowed[subject] = append(slices.Clone(before), want)
}

const nothing = "nothing"

// observe tells what is seen of a subject of the script: "outbox one" is the outbox row
// under the key "one".
func observe(subject string, s *Store) (string, error) {
	kind, name, _ := strings.Cut(subject, " ")
	found, text := false, ""
	var err error
	switch kind {
	case "outbox":
		var row []byte
		var settled bool
		row, settled, found, err = s.Outbox().Get(name)
		text = fmt.Sprintf("%s settled=%t", row, settled)
	case "file":
		h := sha256.Sum256([]byte(name))
		if _, found, err = s.Files().Stat(h); found && err == nil {
			text, err = readAll(s, h)
		}
	case "tokens":
		var names []string
		err = s.Tokens().List(func(t Token) error {
			names = append(names, fmt.Sprintf("%s revoked=%t", t.Name, !t.Revoked.IsZero()))
			return nil
		})
		found, text = len(names) > 0, strings.Join(names, ", ")
	case "contact":
		var row []byte
		row, found, err = s.Contacts().Contact(name)
		text = string(row)
	case "scans":
		var summary ScanSummary
		summary, err = s.Scans().Summary(name)
		found, text = summary.Count > 0, fmt.Sprintf("%d since %s", summary.Count, summary.First.Format(time.TimeOnly))
	}
	if !found {
		text = nothing
	}
	return text, err
}

func readAll(s *Store, h Hash) (string, error) {
	c, err := s.Files().Open(h)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	return string(b), errors.Join(err, c.Close())
}

func (c crash) check(t *testing.T, clock *clock) {
	s, err := Open(Config{Dir: "/data/store", FS: c.disk, Now: clock.Now, Logger: quiet})
	require.NoError(t, err, c.moment)
	for subject, allowed := range c.allowed {
		if subject == "backup" {
			c.checkBackup(t, clock, allowed)
			continue
		}
		seen, err := observe(subject, s)
		require.NoError(t, err, "%s: %s", c.moment, subject)
		require.Contains(t, allowed, seen, "%s: %s", c.moment, subject)
	}
	_, err = s.Files().Keep([]byte("life goes on"), About{})
	require.NoError(t, err, c.moment)
	require.NoError(t, s.Close(), c.moment)
}

func (c crash) checkBackup(t *testing.T, clock *clock, allowed []string) {
	seen := nothing
	if _, err := c.disk.Stat("/data/backup/" + markerName); err == nil {
		s, err := Open(Config{Dir: "/data/backup", FS: c.disk, Now: clock.Now, Logger: quiet})
		if err == nil {
			file, err := observe("file large", s)
			require.NoError(t, err, c.moment)
			row, err := observe("outbox two", s)
			require.NoError(t, err, c.moment)
			seen = file + ", " + row
			require.NoError(t, s.Close())
		} else {
			require.Equal(t, CodeDamaged, trace.CodeOf(err), c.moment)
		}
	}
	require.Contains(t, allowed, seen, c.moment)
}

func TestCrashAtEveryWriteAndSync(t *testing.T) {
	disk, clock := vfs.NewCrashableMem(), newClock()
	script := &crashScript{t: t, disk: disk, rng: rand.New(rand.NewPCG(1, 2)), step: "opening", allowed: map[string][]string{}}
	fs := errorfs.Wrap(disk, script)
	config := Config{Dir: "/data/store", FS: fs, Now: clock.Now, Logger: quiet}

	s, err := Open(config)
	require.NoError(t, err)
	script.acknowledged()
	o, f := s.Outbox(), s.Files()
	receive := func(name string) func() error {
		return func() error {
			_, err := f.Receive(strings.NewReader(name), 1000, About{Uploader: "P-LAB-01"})
			return err
		}
	}

	script.change("outbox one", "first settled=false", func() error { return o.Prepare("one", []byte("first")) })
	script.change("outbox one", "second settled=false", func() error { return o.Prepare("one", []byte("second")) })
	script.change("outbox two", "third settled=false", func() error { return o.Prepare("two", []byte("third")) })
	script.begin("outbox one", "receipt settled=true") // not durable by itself…
	require.NoError(t, o.Settle("one", clock.now, []byte("receipt")))
	script.acknowledged()
	script.change("file large", "large", receive("large"))
	script.change("outbox one", "receipt settled=true", func() error { return nil }) // …but with the next sync
	script.change("file unreferenced", "unreferenced", receive("unreferenced"))
	script.change("file payload", "payload", func() error { _, err := f.Keep([]byte("payload"), About{}); return err })
	script.change("file payload", "payload", receive("payload"))
	script.change("file held", "held", func() error { _, err := f.Keep([]byte("held"), About{Uploader: "P-LAB-01"}); return err })

	var token Token
	script.change("tokens", "scale revoked=false", func() (err error) {
		_, token, err = s.Tokens().Create(Token{Name: "scale"})
		return err
	})
	script.change("tokens", "scale revoked=true", func() error { return s.Tokens().Revoke(token.ID) })
	script.change("contact c1", "13800000000", func() error { return s.Contacts().SetContact("c1", []byte("13800000000")) })
	script.change("contact c1", nothing, func() error { return s.Contacts().Erase(context.Background(), "c1") })

	count := func(visitor string) func() error {
		return func() error {
			if _, err := s.Scans().Count("code", visitor, clock.now); err != nil {
				return err
			}
			return s.Scans().Flush()
		}
	}
	script.change("scans code", "1 since 06:00:00", count("a"))
	script.change("scans code", "2 since 06:00:00", count("b"))

	script.change("backup", "large, third settled=false", func() error { return s.Backup(context.Background(), "/data/backup") })

	clock.advance(8 * 24 * time.Hour)
	script.change("file held", "held", func() error { return f.Hold(sha256.Sum256([]byte("held"))) })
	script.change("file held", "held", func() error { return f.Named(sha256.Sum256([]byte("held"))) })
	script.change("file unreferenced", nothing, func() error {
		swept, err := s.Sweep(context.Background(), clock.now.Add(-AnswersKept), clock.now.Add(-FilesKept), func(hashes []Hash) (map[Hash]bool, error) {
			named := map[Hash]bool{}
			for _, h := range hashes {
				named[h] = h != sha256.Sum256([]byte("unreferenced"))
			}
			return named, nil
		})
		require.Equal(t, 1, swept.Files)
		return err
	})
	script.change("file large", nothing, func() error { return f.Erase(sha256.Sum256([]byte("large"))) })

	script.step = "closing"
	require.NoError(t, s.Close())
	script.step = "opening again"
	s, err = Open(config)
	require.NoError(t, err)
	o, f = s.Outbox(), s.Files()
	script.change("file large", "large", receive("large"))
	script.change("outbox two", "fourth settled=false", func() error { return o.Prepare("two", []byte("fourth")) })
	script.acknowledged()
	crashes := script.crashes
	require.NoError(t, s.Close())

	t.Logf("%d crashes", len(crashes))
	for _, c := range crashes {
		c.check(t, clock)
	}
}
