package speech

import (
	"math"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// What a finding quotes is said in one clause, if one clause says it.
func TestFindingsKeepWithinAClause(t *testing.T) {
	c := embedded(t)
	for said, want := range map[string][]string{
		// Punctuation between several characters on both sides ends a clause.
		"打虫、消积、开胃，一包全解决":       {"胃"},       // 胃一 sounds like 唯一
		"买二送三，天天都能变白":          {"天天", "变"}, // no 三天
		"坐满三十日，取好吃的给你":         nil,         // 日取 is 最 taken apart
		"ok，zui好吃的都在这":         {"zui好吃"},
		"净水器出来的水治便秘，我们小区都不吃药了": {"治便秘"},
		"治好激素脸，100%有效":         {"治好激素脸", "100%有效"},
		"喝了它散去，痘痘全网最低价给到你":     {"全网最低价"},
		"喝了它散去... 痘痘全网最低价给到你":  {"全网最低价"},
		"喝了它散去. 痘痘全网最低价给到你":    {"全网最低价"},
		"喝了它散去⋯⋯痘痘全网最低价给到你":    {"全网最低价"},
		"喝了它散去——痘痘全网最低价给到你":    {"全网最低价"},
		"喝了它散去｡痘痘全网最低价给到你":     {"全网最低价"},
		"1,000块钱三天涨十倍":         {"三天涨十倍", "三天涨十倍"},
		"别家都没有，全网最低价给到你":       {"全网最低价"},
		"头盔戴三个月，秃顶长满":          {"三个月，秃顶长满"}, // no clause says it alone
		"广西最，好，吃，的粉丝就这一口":      {"最，好，吃"},    // each character alone: hidden
		"今天祛。痘。印。都靠它":          {"祛。痘"},
		"广西最.好.吃.的粉丝就这一口":      {"最.好.吃"},
		"广西最 * 好 * 吃的粉丝就这一口":   {"最 * 好 * 吃"},
		"这款国.家.级的护肤品":          {"国.家.级"},
		"全，网，第，一，养肤粉底":         {"全，网，第，一"},
	} {
		var got []string
		for _, f := range check(t, c, Utterance{Text: said}) {
			got = append(got, f.Text)
		}
		require.Equal(t, want, got, said)
	}
}

// A comma between two clauses hides nothing; one between the characters of a term does.
func TestPunctuationThatHidesATerm(t *testing.T) {
	c := embedded(t)
	for said, hidden := range map[string]bool{
		"头盔戴三个月，秃顶长满":     false,
		"广西最，好，吃，的粉丝就这一口": true,
		"广西最。好。吃。的粉丝就这一口": true,
	} {
		found := check(t, c, Utterance{Text: said})
		require.NotEmpty(t, found, said)
		require.Equal(t, hidden, slices.Contains(found[0].Evasion.Names(), "symbols"), said)
	}
}

// clauseMarks end a clause between several characters; termMarks do not.
var (
	clauseMarks = []string{"，", ",", "、", "。", "！", "!", "；", "：", "…", "？", "\n", "...", ". ", "——"}
	termMarks   = []string{"*", ".", "·", "/", "-", "_", " ", "|", "~", "#", " * ", "—"}
)

// terms calls f with every term that folds to the characters it is written with: marks
// between others do not stand between symbols.
func terms(l *Lexicon, f func(number int32, characters []string)) {
	for i, term := range l.Terms {
		symbols := l.written.of(int32(i))
		characters := strings.Split(term.Text, "")
		plain := len(symbols) == len(characters)
		for j := range characters {
			r, _ := utf8.DecodeRuneInString(characters[j])
			plain = plain && symbols[j] == uint16(r) && r > 0x2e80
		}
		if plain {
			f(int32(i), characters)
		}
	}
}

// whole says whether a term is found as a word that no clause's end parts.
func whole(c *Checker, text string, term int32) bool {
	s := &scratch{}
	c.lexicon.folder.fold(&s.stream, text)
	c.find(s)
	return slices.ContainsFunc(s.found, func(o occurrence) bool {
		return o.word == term && !s.stream.broken(o.at.start(), o.at.end())
	})
}

// A term parted in one place, several characters on both sides, is two clauses' words;
// with a mark between all its characters it is hidden.
func TestEveryTermInTwoClauses(t *testing.T) {
	c := embedded(t)
	n := 0
	terms(c.lexicon, func(term int32, characters []string) {
		mark := clauseMarks[n%len(clauseMarks)]
		for at := 1; at < len(characters); at++ {
			text := "味儿慢慢" + strings.Join(characters[:at], "") + mark + strings.Join(characters[at:], "") + "那边"
			require.False(t, whole(c, text, term), text)
		}
		for _, mark := range []string{mark, termMarks[n%len(termMarks)]} {
			if text := "味儿" + mark + strings.Join(characters, mark) + mark + "那边"; !whole(c, text, term) {
				require.Fail(t, "not found", text)
			}
		}
		n++
	})
	require.Greater(t, n, 4000)
}

// However punctuation falls into an utterance: of a word found over it, each character is
// apart from the next, and one of them from all others.
func TestNoWordOfTwoClauses(t *testing.T) {
	c := embedded(t)
	us := slices.DeleteFunc(toneSet(t), func(u labelled) bool {
		return strings.ContainsFunc(u.text, func(r rune) bool { return !unicode.Is(unicode.Han, r) && !sentenceMark(r) })
	})
	hidden := 0
	rapid.Check(t, func(t *rapid.T) {
		said := []rune(rapid.SampledFrom(us).Draw(t, "utterance").text)
		marks := []rune(rapid.SampledFrom([]string{"，", "。", "，。！、,"}).Draw(t, "marks"))
		for at := rapid.IntRange(0, 3).Draw(t, "first"); at < len(said); at += rapid.IntRange(2, 9).Draw(t, "apart") {
			said = slices.Insert(said, at, rapid.SampledFrom(marks).Draw(t, "mark"))
		}
		text := string(said)
		s := &scratch{most: math.MaxInt}
		require.True(t, c.lexicon.folder.fold(&s.stream, text))
		c.find(s)
		s.fit(c.lexicon, anyProduct)
		c.expand(s)
		for _, h := range s.loose {
			from, to := int(s.stream.text[h.start()].start()), int(s.stream.text[h.end()-1].end())
			pieces := strings.FieldsFunc(text[from:to], sentenceMark)
			folded := slices.ContainsFunc(s.stream.text[h.start():h.end()], func(x letter) bool { return x.how() != 0 })
			if len(pieces) < 2 || folded { // the pieces of a folded character may stand apart: 亻，弟
				continue
			}
			hidden++
			before, _ := utf8.DecodeLastRuneInString(text[:from])
			after, _ := utf8.DecodeRuneInString(text[to:])
			require.GreaterOrEqual(t, len(pieces), int(h.end()-h.start()), "%s in %s", text[from:to], text)
			require.True(t, len(pieces) > 2 || sentenceMark(before) || sentenceMark(after) || to == len(text), "%s in %s", text[from:to], text)
		}
	})
	require.Greater(t, hidden, 0)
}

func sentenceMark(r rune) bool { return strings.ContainsRune(",，、:：。！!;；…?？\n", r) }
