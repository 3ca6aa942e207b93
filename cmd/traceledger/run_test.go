package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"traceledger/fixtures"
	"traceledger/gateway/floor"
	"traceledger/gateway/index"
	"traceledger/gateway/monitor"
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
	require.Regexp(t, `verified the words of [1-9][0-9]* verdicts in their anchored runs; 0 wait`, h.command("verify"))
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
	require.NoError(t, described.Register(monitor.NewMetrics()))
	require.NoError(t, described.Register(floor.NewMetrics()))
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
	described := make(chan *prometheus.Desc)
	go func() {
		defer close(described)
		c.Describe(described)
	}()
	for description := range described {
		d.WriteString(description.String())
	}
	return nil
}
