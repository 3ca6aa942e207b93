package sheet_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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

// bomb is a workbook of a few KB that unpacks to 100 MB.
func bomb(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create("xl/worksheets/sheet1.xml")
	require.NoError(t, err)
	block := make([]byte, 1<<20)
	for range 100 {
		_, err := w.Write(block)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return out.Bytes()
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

func TestWorkbookCells(t *testing.T) {
	book := excelize.NewFile()
	defer book.Close()
	require.NoError(t, book.SetSheetName("Sheet1", "批次"))
	require.NoError(t, book.SetCellStr("批次", "A1", "二〇二六年批次登记"))
	require.NoError(t, book.MergeCell("批次", "A1", "H1"))
	for i, h := range []string{"商品条码", "批号", "产地", "纬度", "经度", "地块", "采收时间", "数量(kg)"} {
		cell, _ := excelize.CoordinatesToCellName(i+1, 3)
		require.NoError(t, book.SetCellStr("批次", cell, h))
	}
	set := func(cell string, v any) { require.NoError(t, book.SetCellValue("批次", cell, v)) }
	set("A4", 9520000100018) // a number loses its leading zero
	set("B4", "PJ261018-A")
	set("C4", "蒲江县")
	set("D4", 30.205)
	set("E4", 103.512)
	set("F4", "plot-a8")
	set("G4", 46313.4375) // 2026-10-18 10:30 as a day serial
	set("H4", 9600.000000000001)
	write := func() []byte {
		var out bytes.Buffer
		require.NoError(t, book.Write(&out))
		return out.Bytes()
	}
	p, err := sheet.Parse("a.xlsx", write(), sheet.Options{})
	require.NoError(t, err)
	require.Equal(t, batchOf(t, parse(t, strings.Replace(lotCSV, ",单位", ",单位", 1))).Quantity, batchOf(t, p).Quantity)
	require.Equal(t, "2026-10-18T02:30:00Z", batchOf(t, p).Made.String())
	require.Equal(t, trace.GTIN("09520000100018"), batchOf(t, p).GTIN)

	require.NoError(t, book.SetCellFormula("批次", "H4", "1920*5"))
	p, err = sheet.Parse("a.xlsx", write(), sheet.Options{})
	require.NoError(t, err)
	require.Equal(t, sheet.CodeFormula, p.Errors[0].Code)
	require.Equal(t, "H4", p.Errors[0].Cell)

	_, err = book.NewSheet("心情日记")
	require.NoError(t, err)
	require.NoError(t, book.SetCellStr("心情日记", "A1", "晴"))
	p, err = sheet.Parse("a.xlsx", write(), sheet.Options{})
	require.NoError(t, err)
	require.Equal(t, sheet.CodeUnknownSheet, p.Errors[len(p.Errors)-1].Code)
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(lotCSV))
	f.Add([]byte("[运单]\n运单号;发货方\nsh-1;a\n"))
	f.Add([]byte("设备编号,tl-1\n运单号,sh-1\n时间,回风温度,湿度\n2026-10-20 16:00,4.8,90\n"))
	f.Fuzz(func(t *testing.T, data []byte) { neverHalf(t, data) })
}

// FuzzXLSX mutates a worksheet's XML inside a sound workbook, where a raw archive
// would mostly fail its checksum, and raw archives as well.
func FuzzXLSX(f *testing.F) {
	for _, k := range sheet.Kinds() {
		data, err := sheet.Template(k.Kind)
		require.NoError(f, err)
		f.Add(data, false)
	}
	f.Add([]byte("PK\x03\x04"), false)
	f.Add([]byte(`<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>批号</t></is></c></row><row r="2"><c r="A2"><v>9520000100018</v></c><c r="B2"><f>1+1</f><v>2</v></c></row></sheetData></worksheet>`), true)
	f.Add([]byte(`<worksheet><sheetData><row r="99999999"><c r="ZZZ1" t="e"><v>#REF!</v></c><c><v>1e400</v></c></row></sheetData></worksheet>`), true)
	f.Fuzz(func(t *testing.T, data []byte, worksheet bool) {
		if worksheet {
			data = workbookWith(t, data)
		}
		neverHalf(t, data)
	})
}

// workbookWith wraps a worksheet's XML into the smallest workbook.
func workbookWith(t *testing.T, worksheet []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, part := range []struct{ name, content string }{
		{"xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="批次" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>`},
		{"xl/sharedStrings.xml", `<sst><si><t>商品条码</t></si><si><r><t>批</t></r><rPh><t>pi</t></rPh><r><t>号</t></r></si></sst>`},
		{"xl/worksheets/sheet1.xml", string(worksheet)},
	} {
		w, err := z.Create(part.name)
		require.NoError(t, err)
		_, err = w.Write([]byte(part.content))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return out.Bytes()
}

func TestWorksheetDamage(t *testing.T) {
	header := `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>`
	for _, c := range []struct {
		name, rows string
		code       trace.Code
	}{
		{"unknown shared string", `<row><c t="s"><v>7</v></c></row>`, sheet.CodeFile},
		{"bad reference", `<row><c r="7"><v>1</v></c></row>`, sheet.CodeFile},
		{"far column", `<row><c r="ZZZ1"><v>1</v></c></row>`, trace.CodeTooLarge},
		{"cut off", header + `<row><c`, sheet.CodeFile},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := sheet.Parse("x.xlsx", workbookWith(t, []byte("<worksheet><sheetData>"+c.rows+"</sheetData></worksheet>")), sheet.Options{})
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
		})
	}
	// A phonetic guide is not part of a header, and an error value is no content.
	p, err := sheet.Parse("x.xlsx", workbookWith(t, []byte("<worksheet><sheetData>"+header+`<row r="2"><c r="A2" t="e"><v>#REF!</v></c><c r="B2"><v>1</v></c></row></sheetData></worksheet>`)), sheet.Options{})
	require.NoError(t, err)
	for _, e := range p.Errors {
		require.Equal(t, sheet.CodeMissingHeader, e.Code, e.Error())
	}
}

// A logger and a tracker that report as one device are merged by time.
func TestMergedReadings(t *testing.T) {
	p, err := sheet.ParseReadings([]sheet.File{
		{Name: "logger.csv", Data: []byte("设备编号,tl-1\n运单号,sh-1\n时间,回风温度(℃),湿度\n2026-10-20 16:00,4.8,90\n2026-10-20 16:05,2,91\n")},
		{Name: "track.csv", Data: []byte("设备编号,tl-1\n时间,纬度,经度,速度\n2026-10-20 16:00,30.205,103.512,0\n2026-10-20 16:03,30.21,103.52,55.5\n")},
	}, sheet.Options{})
	require.NoError(t, err)
	require.Empty(t, p.Errors)
	require.Len(t, p.Segments, 1)
	require.Equal(t, trace.ShipmentID("sh-1"), p.Segments[0].Request.Shipment)
	probes, readings, err := trace.DecodeReadings(p.Segments[0].Payload)
	require.NoError(t, err)
	require.Equal(t, 1, probes)
	require.Len(t, readings, 3)
	first := trace.Reading{
		At: readings[0].At, Temperatures: []trace.CentiCelsius{480}, Humidity: 9000, Shock: trace.NoShock,
		Fix: true, Point: trace.Point{Latitude: 30_205_000, Longitude: 103_512_000}, Speed: 0,
		SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
	}
	require.Equal(t, first, readings[0])
	require.Equal(t, []trace.CentiCelsius{trace.NoTemperature}, readings[1].Temperatures)
	require.EqualValues(t, 555, readings[1].Speed)
	require.False(t, readings[2].Fix)

	bound, err := sheet.Parse("a.csv", []byte("设备编号,tl-1\n运单号,sh-1\n时间,回风温度,果心温度\n2026-10-20 16:00,4.8,1\n"), sheet.Options{Probes: []string{trace.ProbeReturnAir}})
	require.NoError(t, err)
	require.Equal(t, sheet.CodeUnknownHeader, bound.Errors[0].Code, "a probe that the binding does not name is not dropped")

	_, err = sheet.ParseReadings(nil, sheet.Options{})
	require.Equal(t, sheet.CodeEmpty, trace.CodeOf(err))
	other, err := sheet.ParseReadings([]sheet.File{
		{Name: "a.csv", Data: []byte("设备编号,tl-1\n运单号,sh-1\n时间,回风温度\n2026-10-20 16:00,4.8\n")},
		{Name: "b.csv", Data: []byte("设备编号,tl-2\n时间,回风温度\n2026-10-20 16:01,4.8\n")},
	}, sheet.Options{})
	require.NoError(t, err)
	require.Equal(t, trace.CodeInvalid, other.Errors[0].Code, "two devices in one upload")
}

// TestAStationsFile: soil moisture, light and soil temperature of a plot, under the headers
// that stations print.
func TestAStationsFile(t *testing.T) {
	head := "设备编号,os-1\n地块编号,plot-8\n时间,土壤含水率(%),光照强度(lx),土温(℃)\n"
	p, err := sheet.Parse("station.csv", []byte(head+"2026-09-01 06:00,26.4,850,22.7\n2026-09-01 08:00,26.25,,23.1\n2026-11-01 08:00,20,33538,18\n"), sheet.Options{})
	require.NoError(t, err)
	require.Empty(t, p.Errors)
	require.Len(t, p.Segments, 2, "a segment covers at most 60 days")
	require.Equal(t, trace.PlotID("plot-8"), p.Segments[0].Request.Plot)
	require.Equal(t, []string{trace.ProbeSoil}, p.Summary.Readings.Probes)
	_, readings, err := trace.DecodeReadings(p.Segments[0].Payload)
	require.NoError(t, err)
	require.Len(t, readings, 2)
	require.EqualValues(t, 2_640, readings[0].SoilMoisture)
	require.EqualValues(t, 850, readings[0].Illuminance)
	require.EqualValues(t, 2_310, readings[1].Temperatures[0])
	require.Equal(t, trace.NoIlluminance, readings[1].Illuminance)
	for _, row := range []string{"2026-09-01 06:00,100.1,850,22.7", "2026-09-01 06:00,26,200001,22.7", "2026-09-01 06:00,-1,850,22.7"} {
		p, err := sheet.Parse("station.csv", []byte(head+row+"\n"), sheet.Options{})
		require.NoError(t, err)
		require.Len(t, p.Errors, 1, row)
		require.Equal(t, trace.CodeOutOfRange, p.Errors[0].Code, row)
	}
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

func BenchmarkReadings(b *testing.B) {
	var file strings.Builder
	file.WriteString("设备编号,tl-1\n运单号,sh-1\n时间,回风温度,果心温度,湿度\n")
	for i := range 10_000 {
		fmt.Fprintf(&file, "2026-10-%02d %02d:%02d:00,%d.%d,1.2,9%d.5\n", 1+i/1440, i/60%24, i%60, i%5, i%10, i%8)
	}
	data := []byte(file.String())
	for b.Loop() {
		p, err := sheet.Parse("a.csv", data, sheet.Options{})
		require.NoError(b, err)
		require.Len(b, p.Segments, 10)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*10_000), "ns/row")
}

// TestSheetsSharingOnePartShareTheBound: what a workbook unpacks to is bounded over all
// its sheets, also where they name the same part again and again.
func TestSheetsSharingOnePartShareTheBound(t *testing.T) {
	var file bytes.Buffer
	archive := zip.NewWriter(&file)
	part := func(name, content string) {
		w, err := archive.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(w, content)
		require.NoError(t, err)
	}
	sheets, relations := "", ""
	for i := range 8 {
		sheets += fmt.Sprintf(`<sheet name="s%d" sheetId="%d" r:id="r%d"/>`, i, i+1, i)
		relations += fmt.Sprintf(`<Relationship Id="r%d" Type="worksheet" Target="worksheets/sheet1.xml"/>`, i)
	}
	part("xl/workbook.xml", `<workbook xmlns:r="r"><sheets>`+sheets+`</sheets></workbook>`)
	part("xl/_rels/workbook.xml.rels", `<Relationships>`+relations+`</Relationships>`)
	part("xl/worksheets/sheet1.xml", `<worksheet><sheetData>`+strings.Repeat("<row/>", 3<<20)+`</sheetData></worksheet>`)
	require.NoError(t, archive.Close())
	_, err := sheet.Parse("bomb.xlsx", file.Bytes(), sheet.Options{})
	require.Equal(t, trace.CodeTooLarge, trace.CodeOf(err))
}
