package scanner_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	scanner "traceledger/scanner-api"
	"traceledger/scanner-api/leaffile"
)

const asJSON = "application/json"

// scanned is the part of an item's document that tests look at.
type scanned struct {
	Address string `json:"address"`
	Code    struct {
		Pack   trace.PackID `json:"pack"`
		Serial trace.Serial `json:"serial"`
		Item   int64        `json:"item"`
	} `json:"code"`
	Scan struct {
		First string `json:"first"`
		Count int    `json:"count"`
	} `json:"scan"`
	Line          rules.Line                       `json:"line"`
	SuspectedCopy bool                             `json:"suspectedCopy"`
	CodeChecked   bool                             `json:"codeChecked"`
	Journey       struct{ Legs []json.RawMessage } `json:"journey"`
}

func (w *world) scan(path string, header ...string) scanned {
	a := w.get(path, append([]string{"Accept", asJSON}, header...)...)
	require.Equal(w.t, http.StatusOK, a.status, a.body)
	require.Equal(w.t, "application/json; charset=utf-8", a.header.Get("Content-Type"))
	var s scanned
	require.NoError(w.t, json.Unmarshal([]byte(a.body), &s), a.body)
	return s
}

// problemOf reads a refusal as JSON and checks that people get a page for it too.
func (w *world) problemOf(path string, status int) trace.Code {
	a := w.get(path, "Accept", asJSON)
	require.Equal(w.t, status, a.status, a.body)
	require.Equal(w.t, "application/problem+json", a.header.Get("Content-Type"))
	var p struct {
		Code   trace.Code
		Detail string
		Status int
	}
	require.NoError(w.t, json.Unmarshal([]byte(a.body), &p))
	require.Equal(w.t, status, p.Status)
	require.NotEmpty(w.t, p.Detail)
	page := w.get(path)
	require.Equal(w.t, status, page.status)
	require.Contains(w.t, page.body, `<h1 id="verdict">`)
	return p.Code
}

// says requires a part of a page, without printing the page when it is not there.
func says(t testing.TB, page, part string) {
	t.Helper()
	require.True(t, strings.Contains(page, part), "the page does not say %s", part)
}

func saysNot(t testing.TB, page, part string) {
	t.Helper()
	require.False(t, strings.Contains(page, part), "the page says %s", part)
}

func TestAWholeLotReadsGood(t *testing.T) {
	w := startWorld(t)
	w.whole(false)
	s := w.scan(w.item(29))
	require.Equal(t, rules.LineGood, s.Line.Level, "%+v", s.Line)
	require.Equal(t, w.item(29), s.Address)
	require.EqualValues(t, 29, s.Code.Item)
	require.Equal(t, w.pack, s.Code.Pack)
	require.True(t, s.CodeChecked)
	require.Len(t, s.Journey.Legs, 1)
	html := w.get(w.item(29)).body
	says(t, html, "verdict good")
	require.Less(t, len(html), 100_000)
	for _, part := range []string{"多杀霉素", "GB 2763", "承诺达标合格证", "临平", "坏货率", "相对湿度", "品温", `class="chart temperature"`, `class="chart track"`, "除霜", "首次扫码"} {
		says(t, html, part)
	}
	says(t, w.get(w.item(29)+"?lang=en").body, `<html lang="en">`)
}

func TestAnExcursionIsSaidFirst(t *testing.T) {
	w := startWorld(t)
	w.whole(true)
	s := w.scan(w.item(1))
	require.Equal(t, rules.LineWarning, s.Line.Level)
	require.Contains(t, s.Line.Text.Zh, "75 分钟")
	says(t, w.get(w.item(1)).body, "超温 75 分钟")
}

