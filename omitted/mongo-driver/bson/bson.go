// Package bson stands in for BSON, which gin names and this house does not speak.
package bson

import "errors"

var errOmitted = errors.New("bson: left out of this program, see omitted/README.md")

// Marshal writes nothing.
func Marshal(any) ([]byte, error) { return nil, errOmitted }

// Unmarshal reads nothing.
func Unmarshal([]byte, any) error { return errOmitted }
