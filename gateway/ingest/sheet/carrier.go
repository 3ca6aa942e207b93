package sheet

import (
	"fmt"

	"traceledger/chaincode/trace"
)

const (
	stepDispatch = iota
	stepHandover
	stepBinding
	stepConsignOnward // of a shipment that was dispatched or taken over above
	stepArrival
)

func transportTables() []table {
	return []table{shipmentTable(), loadTable(), handoverTable(), bindingTable(), consignTable(), arrivalTable()}
}

func shipmentColumn() column {
	return column{key: "shipment", zh: "运单号", en: "Shipment", also: []string{"运单", "运单编号"}, need: required, hint: nameHint, example: "sh-20261020-01"}
}

func shipmentTable() table {
	return table{key: "shipment", zh: "运单", en: "Shipments", also: []string{"发运", "shipment"}, read: readShipments, columns: []column{
		shipmentColumn(),
		{key: "from", zh: "发货方", en: "From", also: []string{"发货方代号", "发货人"}, need: required, example: "farm-pujiang-01"},
		{key: "consignee", zh: "收货方", en: "Consignee", also: []string{"收货方代号", "收货人"}, need: required, example: "merchant-hangzhou-01"},
		{key: "origin", zh: "起运地", en: "Origin", also: []string{"发货地"}, need: required, example: "成都市蒲江县"},
		{key: "originLatitude", zh: "起运地纬度", en: "Origin latitude", need: required, example: "30.205"},
		{key: "originLongitude", zh: "起运地经度", en: "Origin longitude", need: required, example: "103.512"},
		{key: "target", zh: "目的地", en: "Destination", also: []string{"到达地", "收货地"}, need: required, example: "杭州市临平区"},
		{key: "targetLatitude", zh: "目的地纬度", en: "Destination latitude", need: required, example: "30.42"},
		{key: "targetLongitude", zh: "目的地经度", en: "Destination longitude", need: required, example: "120.3"},
		{key: "departed", zh: "发运时间", en: "Departed at", also: []string{"发车时间"}, need: required, example: "2026-10-20 16:00"},
		{key: "vehicle", zh: "车辆代号", en: "Vehicle", hint: "不要填车牌", example: "truck-07"},
		{key: "drivers", zh: "司机人数", en: "Drivers", example: "2"},
	}}
}

func loadTable() table {
	return table{key: "load", zh: "货物", en: "Loads", also: []string{"货物明细", "装载", "load"}, read: readLoads, columns: []column{
		shipmentColumn(),
		{key: "sscc", zh: "SSCC", en: "SSCC", also: []string{"物流单元号", "托盘号"}, hint: "填托盘号，或填赋码包号与起止序号", example: ""},
		{key: "pack", zh: "赋码包号", en: "Code pack", example: "KF261018"},
		{key: "first", zh: "起始序号", en: "First item", also: []string{"从"}, example: "1"},
		{key: "last", zh: "结束序号", en: "Last item", also: []string{"到"}, example: "1920"},
	}}
}

type pendingShipment struct {
	row     *row
	request *trace.DispatchRequest
}

func readShipments(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.DispatchRequest{
			Shipment: r.shipment("shipment"), From: r.party("from"), Consignee: r.party("consignee"),
			Origin:   trace.Place{Name: r.text("origin", 100), Point: r.point("originLatitude", "originLongitude")},
			Target:   trace.Place{Name: r.text("target", 100), Point: r.point("targetLatitude", "targetLongitude")},
			Departed: r.moment("departed"), Vehicle: r.term("vehicle"), Drivers: int(r.whole("drivers", 1, 20)),
		}
		q.Claimed = q.Departed
		for _, other := range p.shipments {
			if other.request.Shipment == q.Shipment {
				r.fail("shipment", bad(CodeDuplicateRow, "the shipment is listed twice", "同一个运单号出现了两次"))
			}
		}
		p.shipments = append(p.shipments, &pendingShipment{r, q})
	}
}

func readLoads(p *parser, rows []*row) {
	for _, r := range rows {
		id := r.shipment("shipment")
		var load trace.Load
		if r.blank("sscc") {
			load.Codes = r.codeRange("pack", "first", "last")
		} else {
			load.SSCC = r.sscc("sscc")
			for _, key := range []string{"pack", "first", "last"} {
				if !r.blank(key) {
					r.fail(key, bad(trace.CodeInvalid, "a load is a logistic unit or a run of codes, not both", "填了托盘号就不要再填赋码包号和序号"))
				}
			}
		}
		known := false
		for _, s := range p.shipments {
			if s.request.Shipment == id {
				known = true
				s.request.Loads = append(s.request.Loads, load)
				s.row.failed = s.row.failed || r.failed
			}
		}
		if !known && id != "" {
			r.fail("shipment", bad(trace.CodeNotFound, "the shipment is not in this file's shipment table", "“运单”表里没有这个运单号"))
		}
	}
}

// planShipments adds the shipments once their loads are read.
func (p *parser) planShipments() {
	for _, s := range p.shipments {
		if n := len(s.request.Loads); n < 1 || n > 50 {
			s.row.fail("shipment", bad(trace.CodeMissing, fmt.Sprintf("the shipment has %d loads, must have 1 to 50", n), "每个运单在“货物”表里应有 1 到 50 行"))
		}
		p.add(s.row, stepDispatch, "transit:Dispatch", s.request, fmt.Sprintf("%s %s → %s", s.request.Shipment, s.request.Origin.Name, s.request.Target.Name))
	}
}

