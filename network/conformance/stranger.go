package conformance

import (
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// testStranger covers a member that sends an envelope of its own under another's
// transaction id, which it may have seen at an endorser. It never takes effect, but
// what is told by that id may be the stranger's outcome, and whoever is ordered a
// block later finds the id used up.
func testStranger(t *testing.T, s *suite) {
	owner, stranger := s.members[producer], s.members[lab]
	// under is an envelope of the stranger's under the owner's transaction id.
	under := func(t *testing.T, id, key string) *common.Envelope {
		p := parseTransaction(t, stranger.endorse(t, steps(put(key, "stranger"))))
		p.channelHeader.TxId = id
		return p.envelope(t, stranger)
	}

	t.Run("BeforeItsOwner", func(t *testing.T) {
		key, theirs := s.prefix()+"a", s.prefix()+"a"
		transaction := owner.endorse(t, steps(put(key, "owner")))
		id := transaction.TransactionID()
		stranger.hand(t, id, under(t, id, theirs))
		taken := s.outcomeOf(t, id)
		requireCode(t, peer.TxValidationCode_BAD_PROPOSAL_TXID, taken)
		owner.send(t, transaction)
		last := s.awaitCopies(t, id, taken.block, 2)
		require.Equal(t, []peer.TxValidationCode{peer.TxValidationCode_BAD_PROPOSAL_TXID, peer.TxValidationCode_DUPLICATE_TXID}, s.codesOf(t, id, taken.block, last))
		requireCode(t, peer.TxValidationCode_BAD_PROPOSAL_TXID, s.outcome(t, transaction))
		require.False(t, owner.get(t, key).Found)
		require.False(t, owner.get(t, theirs).Found)
	})
	t.Run("AfterItsOwner", func(t *testing.T) {
		key, theirs := s.prefix()+"a", s.prefix()+"a"
		transaction := owner.endorse(t, steps(put(key, "owner")))
		id := transaction.TransactionID()
		done := s.commit(t, owner, transaction)
		requireCode(t, peer.TxValidationCode_VALID, done)
		stranger.hand(t, id, under(t, id, theirs))
		last := s.awaitCopies(t, id, done.block, 2)
		require.Equal(t, []peer.TxValidationCode{peer.TxValidationCode_VALID, peer.TxValidationCode_BAD_PROPOSAL_TXID}, s.codesOf(t, id, done.block, last))
		again := s.outcome(t, transaction)
		requireCode(t, peer.TxValidationCode_VALID, again)
		require.Equal(t, done.block, again.block)
		require.Equal(t, "owner", owner.get(t, key).Value)
		require.False(t, owner.get(t, theirs).Found)
	})
	t.Run("InOneBlock", func(t *testing.T) { testStrangerInOneBlock(t, s) })
}

// testStrangerInOneBlock: within a block only what is otherwise valid uses an id up, so
// the owner's is valid wherever it stands.
func testStrangerInOneBlock(t *testing.T, s *suite) {
	owner, stranger := s.members[producer], s.members[lab]
	for attempt, together := 0, 0; together == 0 || together < 2 && attempt < 20; attempt++ {
		require.Less(t, attempt, 100, "never in one block: the orderers' batch interval is too short for this test")
		key := s.prefix() + "a"
		transaction := owner.endorse(t, steps(put(key, "owner")))
		id := transaction.TransactionID()
		p := parseTransaction(t, stranger.endorse(t, steps(put(key, "stranger"))))
		p.channelHeader.TxId = id
		envelope := p.envelope(t, stranger)
		var sending errgroup.Group
		sending.Go(func() error { return stranger.submitEnvelope(t, id, envelope) })
		sending.Go(func() error {
			_, err := transaction.Submit()
			return err
		})
		if err := sending.Wait(); err != nil { // one of them may be lost; the other is no case for this test
			require.Equal(t, codes.Unavailable, status.Code(err), explain(err))
			continue
		}
		first := s.outcomeOf(t, id)
		last := s.awaitCopies(t, id, first.block, 2)
		found := s.codesOf(t, id, first.block, last)
		if last != first.block {
			require.Contains(t, [][]peer.TxValidationCode{
				{peer.TxValidationCode_VALID, peer.TxValidationCode_BAD_PROPOSAL_TXID},
				{peer.TxValidationCode_BAD_PROPOSAL_TXID, peer.TxValidationCode_DUPLICATE_TXID},
			}, found)
			continue
		}
		together++
		require.ElementsMatch(t, []peer.TxValidationCode{peer.TxValidationCode_VALID, peer.TxValidationCode_BAD_PROPOSAL_TXID}, found)
		require.Equal(t, "owner", owner.get(t, key).Value)
	}
}

// awaitCopies waits until so many envelopes with the id are on the chain, and returns
// the block of the last.
func (s *suite) awaitCopies(t *testing.T, id string, from uint64, copies int) uint64 {
	t.Helper()
	last := from
	// An orderer's answer does not say that the block is cut; the next commit does.
	retry(t, func() bool {
		end := s.submit(t, s.members[regulator], steps(put(s.prefix()+"a", "1"))).block
		found := 0
		for number := from; number <= end && found < copies; number++ {
			if n := len(s.codesOf(t, id, number, number)); n > 0 {
				found, last = found+n, number
			}
		}
		return found >= copies
	})
	return last
}
