package desk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/fixtures"
)

// TestNoCodesWhereWordsAreMeant: what the ledger found, an organisation, a quantity and a
// monitor are said as people say them.
func TestNoCodesWhereWordsAreMeant(t *testing.T) {
	h := open(t)
	h.load(t, "monitor/verdicts.xlsx")
	reviewer := h.signedIn(t, "reviewer-demo-01", trace.RoleReviewer)
	reviewer.get("/desk/reviewer/verdicts")
	require.Contains(t, reviewer.page, "示范直播监测中心")
	reviewer.upload(fixtures.Upload{File: "reviews/verdict-reviews.xlsx", Kind: "review"})
	reviewer.confirm("/desk/reviewer/upload/review")
	require.Contains(t, reviewer.page, ">维持</span>")
	require.NotContains(t, reviewer.page, ">confirmed<")
	reviewer.get(page(state.PartyKey("lab-hangzhou-01")))
	require.Contains(t, reviewer.page, "<dd>检验方</dd>")
	reviewer.get(page(state.ProductKey("09520000100018")))
	require.Contains(t, reviewer.page, "<dd>5 千克 kg</dd>")
	require.Contains(t, reviewer.page, "farm-pujiang-01 蒲江示范猕猴桃专业合作社")

	reviewer.get(page("seg/tl-0718/000000000001"))
	require.Contains(t, reviewer.page, "<dd>回风</dd>")
	require.NotContains(t, reviewer.page, "<dd>return-air</dd>")
	require.Regexp(t, `<dt>最高</dt><dd>11\.8 °C</dd>`, reviewer.page)
	require.Regexp(t, `<dt>品温最高</dt><dd>4\.1 °C</dd>`, reviewer.page)
	regulator := h.signedIn(t, "regulator-demo-01", trace.RoleRegulator)
	regulator.get("/desk/regulator/new/rulebooks")
	require.Regexp(t, `连续违规的时段\s*<i>\(分钟\)</i>`, regulator.page, "a length of time is asked for with its unit")

	farm := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	farm.get("/desk/farm/new/products")
	require.Contains(t, farm.page, "贵方登记的厂商识别代码：952000010。")
	merchant := h.signedIn(t, "merchant-hangzhou-01", trace.RoleMerchant)
	merchant.get("/desk/merchant/new/products")
	require.Contains(t, merchant.page, "贵方没有登记厂商识别代码")
	require.Contains(t, farm.page, `list="known-licence"`)
	require.Contains(t, farm.page, `<option value="DEMO-NZ510131-0001" label="蒲江示范猕猴桃专业合作社 · 农业生产登记">`)
}
