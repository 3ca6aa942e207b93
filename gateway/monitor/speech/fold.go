package speech

import (
	"strings"
	"unicode"

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
	fold   bool // a fold of several characters may begin here
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
	table []folded // by rune below 1<<16
	signs map[rune]fold
	folds map[uint16][]fold
	sound []uint16 // rune to syllable, 0: none
	latin map[string]uint16
}

const longestSyllable = 6

// newFolder builds the tables. simple maps traditional to simplified characters,
// alike a look-alike to what it stands for.
func newFolder(simple, alike map[rune]rune, folds []fold, emoji map[rune]fold, sounds map[rune]string) *folder {
	f := &folder{table: make([]folded, 1<<16), signs: map[rune]fold{}, folds: map[uint16][]fold{}, sound: make([]uint16, 1<<16), latin: map[string]uint16{}}
	for r := rune(0); r < 1<<16; r++ {
		f.table[r] = foldRune(r, simple, alike)
	}
	for r, e := range emoji {
		if r < 1<<16 {
			f.table[r] = folded{how: Emoji}
		}
		f.signs[r] = e
	}
	for _, x := range folds {
		f.folds[x.from[0]] = append(f.folds[x.from[0]], x)
	}
	for r := range f.table {
		if _, ok := f.folds[f.table[r].symbol]; ok && f.table[r].symbol != 0 {
			f.table[r].fold = true
		}
	}
	style := pinyin.NewArgs()
	for r := range pinyin.PinyinDict {
		if r >= 1<<16 {
			continue
		}
		s := sounds[rune(r)]
		if s == "" {
			if p := pinyin.SinglePinyin(rune(r), style); len(p) > 0 {
				s = p[0]
			}
		}
		if s == "" {
			continue
		}
		s = strings.ReplaceAll(s, "ü", "v")
		if f.latin[s] == 0 {
			f.latin[s] = uint16(len(f.latin) + 1)
		}
		f.sound[r] = f.latin[s]
	}
	return f
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
	if s := norm.NFKC.String(string(r)); s != string(r) {
		if rs := []rune(s); len(rs) == 1 {
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

// stream is a folded utterance; all slices run along the symbols.
type stream struct {
	text       []uint16
	start, end []int32 // bytes of the utterance
	how        []Evasion
	gap        []uint8 // what stood before the symbol
	tail       uint8   // what stands behind the last

	sound      []uint16 // the second stream: syllables
	first, top []int32  // symbols of text that a syllable covers
	spelt      []bool   // written in Latin letters
}

func (s *stream) reset() {
	s.text, s.start, s.end, s.how, s.gap = s.text[:0], s.start[:0], s.end[:0], s.how[:0], s.gap[:0]
	s.sound, s.first, s.top, s.spelt = s.sound[:0], s.first[:0], s.top[:0], s.spelt[:0]
}

func (s *stream) push(symbol uint16, start, end int32, how Evasion, gap uint8) {
	s.text, s.start, s.end = append(s.text, symbol), append(s.start, start), append(s.end, end)
	s.how, s.gap = append(s.how, how), append(s.gap, gap)
}

// fold writes the utterance as symbols; places stay known.
func (f *folder) fold(s *stream, utterance string) {
	s.reset()
	gap, some := gapNone, false
	for i, r := range utterance {
		size := int32(runeSize(r, utterance[i:]))
		if r >= 1<<16 || f.table[r].how == Emoji {
			if e, ok := f.signs[r]; ok {
				f.replace(s, e, int32(i), int32(i)+size, gap)
				some = true
				gap = gapNone
			} else if gap < gapSymbol {
				gap = gapSymbol
			}
			continue
		}
		e := f.table[r]
		if e.symbol == 0 {
			gap = max(gap, e.gap)
			continue
		}
		s.push(e.symbol, int32(i), int32(i)+size, e.how, gap)
		gap = gapNone
		some = some || e.fold
	}
	s.tail = gap
	if some {
		f.refold(s)
	}
}

// replace writes a sign's words; 🥇 after 第 is its numeral only.
func (f *folder) replace(s *stream, e fold, start, end int32, gap uint8) {
	to := e.to
	if len(to) > 1 && len(s.text) > 0 && s.text[len(s.text)-1] == to[0] {
		to = to[1:]
	}
	for _, c := range to {
		s.push(c, start, end, e.how, gap)
		gap = gapNone
	}
}

// refold applies folds of several symbols in place; none is longer than what it
// replaces, so writing never overtakes reading.
func (f *folder) refold(s *stream) {
	w := 0
	n := len(s.text)
	for i := 0; i < n; {
		x := f.match(s, i)
		if x == nil {
			s.text[w], s.start[w], s.end[w], s.how[w], s.gap[w] = s.text[i], s.start[i], s.end[i], s.how[i], s.gap[i]
			w, i = w+1, i+1
			continue
		}
		start, end, how, gap := s.start[i], s.end[i+len(x.from)-1], x.how, s.gap[i]
		to := x.to
		for _, h := range s.how[i : i+len(x.from)] {
			how |= h
		}
		for _, c := range to {
			s.text[w], s.start[w], s.end[w], s.how[w], s.gap[w] = c, start, end, how, gap
			w, gap = w+1, gapNone
		}
		i += len(x.from)
	}
	s.text, s.start, s.end, s.how, s.gap = s.text[:w], s.start[:w], s.end[:w], s.how[:w], s.gap[:w]
}

// match is the longest fold at i. Latin letters and digits are folded only as a whole
// run: "d1" not in "hd100".
func (f *folder) match(s *stream, i int) *fold {
	var best *fold
	list := f.folds[s.text[i]]
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

// sounds writes the second stream. A Latin run counts only if all of it parses into
// syllables.
func (f *folder) sounds(s *stream) {
	var name [longestSyllable]byte
	for i := 0; i < len(s.text); {
		if !latin(s.text[i]) {
			s.sound, s.first, s.top, s.spelt = append(s.sound, f.sound[s.text[i]]), append(s.first, int32(i)), append(s.top, int32(i+1)), append(s.spelt, false)
			i++
			continue
		}
		end := i
		for end < len(s.text) && latin(s.text[end]) {
			end++
		}
		mark := len(s.sound)
		for at := i; at < end; {
			best, id := 0, uint16(0)
			for n := 1; n <= longestSyllable && at+n <= end; n++ {
				name[n-1] = byte(s.text[at+n-1])
				if v := f.latin[string(name[:n])]; v != 0 && n > 1 {
					best, id = n, v
				}
			}
			if best == 0 {
				s.sound, s.first, s.top, s.spelt = s.sound[:mark], s.first[:mark], s.top[:mark], s.spelt[:mark]
				s.sound, s.first, s.top, s.spelt = append(s.sound, 0), append(s.first, int32(i)), append(s.top, int32(end)), append(s.spelt, false)
				break
			}
			s.sound, s.first, s.top, s.spelt = append(s.sound, id), append(s.first, int32(at)), append(s.top, int32(at+best)), append(s.spelt, true)
			at += best
		}
		i = end
	}
}

// symbols writes a word of the lexicon as the folder would write it in an utterance.
func (f *folder) symbols(word string) []uint16 {
	var s stream
	f.fold(&s, word)
	return s.text
}

func runeSize(r rune, rest string) int {
	if r != unicode.ReplacementChar {
		switch {
		case r < 0x80:
			return 1
		case r < 0x800:
			return 2
		case r < 1<<16:
			return 3
		}
		return 4
	}
	if strings.HasPrefix(rest, "\uFFFD") {
		return 3
	}
	return 1 // a byte that is no UTF-8
}
