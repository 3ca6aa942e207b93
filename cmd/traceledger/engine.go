package main

import (
	"log/slog"
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
	conn *grpc.ClientConn
}

func openEmbedded(dir string, logger *slog.Logger) (*embeddedEngine, error) {
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
	return &embeddedEngine{Ledger: ledger, conn: ledger.Conn()}, nil
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

func (e *embeddedEngine) Close() error {
	err := e.conn.Close()
	if closing := e.Ledger.Close(); closing != nil {
		return closing
	}
	return err
}
