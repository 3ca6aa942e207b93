package label

import (
	"strings"

	"github.com/skip2/go-qrcode"

	"traceledger/chaincode/trace"
)

// Item is what one label says.
type Item struct {
	// Link is the GS1 Digital Link, at most 200 bytes: the QR code's content.
	Link string
	// Short is the short form, for typing in; it is printed in groups of four.
	Short          string
	GTIN           trace.GTIN
	Lot            trace.LotNumber // empty on a pre-printed roll that is not yet bound
	Serial         trace.Serial
	Product        string // Chinese
	ProductEnglish string
	// Note is one more line, such as net content and harvest day.
	Note string
}

// Bounds of printing.
const (
	// MinimumModule is the least width of a QR module in millimetres: what phone
	// cameras read from a hand's distance and 203 dpi label printers still print
	// (GS1 General Specifications 5.12.3.2 starts at 0.396 mm for retail; 0.33 mm is
	// this product's floor for its own, denser codes read by phones).
	MinimumModule = 0.33
	// QuietZone is the white margin in modules (ISO/IEC 18004).
	QuietZone = 4
	// MaxItems is the most labels in one PDF; longer runs go into several.
	MaxItems = 10_000
	maxLink  = 200
)

// validate refuses what cannot be printed readably.
func (i Item) validate() error {
	if i.Link == "" {
		return trace.Errorf(trace.CodeMissing, "label has no link")
	}
	if len(i.Link) > maxLink {
		return trace.Errorf(trace.CodeTooLarge, "link has %d bytes, at most %d", len(i.Link), maxLink)
	}
	if len(i.Short) > 32 {
		return trace.Errorf(trace.CodeTooLarge, "short form %q has %d characters, at most 32", i.Short, len(i.Short))
	}
	if i.GTIN != "" {
		if err := i.GTIN.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// HumanReadable is the GS1 text below a symbol: "(01)09520000100018 (10)PJ261018-A
// (21)…" (GS1 General Specifications 4.14).
func (i Item) HumanReadable() []string {
	var out []string
	for _, part := range [][2]string{{"(01)", string(i.GTIN)}, {"(10)", string(i.Lot)}, {"(21)", string(i.Serial)}} {
		if part[1] != "" {
			out = append(out, part[0]+part[1])
		}
	}
	return out
}

// grouped breaks the short form into groups of four, four groups to a line, so that
// it is never cut.
func (i Item) grouped() []string {
	var out []string
	for rest := i.Short; rest != ""; {
		n := min(16, len(rest))
		var b strings.Builder
		for at, r := range rest[:n] {
			if at > 0 && at%4 == 0 {
				b.WriteByte(' ')
			}
			b.WriteRune(r)
		}
		out = append(out, b.String())
		rest = rest[n:]
	}
	return out
}

// modules gives the QR code without its quiet zone, true for dark.
func modules(link string) ([][]bool, error) {
	code, err := qrcode.New(link, qrcode.Medium)
	if err != nil {
		return nil, trace.Errorf(trace.CodeInvalid, "link %q cannot be a QR code: %v", link, err)
	}
	code.DisableBorder = true
	return code.Bitmap(), nil
}

// line is one line of text with its size in points.
type line struct {
	text string
	size float64
	grey bool
}

// lines is what stands beside the code, most important first.
func (i Item) lines() []line {
	var out []line
	add := func(text string, size float64, grey bool) {
		if text != "" {
			out = append(out, line{text, size, grey})
		}
	}
	add(i.Product, 8, false)
	add(i.ProductEnglish, 5.5, true)
	add(i.Note, 6, false)
	for _, t := range i.HumanReadable() {
		add(t, 5.5, false)
	}
	for _, t := range i.grouped() {
		add(t, 5.5, true)
	}
	return out
}
