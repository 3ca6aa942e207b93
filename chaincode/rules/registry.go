package rules

import (
	"cmp"
	"slices"

	"traceledger/chaincode/trace"
)

// Longest lists and texts of the registry.
const (
	maxRoles          = 8
	maxScope          = 6
	maxAccreditations = 500
	maxNumber         = 40
	maxTitle          = 120
	maxReason         = 500
)

// CheckParty checks an admission: roles of one organisation, a name if and only if
// it is a legal person's, and a period that is one. It answers with the organisation.
// kind is that of the organisation the request names, "" where it names none.
func CheckParty(r *trace.AdmitPartyRequest, kind string) (msp string, err error) {
	if err := r.Party.Validate(); err != nil {
		return "", err
	}
	if len(r.Roles) == 0 {
		return "", trace.Errorf(trace.CodeMissing, "roles is missing")
	}
	if len(r.Roles) > maxRoles {
		return "", trace.Errorf(trace.CodeTooLarge, "roles has %d entries, at most %d", len(r.Roles), maxRoles)
	}
	msp = trace.MSPOf(r.Roles[0])
	if r.Org != "" && kind != msp && msp != "" {
		return "", trace.Errorf(trace.CodeWrongOrg, "role %s belongs to %s, org %s is of kind %s", r.Roles[0], msp, r.Org, kind)
	}
	for i, role := range r.Roles {
		home := trace.MSPOf(role)
		if home == "" {
			return "", trace.Errorf(trace.CodeInvalid, "role %q is unknown", string(role))
		}
		if home != msp {
			return "", trace.Errorf(trace.CodeWrongOrg, "roles %s (%s) and %s (%s): a party belongs to one organisation", r.Roles[0], msp, role, home)
		}
		if slices.Contains(r.Roles[:i], role) {
			return "", trace.Errorf(trace.CodeInvalid, "role %s is given twice", role)
		}
	}
	if !r.LegalPerson && (r.Name != "" || r.NameEnglish != "") {
		return "", trace.Errorf(trace.CodeInvalid, "name: the names of natural persons stay off the chain")
	}
	if err := checkSize(r); err != nil {
		return "", err
	}
	if err := firstError(
		trace.ValidText("name", r.Name, r.LegalPerson, maxTitle),
		trace.ValidText("nameEnglish", r.NameEnglish, false, maxTitle),
		trace.ValidText("region", r.Region, false, maxTitle),
		checkPeriod(r.ValidFrom, r.ValidTo),
	); err != nil {
		return "", err
	}
	return cmp.Or(r.Org, msp), nil
}

func checkSize(r *trace.AdmitPartyRequest) error {
	switch r.Size {
	case "":
		return nil
	case trace.SizeMicro, trace.SizeSmall, trace.SizeMedium, trace.SizeLarge:
	default:
		return trace.Errorf(trace.CodeInvalid, "size %q must be %s, %s, %s or %s", string(r.Size), trace.SizeMicro, trace.SizeSmall, trace.SizeMedium, trace.SizeLarge)
	}
	if !r.LegalPerson {
		return trace.Errorf(trace.CodeInvalid, "size: natural persons have no size class")
	}
	return nil
}

// CheckStanding decides whether a standing may be set. target is nil when the party
// was never admitted; now is its current standing, nil while nothing was said.
func CheckStanding(r *trace.SetStandingRequest, by trace.PartyID, target *trace.Party, now *trace.Standing) error {
	if target == nil {
		return trace.Errorf(trace.CodeUnknownParty, "party %s is not in the registry", r.Party)
	}
	if r.Status != trace.PartyActive && r.Status != trace.PartySuspended {
		return trace.Errorf(trace.CodeInvalid, "status %q must be %s or %s", string(r.Status), trace.PartyActive, trace.PartySuspended)
	}
	if r.Party == by {
		return trace.Errorf(trace.CodeForbidden, "party %s cannot set its own standing", by)
	}
	if err := trace.ValidText("reason", r.Reason, true, maxReason); err != nil {
		return err
	}
	current := trace.PartyActive
	if now != nil {
		current = now.Status
	}
	if r.Status == current {
		return trace.Errorf(trace.CodeState, "party %s is %s already", r.Party, current)
	}
	return nil
}

// LicenceKinds tells which kinds of licence permit making goods of a category. The
// first is the usual one.
func LicenceKinds(c trace.Category) []trace.LicenceKind {
	switch c {
	case trace.CategoryFruit, trace.CategoryVegetable:
		return []trace.LicenceKind{trace.LicenceFarming, trace.LicenceFood}
	case trace.CategoryFood:
		return []trace.LicenceKind{trace.LicenceFood}
	case trace.CategoryCosmetics:
		return []trace.LicenceKind{trace.LicenceCosmetics}
	case trace.CategoryTextile:
		return []trace.LicenceKind{trace.LicenceTrade}
	case trace.CategoryMaterial:
		return []trace.LicenceKind{trace.LicenceFarming, trace.LicenceFood, trace.LicenceCosmetics, trace.LicenceTrade}
	}
	return nil
}

func knownLicenceKind(k trace.LicenceKind) bool {
	switch k {
	case trace.LicenceFarming, trace.LicenceFood, trace.LicenceCosmetics, trace.LicenceTransport,
		trace.LicenceTesting, trace.LicenceTrade, trace.LicenceBroadcastRoom, trace.LicenceGS1Prefix:
		return true
	}
	return false
}

