package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
)

// Sign-ins of the demonstration, as "party@role".
const (
	signRegulator   = "regulator-demo-01@regulator"
	signFarm        = "farm-pujiang-01@farm"
	signFactory     = "factory-guangzhou-01@factory"
	signProcessor   = "processor-foshan-01@processor"
	signLab         = "lab-chengdu-01@lab"
	signLabHangzhou = "lab-hangzhou-01@lab"
	signCarrier     = "carrier-sichuan-01@carrier"
	signCarrierTwo  = "carrier-zhejiang-01@carrier"
	signMerchant    = "merchant-hangzhou-01@merchant"
)

// Facts of the demonstration that wrong requests lean on.
const (
	demoKiwifruit = trace.GTIN("09520000100018")
	demoCream     = trace.GTIN("09520000200015")
	demoPlot      = trace.PlotID("plot-fuxing-08")
	demoPack      = trace.PackID("KF261018")
	boxGrams      = 5_000
)

var (
	demoKiwifruitLot = trace.LotID{GTIN: demoKiwifruit, Lot: "PJ261018-A"}
	demoCreamLot     = trace.LotID{GTIN: demoCream, Lot: "FC260815-1"}
	pujiang          = trace.Point{Latitude: 30_210_000, Longitude: 103_510_000}
	hangzhou         = trace.Point{Latitude: 30_420_000, Longitude: 120_300_000}
)

// TestBadInput sends every kind of wrong input to one running house that holds the
// demonstration: over HTTP, as clumsy and hostile people do. Each must be refused
// with its own code, its status and words that help, and leave the ledger as it was.
func TestBadInput(t *testing.T) {
	b := newBadHouse(t)
	t.Run("files", b.badFiles)
	t.Run("form", b.badForm)
	t.Run("who", b.badCallers)
	t.Run("licences", b.badLicences)
	t.Run("lots", b.badLots)
	t.Run("inspections", b.badInspections)
	t.Run("codes", b.badCodes)
	t.Run("custody", b.badCustody)
	t.Run("segments", b.badSegments)
	t.Run("retries", b.sameRequestTwice)
	t.Run("writers", b.manyWriters)
	t.Run("pages", b.badPages)
	require.Equal(t, b.known, b.height(t), "something was written that no test asked for")
}

// badHouse is a house with the demonstration, whose ledger height is accounted for.
type badHouse struct {
	*house
	signIns map[string]string // "party@role" to token
	scans   map[string]string // lot to the address of its first code
	known   uint64            // height after the last write that was meant to be
	serial  int               // of idempotency keys
}

// newBadHouse starts the demonstration and, beside its people, some who may not write.
func newBadHouse(t *testing.T) *badHouse {
	h := newHouse(t)
	b := &badHouse{house: h, signIns: map[string]string{}, scans: map[string]string{}}
	for _, name := range []string{
		"farm-unknown-01@farm", "farm-suspended-01@farm", "farm-lapsed-01@farm", "farm-late-01@farm",
		"farm-pujiang-01@lab", "farm-pujiang-01@factory", "lab-chengdu-01@farm",
	} {
		party, role, _ := strings.Cut(name, "@")
		b.signIns[name] = strings.TrimSpace(h.command("token", "-make", name, "-role", role, "-party", party))
	}
	b.signIns["expired"] = strings.TrimSpace(h.command("token", "-make", "expired", "-role", "farm", "-party", "farm-unknown-01", "-days", "-1"))
	b.signIns["revoked"] = strings.TrimSpace(h.command("token", "-make", "revoked", "-role", "farm", "-party", "farm-unknown-01"))
	h.command("token", "-revoke", strings.Split(b.signIns["revoked"], "_")[1])
	for line := range strings.Lines(h.startPrinting("run")) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == "scan" {
			b.scans[words[1]] = words[2]
		}
	}
	content, err := os.ReadFile(filepath.Join(h.data, "sample-sign-ins.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &b.signIns))
	b.known = b.height(t)
	return b
}

// height is the ledger's, as the house itself tells it.
func (b *badHouse) height(t *testing.T) uint64 {
	t.Helper()
	status, _, content := b.send(t, http.MethodGet, "/healthz", "", nil, nil)
	var health struct {
		Height uint64 `json:"height"`
	}
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, json.Unmarshal(content, &health))
	return health.Height
}

