package fabric

import (
	"fmt"
	"os"
	"path/filepath"
)

// An Endpoint is where clients of an organisation reach its peer.
type Endpoint struct {
	MSPID   string
	Address string
	TLSCA   string // certificate of the authority behind the peer's, PEM
}

// Endpoints are the peers of the network, that of the organisation first.
func (n *Network) Endpoints(mspID string) ([]Endpoint, error) {
	planned := n.planned()
	own, err := planned.peer(mspID)
	if err != nil {
		return nil, err
	}
	plans := []peerPlan{own}
	for _, plan := range n.inChannel() {
		if plan.MSPID != mspID {
			plans = append(plans, plan)
		}
	}
	var endpoints []Endpoint
	for _, plan := range plans {
		roots, err := n.tlsRootsOf(plan)
		if err != nil {
			return nil, err
		}
		endpoints = append(endpoints, Endpoint{MSPID: plan.MSPID, Address: plan.Address(), TLSCA: roots})
	}
	return endpoints, nil
}

// A Profile is a Fabric connection profile in the form that Fabric's samples and
// SDKs use. Marshalled as JSON it is YAML too.
type Profile struct {
	Name                   string                         `json:"name" yaml:"name"`
	Version                string                         `json:"version" yaml:"version"`
	Client                 ProfileClient                  `json:"client" yaml:"client"`
	Channels               map[string]ProfileChannel      `json:"channels" yaml:"channels"`
	Organizations          map[string]ProfileOrganization `json:"organizations" yaml:"organizations"`
	Peers                  map[string]ProfileNode         `json:"peers" yaml:"peers"`
	CertificateAuthorities map[string]ProfileCA           `json:"certificateAuthorities,omitempty" yaml:"certificateAuthorities,omitempty"`
}

// ProfileClient says whose profile it is.
type ProfileClient struct {
	Organization string `json:"organization" yaml:"organization"`
}

// ProfileChannel lists the peers of a channel.
type ProfileChannel struct {
	Peers map[string]struct{} `json:"peers" yaml:"peers"`
}

// ProfileOrganization is a member.
type ProfileOrganization struct {
	MSPID                  string   `json:"mspid" yaml:"mspid"`
	Peers                  []string `json:"peers" yaml:"peers"`
	CertificateAuthorities []string `json:"certificateAuthorities,omitempty" yaml:"certificateAuthorities,omitempty"`
}

// ProfileNode is where a peer is.
type ProfileNode struct {
	URL         string            `json:"url" yaml:"url"`
	TLSCACerts  ProfilePEM        `json:"tlsCACerts" yaml:"tlsCACerts"`
	GRPCOptions map[string]string `json:"grpcOptions" yaml:"grpcOptions"`
}

// ProfilePEM holds one certificate.
type ProfilePEM struct {
	PEM string `json:"pem" yaml:"pem"`
}

// ProfileCA is where an organisation's Fabric CA is.
type ProfileCA struct {
	URL         string          `json:"url" yaml:"url"`
	CAName      string          `json:"caName" yaml:"caName"`
	TLSCACerts  ProfilePEMs     `json:"tlsCACerts" yaml:"tlsCACerts"`
	HTTPOptions map[string]bool `json:"httpOptions" yaml:"httpOptions"`
}

// ProfilePEMs holds certificates.
type ProfilePEMs struct {
	PEM []string `json:"pem" yaml:"pem"`
}

// Profile is an organisation's connection profile: all peers of the channel, its
// own first, and its own Fabric CA.
func (n *Network) Profile(mspID string) (Profile, error) {
	profile := Profile{
		Name: "traceledger-" + mspID, Version: "1.0.0",
		Client:        ProfileClient{mspID},
		Channels:      map[string]ProfileChannel{n.channel: {Peers: map[string]struct{}{}}},
		Organizations: map[string]ProfileOrganization{},
		Peers:         map[string]ProfileNode{},
	}
	planned := n.planned()
	for _, plan := range n.inChannel() {
		roots, err := n.tlsRootsOf(plan)
		if err != nil {
			return Profile{}, err
		}
		name := plan.Hostname + "." + plan.Domain
		profile.Peers[name] = ProfileNode{
			URL:         "grpcs://" + plan.Address(),
			TLSCACerts:  ProfilePEM{roots},
			GRPCOptions: map[string]string{"ssl-target-name-override": name, "hostnameOverride": name},
		}
		profile.Channels[n.channel].Peers[name] = struct{}{}
		profile.Organizations[plan.MSPID] = ProfileOrganization{MSPID: plan.MSPID, Peers: []string{name}}
	}
	if _, ok := profile.Organizations[mspID]; !ok {
		return Profile{}, fmt.Errorf("no organisation %q in the network", mspID)
	}
	for _, plan := range planned.CAs {
		if plan.MSPID != mspID {
			continue
		}
		name := "ca." + plan.Domain
		authority, err := n.tlsAuthorityFolder(plan.MSPID)
		if err != nil {
			return Profile{}, err
		}
		certPEM, err := certificatesIn(authority)
		if err != nil {
			return Profile{}, err
		}
		profile.CertificateAuthorities = map[string]ProfileCA{name: {
			URL: "https://" + plan.Address(), CAName: plan.Domain,
			TLSCACerts: ProfilePEMs{[]string{string(certPEM)}}, HTTPOptions: map[string]bool{"verify": true},
		}}
		organisation := profile.Organizations[mspID]
		organisation.CertificateAuthorities = []string{name}
		profile.Organizations[mspID] = organisation
	}
	return profile, nil
}

func (n *Network) tlsAuthorityFolder(mspID string) (string, error) {
	plan := n.planned()
	peer, err := plan.peer(mspID)
	if err != nil {
		return "", err
	}
	return n.organisationFolder(peer, "tlsca"), nil
}

// ClientFolder is where what an organisation's clients need can be laid out:
// connection file, profile, sample identities.
func (n *Network) ClientFolder(mspID string) (string, error) {
	folder := filepath.Join(n.dir, "clients", mspID)
	return folder, os.MkdirAll(folder, 0o700)
}
