package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Backup writes a consistent copy of the store, as of one moment during the call,
// to the directory to, which must not exist. Files are linked where the file system
// allows it and copied otherwise. The copy is itself a store: to restore, open it,
// or put it in the place of the lost one.
//
// The marker is written last, so what a crash left of a backup is refused by Open.
// Sweeps and erasures of files wait while a backup runs.
func (s *Store) Backup(ctx context.Context, to string) error {
	if _, err := s.fs.Stat(to); !isAbsent(err) {
		return errors.Join(err, fmt.Errorf("backup: %s exists; name a directory that does not", to))
	}
	if err := s.scans.Flush(); err != nil {
		return err
	}
	copied := &Store{fs: s.fs, dir: to}
	if err := MakeDir(s.fs, to); err != nil {
		return err
	}
	if err := writeFile(s.fs, to, markerName, bytes.NewReader([]byte(unfinishedBackup))); err != nil {
		return err
	}
	if err := (&Files{store: copied}).create(); err != nil {
		return err
	}
	// Rows first: every file they name is then there to be copied, since none is
	// removed meanwhile.
	s.files.sweeping.RLock()
	defer s.files.sweeping.RUnlock()
	if err := s.db.Checkpoint(copied.rowsDir(), pebble.WithFlushedWAL()); err != nil {
		return err
	}
	for i := range 256 {
		if err := errors.Join(ctx.Err(), s.copyFolder(copied, folder(i))); err != nil {
			return err
		}
	}
	if err := seal(s.fs, to, copied.rowsDir()); err != nil {
		return err
	}
	return copied.mark(complete)
}

// unfinishedBackup in a marker makes Open refuse, naming the cause.
const unfinishedBackup = "traceledger store 1: unfinished backup\n"

func (s *Store) copyFolder(copied *Store, name string) error {
	from, to := s.path(filesName, name), copied.path(filesName, name)
	names, err := s.fs.List(from)
	if err != nil || len(names) == 0 {
		return err
	}
	for _, name := range names {
		if err := vfs.LinkOrCopy(s.fs, s.fs.PathJoin(from, name), s.fs.PathJoin(to, name)); err != nil {
			return err
		}
	}
	return syncDir(s.fs, to)
}
