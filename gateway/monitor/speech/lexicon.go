package speech

import (
	"encoding/binary"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf16"

	"traceledger/chaincode/trace"
)

// Level is how grave a finding is.
type Level string

// The levels, as a verdict carries them.
const (
	LevelHint    Level = "hint"    // words to avoid
	LevelMinor   Level = "minor"   // an infringement
	LevelSerious Level = "serious" // touches health, safety or the state's name
)

// Condition says when a term is a finding.
type Condition string

// The conditions.
const (
	Always Condition = ""
	Cure   Condition = "cure"  // with a word of healing or of an effect near it
	Scope  Condition = "scope" // with a market, a rank's realm, near it
	Label  Condition = "label" // against the label, or with a promise of safety
	Tone   Condition = "tone"  // in an utterance that sounds like a claim
)

// Term is an entry of the lexicon.
type Term struct {
	ID        string    // finding and number of the term's digest, stable under reordering
	Text      string    // as the law's readers write it
	Article   string    // law and article
	Finding   string    // legal category, see Findings
	Products  []string  // food, beauty, home, electronics; nil: any
	Level     Level     //
	Condition Condition //
	Example   string    // an utterance in which the term is found
}

// Rule is a sequence of words and word classes with gaps that together make a claim.
type Rule struct {
	ID        string
	Article   string
	Finding   string
	Products  []string
	Level     Level
	Condition Condition // Always or Tone
	Example   string
	parts     []part
	denies    bool // words of denial are part of the claim
	named     bool // a disease and a use, no cure said: any word of caution exempts
}

// part is one place of a rule: a hit of the class, at most gap symbols after the
// part before it.
type part struct {
	class int32
	gap   int32
}

// Findings are the legal categories.
var Findings = []string{
	findAbsolute: "absolute", findMedical: "medical", findEffect: "false-effect", findFact: "false-fact", findFreshness: "freshness",
	findAdditiveFree: "additive-free", findSafety: "safety-endorsement", findPrice: "price", findAuthority: "origin-authority",
	findHarm: "harm-comparison", findReturn: "guarantee-return", findEducation: "education-guarantee",
	findSuperstition: "superstition", findMilk: "breast-milk", findMark: "well-known-mark",
}

// Places in Findings.
const (
	findAbsolute uint8 = iota
	findMedical
	findEffect
	findFact
	findFreshness
	findAdditiveFree
	findSafety
	findPrice
	findAuthority
	findHarm
	findReturn
	findEducation
	findSuperstition
	findMilk
	findMark
)

// Lexicon is the versioned data, ready to match. It does not change once loaded.
type Lexicon struct {
	Version string
	Digest  trace.Digest // SHA-256 of the canonical form: the content of the monitor's rule
	Terms   []Term
	Rules   []Rule

	folder *folder
	class  map[string]int32
	tone   *toneTable
	compiled

	termClass, market, unit, time, measure, amount, initials int32
}

// member is one role of a word.
type member struct {
	class int32
	term  int32 // -1: a word of a class
}

// Load reads and checks a lexicon. One bad row refuses the whole; the error names
// file, row and column.
func Load(files fs.FS) (*Lexicon, error) {
	source, err := read(files)
	if err != nil {
		return nil, err
	}
	return build(source)
}

// builtInClasses exist in every lexicon: words of terms, and what numbers make.
var builtInClasses = []string{"term", "ill", "peak", "scope", "unit", "measure", "time", "amount", "core", "disease", "initials", "whole"}

type builder struct {
	*Lexicon
	index   map[string]int32
	written [][]uint16       // by word: its symbols
	members [][]member       // by word: what it is
	weights map[uint64]int32 // by run: what it adds to the tone
	key     []byte
}

// add gives a word a role.
func (b *builder) add(word []uint16, m member) {
	key := b.keyOf(word)
	at, ok := b.index[string(key)]
	if !ok {
		at = int32(len(b.written))
		b.index[string(key)] = at
		b.written = append(b.written, word)
		b.members = append(b.members, nil)
	}
	if !slices.Contains(b.members[at], m) {
		b.members[at] = append(b.members[at], m)
	}
}

