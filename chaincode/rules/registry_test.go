package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func TestCheckParty(t *testing.T) {
	cases := []struct {
		name   string
		mutate func(*trace.AdmitPartyRequest)
		code   trace.Code
	}{
		{"valid", func(*trace.AdmitPartyRequest) {}, ""},
		{"natural person", func(r *trace.AdmitPartyRequest) { r.LegalPerson, r.Name = false, "" }, ""},
		{"malformed id", func(r *trace.AdmitPartyRequest) { r.Party = "Farm" }, trace.CodeInvalid},
		{"no role", func(r *trace.AdmitPartyRequest) { r.Roles = nil }, trace.CodeMissing},
		{"unknown role", func(r *trace.AdmitPartyRequest) { r.Roles = []trace.Role{"king"} }, trace.CodeInvalid},
		{"role twice", func(r *trace.AdmitPartyRequest) { r.Roles = append(r.Roles, trace.RoleFarm) }, trace.CodeInvalid},
		{"two organisations", func(r *trace.AdmitPartyRequest) { r.Roles = append(r.Roles, trace.RoleLab) }, trace.CodeWrongOrg},
		{"too many roles", func(r *trace.AdmitPartyRequest) { r.Roles = make([]trace.Role, 9) }, trace.CodeTooLarge},
		{"legal person without name", func(r *trace.AdmitPartyRequest) { r.Name = "" }, trace.CodeMissing},
		{"natural person with name", func(r *trace.AdmitPartyRequest) { r.LegalPerson = false }, trace.CodeInvalid},
		{"no period", func(r *trace.AdmitPartyRequest) { r.ValidTo = 0 }, trace.CodeMissing},
		{"period backwards", func(r *trace.AdmitPartyRequest) { r.ValidTo = r.ValidFrom - 1 }, trace.CodeChronology},
	}
	for _, c := range cases {
		r := &trace.AdmitPartyRequest{Party: "farm-01", Roles: []trace.Role{trace.RoleFarm}, LegalPerson: true, Name: "蒲江合作社", ValidFrom: day("2026-01-01"), ValidTo: day("2028-12-31")}
		c.mutate(r)
		msp, err := CheckParty(r, "")
		require.Equal(t, c.code, trace.CodeOf(err), "%s: %v", c.name, err)
		if err == nil {
			require.Equal(t, trace.ProducerMSP, msp)
		}
	}
}

func TestCheckStanding(t *testing.T) {
	target := &trace.Party{}
	suspend := &trace.SetStandingRequest{Party: "farm-01", Status: trace.PartySuspended, Reason: "抽检不合格"}
	with := func(change func(*trace.SetStandingRequest)) *trace.SetStandingRequest {
		r := *suspend
		change(&r)
		return &r
	}
	suspended := &trace.Standing{Status: trace.PartySuspended}
	code := func(r *trace.SetStandingRequest, by trace.PartyID, target *trace.Party, now *trace.Standing) trace.Code {
		return trace.CodeOf(CheckStanding(r, by, target, now))
	}
	require.Empty(t, code(suspend, "regulator-01", target, nil))
	require.Equal(t, trace.CodeUnknownParty, code(suspend, "regulator-01", nil, nil))
	require.Equal(t, trace.CodeForbidden, code(suspend, "farm-01", target, nil))
	require.Equal(t, trace.CodeState, code(suspend, "regulator-01", target, suspended))
	require.Equal(t, trace.CodeMissing, code(with(func(r *trace.SetStandingRequest) { r.Reason = "" }), "regulator-01", target, nil))
	require.Equal(t, trace.CodeInvalid, code(with(func(r *trace.SetStandingRequest) { r.Status = "gone" }), "regulator-01", target, nil))
	restore := with(func(r *trace.SetStandingRequest) { r.Status = trace.PartyActive })
	require.Empty(t, code(restore, "regulator-01", target, suspended))
	require.Equal(t, trace.CodeState, code(restore, "regulator-01", target, nil))
}

func fruitLicence() *trace.Licence {
	return &trace.Licence{
		Holder: "farm-01", Number: "N1", Kind: trace.LicenceFarming, Scope: []trace.Category{trace.CategoryFruit},
		ValidFrom: day("2026-01-01"), ValidTo: day("2026-12-31"),
	}
}

func TestLicenceCovers(t *testing.T) {
	cases := []struct {
		name       string
		mutate     func(*trace.Licence)
		revocation *trace.LicenceRevocation
		category   trace.Category
		day        string
		refused    bool
	}{
		{"first day", nil, nil, trace.CategoryFruit, "2026-01-01", false},
		{"last day", nil, nil, trace.CategoryFruit, "2026-12-31", false},
		{"the day before", nil, nil, trace.CategoryFruit, "2025-12-31", true},
		{"expired", nil, nil, trace.CategoryFruit, "2027-01-01", true},
		{"out of scope", nil, nil, trace.CategoryVegetable, "2026-10-18", true},
		{"wrong kind", func(l *trace.Licence) { l.Kind = trace.LicenceTransport }, nil, trace.CategoryFruit, "2026-10-18", true},
		{"another fitting kind", func(l *trace.Licence) { l.Kind = trace.LicenceFood }, nil, trace.CategoryFruit, "2026-10-18", false},
		{"before its revocation", nil, &trace.LicenceRevocation{From: day("2026-10-19")}, trace.CategoryFruit, "2026-10-18", false},
		{"revoked", nil, &trace.LicenceRevocation{From: day("2026-10-18")}, trace.CategoryFruit, "2026-10-18", true},
	}
	for _, c := range cases {
		l := fruitLicence()
		if c.mutate != nil {
			c.mutate(l)
		}
		err := LicenceCovers("N1", l, c.revocation, c.category, day(c.day))
		require.Equal(t, c.refused, trace.CodeOf(err) == trace.CodeLicence, "%s: %v", c.name, err)
	}
	require.Equal(t, trace.CodeLicence, trace.CodeOf(LicenceCovers("N1", nil, nil, trace.CategoryFruit, day("2026-10-18"))))
}

