package desk

import (
	"encoding/json"
	"net/url"
	"reflect"
	"slices"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// nextSteps are the forms that answer to a record, opened on what it says, so that
// nobody copies a record's key by hand: a re-test and a review of an inspection, a
// measure that rests on it, the reinstatement that lifts a measure, a party's standing.
func nextSteps(v visit, rec index.Record) ([]link, error) {
	var out []link
	offer := func(transaction string, name words, request any) {
		for _, m := range trace.Methods() {
			if m.Transaction() == transaction && slices.Contains(m.Roles, v.role) {
				values := url.Values{}
				fill(values, reflect.ValueOf(request).Elem(), "")
				out = append(out, link{name.in(v.lang), "/desk/" + string(v.role) + "/new/" + formName(m) + "?" + values.Encode()})
			}
		}
	}
	switch rec.Kind {
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
			offer("registry:SetStanding", words{"暂停或恢复该主体", "Suspend or restore this party"}, &trace.SetStandingRequest{Party: trace.PartyID(parts[0])})
		}
	}
	return out, nil
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
	if done.Kind == trace.ActionReinstate || rec.Party != v.party { // who took it lifts it
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
