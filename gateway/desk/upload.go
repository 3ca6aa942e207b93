package desk

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/ingest/sheet"
	"traceledger/gateway/store"
)

// uploadBody is the page of an upload: its form, then its dry run, then its receipts.
type uploadBody struct {
	Kind     sheet.Kind
	Title    string
	Readings bool
	Values   url.Values
	Files    []keptFile
	Plan     *api.SheetPlan
	Errors   []rowProblem
	Rows     []plannedRow
	From, To string
	Low, Top string
	Ready    bool
	Known    bool // all of it is on the ledger already
	Result   *api.SheetResult
	Receipts []receiptRow
	Fixed    int // rows that can be confirmed
}

// rowProblem is one thing wrong in a sheet.
type rowProblem struct {
	sheet.RowError
	First, Second string // the text in the page's language, the other beside it
}

// plannedRow is one record to be.
type plannedRow struct {
	api.PlannedRow
	What string
	Standing
}

// Standing is a check in words with its colour.
type Standing struct{ Word, Mark, Why, Said string }

// receiptRow is one row of what was recorded.
type receiptRow struct {
	Sheet   string
	Row     int
	What    string
	Receipt *receipt
	Refusal *refusal
	NotSent bool
}

// receipt is a record on the chain.
type receipt struct {
	Key         trace.Key
	Path        string
	Result      string
	ResultMark  string
	Transaction string
	Block       uint64
	Public      string // shoppers' page, "" where there is none
	Codes       string
	CodesPath   string
}

func (d *Desk) uploadPage(w http.ResponseWriter, r *http.Request, v visit) {
	kind := sheet.Kind(r.PathValue("kind"))
	title, known := sheetTitle(kind)
	if !known {
		d.refuse(w, r, v, trace.Errorf(trace.CodeNotFound, "there is no sheet of kind %q", kind))
		return
	}
	d.show(w, r, http.StatusOK, v, "upload", page{Title: title, Body: uploadBody{
		Kind: kind, Title: title.in(v.lang), Readings: kind == sheet.KindReadings, Values: r.URL.Query(),
	}})
}

// upload takes a sheet with its attachments and shows the dry run, or, for a sheet
// kept before, confirms it.
func (d *Desk) upload(w http.ResponseWriter, r *http.Request, v visit) {
	kind := sheet.Kind(r.PathValue("kind"))
	title, known := sheetTitle(kind)
	if !known {
		d.refuse(w, r, v, trace.Errorf(trace.CodeNotFound, "there is no sheet of kind %q", kind))
		return
	}
	form, err := d.readForm(w, r, v)
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	if asked := Language(form.values.Get("lang")); asked == Chinese || asked == English {
		v.lang = asked
	}
	body := uploadBody{Kind: kind, Title: title.in(v.lang), Readings: kind == sheet.KindReadings}
	p := page{Title: title}
	if p.Again, err = sheetValues(form, kind); err == nil {
		body.Values, body.Files = p.Again, filesOf(p.Again)
		err = d.runSheet(r, v, form.values.Get("do") == "confirm", p.Again, &body)
	}
	status := http.StatusOK
	if err != nil {
		p.Refusal = d.refusal(v.lang, err)
		status = statusOf(p.Refusal.Code)
		if p.Refusal.Retry {
			status = http.StatusOK
		}
		if body.Values == nil {
			body.Values = form.values
		}
	}
	p.Body = body
	d.show(w, r, status, v, "upload", p)
}

// sheetValues names a sheet and what goes with it the way the confirmation repeats it.
func sheetValues(form posted, kind sheet.Kind) (url.Values, error) {
	out := url.Values{"kind": {string(kind)}}
	for _, name := range []string{"device", "shipment", "plot", "store", "probes", "name", "hash", "file", "merge"} {
		for _, value := range form.values[name] {
			if value = strings.TrimSpace(value); value != "" {
				out.Add(name, value)
			}
		}
	}
	if probes := out.Get("probes"); probes != "" {
		out.Set("probes", strings.Join(strings.FieldsFunc(probes, func(r rune) bool { return strings.ContainsRune(",，、; \n", r) }), ","))
	}
	for i, f := range form.files["sheet"] {
		if i == 0 {
			out.Set("name", f.Name)
			out.Set("hash", f.Hash)
			continue
		}
		out.Add("merge", f.Name+"="+f.Hash)
	}
	for _, f := range form.files["attachments"] {
		out.Add("file", f.Name+"="+f.Hash)
	}
	if out.Get("hash") == "" {
		return out, trace.Errorf(trace.CodeMissing, "no file was chosen")
	}
	return out, nil
}

func filesOf(values url.Values) []keptFile {
	out := []keptFile{{values.Get("name"), values.Get("hash")}}
	for _, more := range append(values["merge"], values["file"]...) {
		if at := strings.LastIndexByte(more, '='); at > 0 {
			out = append(out, keptFile{more[:at], more[at+1:]})
		}
	}
	return out
}

