package desk

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// streams lists the streams on file, newest first.
func (d *Desk) streams(w http.ResponseWriter, r *http.Request, v visit) {
	cursor := r.URL.Query().Get("cursor")
	records, next, err := d.Index.List(index.ListQuery{Kind: state.KindStream, Cursor: cursor, Limit: perPage})
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	body := recordsBody{Records: d.lines(v.lang, records), First: cursor == ""}
	for i, rec := range records {
		id := state.LastPart(rec.Key)
		body.Records[i].Path = "/desk/" + string(v.role) + "/streams/" + url.PathEscape(id)
		s, found, err := d.Index.Stream(trace.StreamID(id))
		if err != nil {
			d.refuse(w, r, v, err)
			return
		}
		if found {
			body.Records[i].About += " · " + d.standing(v, s)
		}
	}
	if next != "" {
		body.Next = "?" + url.Values{"cursor": {next}}.Encode()
	}
	d.show(w, r, http.StatusOK, v, "records", page{Title: words{"直播", "Streams"}, Body: body})
}

// standing says of a stream whose it is, whether it runs, and which steps hold for whom.
func (d *Desk) standing(v visit, s *index.Stream) string {
	said := d.partyName(v.lang, s.Record.Merchant) + " · " + words{"进行中", "running"}.in(v.lang)
	if s.Closed != nil {
		said = d.partyName(v.lang, s.Record.Merchant) + " · " + words{"已结束", "ended"}.in(v.lang)
	}
	for _, l := range s.Ladders {
		if steps := d.ladderView(v, s, l).Steps; len(steps) > 0 {
			said += " · " + d.partyName(v.lang, l.Host) + words{"：", ": "}.in(v.lang) + strings.Join(steps, v.lang.comma())
		}
	}
	return said
}

type streamBody struct {
	ID, Room, Merchant, Planned, Closed string
	AI                                  bool
	Ladders                             []ladderView
	Verdicts                            []verdictLine
	Transcripts                         []transcriptView
	Claims                              []claimView
}

// claimView is what was said of a product, with what the label monitor found of it.
type claimView struct {
	Kind, Said, About, Host, Path string
	Found, Mark                   string // "" where nothing was found so far
}

type ladderView struct {
	Host  string
	Steps []string // that hold
	Due   string   // what the platform owes
	Lower bool
	Taken []actionView
}

type actionView struct{ Kind, At, Reason, Path string }

type transcriptView struct {
	Writer, From, To string
	Utterances, Runs int
	Faults           int // missing runs and broken joints
}

// stream shows a stream with where the ladder of each host stands.
func (d *Desk) stream(w http.ResponseWriter, r *http.Request, v visit) {
	id := trace.StreamID(r.PathValue("stream"))
	s, found, err := d.Index.Stream(id)
	if err == nil && !found {
		err = trace.Errorf(trace.CodeNotFound, "stream %s was never opened", id)
	}
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	body := streamBody{ID: string(id), Room: string(s.Record.Room), Merchant: d.partyName(v.lang, s.Record.Merchant), Planned: clock(s.Record.Planned)}
	if s.Closed != nil {
		body.Closed = clock(s.Closed.Record.Ended)
	}
	for _, h := range s.Record.Hosts {
		body.AI = body.AI || h.AI
	}
	for _, l := range s.Ladders {
		body.Ladders = append(body.Ladders, d.ladderView(v, s, l))
	}
	verdicts := slices.Clone(s.Verdicts)
	slices.SortStableFunc(verdicts, func(a, b index.Verdict) int { return cmp.Compare(a.Record.Observed, b.Record.Observed) })
	for _, verdict := range verdicts {
		n := verdictLine{Level: chosen(v.lang, verdict.Record.Level), Mark: levelMark(verdict.Record.Level), Text: verdict.Record.Text}
		if v.lang == English && verdict.Record.TextEnglish != "" {
			n.Text = verdict.Record.TextEnglish
		}
		n.About, n.Path, n.Recorded = clock(verdict.Record.Observed), recordPath(verdict.Provenance.Key), clock(verdict.Provenance.Recorded)
		n.By = d.partyName(v.lang, verdict.Provenance.Party)
		if len(verdict.Reviews) > 0 {
			n.Reviewed = chosen(v.lang, verdict.Reviews[0].Record.Outcome)
		}
		body.Verdicts = append(body.Verdicts, n)
	}
	for _, t := range s.Transcripts {
		body.Transcripts = append(body.Transcripts, transcriptView{
			Writer: d.partyName(v.lang, t.Writer), From: clock(t.From), To: clock(t.To),
			Utterances: t.Utterances, Runs: t.Runs, Faults: len(t.Missing) + len(t.Broken),
		})
	}
	for _, c := range s.Claims {
		body.Claims = append(body.Claims, d.claimView(v, s, c))
	}
	d.show(w, r, http.StatusOK, v, "stream", page{Title: words{"直播与阶梯处置", "A stream and its ladder"}, Body: body})
}

func (d *Desk) claimView(v visit, s *index.Stream, c index.Typed[trace.ProductClaim]) claimView {
	r := &c.Record
	out := claimView{Kind: chosen(v.lang, r.Kind), Said: r.Text, About: string(r.GTIN), Host: d.partyName(v.lang, r.Host), Path: recordPath(c.Provenance.Key)}
	switch {
	case r.Kind == trace.ClaimNetContent:
		out.Said = strconv.FormatInt(r.Quantity.Amount, 10) + " " + string(r.Quantity.Unit)
	case r.At != 0:
		out.Said = clock(r.At)
	}
	if product, found, err := d.Index.Product(r.GTIN); err == nil && found {
		out.About = product.Record.Name
	}
	for _, verdict := range s.Verdicts {
		if slices.Contains(verdict.Record.Evidence, c.Provenance.Key) {
			out.Found, out.Mark = verdict.Record.Text, levelMark(verdict.Record.Level)
			if v.lang == English && verdict.Record.TextEnglish != "" {
				out.Found = verdict.Record.TextEnglish
			}
		}
	}
	return out
}

func (d *Desk) ladderView(v visit, s *index.Stream, l index.Ladder) ladderView {
	out := ladderView{Host: d.partyName(v.lang, l.Host)}
	for _, step := range l.State.Steps {
		out.Steps = append(out.Steps, chosen(v.lang, step.Kind))
	}
	switch {
	case l.Lower != nil:
		out.Due, out.Lower = chosen(v.lang, trace.ActionLower), true
	case l.Next != nil:
		out.Due = chosen(v.lang, l.Next.Kind)
	}
	for _, a := range s.Actions {
		if a.Record.Host == l.Host {
			out.Taken = append(out.Taken, actionView{chosen(v.lang, a.Record.Kind), clock(a.Provenance.Recorded), a.Record.Reason, recordPath(a.Provenance.Key)})
		}
	}
	return out
}
