//go:build soak

package main

import "testing"

// TestSoakKill is TestKill's long form.
func TestSoakKill(t *testing.T) { killRounds(t, 40) }
