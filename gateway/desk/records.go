package desk

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/index"
	"traceledger/gateway/ingest/sheet"
	"traceledger/gateway/store"
)

// perPage is how many records a page lists.
const perPage = 20

// line is one record in a list.
type line struct {
	What     string
	About    string
	Path     string
	Recorded string
	Claimed  string
	Block    uint64
	By       string
	Mark     string // "corrected" when another record corrects it
}

// homeBody is a role's page.
type homeBody struct {
	Jobs    []homeJob
	Records []line
	More    string
	Forms   []link
	Sheets  []link
	Pending string // number of verdicts without a review, "" if there is none
	Waiting []appointment
}

type homeJob struct {
	Name, About, Upload, Form, Page string
	FormName                        string // what the form does, where the job has a page too
}

type link struct{ Name, Path string }

func (d *Desk) home(w http.ResponseWriter, r *http.Request, v visit) {
	root := "/desk/" + string(v.role)
	body := homeBody{}
	for _, j := range jobsOf(v.role) {
		job := homeJob{Name: j.name.in(v.lang), About: j.about.in(v.lang)}
		if j.kind != "" {
			job.Upload = root + "/upload/" + string(j.kind)
		}
		if j.method != "" {
			job.Form = root + "/new/" + formByTransaction(j.method)
			if m := methodOf(j.method); j.page != "" {
				job.FormName = words{m.Title, m.TitleEnglish}.in(v.lang)
			}
		}
		if j.page != "" {
			job.Page = root + "/" + j.page
		}
		body.Jobs = append(body.Jobs, job)
	}
	for _, m := range methodsOf(v.role) {
		body.Forms = append(body.Forms, link{words{m.Title, m.TitleEnglish}.in(v.lang), root + "/new/" + formName(m)})
	}
	for _, k := range sheet.Kinds() {
		if roleUploads(v.role, k.Kind) {
			body.Sheets = append(body.Sheets, link{words{k.Title, k.TitleEnglish}.in(v.lang), root + "/upload/" + string(k.Kind)})
		}
	}
	records, next, err := d.Index.List(index.ListQuery{Party: v.party, Limit: 8})
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	body.Records = d.lines(v.lang, records)
	if next != "" {
		body.More = root + "/records"
	}
	if v.role == trace.RoleReviewer {
		open, next, err := d.Index.OpenVerdicts("", index.MaxList)
		if err != nil {
			d.refuse(w, r, v, err)
			return
		}
		if len(open) > 0 {
			body.Pending = strconv.Itoa(len(open))
		}
		if next != "" {
			body.Pending += "+"
		}
	}
	if v.role == trace.RoleCarrier {
		if body.Waiting, err = d.appointments(v); err != nil {
			d.refuse(w, r, v, err)
			return
		}
	}
	d.show(w, r, http.StatusOK, v, "home", page{Title: roleName(v.role), Body: body})
}

// roleUploads tells which sheets a role has jobs for.
func roleUploads(role trace.Role, kind sheet.Kind) bool {
	if slices.ContainsFunc(jobsOf(role), func(j job) bool { return j.kind == kind }) {
		return true
	}
	return kind == sheet.KindTransport && trace.MSPOf(role) == trace.ProducerMSP ||
		kind == sheet.KindProduct && trace.MSPOf(role) == trace.ProducerMSP
}

// recordsBody is a page of a party's records.
type recordsBody struct {
	Records []line
	Next    string
	First   bool
}

func (d *Desk) records(w http.ResponseWriter, r *http.Request, v visit) {
	cursor := r.URL.Query().Get("cursor")
	records, next, err := d.Index.List(index.ListQuery{Party: v.party, Cursor: cursor, Limit: perPage})
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	body := recordsBody{Records: d.lines(v.lang, records), First: cursor == ""}
	if next != "" {
		body.Next = "?" + url.Values{"cursor": {next}}.Encode()
	}
	d.show(w, r, http.StatusOK, v, "records", page{Title: words{"我的记录", "My records"}, Body: body})
}

