package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/stretchr/testify/require"
)

// TestNetwork takes one network through its life: start, deploy, work,
// upgrade, stop, start again from its folder, with a member away from the channel and back. Lost
// nodes are TestSoakFaults.
func TestNetwork(t *testing.T) {
	binaries, err := EnsureBinaries(t.Context())
	require.NoError(t, err)
	program := buildChaincode(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	config := Config{Dir: t.TempDir(), Binaries: binaries, BatchInterval: 50 * time.Millisecond, LogLevel: "error"}
	network, err := Start(ctx, config)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			for _, node := range network.Nodes() {
				t.Logf("%s, process %d: %s", node.Name(), node.PID(), node.logTail())
			}
		}
		network.Stop()
	})
	require.NoError(t, network.Deploy(ctx, Chaincode{Name: "store", Version: "1", Binary: program}))

	t.Run("EveryGatewayTakesSubmits", func(t *testing.T) {
		for _, msp := range Organisations {
			// The attributes are there, so the certificate is what Fabric CA issues.
			c := connect(t, network, msp, map[string]string{"trace.role": "tester"})
			require.NoError(t, c.write(ctx, "by-"+msp, "1"), "at once")
			require.Equal(t, "1", c.read(t, "by-"+msp))
		}
	})
	t.Run("DeployingAgainChangesNothing", func(t *testing.T) {
		before := network.plan.Services
		require.NoError(t, network.Deploy(ctx, Chaincode{Name: "store", Version: "1", Binary: program}))
		require.Equal(t, before, network.plan.Services)
	})
	t.Run("AnotherPolicyIsTheNextSequence", func(t *testing.T) {
		services := network.plan.Services
		for range 2 { // the second time there is nothing to do
			deployed, err := network.Heal(ctx, "store", Majority(Organisations[:]))
			require.NoError(t, err)
			require.True(t, deployed)
			current, err := network.committed(ctx, "store")
			require.NoError(t, err)
			require.Equal(t, int64(2), current.GetSequence())
			require.Equal(t, services, network.plan.Services, "the same processes")
		}
		require.NoError(t, connect(t, network, "LabMSP", nil).write(ctx, "by-three", "1"))
	})
	t.Run("EveryListenerSpeaksTLS", func(t *testing.T) { testListeners(t, network) })
	t.Run("OneProcessToAFolder", func(t *testing.T) {
		_, err := Start(ctx, config)
		require.ErrorContains(t, err, "another process runs the network in")
	})
	t.Run("APeerIsAskedOnceItHasWhatOthersHave", func(t *testing.T) { testAwaitPeer(t, network) })
	t.Run("AnOrdererOneBlockBehind", func(t *testing.T) { testOneBlockBehind(t, network) })
	t.Run("AnOrdererThatStandsStill", func(t *testing.T) { testStandsStill(t, network) })
	t.Run("ReplacedTLSAuthority", func(t *testing.T) { testReplacedTLSAuthority(t, network) })
	t.Run("Upgrade", func(t *testing.T) {
		takeOut(t, network, "CarrierMSP") // its process stays with the old program
		testRefused(t, network)
		require.NoError(t, network.Deploy(ctx, Chaincode{
			Name: "store", Version: "2", Binary: buildChaincode(t, "-s -w"), Policy: "OR('ProducerMSP.peer', 'LabMSP.peer')",
		}))
		require.Len(t, network.Nodes(), 14, "the processes of the old version are gone")
		require.Equal(t, []Member{{MSPID: "CarrierMSP"}}, network.Departed())
		require.Equal(t, "2", network.Version("store"))
		require.NoError(t, network.AwaitSubmits(ctx))
		c := connect(t, network, "LabMSP", nil)
		require.Equal(t, "1", c.read(t, "by-LabMSP"), "data survives")
		require.NoError(t, c.write(ctx, "after", "1"))
	})
	t.Run("StopLeavesNothingAndStartGoesOn", func(t *testing.T) {
		var groups []int
		for _, node := range network.Nodes() {
			require.True(t, node.Running(), node.Name())
			groups = append(groups, node.cmd.Process.Pid)
		}
		network.Stop()
		for _, group := range groups {
			requireGone(t, group)
		}
		_, err := network.Conn("LabMSP")
		require.ErrorContains(t, err, "stopped")

		// Nobody tells who has left before the first peer is up, and its peer cannot come up.
		core := filepath.Join(config.Dir, "nodes", "CarrierMSP", "peer", "core.yaml")
		require.NoError(t, os.Rename(core, core+".away"))
		again, err := Start(ctx, config)
		require.NoError(t, err)
		network = again
		require.Equal(t, []Member{{MSPID: "CarrierMSP"}}, network.Departed())
		var status []NodeStatus
		eventually(t, func() (ill error) { // who is asked has seconds to answer
			status = network.Status(ctx)
			for _, s := range status {
				if s.Problem != "" {
					ill = errors.Join(ill, fmt.Errorf("%s: %s", s.Name, s.Problem))
				}
			}
			return ill
		})
		for _, s := range status {
			require.Equal(t, strings.HasPrefix(s.Name, "CarrierMSP/"), s.Left, s.Name)
			require.Equal(t, !s.Left, s.PID > 0, "%s: of those that have left none is started", s.Name)
		}
		two := Chaincode{Name: "store", Version: "2", Binary: buildChaincode(t, "-s -w"), Policy: "OR('ProducerMSP.peer', 'LabMSP.peer')"}
		require.NoError(t, network.Deploy(ctx, two))
		require.NoError(t, os.Rename(core+".away", core))
		require.NoError(t, network.AddOrganisation(ctx, NewOrganisation{MSPID: "CarrierMSP"}))
		require.Empty(t, network.Departed())
		require.NoError(t, network.Deploy(ctx, two))
		require.Len(t, network.Nodes(), 14, "the new program in the place of the old one")
		c := connect(t, network, "CarrierMSP", nil)
		eventually(t, func() error { // the network was stopped before every peer had it
			if value, err := c.tryRead("after"); err != nil || value != "1" {
				return fmt.Errorf("%q, %w", value, err)
			}
			return nil
		})
		eventually(t, func() error { return c.write(ctx, "again", "1") })
	})
	t.Run("RefusesTheFolderOfAnotherChannel", func(t *testing.T) {
		network.Stop()
		other := config
		other.Channel = "other"
		_, err := Start(ctx, other)
		require.ErrorContains(t, err, `holds a network with channel "trace", not "other"`)
	})
}

