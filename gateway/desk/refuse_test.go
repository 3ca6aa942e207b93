package desk_test

import (
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/fixtures"
)

func TestSignInRefusesAndIsLimited(t *testing.T) {
	h := open(t)
	p := h.visitor(t)
	p.get("/desk")
	require.Equal(t, http.StatusOK, p.status)
	require.Contains(t, p.header.Get("Content-Security-Policy"), "default-src 'none'")
	good := h.tokens["farm-pujiang-01@farm"]

	p.post("/desk/sign-in", url.Values{"csrf": {"forged"}, "token": {good}})
	require.Equal(t, http.StatusForbidden, p.status, "a form of another site signs nobody in")
	for range 10 {
		p.post("/desk/sign-in", url.Values{"csrf": {p.field("csrf")}, "token": {good + "x"}})
		require.Equal(t, http.StatusUnauthorized, p.status)
		require.Contains(t, p.page, "令牌不对")
		require.NotContains(t, p.page, good)
	}
	p.post("/desk/sign-in", url.Values{"csrf": {p.field("csrf")}, "token": {good}})
	require.Equal(t, http.StatusTooManyRequests, p.status)
}

func TestASessionIsItsOwnersOnly(t *testing.T) {
	h := open(t)
	p := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	at, err := url.Parse(p.base + "/desk")
	require.NoError(t, err)
	require.NotEmpty(t, p.client.Jar.Cookies(at))

	p.get("/desk/lab")
	require.Equal(t, http.StatusForbidden, p.status)
	p.get("/desk/farm/new/inspections")
	require.Equal(t, http.StatusForbidden, p.status, "a farm has no lab's form")
	p.get("/desk/farm/new/nothing")
	require.Equal(t, http.StatusNotFound, p.status)
	p.get("/desk/record/batch/1/2")
	require.Equal(t, http.StatusNotFound, p.status)

	for _, proof := range []url.Values{{}, {"csrf": {"forged"}}} {
		before := h.Index.Height()
		p.send("/desk/farm/upload/batch-record", proof, fixture(t, "file:sheet", "kiwifruit/season-record.xlsx"))
		require.Equal(t, http.StatusForbidden, p.status)
		p.send("/desk/farm/new/plots", proof)
		require.Equal(t, http.StatusForbidden, p.status)
		p.post("/desk/farm/codes", proof)
		require.Equal(t, http.StatusForbidden, p.status)
		p.post("/desk/sign-out", proof)
		require.Equal(t, http.StatusForbidden, p.status)
		require.Equal(t, before, h.Index.Height())
	}

	p.get("/desk/farm")
	p.post("/desk/sign-out", url.Values{"csrf": {p.field("csrf")}})
	p.get("/desk/farm")
	require.Equal(t, http.StatusUnauthorized, p.status)
	require.Contains(t, p.page, "访问令牌")
}

func TestARevokedTokenEndsTheSession(t *testing.T) {
	h := open(t)
	p := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	id := strings.Split(h.tokens["farm-pujiang-01@farm"], "_")[1]
	require.NoError(t, h.Store.Tokens().Revoke(id))
	p.get("/desk/farm")
	require.Equal(t, http.StatusUnauthorized, p.status)
}

func TestTheSessionCookieIsKeptFromScriptsAndSites(t *testing.T) {
	h := open(t)
	p := h.visitor(t)
	p.get("/desk")
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.post("/desk/sign-in", url.Values{"csrf": {p.field("csrf")}, "token": {h.tokens["farm-pujiang-01@farm"]}})
	require.Equal(t, http.StatusSeeOther, p.status)
	require.Equal(t, "/desk/farm", p.header.Get("Location"))
	var set string
	for _, c := range p.header.Values("Set-Cookie") {
		if strings.HasPrefix(c, "desk-session=") {
			set = c
		}
	}
	require.Contains(t, set, "HttpOnly")
	require.Contains(t, set, "SameSite=Strict")
	require.NotContains(t, set, "tlt_")
}

func TestABadSheetShowsItsRows(t *testing.T) {
	h := open(t)
	h.load(t, "kiwifruit/season-record.xlsx")
	p := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	before := h.Index.Height()
	p.upload(fixtures.Upload{File: "bad/letter-in-number.csv", Kind: "batch-record"})
	require.Equal(t, http.StatusOK, p.status)
	require.Contains(t, p.page, "还不能记录")
	require.Contains(t, p.page, "要改的地方")
	require.NotContains(t, p.page, `value="confirm"`, "a sheet with errors cannot be confirmed")
	require.Equal(t, before, h.Index.Height(), "a dry run records nothing")
	values := p.again()
	values.Set("do", "confirm")
	p.send("/desk/farm/upload/batch-record", values)
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Equal(t, before, h.Index.Height())
}

