package sheet

import (
	"fmt"
	"strconv"

	"traceledger/chaincode/trace"
)

// Steps of a batch record, in sending order: growth is logged before the lot, so
// that the lot is judged with its sprays on record; codes wait for the lot, logistic
// units for the codes.
const (
	stepProduct = iota
	stepPlot
	stepGrowth
	stepBatch
	stepCompletion
	stepProcess
	stepCertificate
	stepRelease
	stepCodes
	stepUnits
	stepConsign
)

// batchContext is what the tables of a batch record tell each other.
type batchContext struct {
	content   map[trace.GTIN]trace.Quantity // net content of one item, for quantities in boxes
	lots      []trace.LotID
	plots     []trace.PlotID
	batches   []*pendingBatch
	materials map[trace.LotID][]trace.Material
	inputs    map[trace.LotID][]trace.Input
}

// pendingBatch waits for its materials and inputs, which other tables list.
type pendingBatch struct {
	row     *row
	request *trace.RegisterBatchRequest
}

func batchTables() []table {
	return []table{
		productTable(), plotTable(),
		batchListTable(), materialTable(), inputTable(), releaseTable(), completionTable(),
		logTable(), certificateTable(), codeTable(), unitTable(), consignTable(),
	}
}

func productTable() table {
	return table{key: "product", zh: "商品", en: "Product", also: []string{"商品信息", "产品", "products"}, read: readProducts, columns: []column{
		gtinColumn(required),
		{key: "name", zh: "商品名称", en: "Name", also: []string{"名称", "品名"}, need: required, example: "蒲江金艳猕猴桃"},
		{key: "nameEnglish", zh: "英文名称", en: "English name", example: "Pujiang Jinyan kiwifruit"},
		{key: "brand", zh: "品牌", en: "Brand"},
		{key: "category", zh: "类别", en: "Category", need: required, choices: categories(), example: "水果"},
		{key: "commodity", zh: "标准类目", en: "Commodity", also: []string{"标准品类", "品类代码"}, need: required, hint: "限量标准里的类目代码，如 kiwifruit", example: "kiwifruit"},
		{key: "netContent", zh: "单件含量", en: "Content per item", also: []string{"净含量(每件)", "每件含量", "规格"}, need: required, hint: "一个码对应的含量，如 5 kg 或 1 件", example: "5 kg"},
		{key: "labelContent", zh: "标示净含量", en: "Label content", also: []string{"净含量"}, example: "5 kg"},
		{key: "ingredients", zh: "成分", en: "Ingredients", also: []string{"配料", "全成分"}, hint: "用顿号或分号隔开"},
		{key: "labelClaims", zh: "标签宣称", en: "Label claims", also: []string{"宣称"}, hint: "用顿号或分号隔开"},
		{key: "filing", zh: "备案号", en: "Filing number", also: []string{"注册备案号", "备案编号"}},
		{key: "licence", zh: "许可证号", en: "Licence number", also: []string{"生产许可证号", "登记证号"}, need: required, example: "SC-FARM-510131-001"},
		{key: "producer", zh: "生产者", en: "Producer", also: []string{"生产者代号"}, hint: "主体代号；空着就是上传者", example: "farm-pujiang-01"},
		{key: "merchant", zh: "商家", en: "Merchant", also: []string{"商家代号"}, example: "merchant-hangzhou-01"},
		{key: "storage", zh: "贮存温度", en: "Storage temperature", also: []string{"储存温度"}, hint: "如 0~1", example: "0~1"},
		{key: "transport", zh: "运输温度", en: "Transport temperature", hint: "如 0~5；空着表示不走冷链", example: "0~5"},
		{key: "defrost", zh: "化霜允许分钟", en: "Defrost allowance minutes", example: "15"},
		{key: "gap", zh: "数据中断允许分钟", en: "Gap allowance minutes", example: "15"},
		{key: "excursion", zh: "超温允许分钟", en: "Excursion allowance minutes", example: "0"},
		{key: "shelfLife", zh: "保质期天数", en: "Shelf life days", also: []string{"保质期(天)", "保质期"}, need: required, example: "60"},
		{key: "highRisk", zh: "高风险", en: "High risk", choices: yesNo(), example: "否"},
		{key: "registered", zh: "登记日期", en: "Registered on", need: required, example: "2026-03-01"},
	}}
}

