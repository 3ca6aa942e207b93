package main

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// behind are the nodes of a kind that have fewer blocks than a height, and the most that any
// of the kind has.
func (s *organisations) behind(height uint64, kind func(name string) bool) (names []string, highest uint64) {
	s.t.Helper()
	for _, node := range s.nodesNow() {
		if !kind(node.Name) {
			continue
		}
		highest = max(highest, node.Height)
		if node.Height < height {
			names = append(names, node.Name)
		}
	}
	return names, highest
}

func anyNode(string) bool         { return true }
func isOrderer(name string) bool  { return strings.HasPrefix(name, "orderer") }
func isPeerNode(name string) bool { return strings.HasSuffix(name, "/peer") }

// levelOrderers waits until every orderer has what any had, and starts one anew that does
// not come so far: starved of time, Fabric's may stay behind for good.
func (s *organisations) levelOrderers() {
	s.t.Helper()
	_, height := s.behind(0, isOrderer)
	patience := 20 * time.Second
	for since := time.Now(); ; {
		names, _ := s.behind(height, isOrderer)
		if len(names) == 0 {
			return
		}
		if time.Since(since) > patience {
			require.Less(s.t, patience, 10*time.Minute, "%v stays behind block %d", names, height)
			s.t.Logf("started anew because it stays behind block %d: %v", height, names)
			s.network("stop", names[0])
			s.network("start", names[0])
			since, patience = time.Now(), 2*patience // what is only slow has it by then
		}
		<-time.After(200 * time.Millisecond)
	}
}

// levelPeers waits until every peer has the blocks that any node had at the beginning.
// Until then one may refuse what stands on a record that another has.
func (s *organisations) levelPeers() {
	s.t.Helper()
	_, height := s.behind(0, anyNode)
	require.Eventually(s.t, func() bool {
		names, _ := s.behind(height, isPeerNode)
		return len(names) == 0
	}, 3*time.Minute, 50*time.Millisecond, "peers stay behind block %d", height)
}

// level waits until houses show every block that any peer had at the beginning.
func (s *organisations) level(houses ...*house) {
	s.t.Helper()
	_, height := s.behind(0, anyNode)
	for _, h := range houses {
		require.Eventually(s.t, func() bool {
			return h.height() >= height
		}, 3*time.Minute, 50*time.Millisecond)
	}
}
