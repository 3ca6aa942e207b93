// Package wallet keeps a gateway's enrolled X.509 identities on disk: one folder a
// name with the organisation, the certificate and the private key, in a folder only its owner can read.
//
// Certificates come in from whoever enrols them (the embedded ledger's authorities,
// a Fabric CA); signing identities go out to gateway/ledger. Private keys never
// leave through any other door.
package wallet

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
)

// CodeUnknownIdentity says that no identity of that name is kept.
const CodeUnknownIdentity trace.Code = "UNKNOWN_IDENTITY"

// CodeDamaged says that what is kept under a name is no whole identity. It is not
// passed over: enrolling anew under a name in use would leave two of it.
const CodeDamaged trace.Code = "WALLET_DAMAGED"

// Wallet is an open folder. Safe for concurrent use.
type Wallet struct {
	dir    string
	fs     vfs.FS
	mu     sync.Mutex
	loaded map[string]ledger.Identity
}

// Open makes the folder, readable by its owner only, when it is absent, and reads every
// identity in it once: one that is not whole is found now, not when its owner first
// writes. fs nil is the operating system's; crash tests pass a memory file system.
func Open(dir string, fs vfs.FS) (*Wallet, error) {
	if fs == nil {
		fs = vfs.Default
	}
	w := &Wallet{dir: dir, fs: fs, loaded: map[string]ledger.Identity{}}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := w.syncFolder(fs.PathDir(dir)); err != nil {
		return nil, err
	}
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !validName(name) { // what a Put left that never returned, or nothing of ours
			continue
		}
		if _, err := w.Identity(name); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Identity loads the identity of a name: UNKNOWN_IDENTITY when there is none.
func (w *Wallet) Identity(name string) (ledger.Identity, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if id, ok := w.loaded[name]; ok {
		return id, nil
	}
	if !validName(name) {
		return ledger.Identity{}, trace.Errorf(CodeUnknownIdentity, "no identity %q is enrolled here", name)
	}
	if _, err := w.fs.Stat(w.fs.PathJoin(w.dir, name)); errors.Is(err, os.ErrNotExist) {
		return ledger.Identity{}, trace.Errorf(CodeUnknownIdentity, "no identity %q is enrolled here", name)
	}
	id, err := w.load(name)
	if err != nil {
		return ledger.Identity{}, trace.Errorf(CodeDamaged, "identity %q in %s is damaged: restore its folder from a backup, or remove it and enrol again: %v", name, w.dir, err)
	}
	w.loaded[name] = id
	return id, nil
}

// load reads an identity's three files, which came there all at once.
func (w *Wallet) load(name string) (ledger.Identity, error) {
	var parts [3][]byte
	for i, file := range []string{"msp", "cert.pem", "key.pem"} {
		content, err := w.read(w.fs.PathJoin(w.dir, name, file))
		if err != nil {
			return ledger.Identity{}, err
		}
		parts[i] = content
	}
	return ledger.NewIdentity(strings.TrimSpace(string(parts[0])), parts[1], parts[2])
}

// Put keeps an identity under a name, all or nothing: the folder is written aside and
// renamed. When it returned nil the identity survives a crash. An existing name is
// refused.
func (w *Wallet) Put(name, msp string, certificate, key []byte) error {
	if !validName(name) {
		return trace.Errorf(trace.CodeInvalid, "identity name %q must be letters, digits, '-', '.' or '@'", name)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	place := w.fs.PathJoin(w.dir, name)
	if _, err := w.fs.Stat(place); err == nil {
		return trace.Errorf(trace.CodeAlreadyExists, "an identity %q is kept already", name)
	}
	// What a crash left here belongs to a Put that never returned.
	aside := w.fs.PathJoin(w.dir, ".new-"+name)
	if err := w.fs.RemoveAll(aside); err != nil {
		return err
	}
	if err := w.fs.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{{"msp", []byte(msp + "\n")}, {"cert.pem", certificate}, {"key.pem", key}} {
		if err := w.write(w.fs.PathJoin(aside, f.name), f.content); err != nil {
			return err
		}
	}
	if err := w.syncFolder(aside); err != nil {
		return err
	}
	if err := w.fs.Rename(aside, place); err != nil {
		return fmt.Errorf("keep identity %s: %w", name, err)
	}
	return w.syncFolder(w.dir)
}

func (w *Wallet) write(path string, content []byte) error {
	f, err := w.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil && w.fs == vfs.Default {
		// The folder is its owner's alone already; this is for copies of it.
		err = os.Chmod(path, 0o600)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder makes the names in a folder durable.
func (w *Wallet) syncFolder(path string) error {
	folder, err := w.fs.OpenDir(path)
	if err != nil {
		return err
	}
	err = folder.Sync()
	return errors.Join(err, folder.Close())
}

func (w *Wallet) read(path string) ([]byte, error) {
	f, err := w.fs.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(f)
	return content, errors.Join(err, f.Close())
}

func validName(name string) bool {
	if name == "" || len(name) > 80 || name[0] == '.' {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '@') {
			return false
		}
	}
	return true
}
