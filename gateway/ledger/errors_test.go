package ledger

import (
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func TestExplain(t *testing.T) {
	detailed := func(code codes.Code, message string, details ...string) error {
		state := status.New(code, message)
		for _, detail := range details {
			var err error
			state, err = state.WithDetails(protoadapt.MessageV1Of(&gateway.ErrorDetail{Address: "peer", MspId: "LabMSP", Message: detail}))
			require.NoError(t, err)
		}
		return state.Err()
	}
	const attached = "failed to endorse transaction, see attached details for more info"
	cases := map[string]struct {
		err  error
		why  reason
		code trace.Code
	}{
		"contract's refusal in the details": {detailed(codes.Aborted, attached, "chaincode response 500, YIELD: more lot than plot"), refused, trace.CodeYield},
		"contract's refusal of a query":     {detailed(codes.Unknown, "evaluate call to endorser returned error: chaincode response 500, NOT_FOUND: no batch"), refused, trace.CodeNotFound},
		"uncoded refusal":                   {detailed(codes.Aborted, attached, "chaincode response 500, boom"), refused, CodeEndorsement},
		"conflict":                          {detailed(codes.Aborted, "failed to collect enough transaction endorsements: ProposalResponsePayloads do not match"), conflicting, CodeConflict},
		"conflict by precondition":          {detailed(codes.FailedPrecondition, "ProposalResponsePayloads do not match"), conflicting, CodeConflict},
		"gone":                              {gone, unreachable, CodeLedgerUnavailable},
		"late":                              {detailed(codes.DeadlineExceeded, "endorse timeout expired"), unreachable, CodeLedgerUnavailable},
		"peers not known yet":               {detailed(codes.FailedPrecondition, "no combination of peers can be derived which satisfy the endorsement policy"), unreachable, CodeLedgerUnavailable},
		"other peer gone":                   {detailed(codes.Aborted, attached, "rpc error: code = Unavailable desc = connection error"), unreachable, CodeLedgerUnavailable},
		"other peer's connection replaced":  {detailed(codes.Aborted, "failed to collect enough transaction endorsements, see attached details for more info", "rpc error: code = Canceled desc = grpc: the client connection is closing"), unreachable, CodeLedgerUnavailable},
		"other peer late":                   {detailed(codes.Aborted, attached, "rpc error: code = DeadlineExceeded desc = context deadline exceeded"), unreachable, CodeLedgerUnavailable},
		"chaincode gone":                    {detailed(codes.Aborted, attached, "error in simulation: failed to execute transaction 06ab: could not launch chaincode"), unreachable, CodeLedgerUnavailable},
		"expired, submitting":               {detailed(codes.Aborted, attached, "proposal client identity expired"), refused, CodeCertificate},
		"expired, asking":                   {detailed(codes.Unavailable, "failed to evaluate transaction, see attached details for more info", "proposal client identity expired"), refused, CodeCertificate},
		"of another time":                   {detailed(codes.Unavailable, attached, "request unauthorized due to incorrect timestamp"), refused, CodeClock},
		"of another authority":              {detailed(codes.Aborted, attached, "error validating proposal: access denied: channel [trace] creator org unknown, creator is malformed"), refused, CodeCertificate},
		"peer of another authority":         {detailed(codes.Unavailable, `connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"`), unreachable, CodeLedgerUnavailable},
		"stranger":                          {detailed(codes.PermissionDenied, "access denied"), refused, CodeEndorsement},
	}
	for name, want := range cases {
		why, coded := explain(want.err)
		require.Equal(t, want.why, why, name)
		require.Equal(t, want.code, coded.Code, name)
	}
}

func TestRowsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := prepared{
			transactionID: rapid.StringN(1, 64, -1).Draw(t, "id"),
			after:         rapid.Uint64().Draw(t, "after"),
			transaction:   rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "transaction"),
			status:        rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "status"),
			result:        rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "result"),
		}
		copy(p.content[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "content"))
		read, err := readPrepared(p.row())
		require.NoError(t, err)
		require.Equal(t, p, *read)
		a := answered{content: p.content, receipt: Receipt{TransactionID: p.transactionID, Block: p.after, Result: p.result}}
		answer, err := readAnswered(a.row())
		require.NoError(t, err)
		require.Equal(t, a, answer)
	})
}

func FuzzRows(f *testing.F) {
	f.Add((&prepared{transactionID: "id", transaction: []byte{1}, status: []byte{2}}).row())
	f.Fuzz(func(t *testing.T, row []byte) {
		if p, err := readPrepared(row); err == nil {
			again, err := readPrepared(p.row())
			require.NoError(t, err)
			require.Equal(t, p.transactionID, again.transactionID)
		}
		_, _ = readAnswered(row)
	})
}

func FuzzReadWrites(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(_ *testing.T, envelope []byte) {
		_, _ = readWrites(envelope)
		_, _, _, _ = versionedReads(envelope)
	})
}

// Two different calls never have one hash, wherever their bytes are cut.
func TestContentHash(t *testing.T) {
	base := Call{Contract: "ab", Method: "c", Arguments: []byte("d"), Transient: map[string][]byte{"e": []byte("f")}}
	same := base
	same.Endorsers, same.IdempotencyKey = []string{"LabMSP"}, "k"
	require.Equal(t, base.contentHash(), same.contentHash())
	for _, other := range []Call{
		{Contract: "a", Method: "bc", Arguments: base.Arguments, Transient: base.Transient},
		{Contract: "ab", Method: "cd", Transient: base.Transient},
		{Contract: "ab", Method: "c", Arguments: base.Arguments},
		{Contract: "ab", Method: "c", Arguments: base.Arguments, Transient: map[string][]byte{"ef": nil}},
	} {
		require.NotEqual(t, base.contentHash(), other.contentHash())
	}
}
