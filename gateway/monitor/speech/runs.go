package speech

import "slices"

// runs are the words that may be found by sound with other characters, together where
// their sounds begin alike. A look-up costs one step into the slots and one into the
// words.
type runs struct {
	slots []slot // open addressing, a power of two
	items []uint16
}

// slot says where a run begins; key 0: free.
type slot struct {
	key uint64
	at  int32
}

// of is where in items the run is of the words whose sounds begin with three syllables, or whose sounds
// are two, a being 0; -1: there is none. A word is its length, the characters
// that may be others, its number in two parts, and its symbols and syllables in turns;
// length 0 ends the run.
func (r *runs) of(a, b, c uint16) int32 {
	k := joined(a, b, c)
	for i := spread(k) >> 32; ; i++ {
		s := &r.slots[i&uint64(len(r.slots)-1)]
		if s.key == k {
			return s.at
		}
		if s.key == 0 {
			return -1
		}
	}
}

// voiced is a word that may be found by sound.
type voiced struct {
	word            int32
	changes         int
	symbols, sounds []uint16
}

// runBuilder gathers words by their first syllables.
type runBuilder struct {
	index map[uint64]int
	keys  []uint64
	words [][]voiced
}

func (b *runBuilder) add(key uint64, w voiced) {
	at, ok := b.index[key]
	if !ok {
		if b.index == nil {
			b.index = map[uint64]int{}
		}
		at = len(b.keys)
		b.index[key] = at
		b.keys, b.words = append(b.keys, key), append(b.words, nil)
	}
	b.words[at] = append(b.words[at], w)
}

// single says of each word whether no other begins with its sounds.
func (b *runBuilder) single(words int) []bool {
	single := make([]bool, words)
	for _, run := range b.words {
		single[run[0].word] = len(run) == 1 && len(run[0].symbols) > 2
	}
	return single
}

func (b *runBuilder) runs() runs {
	size := 4
	for size < 2*len(b.keys) {
		size *= 2
	}
	r := runs{slots: make([]slot, size)}
	for at, key := range b.keys {
		i := spread(key) >> 32
		for r.slots[i&uint64(size-1)].key != 0 {
			i++
		}
		r.slots[i&uint64(size-1)] = slot{key, int32(len(r.items))}
		for _, w := range b.words[at] {
			r.items = append(r.items, uint16(len(w.symbols)), uint16(w.changes), uint16(w.word), uint16(w.word>>16))
			for i := range w.symbols {
				r.items = append(r.items, w.symbols[i], w.sounds[i])
			}
		}
		r.items = append(r.items, 0)
	}
	r.items = slices.Clip(r.items)
	return r
}