func placeColumns() []column {
	latitude, longitude := latitudeColumn(required), longitudeColumn(required)
	latitude.example, longitude.example = "30.42", "120.3" // of the place beside them
	return []column{
		{key: "place", zh: "地点", en: "Place", also: []string{"交接地点", "到货地点"}, need: required, example: "杭州市临平区"},
		latitude, longitude,
	}
}

func handoverTable() table {
	return table{key: "handover", zh: "交接", en: "Handovers", also: []string{"承运交接", "handover"}, read: readHandovers, columns: append([]column{
		shipmentColumn(),
		{key: "giver", zh: "交出方", en: "Giver", also: []string{"交出方代号"}, need: required, hint: "由接收方登记", example: "carrier-sichuan-01"},
		{key: "at", zh: "交接时间", en: "At", also: []string{"时间"}, need: required, example: "2026-10-21 12:10"},
	}, placeColumns()...)}
}

func readHandovers(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.HandoverRequest{Shipment: r.shipment("shipment"), Giver: r.party("giver"), At: r.moment("at"), Place: r.place()}
		q.Claimed = q.At
		p.add(r, stepHandover, "transit:Handover", q, fmt.Sprintf("%s %s", q.Shipment, q.Place.Name))
	}
}

func (r *row) place() trace.Place {
	return trace.Place{Name: r.text("place", 100), Point: r.point("latitude", "longitude")}
}

func bindingTable() table {
	return table{key: "binding", zh: "设备绑定", en: "Devices", also: []string{"设备", "binding"}, read: readBindings, columns: []column{
		{key: "device", zh: "设备编号", en: "Device", also: []string{"设备号"}, need: required, hint: nameHint, example: "tl-0718"},
		{key: "shipment", zh: "运单号", en: "Shipment", also: []string{"运单"}, hint: "运单、地块、库房三者填一项", example: "sh-20261020-01"},
		{key: "plot", zh: "地块编号", en: "Plot", also: []string{"地块"}},
		{key: "store", zh: "库房", en: "Store", also: []string{"冷库", "仓库"}, hint: "小写字母、数字和“-”，如 cold-store-1"},
		{key: "probes", zh: "探头", en: "Probes", many: true, choices: probes(), hint: "按数据列顺序，用分号隔开", example: "回风温度；果心温度"},
		{key: "from", zh: "绑定时间", en: "From", also: []string{"启用时间"}, need: required, example: "2026-10-20 15:30"},
	}}
}

func probes() []choice {
	return []choice{
		{trace.ProbeReturnAir, "回风温度", []string{"回风", "库温", "环境温度", "温度", "temperature"}},
		{trace.ProbeSupplyAir, "出风温度", []string{"出风", "送风温度"}},
		{trace.ProbePulp, "果心温度", []string{"果心", "货物温度", "品温", "果温", "产品温度"}},
		{trace.ProbeSoil, "土壤温度", []string{"土温", "地温", "soil temperature"}},
	}
}

func readBindings(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.BindDeviceRequest{
			Device: r.device("device"), Shipment: r.shipment("shipment"), Plot: r.plot("plot"), Store: r.term("store"),
			Probes: r.choicesOf("probes"), From: r.moment("from"),
		}
		r.exactlyOne("shipment", "plot", "store")
		q.Claimed = q.From
		p.add(r, stepBinding, "transit:BindDevice", q, fmt.Sprintf("%s → %s%s%s", q.Device, q.Shipment, q.Plot, q.Store))
	}
}

// exactlyOne demands one of several columns.
func (r *row) exactlyOne(keys ...string) {
	filled := 0
	names := ""
	for i, key := range keys {
		if !r.blank(key) {
			filled++
		}
		if i > 0 {
			names += "、"
		}
		names += r.column(key).zh
	}
	if filled != 1 {
		r.fail(keys[0], bad(trace.CodeInvalid, fmt.Sprintf("%d of the alternatives are filled in, must be exactly one", filled), names+"应恰好填一项"))
	}
}

func arrivalTable() table {
	return table{key: "arrival", zh: "到货", en: "Arrivals", also: []string{"到货签收", "签收", "arrival"}, read: readArrivals, columns: append([]column{
		shipmentColumn(),
		{key: "at", zh: "到货时间", en: "Arrived at", also: []string{"签收时间", "时间"}, need: required, example: "2026-10-21 23:30"},
		{key: "badGoods", zh: "坏货率", en: "Bad goods", also: []string{"坏果率", "破损率"}, need: required, hint: "百分数", example: "1.6%"},
	}, placeColumns()...)}
}

func readArrivals(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.ArriveRequest{Shipment: r.shipment("shipment"), At: r.moment("at"), Place: r.place(), BadGoods: r.basisPoints("badGoods")}
		q.Claimed = q.At
		p.add(r, stepArrival, "transit:Arrive", q, fmt.Sprintf("%s %s", q.Shipment, q.Place.Name))
	}
}
