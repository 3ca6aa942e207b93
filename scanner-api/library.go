package scanner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
	"traceledger/scanner-api/leaffile"
	"traceledger/scanner-api/recent"
)

// library keeps the leaf files of the packs asked about lately open, and the pages
// of them that were read and checked.
type library struct {
	files  Files
	logger *slog.Logger
	open   *recent.Cache[trace.Digest, *volume]
	pages  *recent.Cache[pageKey, leaffile.Page]
}

// volume is an open leaf file.
type volume struct {
	leaves *leaffile.File
	source io.Closer
}

type pageKey struct {
	file trace.Digest
	page int64
}

const (
	// openFiles bounds the leaf files kept open by the memory of their subtree roots.
	openFiles = 8 << 20
	// leafPages bounds the checked pages in memory: 1,024 of 8 KB.
	leafPages = 8 << 20
)

func newLibrary(files Files, logger *slog.Logger) *library {
	return &library{
		files: files, logger: logger,
		open:  recent.New[trace.Digest](openFiles, func(v *volume) { v.close(logger) }),
		pages: recent.New[pageKey, leaffile.Page](leafPages, nil),
	}
}

func (v *volume) close(logger *slog.Logger) {
	if err := v.source.Close(); err != nil {
		logger.Warn("closing a leaf file", "error", err)
	}
}

func (l *library) close() { l.open.Clear() }

// leaf is the leaf hash that the producer published for an item.
func (l *library) leaf(p *packOutline, item int64) (trace.Digest, error) {
	n, at := leaffile.PageOf(item)
	read := func() (leaffile.Page, int64, error) {
		v, err := l.volume(p)
		if err != nil {
			return nil, 0, err
		}
		page, err := v.leaves.ReadPage(n)
		return page, int64(len(page)) * 32, err
	}
	key := pageKey{p.leafFile, n}
	page, err := l.pages.Load(key, read)
	if err != nil && l.isOpen(p) {
		// The file may have been pushed out, and closed, while it was read.
		page, err = l.pages.Load(key, read)
	}
	if err != nil {
		return trace.Digest{}, err
	}
	return page[at], nil
}

func (l *library) isOpen(p *packOutline) bool {
	_, open := l.open.Get(p.leafFile)
	return open
}

// prove makes the inclusion proof of an item of a pack.
func (l *library) prove(p *packOutline, item int64) (leaffile.Proof, error) {
	v, err := l.volume(p)
	if err != nil {
		return leaffile.Proof{}, err
	}
	proof, err := v.leaves.Prove(item)
	if err != nil && trace.CodeOf(err) == "" {
		if v, err = l.volume(p); err == nil {
			proof, err = v.leaves.Prove(item)
		}
	}
	return proof, err
}

func (l *library) volume(p *packOutline) (*volume, error) {
	return l.open.Load(p.leafFile, func() (*volume, int64, error) {
		content, err := l.files.Open(store.Hash(p.leafFile))
		if err != nil {
			return nil, 0, err
		}
		source, ok := content.ReadSeeker.(io.ReaderAt)
		if !ok {
			return nil, 0, errors.Join(fmt.Errorf("leaf file %s cannot be read at a place", p.leafFile), content.Close())
		}
		leaves, err := leaffile.Open(source, content.Size, p.count, p.root)
		if err != nil {
			return nil, 0, errors.Join(err, content.Close())
		}
		return &volume{leaves, content}, leaves.Weight(), nil
	})
}

// report logs why a code could not be checked. An absent list is an everyday matter
// and asked about at every scan; a list that is not the chain's is not.
func (l *library) report(pack trace.PackID, err error) {
	level := slog.LevelWarn
	if trace.CodeOf(err) == store.CodeFileUnknown {
		level = slog.LevelDebug
	}
	l.logger.Log(context.Background(), level, "leaf file of a pack", "pack", pack, "error", err)
}

// issued tells whether serial is the code that the producer issued as this item of
// the pack.
func (l *library) issued(p *packOutline, serial trace.Serial, item int64) (bool, error) {
	if item > p.count {
		return false, nil
	}
	leaf, err := l.leaf(p, item)
	if err != nil {
		return false, err
	}
	return leaf == rules.CodeLeaf(p.id, serial), nil
}
