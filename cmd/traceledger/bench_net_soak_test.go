//go:build soak

package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSoakNetworkFigures measures on a real network what has a bar, on this machine: our
// registrations against a bare put, segments, terminals, verdicts on what is spoken, and
// what Caliper measures of us.
func TestSoakNetworkFigures(t *testing.T) {
	folder := t.TempDir()
	programs := map[string]string{"tracecc": "traceledger/chaincode/cmd/tracecc", "putcc": "traceledger/network/fabric/cmd/putcc"}
	for name, source := range programs {
		out, err := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(folder, name), source).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	t.Chdir("../..") // the labelled utterances lie there
	ratios := map[string]float64{}
	for _, only := range []string{"net-origin", "net-segments", "jt808-net", "speech-latency-net", "net-caliper"} {
		var out strings.Builder
		require.NoError(t, runBench(t.Context(), []string{
			"-only", only, "-chaincode", filepath.Join(folder, "tracecc"), "-put", filepath.Join(folder, "putcc"),
			"-caliper", filepath.Join("docs", "samples", "caliper"),
		}, &out))
		t.Log(strings.TrimSpace(out.String()))
		for _, line := range regexp.MustCompile(`(?m)^bench (\S+) .* ratio ([0-9.]+)$`).FindAllStringSubmatch(out.String(), -1) {
			value, err := strconv.ParseFloat(line[2], 64)
			require.NoError(t, err)
			ratios[line[1]] = value
		}
	}
	require.GreaterOrEqual(t, ratios["net-origin"], 0.9)
	require.GreaterOrEqual(t, ratios["net-segments"], 1.0)
	require.GreaterOrEqual(t, ratios["jt808-net"], 1.0)
	require.Contains(t, ratios, "speech-latency-net")
	require.LessOrEqual(t, ratios["speech-latency-net"], 1.0)
	require.InDelta(t, 1, ratios["net-caliper-16"], 0.25)
	require.InDelta(t, 1, ratios["net-caliper-64"], 0.25)
}
