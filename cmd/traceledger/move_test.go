package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/archive"
)

// stories are the JSON of every pack that the demonstration prints, by lot, without what
// a move may change: where a record stands on the chain, which majority endorsed it, and
// how often the pack was scanned.
func stories(t *testing.T, printed, base string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(printed) {
		words := strings.Fields(line)
		if len(words) != 3 || words[0] != "scan" {
			continue
		}
		content := bytes.ReplaceAll(fetch(t, words[2], "application/json"), []byte(base), nil)
		var story any
		require.NoError(t, json.Unmarshal(content, &story))
		plain, err := json.MarshalIndent(withoutPlace(story), "", " ")
		require.NoError(t, err)
		out[words[1]] = string(plain)
	}
	require.NotEmpty(t, out)
	return out
}

func withoutPlace(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range []string{"transactionId", "block", "position", "original", "version", "height", "endorsers", "scan"} {
			delete(v, name)
		}
		for name, within := range v {
			v[name] = withoutPlace(within)
		}
	case []any:
		for i, within := range v {
			v[i] = withoutPlace(within)
		}
	}
	return value
}

// killedImport starts an import and kills it once it has come so far; it reports false
// when the import was done before.
func (h *house) killedImport(said string, args ...string) bool {
	h.t.Helper()
	path, err := binary()
	require.NoError(h.t, err)
	var printed, failed lineBuffer
	cmd := exec.Command(path, append([]string{"import", "-data", h.data}, args...)...)
	cmd.Stdout, cmd.Stderr = &printed, &failed
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(h.t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	deadline := time.After(10 * time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-exited:
			require.NoError(h.t, err, "%s%s", printed.String(), failed.String())
			return false
		case <-deadline:
			require.FailNow(h.t, "the import does not get on", "%s%s", printed.String(), failed.String())
		case <-tick.C:
			if strings.Contains(printed.String(), said) {
				require.NoError(h.t, cmd.Process.Kill())
				<-exited
				return true
			}
		}
	}
}

// killedImports begins an import several times and kills it each time once it has come so
// far; false when one was done before.
func (h *house) killedImports(args []string, far ...string) bool {
	h.t.Helper()
	for _, said := range far {
		if !h.killedImport(said, args...) {
			return false
		}
	}
	return true
}

var compared = regexp.MustCompile(`exported (\d+), imported (\d+) now, found (\d+) before; records and balances equal (\d+), different 0, missing 0, surplus 0`)

// pilot is the demonstration on the embedded ledger, exported.
type pilot struct {
	printed, base string
	stories       map[string]string // as scanned there
	digest        string            // of the archive
	args          []string          // of an import
}

func newPilot(t *testing.T) pilot {
	source := newHouse(t)
	p := pilot{printed: source.startPrinting("run"), base: source.base}
	p.stories = stories(t, p.printed, p.base)
	source.stop()
	folder, backup := filepath.Join(t.TempDir(), "archive"), filepath.Join(t.TempDir(), "store")
	said := source.command("export", "-to", folder)
	source.command("backup", "-to", backup)
	p.digest = regexp.MustCompile(`archive ([0-9a-f]{64})`).FindStringSubmatch(said)[1]
	p.args = []string{"-archive", folder, "-from-store", backup}
	return p
}

// TestMoveToFabric moves the demonstration to a real network and scans the same codes there.
func TestMoveToFabric(t *testing.T) {
	p := newPilot(t)
	o := newOperator(t)
	o.network("up")
	gateway := newHouse(t)
	for _, msp := range trace.MSPs() {
		require.NoError(t, copyWallet(filepath.Join(gateway.data, "wallet"), filepath.Join(o.dir, "clients", msp, "wallet")))
	}
	connection := filepath.Join(o.dir, "clients", trace.PlatformMSP, connectionName)
	began := time.Now()
	if !gateway.killedImport("imported 50 of", append(p.args, "-connection", connection)...) {
		t.Log("the import was done before it could be killed")
	}
	require.False(t, gateway.killedImport("never", append(p.args, "-connection", connection, "-digest", p.digest)...))
	t.Logf("imported in %s", time.Since(began).Round(100*time.Millisecond))
	require.Contains(t, gateway.command("import", append(p.args, "-connection", connection)...), "imported 0 now")
	gateway.start("gateway", "-connection", connection)
	require.Equal(t, p.stories, stories(t, strings.ReplaceAll(p.printed, p.base, gateway.base), gateway.base))
	checkDemoPages(t, strings.ReplaceAll(p.printed, p.base, gateway.base))
	gateway.stop()
	o.network("down")
}

