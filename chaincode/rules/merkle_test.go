package rules

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

// The reference vectors of RFC 6962's implementers (Certificate Transparency).
func TestMerkleRootsOfTheReference(t *testing.T) {
	inputs := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var leaves []trace.Digest
	require.Equal(t, roots[0], MerkleRoot(leaves).String())
	for i, in := range inputs {
		b, err := hex.DecodeString(in)
		require.NoError(t, err)
		leaves = append(leaves, LeafHash(b))
		require.Equal(t, roots[i+1], MerkleRoot(leaves).String())
	}
}

// A proof verifies here and with the public implementation; with any one bit changed,
// cut, padded or moved to another index it does not.
func TestInclusionProofs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 70).Draw(t, "count")
		leaves := make([]trace.Digest, count)
		for i := range leaves {
			leaves[i] = LeafHash([]byte{byte(i)})
		}
		root := MerkleRoot(leaves)
		index := rapid.Int64Range(0, int64(count)-1).Draw(t, "index")
		path, ok := InclusionProof(leaves, index)
		require.True(t, ok)
		verify := func() bool { return VerifyInclusion(root, leaves[index], index, int64(count), path) }
		require.True(t, verify())

		public := make([][]byte, len(path))
		for i := range path {
			public[i] = path[i][:]
		}
		require.NoError(t, proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(count), leaves[index][:], public, root[:]))

		require.False(t, VerifyInclusion(root, leaves[index], index, int64(count), append(path[:len(path):len(path)], root)))
		for other := range int64(count) {
			if other != index {
				require.False(t, VerifyInclusion(root, leaves[index], other, int64(count), path))
			}
		}
		if len(path) == 0 {
			return
		}
		require.False(t, VerifyInclusion(root, leaves[index], index, int64(count), path[:len(path)-1]))
		bit := rapid.IntRange(0, len(path)*256-1).Draw(t, "bit")
		path[bit/256][bit%256/8] ^= 1 << (bit % 8)
		require.False(t, verify())
	})
	_, ok := InclusionProof(nil, 0)
	require.False(t, ok)
	require.False(t, VerifyInclusion(trace.Digest{}, trace.Digest{}, -1, 3, nil))
	require.False(t, VerifyInclusion(trace.Digest{}, trace.Digest{}, 3, 3, nil))
}

func BenchmarkMerkleRoot(b *testing.B) {
	leaves := make([]trace.Digest, 1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		MerkleRoot(leaves)
	}
}
