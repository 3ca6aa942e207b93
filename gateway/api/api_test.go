package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/api/apitest"
)

// farm is a house with the kiwifruit farm's prerequisites and its token.
func farm(t *testing.T) (*apitest.House, *contracttest.Kiwifruit, string) {
	h := apitest.Start(t, nil)
	k := contracttest.StartKiwifruit(h.Ledger)
	return h, k, h.Token(trace.RoleFarm, "farm-01")
}

func problem(t *testing.T, body []byte) api.Problem {
	t.Helper()
	var p api.Problem
	require.NoError(t, json.Unmarshal(body, &p), string(body))
	return p
}

func TestAWriteSaysRecordTransactionAndBlock(t *testing.T) {
	h, k, token := farm(t)
	body := apitest.Body(t, k.BatchRequest("PJ261018-A", 1920))
	status, _, answer := h.Call(http.MethodPost, "/v1/batches", token, "lot-1", body)
	require.Equal(t, http.StatusCreated, status, string(answer))
	var written api.Written
	require.NoError(t, json.Unmarshal(answer, &written))
	require.Equal(t, trace.Key("batch/09520000100018/PJ261018-A"), written.Record)
	require.Len(t, written.Transaction, 64)

	status, _, again := h.Call(http.MethodPost, "/v1/batches", token, "lot-1", body)
	require.Equal(t, http.StatusCreated, status)
	require.JSONEq(t, string(answer), string(again), "the same request twice has the same answer")
	require.Equal(t, written.Block+1, h.Height(), "and makes one record")

	status, _, found := h.Call(http.MethodGet, "/v1/records/"+string(written.Record), token, "", nil)
	require.Equal(t, http.StatusOK, status)
	var record api.Record
	require.NoError(t, json.Unmarshal(found, &record))
	require.Equal(t, written.Transaction, record.TransactionID)
	require.Contains(t, record.Endorsers, trace.ProducerMSP)
}

func TestTheSameKeyWithOtherContentIsRefused(t *testing.T) {
	h, k, token := farm(t)
	body := apitest.Body(t, k.BatchRequest("A", 10))
	status, _, answer := h.Call(http.MethodPost, "/v1/batches", token, "lot-1", body)
	require.Equal(t, http.StatusCreated, status, string(answer))
	before := h.Height()
	body["lot"] = "B"
	status, _, answer = h.Call(http.MethodPost, "/v1/batches", token, "lot-1", body)
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, trace.Code("IDEMPOTENCY_KEY_REUSED"), problem(t, answer).Code)
	require.Equal(t, before, h.Height())
}

// TestAnotherGatewaysRecordIsTheSameAnswer: the outbox knows nothing of the request,
// the chain does.
func TestAnotherGatewaysRecordIsTheSameAnswer(t *testing.T) {
	h, k, token := farm(t)
	request := k.BatchRequest("A", 10)
	receipt := k.Farm.Must("origin:RegisterBatch", request)
	require.Eventually(t, func() bool {
		_, found, err := h.Index.Record(receipt.Record)
		return err == nil && found
	}, time.Minute, 10*time.Millisecond)
	before := h.Height()
	status, _, answer := h.Call(http.MethodPost, "/v1/batches", token, request.IdempotencyKey, apitest.Body(t, request))
	require.Equal(t, http.StatusCreated, status, string(answer))
	var written api.Written
	require.NoError(t, json.Unmarshal(answer, &written))
	require.Equal(t, receipt.Record, written.Record)
	require.Equal(t, before, h.Height())
}

