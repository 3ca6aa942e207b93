package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/sheet"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// SheetPlan is what a dry run answers: what would be recorded, and everything that
// is wrong. Nothing is on the chain yet.
type SheetPlan struct {
	Hash      string           `json:"hash"` // confirm under this name
	Kind      sheet.Kind       `json:"kind"`
	Title     string           `json:"title"`
	Ready     bool             `json:"ready"` // no row errors and no definite refusal
	Rows      []PlannedRow     `json:"rows,omitempty"`
	RowErrors []sheet.RowError `json:"rowErrors,omitempty"`
	ErrorsCut int              `json:"errorsCut,omitempty"` // row errors beyond those listed
	Readings  *PlannedReadings `json:"readings,omitempty"`
}

// PlannedRow is one record to be.
type PlannedRow struct {
	Sheet        string `json:"sheet"`
	Row          int    `json:"row"`
	Transaction  string `json:"transaction"` // contract method; empty for an order of codes
	Title        string `json:"title"`
	TitleEnglish string `json:"titleEnglish"`
	About        string `json:"about"`
	// Check is what the chain says of this row today.
	Check RowCheck `json:"check"`
	// Code and Detail belong to a refusal; DetailChinese says Detail in Chinese.
	Code          trace.Code `json:"code,omitempty"`
	Detail        string     `json:"detail,omitempty"`
	DetailChinese string     `json:"detailChinese,omitempty"`
}

// RowCheck is the chain's answer to a row's simulation.
type RowCheck string

// Answers. A row that needs one before it is "later": the chain can judge it only
// once that one is recorded.
const (
	CheckFine     RowCheck = "fine"
	CheckRecorded RowCheck = "recorded" // this very row is on the chain already
	CheckLater    RowCheck = "later"
	CheckRefused  RowCheck = "refused"
)

// PlannedReadings describes a readings file.
type PlannedReadings struct {
	Device   trace.DeviceID     `json:"device"`
	Count    int                `json:"count"`
	Segments int                `json:"segments"`
	From     trace.Time         `json:"from"`
	To       trace.Time         `json:"to"`
	Minimum  trace.CentiCelsius `json:"minimum"`
	Maximum  trace.CentiCelsius `json:"maximum"`
	Fixes    int                `json:"fixes"`
}

// SheetResult is what a confirmation answers.
type SheetResult struct {
	Hash string `json:"hash"`
	// Complete tells that every row is on the chain. If not, rows up to the first
	// refusal are; mend the file and upload it again: rows already recorded stay. After
	// an unknown outcome confirm the same file again first.
	Complete bool         `json:"complete"`
	Rows     []RowOutcome `json:"rows"`
}

// RowOutcome is one row's record, refusal or doubt.
type RowOutcome struct {
	Sheet        string   `json:"sheet"`
	Row          int      `json:"row"`
	Transaction  string   `json:"transaction"`
	Title        string   `json:"title"`
	TitleEnglish string   `json:"titleEnglish"`
	Written      *Written `json:"written,omitempty"`
	Codes        string   `json:"codes,omitempty"` // pack of an order of codes
	Refused      *Problem `json:"refused,omitempty"`
	// Unknown tells that Refused is no refusal: the record may yet come onto the chain.
	// Confirming the same file again tells.
	Unknown bool `json:"unknown,omitempty"`
	NotSent bool `json:"notSent,omitempty"` // an earlier row was refused
}

// SheetUpload names a file to read as a sheet, already kept, with what it does not
// say itself.
type SheetUpload struct {
	Name     string
	Hash     store.Hash
	Kind     sheet.Kind
	Device   trace.DeviceID
	Shipment trace.ShipmentID
	Plot     trace.PlotID
	Store    string
	Probes   []string
	// Files are other kept files that cells may name; Merge are exports of the same
	// device to be read together with this one.
	Files map[string]trace.Digest
	Merge []NamedFile
}

// NamedFile is a kept file under the name its uploader gave it.
type NamedFile struct {
	Name string
	Hash store.Hash
}

// UploadOf reads what a sheet route is asked, or what the form of a desk repeats: name,
// kind, device, shipment, plot, store, probes (by comma), file and merge (NAME=HASH).
func UploadOf(query url.Values, hash store.Hash) (SheetUpload, error) {
	up := SheetUpload{
		Name: query.Get("name"), Hash: hash, Kind: sheet.Kind(query.Get("kind")), Device: trace.DeviceID(query.Get("device")),
		Shipment: trace.ShipmentID(query.Get("shipment")), Plot: trace.PlotID(query.Get("plot")), Store: query.Get("store"),
		Files: map[string]trace.Digest{},
	}
	if up.Name == "" {
		return up, trace.Errorf(trace.CodeMissing, "query name is missing: the file's name, such as batch.xlsx")
	}
	if probes := query.Get("probes"); probes != "" {
		up.Probes = strings.Split(probes, ",")
	}
	for _, q := range query["file"] {
		f, err := namedFile(q)
		if err != nil {
			return up, err
		}
		up.Files[f.Name] = trace.Digest(f.Hash)
	}
	for _, q := range query["merge"] {
		f, err := namedFile(q)
		if err != nil {
			return up, err
		}
		up.Merge = append(up.Merge, f)
	}
	return up, nil
}

