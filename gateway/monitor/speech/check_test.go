package speech

import (
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func check(t testing.TB, c *Checker, u Utterance) []Finding {
	t.Helper()
	findings, err := c.Check(u)
	require.NoError(t, err)
	return findings
}

// A finding says where in the words as they were said, and how they were disguised.
func TestFindingPointsIntoTheUtterance(t *testing.T) {
	c := embedded(t)
	for _, x := range []struct {
		said, words, canonical string
		how                    []string
	}{
		{"家人们 蕞 低 价", "蕞 低 价", "最低价", []string{"lookalike", "spaced"}},
		{"今天全网最低价给到", "全网最低价", "全网最低价", nil},
		{"这个能消盐杀菌", "消盐杀菌", "消炎杀菌", []string{"homophone"}},
		{"咱家米zui好吃", "zui好吃", "最好吃", []string{"pinyin"}},
		{"這是頂級工藝", "頂級工藝", "顶级工艺", []string{"traditional"}},
		{"１００％有效", "１００％有效", "100%有效", []string{"fullwidth", "digits"}},
		{"它日取好吃的", "日取好吃", "最好吃", []string{"split"}},
		{"最.好.吃的", "最.好.吃", "最好吃", []string{"symbols"}},
	} {
		findings := check(t, c, Utterance{Text: x.said})
		require.NotEmpty(t, findings, x.said)
		f := findings[0]
		require.Equal(t, x.words, f.Text, x.said)
		require.Equal(t, x.words, x.said[f.Start:f.End])
		require.Equal(t, x.words, string([]rune(x.said)[f.StartRune:f.EndRune]))
		require.Equal(t, x.canonical, f.Canonical())
		require.Subset(t, f.Evasion.Names(), x.how, x.said)
		require.NotEmpty(t, f.Article())
		chinese, english := f.Explain()
		require.Contains(t, chinese, x.words)
		require.Contains(t, english, f.Article())
	}
}

// What is said as it is written in the lexicon stands for nothing else, though it was
// found in disguise, such as with a digit read as a word or a comma between parts of a rule.
func TestExplainNamesATermOnlyForItsVariants(t *testing.T) {
	c := embedded(t)
	for said, variant := range map[string]bool{"治好激素脸，100%有效": false, "全网蕞低价": true, "今天全网最低价": false} {
		findings := check(t, c, Utterance{Text: said})
		require.NotEmpty(t, findings, said)
		for _, f := range findings {
			chinese, english := f.Explain()
			require.Equal(t, variant, strings.Contains(chinese, "的变形"), chinese)
			require.Equal(t, variant, strings.Contains(english, "stands for"), english)
		}
	}
}

// A finding that nothing found says nothing.
func TestZeroFindingSaysNothing(t *testing.T) {
	var f Finding
	require.Empty(t, f.Term()+f.Canonical()+f.Article()+f.Finding()+string(f.Level()))
	require.Empty(t, f.Notes())
	require.NotPanics(t, func() { f.Explain() })
}

// 无添加 alone is for the label to judge; with a promise of safety it is a claim.
func TestAdditiveFreeAgainstTheLabel(t *testing.T) {
	c := embedded(t)
	require.Empty(t, check(t, c, Utterance{Text: "我们这个面霜无添加", Category: "beauty"}))
	found := check(t, c, Utterance{Text: "我们这个面霜无添加", Category: "beauty", Facts: Facts{Additives: []string{"苯氧乙醇"}}})
	require.Len(t, found, 1)
	require.Equal(t, "additive-free", found[0].Finding())
	require.Contains(t, found[0].Notes(), "found: 苯氧乙醇")
	require.Len(t, check(t, c, Utterance{Text: "无添加,孕妇随便用", Category: "beauty"}), 2)
}

func TestCheckRefuses(t *testing.T) {
	c := embedded(t)
	_, err := c.Check(Utterance{Text: strings.Repeat("a", MaxUtterance)})
	require.NoError(t, err)
	for _, u := range []Utterance{
		{Text: strings.Repeat("a", MaxUtterance+1)}, {Text: strings.Repeat("最", 1<<20/3)},
	} {
		_, err := c.Check(u)
		require.ErrorIs(t, err, &trace.Error{Code: trace.CodeTooLarge})
	}
	_, err = c.Check(Utterance{Text: "最好\xff吃"})
	require.ErrorIs(t, err, &trace.Error{Code: trace.CodeMalformed})
	_, err = c.Check(Utterance{Text: "好吃", Category: "toys"})
	require.ErrorIs(t, err, &trace.Error{Code: trace.CodeInvalid})
	require.Empty(t, check(t, c, Utterance{}))
}

func TestCheckIsConcurrent(t *testing.T) {
	c := embedded(t)
	us := utterances(t, "tune")
	want := make([][]Finding, len(us))
	for i, u := range us {
		want[i] = check(t, c, Utterance{Text: u.text, Category: u.category})
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i, u := range us {
				got, err := c.Check(Utterance{Text: u.text, Category: u.category})
				if err != nil || len(got) != len(want[i]) || len(got) > 0 && got[0].Text != want[i][0].Text {
					t.Errorf("%s: %v instead of %v: %v", u.id, got, want[i], err)
				}
			}
		})
	}
	group.Wait()
}

func FuzzCheck(f *testing.F) {
	c := embedded(f)
	for _, u := range utterances(f, "tune") {
		f.Add(u.text, u.category)
	}
	f.Add("最\u200d好️吃\u0301", "")
	f.Fuzz(func(t *testing.T, text, category string) {
		findings, err := c.Check(Utterance{Text: text, Category: category})
		if err != nil {
			require.Empty(t, findings)
			return
		}
		last := 0
		for _, f := range findings {
			require.True(t, last <= f.Start && f.Start < f.End && f.End <= len(text), "%d %d", f.Start, f.End)
			last = f.Start
			require.True(t, utf8.RuneStart(text[f.Start]))
			require.Equal(t, text[f.Start:f.End], f.Text)
			require.Equal(t, f.Text, string([]rune(text)[f.StartRune:f.EndRune]))
			require.Contains(t, Findings, f.Finding())
		}
		again, err := c.Check(Utterance{Text: text, Category: category})
		require.NoError(t, err)
		require.Equal(t, findings, again)
	})
}
