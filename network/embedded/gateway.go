package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
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

func (g *gatewayService) Endorse(ctx context.Context, request *gateway.EndorseRequest) (*gateway.EndorseResponse, error) {
	signed := request.GetProposedTransaction()
	if len(signed.GetProposalBytes()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "the proposed transaction must contain a signed proposal")
	}
	p, err := parseProposal(signed)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	var out *outcome
	var endorsers []string
	if asked := request.GetEndorsingOrganizations(); len(asked) > 0 {
		out, endorsers, err = g.endorseBy(ctx, p, asked)
	} else {
		out, endorsers, err = g.endorseByPolicy(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	endorsements, err := g.collect(ctx, p, out, endorsers)
	if err != nil {
		return nil, err
	}
	if out.private != nil {
		if err := g.store.keepTransient(p.txID(), out.private); err != nil {
			return nil, status.Errorf(codes.Aborted, "failed to keep private data: %s", err)
		}
	}
	envelope, err := assemble(p, out.payload, endorsements)
	if err != nil {
		return nil, status.Errorf(codes.Aborted, "failed to assemble transaction: %s", err)
	}
	return &gateway.EndorseResponse{PreparedTransaction: envelope}, nil
}

// endorseBy simulates for endorsers that the client has named.
func (g *gatewayService) endorseBy(ctx context.Context, p *proposal, asked []string) (*outcome, []string, error) {
	asked = slices.Compact(slices.Sorted(slices.Values(asked)))
	var missing []string
	for _, m := range asked {
		if !slices.Contains(g.cfg.Organisations, m) || !g.runs(p) {
			missing = append(missing, m)
		}
	}
	if len(missing) > 0 {
		return nil, nil, status.Errorf(codes.Unavailable, "failed to find any endorsing peers for org(s): %s", strings.Join(missing, ", "))
	}
	out, refused := g.endorser.process(ctx, p, asked[0])
	if refused != nil {
		var details []proto.Message
		for _, m := range asked {
			details = append(details, detail(m, refused.message))
		}
		return nil, nil, withDetails(codes.Aborted, tooFewEndorsements, details...)
	}
	return out, asked, nil
}

const tooFewEndorsements = "failed to collect enough transaction endorsements, see attached details for more info"

// endorseByPolicy simulates on the client's own peer and chooses, by what the
// transaction read and wrote, who has to endorse it.
func (g *gatewayService) endorseByPolicy(ctx context.Context, p *proposal) (*outcome, []string, error) {
	if !g.runs(p) {
		if len(p.transient) > 0 {
			return nil, nil, status.Error(codes.FailedPrecondition,
				"no endorsers found in the gateway's organization; retry specifying endorsing organization(s) to protect transient data")
		}
		return nil, nil, status.Errorf(codes.FailedPrecondition,
			"no combination of peers can be derived which satisfy the endorsement policy: no chaincode %s in channel %s",
			p.chaincode, p.channel.GetChannelId())
	}
	local := g.local(p)
	out, refused := g.endorser.process(ctx, p, local)
	if refused != nil {
		return nil, nil, withDetails(codes.Aborted, "failed to endorse transaction, see attached details for more info",
			detail(local, refused.message))
	}
	endorsers, err := g.plan(p, out, local)
	return out, endorsers, err
}

// plan chooses the endorsing organisations. Private data that was read keeps
// the choice to members of its collection; so does private data that is written
// from transient fields, which other organisations must not be shown.
func (g *gatewayService) plan(p *proposal, out *outcome, local string) ([]string, error) {
	v := g.store.view()
	defer v.release()
	chaincode := p.chaincode
	if chaincode == qsccName {
		return []string{local}, nil
	}
	policies, err := g.validator.Required(v, chaincode, out.sets)
	if err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	protected := map[collectionID]bool{}
	if len(p.transient) > 0 {
		for _, ns := range out.sets.Namespaces {
			for _, c := range ns.Collections {
				id := collectionID{ns.Name, c.Name}
				if _, read := out.privateReads[id]; !read {
					protected[id] = true
				}
			}
		}
	}
	readable, err := g.confined(v, out.privateReads)
	if err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	writable, err := g.confined(v, protected)
	if err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	sets := g.endorser.plans.sets(policies, func(m string) bool { return readable(m) && writable(m) })
	if chosen := choose(sets, local, p.txID()); chosen != nil {
		return chosen, nil
	}
	if len(protected) > 0 && len(g.endorser.plans.sets(policies, readable)) > 0 {
		names := make([]string, 0, len(protected))
		for id := range protected {
			names = append(names, id.collection)
		}
		slices.Sort(names)
		return nil, status.Errorf(codes.FailedPrecondition,
			"requires endorsement from organisation(s) that are not in the distribution policy of the private data collection(s): %v; retry specifying trusted endorsing organizations to protect transient data", names)
	}
	return nil, status.Error(codes.FailedPrecondition,
		"no combination of peers can be derived which satisfy the endorsement policy: no peer combination can satisfy the endorsement policy")
}

// confined returns which organisations are members of all the collections.
func (g *gatewayService) confined(v *view, collections map[collectionID]bool) (func(string) bool, error) {
	var configs []*peer.StaticCollectionConfig
	for id := range collections {
		d, err := g.endorser.definition(v, id.namespace)
		if err != nil {
			return nil, err
		}
		if d == nil || d.Collection(id.collection) == nil {
			return nil, fmt.Errorf("collection %s of chaincode %s is not defined", id.collection, id.namespace)
		}
		configs = append(configs, d.Collection(id.collection))
	}
	return func(m string) bool {
		for _, c := range configs {
			if !isMember(c, m) {
				return false
			}
		}
		return true
	}, nil
}

// collect gathers the endorsements. Normally one simulation stands for all
// peers, which run the same code on the same state. Where it read private data
// it stands only for the peers that hold the same; and with separate endorsers
// each one runs on its own in any case.
func (g *gatewayService) collect(ctx context.Context, p *proposal, out *outcome, endorsers []string) ([]*peer.Endorsement, error) {
	var found []*peer.Endorsement
	var details []proto.Message
	digest := block.EndorsedDigests(out.payload)
	for _, m := range endorsers {
		if refused := g.agrees(ctx, p, out, m); refused != "" {
			details = append(details, detail(m, refused))
			continue
		}
		endorsement, err := g.endorser.endorse(m, digest)
		if err != nil {
			return nil, status.Error(codes.Aborted, err.Error())
		}
		found = append(found, endorsement)
	}
	if len(details) > 0 {
		return nil, withDetails(codes.Aborted, tooFewEndorsements, details...)
	}
	return found, nil
}

// agrees returns "" when an organisation's peer comes to the same outcome, and
// what its refusal says otherwise.
func (g *gatewayService) agrees(ctx context.Context, p *proposal, out *outcome, mspID string) string {
	alone := g.cfg.SeparateEndorsers
	for _, c := range out.consulted {
		alone = alone || isMember(c, mspID) != isMember(c, out.organisation)
	}
	if !alone || mspID == out.organisation {
		return ""
	}
	own, refused := g.endorser.process(ctx, p, mspID)
	switch {
	case refused != nil:
		return refused.message
	case string(own.payload) != string(out.payload):
		return "ProposalResponsePayloads do not match"
	}
	return ""
}

// assemble builds the transaction for the client to sign.
func assemble(p *proposal, payload []byte, endorsements []*peer.Endorsement) (*common.Envelope, error) {
	action, err := proto.Marshal(&peer.ChaincodeActionPayload{
		ChaincodeProposalPayload: p.payload,
		Action: &peer.ChaincodeEndorsedAction{
			ProposalResponsePayload: payload,
			Endorsements:            endorsements,
		},
	})
	if err != nil {
		return nil, err
	}
	tx, err := proto.Marshal(&peer.Transaction{Actions: []*peer.TransactionAction{{
		Header:  p.header.GetSignatureHeader(),
		Payload: action,
	}}})
	if err != nil {
		return nil, err
	}
	raw, err := proto.Marshal(&common.Payload{Header: p.header, Data: tx})
	if err != nil {
		return nil, err
	}
	return &common.Envelope{Payload: raw}, nil
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
