package fabric

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// BinariesVariable names the environment variable that points to a folder of
// Fabric programs built elsewhere; when it is set nothing is built.
const BinariesVariable = "TRACELEDGER_FABRIC_BIN"

// programs are what the network cannot do without. The tools module builds a
// few more for operators.
var programs = []string{"peer", "orderer", "cryptogen", "configtxgen"}

// EnsureBinaries returns the folder that holds the Fabric programs at the
// version pinned in network/fabric/tools/go.mod, building them if it must:
// about 80 s the first time. It runs the go command, so the working directory
// must be inside the source tree unless BinariesVariable is set.
//
// The folder is in the user's cache and named after the pinned version and the
// content of go.mod and go.sum, so a change of either builds anew. It appears
// by one rename, complete or not at all; concurrent callers, in other
// processes too, wait for the first.
func EnsureBinaries(ctx context.Context) (string, error) {
	if dir := os.Getenv(BinariesVariable); dir != "" {
		return dir, requirePrograms(dir)
	}
	tools, err := toolsModule(ctx)
	if err != nil {
		return "", err
	}
	cache, err := cacheFolder(tools)
	if err != nil {
		return "", err
	}
	if requirePrograms(cache) == nil {
		return cache, nil
	}
	if err := os.MkdirAll(filepath.Dir(cache), 0o755); err != nil {
		return "", err
	}
	unlock, err := lockFile(ctx, cache+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if requirePrograms(cache) == nil { // another process built them while this one waited
		return cache, nil
	}
	return cache, build(ctx, tools, cache)
}

func requirePrograms(dir string) error {
	for _, name := range programs {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("the Fabric program %s is missing: %w", name, err)
		}
	}
	return nil
}

// toolsModule finds network/fabric/tools. A module within a module cannot be
// embedded, hence the go command.
func toolsModule(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "traceledger").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("find the source tree that pins the Fabric programs (run inside it, or set %s to a folder that has them): %w: %s",
			BinariesVariable, err, bytes.TrimSpace(out))
	}
	return filepath.Join(strings.TrimSpace(string(out)), "network", "fabric", "tools"), nil
}

func cacheFolder(tools string) (string, error) {
	mod, err := os.ReadFile(filepath.Join(tools, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(tools, "go.sum"))
	if err != nil {
		return "", err
	}
	version := ""
	for _, line := range strings.Split(string(mod), "\n") {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && fields[0] == "github.com/hyperledger/fabric" {
			version = fields[1]
		}
	}
	if version == "" {
		return "", fmt.Errorf("%s/go.mod does not require github.com/hyperledger/fabric", tools)
	}
	hash := sha256.New()
	hash.Write(mod)
	hash.Write(sum)
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("fabric-%s-%s", version, hex.EncodeToString(hash.Sum(nil))[:12])
	return filepath.Join(cache, "traceledger", name), nil
}

func build(ctx context.Context, tools, target string) error {
	work, err := os.MkdirTemp(filepath.Dir(target), "building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", work, "tool")
	cmd.Dir = tools
	// A workspace file around the checkout would replace the pinned versions.
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the Fabric programs in %s: %w: %s", tools, err, bytes.TrimSpace(out))
	}
	if err := requirePrograms(work); err != nil {
		return err
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	// What is in the way can only be the remains of a folder somebody thinned out.
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.Rename(work, target)
}

// lockFile takes an exclusive lock, waiting for whoever holds it.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	for {
		unlock, free, err := tryLockFile(path)
		if err != nil || free {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another process that builds the Fabric programs: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// tryLockFile takes an exclusive lock if it is free. The kernel releases it
// with the process at the latest.
func tryLockFile(path string) (unlock func(), free bool, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, false, err
	}
	switch err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		return func() { file.Close() }, true, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, false, file.Close()
	default:
		file.Close()
		return nil, false, fmt.Errorf("lock %s: %w", path, err)
	}
}
