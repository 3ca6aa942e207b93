package segment

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// queue holds the segments to send: those that may go now by age, and those that failed
// until their pause is over, so that one device's trouble holds up no other's.
type queue struct {
	mu      sync.Mutex
	ready   cutHeap
	delayed delayHeap
	wake    chan struct{} // of capacity 1: something changed
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

func (q *queue) add(cut ...*cutSegment) {
	if len(cut) == 0 {
		return
	}
	q.mu.Lock()
	for _, c := range cut {
		heap.Push(&q.ready, c)
	}
	q.mu.Unlock()
	q.signal()
}

func (q *queue) delay(c *cutSegment, until time.Time) {
	q.mu.Lock()
	heap.Push(&q.delayed, delayed{c, until})
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for the oldest segment that may go; nil when ctx ended.
func (q *queue) take(ctx context.Context) *cutSegment {
	for {
		c, wait := q.next(time.Now())
		if c != nil {
			return c
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-q.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (q *queue) next(now time.Time) (*cutSegment, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.delayed) > 0 && !q.delayed[0].until.After(now) {
		heap.Push(&q.ready, heap.Pop(&q.delayed).(delayed).cut)
	}
	if len(q.ready) > 0 {
		c := heap.Pop(&q.ready).(*cutSegment)
		if len(q.ready) > 0 {
			q.signal() // the next one's turn
		}
		return c, 0
	}
	if len(q.delayed) > 0 {
		return nil, q.delayed[0].until.Sub(now)
	}
	return nil, time.Hour
}

// oldest is when the oldest segment of the queue was cut; zero when it is empty.
func (q *queue) oldest() (at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	see := func(c *cutSegment) {
		if made := c.made.UTC(); at.IsZero() || made.Before(at) {
			at = made
		}
	}
	if len(q.ready) > 0 {
		see(q.ready[0])
	}
	for _, d := range q.delayed {
		see(d.cut)
	}
	return at
}

type cutHeap []*cutSegment

func (h cutHeap) Len() int           { return len(h) }
func (h cutHeap) Less(i, j int) bool { return h[i].cut < h[j].cut }
func (h cutHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *cutHeap) Push(x any)        { *h = append(*h, x.(*cutSegment)) }
func (h *cutHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}

type delayed struct {
	cut   *cutSegment
	until time.Time
}

type delayHeap []delayed

func (h delayHeap) Len() int           { return len(h) }
func (h delayHeap) Less(i, j int) bool { return h[i].until.Before(h[j].until) }
func (h delayHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *delayHeap) Push(x any)        { *h = append(*h, x.(delayed)) }
func (h *delayHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
