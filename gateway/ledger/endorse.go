package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"traceledger/chaincode/trace"
)

// Evaluate runs a contract method on one peer and returns its result; nothing is
// recorded. Errors are coded: the contract's own, CodeLedgerUnavailable,
// CodeEndorsement, or CodeCall.
func (c *Client) Evaluate(ctx context.Context, id Identity, call Call) ([]byte, error) {
	if err := call.check(); err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		route := c.routes.pick(try)
		result, err := c.evaluateAt(ctx, route, id, c.cfg.Chaincode, call.method(), call.options())
		if err == nil {
			return result, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s was not answered in time: %w", call.method(), context.Cause(ctx))
		}
		c.routes.report(route, err)
		why, coded := explain(err)
		if why != unreachable || try+1 >= len(c.routes.all) {
			return nil, coded
		}
		c.metrics.retried(why.String())
	}
}

func (c *Client) evaluateAt(ctx context.Context, route *route, id Identity, chaincode, method string, options []client.ProposalOption) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.EndorseTimeout)
	defer cancel()
	ctx, done := route.use(ctx)
	defer done()
	gw, err := connect(route, id)
	if err != nil {
		return nil, err
	}
	defer gw.Close()
	proposal, err := gw.GetNetwork(c.cfg.Channel).GetContract(chaincode).NewProposal(method, options...)
	if err != nil {
		return nil, err
	}
	return proposal.EvaluateWithContext(ctx)
}

func connect(route *route, id Identity) (*client.Gateway, error) {
	if id.Certificate == nil || id.Sign == nil {
		return nil, errors.New("the identity has no certificate or cannot sign")
	}
	certificate, err := identity.NewX509Identity(id.MSPID, id.Certificate)
	if err != nil {
		return nil, err
	}
	return client.Connect(certificate, client.WithSign(id.Sign), client.WithClientConnection(route.conn))
}

func (call Call) options() []client.ProposalOption {
	var options []client.ProposalOption
	if call.Arguments != nil {
		options = append(options, client.WithBytesArguments(call.Arguments))
	}
	if len(call.Transient) > 0 {
		options = append(options, client.WithTransient(call.Transient))
	}
	if len(call.Endorsers) > 0 {
		options = append(options, client.WithEndorsingOrganizations(call.Endorsers...))
	}
	return options
}

// endorse returns a signed transaction that has not been sent. It goes through the
// connections while they are the trouble; since nothing was sent, each try may be a
// transaction of its own.
func (c *Client) endorse(id Identity, call Call) (*prepared, reason, *trace.Error) {
	for try := 0; ; try++ {
		route := c.routes.pick(try)
		p, err := c.endorseBy(route, id, call)
		c.routes.report(route, err)
		if err == nil {
			return p, 0, nil
		}
		why, coded := explain(err)
		if why != unreachable || try+1 >= c.cfg.Unreachable || c.ctx.Err() != nil {
			return nil, why, coded
		}
		c.metrics.retried(why.String())
		if c.pause(c.ctx, try) != nil {
			return nil, why, coded
		}
	}
}

// endorseBy has the organisations endorse that the peer chose for such a call before, and
// leaves the choice to it where there is none, or where that one fails.
func (c *Client) endorseBy(route *route, id Identity, call Call) (*prepared, error) {
	if len(call.Endorsers) > 0 {
		return c.endorseNamed(route, id, call)
	}
	of := planned{route, id.MSPID, call.method()}
	var since int
	for range 2 { // the second time without those whose peers were not to be had
		if call.Endorsers, since = c.plans.take(of); call.Endorsers == nil {
			break
		}
		p, err := c.endorseAt(route, id, call)
		if err == nil || !chooseAnew(call.Endorsers, err) {
			return p, err
		}
		c.plans.failed(of, err)
		c.metrics.retried("choice")
		call.Endorsers = nil
	}
	p, err := c.endorseAt(route, id, call)
	if err != nil {
		return nil, err
	}
	if chosen, err := endorsers(p.transaction); err == nil {
		c.plans.learn(of, chosen, since)
	}
	return p, nil
}

// errDisagree marks a failure of which some of those who were named refused, and others did not.
var errDisagree = errors.New("endorsers disagree")

