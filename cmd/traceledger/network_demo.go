package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
)

// networkDemo runs a gateway and a scanner on the network, as docs/roles.md sets them
// up, and loads the demonstration through the gateway's public interface. When it ends
// the network stays up.
func networkDemo(ctx context.Context, c networkCall) error {
	network, err := c.up(ctx)
	if err != nil {
		return err
	}
	network.Detach()
	fmt.Fprintf(c.out, "the network stays up after this command: traceledger network status, traceledger network down (-dir %s)\n", c.cfg.Dir)

	house := filepath.Join(c.cfg.Dir, "demo")
	clients := filepath.Join(c.cfg.Dir, "clients")
	cfg := defaultConfig()
	cfg.Address, cfg.Data, cfg.LogLevel = c.flags.address, filepath.Join(house, "gateway"), c.cfg.LogLevel
	cfg.Connection = filepath.Join(clients, trace.PlatformMSP, connectionName)
	cfg.Monitors = demoMonitors()
	cfg.PublicBase = "http://" + c.flags.scannerAddress // codes lead to the scanner
	if err := demoFloor(&cfg); err != nil {
		return err
	}
	// One gateway for all organisations, so one wallet with the sample identities of all.
	for _, msp := range trace.MSPs() {
		if err := copyWallet(filepath.Join(cfg.Data, "wallet"), filepath.Join(clients, msp, "wallet")); err != nil {
			return err
		}
	}
	scanner := defaultConfig()
	scanner.Address, scanner.Data, scanner.LogLevel = c.flags.scannerAddress, filepath.Join(house, "scanner"), c.cfg.LogLevel
	scanner.Connection, scanner.PublicBase = cfg.Connection, cfg.PublicBase
	if err := copyWallet(filepath.Join(scanner.Data, "wallet"), filepath.Join(clients, trace.PlatformMSP, "wallet")); err != nil {
		return err
	}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return serve(ctx, cfg, c.out, func(loading context.Context, n *node, base string) error {
			token := filepath.Join(house, "scanner.token")
			if err := keepScannerToken(n, token); err != nil {
				return err
			}
			scanner.FilesFrom = []FilesFrom{{Base: base, TokenFile: token}}
			file, err := writeRole(filepath.Join(house, "scanner.yaml"), scanner)
			if err != nil {
				return err
			}
			group.Go(func() error { return runScanner(ctx, []string{"-config", file}, c.out) })
			if err := loadDemo(loading, n, base, c.out); err != nil {
				return err
			}
			return awaitLevel(loading, n, cfg.PublicBase)
		})
	})
	return group.Wait()
}

// keepScannerToken makes the token with which the scanner fetches files, once.
func keepScannerToken(n *node, path string) error {
	kept, err := os.ReadFile(path)
	if err == nil && n.accepted(strings.TrimSpace(string(kept))) {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	token, err := n.issueToken("scanner", trace.RoleScanner, readerParty, 365*24*time.Hour)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(token+"\n"), 0o600)
}

func writeRole(path string, cfg Config) (string, error) {
	content, err := yaml.Marshal(cfg)
	if err != nil {
		return "", err
	}
	return path, writeAside(path, content, 0o600)
}

// awaitLevel waits until the scanner shows what the gateway shows.
func awaitLevel(ctx context.Context, n *node, scanner string) error {
	if err := n.caughtUp(ctx); err != nil {
		return err
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		var shown struct {
			Height uint64 `json:"height"`
		}
		response, err := http.Get(scanner + "/readyz")
		if err == nil {
			err = json.NewDecoder(response.Body).Decode(&shown)
			response.Body.Close()
		}
		if err == nil && response.StatusCode == http.StatusOK && shown.Height >= n.index.Height() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
