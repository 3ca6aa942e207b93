package embedded

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
)

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
		if name == lockFile {
			continue
		}
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
