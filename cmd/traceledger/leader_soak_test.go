//go:build soak

package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What issue and docs promise of two free cores, and the soak demands.
const (
	wantedStall = 6 * time.Second  // of writers when the leader is lost, in the middle of several losses
	wantedReady = 15 * time.Second // from built programs to submits at every gateway
)

// leaderLosses are the longest stalls of writers, one for each time that the leader was
// killed.
type leaderLosses []time.Duration

// require demands so many losses at least, and that the one in their middle is as promised.
// Single ones may be longer: another orderer may not have been level.
func (l leaderLosses) require(t *testing.T, atLeast int) {
	t.Helper()
	require.GreaterOrEqual(t, len(l), atLeast, "the leader was hardly ever lost")
	stalls := slices.Sorted(slices.Values(l))
	median, longest := stalls[len(stalls)/2], stalls[len(stalls)-1]
	t.Logf("leader killed %d times: stall %s in the median, wanted at most %s; longest %s", len(l), inSeconds(median), inSeconds(wantedStall), inSeconds(longest))
	require.LessOrEqual(t, median, wantedStall)
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
