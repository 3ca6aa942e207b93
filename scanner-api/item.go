package scanner

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/store"
	"traceledger/scanner-api/page"
)

// bodyKey names a rendered body by everything that it depends on.
type bodyKey struct {
	subject   subject
	lot       trace.LotID
	version   uint64
	today     trace.Date // shelf lives and licences end by the day
	pack      trace.PackID
	group     int64 // first item of the run that travelled alike
	suspected bool
	unchecked bool
	format    format
	language  page.Language
}

// digitalLink answers every address under /01/.
func (s *Scanner) digitalLink(c *gin.Context) {
	a, err := parseDigitalLink(c.Request.URL.EscapedPath()[len("/01/"):])
	if err != nil {
		s.refuse(c, problemAddress(err))
		return
	}
	switch a.resource {
	case resourcePNG, resourceSVG:
		s.picture(c, a)
		return
	case resourceProof:
		s.proof(c, a)
		return
	case resourceFile:
		s.file(c, a)
		return
	}
	want, err := negotiate(c.Request)
	if err != nil {
		s.refuse(c, problemAddress(err))
		return
	}
	switch a.subject {
	case subjectProduct:
		s.product(c, a, want)
	case subjectLot:
		s.lot(c, a, want)
	default:
		s.item(c, a, want)
	}
}

// item answers a scan of one code.
func (s *Scanner) item(c *gin.Context, a address, want wanted) {
	version := s.index.Version(a.lot)
	if version == 0 {
		s.refuse(c, problemUnknown("lot "+a.lot.String()))
		return
	}
	o, err := s.outline(a.lot, version)
	if err != nil {
		s.failed(c, err)
		return
	}
	pack, checked := s.findPack(o, a)
	if pack == nil {
		s.refuse(c, problemAltered())
		return
	}
	if want.format == formatLinkset {
		s.sendLinkset(c, a.path())
		return
	}
	now := s.now()
	summary, suspected := s.scan(c.Request, pack, a.serial, checked, now)
	key := bodyKey{
		subject: subjectItem, lot: a.lot, version: version, today: trace.TimeOf(now).Date(), pack: pack.id, group: pack.group(a.item),
		suspected: suspected, unchecked: !checked, format: want.format, language: want.language,
	}
	b, err := s.body(key, now, s.renderItem)
	if err != nil {
		s.failed(c, err)
		return
	}
	path := a.path()
	fill := filling{holeAddress: path, holeSerial: string(a.serial), holeItem: strconv.FormatInt(a.item, 10), holeCount: strconv.FormatUint(summary.Count, 10)}
	fill[holeFirst] = firstScan(want.format, summary.First)
	s.send(c, want.format, path, b, &fill)
}

// body gives the rendered body for a key, made by render when none is kept or the
// one that is lacks bytes that may have come since.
func (s *Scanner) body(key bodyKey, now time.Time, render func(bodyKey) (*body, int64, error)) (*body, error) {
	if b, kept := s.bodies.Get(key); kept {
		if b.until.IsZero() || now.Before(b.until) {
			return b, nil
		}
		s.bodies.Forget(key)
	}
	return s.bodies.Load(key, func() (*body, int64, error) { return render(key) })
}

// retryFiles is how long a body stands that lacks bytes which other organisations
// may still send.
const retryFiles = 30 * time.Second

func firstScan(f format, first time.Time) string {
	switch {
	case first.IsZero() && f == formatJSON:
		return ""
	case first.IsZero():
		return "—"
	case f == formatJSON:
		return first.UTC().Format(time.RFC3339)
	}
	return page.Clock(trace.TimeOf(first))
}

func (s *Scanner) outline(lot trace.LotID, version uint64) (*outline, error) {
	return s.outlines.Load(outlineKey{lot, version}, func() (*outline, int64, error) {
		story, found, err := s.index.Lot(lot)
		if err != nil || !found {
			if err == nil {
				err = trace.Errorf(CodeUnknown, "lot %s is not on the ledger", lot)
			}
			return nil, 0, err
		}
		o := newOutline(story)
		weight := int64(256 + 64*len(o.files))
		for _, p := range o.packs {
			weight += int64(256 + 96*len(p.groups))
		}
		return o, weight, nil
	})
}

// findPack finds the pack of the lot whose published list holds the serial. Where a
// list is not kept here its pack is a guess: the page then says that the code could
// not be checked. nil: every list is here and none holds the serial.
func (s *Scanner) findPack(o *outline, a address) (pack *packOutline, checked bool) {
	for i := range o.packs {
		p := &o.packs[i]
		if a.item > p.count {
			continue
		}
		issued, err := s.library.issued(p, a.serial, a.item)
		if err != nil {
			s.library.report(p.id, err)
			if pack == nil {
				pack = p
			}
			continue
		}
		if issued {
			return p, true
		}
	}
	return pack, false
}

