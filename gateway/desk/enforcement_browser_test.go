package desk_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// set gives a field of the form its value, as a picker does.
func (b *browser) set(field, value string) {
	b.t.Helper()
	// A picker writes 05:06:00 as 05:06, which chromedp.SetValue takes for a failure.
	held, err := chromedp.Run(b, chromedp.Evaluate[string](`(e => { if (!e) return ''; e.value = `+quoted(value)+`; return e.value })(document.querySelector(`+quoted(`form.entry [name="`+field+`"]`)+`))`))
	require.NoError(b.t, err, field)
	require.NotEmpty(b.t, held, "%s takes no %q", field, value)
}

// file puts a file of some content into a file field.
func (b *browser) file(field, content string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "report.pdf")
	require.NoError(b.t, os.WriteFile(path, []byte("%PDF-1.4\n"+content), 0o644))
	require.NoError(b.t, chromedp.Do(b, chromedp.SetUploadFiles(`input[name="file:`+field+`"]`, []string{path})), field)
}

// follow opens a link of the page by its words.
func (b *browser) follow(words string) {
	b.t.Helper()
	at, err := chromedp.Run(b, chromedp.Evaluate[string](`([...document.querySelectorAll('main a')].find(a => a.innerText.includes(`+quoted(words)+`)) || {getAttribute: () => ''}).getAttribute('href')`))
	require.NoError(b.t, err)
	require.NotEmpty(b.t, at, "no link %q on the page", words)
	b.open(at)
}

func quoted(s string) string {
	out, _ := json.Marshal(s)
	return string(out)
}

const (
	dryRun  = "form.entry button.strong[value=check]"
	confirm = "button[value=confirm]"
)

// as signs somebody in, whoever was before.
func (b *browser) as(h *house, party trace.PartyID, role trace.Role) {
	b.t.Helper()
	b.open("/desk")
	if out, err := chromedp.Run(b, chromedp.Evaluate[bool](`!!document.querySelector('form[action="/desk/sign-out"]')`)); err == nil && out {
		b.press(`form[action="/desk/sign-out"] button`, "input[name=token]")
	}
	b.signIn(h.tokens[string(party)+"@"+string(role)])
}

// refused dry runs the form and reads why it is refused.
func (b *browser) refused(name, why string) {
	b.t.Helper()
	b.press(dryRun, ".notice-box")
	said, err := chromedp.Run(b, chromedp.Evaluate[string](`document.querySelector('.notice-box').innerText`))
	require.NoError(b.t, err)
	require.Contains(b.t, said, why)
	b.look(name)
}

// record dry runs the form, confirms it, and gives the record's key.
func (b *browser) record(name string) trace.Key {
	b.t.Helper()
	b.press(dryRun, ".step")
	b.look(name + " dry run")
	b.press(confirm, ".receipt")
	require.Contains(b.t, b.look(name+" receipt"), "已在账本上")
	key, err := chromedp.Run(b, chromedp.Evaluate[string](`document.querySelector('.receipt a').innerText`))
	require.NoError(b.t, err)
	return trace.Key(key)
}

// newest is the newest record of a kind that holds.
func newest[T any](t *testing.T, h *house, kind string, holds func(T) bool) trace.Key {
	t.Helper()
	records, _, err := h.Index.List(index.ListQuery{Kind: kind})
	require.NoError(t, err)
	for _, rec := range records {
		var value T
		require.NoError(t, json.Unmarshal(rec.Value, &value))
		if holds(value) {
			return rec.Key
		}
	}
	require.Fail(t, "no such record", kind)
	return ""
}

func page(key trace.Key) string { return "/desk/record/" + string(key) }

// china is the clock on the wall of everybody in these tests.
func china(t time.Time) string {
	return t.In(time.FixedZone("+08:00", trace.ChinaStandardTime)).Format("2006-01-02T15:04:05")
}

