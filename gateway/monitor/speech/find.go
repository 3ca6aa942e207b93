package speech

// occurrence is a word found: symbols [start, end).
type occurrence struct {
	start, end, word, kind int32
	how                    Evasion
}

// note takes down a word and what it may be.
func (s *scratch) note(l *Lexicon, o occurrence) {
	s.found = append(s.found, o)
	k := &l.kinds[o.kind]
	s.present.join(&k.classes)
	s.claims = s.claims || k.claims
	if k.counts && o.start > 0 && numeral(s.stream.text[o.start-1]) {
		s.present.join(&l.number)
	}
}

// find notes all words in the folded utterance, those by sound included. One pass over
// the symbols asks three small filters which places can begin a word; only from there
// are the tries walked.
func (c *Checker) find(s *scratch) {
	l := c.lexicon
	s.found, s.present, s.claims = s.found[:0], classes{}, false
	spelt := s.stream.latin && l.folder.sounds(&s.stream)
	var before, sound1, sound2 uint16 // the symbol's code and the sounds before it
	for i, now := range s.stream.known {
		at := int32(i)
		if w := &l.first[now.code]; w.word >= 0 {
			s.note(l, occurrence{at, at + 1, w.word, w.kind, 0})
		}
		if before != 0 && l.pairs.has(0, before, now.code) {
			s.written(l, at-1, before)
		}
		if !spelt && l.twos.has(sound1, now.sound) {
			s.alike(l, at-1, 0, sound1, now.sound)
		}
		if !spelt && l.triples.has(sound2, sound1, now.sound) {
			s.alike(l, at-2, sound2, sound1, now.sound)
		}
		before, sound2, sound1 = now.code, sound1, now.sound
	}
	if spelt {
		s.spelt(l)
	}
}

// written notes the words of two symbols and more that begin at a place with a code.
func (s *scratch) written(l *Lexicon, start int32, code uint16) {
	cells, known := l.words.cells, s.stream.known
	state, base := int32(code), l.first[code].base
	for i := int(start) + 1; i < len(known); i++ {
		code := known[i].code
		to := base + int32(code)
		at := &cells[to]
		if at.parent != state {
			return
		}
		if at.word >= 0 {
			s.note(l, occurrence{start, int32(i) + 1, at.word, l.kind[at.word], 0})
		}
		if i+1 == len(known) || !at.mayGo(known[i+1].code) {
			return
		}
		state, base = to, at.base
	}
}

// alike notes the words that sound like what begins at a place but are written with
// other characters.
func (s *scratch) alike(l *Lexicon, start int32, a, b, c uint16) {
	if start < 0 {
		return
	}
	text, known := s.stream.text[start:], s.stream.known[start:]
	for run := l.alike.of(a, b, c); len(run) > 0 && run[0] > 0; {
		n, most, word := int(run[0]), int(run[1]), int32(run[2])|int32(run[3])<<16
		letters := run[4 : 4+2*n]
		run = run[4+2*n:]
		if n > len(text) {
			continue
		}
		same, changed := true, 0
		for i := 0; i < n && same; i++ {
			same = known[i].sound == letters[2*i+1]
			if text[i] != letters[2*i] {
				changed++
			}
		}
		if same && changed > 0 && changed <= most && !s.stream.broken(start, start+int32(n)) {
			s.note(l, occurrence{start, start + int32(n), word, l.kind[word], Homophone})
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
		case s.stream.text[s.stream.first[at]] != c:
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
	s.note(l, occurrence{start, end, word, l.kind[word], how})
}
