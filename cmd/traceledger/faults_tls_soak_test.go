//go:build soak

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/stretchr/testify/require"
)

// wrongTLS gives a node a TLS certificate that nobody takes: it is as if it were away, and level
// again once it has its own.
func (l *losses) wrongTLS(t *testing.T, node, how string, certPEM, keyPEM []byte) {
	folder := l.tlsFolder(node)
	for file, wrong := range map[string][]byte{"server.crt": certPEM, "server.key": keyPEM} {
		at := filepath.Join(folder, file)
		own, err := os.ReadFile(at)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(at, wrong, 0o600))
		defer func() { require.NoError(t, os.WriteFile(at, own, 0o600)) }()
	}
	l.network("kill", node)
	defer l.try("kill", node) // the next up starts it with its own
	began := time.Now()
	l.network("start", node)
	require.Eventually(t, func() bool {
		status, err := l.try("status")
		return err != nil && strings.Contains(status, "1 of 19 nodes are not well: "+node) && strings.Contains(status, "certificate")
	}, time.Minute, 200*time.Millisecond)
	l.w.within(t, l.w.count()+50, 2*time.Minute)
	t.Logf("%s %s: longest stall %.1f s", node, how, l.w.longestStall(began).Seconds())
}

func (l *losses) tlsFolder(node string) string {
	return filepath.Join(l.dir, "nodes", filepath.FromSlash(node), "tls")
}

// expiredServer is a node's own TLS key with a certificate by its own authority that has ended.
func (l *losses) expiredServer(t *testing.T, node string) (certPEM, keyPEM []byte) {
	t.Helper()
	folder := map[string]string{"LabMSP/peer": "peerOrganizations/lab.example", "orderer4": "ordererOrganizations/ordering4.example"}[node]
	authorities, err := filepath.Glob(filepath.Join(l.dir, "crypto", filepath.FromSlash(folder), "tlsca", "*-cert.pem"))
	require.NoError(t, err)
	require.Len(t, authorities, 1)
	read := func(file string) []byte {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		return content
	}
	authority, err := identity.CertificateFromPEM(read(authorities[0]))
	require.NoError(t, err)
	authorityKey, err := identity.PrivateKeyFromPEM(read(filepath.Join(filepath.Dir(authorities[0]), "priv_sk")))
	require.NoError(t, err)
	own, err := identity.CertificateFromPEM(read(filepath.Join(l.tlsFolder(node), "server.crt")))
	require.NoError(t, err)
	own.NotBefore, own.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, own, authority, own.PublicKey, authorityKey)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), read(filepath.Join(l.tlsFolder(node), "server.key"))
}

// foreignServer is a server certificate for this machine from an authority of its own.
func foreignServer(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "foreign"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "foreign"}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.ParseIP("127.0.0.1")},
	}, authority, key.Public(), authorityKey)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}