func TestASheetThatIsAllOnTheLedgerIsNotOfferedAgain(t *testing.T) {
	h := open(t)
	h.load(t, "kiwifruit/batch-record.xlsx")
	p := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	p.upload(fixtures.Upload{File: "kiwifruit/batch-record.xlsx", Kind: "batch-record"})
	require.Contains(t, p.page, "不必再记")
	require.NotContains(t, p.page, `value="confirm"`)
	p.upload(fixtures.Upload{File: "bad/too-many-codes.csv", Kind: "batch-record"})
	require.Contains(t, p.page, "（每件 5 千克），其中 0 件还没有码", "the row of codes is judged before it is confirmed")
	require.NotContains(t, p.page, `value="confirm"`)
}

// load uploads the demonstration up to and with a file.
func (h *house) load(t *testing.T, last string) {
	t.Helper()
	for _, up := range h.demo.Uploads {
		p := h.signedIn(t, up.Party, up.Role)
		p.upload(up)
		p.confirm("/desk/" + string(up.Role) + "/upload/" + up.Kind)
		require.Contains(t, p.page, "全部已在账本上", up.File)
		if up.File == last {
			return
		}
	}
	require.Fail(t, "no such upload", last)
}

// plot is a farm's form filled in.
func plot(p *person) url.Values {
	p.get("/desk/farm/new/plots")
	require.Equal(p.t, http.StatusOK, p.status)
	return url.Values{
		"csrf": {p.field("csrf")}, "nonce": {p.field("nonce")}, "claimed": {"2026-03-01T08:00:00"}, "do": {"check"},
		"plot": {"plot-new-01"}, "crop": {"kiwifruit"}, "area": {"5333"}, "place": {"四川蒲江"},
		"point.latitude": {"30.205"}, "point.longitude": {"103.512"},
	}
}

func TestAFormIsDryRunThenRecordedOnce(t *testing.T) {
	h := open(t)
	h.load(t, "regulator/registry.xlsx")
	p := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	values := plot(p)
	before := h.Index.Height()
	p.send("/desk/farm/new/plots", values)
	require.Equal(t, http.StatusOK, p.status, p.page)
	require.Contains(t, p.page, "可以记录")
	require.Contains(t, p.page, "5333 平方米")
	require.Equal(t, before, h.Index.Height(), "a dry run records nothing")

	again := p.again()
	again.Set("do", "confirm")
	p.send("/desk/farm/new/plots", again)
	require.Contains(t, p.page, "已在账本上")
	require.Contains(t, p.page, "plot/farm-pujiang-01/plot-new-01")
	first := transaction(p)
	after := h.Index.Height()
	p.send("/desk/farm/new/plots", again)
	require.Equal(t, first, transaction(p), "a double click is one record")
	require.Equal(t, after, h.Index.Height())

	p.get("/desk/record/plot/farm-pujiang-01/plot-new-01")
	require.Equal(t, http.StatusOK, p.status)
	require.Contains(t, p.page, first)
	require.Contains(t, p.page, "生产方")
}

func transaction(p *person) string {
	_, rest, found := strings.Cut(p.page, "<code>")
	require.True(p.t, found, p.page)
	id, _, _ := strings.Cut(rest, "</code>")
	require.Len(p.t, id, 64)
	return id
}

func TestAFileThatIsNoSheetIsSaidInEachLanguage(t *testing.T) {
	h := open(t)
	h.load(t, "regulator/registry.xlsx")
	p := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	for lang, want := range map[string][2]string{"zh": {"这是 PDF，请上传 .xlsx 或 CSV 表格", "– 这是"}, "en": {"the file is a PDF, not a spreadsheet", "这是"}} {
		p.get("/desk/farm/upload/batch-record?lang=" + lang)
		p.send("/desk/farm/upload/batch-record", url.Values{"csrf": {p.field("csrf")}, "do": {"check"}}, fixture(t, "file:sheet", "bad/report.pdf"))
		require.Equal(t, http.StatusUnprocessableEntity, p.status)
		require.Contains(t, p.page, want[0])
		require.NotContains(t, p.page, want[1])
	}
}

