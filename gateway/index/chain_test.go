package index_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"traceledger/chaincode/trace"
	"traceledger/network/block"
)

// chain composes blocks as a peer delivers them, without a ledger: what the fold does
// with blocks that the contracts would never let through can only be tried so.
// Signatures are bytes of the right length; the fold leaves them to the ledger.
type chain struct {
	t         testing.TB
	blocks    []*common.Block
	writers   map[string][]byte // "{role} {party}" → serialized identity
	endorsers map[string][]byte // MSP id → serialized identity
	now       time.Time
	sent      uint64
}

// sent is one transaction on its way into a block.
type sent struct {
	role      trace.Role
	party     trace.PartyID
	msp       string   // of the creator; "" is the role's own
	endorsers []string // nil: three, with the role's own
	code      peer.TxValidationCode
	chaincode string // "" is "trace"
	writes    []*kvrwset.KVWrite
}

func newChain(t testing.TB) *chain {
	c := &chain{
		t: t, writers: map[string][]byte{}, endorsers: map[string][]byte{},
		now: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
	}
	for _, id := range trace.MSPs() {
		c.endorsers[id] = serialized(t, id, "peer", "")
	}
	config := c.marshal(&common.Envelope{Payload: c.marshal(&common.Payload{
		Header: &common.Header{
			ChannelHeader:   c.marshal(&common.ChannelHeader{Type: int32(common.HeaderType_CONFIG), ChannelId: "trace"}),
			SignatureHeader: c.marshal(&common.SignatureHeader{Creator: c.endorsers[trace.RegulatorMSP], Nonce: []byte("nonce")}),
		},
	})})
	c.seal([][]byte{config}, []peer.TxValidationCode{peer.TxValidationCode_VALID})
	return c
}

// configure puts a configuration of the channel into a block, with these members.
func (c *chain) configure(members ...string) {
	application := &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{}}
	for _, id := range members {
		definition := c.marshal(&msp.MSPConfig{Config: c.marshal(&msp.FabricMSPConfig{Name: id})})
		application.Groups["group of "+id] = &common.ConfigGroup{Values: map[string]*common.ConfigValue{"MSP": {Value: definition}}}
	}
	envelope := c.marshal(&common.Envelope{Payload: c.marshal(&common.Payload{
		Header: &common.Header{
			ChannelHeader:   c.marshal(&common.ChannelHeader{Type: int32(common.HeaderType_CONFIG), ChannelId: "trace"}),
			SignatureHeader: c.marshal(&common.SignatureHeader{Creator: c.endorsers[trace.RegulatorMSP], Nonce: []byte("nonce")}),
		},
		Data: c.marshal(&common.ConfigEnvelope{Config: &common.Config{ChannelGroup: &common.ConfigGroup{
			Groups: map[string]*common.ConfigGroup{"Application": application},
		}}}),
	})})
	c.seal([][]byte{envelope}, []peer.TxValidationCode{peer.TxValidationCode_VALID})
}

func serialized(t testing.TB, mspID string, role trace.Role, party trace.PartyID) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	attributes, err := json.Marshal(map[string]any{"attrs": map[string]string{
		trace.AttributeRole: string(role), trace.AttributeParty: string(party), "hf.Affiliation": "",
	}})
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: string(party), OrganizationalUnit: []string{"client"}},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}, Value: attributes}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	raw, err := proto.Marshal(&msp.SerializedIdentity{
		Mspid: mspID, IdBytes: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	})
	require.NoError(t, err)
	return raw
}

func (c *chain) marshal(m proto.Message) []byte {
	raw, err := proto.Marshal(m)
	require.NoError(c.t, err)
	return raw
}

// put makes a write of a key; a nil value deletes it, bytes stand as they are,
// anything else as JSON.
func put(t testing.TB, key trace.Key, value any) *kvrwset.KVWrite {
	switch v := value.(type) {
	case nil:
		return &kvrwset.KVWrite{Key: string(key), IsDelete: true}
	case []byte:
		return &kvrwset.KVWrite{Key: string(key), Value: v}
	}
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	return &kvrwset.KVWrite{Key: string(key), Value: raw}
}

// add puts transactions into one block and returns its number.
func (c *chain) add(transactions ...sent) uint64 {
	var envelopes [][]byte
	var codes []peer.TxValidationCode
	for _, tx := range transactions {
		envelopes = append(envelopes, c.envelope(tx))
		codes = append(codes, tx.code)
	}
	return c.seal(envelopes, codes)
}

