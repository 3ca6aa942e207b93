package speech

import (
	"maps"
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

	toneLeast = min(toneLone, toneWord, toneFirm, toneSoft, toneOwn, toneAll) // below it nothing is a finding, but by a record
	toneLoud  = max(toneLone, toneWord, toneFirm, toneAll)                    // above it everything firm is one, unless the context speaks

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

// toneTable holds the weights by code, as the folder gives codes to symbols. Nothing in it
// branches, for no branch of an utterance can be foreseen: a run of two or three symbols
// lies in one slot, which is asked whether it is that run.
type toneTable struct {
	ones  []int64        // by code: what a run of one symbol adds
	runs  []uint64       // longer runs, a power of two: weight above key
	seeds [1 << 12]int16 // moves the slots of the keys that are spread alike, so that no two meet
	mix   uint64
	bias  int32
}

const (
	toneCode  = 14                  // bits of a code in the key of a run
	toneThree = 1 << (3 * toneCode) // in the key of a run of three
	toneBits  = 3*toneCode + 1      // of a key
	toneFree  = 1<<toneBits - 1     // no run's: a free slot
	toneOne   = 1 << 44             // counts the runs in a sum of weights

	maxCodes = 1<<toneCode - 2
)

// newToneTable makes the table of runs by their keys. Runs of symbols without a code are
// left out: no text has them.
func newToneTable(symbols []known, weights map[uint64]int32, bias int32) *toneTable {
	codes := uint16(0)
	for _, k := range symbols {
		codes = max(codes, k.code)
	}
	t := &toneTable{ones: make([]int64, int(codes)+1), bias: bias}
	var entries []uint64
	for _, run := range slices.Sorted(maps.Keys(weights)) {
		a, b, c := symbols[run>>32&0xFFFF].code, symbols[run>>16&0xFFFF].code, symbols[run&0xFFFF].code
		weight := uint64(int64(weights[run])) << toneBits
		switch {
		case c == 0 || b == 0 && run>>16 > 0 || a == 0 && run>>32 > 0:
		case run>>16 == 0:
			t.ones[c] = int64(weights[run]) + toneOne
		case run>>32 == 0:
			entries = append(entries, weight|uint64(b)<<toneCode|uint64(c))
		default:
			entries = append(entries, weight|toneThree|uint64(a)<<(2*toneCode)|uint64(b)<<toneCode|uint64(c))
		}
	}
	size := 2
	for size < len(entries)*17/16 {
		size *= 2
	}
	// Keys that are spread alike as a whole need another mixture; slots that are too few
	// need more.
	t.mix = spread(1)
	for tries := 1; !t.place(entries, size); tries++ {
		if t.mix = spread(t.mix) | 1; tries%4 == 0 {
			size *= 2
		}
	}
	return t
}

// place gives the entries their slots and says whether it could.
func (t *toneTable) place(entries []uint64, size int) bool {
	t.runs = slices.Repeat([]uint64{toneFree}, size)
	groups := make([][]uint64, len(t.seeds))
	for _, e := range entries {
		_, g := t.spread(e & toneFree)
		groups[g] = append(groups[g], e)
	}
	// Those with most keys first, while there is room.
	slices.SortStableFunc(groups, func(a, b []uint64) int { return len(b) - len(a) })
	for _, group := range groups {
		if len(group) == 0 {
			return true
		}
		if !t.placeGroup(group) {
			return false
		}
	}
	return true
}

func (t *toneTable) placeGroup(group []uint64) bool {
	mask := uint64(len(t.runs) - 1)
	_, g := t.spread(group[0] & toneFree)
	for seed := range 1 << 15 {
		n := 0
		for ; n < len(group); n++ {
			at, _ := t.spread(group[n] & toneFree)
			if at = (at ^ uint64(seed)) & mask; t.runs[at] != toneFree {
				break
			}
			t.runs[at] = group[n]
		}
		if n == len(group) {
			t.seeds[g] = int16(seed)
			return true
		}
		for n--; n >= 0; n-- {
			at, _ := t.spread(group[n] & toneFree)
			t.runs[(at^uint64(seed))&mask] = toneFree
		}
	}
	return false
}

// spread is a key's slot before it is moved, and the number of its seed.
func (t *toneTable) spread(key uint64) (at, seed uint64) {
	h := key * t.mix
	return h >> 32, h >> 52
}

// run is what a run of two or three symbols adds: its weight and toneOne, or nothing.
func (t *toneTable) run(key uint64) int64 {
	at, seed := t.spread(key)
	e := t.runs[(at^uint64(t.seeds[seed]))&uint64(len(t.runs)-1)]
	adds := int64(0)
	if (e^key)<<(64-toneBits) == 0 {
		adds = int64(e)>>toneBits + toneOne
	}
	return adds
}

// of is the tone of a text. It does not depend on the machine: the sum is of integers,
// and the root and the quotient are rounded as IEEE 754 says.
func (t *toneTable) of(text []letter) int {
	sum := int64(0)
	var one, two uint64 // the codes before
	for i := range text {
		code := uint64(text[i].code())
		pair := one<<toneCode | code
		sum += t.ones[code] + t.run(pair) + t.run(two<<(2*toneCode)|pair|toneThree)
		two, one = one, code
	}
	known := (sum + toneOne/2) / toneOne
	return int(t.bias) + int(float64(sum-known*toneOne)/math.Sqrt(float64(known+1)))
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
		*h = heard{from, to, l.tone.of(s.stream.text[from:to])}
	}
	return s.heard.tone
}

