package index

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"traceledger/chaincode/trace"
)

// Codes this package answers with, beside those of package trace.
const (
	// CodeBlock: the source gave a block that is not the next one, or not whole.
	CodeBlock trace.Code = "INDEX_BLOCK"
	// CodeOtherChain: the index was built from another chain than the source's.
	CodeOtherChain trace.Code = "INDEX_OTHER_CHAIN"
	// CodeDamaged: the directory was damaged while in use. The next Open moves it
	// aside and the index is built anew.
	CodeDamaged trace.Code = "INDEX_DAMAGED"
	// CodeInUse: another process has the directory open.
	CodeInUse trace.Code = "INDEX_IN_USE"
	// CodeFollowed: Follow runs already.
	CodeFollowed trace.Code = "INDEX_FOLLOWED"
	// CodeCursor: a list's cursor is not one that List gave.
	CodeCursor trace.Code = "INDEX_CURSOR"
)

// Config says where an index lives and what it reads.
type Config struct {
	Dir     string                // created 0700 when absent; may be deleted at any time while closed
	FS      vfs.FS                // nil is the operating system's; tests pass a memory file system
	Logger  *slog.Logger          // nil is slog.Default()
	Metrics prometheus.Registerer // nil: not registered

	// Chaincode is the namespace whose writes are folded; "" is "trace".
	Chaincode string

	CacheBytes    int64 // block cache; 0 is 16 MiB
	MemTableBytes int64 // write buffer, of which there may be two; 0 is 16 MiB
	// BatchBytes is how much Follow gathers before it commits while blocks come
	// faster than it folds them; 0 is 1 MiB. It does not change what is stored.
	BatchBytes int
}

// Index is an open read model. All its methods are safe for concurrent use.
type Index struct {
	dir        string
	fs         vfs.FS
	logger     *slog.Logger
	db         *pebble.DB
	lock       *pebble.Lock
	metrics    *metrics
	decoder    *decoder
	versions   *versions
	batchBytes int

	following atomic.Bool
	broken    atomic.Bool
	damage    chan struct{} // closed when broken

	mu       sync.Mutex
	cursor   cursor
	advanced chan struct{} // closed and replaced when the cursor moves
}

// progressBlocks is how often a long fold tells where it is.
const progressBlocks = 10_000

// Height is the number of the next block wanted: how many blocks are folded.
func (x *Index) Height() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cursor.next
}

// WaitFor returns once the block is folded, so that every query shows it. A write
// answers after its page shows it.
func (x *Index) WaitFor(ctx context.Context, number uint64) error {
	for {
		x.mu.Lock()
		next, advanced := x.cursor.next, x.advanced
		x.mu.Unlock()
		if next > number {
			return nil
		}
		select {
		case <-advanced:
		case <-x.damage:
			return x.damaged()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// folded makes a commit known: stories that it changes are forgotten before anyone
// who waited for the block can ask for their version.
func (x *Index) folded(f *fold) {
	x.versions.changed(f.cursor.next, f.changed)
	x.metrics.folded(f)
	for _, r := range f.refused {
		x.logger.Warn("on the chain but kept out of the read model",
			"block", r.block, "position", r.position, "transaction", r.transaction,
			"reason", r.reason.Code, "message", r.reason.Message)
	}
	if before := f.cursor.next - uint64(f.counts.blocks); before/progressBlocks != f.cursor.next/progressBlocks {
		x.logger.Info("folding blocks", "height", f.cursor.next)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cursor = f.cursor
	close(x.advanced)
	x.advanced = make(chan struct{})
}

// Close stops using the directory. Follow must have returned.
func (x *Index) Close() error {
	return errors.Join(x.db.Close(), x.lock.Close())
}

// Dump writes every row in key order, one a line, key and value quoted: two indexes
// of the same chain have the same dump.
func (x *Index) Dump(w io.Writer) error {
	snapshot := x.db.NewSnapshot()
	err := dump(snapshot, w)
	return x.failure(errors.Join(err, snapshot.Close()))
}
