package sheet_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/sheet"
)

const lotCSV = "商品条码,批号,产地,纬度,经度,地块编号,采收或生产时间,数量,单位\n" +
	"09520000100018,PJ261018-A,蒲江县,30.205,103.512,plot-a8,2026-10-18 10:30,\"9,600\",kg\n"

func parse(t *testing.T, csv string) *sheet.Plan {
	t.Helper()
	p, err := sheet.Parse("批次.csv", []byte(csv), sheet.Options{})
	require.NoError(t, err)
	return p
}

func batchOf(t *testing.T, p *sheet.Plan) *trace.RegisterBatchRequest {
	t.Helper()
	require.Empty(t, p.Errors)
	require.Len(t, p.Requests, 1)
	require.Equal(t, "origin:RegisterBatch", p.Requests[0].Transaction)
	require.Equal(t, "/batches", p.Requests[0].Path)
	return p.Requests[0].Request.(*trace.RegisterBatchRequest)
}

func TestLotOfACSV(t *testing.T) {
	q := batchOf(t, parse(t, lotCSV))
	require.Equal(t, trace.LotID{GTIN: "09520000100018", Lot: "PJ261018-A"}, q.LotID)
	require.Equal(t, trace.Quantity{Amount: 9_600_000, Unit: trace.Gram}, q.Quantity)
	require.Equal(t, trace.Point{Latitude: 30_210_000, Longitude: 103_510_000}, q.Point)
	require.Equal(t, "2026-10-18T02:30:00Z", q.Made.String())
	require.NotEmpty(t, q.IdempotencyKey)
}

// The same lot in the ways people write it: every variant is the same request.
func TestHarmlessVariants(t *testing.T) {
	want := batchOf(t, parse(t, lotCSV))
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(lotCSV)
	require.NoError(t, err)
	for name, csv := range map[string]string{
		"bom":            "\xef\xbb\xbf" + lotCSV,
		"gbk":            gbk,
		"crlf":           strings.ReplaceAll(lotCSV, "\n", "\r\n"),
		"semicolons":     strings.ReplaceAll(strings.ReplaceAll(lotCSV, "\"9,600\"", "9600"), ",", ";"),
		"tabs":           strings.ReplaceAll(strings.ReplaceAll(lotCSV, "\"9,600\"", "9600"), ",", "\t"),
		"full width":     strings.Replace(lotCSV, "\"9,600\"", "\uff19\uff16\uff10\uff10", 1),
		"slashes":        strings.Replace(lotCSV, "2026-10-18 10:30", "2026/10/18 10:30:00", 1),
		"chinese day":    strings.Replace(lotCSV, "2026-10-18 10:30", "2026年10月18日10时30分", 1),
		"rfc3339":        strings.Replace(lotCSV, "2026-10-18 10:30", "2026-10-18T02:30:00Z", 1),
		"tonnes":         strings.Replace(lotCSV, "\"9,600\",kg", "9.6,吨", 1),
		"jin":            strings.Replace(lotCSV, "\"9,600\",kg", "19200,斤", 1),
		"one cell":       strings.Replace(strings.Replace(lotCSV, "\"9,600\",kg", "9600千克", 1), ",单位", "", 1),
		"unit above":     strings.Replace(strings.Replace(lotCSV, "\"9,600\",kg", "9600", 1), "数量,单位", "数量(kg)", 1),
		"english":        strings.Replace(lotCSV, "商品条码,批号,产地,纬度,经度", "GTIN,Lot,Place of origin,Lat,Lon", 1),
		"gtin 13":        strings.Replace(lotCSV, "09520000100018", "9520000100018", 1),
		"title":          "蒲江县 2026 年批次登记表\n\n" + lotCSV,
		"empty rows":     lotCSV + ",,,,,,,,\n,,,,,,,,\n",
		"comment":        strings.Replace(lotCSV, "\n09", "\n# 第一批\n09", 1),
		"spaces":         strings.Replace(lotCSV, "PJ261018-A", "\u3000PJ261018-A ", 1),
		"seven decimals": strings.Replace(lotCSV, "30.205,", "30.2050001,", 1),
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, want, batchOf(t, parse(t, csv))) })
	}
}