// TestADashInAMessageDividesNothing: each language's text is a value of its own, whatever
// stands in what it quotes.
func TestADashInAMessageDividesNothing(t *testing.T) {
	h := open(t)
	h.load(t, "regulator/registry.xlsx")
	p := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	p.get("/desk/" + url.PathEscape("成本 – 二月"))
	require.Equal(t, http.StatusNotFound, p.status)
	require.Contains(t, p.page, `<p class="detail" lang="en">there is no page /desk/成本 – 二月 `)

	csv := attachment{"file:sheet", "costs.csv", []byte("[成本 – 二月]\r\n水费,电费\r\n1,2\r\n")}
	p.get("/desk/farm/upload/batch-record?lang=zh")
	p.send("/desk/farm/upload/batch-record", url.Values{"csrf": {p.field("csrf")}, "do": {"check"}}, csv)
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.page, "认不出这个文件（第一张表是 成本 – 二月），请下载并使用模板：批次登记表")
	require.Contains(t, p.page, "the first sheet is &#34;成本 – 二月&#34;, templates are: 批次登记表 (")
}

func TestAFormsErrorsNameTheirField(t *testing.T) {
	h := open(t)
	h.load(t, "regulator/registry.xlsx")
	p := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)

	values := plot(p)
	values.Set("area", "五千")
	values.Del("place")
	p.send("/desk/farm/new/plots", values)
	require.Equal(t, http.StatusBadRequest, p.status)
	require.Contains(t, p.page, "面积：应为整数")
	require.Contains(t, p.page, "请填写")
	require.Contains(t, p.page, `value="plot-new-01"`, "what was typed stays")

	values = plot(p)
	values.Set("plot", "Not A Plot")
	p.send("/desk/farm/new/plots", values)
	require.Equal(t, http.StatusBadRequest, p.status)
	require.Contains(t, p.page, "地块编号：")
	require.Contains(t, p.page, "must be lower-case letters")

	p.get("/desk/farm/new/plots")
	values = plot(p)
	values.Del("nonce")
	p.send("/desk/farm/new/plots", values)
	require.Equal(t, http.StatusForbidden, p.status, p.page)
}

func TestEveryFieldHasALabelAndEveryFormOpens(t *testing.T) {
	h := open(t)
	for _, id := range h.demo.Identities {
		p := h.signedIn(t, id.Party, id.Role)
		require.NotContains(t, p.page, "您的角色在账本上只读", "%s signs in to nothing", id.Role)
		for _, m := range trace.Methods() {
			p.get("/desk/" + string(id.Role) + "/new" + m.Path)
			allowed := false
			for _, r := range m.Roles {
				allowed = allowed || r == id.Role
			}
			if !allowed {
				require.Equal(t, http.StatusForbidden, p.status)
				continue
			}
			require.Equal(t, http.StatusOK, p.status, "%s %s: %s", id.Role, m.Path, p.page)
			require.NotContains(t, p.page, `<span class="name"></span>`, "%s has a field without a label", m.Transaction())
			require.NotContains(t, p.page, `<legend></legend>`, "%s has a group without a label", m.Transaction())
			require.Equal(t, reflect.Pointer, reflect.TypeOf(m.NewRequest()).Kind())
		}
	}
}

func TestCodesAreOrderedAndPrinted(t *testing.T) {
	h := open(t)
	h.load(t, "kiwifruit/batch-record.xlsx")
	p := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	p.get("/desk/farm/codes")
	require.Contains(t, p.page, "KF261018")
	order := url.Values{"csrf": {p.field("csrf")}, "nonce": {p.field("nonce")}, "gtin": {"09520000100018"}, "lot": {"PJ261018-A"}, "count": {"4900"}, "do": {"check"}}
	p.post("/desk/farm/codes", order)
	require.Equal(t, http.StatusUnprocessableEntity, p.status, p.page)
	require.Contains(t, p.page, "码数超过该批次的件数")

	order.Set("gtin", "")
	order.Set("lot", "")
	order.Set("count", "30")
	p.post("/desk/farm/codes", order)
	require.Contains(t, p.page, "预印码卷")
	again := p.again()
	again.Set("do", "confirm")
	p.post("/desk/farm/codes", again)
	require.Contains(t, p.page, "码包已发放")
	first := transaction(p)
	p.post("/desk/farm/codes", again)
	require.Equal(t, first, transaction(p))

	for address, media := range map[string]string{
		"codes.csv": "text/csv; charset=utf-8", "labels?first=1&last=3": "application/pdf",
		"labels?first=2&last=2&format=png&layout=roll-70x37": "image/png", "labels?first=2&last=2&format=svg": "image/svg+xml",
	} {
		p.get("/desk/farm/codes/KF261018/" + address)
		require.Equal(t, http.StatusOK, p.status, address)
		require.Equal(t, media, p.header.Get("Content-Type"))
		require.NotEmpty(t, p.page)
	}
	other := h.signedIn(t, "factory-guangzhou-01", trace.RoleFactory)
	other.get("/desk/factory/codes/KF261018/codes.csv")
	require.Equal(t, http.StatusForbidden, other.status)
	p.get("/desk/farm/codes/KF261018/labels?first=1&last=3&format=png")
	require.Equal(t, http.StatusRequestEntityTooLarge, p.status)
}

