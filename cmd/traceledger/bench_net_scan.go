package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/codes"
	"traceledger/gateway/store"
	"traceledger/gateway/wallet"
)

// scanPack is the pack whose codes are scanned on the network.
const (
	scanPack  trace.PackID    = "BENCH001"
	scanLot   trace.LotNumber = "SCANNED"
	scanItems                 = 1_000
)

// benchNetScan measures scans at a scanner process that follows the network, while 64
// clients register lots as fast as they can, against the same with nobody writing.
func benchNetScan(ctx context.Context, n *benchNet, run int) ([]figure, error) {
	s, err := n.startScanner(ctx)
	if err != nil {
		return nil, err
	}
	var idle, busy served
	var share float64 // of the scanner in all processor time, in percent
	measure := []func() error{
		func() error { idle, err = loadAt(s.address, s.paths, true); return err },
		func() error {
			return n.whileWriting(ctx, func() error {
				before, err := n.processorTimes()
				if err != nil {
					return err
				}
				if busy, err = loadAt(s.address, s.paths, true); err != nil {
					return err
				}
				after, err := n.processorTimes()
				share = shareOf(kindScanner, before, after)
				return err
			})
		},
	}
	for i := range measure {
		if err := measure[(i+run)%len(measure)](); err != nil {
			return nil, err
		}
	}
	return []figure{
		{"net-scan", busy.rate, "req/s", "nobody writing", idle.rate},
		{"net-scan-p99", busy.p99, "ms", "nobody writing", idle.p99},
		{"net-scan-cpu", share, "%", "all processes", 100},
	}, nil
}

// whileWriting does something while 64 clients register lots.
func (n *benchNet) whileWriting(ctx context.Context, do func() error) error {
	writing, stop := context.WithCancel(ctx)
	var group errgroup.Group
	for range benchClients {
		group.Go(func() error {
			for writing.Err() == nil {
				if err := n.registerNext(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := do()
	stop()
	return errors.Join(err, group.Wait())
}

// scannerProcess is the scanner role, run as docs/roles.md has it.
type scannerProcess struct {
	cmd     *exec.Cmd
	address string   // where it listens
	paths   []string // of codes that it can show
	data    string
}

func (s *scannerProcess) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// startScanner runs a scanner on the network, once, with a pack of codes to scan.
func (n *benchNet) startScanner(ctx context.Context) (*scannerProcess, error) {
	if n.scanner != nil {
		return n.scanner, nil
	}
	paths, leaves, err := n.issueCodes(ctx)
	if err != nil {
		return nil, err
	}
	s := &scannerProcess{paths: paths, data: filepath.Join(n.dir, "scanner")}
	file, err := n.layOutScanner(s.data, leaves)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var out lineBuffer
	s.cmd = exec.CommandContext(ctx, self, "scanner", "-config", file)
	s.cmd.Stdout, s.cmd.Stderr = &out, &out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	n.scanner = s // close ends it
	for deadline := time.Now().Add(time.Minute); s.address == ""; time.Sleep(50 * time.Millisecond) {
		for line := range strings.Lines(out.String()) {
			if base, ready := strings.CutPrefix(line, "ready "); ready {
				address, err := url.Parse(strings.TrimSpace(base))
				if err != nil {
					return nil, err
				}
				s.address = address.Host
			}
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the scanner is not ready in a minute: %s", out.String())
		}
	}
	return s, nil
}

// issueCodes registers a lot, issues a pack of codes for it and binds it, and gives the
// paths that the codes hold, with the pack's leaf file.
func (n *benchNet) issueCodes(ctx context.Context) (paths []string, leaves []byte, err error) {
	factory := codes.NewFactory(keptSeeds{}, time.Now)
	pack, err := factory.Make(scanPack, scanItems)
	if err != nil {
		return nil, nil, err
	}
	serials, err := factory.Serials(scanPack, 1, scanItems)
	if err != nil {
		return nil, nil, err
	}
	for _, serial := range serials {
		paths = append(paths, fmt.Sprintf("/01/%s/10/%s/21/%s", benchProduct, scanLot, serial))
	}
	if _, err := n.registerLot(ctx, string(scanLot)); err != nil {
		return nil, nil, err
	}
	write := func(key string) trace.Write {
		return trace.Write{IdempotencyKey: key, Claimed: trace.TimeOf(time.Now())}
	}
	if _, err := n.submit(ctx, trace.RoleFactory, "code", "IssuePack", "scan-issue", trace.IssuePackRequest{
		Write: write("scan-issue"), Pack: scanPack, Count: pack.Count, Root: pack.Root, LeafFile: trace.DigestOf(pack.LeafFile),
	}); err != nil {
		return nil, nil, err
	}
	_, err = n.submit(ctx, trace.RoleFactory, "code", "ActivatePack", "scan-activate", trace.ActivatePackRequest{
		Write: write("scan-activate"), Pack: scanPack, LotID: trace.LotID{GTIN: benchProduct, Lot: scanLot},
	})
	return paths, pack.LeafFile, err
}

// layOutScanner makes the scanner's folder: its identity, connection file, configuration,
// and the leaf file, which it would fetch from the gateway otherwise.
func (n *benchNet) layOutScanner(data string, leaves []byte) (string, error) {
	identities, err := wallet.Open(filepath.Join(data, "wallet"), nil)
	if err != nil {
		return "", err
	}
	certificate, key, err := n.network.Enrol(trace.PlatformMSP, readerName, map[string]string{
		trace.AttributeRole: string(trace.RoleScanner), trace.AttributeParty: string(readerParty),
	})
	if err != nil {
		return "", err
	}
	if err := identities.Put(readerName, trace.PlatformMSP, certificate, key); err != nil {
		return "", err
	}
	logger, err := logTo("error")
	if err != nil {
		return "", err
	}
	kept, err := store.Open(store.Config{Dir: filepath.Join(data, "store"), Logger: logger})
	if err != nil {
		return "", err
	}
	_, err = kept.Files().Keep(leaves, store.About{MediaType: "application/octet-stream", Uploader: "bench-factory"})
	if err := errors.Join(err, kept.Close()); err != nil {
		return "", err
	}
	endpoints, err := n.network.Endpoints(trace.PlatformMSP)
	if err != nil {
		return "", err
	}
	connection := Connection{Channel: channelName, Chaincode: chaincodeName}
	for _, e := range endpoints {
		connection.Peers = append(connection.Peers, Peer{Address: e.Address, TLSCA: e.TLSCA})
	}
	cfg := defaultConfig()
	cfg.Address, cfg.Data, cfg.LogLevel = "127.0.0.1:0", data, "error"
	cfg.Connection = filepath.Join(data, connectionName)
	cfg.TrustedProxies = []string{"127.0.0.1"} // every request comes from another phone
	if err := connection.write(cfg.Connection); err != nil {
		return "", err
	}
	return writeRole(filepath.Join(data, "scanner.yaml"), cfg)
}
