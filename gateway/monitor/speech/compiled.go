package speech

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// compiled is the lexicon as the check reads it: flat, by number of word, voice, term,
// class or rule.
type compiled struct {
	words *trie       // on codes of symbols
	first []beginning // by code: what begins with the symbol
	pairs filter      // what words of two symbols and more begin with

	twos    smallFilter // the sounds of core words of two characters
	triples filter      // what the sounds of longer words begin with
	alike   runs        // those words by these sounds
	voices  *trie       // of all words by their syllables: of those that sound so, the first
	same    []int32     // by word: the next that sounds so, -1: none
	unlike  []bool      // by word: alone in its run; while the tables are made

	written lists[uint16] // by word: its symbols
	sounded []bool        // by word: may be found by sound with one of two characters changed
	kind    []uint16      // by word: its place in kinds, also noted in the trie of words
	kinds   []kind
	roles   []role

	claims []claim // by term

	wordings, ruleWordings []wording // by term, by rule
	ruleCharges            []charge  // by rule

	needs   []requirement // by rule
	steps   lists[part]   // by rule: its parts but the first
	wholes  []int32       // the rules of whole utterances
	charges []charge
	rarest  lists[asked] // by bit: rules whose rarest class it is
	rare    classes      // the classes that are some rule's rarest
	bit     []uint8      // by class: its place in classes, noBit: no rule uses it
	numbers classes      // time and amount, which numerals make of units
}

// beginning is what begins with a symbol: the word of this one, -1: none, and the base
// of its state in the trie, which bears the number of its code.
type beginning struct {
	word, base int32
	kind       uint16
}

// lists are slices by number, in one piece of memory.
type lists[T any] struct {
	at    []uint32
	items []T
}

func newLists[T any](of [][]T) lists[T] {
	l := lists[T]{at: make([]uint32, 1, len(of)+1)}
	for _, items := range of {
		l.items = append(l.items, items...)
		l.at = append(l.at, uint32(len(l.items)))
	}
	l.items = slices.Clip(l.items)
	return l
}

func (l *lists[T]) of(i int32) []T { return l.items[l.at[i]:l.at[i+1]] }

// classes is a set of the word classes that rules use, by their bits. Where there are
// more classes than bits two may share one: it answers which classes are certainly
// absent.
type classes [classBits / 64]uint64

const (
	classBits = 128
	noBit     = 255
)

func (c *classes) add(bit uint8) {
	if bit != noBit {
		c[bit>>6] |= 1 << (bit & 63)
	}
}

func (c *classes) has(bit uint8) bool { return bit != noBit && c[bit>>6]>>(bit&63)&1 != 0 }

func (c *classes) join(o *classes) { c[0], c[1] = c[0]|o[0], c[1]|o[1] }

func (c *classes) meets(o *classes) bool { return c[0]&o[0]|c[1]&o[1] != 0 }

// kind is what many words have in common.
type kind struct {
	classes classes
	roles   uint32 // the first of its roles, and how many
	count   uint16
	always  uint8 // 1: it may matter whatever rules fit: a claim, a word of the context, or a market, which weighs there too
	claims  bool  // a term that is a finding without a rule
	counts  bool  // a unit or measure: behind a numeral it makes a time or an amount
}

// role is one of the classes of a word.
type role struct {
	class  uint16
	bit    uint8 // of the class
	always uint8 // 1: it may matter whatever rules fit
	other  int32 // 0: as a term, the first words being terms by the same numbers; else -1
}

// claim is what the check asks of a term.
type claim struct {
	charge   int32 // of charges
	finding  uint8 // of Findings
	products products
	always   bool // a finding without a rule
	soft     bool // and only if the utterance sounds like a claim
	label    bool // a finding against the label
}

// requirement is what an utterance must hold for a rule to fit.
type requirement struct {
	classes  classes
	begin    int32 // the class of its first part
	products products
	finding  uint8 // of Findings
	soft     bool  // only if the utterance sounds like a claim
	denies   bool  // as in Rule
	named    bool
	broad    bool // soft, and of no account where anything firm is found
	whole    bool // of an utterance, whatever its words
}

// asked is what is asked of a rule to see whether it fits.
type asked struct {
	classes  classes
	rule     int32
	products products
	broad    int // 1 or 0, as in requirement
}

// products is a set of Categories.
type products uint8

const anyProduct products = 1<<8 - 1

// productsOf are the categories named; nil means any.
func productsOf(names []string) products {
	if names == nil {
		return anyProduct
	}
	var set products
	for i, c := range Categories {
		if slices.Contains(names, c) {
			set |= 1 << i
		}
	}
	return set
}

