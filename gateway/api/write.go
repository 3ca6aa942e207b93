package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ingest/segment"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// Written is the answer to a write: given only once the record is committed.
type Written struct {
	trace.Receipt
	Transaction string `json:"transaction"`
	Block       uint64 `json:"block"`
}

// write serves one contract method. The body goes to the chain as it came, with the
// idempotency key put in: the contract's strict decoder is the only one, so that
// gateway and chain can never read a request differently.
func (a *API) write(m trace.Method) gin.HandlerFunc {
	_, keyed := m.NewRequest().(trace.Writer)
	return a.handle(func(c *gin.Context) (answer, error) {
		body, err := readBody(c, a.Limits.BodyBytes)
		if err != nil {
			return answer{}, err
		}
		key := c.GetHeader("Idempotency-Key")
		if keyed {
			if body, err = insertKey(body, key); err != nil {
				return answer{}, err
			}
		} else if key == "" {
			// Natural ids make these idempotent by themselves; the outbox still wants a name.
			key = trace.DigestOf(append([]byte(m.Transaction()+" "), body...)).String()
		}
		written, err := a.Write(c.Request.Context(), callerOf(c), m, key, body)
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusCreated, written}, nil
	})
}

// Write submits one request, already carrying its idempotency key, and waits until
// the index shows it.
func (a *API) Write(ctx context.Context, who Caller, m trace.Method, key string, arguments []byte) (Written, error) {
	call, err := a.callOf(who, m, arguments)
	if err != nil {
		return Written{}, err
	}
	call.IdempotencyKey = m.Transaction() + " " + key
	files := store.Mentioned(arguments)
	if err := a.Store.Files().Hold(files...); err != nil {
		return Written{}, err
	}
	receipt, err := a.Ledger.Submit(ctx, who.Identity, call)
	if trace.CodeOf(err) == trace.CodeAlreadyRecorded {
		return a.recorded(ctx, err)
	}
	if err != nil {
		return Written{}, err
	}
	if err := a.Store.Files().Named(files...); err != nil {
		a.Logger.Warn("files of a record not marked; a sweep will", "error", err)
	}
	return a.written(ctx, receipt)
}

// written waits until the index shows what a receipt tells of.
func (a *API) written(ctx context.Context, receipt ledger.Receipt) (Written, error) {
	out := Written{Transaction: receipt.TransactionID, Block: receipt.Block}
	if err := json.Unmarshal(receipt.Result, &out.Receipt); err != nil {
		return Written{}, err
	}
	wait, cancel := context.WithTimeout(ctx, a.Limits.IndexWait)
	defer cancel()
	// The record is committed whether or not the index has caught up in time.
	_ = a.Index.WaitFor(wait, receipt.Block)
	return out, nil
}

// Try lets the chain simulate a request, already carrying its idempotency key, and
// gives its refusal, or the receipt it would have. Nothing is recorded.
func (a *API) Try(ctx context.Context, who Caller, m trace.Method, arguments []byte) (trace.Receipt, error) {
	var receipt trace.Receipt
	call, err := a.callOf(who, m, arguments)
	if err != nil {
		return receipt, err
	}
	result, err := a.Ledger.Evaluate(ctx, who.Identity, call)
	if err != nil {
		return receipt, err
	}
	return receipt, json.Unmarshal(result, &receipt)
}

// callOf makes the call of a request, with the payload that travels beside it.
func (a *API) callOf(who Caller, m trace.Method, arguments []byte) (ledger.Call, error) {
	call := ledger.Call{Contract: m.Contract, Method: m.Name, Arguments: arguments}
	if m.Transient != "" {
		payload, err := a.payload(arguments)
		if err != nil {
			return ledger.Call{}, err
		}
		call.Transient = map[string][]byte{m.Transient: payload}
		if call.Endorsers, call.Spare, err = a.endorsers(who.Identity.MSPID); err != nil {
			return ledger.Call{}, err
		}
	}
	return call, nil
}

