package embedded

import (
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// privateFiles is a file system whose new files only their owner may read: the
// store holds every organisation's private key.
type privateFiles struct{ vfs.FS }

func (p privateFiles) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := p.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(name, 0o600); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
