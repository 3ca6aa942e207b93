package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"google.golang.org/grpc"

	"traceledger/chaincode/contract"
	"traceledger/chaincode/trace"
	"traceledger/network/embedded"
)

// Names under which the contracts run on either ledger.
const (
	channelName   = "trace"
	chaincodeName = "trace"
)

// engine is a ledger as the services above see it: gateways to talk to and
// authorities that enrol. The embedded ledger and a Fabric network both are one.
type engine interface {
	// Conns lead to the gateways, the first one preferred.
	Conns() ([]grpc.ClientConnInterface, error)
	Enrol(msp, name string, attributes map[string]string) (certificate, key []byte, err error)
	// OneProcess tells whether one process holds every organisation's key.
	OneProcess() bool
	Close() error
}

// embeddedEngine runs the ledger in this process.
type embeddedEngine struct {
	*embedded.Ledger
	conn grpc.ClientConnInterface
}

// openEmbedded opens the ledger in a data directory, or founds it in one that is new.
func openEmbedded(dir string, logger *slog.Logger) (*embeddedEngine, error) {
	if err := refuseLostLedger(dir); err != nil {
		return nil, err
	}
	chaincode, err := contract.New()
	if err != nil {
		return nil, err
	}
	ledger, err := embedded.Open(embedded.Config{
		Dir: filepath.Join(dir, "ledger"), Channel: channelName, Organisations: trace.MSPs(), Logger: logger,
		Chaincodes: []embedded.Chaincode{{Name: chaincodeName, Version: "1", Chaincode: chaincode}},
	})
	if err != nil {
		return nil, err
	}
	return &embeddedEngine{Ledger: ledger, conn: ledger.Direct()}, nil
}

// refuseLostLedger keeps a new ledger from being founded beside data that belong to
// another: one that was lost, or one that runs elsewhere.
func refuseLostLedger(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "ledger")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, beside := range []string{"store", "index", "ingest"} {
		if _, err := os.Stat(filepath.Join(dir, beside)); err == nil {
			return fmt.Errorf("ledger: %s is missing, and %s belongs to one: restore it; if the ledger runs elsewhere, name its connection file; to begin anew, take an empty data directory",
				filepath.Join(dir, "ledger"), filepath.Join(dir, beside))
		}
	}
	return nil
}

func (e *embeddedEngine) Conns() ([]grpc.ClientConnInterface, error) {
	return []grpc.ClientConnInterface{e.conn}, nil
}

func (e *embeddedEngine) Enrol(msp, name string, attributes map[string]string) (certificate, key []byte, err error) {
	enrolment, err := e.Ledger.Enrol(msp, name, attributes)
	if err != nil {
		return nil, nil, err
	}
	return enrolment.CertPEM, enrolment.KeyPEM, nil
}

func (e *embeddedEngine) OneProcess() bool { return true }
