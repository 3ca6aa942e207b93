package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMatches: a word asks for all figures that begin with it.
func TestMatches(t *testing.T) {
	for _, c := range []struct {
		only, name string
		want       bool
	}{
		{"", "scan", true},
		{"scan", "scan", true},
		{"scan", "scan-p99", true},
		{"submit-1", "submit-16", false},
		{"net", "net-origin", true},
		{"net-origin", "net-latency-64", false},
		{"origin", "net-origin", false},
	} {
		require.Equal(t, c.want, matches(c.only, c.name), "%s, %s", c.only, c.name)
	}
}

// TestPrintMedians: the run in the middle is printed whole, its value beside its own bar.
func TestPrintMedians(t *testing.T) {
	var out strings.Builder
	printMedians(&out, "a", []string{"a", "b"}, map[string][]figure{
		"a": {{"a", 10, "tx/s", "bar", 10}, {"a", 9, "tx/s", "bar", 3}, {"a", 4, "tx/s", "bar", 2}},
		"b": {{"b", 1, "ms", "bar", 1}},
	})
	require.Equal(t, "bench a 4 tx/s against bar 2 ratio 2.000\n", out.String())
}

// TestFiguresAreExplained: docs/benchmarks.md explains every figure that make bench prints.
func TestFiguresAreExplained(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "benchmarks.md"))
	require.NoError(t, err)
	var names []string
	for _, b := range benchmarks() {
		names = append(names, b.names...)
	}
	for _, b := range netBenchmarks() {
		names = append(names, b.names...)
	}
	for _, name := range names {
		require.Contains(t, string(content), "\nbench "+name+" ", "a line of %s", name)
	}
}

// TestFiguresHaveTheirRatios: in every line of docs/benchmarks.md the ratio is that of the value
// and of what it is compared with, of which one may have been copied wrongly.
func TestFiguresHaveTheirRatios(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "benchmarks.md"))
	require.NoError(t, err)
	lines := regexp.MustCompile(`(?m)^bench (\S+) +([0-9.]+) .* ([0-9.]+) +ratio ([0-9.]+)$`).FindAllStringSubmatch(string(content), -1)
	require.Len(t, lines, strings.Count(string(content), "\nbench "), "a line that cannot be read")
	for _, line := range lines {
		var value, bar, ratio float64
		for i, into := range []*float64{&value, &bar, &ratio} {
			*into, err = strconv.ParseFloat(line[2+i], 64)
			require.NoError(t, err, line[0])
		}
		require.InDelta(t, value/bar, ratio, 0.001+0.02*ratio, line[0]) // medians of several invocations may be of different ones
	}
}

// TestProcessorTime: a process that works is seen to.
func TestProcessorTime(t *testing.T) {
	before, err := processorTime(os.Getpid())
	require.NoError(t, err)
	spins := 0
	require.Eventually(t, func() bool {
		for range 10_000_000 {
			spins++
		}
		after, err := processorTime(os.Getpid())
		return err == nil && after-before >= 50*time.Millisecond
	}, 2*time.Minute, time.Millisecond)
	memory, err := residentMB(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, memory, 1.0)
}

func TestDiskMB(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "below"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "below", "file"), make([]byte, 2<<20), 0o600))
	taken, err := diskMB(dir)
	require.NoError(t, err)
	require.InDelta(t, 2, taken, 0.01)
}

func TestCaliperThroughput(t *testing.T) {
	const row = "| register | 600  | 0    | 81.3            | 1.24            | 0.21            | 0.79            | 76.4             |\n"
	const head = "| Name     | Succ | Fail | Send Rate (TPS) | Max Latency (s) | Min Latency (s) | Avg Latency (s) | Throughput (TPS) |\n"
	rate, err := caliperThroughput(head+row, "register", 600)
	require.NoError(t, err)
	require.Equal(t, 76.4, rate)
	_, err = caliperThroughput(head, "register", 600)
	require.ErrorContains(t, err, "no row of register")
	_, err = caliperThroughput(head+strings.Replace(row, "600  | 0 ", "593  | 7 ", 1), "register", 600)
	require.ErrorContains(t, err, "7 failed")
	_, err = caliperThroughput(head+strings.Replace(row, "600  | 0 ", "594  | 6 ", 1), "register", 600)
	require.NoError(t, err)
}
