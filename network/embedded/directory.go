package embedded

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// A data directory holds
//
//	FORMAT    says that this is a ledger, of which format, with which block 0
//	FOUNDING  stands in for FORMAT until the first start is through
//	HEIGHT    the height at the last orderly close, a lower bound
//	db/       the Pebble database
//
// FOUNDING is there before the database is, and FORMAT is written last: as long
// as only FOUNDING is there no transaction has been taken, and a first start
// that was cut short is simply done again.
const (
	formatFile    = "FORMAT"
	foundingFile  = "FOUNDING"
	heightFile    = "HEIGHT"
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
	store      *store
	keys       *storedKeys
	genesis    *common.Block
	last       *common.Block
	commitHash []byte
}

// openDirectory opens the directory, founding it when it is empty.
func openDirectory(cfg Config) (*directory, error) {
	if err := makeDirectory(cfg.FS, cfg.Dir); err != nil {
		return nil, err
	}
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

// makeDirectory makes the directory and its parents as far as they are missing,
// and makes their names durable.
func makeDirectory(files vfs.FS, dir string) error {
	_, err := files.Stat(dir)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := files.PathDir(dir)
	if parent != dir && parent != "." {
		if err := makeDirectory(files, parent); err != nil {
			return err
		}
	}
	if err := files.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDirectory(files, parent)
}

// syncDirectory makes the names in a directory durable.
func syncDirectory(files vfs.FS, dir string) error {
	d, err := files.OpenDir(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}

// found makes a new ledger, or makes it again if the last attempt was cut short.
func found(cfg Config) (*directory, error) {
	again, err := mayFound(cfg)
	if err != nil {
		return nil, err
	}
	path := cfg.FS.PathJoin(cfg.Dir, databaseDir)
	db, err := createDB(cfg.FS, path, cfg.Logger)
	if err != nil && again {
		// The database itself was cut short.
		if err := cfg.FS.RemoveAll(path); err != nil {
			return nil, err
		}
		db, err = createDB(cfg.FS, path, cfg.Logger)
	}
	if err != nil {
		return nil, err
	}
	d, err := foundIn(cfg, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

// mayFound checks that the directory is empty, and claims it, or that a first
// start was cut short there.
func mayFound(cfg Config) (again bool, err error) {
	entries, err := cfg.FS.List(cfg.Dir)
	if err != nil {
		return false, err
	}
	if slices.Contains(entries, foundingFile) {
		return true, nil
	}
	for _, name := range entries {
		if name == databaseDir {
			inside, err := cfg.FS.List(cfg.FS.PathJoin(cfg.Dir, name))
			if err != nil {
				return false, err
			}
			if len(inside) == 0 {
				continue
			}
		}
		return false, damaged("%s has no file %s but holds %s; a new ledger needs an empty directory", cfg.Dir, formatFile, name)
	}
	// Pebble syncs the directory when it makes its own in it, before it puts
	// any file there; that makes this file durable in time.
	f, err := cfg.FS.Create(cfg.FS.PathJoin(cfg.Dir, foundingFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return false, err
	}
	return false, f.Close()
}

func foundIn(cfg Config, db *database) (*directory, error) {
	height, err := readHeight(db)
	if err != nil {
		return nil, damaged("%v", err)
	}
	if height > 1 {
		return nil, damaged("file %s is missing from %s, which holds %d blocks", formatFile, cfg.Dir, height)
	}
	if height == 0 {
		if err := writeGenesis(cfg, db); err != nil {
			return nil, err
		}
	}
	d, err := load(db)
	if err != nil {
		return nil, err
	}
	if err := writeFormat(cfg, d.genesis); err != nil {
		d.store.stop()
		d.store.current.release()
		return nil, err
	}
	return d, nil
}

// writeGenesis makes the organisations' keys and block 0.
func writeGenesis(cfg Config, db *database) error {
	keys := &storedKeys{}
	for _, m := range cfg.Organisations {
		o, err := newOrganisationKeys(m, "peer", cfg.Now())
		if err != nil {
			return fmt.Errorf("keys of %s: %w", m, err)
		}
		keys.Members = append(keys.Members, o)
	}
	var err error
	if keys.Orderers, err = newOrganisationKeys(ordererMSP, "orderer", cfg.Now()); err != nil {
		return fmt.Errorf("keys of %s: %w", ordererMSP, err)
	}
	genesis, err := genesisBlock(cfg, keys.Members, keys.Orderers)
	if err != nil {
		return err
	}
	raw, err := keys.encode()
	if err != nil {
		return err
	}
	header, err := proto.Marshal(&common.Block{Header: genesis.GetHeader(), Metadata: genesis.GetMetadata()})
	if err != nil {
		return err
	}
	envelope := genesis.GetData().GetData()[0]
	first := &place{code: peer.TxValidationCode_VALID}
	batch := db.NewBatch()
	defer batch.Close()
	err = errors.Join(
		batch.Set(identitiesKey(), raw, nil),
		batch.Set(blockKey(0), header, nil),
		batch.Set(envelopeKey(0, 0), envelope, nil),
		batch.Set(idKey(block.ParseTransaction(envelope).ID()), first.encode(), nil),
		batch.Set(heightKey(), []byte{0, 0, 0, 0, 0, 0, 0, 1}, nil),
	)
	if err != nil {
		return err
	}
	return batch.Commit(pebble.Sync)
}

// writeFormat marks the directory as a ledger. From here on a missing database
// is damage.
func writeFormat(cfg Config, genesis *common.Block) error {
	dir, name := cfg.Dir, cfg.FS.PathJoin(cfg.Dir, formatFile)
	f, err := cfg.FS.Create(name+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, formatLines(genesis)); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := cfg.FS.Rename(name+".new", name); err != nil {
		return err
	}
	if err := cfg.FS.Remove(cfg.FS.PathJoin(dir, foundingFile)); err != nil {
		return err
	}
	return syncDirectory(cfg.FS, dir)
}

func formatLines(genesis *common.Block) string {
	return formatVersion + "\ngenesis " + hex.EncodeToString(block.HeaderHash(genesis.GetHeader())) + "\n"
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
