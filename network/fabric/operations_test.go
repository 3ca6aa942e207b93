package fabric

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOperationsStayOnTheHost: a node's public name is not where it answers for its health, where an
// orderer is joined to channels, nor where a peer waits for chaincode that dials in.
func TestOperationsStayOnTheHost(t *testing.T) {
	config := Config{Hosts: map[string]string{"orderer1": "localhost", "LabMSP/peer": "localhost", "LabMSP/ca": "localhost"}, Authorities: true}
	plan, err := newTopology(config)
	require.NoError(t, err)
	orderer, peer, ca := plan.Orderers[0], plan.Peers[1], plan.CAs[1]
	for name, want := range map[string]string{
		"orderer1": orderer.operationsAddress(), "LabMSP/peer": peer.operationsAddress(), "LabMSP/ca": ca.operationsAddress(),
	} {
		require.Equal(t, want, plan.addresses()[name+"/operations"])
		require.True(t, strings.HasPrefix(want, "127.0.0.1:"), want)
	}
	admin, dialled := orderer.AdminAddress(), fmt.Sprintf("127.0.0.1:%d", peer.ChaincodePort)
	require.Equal(t, fmt.Sprintf("127.0.0.1:%d", orderer.AdminPort), admin)
	require.Equal(t, admin, plan.addresses()["orderer1/admin"])
	require.Equal(t, dialled, plan.addresses()["LabMSP/peer/listener"])
	earlier := ordererPlan{nodePlan: nodePlan{Host: "one.example"}, AdminPort: 7051}
	require.Equal(t, "one.example:7051", earlier.AdminAddress(), "of a plan made before")
	for file, c := range map[string]struct {
		values any
		want   []string
	}{
		"orderer.yaml": {struct {
			ordererPlan
			Data string
		}{orderer, "data"}, []string{"Operations:\n  ListenAddress: " + orderer.operationsAddress() + "\n", "Admin:\n  ListenAddress: " + admin + "\n"}},
		"core.yaml": {struct {
			peerPlan
			Data, Builder string
		}{peer, "data", "builder"}, []string{"operations:\n  listenAddress: " + peer.operationsAddress() + "\n", "chaincodeListenAddress: " + dialled + "\n"}},
		"fabric-ca-server-config.yaml": {struct {
			caPlan
			Registrar, Secret string
		}{ca, "registrar", "secret"}, []string{"operations:\n  listenAddress: " + ca.operationsAddress() + "\n"}},
	} {
		content, err := render(file, c.values)
		require.NoError(t, err)
		for _, want := range c.want {
			require.Contains(t, string(content), want)
		}
	}
}

// TestOlderNetworkGetsOperations: the plan and the configuration of a network made before
// nodes had ports for operations get them, and nothing else of either changes.
func TestOlderNetworkGetsOperations(t *testing.T) {
	n := newNetwork(Config{Dir: t.TempDir(), Ports: Ports{Named: map[string]int{"LabMSP/peer/operations": 15999}}})
	const older = `{"channel": "trace", "orderers": [{"hostname": "orderer1", "host": "one.example", "port": 7050}],
		"peers": [{"msp": "LabMSP", "host": "lab.example", "port": 7051}, {"msp": "CarrierMSP", "host": "elsewhere.example", "port": 7052}], "services": []}`
	require.NoError(t, json.Unmarshal([]byte(older), &n.plan))
	write := func(node, file, content string) string {
		require.NoError(t, os.MkdirAll(n.nodeFolder(node), 0o700))
		path := filepath.Join(n.nodeFolder(node), file)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	orderer := write("orderer1", "orderer.yaml", "General:\n  ListenAddress: one.example\nOperations:\n  ListenAddress: one.example:0\n  TLS: {Enabled: false}\nMetrics: {Provider: disabled}\n# a note\n")
	peer := write("LabMSP/peer", "core.yaml", "operations:\n  listenAddress: lab.example:0\n  tls: {enabled: false}\nmetrics: {provider: disabled}\n")

	require.NoError(t, n.openOperations())
	content, err := os.ReadFile(orderer)
	require.NoError(t, err)
	require.Equal(t, "General:\n  ListenAddress: one.example\nOperations:\n  ListenAddress: "+n.plan.Orderers[0].operationsAddress()+
		"\n  TLS: {Enabled: false}\nMetrics: {Provider: prometheus}\n# a note\n", string(content))
	content, err = os.ReadFile(peer)
	require.NoError(t, err)
	require.Equal(t, "operations:\n  listenAddress: 127.0.0.1:15999\n  tls: {enabled: false}\nmetrics: {provider: prometheus}\n", string(content))
	require.NotZero(t, n.plan.Peers[1].OperationsPort, "one on another host has a port too, and no file here")

	kept, ok, err := loadTopology(n.dir)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, n.plan, kept)
	require.NoError(t, n.openOperations())
	require.Equal(t, kept, n.plan, "once")
}

// TestCountedPortsOfOperations: one that a base port does not count to is no reason to refuse
// a plan, as it is in no genesis block.
func TestCountedPortsOfOperations(t *testing.T) {
	ports := Ports{Base: 7050}
	plan := topology{Orderers: []ordererPlan{{nodePlan: nodePlan{Hostname: "orderer1", Host: loopback, Port: 7050, OperationsPort: 16999}, AdminPort: 7051}}}
	require.NoError(t, plan.agrees(ports))
	ports.Named = map[string]int{"orderer1/operations": 16998}
	require.ErrorContains(t, plan.agrees(ports), "orderer1/operations listens on 127.0.0.1:16999")
}
