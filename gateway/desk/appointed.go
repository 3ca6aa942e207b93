package desk

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// appointment is a shipment that waits for the carrier who was appointed to it.
type appointment struct {
	Shipment, From, To, Goods string
	Path                      string // of the record
	Take                      link   // form that takes the goods
}

// appointments lists the shipments that wait for a carrier, among its newest
// appointments: nobody needs to telephone that the word is given.
func (d *Desk) appointments(v visit) ([]appointment, error) {
	records, _, err := d.Index.List(index.ListQuery{Kind: state.FactConsignment, For: v.party})
	if err != nil {
		return nil, err
	}
	var out []appointment
	for _, rec := range records {
		said, open, err := d.openAppointment(v, rec)
		if err != nil {
			return nil, err
		}
		if !open {
			continue
		}
		take, err := d.takeOver(v, rec.Party, said)
		if err != nil {
			return nil, err
		}
		a := appointment{Shipment: string(said.Shipment), From: d.partyName(v.lang, rec.Party), Goods: goods(v.lang, said), Path: recordPath(rec.Key), Take: take}
		if said.Consignee != "" {
			a.To = d.partyName(v.lang, said.Consignee)
		}
		out = append(out, a)
	}
	return out, nil
}

// openAppointment reads an appointment; open is false for another's, and for one that
// was used up or that a later word took the place of.
func (d *Desk) openAppointment(v visit, rec index.Record) (said trace.Consignment, open bool, err error) {
	if err := json.Unmarshal(rec.Value, &said); err != nil {
		return said, false, err
	}
	if said.Carrier != v.party || v.role != trace.RoleCarrier {
		return said, false, nil
	}
	status, found, err := balance[trace.ConsignmentStatus](d.Index, state.ConsignmentStatusKey(said.Shipment, rec.Party))
	return said, found && status.Record == rec.Key && !status.Used, err
}

// takeOver is the form by which the appointed carrier takes the goods, opened on what
// the appointment says: the handover of a shipment on its way, else a dispatch.
func (d *Desk) takeOver(v visit, from trace.PartyID, said trace.Consignment) (link, error) {
	status, moving, err := balance[trace.ShipmentStatus](d.Index, state.ShipmentStatusKey(said.Shipment))
	if err != nil {
		return link{}, err
	}
	if moving && status.Open {
		return form(v, "transit:Handover", words{"接收交接", "Take over"}, &trace.HandoverRequest{Shipment: said.Shipment, Giver: from}), nil
	}
	loads := said.Loads
	for _, id := range said.Lots {
		more, err := d.heldOf(id, from)
		if err != nil {
			return link{}, err
		}
		loads = append(loads, more...)
	}
	loads = loads[:min(len(loads), maxRows)]
	return form(v, "transit:Dispatch", words{"据此发运", "Dispatch it"},
		&trace.DispatchRequest{Shipment: said.Shipment, Loads: loads, From: from, Consignee: said.Consignee}), nil
}

// heldOf is what a party holds of a lot: runs of codes, and whole logistic units.
func (d *Desk) heldOf(id trace.LotID, holder trace.PartyID) ([]trace.Load, error) {
	lot, found, err := d.Index.Lot(id)
	if err != nil || !found {
		return nil, err
	}
	var out []trace.Load
	for _, p := range lot.Packs {
		for _, s := range p.Custody.Spans {
			if s.Holder.Party == holder {
				out = append(out, trace.Load{Codes: &trace.CodeRange{Pack: p.ID, First: s.First, Last: s.Last}})
			}
		}
		for _, u := range p.Units {
			if load := (trace.Load{SSCC: u.SSCC}); u.Custody.Holder.Party == holder && !slices.Contains(out, load) {
				out = append(out, load)
			}
		}
	}
	return out, nil
}

// goods says in one line what an appointment covers.
func goods(l Language, said trace.Consignment) string {
	var out []string
	for _, id := range said.Lots {
		out = append(out, words{"批次 ", "lot "}.in(l)+string(id.GTIN)+" "+string(id.Lot))
	}
	for _, load := range said.Loads {
		if load.Codes == nil {
			out = append(out, "SSCC "+string(load.SSCC))
			continue
		}
		out = append(out, fmt.Sprintf(words{"码包 %s 第 %d–%d 件", "pack %s items %d–%d"}.in(l), load.Codes.Pack, load.Codes.First, load.Codes.Last))
	}
	if len(out) == 0 {
		return words{"在途运单，整单转交", "on its way, passed on whole"}.in(l)
	}
	return strings.Join(out, l.comma())
}

// form is the address of a method's form opened on a request.
func form(v visit, transaction string, name words, request any) link {
	values := url.Values{}
	fill(values, reflect.ValueOf(request).Elem(), "")
	for field := range values {
		if values.Get(field) == "" || values.Get(field) == "0" && !strings.HasSuffix(field, ".rows") { // the request leaves it open
			values.Del(field)
		}
	}
	return link{name.in(v.lang), "/desk/" + string(v.role) + "/new/" + formByTransaction(transaction) + "?" + values.Encode()}
}

// balance reads the newest value of a state key.
func balance[T any](x *index.Index, key trace.Key) (value T, found bool, err error) {
	rec, found, err := x.Record(key)
	if err != nil || !found {
		return value, false, err
	}
	return value, true, json.Unmarshal(rec.Value, &value)
}