func (d *Desk) lines(l Language, records []index.Record) []line {
	out := make([]line, 0, len(records))
	for _, rec := range records {
		n := line{
			What: kindName(rec.Kind).in(l), About: about(rec.Key), Path: recordPath(rec.Key), Recorded: clock(rec.Recorded),
			Claimed: clock(rec.Claimed), Block: rec.Block,
		}
		if said := gist(l, rec); said != "" && said != n.About {
			n.About = said + " · " + n.About
		}
		if len(rec.CorrectedBy) > 0 {
			n.Mark = "corrected"
		}
		out = append(out, n)
	}
	return out
}

// gist is what tells records of one kind apart in a list, "" where their key does.
func gist(l Language, rec index.Record) string {
	var said struct {
		Activity  trace.Activity      `json:"activity"`
		Note      string              `json:"note"`
		Judgement trace.Judgement     `json:"judgement"`
		Outcome   trace.ReviewOutcome `json:"outcome"`
		Device    trace.DeviceID      `json:"device"`
		Pack      trace.PackID        `json:"pack"`
		Kind      trace.ActionKind    `json:"kind"`
		Text      string              `json:"text"`
	}
	switch rec.Kind {
	case state.FactLog, state.FactInspection, state.FactVerdictReview, state.FactBinding, state.FactActivation, state.FactPackChange, state.FactAction, state.FactVerdict:
	default:
		return ""
	}
	if json.Unmarshal(rec.Value, &said) != nil {
		return "" // a list stays readable; the record's own page tells
	}
	switch rec.Kind {
	case state.FactLog:
		return strings.TrimSpace(chosen(l, said.Activity) + " " + said.Note)
	case state.FactInspection:
		return chosen(l, said.Judgement)
	case state.FactVerdictReview:
		return chosen(l, said.Outcome)
	case state.FactBinding:
		return string(said.Device)
	case state.FactAction:
		return chosen(l, said.Kind)
	case state.FactVerdict:
		return said.Text
	}
	return string(said.Pack)
}

// about is what a record's key says to people: its subject or natural id.
func about(key trace.Key) string {
	if fact, ok := state.ParseFactKey(key); ok {
		id, err := url.PathUnescape(fact.Subject.ID)
		if err != nil {
			id = fact.Subject.ID
		}
		return strings.ReplaceAll(id, "~", " ")
	}
	_, parts, ok := state.ParseKey(key)
	if !ok {
		return string(key)
	}
	return strings.Join(parts, " ")
}

// recordBody is the page of one record.
type recordBody struct {
	Key         trace.Key
	Kind        string
	Value       []shown
	Raw         string
	Party       string
	Name        string
	Role        string
	MSP         string
	Claimed     string
	Recorded    string
	Endorsers   []string
	Transaction string
	Block       uint64
	Position    int
	Public      string
	Corrects    *link
	Reason      string
	CorrectedBy []link
	Correct     string // form that corrects it, for its writer
	Next        []link // forms that answer to it
	Late        string
	Original    *originalBody
}

// originalBody says which transaction of an earlier ledger a record was imported from.
type originalBody struct {
	Transaction, Imported, Envelope string
	Block                           int64
}

