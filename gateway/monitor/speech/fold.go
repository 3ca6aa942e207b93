package speech

import (
	"slices"
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

// packed is a folded rune with what matching knows of its symbol, in eight bytes: most of
// an utterance's runes cost the cache a line each.
type packed struct {
	symbol uint16
	known  known
	mark   uint16 // how, and above it of a symbol the places it may have in folds, of none gap
}

// There are fewer disguises than bits below gapShift, and gaps than bits above.
const (
	gapShift = 12

	foldFirst  = 1 << 12 // a fold of several symbols may begin here
	foldSecond = 1 << 13 // and have this as its second
	foldAlone  = 1 << 14 // a fold of this symbol alone
)

func pack(e folded, k known) packed {
	return packed{e.symbol, k, uint16(e.how) | uint16(e.gap)<<gapShift}
}

func (p packed) how() Evasion { return Evasion(p.mark & (1<<gapShift - 1)) }
func (p packed) gap() uint8   { return uint8(p.mark >> gapShift) }

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
	folds map[uint16][]fold // by the symbol they begin with
	pairs filter            // what folds of two symbols and more begin with
	alone *symbols          // those that are a fold by themselves, nil: none
	known []known           // by symbol
	latin map[string]uint16 // syllable to its number
	spell []letters         // the same as a tree, the first its root
	ascii [utf8.RuneSelf][]fold
	spare stream
}

// symbols is a set of symbols.
type symbols [1 << 16 / 64]uint64

func (s *symbols) add(c uint16)      { s[c>>6] |= 1 << (c & 63) }
func (s *symbols) has(c uint16) bool { return s[c>>6]>>(c&63)&1 != 0 }

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
		f.place[r], f.table[r] = uint16(r), pack(foldRune(r, simple, alike), known{})
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
	f.signs, f.folds = signs, map[uint16][]fold{}
	for r := range signs {
		if r < 1<<16 {
			f.table[r] = pack(folded{how: Emoji}, known{})
		}
	}
	var first, second, alone symbols
	for _, x := range folds {
		c := x.from[0]
		f.folds[c] = append(f.folds[c], x)
		if len(x.from) > 1 {
			first.add(c)
			second.add(x.from[1])
			f.pairs.add(0, c, x.from[1])
		} else {
			alone.add(c)
			f.alone = &alone
		}
		if int(c) < len(f.ascii) {
			f.ascii[c] = f.folds[c]
		}
	}
	for r := range f.table {
		e := &f.table[r]
		if e.symbol == 0 {
			continue
		}
		if first.has(e.symbol) {
			e.mark |= foldFirst
		}
		if second.has(e.symbol) {
			e.mark |= foldSecond
		}
		if alone.has(e.symbol) {
			e.mark |= foldAlone
		}
	}
	return f
}

// know notes in the table what matching knows of each rune's symbol, and puts those of
// which it knows most first.
func (f *folder) know() {
	table, n := f.table, 0
	for _, codes := range []bool{true, false} {
		for r := range table {
			e := table[r]
			if e.symbol != 0 {
				e.known = f.known[e.symbol]
			}
			if (e.known.code > 0) == codes {
				f.place[r], f.table[n] = uint16(n), e
				n++
			}
		}
	}
}

