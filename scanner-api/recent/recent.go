// Package recent keeps the values used most recently, up to a bound on their
// weight: rendered pages, pages of leaf files, open files.
//
// In go a key and a way to make its value; out comes the value, made once however
// many ask for it at the same time. It knows nothing of what it keeps and imports
// the standard library only.
package recent

import (
	"container/list"
	"errors"
	"sync"
)

// Cache is a bounded map. The zero value is not usable; see New. All methods are
// safe for concurrent use.
type Cache[K comparable, V any] struct {
	mu      sync.Mutex
	limit   int64
	weight  int64
	order   *list.List // front: most recently used
	entries map[K]*list.Element
	making  map[K]*flight[V]
	dropped func(V) // nil, or called without the lock for each value pushed out
}

type entry[K comparable, V any] struct {
	key    K
	value  V
	weight int64
}

type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// New makes a cache whose values together weigh at most limit. dropped, unless
// nil, is called with each value that is pushed out.
func New[K comparable, V any](limit int64, dropped func(V)) *Cache[K, V] {
	return &Cache[K, V]{
		limit: limit, order: list.New(), dropped: dropped,
		entries: make(map[K]*list.Element), making: make(map[K]*flight[V]),
	}
}

// Get returns the value kept under key.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[key]
	if !ok {
		var none V
		return none, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*entry[K, V]).value, true
}

// Load returns the value under key, calling produce for it when it is not kept. While
// one caller makes a value the others wait for it; an error is not kept. produce
// returns the value's weight too.
func (c *Cache[K, V]) Load(key K, produce func() (V, int64, error)) (V, error) {
	c.mu.Lock()
	if element, ok := c.entries[key]; ok {
		c.order.MoveToFront(element)
		value := element.Value.(*entry[K, V]).value
		c.mu.Unlock()
		return value, nil
	}
	if f, ok := c.making[key]; ok {
		c.mu.Unlock()
		<-f.done
		return f.value, f.err
	}
	f := &flight[V]{done: make(chan struct{}), err: errUnfinished}
	c.making[key] = f
	c.mu.Unlock()

	var weight int64
	// Deferred, so that a panic in produce releases those who wait.
	defer func() {
		c.mu.Lock()
		delete(c.making, key)
		var out []V
		if f.err == nil {
			out = c.put(key, f.value, weight)
		}
		c.mu.Unlock()
		close(f.done)
		c.drop(out)
	}()
	f.value, weight, f.err = produce()
	return f.value, f.err
}

var errUnfinished = errors.New("making the value did not end")

// put is called with the lock held and returns what it pushed out. A value heavier
// than the limit is kept until the next one comes.
func (c *Cache[K, V]) put(key K, value V, weight int64) (out []V) {
	c.entries[key] = c.order.PushFront(&entry[K, V]{key, value, weight})
	c.weight += weight
	for c.weight > c.limit && c.order.Len() > 1 {
		last := c.order.Remove(c.order.Back()).(*entry[K, V])
		delete(c.entries, last.key)
		c.weight -= last.weight
		out = append(out, last.value)
	}
	return out
}

// Forget drops the value under key, if it is kept.
func (c *Cache[K, V]) Forget(key K) {
	c.mu.Lock()
	element, ok := c.entries[key]
	if !ok {
		c.mu.Unlock()
		return
	}
	out := c.order.Remove(element).(*entry[K, V])
	delete(c.entries, key)
	c.weight -= out.weight
	c.mu.Unlock()
	c.drop([]V{out.value})
}

// Clear empties the cache.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	var out []V
	for element := c.order.Front(); element != nil; element = element.Next() {
		out = append(out, element.Value.(*entry[K, V]).value)
	}
	c.order.Init()
	clear(c.entries)
	c.weight = 0
	c.mu.Unlock()
	c.drop(out)
}

// Len tells how many values are kept.
func (c *Cache[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}

func (c *Cache[K, V]) drop(out []V) {
	if c.dropped == nil {
		return
	}
	for _, value := range out {
		c.dropped(value)
	}
}