func readProducts(p *parser, rows []*row) {
	p.batch.content = map[trace.GTIN]trace.Quantity{}
	for _, r := range rows {
		q := &trace.RegisterProductRequest{
			GTIN: r.gtin("gtin"), Name: r.text("name", 100), NameEnglish: r.text("nameEnglish", 100), Brand: r.text("brand", 60),
			Category: trace.Category(r.choice("category")), Commodity: r.term("commodity"),
			LabelContent: r.text("labelContent", 40), Ingredients: r.texts("ingredients", 100), LabelClaims: r.texts("labelClaims", 100),
			FilingNumber: r.text("filing", 60), LicenceNumber: r.name("licence"),
			Producer: r.party("producer"), Merchant: r.party("merchant"),
			Storage: r.temperatureRange("storage"), Transport: r.temperatureRange("transport"),
			DefrostSeconds: r.minutes("defrost"), GapSeconds: r.minutes("gap"), ExcursionSeconds: r.minutes("excursion"),
			ShelfLifeDays: int(r.whole("shelfLife", 1, 36_500)), HighRisk: r.yes("highRisk"),
		}
		if q.Producer == "" {
			q.Producer = p.options.Party
		}
		if q.Producer == "" {
			r.missing("producer")
		}
		var boxes bool
		if q.NetContent, boxes = r.quantity("netContent", ""); boxes {
			r.fail("netContent", bad(trace.CodeInvalid, "the content of an item cannot be in boxes", "单件含量请填重量、容量或 1 件"))
		}
		q.Claimed = r.day("registered").Start()
		p.batch.content[q.GTIN] = q.NetContent
		p.add(r, stepProduct, "origin:RegisterProduct", q, fmt.Sprintf("%s %s", q.GTIN, q.Name))
	}
}

func (r *row) minutes(key string) int64 { return r.whole(key, 0, 1_000_000) * 60 }

func (r *row) texts(key string, most int) []string {
	c, ok := r.has(key)
	if !ok {
		return nil
	}
	parts := list(c.text)
	for _, s := range parts {
		if err := trace.ValidText(r.column(key).en, s, true, most); err != nil {
			r.invalid(key, err, fmt.Sprintf("每一项最多 %d 个字", most))
		}
	}
	return parts
}

func plotTable() table {
	return table{key: "plot", zh: "地块", en: "Plot", also: []string{"地块信息", "plots"}, read: readPlots, columns: []column{
		{key: "plot", zh: "地块编号", en: "Plot", also: []string{"地块", "编号"}, need: required, hint: nameHint, example: "plot-a8"},
		{key: "crop", zh: "作物", en: "Crop", also: []string{"作物代码"}, need: required, hint: "与产量上限、间隔期里的代码一致", example: "kiwifruit"},
		{key: "area", zh: "面积", en: "Area", need: required, example: "8"},
		{key: "unit", zh: "单位", en: "Unit", hint: "亩、公顷 或 平方米", example: "亩"},
		{key: "place", zh: "地点", en: "Place", also: []string{"基地", "位置"}, need: required, example: "四川省成都市蒲江县复兴村"},
		latitudeColumn(required), longitudeColumn(required),
		{key: "registered", zh: "登记日期", en: "Registered on", need: required, example: "2026-03-01"},
	}}
}

func readPlots(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.RegisterPlotRequest{Plot: r.plot("plot"), Crop: r.term("crop"), Place: r.text("place", 100), Point: r.point("latitude", "longitude")}
		if c, ok := r.has("area"); ok {
			unit := r.units["area"]
			if u, ok := r.raw("unit"); ok {
				unit = u.text
			}
			area, f := parseArea(c.text, unit)
			r.fail("area", f)
			q.Area = area
		}
		q.Claimed = r.day("registered").Start()
		p.batch.plots = append(p.batch.plots, q.Plot)
		p.add(r, stepPlot, "origin:RegisterPlot", q, fmt.Sprintf("%s %d m²", q.Plot, q.Area))
	}
}

func batchListTable() table {
	return table{key: "batch", zh: "批次", en: "Lot", also: []string{"批次信息", "批次登记", "lots", "batches", "batch"}, read: readBatches, columns: []column{
		gtinColumn(required), lotColumn(required),
		{key: "place", zh: "产地", en: "Place of origin", also: []string{"生产地", "生产地点", "地点"}, need: required, example: "四川省成都市蒲江县"},
		latitudeColumn(required), longitudeColumn(required),
		{key: "plot", zh: "地块编号", en: "Plot", also: []string{"地块"}, hint: "农产品必填", example: "plot-a8"},
		{key: "made", zh: "采收或生产时间", en: "Made at", also: []string{"采收时间", "生产时间", "采收日期", "生产日期", "harvested at"}, need: wanted, example: "2026-10-18 10:30"},
		{key: "quantity", zh: "数量", en: "Quantity", need: wanted, hint: "重量或件数", example: "9,600"},
		unitColumn("kg"),
		{key: "presale", zh: "预售", en: "Presale", choices: yesNo(), hint: "采收前先开批次填“是”", example: "否"},
		{key: "planned", zh: "计划采收日期", en: "Planned on", hint: "只有预售批次填写"},
		{key: "registered", zh: "登记日期", en: "Registered on", hint: "预售批次必填；其他批次空着就是采收或生产时间"},
	}}
}

