package fabric

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// One process at a time is in charge of a network's folder. The kernel ends that with the process at
// the latest; what the lock's file says is for others to read while it is held.

const lockName = "lock"

// takeFolder takes possession of the folder, which must exist. While another process is in charge it
// waits if Config.Waiting is set.
func takeFolder(ctx context.Context, config Config) (*Network, error) {
	lock := filepath.Join(config.Dir, lockName)
	for told := ""; ; {
		unlock, free, err := tryLockFile(lock)
		if err != nil {
			return nil, err
		}
		if free {
			// A failure leaves it unsaid who is in charge, no more.
			_ = os.WriteFile(lock, fmt.Appendf(nil, "process %d: %s %s", os.Getpid(), filepath.Base(os.Args[0]), strings.Join(os.Args[1:], " ")), 0o600)
			network := newNetwork(config)
			network.inCharge = true
			network.unlock = func() {
				_ = os.Truncate(lock, 0) // gone with the folder after clean
				unlock()
			}
			if !config.Detached {
				network.spawn = newSpawner()
			}
			return network, nil
		}
		holder := holderOf(lock)
		if config.Waiting == nil {
			return nil, fmt.Errorf("another process runs the network in %s: %s", config.Dir, holder)
		}
		if holder != told {
			config.Waiting(holder)
			told = holder
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waited for what is in charge of %s, %s: %w", config.Dir, holder, context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// holderOf is who is in charge, in words.
func holderOf(lock string) string {
	content, err := os.ReadFile(lock)
	if err != nil || len(content) == 0 { // it has only just taken or given up charge
		return "a process that does not say which"
	}
	return string(content)
}
