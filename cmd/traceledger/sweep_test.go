package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/store"
)

// upload sends a file and gives the status and the problem, if it is one.
func (h *house) upload(role trace.Role, content []byte) (int, api.Problem) {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.base+"/v1/files", bytes.NewReader(content))
	require.NoError(h.t, err)
	request.Header.Set("Authorization", "Bearer "+h.tokens[role])
	response, err := http.DefaultClient.Do(request)
	require.NoError(h.t, err)
	defer response.Body.Close()
	var p api.Problem
	require.NoError(h.t, json.NewDecoder(response.Body).Decode(&p))
	return response.StatusCode, p
}

func (h *house) kept(role trace.Role, content []byte) bool {
	h.t.Helper()
	status := h.get(role, "/v1/files/"+trace.DigestOf(content).String(), nil)
	require.Contains(h.t, []int{http.StatusOK, http.StatusNotFound}, status)
	return status == http.StatusOK
}

// TestUploadsNobodyNames: a party may have only so much here that no record names, and
// for so long; what a record names stays for good, however it came to be named.
func TestUploadsNobodyNames(t *testing.T) {
	h := newHouse(t, trace.RoleRegulator, trace.RoleFactory)
	// However long the uploads take here, none is past its time before the restart.
	h.start("serve", "-config", h.configure(Config{FilesWait: time.Hour, FilesWaitingMB: 1}))
	h.furnish()
	// Bodies are JSON texts, which /v1/files gives back as it took them.
	quoted := func(letter string) []byte { return []byte(`"` + strings.Repeat(letter, 300<<10) + `"`) }
	licence := func(number string, document []byte) {
		now := trace.TimeOf(time.Now())
		h.must(trace.RoleRegulator, "/licences", number, map[string]any{
			"claimed": now, "party": "the-factory", "number": number, "kind": "cosmetics", "scope": []string{"cosmetics"}, "issuer": "示范药监局",
			"validFrom": now.Date() - 365, "validTo": now.Date() + 365, "document": trace.DigestOf(document),
		})
	}
	named, foretold, unnamed := quoted("a"), quoted("b"), quoted("c")
	large := quoted("ee")         // too much beside the others
	licence("FORETOLD", foretold) // as through another gateway: the record first, then the file

	for _, content := range [][]byte{named, foretold, unnamed} {
		status, problem := h.upload(trace.RoleRegulator, content)
		require.Equal(t, http.StatusCreated, status, problem.Detail)
	}
	licence("NAMED", named)
	status, problem := h.upload(trace.RoleRegulator, quoted("d"))
	require.Equal(t, http.StatusCreated, status, "what was named is not charged: %s", problem.Detail)
	status, problem = h.upload(trace.RoleRegulator, large)
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	require.Equal(t, store.CodeUploadQuota, problem.Code)
	requireHelpful(t, problem.Detail, []string{"the-regulator", "1048576", "no record names"})
	require.False(t, h.kept(trace.RoleRegulator, large))
	status, problem = h.upload(trace.RoleFactory, large)
	require.Equal(t, http.StatusCreated, status, "one party's quota is not another's: %s", problem.Detail)

	h.kill() // nothing is forgotten
	h.start("serve", "-config", h.configure(Config{FilesWait: 2 * time.Second, FilesWaitingMB: 1}))
	require.Eventually(t, func() bool {
		return !h.kept(trace.RoleRegulator, unnamed) && !h.kept(trace.RoleRegulator, quoted("d")) && !h.kept(trace.RoleRegulator, large)
	}, 2*time.Minute, 100*time.Millisecond, "they wait for ever")
	require.True(t, h.kept(trace.RoleRegulator, named))
	require.True(t, h.kept(trace.RoleRegulator, foretold))
	status, problem = h.upload(trace.RoleRegulator, unnamed)
	require.Equal(t, http.StatusCreated, status, "the quota is free again: %s", problem.Detail)
	h.stop()
}
