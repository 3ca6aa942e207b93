package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// One stream tells of every commit, valid or not; nobody asks.
func TestCommitsAreHeard(t *testing.T) {
	n := newNetwork(t)
	c := n.client(t, openStore(t, vfs.NewMem()), n.withReader, func(cfg *Config) { cfg.CommitTimeout = time.Hour }) // or a slow machine would ask
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
	require.Zero(t, expected(c))
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
	written := 0
	for began := time.Now(); written < 50 || streams.Load() < 3; written++ { // it takes a moment to open one anew
		require.Less(t, time.Since(began), 2*patience, "a broken stream is not opened anew")
		_, err := c.Submit(background, n.farm, add("balance", fmt.Sprint(written)))
		require.NoError(t, err)
	}
	require.NoError(t, c.Close())
	require.Equal(t, fmt.Sprint(written), n.value("balance"))
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

// Commits of a silent stream are asked for, and another stream takes its place.
func TestCommitsOfASilentStream(t *testing.T) {
	n := newNetwork(t)
	var streams atomic.Int64
	n.faults.stream = func(stream grpc.ClientStream) grpc.ClientStream {
		if streams.Add(1) > 1 {
			return stream
		}
		return &silentStream{ClientStream: stream, ctx: stream.Context()}
	}
	c := n.client(t, openStore(t, vfs.NewMem()), n.withReader, func(cfg *Config) {
		cfg.CommitTimeout, cfg.DoubtTimeout, cfg.StatusTimeout = 10*time.Millisecond, patience, patience // asked once
	})
	awaitStream(t, c)
	n.faults.set(nil)
	_, err := c.Submit(background, n.farm, add("page", "key"))
	require.NoError(t, err)
	require.Equal(t, 1, n.faults.count(asking))
	require.Zero(t, expected(c))
	require.Eventually(t, func() bool { return streams.Load() >= 2 }, patience, time.Millisecond)
	require.NoError(t, c.Close())
}

// While the preferred peer is away another one streams, and no longer.
func TestCommitsComeHome(t *testing.T) {
	n := newNetwork(t)
	var down atomic.Bool
	down.Store(true)
	n.faults.set(func(_ string, _ int, proceed func() error) error {
		if down.Load() {
			return gone
		}
		return proceed()
	})
	var at atomic.Value
	other := &faultyConn{ClientConnInterface: n.ledger.Conn()}
	for name, conn := range map[string]*faultyConn{"own": n.faults, "other": other} {
		conn.stream = func(stream grpc.ClientStream) grpc.ClientStream {
			at.Store(name)
			return stream
		}
	}
	c := n.client(t, openStore(t, vfs.NewMem()), n.withReader, func(cfg *Config) {
		cfg.Conns, cfg.away = append(cfg.Conns, other), 100*time.Millisecond
	})
	awaitStream(t, c)
	require.Equal(t, "other", at.Load())
	down.Store(false)
	c.routes.welcome(c.routes.all[0])
	require.Eventually(t, func() bool { return at.Load() == "own" }, patience, time.Millisecond)
	require.NoError(t, c.Close())
}

// The gateway's own certificate counts no more. Whoever calls asks, and is answered.
func TestCommitsWithoutAReaderThatCounts(t *testing.T) {
	n := newNetwork(t)
	stranger := newNetwork(t).enrol("PlatformMSP", "reader", nil)
	c := n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) { cfg.Reader = &stranger })
	receipt, err := c.Submit(background, n.farm, add("page", "key"))
	require.NoError(t, err)
	require.Equal(t, "1", string(receipt.Result))
	require.NoError(t, c.Close())
}

