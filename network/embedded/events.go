package embedded

import (
	"context"
	"errors"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
)

func (g *gatewayService) ChaincodeEvents(signed *gateway.SignedChaincodeEventsRequest, stream gateway.Gateway_ChaincodeEventsServer) error {
	if len(signed.GetRequest()) == 0 {
		return status.Error(codes.InvalidArgument, "a chaincode events request is required")
	}
	request := &gateway.ChaincodeEventsRequest{}
	if err := proto.Unmarshal(signed.GetRequest(), request); err != nil {
		return status.Errorf(codes.InvalidArgument, "invalid chaincode events request: %v", err)
	}
	if err := g.mayRead(request.GetChannelId(), request.GetIdentity(), signed.GetRequest(), signed.GetSignature()); err != nil {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	next, err := g.eventsStart(request)
	if err != nil {
		return err
	}
	after := request.GetAfterTransactionId()
	for ; ; next++ {
		b, err := g.store.awaitBlock(stream.Context(), next)
		if err != nil {
			return streamError(err)
		}
		var events []*peer.ChaincodeEvent
		for _, e := range eventsOf(b) {
			if after != "" {
				// Everything up to the named transaction has been seen.
				if e.GetTxId() == after {
					after = ""
				}
				continue
			}
			if e.GetChaincodeId() == request.GetChaincodeId() {
				events = append(events, e)
			}
		}
		if len(events) == 0 {
			continue
		}
		if err := stream.Send(&gateway.ChaincodeEventsResponse{BlockNumber: next, Events: events}); err != nil {
			return err
		}
	}
}

// eventsStart returns the first block whose events the client wants.
func (g *gatewayService) eventsStart(request *gateway.ChaincodeEventsRequest) (uint64, error) {
	v := g.store.view()
	defer v.release()
	if after := request.GetAfterTransactionId(); after != "" {
		place, err := v.place(after)
		if err != nil {
			return 0, status.Error(codes.Aborted, err.Error())
		}
		if place != nil {
			return place.block, nil
		}
	}
	switch seek := request.GetStartPosition().GetType().(type) {
	case nil, *orderer.SeekPosition_NextCommit:
		return v.height, nil
	case *orderer.SeekPosition_Specified:
		return seek.Specified.GetNumber(), nil
	default:
		return 0, status.Errorf(codes.InvalidArgument, "invalid start position type: %T", seek)
	}
}

// eventsOf returns the events of a block's valid transactions in block order.
func eventsOf(b *common.Block) []*peer.ChaincodeEvent {
	codes, err := block.Flags(b)
	if err != nil {
		return nil
	}
	var out []*peer.ChaincodeEvent
	for i, raw := range b.GetData().GetData() {
		if codes[i] != peer.TxValidationCode_VALID {
			continue
		}
		if tx := block.ParseTransaction(raw); tx.Action != nil && tx.Action.Event != nil {
			out = append(out, tx.Action.Event)
		}
	}
	return out
}

func streamError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err).Err()
	}
	return status.Error(codes.Aborted, err.Error())
}