func TestACodesPageShowsItsOwnJourneyOnly(t *testing.T) {
	w := startWorld(t)
	w.certify()
	w.inspect("0.01")
	w.ship("ship-01", 1, 20, true, true)
	w.ship("ship-02", 21, 30, false, false)
	w.settle()
	warm, cold, home := w.get(w.item(3)).body, w.get(w.item(21)).body, w.get(w.item(31)).body
	says(t, warm, "超温 75 分钟")
	saysNot(t, cold, "超温 75 分钟")
	says(t, cold, "按链上背书的摘要绘制")
	saysNot(t, home, "<svg class=\"chart")
	require.Equal(t, rules.LineIncomplete, w.scan(w.item(31)).Line.Level)
	says(t, w.get("/01/"+string(w.lot.GTIN)+"/10/"+string(w.lot.Lot)).body, "行程属于每一件包装")

	w.recall(w.lot, &trace.CodeRange{Pack: w.pack, First: 5, Last: 9}, state.BatchKey(w.lot))
	require.Equal(t, rules.LineRecalled, w.scan(w.item(5)).Line.Level)
	require.Equal(t, rules.LineRecalled, w.scan(w.item(9)).Line.Level)
	require.NotEqual(t, rules.LineRecalled, w.scan(w.item(4)).Line.Level)
	require.NotEqual(t, rules.LineRecalled, w.scan(w.item(10)).Line.Level)
	says(t, w.get(w.item(5)).body, "verdict recalled")
	says(t, w.get(w.item(5)).body, "1 项处置有效")
	says(t, w.get(w.item(4)).body, "不涉及这一件")
	saysNot(t, w.get(w.item(4)).body, "1 项处置有效")
}

func TestReadingsThatComeLaterAreDrawn(t *testing.T) {
	w := startWorld(t)
	w.ship("ship-01", 1, w.boxes, false, false)
	w.settle()
	says(t, w.get(w.item(1)).body, "按链上背书的摘要绘制")
	for _, payload := range w.absent {
		w.keep(payload, "application/octet-stream")
	}
	w.clock.move(time.Minute)
	html := w.get(w.item(1)).body
	saysNot(t, html, "按链上背书的摘要绘制")
	says(t, html, `class="pulp"`)
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	w := startWorld(t)
	s := w.scan(w.item(1))
	require.Equal(t, rules.LineIncomplete, s.Line.Level)
	require.NotEmpty(t, s.Line.NotShown)
	html := w.get(w.item(1)).body
	says(t, html, "未显示：没有检验记录")
	says(t, html, "未显示：没有承诺达标合格证")
	says(t, html, "未显示：尚无运输记录")
}

func TestScansAreCounted(t *testing.T) {
	w := startWorld(t)
	first := w.scan(w.item(1))
	require.Equal(t, 1, first.Scan.Count)
	require.NotEmpty(t, first.Scan.First)
	require.Equal(t, 1, w.scan(w.item(1)).Scan.Count, "the same phone within half an hour")
	require.Equal(t, 2, w.scan(w.item(1), "From-Address", "192.0.2.2").Scan.Count)
	w.ask(http.MethodHead, w.item(1), "From-Address", "192.0.2.3")
	require.Equal(t, 2, w.scan(w.item(1), "From-Address", "192.0.2.4", "User-Agent", "facebookexternalhit/1.1").Scan.Count, "HEAD and previews do not count")
	require.Equal(t, 2, w.scan(w.item(1), "From-Address", "192.0.2.5", "Sec-Purpose", "prefetch").Scan.Count)
	w.clock.move(31 * time.Minute)
	again := w.scan(w.item(1))
	require.Equal(t, 3, again.Scan.Count)
	require.Equal(t, first.Scan.First, again.Scan.First)
	require.Equal(t, 1, w.scan(w.item(2)).Scan.Count, "another code")
}

func TestHeadAnswersWithoutBody(t *testing.T) {
	w := startWorld(t)
	head := w.ask(http.MethodHead, w.item(1))
	require.Equal(t, http.StatusOK, head.status)
	require.Empty(t, head.body)
	require.NotEmpty(t, head.header.Get("Content-Length"))
}

func TestACodeSeenByTooManyPhonesIsASuspectedCopy(t *testing.T) {
	w := startWorld(t, func(cfg *scanner.Config) { cfg.Copies = scanner.CopyLimits{VisitorsPerDay: 5} })
	for n := range 5 {
		require.False(t, w.scan(w.item(1), "From-Address", fmt.Sprintf("192.0.2.%d", 10+n)).SuspectedCopy)
	}
	s := w.scan(w.item(1), "From-Address", "192.0.2.99")
	require.True(t, s.SuspectedCopy)
	require.Equal(t, rules.LineWarning, s.Line.Level)
	require.False(t, w.scan(w.item(2)).SuspectedCopy)
}

