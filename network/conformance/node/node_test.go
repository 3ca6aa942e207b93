package node

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/network/conformance"
	"traceledger/network/conformance/chaincode"
	"traceledger/network/embedded"
)

// seen is what client.mjs prints.
type seen struct {
	Transaction string `json:"transaction"`
	Successful  bool   `json:"successful"`
	Block       uint64 `json:"block"`
	Read        struct {
		Found bool   `json:"found"`
		Value string `json:"value"`
	} `json:"read"`
	Refusal []string `json:"refusal"`
	Event   struct {
		Name        string `json:"name"`
		Payload     string `json:"payload"`
		Transaction string `json:"transaction"`
		Block       uint64 `json:"block"`
	} `json:"event"`
	Blocks []uint64 `json:"blocks"`
}

// TestNodeClient runs the stock client for Node.js over the embedded ledger's TLS port.
func TestNodeClient(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	ledger, err := embedded.Open(embedded.Config{
		Dir: t.TempDir(), Channel: conformance.Channel,
		Chaincodes: []embedded.Chaincode{{Name: conformance.Chaincode, Version: conformance.Version, Chaincode: chaincode.Chaincode{}}},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, ledger.Close()) }()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	certificate, authority := serverCertificate(t)
	served := make(chan error, 1)
	go func() { served <- ledger.Serve(listener, &tls.Config{Certificates: []tls.Certificate{certificate}}) }()

	who, err := ledger.Enrol("ProducerMSP", "node", nil)
	require.NoError(t, err)
	settings, err := json.Marshal(map[string]string{
		"address": listener.Addr().String(), "tlsCA": string(authority),
		"msp": who.MSPID, "certificate": string(who.CertPEM), "privateKey": string(who.KeyPEM),
		"channel": conformance.Channel, "chaincode": conformance.Chaincode, "function": chaincode.Function,
	})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "settings.json")
	require.NoError(t, os.WriteFile(path, settings, 0o600))

	cmd, err := Command(ctx, t.TempDir(), filepath.Join("..", "..", "..", "docs", "samples", "node"), "client.mjs", path)
	require.NoError(t, err)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	require.NoError(t, err, failed.String())
	var got seen
	require.NoError(t, json.Unmarshal(out, &got), string(out))
	require.True(t, got.Successful)
	require.Equal(t, ledger.Height()-1, got.Block)
	require.True(t, got.Read.Found)
	require.Equal(t, "written by Node", got.Read.Value)
	require.NotEmpty(t, got.Refusal)
	require.Contains(t, got.Refusal[0], "STATE: refused for a reason")
	require.Equal(t, "written", got.Event.Name)
	require.Equal(t, "node/a", got.Event.Payload)
	require.Equal(t, got.Transaction, got.Event.Transaction)
	require.Equal(t, got.Block, got.Event.Block)
	require.Len(t, got.Blocks, int(got.Block)+1)
	for number, block := range got.Blocks {
		require.EqualValues(t, number, block)
	}
	require.NoError(t, ledger.Close())
	require.NoError(t, <-served)
}

// serverCertificate makes a certificate for 127.0.0.1 that is its own authority.
func serverCertificate(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
