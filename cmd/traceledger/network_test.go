package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// operator is somebody with the binary, a shell and a network of their own.
type operator struct {
	t           *testing.T
	binary, dir string
	file        string        // YAML file of the network
	ready       time.Duration // how long the first up took until every gateway took submits
}

// batchInterval has a short test wait less for blocks. A long run has the default, which people run.
var batchInterval = "50ms"

func newOperator(t *testing.T) *operator {
	path, err := binary()
	require.NoError(t, err)
	folder := t.TempDir()
	o := &operator{t: t, binary: path, dir: filepath.Join(folder, "network"), file: filepath.Join(folder, "network.yaml")}
	content := fmt.Sprintf("dir: %s\nbasePort: 0\nhosts: {orderer4: localhost}\nbatchInterval: %s\nlogLevel: error\nchaincode: %s\n", o.dir, batchInterval, o.tracecc("one", ""))
	require.NoError(t, os.WriteFile(o.file, []byte(content), 0o600))
	o.downAtTheEnd(o.dir)
	t.Cleanup(func() {
		if t.Failed() { // the logs go with the folder
			status, _ := o.try("status")
			logs, _ := o.try("logs", "-n", "15")
			t.Logf("%s\n%s", status, logs)
		}
	})
	return o
}

// downAtTheEnd leaves the network to a shell that takes it down when the test lets go
// of it, as it does too when it is killed.
func (o *operator) downAtTheEnd(dir string) {
	// A command that the test's end has left alone may still be in charge for a while.
	const script = `read -r _; n=0
while test $n -lt 60 -a -f "$1/topology.json" && ! "$0" network down -dir "$1"; do n=$((n+1)); sleep 1; done`
	shell := exec.Command("/bin/sh", "-c", script, o.binary, dir)
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	hold, err := shell.StdinPipe()
	require.NoError(o.t, err)
	require.NoError(o.t, shell.Start())
	o.t.Cleanup(func() {
		hold.Close()
		_ = shell.Wait() // of a network that is down or was never up
	})
}

// tracecc builds the contracts' program; other linker flags make another program.
func (o *operator) tracecc(name, flags string) string {
	o.t.Helper()
	program := filepath.Join(o.t.TempDir(), name)
	out, err := exec.Command("go", "build", "-buildvcs=false", "-ldflags", flags, "-o", program, "traceledger/chaincode/cmd/tracecc").CombinedOutput()
	require.NoError(o.t, err, string(out))
	return program
}

