package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
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
	client := install(ctx, t)
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

	out := run(ctx, t, client, "node", "client.mjs", path)
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

// install puts the client and its packages into the user's cache, once for each
// content of the lock file and the program, and returns the folder.
func install(ctx context.Context, t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		_, err := exec.LookPath(program)
		require.NoError(t, err, "this test runs the stock client for Node.js and needs the program %s: make packages, or apt-get install nodejs npm", program)
	}
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	files := []string{"package.json", "package-lock.json", "client.mjs"}
	digest := sha256.New()
	contents := map[string][]byte{}
	for _, name := range files {
		contents[name], err = os.ReadFile(name)
		require.NoError(t, err)
		digest.Write(contents[name])
	}
	folder := filepath.Join(cache, "traceledger", "node-client-"+hex.EncodeToString(digest.Sum(nil))[:16])
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	// Made aside and renamed: an installation that broke off is never used.
	require.NoError(t, os.MkdirAll(filepath.Dir(folder), 0o755))
	aside, err := os.MkdirTemp(filepath.Dir(folder), "node-client-new-")
	require.NoError(t, err)
	defer os.RemoveAll(aside)
	for name, content := range contents {
		require.NoError(t, os.WriteFile(filepath.Join(aside, name), content, 0o600))
	}
	run(ctx, t, aside, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	if err := os.Rename(aside, folder); err != nil {
		require.DirExists(t, folder, err) // another run was quicker
	}
	return folder
}

func run(ctx context.Context, t *testing.T, folder, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder
	out, err := cmd.Output()
	var failed *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &failed)
		require.FailNow(t, program+" failed", "%v\n%s\n%s", err, out, failed.Stderr)
	}
	return out
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