// CheckLicence checks a licence that is put on file.
func CheckLicence(r *trace.GrantLicenceRequest) error {
	if err := r.Party.Validate(); err != nil {
		return err
	}
	if !knownLicenceKind(r.Kind) {
		return trace.Errorf(trace.CodeInvalid, "kind %q is not a kind of licence", string(r.Kind))
	}
	if r.Kind == trace.LicenceGS1Prefix {
		if err := checkCompanyPrefix(r.Number); err != nil {
			return err
		}
		if len(r.Scope) > 0 {
			return trace.Errorf(trace.CodeInvalid, "scope must be absent: a GS1 company prefix has none")
		}
	}
	if len(r.Scope) > maxScope {
		return trace.Errorf(trace.CodeTooLarge, "scope has %d entries, at most %d", len(r.Scope), maxScope)
	}
	for i, c := range r.Scope {
		if LicenceKinds(c) == nil {
			return trace.Errorf(trace.CodeInvalid, "scope: category %q is unknown", string(c))
		}
		if slices.Contains(r.Scope[:i], c) {
			return trace.Errorf(trace.CodeInvalid, "scope: category %s is given twice", c)
		}
	}
	return firstError(
		trace.ValidText("number", r.Number, true, maxNumber),
		trace.ValidText("issuer", r.Issuer, true, maxTitle),
		checkPeriod(r.ValidFrom, r.ValidTo),
	)
}

// CheckRevocation decides whether a licence may be ended early. licence is nil when
// it is not on file.
func CheckRevocation(r *trace.RevokeLicenceRequest, licence *trace.Licence) error {
	if licence == nil {
		return trace.Errorf(trace.CodeNotFound, "party %s has no licence %s on file", r.Party, r.Number)
	}
	if r.From < licence.ValidFrom || r.From > licence.ValidTo {
		return trace.Errorf(trace.CodeChronology, "from %s: licence %s is valid from %s to %s", r.From, r.Number, licence.ValidFrom, licence.ValidTo)
	}
	return trace.ValidText("reason", r.Reason, true, maxReason)
}

// LicenceInForce decides whether a licence held on a day. licence is nil when it is
// not on file, revocation nil when it was never revoked.
func LicenceInForce(number string, licence *trace.Licence, revocation *trace.LicenceRevocation, day trace.Date) error {
	if licence == nil {
		return trace.Errorf(trace.CodeLicence, "licence %s is not on file", number)
	}
	if day < licence.ValidFrom || day > licence.ValidTo {
		return trace.Errorf(trace.CodeLicence, "licence %s is valid from %s to %s, not on %s", number, licence.ValidFrom, licence.ValidTo, day)
	}
	if revocation != nil && day >= revocation.From {
		return trace.Errorf(trace.CodeLicence, "licence %s is revoked from %s: %s", number, revocation.From, revocation.Reason)
	}
	return nil
}

// LicenceCovers decides whether a licence in force on the day permits making goods
// of the category: its kind must fit and its scope must name the category.
func LicenceCovers(number string, licence *trace.Licence, revocation *trace.LicenceRevocation, category trace.Category, day trace.Date) error {
	if err := LicenceInForce(number, licence, revocation, day); err != nil {
		return err
	}
	if kinds := LicenceKinds(category); !slices.Contains(kinds, licence.Kind) {
		return trace.Errorf(trace.CodeLicence, "licence %s is a %s licence, %s needs one of %v", number, licence.Kind, category, kinds)
	}
	if !slices.Contains(licence.Scope, category) {
		return trace.Errorf(trace.CodeLicence, "licence %s covers %v, not %s", number, licence.Scope, category)
	}
	return nil
}

// CheckAccreditation checks an accreditation that is put on file. lab is nil when it
// was never admitted.
func CheckAccreditation(r *trace.GrantAccreditationRequest, lab *trace.Party) error {
	if lab == nil {
		return trace.Errorf(trace.CodeUnknownParty, "party %s is not in the registry", r.Lab)
	}
	if !slices.Contains(lab.Roles, trace.RoleLab) {
		return trace.Errorf(trace.CodeInvalid, "party %s is admitted as %v, not as a lab", r.Lab, lab.Roles)
	}
	if len(r.Items) == 0 {
		return trace.Errorf(trace.CodeMissing, "items is missing")
	}
	if len(r.Items) > maxAccreditations {
		return trace.Errorf(trace.CodeTooLarge, "items has %d entries, at most %d", len(r.Items), maxAccreditations)
	}
	seen := make(map[trace.AccreditedItem]bool, len(r.Items))
	for i, item := range r.Items {
		if LicenceKinds(item.Category) == nil {
			return trace.Errorf(trace.CodeInvalid, "items[%d]: category %q is unknown", i, string(item.Category))
		}
		if item.Substance != "*" {
			if err := checkTerm("substance", item.Substance); err != nil {
				return err
			}
		}
		if seen[item] {
			return trace.Errorf(trace.CodeInvalid, "items[%d]: %s × %s is given twice", i, item.Category, item.Substance)
		}
		seen[item] = true
	}
	return firstError(
		trace.ValidText("number", r.Number, true, maxNumber),
		trace.ValidText("issuer", r.Issuer, true, maxTitle),
		checkPeriod(r.ValidFrom, r.ValidTo),
	)
}

func checkPeriod(from, to trace.Date) error {
	if from == 0 || to == 0 {
		return trace.Errorf(trace.CodeMissing, "validFrom and validTo are both needed")
	}
	if to < from {
		return trace.Errorf(trace.CodeChronology, "validTo %s lies before validFrom %s", to, from)
	}
	return nil
}
