package fabric

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestTransient: what a settling or overloaded network answers is asked again within the
// caller's time; what it will always answer is not.
func TestTransient(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.FailedPrecondition, codes.Aborted, codes.DeadlineExceeded} {
		require.True(t, transient(status.Error(code, "")), code)
	}
	require.True(t, transient(&client.CommitError{Code: peer.TxValidationCode_MVCC_READ_CONFLICT}))
	for _, err := range []error{
		errors.New("no such file"), status.Error(codes.PermissionDenied, ""), status.Error(codes.InvalidArgument, ""),
		&client.CommitError{Code: peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
	} {
		require.False(t, transient(err), err)
	}
}

// TestOnlyTheApprovedProgramComesIn: an interrupted upgrade's processes stay out when the
// sequence it hoped for was given to the old program, as Heal does where an approval was
// lost; the next attempt goes on with them.
func TestOnlyTheApprovedProgramComesIn(t *testing.T) {
	peer := peerPlan{nodePlan: nodePlan{MSPID: "LabMSP", Host: loopback}}
	before := servicePlan{MSPID: "LabMSP", Chaincode: "store", Label: "old", PackageID: "old:1", Address: "127.0.0.1:15001"}
	next := servicePlan{MSPID: "LabMSP", Chaincode: "store", Label: "new", PackageID: "new:2", Address: "127.0.0.1:15002", Incoming: 2}
	n := newNetwork(Config{Dir: t.TempDir()})
	n.plan = topology{Peers: []peerPlan{peer}, Services: []servicePlan{before, next}}
	n.spawn = newSpawner()
	defer n.spawn.close()
	n.nodes = []*Node{n.serviceNode(before), n.serviceNode(next)}

	require.NoError(t, n.adoptServices("store", 2, "old:1"))
	require.Equal(t, []servicePlan{before, next}, n.plan.Services)
	require.Len(t, n.nodes, 2)

	again := next
	again.Incoming = 3
	require.NoError(t, n.planServices(Chaincode{Name: "store"}, chaincodePackage{label: "new", id: "new:2"}, 3))
	require.Equal(t, []servicePlan{before, again}, n.plan.Services, "the same process at the sequence after")
	require.NoError(t, n.adoptServices("store", 2, "new:2"))
	require.Equal(t, []servicePlan{before, again}, n.plan.Services, "not before its sequence is committed")

	require.NoError(t, n.adoptServices("store", 3, "new:2"))
	in := next
	in.Incoming = 0
	require.Equal(t, []servicePlan{in}, n.plan.Services)
	require.Len(t, n.nodes, 1)
	require.Equal(t, "LabMSP/store", n.nodes[0].Name())
}

// TestPortsOfProcesses: those that are planned and do not listen yet are not planned again, and one that
// somebody takes before its process ever ran is replaced; later never, for the peer has it in its package.
func TestPortsOfProcesses(t *testing.T) {
	peer := peerPlan{nodePlan: nodePlan{MSPID: "LabMSP", Host: loopback}}
	n := newNetwork(Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	n.plan = topology{Peers: []peerPlan{peer}}
	n.spawn = newSpawner()
	defer n.spawn.close()
	seen := map[string]bool{}
	for i := range 60 {
		require.NoError(t, n.planService(peer, Chaincode{Name: fmt.Sprint("store", i)}, chaincodePackage{label: fmt.Sprint("one", i), id: fmt.Sprint("one:", i)}, 0))
		require.False(t, seen[n.plan.Services[i].Address], "%d", i)
		seen[n.plan.Services[i].Address] = true
	}

	service := n.plan.Services[0]
	node, err := n.unusedPort(peer, service)
	require.NoError(t, err)
	require.Equal(t, service.Address, node.Address())
	somebody, err := net.Listen("tcp", service.Address)
	require.NoError(t, err)
	defer somebody.Close()
	node, err = n.unusedPort(peer, service)
	require.NoError(t, err)
	require.False(t, seen[node.Address()])
	again, err := n.Node(service.name())
	require.NoError(t, err)
	require.Same(t, node, again)
	require.Contains(t, node.env, "CHAINCODE_SERVER_ADDRESS="+node.Address())
	kept, _, err := loadTopology(n.dir)
	require.NoError(t, err)
	require.Equal(t, node.Address(), kept.Services[0].Address)

	other, err := net.Listen("tcp", node.Address())
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, os.MkdirAll(node.dir, 0o700)) // as when it has run
	last, err := n.unusedPort(peer, kept.Services[0])
	require.NoError(t, err)
	require.Same(t, node, last)
}
