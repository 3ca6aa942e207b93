package sheet

import (
	"fmt"
	"slices"
	"strings"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// reportContext holds the reports of a file until their items are read.
type reportContext struct {
	reports []*pendingReport
}

type pendingReport struct {
	row     *row
	request *trace.ReportInspectionRequest
}

func inspectionTables() []table { return []table{reportTable(), itemTable()} }

func sampleKinds() []choice {
	return []choice{
		{string(trace.SamplePlot), "地块抽样", []string{"产地抽样", "采前抽样", "地块"}},
		{string(trace.SampleLot), "批次抽样", []string{"成品抽样", "批次"}},
		{string(trace.SampleMarket), "市场抽样", []string{"流通抽样", "市场"}},
	}
}

func reportTable() table {
	return table{key: "report", zh: "检验报告", en: "Report", also: []string{"报告", "报告信息", "reports"}, read: readReports, columns: []column{
		{key: "number", zh: "报告编号", en: "Report number", also: []string{"证书编号", "编号"}, need: required, example: "CDJC-2026-1019"},
		{key: "sample", zh: "样品类型", en: "Sample", also: []string{"抽样类型"}, need: required, choices: sampleKinds(), example: "批次抽样"},
		gtinColumn(optional), lotColumn(optional),
		{key: "producer", zh: "生产者", en: "Producer", also: []string{"受检单位"}, hint: "地块抽样填写地块所属主体的代号"},
		{key: "plot", zh: "地块编号", en: "Plot", also: []string{"地块"}, hint: "地块抽样填写"},
		{key: "season", zh: "采收年份", en: "Season", also: []string{"年份", "季"}, hint: "地块抽样填写"},
		{key: "commodity", zh: "标准类目", en: "Commodity", also: []string{"作物"}, hint: "地块抽样填写"},
		{key: "sampledAt", zh: "抽样时间", en: "Sampled at", also: []string{"抽样日期", "采样时间"}, need: required, example: "2026-10-19 10:00"},
		{key: "reportedAt", zh: "报告时间", en: "Reported at", also: []string{"报告日期", "签发时间", "签发日期"}, need: required, example: "2026-10-20 11:00"},
		{key: "file", zh: "报告文件", en: "Report file", also: []string{"附件", "文件"}, hint: "与表格一起上传的文件名", example: "report.pdf"},
		{key: "supersedes", zh: "替代报告", en: "Supersedes", also: []string{"替代报告编号", "复检原报告"}, hint: "复检时填原报告编号"},
	}}
}

func readReports(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.ReportInspectionRequest{
			Sample: trace.SampleKind(r.choice("sample")), SampledAt: r.moment("sampledAt"), ReportedAt: r.moment("reportedAt"),
			CertificateNumber: r.text("number", 60), Certificate: r.file("file"),
		}
		if r.blank("file") {
			if q.Certificate = p.options.Certificate; q.Certificate.IsZero() {
				r.missing("file")
			}
		}
		lotKeys, plotKeys := []string{"gtin", "lot"}, []string{"producer", "plot", "season", "commodity"}
		if q.Sample == trace.SamplePlot {
			q.Producer, q.Plot, q.Season, q.Commodity = r.party("producer"), r.plot("plot"), int(r.whole("season", 2000, 2199)), r.term("commodity")
			r.onlyThese(plotKeys, lotKeys, "地块抽样填写生产者、地块、年份和标准类目，不填批号")
		} else if q.Sample != "" {
			q.Lot = &trace.LotID{GTIN: r.gtin("gtin"), Lot: r.lotNumber("lot")}
			r.onlyThese(lotKeys, plotKeys, "批次和市场抽样填写商品条码和批号，不填地块")
		}
		if c, ok := r.raw("supersedes"); ok {
			q.Supersedes = r.record("supersedes", c.text, Mention{Kind: MentionInspection, Subject: sampled(q)})
		}
		q.Claimed = q.ReportedAt
		p.report.reports = append(p.report.reports, &pendingReport{r, q})
	}
}

// sampled is what a report is about.
func sampled(q *trace.ReportInspectionRequest) trace.Subject {
	switch {
	case q.Lot != nil:
		return state.LotSubject(*q.Lot)
	case q.Plot != "":
		return state.PlotSubject(q.Producer, q.Plot, q.Season)
	}
	return trace.Subject{}
}

// onlyThese demands some columns of a row and forbids others.
func (r *row) onlyThese(needed, barred []string, chinese string) {
	for _, key := range needed {
		if r.blank(key) {
			r.missing(key)
		}
	}
	for _, key := range barred {
		if !r.blank(key) {
			r.fail(key, bad(trace.CodeInvalid, "this kind of row does not have it", chinese))
		}
	}
}

func resultKinds() []choice {
	return []choice{
		{string(trace.ResultNumber), "数值", nil},
		{string(trace.ResultBelowLOQ), "小于定量限", []string{"低于定量限"}},
		{string(trace.ResultNotDetected), "未检出", []string{"ND"}},
		{string(trace.ResultDetected), "检出", nil},
		{string(trace.ResultQualitative), "定性", nil},
	}
}

