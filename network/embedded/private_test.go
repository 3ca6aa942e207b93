package embedded

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// keepSecret writes a private value and returns the block it went into.
func keepSecret(t *testing.T, c *client.Contract, collection, key, value string) uint64 {
	t.Helper()
	_, commit, err := c.SubmitAsync("secret", client.WithArguments(collection, key),
		client.WithTransient(map[string][]byte{"value": []byte(value)}),
		client.WithEndorsingOrganizations("ProducerMSP", "LabMSP", "CarrierMSP"))
	require.NoError(t, err)
	outcome, err := commit.Status()
	require.NoError(t, err)
	require.Equal(t, peer.TxValidationCode_VALID, outcome.Code)
	return outcome.BlockNumber
}

// keptValues returns the private values that the ledger still keeps for a block.
func keptValues(t *testing.T, l *Ledger, number uint64) (values []string) {
	t.Helper()
	v := l.store.view()
	defer v.release()
	sets, err := v.writeSets(number)
	require.NoError(t, err)
	for _, set := range sets {
		for _, ns := range set.GetNsPvtRwset() {
			for _, c := range ns.GetCollectionPvtRwset() {
				kv := &kvrwset.KVRWSet{}
				require.NoError(t, proto.Unmarshal(c.GetRwset(), kv))
				for _, w := range kv.GetWrites() {
					values = append(values, string(w.GetValue()))
				}
			}
		}
	}
	return values
}

func TestPrivateDataExpires(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	contract := connect(t, l, "LabMSP").GetNetwork("trace").GetContract("store")
	first := keepSecret(t, contract, "brief", "k", "one")
	read := func() string {
		got, err := contract.EvaluateTransaction("reveal", "brief", "k")
		require.NoError(t, err)
		return string(got)
	}
	tick := func() {
		_, err := contract.SubmitTransaction("put", "tick", "1")
		require.NoError(t, err)
	}
	tick()
	require.Equal(t, "one", read())
	second := keepSecret(t, contract, "brief", "k", "two") // written again: lives on
	tick()
	require.Equal(t, "two", read())
	require.Empty(t, keptValues(t, l, first), "the first value is forgotten with block %d", first+3)
	tick()
	require.Equal(t, "two", read())
	tick()
	require.Empty(t, read(), "two blocks on, with the third")
	require.Empty(t, keptValues(t, l, second))
	require.NoError(t, l.Verify(testContext(t)))
}

func TestPurgeForgetsEveryValue(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	contract := connect(t, l, "ProducerMSP").GetNetwork("trace").GetContract("store")
	first := keepSecret(t, contract, "pair", "k", "one")
	second := keepSecret(t, contract, "pair", "k", "two")
	other := keepSecret(t, contract, "pair", "other", "three")
	require.Equal(t, []string{"one"}, keptValues(t, l, first))
	_, err := contract.Submit("purge", client.WithArguments("pair", "k"))
	require.NoError(t, err)
	require.Empty(t, keptValues(t, l, first))
	require.Empty(t, keptValues(t, l, second))
	require.Equal(t, []string{"three"}, keptValues(t, l, other))
	got, err := contract.EvaluateTransaction("reveal", "pair", "k")
	require.NoError(t, err)
	require.Empty(t, got)
	require.NoError(t, l.Verify(testContext(t)))
}

func TestPrivateDataIsDeliveredToMembersOnly(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	number := keepSecret(t, connect(t, l, "LabMSP").GetNetwork("trace").GetContract("store"), "pair", "k", "hidden value")
	sets := func(mspID string) int {
		events, err := connect(t, l, mspID).GetNetwork("trace").BlockAndPrivateDataEvents(testContext(t), client.WithStartBlock(number))
		require.NoError(t, err)
		b := <-events
		raw, err := proto.Marshal(b.GetBlock())
		require.NoError(t, err)
		require.NotContains(t, string(raw), "hidden value")
		return len(b.GetPrivateDataMap())
	}
	require.Equal(t, 1, sets("ProducerMSP"))
	require.Equal(t, 0, sets("CarrierMSP"))
	_, err := connect(t, l, "CarrierMSP").GetNetwork("trace").GetContract("store").EvaluateTransaction("reveal", "pair", "k")
	require.ErrorContains(t, err, "does not have read access permission")
}
