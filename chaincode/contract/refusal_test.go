package contract_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/embedded"
)

// What a farm may get wrong about a lot, each refused with its own code on the ledger
// and nothing changed: the lot is registered at the end as if nothing had happened.
func TestLotsThatAreRefused(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	k.License("farm-01", "OLD", trace.LicenceFarming, trace.CategoryVegetable)
	k.Farm.Must("origin:AddLogEntry", k.SprayRequest(20))

	with := func(change func(*trace.RegisterBatchRequest)) *trace.RegisterBatchRequest {
		r := k.BatchRequest("PJ261018-A", 1920)
		change(r)
		return r
	}
	cases := []struct {
		name   string
		code   trace.Code
		mutate func(*trace.RegisterBatchRequest)
	}{
		{"check digit", trace.CodeCheckDigit, func(r *trace.RegisterBatchRequest) { r.GTIN = "09520000100017" }},
		{"product not registered", trace.CodeNotFound, func(r *trace.RegisterBatchRequest) { r.GTIN = "09520000200015" }},
		{"plot not registered", trace.CodeNotFound, func(r *trace.RegisterBatchRequest) { r.Plot = "plot-99" }},
		{"more than the plot gives", trace.CodeYield, func(r *trace.RegisterBatchRequest) { r.Quantity.Amount = contracttest.KiwifruitYield + 1 }},
		{"harvest in the future", trace.CodeChronology, func(r *trace.RegisterBatchRequest) { r.Made = contracttest.At(1, 0) }},
		{"claimed in the future", trace.CodeChronology, func(r *trace.RegisterBatchRequest) { r.Claimed += 2 * trace.ClockSkew }},
		{"harvest before the licence", trace.CodeLicence, func(r *trace.RegisterBatchRequest) { r.Made = contracttest.At(-400, 0) }},
		{"harvest inside the interval", trace.CodeInterval, func(r *trace.RegisterBatchRequest) { r.Made -= 7 * 24 * 60 * 60 * 1000 }},
		{"supplier nobody admitted", trace.CodeUnknownParty, func(r *trace.RegisterBatchRequest) {
			r.Materials = []trace.Material{{Name: "纸箱", Supplier: "boxes-99"}}
		}},
		{"supplier's licence not on file", trace.CodeLicence, func(r *trace.RegisterBatchRequest) {
			r.Materials = []trace.Material{{Name: "有机肥", Supplier: "farm-01", LicenceNumber: "NONE"}}
		}},
		{"input not registered", trace.CodeNotFound, func(r *trace.RegisterBatchRequest) {
			r.Plot, r.Inputs = "", []trace.Input{{LotID: trace.LotID{GTIN: r.GTIN, Lot: "NONE"}, Quantity: r.Quantity}}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { k.Farm.Refused(c.code, "origin:RegisterBatch", with(c.mutate)) })
	}
	require.Nil(t, contracttest.Value[trace.Batch](k.Ledger, state.BatchKey(trace.LotID{GTIN: k.Product, Lot: "PJ261018-A"})))
	lot := k.Batch("PJ261018-A", 1920)

	t.Run("spray inside the interval of a recorded harvest", func(t *testing.T) {
		k.Farm.Must("origin:AddLogEntry", k.SprayRequest(14))
	})
	k.Regulator().Must("standards:PublishInterval", &trace.PublishIntervalRequest{
		Write: k.Write(), Registration: "PD-OTHER", Name: "另一农药", Crop: "kiwifruit", PreHarvestDays: 14, MaxApplications: 1,
		Source: trace.StandardSource{Standard: "测试标准", Effective: contracttest.Day(-3650), Source: "test"},
	})
	late := k.SprayRequest(8)
	late.Registration = "PD-OTHER"
	k.Farm.Refused(trace.CodeInterval, "origin:AddLogEntry", late)
	unknown := k.SprayRequest(30)
	unknown.Registration = "PD-NONE"
	k.Farm.Refused(trace.CodeStandard, "origin:AddLogEntry", unknown)

	k.IssuePack("PACK4900", 4_900)
	activate := &trace.ActivatePackRequest{Write: k.Write(), Pack: "PACK4900", LotID: lot}
	k.Farm.Refused(trace.CodeTooManyCodes, "code:ActivatePack", activate)
	activate.Pack = "PACK0000"
	k.Farm.Refused(trace.CodeNotFound, "code:ActivatePack", activate)
	void := &trace.ChangePackRequest{Write: k.Write(), Pack: "PACK4900", To: trace.PackVoid}
	k.Farm.Refused(trace.CodeMissing, "code:ChangePack", void)
	void.Reason = "标签印错"
	k.Farm.Must("code:ChangePack", void)
	activate.Pack = "PACK4900"
	k.Farm.Refused(trace.CodeState, "code:ActivatePack", activate)
}

func TestPresaleLot(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	open := k.BatchRequest("PRE-1", 1)
	open.Presale, open.Made, open.Quantity, open.Planned = true, 0, trace.Quantity{}, contracttest.Day(0)
	k.Farm.Must("origin:RegisterBatch", open)
	k.IssuePack("PACK0001", 10)
	activate := &trace.ActivatePackRequest{Write: k.Write(), Pack: "PACK0001", LotID: open.LotID}
	k.Farm.Refused(trace.CodeState, "code:ActivatePack", activate)
	k.Farm.Refused(trace.CodeState, "origin:IssueCertificate", &trace.IssueCertificateRequest{
		Write: k.Write(), LotID: open.LotID, Basis: []trace.CertificateBasis{trace.BasisOwnTest}, IssuedOn: contracttest.Day(0),
	})
	complete := &trace.CompleteBatchRequest{
		Write: k.Write(), LotID: open.LotID, Made: trace.TimeOf(time.Now()), Quantity: trace.Quantity{Amount: 50_000, Unit: trace.Gram},
	}
	k.Farm.Must("origin:CompleteBatch", complete)
	k.Farm.Refused(trace.CodeAlreadyRecorded, "origin:CompleteBatch", complete)
	complete.Write = k.Write()
	k.Farm.Refused(trace.CodeAlreadyExists, "origin:CompleteBatch", complete)
	activate.Claimed = trace.TimeOf(time.Now())
	k.Farm.Must("code:ActivatePack", activate)
	season := contracttest.Value[trace.Season](k.Ledger, state.SeasonKey("farm-01", k.Plot, contracttest.Day(0).Year()))
	require.Equal(t, int64(50_000), season.Grams)

	other := k.BatchRequest("PRE-2", 1)
	k.Farm.Must("origin:RegisterBatch", other)
	complete.Write, complete.LotID = k.Write(), other.LotID
	k.Farm.Refused(trace.CodeState, "origin:CompleteBatch", complete)
}

// A licence revoked or a lot made after it: judged on the day the goods were made.
func TestRevokedLicence(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	k.Regulator().Must("registry:RevokeLicence", &trace.RevokeLicenceRequest{
		Write: k.Write(), Party: "farm-01", Number: contracttest.Licence, From: contracttest.Day(-30), Reason: "造假",
	})
	k.Batch("BEFORE", 1) // harvested 36 days ago
	after := k.BatchRequest("AFTER", 1)
	after.Made = contracttest.At(-30, 9*time.Hour)
	k.Farm.Refused(trace.CodeLicence, "origin:RegisterBatch", after)
	product := k.ProductRequest()
	product.GTIN = "09520000200015"
	k.Farm.Refused(trace.CodeLicence, "origin:RegisterProduct", product)
}

// Every organisation simulates on its own here, and a transaction whose read or write
// sets differ in one byte is refused. Passing means that the methods are deterministic.
func TestEndorsersAgree(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t, func(c *embedded.Config) { c.SeparateEndorsers = true }))
	k.Admit(trace.RoleLab, "lab-01")
	k.Regulator().Must("registry:GrantAccreditation", &trace.GrantAccreditationRequest{
		Write: k.Write(), Lab: "lab-01", Number: "CMA-1", Issuer: "认监委", ValidFrom: contracttest.Day(-1), ValidTo: contracttest.Day(1),
		Items: []trace.AccreditedItem{{Category: trace.CategoryFruit, Substance: "*"}},
	})
	k.Farm.Must("origin:AddLogEntry", k.SprayRequest(20))
	k.Farm.Must("origin:AddLogEntry", k.SprayRequest(40))
	a, b := k.Batch("A", 10), k.Batch("B", 10)
	blend := k.BatchRequest("BLEND", 4)
	blend.Plot, blend.Inputs = "", []trace.Input{
		{LotID: b, Quantity: trace.Quantity{Amount: 10_000, Unit: trace.Gram}}, {LotID: a, Quantity: trace.Quantity{Amount: 10_000, Unit: trace.Gram}},
	}
	blend.Materials = []trace.Material{{Name: "纸箱", Supplier: "farm-01", LicenceNumber: contracttest.Licence}}
	receipt := k.Farm.Must("origin:RegisterBatch", blend)
	require.Equal(t, []trace.LotID{a, b}, contracttest.Value[trace.Batch](k.Ledger, receipt.Record).Ancestors)
	k.ActivatePack("PACK0001", 4, blend.LotID)
	k.Farm.Must("code:ChangePack", &trace.ChangePackRequest{Write: k.Write(), Pack: "PACK0001", To: trace.PackFrozen, Reason: "核查"})
}

