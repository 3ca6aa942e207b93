package speech

import (
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

// Finding is a claim found in an utterance. What it has in common with others is the
// lexicon's, reached by methods: of the zero value they say nothing.
type Finding struct {
	wording   *wording
	charge    *charge
	Text      string  // the words, as written in the utterance
	Start     int     // first byte
	End       int     // byte after the last
	StartRune int     // the same in characters
	EndRune   int     //
	Evasion   Evasion // how the words were disguised
}

// wording is what was found.
type wording struct {
	term      string // id of the term, or of the rule
	canonical string // the term the words stand for, empty: none
}

// charge is what is held against it.
type charge struct {
	article string   // law and article
	finding string   // legal category
	level   Level    //
	notes   []string // what of the context was weighed
}

// Term is the id of the term, or of the rule.
func (f Finding) Term() string {
	if f.wording == nil {
		return ""
	}
	return f.wording.term
}

// Canonical is the term the words stand for, empty if a rule found none.
func (f Finding) Canonical() string {
	if f.wording == nil {
		return ""
	}
	return f.wording.canonical
}

// Article is the law and article.
func (f Finding) Article() string { return f.charged().article }

// Finding is the legal category, of Findings.
func (f Finding) Finding() string { return f.charged().finding }

// Level is how grave it is.
func (f Finding) Level() Level { return f.charged().level }

// Notes are what of the context was weighed. They are only read.
func (f Finding) Notes() []string { return f.charged().notes }

func (f Finding) charged() charge {
	if f.charge == nil {
		return charge{}
	}
	return *f.charge
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
	tops     []int32 // by place: where the next hit of it goes
	hits     []hit   // in their order
	head     []int32 // by class: its first hit, -1: none
	next     []int32 // by hit: the next of its class
	all      []candidate
	kept     []precedent // the candidates that nothing exempts
	longest  []int32     // those of them that are reported, by place in all
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
// category that overlap the longest within a clause stays. An utterance above MaxUtterance is refused
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
