package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/api"
	"traceledger/gateway/ingest/sheet"
)

// badFiles uploads each file of fixtures/bad as the party that would send it.
func (b *badHouse) badFiles(t *testing.T) {
	cases, err := fixtures.ReadCases(fixtures.Files())
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, c := range cases {
		t.Run(c.File, func(t *testing.T) {
			require.Equal(t, b.known, b.height(t))
			sign := string(c.Party) + "@" + string(c.Role)
			query := url.Values{"name": {c.File}}
			for _, attachment := range c.Attachments {
				content, err := fs.ReadFile(fixtures.Files(), attachment)
				require.NoError(t, err)
				query.Add("file", path.Base(attachment)+"="+b.keep(t, sign, content).String())
			}
			content, err := fs.ReadFile(fixtures.Files(), "bad/"+c.File)
			require.NoError(t, err)
			if c.Found == "chain" {
				b.refusedByChain(t, sign, query, content, c.Code)
			} else {
				b.refusedByDryRun(t, sign, query, content, c.Code)
			}
			require.Equal(t, b.known, b.height(t), "something changed")
		})
	}
	b.badSheets(t)
}

// refusedByDryRun demands that the file, or a row of it, is refused before the chain
// is asked, in both languages, and that it cannot be confirmed all the same.
func (b *badHouse) refusedByDryRun(t *testing.T, sign string, query url.Values, content []byte, code trace.Code) {
	t.Helper()
	status, header, answer := b.send(t, http.MethodPost, "/v1/sheets?"+query.Encode(), sign, nil, content)
	confirmation := "/v1/sheets/" + trace.DigestOf(content).String() + "/confirmation?" + query.Encode()
	if status != http.StatusOK {
		p := refusal(t, status, header, answer, api.Status(code), code)
		requireBilingual(t, p.DetailChinese+"\n"+p.Detail)
		status, header, answer = b.send(t, http.MethodPost, confirmation, sign, nil, nil)
		refusal(t, status, header, answer, api.Status(code), code)
		return
	}
	var plan api.SheetPlan
	require.NoError(t, json.Unmarshal(answer, &plan))
	require.False(t, plan.Ready)
	require.NotEmpty(t, plan.RowErrors, "%+v", plan.Rows)
	require.Equal(t, code, plan.RowErrors[0].Code, plan.RowErrors[0].Error())
	for _, e := range plan.RowErrors {
		require.NotEmpty(t, e.Sheet)
		requireHelpful(t, e.TextEnglish, nil)
		requireBilingual(t, e.Error())
	}
	status, header, answer = b.send(t, http.MethodPost, confirmation, sign, nil, nil)
	refusal(t, status, header, answer, http.StatusUnprocessableEntity, api.CodeRowErrors, "row error")
}

// refusedByChain demands that the dry run shows the chain's refusal and that
// confirming is refused with the same words.
func (b *badHouse) refusedByChain(t *testing.T, sign string, query url.Values, content []byte, code trace.Code) {
	t.Helper()
	status, _, answer := b.send(t, http.MethodPost, "/v1/sheets?"+query.Encode(), sign, nil, content)
	require.Equal(t, http.StatusOK, status, string(answer))
	var plan api.SheetPlan
	require.NoError(t, json.Unmarshal(answer, &plan))
	require.Empty(t, plan.RowErrors)
	shown := slices.IndexFunc(plan.Rows, func(row api.PlannedRow) bool { return row.Check == api.CheckRefused })
	if shown >= 0 { // a row that needs an earlier one of the file is judged once that is recorded
		require.Equal(t, code, plan.Rows[shown].Code, plan.Rows[shown].Detail)
		requireHelpful(t, plan.Rows[shown].Detail, nil)
	} else {
		require.Greater(t, len(plan.Rows), 1, "there is no earlier row: %+v", plan.Rows)
		require.True(t, slices.ContainsFunc(plan.Rows, func(row api.PlannedRow) bool { return row.Check == api.CheckLater }), "the dry run promises what the chain refuses: %+v", plan.Rows)
	}
	status, _, answer = b.send(t, http.MethodPost, "/v1/sheets/"+plan.Hash+"/confirmation?"+query.Encode(), sign, nil, nil)
	require.Equal(t, http.StatusOK, status, string(answer))
	var result api.SheetResult
	require.NoError(t, json.Unmarshal(answer, &result))
	require.False(t, result.Complete)
	for i, row := range result.Rows {
		if row.Refused == nil {
			require.True(t, row.NotSent || row.Written != nil, "%+v", row)
			continue
		}
		require.Equal(t, code, row.Refused.Code, row.Refused.Detail)
		requireHelpful(t, row.Refused.Detail, nil)
		for _, later := range result.Rows[i+1:] {
			require.True(t, later.NotSent)
		}
		return
	}
	require.Fail(t, "no row was refused")
}

