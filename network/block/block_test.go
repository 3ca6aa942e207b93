package block

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"math"
	"math/big"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// TestHeaderHashGolden holds the header's form against Fabric's own definition,
// the standard library's DER of a sequence of the number and two octet strings.
func TestHeaderHashGolden(t *testing.T) {
	previous := sha256.Sum256([]byte("previous"))
	data := sha256.Sum256([]byte("data"))
	for _, number := range []uint64{0, 1, 127, 128, 255, 256, 1 << 63, math.MaxUint64} {
		h := &common.BlockHeader{Number: number, PreviousHash: previous[:], DataHash: data[:]}
		want, err := asn1.Marshal(struct {
			Number                 *big.Int
			PreviousHash, DataHash []byte
		}{new(big.Int).SetUint64(number), previous[:], data[:]})
		require.NoError(t, err)
		require.Equal(t, want, HeaderBytes(h), number)
	}
	// printf '\x30\x07\x02\x01\x01\x04\x00\x04\x00' | sha256sum
	require.Equal(t, "3c952b183a309f9ad2ac41628d0c04583546e841ec4fec9e68b3e4c8c3788ade",
		hex.EncodeToString(HeaderHash(&common.BlockHeader{Number: 1})))
}

func TestDataHashIsFlat(t *testing.T) {
	want := sha256.Sum256([]byte("onetwo"))
	require.Equal(t, want[:], DataHash([][]byte{[]byte("one"), []byte("two")}))
	require.Equal(t, want[:], DataHash([][]byte{[]byte("onetw"), []byte("o")}))
}

func TestTransactionIDGolden(t *testing.T) {
	// printf nonceCREATOR | sha256sum
	require.Equal(t, "a142ad6985be4b0979b13e0a5e9af11168138d44814bd366c8cbdee1cac37ccc",
		TransactionID([]byte("nonce"), []byte("CREATOR")))
}

func TestHeaderBytesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &common.BlockHeader{
			Number:       rapid.Uint64().Draw(t, "number"),
			PreviousHash: rapid.SliceOf(rapid.Byte()).Draw(t, "previous"),
			DataHash:     rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
		}
		var back struct {
			Number                 *big.Int
			PreviousHash, DataHash []byte
		}
		rest, err := asn1.Unmarshal(HeaderBytes(h), &back)
		require.NoError(t, err)
		require.Empty(t, rest)
		require.Equal(t, h.Number, back.Number.Uint64())
		require.Equal(t, string(h.PreviousHash), string(back.PreviousHash))
		require.Equal(t, string(h.DataHash), string(back.DataHash))
	})
}

func TestSealAndReadBack(t *testing.T) {
	b := New(7, []byte("previous"), [][]byte{[]byte("a"), []byte("b")})
	require.NoError(t, CheckLink(b, []byte("previous")))
	require.NoError(t, Seal(b, 3, []byte("nonce"), 2, func(m []byte) ([]byte, error) {
		return append([]byte("signed "), m...), nil
	}))
	found, err := OrdererSignatures(b)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.EqualValues(t, 3, found[0].Consenter)
	require.Equal(t, "signed "+string(found[0].Signed), string(found[0].Signature))
	require.Contains(t, string(found[0].Signed), string(HeaderBytes(b.Header)))

	_, err = Flags(b)
	require.ErrorContains(t, err, "0 validation flags for 2 transactions")
	SetFlags(b, []peer.TxValidationCode{peer.TxValidationCode_VALID, peer.TxValidationCode_MVCC_READ_CONFLICT})
	codes, err := Flags(b)
	require.NoError(t, err)
	require.Equal(t, []peer.TxValidationCode{0, 11}, codes)

	require.NoError(t, SetCommitHash(b, []byte("hash")))
	hash, err := CommitHash(b)
	require.NoError(t, err)
	require.Equal(t, "hash", string(hash))
}

func TestCheckLinkNamesTheFault(t *testing.T) {
	link := func(change func(*common.Block)) error {
		b := New(1, []byte("p"), [][]byte{[]byte("a")})
		change(b)
		return CheckLink(b, []byte("p"))
	}
	require.NoError(t, link(func(*common.Block) {}))
	require.ErrorContains(t, link(func(b *common.Block) { b.Data.Data[0] = []byte("b") }), "data hash")
	require.ErrorContains(t, link(func(b *common.Block) { b.Header.PreviousHash = nil }), "previous block")
	require.ErrorContains(t, link(func(b *common.Block) { b.Header = nil }), "without header")
}

// call is the pieces of a well-formed endorser transaction.
type call struct {
	channel   *common.ChannelHeader
	signature *common.SignatureHeader
	extension *peer.ChaincodeHeaderExtension
	actions   int
	payload   []byte
	hash      []byte
	action    *peer.ChaincodeAction
	event     *peer.ChaincodeEvent
	results   []byte
}

