package speech

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// patiently checks as Check does, without its shortcuts: whatever the tone, every rule is
// followed, the broad ones too, and every candidate listened to.
func patiently(c *Checker, u Utterance) []Finding {
	l, s := c.lexicon, &scratch{most: math.MaxInt}
	l.folder.fold(&s.stream, u.Text)
	c.find(s)
	s.claims, s.present = true, classes{math.MaxUint64, math.MaxUint64}
	for r := range l.Rules {
		s.fitting = append(s.fitting, int32(r))
	}
	c.candidates(s, u.Facts, anyProduct)
	s.listen(l, u.Facts)
	return c.report(s, u)
}

// said are all texts that may be looked at, and as many put together from halves of two.
func said(t testing.TB) []string {
	var texts []string
	for _, u := range toneSet(t) {
		texts = append(texts, u.text)
	}
	for _, r := range csvRows(t, "testdata/lawful.csv") {
		texts = append(texts, r[2])
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range len(texts) {
		a, b := []rune(texts[random.IntN(len(texts))]), []rune(texts[random.IntN(len(texts))])
		texts = append(texts, string(a[:random.IntN(len(a)+1)])+string(b[random.IntN(len(b)+1):]))
	}
	return texts
}

// Of clear utterances and of those on the edge: with a bias, others are.
func TestShortcutsChangeNoFinding(t *testing.T) {
	c := embedded(t)
	bias := c.lexicon.tone.bias
	defer func() { c.lexicon.tone.bias = bias }()
	found, none := 0, 0
	for i, text := range said(t) {
		c.lexicon.tone.bias = bias + []int32{0, 400, 800, -400}[i%4]
		for _, facts := range []Facts{{}, {Additives: []string{"山梨酸钾"}}} {
			u := Utterance{Text: text, Facts: facts}
			got := check(t, c, u)
			require.Equal(t, patiently(c, u), got, text)
			if len(got) > 0 {
				found++
			} else {
				none++
			}
		}
	}
	require.Greater(t, found, 3000)
	require.Greater(t, none, 3000)
}

// A rule is followed along the hits of its classes as along all hits.
func TestFollowSkipsNoHit(t *testing.T) {
	c := embedded(t)
	l, s := c.lexicon, &scratch{most: math.MaxInt}
	total := 0
	for _, text := range said(t) {
		require.True(t, l.folder.fold(&s.stream, text))
		c.find(s)
		s.fit(l, anyProduct)
		s.fitting, s.broad = append(s.fitting, s.broad...), s.broad[:0]
		c.candidates(s, Facts{}, anyProduct)
		var got [][4]int32
		for _, k := range s.all {
			if k.rule >= 0 && !l.needs[k.rule].whole {
				got = append(got, [4]int32{k.rule, k.first, k.end, int32(k.how)})
			}
		}
		var want [][4]int32
		for _, r := range s.fitting {
			if l.needs[r].whole {
				continue
			}
			parts := l.Rules[r].parts
			for i, h := range s.hits {
				if h.class() != parts[0].class {
					continue
				}
				end, how, at, fits := h.end(), h.how(), i, true
				for _, p := range parts[1:] {
					for at < len(s.hits) && (s.hits[at].class() != p.class || s.hits[at].start() < end || s.stream.stopped(end, s.hits[at].start())) {
						at++
					}
					if fits = fits && at < len(s.hits) && s.hits[at].start() <= end+p.gap; !fits {
						break
					}
					end, how = s.hits[at].end(), how|s.hits[at].how()
				}
				if fits {
					want = append(want, [4]int32{r, int32(i), end, int32(how)})
				}
			}
		}
		require.ElementsMatch(t, want, got, text)
		total += len(want)
	}
	require.Greater(t, total, 5000)
}

// The table of the tone holds the runs of tone.csv, and no other.
func TestToneIsTheSumOfItsRuns(t *testing.T) {
	l := embedded(t).Lexicon()
	weights := map[string]int{}
	src := &source{}
	for _, r := range csvRows(t, "lexicon/tone.csv") {
		require.NoError(t, src.addTone(row{}, r))
	}
	for _, x := range src.tones {
		weights[x.run] = int(x.weight)
	}
	var s stream
	for _, text := range said(t) {
		require.True(t, l.folder.fold(&s, text))
		sum, known := 0, 0
		for i := range s.text {
			run := ""
			for _, c := range s.text[i:min(len(s.text), i+toneRun)] {
				run += string(rune(c.symbol()))
				if w, ok := weights[run]; ok {
					sum, known = sum+w, known+1
				}
			}
		}
		require.Equal(t, int(src.bias)+int(float64(sum)/math.Sqrt(float64(known+1))), l.tone.of(s.text), text)
	}
}
