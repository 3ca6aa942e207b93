package scanner

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
	"traceledger/gateway/wording"
	"traceledger/scanner-api/page"
)

// Codes of refusals, beside those of addresses and of package trace.
const (
	CodeUnknown     trace.Code = "CODE_UNKNOWN"        // the lot, product or pack is not on the ledger
	CodeAltered     trace.Code = "CODE_ALTERED"        // the lot is known, but the producer issued no such code in it
	CodeNoPage      trace.Code = "NO_PAGE"             // no page of this site
	CodeMethod      trace.Code = "METHOD_NOT_ALLOWED"  // only GET and HEAD
	CodeTooMany     trace.Code = "TOO_MANY_REQUESTS"   // beyond the client's rate
	CodeInternal    trace.Code = "INTERNAL"            // the page could not be made
	CodeUnavailable trace.Code = "PROOF_NOT_AVAILABLE" // the pack's leaf file is not kept here
)

// problem is an answer that is not the page asked for: what it means and what to do.
type problem struct {
	status     int
	level      rules.LineLevel // whose colour and sign the page uses
	code       trace.Code
	word       rules.Text // over the heading; "notice" if empty
	heading    rules.Text
	advice     []rules.Text
	detail     string // the coded error's own words
	retryAfter time.Duration
}

func problemNotFound() problem {
	return problem{status: http.StatusNotFound, level: rules.LineIncomplete, code: CodeNoPage,
		heading: rules.Text{Zh: "没有这个页面", En: "There is no such page"},
		advice:  []rules.Text{{Zh: "请扫描包装上的二维码。", En: "Scan the code on the pack."}}}
}

func problemMethod(method string) problem {
	return problem{status: http.StatusMethodNotAllowed, level: rules.LineIncomplete, code: CodeMethod,
		heading: rules.Text{Zh: "本站只供查询", En: "This site is for reading only"}, detail: method + ": only GET and HEAD are served"}
}

func problemTooMany(wait time.Duration) problem {
	return problem{status: http.StatusTooManyRequests, level: rules.LineIncomplete, code: CodeTooMany, retryAfter: wait,
		heading: rules.Text{Zh: "查询过于频繁，请稍后再试", En: "Too many requests; try again in a moment"}}
}

func problemInternal(request string) problem {
	return problem{status: http.StatusInternalServerError, level: rules.LineIncomplete, code: CodeInternal,
		detail:  "the server failed; its log has the details under request " + request,
		heading: rules.Text{Zh: "页面暂时无法显示", En: "The page cannot be shown right now"},
		advice:  []rules.Text{{Zh: "这不代表商品有问题。请稍后重新扫码。", En: "This says nothing about the goods. Scan again later."}}}
}

// problemUnknown is for codes whose product, lot or pack the ledger does not hold.
func problemUnknown(what string) problem {
	return problem{status: http.StatusNotFound, level: rules.LineWarning, code: CodeUnknown, word: rules.Text{Zh: "查无记录", En: "Not on record"}, detail: what + " is not on the ledger",
		heading: rules.Text{Zh: "查无此码：账本上没有这个批次或商品", En: "Unknown code: the ledger holds no such lot or product"},
		advice: []rules.Text{
			{Zh: "请核对是否扫全、是否误输。", En: "Check that the whole code was scanned or typed."},
			{Zh: "若码来自包装，该商品可能并非出自所标生产者：请保留包装与购买凭证，联系商家或拨打 12315。", En: "If it was printed on a pack, the goods may not come from the producer named on it: keep the pack and the receipt, and ask the merchant or call 12315."},
		}}
}

// problemAltered is for serials that the producer did not issue in that lot.
func problemAltered() problem {
	return problem{status: http.StatusNotFound, level: rules.LineRecalled, code: CodeAltered, word: rules.Text{Zh: "谨防假冒", En: "Beware"}, detail: "the producer issued no such code in this lot",
		heading: rules.Text{Zh: "此码不是生产者发出的：可能被篡改或伪造", En: "The producer did not issue this code: it may be altered or forged"},
		advice: []rules.Text{
			{Zh: "账本上有这个批次，但生产者公布的发码清单里没有这一个码。", En: "The ledger holds the lot, but this code is not in the list that the producer published."},
			{Zh: "若手工输入，请核对每一位；若为扫码，请勿食用或使用，保留包装与购买凭证，联系商家或拨打 12315。", En: "If you typed it, check every character. If you scanned it, do not eat or use the goods; keep the pack and the receipt, and ask the merchant or call 12315."},
		}}
}

