//go:build soak

package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/ledger"
	"traceledger/network/fabric"
)

// refusedLots are those that callers whom the ledger does not take have tried to register.
var refusedLots = []string{"EXPIRED", "REVOKED", "CLOCK-AHEAD", "CLOCK-BEHIND", "WRONG-ROOT"}

// callers are those whom a real network does not take: each is told why, in both
// languages, and nothing is recorded.
func (l *losses) callers(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"ExpiredCertificate": l.expired,
		"RevokedCertificate": l.revoked,
		"ClockAhead":         func(t *testing.T) { l.clock(t, "CLOCK-AHEAD", 20*time.Minute) },
		"ClockBehind":        func(t *testing.T) { l.clock(t, "CLOCK-BEHIND", -20*time.Minute) },
		"WrongRoot":          l.clientOfAWrongRoot,
	} {
		t.Run(name, func(t *testing.T) {
			defer l.as(t)()
			test(t)
		})
	}
}

// refusedWith posts a lot as a factory and demands the refusal.
func (l *losses) refusedWith(t *testing.T, h *house, lot string, code trace.Code, status int, chinese string) {
	t.Helper()
	_, refusal, err := h.post(t.Context(), trace.RoleFactory, "/batches", lot, lotRequest(l.made, lot))
	require.NoError(t, err)
	require.NotNil(t, refusal)
	t.Logf("%s %d: %s / %s", refusal.Code, refusal.Status, refusal.Detail, refusal.DetailChinese)
	require.Equal(t, code, refusal.Code, refusal.Detail)
	require.Equal(t, status, refusal.Status)
	require.Contains(t, refusal.DetailChinese, chinese)
	require.Equal(t, api.Status(code), refusal.Status)
}

// expired enrols somebody whose certificate has ended.
func (l *losses) expired(t *testing.T) {
	h := l.inside(t, l.connection(t), nil)
	network, err := fabric.View(t.Context(), fabric.Config{Dir: l.dir})
	require.NoError(t, err)
	defer network.Detach()
	certPEM, keyPEM, err := network.Enrol(trace.ProducerMSP, "late", map[string]string{
		trace.AttributeRole: string(trace.RoleFactory), trace.AttributeParty: "late-factory",
	}, fabric.ValidUntil(time.Now().Add(-time.Second)))
	require.NoError(t, err)
	require.NoError(t, h.node.wallet.Put(enrolmentName("late-factory", trace.RoleFactory), trace.ProducerMSP, certPEM, keyPEM))
	h.signIn(t, "late-factory")
	l.refusedWith(t, h.house, "EXPIRED", ledger.CodeCertificate, http.StatusUnauthorized, "证书已过期")
}

// revoked enrols somebody at the CA, who is taken, puts the certificate on a revocation
// list in the channel's configuration with the commands of docs/operations.md, and
// demands that it is taken no more.
func (l *losses) revoked(t *testing.T) {
	h := l.inside(t, l.connection(t), nil)
	l.network("enrol", "-role", string(trace.RoleFactory), "-party", "revoked-factory", "-to", filepath.Join(h.node.cfg.Data, "wallet"))
	h.signIn(t, "revoked-factory")
	// Taken: what is wrong is that the regulator never admitted the party.
	l.refusedWith(t, h.house, "REVOKED", trace.CodeUnknownParty, http.StatusForbidden, "revoked-factory")
	id, err := h.node.wallet.Identity(enrolmentName("revoked-factory", trace.RoleFactory))
	require.NoError(t, err)

	folder := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "registrar", "msp", "crls"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "registrar", "msp", "crls", "crl.pem"), l.revocationList(t, id.Certificate.SerialNumber), 0o600))
	l.shell(folder, l.revocationCommands(t))

	require.Eventually(t, func() bool {
		_, refusal, err := h.post(t.Context(), trace.RoleFactory, "/batches", "REVOKED", lotRequest(l.made, "REVOKED"))
		return err == nil && refusal != nil && refusal.Code != trace.CodeUnknownParty
	}, time.Minute, 200*time.Millisecond)
	l.refusedWith(t, h.house, "REVOKED", ledger.CodeCertificate, http.StatusUnauthorized, "已被吊销")
}

