package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
)

// A verdict's words come with their run to those they concern and to those who check, and
// whoever is handed the answer checks it by the records on the chain.
func TestWordsOfAVerdict(t *testing.T) {
	h := startLive(t)
	status, _, body := h.Call(http.MethodPost, "/v1/streams/"+string(h.live.Stream)+"/utterances", h.monitor, "", h.batch(1, "大家好", "全网最低价"))
	require.Equal(t, http.StatusOK, status, string(body))
	var verdict trace.Key
	require.Eventually(t, func() bool {
		s, found, err := h.Index.Stream(h.live.Stream)
		if err != nil || !found || len(s.Verdicts) == 0 || len(s.Transcripts) == 0 || s.Transcripts[0].Utterances != 2 {
			return false
		}
		verdict = s.Verdicts[0].Provenance.Key
		return true
	}, 2*time.Minute, 10*time.Millisecond)
	path := "/v1/words?verdict=" + url.QueryEscape(string(verdict))
	reviewer := h.Token(trace.RoleReviewer, "reviewer-01")
	for _, who := range []struct {
		token string
		want  int
	}{
		{reviewer, http.StatusOK},
		{h.Token(trace.RoleMerchant, h.live.Merchant.Party), http.StatusOK},
		{h.Token(trace.RoleHost, h.live.Host.Party), http.StatusOK},
		{h.Member(trace.RoleMerchant, "merchant-99"), http.StatusForbidden},
		{h.Member(trace.RoleCarrier, "carrier-99"), http.StatusForbidden},
	} {
		status, _, body := h.Call(http.MethodGet, path, who.token, "", nil)
		require.Equal(t, who.want, status, string(body))
		if status != http.StatusOK {
			continue
		}
		var in floor.SpokenIn
		require.NoError(t, json.Unmarshal(body, &in))
		require.Contains(t, in.Proof.Line, "全网最低价")
		require.NoError(t, rules.CheckSpoken(record[trace.Verdict](h, verdict), record[trace.UtteranceRun](h, in.Run), &in.Proof))
	}
	for path, want := range map[string]trace.Code{"/v1/words": trace.CodeMissing, "/v1/words?verdict=nothing": trace.CodeNotFound} {
		_, _, body := h.Call(http.MethodGet, path, reviewer, "", nil)
		require.Equal(t, want, problem(t, body).Code)
	}
}

// record reads a record as any member does.
func record[T any](h *liveHouse, key trace.Key) *T {
	rec, found, err := h.Index.Record(key)
	if err != nil || !found {
		return nil
	}
	out := new(T)
	if json.Unmarshal(rec.Value, out) != nil {
		return nil
	}
	return out
}
