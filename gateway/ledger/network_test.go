package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"traceledger/gateway/store"
	"traceledger/network/embedded"
)

// patience is how long a test waits for what must happen on a busy machine.
const patience = time.Minute

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// diary is a small contract for these tests. Like the real ones it reads the epoch in
// every submitted method and refuses with "CODE: message".
type diary struct{}

func (diary) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (d diary) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	function, args := stub.GetFunctionAndParameters()
	argument := ""
	if len(args) > 0 {
		argument = args[0]
	}
	var result []byte
	var err error
	switch function {
	case "epoch:Touch":
		result, err = d.add(stub, "epoch")
	case "diary:Add": // read-modify-write of one balance
		result, err = d.inEpoch(stub, argument, d.add)
	case "diary:Write": // create-only, like a fact
		result, err = d.inEpoch(stub, argument, d.write)
	case "diary:Secret":
		result, err = d.inEpoch(stub, argument, d.secret)
	case "diary:Read":
		result, err = stub.GetState(argument)
	default:
		err = fmt.Errorf("UNKNOWN_METHOD: no method %q", function)
	}
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(result)
}

func (diary) inEpoch(stub shim.ChaincodeStubInterface, key string, method func(shim.ChaincodeStubInterface, string) ([]byte, error)) ([]byte, error) {
	if _, err := stub.GetState("epoch"); err != nil {
		return nil, err
	}
	return method(stub, key)
}

func (diary) add(stub shim.ChaincodeStubInterface, key string) ([]byte, error) {
	value, err := stub.GetState(key)
	if err != nil {
		return nil, err
	}
	number, _ := strconv.Atoi(string(value))
	value = []byte(strconv.Itoa(number + 1))
	return value, stub.PutState(key, value)
}

func (diary) write(stub shim.ChaincodeStubInterface, key string) ([]byte, error) {
	if strings.Contains(key, "forbidden") {
		return nil, fmt.Errorf("FORBIDDEN: %q may not be written", key)
	}
	value, err := stub.GetState(key)
	if err != nil {
		return nil, err
	}
	if value != nil {
		return nil, fmt.Errorf("ALREADY_RECORDED: this entry is on the chain: %s", key)
	}
	return []byte("written " + key), stub.PutState(key, []byte(key))
}

func (diary) secret(stub shim.ChaincodeStubInterface, key string) ([]byte, error) {
	transient, err := stub.GetTransient()
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(transient["payload"])
	return []byte(hex.EncodeToString(digest[:])), stub.PutState(key, digest[:])
}

// network is an embedded ledger with the diary on it, whose connection can be made to
// fail.
type network struct {
	t      testing.TB
	ledger *embedded.Ledger
	faults *faultyConn
	farm   Identity
}