func (o *operator) try(args ...string) (string, error) {
	cmd := exec.Command(o.binary, append([]string{"network", args[0], "-config", o.file}, args[1:]...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// network demands that a command succeeds. Nodes that are asked for their status have
// seconds to answer, which is not enough on every machine every time; and an orderer that is
// short of processor time may stand still, which up mends, as status says.
func (o *operator) network(args ...string) string {
	o.t.Helper()
	out, err := o.try(args...)
	for began := time.Now(); err != nil && args[0] == "status" && time.Since(began) < 2*time.Minute; {
		if strings.Contains(out, "traceledger network up restarts it") {
			up := slices.DeleteFunc(slices.Clone(args[1:]), func(arg string) bool { return arg == "-json" })
			o.t.Log(strings.TrimSpace(o.network(append([]string{"up", "-log", "warn"}, up...)...)))
		}
		out, err = o.try(args...)
	}
	require.NoError(o.t, err, "network %v: %s", args, out)
	return out
}

func (o *operator) refused(args ...string) string {
	o.t.Helper()
	out, err := o.try(args...)
	require.Error(o.t, err, "network %v: %s", args, out)
	return out
}

// ill demands that status tells which nodes are not well, and of no others.
func (o *operator) ill(words string) {
	o.t.Helper()
	for began := time.Now(); ; {
		said := o.refused("status")
		if strings.Contains(said, words) {
			return
		}
		require.Less(o.t, time.Since(began), 2*time.Minute, "%q is not said: %s", words, said)
	}
}

// interruptedWhen kills the command as soon as something has come true that it brings about,
// and tells whether it was not done by then. A machine that stands still at the wrong time
// has it done; it is begun again in any case.
func (o *operator) interruptedWhen(begun func() bool, args ...string) bool {
	o.t.Helper()
	cmd := exec.Command(o.binary, append([]string{"network", args[0], "-config", o.file}, args[1:]...)...)
	var said lineBuffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(o.t, cmd.Start())
	defer cmd.Process.Kill()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for began := time.Now(); !begun(); {
		select {
		case err := <-ended:
			require.NoError(o.t, err, "network %v: %s", args, said.String())
			o.t.Logf("network %v was done before it was seen to begin", args)
			return false
		case <-time.After(time.Millisecond):
			require.Less(o.t, time.Since(began), 10*time.Minute, "network %v: %s", args, said.String())
		}
	}
	_ = cmd.Process.Kill() // it may be done
	err := <-ended
	if err == nil {
		o.t.Logf("network %v was done before it was interrupted", args)
		return false
	}
	require.Equal(o.t, -1, cmd.ProcessState.ExitCode(), "network %v failed by itself: %v: %s", args, err, said.String())
	return true
}

// awaitSigning waits until status tells of each orderer that it signs.
func (o *operator) awaitSigning() {
	o.t.Helper()
	for began := time.Now(); ; {
		signing := 0
		nodes := o.nodes()
		for _, node := range nodes {
			if node.Signs {
				signing++
			}
		}
		if signing == 4 {
			return
		}
		require.Less(o.t, time.Since(began), 2*time.Minute, "%+v", nodes)
	}
}

// planned tells whether the network's plan has these words.
func (o *operator) planned(words string) func() bool {
	return func() bool {
		plan, err := os.ReadFile(filepath.Join(o.dir, "topology.json"))
		return err == nil && strings.Contains(string(plan), words)
	}
}

func (o *operator) nodes() []fabric.NodeStatus {
	o.t.Helper()
	var nodes []fabric.NodeStatus
	require.NoError(o.t, json.Unmarshal([]byte(o.network("status", "-json")), &nodes))
	return nodes
}

// TestDemoOnFabric loads the whole demonstration on a real Fabric network, by the
// command behind make network, and scans it at the scanner: the services above the
// ledger are the very same, only the engine differs.
func TestDemoOnFabric(t *testing.T) {
	o := newOperator(t)
	var printed lineBuffer
	var failed lineBuffer
	gateway, scanner := freeAddress(t), freeAddress(t)
	cmd := exec.Command(o.binary, "network", "demo", "-config", o.file, "-addr", gateway, "-scanner-addr", scanner)
	cmd.Stdout, cmd.Stderr = &printed, &failed
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	deadline := time.After(20 * time.Minute)
	for !strings.Contains(printed.String(), "ready http://"+gateway) {
		select {
		case err := <-exited:
			require.FailNow(t, "the command ended", "%v: %s", err, failed.String())
		case <-deadline:
			require.FailNow(t, "the demonstration is not loaded", "%s%s", printed.String(), failed.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	require.Contains(t, printed.String(), "http://"+scanner+"/", "codes lead to the scanner")
	checkDemoPages(t, printed.String())
	clients := filepath.Join(o.dir, "clients", trace.ProducerMSP)
	checkSamples(t, filepath.Join(clients, profileJSONName), filepath.Join(clients, "wallet"), "http://"+scanner)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-exited, failed.String())
	o.network("status") // the network has stayed up
	o.network("down")
}

// startConsortium brings a network up by commands, with a gateway of its own identities
// on it and what a factory needs to register lots.
func startConsortium(t *testing.T) (*operator, *roles) {
	o := newOperator(t)
	printed := o.network("up")
	require.Contains(t, printed, "every gateway takes submits, chaincode trace 1")
	t.Log(strings.TrimSpace(printed))
	_, took, _ := strings.Cut(printed, "ready in ")
	took, _, _ = strings.Cut(took, ":")
	var err error
	o.ready, err = time.ParseDuration(took)
	require.NoError(t, err, printed)
	r := &roles{gateway: newHouse(t)}
	r.gateway.lags = time.Minute
	wallet := filepath.Join(r.gateway.data, "wallet")
	parties := map[trace.Role]string{trace.RoleRegulator: "the-regulator", trace.RoleFactory: "the-factory"}
	for role, party := range parties {
		o.network("enrol", "-role", string(role), "-party", party, "-to", wallet)
	}
	o.network("enrol", "-role", string(trace.RoleScanner), "-party", readerParty, "-to", wallet)
	o.network("enrol", "-role", string(trace.RoleRegulator), "-party", operatorParty, "-to", wallet)
	requireEnrolledAtCA(t, filepath.Join(wallet, "the-factory@factory", "cert.pem"))
	gateway := r.gateway.configure(Config{Connection: filepath.Join(o.dir, "clients", trace.PlatformMSP, connectionName)})
	for role, party := range parties {
		r.gateway.tokens[role] = strings.TrimSpace(r.gateway.command("token", "-config", gateway, "-make", string(role), "-role", string(role), "-party", party))
	}
	r.gateway.start("gateway", "-config", gateway)
	r.gateway.furnish()
	return o, r
}

// settleAll ends the writers, repeats what was not settled, and demands every record at
// the gateway and on every peer, once. others are lots that were not theirs.
func (o *operator) settleAll(r *roles, w *writers, made trace.Time, others int) {
	t := o.t
	t.Helper()
	acknowledged, unsettled := w.end(t)
	for _, lot := range unsettled {
		acknowledged[lot] = r.settle(t, made, lot).Transaction
	}
	y := o.tally(w, acknowledged)
	t.Log(y)
	require.Empty(t, y.lost)
	require.Zero(t, y.doubled)
	r.gateway.checkAcknowledged(acknowledged)
	require.Equal(t, len(acknowledged)+others, r.gateway.countLots(), "nothing is lost, nothing doubled")
}

// TestNetworkCommands has an operator bring a network up, lose and heal an orderer, a
// peer and a chaincode, and upgrade the chaincode, all under writers at a gateway:
// every acknowledged record is on every peer, and nothing is left after down.
func TestNetworkCommands(t *testing.T) {
	o, r := startConsortium(t)
	require.Len(t, o.nodes(), 19)
	require.Contains(t, o.refused("clean", "-yes"), "is running")
	require.Contains(t, o.refused("stop", "nobody"), "there are orderer1, ")
	require.Contains(t, o.refused("enrol", "-role", "lab", "-party", "a-lab", "-org", "PlatformMSP", "-to", t.TempDir()), "is one of LabMSP")
	made := trace.TimeOf(time.Now()) - 3_600_000

	w := r.write(t, made)
	w.more(t, 20)
	lost := []string{"orderer4", "CarrierMSP/peer", "LabMSP/trace"}
	for _, node := range lost {
		o.network("kill", node)
	}
	o.ill("3 of 19 nodes are not well: " + strings.Join(lost, ", "))
	w.more(t, 20)
	var starting errgroup.Group // as when the machine starts: one waits for the other
	for _, node := range []string{"orderer4", "LabMSP/trace"} {
		starting.Go(func() error {
			out, err := o.try("start", node)
			if err != nil {
				err = fmt.Errorf("start %s: %w: %s", node, err, out)
			}
			return err
		})
	}
	require.NoError(t, starting.Wait())
	t.Log(strings.TrimSpace(o.network("up")))
	o.network("status")
	o.awaitSigning()
	w.more(t, 20)
	version, program := 2, o.tracecc("two", "-s -w")
	for ; !o.interruptedWhen(o.planned(`"incoming"`), "upgrade", "-chaincode", program); version++ {
		require.Less(t, version, 6, "an upgrade is done each time before it is interrupted")
		program = o.tracecc("next", fmt.Sprintf("-X main.next=%d", version+1))
	}
	o.network("up")
	w.more(t, 20)
	t.Log(strings.TrimSpace(o.network("upgrade", "-chaincode", program)))
	w.more(t, 20)
	o.settleAll(r, w, made, 0)
	require.Len(t, o.nodes(), 19, "the processes of the old version are gone")

	moved := o.moveToAnotherHost("orderer4")
	o.network("up")
	o.network("kill", "orderer3") // without orderer4 nothing would be ordered now
	r.settle(t, made, "MOVED")
	o.network("up")
	r.gateway.stop()
	require.Contains(t, o.network("down", "-dir", moved), "no process and no listener is left")

	nodes := o.nodes()
	require.Len(t, nodes, 18)
	for _, node := range nodes {
		if strings.HasSuffix(node.Name, "/peer") || strings.HasSuffix(node.Name, "/trace") {
			require.Equal(t, fmt.Sprint("trace ", version), node.Chaincode, node.Name)
		}
	}
	require.Contains(t, o.network("down"), "no process and no listener is left")
	for _, node := range nodes {
		// A process is there until the system's first one has taken note of its end.
		require.Eventually(t, func() bool { return errors.Is(syscall.Kill(-node.PID, 0), syscall.ESRCH) }, time.Minute, 10*time.Millisecond, node.Name)
		_, err := net.DialTimeout("tcp", node.Address, time.Second)
		require.ErrorIs(t, err, syscall.ECONNREFUSED, node.Name)
	}
	require.Contains(t, o.refused("status"), "18 of 18 nodes are not well")
	o.network("clean", "-yes")
	require.NoDirExists(t, o.dir)
}

// moveToAnotherHost does to a node what docs/network.md tells to do, on the same machine.
func (o *operator) moveToAnotherHost(node string) (dir string) {
	o.t.Helper()
	dir = filepath.Join(o.t.TempDir(), "another")
	require.NoError(o.t, os.MkdirAll(filepath.Join(dir, "nodes"), 0o700))
	o.downAtTheEnd(dir)
	o.network("stop", node)
	plan, err := os.ReadFile(filepath.Join(o.dir, "topology.json"))
	require.NoError(o.t, err)
	require.NoError(o.t, os.WriteFile(filepath.Join(dir, "topology.json"), plan, 0o600))
	require.NoError(o.t, os.Rename(filepath.Join(o.dir, "nodes", node), filepath.Join(dir, "nodes", node)))
	o.network("start", node, "-dir", dir)
	require.Contains(o.t, o.network("status", "-dir", dir), node)
	return dir
}

// more waits for so many acknowledgements from now on.
func (w *writers) more(t *testing.T, lots int) {
	t.Helper()
	w.wait(t, w.count()+lots)
}

// requireEnrolledAtCA demands a certificate with what Fabric CA alone puts into it.
func requireEnrolledAtCA(t *testing.T, path string) {
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	block, _ := pem.Decode(content)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	require.Equal(t, []string{"client"}, certificate.Subject.OrganizationalUnit)
	for _, extension := range certificate.Extensions {
		if extension.Id.String() == "1.2.3.4.5.6.7.8.1" {
			require.JSONEq(t, `{"attrs":{"hf.Affiliation":"","hf.EnrollmentID":"the-factory@factory","hf.Type":"client","trace.party":"the-factory","trace.role":"factory"}}`, string(extension.Value))
			return
		}
	}
	require.Fail(t, "the certificate has no attributes")
}

// auditor reads an organisation's peer as one of its members.
func auditor(t *testing.T, network *fabric.Network, msp string) *client.Network {
	certPEM, keyPEM, err := network.Enrol(msp, "auditor", nil)
	require.NoError(t, err)
	certificate, err := identity.CertificateFromPEM(certPEM)
	require.NoError(t, err)
	id, err := identity.NewX509Identity(msp, certificate)
	require.NoError(t, err)
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	require.NoError(t, err)
	sign, err := identity.NewPrivateKeySign(key)
	require.NoError(t, err)
	conn, err := network.Conn(msp)
	require.NoError(t, err)
	gateway, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn), client.WithEvaluateTimeout(time.Minute))
	require.NoError(t, err)
	t.Cleanup(func() { gateway.Close() })
	return gateway.GetNetwork(network.Channel())
}

func TestNetworkConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "network.yaml")
	write := func(content string) {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
	parse := func(args ...string) (networkCall, error) {
		for _, c := range networkCommands() {
			if c.name == args[0] {
				return parseNetwork(c, args[1:], &bytes.Buffer{})
			}
		}
		return networkCall{}, fmt.Errorf("no command %s", args[0])
	}
	write("dir: elsewhere\nbasePort: 7050\nports: {orderer1: 8050}\nbatchInterval: 1s\n")
	call, err := parse("logs", "orderer1", "-f", "-config", file, "-n", "3")
	require.NoError(t, err)
	require.Equal(t, []string{"orderer1"}, call.args)
	require.True(t, call.flags.follow)
	require.Equal(t, 3, call.flags.lines)
	require.Equal(t, "elsewhere", call.cfg.Dir)
	require.Equal(t, fabric.Ports{Base: 7050, Named: map[string]int{"orderer1": 8050}}, call.fabric().Ports)
	require.Equal(t, time.Second, call.cfg.BatchInterval)
	require.True(t, call.cfg.CertificateAuthorities)

	var printed bytes.Buffer
	call.out = &printed
	require.NoError(t, networkPorts(t.Context(), call))
	require.Contains(t, printed.String(), "8050  orderer1\n7051  orderer1/admin\n")

	call, err = parse("status", "-config", file, "-dir", "third")
	require.NoError(t, err)
	require.Equal(t, "third", call.cfg.Dir, "a flag overrides the file")

	_, err = parse("stop")
	require.ErrorContains(t, err, "usage: traceledger network stop NODE")
	_, err = parse("up", "orderer1")
	require.ErrorContains(t, err, "usage")
	write("dir: elsewhere\nbaseport: 7050\n")
	_, err = parse("up", "-config", file)
	require.ErrorContains(t, err, "baseport", "an unknown field is refused")
	write("timeout: 0s\n")
	_, err = parse("up", "-config", file)
	require.ErrorContains(t, err, "timeout")

	want := defaultNetworkConfig()
	want.Ports, want.Hosts = map[string]int{"orderer1": 8050}, map[string]string{"orderer1": "one.example"}
	content, err := yaml.Marshal(want)
	require.NoError(t, err)
	write(string(content))
	call, err = parse("up", "-config", file)
	require.NoError(t, err)
	require.Equal(t, want, call.cfg, "what is written is what is read")
}

func TestLastLines(t *testing.T) {
	for _, c := range []struct {
		lines   int
		content string
		want    string
	}{
		{2, "one\ntwo\nthree\n", "two\nthree\n"},
		{3, "one\ntwo\nthree\n", "one\ntwo\nthree\n"},
		{9, "one\ntwo\n", "one\ntwo\n"},
		{1, "", ""},
		{0, "one\n", ""},
	} {
		require.Equal(t, c.want, string(lastLines([]byte(c.content), c.lines)), "%d of %q", c.lines, c.content)
	}
}
