package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/api/apitest"
	"traceledger/gateway/floor"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
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

// What people said goes to its writer and to those whose work is to check, though its hash
// stands on the chain for every member.
func TestTranscriptsAreNotForEveryMember(t *testing.T) {
	file := store.File{About: store.About{MediaType: floor.MediaTranscript, Uploader: "monitor-01"}}
	as := func(role trace.Role, party string) api.Caller {
		return api.Caller{Token: store.Token{Party: party}, Identity: ledger.Identity{Role: string(role)}}
	}
	for _, c := range []struct {
		who  api.Caller
		want trace.Code
	}{
		{as(trace.RoleRoomOperator, "monitor-01"), ""},
		{as(trace.RoleReviewer, "reviewer-01"), ""},
		{as(trace.RoleArbitrator, "arbitrator-01"), ""},
		{as(trace.RoleMerchant, "store-01"), trace.CodeForbidden},
		{as(trace.RoleHost, "host-01"), trace.CodeForbidden},
		{as(trace.RoleFarm, "farm-01"), trace.CodeForbidden},
	} {
		require.Equal(t, c.want, trace.CodeOf(api.MayRead(c.who, file)), c.who.Identity.Role)
	}
}

// lost is a ledger whose answers to submits never come back.
type lost struct{ api.Ledger }

func (lost) Submit(context.Context, ledger.Identity, ledger.Call) (ledger.Receipt, error) {
	return ledger.Receipt{}, &ledger.UnknownOutcome{TransactionID: "abcd", Reason: errors.New("the connection broke")}
}

const twoLots = "商品条码,批号,产地,纬度,经度,地块编号,采收或生产时间,数量,单位\n" +
	"09520000100018,A1,蒲江县,30.205,103.512,plot-a8,2026-10-18 10:30,10,kg\n" +
	"09520000100018,A2,蒲江县,30.205,103.512,plot-a8,2026-10-18 10:30,10,kg\n"

// TestDoubtIsNoRefusal: while nobody knows whether a record was made, neither a write
// nor a row of a sheet is called refused.
func TestDoubtIsNoRefusal(t *testing.T) {
	h, k, token := farm(t)
	h.API.Ledger = lost{h.API.Ledger}
	status, header, answer := h.Call(http.MethodPost, "/v1/batches", token, "lot-1", apitest.Body(t, k.BatchRequest("A", 10)))
	require.Equal(t, http.StatusAccepted, status)
	require.NotEmpty(t, header.Get("Retry-After"))
	require.Equal(t, "abcd", problem(t, answer).Transaction)

	query := url.Values{"name": {"lots.csv"}}.Encode()
	status, _, answer = h.Call(http.MethodPost, "/v1/sheets?"+query, token, "", []byte(twoLots))
	require.Equal(t, http.StatusOK, status, string(answer))
	var plan api.SheetPlan
	require.NoError(t, json.Unmarshal(answer, &plan))
	require.Empty(t, plan.RowErrors)
	status, _, answer = h.Call(http.MethodPost, "/v1/sheets/"+plan.Hash+"/confirmation?"+query, token, "", nil)
	require.Equal(t, http.StatusOK, status, string(answer))
	var result api.SheetResult
	require.NoError(t, json.Unmarshal(answer, &result))
	require.False(t, result.Complete)
	require.True(t, result.Rows[0].Unknown)
	require.Equal(t, ledger.CodeOutcomeUnknown, result.Rows[0].Refused.Code)
	for _, later := range result.Rows[1:] {
		require.True(t, later.NotSent)
		require.False(t, later.Unknown)
	}
}

// broken is a ledger on a gateway whose disk failed.
type broken struct {
	api.Ledger
	err error
}

func (b broken) Submit(context.Context, ledger.Identity, ledger.Call) (ledger.Receipt, error) {
	return ledger.Receipt{}, b.err
}

// TestAFailedDiskNamesNoPaths: callers learn what is known, not where things lie.
func TestAFailedDiskNamesNoPaths(t *testing.T) {
	h, k, token := farm(t)
	cause := trace.Errorf(store.CodeFailed, "rows of /srv/data/store: write 000007.log: no space left")
	for _, err := range []error{cause, trace.Errorf(ledger.CodeOutbox, "the transaction could not be put into the outbox and was not sent: %v", cause)} {
		h.API.Ledger = broken{h.API.Ledger, err}
		status, _, answer := h.Call(http.MethodPost, "/v1/batches", token, "lot-1", apitest.Body(t, k.BatchRequest("A", 10)))
		require.Equal(t, http.StatusInternalServerError, status)
		require.Equal(t, trace.CodeOf(err), problem(t, answer).Code)
		require.NotContains(t, string(answer), "/srv")
		require.NotEmpty(t, problem(t, answer).Detail)
	}
}

// TestADryRunIsBounded: a dry run asks the chain about every row, as a confirmation does.
func TestADryRunIsBounded(t *testing.T) {
	h, _, token := farm(t)
	h.API.Limits.SheetWrites = 1
	status, _, answer := h.Call(http.MethodPost, "/v1/sheets?name=lots.csv", token, "", []byte(twoLots))
	require.Equal(t, http.StatusRequestEntityTooLarge, status, string(answer))
	require.Equal(t, trace.CodeTooLarge, problem(t, answer).Code)
}
