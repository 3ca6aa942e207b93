package ledger

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

// One stream tells of every commit, valid or not; nobody asks.
func TestCommitsAreHeard(t *testing.T) {
	n := newNetwork(t)
	c := n.client(t, openStore(t, vfs.NewMem()), n.withReader)
	awaitStream(t, c)
	n.faults.set(nil)
	var work sync.WaitGroup
	for i := range 20 {
		work.Go(func() {
			_, err := c.Submit(background, n.farm, add(fmt.Sprint("balance ", i%3), fmt.Sprint(i)))
			require.NoError(t, err)
		})
	}
	work.Wait()
	require.Zero(t, n.faults.count(asking))
	require.Empty(t, c.commits.waiting)
	require.NoError(t, c.Close())
}

// The stream breaks all the time: the outcome is asked for instead.
func TestCommitsSurviveBrokenStreams(t *testing.T) {
	n := newNetwork(t)
	var streams atomic.Int64
	n.faults.stream = func(stream grpc.ClientStream) grpc.ClientStream {
		return &brittleStream{stream, 1 + int(streams.Add(1))%3}
	}
	c := n.client(t, openStore(t, vfs.NewMem()), n.withReader)
	for i := range 50 {
		_, err := c.Submit(background, n.farm, add("balance", fmt.Sprint(i)))
		require.NoError(t, err)
	}
	require.Greater(t, streams.Load(), int64(2))
	require.NoError(t, c.Close())
	require.Equal(t, "50", n.value("balance"))
}

// silentStream says nothing after its first message, as a peer does that has vanished.
type silentStream struct {
	grpc.ClientStream
	ctx   context.Context
	spoke bool
}

func (s *silentStream) RecvMsg(m any) error {
	if s.spoke {
		<-s.ctx.Done()
		return s.ctx.Err()
	}
	s.spoke = true
	return s.ClientStream.RecvMsg(m)
}

func TestCommitsOfASilentStreamAreAskedFor(t *testing.T) {
	n := newNetwork(t)
	n.faults.stream = func(stream grpc.ClientStream) grpc.ClientStream {
		return &silentStream{ClientStream: stream, ctx: stream.Context()}
	}
	c := n.client(t, openStore(t, vfs.NewMem()), n.withReader, func(cfg *Config) { cfg.CommitTimeout = 10 * time.Millisecond })
	awaitStream(t, c)
	n.faults.set(nil)
	_, err := c.Submit(background, n.farm, add("page", "key"))
	require.NoError(t, err)
	require.Equal(t, 1, n.faults.count(asking))
	require.Empty(t, c.commits.waiting)
	require.NoError(t, c.Close())
}

// A duplicate of a transaction says nothing about its first copy.
func TestCommitsOfDuplicatesAreNotTold(t *testing.T) {
	s := commits{waiting: map[string]chan ending{}}
	nothing := s.expect("early")
	_, ok := nothing.wait(background, time.Hour)
	require.False(t, ok, "there is no stream to wait for")
	s.begin()
	e := s.expect("id")
	block := func(code peer.TxValidationCode) []*peer.FilteredTransaction {
		return []*peer.FilteredTransaction{{Txid: "other"}, {Txid: "id", TxValidationCode: code}}
	}
	s.tell(7, block(peer.TxValidationCode_DUPLICATE_TXID))
	require.Empty(t, e.ended)
	s.tell(8, block(peer.TxValidationCode_MVCC_READ_CONFLICT))
	s.tell(9, block(peer.TxValidationCode_VALID))
	end, ok := e.wait(background, time.Hour)
	require.True(t, ok)
	require.Equal(t, ending{code: peer.TxValidationCode_MVCC_READ_CONFLICT, block: 8}, end, "the first outcome of an id is its outcome")
	lost := s.expect("lost")
	s.end()
	_, ok = lost.wait(background, time.Hour)
	require.False(t, ok)
}
