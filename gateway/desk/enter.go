package desk

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
)

// formBody is the page of a form: its fields, then its dry run, then its receipt.
type formBody struct {
	Name     string
	Title    string
	Form     sheetForm
	Files    bool
	Problems []fieldProblem
	Plan     []shown // what would be recorded
	Finding  finding // what the contract would find, of a dry run
	Key      string
	Receipt  *receipt
	Known    []suggestions
	Note     string // what to know before filling it in
	Next     []link // forms that answer to what was recorded
}

// fieldProblem is one thing wrong with one field.
type fieldProblem struct{ Name, Label, Text string }

// nonceName is the form's own random part of its idempotency key.
const nonceName = "nonce"

func (d *Desk) formPage(w http.ResponseWriter, r *http.Request, v visit) {
	m, err := methodByForm(v.role, r.PathValue("form"))
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	values := start(m.NewRequest(), r.URL.Query(), time.Now())
	if key := trace.Key(r.URL.Query().Get("corrects")); key != "" {
		if err := d.fillCorrection(m, key, values); err != nil {
			d.refuse(w, r, v, err)
			return
		}
	}
	values.Set(nonceName, secret())
	d.showForm(w, r, http.StatusOK, v, m, values, formBody{}, nil)
}

// fillCorrection opens a form on the record it corrects. Records keep the names of
// their requests' fields.
func (d *Desk) fillCorrection(m trace.Method, key trace.Key, values url.Values) error {
	record, found, err := d.Index.Record(key)
	if err != nil {
		return err
	}
	if !found {
		return trace.Errorf(trace.CodeNotFound, "there is no record %s", key)
	}
	request := m.NewRequest()
	if err := json.Unmarshal(record.Value, request); err != nil {
		return trace.Errorf(trace.CodeInvalid, "record %s is not of this form", key)
	}
	asAsked(request)
	if written, ok := request.(trace.Writer); ok {
		*written.Writing() = trace.Write{Claimed: written.Writing().Claimed, Corrects: key}
	}
	fill(values, reflect.ValueOf(request).Elem(), "")
	return nil
}

// enter takes a filled-in form: adds a row, dry runs it, goes back to it, or confirms it.
func (d *Desk) enter(w http.ResponseWriter, r *http.Request, v visit) {
	m, err := methodByForm(v.role, r.PathValue("form"))
	if err != nil {
		d.refuse(w, r, v, err)
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
	values := form.values
	for name, files := range form.files {
		several := strings.HasSuffix(name, "[]")
		name = strings.TrimSuffix(name, "[]")
		if !several {
			values.Del(name)
		}
		for _, f := range files {
			values.Add(name, f.Hash)
		}
	}
	do := values.Get("do")
	if list, more := strings.CutPrefix(do, "more:"); more {
		values.Set(list+".rows", strconv.Itoa(min(rowsOf(values, list)+1, maxRows)))
		d.showForm(w, r, http.StatusOK, v, m, values, formBody{}, nil)
		return
	}
	if do == "edit" {
		d.showForm(w, r, http.StatusOK, v, m, values, formBody{}, nil)
		return
	}
	d.dryRunOrConfirm(w, r, v, m, values, do == "confirm")
}

func (d *Desk) dryRunOrConfirm(w http.ResponseWriter, r *http.Request, v visit, m trace.Method, values url.Values, confirm bool) {
	decoded := &decoder{values: values}
	request := m.NewRequest()
	decoded.request(reflect.ValueOf(request).Elem(), "")
	body := formBody{}
	if len(decoded.errors) > 0 {
		body.Problems = fieldProblems(v.lang, m, decoded.errors)
		d.showForm(w, r, http.StatusBadRequest, v, m, values, body, nil)
		return
	}
	key, arguments, err := keyed(request, values.Get(nonceName))
	if err == nil && confirm {
		var written api.Written
		if written, err = d.API.Write(r.Context(), v.caller, m, key, arguments); err == nil {
			got := d.receiptOf(v.lang, written)
			body.Receipt, body.Key = &got, key
			body.Plan = d.teller(v).describe(reflect.ValueOf(request))
			body.Next = d.stepsAfter(v, written.Record)
			d.showForm(w, r, http.StatusOK, v, m, values, body, nil)
			return
		}
	}
	if err == nil {
		var tried trace.Receipt
		if tried, err = d.API.Try(r.Context(), v.caller, m, arguments); err == nil {
			body.Finding = findingOf(v.lang, tried.Result)
		}
	}
	if trace.CodeOf(err) == trace.CodeAlreadyRecorded && !confirm {
		err = nil // confirming again answers with the record
	}
	body.Key = key
	if err == nil {
		body.Plan = d.teller(v).describe(reflect.ValueOf(request))
		d.showForm(w, r, http.StatusOK, v, m, values, body, nil)
		return
	}
	d.showRefusedForm(w, r, v, m, values, request, body, err)
}

// stepsAfter is where a receipt leads on to; without them it is a receipt all the same.
func (d *Desk) stepsAfter(v visit, key trace.Key) []link {
	rec, found, err := d.Index.Record(key)
	if err != nil || !found {
		return nil
	}
	steps, err := d.nextSteps(v, rec)
	if err != nil {
		d.Logger.Error("no next steps", "record", key, "error", err)
	}
	return steps
}

// showRefusedForm shows the chain's refusal at the form, the field named where the
// refusal speaks of one; what may succeed later, or may even be recorded, is offered
// again under the same key.
func (d *Desk) showRefusedForm(w http.ResponseWriter, r *http.Request, v visit, m trace.Method, values url.Values, request any, body formBody, err error) {
	problem := d.refusal(v.lang, err)
	if problem.Retry {
		body.Plan = d.teller(v).describe(reflect.ValueOf(request))
		d.showForm(w, r, http.StatusOK, v, m, values, body, problem)
		return
	}
	layout := buildForm(v.lang, v.role, request, values, nil)
	fields := layout.all
	if problem.Code == trace.CodeMissing { // what is filled in is not what is missing
		fields = slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.Value() != "" })
	}
	if f, found := fieldOf(problem.Code, problem.Detail, fields); found {
		problem.Field, problem.FieldName = f.Label, f.Name
		body.Problems = []fieldProblem{{f.Name, f.Label, cmp.Or(problem.Said, problem.Text)}}
	}
	d.showForm(w, r, statusOf(problem.Code), v, m, values, body, problem)
}

