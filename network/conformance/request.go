package conformance

import (
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/network/conformance/chaincode"
)

// testRequest covers the gateway service itself: requests that lack something,
// organisations that do not exist, clients that sign elsewhere, and many clients
// at once.
func testRequest(t *testing.T, s *suite) {
	m := s.members[producer]
	t.Run("SignedElsewhere", func(t *testing.T) { testOfflineSigning(t, s) })
	t.Run("Incomplete", func(t *testing.T) { testIncompleteRequests(t, s) })
	t.Run("UnknownOrganisation", func(t *testing.T) {
		_, err := m.tryEndorse(t, steps(put(s.prefix()+"a", "1")), orgs("NobodyMSP"))
		require.Equal(t, codes.Unavailable, status.Code(err), explain(err))
		require.ErrorContains(t, err, "failed to find any endorsing peers for org(s): NobodyMSP")
		_, err = m.tryEndorse(t, steps(put(s.prefix()+"a", "1")), orgs(lab, "NobodyMSP"))
		require.Equal(t, codes.Unavailable, status.Code(err), explain(err))
		require.ErrorContains(t, err, "failed to find any endorsing peers for org(s): NobodyMSP")
		err = m.tryEvaluate(t, steps(get("a")), orgs("NobodyMSP"))
		require.Equal(t, codes.FailedPrecondition, status.Code(err), explain(err))
		require.ErrorContains(t, err, "no peers available to evaluate chaincode conformance in channel trace")
	})
	t.Run("OrganisationNamedTwice", func(t *testing.T) {
		transaction := m.endorse(t, steps(put(s.prefix()+"a", "1")), orgs(lab, lab, carrier, producer))
		require.Equal(t, []string{carrier, lab, producer}, endorsingOrganisations(t, transaction))
	})
	t.Run("NamedOrganisationsOnly", func(t *testing.T) {
		transaction := m.endorse(t, steps(put(s.prefix()+"a", "1")), orgs(regulator, platform))
		require.Equal(t, []string{platform, regulator}, endorsingOrganisations(t, transaction))
	})
	t.Run("GatewayChoosesAMajority", func(t *testing.T) {
		transaction := m.endorse(t, steps(put(s.prefix()+"a", "1")))
		require.Len(t, endorsingOrganisations(t, transaction), 3)
		require.Contains(t, endorsingOrganisations(t, transaction), producer, "its own among them")
	})
	t.Run("InvalidTransactionLeavesNoPrivateData", func(t *testing.T) {
		key := s.prefix() + "a"
		list := steps(chaincode.Step{Op: "increment", Key: key}, private("open", key, "late"))
		stale := m.endorse(t, list, orgs(producer, lab, carrier))
		s.submit(t, m, steps(chaincode.Step{Op: "increment", Key: key}, private("open", key, "first")), orgs(producer, lab, carrier))
		done := s.commit(t, m, stale)
		requireCode(t, peer.TxValidationCode_MVCC_READ_CONFLICT, done)
		got := s.members[lab].evaluate(t, steps(privateStep("privateGet", "open", key)), orgs(lab))
		require.Equal(t, "first", got[0].Value)
	})
	t.Run("ManyWritersOfOneGuard", func(t *testing.T) {
		p := s.prefix()
		s.submit(t, m, steps(put(p+"guard", "1"), setPolicy(p+"guard", lab)))
		var transactions []*client.Transaction
		for i := range 40 {
			from := s.members[organisations[i%len(organisations)]]
			transactions = append(transactions, from.endorse(t, steps(put(s.prefix()+"fact", "1"), put(p+"guard", "1"))))
		}
		sendAtOnce(t, transactions)
		for _, transaction := range transactions {
			requireCode(t, peer.TxValidationCode_VALID, s.outcome(t, transaction))
		}
	})
}

// testOfflineSigning goes through a transaction whose client holds no key: each
// message is handed out, signed elsewhere, and taken back.
func testOfflineSigning(t *testing.T, s *suite) {
	m := s.members[carrier]
	keyless, err := client.Connect(m.id, client.WithClientConnection(m.conn), client.WithHash(hash.SHA256))
	require.NoError(t, err)
	defer keyless.Close()
	contract := keyless.GetNetwork(Channel).GetContract(Chaincode)
	key := s.prefix() + "a"
	proposal, err := contract.NewProposal(chaincode.Function, client.WithArguments(`[{"op":"put","key":"`+key+`","value":"1"}]`))
	require.NoError(t, err)
	raw, err := proposal.Bytes()
	require.NoError(t, err)
	signature, err := m.sign(proposal.Digest())
	require.NoError(t, err)
	signedProposal, err := keyless.NewSignedProposal(raw, signature)
	require.NoError(t, err)
	var transaction *client.Transaction
	retry(t, func() bool {
		transaction, err = signedProposal.Endorse()
		return !passing(err)
	})
	require.NoError(t, err, explain(err))

	raw, err = transaction.Bytes()
	require.NoError(t, err)
	signature, err = m.sign(transaction.Digest())
	require.NoError(t, err)
	signedTransaction, err := keyless.NewSignedTransaction(raw, signature)
	require.NoError(t, err)
	commit := m.send(t, signedTransaction)

	raw, err = commit.Bytes()
	require.NoError(t, err)
	signature, err = m.sign(commit.Digest())
	require.NoError(t, err)
	signedCommit, err := keyless.NewSignedCommit(raw, signature)
	require.NoError(t, err)
	state, err := signedCommit.Status()
	require.NoError(t, err, explain(err))
	require.True(t, state.Successful)
	require.Equal(t, "1", m.get(t, key).Value)
}

