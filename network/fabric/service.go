package fabric

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// chaincodePackage is what is installed on peers. It holds no code, because the
// chaincode is a service, but the program's hash: organisations that approve
// the package id approve one particular program.
type chaincodePackage struct {
	label   string // <name>_<version>-<first 12 digits of the program's hash>
	id      string // label:hex(SHA-256(content))
	content []byte
	program string // the kept copy
}

// packageChaincode keeps a copy of the program and packs its hash. The same
// name, version and program give the same bytes.
func (n *Network) packageChaincode(chaincode Chaincode) (chaincodePackage, error) {
	program, err := os.ReadFile(chaincode.Binary)
	if err != nil {
		return chaincodePackage{}, fmt.Errorf("deploy %s: %w", chaincode.Name, err)
	}
	digest := sha256.Sum256(program)
	label := fmt.Sprintf("%s_%s-%s", chaincode.Name, chaincode.Version, hex.EncodeToString(digest[:6]))
	metadata, err := json.Marshal(map[string]string{"path": "", "type": "ccaas", "label": label})
	if err != nil {
		return chaincodePackage{}, err
	}
	code, err := archive(entry{"program.sha256", []byte(hex.EncodeToString(digest[:]) + "\n")})
	if err != nil {
		return chaincodePackage{}, err
	}
	content, err := archive(entry{"metadata.json", metadata}, entry{"code.tar.gz", code})
	if err != nil {
		return chaincodePackage{}, err
	}
	sum := sha256.Sum256(content)
	pack := chaincodePackage{
		label:   label,
		id:      label + ":" + hex.EncodeToString(sum[:]),
		content: content,
		program: filepath.Join(n.dir, "programs", label),
	}
	if _, err := os.Stat(pack.program); err == nil {
		return pack, nil
	}
	if err := os.MkdirAll(filepath.Dir(pack.program), 0o700); err != nil {
		return chaincodePackage{}, err
	}
	temporary := pack.program + ".new"
	if err := os.WriteFile(temporary, program, 0o700); err != nil {
		return chaincodePackage{}, err
	}
	return pack, os.Rename(temporary, pack.program)
}

type entry struct {
	name    string
	content []byte
}

// archive makes a .tar.gz without times or owners, so that equal content gives
// equal bytes.
func archive(entries ...entry) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	tarball := tar.NewWriter(zip)
	for _, e := range entries {
		err := tarball.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: 0o644, Size: int64(len(e.content)), ModTime: time.Unix(0, 0)})
		if err != nil {
			return nil, err
		}
		if _, err := tarball.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := tarball.Close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// planServices plans one process per member that the definition of that
// sequence will bring in. Those that an interrupted attempt has planned for the
// same package are kept, whatever sequence it hoped for; others of the chaincode that never
// came in are ended.
func (n *Network) planServices(chaincode Chaincode, pack chaincodePackage, sequence int64) error {
	members := n.inChannel()
	n.mu.Lock()
	defer n.mu.Unlock()
	planned := map[string]bool{}
	var abandoned []*Node
	n.plan.Services = slices.DeleteFunc(n.plan.Services, func(s servicePlan) bool {
		if s.Chaincode != chaincode.Name || s.Incoming == 0 {
			return false
		}
		if s.PackageID == pack.id {
			planned[s.MSPID] = true
			return false
		}
		n.nodes = slices.DeleteFunc(n.nodes, func(node *Node) bool {
			if node.Name() == s.name() {
				abandoned = append(abandoned, node)
			}
			return node.Name() == s.name()
		})
		return true
	})
	for i, s := range n.plan.Services {
		if s.Chaincode == chaincode.Name && s.Incoming > 0 {
			n.plan.Services[i].Incoming = sequence
		}
	}
	for _, node := range abandoned {
		node.Kill()
	}
	for _, peer := range members {
		if planned[peer.MSPID] {
			continue
		}
		if err := n.planService(peer, chaincode, pack, sequence); err != nil {
			return err
		}
	}
	return n.plan.save(n.dir)
}

