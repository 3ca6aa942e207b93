//go:build soak

package fabric

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// leaderLost is how long the channel may stand still when its leader is lost and all others order
// along (docs/network.md).
const leaderLost = 6 * time.Second

// TestSoakLeaderLostAfterAnother kills the leader right after another orderer has come back under
// writers: when that one lacks the last few blocks, and then once it signs blocks again, which is
// what up waits for. How long the first loss takes is a race in SmartBFT, and the log tells; the
// others must not take long.
func TestSoakLeaderLostAfterAnother(t *testing.T) {
	ctx, network, w := startStore(t, Config{})
	node := nodeOf(t, network)
	plan := func(name string) ordererPlan {
		for _, o := range network.planned().Orderers {
			if o.name() == name {
				return o
			}
		}
		require.FailNow(t, name)
		return ordererPlan{}
	}
	for _, signing := range []bool{false, true, true} {
		leads := leader(t, network)
		returned, lost := fmt.Sprintf("orderer%d", (leads+1)%orderers+1), fmt.Sprintf("orderer%d", leads)
		w.watch(t, network, 4*time.Second)
		node(returned).Kill()
		w.watch(t, network, 4*time.Second)
		began := time.Now()
		require.NoError(t, node(returned).Start(ctx))
		if signing {
			require.NoError(t, network.AwaitLevel(ctx))
		} else {
			require.Eventually(t, func() bool {
				heights, _ := network.heightsOf(ctx, []string{returned, lost})
				return heights[returned] > 0 && heights[returned]+4 >= heights[lost] && heights[returned] < heights[lost]
			}, time.Minute, 2*time.Millisecond)
		}
		_, itself, err := network.signed(ctx, plan(returned))
		require.NoError(t, err)
		w.longest(true)
		node(lost).Kill()
		t.Logf("%.1f s after the start of %s, which signs: %t, %s is killed", time.Since(began).Seconds(), returned, itself, lost)
		w.watch(t, network, 26*time.Second)
		stall := w.longest(true)
		t.Logf("longest stall %.1f s", stall.Seconds())
		if signing {
			require.True(t, itself)
			require.LessOrEqual(t, stall, leaderLost)
		}
		require.NoError(t, node(lost).Start(ctx))
		require.NoError(t, network.AwaitLevel(ctx))
	}
	w.requireFound(t, network)
}

// leader is the number of the orderer that leads, as most of them have it.
func leader(t *testing.T, network *Network) (number int) {
	t.Helper()
	require.Eventually(t, func() bool {
		votes := map[int]int{}
		for _, node := range network.Nodes() {
			if node.metrics == "" {
				continue
			}
			response, err := http.Get("http://" + node.metrics + "/metrics")
			if err != nil {
				continue
			}
			content, err := io.ReadAll(response.Body)
			response.Body.Close()
			_, after, found := strings.Cut(string(content), "\nconsensus_BFT_leader_id{")
			if err != nil || !found {
				continue
			}
			_, after, _ = strings.Cut(after, "} ")
			if n, err := strconv.Atoi(strings.Fields(after)[0]); err == nil {
				if votes[n]++; votes[n] > orderers/2 {
					number = n
				}
			}
		}
		return number > 0
	}, time.Minute, 200*time.Millisecond)
	return number
}
