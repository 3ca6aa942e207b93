package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// A data directory holds
//
//	FORMAT    says that this is a ledger, of which format, with which block 0
//	FOUNDING  stands in for FORMAT until the first start is through
//	HEIGHT    the height at the last orderly close, a lower bound
//	LOCK      held by the process that uses the directory
//	db/       the Pebble database
//
// FOUNDING is there before the database is, and FORMAT is written last: as long
// as only FOUNDING is there no transaction has been taken, and a first start
// that was cut short is simply done again.
const (
	formatFile    = "FORMAT"
	foundingFile  = "FOUNDING"
	heightFile    = "HEIGHT"
	lockFile      = "LOCK"
	databaseDir   = "db"
	formatVersion = "traceledger embedded ledger 1"
	// tailBlocks is how many of the last blocks Open checks in full.
	tailBlocks = 16
)

// DamagedError says that a data directory cannot be trusted. Restore it from a
// backup; nothing in it has been changed.
type DamagedError struct{ Reason string }

func (e *DamagedError) Error() string {
	return "the ledger's data directory is damaged: " + e.Reason
}

func damaged(format string, args ...any) error {
	return &DamagedError{fmt.Sprintf(format, args...)}
}

// directory is an opened data directory.
type directory struct {
	lock       io.Closer
	store      *store
	keys       *storedKeys
	genesis    *common.Block
	last       *common.Block
	commitHash []byte
}

// openDirectory opens the directory, founding it when it is empty, and keeps it
// to this process until close.
func openDirectory(cfg Config) (*directory, error) {
	if err := makeDirectory(cfg.FS, cfg.Dir); err != nil {
		return nil, err
	}
	lock, err := cfg.FS.Lock(cfg.FS.PathJoin(cfg.Dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("%s is in use by another process: %w", cfg.Dir, err)
	}
	d, err := openLocked(cfg)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	d.lock = lock
	return d, nil
}

func (d *directory) close() error {
	return errors.Join(d.store.close(), d.lock.Close())
}

func openLocked(cfg Config) (*directory, error) {
	format, err := readFile(cfg.FS, cfg.FS.PathJoin(cfg.Dir, formatFile))
	switch {
	case err == nil:
		// The name may have outlived the removal that belongs to FORMAT.
		err := cfg.FS.Remove(cfg.FS.PathJoin(cfg.Dir, foundingFile))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return reopen(cfg, string(format))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return found(cfg)
}

// reopen opens an existing ledger.
func reopen(cfg Config, format string) (*directory, error) {
	version, _, _ := strings.Cut(format, "\n")
	if version != formatVersion {
		return nil, damaged("file %s says %q, must say %q", formatFile, version, formatVersion)
	}
	path := cfg.FS.PathJoin(cfg.Dir, databaseDir)
	if err := checkTables(cfg.FS, path); err != nil {
		return nil, err
	}
	db, err := openDB(cfg.FS, path, cfg.Logger)
	if err != nil {
		return nil, damaged("%v", err)
	}
	d, err := load(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if format != formatLines(d.genesis) {
		err = damaged("file %s belongs to another ledger than block 0", formatFile)
	} else if bound := readHeightBound(cfg); d.store.height() < bound {
		err = damaged("%d blocks are left of %d", d.store.height(), bound)
	}
	if err != nil {
		return nil, errors.Join(err, d.store.close())
	}
	return d, nil
}

// load reads what the ledger needs at hand: keys, first and last block.
func load(db *database) (d *directory, err error) {
	s, err := newStore(db)
	if err != nil {
		return nil, damaged("%v", err)
	}
	defer func() {
		if err != nil {
			s.current.release()
		}
	}()
	d = &directory{store: s, keys: &storedKeys{}}
	v := s.current
	raw, err := v.get(identitiesKey())
	if err != nil {
		return nil, damaged("%v", err)
	}
	if json.Unmarshal(raw, d.keys) != nil || d.keys.Orderers == nil || len(d.keys.Members) == 0 {
		return nil, damaged("the organisations' keys are unreadable")
	}
	if v.height == 0 {
		return nil, damaged("there is no block 0")
	}
	if d.genesis, err = v.block(0); err != nil {
		return nil, damaged("%v", err)
	}
	if d.last, err = v.block(v.height - 1); err != nil {
		return nil, damaged("%v", err)
	}
	if d.commitHash, err = block.CommitHash(d.last); err != nil {
		return nil, damaged("%v", err)
	}
	if err := block.CheckLink(d.genesis, nil); err != nil {
		return nil, damaged("%v", err)
	}
	return d, db.fault()
}

// checkTail checks the last blocks in full and that state and index belong to
// them. Ledger.Verify checks all.
func (d *directory) checkTail(v *validation.Validator) error {
	view := d.store.view()
	defer view.release()
	from := uint64(1)
	if view.height > tailBlocks {
		from = view.height - tailBlocks
	}
	previous, err := view.block(from - 1)
	if err != nil {
		return damaged("%v", err)
	}
	for number := from; number < view.height; number++ {
		b, err := view.block(number)
		if err != nil {
			return damaged("%v", err)
		}
		if err := checkBlock(view, v, b, block.HeaderHash(previous.GetHeader())); err != nil {
			return damaged("%v", err)
		}
		previous = b
	}
	return nil
}

// checkBlock checks a block's place in the chain, its orderer signature, and
// that the index knows its transactions.
func checkBlock(view *view, v *validation.Validator, b *common.Block, previous []byte) error {
	if err := block.CheckLink(b, previous); err != nil {
		return err
	}
	if err := v.VerifyOrderers(b); err != nil {
		return err
	}
	if _, err := block.Flags(b); err != nil {
		return err
	}
	for i, raw := range b.GetData().GetData() {
		id := block.ParseTransaction(raw).ID()
		if id == "" {
			continue
		}
		place, err := view.place(id)
		if err != nil {
			return err
		}
		if place == nil {
			return fmt.Errorf("transaction %d of block %d, %s, is missing from the index", i, b.GetHeader().GetNumber(), id)
		}
	}
	return nil
}

// noteHeight records the height at an orderly close. It is a lower bound that
// shows whether blocks have been cut off since; a torn or lost note only loses
// that check, so it is not synced.
func noteHeight(cfg Config, height uint64) {
	name := cfg.FS.PathJoin(cfg.Dir, heightFile)
	f, err := cfg.FS.Create(name+".new", vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = fmt.Fprintf(f, "%d\n", height)
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = cfg.FS.Rename(name+".new", name)
	}
	if err != nil {
		cfg.Logger.Warn("height could not be noted", "error", err)
	}
}

func readHeightBound(cfg Config) uint64 {
	raw, err := readFile(cfg.FS, cfg.FS.PathJoin(cfg.Dir, heightFile))
	if err != nil || !slices.Contains(raw, '\n') {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func readFile(files vfs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(f)
	return raw, errors.Join(err, f.Close())
}