// One mistake each: the code, the place and words in both languages.
func TestRowErrors(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		code           trace.Code
		column         string
		text           string
	}{
		{"letter in number", "\"9,600\"", "\"9,6O0\"", trace.CodeInvalid, "数量", "9600"},
		{"bad grouping", "\"9,600\"", "\"96,00\"", trace.CodeInvalid, "数量", "数字"},
		{"negative", "\"9,600\"", "-5", trace.CodeInvalid, "数量", "大于 0"},
		{"unit", ",kg", ",桶", trace.CodeInvalid, "数量", "单位"},
		{"no unit", ",kg", ",", trace.CodeMissing, "数量", "单位"},
		{"check digit", "09520000100018", "09520000100019", trace.CodeCheckDigit, "商品条码", "8"},
		{"gtin length", "09520000100018", "09520000100", trace.CodeInvalid, "商品条码", "8、12、13"},
		{"gtin letters", "09520000100018", "0952000010001X", trace.CodeInvalid, "商品条码", "数字"},
		{"lot", "PJ261018-A", "蒲江一号", trace.CodeInvalid, "批号", "汉字"},
		{"no lot", "PJ261018-A", "", trace.CodeMissing, "批号", "必填"},
		{"day", "2026-10-18 10:30", "10/18/2026", trace.CodeInvalid, "采收或生产时间", "2026-10-18"},
		{"no such day", "2026-10-18 10:30", "2026-02-30 10:00", trace.CodeInvalid, "采收或生产时间", "日期"},
		{"latitude", "30.205", "130.205", trace.CodeOutOfRange, "纬度", "坐标"},
		{"formula", "\"9,600\"", "=1920*5", sheet.CodeFormula, "数量", "公式"},
		{"plot", "plot-a8", "A8 地块", trace.CodeInvalid, "地块编号", "小写"},
	} {
		t.Run(c.name, func(t *testing.T) {
			csv := strings.Replace(lotCSV, c.from, c.to, 1)
			require.NotEqual(t, lotCSV, csv)
			p := parse(t, csv)
			require.Empty(t, p.Requests)
			require.False(t, p.Ready())
			require.NotEmpty(t, p.Errors)
			e := p.Errors[0]
			require.Equal(t, c.code, e.Code, e.Error())
			require.Equal(t, c.column, e.Column, e.Error())
			require.Equal(t, 2, e.Row)
			require.NotEmpty(t, e.Cell)
			require.Contains(t, e.Text, c.text)
			require.NotEmpty(t, e.TextEnglish)
		})
	}
}

func TestErrorLine(t *testing.T) {
	p := parse(t, strings.Replace("[批次]\n"+lotCSV, "\"9,600\"", "\"9,6O0\"", 1))
	require.Len(t, p.Errors, 1)
	require.True(t, strings.HasPrefix(p.Errors[0].Error(), `sheet "批次", row 3, column "数量": "9,6O0" is not a number – 应为数字`), p.Errors[0].Error())
}

func TestAllErrorsAtOnce(t *testing.T) {
	var b strings.Builder
	b.WriteString(strings.SplitAfter(lotCSV, "\n")[0])
	for i := range 300 {
		fmt.Fprintf(&b, "09520000100018,L%d,蒲江,30.2,103.5,plot-a8,昨天,x,kg\n", i)
	}
	p := parse(t, b.String())
	require.Len(t, p.Errors, sheet.MaxRowErrors)
	require.Equal(t, 600-sheet.MaxRowErrors, p.ErrorsCut)
	require.Equal(t, 2, p.Errors[0].Row)
	require.Equal(t, 2, p.Errors[1].Row)
	require.Equal(t, 3, p.Errors[2].Row)
}

