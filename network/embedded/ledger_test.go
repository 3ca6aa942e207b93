package embedded

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
)

// store is the chaincode of these tests: a function name and its arguments.
type storeChaincode struct{}

func (storeChaincode) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (storeChaincode) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	function, args := stub.GetFunctionAndParameters()
	result, err := storeFunctions[function](stub, args)
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(result)
}

type storeFunction func(stub shim.ChaincodeStubInterface, args []string) ([]byte, error)

var storeFunctions = map[string]storeFunction{
	"put": func(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		return nil, stub.PutState(args[0], []byte(args[1]))
	},
	"get": func(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		return stub.GetState(args[0])
	},
	"del": func(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		return nil, stub.DelState(args[0])
	},
	"copy": func(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		value, err := stub.GetState(args[0])
		if err != nil {
			return nil, err
		}
		return value, stub.PutState(args[1], append(value, '+'))
	},
	"event": func(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		if err := stub.SetEvent("first", []byte("dropped")); err != nil {
			return nil, err
		}
		if err := stub.SetEvent(args[0], []byte(args[1])); err != nil {
			return nil, err
		}
		return nil, stub.PutState(args[0], []byte(args[1]))
	},
	"count": func(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		it, err := stub.GetStateByRange(args[0], args[1])
		if err != nil {
			return nil, err
		}
		n := 0
		for it.HasNext() {
			if _, err := it.Next(); err != nil {
				return nil, err
			}
			n++
		}
		if err := it.Close(); err != nil {
			return nil, err
		}
		if len(args) > 2 {
			err = stub.PutState(args[2], fmt.Appendf(nil, "%d", n))
		}
		return fmt.Appendf(nil, "%d", n), err
	},
	"secret": func(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		transient, err := stub.GetTransient()
		if err != nil {
			return nil, err
		}
		return nil, stub.PutPrivateData(args[0], args[1], transient["value"])
	},
	"digest": func(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		transient, err := stub.GetTransient()
		if err != nil {
			return nil, err
		}
		return nil, stub.PutState(args[0], hashOf(transient["value"]))
	},
	"reveal": func(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		return stub.GetPrivateData(args[0], args[1])
	},
	"purge": func(stub shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		return nil, stub.PurgePrivateData(args[0], args[1])
	},
	"fail": func(_ shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		return nil, fmt.Errorf("%s", args[0])
	},
	"panic": func(_ shim.ChaincodeStubInterface, args []string) ([]byte, error) {
		panic(args[0])
	},
}

func testConfig(fs vfs.FS) Config {
	return Config{
		Dir:     "ledger",
		FS:      fs,
		Channel: "trace",
		Chaincodes: []Chaincode{{
			Name: "store", Version: "1", Chaincode: storeChaincode{},
			Collections: []Collection{
				{Name: "pair", Members: []string{"ProducerMSP", "LabMSP"}, MemberOnlyRead: true, MemberOnlyWrite: true},
				{Name: "brief", Members: []string{"ProducerMSP", "LabMSP"}, BlockToLive: 2},
			},
		}},
	}
}

func openTest(t testing.TB, cfg Config) *Ledger {
	t.Helper()
	l, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// patience is how long any one answer may take on a busy machine.
const patience = 2 * time.Minute

// connect returns a stock client of the ledger for a new enrolment.
func connect(t testing.TB, l *Ledger, mspID string, options ...EnrolOption) *client.Gateway {
	t.Helper()
	e, err := l.Enrol(mspID, "tester", map[string]string{"trace.role": "tester"}, options...)
	require.NoError(t, err)
	id, sign := clientIdentity(t, e)
	g, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(l.Conn()),
		client.WithEvaluateTimeout(patience), client.WithEndorseTimeout(patience), client.WithSubmitTimeout(patience), client.WithCommitStatusTimeout(patience))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return g
}

func clientIdentity(t testing.TB, e *Enrolment) (*identity.X509Identity, identity.Sign) {
	t.Helper()
	block, _ := pem.Decode(e.CertPEM)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	id, err := identity.NewX509Identity(e.MSPID, certificate)
	require.NoError(t, err)
	key, err := identity.PrivateKeyFromPEM(e.KeyPEM)
	require.NoError(t, err)
	sign, err := identity.NewPrivateKeySign(key)
	require.NoError(t, err)
	return id, sign
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestSubmitAndEvaluate(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	network := connect(t, l, "ProducerMSP").GetNetwork("trace")
	contract := network.GetContract("store")

	_, err := contract.SubmitTransaction("put", "a", "1")
	require.NoError(t, err)
	got, err := contract.EvaluateTransaction("get", "a")
	require.NoError(t, err)
	require.Equal(t, "1", string(got))

	_, err = contract.SubmitTransaction("put", "a", "")
	require.NoError(t, err)
	got, err = contract.EvaluateTransaction("get", "a")
	require.NoError(t, err)
	require.Empty(t, got, "an empty value deletes the key")
}

func TestVerify(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	contract := connect(t, l, "ProducerMSP").GetNetwork("trace").GetContract("store")
	for i := range 20 {
		_, err := contract.SubmitTransaction("event", fmt.Sprint("k", i%7), "v")
		require.NoError(t, err)
	}
	_, err := contract.Submit("secret", client.WithArguments("pair", "k"),
		client.WithTransient(map[string][]byte{"value": []byte("s")}),
		client.WithEndorsingOrganizations("ProducerMSP", "LabMSP", "CarrierMSP"))
	require.NoError(t, err)
	require.NoError(t, l.Verify(testContext(t)))
}
