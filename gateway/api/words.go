package api

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// words gives the words that a verdict judged, with the anchored run that holds them and
// the proof: with the two records on the chain anybody checks it (rules.CheckSpoken).
func (a *API) words(c *gin.Context) (answer, error) {
	f, err := a.liveFloor()
	if err != nil {
		return answer{}, err
	}
	key := trace.Key(c.Query("verdict"))
	if key == "" {
		return answer{}, trace.Errorf(trace.CodeMissing, "verdict is missing: the key of a verdict on a stream")
	}
	if err := a.mayHear(callerOf(c), key); err != nil {
		return answer{}, err
	}
	in, err := f.Words(key)
	return answer{http.StatusOK, in}, err
}

// mayHear lets those read a verdict's words whose work is to check, and those whom it is
// about: the host, the merchant, and who opened the stream. From there a proof goes to
// whom they choose.
func (a *API) mayHear(who Caller, key trace.Key) error {
	switch trace.Role(who.Identity.Role) {
	case trace.RoleMonitor, trace.RoleReviewer, trace.RoleRegulator, trace.RoleArbitrator, trace.RolePlatformOperator, trace.RoleConsumerDesk:
		return nil
	}
	concerned, err := a.concerned(key)
	if err != nil {
		return err
	}
	if !slices.Contains(concerned, trace.PartyID(who.Token.Party)) {
		return trace.Errorf(trace.CodeForbidden, "the words of a verdict are for its host, the merchant, who opened the stream, and those whose work is to check")
	}
	return nil
}

// concerned are the parties that a verdict on a stream is about.
func (a *API) concerned(key trace.Key) ([]trace.PartyID, error) {
	rec, found, err := a.Index.Record(key)
	if err != nil || !found || rec.Kind != state.FactVerdict {
		return nil, err
	}
	var v trace.Verdict
	if err := json.Unmarshal(rec.Value, &v); err != nil || v.Subject.Kind != trace.SubjectStream {
		return nil, err
	}
	out := []trace.PartyID{v.Host}
	rec, found, err = a.Index.Record(state.StreamKey(trace.StreamID(v.Subject.ID)))
	if err != nil || !found {
		return out, err
	}
	var s trace.Stream
	err = json.Unmarshal(rec.Value, &s)
	return append(out, s.Merchant, rec.Party), err
}
