package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// Files by which clients find a ledger: in DATA of the embedded one, in
// DIR/clients/MSP of a network.
const (
	connectionName  = "connection.yaml"         // for our roles
	profileJSONName = "connection-profile.json" // for stock Fabric clients
	profileYAMLName = "connection-profile.yaml"
)

// clientPort is where stock Fabric clients reach the embedded ledger.
type clientPort struct {
	net.Listener
	tls  *tls.Config
	peer Peer
	data string
}

// listenToClients opens LedgerAddress and writes what clients need to come there.
func (c Config) listenToClients(ctx context.Context) (port *clientPort, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.LedgerAddress)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			listener.Close()
		}
	}()
	port = &clientPort{Listener: listener, data: c.Data}
	if port.tls, port.peer, err = c.ledgerTLS(listener.Addr()); err != nil {
		return nil, err
	}
	connection := Connection{Channel: channelName, Chaincode: chaincodeName, OneProcess: true, Peers: []Peer{port.peer}}
	if err := connection.write(filepath.Join(c.Data, connectionName)); err != nil {
		return nil, err
	}
	profile, err := json.MarshalIndent(embeddedProfile(port.peer), "", "  ")
	if err != nil {
		return nil, err
	}
	return port, writeAside(filepath.Join(c.Data, profileJSONName), append(profile, '\n'), 0o644)
}

// tell says where the port is and which files lead to it.
func (p *clientPort) tell(out io.Writer) {
	fmt.Fprintf(out, "ledger %s\nconnection %s\nprofile %s\n", p.peer.Address, filepath.Join(p.data, connectionName), filepath.Join(p.data, profileJSONName))
}

// serveClients serves the ledger to stock Fabric clients until ctx ends.
func (e *embeddedEngine) serveClients(ctx context.Context, port *clientPort) error {
	context.AfterFunc(ctx, func() { port.Close() })
	return ended(ctx, e.Serve(port.Listener, port.tls))
}

// embeddedProfile is the connection profile of a ledger whose one peer is every
// organisation's.
func embeddedProfile(peer Peer) fabric.Profile {
	name := peer.ServerName
	if name == "" {
		name, _, _ = net.SplitHostPort(peer.Address) // ledgerTLS has joined it
	}
	options := map[string]string{}
	if net.ParseIP(name) == nil { // TLS sends no address as a server's name
		options = map[string]string{"ssl-target-name-override": name, "hostnameOverride": name}
	}
	profile := fabric.Profile{
		Name: "traceledger-embedded", Version: "1.0.0",
		Channels:      map[string]fabric.ProfileChannel{channelName: {Peers: map[string]struct{}{name: {}}}},
		Organizations: map[string]fabric.ProfileOrganization{},
		Peers: map[string]fabric.ProfileNode{name: {
			URL: "grpcs://" + peer.Address, TLSCACerts: fabric.ProfilePEM{PEM: peer.TLSCA},
			GRPCOptions: options,
		}},
	}
	for _, msp := range trace.MSPs() {
		profile.Organizations[msp] = fabric.ProfileOrganization{MSPID: msp, Peers: []string{name}}
	}
	return profile
}

// ledgerTLS is how the ledger proves who it is to clients that come to address, and
// what those are told: with the operator's certificate, or with one of its own.
func (c Config) ledgerTLS(address net.Addr) (*tls.Config, Peer, error) {
	host, _, err := net.SplitHostPort(c.LedgerAddress)
	if err != nil {
		return nil, Peer{}, err
	}
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return nil, Peer{}, err
	}
	name := c.LedgerName
	if name == "" {
		name = host
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			if name, err = os.Hostname(); err != nil {
				return nil, Peer{}, fmt.Errorf("ledgerName is not set and the host has none: %w", err)
			}
		}
	}
	peer := Peer{Address: net.JoinHostPort(name, port)}
	if c.TLSCertificate == "" {
		own, err := openAuthority(c.Data)
		if err != nil {
			return nil, Peer{}, err
		}
		peer.TLSCA = string(own.PEM())
		return own.serverConfig([]string{name, "localhost", "127.0.0.1"}), peer, nil
	}
	certificate, err := tls.LoadX509KeyPair(c.TLSCertificate, c.TLSKey)
	if err != nil {
		return nil, Peer{}, err
	}
	if c.TLSCA != "" {
		content, err := os.ReadFile(c.TLSCA)
		if err != nil {
			return nil, Peer{}, err
		}
		peer.TLSCA = string(content)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, peer, nil
}
