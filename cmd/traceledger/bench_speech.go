package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"time"

	"traceledger/gateway/monitor/speech"
)

// benchUtterances is what the speech check reads: the labelled utterances, or, away
// from the source, the examples of the lexicon.
const benchUtterances = "fixtures/speech/utterances.csv"

// benchSpeech measures the whole check, in MB of UTF-8 a second of a core's time, against
// the bare matcher that counts the lexicon's words in the same text.
func benchSpeech(context.Context, string) ([]figure, error) {
	lexicon, err := speech.Embedded()
	if err != nil {
		return nil, err
	}
	texts, err := spoken(lexicon)
	if err != nil {
		return nil, err
	}
	checker, bare := speech.NewChecker(lexicon), speech.NewBareMatcher(lexicon)
	size := 0
	for _, t := range texts {
		size += len(t)
	}
	// Both run in turns, one pass each: a busy machine slows both, and neither has the
	// caches and the processor's memory of branches for itself.
	order := rand.New(rand.NewPCG(1, 2))
	var checked, matched time.Duration
	rounds, found := 0, 0
	for start := time.Now(); time.Since(start) < 3*time.Second || rounds < 100; rounds++ {
		order.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		began := ownTime()
		for _, t := range texts {
			findings, err := checker.Check(speech.Utterance{Text: t})
			if err != nil {
				return nil, err
			}
			found += len(findings)
		}
		ended := ownTime()
		for _, t := range texts {
			found += bare.Match(t)
		}
		checked, matched = checked+ended-began, matched+ownTime()-ended
	}
	if found == 0 {
		return nil, fmt.Errorf("nothing was found in %d utterances", len(texts))
	}
	rate := func(d time.Duration) float64 { return float64(size) * float64(rounds) / d.Seconds() / 1e6 }
	return []figure{{
		name: "speech", value: rate(checked), unit: "MB/s",
		against: fmt.Sprintf("bare matcher, %d terms", len(lexicon.Terms)), bar: rate(matched),
	}}, nil
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

func spoken(lexicon *speech.Lexicon) ([]string, error) {
	content, err := os.ReadFile(benchUtterances)
	if os.IsNotExist(err) {
		var texts []string
		for _, t := range lexicon.Terms {
			texts = append(texts, t.Example)
		}
		return texts, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(strings.NewReader(string(content))).ReadAll()
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, r := range rows[1:] {
		texts = append(texts, r[3])
	}
	return texts, nil
}