// keyOf is the word as the key of a map, until the next call.
func (b *builder) keyOf(word []uint16) []byte {
	b.key = b.key[:0]
	for _, c := range word {
		b.key = binary.BigEndian.AppendUint16(b.key, c)
	}
	return b.key
}

func (b *builder) classOf(name string) int32 {
	id, ok := b.class[name]
	if !ok {
		id = int32(len(b.class))
		b.class[name] = id
	}
	return id
}

// literal is a word as symbols without any fold.
func literal(word string) []uint16 {
	var symbols []uint16
	for _, r := range word {
		symbols = append(symbols, uint16(r))
	}
	return symbols
}

func build(src *source) (*Lexicon, error) {
	l := &Lexicon{Version: src.version, Digest: src.digest, class: map[string]int32{}}
	b := &builder{Lexicon: l, index: map[string]int32{}}
	for _, name := range contextClasses {
		b.classOf(name)
	}
	for _, name := range builtInClasses {
		b.classOf(name)
	}
	// Folds are written with characters that need no fold themselves.
	plain := newFolder(src.simple, src.alike, src.sounds)
	var folds []fold
	for _, x := range src.folds {
		from, to := plain.symbols(x.from), plain.symbols(x.to)
		if len(from) == 0 || len(to) > len(from) {
			return nil, x.row.refuse(trace.CodeInvalid, 1, "%q 折叠后不能变长", "%q may not grow when folded", x.from)
		}
		folds = append(folds, fold{from, to, x.how})
	}
	emoji := map[rune]fold{}
	for r, word := range src.emoji {
		emoji[r] = fold{to: plain.symbols(word), how: Emoji}
	}
	l.folder = plain.with(folds, emoji)
	l.termClass, l.market = l.class["term"], l.class["scope"]
	l.unit, l.time, l.measure, l.amount = l.class["unit"], l.class["time"], l.class["measure"], l.class["amount"]
	l.initials = l.class["initials"]
	seen := make(map[string]int32, len(src.terms))
	l.Terms = src.terms
	for i := range l.Terms {
		t, r := &l.Terms[i], src.termRows[i]
		word := l.folder.symbols(t.Text)
		if len(word) < 2 {
			return nil, r.refuse(trace.CodeInvalid, 0, "词 %q 太短", "term %q is too short", t.Text)
		}
		key := b.keyOf(word)
		if other, ok := seen[string(key)]; ok {
			return nil, r.refuse(trace.CodeAlreadyExists, 0, "词 %q 与 %s 重复", "term %q repeats %s", t.Text, src.termRows[other].where())
		}
		seen[string(key)] = int32(i)
		id := int32(i)
		b.add(word, member{b.classOf("term"), id})
		if t.Condition == Cure {
			b.add(word, member{b.classOf("ill"), id})
		}
		if t.Condition == Cure && t.Level == LevelSerious {
			b.add(word, member{b.classOf("disease"), id})
		}
		if t.Condition == Scope {
			b.add(word, member{b.classOf("peak"), id})
		}
	}
	for _, w := range src.words {
		class := b.classOf(w.class)
		word := l.folder.symbols(w.text)
		if len(word) == 0 {
			return nil, w.row.refuse(trace.CodeInvalid, 1, "词 %q 折叠后为空", "word %q folds to nothing", w.text)
		}
		b.add(word, member{class, -1})
	}
	b.weights = make(map[uint64]int32, len(src.tones))
	for _, t := range src.tones {
		key := toneKey(t.run)
		if key == 0 {
			return nil, t.row.refuse(trace.CodeInvalid, 0, "%q 应为 1 至 %d 个字", "%q must be 1 to %d characters", t.run, toneRun)
		}
		b.weights[key] = t.weight
	}
	known := len(l.class)
	l.Rules = src.rules
	for i := range l.Rules {
		if err := b.compile(&l.Rules[i], src.patterns[i], known); err != nil {
			return nil, err
		}
	}
	denials := b.denials()
	for i := range l.Rules {
		r := &l.Rules[i]
		for _, p := range r.parts {
			r.denies = r.denies || denials[p.class]
		}
		if r.parts[0].class == l.class["whole"] {
			l.wholes = append(l.wholes, int32(i))
		}
	}
	if classes := len(b.class); classes > maxClasses {
		return nil, trace.Errorf(trace.CodeTooLarge, "词类 %d 个, 最多 %d (%d word classes, at most %d)", classes, maxClasses, classes, maxClasses)
	}
	if most := max(len(b.written), len(l.Terms), len(l.Rules)); most > maxNumbers {
		return nil, trace.Errorf(trace.CodeTooLarge, "词语、条目或规则 %d 条, 最多 %d (%d words, terms or rules, at most %d)", most, maxNumbers, most, maxNumbers)
	}
	core := map[string]bool{}
	for _, w := range src.words {
		if w.class == "core" {
			core[string(b.keyOf(literal(w.text)))] = true
		}
	}
	if codes := b.tabulate(core); codes > maxCodes {
		return nil, trace.Errorf(trace.CodeTooLarge, "不同的字 %d 个, 最多 %d (%d different characters, at most %d)", codes, maxCodes, codes, maxCodes)
	}
	l.tone = newToneTable(l.folder.known, b.weights, src.bias)
	if len(l.kinds) > topBit {
		return nil, trace.Errorf(trace.CodeTooLarge, "词类组合 %d 种, 最多 %d (%d combinations of word classes, at most %d)", len(l.kinds), topBit, len(l.kinds), topBit)
	}
	return l, nil
}

