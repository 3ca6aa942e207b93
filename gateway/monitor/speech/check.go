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
	order       uint64
	start, end  int32
	class, term int32
	how         Evasion
}

// set makes the hit. Hits are in order of place, longer ones first, then of what they
// are: places of an utterance fit into 15 bits, numbers of classes into 10, of terms
// into 17.
func (h *hit) set(start, end, class, term int32, how Evasion) {
	h.order = uint64(start)<<49 | uint64(1<<15-1-end)<<34 | uint64(class)<<24 | uint64(term+1)<<4 | uint64(how&3)
	h.start, h.end, h.class, h.term, h.how = start, end, class, term, how
}

// candidate is a hit or a rule that fits, before the context is weighed.
type candidate struct {
	start, end int32
	term, rule int32 // -1: none
	first      int32 // of a rule: the hit it begins with
	how        Evasion
	exempt     string
	order      uint64 // of report
}

// rank is the order of a hit and its place in loose. To sort these moves less, and waits
// less for what was written just before, than to sort the hits.
type rank struct {
	order uint64
	at    int
}

func (k *candidate) set(start, end, term, rule, first int32, how Evasion) {
	k.start, k.end, k.term, k.rule, k.first, k.how, k.exempt = start, end, term, rule, first, how, ""
}

// scratch is what one check needs; it is pooled.
type scratch struct {
	stream   stream
	places   places
	found    []occurrence
	present  classes // those of the words found
	claims   bool    // a term was found that is a finding without a rule
	fitting  []int32 // the rules of which nothing is absent
	broad    []int32 // those of them that count only where no other finds anything
	loose    []hit   // in the order in which they were found
	ranks    []rank
	hits     []hit   // in their order
	head     []int32 // by class: its first hit, -1: none
	next     []int32 // by hit: the next of its class
	all      []candidate
	kept     []*candidate
	about    context
	findings []Finding // memory for the next
	heard    heard
	most     int // no part of the utterance has a higher tone
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
	if s.gauge(c.lexicon); s.most < toneLeast && len(u.Facts.Additives) == 0 {
		return nil, nil
	}
	c.find(s)
	s.fit(c.lexicon, on)
	for {
		c.candidates(s, u.Facts, on)
		if s.listen(c.lexicon, u.Facts) || len(s.broad) == 0 {
			break
		}
		s.fitting, s.broad = append(s.fitting, s.broad...), s.broad[:0]
	}
	return c.report(s, u), nil
}

