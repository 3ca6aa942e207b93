package index

import (
	"context"
	"errors"
	"runtime"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
)

// Source hands over committed blocks in order, beginning with number from, and goes
// on as new ones come. It returns when handle fails, with that error, when ctx ends,
// or when it has no more blocks to give. Blocks are not changed after they are handed
// over.
type Source func(ctx context.Context, from uint64, handle func(*common.Block) error) error

// job is a block on its way through the decoders.
type job struct {
	block   *common.Block
	decoded chan decodeResult // of capacity 1
}

type decodeResult struct {
	block *decodedBlock
	err   error
}

// Follow folds the source's blocks from Height on until ctx ends, the source ends,
// or something fails. Blocks are decoded in parallel and applied in order. Many are
// committed together while they come faster than they can be applied; a block with
// none behind it is committed at once. When it fails, the blocks before the one that
// failed are kept.
func (x *Index) Follow(ctx context.Context, source Source) error {
	if !x.following.CompareAndSwap(false, true) {
		return trace.Errorf(CodeFollowed, "the index in %s follows a source already", x.dir)
	}
	defer x.following.Store(false)

	workers := runtime.GOMAXPROCS(0)
	ordered := make(chan *job, 4*workers)
	work := make(chan *job, 4*workers)
	group, ctx := errgroup.WithContext(ctx)
	ended := errEnded // what ended the source, read after ordered is closed
	group.Go(func() error {
		defer close(ordered)
		defer close(work)
		if err := source(ctx, x.Height(), func(b *common.Block) error { return enqueue(ctx, b, ordered, work) }); err != nil {
			ended = err
		}
		return nil // only when all it gave is folded does its end end the rest
	})
	for range workers {
		group.Go(func() error {
			for j := range work {
				b, err := x.decoder.decode(j.block)
				j.decoded <- decodeResult{b, err}
			}
			return nil
		})
	}
	group.Go(func() error {
		err := x.apply(ctx, ordered)
		if err == nil {
			err = ended
		}
		return err
	})
	group.Go(func() error {
		select {
		case <-x.damage:
			return x.damaged()
		case <-ctx.Done():
			return nil
		}
	})
	err := group.Wait()
	if errors.Is(err, errEnded) {
		return nil
	}
	return err
}

func enqueue(ctx context.Context, b *common.Block, ordered, work chan<- *job) error {
	j := &job{block: b, decoded: make(chan decodeResult, 1)}
	for _, queue := range []chan<- *job{ordered, work} {
		select {
		case queue <- j:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// errEnded ends the group when the source has ended and everything is applied.
var errEnded = errors.New("source ended")

// apply folds decoded blocks in order, until there are no more.
func (x *Index) apply(ctx context.Context, ordered <-chan *job) error {
	x.mu.Lock()
	f := x.newFold(x.cursor)
	x.mu.Unlock()
	for {
		j, err := nextJob(ctx, ordered, f)
		if j == nil {
			return errors.Join(err, f.close())
		}
		decoded, err := j.wait(ctx)
		if err == nil {
			err = f.follows(decoded)
		}
		if err != nil {
			return errors.Join(f.commit(), f.close(), err)
		}
		if err := f.add(decoded); err != nil {
			return errors.Join(err, f.close())
		}
		if f.batch.Len() >= x.batchBytes {
			if err := f.commit(); err != nil {
				return errors.Join(err, f.close())
			}
		}
	}
}

// nextJob gives the next block, nil when there are no more; while there is none,
// nothing folded is held back.
func nextJob(ctx context.Context, ordered <-chan *job, f *fold) (*job, error) {
	select {
	case j, more := <-ordered:
		if more {
			return j, nil
		}
		return nil, f.commit()
	default:
	}
	if err := f.commit(); err != nil {
		return nil, err
	}
	select {
	case j, more := <-ordered:
		if more {
			return j, nil
		}
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (j *job) wait(ctx context.Context) (*decodedBlock, error) {
	select {
	case result := <-j.decoded:
		return result.block, result.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