// recorded answers a repeat whose record is on the chain already, although this gateway
// does not remember it, or another gateway was quicker with it: the same answer, from
// the index.
func (a *API) recorded(ctx context.Context, refusal error) (Written, error) {
	var coded *trace.Error
	if !errors.As(refusal, &coded) {
		return Written{}, refusal
	}
	words := strings.Fields(coded.Message)
	if len(words) == 0 {
		return Written{}, refusal
	}
	key := trace.Key(words[len(words)-1])
	record, found, err := a.awaitRecord(ctx, key)
	if err != nil || !found {
		return Written{}, errors.Join(refusal, err)
	}
	var made struct {
		Judgement trace.Judgement `json:"judgement"`
	}
	if record.Value[0] == '{' { // a standard is a list of its versions
		if err := json.Unmarshal(record.Value, &made); err != nil {
			return Written{}, err
		}
	}
	return Written{
		Receipt:     trace.Receipt{Record: key, ID: state.LastPart(key), Result: string(made.Judgement)},
		Transaction: record.TransactionID,
		Block:       record.Block,
	}, nil
}

// recordedWait is how many times as long as for a page a repeat waits for the block of its
// record: others have it, and without it the answer would be a refusal of what is done.
const recordedWait = 10

// awaitRecord looks a record up that is on the chain: its block may be on its way here.
func (a *API) awaitRecord(ctx context.Context, key trace.Key) (index.Record, bool, error) {
	wait, cancel := context.WithTimeout(ctx, recordedWait*a.Limits.IndexWait)
	defer cancel()
	for {
		height := a.Index.Height()
		record, found, err := a.Index.Record(key)
		if err != nil || found || a.Index.WaitFor(wait, height) != nil {
			return record, found, err
		}
	}
}

// payload fetches a segment's readings, uploaded before as a file.
func (a *API) payload(arguments []byte) ([]byte, error) {
	var named struct {
		Payload trace.Digest `json:"payload"`
	}
	if err := json.Unmarshal(arguments, &named); err != nil {
		return nil, trace.Errorf(trace.CodeMalformed, "request is not the JSON of a segment: %v", err)
	}
	if named.Payload.IsZero() {
		return nil, trace.Errorf(trace.CodeMissing, "payload is missing: upload the readings to /v1/files and name their hash")
	}
	content, err := a.Store.Files().Open(store.Hash(named.Payload))
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if content.Size > trace.MaxPayloadBytes {
		return nil, trace.Errorf(trace.CodeTooLarge, "payload has %d bytes, at most %d", content.Size, trace.MaxPayloadBytes)
	}
	return io.ReadAll(content)
}

// endorsers names who is to endorse what travels as transient data, and who may instead.
func (a *API) endorsers(responsible string) (named, spare []string, err error) {
	return segment.Endorsers(a.Index, responsible)
}

func readBody(c *gin.Context, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, trace.Errorf(trace.CodeTooLarge, "body has more than %d bytes", limit)
	}
	if err != nil {
		return nil, trace.Errorf(trace.CodeMalformed, "body was cut off: %v", err)
	}
	return body, nil
}

// insertKey puts the idempotency key first into a JSON object. A body that brings
// its own is refused by the contract as a duplicate field.
func insertKey(body []byte, key string) ([]byte, error) {
	if key == "" {
		return nil, trace.Errorf(CodeNoIdempotencyKey, "a write needs the header Idempotency-Key: any text of 1 to 64 characters that is new for each new record")
	}
	if len(key) > 64 {
		return nil, trace.Errorf(trace.CodeInvalid, "Idempotency-Key has %d characters, at most 64", len(key))
	}
	for i := 0; i < len(key); i++ {
		if key[i] < 0x21 || key[i] > 0x7e {
			return nil, trace.Errorf(trace.CodeInvalid, "Idempotency-Key must be printable ASCII without spaces")
		}
	}
	if err := wellFormed(body); err != nil {
		return nil, err
	}
	trimmed := bytes.TrimSpace(body)
	if trimmed[0] != '{' {
		return nil, trace.Errorf(trace.CodeMalformed, "the body must be one JSON object, begins with %q", string(trimmed[:1]))
	}
	quoted, err := json.Marshal(key)
	if err != nil {
		return nil, err
	}
	out := append([]byte(`{"idempotencyKey":`), quoted...)
	if rest := bytes.TrimSpace(trimmed[1:]); rest[0] != '}' {
		out = append(out, ',')
	}
	return append(out, trimmed[1:]...), nil
}
