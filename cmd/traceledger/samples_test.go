package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	nodejs "traceledger/network/conformance/node"
)

// checkSamples runs the samples of docs/integrate.md on a ledger with the demonstration
// loaded, with a connection profile and a wallet as an integrator finds them, and
// scans what they have registered at pages.
func checkSamples(t *testing.T, profile, wallet, pages string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	samples := filepath.Join("..", "..", "docs", "samples")
	factory := filepath.Join(wallet, "factory-guangzhou-01@factory")
	goSample := filepath.Join(t.TempDir(), "sample")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", goSample, filepath.Join(samples, "go", "main.go")).CombinedOutput()
	require.NoError(t, err, string(out))
	for _, c := range []struct {
		lot    string
		sample func() (*exec.Cmd, error)
	}{
		{"SDK-GO", func() (*exec.Cmd, error) { return exec.CommandContext(ctx, goSample, profile, factory, "SDK-GO"), nil }},
		{"SDK-NODE", func() (*exec.Cmd, error) {
			packages := filepath.Join(samples, "node")
			return nodejs.Command(ctx, t.TempDir(), packages, filepath.Join(packages, "sample.mjs"), profile, factory, "SDK-NODE")
		}},
	} {
		first := runSample(t, c.sample)
		require.Equal(t, []string{"batch/09520000200015/" + c.lot}, first["record"])
		require.Contains(t, strings.Join(first["stored"], " "), `"lot":"`+c.lot+`"`)
		require.Equal(t, "ALREADY_EXISTS:", first["refused"][0])
		require.Equal(t, "batch", first["event"][0])
		require.Equal(t, first["event"][2], first["block"][0])
		require.Equal(t, first, runSample(t, c.sample), "again is the same record")
		waitForLot(t, pages+first["page"][0], c.lot)
	}
}

// runSample gives what a sample prints: a word, and the words behind it.
func runSample(t *testing.T, sample func() (*exec.Cmd, error)) map[string][]string {
	t.Helper()
	cmd, err := sample()
	require.NoError(t, err)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, failed.String())
	printed := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		printed[words[0]] = words[1:]
	}
	for _, word := range []string{"record", "stored", "refused", "event", "block", "page"} {
		require.NotEmpty(t, printed[word], "%s: %s", word, out)
	}
	return printed
}

// waitForLot waits until a page shows a lot: the read model follows the chain.
func waitForLot(t *testing.T, address, lot string) {
	t.Helper()
	require.Eventually(t, func() bool {
		response, err := http.Get(address)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		return err == nil && response.StatusCode == http.StatusOK && strings.Contains(string(content), lot)
	}, 2*time.Minute, 100*time.Millisecond, address)
}
