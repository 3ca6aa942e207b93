package fabric

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"
)

// takeOut takes an organisation out of the channel as Fabric's own tools do: this folder's plan
// goes on to list it.
func takeOut(t *testing.T, network *Network, mspID string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	require.NoError(t, network.changeMember(ctx, mspID, false, func(wanted configuration) { delete(applicationOf(wanted).Groups, mspID) }))
	network.mu.Lock()
	defer network.mu.Unlock()
	network.tlsRoots, network.learnt = nil, 0 // nobody has told this program
}

// configOfMembers is a configuration with these members, updated so often.
func configOfMembers(sequence uint64, members ...string) configuration {
	groups := map[string]*common.ConfigGroup{}
	for _, id := range members {
		groups[id] = &common.ConfigGroup{}
	}
	return &common.Config{Sequence: sequence, ChannelGroup: &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{"Application": {Groups: groups}}}}
}

// The newest configuration that was told says who of those planned are members; nobody is taken for
// one that has left before somebody has told.
func TestWhoIsAMember(t *testing.T) {
	n := hostOfLab(t)
	planned := Organisations[:]
	without := func(id string) []string {
		var ids []string
		for _, each := range planned {
			if each != id {
				ids = append(ids, each)
			}
		}
		return ids
	}
	require.Equal(t, planned, n.membersHere())
	require.Empty(t, n.Departed())
	for _, step := range []struct {
		sequence    uint64
		told        []string
		older       bool // than what is known
		members     []string
		departed    []Member
		absent, own []string
		carrier     bool // whether its nodes are those of one that has left
	}{
		{sequence: 3, told: append(without("CarrierMSP"), "UnknownMSP"), members: without("CarrierMSP"),
			departed: []Member{{MSPID: "CarrierMSP"}}, absent: []string{"ProducerMSP", "PlatformMSP", "RegulatorMSP"}, own: []string{"LabMSP"}, carrier: true},
		{sequence: 2, told: planned, older: true, members: without("CarrierMSP"),
			departed: []Member{{MSPID: "CarrierMSP"}}, absent: []string{"ProducerMSP", "PlatformMSP", "RegulatorMSP"}, own: []string{"LabMSP"}, carrier: true},
		{sequence: 4, told: without("LabMSP"), members: without("LabMSP"),
			departed: []Member{{MSPID: "LabMSP"}}, absent: without("LabMSP"), own: nil},
		{sequence: 5, told: planned, members: planned, absent: without("LabMSP"), own: []string{"LabMSP"}},
	} {
		err := n.learn(configOfMembers(step.sequence, step.told...))
		if step.older {
			require.ErrorContains(t, err, "updated 3 times, and those who answer know of 2")
		} else {
			require.NoError(t, err)
		}
		require.Equal(t, step.members, n.membersHere(), step.sequence)
		require.Equal(t, step.departed, n.Departed(), step.sequence)
		require.Equal(t, step.absent, n.Absent(), step.sequence)
		require.Equal(t, step.own, n.Administered(), step.sequence)
		require.Equal(t, step.carrier, n.isDeparted("CarrierMSP/peer"), step.sequence)
		require.False(t, n.isDeparted("orderer1"), "no organisation's name")
	}
	require.NoError(t, n.learn(configOfMembers(6, "ProducerMSP")))
	_, all := n.withBlocks()
	require.Empty(t, all, "whom nobody waits for")
	_, err := n.learnMembers(t.Context())
	require.ErrorContains(t, err, "no member's administrator's key")
}

func TestNewestConfiguration(t *testing.T) {
	old, new := configOfMembers(1, "LabMSP"), configOfMembers(2)
	require.Nil(t, newest(nil))
	require.Same(t, old, newest([]configuration{old}))
	require.Same(t, new, newest([]configuration{old, new}))
	require.Same(t, new, newest([]configuration{new, old}))
}

