package sheet

import (
	"bytes"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"traceledger/chaincode/trace"
)

// cell is one cell as found, nothing decided yet.
type cell struct {
	text    string
	number  bool // stored as a number: a day may then be a serial number
	date04  bool // the workbook counts days from 1904
	formula bool
	broken  bool // an error value such as #REF!
}

type gridRow struct {
	number int // as the spreadsheet program counts
	cells  []cell
	heads  []heading // see headings
}

// headings sees every cell as a header, once.
func (r *gridRow) headings() []heading {
	if r.heads == nil {
		r.heads = make([]heading, len(r.cells))
		for i, c := range r.cells {
			r.heads[i] = headingOf(c.text)
		}
	}
	return r.heads
}

func (r gridRow) empty() bool {
	for _, c := range r.cells {
		if c.formula || c.broken || clean(c.text) != "" {
			return false
		}
	}
	return true
}

// comment rows begin with '#' and are passed over.
func (r gridRow) comment() bool {
	for _, c := range r.cells {
		if t := clean(c.text); t != "" {
			return strings.HasPrefix(t, "#") && !c.broken
		}
	}
	return false
}

// grid is one worksheet, or one section of a CSV file.
type grid struct {
	sheet string
	named bool // the name is the writer's, not the file's
	rows  []gridRow
}

// readGrids recognises the format by content, never by the file's name.
func readGrids(f File) ([]grid, error) {
	if len(f.Data) > MaxFileBytes {
		return nil, trace.Errorf(trace.CodeTooLarge, "the file has %d bytes, at most %d MB", len(f.Data), MaxFileBytes>>20)
	}
	var grids []grid
	var err error
	switch {
	case len(f.Data) == 0:
		return nil, trace.Errorf(CodeEmpty, "the file is empty")
	case bytes.HasPrefix(f.Data, []byte("PK\x03\x04")), bytes.HasPrefix(f.Data, []byte("PK\x05\x06")):
		grids, err = readXLSX(f.Data)
	case bytes.HasPrefix(f.Data, []byte("\xd0\xcf\x11\xe0")):
		return nil, trace.Errorf(CodeFile, "the file is an old .xls or is locked with a password")
	case bytes.HasPrefix(f.Data, []byte("%PDF")):
		return nil, trace.Errorf(CodeFile, "the file is a PDF, not a spreadsheet")
	default:
		grids, err = readCSV(f.Name, f.Data)
	}
	if err != nil {
		return nil, err
	}
	for _, g := range grids {
		for _, row := range g.rows {
			for _, c := range row.cells {
				if len(c.text) > MaxCellBytes {
					return nil, trace.Errorf(trace.CodeTooLarge, "sheet %q, row %d: a cell holds more than %d bytes", g.sheet, row.number, MaxCellBytes)
				}
			}
		}
	}
	return grids, nil
}

// clean trims what is invisible: spaces of every width, byte order marks, zero-width
// characters.
func clean(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\u3000' || r == '\ufeff' || r == '\u200b' || r == '\u200e' || r == '\u200f'
	})
}

// narrow brings digits, letters and punctuation to their ordinary width
// (Unicode NFKC), for everything but free text.
func narrow(s string) string { return clean(norm.NFKC.String(s)) }

// fold is how headers, sheet names and choices are compared: narrow, lower case,
// without spaces and the marks people put around words.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("*:_-/·.、'’\"“”()[]", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, narrow(s))
}