func TestCodesThatAreNotTheProducers(t *testing.T) {
	w := startWorld(t)
	altered := []byte(w.item(7))
	altered[len(altered)-1] ^= 1
	if !strings.ContainsRune(trace.SerialAlphabet, rune(altered[len(altered)-1])) {
		altered[len(altered)-1] = '0'
	}
	lot := "/01/" + string(w.lot.GTIN) + "/10/"
	require.Equal(t, scanner.CodeAltered, w.problemOf(string(altered), http.StatusNotFound))
	require.Equal(t, scanner.CodeUnknown, w.problemOf(lot+"NO-SUCH-LOT/21/"+string(w.serials[0]), http.StatusNotFound))
	require.Equal(t, scanner.CodeUnknown, w.problemOf(lot+"NO-SUCH-LOT", http.StatusNotFound))
	require.Equal(t, scanner.CodeUnknown, w.problemOf("/01/09520000200015", http.StatusNotFound))
	require.Equal(t, trace.CodeCheckDigit, w.problemOf("/01/09520000100017/10/A", http.StatusBadRequest))
	require.Equal(t, scanner.CodeDigitalLink, w.problemOf("/01/09520000100018/21/"+string(w.serials[0])+"/10/A", http.StatusBadRequest))
	require.Equal(t, trace.CodeInvalid, w.problemOf(lot+string(w.lot.Lot)+"/21/123", http.StatusBadRequest))
	require.Equal(t, scanner.CodeUnknown, w.problemOf("/c/ZZZZZZZZ"+string(w.serials[0]), http.StatusNotFound))
	require.Equal(t, scanner.CodeNoPage, w.problemOf("/elsewhere", http.StatusNotFound))
	require.Equal(t, http.StatusMethodNotAllowed, w.ask(http.MethodPost, w.item(1)).status)
}

// TestAPanicNamesItsRequest: phone and program get what other refusals give them, with
// the name under which the log says more.
func TestAPanicNamesItsRequest(t *testing.T) {
	var log bytes.Buffer
	s, err := scanner.New(scanner.Config{BaseURL: baseURL, Logger: slog.New(slog.NewTextHandler(&log, nil))}) // no index: reading it panics
	require.NoError(t, err)
	for _, c := range []struct{ path, accept, kind, says string }{
		{"", "text/html,*/*;q=0.8", "text/html; charset=utf-8", "服务器出错；运维人员可按请求编号 "},
		{"?lang=en", "text/html", "text/html; charset=utf-8", "its log has the details under request "},
		{"", asJSON, "application/problem+json", "its log has the details under request "},
	} {
		log.Reset()
		request := httptest.NewRequest(http.MethodGet, "/01/09520000100018/10/PJ261018-A"+c.path, nil)
		request.Header.Set("Accept", c.accept)
		recorder := httptest.NewRecorder()
		s.ServeHTTP(recorder, request)
		require.Equal(t, http.StatusInternalServerError, recorder.Code)
		require.Equal(t, c.kind, recorder.Header().Get("Content-Type"))
		name := regexp.MustCompile(`request=([A-Z2-7]{12}) .*nil pointer.*goroutine`).FindStringSubmatch(log.String())
		require.NotNil(t, name, log.String())
		says(t, recorder.Body.String(), c.says+name[1])
		saysNot(t, recorder.Body.String(), "nil pointer")
	}
}

func TestStatesOfAPack(t *testing.T) {
	w := startWorld(t)
	w.whole(false)
	change := func(to trace.PackState) {
		w.Farm.Must("code:ChangePack", &trace.ChangePackRequest{Write: w.Write(), Pack: w.pack, To: to, Reason: "包装批次印刷错误"})
		w.settle()
	}
	change(trace.PackFrozen)
	require.Equal(t, rules.LineFrozen, w.scan(w.item(1)).Line.Level)
	says(t, w.get(w.item(1)).body, "包装批次印刷错误")
	change(trace.PackActive)
	require.Equal(t, rules.LineGood, w.scan(w.item(1)).Line.Level)
	change(trace.PackVoid)
	require.Equal(t, rules.LineVoid, w.scan(w.item(1)).Line.Level)
	require.False(t, w.scan(w.item(1)).SuspectedCopy, "scanned before it was void")
	w.clock.move(time.Minute)
	require.True(t, w.scan(w.item(2)).SuspectedCopy, "first scanned after it was void")
}

