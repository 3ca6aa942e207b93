package page

import (
	"fmt"

	"traceledger/chaincode/trace"
)

// glance lists the twelve things a scan shows at least, each in one line that leads
// to its section, or says that it is not shown.
func (b *builder) glance() {
	b.glanceProducer()
	b.glanceOrigin()
	b.glancePapers()
	b.glanceJourney()
	b.glanceStanding()
}

// shown adds a line; an empty value reads "not shown".
func (b *builder) shown(zh, en, value, anchor, mark string) {
	row := GlanceRow{Label: b.words(zh, en), Value: value, Anchor: anchor, Mark: mark}
	if value == "" {
		row.Value, row.Missing, row.Anchor = b.words("未显示", "not shown"), true, ""
	}
	b.v.Glance = append(b.v.Glance, row)
}

func (b *builder) glanceProducer() {
	value := b.v.Producer.Name
	standing, mark := b.licenceStanding()
	b.shown("生产者", "Producer", value+" · "+standing, "producer", mark)

	suppliers, missing := len(b.v.Suppliers), 0
	for _, s := range b.v.Suppliers {
		if s.Missing {
			missing++
		}
	}
	value, mark = "", ""
	if suppliers > 0 {
		value = b.counted(suppliers, "%d 种原料，供应商均有有效许可", "%d material, its supplier licensed", "%d materials, all suppliers licensed")
		if missing > 0 {
			value, mark = fmt.Sprintf(b.words("%d 种原料，%d 种许可未显示或无效", "%d materials, %d without a valid licence"), suppliers, missing), "warn"
		}
	}
	if n := len(b.v.Parents); n > 0 {
		if value != "" {
			value += b.words("；", "; ")
		}
		value += b.counted(n, "来自 %d 个上游批次", "made from %d parent lot", "made from %d parent lots")
		for _, parent := range b.v.Parents {
			if parent.Recalled != "" {
				mark = "bad"
			}
		}
	}
	b.shown("原料来源", "Raw materials", value, "materials", mark)
}

func (b *builder) glanceOrigin() {
	lot := b.s.Lot
	b.shown("产地", "Origin", lot.Batch.Record.Place, "origin", "")
	zh, en := "生产时间", "Produced"
	if lot.Plot != nil {
		zh, en = "采收时间", "Harvested"
	}
	made := ""
	if lot.Made != 0 {
		made = Clock(lot.Made)
	}
	b.shown(zh, en, made, "origin", "")
	steps := ""
	if n := len(b.v.Log); n > 0 {
		steps = b.counted(n, "%d 条", "%d entry", "%d entries")
	}
	if lot.Plot == nil {
		b.shown("生产记录", "Production log", steps, "log", "")
		return
	}
	if g := lot.Growth; g != nil && steps != "" {
		steps += b.counted(len(g.Days), " · 传感器 %d 天", " · sensors, %d day", " · sensors, %d days")
	}
	b.shown("生长与加工记录", "Growth log", steps, "log", "")
}

func (b *builder) glancePapers() {
	paper := ""
	if n := len(b.v.Papers); n > 0 {
		paper = b.s.Lot.Certificates[len(b.s.Lot.Certificates)-1].Record.IssuedOn.String() + b.words(" 开具", " issued")
	} else if p := b.s.Lot.Product; p != nil && p.Record.FilingNumber != "" {
		paper = b.words("备案号 ", "filing ") + p.Record.FilingNumber
	}
	b.shown("合格证/备案", "Certificate or filing", paper, "certificate", "")

	items, failed, unlimited, files, kept := 0, 0, 0, 0, 0
	for _, i := range b.s.Lot.Inspections {
		if len(i.SupersededBy) > 0 {
			continue
		}
		for _, item := range i.Record.Items {
			items++
			switch item.Judgement {
			case trace.JudgedFail:
				failed++
			case trace.JudgedNoLimit:
				unlimited++
			}
		}
	}
	for _, t := range b.v.Tests {
		for _, f := range t.Files {
			files++
			if f.Link != "" {
				kept++
			}
		}
	}
	value, mark := "", ""
	switch {
	case failed > 0:
		value, mark = fmt.Sprintf(b.words("%d 项中 %d 项不合格", "%d items, %d fail"), items, failed), "bad"
	case unlimited > 0:
		value, mark = fmt.Sprintf(b.words("%d 项中 %d 项无限量可判", "%d items, %d with no limit on file"), items, unlimited), "warn"
	case items > 0:
		value = b.counted(items, "%d 项全部在限量内", "%d item, within its limit", "all %d items within limits")
	}
	b.shown("检验", "Inspection", value, "inspections", mark)
	value = ""
	switch {
	case kept == files && files > 0:
		value = b.counted(files, "%d 份原件可查", "%d original report", "%d original reports")
	case files > 0:
		value = fmt.Sprintf(b.words("%d 份，其中 %d 份原件不在本站", "%d, of which %d are not kept here"), files, files-kept)
	}
	b.shown("检验报告", "Test reports", value, "inspections", "")
}