func TestCheckLicence(t *testing.T) {
	cases := []struct {
		name   string
		mutate func(*trace.GrantLicenceRequest)
		code   trace.Code
	}{
		{"valid", func(*trace.GrantLicenceRequest) {}, ""},
		{"unknown kind", func(r *trace.GrantLicenceRequest) { r.Kind = "driving" }, trace.CodeInvalid},
		{"unknown category", func(r *trace.GrantLicenceRequest) { r.Scope[0] = "gold" }, trace.CodeInvalid},
		{"category twice", func(r *trace.GrantLicenceRequest) { r.Scope = append(r.Scope, r.Scope[0]) }, trace.CodeInvalid},
		{"too many categories", func(r *trace.GrantLicenceRequest) { r.Scope = make([]trace.Category, 7) }, trace.CodeTooLarge},
		{"no number", func(r *trace.GrantLicenceRequest) { r.Number = "" }, trace.CodeMissing},
		{"no issuer", func(r *trace.GrantLicenceRequest) { r.Issuer = "" }, trace.CodeMissing},
		{"period backwards", func(r *trace.GrantLicenceRequest) { r.ValidTo = r.ValidFrom - 1 }, trace.CodeChronology},
	}
	for _, c := range cases {
		r := &trace.GrantLicenceRequest{Party: "farm-01", Number: "N1", Kind: trace.LicenceFarming, Scope: []trace.Category{trace.CategoryFruit}, Issuer: "市监局", ValidFrom: day("2026-01-01"), ValidTo: day("2026-12-31")}
		c.mutate(r)
		require.Equal(t, c.code, trace.CodeOf(CheckLicence(r)), c.name)
	}
	revoke := &trace.RevokeLicenceRequest{Party: "farm-01", Number: "N1", From: day("2026-06-01"), Reason: "造假"}
	require.NoError(t, CheckRevocation(revoke, fruitLicence()))
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(CheckRevocation(revoke, nil)))
	revoke.From = day("2027-06-01")
	require.Equal(t, trace.CodeChronology, trace.CodeOf(CheckRevocation(revoke, fruitLicence())))
	revoke.From, revoke.Reason = day("2026-06-01"), ""
	require.Equal(t, trace.CodeMissing, trace.CodeOf(CheckRevocation(revoke, fruitLicence())))
}

func TestCheckAccreditation(t *testing.T) {
	lab := &trace.Party{Roles: []trace.Role{trace.RoleLab}}
	cases := []struct {
		name   string
		mutate func(*trace.GrantAccreditationRequest)
		code   trace.Code
	}{
		{"valid", func(*trace.GrantAccreditationRequest) {}, ""},
		{"no items", func(r *trace.GrantAccreditationRequest) { r.Items = nil }, trace.CodeMissing},
		{"too many items", func(r *trace.GrantAccreditationRequest) { r.Items = make([]trace.AccreditedItem, 501) }, trace.CodeTooLarge},
		{"item twice", func(r *trace.GrantAccreditationRequest) { r.Items = append(r.Items, r.Items[0]) }, trace.CodeInvalid},
		{"unknown category", func(r *trace.GrantAccreditationRequest) { r.Items[0].Category = "gold" }, trace.CodeInvalid},
		{"malformed substance", func(r *trace.GrantAccreditationRequest) { r.Items[1].Substance = "Lead (Pb)" }, trace.CodeInvalid},
		{"no number", func(r *trace.GrantAccreditationRequest) { r.Number = "" }, trace.CodeMissing},
	}
	for _, c := range cases {
		r := &trace.GrantAccreditationRequest{
			Lab: "lab-01", Number: "CMA1", Issuer: "认监委", ValidFrom: day("2026-01-01"), ValidTo: day("2026-12-31"),
			Items: []trace.AccreditedItem{{Category: trace.CategoryFruit, Substance: "*"}, {Category: trace.CategoryCosmetics, Substance: "lead"}},
		}
		c.mutate(r)
		require.Equal(t, c.code, trace.CodeOf(CheckAccreditation(r, lab)), c.name)
	}
	require.Equal(t, trace.CodeUnknownParty, trace.CodeOf(CheckAccreditation(&trace.GrantAccreditationRequest{}, nil)))
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(CheckAccreditation(&trace.GrantAccreditationRequest{}, &trace.Party{})))
}

func TestEpochAndGuards(t *testing.T) {
	first, err := NextEpoch(nil, 1, at("2026-10-18T09:00:00Z"))
	require.NoError(t, err)
	_, err = NextEpoch(first, 1, 0)
	require.Equal(t, trace.CodeAlreadyRecorded, trace.CodeOf(err))
	_, err = NextEpoch(first, 3, 0)
	require.Equal(t, trace.CodeState, trace.CodeOf(err))
	second, err := NextEpoch(first, 2, at("2026-10-18T10:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, int64(2), second.Number)

	guard := func(version int, ready *trace.GuardReady) trace.Code {
		return trace.CodeOf(CheckGuard(&trace.InstallGuardRequest{MSP: trace.LabMSP, Version: version}, nil, ready))
	}
	require.Empty(t, guard(1, nil))
	require.Equal(t, trace.CodeState, guard(2, nil))
	require.Equal(t, trace.CodeAlreadyRecorded, guard(1, &trace.GuardReady{Version: 1}))
	require.Empty(t, guard(2, &trace.GuardReady{Version: 1}))
}
