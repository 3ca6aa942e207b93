package desk

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/index"
	"traceledger/gateway/store"
)

// mountLive puts up the pages of the live floor and of second track, by role.
func (d *Desk) mountLive(role trace.Role, at func(method, path string, next handler)) {
	switch role {
	case trace.RoleReviewer:
		at("GET", "/queue", d.queue)
		at("GET", "/queue/item", d.queueItem)
		at("POST", "/queue/item", d.decide)
		at("GET", "/audit", d.audit)
	case trace.RoleRegulator:
		at("GET", "/audit", d.audit)
		at("GET", "/streams", d.streams)
		at("GET", "/streams/{stream}", d.stream)
	case trace.RoleConsumerDesk, trace.RolePlatformOperator:
		at("GET", "/streams", d.streams)
		at("GET", "/streams/{stream}", d.stream)
	case trace.RoleMerchant, trace.RoleHost, trace.RoleRoomOperator, trace.RoleHostAgency, trace.RoleFarm, trace.RoleFactory, trace.RoleProcessor:
		at("GET", "/self-check", d.selfCheckPage)
		at("POST", "/self-check", d.selfCheck)
	}
}

// item is a verdict as reviewers see it.
type item struct {
	Path, About, Level, Mark, Text, By, Rule, Spoken, Recorded string
	Claimed                                                    string // by whom, until when
	Mine                                                       bool
}

type queueBody struct {
	Items []item
	Next  string
	First bool
}

func (d *Desk) queue(w http.ResponseWriter, r *http.Request, v visit) {
	cursor := r.URL.Query().Get("cursor")
	open, next, err := d.Index.OpenVerdicts(cursor, perPage)
	body := queueBody{First: cursor == ""}
	for i := range open {
		var n item
		if err == nil {
			n, err = d.item(v, &open[i])
		}
		body.Items = append(body.Items, n)
	}
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	if next != "" {
		body.Next = "?" + url.Values{"cursor": {next}}.Encode()
	}
	d.show(w, r, http.StatusOK, v, "queue", page{Title: words{"待复核的判定", "Verdicts to review"}, Body: body})
}

func (d *Desk) item(v visit, t *index.Typed[trace.Verdict]) (item, error) {
	key, verdict := t.Provenance.Key, t.Record
	n := item{
		Path: itemPath(v.role, key), About: about(key),
		Level: chosen(v.lang, verdict.Level), Mark: levelMark(verdict.Level), Text: verdict.Text, By: d.partyName(v.lang, t.Provenance.Party),
		Rule: verdict.Monitor + " " + verdict.Version, Spoken: clock(verdict.Observed), Recorded: clock(t.Provenance.Recorded),
	}
	if v.lang == English && verdict.TextEnglish != "" {
		n.Text = verdict.TextEnglish
	}
	if d.API.Floor == nil {
		return n, nil
	}
	claim, held, err := d.API.Floor.ClaimOf(key)
	if held {
		n.Claimed, n.Mine = d.partyName(v.lang, claim.By)+" · "+clock(claim.Until), claim.Token == v.caller.Token.ID
	}
	return n, err
}

// itemPath is the page on which a verdict is reviewed.
func itemPath(role trace.Role, verdict trace.Key) string {
	return "/desk/" + string(role) + "/queue/item?" + url.Values{"verdict": {string(verdict)}}.Encode()
}

// piece is a part of what was said; Marked where the finding lies.
type piece struct {
	Text   string
	Marked bool
}

type itemBody struct {
	item
	Key, RecordPath string
	Host            string
	Number          int64
	Before, After   []string
	Said            []piece
	Articles        []string
	Evidence        []line   // the records it names
	Files           []link   // the files it names, by hash, of those kept here
	Probes          []string // heads of the columns of Readings
	Readings        []measured
	Reason          string // as typed, when it was refused or is to be confirmed
	Outcome         string // of a review that is to be confirmed; "" before
	OutcomeIn       string // in the page's language
	Overturns       bool
	Asked           string // when it was asked: the review's time, however often it is sent
	Run, RunPath    string // the anchored run that holds the words, "" where it was not found
	Place, Of       int    // of the words within it, from 1
	RunMissing      string // why there is none
	Done            string // what a review says already
	CanClaim        bool
}

// measured is a row of the temperatures around a breach.
type measured struct {
	At     string
	Values []string
	Breach bool
}

