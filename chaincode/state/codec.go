package state

import (
	"encoding/json"
	"fmt"

	strict "github.com/go-json-experiment/json"

	"traceledger/chaincode/trace"
)

// Reader is what loading needs of a world state. The chaincode stub satisfies it.
type Reader interface {
	// GetState returns the committed value, nil where there is none. It never sees
	// what the same transaction wrote.
	GetState(key string) ([]byte, error)
}

// Ledger is what a contract needs of a world state. The chaincode stub satisfies it.
type Ledger interface {
	Reader
	PutState(key string, value []byte) error
}

// Encode writes a value's one form: JSON, fields in the order of their declaration.
// No type of the vocabulary holds a map or a float, so equal values are equal bytes
// on every machine.
func Encode(value any) ([]byte, error) {
	b, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", value, err)
	}
	return b, nil
}

// Decode reads a value of the chain. It is strict: an unknown or duplicate field
// means that the value was not written by these contracts.
func Decode(value []byte, into any) error {
	return strict.Unmarshal(value, into, strict.RejectUnknownMembers(true))
}

// Get reads the value of a key, nil where there is none.
func Get[T any](l Reader, key trace.Key) (*T, error) {
	b, err := l.GetState(string(key))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if len(b) == 0 {
		return nil, nil
	}
	v := new(T)
	if err := Decode(b, v); err != nil {
		return nil, fmt.Errorf("the value of %s is damaged: %w", key, err)
	}
	return v, nil
}

// GetOrZero reads the value of a balance key; one that does not exist yet is zero.
func GetOrZero[T any](l Reader, key trace.Key) (T, error) {
	v, err := Get[T](l, key)
	if err != nil || v == nil {
		var zero T
		return zero, err
	}
	return *v, nil
}

// Put writes a value.
func Put(l Ledger, key trace.Key, value any) error {
	b, err := Encode(value)
	if err != nil {
		return err
	}
	if err := l.PutState(string(key), b); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// GetHead reads only what every record begins with, nil where there is no record.
func GetHead(l Reader, key trace.Key) (*trace.Head, error) {
	b, err := l.GetState(string(key))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if len(b) == 0 {
		return nil, nil
	}
	var record struct{ trace.Head }
	if err := strict.Unmarshal(b, &record); err != nil {
		return nil, fmt.Errorf("the value of %s is damaged: %w", key, err)
	}
	return &record.Head, nil
}