// A recall reaches everything made from the recalled lot, however far down, and
// nothing new is made of it.
func TestNothingIsMadeFromRecalledGoods(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	from := func(lot trace.LotNumber, boxes int64, parent trace.LotID) *trace.RegisterBatchRequest {
		r := k.BatchRequest(lot, boxes)
		r.Plot, r.Inputs = "", []trace.Input{{LotID: parent, Quantity: r.Quantity}}
		return r
	}
	root := k.Batch("ROOT", 10)
	child := from("CHILD", 6, root)
	k.Farm.Must("origin:RegisterBatch", child)
	other := k.Batch("OTHER", 2)
	k.IssuePack("PACK0001", 2)

	k.Regulator().Must("enforcement:TakeAction", &trace.TakeActionRequest{
		Write: k.Write(), Kind: trace.ActionRecall, Lot: &root, Causes: []trace.Key{state.BatchKey(root)}, Reason: "检出禁用农药",
		Basis: []trace.LegalBasis{{Law: "食品安全法", Article: "第六十三条", Effective: contracttest.Day(-1000)}},
	})
	k.Farm.Refused(trace.CodeRecalled, "origin:RegisterBatch", from("CHILD-2", 1, root))
	k.Farm.Refused(trace.CodeRecalled, "origin:RegisterBatch", from("GRANDCHILD", 1, child.LotID))
	activate := &trace.ActivatePackRequest{Write: k.Write(), Pack: "PACK0001", LotID: root}
	k.Farm.Refused(trace.CodeRecalled, "code:ActivatePack", activate)
	activate.LotID = child.LotID
	k.Farm.Refused(trace.CodeRecalled, "code:ActivatePack", activate)
	activate.LotID = other
	k.Farm.Must("code:ActivatePack", activate)
}