// problemAddress is for paths that are no well-formed code.
func problemAddress(err error) problem {
	p := problem{status: http.StatusBadRequest, level: rules.LineIncomplete, code: trace.CodeOf(err), detail: messageOf(err),
		heading: rules.Text{Zh: "这个码的写法不对", En: "This code is not well formed"},
		advice: []rules.Text{
			{Zh: "请重新扫码，或核对输入的每一位。", En: "Scan again, or check every character typed."},
		}}
	switch p.code {
	case trace.CodeCheckDigit:
		p.heading = rules.Text{Zh: "商品编号的校验位不对：多半输错了一位", En: "The check digit of the product number is wrong: most likely a mistyped digit"}
	case CodeNoSuchLink:
		p.status, p.heading = http.StatusNotFound, rules.Text{Zh: "没有这种链接", En: "There is no such link"}
	}
	return p
}

func messageOf(err error) string {
	var coded *trace.Error
	if errors.As(err, &coded) {
		return coded.Message
	}
	return err.Error()
}

// problemFile is for files and proofs that cannot be given.
func problemFile(err error) problem {
	p := problem{status: http.StatusNotFound, level: rules.LineIncomplete, code: trace.CodeOf(err), detail: messageOf(err),
		heading: rules.Text{Zh: "未显示：原件不在本站", En: "Not shown: this file is not kept here"},
		advice:  []rules.Text{{Zh: "文件的散列值在链上，可向出具方索取原件并核对。", En: "Its hash is on the chain: ask its author for the original and compare."}}}
	if p.code == store.CodeFileDamaged {
		p.status = http.StatusServiceUnavailable
	}
	return p
}

// refuse answers with a problem: problem+json (RFC 9457) for programs, a page for
// people.
func (s *Scanner) refuse(c *gin.Context, p problem) {
	s.metrics.refused.Inc()
	want, err := negotiate(c.Request)
	if err != nil {
		want = wanted{language: page.Chinese, format: accepted(c.GetHeader("Accept"))}
	}
	h := c.Writer.Header()
	h["Cache-Control"] = s.answers.noStore
	if p.retryAfter > 0 {
		h["Retry-After"] = []string{strconv.Itoa(int(p.retryAfter/time.Second) + 1)}
	}
	if p.status == http.StatusMethodNotAllowed {
		h["Allow"] = []string{"GET, HEAD"}
	}
	var out bytes.Buffer
	if want.format != formatHTML {
		h["Content-Type"] = []string{typeProblem}
		err = json.NewEncoder(&out).Encode(map[string]any{
			"type": "about:blank", "title": http.StatusText(p.status), "status": p.status,
			"code": p.code, "detail": firstOf(p.detail, p.heading.En), "message": p.heading,
		})
	} else {
		h["Content-Type"] = []string{typeHTML}
		err = s.renderer.Render(&out, want.language, p.view(want.language, s.wording))
	}
	if err != nil {
		s.log.Error("problem page", "error", err)
	}
	c.Writer.WriteHeader(p.status)
	if _, err := c.Writer.Write(out.Bytes()); err != nil {
		s.log.Debug("answer not delivered", "error", err)
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (p problem) view(l page.Language, said *wording.Table) page.View {
	word := p.word
	if word == (rules.Text{}) {
		word = rules.Text{Zh: "提示", En: "Notice"}
	}
	notice := &page.Notice{Level: string(p.level), Word: pickText(l, word), Code: string(p.code), Heading: pickText(l, p.heading)}
	for _, a := range p.advice {
		notice.Text = append(notice.Text, pickText(l, a))
	}
	notice.Detail = p.detail
	if l == page.Chinese { // what the heading and the advice leave open, if it can be said
		notice.Detail, _ = said.Chinese(p.detail)
	}
	return page.View{Title: notice.Heading, Notice: notice}
}

func pickText(l page.Language, t rules.Text) string {
	if l == page.English {
		return t.En
	}
	return t.Zh
}
