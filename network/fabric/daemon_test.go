package fabric

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// daemonNode is a daemon that does nothing for as long as it is let.
func daemonNode(t *testing.T) *Node {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	sleep, err = filepath.EvalSymlinks(sleep)
	require.NoError(t, err)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	node := &Node{title: "sleeper", address: "127.0.0.1:0", program: sleep, args: []string{"600"}, dir: dir}
	t.Cleanup(node.Kill)
	return node
}

// TestDaemon: another command finds the process by its folder, leaves it alone when
// it is to start it, and ends it.
func TestDaemon(t *testing.T) {
	node := daemonNode(t)
	require.False(t, node.Running())
	require.NoError(t, node.launch())
	pid := node.PID()
	require.NotZero(t, pid)
	session, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	require.Zero(t, errno)
	require.EqualValues(t, pid, session, "a session of its own")

	another := &Node{title: node.title, address: node.address, program: node.program, args: node.args, dir: node.dir}
	require.Equal(t, pid, another.PID())
	require.NoError(t, another.launch())
	require.Equal(t, pid, another.PID(), "what runs is left alone")
	another.Stop(time.Second)
	require.False(t, node.Running())
	require.NoFileExists(t, node.pidFile())
	another.Stop(time.Second) // nothing to do
}

// TestPIDFileOfAnotherProcess: a number that has been given to another process since is
// not taken for the node.
func TestPIDFileOfAnotherProcess(t *testing.T) {
	node := daemonNode(t)
	self, ok := findProcess(os.Getpid())
	require.True(t, ok)
	require.True(t, self.alive())
	for name, p := range map[string]process{
		"started at another time": {PID: self.PID, Started: self.Started + "0", Boot: self.Boot},
		"before the last boot":    {PID: self.PID, Started: self.Started, Boot: "another"},
		"no such process":         {PID: 1 << 22, Started: self.Started, Boot: self.Boot},
	} {
		require.NoError(t, node.writePIDFile(p))
		require.False(t, node.Running(), name)
		node.Kill()
		require.True(t, self.alive())
	}
	require.NoError(t, os.WriteFile(node.pidFile(), []byte("{"), 0o600))
	require.False(t, node.Running(), "a damaged file")
}

// TestStrayIsAdopted: a process whose pid file was never written is found in its
// folder, but a shell that somebody has there is not taken for it.
func TestStrayIsAdopted(t *testing.T) {
	node := daemonNode(t)
	shell := exec.Command("/bin/sh", "-c", "read line")
	shell.Dir = node.dir
	input, err := shell.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, shell.Start())
	t.Cleanup(func() { input.Close(); _ = shell.Wait() })
	require.NoError(t, adoptStrays([]*Node{node}, true))
	require.False(t, node.Running())

	require.NoError(t, node.launch())
	pid := node.PID()
	require.NoError(t, node.removePIDFile())
	require.False(t, node.Running())
	require.NoError(t, adoptStrays([]*Node{node}, true))
	require.Equal(t, pid, node.PID())
}

// TestWhoLooksWritesNothing: status may run while up starts a node. Two that write its pid file at the same
// time take away each other's, and up failed because of that.
func TestWhoLooksWritesNothing(t *testing.T) {
	node := daemonNode(t)
	require.NoError(t, node.launch())
	pid := node.PID()
	require.NoError(t, node.removePIDFile())
	looking := &Node{title: node.title, address: node.address, program: node.program, dir: node.dir}
	require.NoError(t, adoptStrays([]*Node{looking}, false))
	require.NoFileExists(t, node.pidFile())
	require.Equal(t, pid, looking.PID(), "it is found all the same")
	looking.Kill()
	require.False(t, looking.Running())
	require.NoError(t, looking.launch())
	require.NotEqual(t, pid, looking.PID())
}

// TestPortInUse: whoever listens on a node's port is not taken for the node.
func TestPortInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	node := daemonNode(t)
	node.address = listener.Addr().String()
	require.ErrorContains(t, node.Start(t.Context()), "port in use")
	require.False(t, node.Running())
}

