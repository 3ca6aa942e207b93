package desk

import (
	"encoding/json"
	"net/url"
	"slices"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// nextSteps are the forms that answer to a record, opened on what it says, so that
// nobody copies a record's key by hand: a re-test and a review of an inspection, a
// measure that rests on it, the reinstatement that lifts a measure, a party's standing.
func (d *Desk) nextSteps(v visit, rec index.Record) ([]link, error) {
	var out []link
	offer := func(transaction string, name words, request any) {
		for _, m := range trace.Methods() {
			if m.Transaction() == transaction && slices.Contains(m.Roles, v.role) {
				out = append(out, form(v, transaction, name, request))
			}
		}
	}
	switch rec.Kind {
	case state.KindBatch:
		return afterBatch(v, rec), nil
	case state.KindShipment, state.FactHandover:
		err := d.onTheWay(v, rec, offer)
		return out, err
	case state.FactConsignment:
		said, open, err := d.openAppointment(v, rec)
		if err != nil || !open {
			return nil, err
		}
		take, err := d.takeOver(v, rec.Party, said)
		return []link{take}, err
	case state.FactInspection:
		return out, afterInspection(v, rec, offer)
	case state.FactAction:
		return out, afterAction(v, rec, offer)
	case state.FactVerdict:
		if v.role == trace.RoleReviewer {
			offer("verdict:Review", words{"复核这条判定", "Review this verdict"}, &trace.ReviewVerdictRequest{Verdict: rec.Key})
		}
		offer("enforcement:TakeAction", words{"据此采取处置", "Take an action on it"}, &trace.TakeActionRequest{Lot: lotOf(rec.Key), Causes: []trace.Key{rec.Key}})
	case state.KindParty, state.KindStanding:
		if _, parts, ok := state.ParseKey(rec.Key); ok && len(parts) > 0 {
			offer("registry:GrantLicence", words{"登记它的许可证", "Put a licence of it on file"}, &trace.GrantLicenceRequest{Party: trace.PartyID(parts[0])})
			offer("registry:SetStanding", words{"暂停或恢复该主体", "Suspend or restore this party"}, &trace.SetStandingRequest{Party: trace.PartyID(parts[0])})
		}
	}
	return out, nil
}

// afterBatch goes on with a lot of one's own: its codes, log, certificate and carrier.
func afterBatch(v visit, rec index.Record) []link {
	_, parts, ok := state.ParseKey(rec.Key)
	if !ok || rec.Party != v.party {
		return nil
	}
	id := trace.LotID{GTIN: trace.GTIN(parts[0]), Lot: trace.LotNumber(parts[1])}
	of := url.Values{"gtin": {string(id.GTIN)}, "lot": {string(id.Lot)}}
	return []link{
		{words{"赋码与标签", "Codes and labels"}.in(v.lang), "/desk/" + string(v.role) + "/codes?" + of.Encode()},
		form(v, "origin:AddLogEntry", words{"记农事或生产", "Add to its log"}, &trace.AddLogEntryRequest{Lot: &id}),
		form(v, "origin:IssueCertificate", words{"开具合格证", "Issue its certificate"}, &trace.IssueCertificateRequest{LotID: id}),
		form(v, "transit:Consign", words{"委托承运人", "Appoint a carrier"}, &trace.ConsignRequest{Lots: []trace.LotID{id}}),
	}
}

// onTheWay goes on with an open shipment in the carrier's own hands.
func (d *Desk) onTheWay(v visit, rec index.Record, offer offering) error {
	var said struct {
		ID       trace.ShipmentID `json:"id"`       // of a shipment
		Shipment trace.ShipmentID `json:"shipment"` // of a handover
	}
	if err := json.Unmarshal(rec.Value, &said); err != nil {
		return err
	}
	if rec.Kind == state.KindShipment {
		said.Shipment = said.ID
	}
	status, found, err := balance[trace.ShipmentStatus](d.Index, state.ShipmentStatusKey(said.Shipment))
	if err != nil || !found || !status.Open || status.Carrier != v.party {
		return err
	}
	offer("transit:BindDevice", words{"绑定设备", "Bind a device"}, &trace.BindDeviceRequest{Shipment: said.Shipment})
	offer("transit:Consign", words{"委托下一承运人", "Appoint the next carrier"}, &trace.ConsignRequest{Shipment: said.Shipment})
	offer("transit:Arrive", words{"到货", "Arrive"}, &trace.ArriveRequest{Shipment: said.Shipment})
	return nil
}

type offering func(transaction string, name words, request any)

func afterInspection(v visit, rec index.Record, offer offering) error {
	var done trace.Inspection
	if err := json.Unmarshal(rec.Value, &done); err != nil {
		return err
	}
	again := &trace.ReportInspectionRequest{
		Sample: done.Sample, Lot: done.Lot, Producer: done.Producer, Plot: done.Plot, Season: done.Season, Commodity: done.Commodity, Supersedes: rec.Key,
	}
	asAsked(again)
	for _, item := range done.Items {
		again.Items = append(again.Items, trace.InspectionItem{Substance: item.Substance, Method: item.Method, Unit: item.Unit})
	}
	offer("inspection:Report", words{"提交复检（取代这份报告）", "Report a re-test in its place"}, again)
	if done.Lot == nil {
		return nil
	}
	level := 1
	if v.role == trace.RoleLab {
		level = 2
	}
	if rec.Party != v.party && v.role != trace.RoleConsumerPanel { // nobody reviews their own report, and a panel looks at none
		offer("inspection:Review", words{"复核这份报告", "Review this report"}, &trace.ReviewRequest{LotID: *done.Lot, Level: level, Inspection: rec.Key})
	}
	if done.Judgement == trace.JudgedFail {
		offer("enforcement:TakeAction", words{"据此采取处置", "Take an action on it"}, &trace.TakeActionRequest{Lot: done.Lot, Causes: []trace.Key{rec.Key}})
	}
	return nil
}

func afterAction(v visit, rec index.Record, offer offering) error {
	var done trace.Action
	if err := json.Unmarshal(rec.Value, &done); err != nil {
		return err
	}
	switch done.Kind {
	case trace.ActionReinstate, trace.ActionLower:
		return nil
	case trace.ActionHint, trace.ActionLimit, trace.ActionCut:
		if v.role != trace.RolePlatformOperator { // any of the platform's lowers, whoever took the step
			return nil
		}
		offer("enforcement:TakeAction", words{"判定被推翻后降级", "Lower it after an overturned verdict"}, &trace.TakeActionRequest{
			Kind: trace.ActionLower, Stream: done.Stream, Host: done.Host, Basis: done.Basis, Undoes: rec.Key,
		})
		return nil
	}
	if rec.Party != v.party { // who took it lifts it
		return nil
	}
	offer("enforcement:TakeAction", words{"整改后恢复（撤销这次处置）", "Reinstate: lift this action"}, &trace.TakeActionRequest{
		Kind: trace.ActionReinstate, Lot: done.Lot, Codes: done.Codes, GTIN: done.GTIN, Basis: done.Basis, Causes: []trace.Key{rec.Key}, Undoes: rec.Key,
	})
	return nil
}

// asAsked drops from a request made of a record what the contract added to the record.
func asAsked(request any) {
	if r, ok := request.(*trace.ReportInspectionRequest); ok && r.Lot != nil {
		// A lot's commodity and producer are its product's; only a plot sample says them.
		r.Producer, r.Plot, r.Season, r.Commodity = "", "", 0, ""
	}
}

// lotOf is the lot a fact is about, nil if it is about something else.
func lotOf(key trace.Key) *trace.LotID {
	fact, ok := state.ParseFactKey(key)
	if !ok {
		return nil
	}
	id, ok := state.LotOf(fact.Subject)
	if !ok {
		return nil
	}
	return &id
}
