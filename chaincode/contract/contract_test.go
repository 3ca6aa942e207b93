package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

func TestLotFromSprayToCodes(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	k.Farm.Must("origin:AddLogEntry", k.SprayRequest(20))
	lot := k.Batch("PJ261018-A", 1920)
	receipt := k.Farm.Must("origin:IssueCertificate", &trace.IssueCertificateRequest{
		Write: k.Write(), LotID: lot, Basis: []trace.CertificateBasis{trace.BasisQualityControl}, IssuedOn: k.HarvestedAt.Date(),
	})
	require.Equal(t, state.FactKey(state.LotSubject(lot), 0, state.FactCertificate, receipt.ID), receipt.Record)
	k.ActivatePack("PACK0001", 1920, lot)
	custody := contracttest.Value[trace.PackCustody](k.Ledger, state.PackCustodyKey("PACK0001"))
	require.Len(t, custody.Spans, 1)
	require.Equal(t, trace.PartyID("farm-01"), custody.Spans[0].Holder.Party)
}

func TestChannelIsMadeReadyInOrder(t *testing.T) {
	l := contracttest.Open(t)
	regulator := l.Enrol(trace.RoleRegulator, "regulator-01")
	admit := &trace.AdmitPartyRequest{
		Write: l.Write(), Party: "regulator-01", Roles: []trace.Role{trace.RoleRegulator}, LegalPerson: true, Name: "监管",
		ValidFrom: contracttest.Day(-1), ValidTo: contracttest.Day(365),
	}
	regulator.Refused(trace.CodeNotReady, "registry:AdmitParty", admit)
	regulator.Refused(trace.CodeState, "registry:TouchEpoch", &trace.TouchEpochRequest{Number: 2})
	regulator.Must("registry:TouchEpoch", &trace.TouchEpochRequest{Number: 1})
	regulator.Refused(trace.CodeAlreadyRecorded, "registry:TouchEpoch", &trace.TouchEpochRequest{Number: 1})
	regulator.Refused(trace.CodeNotReady, "registry:AdmitParty", admit)
	regulator.Refused(trace.CodeInvalid, "registry:InstallGuard", &trace.InstallGuardRequest{MSP: "OtherMSP", Version: 1})
	regulator.Refused(trace.CodeState, "registry:InstallGuard", &trace.InstallGuardRequest{MSP: trace.RegulatorMSP, Version: 2})
	regulator.Must("registry:InstallGuard", &trace.InstallGuardRequest{MSP: trace.RegulatorMSP, Version: 1})
	regulator.Refused(trace.CodeAlreadyRecorded, "registry:InstallGuard", &trace.InstallGuardRequest{MSP: trace.RegulatorMSP, Version: 1})

	other := *admit
	other.Write, other.Party, other.Roles = l.Write(), "lab-01", []trace.Role{trace.RoleLab}
	regulator.Refused(trace.CodeUnknownParty, "registry:AdmitParty", &other) // nobody but itself, until it is admitted
	regulator.Must("registry:AdmitParty", admit)
	regulator.Must("registry:AdmitParty", &other)

	// A new version replaces the guard of an organisation.
	regulator.Must("registry:InstallGuard", &trace.InstallGuardRequest{MSP: trace.RegulatorMSP, Version: 2})
	later := other
	later.Write, later.Party = l.Write(), "lab-02"
	regulator.Must("registry:AdmitParty", &later)
}

