package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/embedded"
)

const second = "Producer2MSP"

// startWithSecond starts a ledger whose channel has a sixth organisation, of which the
// contracts know nothing yet.
func startWithSecond(t *testing.T) *contracttest.Kiwifruit {
	return contracttest.StartKiwifruit(contracttest.Start(t, func(c *embedded.Config) {
		c.Organisations = append(trace.MSPs(), second)
	}))
}

func attributesOf(role trace.Role, party trace.PartyID) map[string]string {
	return map[string]string{trace.AttributeRole: string(role), trace.AttributeParty: string(party)}
}

func admissionOf(l *contracttest.Ledger, party trace.PartyID, org string) *trace.AdmitPartyRequest {
	return &trace.AdmitPartyRequest{
		Write: l.Write(), Party: party, Roles: []trace.Role{trace.RoleFarm}, Org: org, LegalPerson: true, Name: "眉山合作社",
		ValidFrom: contracttest.Day(-1), ValidTo: contracttest.Day(365),
	}
}

// admitSecond goes through all that lies between an organisation in the channel and a
// farm of it that may write.
func admitSecond(k *contracttest.Kiwifruit) *contracttest.Client {
	regulator := k.Regulator()
	regulator.Must("registry:AdmitOrganisation", &trace.AdmitOrganisationRequest{Write: k.Write(), MSP: second, Kind: trace.ProducerMSP})
	regulator.Must("registry:InstallGuard", &trace.InstallGuardRequest{MSP: second, Version: 1})
	regulator.Must("registry:AdmitParty", admissionOf(k.Ledger, "farm-02", second))
	k.License("farm-02", contracttest.Licence, trace.LicenceFarming, trace.CategoryFruit)
	return k.EnrolWith(second, attributesOf(trace.RoleFarm, "farm-02"))
}

func plotRequest(k *contracttest.Kiwifruit, plot trace.PlotID) *trace.RegisterPlotRequest {
	return &trace.RegisterPlotRequest{
		Write: k.Write(), Plot: plot, Crop: "kiwifruit", Area: contracttest.KiwifruitArea, Place: "四川眉山",
		Point: trace.Point{Latitude: 30_050_000, Longitude: 103_830_000},
	}
}

func TestAnOrganisationJoins(t *testing.T) {
	k := startWithSecond(t)
	regulator := k.Regulator()
	farm := k.EnrolWith(second, attributesOf(trace.RoleFarm, "farm-02"))
	plot := plotRequest(k, "plot-2")
	farm.Refused(trace.CodeWrongOrg, "origin:RegisterPlot", plot)
	regulator.Refused(trace.CodeInvalid, "registry:InstallGuard", &trace.InstallGuardRequest{MSP: second, Version: 1})
	regulator.Refused(trace.CodeWrongOrg, "registry:AdmitParty", admissionOf(k.Ledger, "farm-02", second))

	admit := &trace.AdmitOrganisationRequest{Write: k.Write(), MSP: second, Kind: trace.ProducerMSP}
	k.Farm.Refused(trace.CodeForbidden, "registry:AdmitOrganisation", admit)
	k.EnrolWith(second, attributesOf(trace.RoleRegulator, "farm-02")).Refused(trace.CodeWrongOrg, "registry:AdmitOrganisation", admit)
	regulator.Must("registry:AdmitOrganisation", admit)
	regulator.Refused(trace.CodeAlreadyRecorded, "registry:AdmitOrganisation", admit)
	edited := *admit
	edited.Write, edited.Kind = k.Write(), trace.LabMSP
	regulator.Refused(trace.CodeAlreadyExists, "registry:AdmitOrganisation", &edited)
	require.Equal(t, trace.ProducerMSP, contracttest.Value[trace.Organisation](k.Ledger, state.OrganisationKey(second)).Kind)

	farm.Refused(trace.CodeNotReady, "origin:RegisterPlot", plot)
	regulator.Must("registry:InstallGuard", &trace.InstallGuardRequest{MSP: second, Version: 1})
	farm.Refused(trace.CodeUnknownParty, "origin:RegisterPlot", plot)
	ofLabs := admissionOf(k.Ledger, "farm-02", second)
	ofLabs.Roles = []trace.Role{trace.RoleLab}
	regulator.Refused(trace.CodeWrongOrg, "registry:AdmitParty", ofLabs)
	regulator.Must("registry:AdmitParty", admissionOf(k.Ledger, "farm-02", second))
	k.EnrolWith(trace.ProducerMSP, attributesOf(trace.RoleFarm, "farm-02")).Refused(trace.CodeWrongOrg, "origin:RegisterPlot", plot)
	k.EnrolWith(second, attributesOf(trace.RoleLab, "farm-02")).Refused(trace.CodeWrongOrg, "origin:RegisterPlot", plot)
	farm.Must("origin:RegisterPlot", plot)
	recorded := contracttest.Value[trace.Plot](k.Ledger, state.PlotKey("farm-02", "plot-2"))
	require.Equal(t, second, recorded.MSP)
	k.Farm.Must("origin:RegisterPlot", plotRequest(k, "plot-2")) // the founding five go on
}