// endorseNamed has the organisations endorse that the call names. Spare ones stand in for
// those that do not answer or do not say what the others say: one that lies behind does
// not decide. Only a refusal by all who were asked is the contract's. Who stood in is
// asked first by the calls that follow.
func (c *Client) endorseNamed(route *route, id Identity, call Call) (p *prepared, err error) {
	var failing, stoodIn []string
	if last := c.stoodIn.Load(); last != nil {
		stoodIn = *last
	}
	tries := 0
	for choice := range call.choices(stoodIn) {
		if slices.ContainsFunc(choice[1:], func(msp string) bool { return slices.Contains(failing, msp) }) {
			continue
		}
		call.Endorsers = choice
		p, err = c.endorseAt(route, id, call)
		if err == nil && tries > 0 {
			c.stoodIn.Store(&choice)
		}
		if err == nil || !chooseAnew(choice, err) {
			return p, err
		}
		gone, refuse := unavailable(err), refusing(err)
		if len(refuse) > 0 {
			err = fmt.Errorf("%w: %w", errDisagree, err)
		}
		if tries++; tries == maxChoices || slices.Contains(gone, choice[0]) {
			break
		}
		failing = slices.Concat(failing, gone, refuse)
		c.metrics.retried("choice")
	}
	return nil, err
}

// maxChoices bounds how many sets of endorsers one call asks at one peer.
const maxChoices = 16

func (c *Client) endorseAt(route *route, id Identity, call Call) (*prepared, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.EndorseTimeout)
	defer cancel()
	ctx, done := route.use(ctx)
	defer done()
	gw, err := connect(route, id)
	if err != nil {
		return nil, err
	}
	defer gw.Close()
	after := c.known.Load()
	proposal, err := gw.GetNetwork(c.cfg.Channel).GetContract(c.cfg.Chaincode).NewProposal(call.method(), call.options()...)
	if err != nil {
		return nil, err
	}
	transaction, err := proposal.EndorseWithContext(ctx)
	if err != nil {
		return nil, err
	}
	c.metrics.endorsed.WithLabelValues(route.name).Inc()
	p := &prepared{transactionID: transaction.TransactionID(), after: after, result: transaction.Result()}
	if p.transaction, err = signTransaction(transaction, id); err != nil {
		return nil, err
	}
	if c.cfg.Reader == nil {
		p.status, err = signStatusRequest(route, id, c.cfg.Channel, p.transactionID)
	}
	return p, err
}

// signTransaction returns the bytes to send: the stock client signs only while
// sending, which would be too late for the outbox.
func signTransaction(transaction *client.Transaction, id Identity) ([]byte, error) {
	signature, err := id.Sign(transaction.Digest())
	if err != nil {
		return nil, err
	}
	unsigned, err := transaction.Bytes()
	if err != nil {
		return nil, err
	}
	message := &gateway.PreparedTransaction{}
	if err := proto.Unmarshal(unsigned, message); err != nil {
		return nil, err
	}
	message.Envelope.Signature = signature
	return proto.Marshal(message)
}

// signStatusRequest returns a signed question for a transaction's outcome. Where the
// gateway has no identity of its own it is kept with the transaction, so that Recover
// can ask without the caller's key.
func signStatusRequest(route *route, id Identity, channel, transactionID string) ([]byte, error) {
	certificate, err := identity.NewX509Identity(id.MSPID, id.Certificate)
	if err != nil {
		return nil, err
	}
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: id.MSPID, IdBytes: certificate.Credentials()})
	if err != nil {
		return nil, err
	}
	request, err := proto.Marshal(&gateway.CommitStatusRequest{ChannelId: channel, TransactionId: transactionID, Identity: creator})
	if err != nil {
		return nil, err
	}
	unsigned, err := proto.Marshal(&gateway.SignedCommitStatusRequest{Request: request})
	if err != nil {
		return nil, err
	}
	commit, err := route.messenger.NewCommit(unsigned)
	if err != nil {
		return nil, err
	}
	signature, err := id.Sign(commit.Digest())
	if err != nil {
		return nil, err
	}
	signed, err := route.messenger.NewSignedCommit(unsigned, signature)
	if err != nil {
		return nil, err
	}
	return signed.Bytes()
}