func TestBadRequestsAreCodedAndChangeNothing(t *testing.T) {
	h, k, token := farm(t)
	lab := h.Token(trace.RoleLab, "lab-unknown")
	valid := func() map[string]any { return apitest.Body(t, k.BatchRequest("X", 10)) }
	with := func(field string, value any) map[string]any {
		body := valid()
		body[field] = value
		return body
	}
	text := func(body map[string]any) string {
		content, err := json.Marshal(body)
		require.NoError(t, err)
		return string(content)
	}
	twice := []byte(`{"lot":"Y",` + text(valid())[1:])
	own := []byte(`{"idempotencyKey":"mine",` + text(valid())[1:])
	cases := []struct {
		name, token, key string
		body             any
		status           int
		code             trace.Code
	}{
		{"no token", "", "k", valid(), 401, api.CodeUnauthenticated},
		{"unknown token", "tl_nonsense", "k", valid(), 401, "TOKEN_UNKNOWN"},
		{"no key", token, "", valid(), 400, api.CodeNoIdempotencyKey},
		{"key too long", token, strings.Repeat("k", 65), valid(), 400, trace.CodeInvalid},
		{"not JSON", token, "k", []byte("{"), 400, trace.CodeMalformed},
		{"not an object", token, "k", []byte("[]"), 400, trace.CodeMalformed},
		{"unknown field", token, "k", with("limit", "1"), 400, trace.CodeUnknownField},
		{"duplicate field", token, "k", twice, 400, trace.CodeDuplicateField},
		{"own idempotency key", token, "k", own, 400, trace.CodeDuplicateField},
		{"wrong type", token, "k", with("quantity", "many"), 400, trace.CodeInvalid},
		{"check digit", token, "k", with("gtin", "09520000100017"), 400, trace.CodeCheckDigit},
		{"too large", token, "k", with("place", strings.Repeat("x", 70<<10)), 413, trace.CodeTooLarge},
		{"another role", lab, "k", valid(), 403, trace.CodeForbidden},
		{"more than the plot yields", token, "k", apitest.Body(t, k.BatchRequest("X", 5000)), 422, trace.CodeYield},
		{"unknown product", token, "k", with("gtin", "09520000200015"), 404, trace.CodeNotFound},
	}
	before := h.Height()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status, header, answer := h.Call(http.MethodPost, "/v1/batches", c.token, c.key, c.body)
			p := problem(t, answer)
			require.Equal(t, c.code, p.Code, p.Detail)
			require.Equal(t, c.status, status)
			require.Equal(t, "application/problem+json", header.Get("Content-Type"))
			require.NotEmpty(t, p.Detail)
			require.Equal(t, before, h.Height(), "a refused request changes nothing")
		})
	}
}

func TestTwoWritersAtOnceCannotOverdrawAPlot(t *testing.T) {
	h, k, token := farm(t)
	var group sync.WaitGroup
	codes := make([]trace.Code, 8)
	for i := range codes {
		body := apitest.Body(t, k.BatchRequest(trace.LotNumber(fmt.Sprintf("L%d", i)), 1500))
		group.Go(func() {
			status, _, answer := h.Call(http.MethodPost, "/v1/batches", token, fmt.Sprintf("lot-%d", i), body)
			if status != http.StatusCreated {
				codes[i] = problem(t, answer).Code
			}
		})
	}
	group.Wait()
	fine := 0
	for _, code := range codes {
		if code == "" {
			fine++
			continue
		}
		require.Equal(t, trace.CodeYield, code)
	}
	require.Equal(t, 3, fine, "4,799 boxes fit on the plot: three lots of 1,500")
}

func TestCodesAreMadeOncePrintedByTheirOwnerOnly(t *testing.T) {
	h, k, token := farm(t)
	lot := k.Batch("A", 100)
	require.Eventually(t, func() bool { _, found, err := h.Index.Lot(lot); return err == nil && found }, time.Minute, 10*time.Millisecond)
	order := map[string]any{"count": 100, "lot": lot}
	status, _, answer := h.Call(http.MethodPost, "/v1/code-orders", token, "order-1", order)
	require.Equal(t, http.StatusCreated, status, string(answer))
	status, _, again := h.Call(http.MethodPost, "/v1/code-orders", token, "order-1", order)
	require.Equal(t, http.StatusCreated, status, string(again))
	require.JSONEq(t, string(answer), string(again))
	var made api.CodesMade
	require.NoError(t, json.Unmarshal(answer, &made))
	require.NotNil(t, made.Activated)

	path := "/v1/code-packs/" + string(made.Pack)
	status, _, list := h.Call(http.MethodGet, path+"/codes", token, "", nil)
	require.Equal(t, http.StatusOK, status)
	lines := strings.Split(strings.TrimSpace(string(list)), "\n")
	require.Len(t, lines, 101)
	require.Contains(t, lines[1], h.Base+"/01/09520000100018/10/A/21/00001")

	status, _, pdf := h.Call(http.MethodGet, path+"/labels?first=1&last=24", token, "", nil)
	require.Equal(t, http.StatusOK, status)
	require.True(t, bytes.HasPrefix(pdf, []byte("%PDF")))
	status, _, svg := h.Call(http.MethodGet, path+"/labels?format=svg&first=7&last=7", token, "", nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(svg), "<svg")

	stranger := h.Member(trace.RoleFarm, "farm-02")
	for _, what := range []string{"/codes", "/labels"} {
		status, _, answer := h.Call(http.MethodGet, path+what, stranger, "", nil)
		require.Equal(t, http.StatusForbidden, status, string(answer))
	}
	status, _, answer = h.Call(http.MethodPost, "/v1/code-orders", token, "order-2", map[string]any{"count": 1, "lot": lot})
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Equal(t, trace.CodeTooManyCodes, problem(t, answer).Code)
	require.Contains(t, problem(t, answer).DetailChinese, "没有码", "the same in Chinese")
}

