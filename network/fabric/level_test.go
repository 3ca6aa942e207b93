package fabric

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLag(t *testing.T) {
	began := time.Now()
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	const patience = 8 * time.Second
	l := newLag(map[string]uint64{"highest": 10, "still": 7, "catching-up": 3, "nearly": 9, "silent": 0}, began)
	require.Equal(t, []string{"catching-up", "nearly", "silent", "still"}, l.names())

	require.True(t, l.see("nearly", 12, at(1))) // that the others have more by now is no matter
	require.False(t, l.see("still", 7, at(5)))
	require.True(t, l.see("catching-up", 4, at(5)))
	require.Equal(t, []string{"catching-up", "silent", "still"}, l.names())
	require.False(t, l.still("still", patience, at(7)))
	require.True(t, l.still("still", patience, at(8)))
	require.False(t, l.still("catching-up", patience, at(8)), "it got a block at 5 s")
	require.True(t, l.still("catching-up", patience, at(13)))
	require.False(t, l.still("silent", patience, at(60)), "it has not told its height")
	require.False(t, l.still("nearly", patience, at(60)), "it is level")

	l.see("still", 0, at(9)) // does not answer
	require.True(t, l.still("still", patience, at(9)))
	l.restarted(at(9))
	require.False(t, l.still("still", patience, at(16)))
	require.False(t, l.still("catching-up", patience, at(16)), "it may have waited for the one that was restarted")
	l.see("still", 10, at(10))
	l.see("silent", 2, at(10))
	require.Equal(t, []string{"catching-up", "silent"}, l.names())
	require.True(t, l.still("silent", patience, at(18)))

	later := newLag(map[string]uint64{"one": 4, "other": 4, "slow": 2}, began)
	later.notice(map[string]uint64{"one": 9, "other": 5, "slow": 3, "silent": 0}, at(20))
	require.Equal(t, []string{"other", "slow"}, later.names())
	require.True(t, later.see("slow", 4, at(21)), "it has what there was when it was first looked at")
	require.True(t, later.see("other", 6, at(21)))
	require.Equal(t, []string{"other"}, later.names())
	require.False(t, later.still("other", patience, at(28)))
	require.True(t, later.still("other", patience, at(29)))

	require.Empty(t, newLag(map[string]uint64{"one": 4, "other": 4}, began).names())
}

func TestWhileMoving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ctx, moved, stop := whileMoving(parent, 5*time.Minute)
		defer stop()
		for range 10 {
			time.Sleep(4 * time.Minute)
			moved()
		}
		require.ErrorIs(t, parent.Err(), context.DeadlineExceeded)
		require.NoError(t, ctx.Err(), "something has moved all the time")
		time.Sleep(5*time.Minute + time.Second)
		require.ErrorContains(t, context.Cause(ctx), "nothing has moved for 5m0s")

		asked, cancel := context.WithCancel(t.Context())
		ctx, _, stop = whileMoving(asked, 5*time.Minute)
		defer stop()
		cancel()
		synctest.Wait()
		require.ErrorIs(t, ctx.Err(), context.Canceled, "who waits has been told to end")

		asked, cancel = context.WithCancel(t.Context())
		step, done := WithTimeout(asked, time.Minute)
		defer done()
		ctx, _, stop = whileMoving(step, 5*time.Minute)
		defer stop()
		time.Sleep(2 * time.Minute)
		require.ErrorIs(t, step.Err(), context.DeadlineExceeded)
		require.NoError(t, ctx.Err())
		cancel()
		synctest.Wait()
		require.ErrorIs(t, ctx.Err(), context.Canceled, "told after the step's deadline")
	})
}

