package embedded

import (
	"context"
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
	return channel
}

// directCalls counts the calls under way, so that Close does not pull the store away
// from one of them: a handler outlives its caller when the caller gives up.
type directCalls struct {
	mu     sync.Mutex
	closed bool
	under  sync.WaitGroup
}

func (d *directCalls) enter() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return status.Error(codes.Unavailable, errClosed.Error())
	}
	d.under.Add(1)
	return nil
}

// close lets no further call in and waits for those under way.
func (d *directCalls) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
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
