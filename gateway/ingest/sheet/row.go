package sheet

import (
	"fmt"
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
)

// row is one data row of a table: cells by column key. Its readers record what is
// wrong and go on, so that a person sees all mistakes at once; a row with a mistake
// makes no request.
type row struct {
	p      *parser
	t      *table
	sheet  string
	line   int
	cells  map[string]cell
	at     map[string]int    // column index in the file, −1: from the lines above the table
	heads  map[string]string // header as written
	units  map[string]string // unit written in the header
	failed bool
}

func (r *row) column(key string) *column {
	for i := range r.t.columns {
		if r.t.columns[i].key == key {
			return &r.t.columns[i]
		}
	}
	return &column{key: key, zh: key, en: key}
}

// fail records a mistake in a cell.
func (r *row) fail(key string, f *fault) {
	if f == nil {
		return
	}
	r.failed = true
	e := RowError{Code: f.code, Sheet: r.sheet, Row: r.line, Column: r.heads[key], Value: clip(r.cells[key].text), Text: f.text, TextEnglish: f.textEnglish}
	if e.Column == "" {
		e.Column = r.column(key).zh
	}
	if at, ok := r.at[key]; ok && at >= 0 {
		e.Cell = cellName(at, r.line)
	}
	r.p.fault(e)
}

// invalid records a coded error of the vocabulary's own checks.
func (r *row) invalid(key string, err error, chinese string) {
	if err == nil {
		return
	}
	code, message := trace.CodeOf(err), err.Error()
	if _, rest, ok := strings.Cut(message, ": "); ok && code != "" {
		message = rest
	}
	r.fail(key, bad(code, message, chinese))
}

func (r *row) blank(key string) bool {
	c := r.cells[key]
	return !c.formula && !c.broken && isBlank(c.text)
}

// raw gives the cell, refusing formulas and error values.
func (r *row) raw(key string) (cell, bool) {
	c := r.cells[key]
	switch {
	case c.formula:
		r.fail(key, bad(CodeFormula, "the cell holds a formula", "单元格里是公式，请复制后“选择性粘贴为数值”再上传"))
		return c, false
	case c.broken:
		r.fail(key, bad(trace.CodeInvalid, "the cell holds the error "+strconv.Quote(clip(c.text)), "单元格里是错误值，请填写实际内容"))
		return c, false
	case isBlank(c.text):
		return cell{}, false
	}
	return c, true
}

// has reads the cell and complains when it must not be empty.
func (r *row) has(key string) (cell, bool) {
	c, ok := r.raw(key)
	if !ok && r.blank(key) && r.column(key).need == required {
		r.missing(key)
	}
	return c, ok
}

func (r *row) missing(key string) {
	col := r.column(key)
	hint := col.hint
	if hint != "" {
		hint = ":" + hint
	}
	r.fail(key, bad(trace.CodeMissing, col.en+" is missing", "“"+col.zh+"”必填"+hint))
}

// text is free text, width and punctuation kept.
func (r *row) text(key string, most int) string {
	c, ok := r.has(key)
	if !ok {
		return ""
	}
	s := clean(c.text)
	if err := trace.ValidText(r.column(key).en, s, false, most); err != nil {
		r.invalid(key, err, fmt.Sprintf("最多 %d 个字，且不能有控制字符", most))
		return ""
	}
	return s
}

// name is an identifier in ordinary width.
func (r *row) name(key string) string {
	c, ok := r.has(key)
	if !ok {
		return ""
	}
	return narrow(c.text)
}

// term is a word of the standards' own vocabulary: lower-case letters, digits and '-'.
func (r *row) term(key string) string {
	s := strings.ToLower(r.name(key))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0 && i < len(s)-1) || len(s) < 2 || len(s) > 60 {
			r.fail(key, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" must be 2 to 60 lower-case letters, digits and inner '-'", "应为 2 到 60 个小写字母、数字或中间的“-”"))
			return ""
		}
	}
	return s
}

const nameHint = "应为 3 到 40 个小写字母、数字或中间的“-”"

func (r *row) party(key string) trace.PartyID {
	id := trace.PartyID(r.name(key))
	if id != "" {
		r.invalid(key, id.Validate(), "主体代号"+nameHint)
	}
	return id
}

