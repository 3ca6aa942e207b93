package desk_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/fixtures"
)

// browser is a headless Chromium that writes down what goes wrong on a page and which
// addresses it asks for.
type browser struct {
	context.Context
	t    *testing.T
	base string
	role trace.Role

	mu    sync.Mutex
	wrong []string
	asked []string
}

func startBrowser(t *testing.T, base string) *browser {
	found, err := exec.LookPath("chromium")
	require.NoError(t, err, "this test looks at pages in Chromium: install it with apt-get install chromium fonts-noto-cjk")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(found), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(3*time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 15*time.Minute)
	t.Cleanup(cancel)
	b := &browser{Context: ctx, t: t, base: base}
	require.NoError(t, chromedp.Listen(ctx, b.note))
	require.NoError(t, chromedp.Do(ctx, command(network.Enable, network.EnableParams{}), command(log.Enable, cdp.Empty{}),
		// The desk works without scripts, so the test has none either.
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})))
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
	case *log.EventEntryAdded:
		// Refusals answer with their status, which the browser logs.
		if !strings.Contains(e.Entry.Text, "the server responded with a status of 4") {
			b.wrong = append(b.wrong, e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	}
}

// measured is what a page looks like.
type measured struct {
	Overflow []string `json:"overflow"`
	Faint    []string `json:"faint"`
	Nameless []string `json:"nameless"`
	Text     string   `json:"text"`
}

// measure opens every fold and looks for elements wider than the window, for text whose
// contrast with its background is below 4.5 : 1 (WCAG 2.2, 1.4.3), and for fields
// without a label.
const measure = `(() => {
  const out = {overflow: [], faint: [], nameless: [], text: document.body.innerText};
  document.querySelectorAll('details').forEach(d => d.open = true);
  if (document.documentElement.scrollWidth > innerWidth) out.overflow.push('page ' + document.documentElement.scrollWidth);
  document.querySelectorAll('body *').forEach(e => {
    const box = e.getBoundingClientRect();
    if (box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5)) out.overflow.push(e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + box.left + '–' + box.right);
  });
  document.querySelectorAll('input:not([type=hidden]),select,textarea').forEach(e => { if (!e.labels.length && !e.getAttribute('aria-label')) out.nameless.push(e.name); });
  const rgb = c => (c.match(/[\d.]+/g) || []).map(Number);
  const light = c => { const f = c.slice(0, 3).map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walker.nextNode(); n; n = walker.nextNode()) {
    const e = n.parentElement;
    if (!n.textContent.trim() || e.closest('datalist')) continue;
    const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) out.faint.push(n.textContent.trim().slice(0, 20) + ' ' + ratio.toFixed(2));
  }
  return out;
})()`

// look requires of the open page what every page promises, at phone and desk width.
// With SCREENSHOTS set to a folder it leaves a picture of each there.
func (b *browser) look(name string) string {
	b.t.Helper()
	text := ""
	for _, window := range [][2]int64{{390, 844}, {1280, 800}} {
		require.NoError(b.t, chromedp.Do(b, chromedp.EmulateViewport(window[0], window[1])))
		if dir := os.Getenv("SCREENSHOTS"); dir != "" {
			picture, err := chromedp.Run(b, chromedp.FullScreenshot(100))
			require.NoError(b.t, err)
			require.NoError(b.t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s %d.png", name, window[0])), picture, 0o644))
		}
		m, err := chromedp.Run(b, chromedp.Evaluate[measured](measure))
		require.NoError(b.t, err, name)
		require.Empty(b.t, m.Overflow, "%s at %d px", name, window[0])
		require.Empty(b.t, m.Faint, "%s at %d px", name, window[0])
		require.Empty(b.t, m.Nameless, name)
		text = m.Text
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.wrong, name)
	for _, asked := range b.asked {
		require.True(b.t, strings.HasPrefix(asked, b.base+"/") || strings.HasPrefix(asked, "data:"), "%s asks %s", name, asked)
		require.NotContains(b.t, asked, "tlt_", "a token in an address")
	}
	return text
}

func (b *browser) open(address string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b, chromedp.Navigate(b.base+address), chromedp.WaitReady("footer")), address)
}

// press clicks a button and waits for the page behind it. To wait for something on it is not
// enough: the page before it, which stays until the answer comes, may have that too.
func (b *browser) press(button, then string) {
	b.t.Helper()
	_, err := chromedp.RunResponse(b, chromedp.Click(button))
	require.NoError(b.t, err, button)
	require.NoError(b.t, chromedp.Do(b, chromedp.WaitReady(then)), "%s → %s", button, then)
}

func (b *browser) fill(field, value string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b, chromedp.SendKeys(field, value)), field)
}

func (b *browser) signIn(token string) {
	b.t.Helper()
	b.open("/desk")
	b.fill("input[name=token]", token)
	b.press("main form button", ".who")
}

