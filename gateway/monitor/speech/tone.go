package speech

import (
	"math"
	"slices"
)

// A host who sells and a host who warns use the same words. Which of the two speaks is
// learnt from the labelled utterances: every run of one to three characters has a
// weight (lexicon/tone.csv), and an utterance's tone is their sum, so learnt that the
// labelled violations lie above +1000 and the clear rows below -1000 if they can. What the lexicon
// finds is dropped where the tone is plainly not that of a claim; what is too broad to
// be found by itself, or what the context exempts, counts where it plainly is one.
const (
	toneLone = -250 // below it one term or rule alone is no finding
	toneWord = -50  // nor is a short word alone below it: it may be what is talked about
	toneFirm = -500 // below it several are none either
	toneSoft = 150  // above it soft rules and terms count too
	toneOwn  = 350  // above it a context that exempts is not believed, but for denial and caution
	toneAll  = 275  // above it an utterance of which the lexicon knows no word counts whole

	toneBrief  = 3  // symbols of a word that is short
	toneShort  = 6  // symbols of the shortest utterance that may count whole
	toneRun    = 3  // longest run that has a weight
	toneWindow = 64 // symbols on each side of a claim that are listened to
)

// caution is how much more it takes where the context says that it may be no claim.
type caution struct{ lone, soft, own, all int }

var (
	careless = caution{}
	careful  = caution{lone: 100, soft: 175, own: 200, all: 300}
)

// toneTable holds the weights as the words are held: in a double array, by the codes the
// folder gives to symbols.
type toneTable struct {
	first []toneFirst // by code
	cells []toneCell
	bias  int32
}

// toneFirst is a run of one symbol: its weight, and the base of what it begins.
type toneFirst struct {
	base, weight int32
	known        int32 // 1: a run that has a weight, else 0
}

// toneCell is a longer run: that of the state parent and one symbol more.
type toneCell struct {
	base, parent int32
	weight       int32
	known        uint16
	goes         uint16 // as in cell
}

// newToneTable makes the table of runs by their keys. Runs of symbols without a code are
// left out: no text has them.
func newToneTable(symbols []known, weights map[uint64]int32, bias int32) *toneTable {
	runs, of := make([][]uint16, 0, len(weights)), make([]int32, 0, len(weights))
	codes := uint16(0)
	for key, weight := range weights {
		var run []uint16
		for ; key > 0; key >>= 16 {
			run = append(run, symbols[uint16(key)].code)
		}
		if slices.Contains(run, 0) {
			continue
		}
		slices.Reverse(run)
		runs, of = append(runs, run), append(of, weight)
	}
	for _, k := range symbols {
		codes = max(codes, k.code)
	}
	trie := newTrie(runs, int(codes))
	t := &toneTable{make([]toneFirst, int(codes)+1), make([]toneCell, len(trie.cells)), bias}
	for i, c := range trie.cells {
		x := toneCell{base: c.base, parent: c.parent, goes: c.goes}
		if c.word >= 0 {
			x.weight, x.known = of[c.word], 1
		}
		t.cells[i] = x
		if i > 0 && i < len(t.first) && c.parent == 0 {
			t.first[i] = toneFirst{c.base, x.weight, int32(x.known)}
		}
	}
	return t
}

// of is the tone of a text. It does not depend on the machine: the sum is of integers,
// and the root and the quotient are rounded as IEEE 754 says.
func (t *toneTable) of(text []known) int {
	sum, known := int64(0), int32(0)
	for i := range text {
		state := int32(text[i].code)
		first := &t.first[state]
		sum, known = sum+int64(first.weight), known+first.known
		if i+1 == len(text) || first.base == 0 {
			continue
		}
		to := first.base + int32(text[i+1].code)
		two := &t.cells[to]
		if two.parent != state {
			continue
		}
		sum, known = sum+int64(two.weight), known+int32(two.known)
		if i+2 == len(text) || two.goes>>(text[i+2].code&15)&1 == 0 {
			continue
		}
		if three := &t.cells[two.base+int32(text[i+2].code)]; three.parent == to {
			sum, known = sum+int64(three.weight), known+int32(three.known)
		}
	}
	return int(t.bias) + int(float64(sum)/math.Sqrt(float64(known+1)))
}

// toneKey is the key of a run of symbols, 0 if it is empty, too long or has a
// character that is no symbol.
func toneKey(run string) uint64 {
	key, n := uint64(0), 0
	for _, s := range run {
		if n++; n > toneRun || s >= 1<<16 {
			return 0
		}
		key = key<<16 | uint64(s)
	}
	return key
}