// tabulate makes the tables from the words; core are those found by sound with one of
// two characters changed. It says how many codes it gave to symbols.
func (b *builder) tabulate(core map[string]bool) (codes int) {
	t := &b.compiled
	t.written = newLists(b.written)
	b.tabulateRules()
	b.tabulateKinds()
	known := b.folder.known
	coded := make([][]uint16, len(b.written))
	buffer := make([]uint16, 0, len(t.written.items))
	for i, word := range b.written {
		for _, c := range word {
			if known[c].code == 0 {
				codes++
				known[c].code = uint16(codes)
			}
			buffer = append(buffer, known[c].code)
		}
		coded[i] = buffer[len(buffer)-len(word):]
	}
	for _, run := range slices.Sorted(maps.Keys(b.weights)) {
		for ; run > 0; run >>= 16 {
			if k := &known[uint16(run)]; k.code == 0 {
				codes++
				k.code = uint16(codes)
			}
		}
	}
	t.words = newTrie(coded, codes)
	alone := map[uint16]bool{}
	t.first = slices.Repeat([]beginning{{word: -1}}, codes+1)
	t.first[0].base = int32(codes + 1) // where no state is the root's child
	for i, word := range coded {
		t.first[word[0]].base = t.words.cells[word[0]].base
		if len(word) == 1 {
			alone[word[0]] = true
			t.first[word[0]].word, t.first[word[0]].kind = int32(i), t.kind[i]
		} else {
			t.pairs.add(0, word[0], word[1])
		}
	}
	b.tabulateVoices(core)
	for i := range t.words.cells {
		if c := &t.words.cells[i]; c.word >= 0 {
			c.kind = t.kind[c.word]
			if t.unlike[c.word] {
				c.kind |= topBit
			}
		}
	}
	t.unlike = nil
	b.folder.know(alone)
	return codes
}

func (b *builder) tabulateRules() {
	t := &b.compiled
	type key struct {
		article, finding string
		level            Level
	}
	charges := map[key]int32{}
	for i := range b.Terms {
		term := &b.Terms[i]
		t.wordings = append(t.wordings, wording{term.ID, term.Text})
		c := key{term.Article, term.Finding, term.Level}
		at, ok := charges[c]
		if !ok {
			at = int32(len(t.charges))
			charges[c], t.charges = at, append(t.charges, charge{article: c.article, finding: c.finding, level: c.level})
		}
		condition := b.Terms[i].Condition
		t.claims = append(t.claims, claim{
			charge: at, finding: uint8(slices.Index(Findings, b.Terms[i].Finding)), products: productsOf(b.Terms[i].Products),
			always: condition == Always || condition == Tone, soft: condition == Tone, label: condition == Label,
		})
	}
	rarest, steps := make([][]asked, classBits), make([][]part, len(b.Rules))
	common := b.common()
	b.tabulateBits(common)
	for i := range b.Rules {
		r := &b.Rules[i]
		t.ruleWordings = append(t.ruleWordings, wording{term: r.ID})
		t.ruleCharges = append(t.ruleCharges, charge{r.Article, r.Finding, r.Level, []string{"rule " + r.ID}})
		need := requirement{
			begin: r.parts[0].class, products: productsOf(r.Products), finding: uint8(slices.Index(Findings, r.Finding)),
			denies: r.denies, named: r.named, soft: r.Condition == Tone, whole: r.parts[0].class == b.class["whole"],
		}
		// A promise of safety also makes a claim of what the label may contradict.
		need.broad = need.soft && r.Finding != "safety-endorsement"
		steps[i] = r.parts[1:]
		rare := r.parts[0].class
		for _, p := range r.parts {
			need.classes.add(t.bit[p.class])
			if common[p.class] < common[rare] {
				rare = p.class
			}
		}
		t.needs = append(t.needs, need)
		t.rare.add(t.bit[rare])
		rarest[t.bit[rare]] = append(rarest[t.bit[rare]], asked{need.classes, int32(i), need.products, one(need.broad)})
	}
	t.rarest, t.steps = newLists(rarest), newLists(steps)
	t.numbers.add(t.bit[b.time])
	t.numbers.add(t.bit[b.amount])
}

// tabulateBits gives the classes that rules use their bits. If there are too few, the
// rarest share.
func (b *builder) tabulateBits(common []int) {
	b.bit = slices.Repeat([]uint8{noBit}, len(b.class))
	var used []int32
	for i := range b.Rules {
		for _, p := range b.Rules[i].parts {
			if !slices.Contains(used, p.class) {
				used = append(used, p.class)
			}
		}
	}
	slices.SortStableFunc(used, func(x, y int32) int { return common[y] - common[x] })
	for i, class := range used {
		if i < classBits {
			b.bit[class] = uint8(i)
		} else {
			b.bit[class] = uint8(classBits/2 + i%(classBits/2))
		}
	}
}

