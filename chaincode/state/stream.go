package state

import "traceledger/chaincode/trace"

// GetStream reads a stream's record, nil when it was never opened.
func GetStream(l Reader, s trace.StreamID) (*trace.Stream, error) {
	return Get[trace.Stream](l, StreamKey(s))
}

// GetStreamClose reads the end of a stream, nil while it runs.
func GetStreamClose(l Reader, s trace.StreamID) (*trace.StreamClose, error) {
	return Get[trace.StreamClose](l, StreamCloseKey(s))
}

// GetUtteranceRun reads a run of utterances by its key; nil where the key names none.
func GetUtteranceRun(l Reader, key trace.Key) (*trace.UtteranceRun, error) {
	if kind, _, ok := ParseKey(key); !ok || kind != KindUtterances {
		return nil, nil
	}
	return Get[trace.UtteranceRun](l, key)
}

// GetLadder reads where the ladder of a host in a stream stands; zero before its first step.
func GetLadder(l Reader, s trace.StreamID, host trace.PartyID) (trace.LadderState, error) {
	return GetOrZero[trace.LadderState](l, LadderKey(s, host))
}

// GetRulebooks reads all published versions of the rulebook, by effective date rising.
func GetRulebooks(l Reader) ([]trace.Rulebook, error) {
	return GetOrZero[[]trace.Rulebook](l, RulebookKey())
}

// GetReviewOf reads a review by its own key; nil where the key names none.
func GetReviewOf(l Reader, key trace.Key) (*trace.VerdictReview, error) {
	return getFact[trace.VerdictReview](l, key, FactVerdictReview)
}
