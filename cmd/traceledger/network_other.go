//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
)

// runNetwork needs Linux, where it finds its processes again.
func runNetwork(context.Context, []string, io.Writer) error {
	return errors.New("the Fabric network runs on Linux only; everything else here does not need it")
}