func fieldProblems(l Language, m trace.Method, errs []fieldError) []fieldProblem {
	layout := buildForm(l, "", m.NewRequest(), url.Values{}, nil)
	var out []fieldProblem
	for _, e := range errs {
		p := fieldProblem{Name: e.name, Text: e.text.in(l), Label: e.name}
		leaf := e.name[strings.LastIndexByte(e.name, '.')+1:]
		at := slices.IndexFunc(layout.all, func(f field) bool { return f.Name == e.name })
		if at < 0 {
			at = slices.IndexFunc(layout.all, func(f field) bool { return f.leaf == leaf })
		}
		if at >= 0 {
			p.Label = layout.all[at].Label
		}
		out = append(out, p)
	}
	return out
}

// keyed fixes a request's idempotency key: the form's random part and the content
// together. The same page sent twice is one record; edited content is another request.
func keyed(request any, nonce string) (key string, arguments []byte, err error) {
	content, err := json.Marshal(request)
	if err != nil {
		return "", nil, err
	}
	if len(nonce) < 20 || len(nonce) > 64 {
		return "", nil, trace.Errorf(CodeCSRF, "the form was not made by this desk; open it again")
	}
	sum := trace.DigestOf(append([]byte(nonce+"\n"), content...))
	key = "desk-" + hex.EncodeToString(sum[:16])
	written, ok := request.(trace.Writer)
	if !ok {
		// Such a request has its natural id; the key only names it in the outbox.
		return key, content, nil
	}
	written.Writing().IdempotencyKey = key
	arguments, err = json.Marshal(request)
	return key, arguments, err
}

func (d *Desk) showForm(w http.ResponseWriter, r *http.Request, status int, v visit, m trace.Method, values url.Values, body formBody, problem *refusal) {
	texts := map[string]string{}
	for _, p := range body.Problems {
		texts[p.Name] = p.Text
	}
	title := words{m.Title, m.TitleEnglish}
	body.Name, body.Title = formName(m), title.in(v.lang)
	body.Form = buildForm(v.lang, v.role, m.NewRequest(), values, texts)
	if body.Plan == nil {
		known, err := d.known(v)
		if err == nil {
			body.Note, err = d.prefixNote(v, m)
		}
		if err != nil {
			d.Logger.Error("no suggestions", "error", err)
		}
		body.Form.offer(known)
		body.Known = slices.DeleteFunc(known, func(s suggestions) bool { return s.Records })
	}
	again := url.Values{}
	for name, given := range values {
		again[name] = given
	}
	d.show(w, r, status, v, "form", page{Title: title, Refusal: problem, Again: again, Body: body})
}