func (d *Desk) runSheet(r *http.Request, v visit, confirm bool, values url.Values, body *uploadBody) error {
	hash, err := store.ParseHash(values.Get("hash"))
	if err != nil {
		return trace.Errorf(trace.CodeInvalid, "%q is not a file's hash", values.Get("hash"))
	}
	up, err := api.UploadOf(values, hash)
	if err != nil {
		return err
	}
	if confirm {
		result, err := d.API.Confirm(r.Context(), v.caller, up)
		if err != nil {
			return err
		}
		body.Result = &result
		body.Receipts = d.receipts(v.lang, result)
		return nil
	}
	plan, err := d.API.DryRun(r.Context(), v.caller, up)
	if err != nil {
		return err
	}
	body.plan(v.lang, plan)
	return nil
}

// plan writes a dry run out.
func (b *uploadBody) plan(l Language, plan api.SheetPlan) {
	b.Plan, b.Ready = &plan, plan.Ready
	b.Known = len(plan.Rows) > 0 && plan.Readings == nil &&
		!slices.ContainsFunc(plan.Rows, func(row api.PlannedRow) bool { return row.Check != api.CheckRecorded })
	for _, e := range plan.RowErrors {
		row := rowProblem{RowError: e, First: e.Text, Second: e.TextEnglish}
		if l == English {
			row.First, row.Second = e.TextEnglish, e.Text
		}
		b.Errors = append(b.Errors, row)
	}
	for _, row := range plan.Rows {
		b.Rows = append(b.Rows, plannedRow{row, words{row.Title, row.TitleEnglish}.in(l), standingOf(l, row)})
		if row.Check != api.CheckRefused {
			b.Fixed++
		}
	}
	if r := plan.Readings; r != nil {
		b.From, b.To = clock(r.From), clock(r.To)
		b.Low, b.Top = unscaled(int64(r.Minimum), 100), unscaled(int64(r.Maximum), 100)
	}
}

func standingOf(l Language, row api.PlannedRow) Standing {
	switch row.Check {
	case api.CheckFine:
		return Standing{Word: words{"可以记录", "Fine"}.in(l), Mark: "ok"}
	case api.CheckRecorded:
		return Standing{Word: words{"已在账本上", "On the ledger"}.in(l), Mark: "past"}
	case api.CheckLater:
		return Standing{Word: words{"等前面的行", "After earlier rows"}.in(l), Mark: "past"}
	}
	out := Standing{Word: words{"不能记录", "Refused"}.in(l), Mark: "bad", Why: meaning(row.Code).in(l)}
	if l == Chinese && row.DetailChinese != out.Why {
		out.Said = row.DetailChinese
	}
	return out
}

func (d *Desk) receipts(l Language, result api.SheetResult) []receiptRow {
	var out []receiptRow
	for _, row := range result.Rows {
		line := receiptRow{Sheet: row.Sheet, Row: row.Row, What: words{row.Title, row.TitleEnglish}.in(l), NotSent: row.NotSent}
		if row.Written != nil {
			got := d.receiptOf(l, *row.Written)
			line.Receipt = &got
		}
		if row.Codes != "" {
			if line.Receipt == nil {
				line.Receipt = &receipt{}
			}
			line.Receipt.Codes = row.Codes
		}
		if row.Refused != nil {
			line.Refusal = d.refusal(l, trace.Errorf(row.Refused.Code, "%s", row.Refused.Detail))
			line.Refusal.Transaction = row.Refused.Transaction
		}
		out = append(out, line)
	}
	return out
}

// receiptOf writes a receipt out.
func (d *Desk) receiptOf(l Language, w api.Written) receipt {
	out := receipt{Key: w.Record, Path: recordPath(w.Record), Transaction: w.Transaction, Block: w.Block, Public: d.publicPage(w.Record)}
	found := findingOf(l, w.Result)
	out.Result, out.ResultMark = found.Words, found.Mark
	return out
}

// finding is what a contract concluded from a record.
type finding struct{ Words, Mark string }

func findingOf(l Language, result string) finding {
	out := finding{Words: result}
	for _, c := range append(judgements(), choicesOfType(reflect.TypeFor[trace.ReviewOutcome]())...) {
		if c.value == result {
			out.Words = c.words.in(l)
		}
	}
	switch trace.Judgement(result) {
	case trace.JudgedPass:
		out.Mark = "ok"
	case trace.JudgedFail:
		out.Mark = "bad"
	case trace.JudgedNoLimit:
		out.Mark = "warn"
	}
	return out
}

// template gives the empty workbook of a kind.
func (d *Desk) template(w http.ResponseWriter, r *http.Request, v visit) {
	kind := strings.TrimSuffix(r.PathValue("kind"), ".xlsx")
	data, err := sheet.Template(sheet.Kind(kind))
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	w.Header().Set("Content-Disposition", `attachment; filename="`+kind+`.xlsx"`)
	_, _ = w.Write(data)
}
