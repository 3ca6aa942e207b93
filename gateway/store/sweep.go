package store

import (
	"context"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// How long things are kept that nothing else refers to.
const (
	AnswersKept = 30 * 24 * time.Hour // an idempotency key may be repeated this long
	FilesKept   = 7 * 24 * time.Hour  // a file may wait this long for a record that names it
)

// Swept says what a sweep removed.
type Swept struct {
	Answers int // answers to idempotency keys
	Files   int // files no record names
	Strays  int // bytes without rows, left by a crash between the two
}

// Sweep removes answers given before answersCutoff, and files received before
// filesCutoff that referenced does not know. A file once found referenced is not
// asked about again, unless it is received again.
//
// referenced must answer from a read model that has followed the chain to its head
// (an index under construction knows nothing, and files would be lost): let it
// return an error until then. A crash during a sweep leaves no row without its
// bytes; the next sweep removes the bytes left without a row.
func (s *Store) Sweep(ctx context.Context, answersCutoff, filesCutoff time.Time, referenced func(Hash) (bool, error)) (Swept, error) {
	var swept Swept
	var err error
	if swept.Answers, err = s.outbox.sweepAnswers(answersCutoff); err != nil {
		return swept, err
	}
	if swept.Files, err = s.files.sweep(ctx, filesCutoff, referenced); err != nil {
		return swept, err
	}
	swept.Strays, err = s.files.sweepStrays(ctx, filesCutoff)
	return swept, err
}

func (f *Files) sweep(ctx context.Context, cutoff time.Time, referenced func(Hash) (bool, error)) (int, error) {
	var candidates []File // by hash and age only
	lower, _ := kindBounds(kindFileAge)
	err := f.store.scan(lower, timeKey(kindFileAge, cutoff, ""), func(k, _ []byte) error {
		var candidate File
		if copy(candidate.Hash[:], k[10:]) != len(candidate.Hash) {
			return errRow
		}
		candidate.Again = timeOfKey(k)
		candidates = append(candidates, candidate)
		return ctx.Err()
	})
	removed := 0
	for _, candidate := range candidates {
		if err != nil {
			break
		}
		var gone bool
		gone, err = f.sweepOne(candidate, referenced)
		if gone {
			removed++
		}
		err = errors.Join(err, ctx.Err())
	}
	return removed, err
}

// sweepOne decides about one file while nobody can receive the same bytes again.
func (f *Files) sweepOne(candidate File, referenced func(Hash) (bool, error)) (gone bool, err error) {
	h := candidate.Hash
	f.sweeping.Lock()
	defer f.sweeping.Unlock()
	f.turns[h[0]].Lock()
	defer f.turns[h[0]].Unlock()
	file, found, err := f.Stat(h)
	if err != nil {
		return false, err
	}
	if found && file.Again.Equal(candidate.Again) {
		named, err := referenced(h)
		if err != nil {
			return false, err
		}
		if !named {
			return true, f.remove(file)
		}
	}
	b := f.store.db.NewBatch()
	err = b.Delete(timeKey(kindFileAge, candidate.Again, string(h[:])), nil)
	if err == nil {
		err = f.store.commitLater(b)
	}
	return false, errors.Join(err, b.Close())
}

func (f *Files) sweepStrays(ctx context.Context, cutoff time.Time) (int, error) {
	removed := 0
	for i := range 256 {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		count, err := f.sweepFolder(i, cutoff)
		removed += count
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func (f *Files) sweepFolder(firstByte int, cutoff time.Time) (int, error) {
	fs, dir := f.store.fs, f.store.path(filesName, folder(firstByte))
	names, err := fs.List(dir)
	if err != nil {
		return 0, err
	}
	f.sweeping.Lock()
	defer f.sweeping.Unlock()
	f.turns[firstByte].Lock()
	defer f.turns[firstByte].Unlock()
	removed := 0
	for _, name := range names {
		h, err := ParseHash(folder(firstByte) + name)
		if err != nil {
			continue // not ours; leave it to whoever put it there
		}
		stray, err := f.isStray(fs, fs.PathJoin(dir, name), h, cutoff)
		if err != nil {
			return removed, err
		}
		if !stray {
			continue
		}
		if err := fs.Remove(fs.PathJoin(dir, name)); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

func (f *Files) isStray(fs vfs.FS, path string, h Hash, cutoff time.Time) (bool, error) {
	file, found, err := f.Stat(h)
	if err != nil || (found && !file.payload) {
		return false, err
	}
	info, err := fs.Stat(path)
	if isAbsent(err) {
		return false, nil
	}
	return err == nil && info.ModTime().Before(cutoff), err
}
