package fabric

import (
	"os"
	"path/filepath"
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