// testOneBlockBehind starts an orderer that lacks a single block while nothing more is
// written. Left to itself it stays behind; another block has it ask the others.
func testOneBlockBehind(t *testing.T, network *Network) {
	const lagging = "orderer4"
	ctx := t.Context()
	require.NoError(t, network.AwaitLevel(ctx))
	node, err := network.Node(lagging)
	require.NoError(t, err)
	c := connect(t, network, "ProducerMSP", nil)
	before, err := network.heightOf(ctx, lagging)
	require.NoError(t, err)
	patience := network.stillFor
	network.stillFor = 15 * time.Second // beside other work it may take a while
	t.Cleanup(func() { network.stillFor = patience })
	for try := range 3 { // a machine that stands still so long has it restarted once, not each time
		node.Kill()
		eventually(t, func() error { return c.write(ctx, fmt.Sprint("one-block-", try), "1") })
		began := time.Now()
		require.NoError(t, node.Start(ctx))
		started := node.PID()
		require.NoError(t, network.awaitLevel(ctx))
		restarted := node.PID() != started
		t.Logf("level %s after the start, restarted %t", time.Since(began).Round(100*time.Millisecond), restarted)
		if !restarted {
			break
		}
		require.Less(t, try, 2, "it is restarted each time")
	}
	after, err := network.heightOf(ctx, lagging)
	require.NoError(t, err)
	require.GreaterOrEqual(t, after, before+1)
}

// testAwaitPeer holds up a peer while a block comes that it lacks then.
func testAwaitPeer(t *testing.T, network *Network) {
	ctx := t.Context()
	node, err := network.Node("LabMSP/peer")
	require.NoError(t, err)
	plan, err := network.plan.peer("LabMSP")
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(node.PID(), syscall.SIGSTOP))
	defer func() { _ = syscall.Kill(node.PID(), syscall.SIGCONT) }()
	eventually(t, func() error { return connect(t, network, "ProducerMSP", nil).write(ctx, "while-one-is-held-up", "1") })
	waiting, cancel := context.WithTimeout(ctx, 5*time.Second)
	require.ErrorContains(t, network.AwaitPeer(waiting, "LabMSP"), "LabMSP/peer does not tell its height")
	cancel()
	target, err := network.heightOf(ctx, "ProducerMSP/peer")
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(node.PID(), syscall.SIGCONT))
	eventually(t, func() error { return network.AwaitPeer(ctx, "LabMSP") })
	height, err := network.peerHeight(ctx, plan)
	require.NoError(t, err)
	require.GreaterOrEqual(t, height, target)
	require.ErrorContains(t, network.AwaitPeer(ctx, "NobodyMSP"), `no organisation "NobodyMSP"`)
}

// testStandsStill holds up the three others while an orderer lacks blocks, so that it
// cannot get them.
func testStandsStill(t *testing.T, network *Network) {
	const lagging = "orderer4"
	ctx := t.Context()
	before := network.stillFor
	network.stillFor = time.Second
	t.Cleanup(func() { network.stillFor = before })
	node, err := network.Node(lagging)
	require.NoError(t, err)
	c := connect(t, network, "ProducerMSP", nil)
	node.Kill()
	for i := range 3 {
		eventually(t, func() error { return c.write(ctx, fmt.Sprint("without-", lagging, i), "1") })
	}
	signalOthers := func(signal syscall.Signal) {
		for _, name := range []string{"orderer1", "orderer2", "orderer3"} {
			other, err := network.Node(name)
			require.NoError(t, err)
			require.NoError(t, syscall.Kill(other.PID(), signal))
		}
	}
	signalOthers(syscall.SIGSTOP)
	defer signalOthers(syscall.SIGCONT)
	require.NoError(t, node.Start(ctx))
	problem := func() string {
		for _, s := range network.Status(ctx) {
			if s.Name == lagging {
				return s.Problem
			}
		}
		return "not in the status"
	}
	eventually(t, func() error { // its endpoint opens a moment after its main listener
		_, err := network.heightOf(ctx, lagging)
		return err
	})
	eventually(t, func() error { // who is slow to tell its height has another problem
		if found := problem(); !strings.Contains(found, "stands still") {
			return fmt.Errorf("problem %q", found)
		}
		return nil
	})

	first := node.PID()
	level := make(chan error, 1)
	go func() { level <- network.awaitLevel(ctx) }()
	eventually(t, func() error {
		if pid := node.PID(); pid == first || pid == 0 {
			return fmt.Errorf("process %d, at first %d", pid, first)
		}
		return nil
	})
	signalOthers(syscall.SIGCONT)
	require.NoError(t, <-level)
	eventually(t, func() error {
		if found := problem(); found != "" {
			// A block was ordered without it meanwhile, and is the last: up heals that too.
			return errors.Join(fmt.Errorf("problem %q", found), network.AwaitLevel(ctx))
		}
		return nil
	})
	eventually(t, func() error { return c.write(ctx, "level-again", "1") })
}
