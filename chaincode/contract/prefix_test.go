package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Nobody takes another's GTIN or SSCC by being first.
func TestKeysBelongToWhoHoldsTheirPrefix(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	shop := k.Admit(trace.RoleMerchant, "store-01")
	product := func(gtin trace.GTIN) *trace.RegisterProductRequest {
		r := k.ProductRequest()
		r.GTIN = gtin
		return r
	}
	grant := func(party trace.PartyID, digits string, to trace.Date) *trace.GrantLicenceRequest {
		return &trace.GrantLicenceRequest{
			Write: k.Write(), Party: party, Number: digits, Kind: trace.LicenceGS1Prefix, Issuer: "中国物品编码中心", ValidFrom: contracttest.Day(-365), ValidTo: to,
		}
	}

	// The shop names the farm as its producer and still needs a prefix of its own.
	sold := product("09520000100025")
	sold.Merchant = shop.Party
	shop.Refused(trace.CodeCompanyPrefix, "origin:RegisterProduct", sold)
	require.Nil(t, contracttest.Value[trace.Product](k.Ledger, state.ProductKey(sold.GTIN)))
	own := product("09520000200022")
	own.Merchant = shop.Party
	shop.Refused(trace.CodeCompanyPrefix, "origin:RegisterProduct", own)
	k.Prefix(shop.Party, "952000020")
	shop.Must("origin:RegisterProduct", own)
	k.Farm.Refused(trace.CodeCompanyPrefix, "origin:RegisterProduct", product("09520000200039"))
	k.Farm.Must("origin:RegisterProduct", product("09520000100025"))

	// A prefix has one holder, and none lies under another's while that is in force.
	regulator := k.Regulator()
	regulator.Refused(trace.CodeAlreadyExists, "registry:GrantLicence", grant(shop.Party, contracttest.KiwifruitPrefix, contracttest.Day(365)))
	regulator.Refused(trace.CodeAlreadyExists, "registry:GrantLicence", grant(shop.Party, contracttest.KiwifruitPrefix+"0", contracttest.Day(365)))
	regulator.Refused(trace.CodeInvalid, "registry:GrantLicence", grant(shop.Party, "952", contracttest.Day(365)))
	scoped := grant(shop.Party, "952000021", contracttest.Day(365))
	scoped.Scope = []trace.Category{trace.CategoryFruit}
	regulator.Refused(trace.CodeInvalid, "registry:GrantLicence", scoped)

	// Logistic units likewise; the prefix that was taken back goes to another.
	lot := k.Batch("PJ261018-A", 40)
	k.ActivatePack("PACK0001", 40, lot)
	unit := func(sscc trace.SSCC) *trace.PackUnitRequest {
		return &trace.PackUnitRequest{Write: k.Write(), SSCC: sscc, Codes: []trace.CodeRange{{Pack: "PACK0001", First: 1, Last: 10}}}
	}
	k.Farm.Refused(trace.CodeCompanyPrefix, "transit:PackUnit", unit("095200002000000015"))
	regulator.Must("registry:RevokeLicence", &trace.RevokeLicenceRequest{
		Write: k.Write(), Party: "farm-01", Number: contracttest.KiwifruitPrefix, From: contracttest.Day(0), Reason: "退出系统成员",
	})
	k.Farm.Refused(trace.CodeLicence, "transit:PackUnit", unit(sscc(1)))
	k.Farm.Refused(trace.CodeLicence, "origin:RegisterProduct", product("09520000100032"))
	regulator.Must("registry:GrantLicence", grant(shop.Party, contracttest.KiwifruitPrefix, contracttest.Day(365)))
	k.Farm.Refused(trace.CodeCompanyPrefix, "transit:PackUnit", unit(sscc(1)))
}