// The channel's program is the one that most members have; what one that was away has instead gives
// way to it.
func TestProgramOfWhoWasAway(t *testing.T) {
	service := func(mspID, label string, port string) servicePlan {
		return servicePlan{MSPID: mspID, Chaincode: "store", Version: label, Label: label, PackageID: label + ":1", Address: "127.0.0.1:" + port}
	}
	incoming := service("LabMSP", "three", "15009")
	incoming.Incoming = 9
	other := service("LabMSP", "other", "15010")
	other.Chaincode = "other"
	services := []servicePlan{
		service("CarrierMSP", "one", "15001"), other, incoming, service("LabMSP", "two", "15002"), service("ProducerMSP", "two", "15003"),
	}
	member := func(string) bool { return true }
	found, ok := mostDeployed(services, "store", member)
	require.True(t, ok)
	require.Equal(t, "two", found.Version)
	found, ok = mostDeployed(services, "store", func(id string) bool { return id == "CarrierMSP" })
	require.True(t, ok)
	require.Equal(t, "one", found.Version)
	_, ok = mostDeployed(services, "store", func(string) bool { return false })
	require.False(t, ok)
	_, ok = mostDeployed([]servicePlan{incoming}, "store", member)
	require.False(t, ok, "it has not come in")

	n := newNetwork(Config{Dir: t.TempDir()})
	for _, id := range []string{"CarrierMSP", "LabMSP", "ProducerMSP"} {
		n.plan.Peers = append(n.plan.Peers, peerPlan{nodePlan: nodePlan{MSPID: id, Host: loopback}, ServicePorts: []int{}})
	}
	n.plan.Services = services
	for _, s := range services {
		n.nodes = append(n.nodes, n.serviceNode(s))
	}
	two := chaincodePackage{label: "two", id: "two:1"}
	require.NoError(t, n.learn(configOfMembers(1, "LabMSP", "ProducerMSP")))
	require.NoError(t, n.completeServices(Chaincode{Name: "store", Version: "two"}, two))
	require.Equal(t, services, n.plan.Services, "who has left is left alone")
	require.Equal(t, "two", n.Version("store"))
	require.NoError(t, n.learn(configOfMembers(2, "LabMSP", "ProducerMSP", "CarrierMSP")))
	require.NoError(t, n.completeServices(Chaincode{Name: "store", Version: "two"}, two))
	require.Len(t, n.plan.Services, 5)
	require.Len(t, n.nodes, 5)
	found, ok = n.service(func(s servicePlan) bool { return s.MSPID == "CarrierMSP" })
	require.True(t, ok)
	require.Equal(t, "two:1", found.PackageID)
}

// A member's node that does not start fails the start, at once when all others are up; one of an
// organisation that is known to have left is not even tried.
func TestStartOfNodes(t *testing.T) {
	n := newNetwork(Config{Dir: t.TempDir()})
	n.spawn = newSpawner()
	defer n.spawn.close()
	n.plan.Peers = []peerPlan{{nodePlan: nodePlan{MSPID: "LabMSP"}}, {nodePlan: nodePlan{MSPID: "CarrierMSP"}}}
	for _, name := range []string{"LabMSP/peer", "CarrierMSP/peer"} {
		require.NoError(t, os.MkdirAll(n.nodeFolder(name), 0o700))
		n.nodes = append(n.nodes, &Node{title: name, address: "127.0.0.1:1", program: "/bin/sh", args: []string{"-c", "echo started; exit 3"}, dir: n.nodeFolder(name), spawn: n.spawn})
	}
	log := func(name string) string { return filepath.Join(n.nodeFolder(name), "log") }
	require.NoError(t, n.learn(configOfMembers(1, "LabMSP")))
	require.ErrorContains(t, n.startNodes(t.Context()), "LabMSP/peer ended while starting: exit status 3")
	require.FileExists(t, log("LabMSP/peer"))
	require.NoFileExists(t, log("CarrierMSP/peer"))
	require.NoError(t, n.learn(configOfMembers(2, "RegulatorMSP")))
	require.NoError(t, n.startNodes(t.Context()))
}

// While nobody has told who the members are, a node that never comes up is waited for; no longer, and
// it is ended, once its organisation turns out to have left.
func TestStartWhileSomebodyLeaves(t *testing.T) {
	n := newNetwork(Config{Dir: t.TempDir()})
	n.spawn = newSpawner()
	defer n.spawn.close()
	const name = "CarrierMSP/peer"
	require.NoError(t, os.MkdirAll(n.nodeFolder(name), 0o700))
	node := &Node{title: name, address: "127.0.0.1:1", program: "/bin/sh", args: []string{"-c", "echo deaf; sleep 600"}, dir: n.nodeFolder(name), spawn: n.spawn}
	n.plan.Peers = []peerPlan{{nodePlan: nodePlan{MSPID: "CarrierMSP"}}}
	n.nodes = []*Node{node}
	returned := make(chan error, 1)
	go func() { returned <- n.startNodes(t.Context()) }()
	eventually(t, func() error {
		if !node.Running() {
			return os.ErrProcessDone
		}
		return nil
	})
	require.Empty(t, returned)
	require.NoError(t, n.learn(configOfMembers(1, "LabMSP")))
	require.NoError(t, <-returned)
	require.False(t, node.Running())
}
