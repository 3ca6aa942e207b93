package conformance

import (
	"strconv"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/network/block"
	"traceledger/network/conformance/chaincode"
)

// testLedgerQueries covers the system chaincode qscc, by which a client looks
// up blocks and transactions.
func testLedgerQueries(t *testing.T, s *suite) {
	m := s.members[regulator]
	qscc := m.network.GetContract("qscc")
	ask := func(t *testing.T, function string, args ...string) []byte {
		t.Helper()
		var answer []byte
		var err error
		retry(t, func() bool {
			answer, err = qscc.EvaluateTransaction(function, append([]string{Channel}, args...)...)
			return !passing(err)
		})
		require.NoError(t, err, explain(err))
		return answer
	}
	key := s.prefix() + "count"
	increment := steps(chaincode.Step{Op: "increment", Key: key})
	stale := m.endorse(t, increment)
	good := s.submit(t, m, increment)
	bad := s.commit(t, m, stale)
	requireCode(t, peer.TxValidationCode_MVCC_READ_CONFLICT, bad)

	t.Run("GetChainInfo", func(t *testing.T) {
		var info common.BlockchainInfo
		unmarshal(t, ask(t, "GetChainInfo"), &info)
		require.Greater(t, info.GetHeight(), bad.block)
		last := s.blocks(t, info.GetHeight()-1, info.GetHeight()-1)[0]
		require.Equal(t, block.HeaderHash(last.GetHeader()), info.GetCurrentBlockHash())
		require.Equal(t, last.GetHeader().GetPreviousHash(), info.GetPreviousBlockHash())
	})
	t.Run("GetTransactionByID", func(t *testing.T) {
		for _, done := range []outcome{good, bad} {
			var processed peer.ProcessedTransaction
			unmarshal(t, ask(t, "GetTransactionByID", done.id), &processed)
			require.Equal(t, int32(done.code), processed.GetValidationCode())
			require.Equal(t, done.id, parseEnvelope(t, processed.GetTransactionEnvelope()).id)
		}
	})
	t.Run("GetBlockByNumber", func(t *testing.T) {
		var b common.Block
		unmarshal(t, ask(t, "GetBlockByNumber", strconv.FormatUint(good.block, 10)), &b)
		require.Equal(t, good.block, b.GetHeader().GetNumber())
		s.transaction(t, &b, good.id)
	})
	t.Run("GetBlockByTxID", func(t *testing.T) {
		var b common.Block
		unmarshal(t, ask(t, "GetBlockByTxID", bad.id), &b)
		require.Equal(t, bad.block, b.GetHeader().GetNumber())
	})
	t.Run("Unknown", func(t *testing.T) {
		for _, c := range []struct{ function, argument, said string }{
			{"GetTransactionByID", "0000", "Failed to get transaction with id 0000, error no such transaction ID [0000] in index"},
			{"GetBlockByTxID", "0000", "Failed to get block for txID 0000, error no such transaction ID [0000] in index"},
			{"GetBlockByNumber", "1000000", "Failed to get block number 1000000, error no such block number [1000000] in index"},
			{"GetBlockByNumber", "x", "Failed to parse block number with error strconv.ParseUint: parsing \"x\": invalid syntax"},
		} {
			_, err := qscc.EvaluateTransaction(c.function, Channel, c.argument)
			require.Equal(t, codes.Unknown, status.Code(err), explain(err))
			require.ErrorContains(t, err, "chaincode response 500, "+c.said)
		}
		_, err := qscc.EvaluateTransaction("NoSuchFunction", Channel, "1")
		require.ErrorContains(t, err, "chaincode response 500, ")
	})
	t.Run("ForStrangersNot", func(t *testing.T) {
		id, sign := forgedIdentity(t, regulator)
		forged := newMember(t, m.conn, id, sign)
		_, err := forged.network.GetContract("qscc").EvaluateTransaction("GetChainInfo", Channel)
		require.ErrorContains(t, err, "access denied")
	})
}
