package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"traceledger/network/conformance/chaincode"
)

// patience is how long any one answer may take on a busy machine.
const patience = 4 * time.Minute

// member is a client of one organisation, connected to that organisation's
// gateway.
type member struct {
	mspID    string
	id       identity.Identity
	sign     identity.Sign
	conn     grpc.ClientConnInterface
	gateway  *client.Gateway
	network  *client.Network
	contract *client.Contract
}

func newMember(t *testing.T, conn grpc.ClientConnInterface, id identity.Identity, sign identity.Sign) *member {
	t.Helper()
	connection, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn),
		client.WithEvaluateTimeout(patience), client.WithEndorseTimeout(patience),
		client.WithSubmitTimeout(patience), client.WithCommitStatusTimeout(patience))
	require.NoError(t, err)
	t.Cleanup(func() { connection.Close() })
	network := connection.GetNetwork(Channel)
	return &member{
		mspID:    id.MspID(),
		id:       id,
		sign:     sign,
		conn:     conn,
		gateway:  connection,
		network:  network,
		contract: network.GetContract(Chaincode),
	}
}

// serialized is the member's identity as it appears in headers.
func (m *member) serialized(t *testing.T) []byte {
	t.Helper()
	raw, err := proto.Marshal(&msp.SerializedIdentity{Mspid: m.id.MspID(), IdBytes: m.id.Credentials()})
	require.NoError(t, err)
	return raw
}

// signed is the member's signature over a message.
func (m *member) signed(t *testing.T, message []byte) []byte {
	t.Helper()
	signature, err := m.sign(hash.SHA256(message))
	require.NoError(t, err)
	return signature
}

// propose makes a proposal of a transaction that does the steps.
func (m *member) propose(t *testing.T, steps []chaincode.Step, options ...client.ProposalOption) *client.Proposal {
	t.Helper()
	argument, err := json.Marshal(steps)
	require.NoError(t, err)
	proposal, err := m.contract.NewProposal(chaincode.Function, append([]client.ProposalOption{client.WithArguments(string(argument))}, options...)...)
	require.NoError(t, err)
	return proposal
}

// tryEndorse endorses a transaction and returns what comes of it, a refusal perhaps.
func (m *member) tryEndorse(t *testing.T, steps []chaincode.Step, options ...client.ProposalOption) (transaction *client.Transaction, err error) {
	t.Helper()
	retry(t, func() bool {
		transaction, err = m.propose(t, steps, options...).Endorse()
		return !cutOff(err)
	})
	return transaction, err
}

// endorse endorses a transaction. What a healthy network may refuse – peers at
// different heights disagree, a peer is out of reach for a moment – is tried
// again, as any client must.
func (m *member) endorse(t *testing.T, steps []chaincode.Step, options ...client.ProposalOption) *client.Transaction {
	t.Helper()
	var transaction *client.Transaction
	var err error
	attempts := 0
	retry(t, func() bool {
		attempts++
		transaction, err = m.tryEndorse(t, steps, options...)
		if err == nil || !passing(err) || attempts == 50 {
			return true
		}
		t.Logf("endorsing again after: %v", err)
		return false
	})
	require.NoError(t, err, "%s", explain(err))
	return transaction
}

// retry calls try, a few times a second, until it is content. It does so in the
// test's own goroutine, so try may end the test.
func retry(t *testing.T, try func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !try() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			require.Fail(t, "still not so after "+patience.String())
		}
	}
}

// passing tells the refusals that go away by themselves.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	case codes.Aborted:
		return cutOff(err) || saidOf(err, "ProposalResponsePayloads do not match")
	}
	return false
}

// cutOff tells an error of a gateway's connection to an endorser. It closes that when one
// call has taken longer than the peer's endorsementTimeout, with all that others have under way
// there; the next call has a new one. A peer may be kept waiting by its chaincode process, too.
func cutOff(err error) bool {
	return saidOf(err, "code = Unavailable", "code = Canceled", "code = DeadlineExceeded", "connection error", "failed to execute transaction")
}

// saidOf tells whether one of the nodes behind a gateway's error said one of these.
func saidOf(err error, words ...string) bool {
	return slices.ContainsFunc(details(err), func(detail *gateway.ErrorDetail) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(detail.GetMessage(), word) })
	})
}

// details are what the single nodes behind a gateway's error said.
func details(err error) []*gateway.ErrorDetail {
	var found []*gateway.ErrorDetail
	for _, detail := range status.Convert(err).Details() {
		if typed, ok := detail.(*gateway.ErrorDetail); ok {
			found = append(found, typed)
		}
	}
	return found
}

// explain is an error with its details, for messages.
func explain(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	for _, detail := range details(err) {
		text += fmt.Sprintf("\n  %s %s: %s", detail.GetMspId(), detail.GetAddress(), detail.GetMessage())
	}
	return text
}

