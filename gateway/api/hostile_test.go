package api_test

import (
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
