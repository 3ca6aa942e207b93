package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/network/block"
	"traceledger/network/conformance/chaincode"
)

func privateStep(op, collection, key string) chaincode.Step {
	return chaincode.Step{Op: op, Collection: collection, Key: key}
}

func whisper(name, value string) client.ProposalOption {
	return client.WithTransient(map[string][]byte{name: []byte(value)})
}

// testPrivate covers private data collections and transient data.
func testPrivate(t *testing.T, s *suite) {
	m := s.members[producer]
	members := []string{producer, lab}
	// read runs steps on the peer of one organisation as its own client.
	read := func(t *testing.T, mspID string, list ...chaincode.Step) []chaincode.Result {
		t.Helper()
		return s.members[mspID].evaluate(t, list, orgs(mspID))
	}
	// write puts a private value, sent as transient data, with two holders and
	// a third organisation for the majority.
	write := func(t *testing.T, collection, key, value string) outcome {
		t.Helper()
		return s.submit(t, m, steps(chaincode.Step{Op: "privatePutTransient", Collection: collection, Key: key, Value: "v"}),
			whisper("v", value), orgs(producer, lab, carrier))
	}
	hashOf := func(value string) string {
		sum := sha256.Sum256([]byte(value))
		return hex.EncodeToString(sum[:])
	}

	t.Run("HoldersReadOthersSeeTheHash", func(t *testing.T) {
		key, value := s.prefix()+"price", "price 12.50 secret-"+s.prefix()
		write(t, "pair", key, value)
		for _, mspID := range members {
			require.Equal(t, value, read(t, mspID, privateStep("privateGet", "pair", key))[0].Value)
		}
		for _, mspID := range organisations {
			require.Equal(t, hashOf(value), read(t, mspID, privateStep("privateHash", "pair", key))[0].Value, "hash at %s", mspID)
		}
		require.False(t, read(t, carrier, privateStep("privateHash", "pair", key+"-none"))[0].Found)
		require.False(t, read(t, lab, privateStep("privateGet", "pair", key+"-none"))[0].Found)
	})
	t.Run("NothingPrivateInTheBlock", func(t *testing.T) {
		key, value := s.prefix()+"price", "secret-"+s.prefix()
		done := write(t, "pair", key, value)
		b := s.blocks(t, done.block, done.block)[0]
		whole := marshal(t, b)
		require.False(t, bytes.Contains(whole, []byte(value)), "the private value")
		require.False(t, bytes.Contains(whole, []byte(key)) && !bytes.Contains(b.GetData().GetData()[0], []byte(key)))
		tx := s.transaction(t, b, done.id)
		set := tx.Action.ReadWriteSet.Namespace(Chaincode)
		require.NotNil(t, set)
		require.Empty(t, set.Public.GetWrites())
		require.Len(t, set.Collections, 1)
		require.Equal(t, "pair", set.Collections[0].Name)
		require.Len(t, set.Collections[0].Hashed.GetHashedWrites(), 1)
		hashed := set.Collections[0].Hashed.GetHashedWrites()[0]
		require.Equal(t, hashOf(key), hex.EncodeToString(hashed.GetKeyHash()))
		require.Equal(t, hashOf(value), hex.EncodeToString(hashed.GetValueHash()))
	})
	t.Run("HolderGetsPrivateDataWithTheBlock", func(t *testing.T) {
		key, value := s.prefix()+"price", "secret-"+s.prefix()
		done := write(t, "pair", key, value)
		require.Equal(t, map[string]string{key: value}, s.privateWrites(t, lab, done, "pair"))
		require.Empty(t, s.privateWrites(t, carrier, done, "pair"))
	})
	t.Run("ClientOfAnotherOrganisation", func(t *testing.T) {
		key := s.prefix() + "price"
		write(t, "pair", key, "1")
		err := s.members[carrier].tryEvaluate(t, steps(privateStep("privateGet", "pair", key)), orgs(producer))
		require.Contains(t, explain(err), "tx creator does not have read access permission on privatedata in chaincodeName:conformance collectionName: pair")
		_, err = s.members[carrier].tryEndorse(t, steps(private("pair", key, "2")), orgs(producer, lab, carrier))
		require.Contains(t, explain(err), "tx creator does not have write access permission on privatedata in chaincodeName:conformance collectionName: pair")
		_, err = s.members[carrier].tryEndorse(t, steps(privateStep("privateDelete", "pair", key)), orgs(producer, lab, carrier))
		require.Contains(t, explain(err), "tx creator does not have write access permission")
	})
	t.Run("OpenCollection", func(t *testing.T) {
		key := s.prefix() + "price"
		s.submit(t, s.members[carrier], steps(private("open", key, "1")), orgs(producer, lab, carrier))
		got := s.members[carrier].evaluate(t, steps(privateStep("privateGet", "open", key)), orgs(lab))
		require.Equal(t, "1", got[0].Value)
	})
	t.Run("PeerThatHoldsNothing", func(t *testing.T) {
		key := s.prefix() + "price"
		write(t, "open", key, "1")
		err := s.members[carrier].tryEvaluate(t, steps(privateStep("privateGet", "open", key)), orgs(carrier))
		require.Contains(t, explain(err), "private data matching public hash version is not available")
	})
	t.Run("NoReadYourOwnWrites", func(t *testing.T) {
		key := s.prefix() + "price"
		write(t, "ruled", key, "old")
		done := s.submit(t, m, steps(private("ruled", key, "new"), privateStep("privateGet", "ruled", key)))
		require.Equal(t, "old", done.results[1].Value)
		require.Equal(t, "new", read(t, lab, privateStep("privateGet", "ruled", key))[0].Value)
	})
	t.Run("Delete", func(t *testing.T) {
		key := s.prefix() + "price"
		write(t, "open", key, "1")
		s.submit(t, m, steps(privateStep("privateDelete", "open", key)), orgs(producer, lab, carrier))
		require.False(t, read(t, lab, privateStep("privateGet", "open", key))[0].Found)
		require.False(t, read(t, carrier, privateStep("privateHash", "open", key))[0].Found)
	})
	t.Run("Purge", func(t *testing.T) {
		key, value := s.prefix()+"price", "secret-"+s.prefix()
		written := write(t, "open", key, value)
		require.Equal(t, map[string]string{key: value}, s.privateWrites(t, lab, written, "open"))
		s.submit(t, m, steps(privateStep("privatePurge", "open", key)), orgs(producer, lab, carrier))
		require.False(t, read(t, lab, privateStep("privateGet", "open", key))[0].Found)
		require.False(t, read(t, carrier, privateStep("privateHash", "open", key))[0].Found)
		require.Empty(t, s.privateWrites(t, lab, written, "open"), "purged from the past as well")
	})
	t.Run("BlockToLive", func(t *testing.T) {
		key := s.prefix() + "price"
		write(t, "brief", key, "1")
		require.Equal(t, "1", read(t, lab, privateStep("privateGet", "brief", key))[0].Value)
		for range 2 { // blocks n+1 and n+2
			s.submit(t, m, steps(put(s.prefix()+"tick", "1")))
		}
		require.Equal(t, "1", read(t, lab, privateStep("privateGet", "brief", key))[0].Value)
		require.True(t, read(t, carrier, privateStep("privateHash", "brief", key))[0].Found)
		s.submit(t, m, steps(put(s.prefix()+"tick", "1")))
		require.False(t, read(t, lab, privateStep("privateGet", "brief", key))[0].Found)
		require.False(t, read(t, carrier, privateStep("privateHash", "brief", key))[0].Found)
	})
	t.Run("OwnEndorsementPolicy", func(t *testing.T) {
		key := s.prefix() + "price"
		late := m.endorse(t, steps(private("ruled", key, "1")), orgs(producer, carrier, platform))
		requireCode(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, s.commit(t, m, late))
		alone := m.endorse(t, steps(private("ruled", key, "1")), orgs(lab))
		requireCode(t, peer.TxValidationCode_VALID, s.commit(t, m, alone))
		mixed := m.endorse(t, steps(private("ruled", key, "2"), put(key, "2")), orgs(lab))
		requireCode(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, s.commit(t, m, mixed))
	})
	t.Run("RangeAndWritesExcludeEachOther", func(t *testing.T) {
		p := s.prefix()
		scan := chaincode.Step{Op: "privateRange", Collection: "ruled", Key: p, End: p + "~"}
		s.submit(t, m, steps(private("ruled", p+"b", "2"), private("ruled", p+"a", "1")))
		require.Equal(t, []chaincode.Row{{Key: p + "a", Value: "1"}, {Key: p + "b", Value: "2"}}, read(t, lab, scan)[0].Rows)
		for name, list := range map[string][]chaincode.Step{
			"public write after":  steps(scan, put(p+"x", "1")),
			"private write after": steps(scan, private("ruled", p+"x", "1")),
			"policy after":        steps(scan, setPolicy(p+"x", lab)),
		} {
			_, err := m.tryEndorse(t, list, orgs(lab))
			require.Contains(t, explain(err), "Transaction has already performed queries on pvt data. Writes are not allowed", name)
		}
		for name, list := range map[string][]chaincode.Step{
			"public write before":  steps(put(p+"x", "1"), scan),
			"private write before": steps(private("ruled", p+"x", "1"), scan),
		} {
			_, err := m.tryEndorse(t, list, orgs(lab))
			require.Contains(t, explain(err), "Queries on pvt data is supported only in a read-only transaction", name)
		}
	})
	t.Run("EndorsersThatDisagree", func(t *testing.T) {
		p := s.prefix()
		s.submit(t, m, steps(private("ruled", p+"a", "1")))
		// To the one that holds nothing the range is empty.
		_, err := m.tryEndorse(t, steps(chaincode.Step{Op: "privateRange", Collection: "ruled", Key: p, End: p + "~"}), orgs(producer, lab, carrier))
		require.Equal(t, codes.Aborted, status.Code(err), explain(err))
		require.NotEmpty(t, details(err))
		for _, detail := range details(err) {
			require.Equal(t, "ProposalResponsePayloads do not match", detail.GetMessage())
		}
	})
	t.Run("RichQueryRefused", func(t *testing.T) {
		err := s.members[lab].tryEvaluate(t, steps(chaincode.Step{Op: "privateQuery", Collection: "pair", Value: `{"selector":{}}`}), orgs(lab))
		require.Contains(t, explain(err), "ExecuteQuery not supported for leveldb")
	})
	t.Run("UnknownCollection", func(t *testing.T) {
		err := m.tryEvaluate(t, steps(privateStep("privateGet", "nosuch", "a")))
		require.Contains(t, explain(err), "collection trace/conformance/nosuch could not be found")
		_, err = m.tryEndorse(t, steps(private("nosuch", "a", "1")))
		require.Contains(t, explain(err), "nosuch")
	})
	t.Run("Transient", func(t *testing.T) { testTransient(t, s) })
}

