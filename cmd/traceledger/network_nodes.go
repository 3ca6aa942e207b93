package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"traceledger/network/fabric"
)

// networkStatus prints how every node is.
func networkStatus(ctx context.Context, c networkCall) error {
	network, err := fabric.View(ctx, c.fabric())
	if err != nil {
		return err
	}
	defer network.Detach()
	nodes := network.Status(ctx)
	var ill []string
	for _, n := range nodes {
		if n.Problem != "" {
			ill = append(ill, n.Name)
		}
	}
	if c.flags.json {
		content, err := json.MarshalIndent(nodes, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%s\n", content)
	} else if err := printStatus(c.out, nodes); err != nil {
		return err
	}
	if len(ill) > 0 {
		return fmt.Errorf("%d of %d nodes are not well: %s", len(ill), len(nodes), strings.Join(ill, ", "))
	}
	return nil
}

func printStatus(out io.Writer, nodes []fabric.NodeStatus) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tSTATE\tPID\tADDRESS\tHEIGHT\tCHANNEL\tCHAINCODE\tPROBLEM")
	for _, n := range nodes {
		state, pid, height, joined := "up", fmt.Sprint(n.PID), "-", "-"
		if n.PID == 0 {
			state, pid = "down", "-"
		}
		switch {
		case n.Left:
			joined = "left" // its organisation
		case n.Joined && n.Signs:
			height, joined = fmt.Sprint(n.Height), "joined, signs"
		case n.Joined:
			height, joined = fmt.Sprint(n.Height), "joined"
		}
		chaincode := n.Chaincode
		if chaincode == "" {
			chaincode = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.Name, state, pid, n.Address, height, joined, chaincode, n.Problem)
	}
	return table.Flush()
}

func networkStop(ctx context.Context, c networkCall) error {
	return c.withNode(ctx, func(_ *fabric.Network, node *fabric.Node) error {
		node.Stop(10 * time.Second)
		return nil
	})
}

func networkKill(ctx context.Context, c networkCall) error {
	return c.withNode(ctx, func(_ *fabric.Network, node *fabric.Node) error {
		node.Kill()
		return nil
	})
}

func networkStart(ctx context.Context, c networkCall) error {
	return c.withNode(ctx, func(network *fabric.Network, node *fabric.Node) error {
		// Who was in charge before may have taken nearly as long.
		starting, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
		defer cancel()
		return network.StartNode(starting, node.Name())
	})
}

// withNode takes charge of the network for an action on one node.
func (c *networkCall) withNode(ctx context.Context, action func(*fabric.Network, *fabric.Node) error) error {
	network, err := c.openPatiently(ctx)
	if err != nil {
		return err
	}
	defer network.Detach()
	node, err := network.Node(c.args[0])
	if err != nil {
		return err
	}
	return action(network, node)
}

// openPatiently takes charge of the network once nobody else is.
func (c *networkCall) openPatiently(ctx context.Context) (*fabric.Network, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	return fabric.Open(ctx, c.patient())
}

func networkDown(ctx context.Context, c networkCall) error {
	network, err := c.openPatiently(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := network.Down(); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "down in %s: no process and no listener is left\n", time.Since(began).Round(100*time.Millisecond))
	return nil
}

// networkClean removes the folder of a network that is down, ledgers and keys included.
func networkClean(ctx context.Context, c networkCall) error {
	network, err := fabric.Open(ctx, c.fabric())
	if err != nil {
		return err
	}
	defer network.Detach()
	if running := network.RunningNodes(); len(running) > 0 {
		return fmt.Errorf("%s is running (%s): traceledger network down first", c.cfg.Dir, strings.Join(running, ", "))
	}
	if !c.flags.yes {
		fmt.Fprintf(c.out, "remove %s with its ledgers and every organisation's keys? yes/no: ", c.cfg.Dir)
		answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if strings.TrimSpace(answer) != "yes" {
			return errors.New("nothing removed; -yes answers beforehand")
		}
	}
	return network.Clean()
}

// networkPorts prints the ports that a new network gets by the configuration.
func networkPorts(_ context.Context, c networkCall) error {
	planned, err := c.fabric().Ports.Planned()
	if err != nil {
		return err
	}
	for _, name := range fabric.PortNames() {
		port := "free "
		if number, ok := planned[name]; ok {
			port = strconv.Itoa(number)
		}
		fmt.Fprintf(c.out, "%s  %s\n", port, name)
	}
	return nil
}

// networkLogs prints the end of logs, and with -f what is added to them.
func networkLogs(ctx context.Context, c networkCall) error {
	network, err := fabric.View(ctx, c.fabric())
	if err != nil {
		return err
	}
	defer network.Detach()
	nodes := network.Nodes()
	if len(c.args) > 0 {
		node, err := network.Node(c.args[0])
		if err != nil {
			return err
		}
		nodes = []*fabric.Node{node}
	}
	read := make([]int64, len(nodes)) // bytes of each log that have been printed
	for i, node := range nodes {
		content, err := os.ReadFile(node.LogFile())
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		complete := content[:bytes.LastIndexByte(content, '\n')+1]
		read[i] = int64(len(complete))
		c.printLog(node.Name(), lastLines(complete, c.flags.lines), len(nodes) > 1)
	}
	if !c.flags.follow {
		return nil
	}
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for i, node := range nodes {
			added, err := readFrom(node.LogFile(), read[i])
			if err != nil {
				return err
			}
			complete := added[:bytes.LastIndexByte(added, '\n')+1]
			read[i] += int64(len(complete))
			c.printLog(node.Name(), complete, len(nodes) > 1)
		}
	}
}

func (c *networkCall) printLog(name string, content []byte, several bool) {
	for line := range bytes.Lines(content) {
		if several {
			fmt.Fprintf(c.out, "%s: ", name)
		}
		c.out.Write(line) // standard output; who closes it wants no more
	}
}

func lastLines(content []byte, count int) []byte {
	at := len(content)
	for range count + 1 {
		at = bytes.LastIndexByte(content[:at], '\n')
		if at < 0 {
			return content
		}
	}
	return content[at+1:]
}

func readFrom(path string, offset int64) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(file, 4<<20))
}
