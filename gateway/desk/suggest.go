package desk

import (
	"encoding/json"
	"reflect"
	"slices"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// suggestions are values that a field is often filled in with.
type suggestions struct {
	ID     string
	Values []known
}

// known is one suggested value, with what it is called where it does not say so itself.
type known struct{ Value, Label string }

// suggestion names the list of known values that helps to fill a field in.
func suggestion(m member) string {
	switch m.typ {
	case reflect.TypeFor[trace.GTIN]():
		return "known-gtin"
	case reflect.TypeFor[trace.LotNumber]():
		return "known-lot"
	case reflect.TypeFor[trace.PlotID]():
		return "known-plot"
	case reflect.TypeFor[trace.PackID]():
		return "known-pack"
	case reflect.TypeFor[trace.ShipmentID]():
		return "known-shipment"
	}
	switch m.name {
	case "inspection", "supersedes":
		return "known-inspection"
	case "review":
		return "known-review"
	case "undoes":
		return "known-action"
	case "verdict":
		return "known-verdict"
	case "licenceNumber":
		return "known-licence"
	}
	if m.typ == reflect.TypeFor[trace.PartyID]() && m.owner != "AdmitPartyRequest" {
		return "known-party"
	}
	return ""
}

// known gathers what forms are often filled in with: a party's own newest ids, and
// parties and findings of everybody.
func (d *Desk) known(v visit) ([]suggestions, error) {
	var out []suggestions
	for _, k := range []struct {
		id, kind string
		part     int
		party    trace.PartyID
	}{
		{"known-gtin", state.KindProduct, 0, ""}, {"known-lot", state.KindBatch, 1, v.party}, {"known-plot", state.KindPlot, 1, v.party},
		{"known-pack", state.KindCodePack, 0, v.party}, {"known-shipment", state.KindShipment, 0, v.party}, {"known-party", state.KindParty, 0, ""},
	} {
		records, _, err := d.Index.List(index.ListQuery{Kind: k.kind, Party: k.party, Limit: 50})
		if err != nil {
			return nil, err
		}
		s := suggestions{ID: k.id}
		for _, rec := range records {
			if _, parts, ok := state.ParseKey(rec.Key); ok && !slices.Contains(s.Values, known{Value: parts[k.part]}) {
				s.Values = append(s.Values, known{Value: parts[k.part]})
			}
		}
		if k.id == "known-party" {
			for i := range s.Values {
				s.Values[i].Label = d.partyName(v.lang, trace.PartyID(s.Values[i].Value))
			}
		}
		out = append(out, s)
	}
	licences, err := d.knownLicences(v)
	if err != nil {
		return nil, err
	}
	out = append(out, licences)
	for _, k := range [][2]string{
		{"known-inspection", state.FactInspection}, {"known-review", state.FactReview}, {"known-action", state.FactAction}, {"known-verdict", state.FactVerdict},
	} {
		records, _, err := d.Index.List(index.ListQuery{Kind: k[1], Limit: 50})
		if err != nil {
			return nil, err
		}
		s := suggestions{ID: k[0]}
		for i, n := range d.lines(v.lang, records) {
			s.Values = append(s.Values, known{Value: string(records[i].Key), Label: n.About + " · " + n.Recorded})
		}
		out = append(out, s)
	}
	return out, nil
}

// knownLicences are the newest on file, with whose they are; company prefixes are no
// licence to make anything.
func (d *Desk) knownLicences(v visit) (suggestions, error) {
	out := suggestions{ID: "known-licence"}
	records, _, err := d.Index.List(index.ListQuery{Kind: state.KindLicence, Limit: 50})
	if err != nil {
		return out, err
	}
	for _, rec := range records {
		var said trace.Licence
		if err := json.Unmarshal(rec.Value, &said); err != nil {
			return out, err
		}
		if said.Kind != trace.LicenceGS1Prefix {
			out.Values = append(out.Values, known{said.Number, string(said.Holder) + " · " + chosen(v.lang, said.Kind)})
		}
	}
	return out, nil
}
