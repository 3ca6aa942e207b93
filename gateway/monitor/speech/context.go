package speech

import "strings"

// contextClasses are the word classes that weigh for or against a claim; no rule uses
// them and nobody disguises them.
var contextClasses = []string{
	"plain",    // an ordinary word that contains or sounds like one that matters
	"neg",      // denies what follows
	"rebut",    // denies or warns of what stands near it
	"doctor",   // sends to a doctor
	"question", // asks
	"contrast", // ends what a denial covers
	"endorse",  // makes another's words one's own
	"self",     // one's own range
	"pick",     // one of a range
	"usage",    // best time or way of use
	"name",     // a name or trademark
	"award",    // an award
	"source",   // time, method, source of a figure
	"grade",    // a standard's grade
	"lot",      // one of many, if it is one's own range
	"caution",  // warns; exempts a disease that is only named
	"wish",     // wishes well, and promises nothing
	"mention",  // speaks of the words, not of the goods: 俩字, 所谓的
	"ban",      // names the law or the house rule that forbids the claim
	"shield",   // hides a shorter word of the context inside it, and nothing else
}

// class numbers follow from the order above.
const (
	classPlain int32 = iota
	classNeg
	classRebut
	classDoctor
	classQuestion
	classContrast
	classEndorse
	classSelf
	classPick
	classUsage
	className
	classAward
	classSource
	classGrade
	classLot
	classCaution
	classWish
	classMention
	classBan
	classShield
)

// How far, in characters, a word of the context reaches.
const (
	reachNeg      = 12
	reachRebut    = 26
	reachDoctor   = 40
	reachQuestion = 9
	reachSelf     = 14
	reachPick     = 5
	reachUsage    = 6
	reachName     = 14
	reachAward    = 24
	reachSource   = 40
	reachGrade    = 14
	reachWish     = 12
	reachMention  = 4
	reachBan      = 26
	reachNamed    = 6
	reachAsk      = 4
)

// shadow removes hits of context words that lie inside a longer plain word or context
// word ("不是" in "不是吹"), and hits of every kind inside a plain word that is not
// shorter.
func (s *scratch) shadow(l *Lexicon) {
	longest := &hit{end: -1}
	s.hits = s.hits[:0]
	for _, r := range s.ranks {
		h := &s.loose[r.at]
		if h.class <= classShield && h.end > longest.end {
			longest = h
		}
		covered := longest.end >= h.end && longest.start <= h.start && (longest.start != h.start || longest.end != h.end || longest.class == classPlain)
		if covered && (h.class <= classShield && *h != *longest || longest.class == classPlain && h.class > classShield) {
			continue
		}
		s.hits = append(s.hits, *h)
	}
}

// context answers whether a claim is exempt.
type context struct {
	s       *scratch
	rules   []requirement
	by      [classShield + 1][]hit
	markets []hit
	none    bool // there is no word of the context
}

// weigh gathers the words of the context.
func (s *scratch) weigh(l *Lexicon) *context {
	x := &s.about
	x.s, x.rules, x.markets = s, l.needs, x.markets[:0]
	if !x.none {
		for i := range x.by {
			x.by[i] = x.by[i][:0]
		}
	}
	x.none = true
	for i := range s.hits {
		h := &s.hits[i]
		if h.class <= classShield {
			x.by[h.class] = append(x.by[h.class], *h)
			x.none = false
		} else if h.class == l.market {
			x.markets = append(x.markets, *h)
		}
	}
	return x
}

// waryOf are the classes of which a word, wherever it stands, calls for caution.
var waryOf = []int32{classNeg, classRebut, classDoctor, classQuestion, classUsage, className, classAward, classSource, classGrade, classWish, classMention, classBan}

// wary says whether the words of the context call for caution, and whether they do for a
// promise of safety too: such a promise is itself made of words that deny (没有副作用).
// None does if another's words are made one's own.
func (x *context) wary() (any, safety bool) {
	if x.none || len(x.by[classEndorse]) > 0 {
		return false, false
	}
	for _, class := range waryOf {
		safety = safety || len(x.by[class]) > 0
	}
	return safety || len(x.by[classCaution]) > 0, safety
}

