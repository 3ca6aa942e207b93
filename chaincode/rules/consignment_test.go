package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

const consignedUnit = trace.SSCC("095200001000000018")

func kiwiLot(lot trace.LotNumber) trace.LotID {
	return trace.LotID{GTIN: "09520000100018", Lot: lot}
}

func run(pack trace.PackID, first, last int64) *trace.CodeRange {
	return &trace.CodeRange{Pack: pack, First: first, Last: last}
}

func TestCheckConsignment(t *testing.T) {
	good := func() *trace.ConsignRequest {
		return &trace.ConsignRequest{
			Shipment: "sh-01", Carrier: "carrier-01", Consignee: "store-01", Lots: []trace.LotID{kiwiLot("A"), kiwiLot("B")},
			Loads: []trace.Load{{SSCC: consignedUnit}, {Codes: run("PACK0001", 1, 9)}},
		}
	}
	require.NoError(t, CheckConsignment(good(), "farm-01"))
	bare := &trace.ConsignRequest{Shipment: "sh-01", Carrier: "carrier-01"}
	require.NoError(t, CheckConsignment(bare, "carrier-02"))
	for name, c := range map[string]struct {
		change func(*trace.ConsignRequest)
		code   trace.Code
	}{
		"no shipment":       {func(r *trace.ConsignRequest) { r.Shipment = "" }, trace.CodeMissing},
		"no carrier":        {func(r *trace.ConsignRequest) { r.Carrier = "" }, trace.CodeMissing},
		"itself":            {func(r *trace.ConsignRequest) { r.Carrier = "farm-01" }, trace.CodeInvalid},
		"consignee's form":  {func(r *trace.ConsignRequest) { r.Consignee = "No" }, trace.CodeInvalid},
		"a lot twice":       {func(r *trace.ConsignRequest) { r.Lots[1] = r.Lots[0] }, trace.CodeInvalid},
		"GTIN's digit":      {func(r *trace.ConsignRequest) { r.Lots[0].GTIN = "09520000100019" }, trace.CodeCheckDigit},
		"SSCC's digit":      {func(r *trace.ConsignRequest) { r.Loads[0].SSCC = "095200001000000019" }, trace.CodeCheckDigit},
		"a code twice":      {func(r *trace.ConsignRequest) { r.Loads[0] = trace.Load{Codes: run("PACK0001", 9, 12)} }, trace.CodeCustody},
		"neither nor":       {func(r *trace.ConsignRequest) { r.Loads[0] = trace.Load{} }, trace.CodeInvalid},
		"too many loads":    {func(r *trace.ConsignRequest) { r.Loads = make([]trace.Load, maxLoads+1) }, trace.CodeTooLarge},
		"too many lots":     {func(r *trace.ConsignRequest) { r.Lots = make([]trace.LotID, maxLoads+1) }, trace.CodeTooLarge},
		"backwards":         {func(r *trace.ConsignRequest) { r.Loads[1].Codes.Last = 0 }, trace.CodeInvalid},
		"a number of a lot": {func(r *trace.ConsignRequest) { r.Lots[0].Lot = "" }, trace.CodeMissing},
	} {
		r := good()
		c.change(r)
		require.Equal(t, c.code, trace.CodeOf(CheckConsignment(r, "farm-01")), name)
	}
}

