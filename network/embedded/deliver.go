package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// deliverService answers protos.Deliver: blocks from any height, then live.
type deliverService struct {
	peer.UnimplementedDeliverServer
	*Ledger
}

// blockStream is what the three calls of the service have in common.
type blockStream interface {
	Recv() (*common.Envelope, error)
	Send(*peer.DeliverResponse) error
	Context() context.Context
}

func (d *deliverService) Deliver(stream peer.Deliver_DeliverServer) error {
	return d.serve(stream, func(b *common.Block, _ *validation.Identity) (*peer.DeliverResponse, error) {
		return &peer.DeliverResponse{Type: &peer.DeliverResponse_Block{Block: b}}, nil
	})
}

func (d *deliverService) DeliverFiltered(stream peer.Deliver_DeliverFilteredServer) error {
	return d.serve(stream, func(b *common.Block, _ *validation.Identity) (*peer.DeliverResponse, error) {
		filtered, err := d.filtered(b)
		return &peer.DeliverResponse{Type: &peer.DeliverResponse_FilteredBlock{FilteredBlock: filtered}}, err
	})
}

func (d *deliverService) DeliverWithPrivateData(stream peer.Deliver_DeliverWithPrivateDataServer) error {
	return d.serve(stream, func(b *common.Block, reader *validation.Identity) (*peer.DeliverResponse, error) {
		private, err := d.privateDataFor(b.GetHeader().GetNumber(), reader)
		return &peer.DeliverResponse{Type: &peer.DeliverResponse_BlockAndPrivateData{
			BlockAndPrivateData: &peer.BlockAndPrivateData{Block: b, PrivateDataMap: private},
		}}, err
	})
}

type wrapBlock func(b *common.Block, reader *validation.Identity) (*peer.DeliverResponse, error)

// serve answers one request after the other until the client hangs up or one
// of them fails.
func (d *deliverService) serve(stream blockStream, wrap wrapBlock) error {
	for {
		envelope, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		result, err := d.deliver(stream, envelope, wrap)
		if err != nil {
			return err
		}
		err = stream.Send(&peer.DeliverResponse{Type: &peer.DeliverResponse_Status{Status: result}})
		if err != nil || result != common.Status_SUCCESS {
			return err
		}
	}
}

// seek is an admitted request.
type seek struct {
	reader       *validation.Identity
	first, last  uint64
	failIfBehind bool
	headersOnly  bool
}

func (d *deliverService) deliver(stream blockStream, envelope *common.Envelope, wrap wrapBlock) (common.Status, error) {
	s, refused := d.admit(envelope)
	if refused != common.Status_SUCCESS {
		return refused, nil
	}
	for number := s.first; ; number++ {
		if s.failIfBehind && number >= d.store.height() {
			return common.Status_NOT_FOUND, nil
		}
		b, err := d.store.awaitBlock(stream.Context(), number)
		switch {
		case errors.Is(err, errClosed):
			return common.Status_SERVICE_UNAVAILABLE, nil
		case err != nil:
			return common.Status_INTERNAL_SERVER_ERROR, streamError(err)
		case d.cfg.Now().After(s.reader.Certificate.NotAfter):
			return common.Status_FORBIDDEN, nil
		}
		if s.headersOnly && number > 0 {
			b = &common.Block{Header: b.GetHeader(), Metadata: b.GetMetadata()}
		}
		response, err := wrap(b, s.reader)
		if err != nil {
			return common.Status_INTERNAL_SERVER_ERROR, status.Error(codes.Internal, err.Error())
		}
		if err := stream.Send(response); err != nil {
			return common.Status_INTERNAL_SERVER_ERROR, err
		}
		if number == s.last {
			return common.Status_SUCCESS, nil
		}
	}
}

// admit reads a seek request and checks its time, its signature and the
// reader's right.
func (d *deliverService) admit(envelope *common.Envelope) (*seek, common.Status) {
	payload, channel, signature := &common.Payload{}, &common.ChannelHeader{}, &common.SignatureHeader{}
	info := &orderer.SeekInfo{}
	if proto.Unmarshal(envelope.GetPayload(), payload) != nil || payload.GetHeader() == nil ||
		proto.Unmarshal(payload.GetHeader().GetChannelHeader(), channel) != nil ||
		proto.Unmarshal(payload.GetHeader().GetSignatureHeader(), signature) != nil ||
		channel.GetTimestamp() == nil {
		return nil, common.Status_BAD_REQUEST
	}
	if off := d.cfg.Now().Sub(channel.GetTimestamp().AsTime()); off > timeWindow || off < -timeWindow {
		return nil, common.Status_BAD_REQUEST
	}
	if channel.GetChannelId() != d.cfg.Channel {
		return nil, common.Status_NOT_FOUND
	}
	if proto.Unmarshal(payload.GetData(), info) != nil {
		return nil, common.Status_BAD_REQUEST
	}
	reader, err := d.validator.Identify(signature.GetCreator())
	if err != nil || d.cfg.Now().After(reader.Certificate.NotAfter) ||
		d.mayRead(channel.GetChannelId(), signature.GetCreator(), envelope.GetPayload(), envelope.GetSignature()) != nil {
		return nil, common.Status_FORBIDDEN
	}
	s := &seek{
		reader:       reader,
		failIfBehind: info.GetBehavior() == orderer.SeekInfo_FAIL_IF_NOT_READY,
		headersOnly:  info.GetContentType() == orderer.SeekInfo_HEADER_WITH_SIG,
	}
	return s, d.bounds(s, info)
}