func (b *builder) glanceJourney() {
	storage := ""
	if p := b.s.Lot.Product; p != nil && (p.Record.Storage != nil || p.Record.Transport != nil) {
		storage = b.words("贮存 ", "store ") + b.temperatures(p.Record.Storage) + b.words("，运输 ", ", transport ") + b.temperatures(p.Record.Transport)
	} else if p != nil {
		storage = b.words("未声明温度要求", "no temperature stated")
	}
	b.shown("贮运条件", "Storage, transport", storage, "storage", "")

	f := b.s.Facts.Journey
	excursion, excursions, measured, gaps, silent := int64(0), 0, 0, int64(0), 0
	for _, leg := range f.Findings {
		excursion += leg.ExcursionSeconds
		excursions += len(leg.Excursions)
		measured += leg.Measured
		gaps += leg.GapSeconds
		if leg.Measured == 0 || len(leg.Silences) > 0 {
			silent++
		}
	}
	value, mark := "", ""
	switch {
	case b.s.Journey == nil || measured == 0:
	case excursions > 0:
		value = b.counted(excursions, "超出范围 %d 次，共 ", "%d excursion of ", "%d excursions, in all ") + b.duration(excursion)
		if excursion > f.ExcursionSeconds {
			mark = "warn"
		}
	case gaps > 0 || silent > 0: // the line says what is missing; this must not say "throughout"
		value = b.words("已有读数在规定范围内", "the readings on file are in range")
	default:
		value = b.words("全程在规定范围内", "in range throughout")
	}
	if measured > 0 && gaps > 0 && value != "" {
		value += fmt.Sprintf(b.words("；中断共 %s", "; %s without readings"), b.duration(gaps))
	}
	b.shown("运输温湿度", "Temperature, humidity", value, "journey", mark)

	value = ""
	for i, leg := range b.v.Legs {
		if leg.Track != "" && b.s.Journey != nil {
			record := b.s.Journey.Legs[i].Record
			if value != "" {
				value += b.words("；", "; ")
			}
			value += record.Origin.Name + " → " + record.Target.Name
		}
	}
	b.shown("北斗轨迹", "Beidou track", value, "journey", "")
}

func (b *builder) glanceStanding() {
	// The facts behind the verdict line count: a lot's page shows no journey of its own,
	// and its line still speaks of verdicts on the lot's shipments.
	adverse := 0
	for _, v := range b.s.Facts.Verdicts {
		if !v.Overturned && (v.Level == trace.LevelWarning || v.Level == trace.LevelViolation) {
			adverse++
		}
	}
	standing := 0
	for _, a := range b.v.Actions {
		if a.Open {
			standing++
		}
	}
	value, mark := b.words("无未了结的不利判定或处置", "nothing adverse open"), ""
	switch {
	case standing > 0:
		value, mark = b.counted(standing, "%d 项处置有效", "%d measure in force", "%d measures in force"), "bad"
	case adverse > 0:
		value, mark = b.counted(adverse, "%d 条不利判定", "%d adverse finding", "%d adverse findings"), "warn"
	}
	if len(b.s.Facts.Verdicts)+len(b.v.Verdicts)+len(b.v.Actions) == 0 {
		value = b.words("没有判定或处置记录", "none on file")
	}
	if b.v.Merchant != nil {
		value += b.words("；商家", "; merchant ") + b.v.Merchant.Status
		if b.v.Merchant.Suspended && mark == "" {
			mark = "warn"
		}
	}
	b.shown("判定、处置与商家", "Findings, measures, merchant", value, "standing", mark)
}
