package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	chain "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// spokenCounts is what became of the verdicts on words.
type spokenCounts struct{ proved, waiting, away int }

// verifyWords finds for every verdict on words the anchored run that holds them, and
// checks it by the transcripts kept here. It reads a read model made anew from the blocks,
// which were verified before, so that nothing but the chain is believed.
func verifyWords(ctx context.Context, cfg Config, eng *embeddedEngine, out io.Writer) (err error) {
	dir := filepath.Join(cfg.Data, "store")
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil // verifyOriginals has said it
	}
	kept, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	x, done, err := indexAnew(ctx, eng, kept)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	var n spokenCounts
	for q := (index.ListQuery{Kind: chain.FactVerdict}); ; {
		records, next, err := x.List(q)
		if err != nil {
			return err
		}
		for _, r := range records {
			if fact, _ := chain.ParseFactKey(r.Key); fact.Subject.Kind != trace.SubjectStream {
				continue
			}
			if err := n.add(x, kept.Files(), r.Key); err != nil {
				return fmt.Errorf("verdict %s: %w", r.Key, err)
			}
		}
		if q.Cursor = next; next == "" {
			break
		}
	}
	fmt.Fprintf(out, "verified the words of %d verdicts in their anchored runs; %d wait for their run, of %d the words are not kept here\n", n.proved, n.waiting, n.away)
	return nil
}

func (n *spokenCounts) add(x *index.Index, files *store.Files, verdict trace.Key) error {
	_, err := floor.FindWords(x, files, verdict)
	switch trace.CodeOf(err) {
	case trace.CodeNotReady:
		n.waiting++
	case store.CodeFileUnknown:
		n.away++
	default:
		if err != nil {
			return err
		}
		n.proved++
	}
	return nil
}

// indexAnew folds all blocks into a read model of its own; done removes it.
func indexAnew(ctx context.Context, eng *embeddedEngine, kept *store.Store) (x *index.Index, done func() error, err error) {
	dir, err := os.MkdirTemp("", "traceledger-verify-")
	if err != nil {
		return nil, nil, err
	}
	if x, err = index.Open(index.Config{Dir: dir}); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	done = func() error { return errors.Join(x.Close(), os.RemoveAll(dir)) }
	reader, client, err := readerOf(eng, kept)
	if err != nil {
		return nil, nil, errors.Join(err, done())
	}
	follow, stop := context.WithCancel(ctx)
	followed := make(chan error, 1)
	go func() {
		defer stop()
		followed <- x.Follow(follow, func(ctx context.Context, from uint64, handle func(*common.Block) error) error {
			return client.Blocks(ctx, reader, from, handle)
		})
	}()
	if err = x.WaitFor(follow, eng.Height()-1); err != nil {
		err = errors.Join(ctx.Err(), <-followed)
	}
	stop()
	if err = errors.Join(err, client.Close()); err != nil {
		return nil, nil, errors.Join(err, done())
	}
	return x, done, nil
}

// readerOf is an identity that may read an embedded ledger, and a client for it.
func readerOf(eng *embeddedEngine, kept *store.Store) (reader ledger.Identity, client *ledger.Client, err error) {
	certificate, key, err := eng.Enrol(trace.PlatformMSP, readerName, map[string]string{
		trace.AttributeRole: string(trace.RoleScanner), trace.AttributeParty: readerParty,
	})
	if err != nil {
		return reader, nil, err
	}
	if reader, err = ledger.NewIdentity(trace.PlatformMSP, certificate, key); err != nil {
		return reader, nil, err
	}
	conns, err := eng.Conns()
	if err != nil {
		return reader, nil, err
	}
	client, err = ledger.New(ledger.Config{Conns: conns, Channel: channelName, Chaincode: chaincodeName, Outbox: kept.Outbox()})
	return reader, client, err
}