func TestNodeThatDoesNotStart(t *testing.T) {
	spawn := newSpawner()
	defer spawn.close()
	node := &Node{title: "orderer9", address: "127.0.0.1:1", program: "/bin/sh", args: []string{"-c", "echo no such ledger; exit 3"}, dir: t.TempDir(), spawn: spawn}
	err := node.Start(t.Context())
	require.ErrorContains(t, err, "orderer9 ended while starting: exit status 3")
	require.ErrorContains(t, err, "no such ledger")
	require.False(t, node.Running())
	node.Stop(time.Second) // nothing to do
	node.Kill()
}

func TestStopKillsWhatIgnoresIt(t *testing.T) {
	spawn := newSpawner()
	defer spawn.close()
	node := &Node{title: "deaf", address: "127.0.0.1:0", program: "/bin/sh",
		args: []string{"-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"}, dir: t.TempDir(), spawn: spawn}
	require.NoError(t, node.launch())
	eventually(t, func() error {
		if !strings.Contains(node.logTail(), "deaf") {
			return errors.New("not deaf yet")
		}
		return nil
	})
	group := node.cmd.Process.Pid
	node.Stop(100 * time.Millisecond)
	require.False(t, node.Running())
	requireGone(t, group) // its child as well
}

func TestStartWithoutFolderOrPrograms(t *testing.T) {
	_, err := Start(t.Context(), Config{})
	require.ErrorContains(t, err, "Config.Dir is empty")
	_, err = Start(t.Context(), Config{Dir: t.TempDir(), Binaries: t.TempDir()})
	require.ErrorContains(t, err, "the Fabric program peer is missing")
}

func TestPackageNamesTheProgram(t *testing.T) {
	network := &Network{dir: t.TempDir()}
	file := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(file, []byte("one"), 0o700))
	one, err := network.packageChaincode(Chaincode{Name: "store", Version: "1", Binary: file})
	require.NoError(t, err)
	again, err := network.packageChaincode(Chaincode{Name: "store", Version: "1", Binary: file})
	require.NoError(t, err)
	require.Equal(t, one, again)
	require.NoError(t, os.WriteFile(file, []byte("two"), 0o700))
	two, err := network.packageChaincode(Chaincode{Name: "store", Version: "1", Binary: file})
	require.NoError(t, err)
	require.NotEqual(t, one.id, two.id, "another program is another package")
	kept, err := os.ReadFile(one.program)
	require.NoError(t, err)
	require.Equal(t, "one", string(kept))
	require.True(t, strings.HasPrefix(one.id, one.label+":"))
}

