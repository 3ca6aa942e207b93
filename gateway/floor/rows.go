package floor

import (
	"encoding/json"
	"fmt"

	"traceledger/chaincode/trace"
)

// Rows in store.Floor, by name. Streams and parties hold no slash; numbers are written
// with leading zeros, so that names sort as they count.
//
//	line/STREAM/WRITER              lineRow
//	said/STREAM/WRITER/NUMBER       saidRow, until its run is cut
//	run/STREAM/WRITER/SEQUENCE      runRow, kept: it tells duplicates and finds evidence
//	judged/STREAM                   party whose transcript is judged
//	evidence/INPUT                  evidenceRow of a verdict, by the hash it looked at
//	claim/VERDICT                   Claim of a reviewer
//	aged                            block from which on runs are not past retention yet
//	held/RUN                        hash of a run's file that is past it and held back
//	hook/NAME                       id of the newest event that has its delivery
//	due/NAME/EVENT                  Delivery under way
//	dead/NAME/EVENT                 Delivery given up
const (
	rowLine     = "line/"
	rowSaid     = "said/"
	rowRun      = "run/"
	rowJudged   = "judged/"
	rowEvidence = "evidence/"
	rowClaim    = "claim/"
	rowAged     = "aged"
	rowHeld     = "held/"
	rowHook     = "hook/"
	rowDue      = "due/"
	rowDead     = "dead/"
)

type lineRow struct {
	By       string       `json:"by"` // enrolment that signs its runs
	Next     int64        `json:"next"`
	Last     trace.Time   `json:"last"`
	Sequence int64        `json:"sequence"`
	Previous trace.Digest `json:"previous"`
}

type saidRow struct {
	trace.Utterance
	Came trace.Time `json:"came"`
}

type runState string

const (
	runWaiting  runState = "waiting"
	runAnchored runState = "anchored"
	runParked   runState = "parked" // refused by the chain for good
)

type runRow struct {
	By      string                        `json:"by"`
	First   int64                         `json:"first"` // number of its first utterance
	Request trace.AnchorTranscriptRequest `json:"request"`
	State   runState                      `json:"state"`
	Refused string                        `json:"refused,omitempty"`
}

type evidenceRow struct {
	Stream trace.StreamID `json:"stream"`
	Writer trace.PartyID  `json:"writer"`
	Number int64          `json:"number"`
	Terms  []Term         `json:"terms,omitempty"`
}

type lineKey struct {
	stream trace.StreamID
	writer trace.PartyID
}

func (k lineKey) path() string { return string(k.stream) + "/" + string(k.writer) }

func (k lineKey) row() string { return rowLine + k.path() }

func (k lineKey) said(number int64) string {
	return fmt.Sprintf("%s%s/%015d", rowSaid, k.path(), number)
}

func (k lineKey) run(sequence int64) string {
	return fmt.Sprintf("%s%s/%015d", rowRun, k.path(), sequence)
}

// encode writes a row; its types cannot fail.
func encode(row any) []byte {
	out, err := json.Marshal(row)
	if err != nil {
		panic(err)
	}
	return out
}

func decode[T any](name string, row []byte) (out T, err error) {
	if err := json.Unmarshal(row, &out); err != nil {
		return out, fmt.Errorf("row %s of the floor: %w", name, err)
	}
	return out, nil
}
