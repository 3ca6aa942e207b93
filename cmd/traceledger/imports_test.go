package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestImportsPointOneWay holds the direction of imports: who may depend on whom is
// the architecture.
func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}: {{join .Deps " "}}`, "traceledger/...").CombinedOutput()
	require.NoError(t, err, string(out))
	rules := []struct {
		from   string   // packages beginning so
		except []string // but not these
		never  []string // depend on none that begin so
	}{
		{from: "traceledger/chaincode/trace", never: []string{"traceledger/chaincode/rules", "traceledger/chaincode/state", "github.com/", "google.golang.org/"}},
		{from: "traceledger/chaincode/rules", never: []string{"traceledger/chaincode/state", "traceledger/chaincode/contract", "github.com/", "google.golang.org/"}},
		{from: "traceledger/chaincode/state", never: []string{"traceledger/chaincode/contract", "traceledger/chaincode/rules", "github.com/hyperledger"}},
		{from: "traceledger/chaincode", except: []string{"traceledger/chaincode/contract/contracttest"}, never: []string{"traceledger/gateway", "traceledger/network", "traceledger/scanner-api"}},
		{from: "traceledger/network", never: []string{"traceledger/gateway", "traceledger/scanner-api", "traceledger/chaincode/contract"}},
		{from: "traceledger/gateway", except: []string{"traceledger/gateway/api/apitest", "traceledger/gateway/monitor/monitortest"}, never: []string{"traceledger/network/embedded", "traceledger/network/fabric", "traceledger/chaincode/contract", "traceledger/scanner-api"}},
		{from: "traceledger/gateway/ingest/jt808", never: []string{"traceledger/chaincode/state", "traceledger/gateway/store", "traceledger/gateway/ledger", "traceledger/gateway/index", "github.com/hyperledger"}},
		{from: "traceledger/gateway/ingest/mqtt", never: []string{"traceledger/gateway/store", "traceledger/gateway/index", "traceledger/gateway/ledger", "traceledger/gateway/ingest/segment"}},
		{from: "traceledger/gateway/ingest/segment", never: []string{"traceledger/gateway/api", "traceledger/gateway/ingest/mqtt"}},
		{from: "traceledger/gateway/monitor", except: []string{"traceledger/gateway/monitor/monitortest"}, never: []string{"traceledger/gateway/api", "traceledger/gateway/desk", "traceledger/gateway/store", "traceledger/gateway/wallet", "traceledger/gateway/ingest", "traceledger/fixtures"}},
		{from: "traceledger/gateway/monitor/speech", never: []string{"traceledger/gateway/index", "traceledger/gateway/ledger", "traceledger/gateway/store", "traceledger/chaincode/state", "traceledger/chaincode/rules"}},
		{from: "traceledger/scanner-api", never: []string{"traceledger/gateway/ledger", "traceledger/gateway/api", "traceledger/gateway/desk", "traceledger/network/embedded", "traceledger/network/fabric", "traceledger/chaincode/contract", "github.com/hyperledger/fabric-gateway"}},
		{from: "traceledger/gateway/floor", never: []string{"traceledger/gateway/api", "traceledger/gateway/desk"}},
		{from: "traceledger/gateway/webhook", never: []string{"traceledger", "github.com/"}},
		{from: "traceledger/docs/samples", never: []string{"traceledger"}},
	}
	checked := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		path, deps, _ := strings.Cut(line, ": ")
		for _, r := range rules {
			if !begins(path, r.from) || within(path, r.except) {
				continue
			}
			checked[r.from] = true
			for _, dep := range strings.Fields(deps) {
				require.False(t, within(dep, r.never), "%s must not depend on %s", path, dep)
			}
		}
	}
	for _, r := range rules {
		require.True(t, checked[r.from], "no package %s: the rule checks nothing", r.from)
	}
}

func begins(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

func within(path string, prefixes []string) bool {
	for _, p := range prefixes {
		if begins(path, p) {
			return true
		}
	}
	return false
}
