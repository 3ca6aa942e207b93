package speech

import "slices"

// automaton finds every word of a set in one pass (Aho and Corasick, 1975). Its
// transitions lie in a double array: one table look-up a symbol, a Chinese character
// being one symbol and not three bytes.
type automaton struct {
	code  []uint16 // symbol to dense code, 0: in no word
	base  []int32
	check []int32 // the state a cell belongs to, -1: free
	fail  []int32
	first []int32 // by state: the word that ends here, -1: none
	next  []int32 // by state: nearest state on the chain of failures where a word ends, 0: none
	size  []int32 // by word: its symbols
}

// newAutomaton takes words without duplicates; a word's number is its place.
func newAutomaton(words [][]uint16) *automaton {
	a := &automaton{code: make([]uint16, 1<<16), size: make([]int32, len(words))}
	codes := uint16(0)
	type node struct {
		next  map[uint16]int32
		word  int32
		state int32
	}
	nodes := []node{{next: map[uint16]int32{}, word: -1}}
	for i, w := range words {
		a.size[i] = int32(len(w))
		at := int32(0)
		for _, s := range w {
			if a.code[s] == 0 {
				codes++
				a.code[s] = codes
			}
			c := a.code[s]
			to, ok := nodes[at].next[c]
			if !ok {
				to = int32(len(nodes))
				nodes = append(nodes, node{next: map[uint16]int32{}, word: -1})
				nodes[at].next[c] = to
			}
			at = to
		}
		nodes[at].word = int32(i)
	}
	grow := func(n int) {
		for len(a.check) < n {
			a.base, a.check, a.fail = append(a.base, 0), append(a.check, -1), append(a.fail, 0)
			a.first, a.next = append(a.first, -1), append(a.next, 0)
		}
	}
	grow(1)
	a.check[0] = 0
	free := 1
	queue := []int32{0}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		children := make([]uint16, 0, len(nodes[n].next))
		for c := range nodes[n].next {
			children = append(children, c)
		}
		slices.Sort(children)
		state := nodes[n].state
		a.first[state] = nodes[n].word
		if len(children) == 0 {
			a.base[state] = 0
			continue
		}
		for free < len(a.check) && a.check[free] >= 0 {
			free++
		}
		base, tried := max(1, free-int(children[0])), 0
		for ; ; base++ {
			// Holes that fit nobody are given up, or every state would try them again.
			if tried++; tried > 64 {
				free = base + int(children[0])
				tried = 0
			}
			grow(base + int(children[len(children)-1]) + 1)
			fits := true
			for _, c := range children {
				if a.check[base+int(c)] >= 0 {
					fits = false
					break
				}
			}
			if fits {
				break
			}
		}
		a.base[state] = int32(base)
		for _, c := range children {
			to := int32(base + int(c))
			a.check[to] = state
			child := nodes[n].next[c]
			nodes[child].state = to
			queue = append(queue, child)
			if n != 0 {
				a.fail[to] = a.step(a.fail[state], c)
			}
		}
	}
	// Breadth first again: a failure always leads to a shallower state.
	queue = []int32{0}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		s := nodes[n].state
		if s != 0 {
			if f := a.fail[s]; a.first[f] >= 0 {
				a.next[s] = f
			} else {
				a.next[s] = a.next[f]
			}
		}
		for _, child := range nodes[n].next {
			queue = append(queue, child)
		}
	}
	// A cell beyond every base and code is never asked for past the end.
	grow(len(a.check) + int(codes) + 1)
	return a
}

// step goes on from a state by a code, over failures if it must.
func (a *automaton) step(state int32, c uint16) int32 {
	for {
		if b := a.base[state]; b != 0 {
			if to := b + int32(c); a.check[to] == state {
				return to
			}
		}
		if state == 0 {
			return 0
		}
		state = a.fail[state]
	}
}

// occurrence is a word found: symbols [start, end).
type occurrence struct{ word, start, end int32 }

// find appends all occurrences, by their end.
func (a *automaton) find(text []uint16, to []occurrence) []occurrence {
	state := int32(0)
	for i, s := range text {
		c := a.code[s]
		if c == 0 {
			state = 0
			continue
		}
		state = a.step(state, c)
		if at := state; at != 0 {
			if a.first[at] < 0 {
				at = a.next[at]
			}
			for ; at != 0; at = a.next[at] {
				w := a.first[at]
				to = append(to, occurrence{w, int32(i+1) - a.size[w], int32(i + 1)})
			}
		}
	}
	return to
}
