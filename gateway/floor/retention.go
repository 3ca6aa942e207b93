package floor

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/store"
)

// How long the words of a stream are kept, counted from the record of their run. The law
// asks for three years from the transaction (Live-streaming E-commerce Measures, art. 16),
// and goods that were talked of are bought, delivered and complained of after the words:
// a year more by default.
const (
	DefaultKeep = 4 * 366 * 24 * time.Hour
	MinKeep     = 3 * 366 * 24 * time.Hour
)

// ageEvery is how often what is past its time is looked for.
const ageEvery = 24 * time.Hour

// age removes, at once and then daily, the transcripts' files that are past retention.
func (f *Floor) age(ctx context.Context) error {
	for {
		if err := f.Forget(ctx); err != nil && ctx.Err() == nil {
			f.Logger.Error("transcripts past their time are not all removed; tried again in a day", "error", err)
		}
		timer := time.NewTimer(ageEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// Forget removes the files of runs that were recorded longer ago than Config.Keep. What is
// not on the chain is never removed, however old; neither is a run with words that an open
// verdict rests on. On the chain the run stays, with its hash.
//
// It goes through the runs in the order of the chain, behind a cursor, so that a day's
// work is what aged in a day. A run that is held back is looked at again every day.
func (f *Floor) Forget(ctx context.Context) error {
	before := trace.TimeOf(f.Now().Add(-f.Keep))
	open := openWords{floor: f, streams: map[trace.StreamID]*index.Stream{}}
	if err := f.forgetHeld(ctx, &open); err != nil {
		return err
	}
	row, found, err := f.Store.Floor().Get(rowAged)
	if err != nil {
		return err
	}
	next := uint64(0)
	if found {
		if next, err = strconv.ParseUint(string(row), 10, 64); err != nil {
			return trace.Errorf(store.CodeDamaged, "row %s of the floor is not of this version", rowAged)
		}
	}
	for ctx.Err() == nil {
		records, after, err := f.Index.Since(next, []string{state.KindUtterances}, index.MaxList)
		if err != nil {
			return err
		}
		past := slices.IndexFunc(records, func(r index.Record) bool { return r.Recorded >= before })
		if past >= 0 {
			after = records[past].Block // it is looked at again
		} else {
			past = len(records)
		}
		if err := f.forget(&open, records[:past], records[past:]); err != nil {
			return err
		}
		if after == next {
			return nil
		}
		if err := f.Store.Floor().Apply(store.Change{rowAged: strconv.AppendUint(nil, after, 10)}); err != nil {
			return err
		}
		if next = after; past < len(records) {
			return nil
		}
	}
	return ctx.Err()
}

// forgetHeld looks again at the runs that were held back.
func (f *Floor) forgetHeld(ctx context.Context, open *openWords) error {
	var held []index.Record
	err := f.Store.Floor().Each(rowHeld, func(name string, _ []byte) error {
		r, found, err := f.Index.Record(trace.Key(name[len(rowHeld):]))
		if found {
			held = append(held, r)
		}
		return err
	})
	if err != nil || ctx.Err() != nil {
		return err
	}
	return f.forget(open, held, nil)
}

// forget removes the files of runs that are past their time, and notes which are held
// back. A crash between the two only does it once more. A host heard in two rooms at once
// may be one file of two runs: it is removed when neither keeps it; young are the runs
// behind these that are not past their time.
func (f *Floor) forget(open *openWords, past, young []index.Record) error {
	kept := map[trace.Digest]bool{}
	change := store.Change{}
	var runs []trace.UtteranceRun
	for i, r := range slices.Concat(past, young) {
		var run trace.UtteranceRun
		if err := json.Unmarshal(r.Value, &run); err != nil {
			return err
		}
		if i >= len(past) {
			kept[run.Payload] = true
			continue
		}
		runs = append(runs, run)
		is, err := open.on(r.Key, &run)
		if err != nil {
			return err
		}
		change[rowHeld+string(r.Key)] = nil
		if is {
			kept[run.Payload] = true
			change[rowHeld+string(r.Key)] = []byte(run.Payload.String())
		}
	}
	for i := range runs {
		if kept[runs[i].Payload] {
			continue
		}
		if err := f.erase(past[i].Key, &runs[i]); err != nil {
			return err
		}
	}
	return f.Store.Floor().Apply(change)
}

func (f *Floor) erase(key trace.Key, run *trace.UtteranceRun) error {
	hash := store.Hash(run.Payload)
	if _, here, err := f.Store.Files().Stat(hash); err != nil || !here {
		return err
	}
	if err := f.Store.Files().Erase(hash); err != nil {
		return err
	}
	f.Metrics.erased.Inc()
	f.Logger.Info("a transcript is past its time and was removed", "run", key, "from", run.From, "to", run.To)
	return nil
}

// openWords finds out whether a verdict that is still open to review rests on the words of
// a run. It remembers the streams it read.
type openWords struct {
	floor   *Floor
	streams map[trace.StreamID]*index.Stream
}

func (o *openWords) on(key trace.Key, run *trace.UtteranceRun) (bool, error) {
	stream, known := o.streams[run.Stream]
	if !known {
		var err error
		if stream, _, err = o.floor.Index.Stream(run.Stream); err != nil {
			return false, err
		}
		if len(o.streams) > 100 {
			clear(o.streams)
		}
		o.streams[run.Stream] = stream
	}
	if stream == nil {
		return false, nil
	}
	for _, v := range stream.Verdicts {
		if isOpen(v) && run.From <= v.Record.Observed && v.Record.Observed <= run.To {
			return true, nil
		}
	}
	// What was claimed of a lot in these words is judged on the lot.
	for _, c := range stream.Claims {
		if c.Record.Run != key || c.Record.Lot == "" {
			continue
		}
		lot, found, err := o.floor.Index.Lot(trace.LotID{GTIN: c.Record.GTIN, Lot: c.Record.Lot})
		if err != nil {
			return false, err
		}
		if found && slices.ContainsFunc(lot.Verdicts, isOpen) {
			return true, nil
		}
	}
	return false, nil
}

// isOpen tells of a verdict that blames somebody and that no reviewer has confirmed or
// overturned.
func isOpen(v index.Verdict) bool {
	return (v.Record.Level == trace.LevelWarning || v.Record.Level == trace.LevelViolation) && len(v.Reviews) == 0
}
