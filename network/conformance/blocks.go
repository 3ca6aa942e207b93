package conformance

import (
	"context"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"traceledger/network/block"
)

// blocks returns the committed blocks from one number to another, inclusive.
func (s *suite) blocks(t *testing.T, from, to uint64) []*common.Block {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	events, err := s.members[producer].network.BlockEvents(ctx, client.WithStartBlock(from))
	require.NoError(t, err)
	var list []*common.Block
	for number := from; number <= to; number++ {
		list = append(list, next(t, ctx, events))
		require.Equal(t, number, list[len(list)-1].GetHeader().GetNumber())
	}
	return list
}

// next takes one event from a channel that must not end.
func next[E any](t *testing.T, ctx context.Context, events <-chan E) E {
	t.Helper()
	select {
	case event, open := <-events:
		require.True(t, open, "the stream of events ended")
		return event
	case <-ctx.Done():
		require.NoError(t, ctx.Err(), "waiting for an event")
	}
	panic("unreachable: require ends the test")
}

// codesOf lists the validation codes that a transaction id has in the blocks
// from one number to another, in order.
func (s *suite) codesOf(t *testing.T, transactionID string, from, to uint64) []peer.TxValidationCode {
	t.Helper()
	var found []peer.TxValidationCode
	for _, b := range s.blocks(t, from, to) {
		codes, err := block.Flags(b)
		require.NoError(t, err)
		for i, raw := range b.GetData().GetData() {
			if block.ParseTransaction(raw).ChannelHeader.GetTxId() == transactionID {
				found = append(found, codes[i])
			}
		}
	}
	return found
}

// order lists the transaction ids of a block as they stand in it.
func (s *suite) order(t *testing.T, number uint64) []string {
	t.Helper()
	var ids []string
	for _, raw := range s.blocks(t, number, number)[0].GetData().GetData() {
		ids = append(ids, block.ParseTransaction(raw).ChannelHeader.GetTxId())
	}
	return ids
}

// transaction finds a transaction in a block.
func (s *suite) transaction(t *testing.T, b *common.Block, transactionID string) *block.Transaction {
	t.Helper()
	for _, raw := range b.GetData().GetData() {
		if tx := block.ParseTransaction(raw); tx.ChannelHeader.GetTxId() == transactionID {
			return tx
		}
	}
	require.Fail(t, "transaction "+transactionID+" is not in the block")
	return nil
}
