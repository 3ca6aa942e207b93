package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/network/conformance/chaincode"
)

// testSubmit covers the ordinary way of a transaction and what the chaincode
// sees on it.
func testSubmit(t *testing.T, s *suite) {
	t.Run("EndorseSubmitStatus", func(t *testing.T) {
		key := s.prefix() + "a"
		m := s.members[producer]
		transaction := m.endorse(t, steps(put(key, "one"), get(key)))
		require.Len(t, transaction.TransactionID(), 64)
		require.False(t, results(t, transaction.Result())[1].Found, "a transaction does not read its own writes")
		require.False(t, m.get(t, key).Found, "endorsing alone writes nothing")
		commit := m.send(t, transaction)
		state, err := commit.Status()
		require.NoError(t, err)
		require.True(t, state.Successful)
		require.Equal(t, peer.TxValidationCode_VALID, state.Code)
		require.Positive(t, state.BlockNumber)
		require.Equal(t, transaction.TransactionID(), state.TransactionID)
		require.Equal(t, state.BlockNumber, s.outcome(t, transaction).block)
		for _, mspID := range organisations {
			require.Equal(t, "one", s.members[mspID].get(t, key).Value, "as %s reads it", mspID)
		}
	})
	t.Run("EvaluateWritesNothing", func(t *testing.T) {
		key := s.prefix() + "a"
		m := s.members[lab]
		m.evaluate(t, steps(put(key, "one")))
		require.False(t, m.get(t, key).Found)
	})
	t.Run("ReadOnlyTransactionIsRecorded", func(t *testing.T) {
		key := s.prefix() + "a"
		done := s.submit(t, s.members[carrier], steps(get(key)))
		require.Positive(t, done.block)
		require.False(t, done.results[0].Found)
	})
	t.Run("NoReadYourOwnWrites", func(t *testing.T) {
		p := s.prefix()
		m := s.members[producer]
		s.submit(t, m, steps(put(p+"a", "old"), put(p+"b", "old")))
		done := s.submit(t, m, steps(
			put(p+"a", "new"), chaincode.Step{Op: "delete", Key: p + "b"}, put(p+"c", "new"),
			get(p+"a"), get(p+"b"), get(p+"c"), chaincode.Step{Op: "range", Key: p, End: p + "~"}))
		require.Equal(t, "old", done.results[3].Value)
		require.Equal(t, "old", done.results[4].Value)
		require.False(t, done.results[5].Found)
		require.Equal(t, []chaincode.Row{{Key: p + "a", Value: "old"}, {Key: p + "b", Value: "old"}}, done.results[6].Rows)
		after := m.evaluate(t, steps(chaincode.Step{Op: "range", Key: p, End: p + "~"}))
		require.Equal(t, []chaincode.Row{{Key: p + "a", Value: "new"}, {Key: p + "c", Value: "new"}}, after[0].Rows)
	})
	t.Run("LastWriteOfATransactionCounts", func(t *testing.T) {
		p := s.prefix()
		m := s.members[producer]
		done := s.submit(t, m, steps(
			put(p+"a", "1"), put(p+"a", "2"),
			put(p+"b", "1"), chaincode.Step{Op: "delete", Key: p + "b"},
			chaincode.Step{Op: "delete", Key: p + "c"}, put(p+"c", "2")))
		history := m.evaluate(t, steps(chaincode.Step{Op: "history", Key: p + "a"}, chaincode.Step{Op: "history", Key: p + "b"}))
		require.Len(t, history[0].History, 1, "one transaction, one change")
		require.Equal(t, "2", history[0].History[0].Value)
		require.Len(t, history[1].History, 1, "deleting what is not there is a change as well")
		require.True(t, history[1].History[0].Deleted)
		require.Equal(t, done.id, history[1].History[0].TxID)
		require.Equal(t, "2", m.get(t, p+"a").Value)
		require.False(t, m.get(t, p+"b").Found)
		require.Equal(t, "2", m.get(t, p+"c").Value)
	})
	t.Run("WhatTheChaincodeSees", func(t *testing.T) { testContext(t, s) })
	t.Run("Responses", func(t *testing.T) { testResponses(t, s) })
	t.Run("Batch", func(t *testing.T) { testBatch(t, s) })
}

