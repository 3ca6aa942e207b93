package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/index"
)

// checkDemoPages scans every code that the demonstration prints, as people and as
// programs do, and demands the verdict line that fixtures/ announce.
func checkDemoPages(t *testing.T, printed string) {
	demo, err := fixtures.ReadDemo(fixtures.Files())
	require.NoError(t, err)
	scans := map[string]string{}
	for _, line := range strings.Split(printed, "\n") {
		if words := strings.Fields(line); len(words) == 3 && words[0] == "scan" {
			scans[words[1]] = words[2]
		}
	}
	for _, lot := range demo.Lots {
		address := scans[string(lot.Lot)]
		require.NotEmpty(t, address, "no scan line for %s", lot.Lot)
		var page struct {
			Line struct {
				Level string `json:"level"`
			} `json:"line"`
		}
		content := fetch(t, address, "application/json")
		require.NoError(t, json.Unmarshal(content, &page), string(content))
		require.Equal(t, lot.Line, page.Line.Level, lot.Lot)
		html := string(fetch(t, address, "text/html"))
		require.Contains(t, html, strings.TrimSuffix(lot.Name, "(召回)"))
		require.Less(t, len(html), 100<<10, "a page stays under 100 KB")
	}
}

func fetch(t *testing.T, address, accept string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(content))
	return content
}

// TestRun starts the demonstration as a newcomer does and scans it; started again on
// the same data it adds nothing.
func TestRun(t *testing.T) {
	h := newHouse(t)
	printed := h.startPrinting("run")
	checkDemoPages(t, printed)
	var health struct {
		Height uint64 `json:"height"`
		Notice string `json:"notice"`
	}
	require.Equal(t, http.StatusOK, h.get("", "/healthz", &health))
	require.Contains(t, health.Notice, "every organisation's key")
	h.stop()
	again := h.startPrinting("run", "-ledger-addr", freeAddress(t))
	var after struct {
		Height uint64 `json:"height"`
	}
	require.Equal(t, http.StatusOK, h.get("", "/healthz", &after))
	require.Equal(t, health.Height, after.Height, "loading again adds nothing")
	checkDemoPages(t, again)
	checkSamples(t, filepath.Join(h.data, profileJSONName), filepath.Join(h.data, "wallet"), h.base)
	checkMetricNames(t, string(fetch(t, h.base+"/metrics", "*/*")))
}

// checkMetricNames demands that the metrics of docs/operations.md exist. Those with
// labels are not shown before they are counted, so the read model is asked for its own.
func checkMetricNames(t *testing.T, shown string) {
	t.Helper()
	described := &describing{}
	x, err := index.Open(index.Config{Dir: t.TempDir(), Metrics: described})
	require.NoError(t, err)
	require.NoError(t, x.Close())
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	require.NoError(t, err)
	names := regexp.MustCompile("`(traceledger_[a-z_]+)`").FindAllStringSubmatch(string(document), -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		require.Contains(t, shown+described.String(), name[1])
	}
}

// describing is a Prometheus registry that only notes what it is given.
type describing struct {
	prometheus.Registerer
	strings.Builder
}

func (d *describing) Register(c prometheus.Collector) error {
	described := make(chan *prometheus.Desc, 8)
	c.Describe(described)
	close(described)
	for description := range described {
		d.WriteString(description.String())
	}
	return nil
}

// TestDamagedDirectory: a house whose data was damaged says so and does not start.
func TestDamagedDirectory(t *testing.T) {
	for _, part := range []string{"ledger", "store"} {
		t.Run(part, func(t *testing.T) {
			h := newHouse(t, trace.RoleRegulator, trace.RoleFactory)
			h.start("serve")
			h.furnish()
			h.stop()
			damaged := damageLargest(t, filepath.Join(h.data, part))
			path, err := binary()
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, path, "serve", "-data", h.data, "-addr", "127.0.0.1:0").CombinedOutput()
			require.Error(t, err, "it started on the damaged %s", damaged)
			require.NoError(t, ctx.Err(), "it started on the damaged %s", damaged)
			require.Regexp(t, "(?i)damage", string(out), damaged)
		})
	}
}

// damageLargest flips a byte in the middle of the largest table or log of a directory.
func damageLargest(t *testing.T, dir string) string {
	largest, size := "", int64(0)
	require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && info.Size() > size {
			largest, size = path, info.Size()
		}
		return err
	}))
	content, err := os.ReadFile(largest)
	require.NoError(t, err)
	content[len(content)/2] ^= 0x40
	require.NoError(t, os.WriteFile(largest, content, 0o600))
	return largest
}