func TestWhoMayCall(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	request := k.BatchRequest("L1", 1)
	attributes := func(role trace.Role, party string) map[string]string {
		return map[string]string{trace.AttributeRole: string(role), trace.AttributeParty: party}
	}
	cases := []struct {
		name   string
		client *contracttest.Client
		code   trace.Code
	}{
		{"no attributes", k.EnrolWith(trace.ProducerMSP, nil), trace.CodeNoIdentity},
		{"no party", k.EnrolWith(trace.ProducerMSP, map[string]string{trace.AttributeRole: "farm"}), trace.CodeNoIdentity},
		{"malformed party", k.EnrolWith(trace.ProducerMSP, attributes("farm", "Farm 01")), trace.CodeNoIdentity},
		{"unknown role", k.EnrolWith(trace.ProducerMSP, attributes("king", "farm-01")), trace.CodeForbidden},
		{"another organisation's role", k.EnrolWith(trace.LabMSP, attributes("farm", "farm-01")), trace.CodeWrongOrg},
		{"a role that may not", k.Admit(trace.RoleLab, "lab-01"), trace.CodeForbidden},
		{"a party nobody admitted", k.Enrol(trace.RoleFarm, "farm-99"), trace.CodeUnknownParty},
		{"a role the party was not admitted for", k.Enrol(trace.RoleFactory, "farm-01"), trace.CodeForbidden},
		{"another organisation's party", k.Enrol(trace.RoleFarm, "lab-01"), trace.CodeWrongOrg},
		{"another producer's product", k.Admit(trace.RoleFarm, "farm-02"), trace.CodeForbidden},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.client.Refused(c.code, "origin:RegisterBatch", request) })
	}

	suspend := &trace.SetStandingRequest{Write: k.Write(), Party: "farm-01", Status: trace.PartySuspended, Reason: "抽检不合格"}
	k.Regulator().Must("registry:SetStanding", suspend)
	k.Farm.Refused(trace.CodePartySuspended, "origin:RegisterBatch", request)
	suspend.Write, suspend.Status = k.Write(), trace.PartyActive
	k.Regulator().Must("registry:SetStanding", suspend)
	k.Farm.Must("origin:RegisterBatch", request)
}

func TestRetryIsOneRecord(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	batch := k.BatchRequest("L1", 10)
	first := k.Farm.Must("origin:RegisterBatch", batch)
	again := k.Farm.Refused(trace.CodeAlreadyRecorded, "origin:RegisterBatch", batch)
	require.Equal(t, string(first.Record), lastWord(again.Message))
	changed := *batch
	changed.Quantity.Amount++
	k.Farm.Refused(trace.CodeAlreadyExists, "origin:RegisterBatch", &changed)

	pack := trace.PackID("PACK0001")
	k.IssuePack(pack, 5)
	activate := &trace.ActivatePackRequest{Write: k.Write(), Pack: pack, LotID: batch.LotID}
	first = k.Farm.Must("code:ActivatePack", activate)
	again = k.Farm.Refused(trace.CodeAlreadyRecorded, "code:ActivatePack", activate)
	require.Equal(t, string(first.Record), lastWord(again.Message))
	activate.Write = k.Write()
	k.Farm.Refused(trace.CodeRebind, "code:ActivatePack", activate)

	limit := &trace.PublishLimitRequest{
		Write: k.Write(), Commodity: "kiwifruit", Substance: "spinosad", Name: "多杀霉素", Kind: trace.LimitMaximum,
		Maximum: decimal(t, "0.05"), Unit: "mg/kg", Source: trace.StandardSource{Standard: "GB 2763", Effective: contracttest.Day(-100), Source: "test"},
	}
	first = k.Regulator().Must("standards:PublishLimit", limit)
	again = k.Regulator().Refused(trace.CodeAlreadyRecorded, "standards:PublishLimit", limit)
	require.Equal(t, string(first.Record), lastWord(again.Message))
	limit.Write = k.Write()
	k.Regulator().Refused(trace.CodeAlreadyExists, "standards:PublishLimit", limit)
	limit.Write, limit.Corrects, limit.CorrectionReason, limit.Maximum = k.Write(), first.Record, "录入错误", decimal(t, "0.06")
	k.Regulator().Must("standards:PublishLimit", limit)
	require.Len(t, *contracttest.Value[[]trace.Limit](k.Ledger, first.Record), 2)
}

func lastWord(message string) string {
	words := strings.Fields(message)
	return words[len(words)-1]
}

func decimal(t *testing.T, s string) *trace.Decimal {
	d, err := trace.ParseDecimal(s)
	require.NoError(t, err)
	return &d
}

