//go:build soak

package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// TestSoakNetwork kills nodes of a real network at random under writers, a hundred
// times or TRACELEDGER_SOAK_KILLS, every fifth time with all the data of a peer, and
// heals it by up.
func TestSoakNetwork(t *testing.T) {
	const every = 5
	kills := 100
	if text := os.Getenv("TRACELEDGER_SOAK_KILLS"); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	o, r := startConsortium(t)
	made := trace.TimeOf(time.Now()) - 3_600_000
	nodes := o.nodes()
	w := r.write(t, made)
	w.more(t, 20)
	for kill := range kills {
		victim := nodes[rand.IntN(len(nodes))].Name
		wipe := kill%every == every-1
		for wipe && !strings.HasSuffix(victim, "/peer") {
			victim = nodes[rand.IntN(len(nodes))].Name
		}
		o.network("kill", victim)
		if wipe {
			require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "nodes", filepath.FromSlash(victim), "data")))
		}
		// For a random while the network works without it, as far as it can.
		<-time.After(time.Duration(rand.IntN(3000)) * time.Millisecond)
		t.Logf("kill %d of %s (data lost: %t): %s", kill+1, victim, wipe, strings.TrimSpace(strings.Split(o.network("up"), "\n")[0]))
		o.network("status")
		w.more(t, 10)
	}
	o.settleAll(r, w, made, 0)
}