// testIncompleteRequests: what lacks a part is refused as such, not mistaken for
// something else.
func testIncompleteRequests(t *testing.T, s *suite) {
	m := s.members[lab]
	service := gateway.NewGatewayClient(m.conn)
	parts := parseProposal(t, m.propose(t, steps(get("a"))))
	proposal := parts.bytes(t)
	signed := &peer.SignedProposal{ProposalBytes: proposal, Signature: m.signed(t, proposal)}
	creator := m.serialized(t)
	statusOf := func(request *gateway.CommitStatusRequest) func() error {
		raw := marshal(t, request)
		return func() error {
			_, err := service.CommitStatus(t.Context(), &gateway.SignedCommitStatusRequest{Request: raw, Signature: m.signed(t, raw)})
			return err
		}
	}
	for _, c := range []struct {
		name string
		call func() error
		want codes.Code
	}{
		{"EndorseNothing", func() error {
			_, err := service.Endorse(t.Context(), &gateway.EndorseRequest{})
			return err
		}, codes.InvalidArgument},
		{"EndorseGarbage", func() error {
			_, err := service.Endorse(t.Context(), &gateway.EndorseRequest{ProposedTransaction: &peer.SignedProposal{ProposalBytes: []byte{0xff}}})
			return err
		}, codes.InvalidArgument},
		{"EndorseUnsigned", func() error {
			_, err := service.Endorse(t.Context(), &gateway.EndorseRequest{ProposedTransaction: &peer.SignedProposal{ProposalBytes: proposal}})
			return err
		}, codes.Aborted},
		{"EvaluateNothing", func() error {
			_, err := service.Evaluate(t.Context(), &gateway.EvaluateRequest{})
			return err
		}, codes.InvalidArgument},
		{"EvaluateIsFine", func() error {
			_, err := service.Evaluate(t.Context(), &gateway.EvaluateRequest{ProposedTransaction: signed})
			return err
		}, codes.OK},
		{"SubmitNothing", func() error {
			_, err := service.Submit(t.Context(), &gateway.SubmitRequest{ChannelId: Channel})
			return err
		}, codes.InvalidArgument},
		{"SubmitUnsigned", func() error {
			_, err := service.Submit(t.Context(), &gateway.SubmitRequest{ChannelId: Channel, PreparedTransaction: &common.Envelope{Payload: []byte("x")}})
			return err
		}, codes.InvalidArgument},
		{"SubmitGarbage", func() error {
			_, err := service.Submit(t.Context(), &gateway.SubmitRequest{ChannelId: Channel, PreparedTransaction: &common.Envelope{Payload: []byte{0xff}, Signature: []byte("x")}})
			return err
		}, codes.Unavailable},
		{"SubmitToAnUnknownChannel", func() error {
			_, err := service.Submit(t.Context(), &gateway.SubmitRequest{ChannelId: "nosuch", PreparedTransaction: &common.Envelope{Payload: []byte("x"), Signature: []byte("x")}})
			return err
		}, codes.FailedPrecondition},
		{"StatusOfNothing", func() error {
			_, err := service.CommitStatus(t.Context(), &gateway.SignedCommitStatusRequest{})
			return err
		}, codes.InvalidArgument},
		{"StatusWithoutIdentity", statusOf(&gateway.CommitStatusRequest{TransactionId: "x", ChannelId: Channel}), codes.InvalidArgument},
		{"StatusWithoutChannel", statusOf(&gateway.CommitStatusRequest{TransactionId: "x", Identity: creator}), codes.InvalidArgument},
		{"StatusWithoutTransaction", statusOf(&gateway.CommitStatusRequest{ChannelId: Channel, Identity: creator}), codes.InvalidArgument},
		{"StatusOnAnUnknownChannel", statusOf(&gateway.CommitStatusRequest{TransactionId: "x", ChannelId: "nosuch", Identity: creator}), codes.PermissionDenied},
		{"StatusUnsigned", func() error {
			raw := marshal(t, &gateway.CommitStatusRequest{TransactionId: "x", ChannelId: Channel, Identity: creator})
			_, err := service.CommitStatus(t.Context(), &gateway.SignedCommitStatusRequest{Request: raw})
			return err
		}, codes.PermissionDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.call()
			require.Equal(t, c.want.String(), status.Code(err).String(), explain(err))
		})
	}
}