// send makes one request; sign is a sign-in, a token as it stands, or "".
func (b *badHouse) send(t *testing.T, method, path, sign string, header http.Header, body []byte) (int, http.Header, []byte) {
	t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = b.base + path
	}
	request, err := http.NewRequestWithContext(t.Context(), method, path, bytes.NewReader(body))
	require.NoError(t, err)
	if token, ok := b.signIns[sign]; ok {
		sign = token
	}
	if sign != "" {
		request.Header.Set("Authorization", "Bearer "+sign)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := unredirected.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header, content
}

var unredirected = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// freshKey names a request that was never sent before.
func (b *badHouse) freshKey() http.Header {
	b.serial++
	return http.Header{"Idempotency-Key": {fmt.Sprintf("bad-%d", b.serial)}}
}

// bodyOf is a request as a client sends it: without the fields the chain takes from
// elsewhere.
func bodyOf(t *testing.T, request any) []byte {
	t.Helper()
	if raw, ok := request.([]byte); ok {
		return raw
	}
	content, err := json.Marshal(request)
	require.NoError(t, err)
	if _, ok := request.(trace.Writer); !ok {
		return content
	}
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(content, &fields))
	delete(fields, "idempotencyKey")
	content, err = json.Marshal(fields)
	require.NoError(t, err)
	return content
}

// refusal demands that an answer is a problem with this code and status, in words that
// name every one of the given.
func refusal(t *testing.T, status int, header http.Header, content []byte, wantStatus int, code trace.Code, words ...string) api.Problem {
	t.Helper()
	var p api.Problem
	require.Equal(t, "application/problem+json", header.Get("Content-Type"), string(content))
	require.NoError(t, json.Unmarshal(content, &p), string(content))
	require.Equal(t, code, p.Code, p.Detail)
	require.Equal(t, wantStatus, status, p.Detail)
	require.Equal(t, wantStatus, p.Status)
	require.NotEmpty(t, p.Title)
	requireHelpful(t, p.Detail, words)
	return p
}

// requireHelpful holds a message to its promise: it names the wrong value and what
// would be right, and nothing of the inside of the program.
func requireHelpful(t *testing.T, message string, words []string) {
	t.Helper()
	require.Greater(t, len(message), 15, "too short to help: %q", message)
	for _, word := range words {
		require.Contains(t, message, word)
	}
	for _, inside := range []string{"jsontext", "json:", "Go ", "goroutine", ".go:", "rpc error", "chaincode response", "pebble"} {
		require.NotContains(t, message, inside, "a message is for people")
	}
}

// refused posts a request under a fresh key and demands its refusal; nothing changes.
func (b *badHouse) refused(t *testing.T, sign, path string, request any, status int, code trace.Code, words ...string) {
	t.Helper()
	b.refusedAs(t, http.MethodPost, sign, path, b.freshKey(), request, status, code, words...)
}

func (b *badHouse) refusedAs(t *testing.T, method, sign, path string, header http.Header, request any, status int, code trace.Code, words ...string) {
	t.Helper()
	require.Equal(t, b.known, b.height(t), "before")
	got, gotHeader, content := b.send(t, method, "/v1"+path, sign, header, bodyOf(t, request))
	refusal(t, got, gotHeader, content, status, code, words...)
	require.Equal(t, b.known, b.height(t), "something changed")
}

// accepted posts a request under a fresh key and demands its record.
func (b *badHouse) accepted(t *testing.T, sign, path string, request any) api.Written {
	t.Helper()
	status, _, content := b.send(t, http.MethodPost, "/v1"+path, sign, b.freshKey(), bodyOf(t, request))
	require.Equal(t, http.StatusCreated, status, string(content))
	var written api.Written
	require.NoError(t, json.Unmarshal(content, &written))
	b.settle(t, written.Block)
	return written
}

