package index_test

import (
	"context"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/network/block"
)

// FuzzEnvelope reads a block with any bytes in place of an envelope: never a panic.
// The block is not the next one, so that one index serves all tries.
func FuzzEnvelope(f *testing.F) {
	c := newChain(f)
	kiwifruit(c)
	for _, b := range c.blocks[:4] {
		f.Add(b.Data.Data[0])
	}
	f.Add([]byte{})
	x := folded(f, c)
	f.Fuzz(func(t *testing.T, envelope []byte) {
		b := block.New(1, nil, [][]byte{envelope})
		block.SetFlags(b, []peer.TxValidationCode{peer.TxValidationCode_VALID})
		err := x.Follow(context.Background(), func(_ context.Context, _ uint64, handle func(*common.Block) error) error {
			return handle(b)
		})
		require.Equal(t, index.CodeBlock, trace.CodeOf(err), "%v", err)
	})
}
