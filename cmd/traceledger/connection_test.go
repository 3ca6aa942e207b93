package main

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAuthority: the ledger's own authority stays the same over restarts, its key is
// its owner's, and its certificates are valid for the names given, and are renewed.
func TestAuthority(t *testing.T) {
	data := t.TempDir()
	own, err := openAuthority(data)
	require.NoError(t, err)
	again, err := openAuthority(data)
	require.NoError(t, err)
	require.Equal(t, own.PEM(), again.PEM())
	path := filepath.Join(data, "tls", "authority.pem")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	now := time.Now()
	again.now = func() time.Time { return now }
	config := again.serverConfig([]string{"ledger.example", "127.0.0.1"})
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(own.PEM()))
	var serials []string
	for _, later := range []time.Duration{0, time.Hour, certificateLife - renewBefore + time.Hour} {
		now = time.Now().Add(later)
		certificate, err := config.GetCertificate(&tls.ClientHelloInfo{})
		require.NoError(t, err)
		for _, name := range []string{"ledger.example", "127.0.0.1"} {
			_, err = certificate.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now})
			require.NoError(t, err, name)
		}
		_, err = certificate.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other.example", CurrentTime: now})
		require.Error(t, err)
		serials = append(serials, certificate.Leaf.SerialNumber.String())
	}
	require.Equal(t, serials[0], serials[1])
	require.NotEqual(t, serials[1], serials[2])

	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content[:len(content)-40], 0o600))
	_, err = openAuthority(data)
	require.ErrorContains(t, err, "damaged")
}

// TestConnection: what is written is what is read; what cannot be meant is refused.
func TestConnection(t *testing.T) {
	own, err := openAuthority(t.TempDir())
	require.NoError(t, err)
	folder := t.TempDir()
	path := filepath.Join(folder, connectionName)
	written := &Connection{Channel: channelName, Chaincode: chaincodeName, OneProcess: true, Peers: []Peer{{Address: "ledger.example:7051", TLSCA: string(own.PEM())}}}
	require.NoError(t, written.write(path))
	read, err := readConnection(path)
	require.NoError(t, err)
	require.Equal(t, written, read)

	require.NoError(t, os.WriteFile(filepath.Join(folder, "ca.pem"), own.PEM(), 0o600))
	const head = "channel: trace\nchaincode: trace\npeers:\n"
	for name, c := range map[string]struct{ content, want string }{
		"authority in a file": {head + "- address: peer:7051\n  tlsCAFile: ca.pem\n", ""},
		"the machine's own":   {head + "- address: peer:7051\n", ""},
		"unknown field":       {head + "- address: peer:7051\n  tlsCa: x\n", "tlsCa"},
		"no peer":             {"channel: trace\nchaincode: trace\n", "at least one peer"},
		"no port":             {head + "- address: peer\n", "host:port"},
		"two authorities":     {head + "- address: peer:7051\n  tlsCA: x\n  tlsCAFile: ca.pem\n", "not both"},
		"no such file":        {head + "- address: peer:7051\n  tlsCAFile: absent.pem\n", "absent.pem"},
		"no certificate":      {head + "- address: peer:7051\n  tlsCA: x\n", "no PEM certificate"},
		"another channel":     {"channel: other\nchaincode: trace\npeers:\n- address: peer:7051\n", "other"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(c.content), 0o600))
			remote, err := openRemote(path)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.NoError(t, remote.Close())
		})
	}
}

// TestRoleSettings: a role refuses settings it could only ignore, and misses those it
// needs.
func TestRoleSettings(t *testing.T) {
	for name, c := range map[string]struct {
		role, content, want string
	}{
		"gateway without a ledger":    {"gateway", "address: 127.0.0.1:0\n", "connection"},
		"serve with another's ledger": {"serve", "connection: c.yaml\n", "runs the ledger itself"},
		"unknown field":               {"scanner", "connection: c.yaml\nfilesfrom: []\n", "filesfrom"},
		"token in clear":              {"scanner", "connection: c.yaml\nfilesFrom:\n- base: http://gateway.example\n  tokenFile: t\n", "https"},
		"no token":                    {"scanner", "connection: c.yaml\nfilesFrom:\n- base: https://gateway.example\n", "tokenFile"},
		"half a certificate":          {"ledger", "tlsKey: k.pem\n", "belong together"},
		"no port":                     {"ledger", "ledgerAddress: localhost\n", "host:port"},
		"no port beside pages":        {"serve", "ledgerAddress: localhost\n", "host:port"},
		"scanner":                     {"scanner", "connection: c.yaml\nfilesFrom:\n- base: http://127.0.0.1:8080\n  tokenFile: t\n", ""},
		"ledger":                      {"ledger", "ledgerName: ledger.example\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "role.yaml")
			require.NoError(t, os.WriteFile(path, []byte(c.content), 0o600))
			_, err := readConfig(c.role, []string{"-config", path}, nil)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
		})
	}
}

// TestLedgerName: the connection file names a host that others can reach.
func TestLedgerName(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	address := &net.TCPAddr{IP: net.IPv4zero, Port: 7051}
	for _, c := range []struct{ listen, name, want string }{
		{"127.0.0.1:0", "", "127.0.0.1:7051"},
		{"0.0.0.0:7051", "", host + ":7051"},
		{":7051", "", host + ":7051"},
		{"0.0.0.0:7051", "ledger.example", "ledger.example:7051"},
	} {
		_, peer, err := Config{Data: t.TempDir(), LedgerAddress: c.listen, LedgerName: c.name}.ledgerTLS(address)
		require.NoError(t, err)
		require.Equal(t, c.want, peer.Address)
	}
}
