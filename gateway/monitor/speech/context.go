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

// exemption is why the context exempts a claim.
type exemption uint8

const (
	notExempt exemption = iota
	exemptNegation
	exemptEducation
	exemptQuestion
	exemptCaution
	exemptPolite
	exemptQuotation
	exemptLaw
	exemptName
	exemptUsage
	exemptAward
	exemptGrade
	exemptFactual
	exemptSelf
	exemptTone // not the context but the tone
)

// context answers whether a claim is exempt, by the chains of hits.
type context struct {
	s      *scratch
	rules  []requirement
	market int32
	there  uint32 // the classes of the context of which there is a word
}

// none says that there is no word of the context.
func (x *context) none() bool { return x.there == 0 }

func (x *context) has(class int32) bool { return x.there>>class&1 != 0 }

// several says that there are at least two words of two classes.
func (x *context) several(class, other int32) bool {
	n := 0
	for i := x.s.head[class]; i >= 0; i = x.s.next[i] {
		n++
	}
	if class != other {
		for i := x.s.head[other]; i >= 0; i = x.s.next[i] {
			n++
		}
	}
	return n >= 2
}

// waryOf are the classes of which a word, wherever it stands, calls for caution.
const waryOf = 1<<classNeg | 1<<classRebut | 1<<classDoctor | 1<<classQuestion | 1<<classUsage | 1<<className | 1<<classAward | 1<<classSource | 1<<classGrade | 1<<classWish | 1<<classMention | 1<<classBan

// namedOf are the classes of which a word exempts a disease that is only named with a use.
const namedOf = 1<<classCaution | 1<<classDoctor | 1<<classRebut | 1<<classNeg | 1<<classQuestion

// wary says whether the words of the context call for caution, and whether they do for a
// promise of safety too: such a promise is itself made of words that deny (没有副作用).
// None does if another's words are made one's own.
func (x *context) wary() (any, safety bool) {
	if x.has(classEndorse) {
		return false, false
	}
	safety = x.there&waryOf != 0
	return safety || x.has(classCaution), safety
}

// exempt is the exemption that covers a claim.
func (x *context) exempt(k *candidate, finding uint8) exemption {
	if x.none() { // as mostly
		if x.denied(k, finding) || x.asked(k) {
			return exemptNegation
		}
		return notExempt
	}
	from, to := x.segment(k)
	endorsed := x.has(classEndorse)
	if x.near(classNeg, k, from, to, reachNeg, 0) || x.denied(k, finding) || !endorsed && x.asked(k) {
		return exemptNegation
	}
	rebuttable := finding != findHarm && finding != findPrice
	if !endorsed && rebuttable && x.near(classRebut, k, from, to, reachRebut, reachRebut) {
		return exemptEducation
	}
	if !endorsed && (finding == findMedical || finding == findEffect || finding == findSafety) && x.near(classDoctor, k, from, to, reachDoctor, reachDoctor) {
		return exemptEducation
	}
	if !endorsed && x.near(classQuestion, k, from, to, reachQuestion, reachQuestion) {
		return exemptQuestion
	}
	if k.rule >= 0 && x.rules[k.rule].named && x.there&namedOf != 0 {
		return exemptCaution
	}
	if (finding == findSuperstition || finding == findMedical || finding == findEffect) && x.near(classWish, k, from, to, reachWish, 0) {
		return exemptPolite
	}
	if !endorsed && finding != findHarm {
		switch {
		case finding != findMark && x.near(classMention, k, from, to, reachMention, reachMention):
			return exemptQuotation
		case x.near(classBan, k, from, to, reachBan, reachBan):
			return exemptLaw
		}
	}
	switch finding {
	case findSuperstition:
		if x.near(className, k, from, to, reachNamed, reachNamed) {
			return exemptName
		}
	case findAbsolute:
		switch {
		case x.near(classUsage, k, from, to, 2, reachUsage):
			return exemptUsage
		case x.near(className, k, from, to, reachName, reachName):
			return exemptName
		case x.several(classAward, classSource) && x.near(classAward, k, from, to, reachAward, reachAward):
			return exemptAward
		case x.near(classGrade, k, from, to, reachGrade, reachGrade):
			return exemptGrade
		case x.several(classSource, classSource):
			return exemptFactual
		case !x.marketed(k) && (x.near(classPick, k, from, to, 1, reachPick) || x.near(classSelf, k, from, to, reachSelf, 4) && x.near(classLot, k, from, to, 2, reachSelf)):
			return exemptSelf
		}
	case findEffect, findFact, findPrice, findAdditiveFree, findAuthority:
		if x.several(classSource, classSource) {
			return exemptFactual
		}
	}
	return notExempt
}

