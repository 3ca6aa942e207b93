package desk_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// TestRecordsLeadToTheFormsThatAnswerThem: everybody is offered what their role may do
// about a record, and a correction opens on a form that the chain accepts.
func TestRecordsLeadToTheFormsThatAnswerThem(t *testing.T) {
	h := open(t)
	h.loadDemo(t)
	failed := newest(t, h, state.FactInspection, func(i trace.Inspection) bool { return i.Judgement == trace.JudgedFail })
	recall := newest(t, h, state.FactAction, func(a trace.Action) bool { return a.Kind == trace.ActionRecall })
	const retest, review, action, lift, standing = "提交复检", "复核这份报告", "据此采取处置", "整改后恢复", "暂停或恢复该主体"
	all := []string{retest, review, action, lift, standing}
	for _, tt := range []struct {
		party   trace.PartyID
		role    trace.Role
		key     trace.Key
		offered []string
	}{
		{"lab-hangzhou-01", trace.RoleLab, failed, []string{retest}}, // its own report: no review
		{"lab-guangzhou-01", trace.RoleLab, failed, []string{retest, review}},
		{"merchant-hangzhou-01", trace.RoleMerchant, failed, []string{review}},
		{"panel-demo-01", trace.RoleConsumerPanel, failed, nil},
		{"regulator-demo-01", trace.RoleRegulator, failed, []string{action}},
		{"regulator-demo-01", trace.RoleRegulator, recall, []string{lift}},
		{"platform-desk-01", trace.RoleConsumerDesk, recall, nil}, // who took it lifts it
		{"regulator-demo-01", trace.RoleRegulator, state.PartyKey("lab-hangzhou-01"), []string{standing}},
		{"farm-pujiang-01", trace.RoleFarm, state.PartyKey("lab-hangzhou-01"), nil},
	} {
		p := h.signedIn(t, tt.party, tt.role)
		p.get(page(tt.key))
		require.Equal(t, http.StatusOK, p.status)
		for _, words := range all {
			offered := false
			for _, o := range tt.offered {
				offered = offered || o == words
			}
			if offered {
				require.Contains(t, p.page, words, "%s of %s", tt.role, tt.key)
			} else {
				require.NotContains(t, p.page, words, "%s of %s", tt.role, tt.key)
			}
		}
	}

	// Whoever comes without a record chooses it by what it says, and products by name.
	regulator := h.signedIn(t, "regulator-demo-01", trace.RoleRegulator)
	regulator.get("/desk/regulator/new/actions")
	require.Contains(t, regulator.page, `name="causes" value="`+string(failed)+`"> <span>检验：不合格 · 09520000200015 FC260722-3 · `)
	require.Contains(t, regulator.page, `<option value="`+string(recall)+`">召回 · 09520000200015 FC260722-3 · `)
	require.Regexp(t, `<option value="09520000200015" label="[^"]*面霜[^"]*">`, regulator.page)
	values := regulator.again()
	values["causes"] = []string{string(failed), ""}
	for name, value := range map[string]string{"kind": "recall", "lot.gtin": "09520000200015", "lot.lot": "FC260815-1", "basis.rows": "1",
		"basis.0.law": "示范法", "basis.0.article": "第一条", "basis.0.effective": "2020-01-01", "reason": "同一检验", "do": "check"} {
		values.Set(name, value)
	}
	regulator.send("/desk/regulator/new/actions", values)
	require.NotContains(t, regulator.page, "事由记录：", "a chosen record is a cause")
	require.Contains(t, regulator.page, string(failed))

	lab := h.signedIn(t, "lab-hangzhou-01", trace.RoleLab)
	lab.get("/desk/lab/new/inspections?" + url.Values{"corrects": {string(failed)}}.Encode())
	values = lab.again()
	values.Set("correctionReason", "报告编号写错")
	values.Set("certificateNumber", "DEMO-HZ-2026-0911")
	values.Set("do", "check")
	lab.send("/desk/lab/new/inspections", values)
	require.Equal(t, http.StatusOK, lab.status, lab.page)
	require.Contains(t, lab.page, "可以记录，请核对后确认")
	require.Contains(t, lab.page, "账本将判定")
}
