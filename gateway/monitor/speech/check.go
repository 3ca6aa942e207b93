package speech

import (
	"cmp"
	"math/bits"
	"slices"
	"sync"

	"traceledger/chaincode/trace"
)

// MaxUtterance bounds an utterance, in bytes of UTF-8.
const MaxUtterance = 16 << 10

// Categories are the product categories the lexicon tells apart.
var Categories = []string{"food", "beauty", "home", "electronics"}

// Utterance is what was said while a product was on sale.
type Utterance struct {
	Text     string
	Category string // of Categories; empty: unknown, then every term counts
	Facts    Facts
}

// Facts are what records say of the product; the zero value says nothing.
type Facts struct {
	Additives []string // preservatives and additives that the label lists or the inspection found
}

// Finding is a claim found in an utterance.
type Finding struct {
	Term      string   // id of the term, or of the rule
	Text      string   // the words, as written in the utterance
	Canonical string   // the term they stand for
	Start     int      // first byte
	End       int      // byte after the last
	StartRune int      // the same in characters
	EndRune   int      //
	Evasion   Evasion  // how the words were disguised
	Article   string   // law and article
	Finding   string   // legal category
	Level     Level    //
	Notes     []string // what of the context was weighed
}

// hit is a word found in one of its roles: symbols [start, end).
type hit struct {
	start, end  int32
	class, term int32
	how         Evasion
}

// order sorts hits by place, longer ones first, then by what they are: places of an
// utterance fit into 15 bits, numbers of classes into 10, of terms into 17.
func (h *hit) order() uint64 {
	return uint64(h.start)<<49 | uint64(1<<15-1-h.end)<<34 | uint64(h.class)<<24 | uint64(h.term+1)<<4 | uint64(h.how&3)
}

// candidate is a hit or a rule that fits, before the context is weighed.
type candidate struct {
	start, end int32
	term, rule int32 // -1: none
	how        Evasion
	exempt     string
}

// scratch is what one check needs; it is pooled.
type scratch struct {
	stream  stream
	found   []occurrence
	present classes // those of the words found
	claims  bool    // a term was found that is a finding without a rule
	fits    []bool  // by rule: all its classes are present
	fitting []int32 // those rules
	hits    []hit
	all     []candidate
	kept    []*candidate
	about   context
}

// Checker checks utterances against a lexicon. It may be used concurrently.
type Checker struct {
	lexicon *Lexicon
	pool    sync.Pool
}

// NewChecker makes a checker.
func NewChecker(l *Lexicon) *Checker {
	return &Checker{lexicon: l, pool: sync.Pool{New: func() any { return new(scratch) }}}
}

// Lexicon is what the checker checks against.
func (c *Checker) Lexicon() *Lexicon { return c.lexicon }

// Check finds the claims in an utterance, in the order they are said; of claims of one
// category that overlap the longest stays. An utterance above MaxUtterance is refused
// with TOO_LARGE, one that is not UTF-8 with MALFORMED, an unknown category with
// INVALID.
func (c *Checker) Check(u Utterance) ([]Finding, error) {
	if len(u.Text) > MaxUtterance {
		return nil, trace.Errorf(trace.CodeTooLarge, "话语 %d 字节, 最多 %d (the utterance has %d bytes, at most %d)", len(u.Text), MaxUtterance, len(u.Text), MaxUtterance)
	}
	on := anyProduct
	if u.Category != "" {
		at := slices.Index(Categories, u.Category)
		if at < 0 {
			return nil, trace.Errorf(trace.CodeInvalid, "没有品类 %q (no product category %q)", u.Category, u.Category)
		}
		on = 1 << at
	}
	s := c.pool.Get().(*scratch)
	defer c.pool.Put(s)
	if !c.lexicon.folder.fold(&s.stream, u.Text) {
		return nil, trace.Errorf(trace.CodeMalformed, "话语不是 UTF-8 (the utterance is not UTF-8)")
	}
	c.candidates(s, u.Facts, on)
	return c.report(s, u), nil
}

// candidates fills s.all from the folded utterance, each with the reason it is exempt
// for or none.
func (c *Checker) candidates(s *scratch, facts Facts, on products) {
	l := c.lexicon
	s.hits, s.all = s.hits[:0], s.all[:0]
	c.find(s)
	if s.fit(l, on); !s.claims && len(s.fitting) == 0 {
		return
	}
	c.expand(s)
	s.numbers(l)
	s.sort()
	s.shadow(l)
	for _, h := range s.hits {
		if h.term >= 0 && h.class == l.termClass {
			if t := &l.claims[h.term]; t.always && t.products&on != 0 {
				s.all = append(s.all, candidate{h.start, h.end, h.term, -1, h.how, ""})
			}
		}
	}
	for i := range s.hits {
		h := &s.hits[i]
		for _, r := range l.begin.of(h.class) {
			if s.fits[r] {
				c.follow(s, on, r, 1, i, candidate{h.start, h.end, h.term, r, h.how, ""})
			}
		}
	}
	if len(s.all) == 0 && len(facts.Additives) == 0 {
		return
	}
	x := s.weigh(l)
	safety := false
	for i := range s.all {
		s.all[i].exempt = x.exempt(&s.all[i], l.finding(&s.all[i]))
		safety = safety || s.all[i].exempt == "" && l.finding(&s.all[i]) == "safety-endorsement"
	}
	if !safety && len(facts.Additives) == 0 {
		return
	}
	for _, h := range s.hits {
		if h.term < 0 || h.class != l.termClass || !l.claims[h.term].label || l.claims[h.term].products&on == 0 {
			continue
		}
		k := candidate{h.start, h.end, h.term, -1, h.how, ""}
		k.exempt = x.exempt(&k, "additive-free")
		s.all = append(s.all, k)
	}
}

