package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"traceledger/chaincode/trace"
)

// A store's directory:
//
//	STORE             what this directory is, and whether it is whole
//	LOCK              held by the process that has it open
//	CLOSED            seal of the rows, while no process has it open
//	rows/             the Pebble database
//	files/ab/cdef…    files by SHA-256 of their content, 256 folders
//	files/incoming/   files being received, emptied at every start
const (
	markerName   = "STORE"
	lockName     = "LOCK"
	rowsName     = "rows"
	filesName    = "files"
	incomingName = "incoming"

	category = vfs.WriteCategoryUnspecified
)

// directoryState is what the marker says.
type directoryState string

const (
	absent     directoryState = ""
	incomplete directoryState = "traceledger store 1: being created\n"
	complete   directoryState = "traceledger store 1\n"
)

func (s *Store) path(elem ...string) string {
	return s.fs.PathJoin(append([]string{s.dir}, elem...)...)
}

func (s *Store) rowsDir() string { return s.path(rowsName) }

// begin takes the directory for this process and reads the marker; in a directory
// without one and without anything else it starts a new store. The marker is the
// first thing written and the last thing completed, so every crash in between leaves
// a directory that begin knows to be an unfinished creation, in which nothing was
// ever acknowledged: it starts over.
func (s *Store) begin() (directoryState, error) {
	if state, err := s.readMarker(); err != nil {
		return absent, err
	} else if state == absent {
		if err := s.refuseForeign(); err != nil {
			return absent, err
		}
		if err := MakeDir(s.fs, s.dir); err != nil {
			return absent, err
		}
	}
	lock, err := s.fs.Lock(s.path(lockName))
	if err != nil {
		return absent, trace.Errorf(CodeInUse, "%s cannot be locked (%v): if another process has it open, stop that first", s.dir, err)
	}
	s.lock = lock
	state, err := s.readMarker()
	if err != nil || state == complete {
		return state, err
	}
	if err := s.mark(incomplete); err != nil {
		return absent, err
	}
	if err := s.fs.RemoveAll(s.rowsDir()); err != nil {
		return absent, err
	}
	return incomplete, MakeDir(s.fs, s.rowsDir())
}

// refuseForeign keeps a mistyped directory from being filled, and a store that lost
// its marker from being taken for a new one.
func (s *Store) refuseForeign() error {
	names, err := s.fs.List(s.dir)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == lockName || name == markerName+temporarySuffix { // a crash before the marker had its name
			continue
		}
		return damaged(s.dir, fmt.Errorf("it holds %q but no file %s: either it is no store, or the store was damaged", name, markerName))
	}
	return nil
}

func (s *Store) readMarker() (directoryState, error) {
	text, err := readFile(s.fs, s.path(markerName))
	if isAbsent(err) {
		return absent, nil
	}
	if err != nil {
		return absent, err
	}
	switch state := directoryState(text); state {
	case incomplete, complete:
		return state, nil
	default:
		return absent, damaged(s.dir, fmt.Errorf("file %s reads %.60q, want %q", markerName, text, complete))
	}
}

func (s *Store) mark(state directoryState) error {
	return writeFile(s.fs, s.dir, markerName, bytes.NewReader([]byte(state)))
}

const temporarySuffix = ".new"

// writeFile puts content under dir/name so that after a crash the file is either
// whole and there, or as it was before; once writeFile returned nil, it is there.
func writeFile(fs vfs.FS, dir, name string, content io.Reader) error {
	temporary := fs.PathJoin(dir, name+temporarySuffix)
	if _, err := writeContent(fs, temporary, content); err != nil {
		return err
	}
	return publish(fs, temporary, dir, name)
}

// writeContent writes a new file and makes its content durable, but not its name.
func writeContent(fs vfs.FS, path string, content io.Reader) (size int64, err error) {
	f, err := fs.Create(path, category)
	if err != nil {
		return 0, err
	}
	size, err = io.Copy(writerOnly{f}, content)
	if err == nil {
		err = f.Sync()
	}
	return size, errors.Join(err, f.Close())
}

// writerOnly hides from io.Copy that a file can also read.
type writerOnly struct{ io.Writer }

// publish gives a durable file its name, replacing any file of that name, and makes
// the name durable.
func publish(fs vfs.FS, temporary, dir, name string) error {
	if err := fs.Rename(temporary, fs.PathJoin(dir, name)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// MakeDir creates dir and whatever is missing above it, and makes their names durable.
func MakeDir(fs vfs.FS, dir string) error {
	parents := []string{fs.PathDir(dir)}
	for parent := parents[0]; ; {
		if _, err := fs.Stat(parent); err == nil || fs.PathDir(parent) == parent {
			break
		}
		parent = fs.PathDir(parent)
		parents = append(parents, parent)
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, parent := range parents {
		if err := syncDir(fs, parent); err != nil {
			return err
		}
	}
	return nil
}

// syncDir makes the names in dir durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

func readFile(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(f)
	return content, errors.Join(err, f.Close())
}

func isAbsent(err error) bool { return errors.Is(err, iofs.ErrNotExist) }

func damaged(dir string, err error) error {
	cause, _, _ := strings.Cut(err.Error(), "\n") // Pebble repeats itself
	return trace.Errorf(CodeDamaged, "%s is not a whole store and was left as it is: %s", dir, cause)
}
