package fabric

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Node is one process of the network – an orderer, a peer or a chaincode –
// that can be stopped, killed and started again on its data and address.
type Node struct {
	title   string // guarded by mu: a chaincode's changes when it comes in
	address string // where it accepts connections when it is up
	metrics string // address of its health and metrics, "" for none
	program string
	args    []string
	env     []string
	dir     string   // working directory; holds the log
	spawn   *spawner // of a node that ends with this program; nil for a daemon
	stray   process  // what adoptStrays found for a command that is not in charge

	mu      sync.Mutex
	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process has been reaped
	exitErr error         // valid once exited is closed
}

// Name is "orderer1", "ProducerMSP/peer", "ProducerMSP/ca" or
// "ProducerMSP/<chaincode name>", with "/next" for a chaincode's new program
// while an upgrade is under way.
func (n *Node) Name() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.title
}

func (n *Node) rename(title string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.title = title
}

// Address is host:port of the node's main listener.
func (n *Node) Address() string { return n.address }

// LogFile is where the process writes. Starts append to it.
func (n *Node) LogFile() string { return filepath.Join(n.dir, "log") }

// Running tells whether the process is alive.
func (n *Node) Running() bool { return n.PID() != 0 }

// PID is the number of the living process, 0 when there is none.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pid()
}

func (n *Node) pid() int {
	if n.spawn == nil {
		if p, ok := n.daemon(); ok {
			return p.PID
		}
		return 0
	}
	if n.cmd == nil {
		return 0
	}
	select {
	case <-n.exited:
		return 0
	default:
		return n.cmd.Process.Pid
	}
}

// Start starts the process and returns when it accepts connections, or with
// the end of its log when it does not. A running node is left alone.
func (n *Node) Start(ctx context.Context) error {
	if err := n.launch(); err != nil {
		return err
	}
	return n.awaitListening(ctx)
}

// launch starts the process without waiting for it.
func (n *Node) launch() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pid() != 0 {
		return nil
	}
	// Otherwise whoever listens there would be taken for the node.
	if err := awaitUnused(n.address); err != nil {
		return fmt.Errorf("start %s: %w", n.title, err)
	}
	log, err := os.OpenFile(n.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own descriptor
	cmd := exec.Command(n.program, n.args...)
	cmd.Dir = n.dir
	cmd.Env = n.env
	cmd.Stdout, cmd.Stderr = log, log
	if n.spawn == nil {
		err = n.startDaemon(cmd)
	} else {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		err = n.spawn.start(cmd)
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", n.title, err)
	}
	exited := make(chan struct{})
	n.cmd, n.exited = cmd, exited
	go func() {
		err := cmd.Wait()
		n.mu.Lock()
		n.exitErr = err
		n.mu.Unlock()
		close(exited)
	}()
	return nil
}

// startDaemon starts the process in a session of its own, so that neither the
// end of this program nor a key pressed at its terminal concerns it.
func (n *Node) startDaemon(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	p, ok := findProcess(cmd.Process.Pid)
	if !ok {
		return nil // ended already; awaitListening tells why
	}
	return n.writePIDFile(p)
}

func (n *Node) awaitListening(ctx context.Context) error {
	n.mu.Lock()
	exited := n.exited // nil when another program started it
	n.mu.Unlock()
	return poll(ctx, 20*time.Millisecond, func() (bool, error) {
		select {
		case <-exited:
			return false, fatal(fmt.Errorf("%s ended while starting: %v; its log ends with:\n%s", n.Name(), n.exitError(), n.logTail()))
		default:
		}
		if err := reach(ctx, n.address); err != nil {
			return false, fmt.Errorf("%s does not listen on %s yet: %w", n.Name(), n.address, err)
		}
		return true, nil
	})
}

// reach is an error unless somebody listens. It greets as a TLS client, because nodes log an error for each
// who connects and does not; what comes of that is not asked here.
func reach(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}).HandshakeContext(ctx)
	return nil
}

func (n *Node) exitError() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.exitErr
}

// Stop asks the process to end and waits for it; after grace it is killed.
func (n *Node) Stop(grace time.Duration) {
	if !n.end(syscall.SIGTERM, grace) {
		n.Kill()
	}
}

// Kill ends the process at once, without letting it save anything, and returns
// when it is gone.
func (n *Node) Kill() { n.end(syscall.SIGKILL, -1) }

// end sends a signal and waits for the process to end, for as long as it takes
// when limit is negative.
func (n *Node) end(sig syscall.Signal, limit time.Duration) bool {
	n.mu.Lock()
	pid, exited := n.pid(), n.exited
	if pid != 0 {
		// The group, so that nothing the process started stays behind. That it
		// is gone already is no error.
		_ = syscall.Kill(-pid, sig)
	}
	n.mu.Unlock()
	var expired <-chan time.Time
	if limit >= 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	if n.spawn == nil {
		return n.awaitDaemonExit(expired)
	}
	if exited == nil {
		return true
	}
	select {
	case <-exited:
		return true
	case <-expired:
		return false
	}
}

// awaitDaemonExit looks again and again: only a parent is told.
func (n *Node) awaitDaemonExit(expired <-chan time.Time) bool {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for n.Running() {
		select {
		case <-expired:
			return false
		case <-ticker.C:
		}
	}
	_ = n.removePIDFile() // one that stays names a dead process
	return true
}

// logTail returns the last lines of the log, for messages.
func (n *Node) logTail() string {
	content, err := os.ReadFile(n.LogFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	if len(lines) > 40 {
		lines = lines[len(lines)-40:]
	}
	return strings.Join(lines, "\n")
}

// A spawner starts processes from one operating-system thread that lives as
// long as the network. The kernel sends a child its parent-death signal when
// the *thread* that forked it ends, so a thread of the Go scheduler's choosing
// would not do.
type spawner struct {
	requests chan spawnRequest
}

type spawnRequest struct {
	cmd    *exec.Cmd
	result chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest)}
	go func() {
		runtime.LockOSThread()
		for request := range s.requests {
			request.result <- request.cmd.Start()
		}
	}()
	return s
}

func (s *spawner) start(cmd *exec.Cmd) error {
	request := spawnRequest{cmd: cmd, result: make(chan error, 1)}
	s.requests <- request
	return <-request.result
}

// close ends the thread; what it started and still runs is killed by that.
func (s *spawner) close() { close(s.requests) }

// run executes one of the short-lived Fabric tools.
func run(ctx context.Context, env []string, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(program), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// output runs a program of Fabric and gives what it printed, without its log.
func output(ctx context.Context, env []string, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var printed, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &log
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(program), err, strings.TrimSpace(log.String()))
	}
	return printed.Bytes(), nil
}

// fatalError ends a poll at once.
type fatalError struct{ error }

func (f fatalError) Unwrap() error { return f.error }

func fatal(err error) error { return fatalError{err} }

// poll calls try until it says done, returns a fatal error or ctx ends; the
// last thing it complained of is then part of the error.
func poll(ctx context.Context, every time.Duration, try func() (done bool, err error)) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		done, err := try()
		if done {
			return nil
		}
		var stop fatalError
		if errors.As(err, &stop) {
			return stop.error
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}
