package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"traceledger/network/fabric"
)

// Kinds of processes.
const (
	kindPeer      = "peer"
	kindOrderer   = "orderer"
	kindChaincode = "chaincode"
	kindGateway   = "gateway" // with its clients: this process
	kindScanner   = "scanner"
)

func kindOf(node *fabric.Node) string {
	switch name := node.Name(); {
	case strings.HasPrefix(name, "orderer"):
		return kindOrderer
	case strings.HasSuffix(name, "/peer"):
		return kindPeer
	}
	return kindChaincode
}

// processorTimes are what the processes have spent so far, by kind.
func (n *benchNet) processorTimes() (map[string]time.Duration, error) {
	own, err := processorTime(os.Getpid())
	times := map[string]time.Duration{kindGateway: own}
	for _, node := range n.network.Nodes() {
		spent, failed := processorTime(node.PID())
		err = errors.Join(err, failed)
		times[kindOf(node)] += spent
	}
	if n.scanner != nil {
		spent, failed := processorTime(n.scanner.cmd.Process.Pid)
		err = errors.Join(err, failed)
		times[kindScanner] = spent
	}
	return times, err
}

func spentBetween(before, after map[string]time.Duration) map[string]time.Duration {
	spent := map[string]time.Duration{}
	for kind := range after {
		spent[kind] = after[kind] - before[kind]
	}
	return spent
}

func totalOf(spent map[string]time.Duration) (sum time.Duration) {
	for _, of := range spent {
		sum += of
	}
	return sum
}

// shareOf is what one kind of process spent of all, in percent.
func shareOf(kind string, before, after map[string]time.Duration) float64 {
	spent := spentBetween(before, after)
	return 100 * float64(spent[kind]) / float64(totalOf(spent))
}

// How many lots and bare puts the network's disks are measured by; the figures are for
// perTenThousand of each.
const (
	loadLots       = 4_000
	loadPuts       = 1_000
	perTenThousand = 10_000
)

// benchNetLoad measures what registrations leave behind: on the disks of one node of each
// kind, against bare puts, and in the memory of all, against that before them. A scanner
// follows meanwhile.
func benchNetLoad(ctx context.Context, n *benchNet, _ int) ([]figure, error) {
	if _, err := n.startScanner(ctx); err != nil {
		return nil, err
	}
	memory, err := n.memory()
	if err != nil {
		return nil, err
	}
	cpu, err := n.processorTimes()
	if err != nil {
		return nil, err
	}
	lots, err := n.growth(loadLots, func() error {
		_, err := n.registerMany(ctx, benchClients, loadLots)
		return err
	})
	if err != nil {
		return nil, err
	}
	cpuAfter, err := n.processorTimes()
	if err != nil {
		return nil, err
	}
	memoryAfter, err := n.memory()
	if err != nil {
		return nil, err
	}
	puts, err := n.growth(loadPuts, func() error {
		_, err := many(ctx, benchClients, loadPuts, func(ctx context.Context) error { return n.putOne(ctx, putName) })
		return err
	})
	if err != nil {
		return nil, err
	}
	figures := []figure{
		{"net-scanner-cpu", shareOf(kindScanner, cpu, cpuAfter), "%", "gateway", shareOf(kindGateway, cpu, cpuAfter)},
	}
	for _, kind := range []string{kindPeer, kindOrderer} {
		figures = append(figures, figure{"net-disk-" + kind, lots[kind], "MB/10,000", "bare put", puts[kind]})
	}
	for _, kind := range []string{kindGateway, kindScanner} {
		figures = append(figures, figure{"net-disk-" + kind, lots[kind], "MB/10,000", "one peer", lots[kindPeer]})
	}
	for _, kind := range []string{kindPeer, kindOrderer, kindChaincode, kindGateway, kindScanner} {
		figures = append(figures, figure{"net-memory-" + kind, memoryAfter[kind], "MB", fmt.Sprintf("%d lots before", loadLots), memory[kind]})
	}
	return figures, nil
}

// growth is by how many MB the disk of one node of each kind grows by ten thousand of what
// do does a number of.
func (n *benchNet) growth(number int, do func() error) (map[string]float64, error) {
	before, err := n.disks()
	if err != nil {
		return nil, err
	}
	if err := do(); err != nil {
		return nil, err
	}
	after, err := n.disks()
	for kind := range after {
		after[kind] = (after[kind] - before[kind]) / float64(number) * perTenThousand
	}
	return after, err
}

// disks are the MB on the disk of one node of each kind, on average.
func (n *benchNet) disks() (map[string]float64, error) {
	return n.average(func(node *fabric.Node) (float64, error) {
		return diskMB(filepath.Dir(node.LogFile()))
	}, func() (float64, error) {
		return diskMB(filepath.Join(n.dir, "store"))
	}, func(s *scannerProcess) (float64, error) {
		return diskMB(s.data)
	})
}

// memory is the resident memory in MB of one node of each kind, on average.
func (n *benchNet) memory() (map[string]float64, error) {
	return n.average(func(node *fabric.Node) (float64, error) {
		return residentMB(node.PID())
	}, func() (float64, error) {
		return residentMB(os.Getpid())
	}, func(s *scannerProcess) (float64, error) {
		return residentMB(s.cmd.Process.Pid)
	})
}

func (n *benchNet) average(node func(*fabric.Node) (float64, error), gateway func() (float64, error), scanner func(*scannerProcess) (float64, error)) (map[string]float64, error) {
	all, number := map[string]float64{}, map[string]float64{}
	var err error
	add := func(kind string, value float64, failed error) {
		all[kind] += value
		number[kind]++
		err = errors.Join(err, failed)
	}
	for _, of := range n.network.Nodes() {
		if !strings.Contains(of.Name(), "/"+putName) {
			value, failed := node(of)
			add(kindOf(of), value, failed)
		}
	}
	value, failed := gateway()
	add(kindGateway, value, failed)
	value, failed = scanner(n.scanner)
	add(kindScanner, value, failed)
	for kind := range all {
		all[kind] /= number[kind]
	}
	return all, err
}