// candidates fills s.all from the words found and the rules that fit, each with the
// reason it is exempt for or none.
func (c *Checker) candidates(s *scratch, facts Facts, on products) {
	l := c.lexicon
	s.loose, s.hits, s.all = s.loose[:0], s.hits[:0], s.all[:0]
	if !s.claims && len(s.fitting) == 0 && (len(s.broad) > 0 || !s.sounds(l)) {
		return
	}
	c.expand(s)
	s.numbers(l)
	s.sort()
	s.shadow(l)
	s.chain(l)
	if s.claims {
		for i := s.head[l.termClass]; i >= 0; i = s.next[i] {
			h := &s.hits[i]
			if h.term < 0 {
				continue
			}
			if t := &l.claims[h.term]; t.always && t.products&on != 0 {
				another(&s.all).set(h.start, h.end, h.term, -1, 0, h.how)
			}
		}
	}
	terms := len(s.all)
	for _, r := range s.fitting {
		for i := s.head[l.needs[r].begin]; i >= 0; i = s.next[i] {
			s.follow(l, on, r, i)
		}
	}
	s.unchain()
	inOrder(s.all[terms:])
	if len(s.all) == 0 && len(s.broad) == 0 && !s.labelled(l) && s.sounds(l) {
		for _, r := range l.wholes {
			if l.needs[r].products&on != 0 {
				another(&s.all).set(0, int32(len(s.stream.text)), -1, r, 0, 0)
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
		k := another(&s.all)
		k.set(h.start, h.end, h.term, -1, 0, h.how)
		k.exempt = x.exempt(k, "additive-free")
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

// labelled says that there is a term that the label or the inspection decides.
func (s *scratch) labelled(l *Lexicon) bool {
	return slices.ContainsFunc(s.hits, func(h hit) bool {
		return h.term >= 0 && h.class == l.termClass && l.claims[h.term].label
	})
}

// chain makes lists of the hits of each class, in their order.
func (s *scratch) chain(l *Lexicon) {
	if len(s.head) < len(l.bit) {
		s.head = slices.Repeat([]int32{-1}, len(l.bit))
	}
	s.next = slices.Grow(s.next[:0], len(s.hits))[:len(s.hits)]
	for i := len(s.hits) - 1; i >= 0; i-- {
		first := &s.head[s.hits[i].class]
		s.next[i], *first = *first, int32(i)
	}
}

func (s *scratch) unchain() {
	for i := range s.hits {
		s.head[s.hits[i].class] = -1
	}
}

// follow looks for the parts of a rule that begins with hit i: of each part the first hit
// behind the part before it. If that is too far or behind a stop, so are the others.
func (s *scratch) follow(l *Lexicon, on products, rule, i int32) {
	first := &s.hits[i]
	end, term, how := first.end, first.term, first.how
	for _, p := range l.steps.of(rule) {
		next := s.head[p.class]
		for next >= 0 && s.hits[next].start < end {
			next = s.next[next]
		}
		if next < 0 {
			return
		}
		h := &s.hits[next]
		if h.start > end+p.gap || s.stream.stopped(end, h.start) {
			return
		}
		if end, how = h.end, how|h.how; term < 0 {
			term = h.term
		}
	}
	if term < 0 || l.claims[term].products&on != 0 {
		another(&s.all).set(first.start, end, term, rule, i, how)
	}
}

// finding is the candidate's legal category.
func (l *Lexicon) finding(k *candidate) string { return Findings[l.number(k)] }

// number is the place of the candidate's legal category in Findings.
func (l *Lexicon) number(k *candidate) uint8 {
	if k.rule >= 0 {
		return l.needs[k.rule].finding
	}
	return l.claims[k.term].finding
}

// fit notes the rules of which nothing is absent. It asks only those whose rarest class
// is there.
func (s *scratch) fit(l *Lexicon, on products) {
	if len(l.needs) >= cap(s.broad) {
		s.fitting, s.broad = make([]int32, len(l.needs)+1), make([]int32, len(l.needs)+1)
	}
	s.fitting, s.broad = s.fitting[:cap(s.fitting)], s.broad[:cap(s.broad)]
	firm, broad := 0, 0
	for i := range s.present {
		for rare := s.present[i] & l.rare[i]; rare != 0; rare &= rare - 1 {
			for _, r := range l.rarest.of(int32(i<<6 + bits.TrailingZeros64(rare))) {
				need := &l.needs[r]
				s.fitting[firm], s.broad[broad] = r, r
				if fits := s.present.covers(&need.classes) && need.products&on != 0; fits && !need.broad {
					firm++
				} else if fits && s.most >= toneSoft {
					broad++
				}
			}
		}
	}
	s.fitting, s.broad = s.fitting[:firm], s.broad[:broad]
}

// expand makes hits of the words found, in the roles that can matter: those of the rules
// that fit, of terms, of the context.
func (c *Checker) expand(s *scratch) {
	l := c.lexicon
	var needed classes
	for _, r := range s.fitting {
		needed.join(&l.needs[r].classes)
	}
	number := needed.meets(&l.numbers)
	need := [(noBit + 1) / 64]uint64{needed[0], needed[1]}
	n := 0
	s.loose = s.loose[:cap(s.loose)]
	for i := range s.found {
		o := &s.found[i]
		k := &l.kinds[o.kind]
		matters := uint64(k.always) | k.classes[0]&needed[0] | k.classes[1]&needed[1]
		counts := uint64(0)
		if number && k.counts {
			matters, counts = 1, 1
		}
		if matters == 0 || s.stream.broken(o.start, o.end) {
			continue
		}
		for len(s.loose) < n+int(k.count) {
			s.loose = append(s.loose, make([]hit, 64)...)
		}
		for _, r := range l.roles[k.roles : k.roles+uint32(k.count)] {
			s.loose[n].set(o.start, o.end, int32(r.class), o.word|r.other, o.how)
			n += int((uint64(r.always) | counts | need[r.bit>>6]>>(r.bit&63)) & 1)
		}
	}
	s.loose = s.loose[:n]
	if needed.has(l.bit[l.initials]) {
		s.initials(l)
	}
}

// sort orders the hits. The few of an ordinary utterance are almost in order.
func (s *scratch) sort() {
	s.ranks = slices.Grow(s.ranks[:0], len(s.loose))[:len(s.loose)]
	ranks := s.ranks
	for i := range s.loose {
		ranks[i] = rank{s.loose[i].order, i}
	}
	if len(ranks) > 64 {
		slices.SortFunc(ranks, func(a, b rank) int { return cmp.Compare(a.order, b.order) })
		return
	}
	for i := 1; i < len(ranks); i++ {
		r, j := ranks[i], i
		for ; j > 0 && ranks[j-1].order > r.order; j-- {
			ranks[j] = ranks[j-1]
		}
		ranks[j] = r
	}
}

// numbers adds lengths of time and amounts: a numeral and a unit.
func (s *scratch) numbers(l *Lexicon) {
	if !s.present.meets(&l.numbers) {
		return
	}
	for i := range s.loose { // those that are added are none of these
		h := s.loose[i]
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
		another(&s.loose).set(start, h.end, class, -1, 0)
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
		if s.at[i].gap >= gapStop {
			return true
		}
	}
	return false
}
