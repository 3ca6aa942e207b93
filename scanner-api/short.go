package scanner

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
	"traceledger/scanner-api/page"
)

// short answers /c/…: it leads to the Digital Link once the pack is bound to a lot,
// and has a page of its own while it is not.
func (s *Scanner) short(c *gin.Context) {
	a, err := parseShort(c.Request.URL.EscapedPath()[len("/c/"):])
	if err != nil {
		s.refuse(c, problemAddress(err))
		return
	}
	if a.resource != resourcePage {
		s.picture(c, a)
		return
	}
	pack, found, err := s.index.Pack(a.pack)
	if err != nil {
		s.failed(c, err)
		return
	}
	if !found {
		s.refuse(c, problemUnknown("pack "+string(a.pack)))
		return
	}
	p := outlineOfPack(pack)
	if pack.Status.Lot != nil {
		target := itemPath(*pack.Status.Lot, a.serial)
		if c.Request.URL.RawQuery != "" {
			target += "?" + c.Request.URL.RawQuery
		}
		h := c.Writer.Header()
		h["Location"] = []string{target}
		h["Cache-Control"] = s.answers.noStore
		c.Writer.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	issued, err := s.library.issued(&p, a.serial, a.item)
	if err == nil && !issued {
		s.refuse(c, problemAltered())
		return
	}
	if err != nil {
		s.library.report(p.id, err)
	}
	s.roll(c, a, &p, pack.Status, err == nil)
}

// roll answers for a code of a pre-printed roll that is not bound to a lot yet.
func (s *Scanner) roll(c *gin.Context, a address, p *packOutline, status trace.PackStatus, checked bool) {
	want, err := negotiate(c.Request)
	if err != nil {
		s.refuse(c, problemAddress(err))
		return
	}
	if want.format == formatLinkset {
		s.sendLinkset(c, a.path())
		return
	}
	now := s.now()
	summary, suspected := s.scan(c.Request, p, a.serial, checked, now)
	line := rules.VerdictLine(rules.PageFacts{
		Today: trace.TimeOf(now).Date(), SuspectedCopy: suspected,
		Pack: &rules.PackFacts{Pack: p.id, Item: a.item, State: p.state, Reason: status.Reason},
	})
	if !checked {
		line = withoutCodeCheck(line)
	}
	var content []byte
	if want.format == formatJSON {
		content, err = json.Marshal(map[string]any{
			"address": a.path(), "code": map[string]any{"pack": p.id, "serial": a.serial, "item": a.item}, "codeChecked": checked,
			"scan": map[string]any{"first": firstScan(formatJSON, summary.First), "count": summary.Count}, "line": line,
		})
	} else {
		var out bytes.Buffer
		err = s.renderer.Render(&out, want.language, rollView(want.language, line, summary))
		content = out.Bytes()
	}
	if err != nil {
		s.failed(c, err)
		return
	}
	h := c.Writer.Header()
	h["Content-Type"] = s.answers.types[want.format]
	h["Cache-Control"] = s.answers.revalidate
	s.write(c, http.StatusOK, content)
}

func rollView(l page.Language, line rules.Line, summary store.ScanSummary) page.View {
	v := page.View{Notice: &page.Notice{Level: string(line.Level), Word: l.Level(line.Level), Heading: pickText(l, line.Text)}}
	v.Title = v.Notice.Heading
	say := func(zh, en string) { v.Notice.Text = append(v.Notice.Text, pickText(l, rules.Text{Zh: zh, En: en})) }
	if line.Level == rules.LineNotOnSale {
		say("这个码已由生产者发出，但尚未绑定到任何批次：带有此码的商品还不应出售。", "The producer issued this code but has not bound it to a lot: goods that carry it should not be on sale yet.")
	}
	if advice := l.Advice(line.Level); advice != "" {
		v.Notice.Text = append(v.Notice.Text, advice)
	}
	first, count := firstScan(formatHTML, summary.First), strconv.FormatUint(summary.Count, 10)
	say("首次扫码 "+first+" · 扫码次数 "+count, "First scan "+first+" · scans "+count)
	return v
}