// An organisation that joined is a producer in every way: another's lot can be released
// to it, and a merchant's product made by it.
func TestAJoinedProducerTakesPart(t *testing.T) {
	k := startWithSecond(t)
	farm := admitSecond(k)
	lot := k.Batch("L1", 10)
	k.Farm.Must("origin:ReleaseInput", &trace.ReleaseInputRequest{
		Write: k.Write(), LotID: lot, Taker: "farm-02", Quantity: trace.Quantity{Amount: contracttest.BoxGrams, Unit: trace.Gram},
	})
	k.Prefix("farm-02", "952000050")
	product := k.ProductRequest()
	product.GTIN, product.Producer = "09520000500016", "farm-02"
	farm.Must("origin:RegisterProduct", product)
}

func TestAMembershipEnds(t *testing.T) {
	k := startWithSecond(t)
	farm := admitSecond(k)
	end := &trace.EndOrganisationRequest{Write: k.Write(), MSP: second, From: contracttest.Day(1), Reason: "退出联盟"}
	farm.Refused(trace.CodeForbidden, "registry:EndOrganisation", end)
	k.Regulator().Must("registry:EndOrganisation", end)
	farm.Must("origin:RegisterPlot", plotRequest(k, "plot-2")) // until that day
	again := *end
	again.Write, again.From = k.Write(), contracttest.Day(0)
	k.Regulator().Refused(trace.CodeAlreadyExists, "registry:EndOrganisation", &again)

	k = startWithSecond(t) // another ledger, on which it ends at once
	farm = admitSecond(k)
	end.Write, end.From = k.Write(), contracttest.Day(0)
	k.Regulator().Must("registry:EndOrganisation", end)
	farm.Refused(trace.CodePartySuspended, "origin:RegisterPlot", plotRequest(k, "plot-2"))
	k.Regulator().Refused(trace.CodePartySuspended, "registry:AdmitParty", admissionOf(k.Ledger, "farm-03", second))
}

// Who joined as a regulator regulates, but does not decide who else is a member.
func TestAJoinedRegulator(t *testing.T) {
	const province = "Regulator2MSP"
	l := contracttest.Start(t, func(c *embedded.Config) { c.Organisations = append(trace.MSPs(), province) })
	l.Regulator().Must("registry:AdmitOrganisation", &trace.AdmitOrganisationRequest{Write: l.Write(), MSP: province, Kind: trace.RegulatorMSP})
	l.Regulator().Must("registry:InstallGuard", &trace.InstallGuardRequest{MSP: province, Version: 1})
	admit := admissionOf(l, "regulator-02", province)
	admit.Roles = []trace.Role{trace.RoleRegulator}
	l.Regulator().Must("registry:AdmitParty", admit)
	joined := l.EnrolWith(province, attributesOf(trace.RoleRegulator, "regulator-02"))
	joined.Must("registry:AdmitParty", admissionOf(l, "farm-05", ""))
	joined.Refused(trace.CodeForbidden, "registry:AdmitOrganisation", &trace.AdmitOrganisationRequest{Write: l.Write(), MSP: "Lab2MSP", Kind: trace.LabMSP})
	joined.Refused(trace.CodeForbidden, "registry:InstallGuard", &trace.InstallGuardRequest{MSP: trace.LabMSP, Version: 2})
	joined.Refused(trace.CodeForbidden, "registry:EndOrganisation", &trace.EndOrganisationRequest{Write: l.Write(), MSP: province, From: contracttest.Day(1), Reason: "x"})
	own := admissionOf(l, "regulator-03", province)
	own.Roles = []trace.Role{trace.RoleRegulator}
	l.EnrolWith(province, attributesOf(trace.RoleRegulator, "regulator-03")).Refused(trace.CodeUnknownParty, "registry:AdmitParty", own)
	joined.Must("registry:AdmitParty", own)
	// Every touch makes void what is under way, whoever wrote it.
	joined.Refused(trace.CodeForbidden, "registry:TouchEpoch", &trace.TouchEpochRequest{Number: 2})
	// A channel has one import: who opens it decides what the channel begins with.
	joined.Refused(trace.CodeForbidden, "registry:OpenImport", &trace.OpenImportRequest{Write: l.Write()})
	joined.Refused(trace.CodeForbidden, "registry:CloseImport", &trace.CloseImportRequest{Write: l.Write()})
}
