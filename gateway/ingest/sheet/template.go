package sheet

import (
	"embed"
	"strings"

	"traceledger/chaincode/trace"
)

// The empty workbooks are made from the forms by template_test.go and kept, so that
// the program needs no library that writes workbooks:
// go test ./gateway/ingest/sheet -run Templates -update
//
//go:embed templates/*.xlsx
var templates embed.FS

// Sheets of a template that Parse passes over.
const (
	guideSheet   = "填写说明"
	exampleSheet = "填写示例"
	choiceSheet  = "可选值"
)

// Kinds lists the kinds of file with their titles, in the order desks show them.
func Kinds() []KindTitle {
	var out []KindTitle
	for _, f := range forms() {
		out = append(out, KindTitle{f.kind, f.zh, f.en})
	}
	return out
}

// KindTitle names a kind for people.
type KindTitle struct {
	Kind         Kind
	Title        string
	TitleEnglish string
}

// Template makes the empty workbook of a kind: a sheet per table with its headers,
// hints on the headers and drop-downs, one example of each table, and instructions.
func Template(kind Kind) ([]byte, error) {
	var known []string
	for _, f := range forms() {
		if f.kind == kind {
			return templates.ReadFile(templatePath(kind))
		}
		known = append(known, string(f.kind))
	}
	return nil, trace.Errorf(trace.CodeNotFound, "there is no template of kind %q; there are: %s", string(kind), strings.Join(known, ", "))
}

func templatePath(kind Kind) string { return "templates/" + string(kind) + ".xlsx" }
