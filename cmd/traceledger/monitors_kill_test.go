package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor/label"
)

// TestKillMonitors kills the process of the monitors at random moments while claims come
// onto the chain: every false claim has its verdict in the end, and each has one.
func TestKillMonitors(t *testing.T) {
	h := newHouse(t, trace.RoleRegulator, trace.RoleFactory, trace.RoleMonitor)
	watch := newHouse(t)
	h.command("enrol", "-role", string(trace.RoleMonitor), "-party", string(monitorParty), "-to", filepath.Join(watch.data, "wallet"))
	h.start("serve", "-ledger-addr", freeAddress(t))
	h.furnish()
	now := trace.TimeOf(time.Now())
	for _, party := range []trace.PartyID{"the-monitor", monitorParty} {
		h.must(trace.RoleRegulator, "/parties", "admit-"+string(party), map[string]any{
			"claimed": now, "party": party, "roles": []string{"monitor"}, "legalPerson": true, "name": "示范监测", "validFrom": now.Date() - 365, "validTo": now.Date() + 365,
		})
	}
	config := filepath.Join(t.TempDir(), "monitor.yaml")
	require.NoError(t, os.WriteFile(config, []byte("connection: "+filepath.Join(h.data, connectionName)+"\n"), 0o600))

	claims := h.claimUntil(t)
	watch.started = "/healthz" // it is killed whether it is level or not
	var given []trace.Verdict
	judged := func() int {
		given = h.verdictsOn(label.NetContentDiffers)
		claims.judged.Store(int64(len(given)))
		return len(given)
	}
	before, behind := judged(), 0
	for kill := range 5 {
		// However fast it is, there is something for it to be interrupted in.
		require.Eventually(t, func() bool { return int(claims.made.Load()) > before+claimsAhead }, 4*time.Minute, 10*time.Millisecond, "kill %d: claims do not come", kill)
		watch.start("monitor", "-config", config)
		// Only a monitor at work can be interrupted; a busy machine starts one late.
		require.Eventually(t, func() bool { return judged() > before }, 3*time.Minute, 10*time.Millisecond, "kill %d: no verdict after %d", kill, before)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // the moment of the kill is what is random
		watch.kill()
		if before = judged(); before < int(claims.made.Load()) {
			behind++
		}
	}
	claims.stop()
	made := int(claims.made.Load())
	t.Logf("%d claims; %d verdicts when the last kill came; %d of 5 kills left some to give", made, before, behind)
	require.Positive(t, behind, "a kill that finds nothing to do shows nothing")

	watch.started = ""
	watch.start("monitor", "-config", config)
	require.Eventually(t, func() bool { return judged() >= made }, 4*time.Minute, 20*time.Millisecond, "verdicts are missing")
	watch.stop()
	require.Len(t, given, made)
	verdicts := map[trace.Key]int{} // by claim
	for _, v := range given {
		for _, key := range v.Evidence {
			if strings.Contains(string(key), "/claim/") {
				verdicts[key]++
			}
		}
	}
	require.Len(t, verdicts, made)
	for key, times := range verdicts {
		require.Equal(t, 1, times, key)
	}
}

// claiming is what records claims of a net content that the label does not have: always
// some more than are judged, and never so many that a slow machine has minutes to do.
type claiming struct {
	made, judged atomic.Int64
	ended        atomic.Bool
	group        sync.WaitGroup
}

// claimsAhead is how many claims may wait for their verdicts.
const claimsAhead = 200

func (c *claiming) stop() {
	c.ended.Store(true)
	c.group.Wait()
}

func (h *house) claimUntil(t *testing.T) *claiming {
	c := &claiming{}
	t.Cleanup(c.stop)
	for writer := range 4 {
		c.group.Go(func() {
			for n := 0; !c.ended.Load(); n++ {
				if c.made.Load() > c.judged.Load()+claimsAhead {
					<-time.After(5 * time.Millisecond)
					continue
				}
				name := fmt.Sprintf("claim-%d-%d", writer, n)
				_, refusal, err := h.settled(t.Context(), trace.RoleMonitor, "/claims", name, map[string]any{
					"claimed": trace.TimeOf(time.Now()), "gtin": "09520000200015", "kind": trace.ClaimNetContent,
					"page": trace.Digest(sha256.Sum256([]byte(name))), "quantity": map[string]any{"amount": 2, "unit": "piece"},
				})
				if err != nil || refusal != nil {
					t.Errorf("%s: %+v %v", name, refusal, err)
					return
				}
				c.made.Add(1)
			}
		})
	}
	return c
}

// verdictsOn lists the verdicts with a finding, page by page.
func (h *house) verdictsOn(finding string) (out []trace.Verdict) {
	cursor := ""
	for {
		var page struct {
			Records []struct {
				Value trace.Verdict `json:"value"`
			} `json:"records"`
			Next string `json:"next"`
		}
		require.Equal(h.t, http.StatusOK, h.get(trace.RoleRegulator, "/v1/records?kind=verdict&limit=200&cursor="+cursor, &page))
		for _, r := range page.Records {
			if r.Value.Finding == finding {
				out = append(out, r.Value)
			}
		}
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}