// completeServices plans a process of the deployed package for every member that has none: one
// that has joined since, or was out of the channel when that package came in. What such a one had
// instead is ended.
func (n *Network) completeServices(chaincode Chaincode, pack chaincodePackage) error {
	members := n.inChannel()
	n.mu.Lock()
	defer n.mu.Unlock()
	serving := map[string]bool{}
	for _, s := range n.plan.Services {
		if s.PackageID == pack.id {
			serving[s.MSPID] = true
		}
	}
	for _, peer := range members {
		if serving[peer.MSPID] {
			continue
		}
		n.dropService(peer.MSPID, chaincode.Name)
		if err := n.planService(peer, chaincode, pack, 0); err != nil {
			return err
		}
	}
	return n.plan.save(n.dir)
}

// dropService ends an organisation's process of a chaincode, and plans it no more. The caller holds
// n.mu.
func (n *Network) dropService(mspID, chaincode string) {
	n.plan.Services = slices.DeleteFunc(n.plan.Services, func(s servicePlan) bool {
		if s.MSPID != mspID || s.Chaincode != chaincode || s.Incoming > 0 {
			return false
		}
		n.nodes = slices.DeleteFunc(n.nodes, func(node *Node) bool {
			old := node.Name() == s.name()
			if old {
				node.Kill()
			}
			return old
		})
		return true
	})
}

// planService plans one process. The caller holds n.mu and saves the plan.
func (n *Network) planService(peer peerPlan, chaincode Chaincode, pack chaincodePackage, incoming int64) error {
	port, err := n.plan.servicePort(peer)
	if err != nil {
		return err
	}
	service := servicePlan{
		MSPID:     peer.MSPID,
		Chaincode: chaincode.Name,
		Version:   chaincode.Version,
		Incoming:  incoming,
		Label:     pack.label,
		PackageID: pack.id,
		Address:   net.JoinHostPort(loopback, strconv.Itoa(port)),
		Program:   filepath.Join("programs", pack.label),
		Arguments: chaincode.Arguments,
	}
	n.plan.Services = append(n.plan.Services, service)
	n.nodes = append(n.nodes, n.serviceNode(service))
	return nil
}

// startService starts an organisation's process of a package and tells its
// peer's builder where it is. A running one is left alone.
func (n *Network) startService(ctx context.Context, peer peerPlan, pack chaincodePackage) error {
	service, ok := n.service(func(s servicePlan) bool { return s.MSPID == peer.MSPID && s.PackageID == pack.id })
	switch {
	case !ok:
		return fmt.Errorf("no process of %s is planned for %s", pack.label, peer.MSPID)
	case !n.isHere(peer.name()) && service.Incoming > 0:
		return fmt.Errorf("the peer of %s is on another host, where this program cannot start %s: upgrade there with Fabric's own peer lifecycle commands", peer.MSPID, pack.label)
	case !n.isHere(peer.name()):
		return nil
	}
	node, err := n.unusedPort(peer, service)
	if err != nil {
		return err
	}
	if err := n.renewTLS(ctx, node); err != nil {
		return err
	}
	return node.Start(ctx)
}