func (r *row) plot(key string) trace.PlotID {
	id := trace.PlotID(r.name(key))
	if id != "" {
		r.invalid(key, id.Validate(), "地块编号"+nameHint)
	}
	return id
}

func (r *row) shipment(key string) trace.ShipmentID {
	id := trace.ShipmentID(r.name(key))
	if id != "" {
		r.invalid(key, id.Validate(), "运单号"+nameHint)
	}
	return id
}

func (r *row) device(key string) trace.DeviceID {
	id := trace.DeviceID(r.name(key))
	if id != "" {
		r.invalid(key, id.Validate(), "设备编号"+nameHint)
	}
	return id
}

// gtin reads 8, 12, 13 or 14 digits; shorter ones gain leading zeros, which
// spreadsheet programs drop (GS1 General Specifications 3.3.2).
func (r *row) gtin(key string) trace.GTIN {
	g := trace.PrintedGTIN(r.name(key))
	if g == "" {
		return ""
	}
	hint := "应为 8、12、13 或 14 位数字"
	err := g.Validate()
	if trace.CodeOf(err) == trace.CodeCheckDigit {
		hint = fmt.Sprintf("末位校验码不对，应为 %c；请核对包装上的条码", trace.CheckDigit(string(g[:13])))
	}
	r.invalid(key, err, hint)
	return g
}

func (r *row) sscc(key string) trace.SSCC {
	s := trace.SSCC(strings.ReplaceAll(r.name(key), " ", ""))
	if s != "" {
		r.invalid(key, s.Validate(), "应为 18 位数字，末位是校验码")
	}
	return s
}

func (r *row) lotNumber(key string) trace.LotNumber {
	l := trace.LotNumber(r.name(key))
	if l != "" {
		r.invalid(key, l.Validate(), "批号最多 20 个字母、数字或 GS1 允许的符号，不能有空格和汉字")
	}
	return l
}

func (r *row) pack(key string) trace.PackID {
	p := trace.PackID(strings.ToUpper(r.name(key)))
	if p != "" {
		r.invalid(key, p.Validate(), "赋码包号应为 8 位数字或大写字母(不含 I、L、O、U)")
	}
	return p
}

func (r *row) day(key string) trace.Date {
	c, ok := r.has(key)
	if !ok {
		return 0
	}
	d, f := parseDay(c)
	r.fail(key, f)
	return d
}

func (r *row) moment(key string) trace.Time {
	c, ok := r.has(key)
	if !ok {
		return 0
	}
	t, f := parseMoment(c, r.p.zone)
	r.fail(key, f)
	return t
}

func (r *row) number(key string) (trace.Decimal, bool) { return r.parse(key, parseNumber) }

func (r *row) parse(key string, f func(string) (trace.Decimal, *fault)) (trace.Decimal, bool) {
	c, ok := r.has(key)
	if !ok {
		return 0, false
	}
	v, wrong := f(c.text)
	r.fail(key, wrong)
	return v, wrong == nil
}

// whole reads an integer between low and high.
func (r *row) whole(key string, low, high int64) int64 {
	d, ok := r.number(key)
	if !ok {
		return 0
	}
	v, exact := scaled(d, 1)
	if !exact || v < low || v > high {
		r.fail(key, bad(trace.CodeInvalid, fmt.Sprintf("%q is not a whole number from %d to %d", clip(r.cells[key].text), low, high), fmt.Sprintf("应为 %d 到 %d 之间的整数", low, high)))
		return 0
	}
	return v
}

// basisPoints reads "1.6%", or "1.6" under a header that says per cent.
func (r *row) basisPoints(key string) trace.BasisPoints {
	c, ok := r.has(key)
	if !ok {
		return 0
	}
	s, percent := strings.CutSuffix(narrow(c.text), "%")
	per := int64(100)
	if !percent && c.number && !strings.Contains(r.units[key], "%") {
		per = 10_000 // a percent-formatted cell stores 0.016
	}
	v, f := parseNumber(s)
	if f != nil {
		f.text = "应为百分数，如 1.6%"
		r.fail(key, f)
		return 0
	}
	bp, exact := scaled(v, per)
	if !exact || bp < 0 || bp > 10_000 || !percent && !c.number && r.units[key] == "" {
		r.fail(key, bad(trace.CodeInvalid, strconv.Quote(clip(c.text))+" is not a percentage like 1.6%", "应为 0% 到 100% 的百分数，如 1.6%"))
		return 0
	}
	return trace.BasisPoints(bp)
}