func requireBilingual(t *testing.T, message string) {
	t.Helper()
	require.Regexp(t, `\p{Han}`, message)
	require.Regexp(t, `[a-z]{3}`, message)
}

// badSheets are files that no row can be read of.
func (b *badHouse) badSheets(t *testing.T) {
	farmRow := "[批次]\r\n商品条码,批号,产地,纬度,经度,地块编号,采收时间,数量,单位\r\n"
	cases := []struct {
		name    string
		content []byte
		status  int
		code    trace.Code
		words   []string
	}{
		{"empty.csv", nil, http.StatusBadRequest, trace.CodeMissing, []string{"empty"}},
		{"no-rows.csv", []byte(farmRow), http.StatusUnprocessableEntity, sheet.CodeEmpty, nil},
		{"oversized.csv", bytes.Repeat([]byte("x"), 2*sheet.MaxFileBytes), http.StatusRequestEntityTooLarge, "FILE_TOO_LARGE", []string{"10485760"}},
		{"rows.csv", []byte(farmRow + strings.Repeat("a,b,c,d,e,f,g,h,i\r\n", sheet.MaxRows+1)), http.StatusRequestEntityTooLarge, trace.CodeTooLarge, []string{"20000"}},
		{"columns.csv", []byte(strings.Repeat("a,", sheet.MaxColumns+1) + "\r\n"), http.StatusRequestEntityTooLarge, trace.CodeTooLarge, []string{"200"}},
		{"not-really.xlsx", []byte("PK\x03\x04 this only begins like one"), http.StatusUnprocessableEntity, sheet.CodeFile, nil},
		{"bomb.xlsx", zipBomb(t), http.StatusRequestEntityTooLarge, trace.CodeTooLarge, nil},
		{"report.xlsx", []byte("%PDF-1.7 renamed"), http.StatusUnprocessableEntity, sheet.CodeFile, []string{"PDF"}},
		{"old.xlsx", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), http.StatusUnprocessableEntity, sheet.CodeFile, []string{".xls"}},
		{"utf16.csv", []byte("\xff\xfe\x79\x62\xf7\x53,\x00"), http.StatusUnprocessableEntity, sheet.CodeEncoding, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b.refusedAs(t, http.MethodPost, signFarm, "/sheets?name="+c.name, nil, c.content, c.status, c.code, c.words...)
		})
	}
	t.Run("never uploaded", func(t *testing.T) {
		hash := trace.DigestOf([]byte("nobody uploaded this")).String()
		b.refusedAs(t, http.MethodPost, signFarm, "/sheets/"+hash+"/confirmation?name=a.csv", nil, []byte{}, http.StatusNotFound, "FILE_UNKNOWN", hash)
	})
	t.Run("no name", func(t *testing.T) {
		b.refusedAs(t, http.MethodPost, signFarm, "/sheets", nil, []byte("x"), http.StatusBadRequest, trace.CodeMissing, "name", "batch.xlsx")
	})
}

