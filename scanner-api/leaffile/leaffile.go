// Package leaffile reads the published leaf file of a code pack: which leaf hash
// stands at an item's place, and the proof that the pack's root on the chain
// commits to it.
//
// In come the file's bytes (32 a leaf, in item order) with the count and root that
// the chain has for the pack; out come leaves and RFC 6962 inclusion proofs. A file
// whose root is not the chain's is refused when it is opened, so a leaf that comes
// out is one the producer put on the chain.
//
// The package must not import the index, the store or anything that serves HTTP.
package leaffile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// Codes of leaf files.
const (
	// CodeNotTheChains: the file's count or root is not what the chain has.
	CodeNotTheChains trace.Code = "LEAF_FILE_MISMATCH"
	// CodeChanged: the file no longer holds what it held when it was opened.
	CodeChanged trace.Code = "LEAF_FILE_CHANGED"
	// CodeNoItem: an item number outside the pack.
	CodeNoItem trace.Code = "NO_SUCH_ITEM"
)

// PageLeaves is how many leaves are read and checked together. It is a power of
// two, so that the roots of pages are subtree roots of the whole tree.
const PageLeaves = 256

// Page is a checked run of leaves: the leaves PageLeaves·n to PageLeaves·(n+1)−1
// of a file, the last page possibly shorter.
type Page []trace.Digest

// File is an open leaf file. It keeps the roots of its subtrees from pages upwards
// (64 bytes for each page; 250 KB for a million items) and no leaves.
type File struct {
	source io.ReaderAt
	count  int64
	// levels[0] holds the root of each page, levels[i+1] of each pair of levels[i],
	// an odd last one moved up as it is; the last level is the file's root. This is
	// RFC 6962's tree, which splits at powers of two.
	levels [][]trace.Digest
}

// Open reads all leaves once and answers CodeNotTheChains when they are not count
// leaves under root. source must stay readable as long as the File is used.
func Open(source io.ReaderAt, size int64, count int64, root trace.Digest) (*File, error) {
	if count < 1 || count > trace.MaxPackCount || size != count*sha256.Size {
		return nil, trace.Errorf(CodeNotTheChains, "the leaf file has %d bytes; a pack of %d items has %d", size, count, count*sha256.Size)
	}
	f := &File{source: source, count: count}
	pages := int((count + PageLeaves - 1) / PageLeaves)
	roots := make([]trace.Digest, pages)
	buffer := make([]byte, PageLeaves*sha256.Size)
	var page Page
	for n := range roots {
		var err error
		if page, err = f.read(int64(n), buffer, page[:0]); err != nil {
			return nil, err
		}
		roots[n] = rootOf(page)
	}
	f.levels = append(f.levels, roots)
	for top := roots; len(top) > 1; {
		top = pairs(make([]trace.Digest, 0, (len(top)+1)/2), top)
		f.levels = append(f.levels, top)
	}
	if got := f.Root(); got != root {
		return nil, trace.Errorf(CodeNotTheChains, "the leaf file's root is %s; the chain has %s", got, root)
	}
	return f, nil
}

// Root is the Merkle root of all leaves.
func (f *File) Root() trace.Digest { return f.levels[len(f.levels)-1][0] }

// Count is the number of leaves.
func (f *File) Count() int64 { return f.count }

// Weight is about how many bytes of memory the File takes.
func (f *File) Weight() int64 { return int64(len(f.levels[0]))*2*sha256.Size + 256 }

// PageOf tells which page holds an item (counted from 1) and where in it.
func PageOf(item int64) (page int64, offset int) {
	return (item - 1) / PageLeaves, int((item - 1) % PageLeaves)
}

// ReadPage reads page n and checks it against the subtree root found on opening;
// it answers CodeChanged when the file was altered since.
func (f *File) ReadPage(n int64) (Page, error) {
	if n < 0 || n >= int64(len(f.levels[0])) {
		return nil, trace.Errorf(CodeNoItem, "page %d: the pack has %d pages", n, len(f.levels[0]))
	}
	page, err := f.read(n, make([]byte, PageLeaves*sha256.Size), nil)
	if err != nil {
		return nil, err
	}
	if rootOf(page) != f.levels[0][n] {
		return nil, trace.Errorf(CodeChanged, "page %d of the leaf file changed since it was opened", n)
	}
	return page, nil
}

// Proof is an RFC 6962 inclusion proof: Path leads from Leaf, at place Item−1 of
// Count, to the pack's root.
type Proof struct {
	Item  int64          `json:"item"`
	Count int64          `json:"count"`
	Leaf  trace.Digest   `json:"leaf"`
	Path  []trace.Digest `json:"path"`
	Root  trace.Digest   `json:"root"`
}

// Prove makes the inclusion proof of an item (counted from 1). It reads one page;
// all that lies above comes from the stored subtree roots.
func (f *File) Prove(item int64) (Proof, error) {
	if item < 1 || item > f.count {
		return Proof{}, trace.Errorf(CodeNoItem, "item %d: the pack has items 1 to %d", item, f.count)
	}
	n, at := PageOf(item)
	page, err := f.ReadPage(n)
	if err != nil {
		return Proof{}, err
	}
	proof := Proof{Item: item, Count: f.count, Leaf: page[at], Root: f.Root()}
	level := []trace.Digest(page)
	for ; len(level) > 1; at /= 2 {
		proof.Path = appendSibling(proof.Path, level, at)
		level = pairs(level[:0], level)
	}
	at = int(n)
	for _, level := range f.levels[:len(f.levels)-1] {
		proof.Path = appendSibling(proof.Path, level, at)
		at /= 2
	}
	return proof, nil
}

// appendSibling appends what stands beside level[at], if anything does.
func appendSibling(path, level []trace.Digest, at int) []trace.Digest {
	if beside := at ^ 1; beside < len(level) {
		path = append(path, level[beside])
	}
	return path
}

// read appends the leaves of page n to into.
func (f *File) read(n int64, buffer []byte, into Page) (Page, error) {
	leaves := min(PageLeaves, f.count-n*PageLeaves)
	buffer = buffer[:leaves*sha256.Size]
	if read, err := f.source.ReadAt(buffer, n*PageLeaves*sha256.Size); read < len(buffer) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("leaf file, page %d: %w", n, err)
	}
	for ; len(buffer) > 0; buffer = buffer[sha256.Size:] {
		into = append(into, trace.Digest(buffer[:sha256.Size]))
	}
	return into, nil
}

// rootOf hashes a page to its root.
func rootOf(page Page) trace.Digest {
	var space [PageLeaves / 2]trace.Digest
	if len(page) == 1 {
		return page[0]
	}
	level := pairs(space[:0], page)
	for len(level) > 1 {
		level = pairs(level[:0], level)
	}
	return level[0]
}

// pairs appends to into the parents of level's nodes; into may share level's
// memory from its start, since a parent is written only after its children are read.
func pairs(into, level []trace.Digest) []trace.Digest {
	for i := 0; i < len(level); i += 2 {
		if i+1 == len(level) {
			return append(into, level[i])
		}
		into = append(into, rules.NodeHash(level[i], level[i+1]))
	}
	return into
}
