package fabric

import (
	"context"
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
	name    string
	address string // where it accepts connections when it is up
	program string
	args    []string
	env     []string
	dir     string // working directory; holds the log
	spawn   *spawner

	mu      sync.Mutex
	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process has been reaped
	exitErr error         // valid once exited is closed
}

// Name is "orderer1", "ProducerMSP/peer" or "ProducerMSP/<chaincode name>".
func (n *Node) Name() string { return n.name }

// Address is host:port of the node's main listener.
func (n *Node) Address() string { return n.address }

// LogFile is where the process writes. Starts append to it.
func (n *Node) LogFile() string { return filepath.Join(n.dir, "log") }

// Running tells whether the process is alive.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.running()
}

func (n *Node) running() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.exited:
		return false
	default:
		return true
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
	if n.running() {
		return nil
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := n.spawn.start(cmd); err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
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

func (n *Node) awaitListening(ctx context.Context) error {
	n.mu.Lock()
	exited := n.exited
	n.mu.Unlock()
	return poll(ctx, 20*time.Millisecond, func() (bool, error) {
		select {
		case <-exited:
			return false, fatal(fmt.Errorf("%s ended while starting: %v; its log ends with:\n%s", n.name, n.exitError(), n.logTail()))
		default:
		}
		conn, err := net.DialTimeout("tcp", n.address, time.Second)
		if err != nil {
			return false, fmt.Errorf("%s does not listen on %s yet: %w", n.name, n.address, err)
		}
		conn.Close()
		return true, nil
	})
}

func (n *Node) exitError() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.exitErr
}

// Stop asks the process to end and waits for it; after grace it is killed.
func (n *Node) Stop(grace time.Duration) {
	n.signal(syscall.SIGTERM)
	if !n.awaitExit(grace) {
		n.Kill()
	}
}

// Kill ends the process at once, without letting it save anything, and returns
// when it is gone.
func (n *Node) Kill() {
	n.signal(syscall.SIGKILL)
	n.awaitExit(-1)
}

func (n *Node) signal(sig syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running() {
		// The group, so that nothing the process started stays behind. That it
		// is gone already is no error.
		_ = syscall.Kill(-n.cmd.Process.Pid, sig)
	}
}

// awaitExit waits for the process to end; forever when limit is negative.
func (n *Node) awaitExit(limit time.Duration) bool {
	n.mu.Lock()
	exited := n.exited
	n.mu.Unlock()
	if exited == nil {
		return true
	}
	var expired <-chan time.Time
	if limit >= 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-exited:
		return true
	case <-expired:
		return false
	}
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
			return fmt.Errorf("%w; last: %w", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}
