package fabric

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// renewBefore is how long before its end a TLS certificate of a chaincode process, of its
// peer towards it, or of a Fabric CA is renewed. They are good for a year; an operator is to
// look at what ends within 60 days (docs/operations.md).
const renewBefore = 90 * 24 * time.Hour

// restartGrace is what a process whose keys were renewed gets to end.
const restartGrace = 2 * time.Second

// current tells whether a certificate is of this authority – of the new one while it is
// being renewed – and good for renewBefore at least.
func (a *authority) current(certPEM []byte) bool {
	certificate, err := firstCertificate(certPEM)
	return err == nil && certificate.CheckSignatureFrom(a.certificate) == nil && time.Until(certificate.NotAfter) > renewBefore
}

func firstCertificate(certPEM []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(certPEM)
	if block == nil {
		return nil, errors.New("the certificate is not PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// leaveTLS warns of certificates that are to be renewed where the authority's key is kept elsewhere.
func (n *Network) leaveTLS(node string, certificates ...[]byte) {
	for _, certPEM := range certificates {
		certificate, err := firstCertificate(certPEM)
		if err == nil && time.Until(certificate.NotAfter) <= renewBefore {
			n.logger.Warn("a TLS certificate is to be renewed, and the key of the organisation's TLS authority is not in this folder: docs/operations.md has the commands",
				"node", node, "certificate", certificate.Subject.CommonName, "ends", certificate.NotAfter.UTC().Format(time.RFC3339))
		}
	}
}

// renewTLS gives a chaincode process, or a Fabric CA, new TLS keys where it has none, where
// its certificates are near their end, or where the organisation's TLS authority has been
// replaced; else it keeps them. A running process that it concerns is restarted. Other nodes' certificates
// are in the channel's configuration or are of cryptogen's ten years: it leaves them alone.
func (n *Network) renewTLS(ctx context.Context, node *Node) error {
	renewed, err := n.renewedTLS(node.Name())
	if err != nil {
		return fmt.Errorf("TLS keys of %s: %w", node.Name(), err)
	}
	if !renewed || !node.Running() {
		return nil
	}
	n.logger.Info("restarted with new TLS keys", "node", node.Name())
	node.Stop(restartGrace)
	return node.Start(ctx)
}

func (n *Network) renewedTLS(name string) (renewed bool, err error) {
	plan := n.planned()
	if i := slices.IndexFunc(plan.Services, func(s servicePlan) bool { return s.name() == name }); i >= 0 {
		peer, err := plan.peer(plan.Services[i].MSPID)
		if err != nil {
			return false, err
		}
		return n.renewServiceTLS(peer, plan.Services[i])
	}
	if i := slices.IndexFunc(plan.CAs, func(ca caPlan) bool { return ca.name() == name }); i >= 0 {
		peer, err := plan.peer(plan.CAs[i].MSPID)
		if err != nil {
			return false, err
		}
		return n.renewCATLS(peer, plan.CAs[i])
	}
	return false, nil
}

// connection is the peer's end of the link to a chaincode process, as Fabric reads it from
// connection.json (core/container/externalbuilder, ChaincodeServerUserData).
type connection struct {
	Address            string `json:"address"`
	DialTimeout        string `json:"dial_timeout"`
	TLSRequired        bool   `json:"tls_required"`
	ClientAuthRequired bool   `json:"client_auth_required"`
	ClientKey          string `json:"client_key"`
	ClientCert         string `json:"client_cert"`
	RootCert           string `json:"root_cert"`
}

// renewServiceTLS sees to both ends of the link between a peer and its chaincode process.
func (n *Network) renewServiceTLS(plan peerPlan, planned servicePlan) (renewed bool, err error) {
	folder, peersEnd := n.serviceFolder(planned), filepath.Join(n.nodeFolder(plan.name()), "chaincode", planned.Label+".json")
	if n.mayIssueTLS(plan) || !exists(folder) {
		ca, err := loadAuthority(n.organisationFolder(plan, "tlsca"))
		if err != nil {
			return false, err
		}
		if renewed = !linked(ca, folder, peersEnd, planned.Address); renewed {
			if err := makeLink(ca, plan, folder, peersEnd, planned.Address); err != nil {
				return false, err
			}
		}
	} else {
		certPEM, _ := os.ReadFile(filepath.Join(folder, "server.crt")) // of what cannot be read nobody knows the end
		content, _ := os.ReadFile(peersEnd)
		var end connection
		_ = json.Unmarshal(content, &end)
		n.leaveTLS(planned.name(), certPEM, []byte(end.ClientCert))
	}
	return renewed, n.handToPeer(plan, planned, peersEnd)
}

// mayIssueTLS tells whether the key of the organisation's TLS authority is here. An organisation
// may keep it elsewhere, off line say.
func (n *Network) mayIssueTLS(plan peerPlan) bool {
	return exists(filepath.Join(n.organisationFolder(plan, "tlsca"), "priv_sk"))
}

// linked tells whether both ends have what they need, for a while yet.
func linked(ca *authority, folder, peersEnd, address string) bool {
	certPEM, _ := os.ReadFile(filepath.Join(folder, "server.crt")) // what cannot be read is not current
	keyPEM, _ := os.ReadFile(filepath.Join(folder, "server.key"))
	trusted, _ := os.ReadFile(filepath.Join(folder, "client-ca.crt"))
	content, _ := os.ReadFile(peersEnd)
	var end connection
	if json.Unmarshal(content, &end) != nil {
		return false
	}
	return paired(certPEM, keyPEM) && ca.current(certPEM) && bytes.Equal(trusted, ca.certPEM) &&
		paired([]byte(end.ClientCert), []byte(end.ClientKey)) && ca.current([]byte(end.ClientCert)) &&
		end.RootCert == string(ca.certPEM) && end.Address == address
}

func paired(certPEM, keyPEM []byte) bool {
	_, err := tls.X509KeyPair(certPEM, keyPEM)
	return err == nil
}

// makeLink makes new keys for both ends: a server certificate for the process, a client one
// for the peer.
func makeLink(ca *authority, plan peerPlan, folder, peersEnd, address string) error {
	server, err := ca.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "chaincode." + plan.Domain},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.ParseIP(loopback)},
	})
	if err != nil {
		return err
	}
	client, err := ca.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: plan.Hostname + "." + plan.Domain},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return err
	}
	content, err := json.Marshal(connection{
		Address: address, DialTimeout: "5s", TLSRequired: true, ClientAuthRequired: true,
		ClientKey: string(client.keyPEM), ClientCert: string(client.certPEM), RootCert: string(ca.certPEM),
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return errors.Join(
		replaceFile(filepath.Join(folder, "server.key"), server.keyPEM),
		replaceFile(filepath.Join(folder, "server.crt"), server.certPEM),
		replaceFile(filepath.Join(folder, "client-ca.crt"), ca.certPEM),
		replaceFile(peersEnd, content),
	)
}

// unsafeInPath is what Fabric replaces in the package id that names a build's folder
// (SanitizeCCIDPath).
var unsafeInPath = regexp.MustCompile(`[<>:"/\\|?*&]`)

// builtConnection is the peer's own copy of its end, which is the one that counts: the builder
// is run when a package is installed and never again, as Fabric's Detector.Build returns the
// build that it finds. The peer reads the file each time it dials the process, so a
// change needs no restart of the peer.
func (n *Network) builtConnection(plan peerPlan, planned servicePlan) string {
	return filepath.Join(n.nodeFolder(plan.name()), "data", "externalbuilder", "builds",
		unsafeInPath.ReplaceAllString(planned.PackageID, "-"), "release", "chaincode", "server", "connection.json")
}

// handToPeer brings the peer's copy up to date, if the package is installed.
func (n *Network) handToPeer(plan peerPlan, planned servicePlan, peersEnd string) error {
	built := n.builtConnection(plan, planned)
	before, err := os.ReadFile(built)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	now, err := os.ReadFile(peersEnd)
	if err != nil || bytes.Equal(before, now) {
		return err
	}
	return replaceFile(built, now)
}

// renewCATLS sees to the certificate of a Fabric CA's own listener.
func (n *Network) renewCATLS(peer peerPlan, plan caPlan) (renewed bool, err error) {
	certificate := filepath.Join(n.nodeFolder(plan.name()), "tls", "server.crt")
	key := filepath.Join(n.nodeFolder(plan.name()), "tls", "server.key")
	certPEM, _ := os.ReadFile(certificate) // what cannot be read is not current
	if !n.mayIssueTLS(peer) {
		n.leaveTLS(plan.name(), certPEM)
		return false, nil
	}
	ca, err := loadAuthority(n.organisationFolder(peer, "tlsca"))
	if err != nil {
		return false, err
	}
	keyPEM, _ := os.ReadFile(key)
	if paired(certPEM, keyPEM) && ca.current(certPEM) {
		return false, nil
	}
	server, err := ca.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "ca." + plan.Domain},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"ca." + plan.Domain, "localhost", plan.Host},
		IPAddresses: []net.IP{net.ParseIP(loopback)},
	})
	if err != nil {
		return false, err
	}
	return true, errors.Join(replaceFile(key, server.keyPEM), replaceFile(certificate, server.certPEM))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// replaceFile writes a file, for the owner's eyes only, so that a reader finds the old or
// the new one, whole.
func replaceFile(path string, content []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
