package speech

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Lawful talk full of suspicious words, by kind of exemption: written to see what is found
// by mistake, and never learnt from.
func TestLawfulTalk(t *testing.T) {
	rows := csvRows(t, "testdata/lawful.csv")
	require.Greater(t, len(rows), 150)
	c := embedded(t)
	found := 0
	for _, r := range rows {
		findings, err := c.Check(Utterance{Text: r[2], Category: r[0]})
		require.NoError(t, err)
		if len(findings) > 0 {
			found++
			t.Log(r[1], r[2], findings[0].Term(), findings[0].Text)
		}
	}
	t.Logf("%d of %d found by mistake", found, len(rows))
	require.LessOrEqual(t, found*30, len(rows))
}

// What looks like a denial is not always one, nor is a wish or a question mark near.
func TestContextThatDeniesOrDoesNot(t *testing.T) {
	c := embedded(t)
	for text, want := range map[string]bool{
		"枸杞它不降血压":              false,
		"谁说它不能消炎的我跟谁急":         true,
		"全网最便宜的价格？我不晓得":        false,
		"全网最便宜，都拍了，上车没有？":      true,
		"祝爷爷奶奶们身体健康长命百岁":       false,
		"天天喝一碗长命百岁":            true,
		"最近没涨过价":               false,
		"海报写着史上最低价，让我们撤了":      false,
		"史上最低价，海报我都贴出来了":       true,
		"纯植物的没有一点副作用":          true,
		"喝这个孩子一整个冬天不会感冒":       true,
		"大夫开的药都不如这个，三天断根":      true,
		"没有零甲醛的板材，都有个限量":       false,
		"没有祛斑不了的，三天就白":         true,
		"养胃俩字我不接":              false,
		"祛湿俩字不让说，你懂的":          true,
		"虚标原价违反价格法，标着玩的那种我们不搞": false,
		"原价九百九标着玩的，谁卖过":        true,
		"质量第一是墙上的标语":           false,
		"鼻炎，懂的都懂，通了":           true,
	} {
		findings, err := c.Check(Utterance{Text: text, Category: "food"})
		require.NoError(t, err)
		require.Equal(t, want, len(findings) > 0, "%s %v", text, findings)
	}
}

// A record of additives contradicts who claims to have none, not who denies the claim.
func TestDeniedLabelAgainstARecord(t *testing.T) {
	c := embedded(t)
	record := Facts{Additives: []string{"山梨酸钾"}}
	for text, want := range map[string]bool{"这个酱无添加": true, "不敢说这个酱无添加": false} {
		findings, err := c.Check(Utterance{Text: text, Category: "food", Facts: record})
		require.NoError(t, err)
		require.Equal(t, want, len(findings) > 0, "%s %v", text, findings)
	}
}

// half is one half of practice2.csv, by the parity of the id: what another hand wrote who
// saw neither detector nor words. The even half may be read and learnt from; the odd half
// only judges, and is neither printed nor read.
func half(t testing.TB, parity int) []labelled {
	t.Helper()
	var us []labelled
	for _, r := range csvRows(t, "testdata/practice2.csv") {
		number, err := strconv.Atoi(r[0][1:])
		require.NoError(t, err)
		if number%2 == parity {
			us = append(us, labelled{id: r[0], category: r[2], text: r[4], violation: r[1] == "violation", tags: strings.Split(r[3], "|")})
		}
	}
	return us
}

// The half that was not read, by totals only.
func TestPracticeNotRead(t *testing.T) {
	us := half(t, 1)
	require.Greater(t, len(us), 200)
	by, _ := measure(t, embedded(t), us, nil)
	t.Log(by.table("odd half", 0))
	x := by["exemptions"]
	require.GreaterOrEqual(t, by["all"].precision(), 0.88)
	require.GreaterOrEqual(t, by["all"].recall(), 0.78)
	require.LessOrEqual(t, x.falseShare(), 0.09)
	t.Logf("hit %d missed %d, exemptions found by mistake %d of %d", by["all"].hit, by["all"].missed, x.false, x.false+x.clear)
}
