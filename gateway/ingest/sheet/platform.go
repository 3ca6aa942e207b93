package sheet

import (
	"fmt"
	"strconv"
	"strings"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Enforcement, reviews, monitors' rules and verdicts.

func actionTable() table {
	return table{key: "action", zh: "处置", en: "Actions", also: []string{"召回", "下架", "action"}, read: readActions, columns: []column{
		{key: "kind", zh: "处置种类", en: "Kind", also: []string{"种类"}, need: required, choices: []choice{
			{string(trace.ActionRecall), "召回", nil}, {string(trace.ActionDelist), "下架", nil}, {string(trace.ActionReinstate), "恢复", []string{"恢复上架"}},
		}, example: "召回"},
		gtinColumn(required), lotColumn(optional),
		{key: "pack", zh: "赋码包号", en: "Code pack", hint: "只处置一段码时填写"},
		{key: "first", zh: "起始序号", en: "First item"},
		{key: "last", zh: "结束序号", en: "Last item"},
		{key: "law", zh: "法律依据", en: "Law", also: []string{"法律"}, need: required, hint: "多项用分号隔开，条款与施行日期一一对应", example: "化妆品监督管理条例"},
		{key: "article", zh: "条款", en: "Article", need: required, example: "第四十四条"},
		{key: "effective", zh: "施行日期", en: "Effective", need: required, example: "2021-01-01"},
		{key: "causes", zh: "原因记录", en: "Causes", also: []string{"依据记录"}, need: required, hint: "写“检验 报告编号”“判定 监测名 发现代码”，或记录的完整编号；用分号隔开", example: "检验 SZSC-2026-1012"},
		{key: "reason", zh: "理由", en: "Reason", need: required, example: "检出禁用物质"},
		{key: "at", zh: "日期", en: "On", also: []string{"时间", "处置时间"}, need: required, example: "2026-10-16 09:00"},
		{key: "undoes", zh: "撤销的处置", en: "Undoes", hint: "恢复时填写"},
		{key: "rectification", zh: "整改报告", en: "Rectification"},
		{key: "inspection", zh: "复检报告", en: "Inspection"},
		{key: "review", zh: "复核记录", en: "Review"},
	}}
}

func readActions(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.TakeActionRequest{Kind: trace.ActionKind(r.choice("kind")), Reason: r.text("reason", 500), Rectification: r.file("rectification")}
		gtin := r.gtin("gtin")
		subject := state.ProductSubject(gtin)
		if r.blank("lot") {
			q.GTIN = gtin
		} else {
			q.Lot = &trace.LotID{GTIN: gtin, Lot: r.lotNumber("lot")}
			subject = state.LotSubject(*q.Lot)
		}
		if !r.blank("pack") {
			q.Codes = r.codeRange("pack", "first", "last")
			if q.Lot == nil {
				r.missing("lot")
			}
		}
		if q.Kind == trace.ActionRecall && q.Lot == nil {
			r.missing("lot")
		}
		q.Basis = r.legalBasis()
		for _, s := range r.listOf("causes", 20) {
			q.Causes = append(q.Causes, r.mention("causes", s, subject))
		}
		for key, into := range map[string]*trace.Key{"undoes": &q.Undoes, "inspection": &q.Inspection, "review": &q.Review} {
			if c, ok := r.raw(key); ok {
				kind := map[string]MentionKind{"undoes": MentionAction, "inspection": MentionInspection, "review": MentionReview}[key]
				*into = r.record(key, c.text, Mention{Kind: kind, Subject: subject})
			}
		}
		q.Claimed = r.moment("at")
		p.add(r, 0, "enforcement:TakeAction", q, fmt.Sprintf("%s %s", clean(r.cells["kind"].text), subject.ID))
	}
}

// listOf reads a cell of several values.
func (r *row) listOf(key string, most int) []string {
	c, ok := r.has(key)
	if !ok {
		return nil
	}
	parts := list(c.text)
	if len(parts) > most {
		r.fail(key, bad(trace.CodeTooLarge, strconv.Itoa(len(parts))+" entries, at most "+strconv.Itoa(most), "最多 "+strconv.Itoa(most)+" 项"))
	}
	return parts
}

