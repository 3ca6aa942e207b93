package conformance

import (
	"context"
	"io"
	"math"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"traceledger/network/block"
	"traceledger/network/conformance/chaincode"
)

// testDeliver covers the block streams: whole blocks, filtered blocks and
// blocks with private data, from any height, into the future.
func testDeliver(t *testing.T, s *suite) {
	m := s.members[lab]
	within := func(t *testing.T) context.Context {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		t.Cleanup(cancel)
		return ctx
	}

	t.Run("FromTheBeginningAndFromAnywhere", func(t *testing.T) {
		last := s.submit(t, m, steps(put(s.prefix()+"a", "1"))).block
		all := s.blocks(t, 0, last)
		require.Equal(t, common.HeaderType_CONFIG, block.ParseTransaction(all[0].GetData().GetData()[0]).Type, "block 0 is the configuration")
		for _, from := range []uint64{1, last / 2, last} {
			for i, b := range s.blocks(t, from, last) {
				require.Equal(t, marshal(t, all[from+uint64(i)].GetHeader()), marshal(t, b.GetHeader()))
				require.Equal(t, all[from+uint64(i)].GetData().GetData(), b.GetData().GetData())
			}
		}
	})
	t.Run("SameBlocksFromEveryOrganisation", func(t *testing.T) {
		last := s.submit(t, m, steps(put(s.prefix()+"a", "1"))).block
		want := s.blocks(t, last, last)[0]
		for _, mspID := range organisations {
			events, err := s.members[mspID].network.BlockEvents(within(t), client.WithStartBlock(last))
			require.NoError(t, err)
			got := next(t, t.Context(), events)
			require.Equal(t, block.HeaderHash(want.GetHeader()), block.HeaderHash(got.GetHeader()))
			wantFlags, err := block.Flags(want)
			require.NoError(t, err)
			gotFlags, err := block.Flags(got)
			require.NoError(t, err)
			require.Equal(t, wantFlags, gotFlags)
		}
	})
	t.Run("FollowsLive", func(t *testing.T) {
		from := s.submit(t, m, steps(put(s.prefix()+"a", "1"))).block + 1
		events, err := m.network.BlockEvents(within(t), client.WithStartBlock(from)) // not there yet
		require.NoError(t, err)
		for range 3 {
			done := s.submit(t, m, steps(put(s.prefix()+"a", "1")))
			for {
				b := next(t, t.Context(), events)
				require.Equal(t, from, b.GetHeader().GetNumber())
				from++
				if b.GetHeader().GetNumber() == done.block {
					break
				}
			}
		}
	})
	t.Run("Filtered", func(t *testing.T) {
		key := s.prefix() + "count"
		increment := steps(chaincode.Step{Op: "increment", Key: key}, event("counted", "payload"))
		stale := m.endorse(t, increment)
		good := s.submit(t, m, increment)
		bad := s.commit(t, m, stale)
		events, err := m.network.FilteredBlockEvents(within(t), client.WithStartBlock(good.block))
		require.NoError(t, err)
		found := map[string]*peer.FilteredTransaction{}
		for len(found) < 2 {
			filtered := next(t, t.Context(), events)
			require.Equal(t, Channel, filtered.GetChannelId())
			for _, tx := range filtered.GetFilteredTransactions() {
				if tx.GetTxid() == good.id || tx.GetTxid() == bad.id {
					found[tx.GetTxid()] = tx
				}
			}
		}
		require.Equal(t, peer.TxValidationCode_VALID, found[good.id].GetTxValidationCode())
		require.Equal(t, common.HeaderType_ENDORSER_TRANSACTION, found[good.id].GetType())
		actions := found[good.id].GetTransactionActions().GetChaincodeActions()
		require.Len(t, actions, 1)
		require.Equal(t, "counted", actions[0].GetChaincodeEvent().GetEventName())
		require.Equal(t, Chaincode, actions[0].GetChaincodeEvent().GetChaincodeId())
		require.Equal(t, good.id, actions[0].GetChaincodeEvent().GetTxId())
		require.Empty(t, actions[0].GetChaincodeEvent().GetPayload(), "filtered blocks carry no payloads")
		require.Equal(t, peer.TxValidationCode_MVCC_READ_CONFLICT, found[bad.id].GetTxValidationCode())
	})
	t.Run("Seek", func(t *testing.T) { testSeek(t, s) })
	t.Run("Refused", func(t *testing.T) { testDeliverRefusals(t, s) })
}

