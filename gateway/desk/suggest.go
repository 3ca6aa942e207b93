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
	ID      string
	Values  []known
	Records bool // keys of records, which are chosen, not typed
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
	case reflect.TypeFor[trace.StreamID]():
		return "known-stream"
	}
	switch m.name {
	case "causes":
		return "known-cause"
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
// parties, streams and findings of everybody.
func (d *Desk) known(v visit) ([]suggestions, error) {
	var out []suggestions
	for _, k := range []struct {
		id, kind string
		part     int
		party    trace.PartyID
	}{
		{"known-gtin", state.KindProduct, 0, ""}, {"known-lot", state.KindBatch, 1, v.party}, {"known-plot", state.KindPlot, 1, v.party},
		{"known-pack", state.KindCodePack, 0, v.party}, {"known-shipment", state.KindShipment, 0, v.party}, {"known-party", state.KindParty, 0, ""},
		{"known-stream", state.KindStream, 0, ""},
	} {
		records, _, err := d.Index.List(index.ListQuery{Kind: k.kind, Party: k.party, Limit: 50})
		if err != nil {
			return nil, err
		}
		s := suggestions{ID: k.id}
		for _, rec := range records {
			_, parts, ok := state.ParseKey(rec.Key)
			if !ok || slices.ContainsFunc(s.Values, func(n known) bool { return n.Value == parts[k.part] }) {
				continue
			}
			label, err := d.calledHere(v.lang, rec, parts)
			if err != nil {
				return nil, err
			}
			s.Values = append(s.Values, known{parts[k.part], label})
		}
		out = append(out, s)
	}
	licences, err := d.knownLicences(v)
	if err != nil {
		return nil, err
	}
	records, err := d.offeredRecords(v)
	return append(append(out, licences), records...), err
}

// calledHere is what people call the thing behind an id, "" where they have no other name.
func (d *Desk) calledHere(l Language, rec index.Record, parts []string) (string, error) {
	switch rec.Kind {
	case state.KindParty:
		return d.partyName(l, trace.PartyID(parts[0])), nil
	case state.KindProduct, state.KindBatch:
		return d.productName(l, trace.GTIN(parts[0]))
	}
	var said struct {
		Place    string        `json:"place"`
		Merchant trace.PartyID `json:"merchant"`
	}
	if err := json.Unmarshal(rec.Value, &said); err != nil {
		return "", err
	}
	switch rec.Kind {
	case state.KindPlot:
		return said.Place, nil
	case state.KindStream:
		return d.partyName(l, said.Merchant), nil
	}
	return "", nil
}

// productName is a product's name on its label, "" for one that is not on the ledger.
func (d *Desk) productName(l Language, gtin trace.GTIN) (string, error) {
	product, found, err := d.Index.Product(gtin)
	if err != nil || !found {
		return "", err
	}
	if l == English && product.Record.NameEnglish != "" {
		return product.Record.NameEnglish, nil
	}
	return product.Record.Name, nil
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
			out.Values = append(out.Values, known{said.Number, d.partyName(v.lang, said.Holder) + " · " + chosen(v.lang, said.Kind)})
		}
	}
	return out, nil
}
