package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"google.golang.org/grpc"

	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// netConfig is what the network's figures need beside this program.
type netConfig struct {
	tracecc, putcc string // programs; empty: beside this one
	caliper        string // folder of Caliper's workload
}

// netBenchmark measures one or several figures on the one network of a run.
type netBenchmark struct {
	names []string
	once  bool // too long for several runs
	run   func(ctx context.Context, n *benchNet, run int) ([]figure, error)
}

func netBenchmarks() []netBenchmark {
	return []netBenchmark{
		{names: []string{"net-latency-1", "net-latency-1-p99"}, run: benchNetOrigin(1)},
		{names: []string{"net-latency-16", "net-latency-16-p99"}, run: benchNetOrigin(16)},
		{names: []string{
			"net-origin", "net-origin-same-policy", "net-latency-64", "net-latency-64-p99",
			"net-cpu", "net-cpu-same-policy", "net-cpu-peer", "net-cpu-orderer", "net-cpu-chaincode", "net-cpu-gateway",
		}, run: benchNetOrigin(64)},
		{names: []string{"net-segments"}, run: benchNetSegments},
		{names: []string{"jt808-net", "jt808-net-cpu"}, run: benchNetJT808},
		{names: []string{"speech-latency-net", "speech-latency-net-p50"}, run: benchNetSpeech},
		{names: []string{"net-caliper-16", "net-caliper-javascript-16", "net-caliper-64", "net-caliper-javascript-64"}, run: benchNetCaliper},
		{names: []string{"net-scan", "net-scan-p99", "net-scan-cpu"}, run: benchNetScan},
		{names: []string{
			"net-scanner-cpu", "net-disk-peer", "net-disk-orderer", "net-disk-gateway", "net-disk-scanner",
			"net-memory-peer", "net-memory-orderer", "net-memory-chaincode", "net-memory-gateway", "net-memory-scanner",
		}, once: true, run: benchNetLoad},
	}
}

// benchNet is a real Fabric network with our contracts and a bare chaincode on it, and
// the gateway of a producer: its own organisation's peer first.
type benchNet struct {
	*benchLedger
	network *fabric.Network
	conns   []*grpc.ClientConn
	put     *client.Gateway
	dir     string
	cfg     netConfig
	devices []*benchDevice
	caliper *caliperWorkspace
	scanner *scannerProcess
	written atomic.Int64 // lots so far: no number is used twice
}

// The bare chaincode, deployed as one does who names no endorsement policy, and with that of
// the contracts.
const (
	putName       = "put"
	putPolicyName = "put-policy"
	putValue      = 1024 // bytes of a value
)

// benchNetwork brings up the network, measures on it and takes it down.
func benchNetwork(ctx context.Context, cfg netConfig, benchmarks []netBenchmark, only string, runs int, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "traceledger-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	n := &benchNet{dir: dir, cfg: cfg}
	defer n.close()
	if err := n.up(ctx); err != nil {
		return fmt.Errorf("the network: %w", err)
	}
	for _, b := range benchmarks {
		measured := map[string][]figure{}
		for run := range runs {
			if b.once && run > 0 {
				break
			}
			figures, err := b.run(ctx, n, run)
			if err != nil {
				return fmt.Errorf("%s: %w", strings.Join(b.names, ", "), err)
			}
			collect(measured, figures)
		}
		printMedians(out, only, b.names, measured)
	}
	return nil
}

func (n *benchNet) up(ctx context.Context) error {
	tracecc, err := programBeside(n.cfg.tracecc, "tracecc", "the program of the contracts is needed: go build ./chaincode/cmd/tracecc, and name it with -chaincode")
	if err != nil {
		return err
	}
	putcc, err := programBeside(n.cfg.putcc, "putcc", "the bare chaincode is needed: go build ./network/fabric/cmd/putcc, and name it with -put")
	if err != nil {
		return err
	}
	logger, err := logTo("error")
	if err != nil {
		return err
	}
	starting, cancel := fabric.WithTimeout(ctx, 10*time.Minute) // with the Fabric programs to build
	defer cancel()
	if n.network, err = fabric.Start(starting, fabric.Config{Dir: filepath.Join(n.dir, "network"), Channel: channelName, LogLevel: "error", Logger: logger}); err != nil {
		return err
	}
	policy := endorsementPolicy(n.network)
	for _, chaincode := range []fabric.Chaincode{
		{Name: chaincodeName, Binary: tracecc, Policy: policy},
		{Name: putName, Binary: putcc},
		{Name: putPolicyName, Binary: putcc, Policy: policy},
	} {
		chaincode.Version = "1"
		if err := n.network.Deploy(starting, chaincode); err != nil {
			return err
		}
	}
	if err := n.network.AwaitSubmits(starting); err != nil {
		return err
	}
	endpoints, err := n.network.Endpoints(trace.ProducerMSP)
	if err != nil {
		return err
	}
	var conns []grpc.ClientConnInterface
	for _, e := range endpoints {
		conn, err := dial(&Peer{Address: e.Address, TLSCA: e.TLSCA})
		if err != nil {
			return err
		}
		n.conns, conns = append(n.conns, conn), append(conns, conn)
	}
	enrol := func(msp, name string, attributes map[string]string) ([]byte, []byte, error) {
		return n.network.Enrol(msp, name, attributes)
	}
	n.benchLedger = &benchLedger{}
	if err := n.open(ctx, n.dir, conns, enrol, networkLag); err != nil {
		return err
	}
	return n.connectPut()
}

// connectPut makes the bare chaincode's client: the stock one, as its documentation has
// it, on the connection and with the identity that our registrations go by.
func (n *benchNet) connectPut() error {
	user := n.users[trace.RoleFactory]
	certificate, err := identity.NewX509Identity(user.MSPID, user.Certificate)
	if err != nil {
		return err
	}
	n.put, err = client.Connect(certificate, client.WithSign(user.Sign), client.WithClientConnection(n.conns[0]))
	return err
}

func (n *benchNet) close() {
	if n.scanner != nil {
		n.scanner.stop()
	}
	if n.put != nil {
		n.put.Close()
	}
	if n.benchLedger != nil {
		n.benchLedger.close()
	}
	for _, conn := range n.conns {
		conn.Close()
	}
	if n.network != nil {
		n.network.Stop()
	}
}

// netTries is how often a client of the measurements tries: the stock client leaves that to
// its user.
const netTries = 5

// putOne has a bare chaincode put a kilobyte under a fresh key, and waits for its commit.
func (n *benchNet) putOne(ctx context.Context, chaincode string) error {
	content := make([]byte, putValue+16)
	if _, err := rand.Read(content); err != nil {
		return err
	}
	var err error
	for try := 0; try < netTries && ctx.Err() == nil; try++ {
		if _, err = n.put.GetNetwork(channelName).GetContract(chaincode).SubmitWithContext(ctx, "put",
			client.WithBytesArguments(fmt.Appendf(nil, "%x", content[putValue:]), content[:putValue])); err == nil {
			return nil
		}
	}
	return cmp.Or(err, ctx.Err())
}