func (d *Desk) record(w http.ResponseWriter, r *http.Request, v visit) {
	key := trace.Key(r.PathValue("key"))
	rec, found, err := d.Index.Record(key)
	if err == nil && !found {
		err = trace.Errorf(trace.CodeNotFound, "there is no record %s", key)
	}
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	body := recordBody{
		Key: key, Kind: kindName(rec.Kind).in(v.lang), Party: string(rec.Party), Name: d.partyName(v.lang, rec.Party),
		Role: roleName(rec.Role).in(v.lang), MSP: organisation(rec.MSP).in(v.lang), Claimed: clock(rec.Claimed), Recorded: clock(rec.Recorded),
		Transaction: rec.TransactionID, Block: rec.Block, Position: rec.Position, Public: d.publicPage(key),
	}
	if o := rec.Original; o != nil {
		body.Original = &originalBody{o.Transaction.String(), clock(o.Imported), o.Envelope.String(), o.Block}
	}
	for _, e := range rec.Endorsers {
		body.Endorsers = append(body.Endorsers, organisation(e).in(v.lang))
	}
	for _, k := range rec.CorrectedBy {
		body.CorrectedBy = append(body.CorrectedBy, link{string(k), recordPath(k)})
	}
	if late := rec.Recorded - rec.Claimed; rec.Claimed != 0 && late > trace.Time(24*time.Hour/time.Millisecond) {
		body.Late = unscaled(int64(late)/int64(time.Hour/time.Millisecond), 24)
		body.Late, _, _ = strings.Cut(body.Late, ".")
	}
	err = body.read(v, d.teller(v), rec)
	if err == nil {
		body.Next, err = d.nextSteps(v, rec)
	}
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	d.show(w, r, http.StatusOK, v, "record", page{Title: words{"账本上的记录", "The record on the ledger"}, Body: body})
}

// read writes the value out by its type.
func (b *recordBody) read(v visit, l teller, rec index.Record) error {
	raw, err := json.MarshalIndent(rec.Value, "", "  ")
	if err != nil {
		return err
	}
	b.Raw = string(raw)
	value := newRecord(rec.Kind)
	if value == nil {
		b.Value, err = l.versions(rec)
		return err
	}
	if err := json.Unmarshal(rec.Value, value); err != nil {
		return err
	}
	b.Value = l.describe(reflect.ValueOf(value))
	headed, ok := value.(trace.Headed)
	if !ok {
		return nil
	}
	head := headed.Heading()
	if head.Corrects != "" {
		b.Corrects, b.Reason = &link{string(head.Corrects), recordPath(head.Corrects)}, head.CorrectionReason
	}
	if m, ok := corrector(rec.Kind); ok && rec.Party == v.party && slices.Contains(m.Roles, v.role) {
		b.Correct = "/desk/" + string(v.role) + "/new/" + formName(m) + "?" + url.Values{"corrects": {string(rec.Key)}}.Encode()
	}
	return nil
}

// versions writes out a standard, whose value lists its versions.
func (l teller) versions(rec index.Record) ([]shown, error) {
	var list any
	switch rec.Kind {
	case state.KindLimit:
		list = new([]trace.Limit)
	case state.KindInterval:
		list = new([]trace.Interval)
	case state.KindYieldCeiling:
		list = new([]trace.YieldCeiling)
	default:
		return nil, nil
	}
	if err := json.Unmarshal(rec.Value, list); err != nil {
		return nil, err
	}
	versions := reflect.ValueOf(list).Elem()
	rows := make([]table, versions.Len())
	for i := range rows {
		rows[i].Items = l.describe(versions.Index(i))
	}
	return []shown{{Label: words{"各版本", "Versions"}.in(l.Language), Table: &rows}}, nil
}

// publicPage is the shoppers' page that shows a record: its lot's or its product's.
func (d *Desk) publicPage(key trace.Key) string {
	kind, parts, ok := state.ParseKey(key)
	if !ok {
		return ""
	}
	switch kind {
	case state.KindBatch, state.KindCompletion:
		return d.PublicBase + "/01/" + parts[0] + "/10/" + url.PathEscape(parts[1])
	case state.KindProduct:
		return d.PublicBase + "/01/" + parts[0]
	}
	fact, ok := state.ParseFactKey(key)
	if !ok {
		return ""
	}
	switch fact.Subject.Kind {
	case trace.SubjectLot:
		if gtin, lot, ok := strings.Cut(fact.Subject.ID, "~"); ok {
			return d.PublicBase + "/01/" + gtin + "/10/" + lot
		}
	case trace.SubjectProduct:
		return d.PublicBase + "/01/" + fact.Subject.ID
	}
	return ""
}

