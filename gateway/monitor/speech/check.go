package speech

import (
	"cmp"
	"slices"
	"sync"
	"unicode/utf8"

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
	stream stream
	found  []occurrence
	hits   []hit
	all    []candidate
	about  context
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
	if !utf8.ValidString(u.Text) {
		return nil, trace.Errorf(trace.CodeMalformed, "话语不是 UTF-8 (the utterance is not UTF-8)")
	}
	if u.Category != "" && !slices.Contains(Categories, u.Category) {
		return nil, trace.Errorf(trace.CodeInvalid, "没有品类 %q (no product category %q)", u.Category, u.Category)
	}
	s := c.pool.Get().(*scratch)
	defer c.pool.Put(s)
	c.candidates(s, u)
	c.listen(s, u)
	return c.report(s, u), nil
}

// candidates fills s.all, each with the reason it is exempt for or none.
func (c *Checker) candidates(s *scratch, u Utterance) {
	l := c.lexicon
	s.hits, s.all = s.hits[:0], s.all[:0]
	l.folder.fold(&s.stream, u.Text)
	l.folder.sounds(&s.stream)
	s.found = l.words.find(s.stream.text, s.found[:0])
	for _, o := range s.found {
		if s.stream.broken(o.start, o.end) {
			continue
		}
		for _, m := range l.members[o.word] {
			s.hits = append(s.hits, hit{o.start, o.end, m.class, m.term, 0})
		}
	}
	c.voiced(s)
	c.numbers(s)
	c.initials(s)
	slices.SortFunc(s.hits, func(a, b hit) int { return cmp.Compare(a.order(), b.order()) })
	s.shadow(l)
	for _, h := range s.hits {
		if h.term >= 0 && h.class == l.termClass {
			if t := &l.Terms[h.term]; concerns(t.Products, u.Category) && (t.Condition == Always || t.Condition == Tone) {
				s.all = append(s.all, candidate{h.start, h.end, h.term, -1, h.how, ""})
			}
		}
	}
	for i := range s.hits {
		for _, r := range l.rules[s.hits[i].class] {
			if rule := &l.Rules[r]; concerns(rule.Products, u.Category) {
				c.follow(s, u, r, 1, i, candidate{s.hits[i].start, s.hits[i].end, s.hits[i].term, r, s.hits[i].how, ""})
			}
		}
	}
	if n := int32(len(s.stream.text)); len(s.all) == 0 && n >= toneShort && n <= 2*toneWindow && !s.labelled(l) {
		for _, r := range l.rules[l.class["whole"]] {
			if concerns(l.Rules[r].Products, u.Category) {
				s.all = append(s.all, candidate{0, n, -1, r, 0, ""})
			}
		}
	}
	x := s.weigh(l)
	safety := false
	for i := range s.all {
		s.all[i].exempt = x.exempt(&s.all[i], l.finding(&s.all[i]))
		safety = safety || s.all[i].exempt == "" && l.finding(&s.all[i]) == "safety-endorsement"
	}
	for _, h := range s.hits {
		if h.term < 0 || h.class != l.termClass || l.Terms[h.term].Condition != Label || !concerns(l.Terms[h.term].Products, u.Category) {
			continue
		}
		if safety || len(u.Facts.Additives) > 0 {
			k := candidate{h.start, h.end, h.term, -1, h.how, ""}
			k.exempt = x.exempt(&k, "additive-free")
			s.all = append(s.all, k)
		}
	}
}

// labelled says that there is a term that the label or the inspection decides.
func (s *scratch) labelled(l *Lexicon) bool {
	return slices.ContainsFunc(s.hits, func(h hit) bool {
		return h.term >= 0 && h.class == l.termClass && l.Terms[h.term].Condition == Label
	})
}

// follow looks for the rule's parts from the given one on, behind hit i.
func (c *Checker) follow(s *scratch, u Utterance, rule int32, at, i int, k candidate) {
	parts := c.lexicon.Rules[rule].parts
	if at == len(parts) {
		if k.term >= 0 && !concerns(c.lexicon.Terms[k.term].Products, u.Category) {
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
		c.follow(s, u, rule, at+1, j, next)
		return
	}
}

func concerns(products []string, category string) bool {
	return products == nil || category == "" || slices.Contains(products, category)
}

// finding is the candidate's legal category.
func (l *Lexicon) finding(k *candidate) string {
	if k.rule >= 0 {
		return l.Rules[k.rule].Finding
	}
	return l.Terms[k.term].Finding
}

// voiced adds what is found by sound: the same syllables in other characters or in
// Latin letters. Of a word written with other characters at least half must be the
// word's own (of two characters one, and then only of the words listed as core), or
// ordinary speech would be full of findings.
func (c *Checker) voiced(s *scratch) {
	l := c.lexicon
	s.found = l.voices.find(s.stream.sound, s.found[:0])
	for _, o := range s.found {
		start, end := s.stream.first[o.start], s.stream.top[o.end-1]
		for _, w := range l.spoken[o.word] {
			word := l.written[w]
			spelt, other := 0, 0
			for i := range word {
				switch at := o.start + int32(i); {
				case s.stream.spelt[at]:
					spelt++
				case s.stream.text[s.stream.first[at]] != word[i]:
					other++
				}
			}
			if spelt+other == 0 || s.stream.broken(start, end) {
				continue
			}
			how := Evasion(0)
			if spelt > 0 {
				how |= Pinyin
			}
			switch n := len(word); {
			case other == 0:
			case n == 2 && (other > 1 || !l.sounded[w]), n == 1, n == 3 && other > 1, other*2 > n:
				continue
			default:
				how |= Homophone
			}
			if how&Homophone == 0 && end-start < 3 && len(word) > 1 {
				continue
			}
			for _, m := range l.members[w] {
				s.hits = append(s.hits, hit{start, end, m.class, m.term, how})
			}
		}
	}
}

// numbers adds lengths of time and amounts: a numeral and a unit.
func (c *Checker) numbers(s *scratch) {
	l := c.lexicon
	unit, time, measure, amount := l.class["unit"], l.class["time"], l.class["measure"], l.class["amount"]
	for _, h := range s.hits {
		if h.class != unit && h.class != measure || h.start == 0 || !numeral(s.stream.text[h.start-1]) {
			continue
		}
		start := h.start - 1
		for start > 0 && numeral(s.stream.text[start-1]) {
			start--
		}
		class := time
		if h.class == measure {
			class = amount
		}
		s.hits = append(s.hits, hit{start, h.end, class, -1, 0})
	}
}

// initials adds runs of Latin letters that may stand for words by their first letters:
// three to six that are no pinyin.
func (c *Checker) initials(s *scratch) {
	for i, sound := range s.stream.sound {
		from, to := s.stream.first[i], s.stream.top[i]
		if n := to - from; sound == 0 && n >= 3 && n <= 6 && latin(s.stream.text[from]) {
			s.hits = append(s.hits, hit{from, to, c.lexicon.class["initials"], -1, 0})
		}
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
	commas, other := 0, 0
	for _, g := range s.gap[start+1 : max(end, start+1)] {
		if g >= gapComma {
			commas++
		} else {
			other++
		}
	}
	return commas > 0 && other > 0
}

// stopped says that a sentence ends between two places.
func (s *stream) stopped(from, to int32) bool {
	for i := from; i <= to && int(i) < len(s.gap); i++ {
		if s.gap[i] >= gapStop {
			return true
		}
	}
	return false
}