func TestFreePorts(t *testing.T) {
	ports, err := freePorts(30)
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, port := range ports {
		require.False(t, seen[port])
		seen[port] = true
		require.Less(t, port, 32768, "below the kernel's own range")
	}
	// Another network keeps the ports that it has none to listen on yet.
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(ports[29])))
	require.NoError(t, err)
	defer listener.Close()
	for range 100 {
		others, err := freePorts(30)
		require.NoError(t, err)
		for _, port := range others {
			require.False(t, seen[port], port)
		}
	}
	many, err := freePorts(150)
	require.NoError(t, err)
	require.Len(t, many, 150)
}

// TestPortsAreClaimed: networks that are made at the same time, by other programs too, have
// chosen their ports before any node listens there.
func TestPortsAreClaimed(t *testing.T) {
	runs := map[int]bool{}
	for range 60 { // of 170: without claims two of them would have met
		n := newNetwork(Config{})
		defer n.Detach()
		require.NoError(t, n.planPorts())
		first := portOf(n.plan.Orderers[0].Address())
		require.False(t, runs[first/portRun], first)
		runs[first/portRun] = true
		require.True(t, n.claims.claim(first), "its own")
		other := portClaims{}
		require.False(t, other.claim(first+1))
		other.release()
	}
	n := newNetwork(Config{})
	require.NoError(t, n.planPorts())
	first := portOf(n.plan.Orderers[0].Address())
	n.Detach()
	other := portClaims{}
	defer other.release()
	require.Eventually(t, func() bool { return other.claim(first) }, time.Minute, time.Millisecond, "given up")
}

// buildChaincode builds the conformance chaincode; different linker flags make
// a different program of it.
func buildChaincode(t *testing.T, linkerFlags string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "store")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags", linkerFlags, "-o", program,
		"traceledger/network/conformance/chaincode/service").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// storeClient is a client of the chaincode above.
type storeClient struct{ contract *client.Contract }

func connect(t *testing.T, network *Network, mspID string, attributes map[string]string) storeClient {
	t.Helper()
	certPEM, keyPEM, err := network.Enrol(mspID, "tester", attributes)
	require.NoError(t, err)
	certificate, err := identity.CertificateFromPEM(certPEM)
	require.NoError(t, err)
	id, err := identity.NewX509Identity(mspID, certificate)
	require.NoError(t, err)
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	require.NoError(t, err)
	sign, err := identity.NewPrivateKeySign(key)
	require.NoError(t, err)
	conn, err := network.Conn(mspID)
	require.NoError(t, err)
	gateway, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn),
		client.WithEvaluateTimeout(time.Minute), client.WithEndorseTimeout(time.Minute), client.WithSubmitTimeout(time.Minute), client.WithCommitStatusTimeout(time.Minute))
	require.NoError(t, err)
	t.Cleanup(func() { gateway.Close() })
	return storeClient{gateway.GetNetwork(network.Channel()).GetContract("store")}
}

type step struct {
	Op    string `json:"op"`
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

func argument(s step) client.ProposalOption {
	raw, _ := json.Marshal([]step{s}) // strings always marshal
	return client.WithArguments(string(raw))
}

// write puts a value. After a SubmitError it is open whether it will be there, and it is put
// again: orderers of a slow machine say "request already processed" of what they have ordered.
// So it is after an endorser took too long, for which the gateway closes the connection to it.
func (c storeClient) write(ctx context.Context, key, value string) error {
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for try := 1; ; try++ {
		_, err := c.contract.SubmitWithContext(ctx, "run", argument(step{"put", key, value}))
		var open *client.SubmitError
		cutOff := strings.Contains(endorserDetails(err), "code = DeadlineExceeded") || strings.Contains(endorserDetails(err), "code = Canceled")
		if try == 50 || !errors.As(err, &open) && !cutOff {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-pause.C:
		}
	}
}

func (c storeClient) read(t *testing.T, key string) string {
	t.Helper()
	value, err := c.tryRead(key)
	require.NoError(t, err)
	return value
}

func (c storeClient) tryRead(key string) (string, error) {
	raw, err := c.contract.Evaluate("run", argument(step{"get", key, ""}))
	if err != nil {
		return "", err
	}
	var results []step
	if err := json.Unmarshal(raw, &results); err != nil {
		return "", err
	}
	return results[0].Value, nil
}

// requireGone waits until nothing is left of a process group. A killed
// grandchild is there until the system's first process has taken note of it.
func requireGone(t *testing.T, group int) {
	t.Helper()
	eventually(t, func() error {
		if err := syscall.Kill(-group, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process group %d is still there: %v", group, err)
		}
		return nil
	})
}

// eventually tries again what a network refuses while it finds itself.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	require.NoError(t, poll(ctx, 200*time.Millisecond, func() (bool, error) {
		err := try()
		return err == nil, err
	}))
}
