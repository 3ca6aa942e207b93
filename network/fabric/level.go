package fabric

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// stillFor is how long a node may lack blocks that others have, without getting one,
// before it counts as standing still. An orderer that missed a change of leader asks the
// others of itself once ViewChangeTimeout is over, 5 s; what takes longer has been seen
// only where it never came to an end.
const stillFor = 8 * time.Second

// noBlockFor is how long nodes that lack blocks are waited for while none of them gets one.
const noBlockFor = 10 * time.Minute

// lag follows the nodes that lack blocks which were there when they were first looked at.
type lag struct {
	target uint64 // blocks that any node had at the beginning
	behind map[string]standing
}

// standing is how many blocks a node has and since when, and how many it ought to have.
type standing struct {
	height uint64
	since  time.Time
	target uint64
}

// newLag takes the heights of nodes at a time. One that does not tell its own has 0.
func newLag(heights map[string]uint64, now time.Time) *lag {
	l := &lag{behind: map[string]standing{}}
	for _, height := range heights {
		l.target = max(l.target, height)
	}
	for name, height := range heights {
		if height < l.target {
			l.behind[name] = standing{height, now, l.target}
		}
	}
	return l
}

// notice follows those too that have fallen behind since. Who does not tell its height now is not
// waited for.
func (l *lag) notice(heights map[string]uint64, now time.Time) {
	for name, s := range newLag(heights, now).behind {
		if _, followed := l.behind[name]; !followed && s.height > 0 {
			l.behind[name] = s
		}
	}
}

