package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"traceledger/chaincode/trace"
)

// Codes of files.
const (
	CodeFileUnknown  trace.Code = "FILE_UNKNOWN"   // no file with this hash is kept here
	CodeFileDamaged  trace.Code = "FILE_DAMAGED"   // the kept bytes no longer have this hash
	CodeFileTooLarge trace.Code = "FILE_TOO_LARGE" // more bytes than the receiver allows
)

// payloadLimit is the size up to which Keep puts bytes into the rows instead of
// into a file of their own. A file costs two syncs that share nothing with other
// writers; rows of many writers share one. Hundreds of segment payloads a second
// (24 KB each, 120 KB while a backlog goes by) are only possible that way.
const payloadLimit = 192 << 10

// Hash is the SHA-256 of a file's bytes.
type Hash [sha256.Size]byte

// String gives the 64 lower-case hexadecimal digits by which a file is named
// everywhere.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads what String writes.
func ParseHash(text string) (Hash, error) {
	var h Hash
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(h) || hex.EncodeToString(raw) != text {
		return h, trace.Errorf(trace.CodeInvalid, "file hash %.80q: want the 64 lower-case hexadecimal digits of a SHA-256", text)
	}
	return Hash(raw), nil
}

// About is what a writer says of the bytes it brings.
type About struct {
	MediaType string // for example "application/pdf"; shown to readers, so never taken from a stranger unchecked
	Uploader  string // party id
}

// File is what is kept about bytes with a certain hash. When the same bytes arrive
// again, what the first writer said of them stays.
type File struct {
	Hash     Hash
	Size     int64
	About    About
	Received time.Time // first
	Again    time.Time // last, or held for a request that names it; a sweep counts from here

	payload bool // in the rows, under Again; else in a file
}

// Files keeps bytes by the hash of their content. What it hands out has been
// checked against that hash. A file that no record names is removed after a while
// (Sweep), and a party may have only so much of that (Config.WaitingBytes).
type Files struct {
	store    *Store
	incoming atomic.Uint64
	waiting  waiting
	checked  checked
	turns    [256]sync.Mutex // by first byte of the hash: writing a file and sweeping it exclude each other
	sweeping sync.RWMutex    // held for reading by a backup, during which no file is removed
}

func openFiles(s *Store, state directoryState) (*Files, error) {
	f := &Files{store: s, waiting: waiting{limit: s.waitingBytes, bytes: map[string]int64{}}}
	if state != complete {
		return f, f.create()
	}
	return f, errors.Join(f.emptyIncoming(), f.countWaiting())
}

func folder(firstByte int) string { return hex.EncodeToString([]byte{byte(firstByte)}) }

// create makes all folders at once, so that writing a file syncs one folder only.
func (f *Files) create() error {
	fs := f.store.fs
	if err := MakeDir(fs, f.store.path(filesName)); err != nil {
		return err
	}
	for i := range 256 {
		if err := fs.MkdirAll(f.store.path(filesName, folder(i)), 0o700); err != nil {
			return err
		}
	}
	return MakeDir(fs, f.store.path(filesName, incomingName))
}

func (f *Files) check() error {
	fs := f.store.fs
	names, err := fs.List(f.store.path(filesName))
	if err != nil {
		return damaged(f.store.dir, err)
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = true
	}
	for i := range 256 {
		if !there[folder(i)] {
			return damaged(f.store.dir, fmt.Errorf("folder %s/%s is missing", filesName, folder(i)))
		}
	}
	return nil
}

// emptyIncoming removes what was being received when the process ended.
func (f *Files) emptyIncoming() error {
	fs, dir := f.store.fs, f.store.path(filesName, incomingName)
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		err = errors.Join(err, fs.Remove(fs.PathJoin(dir, name)))
	}
	return err
}

func (f *Files) place(h Hash) (dir, name string) {
	digits := h.String()
	return f.store.path(filesName, digits[:2]), digits[2:]
}

