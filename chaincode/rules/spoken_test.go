package rules

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

// spokenWorld is a run of n utterances, a verdict on one of them and its proof.
func spokenWorld(t require.TestingT, n, judged int) (*trace.Verdict, *trace.UtteranceRun, trace.SpokenProof) {
	const began = trace.Time(1_792_483_200_000)
	var said []trace.Utterance
	for i := range n {
		said = append(said, trace.Utterance{From: began + trace.Time(i)*1000, To: began + trace.Time(i)*1000 + 500, Host: "host-01", Text: fmt.Sprintf("第 %d 句", i+1)})
	}
	file, err := trace.EncodeUtterances(said)
	require.NoError(t, err)
	line, err := trace.EncodeUtterances(said[judged-1 : judged])
	require.NoError(t, err)
	proof, ok := ProveSpoken(file, judged)
	require.True(t, ok)
	verdict := &trace.Verdict{Subject: trace.Subject{Kind: trace.SubjectStream, ID: "live-01"}, Observed: said[judged-1].From, Host: "host-01", Input: trace.DigestOf(line)}
	return verdict, &trace.UtteranceRun{Stream: "live-01", Count: n, Root: UtteranceRoot(file)}, proof
}

func TestCheckSpoken(t *testing.T) {
	verdict, run, proof := spokenWorld(t, 7, 3)
	require.NoError(t, CheckSpoken(verdict, run, &proof))
	for _, c := range []struct {
		name   string
		change func(*trace.Verdict, *trace.UtteranceRun, *trace.SpokenProof)
		want   trace.Code
	}{
		{"a verdict on a lot", func(v *trace.Verdict, _ *trace.UtteranceRun, _ *trace.SpokenProof) { v.Subject.Kind = trace.SubjectLot }, trace.CodeState},
		{"other words", func(_ *trace.Verdict, _ *trace.UtteranceRun, p *trace.SpokenProof) {
			p.Line = p.Line[:len(p.Line)-5] + `x"}`
		}, trace.CodeEvidence},
		{"no utterance", func(_ *trace.Verdict, _ *trace.UtteranceRun, p *trace.SpokenProof) { p.Line = "{}" }, trace.CodeChronology},
		{"two lines", func(_ *trace.Verdict, _ *trace.UtteranceRun, p *trace.SpokenProof) { p.Line += "\n" + p.Line }, trace.CodeEvidence},
		{"words of another verdict", func(v *trace.Verdict, _ *trace.UtteranceRun, _ *trace.SpokenProof) { v.Input[0] ^= 1 }, trace.CodeEvidence},
		{"another stream", func(_ *trace.Verdict, r *trace.UtteranceRun, _ *trace.SpokenProof) { r.Stream = "live-02" }, trace.CodeEvidence},
		{"another time", func(v *trace.Verdict, _ *trace.UtteranceRun, _ *trace.SpokenProof) { v.Observed++ }, trace.CodeEvidence},
		{"another host", func(v *trace.Verdict, _ *trace.UtteranceRun, _ *trace.SpokenProof) { v.Host = "host-02" }, trace.CodeEvidence},
		{"another place", func(_ *trace.Verdict, _ *trace.UtteranceRun, p *trace.SpokenProof) { p.Number++ }, trace.CodeEvidence},
		{"another run", func(_ *trace.Verdict, r *trace.UtteranceRun, _ *trace.SpokenProof) { r.Root[0] ^= 1 }, trace.CodeEvidence},
		{"a longer run", func(_ *trace.Verdict, r *trace.UtteranceRun, _ *trace.SpokenProof) { r.Count += 8 }, trace.CodeEvidence},
		{"a cut path", func(_ *trace.Verdict, _ *trace.UtteranceRun, p *trace.SpokenProof) { p.Path = p.Path[1:] }, trace.CodeEvidence},
		{"no number", func(_ *trace.Verdict, _ *trace.UtteranceRun, p *trace.SpokenProof) { p.Number = 0 }, trace.CodeEvidence},
	} {
		verdict, run, proof := spokenWorld(t, 7, 3)
		c.change(verdict, run, &proof)
		require.Equal(t, c.want, trace.CodeOf(CheckSpoken(verdict, run, &proof)), c.name)
	}
	_, ok := ProveSpoken([]byte("{}\n"), 2)
	require.False(t, ok)
}

// Every utterance of every run can be shown, and at no other place.
func TestSpokenAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		at := rapid.IntRange(1, n).Draw(t, "at")
		verdict, run, proof := spokenWorld(t, n, at)
		require.NoError(t, CheckSpoken(verdict, run, &proof))
		proof.Number = rapid.IntRange(0, n+2).Filter(func(i int) bool { return i != at }).Draw(t, "elsewhere")
		require.Equal(t, trace.CodeEvidence, trace.CodeOf(CheckSpoken(verdict, run, &proof)))
	})
}
