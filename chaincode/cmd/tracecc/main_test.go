package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file.pem")
	require.NoError(t, os.WriteFile(file, []byte("pem"), 0o600))
	base := map[string]string{"CHAINCODE_ID": "trace_1:ab", "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0"}
	with := func(extra ...string) func(string) string {
		environment := map[string]string{}
		for k, v := range base {
			environment[k] = v
		}
		for i := 0; i < len(extra); i += 2 {
			environment[extra[i]] = extra[i+1]
		}
		return func(name string) string { return environment[name] }
	}

	server, err := configure(with())
	require.NoError(t, err)
	require.True(t, server.TLSProps.Disabled)

	server, err = configure(with("CHAINCODE_TLS_KEY", file, "CHAINCODE_TLS_CERT", file, "CHAINCODE_CLIENT_CA_CERT", file))
	require.NoError(t, err)
	require.False(t, server.TLSProps.Disabled)
	require.Equal(t, []byte("pem"), server.TLSProps.ClientCACerts)

	for name, environment := range map[string]func(string) string{
		"no id":                   with("CHAINCODE_ID", ""),
		"no address":              with("CHAINCODE_SERVER_ADDRESS", ""),
		"certificate without key": with("CHAINCODE_TLS_CERT", file),
		"clients without key":     with("CHAINCODE_CLIENT_CA_CERT", file),
		"key not there":           with("CHAINCODE_TLS_KEY", file+".missing", "CHAINCODE_TLS_CERT", file),
		"certificate not there":   with("CHAINCODE_TLS_KEY", file, "CHAINCODE_TLS_CERT", ""),
	} {
		_, err := configure(environment)
		require.Error(t, err, name)
	}
}

func TestHalfOfTheCores(t *testing.T) {
	for ofHost, half := range map[int]int{1: 1, 2: 1, 3: 1, 4: 2, 16: 8} {
		require.Equal(t, half, cores(ofHost), "of %d", ofHost)
	}
}
