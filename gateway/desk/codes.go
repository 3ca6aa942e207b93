package desk

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/index"
)

// codesBody is the page of codes: the order's form, its dry run or receipt, and the
// party's packs.
type codesBody struct {
	Values url.Values
	Known  []suggestions
	Order  *orderPlan
	Made   *orderMade
	Packs  []packLine
	Next   string
}

// orderPlan is the dry run of an order of codes.
type orderPlan struct {
	Count, Items, Bound, Left int64
	Product                   string
	Lot                       string
}

type orderMade struct {
	Pack      string
	Path      string
	Issued    receipt
	Activated *receipt
}

type packLine struct {
	Pack, State, Mark, Lot, Path, Reason string
	Count                                int64
	Recorded                             string
}

// producing refuses codes to those who make none.
func (d *Desk) producing(w http.ResponseWriter, r *http.Request, v visit) bool {
	if trace.MSPOf(v.role) == trace.ProducerMSP {
		return true
	}
	d.refuse(w, r, v, trace.Errorf(trace.CodeForbidden, "only producers make codes, role %s does not", v.role))
	return false
}

func (d *Desk) codesPage(w http.ResponseWriter, r *http.Request, v visit) {
	if !d.producing(w, r, v) {
		return
	}
	values := url.Values{nonceName: {secret()}, "gtin": {r.URL.Query().Get("gtin")}, "lot": {r.URL.Query().Get("lot")}}
	d.showCodes(w, r, http.StatusOK, v, values, codesBody{}, nil)
}

func (d *Desk) showCodes(w http.ResponseWriter, r *http.Request, status int, v visit, values url.Values, body codesBody, problem *refusal) {
	var err error
	body.Values = values
	if body.Packs, body.Next, err = d.packLines(v, r.URL.Query().Get("cursor")); err == nil {
		body.Known, err = d.known(v)
	}
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	d.show(w, r, status, v, "codes", page{Title: words{"赋码与标签", "Codes and labels"}, Refusal: problem, Again: values, Body: body})
}

func (d *Desk) packLines(v visit, cursor string) ([]packLine, string, error) {
	records, next, err := d.Index.List(index.ListQuery{Kind: state.KindCodePack, Party: v.party, Cursor: cursor, Limit: perPage})
	if err != nil {
		return nil, "", err
	}
	var out []packLine
	for _, rec := range records {
		_, parts, ok := state.ParseKey(rec.Key)
		if !ok {
			continue
		}
		pack, found, err := d.Index.Pack(trace.PackID(parts[0]))
		if err != nil {
			return nil, "", err
		}
		if found {
			out = append(out, linePack(v, pack))
		}
	}
	if next != "" {
		next = "?" + url.Values{"cursor": {next}}.Encode()
	}
	return out, next, nil
}

func linePack(v visit, pack *index.Pack) packLine {
	state, mark := packState(pack.Status.State)
	n := packLine{
		Pack: string(pack.ID), State: state.in(v.lang), Mark: mark, Count: pack.Status.Count, Reason: pack.Status.Reason,
		Path: "/desk/" + string(v.role) + "/codes/" + string(pack.ID), Recorded: clock(pack.Provenance.Recorded),
	}
	if pack.Status.Lot != nil {
		n.Lot = pack.Status.Lot.String()
	}
	return n
}

func packState(s trace.PackState) (words, string) {
	switch s {
	case trace.PackIssued:
		return words{"已发放，未绑定", "Issued, not bound"}, "past"
	case trace.PackActive:
		return words{"使用中", "Active"}, "ok"
	case trace.PackFrozen:
		return words{"已冻结", "Frozen"}, "warn"
	}
	return words{"已作废", "Void"}, "bad"
}

// orderCodes dry runs or confirms an order. Serials hold secrets that are drawn when
// the order is confirmed, so its dry run is what the lot has room for.
func (d *Desk) orderCodes(w http.ResponseWriter, r *http.Request, v visit) {
	if !d.producing(w, r, v) || !d.ownForm(w, r, v) {
		return
	}
	if asked := Language(r.PostForm.Get("lang")); asked == Chinese || asked == English {
		v.lang = asked
	}
	values := url.Values{}
	for _, name := range []string{"gtin", "lot", "count", nonceName} {
		values.Set(name, strings.TrimSpace(r.PostForm.Get(name)))
	}
	if r.PostForm.Get("do") == "edit" {
		d.showCodes(w, r, http.StatusOK, v, values, codesBody{}, nil)
		return
	}
	body := codesBody{}
	order, plan, err := d.planOrder(v, values)
	if err == nil && r.PostForm.Get("do") == "confirm" {
		err = d.confirmOrder(r, v, order, values.Get(nonceName), &body)
	}
	if err != nil {
		problem := d.refusal(v.lang, err)
		status := statusOf(problem.Code)
		if problem.Retry {
			body.Order, status = &plan, http.StatusOK
		}
		d.showCodes(w, r, status, v, values, body, problem)
		return
	}
	if body.Made == nil {
		body.Order = &plan
	}
	d.showCodes(w, r, http.StatusOK, v, values, body, nil)
}

