package sheet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/trace"
)

// parser collects what one file asks for.
type parser struct {
	options   Options
	zone      *time.Location
	plan      *Plan
	methods   map[string]trace.Method
	seen      map[string]Place // canonical request → first row that asked for it
	order     []orderedRequest
	batch     batchContext
	report    reportContext
	series    series
	shipments []*pendingShipment
	unread    []string // tables whose headers are wrong, so that their rows are not known
}

// orderedRequest carries the step of the file's kind at which it is sent.
type orderedRequest struct {
	Planned
	step int
}

func parse(files []File, options Options) (*Plan, error) {
	p := &parser{
		options: options,
		zone:    options.Zone,
		plan:    &Plan{},
		methods: map[string]trace.Method{},
		seen:    map[string]Place{},
	}
	if p.zone == nil {
		p.zone = time.FixedZone("+08:00", trace.ChinaStandardTime)
	}
	for _, m := range trace.Methods() {
		p.methods[m.Transaction()] = m
	}
	hash := sha256.New()
	var grids []grid
	for i, f := range files {
		g, err := readGrids(f)
		if err != nil {
			return nil, err
		}
		grids = append(grids, g...)
		hash.Write(f.Data)
		p.plan.Summary.Bytes += len(f.Data)
		if i > 0 {
			p.plan.Summary.File += " + "
		}
		p.plan.Summary.File += f.Name
	}
	copy(p.plan.Summary.SHA256[:], hash.Sum(nil))
	if err := p.readAll(grids); err != nil {
		return nil, err
	}
	p.finish()
	return p.plan, nil
}

// readAll recognises the form and reads its tables in the form's order.
func (p *parser) readAll(grids []grid) error {
	grids = dropGuides(grids)
	if len(grids) == 0 {
		return trace.Errorf(CodeEmpty, "the file has no rows")
	}
	f, placed, err := recognise(grids, p.options.Kind)
	if err != nil {
		return err
	}
	p.plan.Kind = f.kind
	p.plan.Summary.Title, p.plan.Summary.TitleEnglish = f.zh, f.en
	for i := range f.tables {
		t := &f.tables[i]
		var rows []*row
		found := 0
		for _, g := range grids {
			if placed[g.sheet] != t.key {
				continue
			}
			if found++; found > 1 && f.kind != KindReadings {
				p.fault(RowError{Code: CodeDuplicateSheet, Sheet: g.sheet, Text: "同一种表出现了两次，请合并成一张", TextEnglish: "this table is in the file twice"})
				continue
			}
			more := p.readRows(t, g)
			rows = append(rows, more...)
			p.plan.Summary.Tables = append(p.plan.Summary.Tables, TableSummary{g.sheet, t.zh, t.en, len(more)})
		}
		if len(rows) > 0 {
			t.read(p, rows)
		}
	}
	p.planBatches()
	p.planReports()
	p.planShipments()
	for _, g := range grids {
		if placed[g.sheet] == "" {
			p.fault(RowError{Code: CodeUnknownSheet, Sheet: g.sheet, Text: "这张工作表不属于" + f.zh + ",请删去或改用对应模板；可用的表：" + tableNames(f), TextEnglish: "this sheet does not belong to a " + f.en})
		}
	}
	if len(p.order) == 0 && len(p.plan.Segments) == 0 && len(p.plan.Errors) == 0 {
		return trace.Errorf(CodeEmpty, "the file has headers but no rows")
	}
	return nil
}

func tableNames(f form) string {
	s := ""
	for i, t := range f.tables {
		if i > 0 {
			s += "、"
		}
		s += t.zh
	}
	return s
}

