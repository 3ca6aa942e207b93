package sheet_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/sheet"
)

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
