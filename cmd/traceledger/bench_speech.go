package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"time"

	"traceledger/gateway/monitor/speech"
)

// benchUtterances is what the speech check reads: the labelled utterances, or, away
// from the source, the examples of the lexicon. benchTalk are those that nobody tuned with.
const benchUtterances = "fixtures/speech/utterances.csv"

var benchTalk = []string{"fixtures/speech/held.csv", "fixtures/speech/held2.csv"}

// benchSpeech measures the whole check, in MB of UTF-8 a second of a core's time, against
// the bare matcher that counts the lexicon's words in the same text: on the labelled
// utterances, of which more than half violate, and on talk of which one in fifty does.
func benchSpeech(context.Context, string) ([]figure, error) {
	lexicon, err := speech.Embedded()
	if err != nil {
		return nil, err
	}
	texts, err := spoken(lexicon)
	if err != nil {
		return nil, err
	}
	order := rand.New(rand.NewPCG(1, 2))
	labelled, err := speechFigure("speech", lexicon, func() []string {
		order.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		return texts
	})
	if err != nil {
		return nil, err
	}
	clear, violating, err := unread()
	if err != nil || len(clear) == 0 || len(violating) == 0 {
		return []figure{labelled}, err
	}
	talked, err := speechFigure("speech-talk", lexicon, func() []string {
		round := slices.Clone(clear)
		for range len(clear) / 49 {
			round = append(round, violating[order.IntN(len(violating))])
		}
		order.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		return round
	})
	return []figure{labelled, talked}, err
}

// speechFigure has both read what round gives, in turns and each first every second time: a
// busy machine slows both, and neither has the caches and the processor's memory of
// branches for itself.
func speechFigure(name string, lexicon *speech.Lexicon, round func() []string) (figure, error) {
	checker, bare := speech.NewChecker(lexicon), speech.NewBareMatcher(lexicon)
	size, found := 0, 0
	check := func(texts []string) (time.Duration, error) {
		began := ownTime()
		for _, t := range texts {
			findings, err := checker.Check(speech.Utterance{Text: t})
			if err != nil {
				return 0, err
			}
			found += len(findings)
		}
		return ownTime() - began, nil
	}
	match := func(texts []string) time.Duration {
		began := ownTime()
		for _, t := range texts {
			found += bare.Match(t)
		}
		return ownTime() - began
	}
	var checked, matched time.Duration
	start := time.Now()
	for n := 0; time.Since(start) < 3*time.Second || n < 100; n++ {
		texts := round()
		for _, t := range texts {
			size += len(t)
		}
		if n%2 == 1 {
			matched += match(texts)
		}
		took, err := check(texts)
		if err != nil {
			return figure{}, err
		}
		checked += took
		if n%2 == 0 {
			matched += match(texts)
		}
	}
	if found == 0 {
		return figure{}, errors.New("nothing was found in what was said")
	}
	rate := func(d time.Duration) float64 { return float64(size) / d.Seconds() / 1e6 }
	return figure{
		name: name, value: rate(checked), unit: "MB/s",
		against: fmt.Sprintf("bare matcher, %d terms", len(lexicon.Terms)), bar: rate(matched),
	}, nil
}

// ownTime is the processor time that this process has had, garbage collection included:
// unlike the clock it stands while other processes run.
func ownTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // not with these arguments
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func spoken(lexicon *speech.Lexicon) (texts []string, err error) {
	rows, err := labelledRows(benchUtterances)
	if os.IsNotExist(err) {
		for _, t := range lexicon.Terms {
			texts = append(texts, t.Example)
		}
		return texts, nil
	}
	for _, r := range rows {
		texts = append(texts, r[3])
	}
	return texts, err
}

// unread is what nobody tuned with: what does not violate and what does, none away from the source.
func unread() (clear, violating []string, err error) {
	for _, name := range benchTalk {
		rows, err := labelledRows(name)
		if err != nil && !os.IsNotExist(err) {
			return nil, nil, err
		}
		for _, r := range rows {
			if r[4] == "violation" {
				violating = append(violating, r[3])
			} else {
				clear = append(clear, r[3])
			}
		}
	}
	return clear, violating, nil
}

// labelledRows are a labelled file's without the names of its columns.
func labelledRows(name string) ([][]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows[1:], nil
}
