package main

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// droppingProxy stands in front of a peer, passes on what it does not read, and loses
// the answers of as many submits as it is told to, after the peer has ordered them.
type droppingProxy struct {
	conn     *grpc.ClientConn
	listener net.Listener
	tlsCA    string
	lose     atomic.Int64
}

func newDroppingProxy(t *testing.T, to *Peer) *droppingProxy {
	conn, err := dial(to)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	// Any certificate for 127.0.0.1 will do, with itself as its authority.
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	defer certified.Close()
	p := &droppingProxy{conn: conn, listener: listener, tlsCA: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw}))}
	server := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"h2"}})),
		grpc.ForceServerCodec(passed{}), grpc.UnknownServiceHandler(p.pass), grpc.MaxRecvMsgSize(maxMessage),
	)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		conn.Close()
	})
	return p
}

func (p *droppingProxy) peer() Peer { return Peer{Address: p.listener.Addr().String(), TLSCA: p.tlsCA} }

// pass carries one call both ways.
func (p *droppingProxy) pass(_ any, caller grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(caller)
	given, _ := metadata.FromIncomingContext(caller.Context())
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(caller.Context(), given))
	defer cancel()
	peer, err := p.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method, grpc.ForceCodec(passed{}))
	if err != nil {
		return err
	}
	go func() {
		for {
			var message []byte
			if caller.RecvMsg(&message) != nil {
				_ = peer.CloseSend()
				return
			}
			if peer.SendMsg(&message) != nil {
				return
			}
		}
	}()
	for {
		var message []byte
		if err := peer.RecvMsg(&message); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if strings.HasSuffix(method, "/Submit") && p.loses() {
			return status.Error(codes.Unavailable, "the answer is lost")
		}
		if err := caller.SendMsg(&message); err != nil {
			return err
		}
	}
}

func (p *droppingProxy) loses() bool {
	for {
		left := p.lose.Load()
		if left == 0 {
			return false
		}
		if p.lose.CompareAndSwap(left, left-1) {
			return true
		}
	}
}

// passed is a codec of messages that are not looked into.
type passed struct{}

var _ encoding.Codec = passed{}

func (passed) Marshal(v any) ([]byte, error) {
	message, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("%T is no message to pass", v)
	}
	return *message, nil
}

func (passed) Unmarshal(data []byte, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("%T is no message to pass", v)
	}
	*message = append([]byte(nil), data...)
	return nil
}

func (passed) Name() string { return "proto" }