// TestReach: whoever asks again and again whether a node listens leaves no errors in its log.
func TestReach(t *testing.T) {
	errors := make(chan string, 1)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(writerFunc(func(line []byte) (int, error) {
		errors <- string(line)
		return len(line), nil
	}), "", 0)
	server.StartTLS()
	defer server.Close()
	address := server.Listener.Addr().String()
	require.NoError(t, reach(t.Context(), address))
	plain, err := net.Dial("tcp", address)
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(plain.LocalAddr().String())
	require.NoError(t, err)
	require.NoError(t, plain.Close())
	require.Contains(t, <-errors, ":"+port, "the first that it complains of is the other")
	server.Close()
	require.Error(t, reach(t.Context(), address))
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(line []byte) (int, error) { return f(line) }

func TestPorts(t *testing.T) {
	names := PortNames()
	assigned, err := Ports{Base: 7050}.assign()
	require.NoError(t, err)
	require.Len(t, assigned, len(names))
	require.Equal(t, 7050, assigned["orderer1"])
	require.Equal(t, 7051, assigned["orderer1/admin"])
	require.Equal(t, 7050+32, assigned["RegulatorMSP/service/next"], "as before there were ports for operations")
	require.Equal(t, 7050+len(names)-1, assigned["RegulatorMSP/ca/operations"])

	assigned, err = Ports{Base: 7050, Named: map[string]int{"LabMSP/peer": 9051}}.assign()
	require.NoError(t, err)
	require.Equal(t, 9051, assigned["LabMSP/peer"])

	free := Ports{Named: map[string]int{"LabMSP/peer": 9051}}
	planned, err := free.Planned()
	require.NoError(t, err)
	require.Equal(t, free.Named, planned, "others are not known before")
	assigned, err = free.assign()
	require.NoError(t, err)
	require.Len(t, assigned, len(names))
	require.Equal(t, 9051, assigned["LabMSP/peer"])

	for want, ports := range map[string]Ports{
		`nothing is called "orderer9"`:                       {Named: map[string]int{"orderer9": 7050}},
		"orderer1 and LabMSP/peer would both listen on 7050": {Base: 7050, Named: map[string]int{"LabMSP/peer": 7050}},
		"which is no port":                                   {Base: 65530},
	} {
		_, err := ports.assign()
		require.ErrorContains(t, err, want)
	}
}

// TestPlanKeepsItsPorts: the ports are in the genesis block.
func TestPlanKeepsItsPorts(t *testing.T) {
	plan, err := newTopology(Config{Channel: "trace", Authorities: true})
	require.NoError(t, err)
	require.Len(t, plan.addresses(), len(PortNames()))
	require.NoError(t, plan.agrees(Ports{}), "whatever it has")
	peer := plan.Peers[1]
	require.NoError(t, plan.agrees(Ports{Named: map[string]int{peer.name(): peer.Port}}))
	require.ErrorContains(t, plan.agrees(Ports{Named: map[string]int{peer.name(): 1}}),
		"LabMSP/peer listens on "+peer.Address()+" since the network was made, not on port 1")

	listener, err := net.Listen("tcp", peer.Address())
	require.NoError(t, err)
	defer listener.Close()
	_, err = newTopology(Config{Ports: Ports{Named: map[string]int{"orderer1": peer.Port}}})
	require.ErrorContains(t, err, "orderer1: port in use")

	plan, err = newTopology(Config{Hosts: map[string]string{"orderer2": "localhost"}})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", plan.Orderers[0].Host)
	require.Equal(t, "localhost", plan.Orderers[1].Host)
	_, err = newTopology(Config{Hosts: map[string]string{"LabMSP": "localhost"}})
	require.ErrorContains(t, err, `no node "LabMSP"`)
}

func TestViewWithoutNetwork(t *testing.T) {
	_, err := View(t.Context(), Config{Dir: t.TempDir()})
	require.ErrorContains(t, err, "holds no network")
}

// TestProfile holds the form that Fabric's samples read.
func TestProfile(t *testing.T) {
	binaries, err := EnsureBinaries(t.Context())
	require.NoError(t, err)
	network := newNetwork(Config{Dir: t.TempDir(), Binaries: binaries, Channel: "trace"})
	network.plan, err = newTopology(Config{Channel: "trace", Authorities: true})
	require.NoError(t, err)
	require.NoError(t, network.makeCrypto(t.Context()))
	profile, err := network.Profile("LabMSP")
	require.NoError(t, err)
	content, err := json.Marshal(profile)
	require.NoError(t, err)
	var read struct {
		Client        struct{ Organization string }
		Organizations map[string]struct {
			MSPID                         string
			Peers, CertificateAuthorities []string
		}
		Peers map[string]struct {
			URL        string
			TLSCACerts struct{ PEM string }
		}
		CertificateAuthorities map[string]struct{ URL, CAName string }
	}
	require.NoError(t, json.Unmarshal(content, &read))
	own := read.Organizations[read.Client.Organization]
	require.Equal(t, "LabMSP", own.MSPID)
	require.Equal(t, "grpcs://"+network.plan.Peers[1].Address(), read.Peers[own.Peers[0]].URL)
	require.Contains(t, read.Peers[own.Peers[0]].TLSCACerts.PEM, "BEGIN CERTIFICATE")
	require.Equal(t, "https://"+network.plan.CAs[1].Address(), read.CertificateAuthorities[own.CertificateAuthorities[0]].URL)
	require.Len(t, read.Peers, 5, "all peers, to go to when the own one is away")
	_, err = network.Profile("NobodyMSP")
	require.ErrorContains(t, err, `no organisation "NobodyMSP"`)
}
