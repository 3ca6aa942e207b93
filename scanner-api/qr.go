package scanner

import (
	"strconv"
	"strings"

	"github.com/skip2/go-qrcode"
)

const (
	// qrPixels is the width of the picture form: enough to print at 30 mm.
	qrPixels = 512
	typePNG  = "image/png"
	typeSVG  = "image/svg+xml"
)

// qrPNG and qrSVG draw an address as a QR code (ISO/IEC 18004) with error correction
// level M and the quiet zone of four modules.
func qrPNG(address string) ([]byte, error) {
	return qrcode.Encode(address, qrcode.Medium, qrPixels)
}

func qrSVG(address string) ([]byte, error) {
	code, err := qrcode.New(address, qrcode.Medium)
	if err != nil {
		return nil, err
	}
	modules := code.Bitmap()
	size := strconv.Itoa(len(modules))
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + size + ` ` + size + `" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h` + size + `v` + size + `H0z"/><path d="`)
	for y, row := range modules {
		for x := 0; x < len(row); x++ {
			run := x
			for run < len(row) && row[run] {
				run++
			}
			if run > x {
				b.WriteString("M" + strconv.Itoa(x) + " " + strconv.Itoa(y) + "h" + strconv.Itoa(run-x) + "v1H" + strconv.Itoa(x) + "z")
				x = run
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return []byte(b.String()), nil
}
