package speech

import "slices"

// hit is a word found in one of its roles: symbols [start, end), class, term, disguise.
// It is one number, by whose order hits are sorted: by place, longer ones first, then by
// what they are. Places of an utterance fit into 15 bits, numbers of classes into 10, of
// terms into 17, the disguises that are heard into two.
type hit uint64

const (
	hitStart = 49
	hitEnd   = 34 // counted from the last place down
	hitClass = 24
	hitTerm  = 4 // and one more: 0 is none

	lastPlace = 1<<15 - 1

	// What the numbers of hits and of candidates have room for. A lexicon of more is refused.
	maxClasses = 1 << 10
	maxNumbers = 1<<17 - 2
)

// hitAt is a hit of class 0 and without a term.
func hitAt(start, end int32, how Evasion) hit {
	return hit(start)<<hitStart | hit(lastPlace-end)<<hitEnd | hit(how&3)
}

// as is the hit in a role; term -1: none.
func (h hit) as(class uint16, term int32) hit {
	return h | hit(class)<<hitClass | hit(uint32(term+1))<<hitTerm
}

func (h hit) start() int32 { return int32(h >> hitStart) }
func (h hit) end() int32   { return lastPlace - int32(h>>hitEnd&lastPlace) }
func (h hit) class() int32 { return int32(h >> hitClass & (maxClasses - 1)) }
func (h hit) term() int32  { return int32(h>>hitTerm&(1<<20-1)) - 1 }
func (h hit) how() Evasion { return Evasion(h & 3) }

// expand makes hits of the words found, in the roles that can matter: those of the rules
// that fit, of terms, of the context.
func (c *Checker) expand(s *scratch) {
	l := c.lexicon
	var needed classes
	for _, r := range s.fitting {
		needed.join(&l.needs[r].classes)
	}
	number := needed.meets(&l.numbers)
	parted := s.stream.gaps >= gapComma
	n := 0
	loose := s.loose[:cap(s.loose)]
	for i := range s.found {
		o := &s.found[i]
		k := &l.kinds[o.kind]
		matters := uint64(k.always) | k.classes[0]&needed[0] | k.classes[1]&needed[1]
		counts := uint64(0)
		if number && k.counts {
			matters, counts = 1, 1
		}
		if matters == 0 || parted && s.stream.broken(o.at.start(), o.at.end()) {
			continue
		}
		for len(loose) < n+int(k.count) {
			loose = append(loose, make([]hit, 64)...)
		}
		for _, r := range l.roles[k.roles : k.roles+uint32(k.count)] {
			loose[n] = o.at.as(r.class, o.word|r.other)
			n += int((uint64(r.always) | counts | needed[r.bit>>6&1]>>(r.bit&63)&uint64(^r.bit>>7)) & 1)
		}
	}
	s.loose = loose[:n]
	if needed.has(l.bit[l.initials]) {
		s.initials(l)
	}
}

// numbers adds lengths of time and amounts: a numeral and a unit.
func (s *scratch) numbers(l *Lexicon) {
	if !s.present.meets(&l.numbers) {
		return
	}
	for _, h := range s.loose { // those that are added are none of these
		start := h.start()
		if h.class() != l.unit && h.class() != l.measure || start == 0 || !numeral(s.stream.text[start-1].symbol()) || s.stream.parted(start) {
			continue
		}
		for start--; start > 0 && numeral(s.stream.text[start-1].symbol()) && !s.stream.divided(start); {
			start--
		}
		class := l.time
		if h.class() == l.measure {
			class = l.amount
		}
		s.loose = append(s.loose, hitAt(start, h.end(), 0).as(uint16(class), -1))
	}
}

// divided says that a clause ends between two numerals: not in 1,000.
func (s *stream) divided(i int32) bool {
	return s.parted(i) && !(digit(s.text[i-1].symbol()) && digit(s.text[i].symbol()))
}

func numeral(c uint16) bool {
	if digit(c) {
		return true
	}
	switch rune(c) {
	case '零', '一', '二', '两', '三', '四', '五', '六', '七', '八', '九', '十', '百', '千', '万', '半', '几', '俩', '仨', '数':
		return true
	}
	return false
}

// sort puts the hits in order. They are counted by place, for to compare them would be to
// branch where nothing can be foreseen. At one place shorter words are found first, and
// roles are kept with the highest class first, so that each place's from the last to the
// first are in order, but for words found by sound.
func (s *scratch) sort() {
	tops := slices.Grow(s.tops[:0], len(s.stream.text)+1)[:len(s.stream.text)+1]
	clear(tops)
	for _, h := range s.loose {
		tops[h.start()]++
	}
	top := int32(0)
	for i, n := range tops {
		top += n
		tops[i] = top
	}
	hits := slices.Grow(s.hits[:0], len(s.loose))[:len(s.loose)]
	for _, h := range s.loose {
		at := &tops[h.start()]
		*at--
		hits[*at] = h
	}
	for i := 1; i < len(hits); i++ {
		h, j := hits[i], i
		for ; j > 0 && hits[j-1] > h; j-- {
			hits[j] = hits[j-1]
		}
		hits[j] = h
	}
	s.tops, s.hits = tops, hits
}

// shadow removes hits of context words that lie inside a longer plain word or context
// word ("不是" in "不是吹"), and hits of every kind inside a plain word that is not
// shorter.
func (s *scratch) shadow() {
	longest, start, end := hit(0), int32(0), int32(-1)
	n := 0
	for _, h := range s.hits {
		class := h.class()
		if class <= classShield && h.end() > end {
			longest, start, end = h, h.start(), h.end()
		}
		plain := longest.class() == classPlain
		covered := end >= h.end() && start <= h.start() && (start != h.start() || end != h.end() || plain)
		if covered && (class <= classShield && h != longest || plain && class > classShield) {
			continue
		}
		s.hits[n] = h
		n++
	}
	s.hits = s.hits[:n]
}

// chain makes lists of the hits of each class, in their order, and notes the classes of
// the context among them. They hold until unchain.
func (s *scratch) chain(l *Lexicon) {
	if len(s.head) < len(l.bit) {
		s.head = slices.Repeat([]int32{-1}, len(l.bit))
	}
	s.next = slices.Grow(s.next[:0], len(s.hits))[:len(s.hits)]
	next, there := s.next, uint64(0)
	for i := len(s.hits) - 1; i >= 0; i-- {
		class := s.hits[i].class()
		first := &s.head[class]
		next[i], *first = *first, int32(i)
		there |= 1 << class
	}
	s.about = context{s: s, rules: l.needs, market: l.market, there: uint32(there & (1<<(classShield+1) - 1))}
}

func (s *scratch) unchain() {
	for _, h := range s.hits {
		s.head[h.class()] = -1
	}
	s.hits, s.about.there = s.hits[:0], 0
}
