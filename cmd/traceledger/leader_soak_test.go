//go:build soak

package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What issue and docs promise of two free cores, and the soak demands.
const (
	wantedStall = 6 * time.Second  // of writers when the leader is lost, in the middle of several losses
	wantedReady = 15 * time.Second // from built programs to submits at every gateway
)

// leader is the orderer that leads, as most orderers' metrics have it.
func (o *operator) leader() string {
	o.t.Helper()
	var leader string
	require.Eventually(o.t, func() bool {
		votes := map[string]int{}
		for _, node := range o.nodesAnyway() {
			if nodeKind(node.Name) != "orderer" {
				continue
			}
			if id, ok := leaderID(node.Operations); ok {
				name := "orderer" + id // consenters are numbered as orderers are
				votes[name]++
				if votes[name] >= 3 {
					leader = name
				}
			}
		}
		return leader != ""
	}, time.Minute, 200*time.Millisecond, "three of four orderers name the same leader")
	return leader
}

func leaderID(operations string) (id string, ok bool) {
	response, err := http.Get("http://" + operations + "/metrics")
	if err != nil {
		return "", false
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, "consensus_BFT_leader_id{") {
			fields := strings.Fields(line)
			return fields[len(fields)-1], true
		}
	}
	return "", false
}

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
