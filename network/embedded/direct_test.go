package embedded

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Close does not wait for clients that keep a stream open, neither for one that asks for
// nothing nor for one that does not take its blocks.
func TestCloseEndsDirectStreams(t *testing.T) {
	l, err := Open(testConfig(vfs.NewMem()))
	require.NoError(t, err)
	e, err := l.Enrol("ProducerMSP", "reader", nil)
	require.NoError(t, err)
	id, sign := clientIdentity(t, e)
	g, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(l.Direct()),
		client.WithEndorseTimeout(patience), client.WithSubmitTimeout(patience), client.WithCommitStatusTimeout(patience))
	require.NoError(t, err)
	for range 5 { // more blocks than are kept on the way
		_, err = g.GetNetwork("trace").GetContract("store").SubmitTransaction("put", "a", "1")
		require.NoError(t, err)
	}
	idle, err := peer.NewDeliverClient(l.Direct()).Deliver(context.Background())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	blocks, err := g.GetNetwork("trace").BlockEvents(ctx, client.WithStartBlock(0))
	require.NoError(t, err)
	require.NotNil(t, <-blocks)

	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	select {
	case err := <-closed:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("Close waits for a client")
	}
	_, err = idle.Recv()
	require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
	_, err = peer.NewDeliverClient(l.Direct()).Deliver(context.Background())
	require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
	for range blocks { // what was on its way; then it ends
		continue
	}
	require.NoError(t, g.Close())
}

// A call whose time is over says so, also when the channel had only an EOF to give.
func TestDirectCallsEndInTime(t *testing.T) {
	over, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	left, leave := context.WithCancel(context.Background())
	leave()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want codes.Code
	}{
		{over, io.EOF, codes.DeadlineExceeded}, {left, io.EOF, codes.Canceled}, {context.Background(), nil, codes.OK},
		{over, nil, codes.OK}, {over, errUnavailable, codes.Unavailable},
	} {
		require.Equal(t, c.want, status.Code(inTime(c.ctx, c.err)))
	}
	_, err := gateway.NewGatewayClient(openTest(t, testConfig(vfs.NewMem())).Direct()).CommitStatus(left, &gateway.SignedCommitStatusRequest{})
	require.Equal(t, codes.Canceled, status.Code(err))
}