func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		code           trace.Code
	}{
		{"unknown", ",单位", ",单位,心情", sheet.CodeUnknownHeader},
		{"duplicate", ",单位", ",单位,数量", sheet.CodeDuplicateHeader},
		{"duplicate by synonym", ",单位", ",单位,批次号", sheet.CodeDuplicateHeader},
		{"missing", "批号,", "", sheet.CodeMissingHeader},
		{"headerless cell", ",kg", ",kg,多出来的", sheet.CodeUnknownHeader},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := parse(t, strings.Replace("[批次]\n"+lotCSV, c.from, c.to, 1))
			require.NotEmpty(t, p.Errors)
			require.Equal(t, c.code, p.Errors[0].Code, p.Errors[0].Error())
			require.Empty(t, p.Requests)
		})
	}
	p := parse(t, "[批次]\n随便写的一行\n又一行\n")
	require.Equal(t, sheet.CodeMissingHeader, p.Errors[0].Code)
}

// Whoever has one wrong column among the items is told of that, not that there are none.
func TestItemsUnderAWrongHeader(t *testing.T) {
	const report = "[检验报告]\n报告编号,样品类型,商品条码,批号,抽样时间,报告时间,报告文件\n" +
		"R-1,批次抽样,09520000100018,PJ261018-A,2026-10-19 10:00,2026-10-20 11:00,report.pdf\n" +
		"[检验项目]\n项目代码,检测方法,结果,单位"
	options := sheet.Options{Files: map[string]trace.Digest{"report.pdf": trace.DigestOf([]byte("report"))}}
	p, err := sheet.Parse("检验.csv", []byte(report+",限量值\nspinosad,GB 23200.121-2021,0.9,mg/kg,1.0\n"), options)
	require.NoError(t, err)
	require.Len(t, p.Errors, 1, "%v", p.Errors)
	require.Equal(t, sheet.CodeUnknownHeader, p.Errors[0].Code)
	require.Empty(t, p.Requests)

	p, err = sheet.Parse("检验.csv", []byte(report+"\n"), options)
	require.NoError(t, err)
	require.Len(t, p.Errors, 1, "%v", p.Errors)
	require.Equal(t, trace.CodeMissing, p.Errors[0].Code, "without items a report is none")
}

func TestWholeFileRefused(t *testing.T) {
	latin := append([]byte("GTIN,Lot\n"), 0xe9, 0x20, 0xff, 0x0a)
	for _, c := range []struct {
		name string
		data []byte
		code trace.Code
	}{
		{"empty", nil, sheet.CodeEmpty},
		{"only spaces", []byte(" \n\n , ,\n"), sheet.CodeEmpty},
		{"headers only", []byte(strings.SplitAfter(lotCSV, "\n")[0]), sheet.CodeEmpty},
		{"latin-1", latin, sheet.CodeEncoding},
		{"utf-16", []byte("\xff\xfea\x00b\x00"), sheet.CodeEncoding},
		{"binary", []byte("a,b\x00\n"), sheet.CodeEncoding},
		{"xls", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), sheet.CodeFile},
		{"pdf", []byte("%PDF-1.7"), sheet.CodeFile},
		{"broken zip", []byte("PK\x03\x04broken"), sheet.CodeFile},
		{"broken quotes", []byte("GTIN,Lot\n\"a,b\n"), sheet.CodeFile},
		{"no known header", []byte("姓名,年龄\n张三,8\n"), sheet.CodeUnknownSheet},
		{"too large", bytes.Repeat([]byte("a,b\n"), sheet.MaxFileBytes/4+1), trace.CodeTooLarge},
		{"too many rows", []byte(lotCSV + strings.Repeat("1,2\n", sheet.MaxRows)), trace.CodeTooLarge},
		{"too many columns", []byte(lotCSV + strings.Repeat("1,", sheet.MaxColumns) + "1\n"), trace.CodeTooLarge},
		{"too many cells", []byte(lotCSV + strings.Repeat(strings.Repeat("1,", 150)+"1\n", 4_000)), trace.CodeTooLarge},
		{"long cell", []byte(lotCSV + strings.Repeat("长", sheet.MaxCellBytes) + "\n"), trace.CodeTooLarge},
		{"bomb", bomb(t), trace.CodeTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := sheet.Parse("x", c.data, sheet.Options{})
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
		})
	}
}