// unusedPort is the node of a planned process, with another port if somebody has taken its own before it
// ever ran. Later the peer has the port in what it made of the package.
func (n *Network) unusedPort(peer peerPlan, service servicePlan) (*Node, error) {
	node, err := n.Node(service.name())
	if err != nil || exists(node.dir) || requireUnused(service.Address) == nil {
		return node, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	port, err := n.plan.servicePort(peer)
	if err != nil {
		return nil, err
	}
	n.logger.Warn("a port was taken before it was used, another one is", "node", service.name(), "was", service.Address, "is", port)
	i := slices.IndexFunc(n.plan.Services, func(s servicePlan) bool { return s.MSPID == service.MSPID && s.PackageID == service.PackageID })
	n.plan.Services[i].Address = net.JoinHostPort(loopback, strconv.Itoa(port))
	at := slices.Index(n.nodes, node)
	n.nodes[at] = n.serviceNode(n.plan.Services[i])
	return n.nodes[at], n.plan.save(n.dir)
}

// service finds a process in the plan. match is called with n.mu held.
func (n *Network) service(match func(servicePlan) bool) (servicePlan, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	i := slices.IndexFunc(n.plan.Services, match)
	if i < 0 {
		return servicePlan{}, false
	}
	return n.plan.Services[i], true
}

// deployed is one of the members' processes of a chaincode, without those that an upgrade is about
// to bring in.
func (n *Network) deployed(name string) (servicePlan, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return mostDeployed(n.plan.Services, name, n.has)
}

// mostDeployed is a process of the package that most members have: one that was out of the channel
// during an upgrade comes back with the program of before.
func mostDeployed(services []servicePlan, name string, member func(mspID string) bool) (most servicePlan, ok bool) {
	count := map[string]int{}
	for _, s := range services {
		if s.Chaincode != name || s.Incoming > 0 || !member(s.MSPID) {
			continue
		}
		if count[s.PackageID]++; count[s.PackageID] > count[most.PackageID] || !ok {
			most, ok = s, true
		}
	}
	return most, ok
}

func (n *Network) serviceFolder(planned servicePlan) string {
	return n.nodeFolder(planned.MSPID + "/" + planned.Label)
}

// programOf is the kept copy of the program.
func (n *Network) programOf(planned servicePlan) string { return filepath.Join(n.dir, planned.Program) }

func (n *Network) serviceNode(planned servicePlan) *Node {
	return &Node{
		title:   planned.name(),
		address: planned.Address,
		program: n.programOf(planned),
		args:    planned.Arguments,
		env: []string{
			"CHAINCODE_ID=" + planned.PackageID,
			"CHAINCODE_SERVER_ADDRESS=" + planned.Address,
			"CHAINCODE_TLS_DISABLED=false",
			"CHAINCODE_TLS_KEY=server.key",
			"CHAINCODE_TLS_CERT=server.crt",
			"CHAINCODE_CLIENT_CA_CERT=client-ca.crt",
		},
		dir:   n.serviceFolder(planned),
		spawn: n.spawn,
	}
}

// serves tells whether the network runs this very package.
func (n *Network) serves(name, packageID string) bool {
	_, ok := n.service(func(s servicePlan) bool {
		return s.Chaincode == name && s.PackageID == packageID && s.Incoming == 0 && n.has(s.MSPID)
	})
	return ok
}

// Serves tells whether the network runs this very program as that chaincode.
func (n *Network) Serves(name, program string) (bool, error) {
	service, ok := n.deployed(name)
	if !ok {
		return false, nil
	}
	pack, err := n.packageChaincode(Chaincode{Name: name, Version: service.Version, Binary: program})
	return pack.id == service.PackageID, err
}

// adoptServices makes the processes that came in by the committed sequence those of
// the chaincode, for this run and the next, and ends the ones they replace, one
// after the other. Only processes of the package that was approved for it: the sequence that an
// interrupted upgrade hoped for may have been given to another definition.
func (n *Network) adoptServices(name string, committed int64, packageID string) error {
	n.mu.Lock()
	var replaced []*Node
	var came []servicePlan
	for _, s := range n.plan.Services {
		if s.Chaincode == name && s.Incoming > 0 && s.Incoming <= committed && s.PackageID == packageID {
			came = append(came, s)
		}
	}
	for _, s := range came {
		in := s
		in.Incoming = 0
		n.plan.Services = slices.DeleteFunc(n.plan.Services, func(old servicePlan) bool {
			return old.MSPID == s.MSPID && old.Chaincode == name
		})
		n.plan.Services = append(n.plan.Services, in)
		n.nodes = slices.DeleteFunc(n.nodes, func(node *Node) bool {
			old := node.Name() == in.name()
			if old {
				replaced = append(replaced, node)
			}
			return old
		})
		for _, node := range n.nodes {
			if node.Name() == s.name() {
				node.rename(in.name())
			}
		}
	}
	// The old ones end before the plan forgets them: one that stays would have
	// nobody to end it.
	n.mu.Unlock()
	for _, node := range replaced {
		node.Stop(2 * time.Second)
	}
	if len(came) == 0 {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.plan.save(n.dir)
}
