package rules

import (
	"crypto/sha256"
	"crypto/subtle"
	"math/bits"

	"traceledger/chaincode/trace"
)

// Merkle trees as in RFC 6962, section 2.1: SHA-256, leaves and nodes told apart by
// their first byte, an unbalanced tree split at the largest power of two. Code packs
// and segments commit to their content by such a root.

const (
	leafPrefix = 0x00
	nodePrefix = 0x01
)

// LeafHash hashes one leaf's content.
func LeafHash(content []byte) trace.Digest {
	var stack [128]byte
	b := append(stack[:0], leafPrefix)
	return sha256.Sum256(append(b, content...))
}

// NodeHash hashes two children.
func NodeHash(left, right trace.Digest) trace.Digest {
	var b [1 + 2*sha256.Size]byte
	b[0] = nodePrefix
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// CodeLeaf is the leaf of an item code: pack id followed by serial, both of fixed
// length.
func CodeLeaf(pack trace.PackID, serial trace.Serial) trace.Digest {
	var stack [trace.PackDigits + trace.SerialDigits]byte
	b := append(stack[:0], pack...)
	return LeafHash(append(b, serial...))
}

// MerkleRoot is the root over leaf hashes in order; the root of no leaves is the hash
// of nothing.
func MerkleRoot(leaves []trace.Digest) trace.Digest {
	if len(leaves) == 0 {
		return trace.DigestOf(nil)
	}
	// Complete subtrees of the leaves so far, largest first; their sizes are the bits
	// of the count. One pass, logarithmic memory.
	var subtrees [64]trace.Digest
	depth := 0
	for i, leaf := range leaves {
		subtrees[depth] = leaf
		depth++
		for n := i + 1; n&1 == 0; n >>= 1 {
			depth--
			subtrees[depth-1] = NodeHash(subtrees[depth-1], subtrees[depth])
		}
	}
	for depth > 1 {
		depth--
		subtrees[depth-1] = NodeHash(subtrees[depth-1], subtrees[depth])
	}
	return subtrees[0]
}

// InclusionProof is the audit path of leaf index, from the leaf upwards. It reports
// false for an index outside the leaves.
func InclusionProof(leaves []trace.Digest, index int64) ([]trace.Digest, bool) {
	if index < 0 || index >= int64(len(leaves)) {
		return nil, false
	}
	if len(leaves) == 1 {
		return []trace.Digest{}, true
	}
	split := int64(1) << (bits.Len64(uint64(len(leaves)-1)) - 1)
	if index < split {
		path, _ := InclusionProof(leaves[:split], index)
		return append(path, MerkleRoot(leaves[split:])), true
	}
	path, _ := InclusionProof(leaves[split:], index-split)
	return append(path, MerkleRoot(leaves[:split])), true
}

// VerifyInclusion tells whether the proof shows that leaf is number index of count
// leaves under root. The length of the proof is fixed by index and count, so no proof
// can be padded or cut.
func VerifyInclusion(root, leaf trace.Digest, index, count int64, proof []trace.Digest) bool {
	if index < 0 || index >= count {
		return false
	}
	last := uint64(count - 1)
	at := uint64(index)
	hash := leaf
	for _, sibling := range proof {
		if last == 0 {
			return false
		}
		if at&1 == 1 || at == last {
			hash = NodeHash(sibling, hash)
			// A last node without right sibling moves up unhashed until it is a right child.
			for at&1 == 0 && at != 0 {
				at >>= 1
				last >>= 1
			}
		} else {
			hash = NodeHash(hash, sibling)
		}
		at >>= 1
		last >>= 1
	}
	return last == 0 && subtle.ConstantTimeCompare(hash[:], root[:]) == 1
}
