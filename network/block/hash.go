package block

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// HeaderBytes returns the DER form of a block header, the bytes that the
// header hash and every orderer signature cover.
func HeaderBytes(h *common.BlockHeader) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Uint64(h.GetNumber())
		b.AddASN1OctetString(h.GetPreviousHash())
		b.AddASN1OctetString(h.GetDataHash())
	})
	// A builder without a fixed buffer fails only on malformed nesting, which
	// the three calls above cannot produce.
	der, _ := b.Bytes()
	return der
}

// HeaderHash returns SHA-256 of HeaderBytes. It is the PreviousHash of the
// following block.
func HeaderHash(h *common.BlockHeader) []byte {
	sum := sha256.Sum256(HeaderBytes(h))
	return sum[:]
}

// DataHash returns SHA-256 of the envelopes concatenated in block order, which
// is what BlockHeader.DataHash holds. It is flat, not a tree: proving one
// transaction against it takes the whole block.
func DataHash(envelopes [][]byte) []byte {
	h := sha256.New()
	for _, e := range envelopes {
		h.Write(e)
	}
	return h.Sum(nil)
}

// TransactionID returns the id that Fabric requires a transaction with this
// nonce and serialized creator to carry: lower-case hex, 64 characters.
func TransactionID(nonce, creator []byte) string {
	return hex.EncodeToString(sum(sha256.New(), nonce, creator))
}

// ProposalHash returns the hash that binds endorsements to the request they
// answer. proposalPayload is the ChaincodeProposalPayload without its transient
// map; the two headers are hashed exactly as they were sent.
func ProposalHash(channelHeader, signatureHeader, proposalPayload []byte) []byte {
	return sum(sha256.New(), channelHeader, signatureHeader, proposalPayload)
}

// EndorsedBytes returns what an endorser signs.
func EndorsedBytes(responsePayload, endorser []byte) []byte {
	b := make([]byte, 0, len(responsePayload)+len(endorser))
	return append(append(b, responsePayload...), endorser...)
}

// EndorsedDigests returns a function that gives SHA-256 of EndorsedBytes for
// one endorser after the other and reads the response payload, the long part,
// only once.
func EndorsedDigests(responsePayload []byte) func(endorser []byte) [sha256.Size]byte {
	prefix := sha256.New()
	prefix.Write(responsePayload)
	return func(endorser []byte) (digest [sha256.Size]byte) {
		cloner, ok := prefix.(hash.Cloner)
		if !ok {
			return sha256.Sum256(EndorsedBytes(responsePayload, endorser))
		}
		h, err := cloner.Clone()
		if err != nil {
			return sha256.Sum256(EndorsedBytes(responsePayload, endorser))
		}
		h.Write(endorser)
		h.Sum(digest[:0])
		return digest
	}
}

func sum(h hash.Hash, parts ...[]byte) []byte {
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
