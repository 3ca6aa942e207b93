package sheet

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

var update = flag.Bool("update", false, "write the templates anew")

// TestTemplatesAreOfTheseForms: the workbooks kept are the ones the forms make.
func TestTemplatesAreOfTheseForms(t *testing.T) {
	for _, f := range forms() {
		made, err := f.workbook()
		require.NoError(t, err)
		if *update {
			require.NoError(t, os.WriteFile(templatePath(f.kind), made, 0o644))
			continue
		}
		kept, err := Template(f.kind)
		require.NoError(t, err)
		require.True(t, bytes.Equal(made, kept), "%s is not what its form makes; run this test with -update", templatePath(f.kind))
	}
	files, err := templates.ReadDir("templates")
	require.NoError(t, err)
	require.Len(t, files, len(forms()), "a template without a form")
}

func (f form) workbook() ([]byte, error) {
	book := excelize.NewFile()
	defer book.Close()
	w := templateWriter{book: book}
	w.style()
	w.guide(f)
	for _, t := range f.tables {
		w.table(t)
	}
	w.examples(f)
	w.choices(f)
	if w.err != nil {
		return nil, w.err
	}
	if n, err := book.GetSheetIndex(f.tables[0].zh); err == nil {
		book.SetActiveSheet(n)
	}
	var out bytes.Buffer
	if err := book.Write(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// templateWriter keeps the first error, so that the layout reads as a list.
type templateWriter struct {
	book           *excelize.File
	needed, normal int
	lists          int // columns used of the sheet of choices
	err            error
}

func (w *templateWriter) do(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *templateWriter) style() {
	make := func(fill string, bold bool) int {
		id, err := w.book.NewStyle(&excelize.Style{
			Font:      &excelize.Font{Bold: bold, Color: "1F2A24"},
			Fill:      excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{fill}},
			Alignment: &excelize.Alignment{WrapText: true, Vertical: "center", Horizontal: "center"},
			Border:    []excelize.Border{{Type: "bottom", Color: "7A8F83", Style: 1}},
		})
		w.do(err)
		return id
	}
	w.needed, w.normal = make("CFE8D8", true), make("EEF3F0", false)
}

func (w *templateWriter) guide(f form) {
	w.do(w.book.SetSheetName("Sheet1", guideSheet))
	lines := []string{
		f.zh + " " + f.en,
		"绿色表头必填，灰色表头选填；不用的工作表可以空着。Green headers are needed, grey ones optional; leave unused sheets empty.",
		"不要写公式，不要改表头。No formulas; keep the headers.",
		"日期写 2026-10-18，时间写 2026-10-18 16:00(北京时间)。Times are read as Beijing time.",
		"一格多项用分号或顿号隔开。Separate several values in a cell with a semicolon.",
		"附件与表格一起上传，单元格里写文件名。Upload files together with the sheet and write their names into the cells.",
		"要更正已上链的记录：填“更正记录”和“更正原因”，其余各格写正确的内容。To correct a record, name it and say why; write the rest as it should be.",
		"同一文件重复上传不会重复记录；改了哪一格，只有那一条成为新记录。Uploading a file twice records nothing twice.",
	}
	for i, line := range lines {
		w.do(w.book.SetCellStr(guideSheet, cellName(0, i+1), line))
	}
	w.do(w.book.SetColWidth(guideSheet, "A", "A", 110))
}

func header(c column) string { return c.zh + "\n" + c.en }

func (w *templateWriter) table(t table) {
	if _, err := w.book.NewSheet(t.zh); err != nil {
		w.do(err)
		return
	}
	for i, c := range t.columns {
		cell := cellName(i, 1)
		w.do(w.book.SetCellStr(t.zh, cell, header(c)))
		style := w.normal
		if c.need == required {
			style = w.needed
		}
		w.do(w.book.SetCellStyle(t.zh, cell, cell, style))
		letters := strings.TrimRight(cell, "0123456789")
		w.do(w.book.SetColWidth(t.zh, letters, letters, 18))
		hint := c.hint
		if c.many { // such a cell has no drop-down
			hint = strings.TrimPrefix(hint+"\n可填 "+choiceWords(c.choices), "\n")
		}
		if c.example != "" {
			hint = strings.TrimPrefix(hint+"\n例 e.g. "+c.example, "\n")
		}
		if hint != "" {
			w.do(w.book.AddComment(t.zh, excelize.Comment{Cell: cell, Author: "traceledger", Paragraph: []excelize.RichTextRun{{Text: hint}}}))
		}
		if len(c.choices) > 0 && !c.many {
			w.dropDown(t.zh, letters, c)
		}
	}
	w.do(w.book.SetRowHeight(t.zh, 1, 34))
	w.do(w.book.SetPanes(t.zh, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}))
}

// dropDown points at a column of the sheet of choices: a list written into the rule
// itself may hold 255 characters only.
func (w *templateWriter) dropDown(sheet, letters string, c column) {
	list := strings.TrimRight(cellName(w.lists, 1), "0123456789")
	rule := excelize.NewDataValidation(true)
	rule.Sqref = fmt.Sprintf("%s2:%s1000", letters, letters)
	rule.SetSqrefDropList(fmt.Sprintf("'%s'!$%s$2:$%s$%d", choiceSheet, list, list, len(c.choices)+1))
	w.lists++
	w.do(w.book.AddDataValidation(sheet, rule))
}

func (w *templateWriter) examples(f form) {
	if _, err := w.book.NewSheet(exampleSheet); err != nil {
		w.do(err)
		return
	}
	line := 1
	for _, t := range f.tables {
		w.do(w.book.SetCellStr(exampleSheet, cellName(0, line), "【"+t.zh+"】"))
		for i, c := range t.columns {
			w.do(w.book.SetCellStr(exampleSheet, cellName(i, line+1), c.zh))
			w.do(w.book.SetCellStr(exampleSheet, cellName(i, line+2), c.example))
		}
		line += 4
	}
}

// choices writes the words of every drop-down, in the order dropDown numbered them.
func (w *templateWriter) choices(f form) {
	if _, err := w.book.NewSheet(choiceSheet); err != nil {
		w.do(err)
		return
	}
	n := 0
	for _, t := range f.tables {
		for _, c := range t.columns {
			if len(c.choices) == 0 || c.many {
				continue
			}
			w.do(w.book.SetCellStr(choiceSheet, cellName(n, 1), t.zh+" "+c.zh))
			for i, word := range c.choices {
				w.do(w.book.SetCellStr(choiceSheet, cellName(n, i+2), word.zh))
			}
			n++
		}
	}
	w.do(w.book.SetSheetVisible(choiceSheet, false))
}
