// Package store keeps the primary data of a gateway that is not on the chain and
// cannot be rebuilt from it: the outbox and the answers given to idempotency keys,
// uploaded files and segment payloads, access tokens, enrolled devices, contacts
// and salts, and scan counts.
//
// In come writes of the gateway's services, each with the promise its comment
// makes; out come the same bytes after any crash. Rows live in one Pebble database
// whose keys are all declared in keys.go; large files lie beside it, named by the
// SHA-256 of their content. What follows from blocks (the read model, the Merkle
// log) is kept elsewhere and may be deleted; this directory may not, so it is the
// one to back up (Backup).
//
// Durability in one sentence: a method that returned nil has made its effect
// survive a loss of power, except where its comment says otherwise (Outbox.Settle,
// Outbox.Forget, Scans.Count).
//
// The package must not import the ledger engines, the chaincode's contracts or the
// services above it; it knows bytes, hashes and times.
package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"traceledger/chaincode/trace"
)

// Codes this package answers with, beside those of package trace.
const (
	// CodeDamaged: the directory is not a whole store. It is never opened "as far
	// as it goes": restore the last backup, or find out who changed it.
	CodeDamaged trace.Code = "DATA_DAMAGED"
	// CodeInUse: another process has the directory open.
	CodeInUse trace.Code = "DATA_IN_USE"
	// CodeFailed: the disk refused a write; whether it was kept is unknown.
	CodeFailed trace.Code = "DATA_WRITE_FAILED"
)

// Config says where a store lives.
type Config struct {
	Dir    string           // directory of the store; created 0700 when absent
	FS     vfs.FS           // nil is the operating system's; crash tests pass a memory file system
	Now    func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil is slog.Default()

	CacheBytes    int64 // block cache; 0 is 8 MiB
	MemTableBytes int64 // write buffer; 0 is 8 MiB

	FilesKept    time.Duration // a file may wait this long for a record that names it; 0 is FilesKept
	WaitingBytes int64         // of files that one party may have waiting, see Files.Waiting; 0 is no bound

	Scans ScanLimits // memory bounds of scan counting; zero values are the defaults
}

// Store is an open directory. All methods of it and of its parts are safe for
// concurrent use. One process at a time may hold it.
type Store struct {
	fs     vfs.FS
	dir    string
	now    func() time.Time
	logger *slog.Logger
	db     *pebble.DB

	filesKept    time.Duration
	waitingBytes int64

	lock io.Closer

	failure atomic.Pointer[error] // set once, when a write to the disk failed

	outbox   *Outbox
	files    *Files
	tokens   Tokens
	contacts Contacts
	scans    *Scans
	devices  *Devices
}

