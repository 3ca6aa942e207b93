package label

import "traceledger/chaincode/trace"

// Layout divides paper into labels. All lengths are in millimetres.
type Layout struct {
	PageWidth, PageHeight float64
	Columns, Rows         int
	Width, Height         float64 // of one label
	Left, Top             float64 // of the first label on the page
	GapX, GapY            float64
}

// A4Grid is a sheet of 24 labels of 70 × 37 mm (3 × 8), the common office size.
func A4Grid() Layout {
	return Layout{PageWidth: 210, PageHeight: 297, Columns: 3, Rows: 8, Width: 70, Height: 37, Top: 0.5}
}

// Roll is a roll with one label of the size to a page, for label printers.
func Roll(width, height float64) Layout {
	return Layout{PageWidth: width, PageHeight: height, Columns: 1, Rows: 1, Width: width, Height: height}
}

// padding is the white left at each side of a label.
const padding = 1.5

// validate checks that the labels fit the page.
func (l Layout) validate() error {
	bad := func(what string) error {
		return trace.Errorf(trace.CodeInvalid, "layout: %s", what)
	}
	switch {
	case l.Columns < 1 || l.Columns > 20 || l.Rows < 1 || l.Rows > 40:
		return bad("columns must be 1 to 20 and rows 1 to 40")
	case l.Width < 15 || l.Height < 15 || l.PageWidth > 2000 || l.PageHeight > 2000:
		return bad("a label must be at least 15 × 15 mm and a page at most 2 × 2 m")
	case l.Left < 0 || l.Top < 0 || l.GapX < 0 || l.GapY < 0:
		return bad("margins and gaps must not be negative")
	}
	const rounding = 0.01
	if l.Left+float64(l.Columns)*(l.Width+l.GapX)-l.GapX > l.PageWidth+rounding ||
		l.Top+float64(l.Rows)*(l.Height+l.GapY)-l.GapY > l.PageHeight+rounding {
		return bad("the labels do not fit the page")
	}
	return nil
}

// symbol is the width of the QR code with its quiet zone: the label's height, but at
// most half of its width so that the text keeps room.
func (l Layout) symbol() float64 {
	return min(l.Height-2*padding, l.Width/2)
}

// module gives the module width for a code of n modules, or refuses it.
func (l Layout) module(n int) (float64, error) {
	m := l.symbol() / float64(n+2*QuietZone)
	if m < MinimumModule {
		need := MinimumModule * float64(n+2*QuietZone)
		return 0, trace.Errorf(trace.CodeInvalid, "labels of %g × %g mm give modules of %.2f mm, at least %.2f; the code needs a label at least %.1f mm high and %.1f mm wide",
			l.Width, l.Height, m, MinimumModule, need+2*padding, 2*need)
	}
	return m, nil
}
