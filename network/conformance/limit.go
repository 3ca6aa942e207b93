package conformance

import (
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"traceledger/network/conformance/chaincode"
)

// testLimit covers sizes: what is large is carried, what is too large for the
// orderers is refused by them and leaves nothing behind.
func testLimit(t *testing.T, s *suite) {
	m := s.members[platform]
	t.Run("LargeValue", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(chaincode.Step{Op: "putSize", Key: key, Size: 2 << 20}))
		require.Len(t, m.get(t, key).Value, 2<<20)
	})
	t.Run("LargeArgument", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(put(key, strings.Repeat("x", 1<<20))))
		require.Len(t, m.get(t, key).Value, 1<<20)
	})
	t.Run("TransactionTooLargeForTheOrderers", func(t *testing.T) {
		key := s.prefix() + "a"
		transaction := m.endorse(t, steps(chaincode.Step{Op: "putSize", Key: key, Size: MaxTransactionBytes}))
		refusedByOrderers(t, func() error {
			_, err := transaction.Submit()
			return err
		}, "status=BAD_REQUEST, info=message payload is", "bytes and exceeds maximum allowed 10485760 bytes")
		require.False(t, m.get(t, key).Found)
	})
	t.Run("LargeTransaction", func(t *testing.T) {
		key := s.prefix() + "a"
		transaction := m.endorse(t, steps(chaincode.Step{Op: "putSize", Key: key, Size: 4 << 20}))
		requireCode(t, peer.TxValidationCode_VALID, s.commit(t, m, transaction))
		require.Len(t, m.get(t, key).Value, 4<<20)
	})
	t.Run("ManyKeys", func(t *testing.T) {
		p := s.prefix()
		s.submit(t, m, manyRows(p, 2000))
		require.Len(t, m.evaluate(t, steps(scan(p, p+"~")))[0].Rows, 2000)
	})
}