// attach puts fixtures into a file field.
func (b *browser) attach(field string, files ...string) {
	b.t.Helper()
	dir := b.t.TempDir()
	var paths []string
	for _, f := range files {
		data, err := fs.ReadFile(fixtures.Files(), f)
		require.NoError(b.t, err)
		at := filepath.Join(dir, path.Base(f))
		require.NoError(b.t, os.WriteFile(at, data, 0o644))
		paths = append(paths, at)
	}
	require.NoError(b.t, chromedp.Do(b, chromedp.SetUploadFiles(field, paths)), field)
}

// TestDesksInABrowser goes through each desk the way its people do, without scripts, on
// a phone's and a desk's screen.
func TestDesksInABrowser(t *testing.T) {
	h := open(t)
	b := startBrowser(t, h.Base)
	b.open("/desk")
	b.look("sign-in")
	b.fill("input[name=token]", "tlt_0000000000000000_wrong")
	b.press("main form button", ".notice-box")
	require.Contains(t, b.look("sign-in refused"), "令牌不对")

	seen := map[trace.Role]bool{}
	for _, up := range h.demo.Uploads {
		p := h.signedIn(t, up.Party, up.Role)
		if seen[up.Role] || up.File == "kiwifruit/season-record.xlsx" || strings.HasPrefix(up.File, "kiwifruit/orchard-station") {
			p.upload(up)
			p.confirm("/desk/" + string(up.Role) + "/upload/" + up.Kind)
			require.Contains(t, p.page, "全部已在账本上", "%s: %s", up.File, p.page)
			continue
		}
		seen[up.Role] = true
		require.True(t, t.Run(string(up.Role), func(t *testing.T) { b.wholeJob(t, h, up) }))
	}
	for _, role := range []trace.Role{"farm", "factory", "lab", "carrier", "merchant", "consumer-desk", "monitor", "consumer-panel", "regulator", "reviewer"} {
		require.True(t, seen[role], "no upload of the demonstration is by a %s", role)
	}
}

// devices enrols two devices by hand and puts one in the place of another.
func (b *browser) devices(role string) {
	b.t.Helper()
	page := "/desk/" + role + "/devices"
	for n, id := range []string{role + "-spare", role + "-new"} {
		b.open(page)
		b.look(role + " devices")
		b.fill("input[name=device]", id)
		if role == string(trace.RoleCarrier) {
			b.fill("input[name=terminal]", fmt.Sprintf("1380013800%d", n))
		}
		b.press("main form.card button", "h2.step")
		require.Contains(b.t, b.look(role+" device enrolled"), "已登记")
	}
	device := "os-0801"
	if role == string(trace.RoleCarrier) {
		device = "bd-0718"
	}
	b.open(page + "/" + device)
	b.look(role + " device")
	b.fill("select[name=by]", role+"-new") // look has opened the fold
	b.press("button[value=swap]", "#again")
	require.Contains(b.t, b.look(role+" swap"), "可以记录")
	b.press("button[value=swap-confirm]", ".receipt")
	require.Contains(b.t, b.look(role+" swapped"), "已在账本上")
}

// wholeJob signs in, uploads a sheet, sees the dry run, confirms, and reads the record.
func (b *browser) wholeJob(t *testing.T, h *house, up fixtures.Upload) {
	b.t, b.role = t, up.Role
	role := string(up.Role)
	b.signIn(h.tokens[string(up.Party)+"@"+role])
	b.look(role + " 1 home")
	b.open("/desk/" + role + "/upload/" + up.Kind)
	b.look(role + " 2 upload")
	b.attach(`input[name="file:sheet"]`, up.File)
	if len(up.Attachments) > 0 {
		b.attach(`input[name="file:attachments"]`, up.Attachments...)
	}
	b.press("button[value=check]", ".step")
	require.Contains(t, b.look(role+" 3 dry run"), "可以记录，请核对后确认")
	b.press("button[value=confirm]", ".receipts")
	require.Contains(t, b.look(role+" 4 receipts"), "全部已在账本上")
	b.press(".receipts a", "pre")
	require.Contains(t, b.look(role+" 5 record"), "背书机构")
	b.open("/desk/" + role)
	b.look(role + " 6 home")
	for _, m := range trace.Methods() {
		for _, r := range m.Roles {
			if r == up.Role {
				b.open("/desk/" + role + "/new" + m.Path)
				b.look(role + " form " + m.Name)
			}
		}
	}
	if up.Role == trace.RoleFarm || up.Role == trace.RoleCarrier {
		b.devices(role)
	}
	b.open("/desk/" + role + "?lang=en")
	require.Contains(t, b.look(role+" 7 home in English"), "Sign out")
	b.open("/desk/" + role + "?lang=zh")
	b.press(`form[action="/desk/sign-out"] button`, "input[name=token]")
}