func (c *chain) seal(envelopes [][]byte, codes []peer.TxValidationCode) uint64 {
	var previous []byte
	if n := len(c.blocks); n > 0 {
		previous = block.HeaderHash(c.blocks[n-1].Header)
	}
	b := block.New(uint64(len(c.blocks)), previous, envelopes)
	block.SetFlags(b, codes)
	c.blocks = append(c.blocks, b)
	return b.Header.Number
}

func (c *chain) writer(tx sent) []byte {
	id := tx.msp
	if id == "" {
		id = trace.MSPOf(tx.role)
	}
	name := id + " " + string(tx.role) + " " + string(tx.party)
	if c.writers[name] == nil {
		c.writers[name] = serialized(c.t, id, tx.role, tx.party)
	}
	return c.writers[name]
}

func (c *chain) envelope(tx sent) []byte {
	c.sent++
	c.now = c.now.Add(time.Second)
	creator := c.writer(tx)
	nonce := binary.BigEndian.AppendUint64([]byte("a nonce of 24 by"), c.sent)
	chaincode := tx.chaincode
	if chaincode == "" {
		chaincode = "trace"
	}
	name := &peer.ChaincodeID{Name: chaincode, Version: "1"}
	channel := c.marshal(&common.ChannelHeader{
		Type: int32(common.HeaderType_ENDORSER_TRANSACTION), TxId: block.TransactionID(nonce, creator), ChannelId: "trace",
		Timestamp: timestamppb.New(c.now), Extension: c.marshal(&peer.ChaincodeHeaderExtension{ChaincodeId: name}),
	})
	signature := c.marshal(&common.SignatureHeader{Creator: creator, Nonce: nonce})
	arguments := [][]byte{[]byte("contract:Method")}
	for _, w := range tx.writes {
		arguments = append(arguments, w.Value) // as large as what it becomes
	}
	proposal := c.marshal(&peer.ChaincodeProposalPayload{Input: c.marshal(&peer.ChaincodeInvocationSpec{
		ChaincodeSpec: &peer.ChaincodeSpec{ChaincodeId: name, Input: &peer.ChaincodeInput{Args: arguments}},
	})})
	set := &kvrwset.KVRWSet{Writes: tx.writes}
	for _, read := range []string{"epoch", "party/" + string(tx.party), "guardready/" + trace.ProducerMSP} {
		set.Reads = append(set.Reads, &kvrwset.KVRead{Key: read, Version: &kvrwset.Version{BlockNum: 3, TxNum: 1}})
	}
	response := c.marshal(&peer.ProposalResponsePayload{
		ProposalHash: block.ProposalHash(channel, signature, proposal),
		Extension: c.marshal(&peer.ChaincodeAction{
			ChaincodeId: name, Response: &peer.Response{Status: 200, Payload: []byte(`{"record":"…"}`)},
			Results: c.marshal(&rwset.TxReadWriteSet{NsRwset: []*rwset.NsReadWriteSet{{Namespace: chaincode, Rwset: c.marshal(set)}}}),
		}),
	})
	action := c.marshal(&peer.ChaincodeActionPayload{
		ChaincodeProposalPayload: proposal,
		Action:                   &peer.ChaincodeEndorsedAction{ProposalResponsePayload: response, Endorsements: c.endorsements(tx)},
	})
	return c.marshal(&common.Envelope{
		Payload: c.marshal(&common.Payload{
			Header: &common.Header{ChannelHeader: channel, SignatureHeader: signature},
			Data:   c.marshal(&peer.Transaction{Actions: []*peer.TransactionAction{{Header: signature, Payload: action}}}),
		}),
		Signature: make([]byte, 71),
	})
}

func (c *chain) endorsements(tx sent) []*peer.Endorsement {
	names := tx.endorsers
	if names == nil {
		names = []string{trace.MSPOf(tx.role)}
		for _, id := range trace.MSPs() {
			if id != names[0] && len(names) < 3 {
				names = append(names, id)
			}
		}
	}
	var out []*peer.Endorsement
	for _, id := range names {
		out = append(out, &peer.Endorsement{Endorser: c.endorsers[id], Signature: make([]byte, 71)})
	}
	return out
}

// source hands over the blocks that exist, then ends.
func (c *chain) source(_ context.Context, from uint64, handle func(*common.Block) error) error {
	for _, b := range c.blocks[from:] {
		if err := handle(b); err != nil {
			return err
		}
	}
	return nil
}
