package fabric

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

// replaceTLSAuthority makes an organisation a new TLS authority as docs/operations.md does:
// the new certificate stands before the old one's, and the new key is in the old one's place.
func replaceTLSAuthority(t *testing.T, n *Network, plan peerPlan) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{Organization: []string{plan.Domain}, CommonName: "tlsca2." + plan.Domain},
		NotBefore:    time.Now().Add(-time.Minute), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	folder := n.organisationFolder(plan, "tlsca")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	file := filepath.Join(folder, "tlsca."+plan.Domain+"-cert.pem")
	before, _ := os.ReadFile(file) // none: the first
	content := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), before...)
	require.NoError(t, os.WriteFile(file, content, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "priv_sk"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	ca, err := loadAuthority(folder)
	require.NoError(t, err)
	return ca
}

// TestServiceTLSIsRenewed: keys of the link between peer and chaincode are kept until one of
// them is near its end or of an authority that was replaced, and the peer's own copy, which is the one it
// reads, follows.
func TestServiceTLSIsRenewed(t *testing.T) {
	peer := peerPlan{nodePlan: nodePlan{MSPID: "LabMSP", Domain: "lab.example", Hostname: "peer0"}}
	service := servicePlan{MSPID: "LabMSP", Chaincode: "store", Label: "store_1-aa", PackageID: "store_1-aa:bb", Address: "127.0.0.1:15001"}
	var warned strings.Builder
	n := &Network{
		dir: t.TempDir(), plan: topology{Peers: []peerPlan{peer}, Services: []servicePlan{service}}, conns: map[string]*grpc.ClientConn{},
		logger: slog.New(slog.NewTextHandler(&warned, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	ca := replaceTLSAuthority(t, n, peer)
	require.NoError(t, os.MkdirAll(filepath.Join(n.nodeFolder("LabMSP/peer"), "chaincode"), 0o700))
	renewed := func() bool {
		t.Helper()
		renewed, err := n.renewedTLS("LabMSP/store")
		require.NoError(t, err)
		return renewed
	}
	read := func(path string) string {
		t.Helper()
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(content)
	}
	crt := filepath.Join(n.serviceFolder(service), "server.crt")
	peersEnd := filepath.Join(n.nodeFolder("LabMSP/peer"), "chaincode", "store_1-aa.json")
	built := filepath.Join(n.nodeFolder("LabMSP/peer"), "data/externalbuilder/builds/store_1-aa-bb/release/chaincode/server/connection.json")

	require.True(t, renewed(), "there were none")
	require.NoFileExists(t, built, "the package is not installed yet")
	require.NoError(t, os.MkdirAll(filepath.Dir(built), 0o700))
	require.NoError(t, os.WriteFile(built, []byte("of the day it was installed"), 0o600))
	first := read(crt)
	require.False(t, renewed())
	require.Equal(t, first, read(crt))
	require.Equal(t, read(peersEnd), read(built))

	lasting := func(d time.Duration) string {
		pair, err := ca.issue(&x509.Certificate{NotAfter: time.Now().Add(d)})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(crt), "server.key"), pair.keyPEM, 0o600))
		return string(pair.certPEM)
	}
	for _, c := range []struct {
		name  string
		spoil func()
	}{
		{"the server's certificate ends soon", func() { require.NoError(t, os.WriteFile(crt, []byte(lasting(renewBefore-time.Hour)), 0o600)) }},
		{"the peer's certificate ends soon", func() {
			var end connection
			require.NoError(t, json.Unmarshal([]byte(read(peersEnd)), &end))
			pair, err := ca.issue(&x509.Certificate{NotAfter: time.Now().Add(renewBefore - time.Hour)})
			require.NoError(t, err)
			end.ClientCert, end.ClientKey = string(pair.certPEM), string(pair.keyPEM)
			content, err := json.Marshal(end)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(peersEnd, content, 0o600))
		}},
		{"key and certificate are not a pair", func() { lasting(time.Hour) }},
		{"the peer's end is lost", func() { require.NoError(t, os.Remove(peersEnd)) }},
		{"the authority was replaced", func() { ca = replaceTLSAuthority(t, n, peer) }},
		{"the old authority is trusted no more", func() {
			only := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.certificate.Raw})
			require.NoError(t, os.WriteFile(filepath.Join(n.organisationFolder(peer, "tlsca"), "tlsca.lab.example-cert.pem"), only, 0o600))
		}},
	} {
		before := read(crt)
		c.spoil()
		require.True(t, renewed(), c.name)
		require.NotEqual(t, before, read(crt), c.name)
		require.Equal(t, read(peersEnd), read(built), c.name)
		require.False(t, renewed(), c.name)
	}
	kept := lasting(renewBefore + time.Hour)
	require.NoError(t, os.WriteFile(crt, []byte(kept), 0o600))
	require.False(t, renewed(), "it is good for a while yet")

	// The authority's key is kept elsewhere: who trusts it needs it not, and who would renew says so.
	require.NoError(t, os.Remove(filepath.Join(n.organisationFolder(peer, "tlsca"), "priv_sk")))
	require.False(t, renewed())
	require.Empty(t, warned.String())
	conn, err := n.Conn("LabMSP")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	ends := lasting(renewBefore - time.Hour)
	require.NoError(t, os.WriteFile(crt, []byte(ends), 0o600))
	require.False(t, renewed())
	require.Equal(t, ends, read(crt))
	require.Regexp(t, `is to be renewed, and the key .* is not in this folder.* node=LabMSP/store .* ends=20`, warned.String())

	require.NoError(t, os.RemoveAll(n.organisationFolder(peer, "")))
	require.NoError(t, os.WriteFile(built, []byte("of the day it was installed"), 0o600))
	require.False(t, renewed(), "a host without the authority keeps what it was given")
	require.Equal(t, read(peersEnd), read(built))
}

// testReplacedTLSAuthority has an organisation's chaincode process killed after its TLS
// authority was replaced: up gives both ends of the link keys of the new one.
func testReplacedTLSAuthority(t *testing.T, network *Network) {
	ctx := t.Context()
	plan, err := network.plan.peer("LabMSP")
	require.NoError(t, err)
	service, ok := network.service(func(s servicePlan) bool { return s.MSPID == "LabMSP" })
	require.True(t, ok)
	ca := replaceTLSAuthority(t, network, plan)
	node, err := network.Node("LabMSP/store")
	require.NoError(t, err)
	node.Kill()
	require.NoError(t, network.up(ctx))
	require.True(t, linked(ca, network.serviceFolder(service), network.builtConnection(plan, service), service.Address), "what the peer reads is new")
	eventually(t, func() error { // asked of the peer itself: a gateway would turn to another
		_, err := network.invokePeer(ctx, plan, network.channel, "store", []byte("run"), []byte(`[{"op":"get","key":"by-LabMSP"}]`))
		return err
	})
}
