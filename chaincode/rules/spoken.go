package rules

import (
	"traceledger/chaincode/trace"
)

// CheckSpoken tells whether a proof shows that the words a verdict judged stand in an
// anchored run. Verdict and run are the records on the chain; the proof may come from
// anybody. What is checked: the line is the very bytes of which the verdict names the hash;
// it is line Number of the run's Count under the run's root; stream, time and host are
// those of the verdict. Errors: STATE for a verdict that is on no words; EVIDENCE.
func CheckSpoken(v *trace.Verdict, run *trace.UtteranceRun, p *trace.SpokenProof) error {
	if v.Subject.Kind != trace.SubjectStream || v.Observed == 0 {
		return trace.Errorf(trace.CodeState, "the verdict is about a %s, not about what was said in a stream", v.Subject.Kind)
	}
	line := append([]byte(p.Line), '\n')
	said, err := trace.DecodeUtterances(line)
	if err != nil {
		return err
	}
	u := said[0]
	switch {
	case len(said) != 1:
		return trace.Errorf(trace.CodeEvidence, "the line holds %d utterances, must be one", len(said))
	case trace.DigestOf(line) != v.Input:
		return trace.Errorf(trace.CodeEvidence, "the words are not those that the verdict judged: its input is %s, theirs %s", v.Input, trace.DigestOf(line))
	case string(run.Stream) != v.Subject.ID:
		return trace.Errorf(trace.CodeEvidence, "the run is of stream %s, the verdict of %s", run.Stream, v.Subject.ID)
	case u.From != v.Observed:
		return trace.Errorf(trace.CodeEvidence, "the words were spoken at %s, the verdict says %s", u.From, v.Observed)
	case u.Host != "" && v.Host != u.Host:
		return trace.Errorf(trace.CodeEvidence, "the words are %s's, the verdict is on %s", u.Host, v.Host)
	case !VerifyInclusion(run.Root, LeafHash([]byte(p.Line)), int64(p.Number)-1, int64(run.Count), p.Path):
		return trace.Errorf(trace.CodeEvidence, "the words are not utterance %d of the %d under the run's root", p.Number, run.Count)
	}
	return nil
}

// ProveSpoken proves utterance number (from 1) of a run's file; false where it has none.
func ProveSpoken(file []byte, number int) (p trace.SpokenProof, ok bool) {
	lines := utteranceLines(file)
	var leaves []trace.Digest
	for _, line := range lines {
		leaves = append(leaves, LeafHash(line))
	}
	p.Number = number
	if p.Path, ok = InclusionProof(leaves, int64(number)-1); ok {
		p.Line = string(lines[number-1])
	}
	return p, ok
}