func TestFilesAreKeptByTheirHash(t *testing.T) {
	h, _, token := farm(t)
	status, _, answer := h.Call(http.MethodPost, "/v1/files", token, "", []byte("%PDF-1.4 report"))
	require.Equal(t, http.StatusCreated, status, string(answer))
	var kept api.FileKept
	require.NoError(t, json.Unmarshal(answer, &kept))
	require.Equal(t, trace.DigestOf([]byte("%PDF-1.4 report")).String(), kept.Hash)
	require.Equal(t, "application/pdf", kept.MediaType)
	status, header, content := h.Call(http.MethodGet, "/v1/files/"+kept.Hash, token, "", nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "%PDF-1.4 report", string(content))
	require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	status, _, answer = h.Call(http.MethodGet, "/v1/files/"+strings.Repeat("0", 64), token, "", nil)
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, trace.Code("FILE_UNKNOWN"), problem(t, answer).Code)
	status, _, answer = h.Call(http.MethodPost, "/v1/files", token, "", []byte{})
	require.Equal(t, http.StatusBadRequest, status, string(answer))
}

// TestAFormIsNotAFile: a web form kept as a file would have a hash of its own.
func TestAFormIsNotAFile(t *testing.T) {
	h, _, token := farm(t)
	for _, path := range []string{"/v1/files", "/v1/sheets?name=a.csv"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Base+path, strings.NewReader("--x\r\n\r\nreport\r\n--x--"))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusBadRequest, response.StatusCode, path)
		require.Equal(t, trace.CodeMalformed, problem(t, answer).Code)
		require.Contains(t, string(answer), "--data-binary")
	}
}

// TestTheDocumentHoldsTheServer validates the OpenAPI document itself and real
// requests and answers against it.
func TestTheDocumentHoldsTheServer(t *testing.T) {
	h, k, token := farm(t)
	status, _, raw := h.Call(http.MethodGet, "/v1/openapi.json", "", "", nil)
	require.Equal(t, http.StatusOK, status)
	document, err := openapi3.NewLoader().LoadFromData(raw)
	require.NoError(t, err)
	require.NoError(t, document.Validate(context.Background()))
	for _, m := range trace.Methods() {
		require.NotNil(t, document.Paths.Find("/v1"+m.Path), m.Path)
	}
	document.Servers = openapi3.Servers{{URL: h.Base}}
	router, err := legacy.NewRouter(document)
	require.NoError(t, err)

	lot := apitest.Body(t, k.BatchRequest("A", 100))
	wrong := apitest.Body(t, k.BatchRequest("B", 9000))
	exchanges := []struct {
		method, path, key string
		body              any
		status            int
	}{
		{http.MethodGet, "/v1/me", "", nil, 200},
		{http.MethodPost, "/v1/batches", "a", lot, 201},
		{http.MethodPost, "/v1/batches", "b", wrong, 422},
		{http.MethodPost, "/v1/code-orders", "c", map[string]any{"count": 10, "lot": trace.LotID{GTIN: k.Product, Lot: "A"}}, 201},
		{http.MethodGet, "/v1/records?kind=batch&limit=5", "", nil, 200},
		{http.MethodGet, "/v1/records?limit=1000", "", nil, 400},
		{http.MethodGet, "/v1/lots/09520000100018/A", "", nil, 200},
		{http.MethodGet, "/v1/lots/09520000100018/NONE", "", nil, 404},
	}
	for _, x := range exchanges {
		t.Run(x.method+" "+x.path, func(t *testing.T) {
			status, header, answer := h.Call(x.method, x.path, token, x.key, x.body)
			require.Equal(t, x.status, status, string(answer))
			var content []byte
			if x.body != nil {
				content, err = json.Marshal(x.body)
				require.NoError(t, err)
			}
			request, err := http.NewRequest(x.method, h.Base+x.path, bytes.NewReader(content))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/json")
			if x.key != "" {
				request.Header.Set("Idempotency-Key", x.key)
			}
			route, params, err := router.FindRoute(request)
			require.NoError(t, err)
			input := &openapi3filter.RequestValidationInput{Request: request, PathParams: params, Route: route,
				Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
			if status < 400 {
				require.NoError(t, openapi3filter.ValidateRequest(context.Background(), input))
			}
			output := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: status, Header: header, Options: input.Options}
			output.SetBodyBytes(answer)
			require.NoError(t, openapi3filter.ValidateResponse(context.Background(), output), string(answer))
		})
	}
}