func TestSameFileSameRequests(t *testing.T) {
	two := lotCSV + "09520000100018,PJ261018-B,蒲江县,30.205,103.512,plot-a8,2026-10-18 15:00,100,kg\n"
	edited := strings.Replace(two, "15:00,100", "15:00,101", 1)
	a, b := parse(t, two), parse(t, edited)
	key := func(p *sheet.Plan, i int) string {
		return p.Requests[i].Request.(trace.Writer).Writing().IdempotencyKey
	}
	require.Equal(t, parse(t, two).Requests, a.Requests)
	require.Equal(t, a.Requests[0], b.Requests[0], "an untouched row stays the request it was")
	require.NotEqual(t, key(a, 1), key(b, 1), "an edited row is another request")

	repeated := parse(t, lotCSV+strings.SplitAfter(lotCSV, "\n")[1])
	require.Equal(t, sheet.CodeDuplicateRow, repeated.Errors[0].Code)
}

func TestEveryTemplateIsFilledInByItsExample(t *testing.T) {
	for _, k := range sheet.Kinds() {
		t.Run(string(k.Kind), func(t *testing.T) {
			data, err := sheet.Template(k.Kind)
			require.NoError(t, err)
			_, err = sheet.Parse("空表.xlsx", data, sheet.Options{Kind: k.Kind})
			require.Equal(t, sheet.CodeEmpty, trace.CodeOf(err), "an empty template asks for nothing")

			book, err := excelize.OpenReader(bytes.NewReader(data))
			require.NoError(t, err)
			defer book.Close()
			filled := fillIn(t, book)
			p, err := sheet.Parse("填好.xlsx", filled, sheet.Options{
				Files: map[string]trace.Digest{"report.pdf": {1}, "coldchain-1.0.0.yaml": {2}, "logger.csv": {3}},
				Resolve: func(m sheet.Mention) (trace.Key, error) {
					return trace.Key("fact/" + string(m.Kind) + "/" + m.Name), nil
				},
			})
			require.NoError(t, err)
			require.Equal(t, k.Kind, p.Kind)
			require.Empty(t, p.Errors)
			require.True(t, p.Ready())
			for _, r := range p.Requests {
				_, err := json.Marshal(r.Request)
				require.NoError(t, err)
			}
		})
	}
	_, err := sheet.Template("poetry")
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(err))
}

// fillIn copies each example row under the headers of its sheet, as a person would.
func fillIn(t *testing.T, book *excelize.File) []byte {
	t.Helper()
	rows, err := book.GetRows("填写示例")
	require.NoError(t, err)
	for i := 0; i+2 < len(rows); i++ {
		if len(rows[i]) == 0 || !strings.HasPrefix(rows[i][0], "【") {
			continue
		}
		name := strings.Trim(rows[i][0], "【】")
		for c, v := range rows[i+2] {
			cell, err := excelize.CoordinatesToCellName(c+1, 2)
			require.NoError(t, err)
			require.NoError(t, book.SetCellStr(name, cell, v))
		}
	}
	var out bytes.Buffer
	require.NoError(t, book.Write(&out))
	return out.Bytes()
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(lotCSV))
	f.Add([]byte("[运单]\n运单号;发货方\nsh-1;a\n"))
	f.Add([]byte("设备编号,tl-1\n运单号,sh-1\n时间,回风温度,湿度\n2026-10-20 16:00,4.8,90\n"))
	f.Fuzz(func(t *testing.T, data []byte) { neverHalf(t, data) })
}

// neverHalf: whatever the bytes, a coded error or a plan that is whole or empty.
func neverHalf(t *testing.T, data []byte) {
	p, err := sheet.Parse("fuzz", data, sheet.Options{})
	if err != nil {
		require.NotEmpty(t, trace.CodeOf(err), "%v", err)
		return
	}
	if len(p.Errors) > 0 {
		require.Empty(t, p.Requests)
		require.Empty(t, p.Segments)
	}
	for _, e := range p.Errors {
		require.NotEmpty(t, e.Code)
		require.NotEmpty(t, e.Text)
	}
}
