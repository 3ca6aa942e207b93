package embedded

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// storeCache and storeMemtable keep an idle process small.
	storeCache    = 64 << 20
	storeMemtable = 16 << 20
)

// database is a Pebble database that remembers when it has met damage.
type database struct {
	*pebble.DB
	faults *faults
}

// createDB makes the database in dir, unless it is there, and opens it.
//
// Pebble raises a new database to the configured format only after it has begun
// its first log, in the oldest format. Only later logs record how far they have
// been synced, by which damage in them is told from a write that was cut short,
// so the database is opened a second time.
func createDB(fs vfs.FS, dir string, log *slog.Logger) (*database, error) {
	db, err := pebble.Open(dir, dbOptions(fs, log, nil))
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return openDB(fs, dir, log)
}

// openDB opens the database in dir. An absent one is an error, so that lost
// files are never mistaken for a fresh start.
func openDB(fs vfs.FS, dir string, log *slog.Logger) (*database, error) {
	found := &faults{log: log}
	options := dbOptions(fs, log, found)
	options.ErrorIfNotExists = true
	cache := pebble.NewCache(storeCache)
	defer cache.Unref()
	options.Cache = cache
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, err
	}
	return &database{DB: db, faults: found}, nil
}

func dbOptions(fs vfs.FS, log *slog.Logger, found *faults) *pebble.Options {
	options := &pebble.Options{
		FS:                 fs,
		MemTableSize:       storeMemtable,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             pebbleLog{log},
	}
	// Most look-ups are for what is not there: new transaction ids, new keys.
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	if found != nil {
		options.EventListener = &pebble.EventListener{
			DataCorruption:  found.corruption,
			BackgroundError: found.background,
		}
	}
	return options
}

// faults keeps the first damage that Pebble meets, be it while compacting.
type faults struct {
	log *slog.Logger

	mu    sync.Mutex
	first error
}

func (f *faults) corruption(info pebble.DataCorruptionInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first == nil {
		f.first = damaged("%s: %v", info.Path, info.Details)
		f.log.Error("the ledger's data is damaged", "path", info.Path, "error", info.Details)
	}
}

func (f *faults) background(err error) {
	f.log.Error("ledger store", "error", err)
}

// fault returns the first damage met, nil while there was none.
func (d *database) fault() error {
	d.faults.mu.Lock()
	defer d.faults.mu.Unlock()
	return d.faults.first
}

// pebbleLog passes on what Pebble has to say; its chatter is for debugging.
type pebbleLog struct{ log *slog.Logger }

func (p pebbleLog) Infof(format string, args ...any)  { p.log.Debug(fmt.Sprintf(format, args...)) }
func (p pebbleLog) Errorf(format string, args ...any) { p.log.Error(fmt.Sprintf(format, args...)) }

// Fatalf is called when a write or sync of the log has failed, and must not
// return: what is on the disk is then unknown, and going on could acknowledge
// what is lost. The process ends as in a crash; Open finds out what is there.
func (p pebbleLog) Fatalf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	p.log.Error(message)
	panic("ledger store: " + message)
}