func TestMayConsign(t *testing.T) {
	today := day("2026-10-20")
	admitted := func(roles ...trace.Role) *trace.Party {
		return &trace.Party{Roles: roles, Org: trace.MSPOf(roles[0]), ValidFrom: today - 100, ValidTo: today + 100}
	}
	for name, c := range map[string]struct {
		change func(*trace.ConsignRequest, *ConsignmentFacts)
		code   trace.Code
	}{
		"goods that wait": {func(*trace.ConsignRequest, *ConsignmentFacts) {}, ""},
		"nobody":          {func(_ *trace.ConsignRequest, f *ConsignmentFacts) { f.Carrier.Party = nil }, trace.CodeUnknownParty},
		"suspended": {func(_ *trace.ConsignRequest, f *ConsignmentFacts) {
			f.Carrier.Standing = &trace.Standing{Status: trace.PartySuspended}
		}, trace.CodePartySuspended},
		"not a carrier":          {func(_ *trace.ConsignRequest, f *ConsignmentFacts) { f.Carrier.Party = admitted(trace.RoleFarm) }, trace.CodeInvalid},
		"to nobody":              {func(r *trace.ConsignRequest, _ *ConsignmentFacts) { r.Consignee = "" }, trace.CodeMissing},
		"to itself":              {func(r *trace.ConsignRequest, _ *ConsignmentFacts) { r.Consignee = "farm-01" }, trace.CodeInvalid},
		"a shipment that is not": {func(r *trace.ConsignRequest, _ *ConsignmentFacts) { r.Consignee, r.Lots = "", nil }, trace.CodeNotFound},
		"nothing":                {func(r *trace.ConsignRequest, _ *ConsignmentFacts) { r.Lots = nil }, trace.CodeMissing},
		"arrived": {func(_ *trace.ConsignRequest, f *ConsignmentFacts) {
			f.Shipment = &trace.ShipmentStatus{Carrier: "farm-01"}
		},
			trace.CodeState},
		"another's shipment": {func(_ *trace.ConsignRequest, f *ConsignmentFacts) {
			f.Shipment = &trace.ShipmentStatus{Open: true, Carrier: "carrier-02"}
		}, trace.CodeCustody},
		"its shipment": {func(r *trace.ConsignRequest, f *ConsignmentFacts) {
			r.Consignee, r.Lots = "", nil
			f.Shipment = &trace.ShipmentStatus{Open: true, Carrier: "farm-01"}
		}, ""},
		"part of its shipment": {func(r *trace.ConsignRequest, f *ConsignmentFacts) {
			r.Consignee = ""
			f.Shipment = &trace.ShipmentStatus{Open: true, Carrier: "farm-01"}
		}, trace.CodeInvalid},
		"its shipment elsewhere": {func(r *trace.ConsignRequest, f *ConsignmentFacts) {
			r.Lots = nil
			f.Shipment = &trace.ShipmentStatus{Open: true, Carrier: "farm-01"}
		}, trace.CodeInvalid},
	} {
		r := &trace.ConsignRequest{Shipment: "sh-01", Carrier: "carrier-01", Consignee: "store-01", Lots: []trace.LotID{kiwiLot("A")}}
		f := ConsignmentFacts{By: "farm-01", Today: today, Carrier: Supplier{Party: admitted(trace.RoleCarrier)}}
		c.change(r, &f)
		require.Equal(t, c.code, trace.CodeOf(MayConsign(r, f)), name)
	}
}

func TestDispatchConsigned(t *testing.T) {
	lotA, lotB := kiwiLot("A"), kiwiLot("B")
	cargo := Cargo{Packs: []LoadedPack{
		{Pack: "PACK0001", Status: &trace.PackStatus{State: trace.PackActive, Lot: &lotA}},
		{Pack: "PACK0002", Status: &trace.PackStatus{State: trace.PackActive, Lot: &lotB}},
	}}
	loose := func(pack trace.PackID, first, last int64) OpenedLoad {
		return OpenedLoad{Load: trace.Load{Codes: run(pack, first, last)}, Codes: []trace.CodeRange{*run(pack, first, last)}}
	}
	unit := OpenedLoad{Load: trace.Load{SSCC: consignedUnit}, Codes: []trace.CodeRange{*run("PACK0001", 1, 5), *run("PACK0002", 1, 5)}}
	for name, c := range map[string]struct {
		word  *trace.ConsignmentStatus
		loads []OpenedLoad
		code  trace.Code
	}{
		"no word":             {nil, []OpenedLoad{loose("PACK0001", 1, 9)}, trace.CodeConsignment},
		"used up":             {&trace.ConsignmentStatus{Carrier: "carrier-01", Consignee: "store-01", Lots: []trace.LotID{lotA}, Used: true}, []OpenedLoad{loose("PACK0001", 1, 9)}, trace.CodeConsignment},
		"another carrier":     {&trace.ConsignmentStatus{Carrier: "carrier-02", Consignee: "store-01", Lots: []trace.LotID{lotA}}, []OpenedLoad{loose("PACK0001", 1, 9)}, trace.CodeConsignment},
		"another consignee":   {&trace.ConsignmentStatus{Carrier: "carrier-01", Consignee: "store-02", Lots: []trace.LotID{lotA}}, []OpenedLoad{loose("PACK0001", 1, 9)}, trace.CodeConsignment},
		"by its lot":          {&trace.ConsignmentStatus{Carrier: "carrier-01", Consignee: "store-01", Lots: []trace.LotID{lotA}}, []OpenedLoad{loose("PACK0001", 1, 9)}, ""},
		"another lot":         {&trace.ConsignmentStatus{Carrier: "carrier-01", Consignee: "store-01", Lots: []trace.LotID{lotA}}, []OpenedLoad{loose("PACK0001", 1, 9), loose("PACK0002", 1, 1)}, trace.CodeConsignment},
		"by codes that touch": {&trace.ConsignmentStatus{Carrier: "carrier-01", Consignee: "store-01", Loads: []trace.Load{{Codes: run("PACK0001", 6, 20)}, {Codes: run("PACK0001", 1, 5)}}}, []OpenedLoad{loose("PACK0001", 2, 19)}, ""},
		"one code too many":   {&trace.ConsignmentStatus{Carrier: "carrier-01", Consignee: "store-01", Loads: []trace.Load{{Codes: run("PACK0001", 1, 5)}, {Codes: run("PACK0001", 7, 20)}}}, []OpenedLoad{loose("PACK0001", 2, 19)}, trace.CodeConsignment},
		"the unit":            {&trace.ConsignmentStatus{Carrier: "carrier-01", Consignee: "store-01", Loads: []trace.Load{{SSCC: consignedUnit}}}, []OpenedLoad{unit}, ""},
		"all lots in a unit":  {&trace.ConsignmentStatus{Carrier: "carrier-01", Consignee: "store-01", Lots: []trace.LotID{lotA, lotB}}, []OpenedLoad{unit}, ""},
		"a lot in a unit":     {&trace.ConsignmentStatus{Carrier: "carrier-01", Consignee: "store-01", Lots: []trace.LotID{lotA}}, []OpenedLoad{unit}, trace.CodeConsignment},
		"a unit by its codes": {&trace.ConsignmentStatus{Carrier: "carrier-01", Consignee: "store-01", Loads: []trace.Load{{Codes: run("PACK0001", 1, 5)}, {Codes: run("PACK0002", 1, 5)}}}, []OpenedLoad{unit}, trace.CodeConsignment},
	} {
		request := &trace.DispatchRequest{Shipment: "sh-01", From: "farm-01", Consignee: "store-01"}
		used, err := DispatchConsigned(request, "carrier-01", c.word, c.loads, cargo)
		require.Equal(t, c.code, trace.CodeOf(err), "%s: %v", name, err)
		if c.code == "" {
			require.True(t, used.Used, name)
		}
	}
}

