package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A relay stands in front of a node of the network, so that a test can cut a peer off
// while every process goes on, as any user on any Linux. In place of peer or orderer the
// launcher runs this test program, which listens on the node's address and has the real
// program listen elsewhere. Whoever dials is told by the process that holds the other
// end: a connection from one node to another counts as their link, and is closed while
// the file cutFile beside the nodes names either. Clients and chaincode are not nodes.
const (
	// relayedProgram names the real program in the environment of a relay.
	relayedProgram = "TRACELEDGER_TEST_RELAYED"
	// cutFile holds the name of the node that is cut off, "" when none is.
	cutFile = "cut"
)

// relayMain runs the node whose folder is the working directory, behind a relay.
func relayMain(program string) int {
	node, err := newRelay(program, os.Args[1:])
	if err == nil {
		err = node.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		return 1
	}
	return 0
}

type relay struct {
	nodes, name string // folder of all nodes; this one's name in it
	address     string // where the others expect it
	behind      string // where it listens
	cmd         *exec.Cmd

	mu    sync.Mutex
	links map[*link]bool
	cut   string // content of cutFile
}

// link is an open connection and the node that dialled it, "" for none.
type link struct {
	from      string
	conn, own net.Conn
}

var (
	peerAddress    = regexp.MustCompile(`(?m)^  listenAddress: (\S+)$`)
	ordererHost    = regexp.MustCompile(`(?m)^  ListenAddress: (\S+)$`)
	ordererPort    = regexp.MustCompile(`(?m)^  ListenPort: (\d+)$`)
	errNoListening = errors.New("the node's configuration does not say where it listens")
)

func newRelay(program string, args []string) (*relay, error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	r := &relay{links: map[*link]bool{}, cmd: exec.Command(program, args...)}
	root, name, ok := strings.Cut(folder, "/nodes/")
	if !ok {
		return nil, fmt.Errorf("%s is not the folder of a node", folder)
	}
	r.nodes, r.name = root+"/nodes", name
	if r.behind, ok = findFreeAddress(); !ok {
		return nil, errors.New("no port is free")
	}
	_, port, _ := net.SplitHostPort(r.behind)
	r.cmd.Env = append(os.Environ(), "CORE_PEER_LISTENADDRESS="+r.behind, "ORDERER_GENERAL_LISTENPORT="+port)
	if content, err := os.ReadFile("core.yaml"); err == nil {
		if found := peerAddress.FindSubmatch(content); found != nil {
			r.address = string(found[1])
		}
	}
	if content, err := os.ReadFile("orderer.yaml"); err == nil {
		host, port := ordererHost.FindSubmatch(content), ordererPort.FindSubmatch(content)
		if host != nil && port != nil {
			r.address = net.JoinHostPort(string(host[1]), string(port[1]))
			r.behind = net.JoinHostPort(string(host[1]), r.behind[strings.LastIndexByte(r.behind, ':')+1:])
		}
	}
	if r.address == "" {
		return nil, errNoListening
	}
	return r, nil
}

// run ends with the node, and the node with this process.
func (r *relay) run() error {
	r.cmd.Stdout, r.cmd.Stderr = os.Stdout, os.Stderr
	if err := r.cmd.Start(); err != nil {
		return err
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	go func() {
		<-told // the group has it too
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
	}()
	go r.keepCut()
	go r.listen()
	return r.cmd.Wait()
}

func (r *relay) listen() {
	// Not before the node does, or whoever started it would take it for ready.
	for {
		conn, err := net.DialTimeout("tcp", r.behind, time.Second)
		if err == nil {
			conn.Close()
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		_ = r.cmd.Process.Kill()
		return
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			continue
		}
		go r.pass(conn)
	}
}

func (r *relay) pass(conn net.Conn) {
	defer conn.Close()
	from, err := r.dialler(conn)
	if err != nil {
		return
	}
	own, err := net.Dial("tcp", r.behind)
	if err != nil {
		return
	}
	defer own.Close()
	l := &link{from, conn, own}
	if !r.open(l) {
		return
	}
	defer func() {
		r.mu.Lock()
		delete(r.links, l)
		r.mu.Unlock()
	}()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{conn, own}, {own, conn}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			done <- struct{}{}
		}()
	}
	<-done
}

// cuts tells whether the link from a node to this one is cut now; r.mu is held.
func (r *relay) cuts(from string) bool {
	return r.cut != "" && from != "" && (r.cut == from || r.cut == r.name)
}

// open notes a link, false when it is cut.
func (r *relay) open(l *link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cuts(l.from) {
		return false
	}
	r.links[l] = true
	return true
}

func (r *relay) keepCut() {
	for range time.Tick(50 * time.Millisecond) {
		content, err := os.ReadFile(filepath.Join(r.nodes, cutFile))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			continue
		}
		r.mu.Lock()
		r.cut = string(content)
		for l := range r.links {
			if r.cuts(l.from) {
				l.conn.Close()
				l.own.Close()
			}
		}
		r.mu.Unlock()
	}
}

// dialler is the node whose process holds the other end of a connection, "" if that is
// no node's.
func (r *relay) dialler(conn net.Conn) (string, error) {
	inode, err := inodeOf(conn.RemoteAddr().(*net.TCPAddr), conn.LocalAddr().(*net.TCPAddr))
	if err != nil {
		return "", err
	}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return "", err
	}
	socket := "socket:[" + inode + "]"
	for _, process := range processes {
		folder, err := os.Readlink(filepath.Join("/proc", process.Name(), "cwd"))
		if err != nil {
			continue // no process, another user's, or ended
		}
		name, inside := strings.CutPrefix(folder, r.nodes+"/")
		if !inside || strings.Contains(name, "/") && !strings.HasSuffix(name, "/peer") {
			continue
		}
		files := filepath.Join("/proc", process.Name(), "fd")
		entries, err := os.ReadDir(files)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if target, err := os.Readlink(filepath.Join(files, entry.Name())); err == nil && target == socket {
				return name, nil
			}
		}
	}
	return "", nil
}

// inodeOf finds a socket by its two ends in the kernel's table (proc_pid_net(5)).
func inodeOf(local, remote *net.TCPAddr) (string, error) {
	want := tableAddress(local) + " " + tableAddress(remote)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(table)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if len(fields) > 9 && fields[1]+" "+fields[2] == want {
				file.Close()
				return fields[9], nil
			}
		}
		file.Close()
	}
	return "", fmt.Errorf("no socket from %s to %s", local, remote)
}

// tableAddress is an IPv4 address as the table writes it, in the machine's byte order.
func tableAddress(a *net.TCPAddr) string {
	ip := a.IP.To4()
	reversed := []byte{ip[3], ip[2], ip[1], ip[0]}
	return strings.ToUpper(hex.EncodeToString(reversed)) + fmt.Sprintf(":%04X", a.Port)
}
