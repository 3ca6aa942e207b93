package speech

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// practice is what the hand that tunes wrote to tune on: utterances and their lawful
// look-alikes, beside the labelled sets, and the half of practice2.csv that may be read.
func practice(t testing.TB) []labelled {
	t.Helper()
	var us []labelled
	for _, r := range csvRows(t, "testdata/practice.csv") {
		us = append(us, labelled{text: r[2], category: r[1], violation: r[0] == "violation"})
	}
	return append(us, half(t, 0)...)
}

// What training sees: a run counts if at least two utterances have it.
const (
	toneOrders = 3 // one order's chance moves a row in a hundred across a threshold
	toneRounds = 12
	toneRate   = 0.5
	toneDecay  = 5e-3
)

// trainTone fits the weights by averaged stochastic descent of the squared hinge. No
// step depends on the machine: products are rounded before they are added.
func trainTone(l *Lexicon, us []labelled) (weights map[uint64]int32, bias int32) {
	index, seen := map[uint64]int{}, map[uint64]int{}
	texts := make([][]uint64, len(us))
	for i, u := range us {
		text := l.folder.symbols(u.text)
		for j := range text {
			for n := 1; n <= toneRun && j+n <= len(text); n++ {
				texts[i] = append(texts[i], toneKey(string(utf16.Decode(text[j:j+n]))))
			}
		}
		distinct := slices.Compact(slices.Sorted(slices.Values(texts[i])))
		for _, key := range distinct {
			seen[key]++
		}
	}
	var keys []uint64
	features := make([][]int, len(us))
	for i, text := range texts {
		for _, key := range text {
			if seen[key] < 2 {
				continue
			}
			at, ok := index[key]
			if !ok {
				at = len(keys)
				index[key] = at
				keys = append(keys, key)
			}
			features[i] = append(features[i], at)
		}
	}
	sum, sumB := make([]float64, len(keys)), 0.0
	random := rand.New(rand.NewPCG(1, 2))
	for range toneOrders {
		w, b := make([]float64, len(keys)), 0.0
		order := random.Perm(len(us))
		for round := range toneRounds {
			random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			for _, i := range order {
				scale := 1 / math.Sqrt(float64(len(features[i])+1))
				z := 0.0
				for _, f := range features[i] {
					z += w[f]
				}
				z = b + float64(z*scale)
				sign := -1.0
				if us[i].violation {
					sign = 1
				}
				missing := 1 - float64(sign*z)
				if missing < 0 {
					missing = 0
				}
				step := float64(sign*missing) * 0.5
				b += float64(0.05 * step)
				step = float64(toneRate*step) * scale
				for _, f := range features[i] {
					w[f] = float64(w[f]*(1-toneDecay)) + step
				}
			}
			if round >= toneRounds/2 {
				for f := range w {
					sum[f] += w[f]
				}
				sumB += b
			}
		}
	}
	thousandths := func(x float64) int32 { return int32(math.Round(1000 * x / (toneOrders * (toneRounds - toneRounds/2)))) }
	weights = map[uint64]int32{}
	for f, key := range keys {
		weights[key] = thousandths(sum[f])
	}
	return weights, thousandths(sumB)
}

// writeTone is the table as lexicon/tone.csv has it.
func writeTone(weights map[uint64]int32, bias int32) string {
	var lines []string
	for key, w := range weights {
		var run []rune
		for ; key > 0; key >>= 16 {
			run = append(run, rune(key&0xFFFF))
		}
		slices.Reverse(run)
		lines = append(lines, fmt.Sprintf("%s,%d\n", string(run), w))
	}
	slices.Sort(lines)
	return "run,weight\n" + fmt.Sprintf("%s,%d\n", toneBias, bias) + strings.Join(lines, "")
}

// The weights are what the utterances to tune on give; after a change of these or of
// the folding: SPEECH_TRAIN=1 go test ./gateway/monitor/speech -run Tone, then a new
// VERSION.
func TestToneIsTrained(t *testing.T) {
	weights, bias := trainTone(embedded(t).Lexicon(), toneSet(t))
	want := writeTone(weights, bias)
	if os.Getenv("SPEECH_TRAIN") != "" {
		require.NoError(t, os.WriteFile("lexicon/tone.csv", []byte(want), 0o644))
		return
	}
	got, err := os.ReadFile("lexicon/tone.csv")
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

// The tone by itself does not remember: each eighth of the utterances is judged with
// weights that were learnt without it. Rules and words have seen them all.
func TestToneOfUtterancesItHasNotSeen(t *testing.T) {
	const parts = 8
	c := embedded(t)
	us := utterances(t, "tune")
	sum := measured{}
	for part := range parts {
		train, test := practice(t), []labelled{}
		for i, u := range us {
			if i%parts == part {
				test = append(test, u)
			} else {
				train = append(train, u)
			}
		}
		weights, bias := trainTone(c.lexicon, train)
		c.lexicon.tone = newToneTable(c.lexicon.folder.known, weights, bias)
		by, _ := measure(t, c, test, nil)
		for key, k := range by {
			if sum[key] == nil {
				sum[key] = &counts{}
			}
			sum[key].hit, sum[key].false = sum[key].hit+k.hit, sum[key].false+k.false
			sum[key].missed, sum[key].clear = sum[key].missed+k.missed, sum[key].clear+k.clear
		}
	}
	t.Log(sum.table("learnt without", 0))
	sum.require(t, "learnt without")
}

// toneSet is all that may be tuned on.
func toneSet(t testing.TB) []labelled {
	return append(utterances(t, "tune"), practice(t)...)
}