func foldRune(r rune, simple, alike map[rune]rune) folded {
	switch r {
	case ',', '，', '、', ':', '：':
		return folded{gap: gapComma}
	case '？', '?':
		return folded{gap: gapAsk}
	case '。', '！', '!', ';', '；', '\n', '…':
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

// stream is a folded utterance; text, known and at run along the symbols.
type stream struct {
	text  []uint16
	known []known
	at    []place
	gaps  uint8 // the widest gap of all
	tail  uint8 // what stands behind the last symbol
	latin bool  // there may be Latin letters

	// The second stream, of an utterance with Latin syllables: see sounds.
	sound      []uint16 // syllables
	first, top []int32  // symbols of text that a syllable covers
	spelt      []bool   // written in Latin letters
}

// place is where a symbol comes from.
type place struct {
	start, end int32 // bytes of the utterance
	how        Evasion
	gap        uint8 // what stood before the symbol
}

// room makes place for so many symbols, of which n are written.
func (s *stream) room(n, symbols int) {
	if cap(s.text) < symbols {
		s.text = append(make([]uint16, 0, symbols), s.text[:n]...)
		s.known = append(make([]known, 0, symbols), s.known[:n]...)
		s.at = append(make([]place, 0, symbols), s.at[:n]...)
	}
	s.text, s.known, s.at = s.text[:symbols], s.known[:symbols], s.at[:symbols]
}

// cut ends the stream behind n symbols.
func (s *stream) cut(n int) { s.text, s.known, s.at = s.text[:n], s.known[:n], s.at[:n] }

// fold writes the utterance as symbols; places stay known. It is false of what is not
// UTF-8.
func (f *folder) fold(s *stream, utterance string) bool {
	s.cut(0)
	s.room(0, len(utterance))
	gaps, latins := gapNone, false
	n, gap, refold := 0, gapNone, false
	first := uint16(0) // foldSecond if a fold may begin with the symbol before, else 0
	for i := 0; i < len(utterance); {
		if b := utterance[i]; b > 0xe0 && b < 0xf0 {
			from, marks, latin := n, uint16(0), false
			if i, n, marks, latin = f.threes(s, utterance, i, n, gap, first); n > from {
				refold, latins, gap = refold || marks&(foldSecond|foldAlone) != 0, latins || latin, gapNone
				first = marks & foldFirst << 1
				continue
			}
		}
		start := i
		r, size := rune(utterance[i]), 1
		if r >= utf8.RuneSelf {
			if r, size = utf8.DecodeRuneInString(utterance[i:]); r == utf8.RuneError && size == 1 {
				return false
			}
		}
		i += size
		e := packed{mark: uint16(Emoji)}
		if int(r) < len(f.place) {
			e = f.table[f.place[r]]
		}
		if e.symbol == 0 {
			sign, ok := fold{}, false
			if e.how() == Emoji {
				sign, ok = f.signs[r]
			}
			if !ok {
				gap = max(gap, e.gap(), gapSymbol)
				gaps = max(gaps, gap)
				continue
			}
			s.room(n, n+len(sign.to)+len(utterance)-i)
			n = f.replace(s, n, sign, place{int32(start), int32(i), sign.how, gap})
			refold, latins = true, true // who knows
			gap = gapNone
			continue
		}
		refold = refold || e.mark&(first|foldAlone) != 0
		first = e.mark & foldFirst << 1
		latins = latins || latin(e.symbol)
		s.text[n], s.known[n], s.at[n] = e.symbol, e.known, place{int32(start), int32(i), e.how(), gap}
		n++
		gap = gapNone
	}
	s.cut(n)
	s.gaps, s.tail, s.latin = gaps, gap, latins
	if refold {
		f.refold(s)
	}
	return true
}

// threes writes symbols of runes of three bytes, as Chinese has, from byte i on and behind
// n symbols, as long as there are such. It says what folds there may be: foldSecond if one
// began, foldFirst if one may begin with the last.
func (f *folder) threes(s *stream, utterance string, i, n int, gap uint8, first uint16) (bytes, symbols int, folds uint16, latins bool) {
	text := s.text
	known, places := s.known[:len(text)], s.at[:len(text)]
	for rest := utterance[i:]; len(rest) >= 3 && n < len(text); rest = rest[3:] {
		// Neither overlong nor half of a pair.
		a, b, c := rest[0], rest[1]^0x80, rest[2]^0x80
		if a <= 0xe0 || a >= 0xf0 || a == 0xed || b|c >= 0x40 {
			break
		}
		e := f.table[f.place[uint16(a)<<12|uint16(b)<<6|uint16(c)]]
		if e.symbol == 0 {
			break
		}
		text[n], known[n] = e.symbol, e.known
		places[n] = place{int32(i), int32(i + 3), e.how(), gap}
		folds |= e.mark & (first | foldAlone)
		first, gap = e.mark&foldFirst<<1, gapNone
		latins = latins || latin(e.symbol)
		n, i = n+1, i+3
	}
	return i, n, folds | first>>1, latins
}

// write puts a symbol that is not an utterance's own.
func (f *folder) write(s *stream, n int, symbol uint16, at place) {
	s.text[n], s.known[n], s.at[n] = symbol, f.known[symbol], at
	s.latin = s.latin || latin(symbol)
}

// replace writes a sign's words behind n symbols and counts them in; 🥇 after 第 is its
// numeral only.
func (f *folder) replace(s *stream, n int, e fold, at place) int {
	to := e.to
	if len(to) > 1 && n > 0 && s.text[n-1] == to[0] {
		to = to[1:]
	}
	for _, c := range to {
		f.write(s, n, c, at)
		n, at.gap = n+1, gapNone
	}
	return n
}

// refold applies folds of several symbols in place; none is longer than what it
// replaces, so writing never overtakes reading.
func (f *folder) refold(s *stream) {
	w, n := 0, len(s.text)
	for i := 0; i < n; {
		var x *fold
		if c := s.text[i]; i+1 < n && f.pairs.has(0, c, s.text[i+1]) > 0 || f.alone != nil && f.alone.has(c) {
			x = f.match(s, i)
		}
		if x == nil {
			if w != i {
				s.text[w], s.known[w], s.at[w] = s.text[i], s.known[i], s.at[i]
			}
			w, i = w+1, i+1
			continue
		}
		whole := place{s.at[i].start, s.at[i+len(x.from)-1].end, x.how, s.at[i].gap}
		for _, p := range s.at[i : i+len(x.from)] {
			whole.how |= p.how
		}
		for _, c := range x.to {
			f.write(s, w, c, whole)
			w, whole.gap = w+1, gapNone
		}
		i += len(x.from)
	}
	s.cut(w)
}

// match is the longest fold at i. Latin letters and digits are folded only as a whole
// run: "d1" not in "hd100".
func (f *folder) match(s *stream, i int) *fold {
	var best *fold
	var list []fold
	if c := s.text[i]; int(c) < len(f.ascii) {
		list = f.ascii[c]
	} else {
		list = f.folds[c]
	}
	for k := range list {
		x := &list[k]
		if best != nil && len(x.from) <= len(best.from) || len(s.text)-i < len(x.from) {
			continue
		}
		same := true
		for j, c := range x.from {
			if s.text[i+j] != c {
				same = false
				break
			}
		}
		if !same {
			continue
		}
		if end := i + len(x.from); latin(x.from[0]) && i > 0 && latin(s.text[i-1]) || latin(x.from[len(x.from)-1]) && end < len(s.text) && latin(s.text[end]) {
			continue
		} else if digit(x.from[0]) && i > 0 && digit(s.text[i-1]) || digit(x.from[len(x.from)-1]) && end < len(s.text) && digit(s.text[end]) {
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
	return slices.Clone(f.spare.text)
}