// heard is the tone of a part of an utterance.
type heard struct {
	from, to int32
	tone     int
}

// tone is that of a part of the utterance. The last is kept: most utterances are shorter
// than what is listened to, so that they have one tone only.
func (s *scratch) tone(l *Lexicon, from, to int32) int {
	if h := &s.heard; h.from != from || h.to != to {
		*h = heard{from, to, l.tone.of(s.stream.known[from:to])}
	}
	return s.heard.tone
}

// sounds says that an utterance of which the lexicon knows no word may count whole: it
// is neither too short nor too long and sounds like a claim.
func (s *scratch) sounds(l *Lexicon) bool {
	n := len(s.stream.text)
	return n >= toneShort && n <= 2*toneWindow && len(l.wholes) > 0 && s.tone(l, 0, int32(n)) >= min(toneAll, toneOwn)
}

// listen weighs the tone around each candidate against what it needs. Soft candidates
// are listened to only where nothing firm is found, and of those only of the category
// that has most: their words are too common to stand beside a claim that is named.
func (s *scratch) listen(l *Lexicon, facts Facts) {
	firm, most := false, -1
	several := s.several(l)
	wary, warySafety := s.about.wary()
	var count [32]int // soft candidates, by place in Findings
	for i := range s.all {
		k := &s.all[i]
		if k.term >= 0 && l.claims[k.term].label && len(facts.Additives) > 0 {
			firm = firm || k.exempt == ""
			continue // a record speaks, not the tone
		}
		if k.exempt == "negation" || k.exempt == "caution" {
			continue
		}
		tone := s.tone(l, max(0, k.start-toneWindow), min(int32(len(s.stream.text)), k.end+toneWindow))
		soft, more := l.soft(k), careless
		if warySafety || wary && l.finding(k) != "safety-endorsement" {
			more = careful
		}
		need := toneLone + more.lone
		switch {
		case k.exempt != "":
			need = toneOwn + more.own
		case k.rule >= 0 && l.needs[k.rule].whole:
			need = toneAll + more.all
		case soft:
			need = toneSoft + more.soft
		case k.rule < 0 && s.disguised(k):
			need = math.MinInt
		case several || l.blunt(k):
			need = toneFirm
		case k.rule < 0 && k.how == 0 && int(k.end-k.start) <= toneBrief:
			need = toneWord + more.lone
		}
		switch {
		case tone < need && k.exempt == "":
			k.exempt = "tone"
		case tone >= need && soft:
			k.exempt = ""
			f := int(l.number(k))
			if count[f]++; most < 0 || count[f] > count[most] {
				most = f
			}
		case tone >= need:
			k.exempt, firm = "", true
		}
	}
	for i := range s.all {
		if k := &s.all[i]; k.exempt == "" && l.soft(k) && (firm || int(l.number(k)) != most) {
			k.exempt = "tone"
		}
	}
}

// blunt says that the claim is one that lawful talk has no words for: others run down, a
// price owned to be invented.
func (l *Lexicon) blunt(k *candidate) bool {
	finding := l.finding(k)
	return finding == "harm-comparison" || finding == "price"
}

// disguised says that the term is not written as it is: nobody hides what he may say.
// Sounds alone do not tell, for speech recognition errs too.
func (s *scratch) disguised(k *candidate) bool {
	how := k.how
	for i := k.start; i < k.end; i++ {
		how |= s.stream.at[i].how
		if i > k.start && s.stream.at[i].gap == gapSymbol {
			how |= Symbols
		}
	}
	return how&(Pinyin|Split|Lookalike|Symbols|Emoji|Abbreviation) != 0
}

// several says that more than one place is firmly found: not one claim under two names.
func (s *scratch) several(l *Lexicon) bool {
	var one *candidate
	for i := range s.all {
		k := &s.all[i]
		if k.exempt != "" || l.soft(k) {
			continue
		}
		if one != nil && (k.start >= one.end || k.end <= one.start || l.number(k) != l.number(one)) {
			return true
		}
		if one == nil {
			one = k
		}
	}
	return false
}

// soft says that a candidate is too broad to be a finding by itself.
func (l *Lexicon) soft(k *candidate) bool {
	if k.rule >= 0 {
		return l.needs[k.rule].soft
	}
	return l.claims[k.term].soft
}