// Whatever the word names, a dispatch passes if and only if every item in it is named.
func TestConsignmentCoversItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var named []trace.Load
		items := map[int64]bool{}
		for first := int64(1); first < 40; {
			last := first + int64(rapid.IntRange(0, 6).Draw(t, "length"))
			if rapid.Bool().Draw(t, "named") {
				named = append(named, trace.Load{Codes: run("PACK0001", first, last)})
				for i := first; i <= last; i++ {
					items[i] = true
				}
			}
			first = last + 1
		}
		named = rapid.Permutation(named).Draw(t, "order")
		first := int64(rapid.IntRange(1, 40).Draw(t, "first"))
		last := first + int64(rapid.IntRange(0, 20).Draw(t, "items"))
		all := true
		for i := first; i <= last; i++ {
			all = all && items[i]
		}
		word := &trace.ConsignmentStatus{Carrier: "carrier-01", Consignee: "store-01", Loads: named}
		load := OpenedLoad{Load: trace.Load{Codes: run("PACK0001", first, last)}, Codes: []trace.CodeRange{*run("PACK0001", first, last)}}
		_, err := DispatchConsigned(&trace.DispatchRequest{From: "farm-01", Consignee: "store-01"}, "carrier-01", word, []OpenedLoad{load}, Cargo{})
		if all != (err == nil) {
			t.Fatalf("items %d to %d, named %v: %v", first, last, named, err)
		}
	})
}

func TestHandoverConsigned(t *testing.T) {
	request := &trace.HandoverRequest{Shipment: "sh-01", Giver: "carrier-01"}
	for name, c := range map[string]struct {
		word *trace.ConsignmentStatus
		code trace.Code
	}{
		"its word":           {&trace.ConsignmentStatus{Carrier: "carrier-02"}, ""},
		"none":               {nil, trace.CodeConsignment},
		"another's":          {&trace.ConsignmentStatus{Carrier: "carrier-03"}, trace.CodeConsignment},
		"used up":            {&trace.ConsignmentStatus{Carrier: "carrier-02", Used: true}, trace.CodeConsignment},
		"about other things": {&trace.ConsignmentStatus{Carrier: "carrier-02", Consignee: "store-01", Loads: []trace.Load{{SSCC: consignedUnit}}}, trace.CodeConsignment},
	} {
		used, err := HandoverConsigned(request, "carrier-02", c.word)
		require.Equal(t, c.code, trace.CodeOf(err), name)
		require.Equal(t, err == nil, used.Used && err == nil, name)
	}
}
