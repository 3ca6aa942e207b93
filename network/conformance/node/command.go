package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Command prepares a run of a program of the repository with the packages that the
// lock file in folder packages pins. The program runs in the empty folder scratch, as
// if they were installed beside it.
func Command(ctx context.Context, scratch, packages, program string, args ...string) (*exec.Cmd, error) {
	installed, err := Install(ctx, packages)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(program)
	if err := os.WriteFile(filepath.Join(scratch, name), content, 0o600); err != nil {
		return nil, err
	}
	if err := os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(scratch, "node_modules")); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "node", append([]string{name}, args...)...)
	cmd.Dir = scratch
	return cmd, nil
}

// Install puts the packages that the lock file in folder packages pins into the user's
// cache, once for each content of that file, and returns the folder that holds their
// node_modules.
func Install(ctx context.Context, packages string) (string, error) {
	for _, needed := range []string{"node", "npm"} {
		if _, err := exec.LookPath(needed); err != nil {
			return "", fmt.Errorf("packages for Node.js need the program %s: make packages, or apt-get install nodejs npm: %w", needed, err)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	files := []string{"package.json", "package-lock.json"}
	digest := sha256.New()
	contents := map[string][]byte{}
	for _, name := range files {
		if contents[name], err = os.ReadFile(filepath.Join(packages, name)); err != nil {
			return "", err
		}
		digest.Write(contents[name])
	}
	folder := filepath.Join(cache, "traceledger", "node-client-"+hex.EncodeToString(digest.Sum(nil))[:16])
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	// Made aside and renamed: an installation that broke off is never used.
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	aside, err := os.MkdirTemp(filepath.Dir(folder), "node-client-new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(aside)
	for name, content := range contents {
		if err := os.WriteFile(filepath.Join(aside, name), content, 0o600); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = aside
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s", err, out)
	}
	if err := os.Rename(aside, folder); err != nil {
		if _, missing := os.Stat(folder); missing != nil {
			return "", err
		} // else another run was quicker
	}
	return folder, nil
}
