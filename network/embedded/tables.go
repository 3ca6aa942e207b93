package embedded

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// checkedAtOpen is how many bytes of tables Open reads to find damage, the
// newest first: about a second's work. What lies behind is checked whenever it
// is read, and by Verify.
const checkedAtOpen = 1 << 30

// checkTables reads the database's tables and compares their checksums. The
// database must not be open.
func checkTables(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return damaged("%v", err)
	}
	slices.Sort(names)
	slices.Reverse(names) // names are numbers of one width: the newest first
	left := int64(checkedAtOpen)
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") || left <= 0 {
			continue
		}
		size, err := checkTable(fs, fs.PathJoin(dir, name))
		if err != nil {
			return damaged("%s: %v", name, err)
		}
		left -= size
	}
	return nil
}

func checkTable(fs vfs.FS, name string) (size int64, err error) {
	f, err := fs.Open(name)
	if err != nil {
		return 0, err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return 0, errors.Join(err, f.Close())
	}
	r, err := sstable.NewReader(context.Background(), readable, sstable.ReaderOptions{})
	if err != nil {
		return 0, errors.Join(err, readable.Close())
	}
	return readable.Size(), errors.Join(r.ValidateBlockChecksums(), r.Close())
}
