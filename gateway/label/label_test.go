package label_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/label"
)

func item(n int) label.Item {
	serial := fmt.Sprintf("%05dABCDEFGHJKMNP", n)
	return label.Item{
		Link:  "https://trace.example.com/01/09520000100018/10/PJ261018-A/21/" + serial,
		Short: "KF261018" + serial, GTIN: "09520000100018", Lot: "PJ261018-A", Serial: trace.Serial(serial),
		Product: "蒲江金艳猕猴桃", ProductEnglish: "Pujiang Jinyan kiwifruit", Note: "5 kg · 采收 2026-10-18",
	}
}

func decode(t *testing.T, img image.Image) string {
	t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	require.NoError(t, err)
	found, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
	require.NoError(t, err)
	return found.GetText()
}

func TestPNGIsRead(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, label.PNG(&out, item(1), 60, 40))
	img, err := png.Decode(&out)
	require.NoError(t, err)
	require.Equal(t, item(1).Link, decode(t, img))
	require.Equal(t, 1417, img.Bounds().Dx(), "60 mm at 600 dpi")
}

func TestSVGIsWhole(t *testing.T) {
	it := item(1)
	it.Product = "果 & <蔬> 很长很长很长很长很长很长很长很长的名字"
	var a, b bytes.Buffer
	require.NoError(t, label.SVG(&a, it, 60, 40))
	require.NoError(t, label.SVG(&b, it, 60, 40))
	require.Equal(t, a.String(), b.String())
	require.Contains(t, a.String(), "果 &amp; &lt;蔬&gt;")
	require.Contains(t, a.String(), "(01)09520000100018")
	require.Contains(t, a.String(), `width="60mm"`)
}

// The PDF is drawn by poppler and every code on the page read back.
func TestPDFIsRead(t *testing.T) {
	tool, err := exec.LookPath("pdftoppm")
	require.NoError(t, err, "apt-get install poppler-utils")
	items := make([]label.Item, 30)
	for i := range items {
		items[i] = item(i)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "labels.pdf")
	f, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, label.PDF(f, label.A4Grid(), items))
	require.NoError(t, f.Close())
	require.NoError(t, exec.Command(tool, "-r", "200", "-png", file, filepath.Join(dir, "page")).Run())
	pages, err := filepath.Glob(filepath.Join(dir, "page*.png"))
	require.NoError(t, err)
	require.Len(t, pages, 2, "24 labels on the first sheet, 6 on the second")
	data, err := os.ReadFile(pages[0])
	require.NoError(t, err)
	img, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	dot := 200 / 25.4
	for i := range 24 {
		x, y := int(float64(i%3)*70*dot), int((0.5+float64(i/3)*37)*dot)
		cut := img.(interface {
			SubImage(image.Rectangle) image.Image
		}).SubImage(image.Rect(x, y, x+int(36*dot), y+int(37*dot)))
		require.Equal(t, items[i].Link, decode(t, cut), "label %d", i)
	}
}

func TestRefused(t *testing.T) {
	long := item(1)
	long.Link = "https://trace.example.com/" + string(bytes.Repeat([]byte("x"), 200))
	none := item(1)
	none.Link = ""
	digit := item(1)
	digit.GTIN = "09520000100019"
	for _, c := range []struct {
		name   string
		layout label.Layout
		items  []label.Item
		code   trace.Code
	}{
		{"no items", label.A4Grid(), nil, trace.CodeMissing},
		{"too many", label.A4Grid(), make([]label.Item, label.MaxItems+1), trace.CodeTooLarge},
		{"long link", label.A4Grid(), []label.Item{long}, trace.CodeTooLarge},
		{"no link", label.A4Grid(), []label.Item{none}, trace.CodeMissing},
		{"check digit", label.A4Grid(), []label.Item{digit}, trace.CodeCheckDigit},
		{"module too small", label.Roll(25, 15), []label.Item{item(1)}, trace.CodeInvalid},
		{"does not fit", label.Layout{PageWidth: 100, PageHeight: 100, Columns: 2, Rows: 1, Width: 60, Height: 40}, []label.Item{item(1)}, trace.CodeInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.code, trace.CodeOf(label.PDF(io.Discard, c.layout, c.items)))
		})
	}
}

// A long run stays within bounds: the file and the memory grow by the few hundred
// bytes of each code, not by its picture.
func TestLongRunIsBounded(t *testing.T) {
	const labels = 2_400
	items := make([]label.Item, labels)
	for i := range items {
		items[i] = item(i)
	}
	var out counter
	require.NoError(t, label.PDF(&out, label.A4Grid(), items))
	require.Less(t, int64(out), int64(labels*1_500+100_000))
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	require.Less(t, m.HeapInuse, uint64(200<<20))
}

func BenchmarkPDF(b *testing.B) {
	items := make([]label.Item, 240)
	for i := range items {
		items[i] = item(i)
	}
	for b.Loop() {
		require.NoError(b, label.PDF(io.Discard, label.A4Grid(), items))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(items)), "µs/label")
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
