package sheet

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
)

// Bounds of an unpacked workbook: a 10 MB file of honest rows stays far below them,
// a zip bomb does not.
const (
	maxUnpacked = 80 << 20
	maxEntries  = 1_000
	maxSheets   = 40
)

// The workbook is read straight from its XML (ISO/IEC 29500-1, SpreadsheetML)
// instead of through excelize: row streaming there does not tell a formula from its
// cached value, and asking cell by cell is quadratic in the rows.

// readXLSX gives a grid per worksheet in workbook order.
func readXLSX(data []byte) ([]grid, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, trace.Errorf(CodeFile, "the workbook cannot be unpacked (%v)", err)
	}
	if len(archive.File) > maxEntries {
		return nil, trace.Errorf(trace.CodeTooLarge, "the workbook has %d parts, at most %d", len(archive.File), maxEntries)
	}
	w := workbook{parts: make(map[string]*zip.File, len(archive.File)), left: maxUnpacked}
	var unpacked uint64
	for _, f := range archive.File {
		unpacked += f.UncompressedSize64
		if f.UncompressedSize64 > maxUnpacked || unpacked > maxUnpacked {
			return nil, trace.Errorf(trace.CodeTooLarge, "the workbook unpacks to more than %d MB", maxUnpacked>>20)
		}
		w.parts[strings.TrimPrefix(f.Name, "/")] = f
	}
	return w.read()
}

type workbook struct {
	parts   map[string]*zip.File
	strings []string
	date04  bool
	rows    int
	cells   int
	// left is what may still be unpacked, of all parts together: many sheets that name
	// one part unpack it as often.
	left int64
}

