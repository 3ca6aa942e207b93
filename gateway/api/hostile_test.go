package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/api/apitest"
)

// TestAStrangersOrderOfCodesMakesNothing: a role that issues no packs is refused before
// a seed is drawn and the list of a million leaves is kept for it.
func TestAStrangersOrderOfCodesMakesNothing(t *testing.T) {
	h := apitest.Start(t, nil)
	lab := h.Member(trace.RoleLab, "lab-01")
	status, _, answer := h.Call(http.MethodPost, "/v1/code-orders", lab, "order-1", api.CodeOrder{Pack: "MADEHERE", Count: 3})
	require.Equal(t, http.StatusForbidden, status, string(answer))
	require.Equal(t, trace.CodeForbidden, problem(t, answer).Code)
	_, drawn, err := h.Store.Contacts().Salt("pack/MADEHERE")
	require.NoError(t, err)
	require.False(t, drawn)
}

// TestReadingsAreNotForEveryMember: the hash of readings is on the chain, the driver's
// whereabouts are not. Papers are for all members.
func TestReadingsAreNotForEveryMember(t *testing.T) {
	h := apitest.Start(t, nil)
	carrier := h.Member(trace.RoleCarrier, "carrier-01")
	readings, paper := []byte{0, 1, 2, 3, 0xfe}, []byte("%PDF-1.7 report")
	hashes := map[string]string{}
	for name, content := range map[string][]byte{"readings": readings, "paper": paper} {
		status, _, answer := h.Call(http.MethodPost, "/v1/files", carrier, "", content)
		require.Equal(t, http.StatusCreated, status, string(answer))
		var kept api.FileKept
		require.NoError(t, json.Unmarshal(answer, &kept))
		hashes[name] = kept.Hash
	}
	for _, reader := range []struct {
		token    string
		readings int
	}{
		{token: carrier, readings: http.StatusOK},
		{token: h.Member(trace.RoleCarrier, "carrier-02"), readings: http.StatusForbidden},
		{token: h.Member(trace.RoleMerchant, "merchant-01"), readings: http.StatusForbidden},
		{token: h.Token(trace.RoleScanner, "scanner-01"), readings: http.StatusOK},
		{token: h.Member(trace.RoleRegulator, "regulator-02"), readings: http.StatusOK},
	} {
		status, _, answer := h.Call(http.MethodGet, "/v1/files/"+hashes["readings"], reader.token, "", nil)
		require.Equal(t, reader.readings, status, string(answer))
		status, _, answer = h.Call(http.MethodGet, "/v1/files/"+hashes["paper"], reader.token, "", nil)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, paper, answer)
		if reader.readings == http.StatusForbidden {
			status, _, answer = h.Call(http.MethodPost, "/v1/sheets/"+hashes["readings"]+"/confirmation?name=a.csv", reader.token, "", nil)
			require.Equal(t, http.StatusForbidden, status, string(answer))
		}
	}
}
