package scanner_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// browser is a headless Chromium that writes down what goes wrong on a page and
// which addresses it asks for.
type browser struct {
	context.Context
	t *testing.T

	mu     sync.Mutex
	wrong  []string
	asked  []string
	failed []string
}

func startBrowser(t *testing.T) *browser {
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "this test looks at pages in Chromium: install it with apt-get install chromium fonts-noto-cjk")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(3*time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 15*time.Minute)
	t.Cleanup(cancel)
	b := &browser{Context: ctx, t: t}
	require.NoError(t, chromedp.Listen(ctx, b.note))
	require.NoError(t, chromedp.Do(ctx, command(network.Enable, network.EnableParams{}), command(log.Enable, cdp.Empty{})))
	return b
}

// command makes an action of a command of the browser's protocol.
func command[P, R any](c cdp.Command[P, R], parameters P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, parameters)
		return err
	})
}

func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.wrong = append(b.wrong, string(e.Type))
		}
	case *log.EventEntryAdded:
		b.wrong = append(b.wrong, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *network.EventLoadingFailed:
		b.failed = append(b.failed, e.ErrorText)
	}
}

// measured is what a script in the page finds.
type measured struct {
	Overflow    []string `json:"overflow"`
	LineBottom  float64  `json:"lineBottom"`
	CountBottom float64  `json:"countBottom"`
	LineText    string   `json:"lineText"`
	Faint       []string `json:"faint"`
	Broken      []string `json:"broken"`
	Text        int      `json:"text"`
}

// measure opens every fold, then looks for elements wider than the window, for the
// place of the verdict line, for text whose contrast with its background is below
// 4.5 : 1 (WCAG 2.2, 1.4.3), and for links within the page that lead nowhere.
const measure = `(() => {
  const verdict = document.querySelector('#verdict') || document.querySelector('h1'); // a product has no line
  const line = verdict.getBoundingClientRect();
  const count = document.querySelector('.scan');
  const out = {overflow: [], faint: [], broken: [], lineBottom: line.bottom, lineText: verdict.textContent,
    countBottom: count ? count.getBoundingClientRect().bottom : 0, text: document.body.innerText.length};
  document.querySelectorAll('details').forEach(d => d.open = true);
  if (document.documentElement.scrollWidth > innerWidth) out.overflow.push('page ' + document.documentElement.scrollWidth);
  document.querySelectorAll('body *').forEach(e => {
    const box = e.getBoundingClientRect();
    if (box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5)) out.overflow.push(e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + box.left + '–' + box.right);
  });
  document.querySelectorAll('a[href^="#"]').forEach(a => { if (!document.getElementById(a.getAttribute('href').slice(1))) out.broken.push(a.getAttribute('href')); });
  const rgb = c => (c.match(/[\d.]+/g) || []).map(Number);
  const light = c => { const f = c.slice(0, 3).map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walker.nextNode(); n; n = walker.nextNode()) {
    const e = n.parentElement;
    if (!n.textContent.trim() || e.closest('defs')) continue;
    const style = getComputedStyle(e);
    const a = light(rgb(e.closest('svg') ? style.fill : style.color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) out.faint.push(n.textContent.trim().slice(0, 20) + ' ' + ratio.toFixed(2));
  }
  return out;
})()`

// look opens a page in a window and requires what every page promises. With
// SCREENSHOTS set to a folder it leaves a picture of each page there.
func (b *browser) look(name, address string, width, height int64, scripts bool) measured {
	b.t.Helper()
	b.mu.Lock()
	b.wrong, b.asked, b.failed = nil, nil, nil
	b.mu.Unlock()
	require.NoError(b.t, chromedp.Do(b,
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts}),
		chromedp.EmulateViewport(width, height),
		chromedp.Navigate(address),
		chromedp.WaitReady("footer"),
	), address)
	if dir := os.Getenv("SCREENSHOTS"); dir != "" && scripts {
		picture, err := chromedp.Run(b, chromedp.FullScreenshot(90))
		require.NoError(b.t, err)
		require.NoError(b.t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s %d.jpeg", name, width)), picture, 0o644))
	}
	m, err := chromedp.Run(b, chromedp.Evaluate[measured](measure))
	require.NoError(b.t, err, address)
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, m.Overflow, "%s at %d px", address, width)
	require.Empty(b.t, m.Faint, "%s at %d px", address, width)
	require.Empty(b.t, m.Broken, address)
	require.LessOrEqual(b.t, m.LineBottom, float64(height), "%s at %d px: the verdict line is below the first screen", address, width)
	require.LessOrEqual(b.t, m.CountBottom, float64(height), "%s at %d px: the scan count is below the first screen", address, width)
	require.NotEmpty(b.t, m.LineText)
	host := strings.Join(strings.SplitN(address, "/", 4)[:3], "/")
	for _, asked := range b.asked {
		require.True(b.t, strings.HasPrefix(asked, host+"/") || strings.HasPrefix(asked, "data:"), "%s asks %s", address, asked)
	}
	return m
}

// prefer sets the colour scheme that the person's phone asks for.
func (b *browser) prefer(scheme string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b, command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})))
}

func TestPagesInABrowser(t *testing.T) {
	w := startWorld(t)
	w.whole(true)
	roll := w.issue("R0110001", 3, true)
	w.settle()
	lot := w.server.URL + "/01/" + string(w.lot.GTIN) + "/10/" + string(w.lot.Lot)
	pages := map[string]string{
		"item": w.server.URL + w.item(1), "item in English": w.server.URL + w.item(2) + "?lang=en",
		"lot": lot, "product": w.server.URL + "/01/" + string(w.lot.GTIN), "roll": w.server.URL + "/c/R0110001" + string(roll[0]),
		"altered": lot + "/21/00001" + strings.Repeat("0", trace.SecretDigits), "unknown": w.server.URL + "/01/09520000200015", "malformed": w.server.URL + "/01/09520000100017",
	}
	b := startBrowser(t)
	visit := func(name, address string) {
		for _, window := range [][2]int64{{390, 844}, {1280, 800}} {
			m := b.look(name, address, window[0], window[1], true)
			plain := b.look(name, address, window[0], window[1], false)
			require.Equal(t, m.Text, plain.Text, "%s reads the same without scripts", name)
			if strings.HasPrefix(name, "item") {
				require.Empty(t, b.wrong, name)
				require.Empty(t, b.failed, name)
			}
		}
	}
	for name, address := range pages {
		visit(name, address)
	}
	b.prefer("dark")
	for name, address := range pages {
		b.look(name+" dark", address, 390, 844, true)
	}
	b.prefer("light")
	w.recall(w.lot, nil, state.BatchKey(w.lot))
	visit("item recalled", w.server.URL+w.item(1))
}