// namedFile reads "NAME=HASH".
func namedFile(s string) (NamedFile, error) {
	at := strings.LastIndexByte(s, '=')
	if at < 1 {
		return NamedFile{}, trace.Errorf(trace.CodeInvalid, "%q is not NAME=HASH", s)
	}
	hash, err := store.ParseHash(s[at+1:])
	if err != nil {
		return NamedFile{}, trace.Errorf(trace.CodeInvalid, "%q does not end in a file's hash", s)
	}
	return NamedFile{Name: s[:at], Hash: hash}, nil
}

func (a *API) dryRunSheet(c *gin.Context) (answer, error) {
	who := callerOf(c)
	kept, err := a.keepBody(c, sheet.MaxFileBytes)
	if err != nil {
		return answer{}, err
	}
	hash, err := store.ParseHash(kept.Hash)
	if err != nil {
		return answer{}, err
	}
	up, err := UploadOf(c.Request.URL.Query(), hash)
	if err != nil {
		return answer{}, err
	}
	plan, err := a.DryRun(c.Request.Context(), who, up)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, plan}, nil
}

func (a *API) confirmSheet(c *gin.Context) (answer, error) {
	hash, err := store.ParseHash(c.Param("hash"))
	if err != nil {
		return answer{}, trace.Errorf(trace.CodeInvalid, "%q is not a file's hash", c.Param("hash"))
	}
	up, err := UploadOf(c.Request.URL.Query(), hash)
	if err != nil {
		return answer{}, err
	}
	result, err := a.Confirm(c.Request.Context(), callerOf(c), up)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, result}, nil
}

// DryRun reads a sheet and lets the chain simulate each row. Nothing is recorded.
func (a *API) DryRun(ctx context.Context, who Caller, up SheetUpload) (SheetPlan, error) {
	plan, err := a.parse(ctx, who, up)
	if err != nil {
		return SheetPlan{}, err
	}
	if err := a.fits(plan); err != nil {
		return SheetPlan{}, err
	}
	out := SheetPlan{Hash: up.Hash.String(), Kind: plan.Kind, Title: plan.Summary.Title, Ready: plan.Ready(), RowErrors: plan.Errors, ErrorsCut: plan.ErrorsCut}
	waiting := false // a row before this one is not recorded yet
	for _, p := range plan.Requests {
		row := PlannedRow{Sheet: p.Row.Sheet, Row: p.Row.Row, Transaction: p.Transaction, Title: p.Title, TitleEnglish: p.TitleEnglish, About: p.About}
		if err := a.check(ctx, who, p, &row, waiting); err != nil {
			return SheetPlan{}, err
		}
		waiting = waiting || row.Check != CheckRecorded
		out.Ready = out.Ready && row.Check != CheckRefused
		out.Rows = append(out.Rows, row)
	}
	if err := a.checkReadings(ctx, who, plan, &out); err != nil {
		return SheetPlan{}, err
	}
	if r := plan.Summary.Readings; r != nil {
		out.Readings = &PlannedReadings{Device: r.Device, Count: r.Count, Segments: len(plan.Segments), From: r.From, To: r.To, Minimum: r.Minimum, Maximum: r.Maximum, Fixes: r.Fixes}
	}
	return out, nil
}

// check simulates one row. The chain cannot simulate an order of codes, whose pack does
// not exist yet: the contract's own rule is asked instead.
func (a *API) check(ctx context.Context, who Caller, p sheet.Planned, row *PlannedRow, waiting bool) error {
	if p.Order != nil {
		order := orderOf(p.Order)
		pack, err := packOf(who, p.Order.IdempotencyKey, order)
		if err == nil {
			err = a.MayBind(who, pack, order)
		}
		if err != nil {
			return a.note(err, row, waiting)
		}
		known, found, err := a.Index.Pack(pack)
		if err == nil && found && known.Status.Lot != nil {
			err = trace.Errorf(trace.CodeAlreadyRecorded, "pack %s is bound to lot %s", pack, *known.Status.Lot)
		}
		return a.note(err, row, waiting)
	}
	arguments, err := json.Marshal(p.Request)
	if err != nil {
		return err
	}
	m, err := methodOf(p.Transaction)
	if err != nil {
		return err
	}
	return a.judge(ctx, who, ledger.Call{Contract: m.Contract, Method: m.Name, Arguments: arguments}, row, waiting)
}

