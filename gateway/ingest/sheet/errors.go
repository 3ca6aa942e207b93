package sheet

import (
	"fmt"

	"traceledger/chaincode/trace"
)

// Codes of refused files, sheets and rows beyond those of chaincode/trace.
const (
	CodeFile            trace.Code = "FILE_FORMAT"      // neither XLSX nor CSV, or damaged
	CodeEncoding        trace.Code = "ENCODING"         // neither UTF-8 nor GBK/GB18030
	CodeFormula         trace.Code = "FORMULA"          // a cell computes its value
	CodeUnknownSheet    trace.Code = "UNKNOWN_SHEET"    // a sheet that belongs to no known form, or not to this one
	CodeDuplicateSheet  trace.Code = "DUPLICATE_SHEET"  // the same table twice
	CodeUnknownHeader   trace.Code = "UNKNOWN_HEADER"   // a column no form has
	CodeDuplicateHeader trace.Code = "DUPLICATE_HEADER" // a column given twice
	CodeMissingHeader   trace.Code = "MISSING_HEADER"   // a needed column, or the whole header row, is absent
	CodeDuplicateRow    trace.Code = "DUPLICATE_ROW"    // two rows ask for the very same record
	CodeEmpty           trace.Code = "EMPTY"            // no rows at all
)

// RowError is one thing wrong at one place, in words for the person who filled the
// sheet in.
type RowError struct {
	Code   trace.Code `json:"code"`
	Sheet  string     `json:"sheet"`
	Row    int        `json:"row,omitempty"`    // as the spreadsheet program counts; 0: the sheet as a whole
	Column string     `json:"column,omitempty"` // header as written in the file
	Cell   string     `json:"cell,omitempty"`   // "B7"
	Value  string     `json:"value,omitempty"`  // as written, clipped
	// Text says what is wrong and what would be right, Chinese; TextEnglish likewise.
	Text        string `json:"text"`
	TextEnglish string `json:"textEnglish"`
}

// Error gives both languages in a line:
// sheet "批次", row 7, column "数量": "9,6O0" is not a number – 应为数字,如 9600.
func (e RowError) Error() string {
	s := fmt.Sprintf("sheet %q", e.Sheet)
	if e.Row > 0 {
		s += fmt.Sprintf(", row %d", e.Row)
	}
	if e.Column != "" {
		s += fmt.Sprintf(", column %q", e.Column)
	}
	return s + ": " + e.TextEnglish + " – " + e.Text
}

func clip(s string) string {
	const most = 40
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "…"
}

// cellName is the spreadsheet name of a cell: column 0, row 7 is "A7".
func cellName(column, row int) string {
	name := ""
	for n := column + 1; n > 0; n = (n - 1) / 26 {
		name = string(rune('A'+(n-1)%26)) + name
	}
	return fmt.Sprintf("%s%d", name, row)
}
