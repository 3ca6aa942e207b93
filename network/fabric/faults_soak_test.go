//go:build soak

package fabric

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestSoakFaults belongs to the long runs: how long an orderer group takes to find
// itself again after losses is Fabric's to say, and on two busy cores it can be
// minutes.
func TestSoakFaults(t *testing.T) {
	binaries, err := EnsureBinaries(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	network, err := Start(ctx, Config{Dir: t.TempDir(), Binaries: binaries, BatchInterval: 50 * time.Millisecond, LogLevel: "error"})
	require.NoError(t, err)
	t.Cleanup(func() { network.Stop() })
	require.NoError(t, network.Deploy(ctx, Chaincode{Name: "store", Version: "1", Binary: buildChaincode(t, "")}))
	testFaults(t, network)
}

// testFaults takes nodes away and gives them back. Nothing that was
// acknowledged is lost, and what the client cannot know it is not told.
func testFaults(t *testing.T, network *Network) {
	ctx := t.Context()
	restart := func(t *testing.T, names ...string) {
		t.Helper()
		for _, name := range names {
			node, err := network.Node(name)
			require.NoError(t, err)
			require.NoError(t, node.Start(ctx))
		}
	}
	kill := func(t *testing.T, names ...string) {
		t.Helper()
		for _, name := range names {
			node, err := network.Node(name)
			require.NoError(t, err)
			node.Kill()
			require.False(t, node.Running())
		}
	}
	t.Run("Leader", func(t *testing.T) {
		c := connect(t, network, "ProducerMSP", nil)
		kill(t, "orderer1") // the first leader is the consenter with the lowest id
		began := time.Now()
		eventually(t, func() error { return c.write(ctx, "new-leader", "1") })
		t.Logf("the channel went on after %s", time.Since(began).Round(100*time.Millisecond))
		restart(t, "orderer1")
	})
	t.Run("OneOrdererOfFour", func(t *testing.T) {
		c := connect(t, network, "ProducerMSP", nil)
		kill(t, "orderer4")
		// The gateway may not have found the former leader again yet.
		eventually(t, func() error { return c.write(ctx, "three-orderers", "1") })
		restart(t, "orderer4")
	})
	t.Run("TwoOrderersOfFour", func(t *testing.T) {
		c := connect(t, network, "ProducerMSP", nil)
		transaction := c.endorse(t, "two-orderers", "1")
		kill(t, "orderer3", "orderer4")
		_, err := transaction.Submit()
		var submit *client.SubmitError
		require.ErrorAs(t, err, &submit, "too few took it")
		require.Equal(t, codes.Unavailable, status.Code(err))
		restart(t, "orderer3", "orderer4")
		// If both that were left were given it, it is committed without being sent
		// again; if only one was, it may be dropped. Who sends the same bytes again,
		// as our gateways' outbox does, need not know which.
		eventually(t, func() error {
			value, err := c.tryRead("two-orderers")
			if err == nil && value != "1" {
				_, err = transaction.Submit()
				err = errors.Join(errors.New("not committed yet"), err)
			}
			return err
		})
	})
	t.Run("Peer", func(t *testing.T) {
		c := connect(t, network, "CarrierMSP", nil)
		kill(t, "CarrierMSP/peer")
		err := c.write(ctx, "no-peer", "1")
		require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
		require.NoError(t, connect(t, network, "LabMSP", nil).write(ctx, "other-peers", "1"), "the others go on")
		restart(t, "CarrierMSP/peer")
		eventually(t, func() error { return c.write(ctx, "peer-back", "1") })
		require.Equal(t, "1", c.read(t, "other-peers"), "it has caught up")
	})
	t.Run("Chaincode", func(t *testing.T) {
		c := connect(t, network, "LabMSP", nil)
		kill(t, "LabMSP/store")
		eventually(t, func() error { return connect(t, network, "ProducerMSP", nil).write(ctx, "no-chaincode", "1") })
		restart(t, "LabMSP/store")
		eventually(t, func() error { return c.write(ctx, "chaincode-back", "1") })
	})
	t.Run("AnApprovalAmidAnUpgrade", func(t *testing.T) {
		// The upgrade was interrupted when its processes were planned for the next sequence,
		// which Heal then gives to the program that is there.
		next := Chaincode{Name: "store", Version: "2", Binary: buildChaincode(t, "-s -w")}
		pack, err := network.packageChaincode(next)
		require.NoError(t, err)
		before, err := network.committed(ctx, "store")
		require.NoError(t, err)
		require.NoError(t, network.planServices(next, pack, before.GetSequence()+1))
		kill(t, "LabMSP/peer")
		require.NoError(t, os.RemoveAll(filepath.Join(network.nodeFolder("LabMSP/peer"), "data")))
		require.NoError(t, network.up(ctx))
		for range 2 { // what is committed is taken in at the next call too
			_, err = network.Heal(ctx, "store", "")
			require.NoError(t, err)
			after, err := network.committed(ctx, "store")
			require.NoError(t, err)
			require.Equal(t, before.GetSequence()+1, after.GetSequence())
			require.Equal(t, "1", network.Version("store"))
			node, err := network.Node("LabMSP/store")
			require.NoError(t, err)
			require.True(t, node.Running())
		}
		require.NoError(t, network.Deploy(ctx, next))
		require.Equal(t, "2", network.Version("store"))
		require.NoError(t, connect(t, network, "LabMSP", nil).write(ctx, "upgraded", "1"))
	})
}

func (c storeClient) endorse(t *testing.T, key, value string) *client.Transaction {
	t.Helper()
	proposal, err := c.contract.NewProposal("run", argument(step{"put", key, value}))
	require.NoError(t, err)
	transaction, err := proposal.Endorse()
	require.NoError(t, err)
	return transaction
}
