package leaffile

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

// leaves makes a leaf file and its root with an RFC 6962 implementation that is not
// ours.
func leaves(t require.TestingT, count int64) ([]byte, trace.Digest) {
	file := make([]byte, 0, count*32)
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for i := range count {
		leaf := rfc6962.DefaultHasher.HashLeaf(binary.BigEndian.AppendUint64(nil, uint64(i)))
		file = append(file, leaf...)
		require.NoError(t, tree.Append(leaf, nil))
	}
	root, err := tree.GetRootHash(nil)
	require.NoError(t, err)
	return file, trace.Digest(root)
}

func verify(p Proof) error {
	path := make([][]byte, len(p.Path))
	for i := range p.Path {
		path[i] = p.Path[i][:]
	}
	return proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(p.Item-1), uint64(p.Count), p.Leaf[:], path, p.Root[:])
}

func TestProofsHoldForAnotherImplementation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.OneOf(rapid.Int64Range(1, 1200), rapid.SampledFrom([]int64{1, 2, 255, 256, 257, 511, 512, 513, 769})).Draw(t, "count")
		file, root := leaves(t, count)
		f, err := Open(bytes.NewReader(file), int64(len(file)), count, root)
		require.NoError(t, err)
		item := rapid.Int64Range(1, count).Draw(t, "item")
		p, err := f.Prove(item)
		require.NoError(t, err)
		require.NoError(t, verify(p))
		require.Equal(t, file[(item-1)*32:item*32], p.Leaf[:])
		page, at := PageOf(item)
		checked, err := f.ReadPage(page)
		require.NoError(t, err)
		require.Equal(t, p.Leaf, checked[at])

		if count > 1 {
			p.Path[rapid.IntRange(0, len(p.Path)-1).Draw(t, "step")][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
			require.Error(t, verify(p))
		}
	})
}

func TestOpenRefusesWhatTheChainDoesNotHave(t *testing.T) {
	file, root := leaves(t, 300)
	open := func(file []byte, count int64, root trace.Digest) error {
		_, err := Open(bytes.NewReader(file), int64(len(file)), count, root)
		return err
	}
	require.NoError(t, open(file, 300, root))
	require.Equal(t, CodeNotTheChains, trace.CodeOf(open(file, 299, root)), "another count")
	require.Equal(t, CodeNotTheChains, trace.CodeOf(open(file[:len(file)-1], 300, root)), "cut")
	require.Equal(t, CodeNotTheChains, trace.CodeOf(open(file, 300, trace.Digest{1})), "another root")
	require.Equal(t, CodeNotTheChains, trace.CodeOf(open(nil, 0, root)), "empty")
	for range 50 {
		changed := bytes.Clone(file)
		changed[rand.IntN(len(changed))] ^= 1 << rand.IntN(8)
		require.Equal(t, CodeNotTheChains, trace.CodeOf(open(changed, 300, root)))
	}
}

func TestAFileThatChangesLaterIsNoticed(t *testing.T) {
	file, root := leaves(t, 300)
	f, err := Open(bytes.NewReader(file), int64(len(file)), 300, root)
	require.NoError(t, err)
	file[270*32] ^= 1
	_, err = f.Prove(260)
	require.Equal(t, CodeChanged, trace.CodeOf(err))
	_, err = f.Prove(10)
	require.NoError(t, err, "another page is untouched")
	for _, item := range []int64{0, -1, 301} {
		_, err = f.Prove(item)
		require.Equal(t, CodeNoItem, trace.CodeOf(err))
	}
}

// BenchmarkProve is the figure codes-prove: one inclusion proof out of a pack of a
// million codes, ms/proof.
func BenchmarkProve(b *testing.B) {
	const count = trace.MaxPackCount
	file, root := leaves(b, count)
	f, err := Open(bytes.NewReader(file), int64(len(file)), count, root)
	require.NoError(b, err)
	b.ResetTimer()
	for range b.N {
		if _, err := f.Prove(1 + rand.Int64N(count)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/proof")
}
