package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What /proc and the file system say of processes that are measured.

// processorTime is what a process has spent in its own code and in the kernel's.
func processorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// After the program's name, in brackets, come the fields from the third on; utime is
	// the 14th, stime the 15th, in ticks of a hundredth of a second (proc_pid_stat(5)).
	const third, utime, stime = 3, 14, 15
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var ticks int64
	for _, field := range []int{utime, stime} {
		if len(fields) <= field-third {
			return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields)+third-1)
		}
		n, err := strconv.ParseInt(string(fields[field-third]), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// residentMB is a process's resident memory, in MB of 1,024² bytes.
func residentMB(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(status), "VmRSS:")
	if !found {
		return 0, errors.New("no VmRSS in the process status")
	}
	kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kilobytes / 1024, err
}

// diskMB is what the files of a folder take on the disk, in MB of 1,024² bytes, without
// what is reserved behind their ends.
func diskMB(dir string) (float64, error) {
	var taken int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				taken += min(info.Size(), info.Sys().(*syscall.Stat_t).Blocks*512)
			}
		}
		if errors.Is(err, fs.ErrNotExist) { // databases drop files at any time
			return nil
		}
		return err
	})
	return float64(taken) / (1 << 20), err
}