func TestShortFormBeforeAndAfterBinding(t *testing.T) {
	w := startWorld(t)
	serials := w.issue("R0110001", 10, true)
	w.settle()
	short := "/c/R0110001" + string(serials[4])
	roll := w.scan(short)
	require.Equal(t, rules.LineNotOnSale, roll.Line.Level)
	require.Equal(t, 1, roll.Scan.Count)
	says(t, w.get(short).body, "尚未绑定到任何批次")
	lower := strings.ToLower("/c/ROLL-0001-" + string(serials[4]))
	require.Equal(t, rules.LineNotOnSale, w.scan(lower).Line.Level, "as a person types it")

	other := w.Batch("PJ261018-B", 10)
	w.Farm.Must("code:ActivatePack", &trace.ActivatePackRequest{Write: w.Write(), Pack: "R0110001", LotID: other})
	w.settle()
	bound := w.get(short + "?lang=en")
	require.Equal(t, http.StatusTemporaryRedirect, bound.status)
	require.Equal(t, "/01/"+string(other.GTIN)+"/10/PJ261018-B/21/"+string(serials[4])+"?lang=en", bound.header.Get("Location"))
	require.Equal(t, 1, w.scan(bound.header.Get("Location")).Scan.Count, "one code, one count, by whichever address")
}

func TestWithoutTheLeafFileTheCodeIsNotChecked(t *testing.T) {
	w := startWorld(t)
	w.certify()
	w.inspect("0.01")
	other := w.Batch("PJ261018-C", 10)
	serials := w.issue("N0F11E01", 10, false)
	w.Farm.Must("code:ActivatePack", &trace.ActivatePackRequest{Write: w.Write(), Pack: "N0F11E01", LotID: other})
	w.settle()
	path := "/01/" + string(other.GTIN) + "/10/PJ261018-C/21/" + string(serials[0])
	s := w.scan(path)
	require.False(t, s.CodeChecked)
	require.Equal(t, "code-not-checked", s.Line.NotShown[len(s.Line.NotShown)-1].Code)
	require.Zero(t, s.Scan.Count)
	require.Equal(t, scanner.CodeUnavailable, w.problemOf(path+"/proof", http.StatusNotFound))
}

func TestProofHolds(t *testing.T) {
	w := startWorld(t)
	a := w.get(w.item(17) + "/proof")
	require.Equal(t, http.StatusOK, a.status)
	var answer struct{ Proof leaffile.Proof }
	require.NoError(t, json.Unmarshal([]byte(a.body), &answer))
	p := answer.Proof
	pack := contracttest.Value[trace.CodePack](w.Ledger, state.CodePackKey(w.pack))
	require.True(t, rules.VerifyInclusion(pack.Root, rules.CodeLeaf(w.pack, w.serials[16]), p.Item-1, p.Count, p.Path))
}

func TestFilesOfALot(t *testing.T) {
	w := startWorld(t)
	report := w.inspect("0.01")
	w.certify()
	secret := w.keep([]byte("not on any page"), "application/pdf")
	w.settle()
	lot := "/01/" + string(w.lot.GTIN) + "/10/" + string(w.lot.Lot)
	says(t, w.get(w.item(1)).body, lot+"/file/"+report.String())
	a := w.get(lot + "/file/" + report.String())
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "application/pdf", a.header.Get("Content-Type"))
	require.Contains(t, a.header.Get("Content-Security-Policy"), "sandbox")
	require.Equal(t, "%PDF-1.4 report of 0.01", a.body)
	w.problemOf(lot+"/file/"+secret.String(), http.StatusNotFound)
	pack := contracttest.Value[trace.CodePack](w.Ledger, state.CodePackKey(w.pack))
	w.problemOf(lot+"/file/"+pack.LeafFile.String(), http.StatusNotFound)
}

func TestProductAndLotPages(t *testing.T) {
	w := startWorld(t)
	w.whole(false)
	product := w.get("/01/" + string(w.lot.GTIN))
	require.Equal(t, http.StatusOK, product.status)
	says(t, product.body, "PJ261018-A")
	says(t, product.body, "金艳猕猴桃")
	require.Equal(t, http.StatusOK, w.get("/01/9520000100018").status, "a GTIN-13 is padded")
	lot := w.get("/01/"+string(w.lot.GTIN)+"/22/2A/10/"+string(w.lot.Lot), "Accept", asJSON)
	require.Equal(t, http.StatusOK, lot.status)
	saysNot(t, lot.body, string(w.pack))
	var d struct{ Address string }
	require.NoError(t, json.Unmarshal([]byte(lot.body), &d))
	require.Equal(t, "/01/09520000100018/10/PJ261018-A", d.Address)
}