// settle waits until the house tells of a block and takes its height as known.
func (b *badHouse) settle(t *testing.T, block uint64) {
	t.Helper()
	require.Eventually(t, func() bool { return b.height(t) > block }, time.Minute, 5*time.Millisecond)
	b.known = b.height(t)
}

// keep uploads a file and gives its hash.
func (b *badHouse) keep(t *testing.T, sign string, content []byte) trace.Digest {
	t.Helper()
	status, _, answer := b.send(t, http.MethodPost, "/v1/files", sign, nil, content)
	require.Equal(t, http.StatusCreated, status, string(answer))
	return trace.DigestOf(content)
}

// writing is the common part of a request about something that was so at a time.
func writing(claimed trace.Time) trace.Write { return trace.Write{Claimed: claimed} }

// at is a moment of autumn 2026, when the demonstration happens.
func at(month time.Month, day, hour, minute int) trace.Time {
	return trace.TimeOf(time.Date(2026, month, day, hour, minute, 0, 0, time.FixedZone("", trace.ChinaStandardTime)))
}

// gtin makes a trade item number of the demonstration prefix.
func gtin(number int) trace.GTIN {
	data := fmt.Sprintf("09520000%05d", number)
	return trace.GTIN(data + string(trace.CheckDigit(data)))
}

// plotOf registers a plot of so many square metres for the farm; one of 5,333 gives
// at most 23,998,500 g of kiwifruit a season.
func (b *badHouse) plotOf(t *testing.T, plot trace.PlotID, area trace.SquareMetres) trace.PlotID {
	t.Helper()
	b.accepted(t, signFarm, "/plots", &trace.RegisterPlotRequest{
		Write: writing(at(time.February, 10, 9, 0)), Plot: plot, Crop: "kiwifruit", Area: area, Place: "蒲江县试验地", Point: pujiang,
	})
	return plot
}

// harvest is a lot of so many boxes from a plot, harvested on 18 October.
func harvest(lot trace.LotNumber, plot trace.PlotID, boxes int64) *trace.RegisterBatchRequest {
	return &trace.RegisterBatchRequest{
		Write: writing(at(time.October, 18, 15, 0)), LotID: trace.LotID{GTIN: demoKiwifruit, Lot: lot}, Place: "四川省成都市蒲江县",
		Point: pujiang, Plot: plot, Made: at(time.October, 18, 14, 0), Quantity: trace.Quantity{Amount: boxes * boxGrams, Unit: trace.Gram},
	}
}

// lotOf registers a lot of so many boxes.
func (b *badHouse) lotOf(t *testing.T, lot trace.LotNumber, plot trace.PlotID, boxes int64) trace.LotID {
	t.Helper()
	request := harvest(lot, plot, boxes)
	b.accepted(t, signFarm, "/batches", request)
	return request.LotID
}

// packOf orders codes; bound to a lot unless lot is nil.
func (b *badHouse) packOf(t *testing.T, pack trace.PackID, count int64, lot *trace.LotID) trace.PackID {
	t.Helper()
	status, _, content := b.send(t, http.MethodPost, "/v1/code-orders", signFarm, b.freshKey(), bodyOf(t, api.CodeOrder{Count: count, Lot: lot, Claimed: at(time.October, 19, 9, 0), Pack: pack}))
	require.Equal(t, http.StatusCreated, status, string(content))
	var made api.CodesMade
	require.NoError(t, json.Unmarshal(content, &made))
	block := made.Issued.Block
	if made.Activated != nil {
		block = made.Activated.Block
	}
	b.settle(t, block)
	return made.Pack
}

// codesOf lists a pack's codes: rows of item, serial, address and short address.
func (b *badHouse) codesOf(t *testing.T, pack trace.PackID) [][]string {
	t.Helper()
	status, _, content := b.send(t, http.MethodGet, "/v1/code-packs/"+string(pack)+"/codes", signFarm, nil, nil)
	require.Equal(t, http.StatusOK, status, string(content))
	var rows [][]string
	for line := range strings.Lines(string(content)) {
		rows = append(rows, strings.Split(strings.TrimSpace(line), ","))
	}
	return slices.Delete(rows, 0, 1)
}
