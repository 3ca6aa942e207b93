// Package chart draws what a journey's devices measured as SVG: temperatures
// against their permitted range, humidity, and the coarse track.
//
// In come plain series and spans with their words already in the reader's
// language; out comes one self-contained <svg> element whose colours and type
// sizes are classes of the page's style sheet, never style attributes (a strict
// content security policy forbids those). Drawings are 360 units wide, the width
// of a small phone, and scale with the page.
//
// Nothing is told by colour alone: the excursions carry a triangle, defrosts a
// diamond, gaps a hatching, and every mark is named in the legend.
//
// The package must not import the index, the store or HTTP.
package chart

import (
	"html"
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
)

// Width is the width of every drawing in user units.
const Width = 360

// Span is a stretch of time with its mark's words.
type Span struct {
	From, To trace.Time
	Label    string
}

// drawing collects SVG text. Coordinates are in tenths of a unit: a tenth is finer
// than a phone's pixel and keeps paths short.
type drawing struct{ strings.Builder }

func tenths(v int) string {
	if v%10 == 0 {
		return strconv.Itoa(v / 10)
	}
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	whole := ""
	if v >= 10 {
		whole = strconv.Itoa(v / 10)
	}
	return sign + whole + "." + strconv.Itoa(v%10)
}

func (d *drawing) open(height int, title, description, class string) {
	d.WriteString(`<svg class="chart ` + class + `" viewBox="0 0 ` + strconv.Itoa(Width) + ` ` + strconv.Itoa(height) + `" role="img" aria-label="`)
	d.WriteString(html.EscapeString(title + ". " + description))
	d.WriteString(`">`)
}

func (d *drawing) close() { d.WriteString("</svg>") }

func (d *drawing) rect(class string, x, y, w, h int) {
	d.WriteString(`<rect class="` + class + `" x="` + tenths(x) + `" y="` + tenths(y) + `" width="` + tenths(max(w, 0)) + `" height="` + tenths(max(h, 0)) + `"/>`)
}

func (d *drawing) line(class string, x1, y1, x2, y2 int) {
	d.WriteString(`<path class="` + class + `" d="M` + tenths(x1) + ` ` + tenths(y1))
	switch {
	case y1 == y2:
		d.WriteString("H" + tenths(x2))
	case x1 == x2:
		d.WriteString("V" + tenths(y2))
	default:
		d.WriteString("L" + tenths(x2) + " " + tenths(y2))
	}
	d.WriteString(`"/>`)
}

func (d *drawing) text(class, anchor string, x, y int, words string) {
	d.WriteString(`<text`)
	if class != "" {
		d.WriteString(` class="` + class + `"`)
	}
	if anchor != "" {
		d.WriteString(` text-anchor="` + anchor + `"`)
	}
	d.WriteString(` x="` + tenths(x) + `" y="` + tenths(y) + `">` + html.EscapeString(words) + `</text>`)
}

// triangle is the mark of an excursion, its tip at x, y.
func (d *drawing) triangle(class string, x, y int) {
	d.WriteString(`<path class="` + class + `" d="M` + tenths(x) + ` ` + tenths(y) + `l4.5-8h-9z"/>`)
}

// diamond is the mark of a defrost, its lower tip at x, y.
func (d *drawing) diamond(class string, x, y int) {
	d.WriteString(`<path class="` + class + `" d="M` + tenths(x) + ` ` + tenths(y) + `l3-3.5-3-3.5-3 3.5z"/>`)
}

func (d *drawing) circle(class string, x, y, r int) {
	d.WriteString(`<circle class="` + class + `" cx="` + tenths(x) + `" cy="` + tenths(y) + `" r="` + tenths(r) + `"/>`)
}

// path writes one path of several strokes, with relative steps.
type path struct {
	strings.Builder
	x, y    int
	drawing bool
}

func (p *path) lift() { p.drawing = false }

func (p *path) to(x, y int) {
	if !p.drawing {
		p.WriteString("M" + tenths(x) + " " + tenths(y))
		p.x, p.y, p.drawing = x, y, true
		return
	}
	dx, dy := x-p.x, y-p.y
	if dx == 0 && dy == 0 {
		return
	}
	p.WriteString("l" + tenths(dx))
	if dy >= 0 {
		p.WriteByte(' ')
	}
	p.WriteString(tenths(dy))
	p.x, p.y = x, y
}

// textWidth estimates how wide words are at a type size, in tenths: a CJK character
// is as wide as it is high, others a little over half.
func textWidth(words string, size int) int {
	w := 0
	for _, r := range words {
		if r >= 0x2e80 {
			w += size
		} else {
			w += size * 56 / 100
		}
	}
	return w
}
