package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/network/conformance/chaincode"
)

// requireDuplicatesAfter: the first copy of a transaction on the chain has its outcome, and
// every later one is a duplicate. A sending that is refused may have been ordered by one
// orderer all the same, so that there can be more of them than answers.
func requireDuplicatesAfter(t *testing.T, first peer.TxValidationCode, codes []peer.TxValidationCode) {
	t.Helper()
	require.GreaterOrEqual(t, len(codes), 2)
	require.Equal(t, first, codes[0])
	for _, code := range codes[1:] {
		require.Equal(t, peer.TxValidationCode_DUPLICATE_TXID, code)
	}
}

// testUnknownOutcome covers what a client does that does not know whether its
// transaction got through: it sends the same bytes again and asks by id.
func testUnknownOutcome(t *testing.T, s *suite) {
	m := s.members[producer]
	increment := func(key string) []chaincode.Step { return steps(chaincode.Step{Op: "increment", Key: key}) }

	t.Run("SameBytesAgainAfterCommit", func(t *testing.T) {
		key := s.prefix() + "count"
		transaction := m.endorse(t, increment(key))
		stale := m.endorse(t, increment(key))
		first := s.commit(t, m, transaction)
		requireCode(t, peer.TxValidationCode_VALID, first)
		invalid := s.commit(t, m, stale)
		requireCode(t, peer.TxValidationCode_MVCC_READ_CONFLICT, invalid)

		s.sendAgain(t, m, transaction, stale)
		for _, was := range []outcome{first, invalid} { // the id of an invalid transaction is used up as well
			last := s.awaitCopies(t, was.id, first.block, 2)
			requireDuplicatesAfter(t, was.code, s.codesOf(t, was.id, first.block, last))
		}
		require.Equal(t, "1", m.get(t, key).Value)
		for transaction, was := range map[*client.Transaction]outcome{transaction: first, stale: invalid} {
			again := s.outcome(t, transaction)
			require.Equal(t, was.code, again.code, "the status is that of the first")
			require.Equal(t, was.block, again.block)
		}
	})
	t.Run("StatusAfterARefusedRepetition", func(t *testing.T) {
		transaction := m.endorse(t, increment(s.prefix()+"count"))
		first := s.commit(t, m, transaction)
		state, err := m.send(t, transaction).Status() // what send takes for ordered is
		require.NoError(t, err)
		require.Equal(t, first.code, state.Code)
		require.Equal(t, first.block, state.BlockNumber)
	})
	t.Run("SameBytesAtOnce", func(t *testing.T) {
		key := s.prefix() + "count"
		transaction := m.endorse(t, increment(key))
		// The first Submit signs in place; the others must not do so at once.
		m.send(t, transaction)
		var group errgroup.Group
		for range 4 {
			group.Go(func() error {
				_, err := transaction.Submit()
				return err
			})
		}
		err := group.Wait()
		if err != nil { // an orderer may say that it has it already
			require.True(t, ordered(err) || submitsLater(err), explain(err))
		}
		done := s.outcome(t, transaction)
		requireCode(t, peer.TxValidationCode_VALID, done)
		last := s.submit(t, m, increment(key+"-other"))
		valid := 0
		for _, code := range s.codesOf(t, transaction.TransactionID(), done.block, last.block) {
			if code == peer.TxValidationCode_VALID {
				valid++
			} else {
				require.Equal(t, peer.TxValidationCode_DUPLICATE_TXID.String(), code.String())
			}
		}
		require.Equal(t, 1, valid)
		require.Equal(t, "1", m.get(t, key).Value)
	})
	t.Run("KeptBytesThroughAnotherOrganisation", func(t *testing.T) {
		key := s.prefix() + "count"
		transaction := m.endorse(t, increment(key))
		digest := transaction.Digest()
		signature, err := m.sign(digest)
		require.NoError(t, err)
		raw, err := transaction.Bytes()
		require.NoError(t, err)
		// A new process of the same client, which still has bytes and signature.
		other, err := client.Connect(m.id, client.WithClientConnection(s.members[lab].conn), client.WithSign(m.sign))
		require.NoError(t, err)
		defer other.Close()
		kept, err := other.NewSignedTransaction(raw, signature)
		require.NoError(t, err)
		require.Equal(t, transaction.TransactionID(), kept.TransactionID())
		m.send(t, kept)
		requireCode(t, peer.TxValidationCode_VALID, s.outcome(t, transaction))
	})
	t.Run("StatusOfAnUnknownTransactionWaits", func(t *testing.T) {
		unsent := m.endorse(t, increment(s.prefix()+"count"))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := m.status(ctx, unsent.TransactionID())
		require.Equal(t, codes.DeadlineExceeded, status.Code(err), explain(err))
	})
	t.Run("StatusBeforeSubmit", func(t *testing.T) {
		transaction := m.endorse(t, increment(s.prefix()+"count"))
		var group errgroup.Group
		group.Go(func() error {
			answer, err := m.status(t.Context(), transaction.TransactionID())
			if err == nil && answer.GetResult() != peer.TxValidationCode_VALID {
				t.Errorf("status asked early: %s", answer.GetResult())
			}
			return err
		})
		m.send(t, transaction)
		require.NoError(t, group.Wait())
	})
	t.Run("EndorsingACommittedProposalAgain", func(t *testing.T) {
		proposal := m.propose(t, increment(s.prefix()+"count"))
		var transaction *client.Transaction
		var err error
		retry(t, func() bool {
			transaction, err = proposal.Endorse()
			return !passing(err)
		})
		require.NoError(t, err, explain(err))
		done := s.commit(t, m, transaction)
		requireCode(t, peer.TxValidationCode_VALID, done)
		retry(t, func() bool {
			_, err = proposal.Endorse()
			return !cutOff(err)
		})
		require.Equal(t, codes.Aborted, status.Code(err), explain(err))
		require.Contains(t, details(err)[0].GetMessage(), "duplicate transaction found ["+transaction.TransactionID()+"]")
		retry(t, func() bool {
			_, err = proposal.Evaluate()
			return !cutOff(err)
		})
		require.Error(t, err, "evaluating it is refused too")
		require.Contains(t, err.Error(), "duplicate transaction found ["+transaction.TransactionID()+"]")
	})
	t.Run("CancelledSubmit", func(t *testing.T) {
		key := s.prefix() + "count"
		transaction := m.endorse(t, increment(key))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := transaction.SubmitWithContext(ctx)
		var submit *client.SubmitError
		require.ErrorAs(t, err, &submit)
		require.Equal(t, codes.Canceled, status.Code(err))
		require.Equal(t, transaction.TransactionID(), submit.TransactionID)
		// Whether the orderers have it is unknown; sending it again settles it.
		requireCode(t, peer.TxValidationCode_VALID, s.commit(t, m, transaction))
		require.Equal(t, "1", m.get(t, key).Value)
	})
	t.Run("CommitError", func(t *testing.T) {
		key := s.prefix() + "count"
		stale := m.endorse(t, increment(key))
		s.submit(t, m, increment(key))
		commit := m.send(t, stale)
		state, err := commit.Status()
		require.NoError(t, err, "an invalid transaction is an answer, not an error")
		require.False(t, state.Successful)
		require.Equal(t, peer.TxValidationCode_MVCC_READ_CONFLICT, state.Code)
	})
}

// An OrderingRestarter is an engine whose orderers remember what they have
// ordered lately and refuse it, until they are restarted.
type OrderingRestarter interface {
	RestartOrdering(t *testing.T)
}

// sendAgain submits bytes that are committed already until the ledger takes
// them. BFT orderers remember the last thousand or more transactions and answer
// "request already processed", which reaches the client as a SubmitError
// Unavailable: a refused repetition says as little about the first attempt as
// an accepted one. Beyond that memory the repetition is ordered, and the peers
// find it to be a duplicate.
func (s *suite) sendAgain(t *testing.T, m *member, transactions ...*client.Transaction) {
	t.Helper()
	for _, transaction := range transactions {
		_, err := transaction.Submit()
		if err == nil {
			continue
		}
		require.True(t, ordered(err) || submitsLater(err), explain(err))
		restarter, ok := s.engine.(OrderingRestarter)
		require.True(t, ok, "refused: %s", explain(err))
		restarter.RestartOrdering(t)
		m.send(t, transaction)
	}
}