// testContext checks identity, id, time and binding as the chaincode sees them.
func testContext(t *testing.T, s *suite) {
	m := s.enrol(t, carrier, "driver seven", map[string]string{"trace.role": "carrier", "trace.party": "P-7"})
	seeing := steps(
		chaincode.Step{Op: "txid"}, chaincode.Step{Op: "channel"}, chaincode.Step{Op: "creator"},
		chaincode.Step{Op: "attribute", Key: "trace.role"}, chaincode.Step{Op: "attribute", Key: "trace.party"},
		chaincode.Step{Op: "attribute", Key: "trace.none"},
		chaincode.Step{Op: "time"}, chaincode.Step{Op: "binding"}, chaincode.Step{Op: "signedProposal"},
		chaincode.Step{Op: "transient", Key: "secret"}, chaincode.Step{Op: "transient", Key: "none"})
	var before time.Time
	var proposal *client.Proposal
	var raw []byte
	var err error
	retry(t, func() bool {
		before, proposal = time.Now(), m.propose(t, seeing, client.WithTransient(map[string][]byte{"secret": []byte("whisper")}))
		raw, err = proposal.Evaluate()
		return !passing(err)
	})
	require.NoError(t, err, explain(err))
	seen := results(t, raw)
	require.Equal(t, proposal.TransactionID(), seen[0].Value)
	require.Equal(t, Channel, seen[1].Value)
	require.Equal(t, carrier, seen[2].Value)
	require.Equal(t, []string{"driver seven"}, seen[2].Values)
	require.Equal(t, "carrier", seen[3].Value)
	require.Equal(t, "P-7", seen[4].Value)
	require.False(t, seen[5].Found)
	nanoseconds, err := strconv.ParseInt(seen[6].Value, 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, before, time.Unix(0, nanoseconds), time.Minute)

	parts := parseProposal(t, proposal)
	require.Equal(t, parts.channelHeader.GetTimestamp().AsTime().UnixNano(), nanoseconds, "the client's time, to the nanosecond")
	binding := sha256.New()
	binding.Write(parts.signatureHeader.GetNonce())
	binding.Write(parts.signatureHeader.GetCreator())
	binding.Write(make([]byte, 8)) // epoch, little endian
	require.Equal(t, hex.EncodeToString(binding.Sum(nil)), seen[7].Value)
	require.Equal(t, "true", seen[8].Value)
	require.Equal(t, "whisper", seen[9].Value)
	require.False(t, seen[10].Found)
}

// testResponses checks how a chaincode's own refusals reach the client.
func testResponses(t *testing.T, s *suite) {
	m := s.members[producer]
	refusal := steps(chaincode.Step{Op: "fail", Key: "BAD_WEIGHT: 12 kg, at most 10"})
	t.Run("EndorseError", func(t *testing.T) {
		_, err := m.tryEndorse(t, refusal)
		var endorse *client.EndorseError
		require.ErrorAs(t, err, &endorse)
		require.Equal(t, codes.Aborted, status.Code(err), explain(err))
		require.Equal(t, "failed to endorse transaction, see attached details for more info", status.Convert(err).Message())
		require.Len(t, details(err), 1, "the first endorser's refusal is final")
		require.Equal(t, "chaincode response 500, BAD_WEIGHT: 12 kg, at most 10", details(err)[0].GetMessage())
		require.NotEmpty(t, details(err)[0].GetMspId())
		require.NotEmpty(t, details(err)[0].GetAddress())
	})
	t.Run("EndorseErrorOfNamedOrganisations", func(t *testing.T) {
		_, err := m.tryEndorse(t, refusal, orgs(lab, carrier))
		require.Equal(t, codes.Aborted, status.Code(err), explain(err))
		require.Equal(t, "failed to collect enough transaction endorsements, see attached details for more info", status.Convert(err).Message())
		require.NotEmpty(t, details(err))
		for _, detail := range details(err) {
			require.Contains(t, []string{lab, carrier}, detail.GetMspId())
			require.Equal(t, "chaincode response 500, BAD_WEIGHT: 12 kg, at most 10", detail.GetMessage())
		}
	})
	t.Run("EvaluateError", func(t *testing.T) {
		err := m.tryEvaluate(t, refusal)
		require.Equal(t, codes.Unknown, status.Code(err), explain(err))
		require.Equal(t, "evaluate call to endorser returned error: chaincode response 500, BAD_WEIGHT: 12 kg, at most 10", status.Convert(err).Message())
		require.Len(t, details(err), 1)
		require.Equal(t, "chaincode response 500, BAD_WEIGHT: 12 kg, at most 10", details(err)[0].GetMessage())
	})
	t.Run("StatusBelow400IsSuccess", func(t *testing.T) {
		transaction := m.endorse(t, steps(chaincode.Step{Op: "respond", Size: 299, Key: "noted", Value: "[]"}))
		require.Equal(t, "[]", string(transaction.Result()))
		requireCode(t, peer.TxValidationCode_VALID, s.commit(t, m, transaction))
	})
	t.Run("StatusFrom400IsFailure", func(t *testing.T) {
		_, err := m.tryEndorse(t, steps(chaincode.Step{Op: "respond", Size: 404, Key: "NOT_FOUND: no such lot"}))
		require.Equal(t, codes.Aborted, status.Code(err), explain(err))
		require.Equal(t, "chaincode response 404, NOT_FOUND: no such lot", details(err)[0].GetMessage())
	})
	t.Run("UnknownChaincode", func(t *testing.T) {
		contract := m.network.GetContract("nosuch")
		_, err := contract.EvaluateTransaction("run")
		require.Equal(t, codes.FailedPrecondition, status.Code(err), explain(err))
		proposal, err := contract.NewProposal("run")
		require.NoError(t, err)
		_, err = proposal.Endorse()
		require.Equal(t, codes.FailedPrecondition, status.Code(err), explain(err))
	})
	t.Run("UnknownChannel", func(t *testing.T) {
		contract := m.gateway.GetNetwork("nosuch").GetContract(Chaincode)
		_, err := contract.EvaluateTransaction("run")
		require.Equal(t, codes.Unavailable, status.Code(err), explain(err))
		proposal, err := contract.NewProposal("run")
		require.NoError(t, err)
		_, err = proposal.Endorse()
		require.Equal(t, codes.FailedPrecondition, status.Code(err), explain(err))
	})
}