func newCall() *call {
	return &call{
		channel:   &common.ChannelHeader{Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: "trace"},
		signature: &common.SignatureHeader{Nonce: []byte("nonce"), Creator: []byte("creator")},
		extension: &peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: "cc"}},
		actions:   1,
		payload:   []byte{},
		action:    &peer.ChaincodeAction{ChaincodeId: &peer.ChaincodeID{Name: "cc", Version: "1"}},
	}
}

func (c *call) envelope(t testing.TB) []byte {
	marshal := func(m proto.Message) []byte {
		raw, err := proto.Marshal(m)
		require.NoError(t, err)
		return raw
	}
	if c.channel.TxId == "" {
		c.channel.TxId = TransactionID(c.signature.Nonce, c.signature.Creator)
	}
	if c.extension != nil {
		c.channel.Extension = marshal(c.extension)
	}
	header := &common.Header{ChannelHeader: marshal(c.channel), SignatureHeader: marshal(c.signature)}
	if c.hash == nil {
		c.hash = ProposalHash(header.ChannelHeader, header.SignatureHeader, c.payload)
	}
	if c.event != nil {
		c.action.Events = marshal(c.event)
	}
	c.action.Results = c.results
	response := &peer.ProposalResponsePayload{ProposalHash: c.hash, Extension: marshal(c.action)}
	action := &peer.TransactionAction{
		Header: header.SignatureHeader,
		Payload: marshal(&peer.ChaincodeActionPayload{
			ChaincodeProposalPayload: c.payload,
			Action:                   &peer.ChaincodeEndorsedAction{ProposalResponsePayload: marshal(response)},
		}),
	}
	tx := &peer.Transaction{}
	for range c.actions {
		tx.Actions = append(tx.Actions, action)
	}
	return marshal(&common.Envelope{
		Payload:   marshal(&common.Payload{Header: header, Data: marshal(tx)}),
		Signature: []byte("signature"),
	})
}

func TestParseTransactionDefects(t *testing.T) {
	code := func(c peer.TxValidationCode) *peer.TxValidationCode { return &c }
	cases := map[string]struct {
		change func(*call)
		code   *peer.TxValidationCode
		stage  Stage
	}{
		"well-formed": {func(*call) {}, nil, 0},
		"no nonce": {func(c *call) { c.signature.Nonce = nil },
			code(peer.TxValidationCode_BAD_COMMON_HEADER), StageHeader},
		"no creator": {func(c *call) { c.signature.Creator = nil },
			code(peer.TxValidationCode_BAD_COMMON_HEADER), StageHeader},
		"epoch": {func(c *call) { c.channel.Epoch = 1 },
			code(peer.TxValidationCode_BAD_COMMON_HEADER), StageHeader},
		"message type": {func(c *call) { c.channel.Type = int32(common.HeaderType_MESSAGE) },
			code(peer.TxValidationCode_BAD_COMMON_HEADER), StageHeader},
		"configuration update": {func(c *call) { c.channel.Type = int32(common.HeaderType_CONFIG_UPDATE) },
			code(peer.TxValidationCode_UNSUPPORTED_TX_PAYLOAD), StageStructure},
		"foreign id": {func(c *call) { c.channel.TxId = "00" },
			code(peer.TxValidationCode_BAD_PROPOSAL_TXID), StageStructure},
		"two actions": {func(c *call) { c.actions = 2 },
			code(peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION), StageStructure},
		"no action": {func(c *call) { c.actions = 0 },
			code(peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION), StageStructure},
		"another proposal's hash": {func(c *call) { c.hash = []byte("other") },
			code(peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION), StageStructure},
		"results are no read-write set": {func(c *call) { c.results = []byte{0xff} },
			code(peer.TxValidationCode_BAD_RWSET), StageAction},
		"no chaincode in the header": {func(c *call) { c.extension.ChaincodeId = nil },
			code(peer.TxValidationCode_INVALID_OTHER_REASON), StageAction},
		"empty chaincode name": {func(c *call) { c.extension.ChaincodeId.Name = "" },
			code(peer.TxValidationCode_INVALID_CHAINCODE), StageAction},
		"another chaincode": {func(c *call) { c.action.ChaincodeId.Name = "other" },
			code(peer.TxValidationCode_INVALID_CHAINCODE), StageAction},
		"no version": {func(c *call) { c.action.ChaincodeId.Version = "" },
			code(peer.TxValidationCode_INVALID_CHAINCODE), StageAction},
		"another chaincode's event": {func(c *call) { c.event = &peer.ChaincodeEvent{ChaincodeId: "other"} },
			code(peer.TxValidationCode_INVALID_OTHER_REASON), StageAction},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCall()
			test.change(c)
			raw := c.envelope(t)
			tx := ParseTransaction(raw)
			requireSame(t, parseTransaction(raw, wire{exact: true}), tx)
			if test.code == nil {
				require.Nil(t, tx.Defect)
				require.Equal(t, "cc", tx.Action.Chaincode)
				return
			}
			require.NotNil(t, tx.Defect)
			require.Equal(t, *test.code, tx.Defect.Code, tx.Defect.Error())
			require.Equal(t, test.stage, tx.Defect.Stage)
			require.Nil(t, tx.Action)
		})
	}
}

