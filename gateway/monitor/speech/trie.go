package speech

import "slices"

// trie finds the words that begin at a place. It lies in a double array: a step is one
// look-up, a Chinese character being one symbol and not three bytes. State 0 is the root.
type trie struct {
	cells []cell
}

// cell is a state: its child by code c lies at base+c and names it as its parent.
type cell struct {
	base, parent int32  // parent -1: free
	word         int32  // the word that ends here, -1: none
	kind         uint16 // of that word; topBit: no other sounds as this one begins
	goes         uint16 // the lowest four bits of the codes by which words go on: spares a look at cells that are seldom in the cache
}

const topBit = 1 << 15

// step is the state after one more code, 0 if no word goes on so.
func (t *trie) step(state int32, code uint16) int32 {
	to := t.cells[state].base + int32(code)
	if t.cells[to].parent != state {
		return 0
	}
	return to
}

// newTrie takes words without duplicates, written in codes from 1 to codes; a word's
// number is its place.
func newTrie(words [][]uint16, codes int) *trie {
	order := make([]int32, len(words))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return slices.Compare(words[a], words[b]) })
	t := &trie{cells: make([]cell, 0, 4*len(words))}
	grow := func(n int) {
		for len(t.cells) < n {
			t.cells = append(t.cells, cell{parent: -1, word: -1})
		}
	}
	grow(codes + 1) // the root's children: base 0
	t.cells[0].parent = 0
	// A node is the words of order that share a beginning.
	type node struct{ state, low, high, depth int32 }
	queue := append(make([]node, 0, 4*len(words)), node{0, 0, int32(len(words)), 0})
	var children []node
	free := codes + 1
	for head := 0; head < len(queue); head++ {
		n := queue[head]
		if n.low < n.high && len(words[order[n.low]]) == int(n.depth) {
			t.cells[n.state].word = order[n.low]
			n.low++
		}
		children = children[:0]
		code := func(i int32) uint16 { return words[order[i]][n.depth] }
		for low := n.low; low < n.high; {
			high := low + 1
			for high < n.high && code(high) == code(low) {
				high++
			}
			children = append(children, node{int32(code(low)), low, high, n.depth + 1})
			low = high
		}
		if len(children) == 0 {
			continue
		}
		base, tried := 0, 0
		if n.state != 0 {
			for free < len(t.cells) && t.cells[free].parent >= 0 {
				free++
			}
			base = max(1, free-int(children[0].state))
		}
		for fits := false; !fits; base++ {
			// Holes that fit nobody are given up, or every state would try them again.
			if tried++; tried > 64 {
				free, tried = base+int(children[0].state), 0
			}
			grow(base + int(children[len(children)-1].state) + 1)
			fits = !slices.ContainsFunc(children, func(c node) bool { return t.cells[base+int(c.state)].parent >= 0 })
			if fits {
				break
			}
		}
		t.cells[n.state].base = int32(base)
		for _, c := range children {
			t.cells[n.state].goes |= 1 << (c.state & 15)
			c.state += int32(base)
			t.cells[c.state].parent = n.state
			queue = append(queue, c)
		}
	}
	grow(len(t.cells) + codes + 1) // no step leads past the end
	t.cells = slices.Clip(t.cells)
	return t
}

// A filter is a set of pairs or triples of codes, with some that are not in it: small
// enough to stay in the nearest cache, so that most places of an utterance are passed
// without a look into a trie.
type (
	filter      [1 << 16 / 64]uint64
	smallFilter [1 << 12 / 64]uint64
)

// joined are codes as one number.
func joined(a, b, c uint16) uint64 { return uint64(a)<<32 | uint64(b)<<16 | uint64(c) }

// spread mixes a number; its upper bits are the best.
func spread(n uint64) uint64 { return n * 0x9E3779B97F4A7C15 }

func (f *filter) add(a, b, c uint16) {
	h := spread(joined(a, b, c)) >> 48
	f[h>>6] |= 1 << (h & 63)
}

// has is 1 or 0, so that whoever counts need not branch.
func (f *filter) has(a, b, c uint16) int {
	h := spread(joined(a, b, c)) >> 48
	return int(f[h>>6] >> (h & 63) & 1)
}

func (f *smallFilter) add(b, c uint16) {
	h := spread(joined(0, b, c)) >> 52
	f[h>>6] |= 1 << (h & 63)
}

func (f *smallFilter) has(b, c uint16) int {
	h := spread(joined(0, b, c)) >> 52
	return int(f[h>>6] >> (h & 63) & 1)
}
