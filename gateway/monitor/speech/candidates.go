package speech

import (
	"math/bits"
)

// candidate is a hit or a rule that fits, before the context is weighed.
type candidate struct {
	start, end int32
	term, rule int32 // -1: none
	first      int32 // of a rule: the hit it begins with
	how        Evasion
	finding    uint8 // of Findings
	soft       bool  // too broad to be a finding by itself
	exempt     exemption
}

func (s *scratch) candidateTerm(l *Lexicon, h hit) *candidate {
	k, t := another(&s.all), &l.claims[h.term()]
	*k = candidate{start: h.start(), end: h.end(), term: h.term(), rule: -1, how: h.how(), finding: t.finding, soft: t.soft}
	return k
}

func (s *scratch) candidateRule(l *Lexicon, rule, start, end, term, first int32, how Evasion) {
	k, r := another(&s.all), &l.needs[rule]
	*k = candidate{start: start, end: end, term: term, rule: rule, first: first, how: how, finding: r.finding, soft: r.soft}
}

// candidates fills s.all from the words found and the rules that fit, each with the
// reason it is exempt for or none.
func (c *Checker) candidates(s *scratch, facts Facts, on products) {
	l := c.lexicon
	s.unchain()
	s.loose, s.all = s.loose[:0], s.all[:0]
	if !s.claims && len(s.fitting) == 0 && (len(s.broad) > 0 || !s.sounds(l)) {
		return
	}
	c.expand(s)
	s.numbers(l)
	s.sort()
	s.shadow()
	s.chain(l)
	labelled := false // there is a term that the label or the inspection decides
	if s.claims {
		for i := s.head[l.termClass]; i >= 0; i = s.next[i] {
			h := s.hits[i]
			if h.term() < 0 {
				continue
			}
			t := &l.claims[h.term()]
			if labelled = labelled || t.label; t.always && t.products&on != 0 {
				s.candidateTerm(l, h)
			}
		}
	}
	terms := len(s.all)
	for _, r := range s.fitting {
		for i := s.head[l.needs[r].begin]; i >= 0; i = s.next[i] {
			s.follow(l, on, r, i)
		}
	}
	inOrder(s.all[terms:])
	if len(s.all) == 0 && len(s.broad) == 0 && !labelled && s.sounds(l) {
		for _, r := range l.wholes {
			if l.needs[r].products&on != 0 {
				s.candidateRule(l, r, 0, int32(len(s.stream.text)), -1, 0, 0)
			}
		}
	}
	x := &s.about
	safety := false
	for i := range s.all {
		k := &s.all[i]
		k.exempt = x.exempt(k, k.finding)
		safety = safety || k.exempt == notExempt && k.finding == findSafety
	}
	if !labelled || !safety && len(facts.Additives) == 0 {
		return
	}
	for i := s.head[l.termClass]; i >= 0; i = s.next[i] {
		h := s.hits[i]
		if h.term() < 0 || !l.claims[h.term()].label || l.claims[h.term()].products&on == 0 {
			continue
		}
		k := s.candidateTerm(l, h)
		k.exempt = x.exempt(k, findAdditiveFree)
	}
}

// inOrder sorts what rules found by the place where it begins: what the tone decides
// among them depends on which is said first.
func inOrder(all []candidate) {
	for i := 1; i < len(all); i++ {
		k, j := all[i], i
		for ; j > 0 && (all[j-1].first > k.first || all[j-1].first == k.first && all[j-1].rule > k.rule); j-- {
			all[j] = all[j-1]
		}
		if j < i {
			all[j] = k
		}
	}
}

// follow looks for the parts of a rule that begins with hit i: of each part the first hit
// behind the part before it. If that is too far or behind a stop, so are the others. Parts
// that touch are one phrase, which no comma parts either.
func (s *scratch) follow(l *Lexicon, on products, rule, i int32) {
	first := s.hits[i]
	end, term, how := first.end(), first.term(), first.how()
	for _, p := range l.steps.of(rule) {
		next := s.head[p.class]
		for next >= 0 && s.hits[next].start() < end {
			next = s.next[next]
		}
		if next < 0 {
			return
		}
		h := s.hits[next]
		if h.start() > end+p.gap || s.stream.stopped(end, h.start()) || p.gap == 0 && s.stream.parted(end) {
			return
		}
		if end, how = h.end(), how|h.how(); term < 0 {
			term = h.term()
		}
	}
	if term < 0 || l.claims[term].products&on != 0 {
		s.candidateRule(l, rule, first.start(), end, term, i, how)
	}
}

// fit notes the rules of which nothing is absent. It asks only those whose rarest class
// is there, and notes them without a branch.
func (s *scratch) fit(l *Lexicon, on products) {
	if len(l.needs) >= cap(s.broad) {
		s.fitting, s.broad = make([]int32, len(l.needs)+1), make([]int32, len(l.needs)+1)
	}
	s.fitting, s.broad = s.fitting[:cap(s.fitting)], s.broad[:cap(s.broad)]
	firm, broad, loud := 0, 0, one(s.most >= toneSoft)
	for i := range s.present {
		for rare := s.present[i] & l.rare[i]; rare != 0; rare &= rare - 1 {
			rules := l.rarest.of(int32(i<<6 + bits.TrailingZeros64(rare)))
			for j := range rules {
				r := &rules[j]
				s.fitting[firm], s.broad[broad] = r.rule, r.rule
				fits := one(r.classes[0]&^s.present[0]|r.classes[1]&^s.present[1] == 0) & one(r.products&on != 0)
				firm += fits &^ r.broad
				broad += fits & r.broad & loud
			}
		}
	}
	s.fitting, s.broad = s.fitting[:firm], s.broad[:broad]
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
