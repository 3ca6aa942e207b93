package fabric

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// What cannot have a place in the network is refused before it is admitted on the chain,
// where its name would be used up.
func TestMayAdd(t *testing.T) {
	n := &Network{dir: t.TempDir()}
	n.plan.Orderers = []ordererPlan{{nodePlan: nodePlan{MSPID: "Orderer1MSP", Domain: "ordering1.example"}}}
	n.plan.Peers = []peerPlan{{nodePlan: nodePlan{MSPID: "LabMSP", Domain: "lab.example"}}}
	n.plan.Joining = []joiningPlan{{Peer: peerPlan{nodePlan: nodePlan{MSPID: "Lab2MSP", Domain: "lab2.example"}}}}
	require.ErrorContains(t, n.MayAdd("Lab3MSP"), "administrators are not here")
	require.NoError(t, os.MkdirAll(filepath.Join(n.cryptoFolder(), "peerOrganizations"), 0o700))
	for msp, refused := range map[string]string{
		"LabMSP": "", "Lab2MSP": "", "Lab3MSP": "", "lab.north-1": "",
		"Lab": "domain lab.example", "labMSP": "domain lab.example", "Lab2": "domain lab2.example",
		"Orderer1MSP": "ordering organisation", "MSP": "names no host", "..": "names no host", "-MSP": "names no host",
	} {
		if err := n.MayAdd(msp); refused == "" {
			require.NoError(t, err, msp)
		} else {
			require.ErrorContains(t, err, refused, msp)
		}
	}
}

// TestReadersWhileAnOrganisationEnters: who asks meanwhile is told of it wholly or not at
// all. Run with -race it tells who reads the plan without its lock.
func TestReadersWhileAnOrganisationEnters(t *testing.T) {
	n := newNetwork(Config{Dir: t.TempDir()})
	joining := joiningPlan{Peer: peerPlan{nodePlan: nodePlan{MSPID: "Lab2MSP", Domain: "lab2.example", Hostname: "peer0", Host: loopback, Port: 15002}}}
	n.plan.Peers = []peerPlan{{nodePlan: nodePlan{MSPID: "LabMSP", Domain: "lab.example", Hostname: "peer0", Host: loopback, Port: 15001}}}
	n.plan.Joining = []joiningPlan{joining}
	replaceTLSAuthority(t, n, n.plan.Peers[0])
	replaceTLSAuthority(t, n, joining.Peer)
	for _, part := range []string{"msp", "tls"} {
		require.NoError(t, os.MkdirAll(filepath.Join(n.organisationFolder(joining.Peer, "peers/peer0.lab2.example"), part), 0o700))
	}
	var asking sync.WaitGroup
	entered := make(chan struct{})
	for range 4 {
		asking.Go(func() {
			for last := false; !last; {
				select {
				case <-entered:
					last = true
				default:
				}
				endpoints, err := n.Endpoints("LabMSP")
				if err != nil || len(endpoints) != 1 && len(endpoints) != 2 {
					t.Errorf("%v %v", endpoints, err)
				}
				profile, err := n.Profile("LabMSP")
				if err != nil || len(profile.Peers) != len(profile.Organizations) {
					t.Errorf("%v %v", profile, err)
				}
				if conn, err := n.Conn("LabMSP"); err != nil || conn == nil {
					t.Error(err)
				}
				_, _, err = n.EnrolAtCA("LabMSP", "nobody", nil)
				if err == nil || n.HasAuthorities() {
					t.Error("there is no CA")
				}
				n.Members()
			}
		})
	}
	require.NoError(t, n.enterPlan(joining))
	close(entered)
	asking.Wait()
	defer n.disconnect()
	_, err := n.Conn("Lab2MSP")
	require.NoError(t, err)
	require.Empty(t, n.planned().Joining)
}

// TestFolderIsPrivate: one that was there is closed to others before keys come into it.
func TestFolderIsPrivate(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, makeFolder(dir))
	mode, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), mode.Mode().Perm())
}
