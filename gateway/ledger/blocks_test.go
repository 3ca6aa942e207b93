package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

// brittleStream ends without a word after a few messages.
type brittleStream struct {
	grpc.ClientStream
	left int
}

func (s *brittleStream) RecvMsg(m any) error {
	if s.left == 0 {
		return gone
	}
	s.left--
	return s.ClientStream.RecvMsg(m)
}

func TestBlocksSurviveBrokenStreams(t *testing.T) {
	n := newNetwork(t)
	c := n.client(t, openStore(t, vfs.NewMem()))
	for i := range 5 {
		_, err := c.Submit(background, n.farm, write(fmt.Sprint(i), fmt.Sprint(i)))
		require.NoError(t, err)
	}
	var streams atomic.Int64
	n.faults.stream = func(stream grpc.ClientStream) grpc.ClientStream {
		return &brittleStream{stream, int(streams.Add(1)) % 3}
	}
	ctx, cancel := context.WithCancel(background)
	seen := make(chan uint64, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Blocks(ctx, n.farm, 1, func(block *common.Block) error {
			seen <- block.GetHeader().GetNumber()
			return nil
		})
	}()
	next := uint64(1)
	until := func(height uint64) {
		for ; next < height; next++ {
			require.Equal(t, next, <-seen, "in order, each once")
		}
	}
	until(n.ledger.Height())
	_, err := c.Submit(background, n.farm, write("live", "live"))
	require.NoError(t, err)
	until(n.ledger.Height())
	require.Greater(t, streams.Load(), int64(2))
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)

	stop := errors.New("stop")
	require.ErrorIs(t, c.Blocks(background, n.farm, 0, func(*common.Block) error { return stop }), stop)
	require.NoError(t, c.Close())
}
