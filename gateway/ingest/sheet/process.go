package sheet

import (
	"fmt"
	"strings"

	"traceledger/chaincode/trace"
)

// The tables of a batch record that follow the lot: its log, certificate, codes and
// logistic units.

func activities() []choice {
	return []choice{
		{string(trace.ActivitySpray), "施药", []string{"打药", "喷药", "用药"}},
		{string(trace.ActivityFertiliser), "施肥", nil},
		{string(trace.ActivityIrrigation), "灌溉", []string{"浇水"}},
		{string(trace.ActivitySoil), "土壤检测", []string{"土壤"}},
		{string(trace.ActivityLight), "光照记录", []string{"光照"}},
		{string(trace.ActivityPollinate), "授粉", nil},
		{string(trace.ActivityHarvest), "采收", []string{"采摘"}},
		{string(trace.ActivityPrecool), "预冷", nil},
		{string(trace.ActivitySort), "分选", []string{"分级"}},
		{string(trace.ActivityMix), "配制", []string{"混合", "乳化", "投料"}},
		{string(trace.ActivityFill), "灌装", nil},
		{string(trace.ActivityPack), "包装", []string{"装箱"}},
		{string(trace.ActivityStore), "入库", []string{"贮存", "储存"}},
		{string(trace.ActivityClean), "清洗", []string{"清洁", "消毒"}},
	}
}

func logTable() table {
	return table{key: "log", zh: "农事记录", en: "Log", also: []string{"生产记录", "农事与生产记录", "作业记录", "log entries"}, read: readLog, columns: []column{
		{key: "plot", zh: "地块编号", en: "Plot", also: []string{"地块"}, hint: "种植环节填地块和年份，加工环节填批号", example: "plot-a8"},
		{key: "season", zh: "采收年份", en: "Season", also: []string{"年份", "季"}, example: "2026"},
		unfilled(gtinColumn(wanted)), unfilled(lotColumn(wanted)),
		{key: "activity", zh: "作业", en: "Activity", also: []string{"作业类型", "环节", "工序"}, need: required, choices: activities(), example: "施药"},
		{key: "at", zh: "时间", en: "Time", also: []string{"作业时间", "日期"}, need: required, example: "2026-09-28 07:30"},
		{key: "note", zh: "内容", en: "Note", also: []string{"说明", "备注"}, example: "防治褐斑病"},
		{key: "registration", zh: "农药登记证号", en: "Pesticide registration", also: []string{"登记证号", "农药登记号"}, hint: "施药必填", example: "PD20269901"},
		{key: "dose", zh: "用量", en: "Dose", also: []string{"施用量"}, hint: "施药必填", example: "1500 倍液,60 L/亩"},
		{key: "measures", zh: "测量值", en: "Measurements", also: []string{"测量", "检测值"}, hint: "名称=数值 单位，用分号隔开，如 pH=6.1；糖度=7.1 %"},
		{key: "media", zh: "照片文件", en: "Files", also: []string{"附件", "照片"}},
	}}
}

func readLog(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.AddLogEntryRequest{
			Activity: trace.Activity(r.choice("activity")), At: r.moment("at"), Note: r.text("note", 500),
			Registration: r.name("registration"), Dose: r.text("dose", 60), Measures: r.measurements("measures"), Media: r.files("media"),
		}
		step := stepProcess
		onLot := !r.blank("lot")
		switch {
		case onLot:
			lot := r.lot()
			q.Lot = &lot
			if !r.blank("plot") {
				r.fail("plot", bad(trace.CodeInvalid, "a step is logged on a plot or on a lot, not both", "种植环节只填地块，加工环节只填批号"))
			}
		case !r.blank("plot") || len(p.batch.plots) == 1 && !r.blank("season"):
			step = stepGrowth
			if q.Plot = r.plot("plot"); q.Plot == "" && r.blank("plot") {
				q.Plot = p.batch.plots[0]
			}
			if q.Season = int(r.whole("season", 2000, 2199)); r.blank("season") {
				r.missing("season")
			}
		default:
			r.missing("lot")
		}
		if q.Activity == trace.ActivitySpray {
			for _, key := range []string{"registration", "dose"} {
				if r.blank(key) {
					r.missing(key)
				}
			}
		} else {
			for _, key := range []string{"registration", "dose"} {
				if key == "registration" && !r.blank(key) {
					r.fail(key, bad(trace.CodeInvalid, "only a spray has it", "只有施药填写农药登记证号"))
				}
			}
		}
		q.Claimed = q.At
		p.add(r, step, "origin:AddLogEntry", q, fmt.Sprintf("%s %s", clean(r.cells["activity"].text), clean(r.cells["note"].text)))
	}
}

// measurements reads "pH=6.1；糖度=7.1 %".
func (r *row) measurements(key string) []trace.Measurement {
	c, ok := r.has(key)
	if !ok {
		return nil
	}
	var out []trace.Measurement
	for _, part := range list(c.text) {
		name, rest, ok := strings.Cut(strings.ReplaceAll(part, "\uff1d", "="), "=")
		number, unit := splitUnit(rest)
		v, f := parseNumber(number)
		if !ok || clean(name) == "" || f != nil {
			r.fail(key, bad(trace.CodeInvalid, fmt.Sprintf("%q is not like \"pH=6.1\"", clip(part)), "应写成 名称=数值 单位，如 pH=6.1；糖度=7.1 %"))
			continue
		}
		out = append(out, trace.Measurement{Name: clean(name), Value: v, Unit: unit})
	}
	if len(out) > 20 {
		r.fail(key, bad(trace.CodeTooLarge, "more than 20 measurements", "最多 20 项测量值"))
	}
	return out
}

