package speech

import "math"

// A host who sells and a host who warns use the same words. Which of the two speaks is
// learnt from the labelled utterances: every run of one to three characters has a
// weight (lexicon/tone.csv), and an utterance's tone is their sum, so scaled that the
// labelled violations lie about +1000 and the clear rows about -1000. What the lexicon
// finds is dropped where the tone is plainly not that of a claim; what is too broad to
// be found by itself, or what the context exempts, counts where it plainly is one.
const (
	toneLone = -300 // below it one term or rule alone is no finding
	toneFirm = -600 // below it several are none either
	toneSoft = 300  // above it soft rules and terms count too
	toneOwn  = 500  // above it a context that exempts is not believed, but for denial and caution
	toneAll  = 500  // above it an utterance of which the lexicon knows no word counts whole

	toneShort  = 6  // symbols of the shortest utterance that may count whole
	toneRun    = 3  // longest run that has a weight
	toneWindow = 64 // symbols on each side of a claim that are listened to
)

// toneTable maps runs of symbols to weights by open addressing: a look-up for each
// character and length has to be cheap.
type toneTable struct {
	keys    []uint64 // 0: free
	weights []int32
	bias    int32
}

func newToneTable(weights map[uint64]int32, bias int32) *toneTable {
	size := 1
	for size < 2*len(weights)+2 {
		size *= 2
	}
	t := &toneTable{make([]uint64, size), make([]int32, size), bias}
	for key, w := range weights {
		i := t.slot(key)
		t.keys[i], t.weights[i] = key, w
	}
	return t
}

// slot is where the key lies or would lie.
func (t *toneTable) slot(key uint64) int {
	mask := uint64(len(t.keys) - 1)
	i := key * 0x9E3779B97F4A7C15 >> 32 & mask
	for t.keys[i] != 0 && t.keys[i] != key {
		i = (i + 1) & mask
	}
	return int(i)
}

// of is the tone of a text. It does not depend on the machine: the sum is of integers,
// and the root and the quotient are rounded as IEEE 754 says.
func (t *toneTable) of(text []uint16) int {
	sum, known := int64(0), 0
	for i := range text {
		key := uint64(0)
		for n := i; n < len(text) && n < i+toneRun; n++ {
			key = key<<16 | uint64(text[n])
			if at := t.slot(key); t.keys[at] != 0 {
				sum, known = sum+int64(t.weights[at]), known+1
			}
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

// sounds says that an utterance of which the lexicon knows no word may count whole: it
// is neither too short nor too long.
func (s *scratch) sounds(l *Lexicon) bool {
	n := len(s.stream.text)
	return n >= toneShort && n <= 2*toneWindow && len(l.wholes) > 0
}

// listen weighs the tone around each candidate against what it needs. Soft candidates
// are listened to only where nothing firm is found, and of those only of the category
// that has most: their words are too common to stand beside a claim that is named.
func (s *scratch) listen(l *Lexicon, facts Facts) {
	from, to, tone := int32(-1), int32(-1), 0
	firm, most := false, -1
	several := s.several(l)
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
		a, b := max(0, k.start-toneWindow), min(int32(len(s.stream.text)), k.end+toneWindow)
		if a != from || b != to {
			from, to, tone = a, b, l.tone.of(s.stream.text[a:b])
		}
		need, soft := toneLone, l.soft(k)
		switch {
		case k.exempt != "":
			need = toneOwn
		case k.rule >= 0 && l.needs[k.rule].whole:
			need = toneAll
		case soft:
			need = toneSoft
		case several:
			need = toneFirm
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
