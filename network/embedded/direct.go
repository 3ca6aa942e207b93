package embedded

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Direct returns a connection for stock clients in this process that calls the services
// without an HTTP/2 connection in between, which costs as much as the contract does.
// Messages are copied on the way, so neither side sees what the other does to them. It
// needs no closing; calls after Close end with Unavailable.
func (l *Ledger) Direct() grpc.ClientConnInterface { return l.DirectTo("") }

// DirectTo is Direct to the gateway of one organisation's peer, whoever the client is.
func (l *Ledger) DirectTo(mspID string) grpc.ClientConnInterface {
	channel := &inprocgrpc.Channel{}
	channel.WithServerUnaryInterceptor(l.direct.unary)
	channel.WithServerStreamInterceptor(l.direct.stream)
	gateway.RegisterGatewayServer(channel, &gatewayService{Ledger: l, home: mspID})
	peer.RegisterDeliverServer(channel, &deliverService{Ledger: l})
	return &directConn{Channel: channel, calls: l.direct}
}

// directConn is where calls within this process would differ from those of a connection.
type directConn struct {
	*inprocgrpc.Channel
	calls *directCalls
}

func (c *directConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return inTime(ctx, c.Channel.Invoke(ctx, method, args, reply, opts...))
}

// inTime says of a call whose time was over that it was. When its end and the handler's
// fall together, the channel may say EOF, which callers would take for a refusal.
func inTime(ctx context.Context, err error) error {
	if errors.Is(err, io.EOF) && ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	return err
}

// NewStream opens a stream that the ledger's end ends, like a connection: a client may
// neither ask for anything nor take what it asked for, and its handler waits for it.
func (c *directConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if c.calls.closing.Err() != nil {
		return nil, errUnavailable
	}
	ctx, hangUp := context.WithCancel(ctx)
	forget := context.AfterFunc(c.calls.closing, hangUp)
	stream, err := c.Channel.NewStream(ctx, desc, method, opts...)
	if err != nil {
		forget()
		hangUp()
		return nil, err
	}
	context.AfterFunc(ctx, func() { forget() })
	return &directStream{ClientStream: stream, calls: c.calls, hangUp: hangUp}, nil
}

type directStream struct {
	grpc.ClientStream
	calls  *directCalls
	hangUp context.CancelFunc
}

// RecvMsg gives a stream up with its end, whatever that is.
func (s *directStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err == nil {
		return nil
	}
	s.hangUp()
	if status.Code(err) == codes.Canceled && s.calls.closing.Err() != nil {
		return errUnavailable
	}
	return err
}

// errUnavailable is what a call gets from a ledger that is closed.
var errUnavailable = status.Error(codes.Unavailable, errClosed.Error())

// directCalls counts the calls under way, so that Close does not pull the store away
// from one of them: a handler outlives its caller when the caller gives up.
type directCalls struct {
	closing context.Context // ends with the ledger
	end     context.CancelFunc

	mu     sync.Mutex
	closed bool
	under  sync.WaitGroup
}

func newDirectCalls() *directCalls {
	d := &directCalls{}
	d.closing, d.end = context.WithCancel(context.Background())
	return d
}

func (d *directCalls) enter() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errUnavailable
	}
	d.under.Add(1)
	return nil
}

// close lets no further call in, ends streams and waits for what is under way.
func (d *directCalls) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.end()
	d.under.Wait()
}

func (d *directCalls) unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.under.Done()
	return handler(ctx, request)
}

func (d *directCalls) stream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.under.Done()
	return handler(service, stream)
}
