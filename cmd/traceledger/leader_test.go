package main

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/network/fabric"
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
	}, 3*time.Minute, 200*time.Millisecond, "three of four orderers name the same leader")
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

// nodesAnyway is nodes while some are not well.
func (o *operator) nodesAnyway() []fabric.NodeStatus {
	network, err := fabric.View(o.t.Context(), fabric.Config{Dir: o.dir})
	require.NoError(o.t, err)
	defer network.Detach()
	return network.Status(o.t.Context())
}

// nodeKind is "orderer", "peer", "trace" or "ca".
func nodeKind(node string) string {
	if _, part, ok := strings.Cut(node, "/"); ok {
		return part
	}
	return strings.TrimRight(node, "0123456789")
}