func (r *row) legalBasis() []trace.LegalBasis {
	laws, articles, days := r.listOf("law", 10), r.listOf("article", 10), r.listOf("effective", 10)
	if r.failed {
		return nil
	}
	if len(articles) != len(laws) || len(days) != len(laws) {
		r.fail("article", bad(trace.CodeInvalid, "laws, articles and days differ in number", "法律、条款、施行日期的项数应相同，用分号隔开"))
		return nil
	}
	out := make([]trace.LegalBasis, len(laws))
	for i := range laws {
		d, f := parseDay(cell{text: days[i], number: r.cells["effective"].number, date04: r.cells["effective"].date04})
		r.fail("effective", f)
		out[i] = trace.LegalBasis{Law: laws[i], Article: articles[i], Effective: d}
	}
	return out
}

// mention reads "检验 SZSC-2026-1012", "判定 coldchain temperature-excursion", "运单
// sh-20261020-01", "数据段 tl-0718 3" or a full record key.
func (r *row) mention(key, s string, subject trace.Subject) trace.Key {
	if strings.Contains(s, "/") {
		return trace.Key(s)
	}
	kind, name, _ := strings.Cut(clean(s), " ")
	name = strings.Join(strings.Fields(narrow(name)), " ")
	switch fold(kind) {
	case "检验", "报告", "inspection":
		return r.record(key, name, Mention{Kind: MentionInspection, Subject: subject})
	case "判定", "verdict":
		return r.record(key, name, Mention{Kind: MentionVerdict, Subject: subject})
	case "处置", "action":
		return r.record(key, name, Mention{Kind: MentionAction, Subject: subject})
	case "运单", "shipment":
		return state.ShipmentKey(trace.ShipmentID(name))
	case "数据段", "segment":
		device, number, _ := strings.Cut(name, " ")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n > 0 {
			return state.SegmentKey(trace.DeviceID(device), n)
		}
	case "批次", "lot":
		gtin, lot, ok := strings.Cut(name, " ")
		if ok {
			return state.BatchKey(trace.LotID{GTIN: trace.GTIN(gtin), Lot: trace.LotNumber(lot)})
		}
	case "商品", "product":
		return state.ProductKey(trace.GTIN(name))
	}
	r.fail(key, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" names no record", "请写“检验 报告编号”“判定 监测名 发现代码”“运单 运单号”“数据段 设备 序号”，或记录的完整编号"))
	return ""
}

func subjectKinds() []choice {
	return []choice{
		{string(trace.SubjectLot), "批次", nil}, {string(trace.SubjectPlot), "地块", nil}, {string(trace.SubjectShipment), "运单", nil},
		{string(trace.SubjectProduct), "商品", nil}, {string(trace.SubjectParty), "主体", nil}, {string(trace.SubjectPack), "赋码包", nil},
		{string(trace.SubjectDevice), "设备", nil}, {string(trace.SubjectStream), "直播", nil},
	}
}

func subjectColumns() []column {
	return []column{
		{key: "subjectKind", zh: "对象种类", en: "Subject kind", need: required, choices: subjectKinds(), example: "运单"},
		{key: "subject", zh: "对象", en: "Subject", need: required, hint: "批次写“条码 批号”，地块写“主体 地块 年份”，其余写编号", example: "sh-20261020-01"},
	}
}

func (r *row) subject() trace.Subject {
	kind := trace.SubjectKind(r.choice("subjectKind"))
	parts := strings.Fields(r.name("subject"))
	if kind == "" || len(parts) == 0 {
		return trace.Subject{}
	}
	s := trace.Subject{Kind: kind, ID: strings.Join(parts, " ")}
	switch {
	case kind == trace.SubjectLot && len(parts) == 2:
		s = state.LotSubject(trace.LotID{GTIN: trace.GTIN(parts[0]), Lot: trace.LotNumber(parts[1])})
	case kind == trace.SubjectPlot && len(parts) == 3:
		if season, err := strconv.Atoi(parts[2]); err == nil && season >= 2000 && season < 2200 {
			s = state.PlotSubject(trace.PartyID(parts[0]), trace.PlotID(parts[1]), season)
		}
	}
	r.invalid("subject", state.CheckSubject(s), "批次写“条码 批号”，地块写“主体 地块 年份”，其余写编号")
	return s
}

