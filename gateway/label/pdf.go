package label

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"

	"github.com/signintech/gopdf"
	"golang.org/x/image/font/gofont/goregular"

	"traceledger/chaincode/trace"
)

// points in a millimetre.
const points = 72 / 25.4

// PDF writes the items as labels, row by row, page by page. Each code is a one-bit
// image of a few hundred bytes with one pixel a module, so 10,000 labels stay within
// tens of megabytes of memory.
func PDF(w io.Writer, layout Layout, items []Item) error {
	if err := layout.validate(); err != nil {
		return err
	}
	if len(items) == 0 {
		return trace.Errorf(trace.CodeMissing, "no labels to print")
	}
	if len(items) > MaxItems {
		return trace.Errorf(trace.CodeTooLarge, "%d labels, at most %d in one file", len(items), MaxItems)
	}
	p, err := newPDF(layout)
	if err != nil {
		return err
	}
	perPage := layout.Columns * layout.Rows
	for n, item := range items {
		if n%perPage == 0 {
			p.pdf.AddPage()
		}
		cell := n % perPage
		x := layout.Left + float64(cell%layout.Columns)*(layout.Width+layout.GapX)
		y := layout.Top + float64(cell/layout.Columns)*(layout.Height+layout.GapY)
		if err := p.label(item, x, y); err != nil {
			return err
		}
	}
	_, err = p.pdf.WriteTo(w)
	return err
}

type pdfWriter struct {
	pdf    gopdf.GoPdf
	png    png.Encoder
	fonts  *fonts
	layout Layout
}

func newPDF(layout Layout) (*pdfWriter, error) {
	f, err := newFonts()
	if err != nil {
		return nil, err
	}
	p := &pdfWriter{fonts: f, layout: layout, png: png.Encoder{BufferPool: &oneBuffer{}}}
	p.pdf.Start(gopdf.Config{PageSize: gopdf.Rect{W: layout.PageWidth * points, H: layout.PageHeight * points}})
	p.pdf.SetInfo(gopdf.PdfInfo{Title: "Labels", Producer: "traceledger"})
	if err := p.pdf.AddTTFFontData(latinFont, goregular.TTF); err != nil {
		return nil, err
	}
	return p, p.pdf.AddTTFFontData(chineseFont, chinese)
}

// label draws one label with its upper left corner at x, y millimetres.
func (p *pdfWriter) label(item Item, x, y float64) error {
	if err := item.validate(); err != nil {
		return err
	}
	code, err := modules(item.Link)
	if err != nil {
		return err
	}
	module, err := p.layout.module(len(code))
	if err != nil {
		return err
	}
	picture, err := p.onePixelModules(code)
	if err != nil {
		return err
	}
	holder, err := gopdf.ImageHolderByBytes(picture)
	if err != nil {
		return err
	}
	side := module * float64(len(code))
	quiet := module * QuietZone
	top := y + (p.layout.Height-side)/2
	if err := p.pdf.ImageByHolder(holder, (x+padding+quiet)*points, top*points, &gopdf.Rect{W: side * points, H: side * points}); err != nil {
		return err
	}
	left := x + padding + side + 2*quiet
	return p.text(item.lines(), left, y, x+p.layout.Width-padding-left)
}

// onePixelModules is the code as a two-colour PNG, one pixel a module.
func (p *pdfWriter) onePixelModules(code [][]bool) ([]byte, error) {
	img := image.NewPaletted(image.Rect(0, 0, len(code), len(code)), color.Palette{color.White, color.Black})
	for y, row := range code {
		for x, dark := range row {
			if dark {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var out bytes.Buffer
	if err := p.png.Encode(&out, img); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// oneBuffer lets thousands of small pictures share one compressor.
type oneBuffer struct{ buffer *png.EncoderBuffer }

func (b *oneBuffer) Get() *png.EncoderBuffer  { return b.buffer }
func (b *oneBuffer) Put(e *png.EncoderBuffer) { b.buffer = e }

// leading is the height of a line in its own size.
const leading = 1.3

// text sets the lines in a column of the given width, centred on the label's height;
// lines that do not fit the height are left out, the least important first.
func (p *pdfWriter) text(lines []line, x, y, width float64) error {
	room := (p.layout.Height - 2*padding) * points
	for height(lines) > room && len(lines) > 1 {
		lines = lines[:len(lines)-1]
	}
	at := y*points + (p.layout.Height*points-height(lines))/2
	for _, l := range lines {
		if l.grey {
			p.pdf.SetTextColor(70, 70, 70)
		} else {
			p.pdf.SetTextColor(0, 0, 0)
		}
		var failed error
		shown := clipped(l.text, width*points, func(s string) float64 {
			total, err := p.measure(s, l.size)
			if err != nil {
				failed = err
			}
			return total
		})
		if failed != nil {
			return failed
		}
		if err := p.set(shown, l.size, x*points, at); err != nil {
			return err
		}
		at += l.size * leading
	}
	return nil
}

func height(lines []line) float64 {
	total := 0.0
	for _, l := range lines {
		total += l.size * leading
	}
	return total
}

func (p *pdfWriter) measure(s string, size float64) (float64, error) {
	total := 0.0
	for _, r := range p.fonts.runs(s) {
		if err := p.pdf.SetFont(r.font, "", size); err != nil {
			return 0, err
		}
		w, err := p.pdf.MeasureTextWidth(r.text)
		if err != nil {
			return 0, err
		}
		total += w
	}
	return total, nil
}

func (p *pdfWriter) set(s string, size, x, y float64) error {
	for _, r := range p.fonts.runs(s) {
		if err := p.pdf.SetFont(r.font, "", size); err != nil {
			return err
		}
		// One baseline for both fonts, whatever their ascent.
		p.pdf.SetXY(x, y+size)
		w, err := p.pdf.MeasureTextWidth(r.text)
		if err != nil {
			return err
		}
		if err := p.pdf.Text(r.text); err != nil {
			return err
		}
		x += w
	}
	return nil
}