// testSeek goes through the forms of a seek request, which the stock client
// does not all use.
func testSeek(t *testing.T, s *suite) {
	m := s.members[lab]
	last := s.submit(t, m, steps(put(s.prefix()+"a", "1"))).block
	for _, c := range []struct {
		name        string
		start, stop *orderer.SeekPosition
		behavior    orderer.SeekInfo_SeekBehavior
		want        []uint64
		status      common.Status
	}{
		{"Oldest", oldest(), specified(1), orderer.SeekInfo_BLOCK_UNTIL_READY, []uint64{0, 1}, common.Status_SUCCESS},
		{"OneBlock", specified(last), specified(last), orderer.SeekInfo_BLOCK_UNTIL_READY, []uint64{last}, common.Status_SUCCESS},
		{"ThreeBlocks", specified(last - 2), specified(last), orderer.SeekInfo_BLOCK_UNTIL_READY, []uint64{last - 2, last - 1, last}, common.Status_SUCCESS},
		{"Newest", newest(), newest(), orderer.SeekInfo_BLOCK_UNTIL_READY, []uint64{last}, common.Status_SUCCESS},
		{"ToTheNewest", specified(last - 1), newest(), orderer.SeekInfo_BLOCK_UNTIL_READY, []uint64{last - 1, last}, common.Status_SUCCESS},
		{"BackwardsIsRefused", specified(last), specified(last - 1), orderer.SeekInfo_BLOCK_UNTIL_READY, nil, common.Status_BAD_REQUEST},
		{"NotThereYet", specified(last + 1000), specified(last + 1000), orderer.SeekInfo_FAIL_IF_NOT_READY, nil, common.Status_NOT_FOUND},
		{"UntilTheEnd", specified(last), specified(math.MaxUint64), orderer.SeekInfo_FAIL_IF_NOT_READY, []uint64{last}, common.Status_NOT_FOUND},
		{"WithoutStart", nil, specified(1), orderer.SeekInfo_BLOCK_UNTIL_READY, nil, common.Status_BAD_REQUEST},
		{"WithoutStop", specified(1), nil, orderer.SeekInfo_BLOCK_UNTIL_READY, nil, common.Status_BAD_REQUEST},
	} {
		t.Run(c.name, func(t *testing.T) {
			envelope := m.seek(t, &orderer.SeekInfo{Start: c.start, Stop: c.stop, Behavior: c.behavior}, nil)
			numbers, status := m.deliver(t, envelope)
			require.Equal(t, c.want, numbers)
			require.Equal(t, c.status.String(), status.String())
		})
	}
	t.Run("NextCommit", func(t *testing.T) {
		envelope := m.seek(t, &orderer.SeekInfo{
			Start: &orderer.SeekPosition{Type: &orderer.SeekPosition_NextCommit{NextCommit: &orderer.SeekNextCommit{}}},
			Stop:  specified(math.MaxUint64),
		}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		stream, err := peer.NewDeliverClient(m.conn).Deliver(ctx)
		require.NoError(t, err)
		require.NoError(t, stream.Send(envelope))
		numbers := make(chan uint64, 100)
		go func() {
			defer close(numbers)
			for {
				answer, err := stream.Recv()
				if err != nil {
					return
				}
				numbers <- answer.GetBlock().GetHeader().GetNumber()
			}
		}()
		var first uint64
		retry(t, func() bool {
			s.submit(t, m, steps(put(s.prefix()+"a", "1")))
			select {
			case first = <-numbers:
				return true
			default:
				return false
			}
		})
		require.Greater(t, first, last)
	})
	t.Run("SeveralRequestsOnOneStream", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		stream, err := peer.NewDeliverClient(m.conn).Deliver(ctx)
		require.NoError(t, err)
		for _, number := range []uint64{last, 0} {
			require.NoError(t, stream.Send(m.seek(t, &orderer.SeekInfo{Start: specified(number), Stop: specified(number)}, nil)))
			numbers, status := receive(t, stream)
			require.Equal(t, []uint64{number}, numbers)
			require.Equal(t, common.Status_SUCCESS, status)
		}
	})
}

