package fabric

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"
)

// hostOfLab is the folder of a host that holds the laboratory's keys and nodes, and an orderer
// whose administrator is elsewhere.
func hostOfLab(t *testing.T) *Network {
	t.Helper()
	config, err := Config{Dir: t.TempDir()}.withDefaults()
	require.NoError(t, err)
	n := newNetwork(config)
	n.plan, err = newTopology(config)
	require.NoError(t, err)
	for _, folder := range []string{
		"nodes/LabMSP/peer", "nodes/orderer2/data/ledger/chains/trace", "nodes/CarrierMSP/peer/data/ledgersData/chains/chains/trace",
		"crypto/peerOrganizations/lab.example/users/Admin@lab.example/msp/keystore",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(n.dir, folder), 0o700))
	}
	key := "crypto/peerOrganizations/lab.example/users/Admin@lab.example/msp/keystore/priv_sk"
	require.NoError(t, os.WriteFile(filepath.Join(n.dir, key), nil, 0o600))
	return n
}

// Only those are asked whose administrators are here; a node here that is not must have joined
// before, which its data tell.
func TestWhoseAdministratorsAreHere(t *testing.T) {
	n := hostOfLab(t)
	require.Equal(t, []string{"LabMSP"}, n.Administered())
	require.Equal(t, []string{"ProducerMSP", "CarrierMSP", "PlatformMSP", "RegulatorMSP"}, n.Absent())
	orderers, all := n.withBlocks()
	require.Empty(t, orderers)
	require.Equal(t, []string{"LabMSP/peer"}, all)
	require.NoError(t, n.joinedBefore("orderer2", "ledger", "chains", n.channel))
	require.NoError(t, n.joinedBefore("CarrierMSP/peer", "ledgersData", "chains", "chains", n.channel))
	require.ErrorContains(t, n.joinedBefore("LabMSP/peer", "ledgersData", "chains", "chains", n.channel), "LabMSP/peer has not joined trace")
	_, err := n.genesis()
	require.ErrorContains(t, err, "genesis.block")
	require.ErrorIs(t, n.HealOwn(t.Context(), "trace", ""), ErrOthersNeeded, "topology.json knows of no deployed program")
}

// What clients need to know of absent members' TLS is in the channel's configuration; of those here
// the files count.
func TestTLSRootsOfAbsentMembers(t *testing.T) {
	n := hostOfLab(t)
	lab, err := n.plan.peer("LabMSP")
	require.NoError(t, err)
	own := replaceTLSAuthority(t, n, lab)
	_, err = n.Endpoints("LabMSP")
	require.ErrorContains(t, err, "producer.example", "nothing is known of it yet")
	group := func(id string, roots ...string) *common.ConfigGroup { return groupWithRoots(t, id, roots...) }
	members := map[string]*common.ConfigGroup{"LabMSP": group("LabMSP", "old\n")}
	for _, id := range n.Absent() {
		members[id] = group(id, "new of "+id+"\n", "old of "+id+"\n")
	}
	require.NoError(t, n.learn(&common.Config{ChannelGroup: &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{"Application": {Groups: members}}}}))
	endpoints, err := n.Endpoints("LabMSP")
	require.NoError(t, err)
	require.Len(t, endpoints, 5)
	require.Equal(t, string(own.certPEM), endpoints[0].TLSCA)
	for _, e := range endpoints[1:] {
		require.Equal(t, "new of "+e.MSPID+"\nold of "+e.MSPID+"\n", e.TLSCA)
	}

	require.Empty(t, symmetricDifference(n.plan.members(), members))
	delete(members, "CarrierMSP")
	members["Lab2MSP"] = group("Lab2MSP")
	require.Equal(t, []string{"CarrierMSP", "Lab2MSP"}, symmetricDifference(n.plan.members(), members))
	require.NoError(t, n.learn(&common.Config{ChannelGroup: &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{"Application": {Groups: members}}}}))
	endpoints, err = n.Endpoints("LabMSP")
	require.NoError(t, err, "who has left is not asked for")
	require.Len(t, endpoints, 4)
	profile, err := n.Profile("LabMSP")
	require.NoError(t, err)
	require.Len(t, profile.Peers, 4)
	require.NotContains(t, profile.Organizations, "CarrierMSP")
}

// Most are most of the channel's members, and each of the others is left out by some try.
func TestMostMembers(t *testing.T) {
	seen := []string{"CarrierMSP", "LabMSP", "NewMSP", "PlatformMSP", "ProducerMSP"}
	for try, want := range [][]string{
		{"LabMSP", "CarrierMSP", "NewMSP", "PlatformMSP"},
		{"LabMSP", "NewMSP", "PlatformMSP", "ProducerMSP"},
		{"LabMSP", "PlatformMSP", "ProducerMSP", "CarrierMSP"},
		{"LabMSP", "ProducerMSP", "CarrierMSP", "NewMSP"},
		{"LabMSP", "CarrierMSP", "NewMSP", "PlatformMSP"},
	} {
		most, err := mostMembers("LabMSP", seen, 6, try)
		require.NoError(t, err)
		require.Equal(t, want, most, try)
	}
	most, err := mostMembers("LabMSP", nil, 1, 3)
	require.NoError(t, err)
	require.Equal(t, []string{"LabMSP"}, most)
	_, err = mostMembers("LabMSP", seen[:3], 6, 0)
	require.ErrorContains(t, err, "the peer of LabMSP sees those of [CarrierMSP NewMSP] only, 4 of 6 are needed")
}
