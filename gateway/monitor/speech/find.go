package speech

import "slices"

// occurrence is a word found.
type occurrence struct {
	at   hit // without class and term
	word int32
	kind uint16
}

// note takes down a word. It is written field by field: a whole that is put together
// elsewhere would be read back wider than it was written, and waited for.
func (s *scratch) note(start, end, word int32, kind uint16, how Evasion) {
	o := another(&s.found)
	o.at, o.word, o.kind = hitAt(start, end, how), word, kind
}

// gather notes what the words found may be.
func (s *scratch) gather(l *Lexicon) {
	present := s.present
	for i := range s.found {
		o := &s.found[i]
		k := &l.kinds[o.kind]
		present.join(&k.classes)
		s.claims = s.claims || k.claims
		if start := o.at.start(); k.counts && start > 0 && numeral(s.stream.text[start-1].symbol()) {
			present.join(&l.numbers)
		}
	}
	s.present = present
}

// another makes a list longer by one item, which is what it was before.
func another[T any](list *[]T) *T {
	n := len(*list)
	if n == cap(*list) {
		*list = slices.Grow(*list, 1)
	}
	*list = (*list)[:n+1]
	return &(*list)[n]
}

// places are where words of each sort may be: noted without a branch, for no branch of an
// utterance can be foreseen.
type places struct {
	alone, pairs, twos, triples []int32
	looked                      []int32 // what was looked up for each of triples
	paths                       []path
	unlike                      []uint16 // by place: 1 if nothing can be found by sound
}

// path is a way into the trie of words: from a place to a state and, by one code more, to
// what may be the next.
type path struct{ start, state, to int32 }

func (p *places) room(n int) {
	if len(p.alone) < n {
		buffer := make([]int32, 5*n)
		p.alone, p.pairs, p.twos, p.triples, p.looked = buffer[:n], buffer[n:2*n], buffer[2*n:3*n], buffer[3*n:4*n], buffer[4*n:]
		p.paths, p.unlike = make([]path, n), make([]uint16, n)
	}
	clear(p.unlike[:n])
}

// find notes all words in the folded utterance, those by sound included, and what they
// may be.
func (c *Checker) find(s *scratch) {
	s.found, s.present, s.claims = s.found[:0], classes{}, false
	s.look(c.lexicon)
	s.gather(c.lexicon)
}

// look finds the words. One pass over the symbols asks small filters which places can
// begin a word; only there are trie and runs looked into.
func (s *scratch) look(l *Lexicon) {
	text := s.stream.text
	s.places.room(len(text))
	alones, pairs, twos, triples := s.places.alone[:len(text)], s.places.pairs[:len(text)], s.places.twos[:len(text)], s.places.triples[:len(text)]
	var before, sound1, sound2 uint16 // the symbol's code and the sounds before it
	var a, p, w, t int
	for i := range text {
		now := text[i].packed
		code, sound := now.code(), now.sound()
		alones[a], pairs[p], twos[w], triples[t] = int32(i), int32(i-1), int32(i-1), int32(i-2)
		a += one(now&markAlone != 0)
		p += l.pairs.has(0, before, code)
		w += l.twos.has(sound1, sound)
		t += l.triples.has(sound2, sound1, sound)
		before, sound2, sound1 = code, sound1, sound
	}
	s.found = slices.Grow(s.found, a)[:a]
	for i, at := range alones[:a] {
		o, b := &s.found[i], &l.first[text[at].code()]
		o.at, o.word, o.kind = hitAt(at, at+1, 0), b.word, b.kind
	}
	s.written(l, s.places.lookPairs(l, text, pairs[:p]))
	if s.stream.latin {
		spelt := l.folder.sounds(&s.stream)
		s.loose = s.loose[:0]
		if s.initials(l); len(s.loose) > 0 {
			s.present.add(l.bit[l.initials])
			s.loose = s.loose[:0]
		}
		if spelt {
			s.spelt(l)
			return
		}
	}
	for _, at := range twos[:w] {
		if at >= 0 {
			s.alike(l, at, l.alike.of(0, text[at].sound(), text[at+1].sound()))
		}
	}
	triples = s.places.lookTriples(l, text, triples[:t])
	for i, at := range triples {
		s.alike(l, at, s.places.looked[i])
	}
}

// lookPairs gives the paths where words of two symbols and more begin, two symbols long. It
// does nothing else, so that the processor has several of its look-ups under way at once:
// most miss the nearest caches.
func (p *places) lookPairs(l *Lexicon, text []letter, pairs []int32) []path {
	if len(pairs) > 0 && pairs[0] < 0 {
		pairs = pairs[1:]
	}
	cells, paths, n := l.words.cells, p.paths[:len(pairs)], 0
	for _, at := range pairs {
		from := text[at].code()
		to := l.first[from].base + int32(text[at+1].code())
		paths[n] = path{start: at, state: to}
		n += one(cells[to].parent == int32(from))
	}
	return paths[:n]
}