// common guesses by class how often its words are said: one character above all.
func (b *builder) common() []int {
	common := make([]int, len(b.class))
	for i, word := range b.written {
		for _, m := range b.members[i] {
			if common[m.class]++; len(word) == 1 {
				common[m.class] += 1000
			}
		}
	}
	return common
}

// tabulateKinds sorts the words by what they are.
func (b *builder) tabulateKinds() {
	t := &b.compiled
	numbers := map[string]uint16{}
	t.kind = make([]uint16, len(b.members))
	for i, members := range b.members {
		b.key = b.key[:0]
		var claims uint32
		for _, m := range members {
			term := uint32(0)
			if m.term >= 0 {
				term = 1
				if c := &t.claims[m.term]; m.class == b.termClass && (c.always || c.label) {
					claims = 1
				}
			}
			b.key = binary.BigEndian.AppendUint32(b.key, uint32(m.class)<<1|term)
		}
		b.key = binary.BigEndian.AppendUint32(b.key, claims)
		n, ok := numbers[string(b.key)]
		if !ok {
			n = uint16(len(t.kinds))
			numbers[string(b.key)] = n
			t.kinds = append(t.kinds, b.kindOf(members, claims > 0))
		}
		t.kind[i] = n
	}
}

func (b *builder) kindOf(members []member, claims bool) kind {
	k := kind{claims: claims, roles: uint32(len(b.roles)), count: uint16(len(members))}
	// The highest class first, see sort.
	members = slices.SortedFunc(slices.Values(members), func(x, y member) int { return cmp.Compare(y.class, x.class) })
	for _, m := range members {
		r := role{class: uint16(m.class), bit: b.bit[m.class], other: -1}
		if m.term >= 0 {
			r.other = 0
		}
		if m.class <= classShield || m.class == b.market || m.class == b.termClass && claims {
			r.always, k.always = 1, 1
		}
		b.roles = append(b.roles, r)
		k.classes.add(b.bit[m.class])
		k.counts = k.counts || m.class == b.unit || m.class == b.measure
	}
	return k
}

// tabulateVoices makes the second trie, of the sounds of all words but those of context.
func (b *builder) tabulateVoices(core map[string]bool) {
	t := &b.compiled
	t.sounded = make([]bool, len(b.written))
	t.same = slices.Repeat([]int32{-1}, len(b.written))
	index := make(map[string]int32, len(b.written)) // sounds to the last word that sounds so
	buffer := make([]uint16, 0, len(t.written.items))
	var voices [][]uint16
	var first []int32
	var alike runBuilder
	for i, word := range b.written {
		isCore := len(core) > 0 && core[string(b.keyOf(word))]
		if len(word) < 2 && !isCore || b.contextOnly(int32(i)) {
			continue
		}
		for _, c := range word {
			buffer = append(buffer, b.folder.known[c].sound)
		}
		sounds := buffer[len(buffer)-len(word):]
		if slices.Contains(sounds, 0) {
			continue
		}
		t.sounded[i] = isCore
		key := b.keyOf(sounds)
		if last, ok := index[string(key)]; ok {
			t.same[last] = int32(i)
		} else {
			voices, first = append(voices, sounds), append(first, int32(i))
		}
		index[string(key)] = int32(i)
		switch {
		case len(word) == 2 && isCore:
			t.twos.add(sounds[0], sounds[1])
			alike.add(joined(0, sounds[0], sounds[1]), voiced{int32(i), 1, word, sounds})
		case len(word) > 2:
			t.triples.add(sounds[0], sounds[1], sounds[2])
			alike.add(joined(sounds[0], sounds[1], sounds[2]), voiced{int32(i), changes(len(word), isCore), word, sounds})
		}
	}
	t.alike = alike.runs()
	t.unlike = alike.single(len(b.written))
	t.voices = newTrie(voices, len(b.folder.latin))
	for i := range t.voices.cells {
		if c := &t.voices.cells[i]; c.word >= 0 {
			c.word = first[c.word]
		}
	}
}

// contextOnly says that a word only exempts: nobody disguises those.
func (b *builder) contextOnly(word int32) bool {
	for _, m := range b.members[word] {
		if int(m.class) >= len(contextClasses) {
			return false
		}
	}
	return true
}