// planOrder reads an order and sees whether the lot has room for it.
func (d *Desk) planOrder(v visit, values url.Values) (api.CodeOrder, orderPlan, error) {
	order, plan := api.CodeOrder{}, orderPlan{}
	count, err := strconv.ParseInt(values.Get("count"), 10, 64)
	if err != nil || count < 1 || count > trace.MaxPackCount {
		return order, plan, trace.Errorf(trace.CodeInvalid, "count %q must be a whole number from 1 to %d", values.Get("count"), trace.MaxPackCount)
	}
	order.Count, plan.Count = count, count
	if values.Get("gtin") == "" && values.Get("lot") == "" {
		return order, plan, nil // a pre-printed roll, bound later
	}
	id := trace.LotID{GTIN: trace.PrintedGTIN(values.Get("gtin")), Lot: trace.LotNumber(values.Get("lot"))}
	if err := id.Validate(); err != nil {
		return order, plan, err
	}
	lot, found, err := d.Index.Lot(id)
	if err != nil {
		return order, plan, err
	}
	if !found || lot.Product == nil {
		return order, plan, trace.Errorf(trace.CodeNotFound, "there is no lot %s", id)
	}
	order.Lot = &id
	made := rules.Lot{Batch: &lot.Batch.Record}
	if lot.Completion != nil {
		made.Completion = &lot.Completion.Record
	}
	plan.Lot, plan.Product = id.String(), lot.Product.Record.Name
	if made.Complete() {
		plan.Items = rules.ItemsOf(made, &lot.Product.Record)
	}
	for _, p := range lot.Packs {
		if p.Activation != nil {
			plan.Bound += p.Status.Count
		}
	}
	plan.Left = plan.Items - plan.Bound
	// The pack does not exist yet, so the chain cannot simulate its activation: the
	// contract's own rule is asked instead.
	return order, plan, d.API.MayBind(v.caller, "", order)
}

func (d *Desk) confirmOrder(r *http.Request, v visit, order api.CodeOrder, nonce string, body *codesBody) error {
	key, _, err := keyed(&order, nonce)
	if err != nil {
		return err
	}
	made, err := d.API.Order(r.Context(), v.caller, key, order)
	if err != nil {
		return err
	}
	body.Made = &orderMade{Pack: string(made.Pack), Path: "/desk/" + string(v.role) + "/codes/" + string(made.Pack), Issued: d.receiptOf(v.lang, made.Issued)}
	if made.Activated != nil {
		got := d.receiptOf(v.lang, *made.Activated)
		body.Made.Activated = &got
	}
	return nil
}

// packBody is the page of one pack: its state, downloads and what can be done with it.
type packBody struct {
	packLine
	Root    string
	Steps   []link // methods with this pack filled in
	History []line
}

func (d *Desk) packPage(w http.ResponseWriter, r *http.Request, v visit) {
	pack, err := d.ownPack(r, v)
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	body := packBody{packLine: linePack(v, pack), Root: pack.Record.Root.String()}
	at := func(w words, form string, values url.Values) {
		body.Steps = append(body.Steps, link{w.in(v.lang), "/desk/" + string(v.role) + "/new/" + form + "?" + values.Encode()})
	}
	id := string(pack.ID)
	switch pack.Status.State {
	case trace.PackIssued:
		at(words{"激活（绑定批次）", "Activate, bind to a lot"}, "code-pack-activations", url.Values{"pack": {id}})
	case trace.PackActive:
		at(words{"冻结", "Freeze"}, "code-pack-changes", url.Values{"pack": {id}, "to": {"frozen"}})
	case trace.PackFrozen:
		at(words{"解冻", "Unfreeze"}, "code-pack-changes", url.Values{"pack": {id}, "to": {"active"}})
	}
	if pack.Status.State != trace.PackVoid {
		at(words{"作废", "Void"}, "code-pack-changes", url.Values{"pack": {id}, "to": {"void"}})
	}
	d.show(w, r, http.StatusOK, v, "pack", page{Title: words{"码包", "Code pack"}, Body: body})
}

func (d *Desk) ownPack(r *http.Request, v visit) (*index.Pack, error) {
	id, err := rules.ParsePackID(r.PathValue("pack"))
	if err != nil {
		return nil, err
	}
	pack, found, err := d.Index.Pack(id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, trace.Errorf(trace.CodeNotFound, "there is no pack %s", id)
	}
	if pack.Status.Owner != v.party {
		return nil, trace.Errorf(trace.CodeForbidden, "pack %s belongs to %s", id, pack.Status.Owner)
	}
	return pack, nil
}

// run reads which items of a pack are asked for.
func (d *Desk) run(r *http.Request, v visit) (api.CodeRun, error) {
	var bounds [2]int64
	for i, name := range []string{"first", "last"} {
		if text := r.URL.Query().Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 1 {
				return api.CodeRun{}, trace.Errorf(trace.CodeInvalid, "%s %q is not an item number", name, text)
			}
			bounds[i] = n
		}
	}
	return d.API.CodeRun(v.caller, r.PathValue("pack"), bounds[0], bounds[1])
}

func (d *Desk) codesFile(w http.ResponseWriter, r *http.Request, v visit) {
	run, err := d.run(r, v)
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="codes-`+r.PathValue("pack")+`.csv"`)
	if err := d.API.WriteCodes(w, run); err != nil {
		d.Logger.Warn("codes not written", "pack", r.PathValue("pack"), "error", err)
		// What the browser has is not the whole file: the connection is cut so that it says so.
		panic(http.ErrAbortHandler)
	}
}

func (d *Desk) labels(w http.ResponseWriter, r *http.Request, v visit) {
	run, err := d.run(r, v)
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	query := r.URL.Query()
	media, content, err := d.API.Labels(run, query.Get("layout"), query.Get("format"))
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	w.Header().Set("Content-Type", media)
	extension := query.Get("format")
	if extension == "" {
		extension = "pdf"
	}
	w.Header().Set("Content-Disposition", `inline; filename="labels-`+r.PathValue("pack")+"."+extension+`"`)
	_, _ = w.Write(content)
}
