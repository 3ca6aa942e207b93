package speech

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// labelled is a row of fixtures/speech/utterances.csv.
type labelled struct {
	id, category, text, split string
	violation                 bool
	findings, tags            []string
}

func utterances(t testing.TB, split string) []labelled {
	t.Helper()
	f, err := os.Open("../../../fixtures/speech/utterances.csv")
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var us []labelled
	for _, r := range rows[1:] {
		if r[10] == split {
			us = append(us, labelled{
				id: r[0], category: r[1], text: r[3], split: r[10], violation: r[4] == "violation",
				findings: strings.Split(r[5], "|"), tags: strings.Split(r[8], "|"),
			})
		}
	}
	return us
}

// counts are of utterances: found though clear, missed, and so on.
type counts struct{ hit, false, missed, clear int }

func (c counts) precision() float64 { return float64(c.hit) / float64(max(1, c.hit+c.false)) }
func (c counts) recall() float64    { return float64(c.hit) / float64(max(1, c.hit+c.missed)) }
func (c counts) falseShare() float64 {
	return float64(c.false) / float64(max(1, c.false+c.clear))
}

func (c *counts) add(violation, found bool) {
	switch {
	case violation && found:
		c.hit++
	case violation:
		c.missed++
	case found:
		c.false++
	default:
		c.clear++
	}
}

var evasions = append(slices.Clone(evasionNames[:]), "implied")

func evades(u labelled) bool {
	return slices.ContainsFunc(u.tags, func(tag string) bool { return slices.Contains(evasions, tag) })
}

// exempted says that a clear row would be suspicious without its context.
func exempted(u labelled) bool {
	return !u.violation && slices.ContainsFunc(u.tags, func(tag string) bool {
		return tag != "" && tag != "hard" && tag != "demo" && tag != "fact"
	})
}

// measure counts a split. A violation is found if there is a finding at all; kinds is
// the share of found violations of which one finding has a labelled kind.
func measure(t testing.TB, c *Checker, split string, miss func(labelled, []Finding)) (by map[string]*counts, kinds float64) {
	t.Helper()
	by = map[string]*counts{"all": {}, "evasions": {}, "exemptions": {}}
	right := 0
	for _, u := range utterances(t, split) {
		// The record that decides a row tagged so is outside its words.
		if slices.Contains(u.tags, "fact") {
			continue
		}
		findings, err := c.Check(Utterance{Text: u.text, Category: u.category})
		require.NoError(t, err)
		keys := []string{"all", u.category}
		if evades(u) {
			keys = append(keys, "evasions")
		}
		if exempted(u) {
			keys = append(keys, "exemptions")
		}
		for _, key := range keys {
			if by[key] == nil {
				by[key] = &counts{}
			}
			by[key].add(u.violation, len(findings) > 0)
		}
		if u.violation && slices.ContainsFunc(findings, func(f Finding) bool { return slices.Contains(u.findings, f.Finding) }) {
			right++
		}
		if miss != nil && u.violation != (len(findings) > 0) {
			miss(u, findings)
		}
	}
	return by, float64(right) / float64(max(1, by["all"].hit))
}

// The bars of the labelled set, on the part that the lexicon was made with and on the
// part that was held back. Of the held part only numbers are printed: whoever tunes
// must not see its rows.
func TestLabelledUtterances(t *testing.T) {
	c := embedded(t)
	for _, split := range []string{"tune", "held"} {
		var miss func(labelled, []Finding)
		if split == "tune" {
			miss = func(u labelled, found []Finding) { t.Log(u.id, u.text, found) }
		}
		by, kinds := measure(t, c, split, miss)
		table := fmt.Sprintf("%s\n| set | utterances | precision | recall |\n|---|---|---|---|\n", split)
		for _, key := range append([]string{"all"}, append(slices.Clone(Categories), "evasions")...) {
			k := by[key]
			table += fmt.Sprintf("| %s | %d | %.3f | %.3f |\n", key, k.hit+k.false+k.missed+k.clear, k.precision(), k.recall())
		}
		x := by["exemptions"]
		table += fmt.Sprintf("exemptions: %d, false positives %.1f %%; a labelled kind on %.1f %% of the violations found", x.false+x.clear, 100*x.falseShare(), 100*kinds)
		t.Log(table)
		want := bars[split]
		require.GreaterOrEqual(t, by["all"].precision(), want.precision, split)
		require.GreaterOrEqual(t, by["all"].recall(), want.recall, split)
		for _, category := range Categories {
			require.GreaterOrEqual(t, by[category].precision(), want.category, "%s %s", split, category)
			require.GreaterOrEqual(t, by[category].recall(), want.category, "%s %s", split, category)
		}
		require.GreaterOrEqual(t, by["evasions"].recall(), want.evasions, split)
		require.LessOrEqual(t, x.falseShare(), want.exemptions, split)
	}
}

// bars are what each split must reach. The project's goal is the row of tune for both;
// the held part has not reached it (docs/speech.md), so its row only keeps what there
// is from being lost.
var bars = map[string]struct{ precision, recall, category, evasions, exemptions float64 }{
	"tune": {0.92, 0.85, 0.75, 0.8, 0.05},
	"held": {0.80, 0.75, 0.70, 0.7, 0.18},
}
