package api

import (
	"errors"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"traceledger/chaincode/trace"
)

// decodeStrict reads the few bodies that the gateway itself interprets: no unknown
// and no duplicate field, nothing after the value, as the contract reads its own.
func decodeStrict(body []byte, into any) error {
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	var semantic *json.SemanticError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &semantic):
		return malformed(err)
	}
	field := fieldOf(semantic.JSONPointer)
	var coded *trace.Error
	switch {
	case errors.As(err, &coded):
		return trace.Errorf(coded.Code, "%s: %s", field, coded.Message)
	case errors.Is(err, json.ErrUnknownName):
		return trace.Errorf(trace.CodeUnknownField, "%s is not a field of this request", field)
	}
	return trace.Errorf(trace.CodeInvalid, "%s cannot be %s, must be %s", field, valueOf(semantic), typeOf(semantic.GoType))
}

// wellFormed checks that a body, whose fields the contract will read, is JSON at all.
func wellFormed(body []byte) error {
	if len(body) == 0 {
		return trace.Errorf(trace.CodeMalformed, "the body is empty; send one JSON object")
	}
	// A field given twice is the contract's to refuse, by its own rule.
	var whole jsontext.Value
	if err := json.Unmarshal(body, &whole, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return malformed(err)
	}
	return nil
}

func malformed(err error) error {
	var syntactic *jsontext.SyntacticError
	switch {
	case !errors.As(err, &syntactic):
		return trace.Errorf(trace.CodeMalformed, "the body is not JSON: it ends too early")
	case errors.Is(err, jsontext.ErrDuplicateName):
		return trace.Errorf(trace.CodeDuplicateField, "%s is given twice", fieldOf(syntactic.JSONPointer))
	}
	why := strings.TrimPrefix(syntactic.Err.Error(), "jsontext: ")
	return trace.Errorf(trace.CodeMalformed, "the body is not JSON at byte %d: %s", syntactic.ByteOffset, why)
}

// fieldOf turns the pointer "/lot/gtin" into "lot.gtin".
func fieldOf(p jsontext.Pointer) string {
	if p == "" {
		return "the body"
	}
	return strings.Join(tokensOf(p), ".")
}

func tokensOf(p jsontext.Pointer) []string {
	var tokens []string
	for token := range p.Tokens() {
		if len(token) > 60 {
			token = strings.ToValidUTF8(token[:60], "") + "…"
		}
		tokens = append(tokens, token)
	}
	return tokens
}

func valueOf(e *json.SemanticError) string {
	if v := string(e.JSONValue); v != "" && len(v) <= 40 {
		return v
	}
	switch e.JSONKind {
	case '"':
		return "a text"
	case '0':
		return "a number like this"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return "this value"
}

func typeOf(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == nil:
		return "of another type"
	case t.Kind() == reflect.Int64:
		return "a whole number"
	case t.Kind() == reflect.String:
		return "a text"
	case t.Kind() == reflect.Struct:
		return "an object"
	}
	return "of another type"
}
