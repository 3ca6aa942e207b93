package block

import (
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// New returns an unsigned block over the envelopes, its header hashes filled
// in and its metadata slots empty. previous is the header hash of the block
// before it; nil for block 0.
func New(number uint64, previous []byte, envelopes [][]byte) *common.Block {
	slots := make([][]byte, len(common.BlockMetadataIndex_name))
	for i := range slots {
		slots[i] = []byte{}
	}
	return &common.Block{
		Header: &common.BlockHeader{
			Number:       number,
			PreviousHash: previous,
			DataHash:     DataHash(envelopes),
		},
		Data:     &common.BlockData{Data: envelopes},
		Metadata: &common.BlockMetadata{Metadata: slots},
	}
}

// Flags returns the validation code of every transaction of a block that has
// been committed. It fails when a code is missing.
func Flags(b *common.Block) ([]peer.TxValidationCode, error) {
	raw := slot(b, common.BlockMetadataIndex_TRANSACTIONS_FILTER)
	if len(raw) != len(b.GetData().GetData()) {
		return nil, fmt.Errorf("block %d has %d validation flags for %d transactions",
			b.GetHeader().GetNumber(), len(raw), len(b.GetData().GetData()))
	}
	codes := make([]peer.TxValidationCode, len(raw))
	for i, c := range raw {
		codes[i] = peer.TxValidationCode(c)
	}
	return codes, nil
}

// SetFlags stores the validation codes, one byte each, in block order.
func SetFlags(b *common.Block, codes []peer.TxValidationCode) {
	raw := make([]byte, len(codes))
	for i, c := range codes {
		raw[i] = byte(c)
	}
	b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = raw
}

// CommitHash returns the peer's running hash over flags and state updates, nil
// when the block carries none (block 0, and blocks straight from an orderer).
func CommitHash(b *common.Block) ([]byte, error) {
	m := &common.Metadata{}
	if err := proto.Unmarshal(slot(b, common.BlockMetadataIndex_COMMIT_HASH), m); err != nil {
		return nil, fmt.Errorf("commit hash of block %d: %w", b.GetHeader().GetNumber(), err)
	}
	return m.GetValue(), nil
}

// SetCommitHash stores the commit hash.
func SetCommitHash(b *common.Block, hash []byte) error {
	raw, err := proto.Marshal(&common.Metadata{Value: hash})
	if err != nil {
		return fmt.Errorf("commit hash of block %d: %w", b.GetHeader().GetNumber(), err)
	}
	b.Metadata.Metadata[common.BlockMetadataIndex_COMMIT_HASH] = raw
	return nil
}

// OrdererSignature is one orderer's signature over a block.
type OrdererSignature struct {
	// Consenter is the signer's id in the channel configuration, as BFT
	// orderers name themselves. Zero when Creator names the signer.
	Consenter uint32
	// Creator is the signer's serialized identity, as Raft orderers send it.
	Creator []byte
	// Signed is the message the signature covers.
	Signed    []byte
	Signature []byte
}

// OrdererSignatures returns the signatures on a block, unchecked.
func OrdererSignatures(b *common.Block) ([]OrdererSignature, error) {
	m := &common.Metadata{}
	if err := proto.Unmarshal(slot(b, common.BlockMetadataIndex_SIGNATURES), m); err != nil {
		return nil, fmt.Errorf("signatures of block %d: %w", b.GetHeader().GetNumber(), err)
	}
	header := HeaderBytes(b.GetHeader())
	out := make([]OrdererSignature, 0, len(m.GetSignatures()))
	for _, s := range m.GetSignatures() {
		parsed := OrdererSignature{Signature: s.GetSignature()}
		who := s.GetSignatureHeader()
		if len(who) == 0 && len(s.GetIdentifierHeader()) > 0 {
			who = s.GetIdentifierHeader()
			id := &common.IdentifierHeader{}
			if err := proto.Unmarshal(who, id); err != nil {
				return nil, fmt.Errorf("identifier header in block %d: %w", b.GetHeader().GetNumber(), err)
			}
			parsed.Consenter = id.GetIdentifier()
		} else {
			signer := &common.SignatureHeader{}
			if err := proto.Unmarshal(who, signer); err != nil {
				return nil, fmt.Errorf("signature header in block %d: %w", b.GetHeader().GetNumber(), err)
			}
			parsed.Creator = signer.GetCreator()
		}
		parsed.Signed = sealed(m.GetValue(), who, header)
		out = append(out, parsed)
	}
	return out, nil
}

// Seal signs a block the way a BFT consenter does. sign receives the message
// and returns an ASN.1 ECDSA signature over its SHA-256. lastConfig is the
// number of the newest configuration block, nonce makes signatures distinct.
func Seal(b *common.Block, consenter uint32, nonce []byte, lastConfig uint64, sign func([]byte) ([]byte, error)) error {
	value, err := proto.Marshal(&common.OrdererBlockMetadata{LastConfig: &common.LastConfig{Index: lastConfig}})
	if err != nil {
		return fmt.Errorf("orderer metadata of block %d: %w", b.GetHeader().GetNumber(), err)
	}
	identifier, err := proto.Marshal(&common.IdentifierHeader{Identifier: consenter, Nonce: nonce})
	if err != nil {
		return fmt.Errorf("identifier header of block %d: %w", b.GetHeader().GetNumber(), err)
	}
	signature, err := sign(sealed(value, identifier, HeaderBytes(b.GetHeader())))
	if err != nil {
		return fmt.Errorf("sign block %d: %w", b.GetHeader().GetNumber(), err)
	}
	raw, err := proto.Marshal(&common.Metadata{
		Value:      value,
		Signatures: []*common.MetadataSignature{{IdentifierHeader: identifier, Signature: signature}},
	})
	if err != nil {
		return fmt.Errorf("signatures of block %d: %w", b.GetHeader().GetNumber(), err)
	}
	b.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES] = raw
	return nil
}

// CheckLink verifies what a block says about itself and its predecessor: the
// data hash, and previous, the header hash of the block before it (nil for
// block 0).
func CheckLink(b *common.Block, previous []byte) error {
	h := b.GetHeader()
	if h == nil || b.GetData() == nil || b.GetMetadata() == nil {
		return errors.New("block without header, data or metadata")
	}
	if got := DataHash(b.GetData().GetData()); string(got) != string(h.GetDataHash()) {
		return fmt.Errorf("block %d: data hash is %x, header says %x", h.GetNumber(), got, h.GetDataHash())
	}
	if string(previous) != string(h.GetPreviousHash()) {
		return fmt.Errorf("block %d: previous block hashes to %x, header says %x", h.GetNumber(), previous, h.GetPreviousHash())
	}
	return nil
}

func sealed(value, signer, header []byte) []byte {
	b := make([]byte, 0, len(value)+len(signer)+len(header))
	return append(append(append(b, value...), signer...), header...)
}

func slot(b *common.Block, index common.BlockMetadataIndex) []byte {
	if slots := b.GetMetadata().GetMetadata(); int(index) < len(slots) {
		return slots[index]
	}
	return nil
}
