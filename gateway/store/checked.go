package store

import (
	"crypto/sha256"
	"io"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A file that was read through and had its hash is trusted for so long, while its
// size and time of change stay the same: a report that many people look at is not
// hashed for each of them, and a disk that decays is found out within the hour.
const (
	checkedFor  = time.Hour
	checkedMost = 4096 // files remembered; when full, all are forgotten
)

type checked struct {
	mu    sync.Mutex
	files map[Hash]check
}

type check struct {
	size    int64
	changed time.Time
	until   time.Time
}

func (c *checked) forget(h Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.files, h)
}

// holds tells whether a file as it is now was read through lately.
func (c *checked) holds(h Hash, as vfs.FileInfo, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was, known := c.files[h]
	return known && now.Before(was.until) && was.size == as.Size() && was.changed.Equal(as.ModTime())
}

func (c *checked) remember(h Hash, as vfs.FileInfo, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil || len(c.files) >= checkedMost {
		c.files = map[Hash]check{}
	}
	c.files[h] = check{as.Size(), as.ModTime(), now.Add(checkedFor)}
}

// checkBytes reads a file through, unless that was done lately.
func (f *Files) checkBytes(file File, in vfs.File) error {
	as, err := in.Stat()
	if err != nil {
		return err
	}
	now := f.store.now()
	if f.checked.holds(file.Hash, as, now) {
		return nil
	}
	digest := sha256.New()
	size, err := io.Copy(digest, io.NewSectionReader(in, 0, file.Size+1))
	if err != nil {
		return err
	}
	if size != file.Size || Hash(digest.Sum(nil)) != file.Hash {
		return damagedFile(file.Hash)
	}
	f.checked.remember(file.Hash, as, now)
	return nil
}