// zipBomb is a workbook of a few KB that unpacks to half a gigabyte.
func zipBomb(t *testing.T) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, content := range map[string]string{
		"[Content_Types].xml":        `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`,
		"_rels/.rels":                `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="批次" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
	} {
		part, err := w.Create(name)
		require.NoError(t, err)
		_, err = part.Write([]byte(content))
		require.NoError(t, err)
	}
	part, err := w.Create("xl/worksheets/sheet1.xml")
	require.NoError(t, err)
	blank := bytes.Repeat([]byte(" "), 1<<20)
	for range 512 {
		_, err = part.Write(blank)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// badForm sends bodies, headers and addresses that are not what they should be.
func (b *badHouse) badForm(t *testing.T) {
	batch := string(bodyOf(t, harvest("FORM-1", demoPlot, 1)))
	inside := func(more string) []byte { return []byte(`{` + more + `,` + batch[1:]) }
	cases := []struct {
		name, path string
		body       []byte
		status     int
		code       trace.Code
		words      []string
	}{
		{"empty body", "/batches", nil, 400, trace.CodeMalformed, []string{"empty", "JSON object"}},
		{"cut off", "/batches", []byte(batch[:len(batch)-5]), 400, trace.CodeMalformed, []string{"JSON"}},
		{"trailing comma", "/batches", []byte(batch[:len(batch)-1] + ",}"), 400, trace.CodeMalformed, []string{"JSON", "byte"}},
		{"two objects", "/batches", []byte(batch + batch), 400, trace.CodeMalformed, []string{"JSON", "byte"}},
		{"a list", "/batches", []byte("[" + batch + "]"), 400, trace.CodeMalformed, []string{"object", "["}},
		{"not UTF-8", "/batches", bytes.Replace([]byte(batch), []byte("四川"), []byte{0xcb, 0xc4, 0xb4, 0xa8}, 1), 400, trace.CodeMalformed, []string{"UTF-8"}},
		{"unknown field", "/batches", inside(`"colour":"green"`), 400, trace.CodeUnknownField, []string{"colour"}},
		{"case of a field", "/batches", inside(`"Lot":"A"`), 400, trace.CodeUnknownField, []string{"Lot"}},
		{"field given twice", "/batches", inside(`"gtin":"09520000100018"`), 400, trace.CodeDuplicateField, []string{"gtin"}},
		{"field given twice inside", "/batches", bytes.Replace([]byte(batch), []byte(`"unit":"g"`), []byte(`"unit":"g","unit":"ml"`), 1), 400, trace.CodeDuplicateField, []string{"quantity.unit"}},
		{"own idempotency key", "/batches", inside(`"idempotencyKey":"mine"`), 400, trace.CodeDuplicateField, []string{"idempotencyKey"}},
		{"number as text", "/batches", bytes.Replace([]byte(batch), []byte(`"amount":5000`), []byte(`"amount":"5000"`), 1), 400, trace.CodeInvalid, []string{"quantity.amount", "whole number"}},
		{"fraction", "/batches", bytes.Replace([]byte(batch), []byte(`"amount":5000`), []byte(`"amount":5000.5`), 1), 400, trace.CodeInvalid, []string{"quantity.amount", "whole number"}},
		{"impossible day", "/licences", []byte(`{"claimed":"2026-02-30T00:00:00Z"}`), 400, trace.CodeInvalid, []string{"claimed", "2026-02-30"}},
		{"time of no zone", "/licences", []byte(`{"claimed":"2026-02-03 10:00"}`), 400, trace.CodeInvalid, []string{"claimed", "2026-02-03 10:00"}},
		{"nothing given", "/batches", []byte(`{}`), 400, trace.CodeMissing, []string{"claimed"}},
		{"oversized", "/batches", inside(`"note":"` + strings.Repeat("x", 64<<10) + `"`), 413, trace.CodeTooLarge, []string{"65536"}},
		{"wrong check digit", "/batches", bytes.Replace([]byte(batch), []byte("09520000100018"), []byte("09520000100017"), 1), 400, trace.CodeCheckDigit, []string{"09520000100017", "8"}},
		{"lot in Chinese", "/batches", bytes.Replace([]byte(batch), []byte("FORM-1"), []byte("批1"), 1), 400, trace.CodeInvalid, []string{"批1", "GS1"}},
		{"control character", "/batches", bytes.Replace([]byte(batch), []byte("四川"), []byte(`\u202e`), 1), 400, trace.CodeInvalid, []string{"place", "U+202E"}},
		{"order: unknown field", "/code-orders", []byte(`{"count":1,"lots":{}}`), 400, trace.CodeUnknownField, []string{"lots"}},
		{"order: field given twice", "/code-orders", []byte(`{"count":1,"count":2}`), 400, trace.CodeDuplicateField, []string{"count"}},
		{"order: number as text", "/code-orders", []byte(`{"count":"12"}`), 400, trace.CodeInvalid, []string{"count", "whole number"}},
		{"order: cut off", "/code-orders", []byte(`{"count":12`), 400, trace.CodeMalformed, []string{"JSON"}},
		{"order: none", "/code-orders", []byte(`{"count":0}`), 400, trace.CodeInvalid, []string{"0", "1000000"}},
		{"order: pack name", "/code-orders", []byte(`{"count":1,"pack":"UUUUUUUU"}`), 400, trace.CodeInvalid, []string{"pack", "U"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { b.refused(t, signFarm, c.path, c.body, c.status, c.code, c.words...) })
	}
	b.badEnvelopes(t)
}

// badEnvelopes are requests whose headers, method or address are wrong.
func (b *badHouse) badEnvelopes(t *testing.T) {
	batch := harvest("FORM-2", demoPlot, 1)
	post := http.MethodPost
	t.Run("no idempotency key", func(t *testing.T) {
		b.refusedAs(t, post, signFarm, "/batches", nil, batch, 400, api.CodeNoIdempotencyKey, "Idempotency-Key")
		b.refusedAs(t, post, signFarm, "/code-orders", nil, []byte(`{"count":1}`), 400, api.CodeNoIdempotencyKey, "Idempotency-Key")
	})
	t.Run("idempotency key too long", func(t *testing.T) {
		b.refusedAs(t, post, signFarm, "/batches", http.Header{"Idempotency-Key": {strings.Repeat("k", 65)}}, batch, 400, trace.CodeInvalid, "65", "64")
	})
	t.Run("idempotency key in Chinese", func(t *testing.T) {
		b.refusedAs(t, post, signFarm, "/batches", http.Header{"Idempotency-Key": {"批次"}}, batch, 400, trace.CodeInvalid, "ASCII")
	})
	t.Run("oversized file", func(t *testing.T) {
		b.refusedAs(t, post, signFarm, "/files", nil, bytes.Repeat([]byte("x"), 33<<20), 413, "FILE_TOO_LARGE", "33554432")
	})
	t.Run("empty file", func(t *testing.T) {
		b.refusedAs(t, post, signFarm, "/files", nil, []byte{}, 400, trace.CodeMissing, "empty")
	})
	t.Run("unknown file", func(t *testing.T) {
		hash := trace.DigestOf([]byte("nobody uploaded this")).String()
		b.refusedAs(t, http.MethodGet, signFarm, "/files/"+hash, nil, []byte{}, 404, "FILE_UNKNOWN", hash)
		b.refusedAs(t, http.MethodGet, signFarm, "/files/..%2F..%2Fwallet", nil, []byte{}, 400, trace.CodeInvalid, "64")
	})
	t.Run("no such route", func(t *testing.T) {
		b.refusedAs(t, post, signFarm, "/batch", nil, batch, 404, api.CodeNoSuchRoute, "POST /v1/batch", "openapi")
		b.refusedAs(t, http.MethodDelete, signFarm, "/batches", nil, []byte{}, 404, api.CodeNoSuchRoute, "DELETE /v1/batches", "openapi")
		b.refusedAs(t, http.MethodGet, "", "/", nil, []byte{}, 404, api.CodeNoSuchRoute, "openapi")
	})
	t.Run("unknown record", func(t *testing.T) {
		b.refusedAs(t, http.MethodGet, signFarm, "/records/batch/09520000100018/NOPE", nil, []byte{}, 404, trace.CodeNotFound, "batch/09520000100018/NOPE")
		b.refusedAs(t, http.MethodGet, signFarm, "/lots/09520000100017/NOPE", nil, []byte{}, 400, trace.CodeCheckDigit, "09520000100017", "8")
		b.refusedAs(t, http.MethodGet, signFarm, "/code-packs/ZZZZZZZZ/codes", nil, []byte{}, 404, trace.CodeNotFound, "ZZZZZZZZ")
		b.refusedAs(t, http.MethodGet, signFactory, "/code-packs/"+string(demoPack)+"/codes", nil, []byte{}, 403, trace.CodeForbidden, string(demoPack), "farm-pujiang-01")
		b.refusedAs(t, http.MethodGet, signFarm, "/code-packs/"+string(demoPack)+"/codes?first=1921&last=1922", nil, []byte{}, 400, trace.CodeInvalid, "1921", "1920")
	})
}
