package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// gatewayService answers gateway.Gateway as the peer of one organisation.
type gatewayService struct {
	gateway.UnimplementedGatewayServer
	*Ledger
	// home is the organisation whose gateway this is; empty means that of
	// whoever calls, if it is a member.
	home string
}

func (g *gatewayService) organisation(mspID string) string {
	if g.home != "" {
		return g.home
	}
	if slices.Contains(g.cfg.Organisations, mspID) {
		return mspID
	}
	return g.cfg.Organisations[0]
}

// local returns the organisation on whose peer a proposal is simulated first.
func (g *gatewayService) local(p *proposal) string {
	if id, err := g.validator.Identify(p.signature.GetCreator()); err == nil {
		return g.organisation(id.MSPID)
	}
	return g.organisation("")
}

// runs reports whether peers here have the channel and the chaincode.
func (g *gatewayService) runs(p *proposal) bool {
	_, ok := g.endorser.chaincodes[p.chaincode]
	return p.channel.GetChannelId() == g.cfg.Channel && (ok || p.chaincode == qsccName)
}

func (g *gatewayService) Evaluate(ctx context.Context, request *gateway.EvaluateRequest) (*gateway.EvaluateResponse, error) {
	p, err := parseProposal(request.GetProposedTransaction())
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "failed to unpack transaction proposal: %s", err)
	}
	if p.channel.GetChannelId() != g.cfg.Channel {
		return nil, status.Errorf(codes.Unavailable, "failed to get config for channel [%s]: channel '%s' not found",
			p.channel.GetChannelId(), p.channel.GetChannelId())
	}
	local := g.local(p)
	targets := request.GetTargetOrganizations()
	if len(targets) > 0 && !slices.Contains(targets, local) {
		local = firstOf(targets, g.cfg.Organisations)
	}
	if local == "" || !g.runs(p) {
		return nil, status.Errorf(codes.FailedPrecondition, "no peers available to evaluate chaincode %s in channel %s",
			p.chaincode, g.cfg.Channel)
	}
	out, refused := g.endorser.process(ctx, p, local)
	if refused != nil {
		return nil, g.evaluateError(refused, local, targets)
	}
	return &gateway.EvaluateResponse{Result: out.response}, nil
}

func firstOf(wanted, present []string) string {
	for _, w := range wanted {
		if slices.Contains(present, w) {
			return w
		}
	}
	return ""
}

func (g *gatewayService) evaluateError(r *refusal, local string, targets []string) error {
	details := []proto.Message{detail(local, r.message)}
	if !r.everywhere && r.code != codes.Aborted {
		return withDetails(r.code, "evaluate call to endorser returned error: "+r.message, details...)
	}
	// A peer's own failure is tried on every other peer before it is reported.
	for _, m := range g.cfg.Organisations {
		if m == local || (len(targets) > 0 && !slices.Contains(targets, m)) {
			continue
		}
		message := r.message
		if r.everywhere {
			message = "rpc error: code = Unknown desc = " + message
		}
		details = append(details, detail(m, message))
	}
	return withDetails(r.code, "failed to evaluate transaction, see attached details for more info", details...)
}

// Submit hands a signed transaction to the orderer. An answer means that it
// stands in line, not that it is committed.
func (g *gatewayService) Submit(ctx context.Context, request *gateway.SubmitRequest) (*gateway.SubmitResponse, error) {
	envelope := request.GetPreparedTransaction()
	switch {
	case envelope == nil:
		return nil, status.Error(codes.InvalidArgument, "a prepared transaction is required")
	case len(envelope.GetSignature()) == 0:
		return nil, status.Error(codes.InvalidArgument, "prepared transaction must be signed")
	case request.GetChannelId() != g.cfg.Channel:
		return nil, status.Errorf(codes.FailedPrecondition, "failed to get config for channel [%s]: channel '%s' not found",
			request.GetChannelId(), request.GetChannelId())
	}
	raw, err := proto.Marshal(envelope)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	tx := g.validator.Check(block.ParseTransaction(raw))
	if rejected := g.orderer.accept(tx); rejected != nil {
		return nil, withDetails(codes.Unavailable,
			"insufficient number of orderers could successfully process transaction to satisfy quorum requirement",
			&gateway.ErrorDetail{
				Address: "orderer0." + domain(ordererMSP) + ":7050",
				MspId:   ordererMSP,
				Message: fmt.Sprintf("received unsuccessful response from orderer: status=%s, info=%s", rejected.status, rejected.info),
			})
	}
	if err := g.orderer.enqueue(ctx, tx); err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &gateway.SubmitResponse{}, nil
}

func (g *gatewayService) CommitStatus(ctx context.Context, signed *gateway.SignedCommitStatusRequest) (*gateway.CommitStatusResponse, error) {
	if len(signed.GetRequest()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "a commit status request is required")
	}
	request := &gateway.CommitStatusRequest{}
	if err := proto.Unmarshal(signed.GetRequest(), request); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "invalid status request: %v", err)
	}
	switch {
	case request.GetIdentity() == nil:
		return nil, status.Error(codes.InvalidArgument, "no identity provided")
	case request.GetChannelId() == "":
		return nil, status.Error(codes.InvalidArgument, "no channel ID provided")
	case request.GetTransactionId() == "":
		return nil, status.Error(codes.InvalidArgument, "transaction ID should not be empty")
	}
	if err := g.mayRead(request.GetChannelId(), request.GetIdentity(), signed.GetRequest(), signed.GetSignature()); err != nil {
		return nil, status.Error(codes.PermissionDenied, err.Error())
	}
	place, err := g.store.awaitTransaction(ctx, request.GetTransactionId())
	if err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return nil, status.FromContextError(err).Err()
		}
		return nil, status.Error(codes.Aborted, err.Error())
	}
	return &gateway.CommitStatusResponse{Result: place.code, BlockNumber: place.block}, nil
}

// mayRead checks a signed request against the channel's Readers policy.
func (l *Ledger) mayRead(channel string, identity, message, signature []byte) error {
	if channel != l.cfg.Channel {
		return fmt.Errorf("failed to get policy manager for channel [%s]", channel)
	}
	var signers []*validation.Identity
	if id, err := l.validator.Identify(identity); err == nil && l.validator.Verify(id, message, signature) == nil {
		signers = append(signers, id)
	}
	if err := l.validator.Channel().Policy(validation.PolicyReaders).Evaluate(signers); err != nil {
		return errors.New(aclMessage(channel, validation.PolicyReaders, err))
	}
	return nil
}

func detail(mspID, message string) *gateway.ErrorDetail {
	return &gateway.ErrorDetail{Address: peerAddress(mspID), MspId: mspID, Message: message}
}

func withDetails(code codes.Code, message string, details ...proto.Message) error {
	plain := status.New(code, message)
	wrapped := make([]protoadapt.MessageV1, len(details))
	for i, d := range details {
		wrapped[i] = protoadapt.MessageV1Of(d)
	}
	if full, err := plain.WithDetails(wrapped...); err == nil {
		return full.Err()
	}
	return plain.Err()
}