// names are the nodes that are behind, in order.
func (l *lag) names() []string {
	var names []string
	for name := range l.behind {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// see takes note of a node's height at a later time, and tells whether it has moved.
func (l *lag) see(name string, height uint64, now time.Time) bool {
	was, behind := l.behind[name]
	switch {
	case !behind || height == 0 || height == was.height:
		return false
	case height >= was.target:
		delete(l.behind, name)
	default:
		l.behind[name] = standing{height, now, was.target}
	}
	return true
}

// still tells whether a node has told its height and not got a block for so long.
func (l *lag) still(name string, patience time.Duration, now time.Time) bool {
	s, behind := l.behind[name]
	return behind && s.height > 0 && now.Sub(s.since) >= patience
}

// forget has a node count no more.
func (l *lag) forget(name string) { delete(l.behind, name) }

// restarted gives every node its time anew: the others may have waited for this one.
func (l *lag) restarted(now time.Time) {
	for name, s := range l.behind {
		l.behind[name] = standing{s.height, now, s.target}
	}
}

// heightsOf asks nodes for their number of blocks: by name, 0 of what does not answer, with
// the reason of one of those.
func (n *Network) heightsOf(ctx context.Context, names []string) (map[string]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var mu sync.Mutex
	heights := map[string]uint64{}
	var silent error
	var group errgroup.Group
	for _, name := range names {
		group.Go(func() error {
			height, err := n.heightOf(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			heights[name] = height
			if err != nil {
				silent = fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	_ = group.Wait() // what went wrong is in silent
	return heights, silent
}

func (n *Network) heightOf(ctx context.Context, name string) (uint64, error) {
	planned := n.planned()
	for _, plan := range planned.Orderers {
		if plan.name() == name {
			var s NodeStatus
			err := n.askOrderer(ctx, plan, &s)
			return s.Height, err
		}
	}
	for _, plan := range planned.Peers {
		if plan.name() == name {
			return n.peerHeight(ctx, plan)
		}
	}
	return 0, fmt.Errorf("%s keeps no blocks", name)
}

// withBlocks are the names of the orderers and members' peers here whose administrators can ask
// them, orderers first.
func (n *Network) withBlocks() (orderers, all []string) {
	planned := n.planned()
	for _, plan := range planned.Orderers {
		if n.isHere(plan.name()) && n.administersOrderer(plan) {
			orderers = append(orderers, plan.name())
		}
	}
	all = slices.Clone(orderers)
	for _, plan := range n.inChannel() {
		if n.isHere(plan.name()) && n.administers(plan) {
			all = append(all, plan.name())
		}
	}
	return orderers, all
}

// AwaitLevel waits until every orderer and peer here has the blocks that others have, and
// restarts what stands still. What took longer than a node may stand still is looked at
// again: an orderer can stop meanwhile that was level before. Then it waits until the orderers
// order along again (awaitSigning). The context's deadline does not end it as long as blocks come.
func (n *Network) AwaitLevel(ctx context.Context) error {
	for {
		began := time.Now()
		if err := n.awaitLevel(ctx); err != nil {
			return err
		}
		if time.Since(began) < n.stillFor {
			return n.awaitSigning(ctx)
		}
		var stop func()
		ctx, stop = anew(ctx, noBlockFor) // of a step's end next to nothing may be left
		defer stop()
	}
}

// awaitLevel waits until every orderer and peer here has the blocks that the highest of
// them has now. One that has lost its data takes as long as the chain is. One that stands
// still is restarted, one at a time and orderers first: peers read from them. Each time
// it gets twice as long. Before the first restart something is ordered that changes nothing: an
// orderer that lacks a single block does not ask for it until another comes
// (docs/decisions/fabric-found-by-conformance.md). How long that takes depends on the chain, so not the context's
// deadline ends it, but that no node has got a block for noBlockFor.
func (n *Network) awaitLevel(ctx context.Context) error {
	orderers, all := n.withBlocks()
	heights, err := n.firstHeights(ctx, all)
	if err != nil {
		return err
	}
	ctx, moved, stop := whileMoving(ctx, noBlockFor)
	defer stop()
	l := newLag(heights, time.Now())
	for _, name := range l.names() {
		if l.target-heights[name] > 100 {
			n.logger.Warn("a node fetches the blocks that it lacks", "node", name, "has", heights[name], "of", l.target)
		}
	}
	patience, stirred, asked := map[string]time.Duration{}, false, time.Now()
	for _, name := range all {
		patience[name] = n.stillFor
	}
	return poll(ctx, 50*time.Millisecond, func() (bool, error) {
		if time.Since(asked) > n.stillFor {
			// The peer of an organisation that has left gets no blocks.
			_, _ = n.askMembers(ctx)
			n.askOrderers(ctx)
			// A peer without data may take long, and an orderer stop meanwhile: with another
			// one lost nothing would be ordered.
			later, _ := n.heightsOf(ctx, orderers)
			asked = time.Now()
			l.notice(later, asked)
		}
		for _, name := range l.names() {
			if n.isDeparted(name) {
				l.forget(name)
			}
		}
		names := l.names()
		if len(names) == 0 {
			return true, nil
		}
		heights, silent := n.heightsOf(ctx, names)
		now := time.Now()
		higher := false
		for name, height := range heights {
			higher = higher || l.behind[name].height == 0 && height > l.target
			if l.see(name, height, now) {
				moved()
			}
		}
		if higher { // who was silent at first has blocks that those who told may lack
			later, _ := n.heightsOf(ctx, all)
			l.notice(later, now)
		}
		for _, name := range all {
			ordererFirst := !slices.Contains(orderers, name) && slices.ContainsFunc(orderers, func(o string) bool { _, behind := l.behind[o]; return behind })
			if ordererFirst || !l.still(name, patience[name], now) {
				continue
			}
			if !stirred {
				stirred = true
				n.stir(ctx)
				l.restarted(time.Now())
				break
			}
			n.logger.Warn("a node stands still and is restarted", "node", name, "has", l.behind[name].height, "of", l.behind[name].target)
			node, err := n.Node(name)
			if err != nil {
				return false, fatal(err)
			}
			node.Stop(stopGrace)
			if err := node.Start(ctx); err != nil {
				return false, fatal(err)
			}
			patience[name] *= 2
			l.restarted(time.Now())
			break
		}
		var lacking []error
		for _, name := range l.names() {
			lacking = append(lacking, fmt.Errorf("%s has %d of %d blocks", name, l.behind[name].height, l.behind[name].target))
		}
		if len(lacking) == 0 {
			return true, nil
		}
		return false, errors.Join(errors.Join(lacking...), silent)
	})
}

// firstHeights are heightsOf once any of the nodes tells its own. A peer of an organisation which
// joined later knows nobody, its own administrator included, until it has read the block
// that brought it in: it is silent for a while. So are all, for a moment, on a machine that is
// short of time.
func (n *Network) firstHeights(ctx context.Context, names []string) (heights map[string]uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, noBlockFor)
	defer cancel()
	err = poll(ctx, 200*time.Millisecond, func() (bool, error) {
		var silent error
		heights, silent = n.heightsOf(ctx, names)
		return len(names) == 0 || newLag(heights, time.Now()).target > 0, silent
	})
	return heights, err
}

// AwaitPeer waits until a member's peer has the blocks that any node here has now. One that does
// not listen is not waited for.
func (n *Network) AwaitPeer(ctx context.Context, mspID string) error {
	planned := n.planned()
	plan, err := planned.peer(mspID)
	if err != nil {
		return err
	}
	_, all := n.withBlocks()
	var target uint64
	err = poll(ctx, 200*time.Millisecond, func() (bool, error) {
		heights, silent := n.heightsOf(ctx, all)
		if target = newLag(heights, time.Now()).target; heights[plan.name()] > 0 {
			return true, nil
		}
		silent = errors.Join(fmt.Errorf("%s does not tell its height", plan.name()), silent)
		if !slices.Contains(all, plan.name()) || reach(ctx, plan.Address()) != nil {
			return false, fatal(silent)
		}
		return false, silent
	})
	if err != nil {
		return err
	}
	return poll(ctx, 50*time.Millisecond, func() (bool, error) {
		height, err := n.peerHeight(ctx, plan)
		if err == nil && height < target {
			err = fmt.Errorf("%s has %d of %d blocks", plan.name(), height, target)
		}
		return err == nil, err
	})
}

// callerKey is of the context that WithTimeout was given.
type callerKey struct{}

// WithTimeout is context.WithTimeout for a step that may wait for blocks beyond its deadline
// (AwaitLevel): the end of ctx, which the step's own context no longer tells once its deadline
// has passed, still ends that.
func WithTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, callerKey{}, ctx), timeout)
}

// whileMoving is a context without the parent's deadline, which ends instead when moved has
// not been called for so long, or when the parent is cancelled, or what WithTimeout made it from.
func whileMoving(parent context.Context, patience time.Duration) (ctx context.Context, moved, stop func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	timer := time.AfterFunc(patience, func() { cancel(fmt.Errorf("nothing has moved for %s", patience)) })
	leave := []func() bool{timer.Stop, context.AfterFunc(parent, func() {
		if errors.Is(parent.Err(), context.Canceled) {
			cancel(context.Cause(parent))
		}
	})}
	if caller, ok := parent.Value(callerKey{}).(context.Context); ok {
		leave = append(leave, context.AfterFunc(caller, func() { cancel(context.Cause(caller)) }))
	}
	return ctx, func() { timer.Reset(patience) }, func() {
		for _, stop := range leave {
			stop()
		}
		cancel(nil)
	}
}

// timeOf is how long a step has at its beginning.
func timeOf(ctx context.Context) time.Duration {
	if deadline, ends := ctx.Deadline(); ends {
		return time.Until(deadline)
	}
	return noBlockFor
}

// anew gives as much time again to what comes after a wait for blocks, which may have outlasted the step's own.
func anew(ctx context.Context, given time.Duration) (context.Context, func()) {
	ctx, _, stop := whileMoving(ctx, given)
	return ctx, stop
}

// tellStill looks again at those of well nodes that are behind, until each has got a
// block or has stood still for stillFor, which becomes its problem.
func (n *Network) tellStill(ctx context.Context, statuses []NodeStatus) {
	heights := map[string]uint64{}
	for _, s := range statuses {
		if s.Joined && s.Problem == "" && !s.Left {
			heights[s.Name] = s.Height
		}
	}
	began := time.Now()
	l := newLag(heights, began)
	for len(l.behind) > 0 && time.Since(began) < n.stillFor && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
		later, _ := n.heightsOf(ctx, l.names()) // who does not answer any more has not moved
		for name, height := range later {
			if height > heights[name] {
				delete(l.behind, name)
			}
		}
	}
	for i, s := range statuses {
		if _, behind := l.behind[s.Name]; behind && ctx.Err() == nil {
			statuses[i].Problem = fmt.Sprintf("stands still, %d of %d blocks for %s: traceledger network up restarts it", s.Height, l.target, n.stillFor)
		}
	}
}