func TestAVerdictIsReviewedFromTheList(t *testing.T) {
	h := open(t)
	h.load(t, "monitor/verdicts.xlsx")
	p := h.signedIn(t, "reviewer-demo-01", trace.RoleReviewer)
	p.get("/desk/reviewer/verdicts")
	_, link, found := strings.Cut(p.page, `href="/desk/reviewer/new/verdict-reviews?`)
	require.True(t, found, p.page)
	link, _, _ = strings.Cut(link, `"`)
	p.get("/desk/reviewer/new/verdict-reviews?" + unescape(link))
	values := url.Values{"csrf": {p.field("csrf")}, "nonce": {p.field("nonce")}, "verdict": {p.again().Get("verdict"), ""}, "outcome": {"overturned"}, "claimed": {p.field("claimed")}, "do": {"check"}}
	require.Contains(t, p.page, `<option value="`+values.Get("verdict")+`" selected>`, "it is chosen already")
	p.send("/desk/reviewer/new/verdict-reviews", values)
	require.Equal(t, http.StatusBadRequest, p.status, "overturning needs a reason")
	values.Set("reason", "复核录音，原话是引用")
	p.send("/desk/reviewer/new/verdict-reviews", values)
	again := p.again()
	again.Set("do", "confirm")
	p.send("/desk/reviewer/new/verdict-reviews", again)
	require.Contains(t, p.page, "已在账本上", p.page)
}

// A reviewer sees what a verdict rests on: the records and files that it names.
func TestAVerdictIsShownWithItsEvidence(t *testing.T) {
	h := open(t)
	h.load(t, "monitor/verdicts.xlsx")
	p := h.signedIn(t, "reviewer-demo-01", trace.RoleReviewer)
	p.get("/desk/reviewer/verdicts")
	link := regexp.MustCompile(`href="(/desk/reviewer/queue/item\?verdict=fact%2Flot[^"]*)"`).FindStringSubmatch(p.page)
	require.NotNil(t, link, p.page)
	p.get(unescape(link[1]))
	require.Contains(t, p.page, "判定所依据的")
	require.Contains(t, p.page, `href="/desk/record/product/09520000200015"`)
	require.Contains(t, p.page, `href="/desk/file/`)
	p.get("/desk/reviewer")
	require.Regexp(t, `待复核的判定 <span class="tag warn">[1-9]`, p.page)
}

func TestARecordIsCorrectedFromItsPage(t *testing.T) {
	h := open(t)
	h.load(t, "kiwifruit/season-record.xlsx")
	p := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	_, rest, found := strings.Cut(p.page, `href="/desk/record/fact`)
	require.True(t, found, p.page)
	path, _, _ := strings.Cut(rest, `"`)
	p.get("/desk/record/fact" + unescape(path))
	require.Equal(t, http.StatusOK, p.status)
	_, link, found := strings.Cut(p.page, `href="/desk/farm/new/log-entries?`)
	require.True(t, found, p.page)
	link, _, _ = strings.Cut(link, `"`)
	p.get("/desk/farm/new/log-entries?" + unescape(link))
	require.Contains(t, p.page, `name="corrects" value="fact/plot/`)
	require.Contains(t, p.page, `name="plot" value="plot-fuxing-08"`, "the form opens on what it corrects")
}

// TestReadingsOfAnUnboundDeviceAreRefusedInTheDryRun, not only when they are confirmed.
func TestReadingsOfAnUnboundDeviceAreRefusedInTheDryRun(t *testing.T) {
	h := open(t)
	h.load(t, "kiwifruit/batch-record.xlsx")
	p := h.signedIn(t, "carrier-sichuan-01", trace.RoleCarrier)
	readings := fixtures.Upload{File: "kiwifruit/truck-logger.csv", Kind: "readings"}
	p.upload(readings)
	require.Contains(t, p.page, "还不能记录")
	require.Contains(t, p.page, "设备 tl-0718 从未绑定")

	p.upload(fixtures.Upload{File: "kiwifruit/shipment.xlsx", Kind: "transport"})
	p.confirm("/desk/carrier/upload/transport")
	p.upload(readings)
	require.Contains(t, p.page, "可以记录，请核对后确认", p.page)
}
