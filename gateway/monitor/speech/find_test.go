package speech

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// plainly finds what find does without filters, runs and the tree of words: every word is
// compared at every place, every sound at every place.
func plainly(l *Lexicon, text string) []occurrence {
	s := new(scratch)
	l.folder.fold(&s.stream, text)
	l.folder.sounds(&s.stream)
	for start := range s.stream.text {
		for w := range l.kind {
			letters := l.written.of(int32(w))
			if end := start + len(letters); end <= len(s.stream.text) && slices.EqualFunc(s.stream.text[start:end], letters, func(x letter, c uint16) bool { return x.symbol() == c }) {
				s.note(int32(start), int32(end), int32(w), l.kind[w], 0)
			}
		}
	}
	s.spelt(l)
	return byPlace(s.found)
}

func byPlace(found []occurrence) []occurrence {
	found = append([]occurrence{}, found...)
	slices.SortFunc(found, func(a, b occurrence) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.word, b.word))
	})
	return found
}

func TestFindMissesNothing(t *testing.T) {
	c := embedded(t)
	s := new(scratch)
	homophones := strings.NewReplacer("最", "嘴", "治", "至", "好", "号", "疗", "聊", "强", "墙", "保", "宝", "第", "帝", "全", "泉")
	found, heard := 0, 0
	for i, u := range utterances(t, "tune") {
		text := u.text
		switch i % 4 {
		case 1:
			text = homophones.Replace(text)
		case 2:
			text = strings.Join(strings.Split(text, ""), "·")
		case 3:
			text = strings.ReplaceAll(homophones.Replace(text), "一", "yi")
		}
		require.True(t, c.lexicon.folder.fold(&s.stream, text))
		c.find(s)
		require.Equal(t, plainly(c.lexicon, text), byPlace(s.found), text)
		for _, o := range s.found {
			found++
			if o.at.how() != 0 {
				heard++
			}
		}
	}
	require.Greater(t, found, 5000)
	require.Greater(t, heard, 100)
}

// A rule that fits is never left out for a class that is thought absent.
func TestFitLeavesOutNoRule(t *testing.T) {
	c := embedded(t)
	l := c.lexicon
	for r := range l.Rules {
		if l.needs[r].whole {
			continue // fits where nothing does
		}
		s := &scratch{most: toneAll}
		require.True(t, l.folder.fold(&s.stream, l.Rules[r].Example))
		c.find(s)
		s.fit(l, anyProduct)
		require.Contains(t, append(s.fitting, s.broad...), int32(r), l.Rules[r].ID)
	}
}

func TestStepsOfATrie(t *testing.T) {
	words := [][]uint16{{1, 2}, {1, 2, 3}, {2}, {40, 1, 40}, {40, 1, 41}}
	trie := newTrie(words, 41)
	find := func(word ...uint16) int32 {
		state := int32(0)
		for _, c := range word {
			if state = trie.step(state, c); state == 0 {
				return -1
			}
		}
		return trie.cells[state].word
	}
	for i, w := range words {
		require.Equal(t, int32(i), find(w...))
	}
	require.Equal(t, int32(-1), find(1))
	require.Equal(t, int32(-1), find(1, 3))
	require.Equal(t, int32(-1), find(2, 2))
	require.Equal(t, int32(-1), find(41))
}
