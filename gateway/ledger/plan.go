package ledger

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// plans remembers which organisations endorsed, when the peer chose them, and names them
// in calls of the same kind that follow. A peer that is left to choose simulates alone
// first, asks discovery who else is needed, and only then asks those; named ones are asked
// at once, without the question.
//
// It is a short cut and nothing else: what it names was the peer's own choice a moment
// ago. Where a named choice fails for anything but the contract's refusal the peer
// chooses anew, as if nothing had been named.
type plans struct {
	now func() time.Time

	mu        sync.Mutex
	chosen    map[planned][]choice
	forgotten int // how often everything was
}

// planned are calls that need the same organisations: which guards a method writes depends
// on the method and on the caller's organisation.
type planned struct {
	route       *route // whose peer chose
	msp, method string
}

// choice is used for a while and for a number of calls, so that load goes on spreading as
// the peer's choices do, and the news of a network reach this gateway.
type choice struct {
	organisations []string
	until         time.Time
	left          int
}

const (
	choiceFor  = 10 * time.Second
	choiceUses = 15
	choicesMax = 32 // of one kind of call: enough that many writers at once have one each
)

// take gives the organisations to name, nil where the peer is to choose; what it chooses
// then is learnt with since. Choices take turns.
func (ps *plans) take(of planned) (organisations []string, since int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	now := ps.now()
	queue := ps.chosen[of]
	for len(queue) > 0 && !now.Before(queue[0].until) {
		queue = queue[1:]
	}
	if len(queue) == 0 {
		delete(ps.chosen, of)
		return nil, ps.forgotten
	}
	next := queue[0]
	queue = queue[1:]
	if next.left--; next.left > 0 {
		queue = append(queue, next)
	}
	ps.chosen[of] = queue
	return next.organisations, ps.forgotten
}

// learn keeps a choice of the peer, unless all were forgotten since it was asked for.
func (ps *plans) learn(of planned, organisations []string, since int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.forgotten == since && len(ps.chosen[of]) < choicesMax {
		ps.chosen[of] = append(ps.chosen[of], choice{organisations, ps.now().Add(choiceFor), choiceUses})
	}
}

// forget drops all choices, after a transaction that lacked an endorsement.
func (ps *plans) forget() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	clear(ps.chosen)
	ps.forgotten++
}

// failed drops what a failure speaks against: every choice with an organisation whose peer
// could not be had; where no such one is named, the choices for this kind of call.
func (ps *plans) failed(of planned, err error) {
	gone := unavailable(err)
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if len(gone) == 0 {
		delete(ps.chosen, of)
		return
	}
	for kind, queue := range ps.chosen {
		ps.chosen[kind] = slices.DeleteFunc(queue, func(c choice) bool {
			return slices.ContainsFunc(c.organisations, func(msp string) bool { return slices.Contains(gone, msp) })
		})
	}
}

// unavailable lists the organisations whose peers gave a peer no answer.
func unavailable(err error) (gone []string) {
	state := status.Convert(err)
	if _, names, found := strings.Cut(state.Message(), noPeersText); found {
		return strings.Split(names, ", ")
	}
	for _, detail := range state.Details() {
		if detail, ok := detail.(*gateway.ErrorDetail); ok && isUnreachable(codes.Aborted, detail.GetMessage()) {
			gone = append(gone, detail.GetMspId())
		}
	}
	return gone
}

// refusing lists the organisations whose contract refused.
func refusing(err error) (refuse []string) {
	for _, detail := range status.Convert(err).Details() {
		if detail, ok := detail.(*gateway.ErrorDetail); ok && isRefusal(detail.GetMessage()) {
			refuse = append(refuse, detail.GetMspId())
		}
	}
	return refuse
}

// isRefusal says whether a peer's text tells what a contract answered.
func isRefusal(text string) bool { return strings.Contains(text, "chaincode response ") }

// noPeersText is what a peer says that knows of no peer of a named organisation.
const noPeersText = "failed to find any endorsing peers for org(s): "

// chooseAnew says whether a named choice failed in a way that another one need not. A refusal by all
// who were named is the contract's; one by some of them may be a peer's that lies behind.
// What failed on the way to the peer itself is no matter of who endorses.
func chooseAnew(named []string, err error) bool {
	state := status.Convert(err)
	switch {
	case state.Code() == codes.Unavailable:
		return strings.Contains(state.Message(), noPeersText)
	case state.Code() != codes.Aborted:
		return false
	}
	return len(refusing(err)) < len(named)
}

// endorsers reads from a signed transaction which organisations endorsed it.
func endorsers(signed []byte) ([]string, error) {
	message, payload, transaction := &gateway.PreparedTransaction{}, &common.Payload{}, &peer.Transaction{}
	action, identity := &peer.ChaincodeActionPayload{}, &msp.SerializedIdentity{}
	if err := proto.Unmarshal(signed, message); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(message.GetEnvelope().GetPayload(), payload); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(payload.GetData(), transaction); err != nil {
		return nil, err
	}
	if len(transaction.GetActions()) != 1 {
		return nil, errors.New("the transaction is not of one action")
	}
	if err := proto.Unmarshal(transaction.GetActions()[0].GetPayload(), action); err != nil {
		return nil, err
	}
	var organisations []string
	for _, endorsement := range action.GetAction().GetEndorsements() {
		if err := proto.Unmarshal(endorsement.GetEndorser(), identity); err != nil {
			return nil, err
		}
		if !slices.Contains(organisations, identity.GetMspid()) {
			organisations = append(organisations, identity.GetMspid())
		}
	}
	return organisations, nil
}
