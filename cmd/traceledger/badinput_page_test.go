package main

import (
	"encoding/json"
	"html"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/scanner-api"
)

// A shopper's phone and a chat program's link preview.
const (
	phone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0"
	preview = "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"
)

// open reads an address of the public pages.
func (b *badHouse) open(t *testing.T, method, address, accept, language, agent string) (int, http.Header, string) {
	t.Helper()
	var status int
	var header http.Header
	var content []byte
	require.Eventually(t, func() bool { // one address may ask only so often, and is told when it may again
		status, header, content = b.send(t, method, address, "", http.Header{
			"Accept": {accept}, "Accept-Language": {language}, "User-Agent": {agent},
		}, nil)
		return status != http.StatusTooManyRequests || header.Get("Retry-After") == ""
	}, time.Minute, 50*time.Millisecond)
	return status, header, string(content)
}

// badPages scans codes that are not what a code should be.
func (b *badHouse) badPages(t *testing.T) {
	good := strings.TrimPrefix(b.scans[string(demoKiwifruitLot.Lot)], b.base)
	require.NotEmpty(t, good)
	stem, serial := good[:strings.LastIndex(good, "/")+1], good[strings.LastIndex(good, "/")+1:]
	altered := serial[:len(serial)-1] + map[bool]string{true: "0", false: "1"}[serial[len(serial)-1] != '0']
	for _, c := range []struct {
		name, path string
		status     int
		code       trace.Code
		advice     [2]string // what to do, Chinese and English
		words      []string
	}{
		{"unknown lot", "/01/09520000100018/10/NOWHERE/21/" + serial, 404, scanner.CodeUnknown, [2]string{"12315", "ask the merchant"}, []string{"NOWHERE"}},
		{"unknown product", "/01/" + string(gtin(70098)), 404, scanner.CodeUnknown, [2]string{"12315", "ask the merchant"}, []string{string(gtin(70098))}},
		{"unknown pack", "/c/ZZZZZZZZ" + serial, 404, scanner.CodeUnknown, [2]string{"12315", "ask the merchant"}, []string{"ZZZZZZZZ"}},
		{"altered serial", stem + altered, 404, scanner.CodeAltered, [2]string{"请勿食用或使用", "do not eat or use"}, []string{"issued no such code"}},
		{"serial of an item the pack does not have", stem + "ZZZZ" + serial[4:], 400, trace.CodeInvalid, [2]string{"重新扫码", "Scan again"}, []string{"1000000"}},
		{"serial of another lot", "/01/09520000200015/10/FC260815-1/21/" + serial, 404, scanner.CodeAltered, [2]string{"请勿食用或使用", "do not eat or use"}, nil},
		{"wrong check digit", "/01/09520000100017/10/PJ261018-A/21/" + serial, 400, trace.CodeCheckDigit, [2]string{"重新扫码", "Scan again"}, []string{"09520000100017", "must be 8"}},
		{"serial cut off", stem + serial[:9], 400, trace.CodeInvalid, [2]string{"重新扫码", "Scan again"}, []string{serial[:9], "18"}},
		{"letter no code has", stem + "U" + serial[1:], 400, trace.CodeInvalid, [2]string{"重新扫码", "Scan again"}, []string{"U" + serial[1:]}},
		{"short code cut off", "/c/KF26", 400, trace.CodeInvalid, [2]string{"重新扫码", "Scan again"}, []string{"KF26", "26"}},
		{"parts in the wrong order", "/01/09520000100018/21/" + serial + "/10/PJ261018-A", 400, scanner.CodeDigitalLink, [2]string{"重新扫码", "Scan again"}, []string{"/10/"}},
		{"script in an address", "/01/09520000100018/10/%3Cscript%3Ealert(1)%3C%2Fscript%3E", 400, trace.CodeInvalid, [2]string{"重新扫码", "Scan again"}, nil},
		{"no page", "/wp-login.php", 404, scanner.CodeNoPage, [2]string{"请扫描", "Scan the code"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.refusedPage(t, c.path, c.status, c.code, c.advice, c.words)
		})
	}
	t.Run("states", b.badStates)
	t.Run("counting", func(t *testing.T) { b.uncounted(t, good) })
	t.Run("other methods", func(t *testing.T) {
		status, header, content := b.open(t, http.MethodPost, good, "application/json", "zh", phone)
		require.Equal(t, http.StatusMethodNotAllowed, status, content)
		require.Equal(t, "GET, HEAD", header.Get("Allow"))
	})
}

// refusedPage demands the same refusal as JSON and as a page in both languages, each
// saying what it means and what to do.
func (b *badHouse) refusedPage(t *testing.T, path string, status int, code trace.Code, advice [2]string, words []string) {
	t.Helper()
	got, header, content := b.open(t, http.MethodGet, path, "application/json", "zh", phone)
	require.Equal(t, status, got, content)
	require.Equal(t, "application/problem+json", header.Get("Content-Type"))
	var problem struct {
		Code    trace.Code `json:"code"`
		Status  int        `json:"status"`
		Detail  string     `json:"detail"`
		Message rules.Text `json:"message"`
	}
	require.NoError(t, json.Unmarshal([]byte(content), &problem), content)
	require.Equal(t, code, problem.Code, content)
	require.Equal(t, status, problem.Status)
	requireHelpful(t, problem.Detail, words)
	for i, language := range []string{"zh-CN", "en"} {
		got, header, page := b.open(t, http.MethodGet, path+"?lang="+language[:2], "text/html", "zh", phone)
		require.Equal(t, status, got)
		require.Equal(t, "text/html; charset=utf-8", header.Get("Content-Type"))
		require.Equal(t, "no-store", header.Get("Cache-Control"), "a refusal may become a page later")
		require.Contains(t, page[:60], `<html lang="`+language)
		said := body(page)
		require.Contains(t, said, string(code))
		require.Contains(t, said, []string{problem.Message.Zh, problem.Message.En}[i], "what it means")
		require.Contains(t, said, advice[i], "what to do")
		require.NotContains(t, said, "<script>alert")
	}
	got, _, content = b.open(t, http.MethodHead, path, "text/html", "zh", phone)
	require.Equal(t, status, got)
	require.Empty(t, content)
}

