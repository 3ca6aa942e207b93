package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"traceledger/chaincode/trace"
	"traceledger/gateway/archive"
	"traceledger/gateway/store"
)

// verifyOriginals checks imported records against the original transactions that are kept
// as files. On a ledger that was not imported there is nothing to check.
func verifyOriginals(ctx context.Context, cfg Config, eng *embeddedEngine, out io.Writer) (err error) {
	dir := filepath.Join(cfg.Data, "store")
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(out, "no files are kept here: of records that were imported, the originals are not checked")
		return nil
	}
	files, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	reader, client, err := readerOf(eng, files)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()

	o := &archive.Originals{Chaincode: chaincodeName, File: func(d trace.Digest) ([]byte, error) {
		content, err := files.Files().Open(store.Hash(d))
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(content)
		return raw, errors.Join(err, content.Close())
	}}
	enough := errors.New("all blocks are read")
	err = client.Blocks(ctx, reader, 0, func(b *common.Block) error {
		if err := o.Block(b); err != nil {
			return err
		}
		if b.GetHeader().GetNumber()+1 == eng.Height() {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		return err
	}
	if err := o.End(); err != nil || o.Source == nil {
		return err
	}
	fmt.Fprintf(out, "verified %d imported transactions against the originals of ledger %s\n", o.Checked, o.Source.Genesis)
	return nil
}