func (d *Desk) queueItem(w http.ResponseWriter, r *http.Request, v visit) {
	d.showItem(w, r, v, http.StatusOK, trace.Key(r.URL.Query().Get("verdict")), "", nil)
}

// showItem shows a verdict with what is known of it, and asks to confirm its review where
// outcome names one.
func (d *Desk) showItem(w http.ResponseWriter, r *http.Request, v visit, status int, key trace.Key, outcome trace.ReviewOutcome, problem *refusal) {
	body, err := d.itemBody(v, key)
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	body.Reason = strings.TrimSpace(r.PostForm.Get("reason"))
	if outcome != "" {
		body.Outcome, body.OutcomeIn, body.Overturns = string(outcome), chosen(v.lang, outcome), outcome == trace.OutcomeOverturned
		body.Asked = trace.TimeOf(time.Now()).String()
	}
	d.show(w, r, status, v, "queue-item", page{Title: words{"复核判定", "Review a verdict"}, Body: body, Refusal: problem, Here: itemPath(v.role, key)})
}

func (d *Desk) itemBody(v visit, key trace.Key) (b itemBody, err error) {
	rec, found, err := d.Index.Record(key)
	if err != nil {
		return b, err
	}
	t := index.Typed[trace.Verdict]{Provenance: rec.Provenance}
	if !found || rec.Kind != state.FactVerdict {
		return b, trace.Errorf(trace.CodeNotFound, "there is no verdict %s", key)
	}
	if err := json.Unmarshal(rec.Value, &t.Record); err != nil {
		return b, err
	}
	if b.item, err = d.item(v, &t); err != nil {
		return b, err
	}
	b.Key, b.RecordPath, b.CanClaim = string(key), recordPath(key), d.API.Floor != nil
	if t.Record.Host != "" {
		b.Host = d.partyName(v.lang, t.Record.Host)
	}
	review, found, err := d.reviewOf(key)
	if err != nil {
		return b, err
	}
	if found {
		b.Done = chosen(v.lang, review.Outcome) + " " + review.Reason
	}
	if err := d.restsOn(v, &b, t.Record); err != nil {
		return b, err
	}
	if err := d.spoken(&b, t.Record.Input); err != nil {
		return b, err
	}
	if err := d.anchoredIn(v, &b, t.Record.Subject, key); err != nil {
		return b, err
	}
	err = d.measuredAround(v.lang, &b, t.Record)
	return b, err
}

// restsOn lists what a verdict names as its evidence.
func (d *Desk) restsOn(v visit, b *itemBody, verdict trace.Verdict) error {
	for _, key := range verdict.Evidence {
		rec, found, err := d.Index.Record(key)
		if err != nil {
			return err
		}
		if found {
			b.Evidence = append(b.Evidence, d.lines(v.lang, []index.Record{rec})...)
		}
	}
	for _, file := range verdict.Files {
		if d.kept(v, file) {
			b.Files = append(b.Files, link{file.String(), "/desk/file/" + file.String()})
		}
	}
	return nil
}

// anchoredIn says in which anchored run the words of a verdict stand; the proof was checked.
func (d *Desk) anchoredIn(v visit, b *itemBody, subject trace.Subject, key trace.Key) error {
	if d.API.Floor == nil || subject.Kind != trace.SubjectStream {
		return nil
	}
	in, err := d.API.Floor.Words(key)
	var coded *trace.Error
	switch {
	case err == nil:
		b.Run, b.RunPath, b.Place, b.Of = string(in.Run), recordPath(in.Run), in.Proof.Number, in.Count
	case errors.As(err, &coded):
		b.RunMissing = coded.Message
		if said, ok := d.wording.Chinese(coded.Message); ok && v.lang == Chinese {
			b.RunMissing = said
		}
	default:
		return err
	}
	return nil
}

// spoken fills in what was said, where its text is kept here.
func (d *Desk) spoken(b *itemBody, input trace.Digest) error {
	if d.API.Floor == nil {
		return nil
	}
	e, found, err := d.API.Floor.Evidence(input)
	if err != nil || !found {
		return err
	}
	b.Number, b.Said = e.Number, marked(e.Utterance.Text, e.Terms)
	for _, t := range e.Terms {
		if t.Article != "" && !slices.Contains(b.Articles, t.Article) {
			b.Articles = append(b.Articles, t.Article)
		}
	}
	line := func(u trace.Utterance) string { return clock(u.From) + " " + u.Text }
	for _, u := range e.Before {
		b.Before = append(b.Before, line(u))
	}
	for _, u := range e.After {
		b.After = append(b.After, line(u))
	}
	return nil
}