func bases() []choice {
	return []choice{
		{string(trace.BasisOwnTest), "自检合格", []string{"自我检测", "自我检测合格", "自行检测", "自行检测合格"}},
		{string(trace.BasisCommissioned), "委托检测合格", []string{"委托检测"}},
		{string(trace.BasisQualityControl), "质量安全控制符合要求", []string{"内部质量控制", "质量控制"}},
		{string(trace.BasisDeclaration), "自我承诺", nil},
	}
}

func certificateTable() table {
	return table{key: "certificate", zh: "合格证", en: "Compliance certificate", also: []string{"承诺达标合格证"}, read: readCertificates, columns: []column{
		gtinColumn(wanted), lotColumn(wanted),
		{key: "basis", zh: "承诺依据", en: "Basis", need: required, many: true, choices: bases(), hint: "可填多项，用顿号隔开", example: "委托检测合格"},
		{key: "issuedOn", zh: "开具日期", en: "Issued on", need: required, example: "2026-10-19"},
		{key: "document", zh: "文件", en: "File", also: []string{"合格证文件"}},
	}}
}

func readCertificates(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.IssueCertificateRequest{LotID: r.lot(), IssuedOn: r.day("issuedOn"), Document: r.file("document")}
		for _, b := range r.choicesOf("basis") {
			q.Basis = append(q.Basis, trace.CertificateBasis(b))
		}
		q.Claimed = q.IssuedOn.Start()
		p.add(r, stepCertificate, "origin:IssueCertificate", q, q.LotID.String())
	}
}

func codeTable() table {
	return table{key: "codes", zh: "赋码", en: "Codes", also: []string{"赋码数量", "赋码申请", "code order"}, read: readCodes, columns: []column{
		gtinColumn(wanted), lotColumn(wanted),
		{key: "count", zh: "赋码数量", en: "Count", also: []string{"数量", "码数量"}, need: required, hint: "一件一码，不能超过批次件数", example: "1920"},
		{key: "pack", zh: "赋码包号", en: "Code pack", hint: "8 位，空着由系统分配", example: "KF261018"},
		{key: "at", zh: "赋码时间", en: "Coded at", also: []string{"时间"}, need: required, example: "2026-10-19 18:00"},
	}}
}

func readCodes(p *parser, rows []*row) {
	for _, r := range rows {
		o := &CodeOrder{Lot: r.lot(), Pack: r.pack("pack"), Count: r.whole("count", 1, trace.MaxPackCount), Claimed: r.moment("at")}
		if r.failed {
			continue
		}
		id, ok := p.unique(r, "order", o)
		if !ok {
			continue
		}
		o.IdempotencyKey = id
		p.order = append(p.order, orderedRequest{Planned{
			Order: o, Row: Place{r.sheet, r.line}, Title: "赋码", TitleEnglish: "Make and bind codes",
			About: fmt.Sprintf("%s × %d", o.Lot, o.Count),
		}, stepCodes})
	}
}

func unitTable() table {
	return table{key: "unit", zh: "物流单元", en: "Logistic units", also: []string{"托盘", "组托", "units"}, read: readUnits, columns: []column{
		{key: "sscc", zh: "SSCC", en: "SSCC", also: []string{"物流单元号", "托盘号"}, need: required, hint: "18 位数字", example: "095200001000000018"},
		{key: "pack", zh: "赋码包号", en: "Code pack", need: required, example: "KF261018"},
		{key: "first", zh: "起始序号", en: "First item", also: []string{"从"}, need: required, example: "1"},
		{key: "last", zh: "结束序号", en: "Last item", also: []string{"到"}, need: required, example: "960"},
		{key: "at", zh: "组装时间", en: "Packed at", also: []string{"组托时间", "时间"}, need: required, example: "2026-10-20 14:00"},
	}}
}

// readUnits joins the rows of one SSCC: a pallet may hold several runs of codes.
func readUnits(p *parser, rows []*row) {
	type pending struct {
		row     *row
		request *trace.PackUnitRequest
	}
	var units []pending
	bySSCC := map[trace.SSCC]int{}
	for _, r := range rows {
		codes := r.codeRange("pack", "first", "last")
		at := r.moment("at")
		sscc := r.sscc("sscc")
		i, known := bySSCC[sscc]
		if !known {
			i = len(units)
			bySSCC[sscc] = i
			units = append(units, pending{r, &trace.PackUnitRequest{SSCC: sscc, Write: trace.Write{Claimed: at}}})
		}
		if units[i].request.Claimed != at && at != 0 {
			r.fail("at", bad(trace.CodeInvalid, "the unit's time differs from its first row", "同一物流单元各行的组装时间应一致"))
		}
		if codes != nil {
			units[i].request.Codes = append(units[i].request.Codes, *codes)
		}
		if r.failed {
			units[i].row.failed = true
		}
	}
	for _, u := range units {
		p.add(u.row, stepUnits, "transit:PackUnit", u.request, string(u.request.SSCC))
	}
}

// codeRange reads a run of item codes.
func (r *row) codeRange(pack, first, last string) *trace.CodeRange {
	c := trace.CodeRange{Pack: r.pack(pack), First: r.whole(first, 1, trace.MaxPackCount), Last: r.whole(last, 1, trace.MaxPackCount)}
	for _, key := range []string{pack, first, last} {
		if r.blank(key) && r.column(key).need != required {
			r.missing(key)
		}
	}
	if c.Last < c.First && !r.failed {
		r.fail(last, bad(trace.CodeInvalid, fmt.Sprintf("the run ends at %d before it begins at %d", c.Last, c.First), "结束序号应不小于起始序号"))
	}
	return &c
}