func (r *row) degrees(key string, most int64) trace.MicroDegrees {
	c, ok := r.has(key)
	if !ok {
		return 0
	}
	v, f := parseDegrees(c.text, most)
	r.fail(key, f)
	return v
}

// point reads a coarse point; both or neither.
func (r *row) point(latitude, longitude string) trace.Point {
	p := trace.Point{Latitude: r.degrees(latitude, 90), Longitude: r.degrees(longitude, 180)}
	if r.blank(latitude) != r.blank(longitude) {
		r.missing(map[bool]string{true: latitude, false: longitude}[r.blank(latitude)])
	}
	// Public points are coarse: two decimals, about a kilometre.
	return trace.Point{Latitude: coarse(p.Latitude), Longitude: coarse(p.Longitude)}
}

func coarse(v trace.MicroDegrees) trace.MicroDegrees {
	const step = 10_000
	half := trace.MicroDegrees(step / 2)
	if v < 0 {
		half = -half
	}
	return (v + half) / step * step
}

func (r *row) temperatureRange(key string) *trace.TemperatureRange {
	c, ok := r.has(key)
	if !ok {
		return nil
	}
	v, f := parseRange(c.text)
	r.fail(key, f)
	return &v
}

func (r *row) choice(key string) string {
	c, ok := r.has(key)
	if !ok {
		return ""
	}
	return r.chosen(key, c.text)
}

func (r *row) chosen(key, s string) string {
	col := r.column(key)
	v, ok := pick(col.choices, s)
	if !ok {
		r.fail(key, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" is not one of the choices", "应为其中之一："+choiceWords(col.choices)))
	}
	return v
}

func (r *row) choicesOf(key string) []string {
	c, ok := r.has(key)
	if !ok {
		return nil
	}
	var out []string
	for _, s := range list(c.text) {
		out = append(out, r.chosen(key, s))
	}
	return out
}

func (r *row) yes(key string) bool { return r.choice(key) == "yes" }

func (r *row) quantity(key, unitKey string) (trace.Quantity, bool) {
	c, ok := r.has(key)
	if !ok {
		return trace.Quantity{}, false
	}
	unit := r.units[key]
	if u, ok := r.raw(unitKey); ok {
		unit = clean(u.text)
	}
	q, boxes, f := parseQuantity(c.text, unit)
	r.fail(key, f)
	return q, boxes
}

// file reads the name of a file uploaded beside the sheet, or its hash.
func (r *row) file(key string) trace.Digest {
	c, ok := r.has(key)
	if !ok {
		return trace.Digest{}
	}
	return r.fileNamed(key, clean(c.text))
}

func (r *row) files(key string) []trace.Digest {
	c, ok := r.has(key)
	if !ok {
		return nil
	}
	var out []trace.Digest
	for _, s := range list(c.text) {
		out = append(out, r.fileNamed(key, s))
	}
	return out
}

func (r *row) fileNamed(key, s string) trace.Digest {
	if d, ok := r.p.options.Files[s]; ok {
		return d
	}
	if d, err := trace.ParseDigest(s); err == nil {
		return d
	}
	r.fail(key, bad(trace.CodeNotFound, "file "+strconv.Quote(clip(s))+" was not uploaded with this sheet", "没有找到这个文件，请与表格一起上传，文件名要完全一致"))
	return trace.Digest{}
}

// record reads a mention of a record: its full key, or its everyday name.
func (r *row) record(key, s string, m Mention) trace.Key {
	s = clean(s)
	if strings.Contains(s, "/") {
		return trace.Key(s)
	}
	if r.p.options.Resolve == nil {
		r.fail(key, bad(trace.CodeNotFound, strconv.Quote(clip(s))+" cannot be looked up here", "请填写该记录的完整编号(记录页上可复制)"))
		return ""
	}
	m.Name = s
	k, err := r.p.options.Resolve(m)
	if err != nil {
		r.invalid(key, err, "没有找到这条记录，请核对名称或编号")
		return ""
	}
	return k
}
