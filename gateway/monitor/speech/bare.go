package speech

// BareMatcher counts the lexicon's words in texts as they are written: an automaton on
// characters after Aho and Corasick (1975) and nothing else, no folding, sounds, rules
// or context. It exists to be measured against.
type BareMatcher struct {
	known []known // by character below 1<<16
	nodes []node
}

// node is a state: a cell of the trie, and what the automaton adds to it.
type node struct {
	base, parent int32
	fail         int32 // the longest state that ends as this one does
	end          int32 // this state or the nearest over failures where a word ends, 0: none
}

// NewBareMatcher makes the automaton of all words of the lexicon.
func NewBareMatcher(l *Lexicon) *BareMatcher {
	b := &BareMatcher{known: l.folder.known, nodes: make([]node, len(l.words.cells))}
	for i, c := range l.words.cells {
		b.nodes[i] = node{base: c.base, parent: c.parent}
	}
	// Breadth first: a failure always leads to a shallower state.
	words := len(l.kind)
	reached := make([]int32, words)
	for depth, some := 0, true; some; depth++ {
		some = false
		for w := range reached {
			letters := l.written.of(int32(w))
			if len(letters) <= depth {
				continue
			}
			some = true
			from, c := reached[w], l.folder.known[letters[depth]].code
			to := l.words.step(from, c)
			n := &b.nodes[to]
			if depth > 0 {
				n.fail = b.step(b.nodes[from].fail, c)
			}
			if n.end = to; l.words.cells[to].word < 0 {
				n.end = b.nodes[n.fail].end
			}
			reached[w] = to
		}
	}
	return b
}

// step goes on from a state by a code, over failures if it must.
func (b *BareMatcher) step(state int32, code uint16) int32 {
	for {
		n := &b.nodes[state]
		if to := n.base + int32(code); b.nodes[to].parent == state {
			return to
		}
		if state == 0 {
			return 0
		}
		state = n.fail
	}
}

// Match counts the places of a text where words end.
func (b *BareMatcher) Match(text string) int {
	found, state := 0, int32(0)
	for _, r := range text {
		code := uint16(0)
		if int(r) < len(b.known) {
			code = b.known[r].code
		}
		if code == 0 {
			state = 0
			continue
		}
		state = b.step(state, code)
		for at := b.nodes[state].end; at != 0; at = b.nodes[b.nodes[at].fail].end {
			found++
		}
	}
	return found
}