// exempt is the exemption that covers a claim, empty if none does.
func (x *context) exempt(k *candidate, finding string) string {
	if x.none { // as mostly
		if x.denied(k, finding) || x.asked(k) {
			return "negation"
		}
		return ""
	}
	from, to := x.segment(k)
	endorsed := len(x.by[classEndorse]) > 0
	if x.near(classNeg, k, from, to, reachNeg, 0) || x.denied(k, finding) || !endorsed && x.asked(k) {
		return "negation"
	}
	rebuttable := finding != "harm-comparison" && finding != "price"
	if !endorsed && rebuttable && x.near(classRebut, k, from, to, reachRebut, reachRebut) {
		return "education"
	}
	if !endorsed && (finding == "medical" || finding == "false-effect" || finding == "safety-endorsement") && x.near(classDoctor, k, from, to, reachDoctor, reachDoctor) {
		return "education"
	}
	if !endorsed && x.near(classQuestion, k, from, to, reachQuestion, reachQuestion) {
		return "question"
	}
	if k.rule >= 0 && x.rules[k.rule].named && len(x.by[classCaution])+len(x.by[classDoctor])+len(x.by[classRebut])+len(x.by[classNeg])+len(x.by[classQuestion]) > 0 {
		return "caution"
	}
	if (finding == "superstition" || finding == "medical" || finding == "false-effect") && x.near(classWish, k, from, to, reachWish, 0) {
		return "polite"
	}
	if !endorsed && finding != "harm-comparison" {
		switch {
		case finding != "well-known-mark" && x.near(classMention, k, from, to, reachMention, reachMention):
			return "quotation"
		case x.near(classBan, k, from, to, reachBan, reachBan):
			return "law-citation"
		}
	}
	switch finding {
	case "superstition":
		if x.near(className, k, from, to, reachNamed, reachNamed) {
			return "name"
		}
	case "absolute":
		market := false
		for _, m := range x.markets {
			market = market || m.start < k.end && m.end > k.start-8
		}
		switch {
		case x.near(classUsage, k, from, to, 2, reachUsage):
			return "usage"
		case x.near(className, k, from, to, reachName, reachName):
			return "name"
		case len(x.by[classAward])+len(x.by[classSource]) >= 2 && x.near(classAward, k, from, to, reachAward, reachAward):
			return "award"
		case x.near(classGrade, k, from, to, reachGrade, reachGrade):
			return "grade"
		case len(x.by[classSource]) >= 2:
			return "factual"
		case !market && (x.near(classPick, k, from, to, 1, reachPick) || x.near(classSelf, k, from, to, reachSelf, 4) && x.near(classLot, k, from, to, 2, reachSelf)):
			return "self-comparison"
		}
	case "false-effect", "false-fact", "price", "additive-free", "origin-authority":
		if len(x.by[classSource]) >= 2 {
			return "factual"
		}
	}
	return ""
}

// denied says that 没有 stands right before a claim, or 不 before an effect, or a verb of
// healing between: 没有零甲醛的板材, 不降血压, 不会长高, but not 没有不降血压的 or
// 谁说它不能消炎.
func (x *context) denied(k *candidate, finding string) bool {
	text := x.s.stream.text
	if at := k.start; k.rule < 0 && at > 1 && rune(text[at-2]) == '没' && rune(text[at-1]) == '有' {
		return k.end == int32(len(text)) || rune(text[k.end]) != '不'
	}
	if finding != "medical" && finding != "false-effect" {
		return false
	}
	at := k.start - 1
	if at > 0 && (k.rule < 0 || !x.rules[k.rule].denies) {
		switch rune(text[at]) {
		case '降', '治', '祛', '去', '补', '养', '消', '减', '调', '通':
			at--
		case '会', '能': // deny an effect; before an illness they promise to prevent it
			if k.rule < 0 {
				at--
			}
		}
	}
	if at < 0 || rune(text[at]) != '不' {
		return false
	}
	for i := int32(0); i+1 < at; i++ {
		if rune(text[i]) == '谁' && (rune(text[i+1]) == '说' || rune(text[i+1]) == '讲') {
			return false
		}
	}
	return at == 0 || !strings.ContainsRune("没无谁哪莫非", rune(text[at-1]))
}

// asked says that a question mark follows, a few characters on at most and without a
// comma: 全网最便宜的吗?
func (x *context) asked(k *candidate) bool {
	s := &x.s.stream
	if s.gaps < gapAsk || k.rule >= 0 && x.rules[k.rule].denies {
		return false
	}
	for i := k.end; i <= k.end+reachAsk; i++ {
		switch n := int32(len(s.at)); {
		case i == n:
			return s.tail == gapAsk
		case i > n:
			return false
		case s.at[i].gap == gapAsk:
			return true
		case s.at[i].gap >= gapComma:
			return false
		}
	}
	return false
}

// segment is what a denial at its place can cover: between words of contrast.
func (x *context) segment(k *candidate) (from, to int32) {
	to = int32(len(x.s.stream.text))
	for _, h := range x.by[classContrast] {
		if h.end <= k.start && h.end > from {
			from = h.end
		}
		if h.start >= k.end && h.start < to {
			to = h.start
		}
	}
	return from, to
}

// near says that a word of the class lies in the segment, at most before symbols ahead
// of the claim or after symbols behind it, or touches it.
func (x *context) near(class int32, k *candidate, from, to, before, after int32) bool {
	for _, h := range x.by[class] {
		if h.start < from || h.end > to {
			continue
		}
		switch {
		case h.end <= k.start:
			if k.start-h.end <= before {
				return true
			}
		case h.start >= k.end:
			if h.start-k.end <= after && after > 0 {
				return true
			}
		case class == classMention:
		case class > classQuestion || h.start < k.start || h.end > k.end:
			return true
		case k.rule >= 0 && !x.rules[k.rule].denies:
			return true
		}
	}
	return false
}
