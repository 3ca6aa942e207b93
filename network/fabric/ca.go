package fabric

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// registrarName is the identity of a CA that registers the others.
const registrarName = "registrar"

// makeCAFolder lays out all that one organisation's Fabric CA needs: the
// authority that cryptogen made, a TLS certificate, the registrar's secret.
func (n *Network) makeCAFolder(peer peerPlan, plan caPlan) error {
	folder := n.nodeFolder(plan.name())
	for _, part := range []string{"ca", "tls", "tmp"} {
		if err := os.MkdirAll(filepath.Join(folder, part), 0o700); err != nil {
			return err
		}
	}
	certPEM, err := certificatesIn(n.organisationFolder(peer, "ca"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(n.organisationFolder(peer, "ca"), "priv_sk"))
	if err != nil {
		return err
	}
	secret := rand.Text()
	for file, content := range map[string][]byte{
		"ca/cert.pem":      certPEM,
		"ca/key.pem":       key,
		"registrar.secret": []byte(secret + "\n"),
	} {
		if err := os.WriteFile(filepath.Join(folder, filepath.FromSlash(file)), content, 0o600); err != nil {
			return err
		}
	}
	if _, err := n.renewCATLS(peer, plan); err != nil {
		return err
	}
	return n.renderTo(filepath.Join(folder, "fabric-ca-server-config.yaml"), "fabric-ca-server-config.yaml", struct {
		caPlan
		Registrar, Secret string
	}{plan, registrarName, secret})
}

func (n *Network) caNode(plan caPlan) *Node {
	folder := n.nodeFolder(plan.name())
	return &Node{
		title:   plan.name(),
		address: plan.Address(),
		metrics: plan.operationsAddress(),
		program: filepath.Join(n.config.caBinaries, "fabric-ca-server"),
		args:    []string{"start"},
		env:     []string{"FABRIC_CA_SERVER_HOME=" + folder, "TMPDIR=tmp"},
		dir:     folder,
		spawn:   n.spawn,
	}
}

// HasAuthorities tells whether the organisations have Fabric CAs.
func (n *Network) HasAuthorities() bool { return len(n.planned().CAs) > 0 }

// StartAuthorities starts the members' Fabric CAs. They come last: nothing of the channel
// waits for them, and each takes a second of computing to start the first time.
func (n *Network) StartAuthorities(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, node := range n.Nodes() {
		if n.isAuthority(node) && !n.isDeparted(node.Name()) {
			group.Go(func() error {
				if err := n.renewTLS(ctx, node); err != nil {
					return err
				}
				if err := node.Start(ctx); err != nil {
					return err
				}
				return n.narrowRegistrar(strings.TrimSuffix(node.Name(), "/ca"))
			})
		}
	}
	return group.Wait()
}

func (n *Network) isAuthority(node *Node) bool {
	return slices.ContainsFunc(n.planned().CAs, func(plan caPlan) bool { return plan.name() == node.Name() })
}

// EnrolAtCA registers an identity at its organisation's Fabric CA, with the
// attributes – trace.role and trace.party, the CA's registrar may give no others – in its
// certificates by default, and enrols it there: the key is made here
// and only the request is sent. A name that is registered already gets the new
// attributes and a new certificate; its earlier certificates stay valid.
func (n *Network) EnrolAtCA(mspID, name string, attributes map[string]string) (certPEM, keyPEM []byte, err error) {
	client, err := n.caClient(mspID)
	if err != nil {
		return nil, nil, err
	}
	defer client.http.CloseIdleConnections()
	admin, err := n.registrar(mspID, client)
	if err != nil {
		return nil, nil, fmt.Errorf("enrol the registrar at the CA of %s: %w", mspID, err)
	}
	issued, err := client.enrolUser(admin, name, attributes)
	if err != nil {
		return nil, nil, fmt.Errorf("enrol %s at the CA of %s: %w", name, mspID, err)
	}
	return issued.certPEM, issued.keyPEM, nil
}

// registrar is the registrar's identity, enrolled once: the CA's check of a secret
// is slow on purpose.
func (n *Network) registrar(mspID string, client *caClient) (caIdentity, error) {
	n.enrolling.Lock()
	admin, ok := n.registrars[mspID]
	n.enrolling.Unlock()
	if ok {
		return admin, nil
	}
	admin, err := client.enrol(registrarName, client.secret)
	if err != nil {
		return caIdentity{}, err
	}
	n.enrolling.Lock()
	defer n.enrolling.Unlock()
	n.registrars[mspID] = admin
	return admin, nil
}

// caClient speaks as the registrar of an organisation.
func (n *Network) caClient(mspID string) (*caClient, error) {
	for _, plan := range n.planned().CAs {
		if plan.MSPID != mspID {
			continue
		}
		secret, err := os.ReadFile(filepath.Join(n.nodeFolder(plan.name()), "registrar.secret"))
		if err != nil {
			return nil, err
		}
		authority, err := n.tlsAuthorityFolder(mspID)
		if err != nil {
			return nil, err
		}
		roots, err := rootsIn(authority)
		if err != nil {
			return nil, err
		}
		return &caClient{
			base:   "https://" + plan.Address(),
			secret: strings.TrimSpace(string(secret)),
			http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			}},
		}, nil
	}
	return nil, fmt.Errorf("%q has no Fabric CA in this network", mspID)
}