// checkReadings simulates the first segment that is to come: the ones behind it build on
// it. What is wrong with it – a device that is not bound, readings of another time – is
// a refused row; the rest of a readings file has no rows.
func (a *API) checkReadings(ctx context.Context, who Caller, plan *sheet.Plan, out *SheetPlan) error {
	at := slices.IndexFunc(plan.Segments, func(s sheet.PlannedSegment) bool { return !s.Known })
	if at < 0 || len(plan.Errors) > 0 {
		return nil
	}
	s := plan.Segments[at]
	arguments, err := json.Marshal(s.Request)
	if err != nil {
		return err
	}
	m, err := methodOf("transit:AnchorSegment")
	if err != nil {
		return err
	}
	by, spare, err := a.endorsers(who.Identity.MSPID)
	if err != nil {
		return err
	}
	row := PlannedRow{Sheet: s.Row.Sheet, Row: s.Row.Row, Transaction: m.Transaction(), Title: m.Title, TitleEnglish: m.TitleEnglish, About: string(s.Request.Device)}
	call := ledger.Call{Contract: m.Contract, Method: m.Name, Arguments: arguments,
		Transient: map[string][]byte{m.Transient: s.Payload}, Endorsers: by, Spare: spare}
	if err := a.judge(ctx, who, call, &row, false); err != nil {
		return err
	}
	if row.Check == CheckRefused {
		out.Ready, out.Rows = false, append(out.Rows, row)
	}
	return nil
}

// judge lets the chain simulate a call and notes in the row what it says.
func (a *API) judge(ctx context.Context, who Caller, call ledger.Call, row *PlannedRow, waiting bool) error {
	_, err := a.Ledger.Evaluate(ctx, who.Identity, call)
	return a.note(err, row, waiting)
}

// note writes down in a row how its simulation ended.
func (a *API) note(err error, row *PlannedRow, waiting bool) error {
	var coded *trace.Error
	switch {
	case err == nil:
		row.Check = CheckFine
	case !errors.As(err, &coded):
		return err
	case coded.Code == trace.CodeAlreadyRecorded:
		row.Check = CheckRecorded
	case Status(coded.Code) >= http.StatusInternalServerError:
		return err
	case waiting && dependsOnOthers(coded.Code):
		row.Check = CheckLater
	default:
		row.Check, row.Code, row.Detail = CheckRefused, coded.Code, coded.Message
		row.DetailChinese = a.wording.Refusal(coded.Code, coded.Message)
	}
	return nil
}

// dependsOnOthers tells whether a refusal may go away once earlier rows are recorded.
func dependsOnOthers(code trace.Code) bool {
	switch code {
	case trace.CodeNotFound, trace.CodeUnknownParty, trace.CodeLicence, trace.CodeNotAccredited, trace.CodeStandard,
		trace.CodeState, trace.CodeCustody, trace.CodeBasis, trace.CodeReview, trace.CodeYield, trace.CodeInputs, trace.CodeTooManyCodes:
		return true
	}
	return false
}

// Confirm records every row of a sheet in order and stops at the first refusal.
// Confirming again, after a broken connection or with a mended file, repeats no
// record: each row's idempotency key comes from its content.
func (a *API) Confirm(ctx context.Context, who Caller, up SheetUpload) (SheetResult, error) {
	plan, err := a.parse(ctx, who, up)
	if err == nil && len(plan.Segments) > 0 {
		// What the device sent itself meanwhile gets its place first, and the file is
		// planned around it.
		if err = a.Segments.Flush(plan.Summary.Readings.Device); err == nil {
			plan, err = a.parse(ctx, who, up)
		}
	}
	if err != nil {
		return SheetResult{}, err
	}
	if !plan.Ready() {
		return SheetResult{}, trace.Errorf(CodeRowErrors, "the sheet has %d row errors; the dry run lists them", len(plan.Errors)+plan.ErrorsCut)
	}
	if err := a.fits(plan); err != nil {
		return SheetResult{}, err
	}
	out := SheetResult{Hash: up.Hash.String(), Complete: true}
	for _, p := range plan.Requests {
		row := RowOutcome{Sheet: p.Row.Sheet, Row: p.Row.Row, Transaction: p.Transaction, Title: p.Title, TitleEnglish: p.TitleEnglish}
		a.settle(&out, row, func(row *RowOutcome) error { return a.record(ctx, who, p, row) })
	}
	for _, s := range plan.Segments {
		if s.Known {
			continue
		}
		row := RowOutcome{Sheet: s.Row.Sheet, Row: s.Row.Row, Transaction: "transit:AnchorSegment", Title: "锚定读数段", TitleEnglish: "Anchor a segment of readings"}
		a.settle(&out, row, func(row *RowOutcome) error { return a.anchor(ctx, who, s, row) })
	}
	return out, nil
}