// bounds resolves where the request starts and stops.
func (d *deliverService) bounds(s *seek, info *orderer.SeekInfo) common.Status {
	height := d.store.height()
	switch start := info.GetStart().GetType().(type) {
	case *orderer.SeekPosition_Oldest:
	case *orderer.SeekPosition_Newest:
		s.first = height - 1
	case *orderer.SeekPosition_NextCommit:
		s.first = height
	case *orderer.SeekPosition_Specified:
		if s.first = start.Specified.GetNumber(); s.first > height {
			return common.Status_NOT_FOUND
		}
	default:
		return common.Status_BAD_REQUEST
	}
	switch stop := info.GetStop().GetType().(type) {
	case *orderer.SeekPosition_Oldest:
		s.last = s.first
	case *orderer.SeekPosition_Newest:
		s.last = height - 1
		if proto.Equal(info.GetStart(), info.GetStop()) {
			s.last = s.first
		}
	case *orderer.SeekPosition_Specified:
		s.last = stop.Specified.GetNumber()
		if s.last < s.first {
			return common.Status_BAD_REQUEST
		}
	default:
		return common.Status_BAD_REQUEST
	}
	return common.Status_SUCCESS
}

// filtered returns a block without its contents: as it was made when the block was
// committed, or made anew from an older block.
func (d *deliverService) filtered(b *common.Block) (*peer.FilteredBlock, error) {
	number := b.GetHeader().GetNumber()
	if known := d.store.recentFiltered(number); known != nil {
		// The channel's name is added here: the store does not know it.
		return &peer.FilteredBlock{ChannelId: d.cfg.Channel, Number: number, FilteredTransactions: known}, nil
	}
	flags, err := block.Flags(b)
	if err != nil {
		return nil, err
	}
	txs := make([]*block.Transaction, len(b.GetData().GetData()))
	for i, raw := range b.GetData().GetData() {
		txs[i] = block.ParseTransaction(raw)
	}
	return &peer.FilteredBlock{ChannelId: d.cfg.Channel, Number: number, FilteredTransactions: filterTransactions(txs, flags)}, nil
}

// filterTransactions keeps of a block's transactions their ids, codes and event names.
func filterTransactions(txs []*block.Transaction, flags []peer.TxValidationCode) []*peer.FilteredTransaction {
	out := make([]*peer.FilteredTransaction, 0, len(txs))
	for i, tx := range txs {
		if tx.ChannelHeader == nil {
			continue
		}
		filtered := &peer.FilteredTransaction{Txid: tx.ID(), Type: tx.Type, TxValidationCode: flags[i]}
		if tx.Type == common.HeaderType_ENDORSER_TRANSACTION {
			actions := &peer.FilteredTransactionActions{}
			if tx.Action != nil && tx.Action.Event != nil {
				actions.ChaincodeActions = append(actions.ChaincodeActions, &peer.FilteredChaincodeAction{
					ChaincodeEvent: &peer.ChaincodeEvent{
						TxId:        tx.Action.Event.GetTxId(),
						ChaincodeId: tx.Action.Event.GetChaincodeId(),
						EventName:   tx.Action.Event.GetEventName(),
					},
				})
			}
			filtered.Data = &peer.FilteredTransaction_TransactionActions{TransactionActions: actions}
		}
		out = append(out, filtered)
	}
	return out
}

// privateDataFor returns a block's private write sets, as far as the reader's
// organisation belongs to their collections.
func (l *Ledger) privateDataFor(number uint64, reader *validation.Identity) (map[uint64]*rwset.TxPvtReadWriteSet, error) {
	v := l.store.view()
	defer v.release()
	stored, err := v.writeSets(number)
	if err != nil {
		return nil, err
	}
	out := map[uint64]*rwset.TxPvtReadWriteSet{}
	for index, set := range stored {
		visible := &rwset.TxPvtReadWriteSet{DataModel: set.GetDataModel()}
		for _, ns := range set.GetNsPvtRwset() {
			definition, err := l.endorser.definition(v, ns.GetNamespace())
			if err != nil {
				return nil, err
			}
			kept := &rwset.NsPvtReadWriteSet{Namespace: ns.GetNamespace()}
			for _, c := range ns.GetCollectionPvtRwset() {
				if definition == nil {
					return nil, fmt.Errorf("chaincode %s is not defined", ns.GetNamespace())
				}
				if config := definition.Collection(c.GetCollectionName()); config != nil && isMember(config, reader.MSPID) {
					kept.CollectionPvtRwset = append(kept.CollectionPvtRwset, c)
				}
			}
			if len(kept.CollectionPvtRwset) > 0 {
				visible.NsPvtRwset = append(visible.NsPvtRwset, kept)
			}
		}
		if len(visible.NsPvtRwset) > 0 {
			out[uint64(index)] = visible
		}
	}
	return out, nil
}

// keepaliveInterval is how often idle streams are probed on a served port.
const keepaliveInterval = time.Minute