// revocationList is what the organisation's Fabric CA, which signs with the same key,
// gives out with --gencrl.
func (l *losses) revocationList(t *testing.T, serial *big.Int) []byte {
	folder := filepath.Join(l.dir, "crypto", "peerOrganizations", "producer.example", "ca")
	certPEM, err := os.ReadFile(filepath.Join(folder, "ca.producer.example-cert.pem"))
	require.NoError(t, err)
	keyPEM, err := os.ReadFile(filepath.Join(folder, "priv_sk"))
	require.NoError(t, err)
	authority, err := identity.CertificateFromPEM(certPEM)
	require.NoError(t, err)
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	require.NoError(t, err)
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(24 * time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: serial, RevocationTime: time.Now().Add(-time.Minute)}},
	}, authority, key.(crypto.Signer))
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list})
}

// revocationCommands are the blocks of docs/operations.md from the tools to the channel's
// update, with this network's folder and orderer, without the CA's own client.
func (l *losses) revocationCommands(t *testing.T) string {
	_, update, found := strings.Cut(commandsUnder(t, "## Revoking a user")[0], "\nfetch\n")
	require.True(t, found)
	return "set -euo pipefail\n" + l.operationsTools() + "\nfetch\n" + update
}

// clock has a gateway whose clock is off write as the factory.
func (l *losses) clock(t *testing.T, lot string, off time.Duration) {
	shift := &clockShift{}
	h := l.inside(t, l.connection(t), func(conns []grpc.ClientConnInterface) []grpc.ClientConnInterface {
		var shifted []grpc.ClientConnInterface
		for _, conn := range conns {
			shifted = append(shifted, shiftedConn{conn, shift})
		}
		return shifted
	})
	h.signIn(t, "the-factory")
	factory, err := h.node.wallet.Identity(enrolmentName("the-factory", trace.RoleFactory))
	require.NoError(t, err)
	shift.signers = []ledger.Identity{factory, h.node.reader}
	shift.by.Store(int64(off))
	l.refusedWith(t, h.house, lot, ledger.CodeClock, http.StatusServiceUnavailable, "时钟")
	require.Equal(t, http.StatusServiceUnavailable, h.get("", "/readyz", nil), "its operator sees it too")
}

// clockShift is by how much the proposals of a gateway are off, and who signs them.
type clockShift struct {
	by      atomic.Int64
	signers []ledger.Identity
}

// shiftedConn gives proposals the time that a client with a wrong clock would give them.
type shiftedConn struct {
	grpc.ClientConnInterface
	shift *clockShift
}

func (c shiftedConn) Invoke(ctx context.Context, method string, request, answer any, options ...grpc.CallOption) error {
	var err error
	if c.shift.by.Load() != 0 {
		switch request := request.(type) {
		case *gateway.EndorseRequest:
			request.ProposedTransaction, err = c.shift.proposal(request.GetProposedTransaction())
		case *gateway.EvaluateRequest:
			request.ProposedTransaction, err = c.shift.proposal(request.GetProposedTransaction())
		}
	}
	if err != nil {
		return err
	}
	return c.ClientConnInterface.Invoke(ctx, method, request, answer, options...)
}

