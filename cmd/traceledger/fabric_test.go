package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// fabricEngine is a real Fabric network as the services above the ledger see it.
type fabricEngine struct{ network *fabric.Network }

func (e fabricEngine) Conns() ([]grpc.ClientConnInterface, error) {
	var conns []grpc.ClientConnInterface
	for _, msp := range trace.MSPs() {
		conn, err := e.network.Conn(msp)
		if err != nil {
			return nil, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

func (e fabricEngine) Enrol(msp, name string, attributes map[string]string) (certificate, key []byte, err error) {
	return e.network.Enrol(msp, name, attributes)
}

func (e fabricEngine) OneProcess() bool { return false }

func (e fabricEngine) Close() error {
	e.network.Stop()
	return nil
}

// TestDemoOnFabric loads the whole demonstration on a real Fabric network and scans
// it: the services above the ledger are the very same, only the engine differs.
func TestDemoOnFabric(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	chaincode := filepath.Join(t.TempDir(), "tracecc")
	out, err := exec.Command("go", "build", "-o", chaincode, "traceledger/chaincode/cmd/tracecc").CombinedOutput()
	require.NoError(t, err, string(out))
	logger, err := logTo("warn")
	require.NoError(t, err)
	network, err := fabric.Start(ctx, fabric.Config{Dir: t.TempDir(), Channel: channelName, BatchInterval: 50 * time.Millisecond, Logger: logger})
	require.NoError(t, err)
	defer network.Stop()
	require.NoError(t, network.Deploy(ctx, fabric.Chaincode{Name: chaincodeName, Version: "1", Binary: chaincode}))

	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	cfg := defaultConfig()
	cfg.Data, cfg.PublicBase = t.TempDir(), base
	n, err := openNode(cfg, fabricEngine{network}, logger)
	require.NoError(t, err)
	defer func() { require.NoError(t, n.Close()) }()
	server.Config.Handler = n.handler
	server.Start()
	defer server.Close()
	running, stop := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- n.run(running) }()
	defer func() {
		stop()
		require.NoError(t, <-ran)
	}()

	require.NoError(t, n.prepare(ctx))
	var printed bytes.Buffer
	require.NoError(t, loadDemo(ctx, n, base, &printed), "the demonstration on Fabric")
	require.NoError(t, n.caughtUp(ctx))
	checkDemoPages(t, printed.String())
}
