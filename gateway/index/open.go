package index

import (
	"bytes"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"traceledger/chaincode/trace"
)

// An index's directory:
//
//	rows/         the Pebble database
//	rows.aside/   the one before it, if that was damaged or of another version
//	DAMAGED       present while rows/ is known to be damaged
const (
	rowsName    = "rows"
	asideName   = "rows.aside"
	damagedName = "DAMAGED"
)

// Open opens the index in cfg.Dir, or begins one. Everything in it can be rebuilt:
// a directory that is damaged, or written by another version, is moved aside and the
// index begins again at block 0, with a line in the log. Damage that only a later
// read meets is noted, makes that read and Follow fail with CodeDamaged, and is dealt
// with by the next Open.
func Open(cfg Config) (*Index, error) {
	x := &Index{
		dir: cfg.Dir, fs: cfg.FS, logger: cfg.Logger, batchBytes: cfg.BatchBytes,
		versions: newVersions(), damage: make(chan struct{}), advanced: make(chan struct{}),
	}
	if x.fs == nil {
		x.fs = vfs.Default
	}
	if x.logger == nil {
		x.logger = slog.Default()
	}
	if x.batchBytes <= 0 {
		x.batchBytes = 1 << 20
	}
	if cfg.Chaincode == "" {
		cfg.Chaincode = "trace"
	}
	table, err := kinds()
	if err != nil {
		return nil, err
	}
	x.decoder = &decoder{chaincode: cfg.Chaincode, kinds: table, identities: newIdentities()}
	if x.metrics, err = newMetrics(cfg.Metrics); err != nil {
		return nil, fmt.Errorf("index metrics: %w", err)
	}
	if err := x.fs.MkdirAll(x.dir, 0o700); err != nil {
		return nil, fmt.Errorf("index directory: %w", err)
	}
	if x.lock, err = pebble.LockDirectory(x.dir, x.fs); err != nil {
		return nil, trace.Errorf(CodeInUse, "%s is in use, or cannot be locked: %v", x.dir, err)
	}
	if err := x.openOrRebuild(cfg); err != nil {
		return nil, errors.Join(err, x.lock.Close())
	}
	x.metrics.height.Set(float64(x.cursor.next))
	x.versions.changed(x.cursor.next, nil)
	return x, nil
}

// openOrRebuild opens the rows; what is wrong with them is wrong only once.
func (x *Index) openOrRebuild(cfg Config) error {
	cause := x.notedDamage()
	if cause == nil {
		err := x.openRows(cfg)
		if err == nil {
			return nil
		}
		if !rebuildable(err) {
			return fmt.Errorf("index in %s: %w", x.dir, err)
		}
		cause = err
	}
	if err := x.moveAside(cause); err != nil {
		return fmt.Errorf("index in %s is unusable (%v) and cannot be moved aside: %w", x.dir, cause, err)
	}
	if err := x.openRows(cfg); err != nil {
		return fmt.Errorf("index in %s: %w", x.dir, err)
	}
	return nil
}

var errOtherVersion = errors.New("written by another version")

// rebuildable tells damage from a disk that is full, absent or not ours.
func rebuildable(err error) bool {
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EROFS, iofs.ErrPermission} {
		if errors.Is(err, cause) {
			return false
		}
	}
	return true
}

func (x *Index) openRows(cfg Config) error {
	db, err := pebble.Open(x.fs.PathJoin(x.dir, rowsName), x.rowOptions(cfg))
	if err != nil {
		return err
	}
	x.db = db
	if err := x.readCursor(); err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}

// readCursor finds out how far the fold is; in an empty database it notes the
// version first.
func (x *Index) readCursor() error {
	format, found, err := get(x.db, []byte(rowFormat))
	if err != nil {
		return err
	}
	if !found {
		if err := x.beginRows(); err != nil {
			return err
		}
	} else if string(format) != formatVersion {
		return fmt.Errorf("%w: %q, want %q", errOtherVersion, format, formatVersion)
	}
	x.cursor, err = lastBlock(x.db)
	return err
}