func TestParseTransactionGarbage(t *testing.T) {
	require.Equal(t, peer.TxValidationCode_INVALID_OTHER_REASON, ParseTransaction([]byte{0xff}).Defect.Code)
	require.Equal(t, peer.TxValidationCode_BAD_COMMON_HEADER, ParseTransaction(nil).Defect.Code)
	raw, err := proto.Marshal(&common.Envelope{Payload: []byte{0xff}})
	require.NoError(t, err)
	require.Equal(t, peer.TxValidationCode_BAD_PAYLOAD, ParseTransaction(raw).Defect.Code)
}

// requireSame compares what the two ways of unwrapping have come to.
func requireSame(t *testing.T, want, got *Transaction) {
	t.Helper()
	require.Equal(t, want.Defect == nil, got.Defect == nil)
	if want.Defect != nil {
		require.Equal(t, want.Defect.Code, got.Defect.Code)
		require.Equal(t, want.Defect.Stage, got.Defect.Stage)
	}
	require.Equal(t, string(want.Payload), string(got.Payload))
	require.Equal(t, string(want.Signature), string(got.Signature))
	require.Equal(t, string(want.Data), string(got.Data))
	require.True(t, proto.Equal(want.ChannelHeader, got.ChannelHeader))
	require.True(t, proto.Equal(want.SignatureHeader, got.SignatureHeader))
	require.Equal(t, want.Action == nil, got.Action == nil)
	if want.Action == nil {
		return
	}
	require.Equal(t, string(want.Action.ProposalPayload), string(got.Action.ProposalPayload))
	require.Equal(t, string(want.Action.ResponsePayload), string(got.Action.ResponsePayload))
	require.Equal(t, len(want.Action.Endorsements), len(got.Action.Endorsements))
	for i, e := range want.Action.Endorsements {
		require.True(t, proto.Equal(e, got.Action.Endorsements[i]))
	}
	require.True(t, proto.Equal(want.Action.Response, got.Action.Response))
	require.True(t, proto.Equal(want.Action.Event, got.Action.Event))
	require.Equal(t, len(want.Action.ReadWriteSet.Namespaces), len(got.Action.ReadWriteSet.Namespaces))
	for i, ns := range want.Action.ReadWriteSet.Namespaces {
		require.Equal(t, ns.Name, got.Action.ReadWriteSet.Namespaces[i].Name)
		require.True(t, proto.Equal(ns.Public, got.Action.ReadWriteSet.Namespaces[i].Public))
		require.Equal(t, len(ns.Collections), len(got.Action.ReadWriteSet.Namespaces[i].Collections))
	}
}

// BenchmarkParseTransaction reads a transaction that carries 5 KB, wrapped in
// place and through the protobuf library.
func BenchmarkParseTransaction(b *testing.B) {
	c := newCall()
	c.payload = make([]byte, 5<<10)
	set, err := proto.Marshal(&kvrwset.KVRWSet{Writes: []*kvrwset.KVWrite{{Key: "key", Value: c.payload}}})
	require.NoError(b, err)
	c.results, err = proto.Marshal(&rwset.TxReadWriteSet{NsRwset: []*rwset.NsReadWriteSet{{Namespace: "cc", Rwset: set}}})
	require.NoError(b, err)
	raw := c.envelope(b)
	for name, w := range map[string]wire{"in place": {}, "library": {exact: true}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.Nil(b, parseTransaction(raw, w).Defect)
			}
		})
	}
}

// FuzzParseEnvelope feeds arbitrary bytes to every parser of the package.
func FuzzParseEnvelope(f *testing.F) {
	f.Add(newCall().envelope(f))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		tx := ParseTransaction(raw)
		requireSame(t, parseTransaction(raw, wire{exact: true}), tx)
		if tx.Defect == nil && tx.Type == common.HeaderType_ENDORSER_TRANSACTION {
			_, err := tx.Action.Arguments()
			_ = err // arguments may be anything; they must not panic
		}
		_ = tx.ID()
		if set, err := ParseReadWriteSet(raw); err == nil {
			_ = set.HasPrivateWrites()
			_ = set.Namespace("x")
		}
		b := &common.Block{}
		if proto.Unmarshal(raw, b) == nil {
			_, _ = Flags(b)
			_, _ = CommitHash(b)
			_, _ = OrdererSignatures(b)
			_ = CheckLink(b, nil)
		}
	})
}