func (w *workbook) read() ([]grid, error) {
	var book struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Name string     `xml:"name,attr"`
			Attr []xml.Attr `xml:",any,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := w.decode("xl/workbook.xml", &book); err != nil {
		return nil, err
	}
	w.date04 = book.Properties.Date1904 == "1" || book.Properties.Date1904 == "true"
	if len(book.Sheets) > maxSheets {
		return nil, trace.Errorf(trace.CodeTooLarge, "the workbook has %d sheets, at most %d", len(book.Sheets), maxSheets)
	}
	var relations struct {
		Relation []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := w.decode("xl/_rels/workbook.xml.rels", &relations); err != nil {
		return nil, err
	}
	target := make(map[string]string, len(relations.Relation))
	for _, r := range relations.Relation {
		target[r.ID] = r.Target
	}
	if err := w.readStrings(); err != nil {
		return nil, err
	}
	grids := make([]grid, 0, len(book.Sheets))
	for _, s := range book.Sheets {
		part := ""
		for _, a := range s.Attr {
			if a.Name.Local == "id" {
				part = target[a.Value]
			}
		}
		if strings.HasPrefix(part, "/") {
			part = strings.TrimPrefix(part, "/")
		} else {
			part = path.Join("xl", part)
		}
		if !strings.Contains(part, "worksheets/") {
			continue // a chart sheet has no cells
		}
		g, err := w.readSheet(s.Name, part)
		if err != nil {
			return nil, err
		}
		grids = append(grids, g)
	}
	return grids, nil
}

func damaged(part string, err error) error {
	if coded := trace.CodeOf(err); coded != "" {
		return err
	}
	return trace.Errorf(CodeFile, "part %s of the workbook is damaged (%v)", part, err)
}

func (w *workbook) open(part string) (io.ReadCloser, error) {
	f, ok := w.parts[part]
	if !ok {
		return nil, damaged(part, errors.New("absent"))
	}
	r, err := f.Open()
	if err != nil {
		return nil, damaged(part, err)
	}
	// The directory's size is the writer's word; count what really comes out.
	return struct {
		io.Reader
		io.Closer
	}{&boundedReader{r, &w.left}, r}, nil
}

// boundedReader fails, rather than ends, beyond the bound it shares.
type boundedReader struct {
	from io.Reader
	left *int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if *b.left -= int64(n); *b.left < 0 {
		return 0, trace.Errorf(trace.CodeTooLarge, "the workbook unpacks to more than %d MB", maxUnpacked>>20)
	}
	return n, err
}

func (w *workbook) decode(part string, into any) error {
	r, err := w.open(part)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := xml.NewDecoder(r).Decode(into); err != nil {
		return damaged(part, err)
	}
	return nil
}

// readStrings reads the shared string table; phonetic guides (rPh) are not text.
func (w *workbook) readStrings() error {
	const part = "xl/sharedStrings.xml"
	if _, ok := w.parts[part]; !ok {
		return nil
	}
	r, err := w.open(part)
	if err != nil {
		return err
	}
	defer r.Close()
	d := xml.NewDecoder(r)
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return damaged(part, err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "si" {
			text, err := richText(d, "si")
			if err != nil {
				return damaged(part, err)
			}
			w.strings = append(w.strings, text)
		}
	}
}

// richText joins the t elements inside the element just opened.
func richText(d *xml.Decoder, element string) (string, error) {
	var b strings.Builder
	inText, phonetic := false, 0
	for {
		token, err := d.Token()
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "t":
				inText = true
			case "rPh":
				phonetic++
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "t":
				inText = false
			case "rPh":
				phonetic--
			case element:
				return b.String(), nil
			}
		case xml.CharData:
			if inText && phonetic == 0 {
				b.Write(t)
			}
		}
	}
}

// readSheet streams one worksheet.
func (w *workbook) readSheet(name, part string) (grid, error) {
	g := grid{sheet: name}
	r, err := w.open(part)
	if err != nil {
		return g, err
	}
	defer r.Close()
	d := xml.NewDecoder(r)
	current := gridRow{}
	number := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			return g, nil
		}
		if err != nil {
			return g, damaged(part, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "row":
				number++
				if n, err := strconv.Atoi(attribute(t, "r")); err == nil && n > 0 {
					number = n
				}
				current = gridRow{number: number}
			case "c":
				if err := w.readCell(d, t, &current); err != nil {
					return g, damaged(part, err)
				}
			}
		case xml.EndElement:
			if t.Name.Local == "row" && !current.empty() {
				if w.rows++; w.rows > MaxRows {
					return g, tooManyRows()
				}
				if w.cells += len(current.cells); w.cells > MaxCells {
					return g, tooManyCells()
				}
				g.rows = append(g.rows, current)
			}
		}
	}
}

func tooManyRows() error {
	return trace.Errorf(trace.CodeTooLarge, "the file has more than %d rows", MaxRows)
}

func tooManyCells() error {
	return trace.Errorf(trace.CodeTooLarge, "the file has more than %d cells", MaxCells)
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (w *workbook) readCell(d *xml.Decoder, start xml.StartElement, into *gridRow) error {
	column := len(into.cells)
	if ref := attribute(start, "r"); ref != "" {
		c, ok := columnOf(ref)
		if !ok {
			return errors.New("cell reference " + clip(ref))
		}
		column = c
	}
	if column >= MaxColumns {
		return trace.Errorf(trace.CodeTooLarge, "a row has more than %d columns", MaxColumns)
	}
	c, err := w.cellValue(d, attribute(start, "t"))
	if err != nil {
		return err
	}
	for len(into.cells) <= column {
		into.cells = append(into.cells, cell{})
	}
	into.cells[column] = c
	return nil
}

func (w *workbook) cellValue(d *xml.Decoder, kind string) (cell, error) {
	var c cell
	var value strings.Builder
	inValue := false
	for done := false; !done; {
		token, err := d.Token()
		if err != nil {
			return c, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "v":
				inValue = true
			case "f":
				c.formula = true
			case "is":
				text, err := richText(d, "is")
				if err != nil {
					return c, err
				}
				value.WriteString(text)
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "v":
				inValue = false
			case "c":
				done = true
			}
		case xml.CharData:
			if inValue {
				value.Write(t)
			}
		}
	}
	c.text = value.String()
	switch kind {
	case "s":
		i, err := strconv.Atoi(strings.TrimSpace(c.text))
		if err != nil || i < 0 || i >= len(w.strings) {
			return c, errors.New("shared string " + clip(c.text))
		}
		c.text = w.strings[i]
	case "b":
		c.text = map[string]string{"1": "TRUE", "0": "FALSE"}[c.text]
	case "", "n":
		if c.text != "" {
			c.number = true
			c.date04 = w.date04
			c.text = plainNumber(c.text)
		}
	case "e":
		c.broken = true
	}
	return c, nil
}

// plainNumber undoes the binary float that spreadsheets store: 15 significant digits
// are what the person typed and saw.
func plainNumber(s string) string {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 15, 64), 64)
	if err != nil {
		return s
	}
	if r > 1e18 || r < -1e18 {
		return s
	}
	return strconv.FormatFloat(r, 'f', -1, 64)
}

// columnOf reads the letters of "AB12": 27.
func columnOf(ref string) (int, bool) {
	n := 0
	i := 0
	for ; i < len(ref) && i < 4; i++ {
		c := ref[i]
		if c < 'A' || c > 'Z' {
			break
		}
		n = n*26 + int(c-'A') + 1
	}
	return n - 1, i > 0 && i < 4
}