// lastBlock finds the cursor. It walks over all blocks folded: a batch that got lost in
// the middle, where nobody would look for it, took the rows of its blocks along.
func lastBlock(from pebble.Reader) (cursor, error) {
	var last cursor
	err := scan(from, appendRow(kindBlock, "", 0), func(key, hash []byte) (bool, error) {
		if !bytes.Equal(key, blockRow(last.next)) {
			return false, fmt.Errorf("block %d is missing though later ones are folded", last.next)
		}
		last = cursor{next: last.next + 1, hash: bytes.Clone(hash)}
		return true, nil
	})
	return last, err
}

func (x *Index) beginRows() error {
	rows, err := x.db.NewIter(nil)
	if err != nil {
		return err
	}
	if rows.First() {
		err = fmt.Errorf("rows without a version, the first is %q", rows.Key())
	}
	if err := errors.Join(err, rows.Error(), rows.Close()); err != nil {
		return err
	}
	return x.db.Set([]byte(rowFormat), []byte(formatVersion), pebble.NoSync)
}

func (x *Index) rowOptions(cfg Config) *pebble.Options {
	cache, memTable := cfg.CacheBytes, cfg.MemTableBytes
	if cache <= 0 {
		cache = 16 << 20
	}
	if memTable <= 0 {
		memTable = 16 << 20
	}
	options := &pebble.Options{
		FS:                 x.fs,
		CacheSize:          cache,
		MemTableSize:       uint64(memTable),
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             pebbleLogger{x},
		EventListener: &pebble.EventListener{
			DataCorruption: func(info pebble.DataCorruptionInfo) { x.broke(info.Details) },
		},
	}
	// Every record is looked up once before it is written, and is not there.
	options.Levels[0].FilterPolicy = bloom.FilterPolicy(10)
	return options
}

// pebbleLogger passes Pebble's reports on; routine ones are of no interest to an
// operator. Fatalf does not end the process, which serves other things too.
type pebbleLogger struct{ index *Index }

func (l pebbleLogger) Infof(format string, args ...any) {
	l.index.logger.Debug("index rows", "report", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.index.logger.Error("index rows", "report", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.index.broke(fmt.Errorf(format, args...))
}

// moveAside puts the rows where they can be looked at, and forgets older ones put there.
func (x *Index) moveAside(cause error) error {
	rows, aside := x.fs.PathJoin(x.dir, rowsName), x.fs.PathJoin(x.dir, asideName)
	if err := x.fs.RemoveAll(aside); err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if err := x.fs.Rename(rows, aside); err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if err := x.fs.RemoveAll(x.fs.PathJoin(x.dir, damagedName)); err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	x.metrics.rebuilds.Inc()
	x.logger.Warn("index moved aside, building it anew from block 0", "cause", cause, "aside", aside)
	return nil
}

func (x *Index) notedDamage() error {
	if _, err := x.fs.Stat(x.fs.PathJoin(x.dir, damagedName)); err != nil {
		return nil // absent; anything else shows again when the rows are opened
	}
	return errors.New("found damaged while in use")
}

// broke notes damage for the next Open and stops Follow.
func (x *Index) broke(cause error) {
	if !x.broken.CompareAndSwap(false, true) {
		return
	}
	close(x.damage)
	x.logger.Error("index is damaged; it is built anew after a restart", "dir", x.dir, "cause", cause)
	f, err := x.fs.Create(x.fs.PathJoin(x.dir, damagedName), vfs.WriteCategoryUnspecified)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		x.logger.Error("damage of the index could not be noted: remove its directory before the next start", "dir", x.dir, "error", err)
	}
}

func (x *Index) damaged() error {
	return trace.Errorf(CodeDamaged, "the index in %s is damaged; it is built anew after a restart", x.dir)
}

// failure notes damage that err tells of, and names it by its code.
func (x *Index) failure(err error) error {
	if errors.Is(err, pebble.ErrCorruption) || errors.Is(err, errRow) || errors.Is(err, errEdge) {
		x.broke(err)
	}
	if err != nil && x.broken.Load() {
		return errors.Join(x.damaged(), err)
	}
	return err
}
