package api

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"traceledger/chaincode/trace"
)

// decodeStrict reads the few bodies that the gateway itself interprets: no unknown
// and no duplicate field, nothing after the value, as the contract reads its own.
func decodeStrict(body []byte, into any) error {
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	var coded *trace.Error
	var semantic *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &coded):
		return coded
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		return trace.Errorf(trace.CodeUnknownField, "%s is not a field of this request", semantic.JSONPointer)
	case errors.Is(err, jsontext.ErrDuplicateName):
		return trace.Errorf(trace.CodeDuplicateField, "a field is given twice: %v", err)
	case errors.As(err, &semantic):
		return trace.Errorf(trace.CodeInvalid, "%s: %v", semantic.JSONPointer, err)
	}
	return trace.Errorf(trace.CodeMalformed, "the request is not JSON: %v", err)
}
