package state

import "traceledger/chaincode/trace"

// GetOrganisation reads the admission of an organisation that joined later, nil when it
// was never admitted.
func GetOrganisation(l Reader, msp string) (*trace.Organisation, error) {
	return Get[trace.Organisation](l, OrganisationKey(msp))
}

// GetOrganisationEnd reads the end of its membership, nil while it has none.
func GetOrganisationEnd(l Reader, msp string) (*trace.OrganisationEnd, error) {
	return Get[trace.OrganisationEnd](l, OrganisationEndKey(msp))
}

// GetParty reads a party, nil when it was never admitted.
func GetParty(l Reader, p trace.PartyID) (*trace.Party, error) {
	return Get[trace.Party](l, PartyKey(p))
}

// GetStanding reads a party's newest standing, nil while nothing was said about it.
func GetStanding(l Reader, p trace.PartyID) (*trace.Standing, error) {
	return Get[trace.Standing](l, StandingKey(p))
}

// GetLicence reads one licence of a party.
func GetLicence(l Reader, p trace.PartyID, number string) (*trace.Licence, error) {
	return Get[trace.Licence](l, LicenceKey(p, number))
}

// GetRevocation reads the end of a licence before its time.
func GetRevocation(l Reader, p trace.PartyID, number string) (*trace.LicenceRevocation, error) {
	return Get[trace.LicenceRevocation](l, RevocationKey(p, number))
}

// GetCompanyPrefix reads who holds a GS1 company prefix, nil when nobody does.
func GetCompanyPrefix(l Reader, digits string) (*trace.CompanyPrefix, error) {
	return Get[trace.CompanyPrefix](l, CompanyPrefixKey(digits))
}

// GetAccreditation reads one accreditation of a lab.
func GetAccreditation(l Reader, lab trace.PartyID, number string) (*trace.Accreditation, error) {
	return Get[trace.Accreditation](l, AccreditationKey(lab, number))
}

// GetLimits reads all published limits of a substance in a commodity, by effective
// date rising; empty when none was published.
func GetLimits(l Reader, commodity, substance string) ([]trace.Limit, error) {
	return GetOrZero[[]trace.Limit](l, LimitKey(commodity, substance))
}

// GetIntervals reads all published intervals of a pesticide registration on a crop.
func GetIntervals(l Reader, registration, crop string) ([]trace.Interval, error) {
	return GetOrZero[[]trace.Interval](l, IntervalKey(registration, crop))
}

// GetYieldCeilings reads all published yield ceilings of a crop.
func GetYieldCeilings(l Reader, crop string) ([]trace.YieldCeiling, error) {
	return GetOrZero[[]trace.YieldCeiling](l, YieldCeilingKey(crop))
}