// marked cuts a text at the terms found in it. Places that are none are passed over.
func marked(text string, terms []floor.Term) []piece {
	terms = slices.Clone(terms)
	slices.SortFunc(terms, func(a, b floor.Term) int { return a.Begin - b.Begin })
	var out []piece
	done := 0
	for _, t := range terms {
		begin := max(t.Begin, done) // terms may overlap
		if t.Begin < 0 || t.End <= begin || t.End > len(text) {
			continue
		}
		if begin > done || len(out) == 0 {
			out = append(out, piece{text[done:begin], false})
		}
		out = append(out, piece{text[begin:t.End], true})
		done = t.End
	}
	return append(out, piece{text[done:], false})
}

// Rows shown before and after the reading that a verdict is about.
const measuredAround = 8

// measuredAround reads the temperatures around a breach from the segments that are the
// verdict's evidence: around when it was observed, or the highest where it does not say.
func (d *Desk) measuredAround(l Language, b *itemBody, v trace.Verdict) error {
	var all []trace.Reading
	for _, key := range v.Evidence {
		rec, found, err := d.Index.Record(key)
		if err != nil {
			return err
		}
		if !found || rec.Kind != state.KindSegment {
			continue
		}
		segment, readings, err := d.readings(rec)
		if err != nil {
			return err
		}
		all = append(all, readings...)
		if len(b.Probes) == 0 {
			for _, p := range segment.Probes {
				b.Probes = append(b.Probes, probeName(l, p.Probe))
			}
		}
	}
	slices.SortStableFunc(all, func(a, b trace.Reading) int { return int(min(1, max(-1, a.At-b.At))) })
	centre := -1
	for i, r := range all {
		switch {
		case len(r.Temperatures) == 0:
		case v.Observed != 0:
			if centre < 0 || r.At <= v.Observed {
				centre = i
			}
		case centre < 0 || r.Temperatures[0] > all[centre].Temperatures[0]:
			centre = i
		}
	}
	if centre < 0 {
		return nil
	}
	for i := max(0, centre-measuredAround); i < len(all) && i <= centre+measuredAround; i++ {
		row := measured{At: clock(all[i].At), Breach: i == centre}
		for _, t := range all[i].Temperatures {
			said := "–"
			if t != trace.NoTemperature {
				said = strconv.FormatFloat(float64(t)/100, 'f', 1, 64) + " ℃"
			}
			row.Values = append(row.Values, said)
		}
		b.Readings = append(b.Readings, row)
	}
	return nil
}

// probeName says which temperature a probe takes.
func probeName(l Language, probe string) string {
	switch probe {
	case trace.ProbeReturnAir:
		return words{"回风", "Return air"}.in(l)
	case trace.ProbeSupplyAir:
		return words{"送风", "Supply air"}.in(l)
	case trace.ProbePulp:
		return words{"品温", "Pulp"}.in(l)
	}
	return probe
}

