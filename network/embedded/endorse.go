package embedded

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
)

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