// body is what a page says, without its style.
func body(page string) string { return page[max(strings.Index(page, "<main"), 0):] }

// badStates scans codes that were issued but must not be trusted, or not yet.
func (b *badHouse) badStates(t *testing.T) {
	lot := b.lotOf(t, "STATES-1", b.plotOf(t, "plot-states", 5_333), 100)
	b.packOf(t, "STATE001", 2, &lot)
	b.packOf(t, "STATE002", 2, &lot)
	b.packOf(t, "STATE003", 2, nil)
	b.packOf(t, "STATE004", 2, nil)
	b.accepted(t, signRegulator, "/code-pack-changes", packChange("STATE001", trace.PackFrozen, "核查产地"))
	b.accepted(t, signFarm, "/code-pack-changes", packChange("STATE002", trace.PackVoid, "标签印错"))
	b.accepted(t, signFarm, "/code-pack-changes", packChange("STATE004", trace.PackVoid, "标签浸水"))
	for _, c := range []struct {
		name   string
		pack   trace.PackID
		level  rules.LineLevel
		reason string
		advice [2]string
	}{
		{"frozen", "STATE001", rules.LineFrozen, "核查产地", [2]string{"暂", "merchant|until|not"}},
		{"void", "STATE002", rules.LineVoid, "标签印错", [2]string{"商家|12315|勿", "merchant|do not"}},
		{"not activated", "STATE003", rules.LineNotOnSale, "", [2]string{"商家", "merchant"}},
		{"void before it was activated", "STATE004", rules.LineVoid, "标签浸水", [2]string{"商家|12315|勿", "merchant|do not"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, address := range b.codesOf(t, c.pack)[0][2:] {
				b.statePage(t, address, c.level, c.reason, c.advice)
			}
		})
	}
}

func (b *badHouse) statePage(t *testing.T, address string, level rules.LineLevel, reason string, advice [2]string) {
	t.Helper()
	status, header, content := b.open(t, http.MethodGet, address, "application/json", "zh", phone)
	if status == http.StatusTemporaryRedirect { // the short form of a bound pack
		address = b.base + strings.TrimPrefix(header.Get("Location"), b.base)
		status, _, content = b.open(t, http.MethodGet, address, "application/json", "zh", phone)
	}
	require.Equal(t, http.StatusOK, status, content)
	var page struct {
		Line rules.Line `json:"line"`
	}
	require.NoError(t, json.Unmarshal([]byte(content), &page), content)
	require.Equal(t, level, page.Line.Level)
	for i, language := range []string{"zh", "en"} {
		status, _, content := b.open(t, http.MethodGet, address+"?lang="+language, "text/html", "zh", phone)
		require.Equal(t, http.StatusOK, status)
		said := body(content)
		require.Contains(t, said, html.EscapeString([]string{page.Line.Text.Zh, page.Line.Text.En}[i]), "what it means")
		require.Contains(t, said, reason, "the public reason")
		require.Regexp(t, advice[i], said, "what to do")
	}
}

// scanned is what a code's page says of its scans, read as no person would.
func (b *badHouse) scanned(t *testing.T, address string) uint64 {
	t.Helper()
	status, _, content := b.open(t, http.MethodGet, address, "application/json", "zh", preview)
	require.Equal(t, http.StatusOK, status, content)
	var page struct {
		Scan struct {
			Count uint64 `json:"count"`
		} `json:"scan"`
	}
	require.NoError(t, json.Unmarshal([]byte(content), &page), content)
	return page.Scan.Count
}

// uncounted reads a code's page in the ways that are no person's scan.
func (b *badHouse) uncounted(t *testing.T, address string) {
	before := b.scanned(t, address)
	status, _, content := b.open(t, http.MethodHead, address, "text/html", "zh", phone)
	require.Equal(t, http.StatusOK, status)
	require.Empty(t, content)
	for _, agent := range []string{preview, "facebookexternalhit/1.1", "WhatsApp/2.23", "TelegramBot (like TwitterBot)", "Baiduspider"} {
		status, _, _ := b.open(t, http.MethodGet, address, "text/html", "zh", agent)
		require.Equal(t, http.StatusOK, status)
	}
	require.Eventually(t, func() bool {
		status, _, _ := b.send(t, http.MethodGet, address, "", http.Header{"Sec-Purpose": {"prefetch"}, "User-Agent": {phone}}, nil)
		return status == http.StatusOK
	}, time.Minute, 50*time.Millisecond)
	require.Equal(t, before, b.scanned(t, address), "no person scanned")
	for range 3 {
		status, _, _ = b.open(t, http.MethodGet, address, "text/html", "zh", phone)
		require.Equal(t, http.StatusOK, status)
	}
	require.Eventually(t, func() bool { return b.scanned(t, address) == before+1 }, time.Minute, 10*time.Millisecond, "one phone within half an hour counts once")
	require.Equal(t, before+1, b.scanned(t, address))
}
