package fabric

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// loopback is where nodes listen unless Config.Hosts says otherwise, and where
// every chaincode process does: beside its peer.
const loopback = "127.0.0.1"

// Organisations are the founding members of the channel, in the order in which the
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
	CAs      []caPlan      `json:"certificateAuthorities,omitempty"`
	Services []servicePlan `json:"services"` // chaincode processes
	// Joining are organisations that are being added (AddOrganisation): planned, but not
	// known to be in the channel's configuration yet.
	Joining []joiningPlan `json:"joining,omitempty"`
	// Left are organisations that were members (RemoveOrganisation).
	Left []string `json:"left,omitempty"`
}

// nodePlan is what orderers and peers have in common.
type nodePlan struct {
	MSPID    string `json:"msp"`
	Domain   string `json:"domain"`
	Hostname string `json:"hostname"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	// OperationsPort is for health and metrics, on the loopback interface alone: whoever
	// reaches it may change what the node logs. 0 in plans made before there was one.
	OperationsPort int `json:"operationsPort,omitempty"`
}

func (n nodePlan) operationsAddress() string { return operationsAt(n.OperationsPort) }

// operationsAt is "" for no port.
func operationsAt(port int) string {
	if port == 0 {
		return ""
	}
	return net.JoinHostPort(loopback, strconv.Itoa(port))
}

// Address is host:port of the node's main listener.
func (n nodePlan) Address() string { return net.JoinHostPort(n.Host, strconv.Itoa(n.Port)) }

type ordererPlan struct {
	nodePlan
	AdminPort int `json:"adminPort"`
	// AdminHost is the loopback interface: only commands on the node's own host join it to channels. "" in plans
	// made before there was one, whose orderers listen on their Host.
	AdminHost string `json:"adminHost,omitempty"`
}

func (o ordererPlan) name() string { return o.Hostname }

// AdminAddress is host:port of the listener for its channels' administration.
func (o ordererPlan) AdminAddress() string {
	return net.JoinHostPort(cmp.Or(o.AdminHost, o.Host), strconv.Itoa(o.AdminPort))
}

type peerPlan struct {
	nodePlan
	// Kind is what the contracts take the organisation for; of one that joined later only.
	Kind          string `json:"kind,omitempty"`
	ChaincodePort int    `json:"chaincodePort"`
	// ServicePorts are for chaincode processes; further ones take free ports.
	ServicePorts []int `json:"servicePorts"`
}

func (p peerPlan) name() string { return p.MSPID + "/peer" }

// caPlan is one organisation's Fabric CA.
type caPlan struct {
	MSPID  string `json:"msp"`
	Domain string `json:"domain"`
	Host   string `json:"host"`
	Port   int    `json:"port"`
	// OperationsPort as of other nodes.
	OperationsPort int `json:"operationsPort,omitempty"`
}

func (c caPlan) operationsAddress() string { return operationsAt(c.OperationsPort) }

func (c caPlan) name() string { return c.MSPID + "/ca" }

// Address is host:port of the authority's listener.
func (c caPlan) Address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// servicePlan is one organisation's process of one chaincode version.
type servicePlan struct {
	MSPID     string `json:"msp"`
	Chaincode string `json:"chaincode"`
	Version   string `json:"version"`
	// Incoming is the sequence of the definition that will bring the process
	// in; 0 once it has.
	Incoming  int64    `json:"incoming,omitempty"`
	Label     string   `json:"label"`
	PackageID string   `json:"packageID"`
	Address   string   `json:"address"`
	Program   string   `json:"program"` // within Dir
	Arguments []string `json:"arguments,omitempty"`
}

func (s servicePlan) name() string {
	if s.Incoming > 0 {
		return s.MSPID + "/" + s.Chaincode + "/next"
	}
	return s.MSPID + "/" + s.Chaincode
}

// newTopology plans a network.
func newTopology(config Config) (topology, error) {
	ports, err := config.Ports.assign()
	if err != nil {
		return topology{}, err
	}
	plan := topology{Channel: config.Channel}
	hosts := maps.Clone(config.Hosts)
	hostOf := func(node string) string {
		name := cmp.Or(hosts[node], loopback)
		delete(hosts, node)
		return name
	}
	for i := 1; i <= orderers; i++ {
		name := fmt.Sprintf("orderer%d", i)
		plan.Orderers = append(plan.Orderers, ordererPlan{
			nodePlan: nodePlan{
				MSPID:    fmt.Sprintf("Orderer%dMSP", i),
				Domain:   fmt.Sprintf("ordering%d.example", i),
				Hostname: name,
				Host:     hostOf(name),
				Port:     ports[name],

				OperationsPort: ports[name+operations],
			},
			AdminPort: ports[name+"/admin"],
			AdminHost: loopback,
		})
	}
	for _, msp := range Organisations {
		domain := strings.ToLower(strings.TrimSuffix(msp, "MSP")) + ".example"
		plan.Peers = append(plan.Peers, peerPlan{
			nodePlan: nodePlan{
				MSPID:    msp,
				Domain:   domain,
				Hostname: "peer0",
				Host:     hostOf(msp + "/peer"),
				Port:     ports[msp+"/peer"],

				OperationsPort: ports[msp+"/peer"+operations],
			},
			ChaincodePort: ports[msp+"/peer/listener"],
			ServicePorts:  []int{ports[msp+"/service"], ports[msp+"/service/next"]},
		})
		if config.Authorities {
			plan.CAs = append(plan.CAs, caPlan{
				MSPID: msp, Domain: domain, Host: hostOf(msp + "/ca"), Port: ports[msp+"/ca"], OperationsPort: ports[msp+"/ca"+operations],
			})
		}
	}
	for node := range hosts {
		return topology{}, fmt.Errorf("hosts: no node %q; there are orderer1 to orderer%d, and for each organisation such as %s/peer, %s/ca", node, orderers, Organisations[0], Organisations[0])
	}
	for name, address := range plan.addresses() {
		if err := requireUnused(address); err != nil {
			return topology{}, fmt.Errorf("%s: %w; choose other ports", name, err)
		}
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
	return peerPlan{}, fmt.Errorf("no organisation %q in the network; there are %s", mspID, strings.Join(t.members(), ", "))
}

// members are the MSP ids of the organisations, the founding ones first.
func (t *topology) members() []string {
	var ids []string
	for _, peer := range t.Peers {
		ids = append(ids, peer.MSPID)
	}
	return ids
}

// agrees refuses ports that are not those of the plan.
func (t *topology) agrees(ports Ports) error {
	if !ports.given() {
		return nil
	}
	wanted, err := ports.assign()
	if err != nil {
		return err
	}
	for name, address := range t.addresses() {
		_, named := ports.Named[name]
		_, counted := wanted[name] // those of an organisation that joined are not
		// A network that was made before there were these has them behind the others.
		counted = counted && !strings.HasSuffix(name, operations)
		if (named || ports.Base != 0 && counted) && !strings.HasSuffix(address, fmt.Sprintf(":%d", wanted[name])) {
			return fmt.Errorf("%s listens on %s since the network was made, not on port %d: peers and orderers are in the genesis block with their ports", name, address, wanted[name])
		}
	}
	return nil
}

// addresses are all planned listeners, by the names of their ports.
func (t *topology) addresses() map[string]string {
	addresses := map[string]string{}
	at := func(name, host string, port int) {
		addresses[name] = net.JoinHostPort(host, strconv.Itoa(port))
	}
	atOperations := func(node string, port int) {
		if port != 0 {
			at(node+operations, loopback, port)
		}
	}
	for _, o := range t.Orderers {
		at(o.name(), o.Host, o.Port)
		atOperations(o.name(), o.OperationsPort)
		addresses[o.name()+"/admin"] = o.AdminAddress()
	}
	for _, p := range t.Peers {
		at(p.name(), p.Host, p.Port)
		atOperations(p.name(), p.OperationsPort)
		at(p.name()+"/listener", loopback, p.ChaincodePort)
		for i, suffix := range []string{"/service", "/service/next"} {
			if i < len(p.ServicePorts) {
				at(p.MSPID+suffix, loopback, p.ServicePorts[i])
			}
		}
	}
	for _, ca := range t.CAs {
		at(ca.name(), ca.Host, ca.Port)
		atOperations(ca.name(), ca.OperationsPort)
	}
	return addresses
}

// servicePort is where an organisation's next chaincode process can listen. What is planned and
// does not listen yet looks free.
func (t *topology) servicePort(peer peerPlan) (int, error) {
	taken := map[string]bool{}
	for _, s := range t.Services {
		taken[s.Address] = true
	}
	free := func(port int) bool { return !taken[net.JoinHostPort(loopback, strconv.Itoa(port))] }
	for _, port := range peer.ServicePorts {
		if free(port) && requireUnused(net.JoinHostPort(loopback, strconv.Itoa(port))) == nil {
			return port, nil
		}
	}
	for _, address := range t.addresses() {
		taken[address] = true
	}
	ports, err := freePorts(len(taken) + 1) // one of them is planned for nothing
	if err != nil {
		return 0, err
	}
	return ports[slices.IndexFunc(ports, free)], nil
}
