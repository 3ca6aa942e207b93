package segment

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// Gateway is the Chain of a gateway: it submits through its ledger client, keeps payloads
// among its files, and looks segments up in its read model.
type Gateway struct {
	Ledger interface {
		Submit(ctx context.Context, as ledger.Identity, call ledger.Call) (ledger.Receipt, error)
	}
	Files *store.Files
	Index *index.Index
	// Identity gives the identity of an enrolment; with "" that of who enrolled the device.
	Identity func(by string, device trace.DeviceID) (ledger.Identity, error)
}

var _ Chain = (*Gateway)(nil)

// Anchor implements Chain. The idempotency key is the request's content: number and hash
// are in it.
func (g *Gateway) Anchor(ctx context.Context, by string, request *trace.AnchorSegmentRequest, payload []byte) (ledger.Receipt, error) {
	identity, err := g.Identity(by, request.Device)
	if err != nil {
		return ledger.Receipt{}, err
	}
	about := store.About{MediaType: "application/octet-stream", Uploader: identity.Party}
	if _, err := g.Files.Keep(payload, about); err != nil {
		return ledger.Receipt{}, err
	}
	arguments, err := json.Marshal(request)
	if err != nil {
		return ledger.Receipt{}, err
	}
	endorsers, spare, err := Endorsers(g.Index, identity.MSPID)
	if err != nil {
		return ledger.Receipt{}, err
	}
	receipt, err := g.Ledger.Submit(ctx, identity, ledger.Call{
		Contract: "transit", Method: "AnchorSegment", Arguments: arguments,
		Transient:      map[string][]byte{trace.TransientReadings: payload},
		Endorsers:      endorsers,
		Spare:          spare,
		IdempotencyKey: "transit:AnchorSegment " + trace.DigestOf(arguments).String(),
	})
	if trace.CodeOf(err) == trace.CodeAlreadyRecorded {
		receipt, err = g.recorded(request)
	}
	if err != nil {
		return ledger.Receipt{}, err
	}
	return receipt, g.Files.Named(store.Hash(request.Payload))
}

// recorded is the receipt of a segment that is on the chain although nobody here
// remembers sending it.
func (g *Gateway) recorded(request *trace.AnchorSegmentRequest) (ledger.Receipt, error) {
	key := state.SegmentKey(request.Device, request.Sequence)
	result, err := json.Marshal(trace.Receipt{Record: key})
	if err != nil {
		return ledger.Receipt{}, err
	}
	record, _, err := g.Index.Record(key) // not shown yet: a receipt without its place
	return ledger.Receipt{TransactionID: record.TransactionID, Block: record.Block, Result: result}, err
}

// Endorsers names a majority of the organisations, the responsible one first: readings
// travel as transient data, and those go to named organisations only. An organisation
// counts from its admission on, which is before the channel's configuration takes it in,
// until the configuration drops it, and is asked only while it is a member there. spare are
// further members, to be asked in the place of any but the first.
func Endorsers(x *index.Index, responsible string) (named, spare []string, err error) {
	members, err := x.Organisations()
	if err != nil {
		return nil, nil, err
	}
	named = []string{responsible}
	for _, o := range members {
		switch {
		case o.MSP == responsible || o.Ended || o.Outside:
		case len(named) < len(members)/2+1:
			named = append(named, o.MSP)
		default:
			spare = append(spare, o.MSP)
		}
	}
	return named, spare, nil
}

// Segments implements Chain.
func (g *Gateway) Segments(device trace.DeviceID) ([]Known, error) {
	if err := device.Validate(); err != nil {
		return nil, err
	}
	var out []Known
	for q := (index.ListQuery{Prefix: state.SegmentPrefix(device)}); ; {
		records, next, err := g.Index.List(q)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			var s trace.Segment
			if err := json.Unmarshal(r.Value, &s); err != nil {
				return nil, err
			}
			out = append(out, Known{Sequence: s.Sequence, From: s.From, To: s.To, Previous: s.Previous, Payload: s.Payload})
		}
		if q.Cursor = next; next == "" {
			return out, nil
		}
	}
}

// Payload implements Chain.
func (g *Gateway) Payload(hash trace.Digest) (payload []byte, found bool, err error) {
	content, err := g.Files.Open(store.Hash(hash))
	switch trace.CodeOf(err) {
	case store.CodeFileUnknown, store.CodeFileDamaged:
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	if content.Size > trace.MaxPayloadBytes {
		return nil, false, nil
	}
	payload, err = io.ReadAll(content)
	return payload, err == nil, err
}
