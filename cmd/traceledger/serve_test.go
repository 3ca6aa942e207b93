package main

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFailureIsTold: a house that ends because a part of it failed says so; only one
// that was told to stop ends without an error.
func TestFailureIsTold(t *testing.T) {
	cfg := defaultConfig()
	cfg.Address, cfg.Data, cfg.LogLevel = "127.0.0.1:0", t.TempDir(), "error"
	broken := errors.New("a file of the demonstration is missing")
	err := serve(t.Context(), cfg, io.Discard, func(context.Context, *node, string) error { return broken })
	require.ErrorIs(t, err, broken)

	ctx, cancel := context.WithCancel(t.Context())
	err = serve(ctx, cfg, io.Discard, func(context.Context, *node, string) error { cancel(); return nil })
	require.NoError(t, err)
}
