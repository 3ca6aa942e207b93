package sheet

import (
	"fmt"

	"traceledger/chaincode/trace"
)

// consignTable is the holder's appointment of a carrier: a farm writes it in the batch
// record, whoever holds goods or an open shipment in a transport record.
func consignTable() table {
	return table{key: "consign", zh: "托运委托", en: "Consignments", also: []string{"委托承运", "托运", "consignment"}, read: readConsignments, columns: []column{
		shipmentColumn(),
		{key: "carrier", zh: "承运人", en: "Carrier", also: []string{"承运人代号", "承运方"}, need: required, example: "carrier-sichuan-01"},
		{key: "consignee", zh: "收货方", en: "Consignee", also: []string{"收货方代号", "收货人"}, hint: "在途运单转交下一承运人时空着", example: "merchant-hangzhou-01"},
		{key: "at", zh: "委托时间", en: "Consigned at", also: []string{"托运时间", "时间"}, need: required, example: "2026-10-20 15:00"},
		gtinColumn(wanted), lotColumn(wanted),
		{key: "sscc", zh: "SSCC", en: "SSCC", also: []string{"物流单元号", "托盘号"}, hint: "每行填批号、托盘号、赋码包号与起止序号三者之一；都空着就是本表的批次", example: ""},
		{key: "pack", zh: "赋码包号", en: "Code pack"},
		{key: "first", zh: "起始序号", en: "First item", also: []string{"从"}},
		{key: "last", zh: "结束序号", en: "Last item", also: []string{"到"}},
	}}
}

type pendingConsignment struct {
	row     *row
	request *trace.ConsignRequest
}

// readConsignments joins the rows of one shipment: what a carrier may take can be said
// in several.
func readConsignments(p *parser, rows []*row) {
	var pending []*pendingConsignment
	for _, r := range rows {
		q := &trace.ConsignRequest{Shipment: r.shipment("shipment"), Carrier: r.party("carrier"), Consignee: r.party("consignee")}
		q.Claimed = r.moment("at")
		r.consigned(q)
		known := false
		for _, other := range pending {
			if other.request.Shipment != q.Shipment {
				continue
			}
			known = true
			if o := other.request; o.Carrier != q.Carrier || o.Consignee != q.Consignee || o.Claimed != q.Claimed {
				r.fail("shipment", bad(trace.CodeInvalid, "carrier, consignee or time differ from the shipment's first row", "同一运单各行的承运人、收货方和委托时间应一致"))
			}
			other.request.Lots = append(other.request.Lots, q.Lots...)
			other.request.Loads = append(other.request.Loads, q.Loads...)
			other.row.failed = other.row.failed || r.failed
		}
		if !known {
			pending = append(pending, &pendingConsignment{r, q})
		}
	}
	step := stepConsignOnward
	if p.plan.Kind == KindBatchRecord {
		step = stepConsign
	}
	for _, c := range pending {
		p.add(c.row, step, "transit:Consign", c.request, fmt.Sprintf("%s → %s", c.request.Shipment, c.request.Carrier))
	}
}

// consigned reads what one row lets the carrier take.
func (r *row) consigned(q *trace.ConsignRequest) {
	codes := !r.blank("pack") || !r.blank("first") || !r.blank("last")
	lot := !r.blank("gtin") || !r.blank("lot")
	given := 0
	for _, set := range []bool{codes, lot, !r.blank("sscc")} {
		if set {
			given++
		}
	}
	switch {
	case given > 1:
		r.fail("sscc", bad(trace.CodeInvalid, "a row names a lot, a logistic unit or a run of codes, not several", "每行只填批号、托盘号、赋码包号与起止序号三者之一"))
	case codes:
		q.Loads = append(q.Loads, trace.Load{Codes: r.codeRange("pack", "first", "last")})
	case !r.blank("sscc"):
		q.Loads = append(q.Loads, trace.Load{SSCC: r.sscc("sscc")})
	case lot || q.Consignee != "": // nothing named: the file's lot
		q.Lots = append(q.Lots, r.lot())
	}
}
