package sheet

import (
	"strings"

	"traceledger/chaincode/trace"
)

// need tells whether a column must be there and a row must fill it in.
type need int

const (
	optional need = iota
	required      // the column must exist and every row must fill it in
	wanted        // the column may be missing (a preamble, Options or another table says it); the reader decides
)

// column is one column of a form.
type column struct {
	key     string
	zh, en  string   // the header, Chinese and English; a file may use either, or both
	also    []string // other headers met in the field
	need    need
	hint    string   // for the template, Chinese
	example string   // for the template's example row
	choices []choice // the words a cell may hold
	many    bool     // the cell may hold several of them
}

// choice is one allowed word: what goes on the ledger, and how people write it.
type choice struct {
	value  string
	zh     string
	others []string
}

// table is one form: a worksheet, or a section of a CSV file.
type table struct {
	key     string
	zh, en  string
	also    []string
	columns []column
	// read turns the rows of one table into requests.
	read func(p *parser, rows []*row)

	known lookup
}

// form is a kind of file with the tables it may hold, in reading order: a table may
// rely on what the tables before it said.
type form struct {
	kind   Kind
	zh, en string
	tables []table
}

// forms lists all kinds, in the order desks show them.
func forms() []form {
	all := []form{
		{KindBatchRecord, "批次登记表", "Batch record", batchTables()},
		{KindProduct, "商品登记表", "Products", []table{productTable()}},
		{KindInspection, "检验报告", "Inspection report", inspectionTables()},
		{KindTransport, "运输登记表", "Transport record", transportTables()},
		{KindReadings, "温湿度与定位记录", "Sensor readings", []table{readingsTable()}},
		{KindRegistry, "监管登记表", "Registry", registryTables()},
		{KindEnforcement, "处置表", "Enforcement", []table{actionTable()}},
		{KindReview, "复核表", "Reviews", []table{lotReviewTable(), verdictReviewTable()}},
		{KindMonitor, "监测表", "Monitoring", []table{ruleTable(), verdictTable()}},
	}
	for i := range all {
		for j := range all[i].tables {
			if t := &all[i].tables[j]; correctable(t.key) {
				t.columns = append(t.columns, correctionColumns()...)
			}
			all[i].tables[j].index()
		}
	}
	return all
}

// lookup holds a table's names and headers folded, so that a file's cells are compared
// with all of them at once.
type lookup struct {
	names   map[string]bool
	columns map[string]int
}

func (t *table) index() {
	t.known = lookup{names: map[string]bool{}, columns: map[string]int{}}
	for _, n := range append([]string{t.zh, t.en, t.zh + t.en, t.key}, t.also...) {
		t.known.names[fold(n)] = true
	}
	for i, c := range t.columns {
		for _, n := range append([]string{c.zh, c.en, c.zh + c.en, c.key}, c.also...) {
			if _, taken := t.known.columns[fold(n)]; !taken {
				t.known.columns[fold(n)] = i
			}
		}
	}
}

func (t *table) named(sheet string) bool { return t.known.names[fold(sheet)] }

// heading is a cell seen as a header. A header may carry a unit in brackets,
// "数量(kg)", which then is the unit of the column's bare numbers.
type heading struct {
	whole, bare string // folded, with and without the bracket
	unit        string
}

func headingOf(text string) heading {
	h := narrow(text)
	out := heading{whole: fold(h)}
	if open := strings.LastIndex(h, "("); open > 0 && strings.HasSuffix(h, ")") {
		out.bare, out.unit = fold(h[:open]), clean(h[open+1:len(h)-1])
	}
	return out
}

// columnFor finds the column of a header, −1 for none.
func (t *table) columnFor(h heading) (at int, unit string) {
	if i, ok := t.known.columns[h.whole]; ok && h.whole != "" {
		return i, ""
	}
	if i, ok := t.known.columns[h.bare]; ok && h.bare != "" {
		return i, h.unit
	}
	return -1, ""
}

// needed lists the headers a table cannot do without.
func (t *table) needed() []column {
	var out []column
	for _, c := range t.columns {
		if c.need == required {
			out = append(out, c)
		}
	}
	return out
}

func pick(choices []choice, s string) (string, bool) {
	f := fold(s)
	for _, c := range choices {
		if f == fold(c.value) || f == fold(c.zh) || f == fold(c.zh+c.value) {
			return c.value, true
		}
		for _, o := range c.others {
			if f == fold(o) {
				return c.value, true
			}
		}
	}
	return "", false
}

func choiceWords(choices []choice) string {
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = c.zh
	}
	return strings.Join(words, "、")
}

func yesNo() []choice {
	return []choice{{"yes", "是", []string{"true", "1", "y", "有"}}, {"no", "否", []string{"false", "0", "n", "没有"}}}
}

func categories() []choice {
	return []choice{
		{string(trace.CategoryFruit), "水果", []string{"果品"}},
		{string(trace.CategoryVegetable), "蔬菜", nil},
		{string(trace.CategoryFood), "食品", nil},
		{string(trace.CategoryCosmetics), "化妆品", nil},
		{string(trace.CategoryTextile), "纺织品", nil},
		{string(trace.CategoryMaterial), "原料", []string{"原材料", "农资"}},
	}
}

// Columns that many tables share.

func gtinColumn(n need) column {
	return column{key: "gtin", zh: "商品条码", en: "GTIN", also: []string{"条码", "GTIN14", "商品编码", "商品编号"}, need: n, hint: "8、12、13 或 14 位数字，末位是校验码", example: "09520000100018"}
}

func lotColumn(n need) column {
	return column{key: "lot", zh: "批号", en: "Lot", also: []string{"批次", "批次号", "生产批号", "batch", "lot number"}, need: n, hint: "最多 20 个字母、数字或符号", example: "PJ261018-A"}
}

func latitudeColumn(n need) column {
	return column{key: "latitude", zh: "纬度", en: "Latitude", also: []string{"lat", "北纬"}, need: n, hint: "小数度，北斗 CGCS2000", example: "30.205"}
}

func longitudeColumn(n need) column {
	return column{key: "longitude", zh: "经度", en: "Longitude", also: []string{"lon", "lng", "东经"}, need: n, hint: "小数度，北斗 CGCS2000", example: "103.512"}
}

func unitColumn(example string) column {
	return column{key: "unit", zh: "单位", en: "Unit", need: optional, hint: unitHint, example: example}
}

// unfilled leaves a column out of the example row.
func unfilled(c column) column {
	c.example = ""
	return c
}
