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

// Sweep removes answers given before answersCutoff, and files that wait for a record
// that names them since before filesCutoff and are not named.
//
// It asks named once, about every file that waits; files once found named are kept for
// good and never asked about again. named must answer from the transactions under way
// and then from a read model that has followed the chain to its head (an index under
// construction knows nothing, and files would be lost): let it return an error until
// then. Of a request that comes while it answers, Files.Hold has told before. A crash
// during a sweep leaves no row without its bytes; the next sweep removes the bytes left
// without a row.
func (s *Store) Sweep(ctx context.Context, answersCutoff, filesCutoff time.Time, named func([]Hash) (map[Hash]bool, error)) (Swept, error) {
	var swept Swept
	var err error
	if swept.Answers, err = s.outbox.sweepAnswers(answersCutoff); err != nil {
		return swept, err
	}
	if swept.Files, err = s.files.sweep(ctx, filesCutoff, named); err != nil {
		return swept, err
	}
	swept.Strays, err = s.files.sweepStrays(ctx, filesCutoff)
	return swept, err
}

// aged is a file that waits, by hash and age only.
type aged struct {
	hash  Hash
	again time.Time
}

func (f *Files) sweep(ctx context.Context, cutoff time.Time, named func([]Hash) (map[Hash]bool, error)) (int, error) {
	var candidates []aged
	var hashes []Hash
	lower, upper := kindBounds(kindFileAge)
	err := f.store.scan(lower, upper, func(k, _ []byte) error {
		h, err := hashOfAge(k)
		candidates, hashes = append(candidates, aged{h, timeOfKey(k)}), append(hashes, h)
		return errors.Join(err, ctx.Err())
	})
	if err != nil || len(candidates) == 0 {
		return 0, err
	}
	isNamed, err := named(hashes)
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, candidate := range candidates {
		if isNamed[candidate.hash] {
			err = f.named(candidate.hash)
		} else if candidate.again.Before(cutoff) {
			var gone bool
			if gone, err = f.sweepOne(candidate); gone {
				removed++
			}
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// sweepOne removes one file while nobody can receive the same bytes again, unless they
// came again, or a request named them, since it was a candidate.
func (f *Files) sweepOne(candidate aged) (gone bool, err error) {
	h := candidate.hash
	f.sweeping.Lock()
	defer f.sweeping.Unlock()
	f.turns[h[0]].Lock()
	defer f.turns[h[0]].Unlock()
	file, found, err := f.Stat(h)
	if err != nil || !found || !file.Again.Equal(candidate.again) {
		return false, err
	}
	if waits, _, err := f.waits(file); err != nil || !waits {
		return false, err
	}
	return true, f.remove(file)
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
