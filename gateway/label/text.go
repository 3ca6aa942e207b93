package label

import (
	_ "embed"
	"strings"

	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

//go:embed font/DroidSansFallback.ttf
var chinese []byte

// Fonts by name, as the PDF knows them.
const (
	latinFont   = "latin"
	chineseFont = "chinese"
)

// fonts tells which of the two fonts has a character (docs/decisions/label-font.md).
type fonts struct {
	latin, chinese *sfnt.Font
	buffer         sfnt.Buffer
}

func newFonts() (*fonts, error) {
	l, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	c, err := sfnt.Parse(chinese)
	if err != nil {
		return nil, err
	}
	return &fonts{latin: l, chinese: c}, nil
}

// FontData gives the embedded fonts to other writers of Chinese documents: the one
// for Latin text and the one for Chinese.
func FontData() (latin, han []byte) { return goregular.TTF, chinese }

type run struct {
	font string
	text string
}

// runs splits text by font; what no font has becomes '?'.
func (f *fonts) runs(text string) []run {
	var out []run
	for _, r := range text {
		name := latinFont
		if !f.has(f.latin, r) {
			if name = chineseFont; !f.has(f.chinese, r) {
				name, r = latinFont, '?'
			}
		}
		if n := len(out); n > 0 && out[n-1].font == name {
			out[n-1].text += string(r)
		} else {
			out = append(out, run{name, string(r)})
		}
	}
	return out
}

func (f *fonts) has(font *sfnt.Font, r rune) bool {
	g, err := font.GlyphIndex(&f.buffer, r)
	return err == nil && g != 0
}

// clipped shortens text until it is at most most wide by measure.
func clipped(text string, most float64, measure func(string) float64) string {
	if measure(text) <= most {
		return text
	}
	r := []rune(text)
	for len(r) > 1 {
		r = r[:len(r)-1]
		if short := strings.TrimRight(string(r), " ") + "…"; measure(short) <= most {
			return short
		}
	}
	return string(r)
}
