// Command tracecc serves the contracts to a Fabric peer as an external chaincode
// service. It holds no state: it may be stopped and started at any time.
//
// Environment:
//
//	CHAINCODE_ID              package id that the organisation installed, required
//	CHAINCODE_SERVER_ADDRESS  host:port to listen on, required
//	CHAINCODE_TLS_KEY         file of the server's private key, PEM
//	CHAINCODE_TLS_CERT        file of its certificate, PEM
//	CHAINCODE_CLIENT_CA_CERT  file of the CA whose certificates peers must present, PEM
//
// Without CHAINCODE_TLS_KEY the service speaks plain gRPC, which is for a peer on the
// same host only. With TLS and CHAINCODE_CLIENT_CA_CERT, only that CA's clients connect.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"traceledger/chaincode/contract"
)

// gcPercent lets garbage grow to four times what lives, which is a few MB, so that it is
// collected less often than with Go's 100. GOGC in the environment goes before it.
const gcPercent = 400

// cores is on how many the contracts run: half of the host's, which the peer shares. Calls
// keep one busy for a few hundredths of the time; further ones are woken and put to
// sleep with each message, a sixth of the process's time on two. GOMAXPROCS in the environment goes
// before it.
func cores(ofHost int) int { return max(1, ofHost/2) }

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(cores(runtime.GOMAXPROCS(0)))
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	server, err := configure(os.Getenv)
	if err != nil {
		logger.Error("cannot start", "error", err)
		os.Exit(2)
	}
	logger.Info("serving the contracts", "address", server.Address, "package", server.CCID, "tls", !server.TLSProps.Disabled)
	if err := server.Start(); err != nil {
		logger.Error("stopped", "error", err)
		os.Exit(1)
	}
}

func configure(environment func(string) string) (*shim.ChaincodeServer, error) {
	contracts, err := contract.New()
	if err != nil {
		return nil, err
	}
	server := &shim.ChaincodeServer{
		CCID: environment("CHAINCODE_ID"), Address: environment("CHAINCODE_SERVER_ADDRESS"), CC: contracts,
	}
	if server.CCID == "" || server.Address == "" {
		return nil, errors.New("CHAINCODE_ID and CHAINCODE_SERVER_ADDRESS must both be set")
	}
	key, certificate, clients := environment("CHAINCODE_TLS_KEY"), environment("CHAINCODE_TLS_CERT"), environment("CHAINCODE_CLIENT_CA_CERT")
	if key == "" {
		if certificate != "" || clients != "" {
			return nil, errors.New("CHAINCODE_TLS_CERT and CHAINCODE_CLIENT_CA_CERT need CHAINCODE_TLS_KEY")
		}
		server.TLSProps.Disabled = true
		return server, nil
	}
	if server.TLSProps.Key, err = os.ReadFile(key); err != nil {
		return nil, fmt.Errorf("CHAINCODE_TLS_KEY: %w", err)
	}
	if server.TLSProps.Cert, err = os.ReadFile(certificate); err != nil {
		return nil, fmt.Errorf("CHAINCODE_TLS_CERT: %w", err)
	}
	if clients == "" {
		return server, nil
	}
	if server.TLSProps.ClientCACerts, err = os.ReadFile(clients); err != nil {
		return nil, fmt.Errorf("CHAINCODE_CLIENT_CA_CERT: %w", err)
	}
	return server, nil
}
