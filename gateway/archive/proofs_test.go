package archive

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// The paths are those of RFC 6962, for any number of leaves.
func TestProofsAreInclusionProofs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := make([]trace.Digest, rapid.IntRange(1, 70).Draw(t, "leaves"))
		for i := range leaves {
			leaves[i] = rules.LeafHash([]byte{byte(i)})
		}
		p := newProofs(leaves)
		for i := range leaves {
			want, ok := rules.InclusionProof(leaves, int64(i))
			require.True(t, ok)
			require.Equal(t, want, p.path(int64(i)))
		}
	})
}