func readBatches(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.RegisterBatchRequest{
			LotID: trace.LotID{GTIN: r.gtin("gtin"), Lot: r.lotNumber("lot")}, Place: r.text("place", 100), Point: r.point("latitude", "longitude"),
			Plot: r.plot("plot"), Presale: r.yes("presale"), Planned: r.day("planned"), Made: r.moment("made"),
		}
		q.Quantity = r.lotQuantity("quantity", "unit", q.GTIN)
		q.Claimed = q.Made
		if !r.blank("registered") {
			q.Claimed = r.day("registered").Start()
		}
		switch {
		case q.Presale:
			for _, key := range []string{"planned", "registered"} {
				if r.blank(key) {
					r.missing(key)
				}
			}
			for _, key := range []string{"made", "quantity"} {
				if !r.blank(key) {
					r.fail(key, bad(trace.CodeInvalid, "a presale lot has it only when it is completed", "预售批次先空着，采收后在“预售补全”表里填写"))
				}
			}
		default:
			for _, key := range []string{"made", "quantity"} {
				if r.blank(key) {
					r.missing(key)
				}
			}
			if !r.blank("planned") {
				r.fail("planned", bad(trace.CodeInvalid, "only a presale lot has a planned day", "只有预售批次填写计划采收日期"))
			}
		}
		p.batch.lots = append(p.batch.lots, q.LotID)
		p.batch.batches = append(p.batch.batches, &pendingBatch{r, q})
	}
}

// lotQuantity reads a quantity that may be in boxes of the product.
func (r *row) lotQuantity(key, unitKey string, gtin trace.GTIN) trace.Quantity {
	q, boxes := r.quantity(key, unitKey)
	if !boxes {
		return q
	}
	content, ok := r.p.batch.content[gtin]
	if !ok {
		r.fail(key, bad(trace.CodeInvalid, "the product's content per box is not in this file", "按箱填写时，同一文件的“商品”表里要有该商品的单件含量；否则请填 kg"))
		return trace.Quantity{}
	}
	return trace.Quantity{Amount: q.Amount * content.Amount, Unit: content.Unit}
}

// lot reads the lot of a row; a file with one lot need not repeat it.
func (r *row) lot() trace.LotID {
	l := trace.LotID{GTIN: r.gtin("gtin"), Lot: r.lotNumber("lot")}
	lots := r.p.batch.lots
	if l.Lot == "" && l.GTIN == "" && len(lots) == 1 {
		return lots[0]
	}
	if l.GTIN == "" && l.Lot != "" {
		for _, known := range lots {
			if known.Lot == l.Lot {
				return known
			}
		}
	}
	for _, key := range []string{"gtin", "lot"} {
		if r.blank(key) {
			r.missing(key)
		}
	}
	return l
}

func materialTable() table {
	return table{key: "material", zh: "原料", en: "Materials", also: []string{"投入品", "原料与投入品", "农资", "material"}, read: readMaterials, columns: []column{
		gtinColumn(wanted), lotColumn(wanted),
		{key: "name", zh: "名称", en: "Name", also: []string{"原料名称", "投入品名称"}, need: required, example: "有机肥"},
		{key: "supplier", zh: "供应商", en: "Supplier", also: []string{"供应商代号"}, need: required, example: "supplier-fertiliser-01"},
		{key: "supplierLot", zh: "供应商批号", en: "Supplier lot", also: []string{"原料批号"}, example: "F2603"},
		{key: "licence", zh: "许可证号", en: "Licence number", also: []string{"供应商许可证号", "登记证号"}, example: "DEMO-FERT-0001"},
	}}
}

func readMaterials(p *parser, rows []*row) {
	p.batch.materials = map[trace.LotID][]trace.Material{}
	for _, r := range rows {
		lot := r.lot()
		m := trace.Material{Name: r.text("name", 60), Supplier: r.party("supplier"), Lot: r.text("supplierLot", 40), LicenceNumber: r.name("licence")}
		p.batch.materials[lot] = append(p.batch.materials[lot], m)
		r.ofKnownLot(lot)
	}
}

