package speech

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mozillazg/go-pinyin"
	"golang.org/x/text/unicode/norm"
)

// Evasion is a set of the ways in which found words were disguised.
type Evasion uint16

// The disguises; fixtures/speech/README.md describes them.
const (
	Homophone Evasion = 1 << iota
	Pinyin
	Traditional
	FullWidth
	Split
	Lookalike
	Symbols
	Digits
	Spaced
	Emoji
	Abbreviation
)

var evasionNames = [...]string{"homophone", "pinyin", "traditional", "fullwidth", "split", "lookalike", "symbols", "digits", "spaced", "emoji", "abbreviation"}

// Names lists the set's members in a fixed order.
func (e Evasion) Names() []string {
	var names []string
	for i, n := range evasionNames {
		if e&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

func evasionOf(name string) (Evasion, bool) {
	for i, n := range evasionNames {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// folded is what becomes of one rune: a symbol to keep, or none and what its absence
// means.
type folded struct {
	symbol uint16
	how    Evasion
	gap    uint8
}

// What stands between two symbols that are kept.
const (
	gapNone uint8 = iota
	gapSymbol
	gapSpace
	gapComma
	gapStop
	gapAsk // a stop that asks
)

// fold rewrites a run of symbols: components of a character, initials, digits.
type fold struct {
	from, to []uint16
	how      Evasion
}

// folder rewrites an utterance rune by rune by table.
type folder struct {
	place [1 << 16]uint16 // by rune: its place in table
	table [1 << 16]packed // those that the lexicon knows first: they share what is near
	signs map[rune]fold
	folds [1 << 8][]fold    // by what they begin with, see begins
	pairs filter            // what folds of two symbols and more begin with
	marks map[uint16]packed // by symbol: its places in folds
	known []known           // by symbol
	alone map[uint16]bool   // by code: the symbol is a word by itself
	latin map[string]uint16 // syllable to its number
	spell []letters         // the same as a tree, the first its root
	spare stream
}

// known is what matching knows of a symbol.
type known struct {
	code  uint16 // its number in the words, 0: in none
	sound uint16 // its syllable, 0: none
}

// newFolder builds the tables. simple maps traditional to simplified characters,
// alike a look-alike to what it stands for.
func newFolder(simple, alike map[rune]rune, sounds map[rune]string) *folder {
	f := &folder{known: make([]known, 1<<16), latin: map[string]uint16{}, spell: make([]letters, 1)}
	for r := rune(0); r < 1<<16; r++ {
		f.place[r], f.table[r] = uint16(r), pack(foldRune(r, simple, alike))
	}
	read := map[string]uint16{} // by syllable with its tone
	for r := 0; r < 1<<16; r++ {
		readings, ok := pinyin.PinyinDict[r]
		if !ok {
			continue
		}
		if s := sounds[rune(r)]; s != "" {
			f.known[r].sound = f.numberOf(s)
			continue
		}
		first, _, _ := strings.Cut(readings, ",")
		id, ok := read[first]
		if !ok {
			id = f.numberOf(tones.Replace(first))
			read[first] = id
		}
		f.known[r].sound = id
	}
	return f
}

// with is the folder that also knows folds of several symbols and signs that are words.
// It takes the receiver over.
func (f *folder) with(folds []fold, signs map[rune]fold) *folder {
	f.signs = signs
	for r := range signs {
		if r < 1<<16 {
			f.table[r] = pack(folded{how: Emoji})
		}
	}
	f.marks = map[uint16]packed{}
	for _, x := range folds {
		c := x.from[0]
		if len(x.from) > 1 {
			f.marks[c] |= markFirst
			f.marks[x.from[1]] |= markSecond
			f.pairs.add(0, c, x.from[1])
			f.folds[begins(c, x.from[1])] = append(f.folds[begins(c, x.from[1])], x)
		} else {
			f.marks[c] |= markFold
			f.folds[begins(c, 0)] = append(f.folds[begins(c, 0)], x)
		}
	}
	for r := range f.table {
		if e := &f.table[r]; e.symbol() != 0 {
			*e |= f.marks[e.symbol()]
		}
	}
	return f
}

// begins is the list in folds of those that begin with two symbols, or are one.
func begins(first, second uint16) uint8 { return uint8(first + second*31) }

// know notes in the table what matching knows of each rune's symbol, and puts those of
// which it knows most first.
func (f *folder) know(alone map[uint16]bool) {
	table, n := f.table, 0
	for _, codes := range []bool{true, false} {
		for r := range table {
			e, k := table[r], known{}
			if e.symbol() != 0 {
				k = f.known[e.symbol()]
			}
			if (k.code > 0) != codes {
				continue
			}
			if e = e.with(k); alone[k.code] {
				e |= markAlone
			}
			f.place[r], f.table[n] = uint16(n), e
			n++
		}
	}
	f.alone = alone
}

func foldRune(r rune, simple, alike map[rune]rune) folded {
	switch r {
	case ',', '，', '、', '､', ':', '：':
		return folded{gap: gapComma}
	case '？', '?':
		return folded{gap: gapAsk}
	case '。', '｡', '！', '!', ';', '；', '\n', '…', '⋯':
		return folded{gap: gapStop}
	case '%', '％':
		return folded{symbol: '%'}
	}
	if unicode.IsSpace(r) {
		return folded{gap: gapSpace}
	}
	var how Evasion
	to := r
	if to, ok := alike[r]; ok {
		return folded{symbol: uint16(to), how: Lookalike}
	}
	// Most runes are ideographs and Hangul, which have no other form.
	unified := r >= 0x3400 && r < 0x4dc0 || r >= 0x4e00 && r < 0xa000 || r >= 0xac00 && r < 0xd7a4
	var buffer [utf8.UTFMax]byte
	if !unified && norm.NFKC.Properties(utf8.AppendRune(buffer[:0], r)).Decomposition() != nil {
		if rs := []rune(norm.NFKC.String(string(r))); len(rs) == 1 && rs[0] != r {
			to = rs[0]
			how = FullWidth
			if r >= 0x2460 && r < 0x2500 || r >= 0x2070 && r < 0x20a0 || r >= 0x2776 && r < 0x2794 {
				how = Digits
			}
		}
	}
	if s, ok := simple[to]; ok {
		to, how = s, Traditional
	}
	to = unicode.ToLower(to)
	if a, ok := alike[to]; ok {
		to, how = a, Lookalike
	}
	if !unicode.IsLetter(to) && !unicode.IsNumber(to) || to >= 1<<16 || unicode.Is(unicode.Mn, to) {
		return folded{gap: gapSymbol}
	}
	return folded{symbol: uint16(to), how: how}
}

// fold writes the utterance as symbols; places stay known. It is false of what is not
// UTF-8.
func (f *folder) fold(s *stream, utterance string) bool {
	s.room(0, len(utterance)+1)
	gaps, gap := gapNone, gapNone
	all, refold := packed(0), false // the marks of all symbols
	first := packed(0)              // markSecond if a fold may begin with the symbol before, else 0
	at, n := place(0), 0
	for i := 0; i < len(utterance); i = int(at.start()) {
		if b := utterance[i]; b > 0xe0 && b < 0xf0 {
			from, folds := n, packed(0)
			if at, n, folds, first = f.threes(s.text, utterance, at, n, gap, first); n > from {
				all, refold, gap = all|folds, refold || folds&markSecond != 0, gapNone
				continue
			}
		}
		r, size := rune(utterance[i]), 1
		if r >= utf8.RuneSelf {
			if r, size = utf8.DecodeRuneInString(utterance[i:]); r == utf8.RuneError && size == 1 {
				return false
			}
		}
		e, here := pack(folded{how: Emoji}), at.of(size, gap)
		at = at.past(size)
		if int(r) < len(f.place) {
			e = f.table[f.place[r]]
		}
		if e.symbol() != 0 {
			all, refold = all|e&(markFold|markLatin), refold || e&first != 0
			first = e & markFirst << 1
			s.text[n] = letter{e, here}
			n, gap = n+1, gapNone
			continue
		}
		sign, ok := fold{}, false
		if e.how() == Emoji {
			sign, ok = f.signs[r]
		}
		if !ok {
			gap = max(gap, e.nothing(), gapSymbol)
			if (r == '.' || r == '—') && ends(utterance[i:]) {
				gap = gapStop
			}
			gaps = max(gaps, gap)
			continue
		}
		s.room(n, n+len(sign.to)+len(utterance)-i+1)
		n = f.replace(s, n, sign, here)
		all, refold = markLatin, true // who knows
		gap = gapNone
	}
	s.cut(n)
	s.gaps, s.tail, s.latin = gaps, gap, all&markLatin != 0
	if refold || all&markFold != 0 {
		f.refold(s)
	}
	return true
}

// ends says that a text begins with a dot or dash that ends a sentence: doubled, or a dot and
// a space. A single one stands between the characters of a term.
func ends(text string) bool {
	return strings.HasPrefix(text, "..") || strings.HasPrefix(text, ". ") || strings.HasPrefix(text, "——")
}

// threes writes symbols of runes of three bytes, as Chinese has, from a place on and behind
// n symbols, as long as there are such. It says what marks they have, markSecond only of a
// second that stands behind a first; and first as in fold.
func (f *folder) threes(text []letter, utterance string, at place, n int, gap uint8, first packed) (place, int, packed, packed) {
	all, gaps := packed(0), place(gap)<<placeGap
	for i := int(at.start()); i < len(utterance)-2; i += 3 {
		// Neither overlong nor half of a pair.
		a, b, c := utterance[i], utterance[i+1]^0x80, utterance[i+2]^0x80
		if a <= 0xe0 || a >= 0xf0 || a == 0xed || b|c >= 0x40 {
			break
		}
		e := f.table[f.place[uint16(a)<<12|uint16(b)<<6|uint16(c)]]
		if e.symbol() == 0 {
			break
		}
		text[n] = letter{e, at + 3<<placeEnd + gaps}
		all |= e & (first | markFold | markLatin)
		first, gaps = e&markFirst<<1, 0
		n, at = n+1, at.past(3)
	}
	return at, n, all, first
}

// write puts a symbol that is not an utterance's own.
func (f *folder) write(s *stream, n int, symbol uint16, how Evasion, at place) {
	e := f.table[f.place[symbol]] // of the rune that is so written, which mostly stands for itself
	if e.symbol() != symbol {
		e = f.own(symbol)
	}
	s.text[n] = letter{e.as(how), at}
	s.latin = s.latin || latin(symbol)
}

// own is what the table would have of a symbol.
func (f *folder) own(symbol uint16) packed {
	e := pack(folded{symbol: symbol}).with(f.known[symbol]) | f.marks[symbol]
	if f.alone[e.code()] {
		e |= markAlone
	}
	return e
}

// replace writes a sign's words behind n symbols and counts them in; 🥇 after 第 is its
// numeral only.
func (f *folder) replace(s *stream, n int, e fold, at place) int {
	to := e.to
	if len(to) > 1 && n > 0 && s.text[n-1].symbol() == to[0] {
		to = to[1:]
	}
	for _, c := range to {
		f.write(s, n, c, e.how, at)
		n, at = n+1, at.withoutGap()
	}
	return n
}

// refold applies folds of several symbols in place; none is longer than what it
// replaces, so writing never overtakes reading.
func (f *folder) refold(s *stream) {
	text, w := s.text, 0
	for i := 0; i < len(text); {
		var x *fold
		next := packed(0)
		if i+1 < len(text) {
			next = text[i+1].packed
		}
		if c := text[i].packed; c&(next>>1&markFirst|markFold) != 0 && (c&markFold != 0 || f.pairs.has(0, c.symbol(), next.symbol()) > 0) {
			x = f.match(s, i, f.folds[begins(c.symbol(), next.symbol())])
			if x == nil && c&markFold != 0 {
				x = f.match(s, i, f.folds[begins(c.symbol(), 0)])
			}
		}
		if x == nil {
			if w != i {
				text[w] = text[i]
			}
			w, i = w+1, i+1
			continue
		}
		how, whole := x.how, text[i].to(text[i+len(x.from)-1].place)
		for _, p := range text[i : i+len(x.from)] {
			how |= p.how()
		}
		for _, c := range x.to {
			f.write(s, w, c, how, whole)
			w, whole = w+1, whole.withoutGap()
		}
		i += len(x.from)
	}
	s.cut(w)
}

// match is the longest fold of a list at i, within a clause. Latin letters and digits are folded
// only as a whole run: "d1" not in "hd100".
func (f *folder) match(s *stream, i int, list []fold) *fold {
	var best *fold
	for k := range list {
		x := &list[k]
		if best != nil && len(x.from) <= len(best.from) || len(s.text)-i < len(x.from) {
			continue
		}
		same := true
		for j, c := range x.from {
			if s.text[i+j].symbol() != c {
				same = false
				break
			}
		}
		if !same || s.broken(int32(i), int32(i+len(x.from))) {
			continue
		}
		if end := i + len(x.from); latin(x.from[0]) && i > 0 && s.text[i-1].latin() || latin(x.from[len(x.from)-1]) && end < len(s.text) && s.text[end].latin() {
			continue
		} else if digit(x.from[0]) && i > 0 && digit(s.text[i-1].symbol()) || digit(x.from[len(x.from)-1]) && end < len(s.text) && digit(s.text[end].symbol()) {
			continue
		}
		best = x
	}
	return best
}

func latin(c uint16) bool { return c >= 'a' && c <= 'z' }
func digit(c uint16) bool { return c >= '0' && c <= '9' }

// symbols writes a word of the lexicon as the folder would write it in an utterance. It
// is not for several goroutines.
func (f *folder) symbols(word string) []uint16 {
	f.fold(&f.spare, word)
	symbols := make([]uint16, len(f.spare.text))
	for i, c := range f.spare.text {
		symbols[i] = c.symbol()
	}
	return symbols
}
