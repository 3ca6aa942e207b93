package floor

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// MediaTranscript is the media type of a run's file. It holds what people said: not
// everybody who knows its hash may read it.
const MediaTranscript = "application/jsonl"

// run is a run of utterances on its way to the chain.
type run struct {
	lineKey
	runRow
}

func parseNumber(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }

// cutEvery is how often transcripts are looked at.
const cutEvery = 250 * time.Millisecond

// cutByAge cuts runs whose first utterance has waited long enough, and forgets
// transcripts that are quiet.
func (f *Floor) cutByAge(ctx context.Context) {
	ticker := time.NewTicker(min(cutEvery, f.limits.RunAge))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := f.Now()
		f.mu.Lock()
		lines := make([]*line, 0, len(f.lines))
		for _, l := range f.lines {
			lines = append(lines, l)
		}
		f.mu.Unlock()
		for _, l := range lines {
			l.mu.Lock()
			f.cut(l, now)
			idle := len(l.waiting) == 0
			l.mu.Unlock()
			f.mu.Lock()
			if idle && now.Sub(l.seen) > 10*time.Minute {
				delete(f.lines, l.lineKey)
			}
			f.mu.Unlock()
		}
	}
}

// crowded tells that runs wait for their turn to be sent: one more would not get onto the
// chain any sooner for being cut now, and a longer one costs the ledger the same.
func (f *Floor) crowded() bool { return f.anchors.len() >= f.limits.InFlight }

// cut makes runs of what is judged, as far as they are full, or old and there is room. A
// run's number, bytes and previous hash are durable before it is sent, and never change.
// Call it under l.mu.
func (f *Floor) cut(l *line, now time.Time) {
	for {
		ready := 0
		for ready < len(l.waiting) && ready < f.limits.RunUtterances && l.waiting[ready].done {
			ready++
		}
		if ready == 0 {
			return
		}
		young := now.Sub(l.waiting[0].said.Came.UTC()) < f.limits.RunAge
		if ready < f.limits.RunUtterances && (young || f.crowded()) {
			return
		}
		if err := f.cutRun(l, l.waiting[:ready]); err != nil {
			f.Logger.Error("a run of utterances was not cut; it is tried again", "stream", l.stream, "error", err)
			return
		}
	}
}

func (f *Floor) cutRun(l *line, said []*heard) error {
	utterances := make([]trace.Utterance, len(said))
	r := &run{lineKey: l.lineKey, runRow: runRow{By: l.row.By, First: said[0].number, State: runWaiting}}
	q := &r.Request
	*q = trace.AnchorTranscriptRequest{
		Stream: l.stream, Sequence: l.row.Sequence, Count: len(said), From: said[0].said.From, Previous: l.row.Previous,
	}
	change := store.Change{}
	for i, h := range said {
		utterances[i] = h.said.Utterance
		q.To = max(q.To, h.said.To)
		change[l.said(h.number)] = nil
	}
	file, err := trace.EncodeUtterances(utterances)
	if err != nil {
		return err
	}
	q.Payload, q.Root = trace.DigestOf(file), rules.UtteranceRoot(file)
	about := store.About{MediaType: MediaTranscript, Uploader: string(l.writer)}
	if _, err := f.Store.Files().Keep(file, about); err != nil {
		return err
	}
	next := l.row
	next.Sequence, next.Previous = q.Sequence+1, q.Payload
	change[l.lineKey.row()] = encode(&next)
	change[l.run(q.Sequence)] = encode(&r.runRow)
	if err := f.Store.Floor().Apply(change); err != nil {
		return err
	}
	l.row = next
	l.waiting = append([]*heard(nil), l.waiting[len(said):]...)
	f.anchors.add(r)
	return nil
}

// anchor brings a run onto the chain, however long it takes. One that the chain refuses
// is parked: its file stays, and the next ones go on.
func (f *Floor) anchor(ctx context.Context, r *run) {
	q := r.Request
	call := ledger.Call{
		Contract: "stream", Method: "AnchorTranscript", Arguments: encode(&q),
		IdempotencyKey: "transcript " + r.path() + " " + strconv.FormatInt(q.Sequence, 10),
	}
	for try := 0; ; try++ {
		_, err := f.submit(ctx, r.By, call)
		if err == nil {
			r.State = runAnchored
			break
		}
		if !later(err) {
			r.State, r.Refused = runParked, err.Error()
			f.Logger.Error("the ledger refused a run of utterances", "stream", r.stream, "writer", r.writer, "sequence", q.Sequence, "error", err)
			break
		}
		f.Metrics.retries.WithLabelValues("run").Inc()
		f.Logger.Warn("a run of utterances is not on the chain yet", "stream", r.stream, "sequence", q.Sequence, "error", err)
		if !f.pause(ctx, try) {
			return
		}
	}
	f.Metrics.runs.WithLabelValues(string(r.State)).Inc()
	if r.State == runAnchored {
		if err := f.Store.Files().Named(store.Hash(q.Payload)); err != nil {
			f.Logger.Warn("a run's file is not marked; a sweep will", "error", err)
		}
	}
	if err := f.Store.Floor().Apply(store.Change{r.run(q.Sequence): encode(&r.runRow)}); err != nil {
		f.Logger.Error("a run's state was not kept; it is sent again after a restart", "error", err)
	}
	f.waiting.Add(-int64(q.Count))
}

// runsOnChain are a writer's runs of a stream, by sequence.
func (f *Floor) runsOnChain(key lineKey) ([]trace.UtteranceRun, error) {
	var out []trace.UtteranceRun
	prefix := state.UtterancesPrefix(key.stream) + trace.Key(string(key.writer)) + "/"
	for q := (index.ListQuery{Prefix: prefix}); ; {
		records, next, err := f.Index.List(q)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			var run trace.UtteranceRun
			if err := json.Unmarshal(r.Value, &run); err != nil {
				return nil, err
			}
			out = append(out, run)
		}
		if q.Cursor = next; next == "" {
			return out, nil
		}
	}
}

// runWith finds the run that holds an utterance.
func (f *Floor) runWith(key lineKey, number int64) (out runRow, found bool, err error) {
	err = f.Store.Floor().Each(rowRun+key.path()+"/", func(name string, row []byte) error {
		r, err := decode[runRow](name, row)
		if err == nil && r.First <= number && number < r.First+int64(r.Request.Count) {
			out, found = r, true
		}
		return err
	})
	return out, found, err
}

// runFile reads a run's utterances, nil where the file is not here.
func (f *Floor) runFile(payload trace.Digest) (said []trace.Utterance, err error) {
	file, here, err := contentOf(f.Store.Files(), payload)
	if err != nil || !here {
		return nil, err
	}
	return trace.DecodeUtterances(file)
}

// streamOf names the stream that a verdict is on.
func streamOf(key trace.Key) (trace.StreamID, bool) {
	fact, ok := state.ParseFactKey(key)
	if !ok || fact.Subject.Kind != trace.SubjectStream {
		return "", false
	}
	return trace.StreamID(strings.Clone(fact.Subject.ID)), true
}