// Receive reads content to its end and keeps it as a file; more than limit bytes
// are refused with CodeFileTooLarge, and more than its uploader may have waiting with
// CodeUploadQuota. When it returned nil, the bytes and what is
// said about them survive a crash; otherwise nothing of them is visible.
func (f *Files) Receive(content io.Reader, limit int64, about About) (File, error) {
	fs := f.store.fs
	name := strconv.FormatUint(f.incoming.Add(1), 10)
	temporary := f.store.path(filesName, incomingName, name)
	digest := sha256.New()
	size, err := writeContent(fs, temporary, io.TeeReader(io.LimitReader(content, limit+1), digest))
	if err == nil && size > limit {
		err = trace.Errorf(CodeFileTooLarge, "the file has more than %d bytes", limit)
	}
	if err != nil {
		if removeErr := fs.Remove(temporary); removeErr != nil && !isAbsent(removeErr) {
			err = errors.Join(err, removeErr)
		}
		return File{}, err
	}
	h := Hash(digest.Sum(nil))
	f.turns[h[0]].Lock()
	defer f.turns[h[0]].Unlock()
	arrived, err := f.arrive(File{Hash: h, Size: size, About: about})
	if err != nil {
		return File{}, errors.Join(err, fs.Remove(temporary))
	}
	f.checked.forget(h)
	dir, final := f.place(h)
	if err := publish(fs, temporary, dir, final); err != nil {
		arrived.undo()
		return File{}, err
	}
	return arrived.record(nil)
}

// Keep keeps bytes that are already in memory, such as a segment's payload. The
// promise is that of Receive; up to 192 KiB concurrent callers share one sync.
func (f *Files) Keep(content []byte, about About) (File, error) {
	if len(content) > payloadLimit {
		return f.Receive(bytes.NewReader(content), int64(len(content)), about)
	}
	h := Hash(sha256.Sum256(content))
	f.turns[h[0]].Lock()
	defer f.turns[h[0]].Unlock()
	arrived, err := f.arrive(File{Hash: h, Size: int64(len(content)), About: about, payload: true})
	if err != nil {
		return File{}, err
	}
	return arrived.record(content)
}

// arrival is a file on its way into the rows. The caller has the hash's turn.
type arrival struct {
	files   *Files
	file    File
	earlier File // the same bytes when they came before
	known   bool
	waits   bool   // no record is known to name it
	waited  string // who was charged for it before; "" for nobody
	payer   string // who is from now on
	charged bool   // by this arrival
}

// arrive charges for a file, if it is to be charged for: not when a record names it.
func (f *Files) arrive(file File) (*arrival, error) {
	a := &arrival{files: f, file: file, waits: true, payer: file.About.Uploader}
	var err error
	if a.earlier, a.known, err = f.Stat(file.Hash); err != nil {
		return nil, err
	}
	if a.known {
		if a.waits, a.waited, err = f.waits(a.earlier); err != nil {
			return nil, err
		}
	}
	if a.payer == "" { // the house itself fetched them
		a.payer = a.waited
	}
	if a.charged = a.waits && (!a.known || a.payer != a.waited); a.charged {
		err = f.waiting.take(a.payer, file.Size)
	}
	return a, err
}

func (a *arrival) undo() {
	if a.charged {
		a.files.waiting.give(a.payer, a.file.Size)
	}
}

// record writes the rows of a file whose bytes are durable, or are in payload.
func (a *arrival) record(payload []byte) (File, error) {
	f := a.files
	now := rounded(f.store.now())
	a.file.Received, a.file.Again = now, now
	b := f.store.db.NewBatch()
	var err error
	if a.known {
		a.file.About, a.file.Received = a.earlier.About, a.earlier.Received
		err = f.dropAge(b, a.earlier)
	}
	err = errors.Join(err, f.setRows(b, a.file, payload))
	if a.waits {
		err = errors.Join(err, b.Set(timeKey(kindFileAge, now, string(a.file.Hash[:])), []byte(a.payer), nil))
	}
	if err == nil {
		err = f.store.commit(b)
	}
	switch {
	case err != nil:
		a.undo()
	case a.charged && a.known:
		f.waiting.give(a.waited, a.earlier.Size)
	}
	return a.file, errors.Join(err, b.Close())
}

// setRows writes what is said of a file, and its bytes if they are in the rows.
func (f *Files) setRows(b *pebble.Batch, file File, payload []byte) error {
	err := b.Set(key(kindFile, string(file.Hash[:])), appendFile(nil, file), nil)
	if file.payload {
		err = errors.Join(err, b.Set(timeKey(kindPayload, file.Again, string(file.Hash[:])), payload, nil))
	}
	return err
}

// dropAge removes the rows of file that carry its time.
func (f *Files) dropAge(b *pebble.Batch, file File) error {
	err := b.Delete(timeKey(kindFileAge, file.Again, string(file.Hash[:])), nil)
	if file.payload {
		err = errors.Join(err, b.Delete(timeKey(kindPayload, file.Again, string(file.Hash[:])), nil))
	}
	return err
}