// marketed says that a market is named with a claim or shortly before it.
func (x *context) marketed(k *candidate) bool {
	for i := x.s.head[x.market]; i >= 0; i = x.s.next[i] {
		if h := x.s.hits[i]; h.start() < k.end && h.end() > k.start-8 {
			return true
		}
	}
	return false
}

// denied says that 没有 stands right before a claim, or 不 before an effect, or a verb of
// healing between, and no comma: 没有零甲醛的板材, 不降血压, 不会长高, but not 没有不降血压的,
// 谁说它不能消炎 or 别家没有，全网最低价.
func (x *context) denied(k *candidate, finding uint8) bool {
	text := x.s.stream.text
	if x.s.stream.parted(k.start) {
		return false
	}
	if at := k.start; k.rule < 0 && at > 1 && rune(text[at-2].symbol()) == '没' && rune(text[at-1].symbol()) == '有' {
		return k.end == int32(len(text)) || rune(text[k.end].symbol()) != '不'
	}
	if finding != findMedical && finding != findEffect {
		return false
	}
	at := k.start - 1
	if at > 0 && (k.rule < 0 || !x.rules[k.rule].denies) {
		switch rune(text[at].symbol()) {
		case '降', '治', '祛', '去', '补', '养', '消', '减', '调', '通':
			at--
		case '会', '能': // deny an effect; before an illness they promise to prevent it
			if k.rule < 0 {
				at--
			}
		}
	}
	if at < 0 || rune(text[at].symbol()) != '不' {
		return false
	}
	for i := int32(0); i+1 < at; i++ {
		if rune(text[i].symbol()) == '谁' && (rune(text[i+1].symbol()) == '说' || rune(text[i+1].symbol()) == '讲') {
			return false
		}
	}
	return at == 0 || !strings.ContainsRune("没无谁哪莫非", rune(text[at-1].symbol()))
}

// asked says that a question mark follows, a few characters on at most and without a
// comma: 全网最便宜的吗?
func (x *context) asked(k *candidate) bool {
	s := &x.s.stream
	if s.gaps < gapAsk || k.rule >= 0 && x.rules[k.rule].denies {
		return false
	}
	for i := k.end; i <= k.end+reachAsk; i++ {
		switch n := int32(len(s.text)); {
		case i == n:
			return s.tail == gapAsk
		case i > n:
			return false
		case s.text[i].gap() == gapAsk:
			return true
		case s.text[i].gap() >= gapComma:
			return false
		}
	}
	return false
}

// segment is what a denial at its place can cover: between words of contrast.
func (x *context) segment(k *candidate) (from, to int32) {
	to = int32(len(x.s.stream.text))
	for i := x.s.head[classContrast]; i >= 0; i = x.s.next[i] {
		h := x.s.hits[i]
		if end := h.end(); end <= k.start && end > from {
			from = end
		}
		if start := h.start(); start >= k.end && start < to {
			to = start
		}
	}
	return from, to
}

// near says that a word of the class lies in the segment, at most before symbols ahead
// of the claim or after symbols behind it, or touches it. Mostly there is none, which is
// asked where near is called.
func (x *context) near(class int32, k *candidate, from, to, before, after int32) bool {
	return x.has(class) && x.isNear(class, k, from, to, before, after)
}

func (x *context) isNear(class int32, k *candidate, from, to, before, after int32) bool {
	for i := x.s.head[class]; i >= 0; i = x.s.next[i] {
		start, end := x.s.hits[i].start(), x.s.hits[i].end()
		if start < from || end > to {
			continue
		}
		switch {
		case end <= k.start:
			if k.start-end <= before {
				return true
			}
		case start >= k.end:
			if start-k.end <= after && after > 0 {
				return true
			}
		case class == classMention:
		case class > classQuestion || start < k.start || end > k.end:
			return true
		case k.rule >= 0 && !x.rules[k.rule].denies:
			return true
		}
	}
	return false
}