// scan counts a scan of a code that was checked, unless it is no person's, and tells
// what is known about the code's scans. Codes that were not checked are not counted:
// anyone could make up as many as the store would hold.
func (s *Scanner) scan(r *http.Request, p *packOutline, serial trace.Serial, checked bool, now time.Time) (store.ScanSummary, bool) {
	if !checked {
		s.metrics.uncounted.Inc()
		return store.ScanSummary{}, false
	}
	code := string(p.id) + string(serial)
	var summary store.ScanSummary
	var err error
	most := 0
	if counts(r) {
		s.metrics.counted.Inc()
		visitor := s.visitors.key(clientAddress(r, s.trusted), r.UserAgent(), now)
		summary, err = s.scans.Count(code, visitor, now)
		most = s.sighted.see(code, visitor, trace.TimeOf(now).Date())
	} else {
		s.metrics.uncounted.Inc()
		summary, err = s.scans.Summary(code)
		most = s.sighted.most(code)
	}
	if err != nil { // the page matters more than the statistic
		s.log.Error("scan count", "error", err)
	}
	suspected := SuspectedCopy(ScanPattern{
		Count: summary.Count, MostVisitor: most, State: p.state,
		AfterVoid: p.void != 0 && trace.TimeOf(summary.First) > p.void,
	}, s.copies)
	if suspected {
		s.metrics.suspected.Inc()
	}
	return summary, suspected
}

// renderItem makes the body that all items of a run share.
func (s *Scanner) renderItem(key bodyKey) (*body, int64, error) {
	s.metrics.rendered.Inc()
	p, found, err := s.index.Page(key.lot, key.pack, key.group, key.today)
	if err != nil {
		return nil, 0, err
	}
	if !found {
		return nil, 0, trace.Errorf(CodeUnknown, "item %d of pack %s is not on the ledger", key.group, key.pack)
	}
	p.Facts.SuspectedCopy = key.suspected
	line := rules.VerdictLine(p.Facts)
	if key.unchecked {
		line = withoutCodeCheck(line)
	}
	var rendered []byte
	whole := true
	if key.format == formatJSON {
		d := newDocument(p, line)
		checked := !key.unchecked
		d.CodeChecked = &checked
		rendered, err = renderDocument(itemHead(key.pack, &s.marks), d)
	} else {
		rendered, whole, err = s.renderStory(key, p, line, &page.Code{
			Pack: key.pack, Address: s.marks[holeAddress], Serial: s.marks[holeSerial], Item: s.marks[holeItem],
			First: s.marks[holeFirst], Count: s.marks[holeCount],
		})
	}
	if err != nil {
		return nil, 0, err
	}
	return s.cut(rendered, whole)
}

// cut makes a body of what was rendered; one that is not whole stands for a while only.
func (s *Scanner) cut(rendered []byte, whole bool) (*body, int64, error) {
	b, err := s.marks.cut(rendered)
	if err != nil {
		return nil, 0, err
	}
	if !whole {
		b.until = s.now().Add(retryFiles)
	}
	return b, b.weight(), nil
}

// renderStory makes the HTML of an item or, without a code, of a lot. It is whole
// when all files and readings that the page draws on are kept here.
func (s *Scanner) renderStory(key bodyKey, p *index.Page, line rules.Line, code *page.Code) (html []byte, whole bool, err error) {
	var out bytes.Buffer
	telemetry, whole := s.readTelemetry(p.Journey)
	kept := func(d trace.Digest) bool {
		here := s.kept(d)
		whole = whole && here
		return here
	}
	err = s.renderer.Render(&out, key.language, page.Build(key.language, page.Subject{
		Lot: p.Lot, Code: code, Journey: p.Journey, Line: line, Facts: p.Facts,
		Telemetry: telemetry, Files: kept, Root: lotPath(key.lot),
	}))
	return out.Bytes(), whole, err
}

// kept tells whether a file's bytes are here.
func (s *Scanner) kept(d trace.Digest) bool {
	_, found, err := s.files.Stat(store.Hash(d))
	if err != nil {
		s.log.Error("file", "hash", d, "error", err)
	}
	return found
}

// withoutCodeCheck adds to a line that the code could not be compared with the
// producer's list. What is not shown is never good.
func withoutCodeCheck(line rules.Line) rules.Line {
	missing := rules.Reason{Code: "code-not-checked", Zh: "发码核对（生产者的发码清单不在本站）", En: "the check of this code (the producer's list of codes is not kept here)"}
	line.NotShown = append(line.NotShown, missing)
	if line.Level == rules.LineGood {
		line.Level = rules.LineIncomplete
		line.Text = rules.Text{Zh: "未见不良记录；未显示：" + missing.Zh, En: "Nothing adverse on file; not shown: " + missing.En}
	}
	return line
}