// Somebody else's envelope under a transaction's id says nothing about the transaction.
func TestCommitsOfStrangers(t *testing.T) {
	for _, code := range []peer.TxValidationCode{peer.TxValidationCode_BAD_PROPOSAL_TXID, peer.TxValidationCode_BAD_CREATOR_SIGNATURE, peer.TxValidationCode_BAD_PAYLOAD} {
		s := commits{waiting: map[string]chan ending{}}
		s.begin(func() {})
		e := s.expect("id")
		s.tell(7, []*peer.FilteredTransaction{{Txid: "id", TxValidationCode: code}, {Txid: "id", TxValidationCode: peer.TxValidationCode_VALID}})
		end, ok := e.wait(background, time.Hour)
		require.True(t, ok)
		require.Equal(t, ending{block: 7}, end, "%s", code)
	}
}

// A duplicate of a transaction says nothing about its first copy.
func TestCommitsOfDuplicatesAreNotTold(t *testing.T) {
	s := commits{waiting: map[string]chan ending{}}
	nothing := s.expect("early")
	_, ok := nothing.wait(background, time.Hour)
	require.False(t, ok, "there is no stream to wait for")
	s.begin(func() {})
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

// squatter has an envelope of its own committed under the id of every first transaction,
// ahead of it.
type squatter struct {
	*faultyConn
	t      *testing.T
	as     Identity
	height func() uint64 // of the ledger
	took   atomic.Int64
}

func (s *squatter) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if request, ok := args.(*gateway.SubmitRequest); ok && s.took.Add(1) == 1 {
		theirs := proto.CloneOf(request)
		theirs.PreparedTransaction = s.forge(request.GetPreparedTransaction())
		before := s.height()
		require.NoError(s.t, s.faultyConn.Invoke(ctx, method, theirs, &gateway.SubmitResponse{}, opts...))
		// In the same block it would not have the id to itself.
		require.Eventually(s.t, func() bool { return s.height() > before }, patience, time.Millisecond)
	}
	return s.faultyConn.Invoke(ctx, method, args, reply, opts...)
}

func (s *squatter) forge(envelope *common.Envelope) *common.Envelope {
	payload, signature := &common.Payload{}, &common.SignatureHeader{}
	require.NoError(s.t, proto.Unmarshal(envelope.GetPayload(), payload))
	require.NoError(s.t, proto.Unmarshal(payload.GetHeader().GetSignatureHeader(), signature))
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.as.Certificate.Raw})
	var err error
	signature.Creator, err = proto.Marshal(&msp.SerializedIdentity{Mspid: s.as.MSPID, IdBytes: certificate})
	require.NoError(s.t, err)
	payload.Header.SignatureHeader, err = proto.Marshal(signature)
	require.NoError(s.t, err)
	forged := &common.Envelope{}
	forged.Payload, err = proto.Marshal(payload)
	require.NoError(s.t, err)
	digest := sha256.Sum256(forged.GetPayload())
	forged.Signature, err = s.as.Sign(digest[:])
	require.NoError(s.t, err)
	return forged
}

// Somebody's envelope takes a transaction's id before it. The transaction is void then,
// which only the chain tells, and another one is endorsed.
func TestIDTakenByAStranger(t *testing.T) {
	n := newNetwork(t)
	for name, option := range map[string]func(*Config){"heard": n.withReader, "asked": func(*Config) {}} {
		t.Run(name, func(t *testing.T) {
			taken := &squatter{faultyConn: n.faults, t: t, as: n.enrol("CarrierMSP", "stranger "+name, nil), height: n.ledger.Height}
			c := n.client(t, openStore(t, vfs.NewMem()), option, func(cfg *Config) {
				cfg.Conns = []grpc.ClientConnInterface{taken}
				cfg.CommitTimeout, cfg.DoubtTimeout = 10*time.Millisecond, 20*time.Millisecond
			})
			receipt, err := c.Submit(background, n.farm, add(name, "key"))
			require.NoError(t, err)
			require.Equal(t, "1", string(receipt.Result))
			require.Greater(t, taken.took.Load(), int64(1))
			require.NoError(t, c.Close())
			require.Equal(t, 1, n.validWrites(name))
		})
	}
}