// TestMove moves the whole demonstration to another ledger, through kills: the same codes
// tell the same stories there, and every record can be held to its original.
func TestMove(t *testing.T) {
	p := newPilot(t)
	args := p.args
	target := newHouse(t)
	_, said, err := target.try("import", append(args, "-digest", trace.DigestOf(nil).String())...)
	require.Error(t, err)
	require.Contains(t, said, string(archive.CodeContent))
	require.NoDirExists(t, filepath.Join(target.data, "ledger"), "nothing was begun")
	done, counts := "", []string(nil)
	// An import may be done before it is killed, wholly or but for its end.
	for began := time.Now(); done == ""; {
		require.Less(t, time.Since(began), 10*time.Minute, "an import is done before it can be killed")
		if target.killedImports(args, "took over", "imported 50 of", "imported 1") {
			done = target.command("import", append(args, "-digest", p.digest)...)
			counts = compared.FindStringSubmatch(done)
			require.NotNil(t, counts, done)
		}
		if done == "" || counts[2] == "0" { // the kills left nothing to do
			done, target = "", newHouse(t)
		}
	}
	require.NotEqual(t, "0", counts[3], "what was imported before a kill stays")
	again := target.command("import", args...)
	require.Contains(t, again, "imported 0 now, found "+counts[1]+" before")
	require.Contains(t, target.command("verify"), "verified "+counts[1]+" imported transactions against the originals")
	_, said, err = target.try("export", "-to", filepath.Join(t.TempDir(), "again"))
	require.Error(t, err)
	require.Contains(t, said, string(archive.CodeUnmovable))

	// The demonstration's files are all known: they are uploaded again and add nothing.
	reprinted := target.startPrinting("run")
	after := stories(t, reprinted, target.base)
	require.Equal(t, p.stories, after)
	checkDemoPages(t, reprinted)
	require.Equal(t, scanPaths(p.printed, p.base), scanPaths(reprinted, target.base), "the same codes are on the packs")
	address := regexp.MustCompile(`scan \S+ (\S+)`).FindStringSubmatch(reprinted)[1]
	require.Contains(t, string(fetch(t, address, "text/html")), "先记在原账本")
	target.stop()
	require.Contains(t, target.command("import", args...), "imported 0 now", "later records are no difference")

	other := newHouse(t, trace.RoleRegulator, trace.RoleFactory)
	other.start("serve")
	other.furnish()
	other.stop()
	_, said, err = other.try("import", args...)
	require.Error(t, err)
	require.Contains(t, said, "IMPORT: this channel has records")
}

// scanPaths are the printed codes' addresses without the house's own.
func scanPaths(printed, base string) []string {
	var out []string
	for line := range strings.Lines(printed) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == "scan" {
			out = append(out, strings.TrimPrefix(words[2], base))
		}
	}
	return out
}

// TestMoveByTwoOrganisations has each of two gateways import what its own parties wrote,
// onto a ledger that both reach over TLS: neither can do the other's part.
func TestMoveByTwoOrganisations(t *testing.T) {
	source := newHouse(t, trace.RoleRegulator, trace.RoleFactory)
	source.start("serve")
	source.furnish()
	source.must(trace.RoleFactory, "/batches", "LOT-1", lotRequest(trace.TimeOf(time.Now())-3_600_000, "LOT-1"))
	source.must(trace.RoleRegulator, "/standings", "suspend", map[string]any{
		"claimed": trace.TimeOf(time.Now()), "party": "the-factory", "status": "suspended", "reason": "检查",
	})
	source.stop()
	folder := filepath.Join(t.TempDir(), "archive")
	source.command("export", "-to", folder)

	target, office, factory := newHouse(t), newHouse(t), newHouse(t)
	enrol := func(role trace.Role, party string, to *house) {
		target.command("enrol", "-role", string(role), "-party", party, "-to", filepath.Join(to.data, "wallet"))
	}
	for _, gateway := range []*house{office, factory} {
		enrol(trace.RoleScanner, readerParty, gateway)
	}
	enrol(trace.RoleRegulator, operatorParty, office)
	enrol(trace.RoleRegulator, "the-regulator", office)
	enrol(trace.RoleFactory, "the-factory", factory)
	target.start("ledger", "-ledger-addr", freeAddress(t))
	args := []string{"-archive", folder, "-connection", filepath.Join(target.data, connectionName)}

	_, said, err := factory.try("import", args...)
	require.Error(t, err)
	require.Contains(t, said, "UNKNOWN_IDENTITY")
	_, said, err = office.try("import", args...)
	require.Error(t, err)
	require.Contains(t, said, "the-factory@factory")

	ends := make(chan string, 2)
	for _, gateway := range []*house{office, factory} {
		go func() {
			printed, said, err := gateway.try("import", append(args, "-wait")...)
			if err != nil {
				printed += said
			}
			ends <- printed
		}()
	}
	for range 2 {
		end := <-ends
		counts := compared.FindStringSubmatch(end)
		require.NotNil(t, counts, end)
		require.Equal(t, "7", counts[1])
	}
}
