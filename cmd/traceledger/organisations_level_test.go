package main

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// levelOrderers waits until every orderer has what any had, and starts one anew that does
// not come so far: starved of time, Fabric's may stay behind for good.
func (s *organisations) levelOrderers() {
	s.t.Helper()
	behind := func(height uint64) (names []string, highest uint64) {
		for _, node := range s.nodesNow() {
			if strings.HasPrefix(node.Name, "orderer") {
				highest = max(highest, node.Height)
				if node.Height < height {
					names = append(names, node.Name)
				}
			}
		}
		return names, highest
	}
	_, height := behind(0)
	for deadline := time.Now().Add(20 * time.Second); ; {
		names, _ := behind(height)
		if len(names) == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Logf("started anew because it stays behind block %d: %v", height, names)
			s.network("stop", names[0])
			s.network("start", names[0])
			deadline = time.Now().Add(20 * time.Second)
		}
		<-time.After(200 * time.Millisecond)
	}
}

// level waits until houses show every block that any peer had at the beginning.
func (s *organisations) level(houses ...*house) {
	s.t.Helper()
	var height uint64
	for _, node := range s.nodesNow() {
		height = max(height, node.Height)
	}
	for _, h := range houses {
		require.Eventually(s.t, func() bool {
			return h.height() >= height
		}, 3*time.Minute, 50*time.Millisecond)
	}
}

// levelPeers waits until every peer has the blocks that any node had at the beginning.
// Until then one may refuse what stands on a record that another has.
func (s *organisations) levelPeers() {
	s.t.Helper()
	behind := func(height uint64) (names []string, highest uint64) {
		for _, node := range s.nodesNow() {
			highest = max(highest, node.Height)
			if strings.HasSuffix(node.Name, "/peer") && node.Height < height {
				names = append(names, node.Name)
			}
		}
		return names, highest
	}
	_, height := behind(0)
	for deadline := time.Now().Add(3 * time.Minute); ; {
		names, _ := behind(height)
		if len(names) == 0 {
			return
		}
		require.True(s.t, time.Now().Before(deadline), "behind block %d: %v", height, names)
	}
}
