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

	"golang.org/x/sync/errgroup"
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

// service is a chaincode process that is being brought in.
type service struct {
	plan servicePlan
	node *Node
}

// startServices starts one process per organisation and tells each peer's
// builder where its own is.
func (n *Network) startServices(ctx context.Context, chaincode Chaincode, pack chaincodePackage) ([]service, error) {
	ports, err := freePorts(len(n.plan.Peers))
	if err != nil {
		return nil, err
	}
	services := make([]service, len(n.plan.Peers))
	group, groupContext := errgroup.WithContext(ctx)
	for i, plan := range n.plan.Peers {
		planned := servicePlan{
			MSPID:     plan.MSPID,
			Chaincode: chaincode.Name,
			Label:     pack.label,
			PackageID: pack.id,
			Address:   net.JoinHostPort(host, strconv.Itoa(ports[i])),
			Program:   pack.program,
			Arguments: chaincode.Arguments,
		}
		services[i] = service{plan: planned, node: n.serviceNode(planned)}
		group.Go(func() error {
			if err := n.makeServiceFolder(plan, planned); err != nil {
				return err
			}
			return services[i].node.Start(groupContext)
		})
	}
	if err := group.Wait(); err != nil {
		for _, service := range services {
			service.node.Kill()
		}
		return nil, err
	}
	return services, nil
}

// makeServiceFolder writes the TLS material of the process, and the peer's end
// of the link.
func (n *Network) makeServiceFolder(plan peerPlan, planned servicePlan) error {
	folder := n.serviceFolder(planned)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	server, dialler, authorityPEM, err := n.issueServiceTLS(plan)
	if err != nil {
		return err
	}
	connection, err := json.Marshal(map[string]any{
		"address":              planned.Address,
		"dial_timeout":         "5s",
		"tls_required":         true,
		"client_auth_required": true,
		"client_key":           string(dialler.keyPEM),
		"client_cert":          string(dialler.certPEM),
		"root_cert":            string(authorityPEM),
	})
	if err != nil {
		return err
	}
	for path, content := range map[string][]byte{
		filepath.Join(folder, "server.key"):                                          server.keyPEM,
		filepath.Join(folder, "server.crt"):                                          server.certPEM,
		filepath.Join(folder, "client-ca.crt"):                                       authorityPEM,
		filepath.Join(n.nodeFolder(plan.name()), "chaincode", planned.Label+".json"): connection,
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (n *Network) serviceFolder(planned servicePlan) string {
	return n.nodeFolder(planned.MSPID + "/" + planned.Label)
}

func (n *Network) serviceNode(planned servicePlan) *Node {
	return &Node{
		name:    planned.name(),
		address: planned.Address,
		program: planned.Program,
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
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.plan.Services, func(s servicePlan) bool {
		return s.Chaincode == name && s.PackageID == packageID
	})
}

// adoptServices makes the processes those of the chaincode, for this run and
// the next, and ends the ones they replace.
func (n *Network) adoptServices(name string, services []service) error {
	n.mu.Lock()
	var replaced []*Node
	n.plan.Services = slices.DeleteFunc(n.plan.Services, func(s servicePlan) bool { return s.Chaincode == name })
	for _, s := range services {
		n.nodes = slices.DeleteFunc(n.nodes, func(node *Node) bool {
			same := node.name == s.node.name
			if same {
				replaced = append(replaced, node)
			}
			return same
		})
		n.plan.Services = append(n.plan.Services, s.plan)
	}
	for _, s := range services {
		n.nodes = append(n.nodes, s.node)
	}
	err := n.plan.save(n.dir)
	n.mu.Unlock()
	for _, node := range replaced {
		node.Stop(2 * time.Second)
	}
	return err
}
