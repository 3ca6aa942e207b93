package sheet_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/sheet"
)

const consignHead = "运单号,承运人,收货方,委托时间,商品条码,批号,SSCC,赋码包号,起始序号,结束序号\n"

// A farm appoints the carrier in the workbook that registers the lot; what the carrier
// may take is said in several rows of one shipment.
func TestConsignments(t *testing.T) {
	p := parse(t, "[批次]\n"+lotCSV+"[托运委托]\n运单号,承运人,收货方,委托时间\nsh-1,carrier-01,store-01,2026-10-20 15:00\n")
	require.Empty(t, p.Errors)
	require.Equal(t, sheet.KindBatchRecord, p.Kind)
	last := p.Requests[len(p.Requests)-1]
	require.Equal(t, "transit:Consign", last.Transaction, "once the lot is there")
	q := last.Request.(*trace.ConsignRequest)
	require.Equal(t, []trace.LotID{{GTIN: "09520000100018", Lot: "PJ261018-A"}}, q.Lots, "the file's own lot")
	require.Equal(t, trace.PartyID("store-01"), q.Consignee)

	p = parse(t, "[托运委托]\n"+consignHead+
		"sh-1,carrier-01,store-01,2026-10-20 15:00,,,095200001000000018,,,\n"+
		"sh-1,carrier-01,store-01,2026-10-20 15:00,,,,KF261018,1,20\n"+
		"sh-1,carrier-01,store-01,2026-10-20 15:00,09520000100018,PJ261018-A,,,,\n"+
		"sh-2,carrier-02,,2026-10-21 15:00,,,,,,\n")
	require.Empty(t, p.Errors)
	require.Equal(t, sheet.KindTransport, p.Kind)
	require.Len(t, p.Requests, 2)
	q = p.Requests[0].Request.(*trace.ConsignRequest)
	require.Len(t, q.Loads, 2)
	require.Len(t, q.Lots, 1)
	onward := p.Requests[1].Request.(*trace.ConsignRequest)
	require.Empty(t, onward.Consignee)
	require.Empty(t, onward.Lots, "an open shipment passes on whole")

	for name, c := range map[string]struct {
		row  string
		code trace.Code
	}{
		"two ways of saying":  {"sh-1,carrier-01,store-01,2026-10-20 15:00,09520000100018,PJ261018-A,,KF261018,1,20\n", trace.CodeInvalid},
		"an SSCC's digit":     {"sh-1,carrier-01,store-01,2026-10-20 15:00,,,095200001000000019,,,\n", trace.CodeCheckDigit},
		"no carrier":          {"sh-1,,store-01,2026-10-20 15:00,,,095200001000000018,,,\n", trace.CodeMissing},
		"nothing to take":     {"sh-1,carrier-01,store-01,2026-10-20 15:00,,,,,,\n", trace.CodeMissing},
		"another carrier now": {"sh-1,carrier-01,store-01,2026-10-20 15:00,,,095200001000000018,,,\nsh-1,carrier-02,store-01,2026-10-20 15:00,,,095200001000000025,,,\n", trace.CodeInvalid},
	} {
		p := parse(t, "[托运委托]\n"+consignHead+c.row)
		require.NotEmpty(t, p.Errors, name)
		require.Equal(t, c.code, p.Errors[0].Code, "%s: %v", name, p.Errors[0])
		require.Empty(t, p.Requests, name)
	}
}

// A GS1 company prefix is a licence without a scope; every other licence has one.
func TestCompanyPrefixesAreLicences(t *testing.T) {
	head := "[许可证]\n主体代号,许可证号,许可种类,许可范围,发证机关,有效期起,有效期止\n"
	p := parse(t, head+"farm-01,952000010,厂商识别代码,,中国物品编码中心,2026-01-01,2031-12-31\n")
	require.Empty(t, p.Errors)
	q := p.Requests[0].Request.(*trace.GrantLicenceRequest)
	require.Equal(t, trace.LicenceGS1Prefix, q.Kind)
	require.Equal(t, "952000010", q.Number)
	p = parse(t, head+"farm-01,N1,农业经营登记,,市场监督管理局,2026-01-01,2031-12-31\n")
	require.Equal(t, trace.CodeMissing, p.Errors[0].Code)
}