// send hands a transaction to the orderers. A SubmitError leaves it open whether they have
// it, so the same bytes go again, until one of them says that it has ordered them: with
// orderers that are not equally quick that is what the first sending may be told already.
func (m *member) send(t *testing.T, transaction *client.Transaction) *client.Commit {
	t.Helper()
	var commit *client.Commit
	var err error
	retry(t, func() bool {
		commit, err = transaction.Submit()
		if err == nil || !submitsLater(err) {
			return true
		}
		t.Logf("submitting again after: %s", explain(err))
		return false
	})
	if ordered(err) {
		return m.commit(t, transaction.TransactionID())
	}
	require.NoError(t, err, "%s", explain(err))
	return commit
}

// submitsLater tells a refused submit after which the same bytes go again.
func submitsLater(err error) bool {
	code := status.Code(err)
	return (code == codes.Unavailable || code == codes.DeadlineExceeded) && !ordered(err)
}

// ordered tells a refused submit of what an orderer has put into a block already.
func ordered(err error) bool { return saidOf(err, "request already processed") }

// commit is what Submit gives, of a transaction that is on its way.
func (m *member) commit(t *testing.T, transactionID string) *client.Commit {
	t.Helper()
	request := marshal(t, &gateway.CommitStatusRequest{TransactionId: transactionID, ChannelId: Channel, Identity: m.serialized(t)})
	commit, err := m.gateway.NewCommit(marshal(t, &gateway.SignedCommitStatusRequest{Request: request}))
	require.NoError(t, err)
	return commit
}

// refusedByOrderers demands that an orderer refuses something in these words. A gateway tells
// of two that did not take it, in the order in which they answered; one that is out of reach
// for a moment says nothing of what was sent.
func refusedByOrderers(t *testing.T, send func() error, words ...string) {
	t.Helper()
	var err error
	refused := func() bool {
		return slices.ContainsFunc(details(err), func(detail *gateway.ErrorDetail) bool {
			return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(detail.GetMessage(), word) })
		})
	}
	retry(t, func() bool {
		err = send()
		return refused() || !cutOff(err)
	})
	require.Equal(t, codes.Unavailable, status.Code(err), explain(err))
	require.True(t, refused(), explain(err))
}

// sendAtOnce hands transactions to the orderers concurrently. What a loaded
// network refuses goes again a few times; whether it has it after all, the
// outcome shows.
func sendAtOnce(t *testing.T, transactions []*client.Transaction) {
	t.Helper()
	var group errgroup.Group
	for _, transaction := range transactions {
		group.Go(func() (err error) {
			for range 5 {
				if _, err = transaction.Submit(); err == nil || !submitsLater(err) {
					break
				}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		require.True(t, submitsLater(err) || ordered(err), explain(err))
	}
}

// evaluate runs the steps without writing anything and returns their results.
func (m *member) evaluate(t *testing.T, steps []chaincode.Step, options ...client.ProposalOption) []chaincode.Result {
	t.Helper()
	var raw []byte
	var err error
	retry(t, func() bool {
		raw, err = m.propose(t, steps, options...).Evaluate()
		return err == nil || !passing(err)
	})
	require.NoError(t, err, "%s", explain(err))
	return results(t, raw)
}

// tryEvaluate returns the error of an evaluation that is to fail.
func (m *member) tryEvaluate(t *testing.T, steps []chaincode.Step, options ...client.ProposalOption) (err error) {
	t.Helper()
	retry(t, func() bool {
		_, err = m.propose(t, steps, options...).Evaluate()
		return !cutOff(err)
	})
	return err
}

func results(t *testing.T, raw []byte) []chaincode.Result {
	t.Helper()
	var decoded []chaincode.Result
	require.NoError(t, json.Unmarshal(raw, &decoded), "%s", raw)
	return decoded
}

// get is the committed value of a key as the member's own peer has it.
func (m *member) get(t *testing.T, key string) chaincode.Result {
	t.Helper()
	return m.evaluate(t, []chaincode.Step{{Op: "get", Key: key}}, client.WithEndorsingOrganizations(m.mspID))[0]
}

// status asks the member's gateway for the outcome of a transaction, waiting
// until there is one.
func (m *member) status(ctx context.Context, transactionID string) (*gateway.CommitStatusResponse, error) {
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: m.id.MspID(), IdBytes: m.id.Credentials()})
	if err != nil {
		return nil, err
	}
	request, err := proto.Marshal(&gateway.CommitStatusRequest{TransactionId: transactionID, ChannelId: Channel, Identity: creator})
	if err != nil {
		return nil, err
	}
	signature, err := m.sign(hash.SHA256(request))
	if err != nil {
		return nil, err
	}
	return gateway.NewGatewayClient(m.conn).CommitStatus(ctx, &gateway.SignedCommitStatusRequest{Request: request, Signature: signature})
}

// outcome is where a transaction ended up.
type outcome struct {
	id      string
	code    peer.TxValidationCode
	block   uint64
	results []chaincode.Result
}