func monitorColumn() column {
	return column{key: "monitor", zh: "监测名", en: "Monitor", also: []string{"监测"}, need: required, example: "coldchain"}
}

func versionColumn() column {
	return column{key: "version", zh: "规则版本", en: "Version", also: []string{"版本"}, need: required, example: "1.0.0"}
}

func ruleTable() table {
	return table{key: "rule", zh: "监测规则", en: "Rules", also: []string{"规则", "rule"}, read: readRules, columns: []column{
		monitorColumn(), versionColumn(),
		{key: "description", zh: "说明", en: "Description", need: required, example: "回风温度超出商品运输范围且不是化霜"},
		{key: "content", zh: "规则文件", en: "Content", also: []string{"文件"}, need: required, example: "coldchain-1.0.0.yaml"},
		{key: "at", zh: "发布时间", en: "Published at", also: []string{"日期", "时间"}, need: required, example: "2026-09-01"},
	}}
}

func readRules(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.PublishRuleRequest{Monitor: r.term("monitor"), Version: r.name("version"), Description: r.text("description", 500), Content: r.file("content")}
		q.Claimed = r.moment("at")
		p.add(r, 0, "verdict:PublishRule", q, q.Monitor+" "+q.Version)
	}
}

func levels() []choice {
	return []choice{
		{string(trace.LevelClear), "正常", nil}, {string(trace.LevelNotice), "提示", nil},
		{string(trace.LevelWarning), "警告", []string{"预警"}}, {string(trace.LevelViolation), "违规", nil},
	}
}

func verdictTable() table {
	return table{key: "verdict", zh: "判定", en: "Verdicts", also: []string{"verdict"}, read: readVerdicts, columns: append(append([]column{monitorColumn(), versionColumn()}, subjectColumns()...), []column{
		{key: "finding", zh: "发现代码", en: "Finding", need: required, example: "temperature-excursion"},
		{key: "level", zh: "等级", en: "Level", need: required, choices: levels(), example: "警告"},
		{key: "text", zh: "结论", en: "Text", need: required, example: "宜昌服务区制冷停机，回风超过 5 ℃ 共 75 分钟"},
		{key: "textEnglish", zh: "英文结论", en: "English text"},
		{key: "input", zh: "输入文件", en: "Input", need: required, hint: "规则所看的文件名或其哈希", example: "logger.csv"},
		{key: "evidence", zh: "链上证据", en: "Evidence", hint: "如 运单 sh-20261020-01；数据段 tl-0718 1"},
		{key: "files", zh: "证据文件", en: "Files"},
		{key: "confidence", zh: "置信度", en: "Confidence", hint: "外部模型自报的百分数"},
		{key: "at", zh: "判定时间", en: "At", also: []string{"时间"}, need: required, example: "2026-10-22 01:00"},
	}...)}
}

func readVerdicts(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.GiveVerdictRequest{
			Monitor: r.term("monitor"), Version: r.name("version"), Subject: r.subject(), Finding: r.term("finding"),
			Level: trace.VerdictLevel(r.choice("level")), Text: r.text("text", 500), TextEnglish: r.text("textEnglish", 500),
			Input: r.file("input"), Files: r.files("files"), ConfidenceBP: r.basisPoints("confidence"), Claimed: r.moment("at"),
		}
		for _, s := range r.listOf("evidence", 20) {
			q.Evidence = append(q.Evidence, r.mention("evidence", s, q.Subject))
		}
		p.add(r, 1, "verdict:Give", q, q.Monitor+" "+q.Finding+" "+q.Subject.ID)
	}
}

