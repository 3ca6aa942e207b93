package floor

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/store"
)

// SpokenIn says where the words of a verdict stand on the chain. A verdict comes before its
// run is anchored and names the words by their hash only; this is the way back.
type SpokenIn struct {
	Verdict trace.Key         `json:"verdict"`
	Run     trace.Key         `json:"run"`  // the record of the anchored run that holds them
	Root    trace.Digest      `json:"root"` // of that run
	Count   int               `json:"count"`
	Proof   trace.SpokenProof `json:"proof"`
}

// Words finds the anchored run that holds the words of a verdict, and proves it by the
// files kept here: rules.CheckSpoken has passed on what it gives. Errors: NOT_FOUND where
// there is no such verdict, or no run holds its words; STATE where it is on no words;
// NOT_READY while the run is on its way; FILE_UNKNOWN where the words are not here.
func (f *Floor) Words(key trace.Key) (SpokenIn, error) {
	leave, err := f.enter()
	if err != nil {
		return SpokenIn{}, err
	}
	defer leave()
	return FindWords(f.Index, f.Store.Files(), key)
}

// FindWords is Floor.Words for whoever has a read model and files, without a floor: an
// audit of a stopped house.
func FindWords(x *index.Index, files *store.Files, key trace.Key) (SpokenIn, error) {
	rec, found, err := x.Record(key)
	if err != nil {
		return SpokenIn{}, err
	}
	if !found || rec.Kind != state.FactVerdict {
		return SpokenIn{}, trace.Errorf(trace.CodeNotFound, "there is no verdict %s", key)
	}
	var v trace.Verdict
	if err := json.Unmarshal(rec.Value, &v); err != nil {
		return SpokenIn{}, err
	}
	if v.Subject.Kind != trace.SubjectStream {
		return SpokenIn{}, trace.Errorf(trace.CodeState, "the verdict is about a %s, not about what was said in a stream", v.Subject.Kind)
	}
	runs, passed, err := runsAt(x, trace.StreamID(v.Subject.ID), v.Observed)
	if err != nil {
		return SpokenIn{}, err
	}
	var away error
	for _, r := range runs {
		proof, here, err := proofIn(files, &r.run, v.Input)
		switch {
		case err != nil:
			return SpokenIn{}, err
		case !here:
			away = trace.Errorf(store.CodeFileUnknown, "the words of this verdict are not kept here: file %s of run %s is with %s, or was removed in its time", r.run.Payload, r.key, r.writer)
		case proof != nil:
			return SpokenIn{Verdict: key, Run: r.key, Root: r.run.Root, Count: r.run.Count, Proof: *proof}, rules.CheckSpoken(&v, &r.run, proof)
		}
	}
	if away != nil {
		return SpokenIn{}, away
	}
	if !passed {
		return SpokenIn{}, trace.Errorf(trace.CodeNotReady, "the run with the words of this verdict is not on the chain yet: ask again in a minute")
	}
	return SpokenIn{}, trace.Errorf(trace.CodeNotFound, "no run on the chain holds the words of this verdict")
}

type anchoredRun struct {
	key    trace.Key
	writer trace.PartyID
	run    trace.UtteranceRun
}

// runsAt are the runs of a stream that were spoken around a time. passed tells that no
// writer's transcript can still bring another: each has come to its stream's end or has a
// run that begins after the time.
func runsAt(x *index.Index, id trace.StreamID, at trace.Time) (runs []anchoredRun, passed bool, err error) {
	further := map[trace.PartyID]bool{}
	for q := (index.ListQuery{Prefix: state.UtterancesPrefix(id)}); ; {
		records, next, err := x.List(q)
		if err != nil {
			return nil, false, err
		}
		for _, r := range records {
			a := anchoredRun{key: r.Key, writer: r.Party}
			if err := json.Unmarshal(r.Value, &a.run); err != nil {
				return nil, false, err
			}
			further[r.Party] = further[r.Party] || a.run.From > at
			if a.run.From <= at && at <= a.run.To {
				runs = append(runs, a)
			}
		}
		if q.Cursor = next; next == "" {
			break
		}
	}
	passed = len(further) > 0
	for _, is := range further {
		passed = passed && is
	}
	return runs, passed, nil
}

// proofIn proves the utterance of a hash in a run; nil where the run does not hold it.
func proofIn(files *store.Files, run *trace.UtteranceRun, input trace.Digest) (proof *trace.SpokenProof, here bool, err error) {
	file, here, err := contentOf(files, run.Payload)
	if err != nil || !here {
		return nil, false, err
	}
	number := 0
	for line := range bytes.Lines(file) {
		if number++; trace.DigestOf(line) == input {
			p, _ := rules.ProveSpoken(file, number)
			return &p, true, nil
		}
	}
	return nil, true, nil
}

func contentOf(files *store.Files, digest trace.Digest) (file []byte, here bool, err error) {
	content, err := files.Open(store.Hash(digest))
	if trace.CodeOf(err) == store.CodeFileUnknown {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	file, err = io.ReadAll(content)
	return file, err == nil, err
}
