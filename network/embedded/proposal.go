package embedded

import (
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// timeWindow is how far a client's clock may be off, in either direction.
const timeWindow = 15 * time.Minute

// proposal is a signed proposal, parsed once.
type proposal struct {
	signed    *peer.SignedProposal
	header    *common.Header
	channel   *common.ChannelHeader
	signature *common.SignatureHeader
	chaincode string
	args      [][]byte
	transient map[string][]byte
	// payload is the ChaincodeProposalPayload without transient data: what the
	// transaction will carry and the proposal hash covers.
	payload []byte
	creator *validation.Identity
}

func (p *proposal) txID() string { return p.channel.GetTxId() }

func (p *proposal) hash() []byte {
	return block.ProposalHash(p.header.GetChannelHeader(), p.header.GetSignatureHeader(), p.payload)
}

// parseProposal takes a signed proposal apart. Its signature is checked later.
func parseProposal(signed *peer.SignedProposal) (*proposal, error) {
	if len(signed.GetProposalBytes()) == 0 {
		return nil, errors.New("a signed proposal is required")
	}
	p := &proposal{
		signed: signed, header: &common.Header{},
		channel: &common.ChannelHeader{}, signature: &common.SignatureHeader{},
	}
	outer, payload := &peer.Proposal{}, &peer.ChaincodeProposalPayload{}
	spec, extension := &peer.ChaincodeInvocationSpec{}, &peer.ChaincodeHeaderExtension{}
	if err := proto.Unmarshal(signed.GetProposalBytes(), outer); err != nil {
		return nil, fmt.Errorf("error unmarshalling Proposal: %w", err)
	}
	for _, part := range []struct {
		name string
		raw  func() []byte
		into proto.Message
	}{
		{"Header", outer.GetHeader, p.header},
		{"ChannelHeader", p.header.GetChannelHeader, p.channel},
		{"SignatureHeader", p.header.GetSignatureHeader, p.signature},
		{"ChaincodeHeaderExtension", p.channel.GetExtension, extension},
		{"ChaincodeProposalPayload", outer.GetPayload, payload},
		{"ChaincodeInvocationSpec", payload.GetInput, spec},
	} {
		if err := proto.Unmarshal(part.raw(), part.into); err != nil {
			return nil, fmt.Errorf("error unmarshalling %s: %w", part.name, err)
		}
	}
	p.chaincode = spec.GetChaincodeSpec().GetChaincodeId().GetName()
	switch {
	case p.channel.GetChannelId() == "":
		return nil, errors.New("no channel id provided")
	case spec.GetChaincodeSpec() == nil:
		return nil, fmt.Errorf("no chaincode spec is provided, channel id [%s]", p.channel.GetChannelId())
	case spec.GetChaincodeSpec().GetChaincodeId() == nil:
		return nil, fmt.Errorf("no chaincode id is provided, channel id [%s]", p.channel.GetChannelId())
	case p.chaincode == "":
		return nil, fmt.Errorf("no chaincode name is provided, channel id [%s]", p.channel.GetChannelId())
	case extension.GetChaincodeId().GetName() != p.chaincode:
		return nil, fmt.Errorf("header names chaincode %q, payload %q", extension.GetChaincodeId().GetName(), p.chaincode)
	case spec.GetChaincodeSpec().GetInput() == nil:
		return nil, errors.New("chaincode input did not contain any input")
	}
	p.args = spec.GetChaincodeSpec().GetInput().GetArgs()
	p.transient = payload.GetTransientMap()
	var err error
	p.payload, err = proto.Marshal(&peer.ChaincodeProposalPayload{Input: payload.GetInput()})
	return p, err
}

// refusal is how an endorser declines. Its message is what a peer would say.
type refusal struct {
	// code is what Evaluate answers with; Endorse always answers Aborted.
	code codes.Code
	// everywhere marks refusals that no other peer would see differently but
	// that a gateway nevertheless tries on all of them.
	everywhere bool
	message    string
}

func refuse(code codes.Code, format string, args ...any) *refusal {
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

// admit checks the proposal's time, its headers, its creator and signature, and
// that it is new.
func (e *endorser) admit(p *proposal, v *view) *refusal {
	now := e.now()
	creator, identifyErr := e.validator.Identify(p.signature.GetCreator())
	if identifyErr == nil && now.After(creator.Certificate.NotAfter) {
		return &refusal{codes.Unavailable, true, "proposal client identity expired"}
	}
	sent := p.channel.GetTimestamp().AsTime()
	if d := now.Sub(sent); d > timeWindow || d < -timeWindow {
		return &refusal{codes.Unavailable, true, fmt.Sprintf(
			"request unauthorized due to incorrect timestamp %s, peer time %s, peer.authentication.timewindow %s",
			sent.UTC(), now.UTC(), timeWindow)}
	}
	invalid := func(format string, args ...any) *refusal {
		return refuse(codes.FailedPrecondition, "error validating proposal: "+format, args...)
	}
	switch kind := common.HeaderType(p.channel.GetType()); {
	case kind != common.HeaderType_ENDORSER_TRANSACTION && kind != common.HeaderType_CONFIG:
		return invalid("invalid header type %s", kind)
	case p.channel.GetEpoch() != 0:
		return invalid("epoch is non-zero")
	case len(p.signature.GetNonce()) == 0:
		return invalid("nonce is empty")
	case len(p.signature.GetCreator()) == 0:
		return invalid("creator is empty")
	}
	if want := block.TransactionID(p.signature.GetNonce(), p.signature.GetCreator()); p.txID() != want {
		return invalid("incorrectly computed txid '%s' -- expected '%s'", p.txID(), want)
	}
	if identifyErr != nil {
		return invalid("access denied: channel [%s] creator org unknown, creator is malformed", e.channel)
	}
	if creator.Err != nil || e.validator.Verify(creator, p.signed.GetProposalBytes(), p.signed.GetSignature()) != nil {
		return invalid("access denied: channel [%s] creator org [%s]", e.channel, creator.MSPID)
	}
	if known, err := v.Committed(p.txID()); err != nil {
		return refuse(codes.Aborted, "%v", err)
	} else if known {
		return refuse(codes.FailedPrecondition, "duplicate transaction found [%s]. Creator [%x]", p.txID(), p.signature.GetCreator())
	}
	policy := validation.PolicyWriters
	if p.chaincode == qsccName {
		policy = validation.PolicyReaders
	}
	if err := e.validator.Channel().Policy(policy).Evaluate([]*validation.Identity{creator}); err != nil {
		return refuse(codes.FailedPrecondition, "%s", aclMessage(e.channel, policy, err))
	}
	p.creator = creator
	return nil
}

// aclMessage words a failed access check as a peer does.
func aclMessage(channel, policy string, err error) string {
	return fmt.Sprintf("failed evaluating policy on signed data during check policy on channel [%s] with policy [%s]: [%v]", channel, policy, err)
}
