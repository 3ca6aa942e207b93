package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
	"traceledger/gateway/wallet"
)

// maxMessage is the largest message a Fabric peer takes or sends.
const maxMessage = 100 << 20

// How a vanished peer is noticed, if the ledger client's own probes of a peer that owes
// answers (gateway/ledger, guard) have nowhere else to go. A host that disappears without
// a word is found within about half a minute: by TCP's own probes on an idle connection,
// by what stays unacknowledged for pingTimeout on a busy one. A process that hangs while
// its host still answers is found by gRPC's pings.
const (
	probeIdle   = 15 * time.Second
	probeEvery  = 5 * time.Second
	probeCount  = 3
	pingEvery   = 75 * time.Second // Fabric peers allow one a minute
	pingTimeout = 20 * time.Second
)

// remoteEngine is a ledger that runs elsewhere, reached over TLS.
type remoteEngine struct {
	connection *Connection
	conns      []*grpc.ClientConn
}

// openRemote prepares the connections of a connection file. It waits for none: a
// ledger that is down when a role starts is used as soon as it is up.
func openRemote(path string) (*remoteEngine, error) {
	connection, err := readConnection(path)
	if err != nil {
		return nil, err
	}
	if connection.Channel != channelName || connection.Chaincode != chaincodeName {
		return nil, trace.Errorf(trace.CodeInvalid, "%s names channel %q and chaincode %q; the contracts run as %q on %q", path, connection.Channel, connection.Chaincode, chaincodeName, channelName)
	}
	e := &remoteEngine{connection: connection}
	for i := range connection.Peers {
		conn, err := dial(&connection.Peers[i])
		if err != nil {
			return nil, errors.Join(err, e.Close())
		}
		e.conns = append(e.conns, conn)
	}
	return e, nil
}

func dial(peer *Peer) (*grpc.ClientConn, error) {
	roots, err := peer.roots()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: probeIdle, Interval: probeEvery, Count: probeCount}}
	return grpc.NewClient("passthrough:///"+peer.Address,
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}),
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: peer.ServerName, MinVersion: tls.VersionTLS12})),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingTimeout}),
		// gRPC's own longest pause is two minutes: a restarted ledger would stand idle.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
	)
}

func (e *remoteEngine) Conns() ([]grpc.ClientConnInterface, error) {
	conns := make([]grpc.ClientConnInterface, 0, len(e.conns))
	for _, conn := range e.conns {
		conns = append(conns, conn)
	}
	return conns, nil
}

// Enrol refuses: only who runs the organisation's authority can issue an identity.
func (e *remoteEngine) Enrol(_, name string, attributes map[string]string) (certificate, key []byte, err error) {
	return nil, nil, trace.Errorf(wallet.CodeUnknownIdentity, "this wallet holds no identity %s; where the ledger's data are: traceledger enrol -role %s -party %s -to WALLET",
		name, attributes[trace.AttributeRole], attributes[trace.AttributeParty])
}

func (e *remoteEngine) OneProcess() bool { return e.connection.OneProcess }

func (e *remoteEngine) Close() error {
	var errs []error
	for _, conn := range e.conns {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}

// openEngine opens the ledger a configuration names: one elsewhere, or the embedded.
func openEngine(cfg Config, logger *slog.Logger) (engine, error) {
	if cfg.Connection != "" {
		return openRemote(cfg.Connection)
	}
	return openEmbedded(cfg.Data, logger)
}

// reach repeats what the ledger gets over by itself, such as that it was not to be reached,
// until it succeeds, fails otherwise, or ctx ends.
func reach(ctx context.Context, logger *slog.Logger, do func() error) error {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := do()
		if !passing(err) {
			return err
		}
		logger.Warn("the ledger is not to be reached; trying again", "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

// passing tells errors that a ledger gets over by itself. Who starts, or runs a command,
// waits: nobody asks again for it.
func passing(err error) bool {
	code := trace.CodeOf(err)
	return unreachable(err) || code == ledger.CodeBusy || code == ledger.CodeConflict
}

func unreachable(err error) bool {
	switch trace.CodeOf(err) {
	case ledger.CodeLedgerUnavailable, ledger.CodeClock, ledger.CodeOutcomeUnknown:
		return true
	case "":
		code := status.Code(err)
		return err != nil && (code == codes.Unavailable || code == codes.DeadlineExceeded)
	}
	return false
}
