package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
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
		{[]string{"reindex"}, benchReindex},
		{[]string{"codes-prove"}, benchCodesProve},
		{[]string{"scan", "scan-p99"}, benchScan},
		{[]string{"speech"}, benchSpeech},
		{[]string{"idle-memory"}, benchIdleMemory},
	}
}

// runBench prints one line a figure: the median of the runs, each value with its
// comparison from the same run.
func runBench(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "one figure")
	runs := flags.Int("runs", 3, "runs of each, of which the median is printed")
	profile := flags.String("cpuprofile", "", "file for a profile of the processor time, as go tool pprof reads it")
	if err := flags.Parse(args); err != nil {
		return err
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
		if *only != "" && !slices.Contains(b.names, *only) {
			continue
		}
		matched = true
		if err := b.print(ctx, *runs, *only, out); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(b.names, ", "), err)
		}
	}
	if !matched {
		return fmt.Errorf("no figure %q", *only)
	}
	return nil
}

func (b benchmark) print(ctx context.Context, runs int, only string, out io.Writer) error {
	measured := map[string][]figure{}
	for range runs {
		dir, err := os.MkdirTemp("", "traceledger-bench-")
		if err != nil {
			return err
		}
		figures, err := b.run(ctx, dir)
		os.RemoveAll(dir)
		if err != nil {
			return err
		}
		for _, f := range figures {
			measured[f.name] = append(measured[f.name], f)
		}
	}
	for _, name := range b.names {
		got := measured[name]
		if len(got) == 0 || only != "" && name != only {
			continue
		}
		slices.SortFunc(got, func(x, y figure) int {
			switch a, b := x.value/x.bar, y.value/y.bar; {
			case a < b:
				return -1
			case a > b:
				return 1
			}
			return 0
		})
		fmt.Fprintln(out, got[len(got)/2])
	}
	return nil
}