func itemTable() table {
	return table{key: "item", zh: "检验项目", en: "Items", also: []string{"检验结果", "项目", "结果", "item"}, read: readItems, columns: []column{
		{key: "number", zh: "报告编号", en: "Report number", also: []string{"证书编号"}, hint: "只有一份报告时可以空着"},
		{key: "substance", zh: "项目代码", en: "Substance", also: []string{"项目", "检验项目代码"}, need: required, hint: "与限量标准一致，如 spinosad", example: "spinosad"},
		{key: "name", zh: "项目名称", en: "Name", also: []string{"检验项目"}, hint: "给人看的，不上链", example: "多杀霉素"},
		{key: "method", zh: "检测方法", en: "Method", also: []string{"检验方法", "方法"}, need: required, example: "GB 23200.121-2021"},
		{key: "result", zh: "结果", en: "Result", also: []string{"检验结果", "检测结果", "实测值"}, need: required, hint: "数值、<定量限、未检出 或 检出", example: "<0.01"},
		{key: "lod", zh: "检出限", en: "Limit of detection", also: []string{"定量限", "LOD", "LOQ"}, hint: "未检出时可填"},
		{key: "unit", zh: "单位", en: "Unit", hint: "如 mg/kg；须与限量标准一致", example: "mg/kg"},
		{key: "form", zh: "结果形式", en: "Result form", choices: resultKinds(), hint: "空着由系统判断；文字结果请填 定性"},
	}}
}

func readItems(p *parser, rows []*row) {
	byNumber := map[string]*pendingReport{}
	for _, rep := range p.report.reports {
		byNumber[rep.request.CertificateNumber] = rep
	}
	for _, r := range rows {
		var rep *pendingReport
		if number := r.text("number", 60); number != "" {
			if rep = byNumber[number]; rep == nil {
				r.fail("number", bad(trace.CodeNotFound, "report is not in this file's report table", "“检验报告”表里没有这个报告编号"))
			}
		} else if len(p.report.reports) == 1 {
			rep = p.report.reports[0]
		} else {
			r.missing("number")
		}
		item := r.item()
		if rep == nil {
			continue
		}
		for _, other := range rep.request.Items {
			if other.Substance == item.Substance && item.Substance != "" {
				r.fail("substance", bad(CodeDuplicateRow, "the report judges "+item.Substance+" twice", "同一报告里这个项目出现了两次"))
			}
		}
		rep.request.Items = append(rep.request.Items, item)
		if r.failed {
			rep.row.failed = true
		}
	}
}

// planReports adds the reports once their items are read.
func (p *parser) planReports() {
	for _, rep := range p.report.reports {
		q := rep.request
		if n := len(q.Items); n == 0 && slices.Contains(p.unread, "item") {
			rep.row.failed = true // the items are there, their headers are what is wrong
		} else if n < 1 || n > 200 {
			rep.row.fail("number", bad(trace.CodeMissing, fmt.Sprintf("the report has %d items, must have 1 to 200", n), "每份报告应有 1 到 200 个检验项目"))
		}
		about := q.CertificateNumber
		if q.Lot != nil {
			about += " " + q.Lot.String()
		}
		p.add(rep.row, 0, "inspection:Report", q, about)
	}
}

// item reads one result as labs write it.
func (r *row) item() trace.InspectionItem {
	it := trace.InspectionItem{Substance: r.term("substance"), Method: r.text("method", 100), Unit: narrow(r.text("unit", 20))}
	if it.Unit == "" {
		it.Unit = r.units["result"]
	}
	c, ok := r.has("result")
	if !ok {
		return it
	}
	r.result(&it, c)
	if lod, ok := r.number("lod"); ok && it.Value == nil && (it.Result == trace.ResultNotDetected || it.Result == trace.ResultBelowLOQ) {
		it.Value = &lod
	}
	form := trace.ResultKind(r.choice("form"))
	if form == trace.ResultQualitative && it.Result == "" {
		it.Result, it.Text = form, r.text("result", 60)
	}
	switch {
	case it.Result == "":
		r.fail("result", bad(trace.CodeInvalid, fmt.Sprintf("%q is no result", clip(c.text)), "请填数值、<定量限、未检出 或 检出；文字结果请把“结果形式”填为 定性"))
	case form != "" && form != it.Result:
		r.fail("form", bad(trace.CodeInvalid, "the form does not fit the result", "结果形式与结果不一致"))
	}
	return it
}

// result recognises "0.3", "<0.01", "未检出", "未检出(<0.01)", "检出"; anything else
// leaves the kind empty.
func (r *row) result(it *trace.InspectionItem, c cell) {
	s := strings.NewReplacer("≤", "<", "〈", "<").Replace(narrow(c.text))
	word, inner, bracketed := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	switch fold(word) {
	case "未检出", "nd", "notdetected", "阴性":
		it.Result = trace.ResultNotDetected
		if bracketed {
			if v, f := parseNumber(strings.TrimPrefix(inner, "<")); f == nil {
				it.Value = &v
			} else {
				r.fail("result", f)
			}
		}
		return
	case "检出", "detected", "阳性":
		it.Result = trace.ResultDetected
		return
	}
	below := strings.HasPrefix(s, "<")
	number, unit := splitUnit(strings.TrimPrefix(s, "<"))
	v, f := parseNumber(number)
	if f != nil {
		if strings.ContainsAny(s, "0123456789") && trace.ResultKind(r.choice("form")) != trace.ResultQualitative {
			r.fail("result", f)
		}
		return
	}
	if it.Result = trace.ResultNumber; below {
		it.Result = trace.ResultBelowLOQ
	}
	it.Value = &v
	if unit != "" {
		if it.Unit != "" && fold(it.Unit) != fold(unit) {
			r.fail("unit", bad(trace.CodeInvalid, "the unit differs from the result's", "结果里的单位与单位列不一致"))
		}
		it.Unit = unit
	}
}
