package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"traceledger/gateway/archive"
)

// runExport writes the ledger of a stopped house into an archive, or a ledger elsewhere
// with the files of a stopped gateway on it.
func runExport(ctx context.Context, args []string, out io.Writer) (err error) {
	to := ""
	cfg, err := readConfig("export", args, func(f *flag.FlagSet) { f.StringVar(&to, "to", "", "folder to write, which must not exist") })
	if err != nil {
		return err
	}
	if to == "" {
		return errors.New("export needs -to FOLDER")
	}
	n, release, err := openStopped(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	height, err := n.ledger.Height(ctx, n.reader)
	if err != nil {
		return err
	}
	m, err := archive.Export(ctx, to, archive.Ledger{
		Chaincode: chaincodeName, Height: height, Files: n.store.Files(),
		Blocks: func(ctx context.Context, handle func(*common.Block) error) error {
			return n.ledger.Blocks(ctx, n.reader, 0, handle)
		},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "exported %d transactions of %d blocks, %d files, to %s\n", m.Count, m.Height, len(m.Files), to)
	digest, err := m.Digest()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "ledger %s, tip %s\narchive %s\n", m.Genesis, m.Tip, digest)
	return nil
}

// openStopped opens ledger and services of a house that is not running, without serving.
func openStopped(cfg Config) (*node, func() error, error) {
	logger, err := logTo(cfg.LogLevel)
	if err != nil {
		return nil, nil, err
	}
	eng, err := openEngine(cfg, logger)
	if err != nil {
		return nil, nil, err
	}
	n, err := openNode(cfg.withBase(), eng, logger)
	if err != nil {
		return nil, nil, errors.Join(err, eng.Close())
	}
	return n, func() error { return errors.Join(n.Close(), eng.Close()) }, nil
}
