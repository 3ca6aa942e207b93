package fabric

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// host is where every node listens. A network that spans hosts is made by
// moving node folders, not by this launcher.
const host = "127.0.0.1"

// Organisations are the members of the channel, in the order in which the
// nodes and certificates are made.
var Organisations = [...]string{"ProducerMSP", "LabMSP", "CarrierMSP", "PlatformMSP", "RegulatorMSP"}

// orderers is n = 4, the least with which BFT ordering survives one faulty
// node (n ≥ 3f + 1).
const orderers = 4

// topology is the plan of the network. It is made once, with free ports, and
// kept in Dir/topology.json, because the genesis block names the addresses.
type topology struct {
	Channel  string        `json:"channel"`
	Orderers []ordererPlan `json:"orderers"`
	Peers    []peerPlan    `json:"peers"`
	Services []servicePlan `json:"services"` // chaincode processes
}

// nodePlan is what orderers and peers have in common.
type nodePlan struct {
	MSPID    string `json:"msp"`
	Domain   string `json:"domain"`
	Hostname string `json:"hostname"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
}

// Address is host:port of the node's main listener.
func (n nodePlan) Address() string { return net.JoinHostPort(n.Host, strconv.Itoa(n.Port)) }

type ordererPlan struct {
	nodePlan
	AdminPort int `json:"adminPort"`
}

func (o ordererPlan) name() string { return o.Hostname }

func (o ordererPlan) adminAddress() string {
	return net.JoinHostPort(o.Host, strconv.Itoa(o.AdminPort))
}

type peerPlan struct {
	nodePlan
	ChaincodePort int `json:"chaincodePort"`
}

func (p peerPlan) name() string { return p.MSPID + "/peer" }

// servicePlan is one organisation's process of one chaincode version.
type servicePlan struct {
	MSPID     string   `json:"msp"`
	Chaincode string   `json:"chaincode"`
	Label     string   `json:"label"`
	PackageID string   `json:"packageID"`
	Address   string   `json:"address"`
	Program   string   `json:"program"`
	Arguments []string `json:"arguments,omitempty"`
}

func (s servicePlan) name() string { return s.MSPID + "/" + s.Chaincode }

// newTopology plans a network on ports that are free now.
func newTopology(channel string) (topology, error) {
	ports, err := freePorts(2*orderers + 2*len(Organisations))
	if err != nil {
		return topology{}, err
	}
	next := func() int {
		port := ports[0]
		ports = ports[1:]
		return port
	}
	plan := topology{Channel: channel}
	for i := 1; i <= orderers; i++ {
		plan.Orderers = append(plan.Orderers, ordererPlan{
			nodePlan: nodePlan{
				MSPID:    fmt.Sprintf("Orderer%dMSP", i),
				Domain:   fmt.Sprintf("ordering%d.example", i),
				Hostname: fmt.Sprintf("orderer%d", i),
				Host:     host,
				Port:     next(),
			},
			AdminPort: next(),
		})
	}
	for _, msp := range Organisations {
		plan.Peers = append(plan.Peers, peerPlan{
			nodePlan: nodePlan{
				MSPID:    msp,
				Domain:   strings.ToLower(strings.TrimSuffix(msp, "MSP")) + ".example",
				Hostname: "peer0",
				Host:     host,
				Port:     next(),
			},
			ChaincodePort: next(),
		})
	}
	return plan, nil
}

// loadTopology returns the plan kept in dir, or ok = false when there is none.
func loadTopology(dir string) (plan topology, ok bool, err error) {
	content, err := os.ReadFile(filepath.Join(dir, "topology.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return topology{}, false, nil
	}
	if err != nil {
		return topology{}, false, err
	}
	if err := json.Unmarshal(content, &plan); err != nil {
		return topology{}, false, fmt.Errorf("%s/topology.json is damaged: %w", dir, err)
	}
	return plan, true, nil
}

func (t *topology) save(dir string) error {
	content, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	temporary := filepath.Join(dir, "topology.json.new")
	if err := os.WriteFile(temporary, append(content, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(dir, "topology.json"))
}

func (t *topology) peer(mspID string) (peerPlan, error) {
	for _, peer := range t.Peers {
		if peer.MSPID == mspID {
			return peer, nil
		}
	}
	return peerPlan{}, fmt.Errorf("no organisation %q in the network; there are %s", mspID, strings.Join(Organisations[:], ", "))
}

// freePorts finds n ports of the loopback interface that are free now. They
// are below the range from which the kernel takes the ports of outgoing
// connections: a port from that range could be gone before the node binds it.
func freePorts(n int) ([]int, error) {
	const lowest, count = 15000, 17000
	ports := make([]int, 0, n)
	for offset, start := 0, rand.IntN(count); offset < count && len(ports) < n; offset++ {
		port := lowest + (start+offset)%count
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		listener.Close()
		ports = append(ports, port)
	}
	if len(ports) < n {
		return nil, fmt.Errorf("only %d of %d ports free on %s between %d and %d", len(ports), n, host, lowest, lowest+count)
	}
	return ports, nil
}
