package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// TestKill kills the whole house at random moments under 64 writers: nothing
// acknowledged is lost, nothing is doubled, the chain verifies, and the read model
// rebuilds to the same bytes. The long form is TestSoakKill.
func TestKill(t *testing.T) { killRounds(t, 4) }

func killRounds(t *testing.T, rounds int) {
	h := newHouse(t, trace.RoleRegulator, trace.RoleFactory)
	h.start("serve")
	h.furnish()
	made := trace.TimeOf(time.Now()) - 3_600_000
	acknowledged := map[string]string{} // lot → transaction
	var pending []string                // lots whose answer was cut off
	for round := range rounds {
		pending = h.writeUntilKilled(made, round, 50+rand.Int64N(400), acknowledged)
		h.start("serve")
		h.checkAcknowledged(acknowledged)
		// A retry with the same key tells the truth and makes one record.
		for _, lot := range pending {
			written := h.must(trace.RoleFactory, "/batches", lot, lotRequest(made, lot))
			acknowledged[lot] = written.Transaction
		}
		h.checkAcknowledged(acknowledged)
		t.Logf("round %d: %d acknowledged in all, %d cut off and settled by retry", round, len(acknowledged), len(pending))
	}
	require.Equal(t, len(acknowledged), h.countLots(), "no lot is doubled, none is there that nobody wrote")
	h.stop()
	h.command("verify")
	before := h.command("dump")
	require.NoError(t, os.RemoveAll(filepath.Join(h.data, "index")))
	h.start("serve")
	h.stop()
	require.Equal(t, before, h.command("dump"), "an index deleted and rebuilt has the same key/value dump")
}

// writeUntilKilled registers lots from 64 writers, kills the process after a number
// of acknowledgements, and returns the lots that were sent but not answered.
func (h *house) writeUntilKilled(made trace.Time, round int, after int64, acknowledged map[string]string) (unanswered []string) {
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	var next, acks atomic.Int64
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for ctx.Err() == nil {
				lot := fmt.Sprintf("R%d-%d", round, next.Add(1))
				written, refusal, err := h.post(ctx, trace.RoleFactory, "/batches", lot, lotRequest(made, lot))
				mu.Lock()
				switch {
				case err != nil || refusal != nil && refusal.Retriable:
					unanswered = append(unanswered, lot)
				case refusal != nil:
					h.t.Errorf("lot %s refused: %+v", lot, refusal)
				default:
					acknowledged[lot] = written.Transaction
				}
				mu.Unlock()
				if err != nil {
					return
				}
				if acks.Add(1) == after {
					h.kill()
					cancel()
				}
			}
		})
	}
	group.Wait()
	return unanswered
}

// checkAcknowledged demands every acknowledged record under its transaction.
func (h *house) checkAcknowledged(acknowledged map[string]string) {
	h.t.Helper()
	for lot, transaction := range acknowledged {
		var record struct {
			Transaction string `json:"transactionId"`
		}
		h.record(trace.RoleFactory, trace.Key("batch/09520000200015/"+lot), &record)
		require.Equal(h.t, transaction, record.Transaction, "lot %s", lot)
	}
}

// countLots counts the lots on record, page by page.
func (h *house) countLots() int {
	count, cursor := 0, ""
	for {
		var page struct {
			Records []struct{} `json:"records"`
			Next    string     `json:"next"`
		}
		require.Equal(h.t, http.StatusOK, h.get(trace.RoleFactory, "/v1/records?kind=batch&limit=200&cursor="+cursor, &page))
		count += len(page.Records)
		if cursor = page.Next; cursor == "" {
			return count
		}
	}
}