// testDeliverRefusals covers requests for blocks that peers do not serve.
func testDeliverRefusals(t *testing.T, s *suite) {
	m := s.members[lab]
	one := &orderer.SeekInfo{Start: specified(0), Stop: specified(0)}
	refused := func(t *testing.T, from *member, envelope *common.Envelope, want common.Status) {
		t.Helper()
		numbers, status := from.deliver(t, envelope)
		require.Empty(t, numbers)
		require.Equal(t, want.String(), status.String())
	}
	t.Run("UnknownAuthority", func(t *testing.T) {
		id, sign := forgedIdentity(t, lab)
		forged := newMember(t, m.conn, id, sign)
		refused(t, forged, forged.seek(t, one, nil), common.Status_FORBIDDEN)
	})
	t.Run("SignatureMutated", func(t *testing.T) {
		envelope := m.seek(t, one, nil)
		envelope.Signature[len(envelope.Signature)-1] ^= 1
		refused(t, m, envelope, common.Status_FORBIDDEN)
	})
	t.Run("ExpiredCertificate", func(t *testing.T) {
		id, sign := s.engine.Enrol(t, lab, "late", nil, time.Now().Add(-2*time.Second))
		late := newMember(t, m.conn, id, sign)
		refused(t, late, late.seek(t, one, nil), common.Status_FORBIDDEN)
	})
	t.Run("UnknownChannel", func(t *testing.T) {
		refused(t, m, m.seek(t, one, func(h *common.ChannelHeader) { h.ChannelId = "nosuch" }), common.Status_NOT_FOUND)
	})
	t.Run("OldTimestamp", func(t *testing.T) {
		refused(t, m, m.seek(t, one, func(h *common.ChannelHeader) {
			h.Timestamp = timestamppb.New(time.Now().Add(-16 * time.Minute))
		}), common.Status_BAD_REQUEST)
	})
	t.Run("WithoutTimestamp", func(t *testing.T) {
		refused(t, m, m.seek(t, one, func(h *common.ChannelHeader) { h.Timestamp = nil }), common.Status_BAD_REQUEST)
	})
	t.Run("NoRequest", func(t *testing.T) {
		refused(t, m, &common.Envelope{}, common.Status_BAD_REQUEST)
		refused(t, m, &common.Envelope{Payload: []byte{0xff}}, common.Status_BAD_REQUEST)
	})
}

func specified(number uint64) *orderer.SeekPosition {
	return &orderer.SeekPosition{Type: &orderer.SeekPosition_Specified{Specified: &orderer.SeekSpecified{Number: number}}}
}

func oldest() *orderer.SeekPosition {
	return &orderer.SeekPosition{Type: &orderer.SeekPosition_Oldest{Oldest: &orderer.SeekOldest{}}}
}

func newest() *orderer.SeekPosition {
	return &orderer.SeekPosition{Type: &orderer.SeekPosition_Newest{Newest: &orderer.SeekNewest{}}}
}

// seek is a signed request for blocks; change may alter its header.
func (m *member) seek(t *testing.T, info *orderer.SeekInfo, change func(*common.ChannelHeader)) *common.Envelope {
	t.Helper()
	header := &common.ChannelHeader{
		Type:      int32(common.HeaderType_DELIVER_SEEK_INFO),
		ChannelId: Channel,
		Timestamp: timestamppb.Now(),
	}
	if change != nil {
		change(header)
	}
	payload := marshal(t, &common.Payload{
		Header: &common.Header{
			ChannelHeader:   marshal(t, header),
			SignatureHeader: marshal(t, &common.SignatureHeader{Creator: m.serialized(t), Nonce: []byte("nonce")}),
		},
		Data: marshal(t, info),
	})
	return &common.Envelope{Payload: payload, Signature: m.signed(t, payload)}
}

// deliver sends one request and returns the numbers of the blocks that come,
// and the status that ends them.
func (m *member) deliver(t *testing.T, envelope *common.Envelope) ([]uint64, common.Status) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := peer.NewDeliverClient(m.conn).Deliver(ctx)
	require.NoError(t, err)
	require.NoError(t, stream.Send(envelope))
	return receive(t, stream)
}

func receive(t *testing.T, stream grpc.BidiStreamingClient[common.Envelope, peer.DeliverResponse]) ([]uint64, common.Status) {
	t.Helper()
	var numbers []uint64
	for {
		answer, err := stream.Recv()
		require.NotErrorIs(t, err, io.EOF, "the stream ended without a status")
		require.NoError(t, err)
		switch typed := answer.GetType().(type) {
		case *peer.DeliverResponse_Block:
			numbers = append(numbers, typed.Block.GetHeader().GetNumber())
		case *peer.DeliverResponse_Status:
			return numbers, typed.Status
		default:
			require.Failf(t, "unexpected answer", "%T", typed)
		}
	}
}