// testTransient covers data that reaches the chaincode and nothing else.
func testTransient(t *testing.T, s *suite) {
	m := s.members[producer]
	t.Run("SeenByEveryEndorserAndKeptOutOfTheBlock", func(t *testing.T) {
		value := "secret-" + s.prefix()
		done := s.submit(t, m, steps(chaincode.Step{Op: "transientSize", Key: "v"}, put(s.prefix()+"a", "1")),
			whisper("v", value), orgs(producer, carrier, platform))
		require.True(t, done.results[0].Found)
		b := s.blocks(t, done.block, done.block)[0]
		require.False(t, bytes.Contains(marshal(t, b), []byte(value)))
	})
	t.Run("WithoutPrivateWritesTheGatewayChooses", func(t *testing.T) {
		done := s.submit(t, m, steps(chaincode.Step{Op: "transientSize", Key: "v"}, put(s.prefix()+"a", "1")), whisper("v", "secret"))
		require.True(t, done.results[0].Found)
	})
	t.Run("GatewayProtectsItFromOutsiders", func(t *testing.T) {
		list := steps(chaincode.Step{Op: "privatePutTransient", Collection: "open", Key: s.prefix() + "a", Value: "v"})
		_, err := m.tryEndorse(t, list, whisper("v", "secret"))
		require.Equal(t, codes.FailedPrecondition, status.Code(err), explain(err))
		require.Contains(t, err.Error(), "requires endorsement from organisation(s) that are not in the distribution policy of the private data collection(s): [open]; retry specifying trusted endorsing organizations to protect transient data")
	})
	t.Run("LargeTransient", func(t *testing.T) {
		value := make([]byte, 3<<20)
		done := s.submit(t, m, steps(chaincode.Step{Op: "transientSize", Key: "v"}),
			client.WithTransient(map[string][]byte{"v": value}), orgs(producer, carrier, platform))
		require.Equal(t, "3145728", done.results[0].Value)
	})
}