// dropGuides leaves out empty sheets and the template's own guide sheets.
func dropGuides(grids []grid) []grid {
	var out []grid
	for _, g := range grids {
		switch fold(g.sheet) {
		case fold(guideSheet), fold(exampleSheet), fold(choiceSheet), "说明", "示例", "选项", "instructions", "example":
			continue
		}
		if len(g.rows) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// recognise chooses the form whose tables fit most sheets, and says which table each
// sheet is. A sheet whose name says nothing is known by its headers.
func recognise(grids []grid, forced Kind) (form, map[string]string, error) {
	best, bestPlaced, bestScore := form{}, map[string]string(nil), 0
	all := forms()
	for _, f := range all {
		if forced != "" && f.kind != forced {
			continue
		}
		placed := map[string]string{}
		score := 0
		for _, g := range grids {
			if key, points := placeGrid(&f, g); key != "" {
				placed[g.sheet] = key
				score += points
			}
		}
		// Of two forms that fit equally well the narrower one is meant.
		if score > bestScore || score == bestScore && score > 0 && len(f.tables) < len(best.tables) {
			best, bestPlaced, bestScore = f, placed, score
		}
	}
	if bestScore == 0 {
		var titles []string
		for _, f := range all {
			if forced == "" || f.kind == forced {
				titles = append(titles, f.zh+" ("+f.en+")")
			}
		}
		return form{}, nil, trace.Errorf(CodeUnknownSheet, "no sheet or header of the file is known; the first sheet is %q, templates are: %s", clip(grids[0].sheet), strings.Join(titles, "; "))
	}
	return best, bestPlaced, nil
}

// placeGrid finds the table of a sheet: by its name, else by most matching headers.
// A sheet known by name counts far more than one guessed by headers.
func placeGrid(f *form, g grid) (key string, points int) {
	for i := range f.tables {
		if f.tables[i].named(g.sheet) {
			_, matches := headerRow(&f.tables[i], g)
			return f.tables[i].key, 1_000 + matches
		}
	}
	if g.named {
		return "", 0
	}
	for i := range f.tables {
		at, matches := headerRow(&f.tables[i], g)
		if at < 0 {
			continue
		}
		missing := 0
		present := headersOf(&f.tables[i], &g.rows[at])
		for _, c := range f.tables[i].needed() {
			if !present[c.key] {
				missing++
			}
		}
		if score := matches*2 - missing; matches >= 2 && score > points {
			key, points = f.tables[i].key, score
		}
	}
	return key, points
}

func headersOf(t *table, r *gridRow) map[string]bool {
	out := map[string]bool{}
	for _, h := range r.headings() {
		if i, _ := t.columnFor(h); i >= 0 {
			out[t.columns[i].key] = true
		}
	}
	return out
}

// preambleRows is how far down the header row may stand.
const preambleRows = 30

// headerRow finds the row that holds the headers: the first with at least two cells,
// more than half of which are headers of the table. Cells "key, value" are a preamble
// line, not a header.
func headerRow(t *table, g grid) (at, matches int) {
	for i := range g.rows[:min(len(g.rows), preambleRows)] {
		filled, known := 0, 0
		for _, h := range g.rows[i].headings() {
			if h.whole == "" {
				continue
			}
			filled++
			if at, _ := t.columnFor(h); at >= 0 {
				known++
			}
		}
		if known >= 2 && known*2 > filled {
			return i, known
		}
	}
	return -1, 0
}

// readRows checks the headers of a table and gives its data rows.
func (p *parser) readRows(t *table, g grid) []*row {
	at, _ := headerRow(t, g)
	if at < 0 {
		p.fault(RowError{Code: CodeMissingHeader, Sheet: g.sheet, Text: "没有找到表头行；应有列：" + headerNames(t.needed()), TextEnglish: "no header row was found"})
		return nil
	}
	head := g.rows[at]
	columns := make([]int, len(head.cells)) // file column → table column
	heads, units, index := map[string]string{}, map[string]string{}, map[string]int{}
	ok := true
	for i, c := range head.cells {
		columns[i] = -1
		title := strings.Join(strings.Fields(clean(c.text)), " ")
		if title == "" && !c.formula {
			continue
		}
		place := RowError{Sheet: g.sheet, Row: head.number, Column: clip(title), Cell: cellName(i, head.number), Value: clip(title)}
		n, unit := t.columnFor(headingOf(title))
		if n < 0 {
			place.Code, place.Text, place.TextEnglish = CodeUnknownHeader, "不认识这一列，请改名或删去；可用的列："+headerNames(t.columns), "the column is not known here"
			p.fault(place)
			ok = false
			continue
		}
		key := t.columns[n].key
		if _, twice := heads[key]; twice {
			place.Code, place.Text, place.TextEnglish = CodeDuplicateHeader, "这一列出现了两次，请只保留一列", "the column is given twice"
			p.fault(place)
			ok = false
			continue
		}
		columns[i], heads[key], units[key], index[key] = n, title, unit, i
	}
	above := p.preamble(t, g.rows[:at], heads, index)
	for _, c := range t.needed() {
		if _, there := heads[c.key]; !there {
			p.fault(RowError{Code: CodeMissingHeader, Sheet: g.sheet, Row: head.number, Column: c.zh, Text: "缺少必需的列“" + c.zh + "”(" + c.en + ")", TextEnglish: "the needed column " + strconv.Quote(c.en) + " is missing"})
			ok = false
		}
	}
	if !ok {
		p.unread = append(p.unread, t.key)
		return nil
	}
	return p.dataRows(t, g, at, columns, heads, units, index, above)
}

// preamble reads the lines above the header, "设备编号,tl-07" or "设备编号:tl-07":
// what they say holds for every row. Other lines there are titles.
func (p *parser) preamble(t *table, lines []gridRow, heads map[string]string, index map[string]int) map[string]cell {
	out := map[string]cell{}
	for _, line := range lines {
		for i := 0; i < len(line.cells); i++ {
			label, value := line.cells[i].text, cell{}
			if name, rest, ok := cutColon(label); ok && clean(rest) != "" {
				label, value = name, cell{text: rest}
			} else if i+1 < len(line.cells) {
				value = line.cells[i+1]
			}
			n, _ := t.columnFor(headingOf(trimColon(label)))
			if n < 0 || clean(value.text) == "" && !value.formula {
				continue
			}
			key := t.columns[n].key
			if _, twice := heads[key]; twice {
				continue
			}
			out[key] = value
			heads[key], index[key] = clean(trimColon(label)), -1
		}
	}
	return out
}

func (p *parser) dataRows(t *table, g grid, at int, columns []int, heads, units map[string]string, index map[string]int, above map[string]cell) []*row {
	rows := make([]*row, 0, len(g.rows)-at-1)
	for _, line := range g.rows[at+1:] {
		if line.comment() {
			continue
		}
		r := &row{p: p, t: t, sheet: g.sheet, line: line.number, cells: make(map[string]cell, len(columns)), at: index, heads: heads, units: units}
		for key, c := range above {
			r.cells[key] = c
		}
		for i, c := range line.cells {
			if i < len(columns) && columns[i] >= 0 {
				r.cells[t.columns[columns[i]].key] = c
			} else if c.formula || clean(c.text) != "" {
				p.fault(RowError{Code: CodeUnknownHeader, Sheet: g.sheet, Row: line.number, Cell: cellName(i, line.number), Value: clip(c.text), Text: "这个单元格所在的列没有表头，请补上表头或删去内容", TextEnglish: "the cell stands in a column without a header"})
			}
		}
		rows = append(rows, r)
	}
	return rows
}

func headerNames(columns []column) string {
	s := ""
	for i, c := range columns {
		if i > 0 {
			s += "、"
		}
		s += c.zh
	}
	return s
}

func cutColon(s string) (before, after string, ok bool) {
	for i, r := range s {
		if r == ':' || r == '\uff1a' {
			return s[:i], s[i+len(string(r)):], true
		}
	}
	return s, "", false
}

func trimColon(s string) string {
	before, after, ok := cutColon(s)
	if ok && clean(after) == "" {
		return before
	}
	return s
}

// fault records a mistake, once however often its cell is read; beyond MaxRowErrors
// only their number is kept.
func (p *parser) fault(e RowError) {
	if slices.Contains(p.plan.Errors, e) {
		return
	}
	if len(p.plan.Errors) >= MaxRowErrors {
		p.plan.ErrorsCut++
		return
	}
	p.plan.Errors = append(p.plan.Errors, e)
}

// add plans a request of a row that has no mistake. Its idempotency key is derived
// from the request itself: the same row gives the same key in whatever file it comes.
func (p *parser) add(r *row, step int, transaction string, request any, about string) {
	w, writes := request.(trace.Writer)
	if writes && correctable(r.t.key) {
		r.correction(w.Writing())
	}
	if r.failed {
		return
	}
	id, ok := p.unique(r, transaction, request)
	if !ok {
		return
	}
	if writes {
		w.Writing().IdempotencyKey = id
	}
	m, known := p.methods[transaction]
	if !known {
		r.fail("", bad(trace.CodeUnknownMethod, "no method "+transaction, "系统不支持这种记录"))
		return
	}
	p.order = append(p.order, orderedRequest{Planned{
		Transaction: transaction, Path: m.Path, Request: request, Row: Place{r.sheet, r.line},
		Title: m.Title, TitleEnglish: m.TitleEnglish, About: about,
	}, step})
}

// unique names a request by its content and refuses the same row twice.
func (p *parser) unique(r *row, transaction string, request any) (string, bool) {
	b, err := json.Marshal(request)
	if err != nil {
		r.fail("", bad(trace.CodeMalformed, err.Error(), "这一行无法写成请求"))
		return "", false
	}
	sum := sha256.Sum256(append([]byte(transaction+"\n"), b...))
	id := "sheet-" + hex.EncodeToString(sum[:16])
	if first, twice := p.seen[id]; twice {
		r.fail("", bad(CodeDuplicateRow, fmt.Sprintf("the row repeats row %d of sheet %q", first.Row, first.Sheet), fmt.Sprintf("与工作表“%s”第 %d 行完全相同，请删去重复的一行", first.Sheet, first.Row)))
		return "", false
	}
	p.seen[id] = Place{r.sheet, r.line}
	return id, true
}

// finish orders the requests, or drops all of them when anything is wrong.
func (p *parser) finish() {
	sort.SliceStable(p.order, func(i, j int) bool { return p.order[i].step < p.order[j].step })
	counts := map[string]int{}
	for _, o := range p.order {
		if counts[o.Transaction]++; counts[o.Transaction] == 1 {
			p.plan.Summary.Transactions = append(p.plan.Summary.Transactions, TransactionCount{Transaction: o.Transaction, Title: o.Title, TitleEnglish: o.TitleEnglish})
		}
	}
	for i := range p.plan.Summary.Transactions {
		p.plan.Summary.Transactions[i].Count = counts[p.plan.Summary.Transactions[i].Transaction]
	}
	if n := len(p.plan.Segments); n > 0 {
		m := p.methods["transit:AnchorSegment"]
		p.plan.Summary.Transactions = append(p.plan.Summary.Transactions, TransactionCount{m.Transaction(), m.Title, m.TitleEnglish, n})
	}
	if len(p.plan.Errors) > 0 {
		p.plan.Segments = nil
		sheets := map[string]int{} // in order of their first mistake
		for _, e := range p.plan.Errors {
			if _, known := sheets[e.Sheet]; !known {
				sheets[e.Sheet] = len(sheets)
			}
		}
		sort.SliceStable(p.plan.Errors, func(i, j int) bool {
			a, b := p.plan.Errors[i], p.plan.Errors[j]
			if a.Sheet != b.Sheet {
				return sheets[a.Sheet] < sheets[b.Sheet]
			}
			return a.Row < b.Row
		})
		return
	}
	for _, o := range p.order {
		p.plan.Requests = append(p.plan.Requests, o.Planned)
	}
}