func (d *Desk) readings(rec index.Record) (segment trace.Segment, out []trace.Reading, err error) {
	if err := json.Unmarshal(rec.Value, &segment); err != nil {
		return segment, nil, err
	}
	content, err := d.Store.Files().Open(store.Hash(segment.Payload))
	if trace.CodeOf(err) == store.CodeFileUnknown || err == nil && content.Size > trace.MaxPayloadBytes {
		return segment, nil, nil
	}
	if err != nil {
		return segment, nil, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	payload, err := io.ReadAll(content)
	if err != nil {
		return segment, nil, err
	}
	_, out, err = trace.DecodeReadings(payload)
	return segment, out, err
}

// decide claims a verdict, gives it back, or reviews it: first the chain is asked whether
// it would take the review, then its author whether it is meant, for nobody can edit it.
func (d *Desk) decide(w http.ResponseWriter, r *http.Request, v visit) {
	if !d.ownForm(w, r, v) {
		return
	}
	key, do, outcome := trace.Key(r.PostForm.Get("verdict")), r.PostForm.Get("do"), trace.ReviewOutcome("")
	var err error
	switch do {
	case "claim", "release":
		err = d.claim(v, key, do == "claim")
	case "edit":
	case "record":
		err = d.review(r, v, key, trace.ReviewOutcome(r.PostForm.Get("outcome")), true)
	default:
		outcome = trace.ReviewOutcome(do)
		err = d.review(r, v, key, outcome, false)
	}
	switch {
	case err != nil:
		problem := d.refusal(v.lang, err)
		d.showItem(w, r, v, statusOf(problem.Code), key, "", problem)
	case do == "claim":
		http.Redirect(w, r, itemPath(v.role, key), http.StatusSeeOther)
	case do == "release", do == "record":
		http.Redirect(w, r, "/desk/"+string(v.role)+"/queue", http.StatusSeeOther)
	default:
		d.showItem(w, r, v, http.StatusOK, key, outcome, nil)
	}
}

// claim takes a verdict for oneself for a while, or gives it back.
func (d *Desk) claim(v visit, key trace.Key, take bool) error {
	f, token := d.API.Floor, v.caller.Token.ID
	if f == nil {
		return trace.Errorf(trace.CodeNotReady, "this gateway runs no live floor")
	}
	if _, found, err := d.Index.Record(key); err != nil || !found {
		return errors.Join(err, trace.Errorf(trace.CodeNotFound, "there is no verdict %s", key))
	}
	if !take {
		return f.Unclaim(key, token)
	}
	_, err := f.Claim(key, v.party, token)
	return err
}

// review asks the chain whether it would take a review, or records it. Its content is
// fixed when it is asked about, and its idempotency key made of it: pressing twice is one
// review.
func (d *Desk) review(r *http.Request, v visit, key trace.Key, outcome trace.ReviewOutcome, record bool) error {
	if outcome != trace.OutcomeConfirmed && outcome != trace.OutcomeOverturned {
		return trace.Errorf(trace.CodeInvalid, "do %q is not something to be done with a verdict", outcome)
	}
	f, token := d.API.Floor, v.caller.Token.ID
	if f != nil {
		if held, is, err := f.ClaimOf(key); err != nil || is && held.Token != token {
			return errors.Join(err, trace.Errorf(trace.CodeState, "%s works on this verdict until %s", held.By, held.Until))
		}
	}
	review := trace.ReviewVerdictRequest{Verdict: key, Outcome: outcome, Reason: strings.TrimSpace(r.PostForm.Get("reason"))}
	review.Claimed = trace.TimeOf(time.Now())
	if record {
		var err error
		if review.Claimed, err = trace.ParseTime(r.PostForm.Get("asked")); err != nil {
			return err
		}
	}
	name := trace.DigestOf([]byte(string(outcome) + "\x00" + review.Reason + "\x00" + string(key) + "\x00" + review.Claimed.String())).String()
	review.IdempotencyKey = name
	arguments, err := json.Marshal(&review)
	if err != nil {
		return err
	}
	m := methodOf("verdict:Review")
	if !record {
		_, err = d.API.Try(r.Context(), v.caller, m, arguments)
		return err
	}
	if _, err = d.API.Write(r.Context(), v.caller, m, name, arguments); err == nil && f != nil {
		err = f.Unclaim(key, token)
	}
	return err
}

type auditRow struct {
	Monitor, Version, Size       string
	Given, Confirmed, Overturned int
	Rate                         string // of those reviewed
}

func (d *Desk) audit(w http.ResponseWriter, r *http.Request, v visit) {
	rows, err := d.Index.Audit(r.Context())
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	var body []auditRow
	for _, a := range rows {
		n := auditRow{a.Monitor, a.Version, chosen(v.lang, a.Size), a.Given, a.Confirmed, a.Overturned, "–"}
		if a.Size == "" {
			n.Size = words{"未登记", "not on file"}.in(v.lang)
		}
		if reviewed := a.Confirmed + a.Overturned; reviewed > 0 {
			n.Rate = strconv.FormatFloat(100*float64(a.Overturned)/float64(reviewed), 'f', 1, 64) + " %"
		}
		body = append(body, n)
	}
	d.show(w, r, http.StatusOK, v, "audit", page{Title: words{"判定推翻率", "How often verdicts are overturned"}, Body: body})
}