// file gives a kept file for download. The media type is what its bytes looked like
// when it came.
func (d *Desk) file(w http.ResponseWriter, r *http.Request, v visit) {
	hash, err := store.ParseHash(r.PathValue("hash"))
	if err != nil {
		d.refuse(w, r, v, trace.Errorf(trace.CodeInvalid, "%q is not a file's hash", r.PathValue("hash")))
		return
	}
	content, err := d.Store.Files().Open(hash)
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	defer content.Close()
	if err := api.MayRead(v.caller, content.File); err != nil {
		d.refuse(w, r, v, err)
		return
	}
	w.Header().Set("Content-Type", content.About.MediaType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+hash.String()[:16]+`"`)
	http.ServeContent(w, r, "", time.Time{}, content)
}

// verdictLine is a verdict with what reviewers said.
type verdictLine struct {
	line
	Level, Mark, Text string
	Reviewed          string
	Review            string // form that reviews it, for reviewers
}

type verdictsBody struct {
	Pending, Done []verdictLine
	Newest        int // how many there are of these, 0 if these are all
}

func (d *Desk) verdicts(w http.ResponseWriter, r *http.Request, v visit) {
	records, next, err := d.Index.List(index.ListQuery{Kind: state.FactVerdict})
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	body := verdictsBody{}
	if next != "" {
		body.Newest = len(records)
	}
	for _, rec := range records {
		n, err := d.verdictLine(v, rec)
		if err != nil {
			d.refuse(w, r, v, err)
			return
		}
		if n.Reviewed == "" {
			body.Pending = append(body.Pending, n)
		} else {
			body.Done = append(body.Done, n)
		}
	}
	d.show(w, r, http.StatusOK, v, "verdicts", page{Title: words{"判定", "Verdicts"}, Body: body})
}

// verdictLine is a verdict with its review; a reviewer opens it with its evidence.
func (d *Desk) verdictLine(v visit, rec index.Record) (verdictLine, error) {
	var verdict trace.Verdict
	if err := json.Unmarshal(rec.Value, &verdict); err != nil {
		return verdictLine{}, err
	}
	n := verdictLine{line: d.lines(v.lang, []index.Record{rec})[0], Text: verdict.Text, Mark: levelMark(verdict.Level)}
	if v.lang == English && verdict.TextEnglish != "" {
		n.Text = verdict.TextEnglish
	}
	n.About, n.By = about(rec.Key), d.partyName(v.lang, rec.Party) // its words stand below
	n.Level = chosen(v.lang, verdict.Level)
	review, found, err := d.reviewOf(rec.Key)
	if err != nil {
		return n, err
	}
	if found {
		n.Reviewed = chosen(v.lang, review.Outcome)
	}
	if v.role == trace.RoleReviewer {
		n.Path = itemPath(v.role, rec.Key)
		if !found {
			n.Review = "/desk/" + string(v.role) + "/new/verdict-reviews?" + url.Values{"verdict": {string(rec.Key)}}.Encode()
		}
	}
	return n, nil
}

// reviewOf reads what a reviewer said of a verdict.
func (d *Desk) reviewOf(verdict trace.Key) (review trace.VerdictReview, found bool, err error) {
	fact, ok := state.ParseFactKey(verdict)
	if !ok {
		return review, false, nil
	}
	rec, found, err := d.Index.Record(state.FactKey(fact.Subject, fact.Freeze, state.FactVerdictReview, fact.ID))
	if err == nil && found {
		err = json.Unmarshal(rec.Value, &review)
	}
	return review, found, err
}

func levelMark(level trace.VerdictLevel) string {
	switch level {
	case trace.LevelViolation:
		return "bad"
	case trace.LevelWarning:
		return "warn"
	case trace.LevelClear:
		return "ok"
	}
	return "past"
}

// chosen says a value of a list of choices.
func chosen[T ~string](l Language, value T) string {
	for _, c := range choicesOfType(reflect.TypeFor[T]()) {
		if c.value == string(value) {
			return c.words.in(l)
		}
	}
	return string(value)
}
