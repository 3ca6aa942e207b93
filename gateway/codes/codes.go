// Package codes makes item codes: the unguessable serials of a pack, the leaf file
// that is published by its hash, and the Merkle root that goes on the chain.
//
// A pack's serials follow from one random 256-bit seed, kept off the chain under a
// meaningless reference; whoever has the seed can print the pack's codes again, and
// nobody else can guess one. What goes out is the leaf file, which shows that a code
// was issued without showing any code.
//
// The package imports the code rules and nothing that submits.
package codes

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"sync"
	"time"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// CodeNoSeed says that this gateway cannot print a pack's codes: another one made
// them, or their seed was deleted.
const CodeNoSeed trace.Code = "NO_SEED"

// Seeds keeps a pack's seed; gateway/store does, durably.
type Seeds interface {
	Salt(reference string) (seed []byte, found bool, err error)
	SetSalt(reference string, seed []byte) error
}

// Factory makes packs. Safe for concurrent use.
type Factory struct {
	seeds Seeds
	now   func() time.Time
	mu    sync.Mutex // two orders of one pack must not draw two seeds
}

// NewFactory makes a factory on a seed keeper.
func NewFactory(seeds Seeds, now func() time.Time) *Factory { return &Factory{seeds: seeds, now: now} }

// Pack is a pack's public side: what the chain commits and what is published.
type Pack struct {
	ID       trace.PackID
	Count    int64
	Root     trace.Digest // RFC 6962 root over the leaves
	LeafFile []byte       // 32 bytes an item, in item order
	// Made is when the seed was drawn: a repeated order claims the same moment.
	Made trace.Time
}

// PackOf derives a pack's id from who orders it and the order's idempotency key, so
// that a repeated order is the same pack. 40 bits: two packs of one consortium meet by
// chance only among a million, and then the second order is refused by the chain.
func PackOf(msp string, party trace.PartyID, idempotencyKey string) trace.PackID {
	digest := sha256.Sum256([]byte("pack " + string(trace.NewFactID(msp, party, idempotencyKey))))
	return trace.PackID(base32(digest[:], trace.PackDigits))
}

// Make draws the pack's seed, durably, the first time and computes its leaves. Making
// it again gives the same bytes.
func (f *Factory) Make(pack trace.PackID, count int64) (Pack, error) {
	if count < 1 || count > trace.MaxPackCount {
		return Pack{}, trace.Errorf(trace.CodeInvalid, "a pack holds 1 to %d codes, not %d", trace.MaxPackCount, count)
	}
	seed, at, err := f.draw(pack)
	if err != nil {
		return Pack{}, err
	}
	leaves := make([]trace.Digest, 0, count)
	file := make([]byte, 0, count*sha256.Size)
	for _, serial := range serials(seed, 1, count) {
		leaf := rules.CodeLeaf(pack, serial)
		leaves = append(leaves, leaf)
		file = append(file, leaf[:]...)
	}
	return Pack{ID: pack, Count: count, Root: rules.MerkleRoot(leaves), LeafFile: file, Made: at}, nil
}

// Serials gives the serials of a run of items. NO_SEED when this gateway did not make
// the pack.
func (f *Factory) Serials(pack trace.PackID, first, last int64) (iter.Seq2[int64, trace.Serial], error) {
	row, found, err := f.seeds.Salt(reference(pack))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, trace.Errorf(CodeNoSeed, "the codes of pack %s were not made here and cannot be printed here", pack)
	}
	seed, _, err := open(row, pack)
	return serials(seed, first, last), err
}

// seedBytes is the length of a seed; a row adds the moment it was drawn, big-endian
// Unix milliseconds.
const seedBytes = 32

func (f *Factory) draw(pack trace.PackID) ([]byte, trace.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	row, found, err := f.seeds.Salt(reference(pack))
	if err != nil {
		return nil, 0, err
	}
	if found {
		return open(row, pack)
	}
	row = make([]byte, seedBytes)
	if _, err := rand.Read(row); err != nil {
		return nil, 0, err
	}
	row = binary.BigEndian.AppendUint64(row, uint64(trace.TimeOf(f.now())))
	if err := f.seeds.SetSalt(reference(pack), row); err != nil {
		return nil, 0, err
	}
	return open(row, pack)
}

func open(row []byte, pack trace.PackID) ([]byte, trace.Time, error) {
	if len(row) != seedBytes+8 {
		return nil, 0, fmt.Errorf("the seed of pack %s is damaged: %d bytes", pack, len(row))
	}
	return row[:seedBytes], trace.Time(binary.BigEndian.Uint64(row[seedBytes:])), nil
}

func reference(pack trace.PackID) string { return "pack/" + string(pack) }

// serials derives each secret part as HMAC-SHA-256(seed, item), of which 65 bits are used.
func serials(seed []byte, first, last int64) iter.Seq2[int64, trace.Serial] {
	return func(yield func(int64, trace.Serial) bool) {
		mac := hmac.New(sha256.New, seed)
		var number [8]byte
		var sum [sha256.Size]byte
		for item := first; item <= last; item++ {
			mac.Reset()
			binary.BigEndian.PutUint64(number[:], uint64(item))
			mac.Write(number[:])
			serial := trace.Serial(rules.ItemDigits(item) + base32(mac.Sum(sum[:0]), trace.SecretDigits))
			if !yield(item, serial) {
				return
			}
		}
	}
}

// base32 writes the first digits·5 bits of b.
func base32(b []byte, digits int) string {
	out := make([]byte, digits)
	for i := range out {
		bit := i * 5
		window := uint16(b[bit/8])<<8 | uint16(b[bit/8+1])
		out[i] = trace.SerialAlphabet[window>>(11-bit%8)&31]
	}
	return string(out)
}