func newNetwork(t testing.TB) *network {
	t.Helper()
	l, err := embedded.Open(embedded.Config{
		Dir: t.TempDir() + "/ledger", Channel: "trace", Logger: quiet,
		Chaincodes: []embedded.Chaincode{{Name: "diary", Version: "1", Chaincode: diary{}}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	n := &network{t: t, ledger: l, faults: &faultyConn{ClientConnInterface: l.Conn()}}
	n.farm = n.enrol("ProducerMSP", "farm1", map[string]string{"trace.party": "P-FARM-01", "trace.role": "farm"})
	n.touch()
	return n
}

func (n *network) enrol(mspID, name string, attributes map[string]string) Identity {
	n.t.Helper()
	enrolment, err := n.ledger.Enrol(mspID, name, attributes)
	require.NoError(n.t, err)
	id, err := NewIdentity(enrolment.MSPID, enrolment.CertPEM, enrolment.KeyPEM)
	require.NoError(n.t, err)
	return id
}

// touch moves the epoch on, through a client of its own that has no faults.
func (n *network) touch() {
	n.t.Helper()
	n.direct("epoch:Touch", "")
}

func (n *network) direct(method, argument string) []byte {
	n.t.Helper()
	c := n.client(n.t, openStore(n.t, vfs.NewMem()), func(cfg *Config) { cfg.Conns = []grpc.ClientConnInterface{n.ledger.Conn()} })
	contract, name, _ := strings.Cut(method, ":")
	receipt, err := c.Submit(context.Background(), n.farm, Call{Contract: contract, Method: name, Arguments: []byte(argument), IdempotencyKey: "direct"})
	require.NoError(n.t, err)
	require.NoError(n.t, c.Close())
	return receipt.Result
}

// value reads a key of the diary past all faults.
func (n *network) value(key string) string {
	n.t.Helper()
	c := n.client(n.t, openStore(n.t, vfs.NewMem()), func(cfg *Config) { cfg.Conns = []grpc.ClientConnInterface{n.ledger.Conn()} })
	value, err := c.Evaluate(context.Background(), n.farm, Call{Contract: "diary", Method: "Read", Arguments: []byte(key)})
	require.NoError(n.t, err)
	require.NoError(n.t, c.Close())
	return string(value)
}

func openStore(t testing.TB, fs vfs.FS) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: "/store", FS: fs, Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// client returns a client with short waits where something is to be waited out, and with
// patience where something is to come.
func (n *network) client(t testing.TB, s *store.Store, options ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		Conns: []grpc.ClientConnInterface{n.faults}, Channel: "trace", Chaincode: "diary", Outbox: s.Outbox(), Logger: quiet,
		EndorseTimeout: patience, SubmitTimeout: patience, StatusTimeout: patience, DoubtTimeout: 500 * time.Millisecond,
		AnswerTimeout: 3 * patience, Backoff: Backoff{Base: time.Millisecond, Max: 20 * time.Millisecond}, Drain: patience,
	}
	for _, option := range options {
		option(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	return c
}

// withReader gives a client an identity of its own, so that it hears of commits.
func (n *network) withReader(cfg *Config) {
	reader := n.enrol("PlatformMSP", "reader", map[string]string{"trace.party": "P-READER", "trace.role": "scanner"})
	cfg.Reader = &reader
}

// awaitStream returns once the client follows the stream of commits.
func awaitStream(t testing.TB, c *Client) {
	t.Helper()
	require.Eventually(t, func() bool {
		c.commits.mu.Lock()
		defer c.commits.mu.Unlock()
		return c.commits.lost != nil
	}, patience, time.Millisecond)
}

// expected is how many transactions the client hopes to hear of.
func expected(c *Client) int {
	c.commits.mu.Lock()
	defer c.commits.mu.Unlock()
	return len(c.commits.waiting)
}

func add(key, idempotencyKey string) Call {
	return Call{Contract: "diary", Method: "Add", Arguments: []byte(key), IdempotencyKey: idempotencyKey}
}

func write(key, idempotencyKey string) Call {
	return Call{Contract: "diary", Method: "Write", Arguments: []byte(key), IdempotencyKey: idempotencyKey}
}

// faultyConn stands between the client and the ledger. Its rule sees every call and
// decides whether it goes on and what answer comes back.
type faultyConn struct {
	grpc.ClientConnInterface

	mu    sync.Mutex
	rule  func(method string, nth int, proceed func() error) error
	calls map[string]int

	stream func(grpc.ClientStream) grpc.ClientStream
}

// service methods as they appear in rules.
const (
	evaluating = "Evaluate"
	endorsing  = "Endorse"
	submitting = "Submit"
	asking     = "CommitStatus"
)

func (f *faultyConn) set(rule func(method string, nth int, proceed func() error) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule, f.calls = rule, map[string]int{}
}

func (f *faultyConn) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

func (f *faultyConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	proceed := func() error { return f.ClientConnInterface.Invoke(ctx, method, args, reply, opts...) }
	name := method[strings.LastIndex(method, "/")+1:]
	f.mu.Lock()
	rule := f.rule
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.calls[name]++
	nth := f.calls[name]
	f.mu.Unlock()
	if rule == nil {
		return proceed()
	}
	return rule(name, nth, proceed)
}

func (f *faultyConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := f.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	f.mu.Lock()
	wrap := f.stream
	f.mu.Unlock()
	if err != nil || wrap == nil {
		return stream, err
	}
	return wrap(stream), nil
}

// validWrites counts the valid transactions on the chain that wrote key, by reading
// the blocks.
func (n *network) validWrites(key string) int {
	n.t.Helper()
	c := n.client(n.t, openStore(n.t, vfs.NewMem()), func(cfg *Config) { cfg.Conns = []grpc.ClientConnInterface{n.ledger.Conn()} })
	count, height := 0, n.ledger.Height()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := c.Blocks(ctx, n.farm, 0, func(block *common.Block) error {
		require.NoError(n.t, wellFormed(block))
		flags := block.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
		for i, data := range block.GetData().GetData() {
			if peer.TxValidationCode(flags[i]) != peer.TxValidationCode_VALID {
				continue
			}
			writes, err := readWrites(data)
			require.NoError(n.t, err)
			for _, written := range writes {
				if written == (stateKey{"diary", key}) {
					count++
				}
			}
		}
		if block.GetHeader().GetNumber()+1 == height {
			cancel()
		}
		return nil
	})
	require.ErrorIs(n.t, err, context.Canceled)
	require.NoError(n.t, c.Close())
	return count
}
