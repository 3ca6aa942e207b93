package fabric

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A process names one process for good: a number alone is given to another
// process some time after the first has ended, or after the machine has been
// started anew.
type process struct {
	PID     int    `json:"pid"`
	Started string `json:"started"` // in clock ticks since the boot
	Boot    string `json:"boot"`
}

// findProcess describes the living process with that number. One that has
// ended and that nobody has taken note of yet does not live.
func findProcess(pid int) (process, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	// pid (program) state …: the program's name may hold spaces and brackets.
	_, rest, ok := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(rest)
	const state, started = 0, 19 // fields 3 and 22 of proc_pid_stat(5)
	if !ok || len(fields) <= started || fields[state] == "X" || fields[state] == "Z" && !hasThreads(pid) {
		return process{}, false
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return process{}, false
	}
	return process{PID: pid, Started: fields[started], Boot: strings.TrimSpace(string(boot))}, true
}

// hasThreads tells whether threads of an ending process are left, which still
// hold its ports and files.
func hasThreads(pid int) bool {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return err == nil && len(threads) > 1
}

func (p process) alive() bool {
	found, ok := findProcess(p.PID)
	return ok && found == p
}

func (n *Node) pidFile() string { return filepath.Join(n.dir, "pid") }

// daemon is the process that the pid file names, if it lives, or else the stray one.
func (n *Node) daemon() (process, bool) {
	content, err := os.ReadFile(n.pidFile())
	var p process
	if err == nil && json.Unmarshal(content, &p) == nil && p.alive() {
		return p, true
	}
	return n.stray, n.stray.alive()
}

func (n *Node) writePIDFile(p process) error {
	content, err := json.Marshal(p)
	if err != nil {
		return err
	}
	temporary := n.pidFile() + ".new"
	if err := os.WriteFile(temporary, append(content, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, n.pidFile())
}

func (n *Node) removePIDFile() error {
	if err := os.Remove(n.pidFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// adoptStrays gives nodes without a pid file back the process that runs in
// their folder: a command may be killed between starting one and noting it. Only who is in charge notes
// it for others: who looks may see one that is being started, whose pid file the other command is writing.
func adoptStrays(nodes []*Node, inCharge bool) error {
	lost := map[string]*Node{}
	for _, node := range nodes {
		if _, ok := node.daemon(); !ok {
			lost[node.dir] = node
		}
	}
	if len(lost) == 0 {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		folder, err := os.Readlink(filepath.Join("/proc", entry.Name(), "cwd"))
		if err != nil {
			continue // ended meanwhile, or another user's
		}
		node, ok := lost[folder]
		if !ok {
			continue
		}
		program, err := os.Readlink(filepath.Join("/proc", entry.Name(), "exe"))
		if err != nil || filepath.Base(strings.TrimSuffix(program, " (deleted)")) != filepath.Base(node.program) {
			continue // somebody's shell
		}
		found, ok := findProcess(pid)
		switch {
		case !ok:
		case !inCharge:
			node.stray = found
		default:
			if err := node.writePIDFile(found); err != nil {
				return err
			}
		}
	}
	return nil
}