// Open opens the store in cfg.Dir, or creates it when the directory is absent or
// empty. It reads every row once, so that a damaged block is found now rather than
// by a shopper; a directory that is not whole is refused with CodeDamaged and left
// as it is. Files are verified when they are read instead.
//
// A crash during the first Open leaves a directory that the next Open completes.
func Open(cfg Config) (*Store, error) {
	s := &Store{fs: cfg.FS, dir: cfg.Dir, now: cfg.Now, logger: cfg.Logger, filesKept: cfg.FilesKept, waitingBytes: cfg.WaitingBytes}
	if s.filesKept <= 0 {
		s.filesKept = FilesKept
	}
	if s.fs == nil {
		s.fs = vfs.Default
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if err := s.open(cfg); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Store) open(cfg Config) error {
	state, err := s.begin()
	if err != nil {
		return err
	}
	if state == complete { // before the rows, which opening changes
		if err := (&Files{store: s}).check(); err != nil {
			return err
		}
	}
	if err := s.openRows(cfg, state); err != nil {
		return err
	}
	return s.openParts(cfg, state)
}

func (s *Store) openParts(cfg Config, state directoryState) error {
	files, err := openFiles(s, state)
	if err != nil {
		return err
	}
	if s.outbox, err = openOutbox(s); err != nil {
		return err
	}
	if state != complete {
		if err := s.mark(complete); err != nil {
			return err
		}
	}
	if s.devices, err = openDevices(s); err != nil {
		return err
	}
	s.files = files
	s.tokens = Tokens{store: s}
	s.contacts = Contacts{store: s}
	s.scans = newScans(s, cfg.Scans)
	return nil
}

// Outbox holds signed transactions under way and the answers already given.
func (s *Store) Outbox() *Outbox { return s.outbox }

// Files holds uploads and segment payloads by content hash.
func (s *Store) Files() *Files { return s.files }

// Tokens holds the access tokens of organisations' programs and people.
func (s *Store) Tokens() *Tokens { return &s.tokens }

// Contacts holds what identifies natural persons, deletable.
func (s *Store) Contacts() *Contacts { return &s.contacts }

// Devices holds the trackers and sensors that may send here.
func (s *Store) Devices() *Devices { return s.devices }

// Scans holds first scans and scan counts of codes.
func (s *Store) Scans() *Scans { return s.scans }

// Floor holds what the live floor must not lose.
func (s *Store) Floor() Floor { return Floor{store: s} }

// Close writes what is still in memory, seals the rows and releases the directory.
func (s *Store) Close() error {
	err := s.scans.close()
	if s.Healthy() != nil { // neither flush nor seal what may be half written
		return errors.Join(err, s.release())
	}
	// With an empty log the seal is small and the next start fast.
	err = errors.Join(err, s.db.Flush(), s.db.Close())
	s.db = nil
	if err == nil {
		err = seal(s.fs, s.dir, s.rowsDir())
	}
	return errors.Join(err, s.release())
}

// Healthy returns nil while writes can be made durable. Once a write to the disk
// failed it returns that failure for good: what reached the disk is then unknown,
// and only a restart, which reads the log again, can tell.
func (s *Store) Healthy() error {
	if failure := s.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// commit makes a batch durable. Every write of this package that promises to
// survive a crash goes through here; concurrent callers share one sync.
func (s *Store) commit(b *pebble.Batch) error {
	return s.apply(b, pebble.Sync)
}

// commitLater makes a batch visible at once and durable with the next commit.
func (s *Store) commitLater(b *pebble.Batch) error {
	return s.apply(b, pebble.NoSync)
}

// apply asks Healthy twice because Pebble reports a failed write to the log by
// Logger.Fatalf, expecting not to return from it, and then says nil.
func (s *Store) apply(b *pebble.Batch, durability *pebble.WriteOptions) error {
	if err := s.Healthy(); err != nil {
		return err
	}
	if err := b.Commit(durability); err != nil {
		return err
	}
	return s.Healthy()
}

// get returns a copy of the row under key.
func (s *Store) get(key []byte) (row []byte, found bool, err error) {
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	row = bytes.Clone(value)
	return row, true, closer.Close()
}

func (s *Store) scan(lower, upper []byte, visit func(key, row []byte) error) error {
	return Scan(s.db, lower, upper, visit)
}

// Scan calls visit for every row of [lower, upper) in key order; an error of visit's ends
// it. The slices are valid only during the call.
func Scan(rows pebble.Reader, lower, upper []byte, visit func(key, row []byte) error) (err error) {
	it, err := rows.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if err := visit(it.Key(), value); err != nil {
			return err
		}
	}
	return it.Error()
}

// createRows makes an empty database and closes it: Pebble starts a new database's
// first log in its oldest form and changes to the one asked for with the second.
func (s *Store) createRows(cfg Config) error {
	options := s.rowOptions(cfg)
	options.ErrorIfNotExists = false
	db, err := pebble.Open(s.rowsDir(), options)
	if err != nil {
		return err
	}
	return db.Close()
}

func (s *Store) openRows(cfg Config, state directoryState) error {
	if state == complete {
		if err := s.unseal(); err != nil {
			return err
		}
	} else if err := s.createRows(cfg); err != nil {
		return err
	}
	db, err := pebble.Open(s.rowsDir(), s.rowOptions(cfg))
	if err != nil {
		return damaged(s.dir, fmt.Errorf("rows: %w", err))
	}
	s.db = db
	if err := s.scan(nil, nil, checkRow); err != nil {
		return damaged(s.dir, fmt.Errorf("rows: %w", err))
	}
	return nil
}

// release lets go of what Open has taken so far.
func (s *Store) release() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// rowOptions are small on purpose: a scan page reads the index, not this database,
// and an idle gateway should cost little memory.
func (s *Store) rowOptions(cfg Config) *pebble.Options {
	cache, memTable := cfg.CacheBytes, cfg.MemTableBytes
	if cache <= 0 {
		cache = 8 << 20
	}
	if memTable <= 0 {
		memTable = 8 << 20
	}
	return &pebble.Options{
		FS:               s.fs,
		CacheSize:        cache,
		MemTableSize:     uint64(memTable),
		ErrorIfNotExists: true,
		// This format's log records say how far the log was synced before them, so
		// damage inside it is told apart from the torn end a crash leaves.
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             pebbleLogger{s},
		// Most reads ask for keys that are not there: new idempotency keys, new codes.
		// On a fast disk nearly every write would get a sync of its own. A pause of at
		// most this long between two syncs lets concurrent writers share one; after a
		// quiet millisecond a write is synced at once.
		WALMinSyncInterval: func() time.Duration { return time.Millisecond },
		Levels:             [7]pebble.LevelOptions{{FilterPolicy: bloom.FilterPolicy(10)}},
	}
}

// pebbleLogger passes Pebble's reports on. Its routine ones are of no interest to
// an operator. Fatalf does not end the process, which serves other things too: it
// makes every later write fail (see Healthy).
type pebbleLogger struct{ store *Store }

func (l pebbleLogger) Infof(format string, args ...any) {
	l.store.logger.Debug("store rows", "report", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.store.logger.Error("store rows", "report", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	failure := error(trace.Errorf(CodeFailed, "rows of %s: %s; restart to find out what was kept", l.store.dir, fmt.Sprintf(format, args...)))
	l.store.failure.CompareAndSwap(nil, &failure)
	l.store.logger.Error("store rows: no further writes", "error", failure)
}
