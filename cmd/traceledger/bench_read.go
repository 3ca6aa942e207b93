package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"traceledger/chaincode/trace"
	"traceledger/gateway/codes"
	"traceledger/gateway/index"
	"traceledger/scanner-api/leaffile"
)

// benchReindex measures how fast a deleted read model is folded again from block 0,
// through the stock client's block stream.
func benchReindex(ctx context.Context, dir string) ([]figure, error) {
	b, err := openBenchLedger(ctx, filepath.Join(dir, "reindex"))
	if err != nil {
		return nil, err
	}
	defer b.close()
	const transactions = 10_000
	if err := b.fill(ctx, transactions); err != nil {
		return nil, err
	}
	logger, err := logTo("error")
	if err != nil {
		return nil, err
	}
	x, err := index.Open(index.Config{Dir: filepath.Join(dir, "index"), Logger: logger})
	if err != nil {
		return nil, err
	}
	defer x.Close()
	following, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	began := time.Now()
	go func() {
		done <- x.Follow(following, func(ctx context.Context, from uint64, handle func(*common.Block) error) error {
			return b.client.Blocks(ctx, b.users[trace.RoleRegulator], from, handle)
		})
	}()
	if err := x.WaitFor(ctx, b.engine.Height()-1); err != nil {
		return nil, err
	}
	took := time.Since(began)
	stop()
	<-done
	return []figure{{"reindex", transactions / took.Seconds(), "tx/s", "required", 20_000}}, nil
}

// fill registers lots from 64 clients.
func (b *benchLedger) fill(ctx context.Context, transactions int64) error {
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make(chan error, 64)
	for range 64 {
		group.Go(func() {
			for i := next.Add(1); i <= transactions; i = next.Add(1) {
				if _, err := b.registerLot(ctx, fmt.Sprintf("F%d", i)); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	var failed error
	for err := range errs {
		failed = errors.Join(failed, err)
	}
	return failed
}

// keptSeeds is a seed keeper for measurements, which print no codes.
type keptSeeds map[string][]byte

func (s keptSeeds) Salt(reference string) ([]byte, bool, error) {
	seed, found := s[reference]
	return seed, found, nil
}

func (s keptSeeds) SetSalt(reference string, seed []byte) error {
	s[reference] = seed
	return nil
}

// benchCodesProve measures the inclusion proof of a random item in a pack of a
// million, in milliseconds.
func benchCodesProve(_ context.Context, dir string) ([]figure, error) {
	pack, err := codes.NewFactory(keptSeeds{}, time.Now).Make("BENCH000", trace.MaxPackCount)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "leaves")
	if err := os.WriteFile(path, pack.LeafFile, 0o600); err != nil {
		return nil, err
	}
	source, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	file, err := leaffile.Open(source, int64(len(pack.LeafFile)), pack.Count, pack.Root)
	if err != nil {
		return nil, err
	}
	const proofs = 2_000
	random := rand.New(rand.NewPCG(1, 2))
	began := time.Now()
	for range proofs {
		if _, err := file.Prove(1 + random.Int64N(pack.Count)); err != nil {
			return nil, err
		}
	}
	return []figure{{"codes-prove", time.Since(began).Seconds() * 1000 / proofs, "ms", "allowed", 1}}, nil
}

// benchIdleMemory measures the resident memory of the whole house with the
// demonstration loaded and nobody asking.
func benchIdleMemory(ctx context.Context, dir string) ([]figure, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var out lineBuffer
	cmd := exec.CommandContext(ctx, self, "run", "-addr", "127.0.0.1:0", "-data", filepath.Join(dir, "idle"))
	cmd.Stdout = &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	for deadline := time.Now().Add(2 * time.Minute); !strings.Contains(out.String(), "ready "); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			return nil, errors.New("not ready in two minutes")
		}
	}
	// Idle for the time in which the runtime gives memory back.
	time.Sleep(10 * time.Second)
	megabytes, err := residentMB(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	return []figure{{"idle-memory", megabytes, "MB", "allowed", 200}}, nil
}

// lineBuffer collects a process's output for whoever watches it.
type lineBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lineBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lineBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
