package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"traceledger/chaincode/trace"
)

// decodeText gives the file's text: UTF-8 with or without byte order mark, else
// GB18030 (which contains GBK and GB 2312). Bytes that are neither are refused; so
// is UTF-16, whose zero bytes no text export of these devices has.
func decodeText(data []byte) (string, error) {
	refuse := func(why string) error {
		return trace.Errorf(CodeEncoding, "the file is not text in UTF-8 or GBK (%s)", why)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return "", refuse("UTF-16")
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return "", refuse("it contains zero bytes")
	}
	if utf8.Valid(data) {
		return string(data), nil
	}
	out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
	if err != nil {
		return "", refuse(err.Error())
	}
	// GB18030 gives a meaning to almost any pair of bytes: characters no one types
	// betray another encoding.
	for _, r := range string(out) {
		if r == utf8.RuneError || unicode.Is(unicode.Co, r) || r < 0x20 && r != '\n' && r != '\r' && r != '\t' {
			return "", refuse("it contains bytes that are no Chinese text")
		}
	}
	return string(out), nil
}

// readCSV gives a grid per section; a line like "[批次]" begins a section. The
// separator is what the header line uses most: comma, semicolon or tab.
func readCSV(name string, data []byte) ([]grid, error) {
	text, err := decodeText(data)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = separatorOf(text)
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	current := grid{sheet: name}
	var grids []grid
	for rows, cells := 0, 0; ; {
		fields, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			var at *csv.ParseError
			if errors.As(err, &at) {
				return nil, trace.Errorf(CodeFile, "line %d, column %d: %v", at.Line, at.Column, at.Err)
			}
			return nil, trace.Errorf(CodeFile, "the text cannot be read: %v", err)
		}
		line, _ := r.FieldPos(0)
		if len(fields) > MaxColumns {
			return nil, trace.Errorf(trace.CodeTooLarge, "line %d has more than %d columns", line, MaxColumns)
		}
		row := gridRow{number: line, cells: make([]cell, len(fields))}
		for i, f := range fields {
			row.cells[i] = cell{text: f, formula: strings.HasPrefix(strings.TrimSpace(f), "=")}
		}
		if row.empty() {
			continue
		}
		if rows++; rows > MaxRows {
			return nil, tooManyRows()
		}
		if cells += len(row.cells); cells > MaxCells {
			return nil, tooManyCells()
		}
		if title, ok := sectionTitle(row); ok {
			if len(current.rows) > 0 {
				grids = append(grids, current)
			}
			current = grid{sheet: title, named: true}
			continue
		}
		current.rows = append(current.rows, row)
	}
	if len(current.rows) > 0 || current.named {
		grids = append(grids, current)
	}
	return grids, nil
}

// separatorOf counts separators outside quotes in the first lines.
func separatorOf(text string) rune {
	candidates := []rune{',', ';', '\t'}
	counts := make(map[rune]int, len(candidates))
	quoted, lines := false, 0
	for _, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '\n':
			lines++
		default:
			counts[r]++
		}
		if lines >= 20 {
			break
		}
	}
	best := candidates[0]
	for _, c := range candidates[1:] {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

func sectionTitle(row gridRow) (string, bool) {
	first := clean(row.cells[0].text)
	for _, c := range row.cells[1:] {
		if clean(c.text) != "" {
			return "", false
		}
	}
	for _, pair := range [][2]string{{"[", "]"}, {"【", "】"}} {
		if rest, ok := strings.CutPrefix(first, pair[0]); ok {
			if title, ok := strings.CutSuffix(rest, pair[1]); ok {
				return clean(title), true
			}
		}
	}
	return "", false
}
