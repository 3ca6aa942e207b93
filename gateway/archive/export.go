package archive

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
)

// Ledger is what is exported.
type Ledger struct {
	Chaincode string
	Height    uint64
	// Blocks calls handle with every block from 0 on, in order, until it fails.
	Blocks func(ctx context.Context, handle func(*common.Block) error) error
	Files  *store.Files
}

// errEnough ends a stream of blocks at the height that is exported.
var errEnough = errors.New("all blocks are here")

// Export writes a ledger up to its height into dir, which must not exist. The same ledger
// gives the same bytes. The manifest is written last: what an interrupted export has left
// is refused as ARCHIVE_INCOMPLETE.
//
// Only the own user may read it, as the store that its files come from.
//
// It fails with FILE_UNKNOWN where the payload of a segment is not kept here: without it
// the segment cannot be recorded again. Other files that records name and that are not kept
// here are left out.
func Export(ctx context.Context, dir string, l Ledger) (*Manifest, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, filesName), 0o700); err != nil {
		return nil, err
	}
	c := newChain(l.Chaincode)
	blocks, size, err := exportBlocks(ctx, filepath.Join(dir, blocksName), l, c)
	if err != nil {
		return nil, err
	}
	m := c.content()
	m.Blocks, m.Bytes = blocks, size
	if m.Files, err = exportFiles(ctx, filepath.Join(dir, filesName), l.Files, c); err != nil {
		return nil, err
	}
	content, err := m.encode()
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{{sealName, sealOf(content)}, {manifestName, content}} {
		if err := writeSynced(filepath.Join(dir, f.name), func(w io.Writer) error {
			_, err := w.Write(f.content)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

// sealOf is what the seal holds.
func sealOf(manifest []byte) []byte { return []byte(trace.DigestOf(manifest).String() + "\n") }

func exportBlocks(ctx context.Context, path string, l Ledger, c *chain) (hash trace.Digest, size int64, err error) {
	digest := sha256.New()
	err = writeSynced(path, func(w io.Writer) error {
		out := io.MultiWriter(w, digest)
		err := l.Blocks(ctx, func(b *common.Block) error {
			if err := c.add(b); err != nil {
				return err
			}
			raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(b)
			if err != nil {
				return err
			}
			for _, part := range [][]byte{binary.AppendUvarint(nil, uint64(len(raw))), raw} {
				n, err := out.Write(part)
				if size += int64(n); err != nil {
					return err
				}
			}
			if uint64(c.height) == l.Height {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("the stream ended at block %d of %d", c.height, l.Height)
		}
		return err
	})
	return trace.Digest(digest.Sum(nil)), size, err
}

func exportFiles(ctx context.Context, dir string, kept *store.Files, c *chain) ([]File, error) {
	wanted := map[store.Hash]bool{} // true: must be there
	for h := range c.named {
		wanted[h] = false
	}
	for _, h := range c.payloads {
		wanted[h] = true
	}
	files := []File{}
	order := slices.SortedFunc(maps.Keys(wanted), func(a, b store.Hash) int { return slices.Compare(a[:], b[:]) })
	for _, h := range order {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		content, err := kept.Open(h)
		if trace.CodeOf(err) == store.CodeFileUnknown && !wanted[h] {
			continue // of no file, or of one kept elsewhere
		}
		if err != nil {
			return nil, err
		}
		err = writeSynced(filepath.Join(dir, h.String()), func(w io.Writer) error {
			_, err := io.Copy(w, content)
			return err
		})
		if err = errors.Join(err, content.Close()); err != nil {
			return nil, err
		}
		files = append(files, File{Hash: trace.Digest(h), Size: content.Size, MediaType: content.About.MediaType, Uploader: content.About.Uploader})
	}
	return files, nil
}

func writeSynced(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = errors.Join(write(w), w.Flush())
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
