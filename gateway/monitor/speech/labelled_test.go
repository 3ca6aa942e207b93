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

// labelled is a row of a labelled set, see fixtures/speech/README.md.
type labelled struct {
	id, category, text string
	violation          bool
	findings, tags     []string
}

// The labelled sets: tune is what rules, words and weights were made with, held is
// two other hands' and never looked at.
var labelledFiles = map[string][]string{
	"tune": {"utterances.csv", "more.csv"},
	"held": {"held.csv", "held2.csv"},
}

// utterances reads a set.
func utterances(t testing.TB, set string) (us []labelled) {
	t.Helper()
	for _, file := range labelledFiles[set] {
		us = append(us, labelledIn(t, file)...)
	}
	return us
}

func labelledIn(t testing.TB, file string) (us []labelled) {
	t.Helper()
	for _, r := range csvRows(t, "../../../fixtures/speech/"+file) {
		us = append(us, labelled{
			id: r[0], category: r[1], text: r[3], violation: r[4] == "violation",
			findings: strings.Split(r[5], "|"), tags: strings.Split(r[8], "|"),
		})
	}
	return us
}

// csvRows are a file's rows without the names of its columns.
func csvRows(t testing.TB, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	return rows[1:]
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

// measured are counts of all, of each category, of evasions and of exemptions.
type measured map[string]*counts

// measure counts utterances. A violation is found if there is a finding at all; kinds is
// the share of found violations of which one finding has a labelled kind.
func measure(t testing.TB, c *Checker, us []labelled, miss func(labelled, []Finding)) (by measured, kinds float64) {
	t.Helper()
	by = measured{"all": {}, "evasions": {}, "exemptions": {}}
	right := 0
	for _, u := range us {
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
		if u.violation && slices.ContainsFunc(findings, func(f Finding) bool { return slices.Contains(u.findings, f.Finding()) }) {
			right++
		}
		if miss != nil && u.violation != (len(findings) > 0) {
			miss(u, findings)
		}
	}
	return by, float64(right) / float64(max(1, by["all"].hit))
}

// table is what the documentation quotes.
func (by measured) table(set string, kinds float64) string {
	table := fmt.Sprintf("%s\n| set | utterances | precision | recall |\n|---|---|---|---|\n", set)
	for _, key := range append([]string{"all"}, append(slices.Clone(Categories), "evasions")...) {
		if k := by[key]; k != nil {
			table += fmt.Sprintf("| %s | %d | %.3f | %.3f |\n", key, k.hit+k.false+k.missed+k.clear, k.precision(), k.recall())
		}
	}
	x := by["exemptions"]
	table += fmt.Sprintf("exemptions: %d, false positives %.1f %%", x.false+x.clear, 100*x.falseShare())
	if kinds > 0 {
		table += fmt.Sprintf("; a labelled kind on %.1f %% of the violations found", 100*kinds)
	}
	return table
}

// require holds the bars.
func (by measured) require(t testing.TB, set string) {
	t.Helper()
	require.GreaterOrEqual(t, by["all"].precision(), 0.92, set)
	require.GreaterOrEqual(t, by["all"].recall(), 0.85, set)
	for _, category := range Categories {
		require.GreaterOrEqual(t, by[category].precision(), 0.75, "%s %s", set, category)
		require.GreaterOrEqual(t, by[category].recall(), 0.75, "%s %s", set, category)
	}
	require.GreaterOrEqual(t, by["evasions"].recall(), 0.8, set)
	require.LessOrEqual(t, by["exemptions"].falseShare(), 0.05, set)
}

// The bars of the labelled sets, on what the lexicon was made with and on what was held
// back. Of the held part only numbers are printed: whoever tunes must not see its rows.
func TestLabelledUtterances(t *testing.T) {
	c := embedded(t)
	for _, set := range []string{"tune", "held"} {
		t.Run(set, func(t *testing.T) {
			us := utterances(t, set)
			require.NotEmpty(t, us)
			var miss func(labelled, []Finding)
			if set == "tune" {
				miss = func(u labelled, found []Finding) { t.Log(u.id, u.text, found) }
			}
			for _, file := range labelledFiles[set] {
				by, kinds := measure(t, c, labelledIn(t, file), nil)
				t.Log(by.table(file, kinds))
			}
			by, kinds := measure(t, c, us, miss)
			t.Log(by.table(set, kinds))
			by.require(t, set)
		})
	}
}
