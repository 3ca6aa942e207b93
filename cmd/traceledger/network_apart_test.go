package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// TestOrganisationOnItsOwnHost gives the laboratory's organisation and an orderer a folder of
// their own that holds what docs/network.md tells to bring there, keys included and those of authorities not, and takes
// them from the first one: up heals in each what its administrators can, says what it leaves
// to others, and fails where something is undone that needs them. Then another organisation joins
// and is taken out of the channel by the commands of docs/operations.md, and at last the laboratory's.
func TestOrganisationOnItsOwnHost(t *testing.T) {
	o := newOperator(t)
	o.network("up")
	connection := filepath.Join("clients", trace.LabMSP, connectionName)
	before, err := os.ReadFile(filepath.Join(o.dir, connection))
	require.NoError(t, err)

	lab := []string{"LabMSP/ca", "LabMSP/peer", "LabMSP/trace"}
	labs := o.bringToHost(append([]string{"orderer2"}, lab...),
		"nodes/LabMSP", "nodes/orderer2", "crypto/peerOrganizations/lab.example", "crypto/ordererOrganizations/ordering2.example")
	for _, authority := range []string{"peerOrganizations/lab.example/ca", "peerOrganizations/lab.example/tlsca",
		"ordererOrganizations/ordering2.example/ca", "ordererOrganizations/ordering2.example/tlsca"} {
		require.NoError(t, os.Remove(filepath.Join(labs, "crypto", authority, "priv_sk")), "kept elsewhere")
	}
	printed := o.network("up", "-dir", labs)
	require.Contains(t, printed, "the gateway of LabMSP takes submits, chaincode trace 1")
	require.Contains(t, printed, "left to ProducerMSP, CarrierMSP, PlatformMSP, RegulatorMSP, whose administrators' keys are not here")
	after, err := os.ReadFile(filepath.Join(labs, connection))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "others' addresses and certificates as the channel has them")
	wallet := t.TempDir()
	o.network("enrol", "-dir", labs, "-role", "lab", "-party", "a-lab", "-to", wallet)
	requireNodes(t, o.network("status", "-dir", labs), 4)

	printed = o.network("up") // where the others are
	require.Contains(t, printed, "the gateway of ProducerMSP, CarrierMSP, PlatformMSP, RegulatorMSP takes submits")
	require.Contains(t, printed, "left to LabMSP")

	for _, node := range append(lab, "orderer2") {
		o.network("kill", node, "-dir", labs)
	}
	o.network("up", "-dir", labs)
	o.network("status", "-dir", labs)

	// Its peer's data lost, the organisation's approval is: that needs the others.
	o.network("kill", "LabMSP/peer", "-dir", labs)
	require.NoError(t, os.RemoveAll(filepath.Join(labs, "nodes/LabMSP/peer/data")))
	refused := o.refusedSoon("up", "-dir", labs)
	require.Contains(t, refused, "administrators of other organisations are needed")
	require.Contains(t, refused, "the organisation's approval is lost")
	require.Contains(t, refused, "approve the same definition as sequence 2")
	require.Contains(t, o.network("status", "-dir", labs), "trace 1", "it has joined, has the blocks and the package")
	require.NoError(t, os.CopyFS(filepath.Join(o.dir, "crypto/peerOrganizations/lab.example"), os.DirFS(filepath.Join(labs, "crypto/peerOrganizations/lab.example"))))
	require.Contains(t, o.network("up"), "every gateway takes submits")
	o.network("up", "-dir", labs)

	// Its topology.json is of before another joined, and then of before the same has left.
	const other = "Lab2MSP"
	o.inCharge(func(n *fabric.Network) error {
		return n.AddOrganisation(t.Context(), fabric.NewOrganisation{MSPID: other, Kind: trace.LabMSP})
	})
	o.network("up")
	require.Contains(t, o.network("up", "-dir", labs, "-log", "warn"), "members have come or gone")
	plan, err := os.ReadFile(filepath.Join(o.dir, "topology.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(labs, "topology.json"), plan, 0o600))
	o.takeOut(other)
	o.network("kill", other+"/trace") // which up would heal
	printed = o.network("up")
	require.Contains(t, printed, "every gateway takes submits")
	require.Contains(t, printed, "the channel has Lab2MSP no more, its nodes are left alone; traceledger network remove -msp Lab2MSP takes it out of topology.json, network add -msp Lab2MSP -kind LabMSP takes it in again")
	left := 0
	for _, node := range o.nodes() {
		if strings.HasPrefix(node.Name, other+"/") {
			left++
			require.True(t, node.Left, node.Name)
			require.Equal(t, node.Name == other+"/trace", node.PID == 0, "%s: left alone", node.Name)
		}
	}
	require.Equal(t, 3, left)
	policy := o.shell(t.TempDir(), o.operationsTools()+"\npeer lifecycle chaincode querycommitted -C trace -n trace -O json | jq -r .validation_parameter | base64 -d")
	require.Contains(t, policy, trace.CarrierMSP)
	require.NotContains(t, policy, other)
	o.network("kill", other+"/peer")
	o.network("kill", other+"/ca") // without its folder nobody finds it
	require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "nodes", other)))
	require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "crypto/peerOrganizations/lab2.example")))
	require.Contains(t, o.network("up"), "every gateway takes submits")
	for range 2 {
		removed := o.network("remove", "-msp", other)
		require.Contains(t, removed, "the channel has Lab2MSP no more; note: the chain says nothing of an end of Lab2MSP's membership")
		require.Contains(t, removed, "5 organisations")
		require.NotContains(t, removed, "WARNING")
	}
	require.Contains(t, o.refused("remove", "-msp", trace.LabMSP), "nothing of an end")
	printed = o.network("up", "-dir", labs, "-log", "warn")
	require.Contains(t, printed, "members have come or gone")
	require.Contains(t, printed, "WARNING: the channel has Lab2MSP no more, its nodes are left alone, and topology.json here still lists it")
	after, err = os.ReadFile(filepath.Join(labs, connection))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "without the peer of who has left")

	// Until it is brought its part of crypto, a host can start its nodes and no more.
	crypto, kept := filepath.Join(labs, "crypto"), filepath.Join(t.TempDir(), "crypto")
	require.NoError(t, os.Rename(crypto, kept))
	o.network("kill", "LabMSP/peer", "-dir", labs)
	require.Contains(t, o.network("up", "-dir", labs), "no administrator's key is here")
	o.network("up")
	require.NoError(t, os.Rename(kept, crypto))

	// The others take it out: its own peer never gets the block, but the orderers refuse it.
	o.takeOut(trace.LabMSP)
	began := time.Now()
	require.Regexp(t, `the channel has LabMSP no more, .*: [34] of 4 orderers refuse its administrator and its peer; .* network add -msp LabMSP -kind LabMSP`,
		o.refusedSoon("up", "-dir", labs))
	require.Less(t, time.Since(began), 5*time.Minute, "for blocks it would be waited twice as long")
	for began := time.Now(); ; { // asked once, busy orderers may not answer in time
		status, err := o.try("status", "-dir", labs)
		if err == nil && strings.Count(status, "left") == 3 { // the orderer beside them is well
			break
		}
		require.Less(t, time.Since(began), 2*time.Minute, "%v: %s", err, status)
	}

	o.inCharge(func(n *fabric.Network) error {
		return n.AddOrganisation(t.Context(), fabric.NewOrganisation{MSPID: trace.LabMSP, Kind: trace.LabMSP})
	})
	require.Contains(t, o.network("up", "-dir", labs), "the gateway of LabMSP takes submits")

	require.NoError(t, os.RemoveAll(crypto))
	o.network("kill", "LabMSP/peer", "-dir", labs)
	require.NoError(t, os.RemoveAll(filepath.Join(labs, "nodes/LabMSP/peer/data")))
	require.Contains(t, o.refusedSoon("up", "-dir", labs), "LabMSP/peer has not joined trace")

	require.Contains(t, o.network("down", "-dir", labs), "no process and no listener is left")
	require.Contains(t, o.network("down"), "no process and no listener is left")
}

