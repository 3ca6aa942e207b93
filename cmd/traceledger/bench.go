package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
)

// figure is one measured value beside what it is compared with, both from the same
// run: machines are noisy, ratios hold.
type figure struct {
	name    string
	value   float64
	unit    string
	against string  // what it is compared with
	bar     float64 // its value, in the same unit
}

func (f figure) String() string {
	return fmt.Sprintf("bench %s %.4g %s against %s %.4g ratio %.3f", f.name, f.value, f.unit, f.against, f.bar, f.value/f.bar)
}

// benchmark measures one or several figures in a fresh directory.
type benchmark struct {
	names []string
	run   func(ctx context.Context, dir string) ([]figure, error)
}

func benchmarks() []benchmark {
	return []benchmark{
		{[]string{"submit-1"}, benchSubmit(1)},
		{[]string{"submit-16"}, benchSubmit(16)},
		{[]string{"submit-64"}, benchSubmit(64)},
		{[]string{"submit-256"}, benchSubmit(256)},
		{[]string{"segments"}, benchSegments},
		{[]string{"jt808-decode"}, benchJT808Decode},
		{[]string{"jt808", "jt808-cpu", "jt808-tracker-cpu"}, benchJT808},
		{[]string{"reindex"}, benchReindex},
		{[]string{"codes-prove"}, benchCodesProve},
		{[]string{"scan", "scan-p99"}, benchScan},
		{[]string{"speech", "speech-talk"}, benchSpeech},
		{[]string{"idle-memory"}, benchIdleMemory},
	}
}

// runBench prints one line a figure: the median of the runs, each value with its
// comparison from the same run.
func runBench(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "one figure, or all that begin with the word: net")
	runs := flags.Int("runs", 3, "runs of each, of which the median is printed")
	profile := flags.String("cpuprofile", "", "file for a profile of the processor time, as go tool pprof reads it")
	trackers := flags.String("trackers", "", "for this program itself: be the trackers of jt808, which send what this says")
	var network netConfig
	flags.StringVar(&network.tracecc, "chaincode", "", "program of the contracts (default tracecc beside this program)")
	flags.StringVar(&network.putcc, "put", "", "program of the bare chaincode (default putcc beside this program)")
	flags.StringVar(&network.caliper, "caliper", filepath.Join("docs", "samples", "caliper"), "folder of Caliper's workload")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *trackers != "" {
		return runTrackers(ctx, *trackers, os.Stdin, out)
	}
	if *runs < 1 {
		return fmt.Errorf("-runs must be at least 1, is %d", *runs)
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	matched := false
	for _, b := range benchmarks() {
		if !anyMatches(*only, b.names) {
			continue
		}
		matched = true
		measured := map[string][]figure{}
		for range *runs {
			if err := b.once(ctx, measured); err != nil {
				return fmt.Errorf("%s: %w", strings.Join(b.names, ", "), err)
			}
		}
		printMedians(out, *only, b.names, measured)
	}
	ofNetwork := slices.DeleteFunc(netBenchmarks(), func(b netBenchmark) bool { return !anyMatches(*only, b.names) })
	if len(ofNetwork) > 0 {
		return benchNetwork(ctx, network, ofNetwork, *only, *runs, out)
	}
	if !matched {
		return fmt.Errorf("no figure %q", *only)
	}
	return nil
}

// matches tells whether a figure is asked for: all are, or it is, or those that its name
// begins with.
func matches(only, name string) bool {
	return only == "" || name == only || strings.HasPrefix(name, only+"-")
}

func anyMatches(only string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return matches(only, name) })
}

func (b benchmark) once(ctx context.Context, measured map[string][]figure) error {
	dir, err := os.MkdirTemp("", "traceledger-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	figures, err := b.run(ctx, dir)
	collect(measured, figures)
	return err
}

func collect(measured map[string][]figure, figures []figure) {
	for _, f := range figures {
		measured[f.name] = append(measured[f.name], f)
	}
}

// printMedians prints of each figure the run whose ratio is in the middle.
func printMedians(out io.Writer, only string, names []string, measured map[string][]figure) {
	for _, name := range names {
		got := measured[name]
		if len(got) == 0 || !matches(only, name) {
			continue
		}
		slices.SortFunc(got, func(x, y figure) int { return cmp.Compare(x.value/x.bar, y.value/y.bar) })
		fmt.Fprintln(out, got[len(got)/2])
	}
}