// lookTriples does the same for places where sounds of words begin, but for those where
// nothing can be found by sound, and notes their runs.
func (p *places) lookTriples(l *Lexicon, text []letter, triples []int32) []int32 {
	n := 0
	for _, at := range triples {
		if at < 0 || p.unlike[at] > 0 {
			continue
		}
		triples[n], p.looked[n] = at, l.alike.of(text[at].sound(), text[at+1].sound(), text[at+2].sound())
		if p.looked[n] >= 0 {
			n++
		}
	}
	return triples[:n]
}

// written notes the words of two symbols and more along paths: for all places those of two,
// then those of three and so on, so that several look-ups are under way here too. Of a place
// it notes whether one of them is the only word that sounds as the place does.
func (s *scratch) written(l *Lexicon, paths []path) {
	cells, text := l.words.cells, s.stream.text
	text = text[:len(text)+1] // behind the last symbol stands none, by which no word goes on
	for length := int32(2); len(paths) > 0; length++ {
		found := len(s.found)
		s.found = slices.Grow(s.found, len(paths))[:found+len(paths)]
		n := 0
		for _, p := range paths {
			c := &cells[p.state]
			o := &s.found[found]
			o.at, o.word, o.kind = hitAt(p.start, p.start+length, 0), c.word, c.kind&^topBit
			found += one(c.word >= 0)
			s.places.unlike[p.start] |= c.kind >> 15
			code := text[p.start+length].code()
			paths[n] = path{p.start, p.state, c.base + int32(code)}
			n += int(c.goes >> (code & 15) & 1)
		}
		s.found = s.found[:found]
		more := 0
		for _, p := range paths[:n] {
			paths[more] = path{start: p.start, state: p.to}
			more += one(cells[p.to].parent == p.state)
		}
		paths = paths[:more]
	}
}

// alike notes the words of a run that sound like what begins at a place but are written
// with other characters.
func (s *scratch) alike(l *Lexicon, start, run int32) {
	if run < 0 {
		return
	}
	text := s.stream.text[start:]
	for run := l.alike.items[run:]; run[0] > 0; {
		n, most, word := int(run[0]), int(run[1]), int32(run[2])|int32(run[3])<<16
		letters := run[4 : 4+2*n]
		run = run[4+2*n:]
		if n > len(text) {
			continue
		}
		same, changed := true, 0
		for i := 3; i < n && same; i++ {
			same = text[i].sound() == letters[2*i+1]
		}
		for i := 0; i < n; i++ {
			if text[i].symbol() != letters[2*i] {
				changed++
			}
		}
		if same && changed > 0 && changed <= most && !s.stream.broken(start, start+int32(n)) {
			s.note(start, start+int32(n), word, l.kind[word], Homophone)
		}
	}
}

// changes are how many characters of a word may be others that sound alike: so many that
// half of it is its own, of three characters two, and of a word of two only if it is
// listed as core, or ordinary speech would be full of findings.
func changes(length int, core bool) int {
	switch {
	case length == 1, length == 2 && !core:
		return 0
	case length < 4:
		return 1
	}
	return length / 2
}

// spelt notes what is found by sound in an utterance with syllables in Latin letters.
func (s *scratch) spelt(l *Lexicon) {
	for from := range s.stream.sound {
		state := int32(0)
		for i := from; i < len(s.stream.sound); i++ {
			if state = l.voices.step(state, s.stream.sound[i]); state == 0 {
				break
			}
			for w := l.voices.cells[state].word; w >= 0; w = l.same[w] {
				s.speltWord(l, w, from, i+1)
			}
		}
	}
}

// speltWord notes a word that sounds like the syllables [from, to), unless it is written
// with its own characters.
func (s *scratch) speltWord(l *Lexicon, word int32, from, to int) {
	spelt, other := 0, 0
	for i, c := range l.written.of(word) {
		switch at := from + i; {
		case s.stream.spelt[at]:
			spelt++
		case s.stream.text[s.stream.first[at]].symbol() != c:
			other++
		}
	}
	start, end := s.stream.first[from], s.stream.top[to-1]
	if spelt+other == 0 || s.stream.broken(start, end) {
		return
	}
	how := Evasion(0)
	if spelt > 0 {
		how |= Pinyin
	}
	switch {
	case other == 0 && end-start < 3 && to-from > 1:
		return
	case other > 0:
		if other > changes(to-from, l.sounded[word]) {
			return
		}
		how |= Homophone
	}
	s.note(start, end, word, l.kind[word], how)
}

// initials makes hits of runs of Latin letters that may stand for words by their first
// letters: three to six that are no pinyin.
func (s *scratch) initials(l *Lexicon) {
	if !s.stream.latin {
		return
	}
	for i, sound := range s.stream.sound {
		from, to := s.stream.first[i], s.stream.top[i]
		if n := to - from; sound == 0 && n >= 3 && n <= 6 && s.stream.text[from].latin() && !s.stream.broken(from, to) {
			s.loose = append(s.loose, hitAt(from, to, 0).as(uint16(l.initials), -1))
		}
	}
}
