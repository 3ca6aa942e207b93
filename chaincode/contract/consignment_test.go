package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// No carrier takes goods whose holder did not appoint it, and what it was refused stays
// where it is.
func TestACarrierComesOnTheHoldersWord(t *testing.T) {
	j := startJourney(t)
	before := j.holders()
	refused := func(c *contracttest.Client, r *trace.DispatchRequest) {
		t.Helper()
		c.Refused(trace.CodeConsignment, "transit:Dispatch", r)
		require.Equal(t, before, j.holders())
		require.Nil(t, contracttest.Value[trace.Shipment](j.Ledger, state.ShipmentKey(r.Shipment)))
	}
	refused(j.carrier, j.dispatch("ship-01", j.codes(1, 20)))

	// Nobody speaks for the holder, and the holder's word goes to the one it names.
	word := func(change func(*trace.ConsignRequest)) *trace.ConsignRequest {
		r := &trace.ConsignRequest{
			Write: j.write(j.departed - 1), Shipment: "ship-01", Carrier: "carrier-01", Consignee: "store-01", Loads: []trace.Load{j.codes(1, 20)},
		}
		change(r)
		return r
	}
	as := func(r *trace.ConsignRequest) { r.Consignee = "farm-01" }
	j.store.Must("transit:Consign", word(as))
	j.next.Must("transit:Consign", word(func(*trace.ConsignRequest) {}))
	refused(j.carrier, j.dispatch("ship-01", j.codes(1, 20)))
	j.lab.Refused(trace.CodeForbidden, "transit:Consign", word(func(*trace.ConsignRequest) {}))
	j.Farm.Refused(trace.CodeNotFound, "transit:Consign", word(func(r *trace.ConsignRequest) { r.Lots = []trace.LotID{{GTIN: j.Product, Lot: "NONE"}} }))
	j.Farm.Refused(trace.CodeInvalid, "transit:Consign", word(func(r *trace.ConsignRequest) { r.Carrier = "store-01" }))
	j.Farm.Refused(trace.CodeUnknownParty, "transit:Consign", word(func(r *trace.ConsignRequest) { r.Carrier = "carrier-99" }))
	first := word(func(*trace.ConsignRequest) {})
	receipt := j.Farm.Must("transit:Consign", first)
	j.Farm.Refused(trace.CodeAlreadyRecorded, "transit:Consign", first)
	j.Farm.Refused(trace.CodeInvalid, "transit:Consign", word(func(r *trace.ConsignRequest) { r.Corrects, r.CorrectionReason = receipt.Record, "改" }))
	refused(j.next, j.dispatch("ship-01", j.codes(1, 20)))
	refused(j.carrier, j.dispatch("ship-02", j.codes(1, 20)))
	refused(j.carrier, j.dispatch("ship-01", j.codes(1, 21)))
	elsewhere := j.dispatch("ship-01", j.codes(1, 20))
	elsewhere.Consignee = "carrier-02"
	refused(j.carrier, elsewhere)

	// A later word takes the place of the first; then the goods leave, once.
	j.Farm.Must("transit:Consign", word(func(r *trace.ConsignRequest) { r.Carrier = "carrier-02" }))
	refused(j.carrier, j.dispatch("ship-01", j.codes(1, 20)))
	j.next.Must("transit:Dispatch", j.dispatch("ship-01", j.codes(1, 20)))
	j.Farm.Refused(trace.CodeCustody, "transit:Consign", word(func(*trace.ConsignRequest) {}))

	// An open shipment goes to whom its carrier names, each time anew.
	at := j.departed + 3_600_000
	pass := func(to trace.PartyID) *trace.ConsignRequest {
		return &trace.ConsignRequest{Write: j.write(at), Shipment: "ship-01", Carrier: to}
	}
	j.carrier.Refused(trace.CodeConsignment, "transit:Handover", j.handover("ship-01", "carrier-02", at))
	j.carrier.Refused(trace.CodeCustody, "transit:Consign", pass("carrier-02"))
	j.next.Must("transit:Consign", pass("carrier-01"))
	handover := j.carrier.Must("transit:Handover", j.handover("ship-01", "carrier-02", at))
	require.NotEmpty(t, contracttest.Value[trace.Handover](j.Ledger, handover.Record).Consignment)
	j.next.Refused(trace.CodeConsignment, "transit:Handover", j.handover("ship-01", "carrier-01", at+1))
	j.carrier.Must("transit:Consign", pass("carrier-02"))
	j.next.Must("transit:Handover", j.handover("ship-01", "carrier-01", at+1))
	j.carrier.Refused(trace.CodeConsignment, "transit:Handover", j.handover("ship-01", "carrier-02", at+2))

	// Who holds the goods itself carries them on its own word.
	own := j.dispatch("ship-05", j.codes(21, 30))
	own.Consignee = "carrier-01"
	j.Farm.Must("transit:Consign", &trace.ConsignRequest{
		Write: j.write(j.departed), Shipment: "ship-05", Carrier: "carrier-01", Consignee: "carrier-01", Loads: own.Loads,
	})
	j.carrier.Must("transit:Dispatch", own)
	j.carrier.Must("transit:Arrive", j.arrive("ship-05", at))
	onward := j.dispatch("ship-06", j.codes(21, 30))
	onward.From, onward.Departed = "carrier-01", at
	sent := j.carrier.Must("transit:Dispatch", onward)
	require.Empty(t, contracttest.Value[trace.Shipment](j.Ledger, sent.Record).Consignment)
}

// A transport licence covers what it names, as a producer's does.
func TestACarriersLicenceCoversWhatTravels(t *testing.T) {
	j := startJourney(t)
	cosmetics := j.Admit(trace.RoleCarrier, "carrier-03")
	j.License("carrier-03", "YS-3", trace.LicenceTransport, trace.CategoryCosmetics)
	j.consign("ship-01", "carrier-03")
	cosmetics.Refused(trace.CodeLicence, "transit:Dispatch", j.dispatch("ship-01", j.codes(1, 20)))
	j.start("ship-02", j.codes(1, 20))
	at := j.departed + 3_600_000
	j.carrier.Must("transit:Consign", &trace.ConsignRequest{Write: j.write(at), Shipment: "ship-02", Carrier: "carrier-03"})
	cosmetics.Refused(trace.CodeLicence, "transit:Handover", j.handover("ship-02", "carrier-01", at))

	// In scope, but over on the day of the step.
	j.Regulator().Must("registry:GrantLicence", &trace.GrantLicenceRequest{
		Write: j.Write(), Party: "carrier-03", Number: "YS-4", Kind: trace.LicenceTransport, Scope: []trace.Category{trace.CategoryFruit}, Issuer: "测试机关",
		ValidFrom: contracttest.Day(-365), ValidTo: at.Date() - 1,
	})
	cosmetics.Refused(trace.CodeLicence, "transit:Handover", j.handover("ship-02", "carrier-01", at))
	j.License("carrier-03", "YS-5", trace.LicenceTransport, trace.CategoryFruit)
	cosmetics.Must("transit:Handover", j.handover("ship-02", "carrier-01", at))
}
