package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"traceledger/chaincode/trace"
)

// Connection says where a ledger is and whom to trust there: what a role that runs
// no ledger needs beside its identities. The ledger role writes it as
// DATA/connection.yaml; "network up" writes one for each organisation, as
// DIR/clients/MSP/connection.yaml.
type Connection struct {
	// Channel and Chaincode name what the contracts run on.
	Channel   string `yaml:"channel"`
	Chaincode string `yaml:"chaincode"`
	// OneProcess tells that one process holds every organisation's key, as the
	// embedded ledger's does. Roles repeat it at /healthz.
	OneProcess bool `yaml:"oneProcess"`
	// Peers offer the gateway service. The first is preferred; the others are used
	// while an earlier one fails.
	Peers []Peer `yaml:"peers"`
}

// Peer is one gateway service of a ledger.
type Peer struct {
	// Address is host:port.
	Address string `yaml:"address"`
	// ServerName is the name in the peer's certificate where that is not Address's host.
	ServerName string `yaml:"serverName,omitempty"`
	// TLSCA holds the certificates, PEM, of the authority behind the peer's
	// certificate; TLSCAFile names a file with them, from the connection file's folder.
	// Without either the machine's own trusted authorities count.
	TLSCA     string `yaml:"tlsCA,omitempty"`
	TLSCAFile string `yaml:"tlsCAFile,omitempty"`
}

// readConnection reads a connection file, the certificates it names included.
func readConnection(path string) (*Connection, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("connection: %w (the ledger role writes it to its DATA/connection.yaml)", err)
	}
	c := &Connection{}
	if err := yaml.UnmarshalWithOptions(content, c, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if c.Channel == "" || c.Chaincode == "" || len(c.Peers) == 0 {
		return nil, fmt.Errorf("%s: channel, chaincode and at least one peer are required", path)
	}
	for i := range c.Peers {
		if err := c.Peers[i].complete(filepath.Dir(path)); err != nil {
			return nil, fmt.Errorf("%s: peer %d: %w", path, i+1, err)
		}
	}
	return c, nil
}

func (p *Peer) complete(folder string) error {
	if _, _, err := net.SplitHostPort(p.Address); err != nil {
		return fmt.Errorf("address %q is not host:port", p.Address)
	}
	if p.TLSCA != "" && p.TLSCAFile != "" {
		return errors.New("tlsCA or tlsCAFile, not both")
	}
	if p.TLSCAFile == "" {
		return nil
	}
	if !filepath.IsAbs(p.TLSCAFile) {
		p.TLSCAFile = filepath.Join(folder, p.TLSCAFile)
	}
	content, err := os.ReadFile(p.TLSCAFile)
	p.TLSCA = string(content)
	return err
}

// roots are the authorities to trust; nil stands for the machine's own.
func (p *Peer) roots() (*x509.CertPool, error) {
	if p.TLSCA == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(p.TLSCA)) {
		return nil, trace.Errorf(trace.CodeInvalid, "peer %s: tlsCA holds no PEM certificate", p.Address)
	}
	return pool, nil
}

// write puts the connection where other roles read it, whole or not at all.
func (c *Connection) write(path string) error {
	content, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	return writeAside(path, content, 0o644)
}

// writeAside replaces a file, whole or not at all; on return it survives a crash.
func writeAside(path string, content []byte, mode os.FileMode) error {
	aside, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name())
	_, err = aside.Write(content)
	err = errors.Join(err, aside.Chmod(mode))
	if err == nil {
		err = aside.Sync()
	}
	if err = errors.Join(err, aside.Close()); err != nil {
		return err
	}
	if err := os.Rename(aside.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