func (s *clockShift) proposal(signed *peer.SignedProposal) (*peer.SignedProposal, error) {
	proposal, header, channel, creator := &peer.Proposal{}, &common.Header{}, &common.ChannelHeader{}, &common.SignatureHeader{}
	for _, part := range []struct {
		raw  func() []byte
		into proto.Message
	}{
		{signed.GetProposalBytes, proposal}, {proposal.GetHeader, header}, {header.GetChannelHeader, channel}, {header.GetSignatureHeader, creator},
	} {
		if err := proto.Unmarshal(part.raw(), part.into); err != nil {
			return nil, err
		}
	}
	channel.Timestamp.Seconds += int64(time.Duration(s.by.Load()).Seconds())
	var err error
	if header.ChannelHeader, err = proto.Marshal(channel); err != nil {
		return nil, err
	}
	if proposal.Header, err = proto.Marshal(header); err != nil {
		return nil, err
	}
	raw, err := proto.Marshal(proposal)
	if err != nil {
		return nil, err
	}
	who := &msp.SerializedIdentity{}
	if err := proto.Unmarshal(creator.GetCreator(), who); err != nil {
		return nil, err
	}
	digest := sha256.Sum256(raw)
	for _, signer := range s.signers {
		if block, _ := pem.Decode(who.GetIdBytes()); block != nil && string(block.Bytes) == string(signer.Certificate.Raw) {
			signature, err := signer.Sign(digest[:])
			return &peer.SignedProposal{ProposalBytes: raw, Signature: signature}, err
		}
	}
	return nil, fmt.Errorf("nobody of the test signs as %s", who.GetMspid())
}

// clientOfAWrongRoot has a gateway trust another authority than the peers'.
func (l *losses) clientOfAWrongRoot(t *testing.T) {
	connection := l.connection(t)
	certPEM, _ := foreignServer(t)
	for i := range connection.Peers {
		connection.Peers[i].TLSCA = string(certPEM)
	}
	h := l.inside(t, connection, nil)
	h.signIn(t, "the-factory")
	l.refusedWith(t, h.house, "WRONG-ROOT", ledger.CodeLedgerUnavailable, http.StatusServiceUnavailable, "不信任")
	require.Equal(t, http.StatusServiceUnavailable, h.get("", "/readyz", nil))
}

// connection is what the platform's gateways connect with.
func (l *losses) connection(t *testing.T) *Connection {
	connection, err := readConnection(filepath.Join(l.dir, "clients", trace.PlatformMSP, connectionName))
	require.NoError(t, err)
	return connection
}

// insideHouse is a gateway within this process, on the real network.
type insideHouse struct {
	*house
	node *node
}

// wrappedEngine puts something between a gateway and the ledger.
type wrappedEngine struct {
	engine
	wrap func([]grpc.ClientConnInterface) []grpc.ClientConnInterface
}

func (e wrappedEngine) Conns() ([]grpc.ClientConnInterface, error) {
	conns, err := e.engine.Conns()
	if err == nil && e.wrap != nil {
		conns = e.wrap(conns)
	}
	return conns, err
}

// inside starts a gateway with the identities of the consortium's.
func (l *losses) inside(t *testing.T, connection *Connection, wrap func([]grpc.ClientConnInterface) []grpc.ClientConnInterface) *insideHouse {
	t.Helper()
	cfg := defaultConfig()
	cfg.Data = t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(cfg.Data, "wallet"), os.DirFS(filepath.Join(l.r.gateway.data, "wallet"))))
	cfg.Connection = filepath.Join(cfg.Data, connectionName)
	require.NoError(t, connection.write(cfg.Connection))
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	eng, err := openRemote(cfg.Connection)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, eng.Close()) })
	n, err := openNode(cfg.withBase(), wrappedEngine{eng, wrap}, logger)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	n.ready.Store(true)
	server := httptest.NewServer(n.handler)
	t.Cleanup(server.Close)
	return &insideHouse{house: &house{t: t, data: cfg.Data, base: server.URL, tokens: map[trace.Role]string{}}, node: n}
}

// signIn makes the house's factory token that of a party.
func (h *insideHouse) signIn(t *testing.T, party trace.PartyID) {
	t.Helper()
	token, err := h.node.issueToken("factory", trace.RoleFactory, party, time.Hour)
	require.NoError(t, err)
	h.tokens[trace.RoleFactory] = token
}
