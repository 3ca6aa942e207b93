package rules

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func TestKindOf(t *testing.T) {
	joined := &trace.Organisation{Organisation: "Producer2MSP", Kind: trace.ProducerMSP}
	end := &trace.OrganisationEnd{Organisation: "Producer2MSP", From: day("2026-11-01"), Reason: "退出"}
	cases := []struct {
		name   string
		msp    string
		joined *trace.Organisation
		end    *trace.OrganisationEnd
		on     string
		kind   string
		code   trace.Code
	}{
		{"founding", trace.LabMSP, nil, nil, "2026-11-02", trace.LabMSP, ""},
		{"founding, whatever the chain holds", trace.LabMSP, joined, end, "2026-11-02", trace.LabMSP, ""},
		{"joined", "Producer2MSP", joined, nil, "2026-11-02", trace.ProducerMSP, ""},
		{"the day before its end", "Producer2MSP", joined, end, "2026-10-31", trace.ProducerMSP, ""},
		{"the day of its end", "Producer2MSP", joined, end, "2026-11-01", "", trace.CodePartySuspended},
		{"never admitted", "Producer2MSP", nil, nil, "2026-11-02", "", trace.CodeWrongOrg},
	}
	for _, c := range cases {
		kind, err := KindOf(c.msp, c.joined, c.end, day(c.on))
		require.Equal(t, c.code, trace.CodeOf(err), "%s: %v", c.name, err)
		require.Equal(t, c.kind, kind, c.name)
	}
}

func TestCheckOrganisation(t *testing.T) {
	cases := []struct {
		msp, kind string
		code      trace.Code
	}{
		{"Producer2MSP", trace.ProducerMSP, ""},
		{"lab.north-1", trace.LabMSP, ""},
		{"", trace.LabMSP, trace.CodeMissing},
		{"Lab 2", trace.LabMSP, trace.CodeInvalid},
		{"Lab/2", trace.LabMSP, trace.CodeInvalid},
		{"检验MSP", trace.LabMSP, trace.CodeInvalid},
		{strings.Repeat("x", 65), trace.LabMSP, trace.CodeInvalid},
		{trace.LabMSP, trace.LabMSP, trace.CodeAlreadyExists},
		{trace.LabMSP, trace.ProducerMSP, trace.CodeAlreadyExists},
		{"Producer2MSP", "", trace.CodeInvalid},
		{"Producer2MSP", "Producer3MSP", trace.CodeInvalid},
		{"Producer2MSP", "Orderer1MSP", trace.CodeInvalid},
	}
	for _, c := range cases {
		err := CheckOrganisation(&trace.AdmitOrganisationRequest{MSP: c.msp, Kind: c.kind})
		require.Equal(t, c.code, trace.CodeOf(err), "%s as %s: %v", c.msp, c.kind, err)
	}
}

func TestCheckOrganisationEnd(t *testing.T) {
	today := day("2026-11-01")
	joined := &trace.Organisation{Organisation: "Producer2MSP", Kind: trace.ProducerMSP}
	code := func(msp string, joined *trace.Organisation, from trace.Date, reason string) trace.Code {
		return trace.CodeOf(CheckOrganisationEnd(&trace.EndOrganisationRequest{MSP: msp, From: from, Reason: reason}, joined, today))
	}
	require.Empty(t, code("Producer2MSP", joined, today, "退出"))
	require.Empty(t, code("Producer2MSP", joined, today+90, "退出"))
	require.Equal(t, trace.CodeChronology, code("Producer2MSP", joined, today-1, "退出"), "what was written stays")
	require.Equal(t, trace.CodeChronology, code("Producer2MSP", joined, 0, "退出"))
	require.Equal(t, trace.CodeMissing, code("Producer2MSP", joined, today, ""))
	require.Equal(t, trace.CodeNotFound, code("Producer2MSP", nil, today, "退出"))
	require.Equal(t, trace.CodeForbidden, code(trace.LabMSP, nil, today, "退出"))
}

// A second organisation of a kind may do what the kind may, answers for it itself, and
// may not decide who else is a member.
func TestASecondOrganisationOfAKind(t *testing.T) {
	for _, m := range trace.Methods() {
		for _, role := range m.Roles {
			second := "Second" + trace.MSPOf(role)
			require.NoError(t, MayDecideMembers(m, trace.MSPOf(role)), m.Transaction())
			if m.Founders() {
				require.Equal(t, trace.CodeForbidden, trace.CodeOf(MayDecideMembers(m, second)), m.Transaction())
				continue
			}
			require.NoError(t, MayDecideMembers(m, second), m.Transaction())
			if len(m.Guards) == 0 {
				require.Equal(t, []string{second}, GuardsOf(m, second), m.Transaction())
			}
		}
	}
}

func TestAPartyOfAnOrganisationThatJoined(t *testing.T) {
	r := &trace.AdmitPartyRequest{
		Party: "farm-02", Roles: []trace.Role{trace.RoleFarm}, Org: "Producer2MSP", LegalPerson: true, Name: "眉山合作社",
		ValidFrom: day("2026-01-01"), ValidTo: day("2028-12-31"),
	}
	msp, err := CheckParty(r, trace.ProducerMSP)
	require.NoError(t, err)
	require.Equal(t, "Producer2MSP", msp)
	_, err = CheckParty(r, trace.LabMSP)
	require.Equal(t, trace.CodeWrongOrg, trace.CodeOf(err))
	party := &trace.Party{Org: msp, Roles: r.Roles}
	require.Equal(t, trace.ProducerMSP, party.Kind())
	require.NoError(t, PartyHasRole(party, "Producer2MSP", trace.RoleFarm))
	require.Equal(t, trace.CodeWrongOrg, trace.CodeOf(PartyHasRole(party, trace.ProducerMSP, trace.RoleFarm)), "its first organisation cannot act for it")
}