// privateWrites are the values, by key, that a transaction wrote to a
// collection, as one organisation's peer delivers them with the block.
func (s *suite) privateWrites(t *testing.T, mspID string, done outcome, collection string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	events, err := s.members[mspID].network.BlockAndPrivateDataEvents(ctx, client.WithStartBlock(done.block))
	require.NoError(t, err)
	delivered := next(t, ctx, events)
	require.Equal(t, done.block, delivered.GetBlock().GetHeader().GetNumber())
	found := map[string]string{}
	for index, set := range delivered.GetPrivateDataMap() {
		raw := delivered.GetBlock().GetData().GetData()[index]
		if block.ParseTransaction(raw).ChannelHeader.GetTxId() != done.id {
			continue
		}
		for _, namespace := range set.GetNsPvtRwset() {
			for _, c := range namespace.GetCollectionPvtRwset() {
				if c.GetCollectionName() == collection {
					addWrites(t, c, found)
				}
			}
		}
	}
	return found
}

func addWrites(t *testing.T, c *rwset.CollectionPvtReadWriteSet, found map[string]string) {
	t.Helper()
	var set kvrwset.KVRWSet
	unmarshal(t, c.GetRwset(), &set)
	for _, write := range set.GetWrites() {
		found[write.GetKey()] = string(write.GetValue())
	}
}