func lotReviewTable() table {
	return table{key: "lotReview", zh: "批次复核", en: "Lot reviews", also: []string{"分级复核"}, read: readLotReviews, columns: []column{
		gtinColumn(required), lotColumn(required),
		{key: "level", zh: "复核级别", en: "Level", also: []string{"级别"}, need: required, hint: "1 系统核验,2 检验机构,3 消费者评审团", example: "2"},
		{key: "inspection", zh: "报告编号", en: "Inspection", also: []string{"检验报告"}, hint: "1、2 级填写", example: "CDJC-2026-1019"},
		{key: "pass", zh: "通过", en: "Pass", choices: yesNo(), hint: "2、3 级填写", example: "是"},
		{key: "note", zh: "说明", en: "Note", also: []string{"备注"}},
		{key: "document", zh: "文件", en: "File"},
		{key: "panel", zh: "评审人数", en: "Panel"},
		{key: "satisfied", zh: "满意人数", en: "Satisfied"},
		{key: "at", zh: "复核时间", en: "At", also: []string{"日期", "时间"}, need: required, example: "2026-10-20 14:00"},
	}}
}

func readLotReviews(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.ReviewRequest{
			LotID: trace.LotID{GTIN: r.gtin("gtin"), Lot: r.lotNumber("lot")}, Level: int(r.whole("level", 1, 3)),
			Pass: r.yes("pass"), Note: r.text("note", 500), Document: r.file("document"),
			Panel: int(r.whole("panel", 1, 100_000)), Satisfied: int(r.whole("satisfied", 0, 100_000)),
		}
		allowed := map[int][]string{1: {"inspection"}, 2: {"inspection", "pass", "note", "document"}, 3: {"pass", "note", "document", "panel", "satisfied"}}[q.Level]
		for _, key := range []string{"inspection", "pass", "note", "document", "panel", "satisfied"} {
			fits := false
			for _, a := range allowed {
				fits = fits || a == key
			}
			if !fits && !r.blank(key) && q.Level != 0 {
				r.fail(key, bad(trace.CodeInvalid, "a level "+strconv.Itoa(q.Level)+" review does not have it", strconv.Itoa(q.Level)+" 级复核不填这一列"))
			}
			if fits && r.blank(key) && (key == "inspection" || key == "pass" || key == "panel" || key == "satisfied") {
				r.missing(key)
			}
		}
		if c, ok := r.raw("inspection"); ok {
			q.Inspection = r.record("inspection", c.text, Mention{Kind: MentionInspection, Subject: state.LotSubject(q.LotID)})
		}
		q.Claimed = r.moment("at")
		p.add(r, q.Level, "inspection:Review", q, fmt.Sprintf("%s %d", q.LotID, q.Level))
	}
}

func verdictReviewTable() table {
	return table{key: "verdictReview", zh: "判定复核", en: "Verdict reviews", read: readVerdictReviews, columns: append(append([]column{
		{key: "verdict", zh: "判定", en: "Verdict", need: required, hint: "“监测名 发现代码”或判定记录的完整编号", example: "speech absolute-term"},
	}, subjectColumns()...), []column{
		{key: "outcome", zh: "复核结果", en: "Outcome", need: required, choices: []choice{{string(trace.OutcomeConfirmed), "维持", []string{"确认"}}, {string(trace.OutcomeOverturned), "推翻", []string{"撤销", "误报"}}}, example: "推翻"},
		{key: "reason", zh: "理由", en: "Reason", hint: "推翻时必填", example: "原话是否定句"},
		{key: "at", zh: "复核时间", en: "At", also: []string{"日期", "时间"}, need: required, example: "2026-10-23 10:00"},
	}...)}
}

func readVerdictReviews(p *parser, rows []*row) {
	for _, r := range rows {
		subject := r.subject()
		q := &trace.ReviewVerdictRequest{Outcome: trace.ReviewOutcome(r.choice("outcome")), Reason: r.text("reason", 500)}
		if c, ok := r.has("verdict"); ok {
			q.Verdict = r.record("verdict", c.text, Mention{Kind: MentionVerdict, Subject: subject})
		}
		if q.Outcome == trace.OutcomeOverturned && q.Reason == "" {
			r.missing("reason")
		}
		q.Claimed = r.moment("at")
		p.add(r, 10, "verdict:Review", q, clean(r.cells["verdict"].text)+" "+subject.ID)
	}
}
