package store

import (
	"bytes"
	"errors"
	"sync"

	"traceledger/chaincode/trace"
)

// CodeUploadQuota: a party has as many files here that no record names as it may.
const CodeUploadQuota trace.Code = "UPLOAD_QUOTA"

// fileOverhead is what a file is charged beside its bytes: rows, a folder entry, a
// block of the disk.
const fileOverhead = 4 << 10

// waiting is how many bytes each party has here in files that no record is known to
// name. A file waits while it has a row of kindFileAge, whose value is the party that
// is charged for it: the one that brought it last.
type waiting struct {
	limit int64 // 0: none

	mu    sync.Mutex
	bytes map[string]int64
}

func charge(size int64) int64 { return size + fileOverhead }

// take charges a party, unless that is more than it may have waiting.
func (w *waiting) take(party string, size int64) error {
	if party == "" {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if after := w.bytes[party] + charge(size); w.limit > 0 && after > w.limit {
		return trace.Errorf(CodeUploadQuota, "%s has %d bytes of files here that no record names yet, and may have %d: name them in records, or wait until they are removed, before sending %d more",
			party, w.bytes[party], w.limit, size)
	}
	w.bytes[party] += charge(size)
	return nil
}

func (w *waiting) give(party string, size int64) {
	if party == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bytes[party] -= charge(size); w.bytes[party] <= 0 {
		delete(w.bytes, party)
	}
}

// Waiting is how many bytes a party has in files that no record is known to name,
// each with 4 KiB for what it costs beside its bytes.
func (f *Files) Waiting(party string) int64 {
	f.waiting.mu.Lock()
	defer f.waiting.mu.Unlock()
	return f.waiting.bytes[party]
}

// countWaiting reads the accounts from the rows when a store opens.
func (f *Files) countWaiting() error {
	lower, upper := kindBounds(kindFileAge)
	return f.store.scan(lower, upper, func(k, party []byte) error {
		h, err := hashOfAge(k)
		if err != nil {
			return err
		}
		file, found, err := f.Stat(h)
		if err != nil || !found {
			return err
		}
		if party := payer(file, party); party != "" {
			f.waiting.bytes[party] += charge(file.Size)
		}
		return nil
	})
}

// payer is whom a waiting file is charged to; rows of earlier versions do not say.
func payer(file File, row []byte) string {
	if len(row) == 0 {
		return file.About.Uploader
	}
	return string(row)
}

func hashOfAge(k []byte) (h Hash, err error) {
	if len(k) != 10+len(h) {
		return h, errRow
	}
	return Hash(k[10:]), nil
}

// waits tells whether no record is known to name a file, and who is charged for it.
func (f *Files) waits(file File) (waits bool, party string, err error) {
	row, found, err := f.store.get(timeKey(kindFileAge, file.Again, string(file.Hash[:])))
	if err != nil || !found {
		return false, "", err
	}
	return true, payer(file, row), nil
}

// Hold is told of the hashes that a request names before it is sent to the ledger, so
// that no sweep removes a file while the record that names it is on its way: a file
// that has waited more than half its time waits anew. It does not wait for the disk,
// since what is on its way is in the outbox too, where a sweep looks after a crash.
// Hashes of what is not kept here are passed over.
func (f *Files) Hold(hashes ...Hash) error {
	var err error
	for _, h := range hashes {
		err = errors.Join(err, f.hold(h))
	}
	return err
}

func (f *Files) hold(h Hash) error {
	f.turns[h[0]].Lock()
	defer f.turns[h[0]].Unlock()
	file, found, err := f.Stat(h)
	now := rounded(f.store.now())
	if err != nil || !found || now.Sub(file.Again) < f.store.filesKept/2 {
		return err
	}
	waits, party, err := f.waits(file)
	if err != nil || !waits {
		return err
	}
	var payload []byte
	if file.payload {
		if payload, _, err = f.store.get(timeKey(kindPayload, file.Again, string(h[:]))); err != nil {
			return err
		}
	}
	b := f.store.db.NewBatch()
	err = f.dropAge(b, file)
	file.Again = now
	err = errors.Join(err, f.setRows(b, file, payload), b.Set(timeKey(kindFileAge, now, string(h[:])), []byte(party), nil))
	if err == nil {
		err = f.store.commitLater(b)
	}
	return errors.Join(err, b.Close())
}

// Named is told of the hashes that a committed record names. Those files are kept for
// good and charged to nobody. It does not wait for the disk: what a crash undoes, the
// next sweep finds out again.
func (f *Files) Named(hashes ...Hash) error {
	var err error
	for _, h := range hashes {
		err = errors.Join(err, f.named(h))
	}
	return err
}

func (f *Files) named(h Hash) error {
	f.turns[h[0]].Lock()
	defer f.turns[h[0]].Unlock()
	file, found, err := f.Stat(h)
	if err != nil || !found {
		return err
	}
	waits, party, err := f.waits(file)
	if err != nil || !waits {
		return err
	}
	b := f.store.db.NewBatch()
	err = b.Delete(timeKey(kindFileAge, file.Again, string(h[:])), nil)
	if err == nil {
		err = f.store.commitLater(b)
	}
	if err == nil {
		f.waiting.give(party, file.Size)
	}
	return errors.Join(err, b.Close())
}

// Mentioned gives the hashes that a text names as records do: 64 lower-case
// hexadecimal digits in double quotes. They may be of anything, a file or not.
func Mentioned(text []byte) []Hash {
	const digits = 2 * len(Hash{})
	var out []Hash
	for {
		at := bytes.IndexByte(text, '"')
		if at < 0 || len(text) < at+digits+2 {
			return out
		}
		text = text[at+1:]
		if text[digits] != '"' {
			continue
		}
		if h, err := ParseHash(string(text[:digits])); err == nil {
			out = append(out, h)
			text = text[digits:]
		}
	}
}