// follow looks for the rule's parts from the given one on, behind hit i.
func (c *Checker) follow(s *scratch, on products, rule int32, at, i int, k candidate) {
	parts := c.lexicon.Rules[rule].parts
	if at == len(parts) {
		if k.term >= 0 && c.lexicon.claims[k.term].products&on == 0 {
			return
		}
		s.all = append(s.all, k)
		return
	}
	p := parts[at]
	for j := i; j < len(s.hits); j++ {
		h := &s.hits[j]
		if h.start > k.end+p.gap {
			return
		}
		if h.class != p.class || h.start < k.end || s.stream.stopped(k.end, h.start) {
			continue
		}
		next := k
		next.end, next.how = h.end, k.how|h.how
		if next.term < 0 {
			next.term = h.term
		}
		c.follow(s, on, rule, at+1, j, next)
		return
	}
}

// finding is the candidate's legal category.
func (l *Lexicon) finding(k *candidate) string {
	if k.rule >= 0 {
		return l.Rules[k.rule].Finding
	}
	return l.Terms[k.term].Finding
}

// fit notes the rules of which nothing is absent. It asks only those whose rarest class
// is there.
func (s *scratch) fit(l *Lexicon, on products) {
	if len(s.fits) < len(l.needs) {
		s.fits = make([]bool, len(l.needs))
	}
	for _, r := range s.fitting {
		s.fits[r] = false
	}
	s.fitting = s.fitting[:0]
	for i := range s.present {
		for rare := s.present[i] & l.rare[i]; rare != 0; rare &= rare - 1 {
			for _, r := range l.rarest.of(int32(i<<6 + bits.TrailingZeros64(rare))) {
				if need := &l.needs[r]; s.present.covers(&need.classes) && need.products&on != 0 {
					s.fits[r] = true
					s.fitting = append(s.fitting, r)
				}
			}
		}
	}
}

// expand makes hits of the words found, in the roles that can matter: those of the rules
// that fit, of terms, of the context.
func (c *Checker) expand(s *scratch) {
	l := c.lexicon
	var needed classes
	for _, r := range s.fitting {
		needed.join(&l.needs[r].classes)
	}
	number := needed.meets(&l.number)
	for _, o := range s.found {
		k := &l.kinds[o.kind]
		counts := number && k.counts
		if !k.context && !k.claims && !counts && !k.classes.meets(&needed) || s.stream.broken(o.start, o.end) {
			continue
		}
		for _, m := range l.roles.of(o.word) {
			if m.class <= classShield || m.class == l.market || m.class == l.termClass && k.claims || counts || needed.has(l.bit[m.class]) {
				s.hits = append(s.hits, hit{o.start, o.end, m.class, m.term, o.how})
			}
		}
	}
}

// sort orders the hits. The few of an ordinary utterance are almost in order.
func (s *scratch) sort() {
	if len(s.hits) > 64 {
		slices.SortFunc(s.hits, func(a, b hit) int { return cmp.Compare(a.order(), b.order()) })
		return
	}
	for i := 1; i < len(s.hits); i++ {
		h := s.hits[i]
		order, j := h.order(), i
		for ; j > 0 && s.hits[j-1].order() > order; j-- {
			s.hits[j] = s.hits[j-1]
		}
		s.hits[j] = h
	}
}

// numbers adds lengths of time and amounts: a numeral and a unit.
func (s *scratch) numbers(l *Lexicon) {
	if !s.present.meets(&l.number) {
		return
	}
	for _, h := range s.hits {
		if h.class != l.unit && h.class != l.measure || h.start == 0 || !numeral(s.stream.text[h.start-1]) {
			continue
		}
		start := h.start - 1
		for start > 0 && numeral(s.stream.text[start-1]) {
			start--
		}
		class := l.time
		if h.class == l.measure {
			class = l.amount
		}
		s.hits = append(s.hits, hit{start, h.end, class, -1, 0})
	}
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

// broken says that a comma or stop alone parts the word: not each character from the
// next, as an evasion would.
func (s *stream) broken(start, end int32) bool {
	if s.gaps < gapComma || end <= start+1 {
		return false
	}
	commas, other := 0, 0
	for i := start + 1; i < end; i++ {
		if s.at[i].gap >= gapComma {
			commas++
		} else {
			other++
		}
	}
	return commas > 0 && other > 0
}

// stopped says that a sentence ends between two places.
func (s *stream) stopped(from, to int32) bool {
	if s.gaps < gapStop {
		return false
	}
	for i := from; i <= to && int(i) < len(s.at); i++ {
		if s.at[i].gap == gapStop {
			return true
		}
	}
	return false
}
