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

// A toolset is a module that pins programs and holds nothing else.
type toolset struct {
	folder   string   // of the source tree
	module   string   // whose version names the folder in the cache
	prefix   string   // of that folder
	programs []string // what must be there; the module may build more, for operators
	cgo      bool
}

var fabricTools = toolset{
	folder:   "network/fabric/tools",
	module:   "github.com/hyperledger/fabric",
	prefix:   "fabric",
	programs: []string{"peer", "orderer", "cryptogen", "configtxgen", "configtxlator"},
}

// caTools are apart: the CA's database needs cgo, and its dependencies are of
// other versions than those of Fabric.
var caTools = toolset{
	folder:   "network/fabric/tools/ca",
	module:   "github.com/hyperledger/fabric-ca",
	prefix:   "fabric-ca",
	programs: []string{"fabric-ca-server"},
	cgo:      true,
}

// EnsureBinaries returns the folder that holds the Fabric programs at the
// version pinned in network/fabric/tools/go.mod, building them if it must:
// about 80 s the first time. It runs the go command, so the working directory
// must be inside the source tree unless BinariesVariable is set.
//
// The folder is in the user's cache and named after the pinned version and the
// content of go.mod and go.sum, so a change of either builds anew. It appears
// by one rename, complete or not at all; concurrent callers, in other
// processes too, wait for the first.
func EnsureBinaries(ctx context.Context) (string, error) { return fabricTools.ensure(ctx) }

// EnsureCA does the same for fabric-ca-server, which needs a C compiler and
// takes as long.
func EnsureCA(ctx context.Context) (string, error) { return caTools.ensure(ctx) }

func (s toolset) ensure(ctx context.Context) (string, error) {
	if dir := os.Getenv(BinariesVariable); dir != "" {
		return dir, s.require(dir)
	}
	source, err := s.source(ctx)
	if err != nil {
		return "", err
	}
	cache, err := s.cacheFolder(source)
	if err != nil {
		return "", err
	}
	if s.require(cache) == nil {
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
	if s.require(cache) == nil { // another process built them while this one waited
		return cache, nil
	}
	return cache, s.build(ctx, source, cache)
}

func (s toolset) require(dir string) error {
	for _, name := range s.programs {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("the Fabric program %s is missing: %w", name, err)
		}
	}
	return nil
}

// source finds the module in the source tree. A module within a module cannot
// be embedded, hence the go command.
func (s toolset) source(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "traceledger").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("find the source tree that pins the Fabric programs (run inside it, or set %s to a folder that has them): %w: %s",
			BinariesVariable, err, bytes.TrimSpace(out))
	}
	return filepath.Join(strings.TrimSpace(string(out)), filepath.FromSlash(s.folder)), nil
}

func (s toolset) cacheFolder(source string) (string, error) {
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(source, "go.sum"))
	if err != nil {
		return "", err
	}
	version := ""
	for _, line := range strings.Split(string(mod), "\n") {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && fields[0] == s.module {
			version = fields[1]
		}
	}
	if version == "" {
		return "", fmt.Errorf("%s/go.mod does not require %s", source, s.module)
	}
	hash := sha256.New()
	hash.Write(mod)
	hash.Write(sum)
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s-%s-%s", s.prefix, version, hex.EncodeToString(hash.Sum(nil))[:12])
	return filepath.Join(cache, "traceledger", name), nil
}

func (s toolset) build(ctx context.Context, source, target string) error {
	if s.cgo {
		if err := requireCompiler(ctx); err != nil {
			return fmt.Errorf("build %s: %w", strings.Join(s.programs, ", "), err)
		}
	}
	work, err := os.MkdirTemp(filepath.Dir(target), "building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", work, "tool")
	cmd.Dir = source
	// A workspace file around the checkout would replace the pinned versions.
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if s.cgo {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the Fabric programs in %s: %w: %s", source, err, bytes.TrimSpace(out))
	}
	if err := s.require(work); err != nil {
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

// requireCompiler says in time what the go command would say in C's terms.
func requireCompiler(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "env", "CC").Output()
	if err != nil {
		return err
	}
	words := strings.Fields(string(out))
	if len(words) == 0 {
		words = []string{"gcc"}
	}
	if _, err := exec.LookPath(words[0]); err != nil {
		return fmt.Errorf("it needs a C compiler and %s is not installed (Debian: apt-get install gcc libc6-dev): %w", words[0], err)
	}
	return nil
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