// Stat says what is kept about h, without touching the bytes.
func (f *Files) Stat(h Hash) (file File, found bool, err error) {
	row, found, err := f.store.get(key(kindFile, string(h[:])))
	if err != nil || !found {
		return File{}, false, err
	}
	file, err = readFileRow(h, row)
	return file, err == nil, err
}

// Content is an open file whose bytes were checked. Close it.
type Content struct {
	File
	io.ReadSeeker
	close func() error
}

// Close releases the file.
func (c *Content) Close() error { return c.close() }

// Open gives the bytes with hash h after checking them: it answers CodeFileUnknown or
// CodeFileDamaged, and never other bytes. A file that was read through within the hour
// and has not been written since is not read through again.
func (f *Files) Open(h Hash) (*Content, error) {
	file, found, err := f.Stat(h)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, unknownFile(h)
	}
	if file.payload {
		return f.openPayload(file)
	}
	return f.openFile(file)
}

func (f *Files) openPayload(file File) (*Content, error) {
	payload, found, err := f.store.get(timeKey(kindPayload, file.Again, string(file.Hash[:])))
	if err != nil {
		return nil, err
	}
	if !found || Hash(sha256.Sum256(payload)) != file.Hash {
		return nil, damagedFile(file.Hash)
	}
	return &Content{File: file, ReadSeeker: bytes.NewReader(payload), close: func() error { return nil }}, nil
}

func (f *Files) openFile(file File) (*Content, error) {
	dir, name := f.place(file.Hash)
	in, err := f.store.fs.Open(f.store.fs.PathJoin(dir, name))
	if isAbsent(err) {
		return nil, damagedFile(file.Hash)
	}
	if err != nil {
		return nil, err
	}
	if err := f.checkBytes(file, in); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return &Content{File: file, ReadSeeker: io.NewSectionReader(in, 0, file.Size), close: in.Close}, nil
}

// Erase removes the bytes with hash h and what is said about them, for a person who
// asks for it. It is no error if they are not here.
func (f *Files) Erase(h Hash) error {
	f.sweeping.Lock()
	defer f.sweeping.Unlock()
	f.turns[h[0]].Lock()
	defer f.turns[h[0]].Unlock()
	file, found, err := f.Stat(h)
	if err != nil || !found {
		return err
	}
	return f.remove(file)
}

// remove deletes the rows first: a crash in between leaves bytes without rows,
// which the sweep collects, never rows without bytes. The caller has the turn.
func (f *Files) remove(file File) error {
	waits, party, err := f.waits(file)
	if err != nil {
		return err
	}
	b := f.store.db.NewBatch()
	err = errors.Join(b.Delete(key(kindFile, string(file.Hash[:])), nil), f.dropAge(b, file))
	if err == nil {
		err = f.store.commit(b)
	}
	if err == nil && waits {
		f.waiting.give(party, file.Size)
	}
	f.checked.forget(file.Hash)
	err = errors.Join(err, b.Close())
	if err != nil || file.payload {
		return err
	}
	dir, name := f.place(file.Hash)
	if err := f.store.fs.Remove(f.store.fs.PathJoin(dir, name)); err != nil && !isAbsent(err) {
		return err
	}
	return nil
}

func unknownFile(h Hash) error {
	return trace.Errorf(CodeFileUnknown, "no file %s is kept here", h)
}

func damagedFile(h Hash) error {
	return trace.Errorf(CodeFileDamaged, "file %s is damaged on this server: fetch it from another organisation or upload it again", h)
}

const fileForm = 1

func appendFile(row []byte, file File) []byte {
	place := uint64(0)
	if file.payload {
		place = 1
	}
	row = append(row, fileForm)
	row = appendNumbers(row, uint64(file.Size), place, milliseconds(file.Received), milliseconds(file.Again))
	return appendText(appendText(row, file.About.MediaType), file.About.Uploader)
}

func readFileRow(h Hash, row []byte) (File, error) {
	r := rowReader{rest: row}
	r.form(fileForm)
	file := File{Hash: h, Size: int64(r.number()), payload: r.number() == 1, Received: r.time(), Again: r.time()}
	file.About = About{MediaType: r.text(), Uploader: r.text()}
	if err := r.end(); err != nil {
		return File{}, fmt.Errorf("row of file %s: %w", h, err)
	}
	return file, nil
}