// TestFromRecallToReinstatementInABrowser goes with each of them through the whole way
// back: the lab is suspended and restored, re-tests what failed, the merchant and
// another lab review it, and regulator and platform lift what they did.
func TestFromRecallToReinstatementInABrowser(t *testing.T) {
	h := open(t)
	h.loadDemo(t)
	b := startBrowser(t, h.Base)
	lot := trace.LotID{GTIN: "09520000200015", Lot: "FC260722-3"}
	failed := newest(t, h, state.FactInspection, func(i trace.Inspection) bool { return i.Judgement == trace.JudgedFail })
	recall := newest(t, h, state.FactAction, func(a trace.Action) bool { return a.Kind == trace.ActionRecall })
	delisting := newest(t, h, state.FactAction, func(a trace.Action) bool { return a.Kind == trace.ActionDelist })

	standing := func(status, reason string) {
		b.as(h, "regulator-demo-01", trace.RoleRegulator)
		b.open(page(state.PartyKey("lab-hangzhou-01")))
		b.follow("暂停或恢复该主体")
		b.set("status", status)
		b.set("reason", reason)
		b.record("standing " + status)
	}
	standing("suspended", "能力验证不合格")

	recalled, found, err := h.Index.Record(recall)
	require.NoError(t, err)
	require.True(t, found)
	// The new sample is of after the recall, and the form takes whole seconds.
	require.Eventually(t, func() bool { return trace.TimeOf(time.Now().Add(-2*time.Second)) > recalled.Recorded }, time.Minute, 10*time.Millisecond)
	retest := func() {
		b.as(h, "lab-hangzhou-01", trace.RoleLab)
		b.open(page(failed))
		require.Contains(t, b.look("failed inspection"), "提交复检")
		b.follow("提交复检")
		now := time.Now()
		b.set("sampledAt", china(now.Add(-time.Second)))
		b.set("reportedAt", china(now.Add(-time.Hour)))
		b.set("certificateNumber", "DEMO-HZ-2026-RETEST")
		b.file("certificate", "re-test")
		for i, result := range [][3]string{{"not-detected", "", ""}, {"number", "0.6", "%"}, {"below-loq", "0.01", "mg/kg"}} {
			row := "items." + string(rune('0'+i)) + "."
			b.set(row+"result", result[0])
			if result[1] != "" {
				b.set(row+"value", result[1])
				b.set(row+"unit", result[2])
			}
		}
	}
	retest()
	b.refused("suspended lab", "lab-hangzhou-01 已被暂停：能力验证不合格")
	standing("active", "能力验证补测合格")
	retest()
	b.refused("report before sample", "报告时间")
	b.set("reportedAt", china(time.Now()))
	again := b.record("re-test")

	b.as(h, "regulator-demo-01", trace.RoleRegulator)
	b.open(page(recall))
	b.follow("整改后恢复")
	b.set("reason", "整改到位，复检与复核合格")
	b.refused("reinstate without report", "整改报告")
	b.file("rectification", "what was put right")
	b.set("inspection", string(again))
	b.refused("reinstate without review", "二级复核")

	b.as(h, "merchant-hangzhou-01", trace.RoleMerchant)
	b.open(page(again))
	b.follow("复核这份报告")
	b.record("review level 1")
	b.as(h, "lab-guangzhou-01", trace.RoleLab)
	b.open(page(again))
	b.follow("复核这份报告")
	require.NoError(t, chromedp.Do(b, chromedp.Click(`form.entry input[name="pass"]`)))
	b.set("note", "复核原始记录与留样，一致")
	b.file("document", "review")
	review := b.record("review level 2")

	lift := func(party trace.PartyID, role trace.Role, action trace.Key) {
		b.as(h, party, role)
		b.open(page(action))
		b.follow("整改后恢复")
		b.set("reason", "整改到位，复检与复核合格")
		b.file("rectification", "what was put right")
		b.set("inspection", string(again))
		b.set("review", string(review))
		b.record("reinstate " + string(role))
	}
	facts := func() (recalls, delistings int) {
		today, err := trace.ParseDate(time.Now().Format("2006-01-02"))
		require.NoError(t, err)
		f, found, err := h.Index.PageFacts(lot, "", 0, today)
		require.NoError(t, err)
		require.True(t, found)
		return len(f.Recalls), len(f.Delistings)
	}
	recalls, delistings := facts()
	require.Equal(t, [2]int{1, 1}, [2]int{recalls, delistings})
	lift("regulator-demo-01", trace.RoleRegulator, recall)
	lift("platform-desk-01", trace.RoleConsumerDesk, delisting)
	recalls, delistings = facts()
	require.Equal(t, [2]int{0, 0}, [2]int{recalls, delistings}, "recall and delisting are lifted")
}