func TestLinkset(t *testing.T) {
	w := startWorld(t)
	for _, a := range []answer{w.get(w.item(1), "Accept", "application/linkset+json"), w.get(w.item(1) + "?linkType=linkset")} {
		require.Equal(t, http.StatusOK, a.status)
		require.Equal(t, "application/linkset+json", a.header.Get("Content-Type"))
		var set struct {
			Linkset []map[string]json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(a.body), &set))
		require.JSONEq(t, `"`+baseURL+w.item(1)+`"`, string(set.Linkset[0]["anchor"]))
		require.Contains(t, set.Linkset[0], "https://ref.gs1.org/voc/defaultLink")
	}
	require.Contains(t, w.get(w.item(1)).header.Get("Link"), `rel="linkset"`)
	require.Equal(t, 1, w.scan(w.item(1)).Scan.Count, "a link set is no scan, the page before was")
	require.Equal(t, scanner.CodeNoSuchLink, w.problemOf(w.item(1)+"?linkType=gs1:recipeInfo", http.StatusNotFound))
	var resolver map[string]any
	require.NoError(t, json.Unmarshal([]byte(w.get("/.well-known/gs1resolver").body), &resolver))
	require.Equal(t, baseURL, resolver["resolverRoot"])
}

func TestQRCodesLeadToTheirOwnPage(t *testing.T) {
	w := startWorld(t)
	for _, path := range []string{w.item(3), "/01/" + string(w.lot.GTIN), "/01/" + string(w.lot.GTIN) + "/10/" + string(w.lot.Lot), "/c/" + string(w.pack) + string(w.serials[0])} {
		a := w.get(path + "/qr.png")
		require.Equal(t, http.StatusOK, a.status, path)
		picture, err := png.Decode(strings.NewReader(a.body))
		require.NoError(t, err)
		bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
		require.NoError(t, err)
		read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
		require.NoError(t, err)
		require.Equal(t, baseURL+path, read.GetText())
		svg := w.get(path + "/qr.svg")
		require.Equal(t, "image/svg+xml", svg.header.Get("Content-Type"))
	}
}

func TestAnswersCanBeRevalidatedAndCompressed(t *testing.T) {
	w := startWorld(t)
	plain := w.get(w.item(1))
	tag := plain.header.Get("Etag")
	require.NotEmpty(t, tag)
	require.Equal(t, http.StatusNotModified, w.get(w.item(1), "If-None-Match", tag).status)
	require.Equal(t, http.StatusOK, w.get(w.item(1), "If-None-Match", tag, "From-Address", "192.0.2.77").status, "the count rose")
	packed := w.get(w.item(1), "Accept-Encoding", "br, gzip;q=0.8")
	require.Equal(t, "gzip", packed.header.Get("Content-Encoding"))
	require.Less(t, len(packed.body), len(plain.body)/2)
	r, err := gzip.NewReader(strings.NewReader(packed.body))
	require.NoError(t, err)
	unpacked, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, w.get(w.item(1)).body, string(unpacked))
	require.True(t, bytes.Contains(unpacked, []byte(w.item(1)+"/qr.svg")))
}

func TestManyRequestsOfOneClientAreRefused(t *testing.T) {
	w := startWorld(t, func(cfg *scanner.Config) { cfg.Rate, cfg.Burst = 0.001, 3 })
	for range 3 {
		require.Equal(t, http.StatusOK, w.get(w.item(1)).status)
	}
	refused := w.get(w.item(1))
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, w.get(w.item(1), "From-Address", "192.0.2.50").status, "another client")
	w.clock.move(2_000 * time.Second)
	require.Equal(t, http.StatusOK, w.get(w.item(1)).status)
}

func TestHeadersKeepThePageToItself(t *testing.T) {
	w := startWorld(t)
	h := w.get(w.item(1)).header
	require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
	require.NotContains(t, h.Get("Content-Security-Policy"), "unsafe")
	require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
	require.Equal(t, "private, no-cache", h.Get("Cache-Control"))
	require.Equal(t, "no-store", w.get("/01/1").header.Get("Cache-Control"))
}