// ofKnownLot refuses materials and inputs of a lot that the file does not register:
// they are part of the lot's registration.
func (r *row) ofKnownLot(lot trace.LotID) {
	for _, known := range r.p.batch.lots {
		if known == lot {
			return
		}
	}
	r.fail("lot", bad(trace.CodeNotFound, "lot "+lot.String()+" is not in this file's lot table", "这个批号不在同一文件的“批次”表里"))
}

func inputTable() table {
	return table{key: "input", zh: "投入批次", en: "Inputs", also: []string{"上游批次", "input"}, read: readInputs, columns: []column{
		gtinColumn(wanted), lotColumn(wanted),
		{key: "parentGtin", zh: "上游商品条码", en: "Parent GTIN", need: required, example: "09520000300012"},
		{key: "parentLot", zh: "上游批号", en: "Parent lot", need: required, example: "FE260820"},
		{key: "quantity", zh: "领用数量", en: "Quantity", also: []string{"数量", "用量"}, need: required, example: "100"},
		unitColumn("kg"),
	}}
}

func readInputs(p *parser, rows []*row) {
	p.batch.inputs = map[trace.LotID][]trace.Input{}
	for _, r := range rows {
		lot := r.lot()
		in := trace.Input{LotID: trace.LotID{GTIN: r.gtin("parentGtin"), Lot: r.lotNumber("parentLot")}}
		in.Quantity = r.lotQuantity("quantity", "unit", in.GTIN)
		p.batch.inputs[lot] = append(p.batch.inputs[lot], in)
		r.ofKnownLot(lot)
	}
}

func releaseTable() table {
	return table{key: "release", zh: "原料放行", en: "Releases", also: []string{"放行", "releases"}, read: readReleases, columns: []column{
		gtinColumn(wanted), lotColumn(wanted),
		{key: "taker", zh: "领用方", en: "Taker", also: []string{"领用方代号", "放行给"}, need: required, hint: "可把这一批用作投入的生产者代号", example: "factory-guangzhou-01"},
		{key: "quantity", zh: "放行数量", en: "Quantity", also: []string{"数量"}, need: required, example: "400"},
		unitColumn("kg"),
		{key: "released", zh: "放行时间", en: "Released at", also: []string{"放行日期"}, need: required, example: "2026-07-06 09:00"},
	}}
}

func readReleases(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.ReleaseInputRequest{LotID: r.lot(), Taker: r.party("taker")}
		q.Quantity = r.lotQuantity("quantity", "unit", q.GTIN)
		q.Claimed = r.moment("released")
		p.add(r, stepRelease, "origin:ReleaseInput", q, fmt.Sprintf("%s → %s %s", q.LotID, q.Taker, written(q.Quantity)))
	}
}

// planBatches adds the lots once their materials and inputs are read.
func (p *parser) planBatches() {
	for _, b := range p.batch.batches {
		q := b.request
		q.Materials, q.Inputs = p.batch.materials[q.LotID], p.batch.inputs[q.LotID]
		for _, part := range []struct {
			n    int
			name string
		}{{len(q.Materials), "原料"}, {len(q.Inputs), "投入批次"}} {
			if part.n > 50 {
				b.row.fail("lot", bad(trace.CodeTooLarge, strconv.Itoa(part.n)+" materials or inputs, at most 50", "一个批次的"+part.name+"最多 50 项"))
			}
		}
		about := q.LotID.String()
		if q.Quantity.Amount > 0 {
			about += " " + written(q.Quantity)
		}
		p.add(b.row, stepBatch, "origin:RegisterBatch", q, about)
	}
	p.batch.batches = nil
}

func completionTable() table {
	return table{key: "completion", zh: "预售补全", en: "Completion", read: readCompletions, columns: []column{
		gtinColumn(wanted), lotColumn(wanted),
		{key: "made", zh: "采收或生产时间", en: "Made at", also: []string{"采收时间", "生产时间"}, need: required, example: "2026-10-18 10:30"},
		{key: "quantity", zh: "数量", en: "Quantity", need: required, example: "9,600"},
		unitColumn("kg"),
	}}
}

func readCompletions(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.CompleteBatchRequest{LotID: r.lot(), Made: r.moment("made")}
		q.Quantity = r.lotQuantity("quantity", "unit", q.GTIN)
		q.Claimed = q.Made
		p.add(r, stepCompletion, "origin:CompleteBatch", q, q.LotID.String())
	}
}