// refusedSoon is refused where what cannot come would be waited for long.
func (o *operator) refusedSoon(args ...string) string {
	o.t.Helper()
	file := o.file
	defer func() { o.file = file }()
	config, err := os.ReadFile(file)
	require.NoError(o.t, err)
	o.file = filepath.Join(o.t.TempDir(), "soon.yaml")
	require.NoError(o.t, os.WriteFile(o.file, append(config, "timeout: 3m\n"...), 0o600))
	return o.refused(args...)
}

// inCharge changes the members without the contracts, as they may by Fabric's own tools.
func (o *operator) inCharge(change func(*fabric.Network) error) {
	o.t.Helper()
	binaries, err := fabric.EnsureBinaries(o.t.Context())
	require.NoError(o.t, err)
	network, err := fabric.Open(o.t.Context(), fabric.Config{Dir: o.dir, Binaries: binaries})
	require.NoError(o.t, err)
	defer network.Detach()
	require.NoError(o.t, change(network))
}

// bringToHost stops nodes and moves folders to another folder, which gets the files that docs/network.md
// names beside them.
func (o *operator) bringToHost(nodes []string, folders ...string) (dir string) {
	o.t.Helper()
	dir = filepath.Join(o.t.TempDir(), "host")
	require.NoError(o.t, os.MkdirAll(dir, 0o700))
	o.downAtTheEnd(dir)
	for _, node := range nodes {
		o.network("stop", node)
	}
	for _, file := range []string{"topology.json", "genesis.block"} {
		content, err := os.ReadFile(filepath.Join(o.dir, file))
		require.NoError(o.t, err)
		require.NoError(o.t, os.WriteFile(filepath.Join(dir, file), content, 0o600))
	}
	require.NoError(o.t, os.CopyFS(filepath.Join(dir, "programs"), os.DirFS(filepath.Join(o.dir, "programs"))))
	for _, folder := range folders {
		require.NoError(o.t, os.MkdirAll(filepath.Dir(filepath.Join(dir, folder)), 0o700))
		require.NoError(o.t, os.Rename(filepath.Join(o.dir, folder), filepath.Join(dir, folder)))
	}
	return dir
}

// requireNodes demands so many lines of nodes under the heading of status.
func requireNodes(t *testing.T, status string, count int) {
	t.Helper()
	require.Len(t, strings.Split(strings.TrimSpace(status), "\n"), count+1, status)
}