// gauge notes how high the tone of any part can be. Most utterances are so short that
// they have one tone, and most lawful ones are done then.
func (s *scratch) gauge(l *Lexicon) {
	s.heard, s.most = heard{}, math.MaxInt
	if n := len(s.stream.text); n <= toneWindow+1 {
		s.most = s.tone(l, 0, int32(n))
	}
}

// sounds says that an utterance of which the lexicon knows no word may count whole: it
// is neither too short nor too long and sounds like a claim.
func (s *scratch) sounds(l *Lexicon) bool {
	n := len(s.stream.text)
	return n >= toneShort && n <= 2*toneWindow && len(l.wholes) > 0 && s.tone(l, 0, int32(n)) >= min(toneAll, toneOwn)
}

// listen weighs the tone around each candidate against what it needs. Soft candidates
// are listened to only where nothing firm is found, and of those only of the category
// that has most: their words are too common to stand beside a claim that is named. It
// says whether something firm is found.
func (s *scratch) listen(l *Lexicon, facts Facts) (firm bool) {
	most := -1
	// A whole that is loud, and no context: nothing is dropped for its tone.
	loud := s.about.none() && s.most >= toneLoud && s.most < math.MaxInt && len(facts.Additives) == 0
	several := !loud && s.several()
	wary, warySafety := s.about.wary()
	var count [32]int // soft candidates, by place in Findings
	for i := range s.all {
		k := &s.all[i]
		if loud && k.exempt == notExempt && !k.soft {
			firm = true
			continue
		}
		if k.term >= 0 && l.claims[k.term].label && len(facts.Additives) > 0 {
			firm = firm || k.exempt == notExempt
			continue // a record speaks, not the tone
		}
		if k.exempt == exemptNegation || k.exempt == exemptCaution {
			continue
		}
		tone := s.tone(l, max(0, k.start-toneWindow), min(int32(len(s.stream.text)), k.end+toneWindow))
		more := careless
		if warySafety || wary && k.finding != findSafety {
			more = careful
		}
		need := toneLone + more.lone
		switch {
		case k.exempt != notExempt:
			need = toneOwn + more.own
		case k.rule >= 0 && l.needs[k.rule].whole:
			need = toneAll + more.all
		case k.soft:
			need = toneSoft + more.soft
		case k.rule < 0 && s.disguised(k):
			need = toneFirm
		case several || k.blunt():
			need = toneFirm
		case k.rule < 0 && k.how == 0 && int(k.end-k.start) <= toneBrief:
			need = toneWord + more.lone
		}
		switch {
		case tone < need && k.exempt == notExempt:
			k.exempt = exemptTone
		case tone >= need && k.soft:
			k.exempt = notExempt
			f := int(k.finding)
			if count[f]++; most < 0 || count[f] > count[most] {
				most = f
			}
		case tone >= need:
			k.exempt, firm = notExempt, true
		}
	}
	for i := range s.all {
		if k := &s.all[i]; k.exempt == notExempt && k.soft && (firm || int(k.finding) != most) {
			k.exempt = exemptTone
		}
	}
	return firm
}

// blunt says that the claim is one that lawful talk has no words for: others run down, a
// price owned to be invented.
func (k *candidate) blunt() bool { return k.finding == findHarm || k.finding == findPrice }

// disguised says that the term is not written as it is: nobody hides what he may say.
// Sounds alone do not tell, for speech recognition errs too.
func (s *scratch) disguised(k *candidate) bool {
	how := k.how
	for i := k.start; i < k.end; i++ {
		how |= s.stream.text[i].how()
		if i > k.start && s.stream.text[i].gap() == gapSymbol {
			how |= Symbols
		}
	}
	return how&(Pinyin|Split|Lookalike|Symbols|Emoji|Abbreviation) != 0
}

// several says that more than one place is firmly found: not one claim under two names.
func (s *scratch) several() bool {
	var one *candidate
	for i := range s.all {
		k := &s.all[i]
		if k.exempt != notExempt || k.soft {
			continue
		}
		if one != nil && (k.start >= one.end || k.end <= one.start || k.finding != one.finding) {
			return true
		}
		if one == nil {
			one = k
		}
	}
	return false
}