// fits bounds what one sheet may ask of the chain, simulated or for good.
func (a *API) fits(plan *sheet.Plan) error {
	if n := len(plan.Requests) + len(plan.Segments); n > a.Limits.SheetWrites {
		return trace.Errorf(trace.CodeTooLarge, "the sheet makes %d records, at most %d; split it", n, a.Limits.SheetWrites)
	}
	return nil
}

// settle runs one row unless an earlier one was refused, and notes its outcome.
func (a *API) settle(out *SheetResult, row RowOutcome, work func(*RowOutcome) error) {
	if !out.Complete {
		row.NotSent = true
	} else if err := work(&row); err != nil {
		p := problemOf(err, a.wording, a.Logger)
		row.Refused, row.Unknown, out.Complete = &p, p.Code == ledger.CodeOutcomeUnknown, false
	}
	out.Rows = append(out.Rows, row)
}

func (a *API) record(ctx context.Context, who Caller, p sheet.Planned, row *RowOutcome) error {
	if p.Order != nil {
		made, err := a.Order(ctx, who, p.Order.IdempotencyKey, orderOf(p.Order))
		if err != nil {
			return err
		}
		row.Codes, row.Written = string(made.Pack), made.Activated
		return nil
	}
	m, err := methodOf(p.Transaction)
	if err != nil {
		return err
	}
	arguments, err := json.Marshal(p.Request)
	if err != nil {
		return err
	}
	key := trace.DigestOf(arguments).String()
	if w, ok := p.Request.(trace.Writer); ok {
		key = w.Writing().IdempotencyKey
	}
	written, err := a.Write(ctx, who, m, key, arguments)
	if err != nil {
		return err
	}
	row.Written = &written
	return nil
}

func orderOf(o *sheet.CodeOrder) CodeOrder {
	return CodeOrder{Lot: &o.Lot, Count: o.Count, Claimed: o.Claimed, Pack: o.Pack}
}

// anchor hands a segment to the segmenter, which numbers it: a device may be sending
// while its file is confirmed.
func (a *API) anchor(ctx context.Context, who Caller, s sheet.PlannedSegment, row *RowOutcome) error {
	receipt, err := a.Segments.Anchor(ctx, who.Token.Enrolment, s.Request, s.Payload)
	if err != nil {
		return err
	}
	written, err := a.written(ctx, receipt)
	if err != nil {
		return err
	}
	row.Written = &written
	return nil
}

// parse reads the kept files of an upload.
func (a *API) parse(ctx context.Context, who Caller, up SheetUpload) (plan *sheet.Plan, err error) {
	err = a.heavy(ctx, who.Token.Party, func() error {
		plan, err = a.parseNow(who, up)
		return err
	})
	return plan, err
}

func (a *API) parseNow(who Caller, up SheetUpload) (*sheet.Plan, error) {
	options := sheet.Options{
		Kind: up.Kind, Party: trace.PartyID(who.Token.Party), Files: up.Files,
		Device: up.Device, Shipment: up.Shipment, Plot: up.Plot, Store: up.Store, Probes: up.Probes,
		Resolve: a.resolveMention, Anchored: a.anchored,
	}
	files := []sheet.File{}
	for _, f := range append([]NamedFile{{up.Name, up.Hash}}, up.Merge...) {
		data, err := a.content(who, f.Hash, sheet.MaxFileBytes)
		if err != nil {
			return nil, err
		}
		files = append(files, sheet.File{Name: f.Name, Data: data})
	}
	if len(files) > 1 {
		return sheet.ParseReadings(files, options)
	}
	return sheet.Parse(files[0].Name, files[0].Data, options)
}

// content reads a kept file, which the caller may read, into memory.
func (a *API) content(who Caller, hash store.Hash, limit int64) ([]byte, error) {
	file, err := a.Store.Files().Open(hash)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := MayRead(who, file.File); err != nil {
		return nil, err
	}
	if file.Size > limit {
		return nil, trace.Errorf(trace.CodeTooLarge, "file has %d bytes, at most %d", file.Size, limit)
	}
	return io.ReadAll(file)
}

func (a *API) sheetTemplate(c *gin.Context) {
	data, err := sheet.Template(sheet.Kind(c.Param("kind")))
	if err != nil {
		a.fail(c, err)
		return
	}
	c.Header("Content-Disposition", `attachment; filename="`+c.Param("kind")+`.xlsx"`)
	c.Data(http.StatusOK, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", data)
}

// methodOf finds a method of the catalogue by its transaction name.
func methodOf(transaction string) (trace.Method, error) {
	for _, m := range trace.Methods() {
		if m.Transaction() == transaction {
			return m, nil
		}
	}
	return trace.Method{}, trace.Errorf(trace.CodeUnknownMethod, "no method %q", transaction)
}
