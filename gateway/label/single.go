package label

import (
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// dotsPerMillimetre of a single label's PNG: 600 dpi.
const dotsPerMillimetre = 600 / 25.4

// PNG writes one label of width × height millimetres at 600 dpi.
func PNG(w io.Writer, item Item, width, height float64) error {
	layout := Roll(width, height)
	if err := layout.validate(); err != nil {
		return err
	}
	code, module, err := symbolOf(layout, item)
	if err != nil {
		return err
	}
	// A whole number of dots a module keeps the edges sharp; rounding down keeps the
	// module above the floor because 600 dpi has 7.8 dots to 0.33 mm.
	dots := max(int(module*dotsPerMillimetre), int(math.Ceil(MinimumModule*dotsPerMillimetre)))
	canvas := image.NewGray(image.Rect(0, 0, int(width*dotsPerMillimetre), int(height*dotsPerMillimetre)))
	draw.Draw(canvas, canvas.Bounds(), image.White, image.Point{}, draw.Src)
	edge := int(math.Round(padding * dotsPerMillimetre))
	left := edge + QuietZone*dots
	top := (canvas.Bounds().Dy() - len(code)*dots) / 2
	for y, row := range code {
		for x, dark := range row {
			if dark {
				draw.Draw(canvas, image.Rect(left+x*dots, top+y*dots, left+(x+1)*dots, top+(y+1)*dots), image.Black, image.Point{}, draw.Src)
			}
		}
	}
	column := left + (len(code)+QuietZone)*dots
	if err := paint(canvas, item.lines(), column, canvas.Bounds().Dx()-edge-column); err != nil {
		return err
	}
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	return encoder.Encode(w, canvas)
}

func symbolOf(layout Layout, item Item) ([][]bool, float64, error) {
	if err := item.validate(); err != nil {
		return nil, 0, err
	}
	code, err := modules(item.Link)
	if err != nil {
		return nil, 0, err
	}
	module, err := layout.module(len(code))
	return code, module, err
}

// paint sets the lines in a column of the picture.
func paint(canvas *image.Gray, lines []line, x, width int) error {
	f, err := newFonts()
	if err != nil {
		return err
	}
	room := float64(canvas.Bounds().Dy()) / dotsPerMillimetre * points
	for height(lines) > room-2*padding*points && len(lines) > 1 {
		lines = lines[:len(lines)-1]
	}
	const dot = dotsPerMillimetre / points // dots in a point
	at := (float64(canvas.Bounds().Dy()) - height(lines)*dot) / 2
	for _, l := range lines {
		faces := map[string]font.Face{}
		for name, parsed := range map[string]*opentype.Font{latinFont: f.latin, chineseFont: f.chinese} {
			face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: l.size, DPI: 600, Hinting: font.HintingFull})
			if err != nil {
				return err
			}
			defer face.Close()
			faces[name] = face
		}
		measure := func(s string) float64 {
			total := fixed.Int26_6(0)
			for _, r := range f.runs(s) {
				total += font.MeasureString(faces[r.font], r.text)
			}
			return float64(total) / 64
		}
		ink := image.NewUniform(color.Gray{})
		if l.grey {
			ink = image.NewUniform(color.Gray{Y: 70})
		}
		pen := font.Drawer{Dst: canvas, Src: ink, Dot: fixed.P(x, int(at+l.size*dot))}
		for _, r := range f.runs(clipped(l.text, float64(width), measure)) {
			pen.Face = faces[r.font]
			pen.DrawString(r.text)
		}
		at += l.size * leading * dot
	}
	return nil
}

// SVG writes one label of width × height millimetres. The code is one path; the text
// stays text, in whatever Chinese font the viewer has.
func SVG(w io.Writer, item Item, width, height float64) error {
	layout := Roll(width, height)
	if err := layout.validate(); err != nil {
		return err
	}
	code, module, err := symbolOf(layout, item)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%gmm" height="%gmm" viewBox="0 0 %g %g">`, width, height, width, height)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="#fff"/>`, width, height)
	side := module * float64(len(code))
	left := padding + QuietZone*module
	fmt.Fprintf(&b, `<path shape-rendering="crispEdges" transform="translate(%.3f %.3f) scale(%.5f)" d="%s"/>`, left, (height-side)/2, module, path(code))
	svgText(&b, item.lines(), left+side+QuietZone*module, width, height)
	b.WriteString("</svg>\n")
	_, err = io.WriteString(w, b.String())
	return err
}

// path draws runs of dark modules, a unit square each.
func path(code [][]bool) string {
	var b strings.Builder
	for y, row := range code {
		for x := 0; x < len(row); x++ {
			if !row[x] {
				continue
			}
			end := x
			for end < len(row) && row[end] {
				end++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x, y, end-x, end-x)
			x = end
		}
	}
	return b.String()
}

func svgText(b *strings.Builder, lines []line, x, width, tall float64) {
	for height(lines) > (tall-2*padding)*points && len(lines) > 1 {
		lines = lines[:len(lines)-1]
	}
	at := (tall - height(lines)/points) / 2
	for _, l := range lines {
		ink := "#000"
		if l.grey {
			ink = "#464646"
		}
		// A line wider than its column is drawn together, never over the edge.
		limit := ""
		if estimate := estimatedWidth(l) / points; estimate > width-padding-x {
			limit = fmt.Sprintf(` textLength="%.2f" lengthAdjust="spacingAndGlyphs"`, width-padding-x)
		}
		fmt.Fprintf(b, `<text x="%.2f" y="%.2f" font-size="%.2f" fill="%s" font-family="'Noto Sans SC','PingFang SC','Microsoft YaHei',sans-serif"%s>`, x, at+l.size/points, l.size/points, ink, limit)
		_ = xml.EscapeText(b, []byte(l.text)) // a strings.Builder does not fail
		b.WriteString("</text>")
		at += l.size * leading / points
	}
}

// estimatedWidth in points: a Chinese character is as wide as its size, others about
// six tenths.
func estimatedWidth(l line) float64 {
	total := 0.0
	for _, r := range l.text {
		if r >= 0x2e80 {
			total += l.size
		} else {
			total += l.size * 0.6
		}
	}
	return total
}
