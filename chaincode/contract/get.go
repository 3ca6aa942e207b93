package contract

import (
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// GetTransaction is the one read-only transaction; every contract answers to it. Pages
// and desks read the index, not the chaincode: this is for auditors and tests that
// ask a peer directly.
const GetTransaction = "registry:Get"

const getMethod = "Get"

// GetRequest names a record or balance by its key.
type GetRequest struct {
	Key trace.Key `json:"key"`
}

// Get answers with the value of one key, as its JSON on the chain.
func (*subject) Get(ctx *Context, argument string) (string, error) {
	request, err := Decode[GetRequest](argument)
	if err != nil {
		return "", err
	}
	kind, _, ok := state.ParseKey(request.Key)
	if !ok || kind == state.KindGuard {
		return "", trace.Errorf(trace.CodeInvalid, "key %q is not the key of a record", request.Key)
	}
	value, err := ctx.GetStub().GetState(string(request.Key))
	if err != nil {
		return "", err
	}
	if len(value) == 0 {
		return "", trace.Errorf(trace.CodeNotFound, "there is no %s", request.Key)
	}
	return string(value), nil
}
