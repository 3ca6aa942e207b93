package conformance

import (
	"context"
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/network/conformance/chaincode"
)

func event(name, value string) chaincode.Step {
	return chaincode.Step{Op: "event", Key: name, Value: value}
}

// testEvent covers chaincode events: one per transaction, of valid transactions
// only, in block order, from any block on.
func testEvent(t *testing.T, s *suite) {
	m := s.members[producer]
	listen := func(t *testing.T, options ...client.ChaincodeEventsOption) (context.Context, <-chan *client.ChaincodeEvent) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		t.Cleanup(cancel)
		events, err := m.network.ChaincodeEvents(ctx, Chaincode, options...)
		require.NoError(t, err)
		return ctx, events
	}

	t.Run("LastOneOfATransactionCounts", func(t *testing.T) {
		done := s.submit(t, m, steps(event("first", "1"), put(s.prefix()+"a", "1"), event("second", "2")))
		ctx, events := listen(t, client.WithStartBlock(done.block))
		require.Equal(t, &client.ChaincodeEvent{
			BlockNumber: done.block, TransactionID: done.id, ChaincodeName: Chaincode, EventName: "second", Payload: []byte("2"),
		}, next(t, ctx, events))
	})
	t.Run("WithoutWrites", func(t *testing.T) {
		done := s.submit(t, m, steps(event("seen", "")))
		ctx, events := listen(t, client.WithStartBlock(done.block))
		got := next(t, ctx, events)
		require.Equal(t, done.id, got.TransactionID)
		require.Empty(t, got.Payload)
	})
	t.Run("NameMissing", func(t *testing.T) {
		_, err := m.tryEndorse(t, steps(event("", "1")))
		require.Contains(t, explain(err), "event name can not be empty string")
	})
	t.Run("InvalidTransactionsHaveNone", func(t *testing.T) {
		key := s.prefix() + "count"
		increment := steps(chaincode.Step{Op: "increment", Key: key}, event("counted", key))
		stale := m.endorse(t, increment)
		done := s.submit(t, m, increment)
		requireCode(t, peer.TxValidationCode_MVCC_READ_CONFLICT, s.commit(t, m, stale))
		last := s.submit(t, m, steps(event("last", "")))
		ctx, events := listen(t, client.WithStartBlock(done.block))
		require.Equal(t, done.id, next(t, ctx, events).TransactionID)
		require.Equal(t, last.id, next(t, ctx, events).TransactionID)
	})
	t.Run("ReplayInOrderFromAnyBlock", func(t *testing.T) {
		var sent []outcome
		for i := range 4 {
			sent = append(sent, s.submit(t, m, steps(event(fmt.Sprint(i), ""))))
		}
		for first := range sent {
			ctx, events := listen(t, client.WithStartBlock(sent[first].block))
			for _, done := range sent[first:] {
				require.Equal(t, done.id, next(t, ctx, events).TransactionID)
			}
		}
	})
	t.Run("AfterATransaction", func(t *testing.T) {
		first := s.submit(t, m, steps(event("first", "")))
		second := s.submit(t, m, steps(event("second", "")))
		checkpoint := new(client.InMemoryCheckpointer)
		checkpoint.CheckpointTransaction(first.block, first.id)
		ctx, events := listen(t, client.WithCheckpoint(checkpoint))
		got := next(t, ctx, events)
		require.Equal(t, second.id, got.TransactionID)
		checkpoint.CheckpointChaincodeEvent(got)
		third := s.submit(t, m, steps(event("third", "")))
		ctx, events = listen(t, client.WithCheckpoint(checkpoint))
		require.Equal(t, third.id, next(t, ctx, events).TransactionID)
	})
	t.Run("FollowsLive", func(t *testing.T) {
		ctx, events := listen(t) // from the next block on
		// The stream begins at the moment the peer hears of it; a first event
		// seen proves that it has begun.
		retry(t, func() bool {
			s.submit(t, m, steps(event("knock", "")))
			select {
			case <-events:
				return true
			default:
				return false
			}
		})
		done := s.submit(t, m, steps(event("live", "")))
		for next(t, ctx, events).TransactionID != done.id {
		}
	})
	t.Run("OfAnotherChaincode", func(t *testing.T) {
		done := s.submit(t, m, steps(event("mine", "")))
		ctx, cancel := context.WithCancel(t.Context())
		events, err := m.network.ChaincodeEvents(ctx, "other", client.WithStartBlock(done.block))
		require.NoError(t, err)
		s.submit(t, m, steps(event("mine", "")))
		cancel()
		_, open := <-events
		require.False(t, open, "nothing until the client gives up")
	})
	t.Run("UnknownChannel", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		events, err := m.gateway.GetNetwork("nosuch").ChaincodeEvents(ctx, Chaincode)
		if err == nil {
			_, open := <-events
			require.False(t, open)
			return
		}
		require.Equal(t, codes.PermissionDenied, status.Code(err), explain(err))
	})
}
