//go:build soak

package fabric

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/stretchr/testify/require"
)

// TestSoakLaggingOrderers has an orderer fall behind under writers, hung for a while and
// left alone by the three others. Afterwards it gets level by itself, or status says that
// it stands still and up heals it. Whether it stands still is a race in SmartBFT, so the
// log tells what happened this time. In the end every peer has all that was acknowledged.
func TestSoakLaggingOrderers(t *testing.T) {
	ctx, network, w := startStore(t, Config{BatchInterval: 50 * time.Millisecond})
	node := nodeOf(t, network)

	t.Run("LeaderKilled", func(t *testing.T) {
		w.watch(t, network, 4*time.Second)
		w.longest(true)
		node("orderer1").Kill() // the first leader is the consenter with the lowest id
		w.watch(t, network, 12*time.Second)
		t.Logf("longest stall %.1f s", w.longest(true).Seconds())
		require.NoError(t, node("orderer1").Start(ctx))
		requireHealed(ctx, t, network)
	})
	t.Run("Hung", func(t *testing.T) {
		hung := node("orderer4").PID()
		require.NoError(t, syscall.Kill(hung, syscall.SIGSTOP))
		w.watch(t, network, 25*time.Second)
		require.NoError(t, syscall.Kill(hung, syscall.SIGCONT))
		w.watch(t, network, 20*time.Second)
		requireHealed(ctx, t, network)
	})
	t.Run("LeftAlone", func(t *testing.T) {
		others := []string{"orderer1", "orderer2", "orderer3"}
		for _, name := range others {
			node(name).Kill()
		}
		w.watch(t, network, 20*time.Second)
		var starting sync.WaitGroup
		for _, name := range others {
			starting.Go(func() { _ = node(name).Start(ctx) }) // what does not start is not level
		}
		starting.Wait()
		w.watch(t, network, 40*time.Second)
		requireHealed(ctx, t, network)
	})
	w.requireFound(t, network)
}

// requireHealed does what an operator would: status, and up.
func requireHealed(ctx context.Context, t *testing.T, network *Network) {
	t.Helper()
	for _, s := range network.Status(ctx) {
		if s.Problem != "" {
			t.Logf("status: %s: %s", s.Name, s.Problem)
		}
	}
	began, pids := time.Now(), map[string]int{}
	for _, node := range network.Nodes() {
		pids[node.Name()] = node.PID()
	}
	require.NoError(t, network.up(ctx))
	for _, node := range network.Nodes() {
		if pids[node.Name()] != node.PID() {
			t.Logf("up restarted %s", node.Name())
		}
	}
	t.Logf("level after %s", time.Since(began).Round(100*time.Millisecond))
	require.Eventually(t, func() bool {
		for _, s := range network.Status(ctx) {
			if s.Problem != "" {
				t.Logf("status: %s: %s", s.Name, s.Problem)
				return false
			}
		}
		return true
	}, time.Minute, time.Second)
}

// startStore has four writers at work on a new network, for ten minutes at most.
func startStore(t *testing.T, config Config) (context.Context, *Network, *storeWriters) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	var err error
	config.Dir, config.LogLevel = t.TempDir(), "error"
	config.Binaries, err = EnsureBinaries(ctx)
	require.NoError(t, err)
	network, err := Start(ctx, config)
	require.NoError(t, err)
	t.Cleanup(network.Stop)
	require.NoError(t, network.Deploy(ctx, Chaincode{Name: "store", Version: "1", Binary: buildChaincode(t, "")}))
	return ctx, network, startStoreWriters(ctx, t, network)
}

// nodeOf finds nodes by name.
func nodeOf(t *testing.T, network *Network) func(name string) *Node {
	return func(name string) *Node {
		n, err := network.Node(name)
		require.NoError(t, err)
		return n
	}
}

// storeWriters write through four organisations' gateways until the test ends.
type storeWriters struct {
	done    atomic.Int64
	began   time.Time
	stop    context.CancelFunc
	writing sync.WaitGroup

	mu           sync.Mutex
	last         time.Time
	most         time.Duration
	acknowledged []string // keys
}

func startStoreWriters(ctx context.Context, t *testing.T, network *Network) *storeWriters {
	ctx, stop := context.WithCancel(ctx)
	w := &storeWriters{began: time.Now(), last: time.Now(), stop: stop}
	t.Cleanup(func() { stop(); w.writing.Wait() })
	for i, msp := range []string{"ProducerMSP", "LabMSP", "CarrierMSP", "PlatformMSP"} {
		c := connect(t, network, msp, nil)
		w.writing.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("w%d-%d", i, n)
				one, cancel := context.WithTimeout(ctx, 20*time.Second)
				if c.write(one, key, "1") == nil {
					w.done.Add(1)
					w.longest(false)
					w.mu.Lock()
					w.acknowledged = append(w.acknowledged, key)
					w.mu.Unlock()
				}
				cancel()
			}
		})
	}
	return w
}

// longest is the longest time without an acknowledgement, counted anew after a reset.
func (w *storeWriters) longest(reset bool) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.most = max(w.most, now.Sub(w.last))
	most := w.most
	w.last = now
	if reset {
		w.most = 0
	}
	return most
}

// requireFound ends the writers and demands every acknowledged key of every peer.
func (w *storeWriters) requireFound(t *testing.T, network *Network) {
	t.Helper()
	w.stop()
	w.writing.Wait()
	require.NotEmpty(t, w.acknowledged)
	for _, msp := range Organisations {
		c := connect(t, network, msp, nil)
		for keys := range slices.Chunk(w.acknowledged, 500) {
			eventually(t, func() error { return c.has(msp, keys) }) // it may be a block behind
		}
	}
	t.Logf("acknowledged %d, each found on every peer", len(w.acknowledged))
}

// has asks an organisation's own peer for keys, in one call.
func (c storeClient) has(msp string, keys []string) error {
	var asked, got []step
	for _, key := range keys {
		asked = append(asked, step{Op: "get", Key: key})
	}
	argument, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	raw, err := c.contract.Evaluate("run", client.WithArguments(string(argument)), client.WithEndorsingOrganizations(msp))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		return err
	}
	if len(got) != len(keys) {
		return fmt.Errorf("%d answers to %d keys", len(got), len(keys))
	}
	for i, key := range keys {
		if got[i].Value != "1" {
			return fmt.Errorf("the peer of %s does not have %s", msp, key)
		}
	}
	return nil
}

// watch prints every two seconds what each node has.
func (w *storeWriters) watch(t *testing.T, network *Network, during time.Duration) {
	t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(2 * time.Second) {
		var b strings.Builder
		_, names := network.withBlocks()
		heights, _ := network.heightsOf(t.Context(), names) // 0 of those that are away
		for _, name := range names {
			fmt.Fprintf(&b, " %s=%d", strings.TrimSuffix(name, "MSP/peer"), heights[name])
		}
		t.Logf("%5.1f s, %d acknowledged:%s", time.Since(w.began).Seconds(), w.done.Load(), b.String())
	}
}