func TestArgumentsAreRefusedInCode(t *testing.T) {
	l := contracttest.Start(t)
	regulator := l.Regulator()
	raw := func(transaction string, arguments ...string) error {
		_, err := regulator.SubmitRaw(transaction, client.WithArguments(arguments...))
		return err
	}
	require.Equal(t, trace.CodeUnknownMethod, trace.CodeOf(raw("registry:Nothing", "{}")))
	require.Equal(t, trace.CodeUnknownMethod, trace.CodeOf(raw("registry:admitParty", "{}")))
	require.Equal(t, trace.CodeUnknownMethod, trace.CodeOf(raw("nobody:AdmitParty", "{}")))
	require.Equal(t, trace.CodeUnknownMethod, trace.CodeOf(raw("AdmitParty", "{}")))
	require.Equal(t, trace.CodeUnknownMethod, trace.CodeOf(raw("org.hyperledger.fabric:GetMetadata")))
	require.Equal(t, trace.CodeMalformed, trace.CodeOf(raw("registry:AdmitParty")))
	require.Equal(t, trace.CodeMalformed, trace.CodeOf(raw("registry:AdmitParty", "{}", "{}")))
	require.Equal(t, trace.CodeUnknownField, trace.CodeOf(raw("registry:AdmitParty", `{"nothing":1}`)))
	require.EqualError(t, raw("registry:AdmitParty", `{}`), "MISSING: idempotencyKey is missing")
}

func TestCorrections(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	first := k.Farm.Must("origin:AddLogEntry", k.SprayRequest(20))
	correct := func(change func(*trace.AddLogEntryRequest)) *trace.AddLogEntryRequest {
		r := k.SprayRequest(21)
		r.Corrects, r.CorrectionReason = first.Record, "日期写错"
		change(r)
		return r
	}
	k.Farm.Refused(trace.CodeMissing, "origin:AddLogEntry", correct(func(r *trace.AddLogEntryRequest) { r.CorrectionReason = "" }))
	k.Farm.Refused(trace.CodeInvalid, "origin:AddLogEntry", correct(func(r *trace.AddLogEntryRequest) { r.Corrects = "batch/1/2" }))
	k.Farm.Refused(trace.CodeNotFound, "origin:AddLogEntry", correct(func(r *trace.AddLogEntryRequest) { r.Corrects += "0" }))
	k.Farm.Must("origin:AddLogEntry", k.SprayRequest(22)) // the second and last application
	k.Farm.Refused(trace.CodeApplications, "origin:AddLogEntry", k.SprayRequest(23))
	receipt := k.Farm.Must("origin:AddLogEntry", correct(func(*trace.AddLogEntryRequest) {}))
	entry := contracttest.Value[trace.LogEntry](k.Ledger, receipt.Record)
	require.Equal(t, first.Record, entry.Corrects)
	require.Equal(t, contracttest.Day(k.HarvestDay-21)+14, entry.SafeFrom)

	batch := k.BatchRequest("L1", 1)
	batch.Corrects, batch.CorrectionReason = first.Record, "x"
	k.Farm.Refused(trace.CodeInvalid, "origin:RegisterBatch", batch)
}

// Two writers of one balance: the ledger lets one through, the other is simulated
// again against what the first left.
func TestTwoWritersDoNotTakeMoreThanThereIs(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	parent := k.Batch("PARENT", 10)
	errs := make(chan error, 8)
	for i := range cap(errs) {
		r := k.BatchRequest(trace.LotNumber(fmt.Sprintf("CHILD-%d", i)), 3)
		r.Plot, r.Inputs = "", []trace.Input{{LotID: parent, Quantity: r.Quantity}}
		go func() {
			for {
				_, err := k.Farm.Submit("origin:RegisterBatch", r)
				if err == nil || trace.CodeOf(err) != "" {
					errs <- err
					return
				}
			}
		}()
	}
	made := 0
	for range cap(errs) {
		err := <-errs
		if err == nil {
			made++
			continue
		}
		require.Contains(t, []trace.Code{trace.CodeInputs, trace.CodeAlreadyRecorded}, trace.CodeOf(err), "%v", err)
		if trace.CodeOf(err) == trace.CodeAlreadyRecorded {
			made++
		}
	}
	require.Equal(t, 3, made)
	require.Equal(t, int64(45_000), contracttest.Value[trace.TakenQuantity](k.Ledger, state.BatchInputsKey(parent)).Amount)
}
