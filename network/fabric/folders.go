package fabric

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"
	"time"
)

// The configuration files are the documentation of the settings: each setting
// that differs from Fabric's default says why.
//
//go:embed templates
var templates embed.FS

// render fills in templates/<name>.
func render(name string, values any) ([]byte, error) {
	text, err := templates.ReadFile("templates/" + name)
	if err != nil {
		return nil, err
	}
	parsed, err := template.New(name).Funcs(template.FuncMap{"inc": func(i int) int { return i + 1 }}).Parse(string(text))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, values); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (n *Network) renderTo(path, name string, values any) error {
	content, err := render(name, values)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

func (n *Network) cryptoFolder() string { return filepath.Join(n.dir, "crypto") }

func (n *Network) genesisFile() string { return filepath.Join(n.dir, "genesis.block") }

// organisationFolder is a part of what cryptogen made for a member: "ca",
// "tlsca", "users/…".
func (n *Network) organisationFolder(peer peerPlan, part string) string {
	return filepath.Join(n.cryptoFolder(), "peerOrganizations", peer.Domain, filepath.FromSlash(part))
}

func (n *Network) orderingFolder(orderer ordererPlan, part string) string {
	return filepath.Join(n.cryptoFolder(), "ordererOrganizations", orderer.Domain, filepath.FromSlash(part))
}

// makeCrypto has cryptogen make every authority, node and administrator key.
func (n *Network) makeCrypto(ctx context.Context) error {
	file := filepath.Join(n.dir, "crypto-config.yaml")
	if err := n.renderTo(file, "crypto-config.yaml", n.plan); err != nil {
		return err
	}
	return run(ctx, nil, filepath.Join(n.config.Binaries, "cryptogen"), "generate", "--config", file, "--output", n.cryptoFolder())
}

// makeGenesis has configtxgen make the channel's first block.
func (n *Network) makeGenesis(ctx context.Context) error {
	if err := n.renderConfigtx(n.dir, n.plan); err != nil {
		return err
	}
	return run(ctx, []string{"FABRIC_CFG_PATH=" + n.dir}, filepath.Join(n.config.Binaries, "configtxgen"),
		"-profile", "Channel", "-channelID", n.channel, "-outputBlock", n.genesisFile())
}

// renderConfigtx writes a plan as configtx.yaml into a folder.
func (n *Network) renderConfigtx(folder string, plan topology) error {
	return n.renderTo(filepath.Join(folder, "configtx.yaml"), "configtx.yaml", struct {
		topology
		Crypto        string
		BatchInterval time.Duration
		BatchMessages int
	}{plan, n.cryptoFolder(), n.config.BatchInterval, n.config.BatchMessages})
}

// makeOrdererFolder lays out all that one orderer needs, keys included.
func (n *Network) makeOrdererFolder(orderer ordererPlan) error {
	folder := n.nodeFolder(orderer.name())
	source := n.orderingFolder(orderer, "orderers/"+orderer.Hostname+"."+orderer.Domain)
	if err := copyNode(folder, source); err != nil {
		return err
	}
	return n.renderTo(filepath.Join(folder, "orderer.yaml"), "orderer.yaml", struct {
		ordererPlan
		Data string
	}{orderer, "data"})
}

// makePeerFolder lays out all that one peer needs, keys and builder included.
func (n *Network) makePeerFolder(peer peerPlan) error {
	folder := n.nodeFolder(peer.name())
	source := n.organisationFolder(peer, "peers/"+peer.Hostname+"."+peer.Domain)
	if err := copyNode(folder, source); err != nil {
		return err
	}
	// Where the builder finds the addresses of this organisation's chaincodes.
	if err := os.MkdirAll(filepath.Join(folder, "chaincode"), 0o700); err != nil {
		return err
	}
	bin := filepath.Join(folder, "builder", "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return err
	}
	for _, script := range []string{"detect", "build", "release"} {
		content, err := templates.ReadFile("templates/builder/bin/" + script)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(bin, script), content, 0o700); err != nil {
			return err
		}
	}
	return n.renderTo(filepath.Join(folder, "core.yaml"), "core.yaml", struct {
		peerPlan
		Data    string
		Builder string
	}{peer, "data", "builder"})
}

// copyNode starts a node folder with the node's own keys and certificates.
func copyNode(folder, source string) error {
	for _, part := range []string{"data", "tmp"} {
		if err := os.MkdirAll(filepath.Join(folder, part), 0o700); err != nil {
			return err
		}
	}
	for _, part := range []string{"msp", "tls"} {
		if err := copyFolder(filepath.Join(folder, part), filepath.Join(source, part)); err != nil {
			return fmt.Errorf("copy keys from %s: %w", source, err)
		}
	}
	return nil
}

// copyFolder copies files for the owner's eyes only: some are private keys.
func copyFolder(target, source string) error {
	return filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(target, relative), 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(target, relative), content, 0o600)
	})
}