// denials says of which classes a word contains one that denies or warns.
func (b *builder) denials() map[int32]bool {
	var words []string
	for i, word := range b.written {
		if slices.ContainsFunc(b.members[i], func(m member) bool { return m.class == classNeg || m.class == classRebut || m.class == classQuestion }) {
			words = append(words, string(utf16.Decode(word)))
		}
	}
	claims := func(m member) bool { return m.term < 0 && m.class > classShield }
	classes := map[int32]bool{}
	for i, word := range b.written {
		if !slices.ContainsFunc(b.members[i], claims) {
			continue
		}
		text := string(utf16.Decode(word))
		if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) }) {
			continue
		}
		for _, m := range b.members[i] {
			if claims(m) {
				classes[m.class] = true
			}
		}
	}
	return classes
}

// compile reads a pattern: parts apart by spaces, a part {class} or words apart by |,
// before it ~N if N symbols may lie between.
func (b *builder) compile(r *Rule, p pattern, known int) error {
	gap := int32(0)
	for _, field := range strings.Fields(p.text) {
		if n, ok := strings.CutPrefix(field, "~"); ok {
			g := 0
			for _, d := range n {
				if d < '0' || d > '9' {
					return p.row.refuse(trace.CodeInvalid, 0, "间隔 %q 不是数字", "gap %q is no number", field)
				}
				g = g*10 + int(d-'0')
			}
			if n == "" || g > 40 {
				return p.row.refuse(trace.CodeInvalid, 0, "间隔 %q 应为 1 至 40", "gap %q must be 1 to 40", field)
			}
			gap = int32(g)
			continue
		}
		var class int32
		if name, ok := strings.CutPrefix(field, "{"); ok {
			id, ok := b.class[strings.TrimSuffix(name, "}")]
			if !ok || int(id) >= known || !strings.HasSuffix(name, "}") {
				return p.row.refuse(trace.CodeInvalid, 0, "没有词类 %q", "no word class %q", field)
			}
			class = id
		} else {
			class = b.classOf("=" + field)
			for _, word := range strings.Split(field, "|") {
				w := b.folder.symbols(word)
				if len(w) == 0 {
					return p.row.refuse(trace.CodeInvalid, 0, "空词 %q", "empty word in %q", field)
				}
				b.add(w, member{class, -1})
			}
		}
		r.parts = append(r.parts, part{class, gap})
		gap = 0
	}
	r.named = (strings.Contains(p.text, "{disease}") || strings.HasPrefix(p.text, "{ill}")) && strings.Contains(p.text, "{usev}")
	if len(r.parts) == 0 {
		return p.row.refuse(trace.CodeMissing, 0, "规则为空", "the rule is empty")
	}
	return nil
}
