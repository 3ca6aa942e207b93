package trace

// TouchEpochRequest advances the epoch gate: every submitting method reads the
// epoch, so a transaction endorsed before a touch cannot commit after it. The
// regulator's gateway sends it hourly.
type TouchEpochRequest struct {
	// Number is the epoch to set: exactly one above the current one, 1 at first.
	Number int64 `json:"number"`
}

// Epoch is the gate's value.
type Epoch struct {
	Number  int64 `json:"number"`
	Touched Time  `json:"touched"`
	// Import is nil on a channel that was never opened for an import.
	Import *ImportGate `json:"import,omitempty"`
}

// InstallGuardRequest makes one organisation's guard key with its key-level
// endorsement policy and its ready marker, once per version.
type InstallGuardRequest struct {
	MSP string `json:"msp"`
	// Version counts from 1; a new version replaces a departed organisation's guard.
	Version int `json:"version"`
}

// GuardReady is the plain marker that every method reads in place of the guard.
type GuardReady struct {
	MSP     string `json:"msp"`
	Version int    `json:"version"`
}

// PartySize is an enterprise's size class (统计上大中小微型企业划分办法（2017）), by which
// the audit of overturned verdicts asks whether monitors treat small merchants alike.
type PartySize string

// Size classes.
const (
	SizeMicro  PartySize = "micro"
	SizeSmall  PartySize = "small"
	SizeMedium PartySize = "medium"
	SizeLarge  PartySize = "large"
)

// AdmitPartyRequest admits a party. Legal persons carry a name; natural persons
// none: their names stay off the chain.
type AdmitPartyRequest struct {
	Write
	Party       PartyID `json:"party"`
	Roles       []Role  `json:"roles"`
	Org         string  `json:"org,omitempty"` // MSP of the organisation that joined later; empty: the founding one of the roles' kind
	LegalPerson bool    `json:"legalPerson"`
	Name        string  `json:"name,omitempty"`        // Chinese; only with LegalPerson
	NameEnglish string  `json:"nameEnglish,omitempty"` // only with LegalPerson
	Region      string  `json:"region,omitempty"`      // county or city, as shown to shoppers
	// Size is the enterprise's size class where it is known; only with LegalPerson.
	Size      PartySize `json:"size,omitempty"`
	ValidFrom Date      `json:"validFrom"`
	ValidTo   Date      `json:"validTo"`
}

// Party is the registry's record.
type Party struct {
	Head
	Roles       []Role    `json:"roles"`
	Org         string    `json:"org"` // MSP of the organisation that certifies it
	LegalPerson bool      `json:"legalPerson"`
	Name        string    `json:"name,omitempty"`
	NameEnglish string    `json:"nameEnglish,omitempty"`
	Region      string    `json:"region,omitempty"`
	Size        PartySize `json:"size,omitempty"`
	ValidFrom   Date      `json:"validFrom"`
	ValidTo     Date      `json:"validTo"`
}

// Kind is the kind of the party's organisation: that of its roles, which are of one.
func (p *Party) Kind() string {
	if len(p.Roles) == 0 {
		return ""
	}
	return MSPOf(p.Roles[0])
}

// PartyStatus says whether a party may write.
type PartyStatus string

// Standings of a party.
const (
	PartyActive    PartyStatus = "active"
	PartySuspended PartyStatus = "suspended"
)

// SetStandingRequest suspends a party or restores it.
type SetStandingRequest struct {
	Write
	Party  PartyID     `json:"party"`
	Status PartyStatus `json:"status"`
	Reason string      `json:"reason"`
}

// Standing is a fact; the newest one is also kept in the party's standing key.
type Standing struct {
	Head
	Of     PartyID     `json:"of"`
	Status PartyStatus `json:"status"`
	Reason string      `json:"reason"`
}

// LicenceKind tells what a licence permits.
type LicenceKind string

// Kinds of licence.
const (
	LicenceFarming       LicenceKind = "farming"        // registration of an agricultural enterprise or cooperative
	LicenceFood          LicenceKind = "food"           // food production licence (SC)
	LicenceCosmetics     LicenceKind = "cosmetics"      // cosmetics production licence
	LicenceTransport     LicenceKind = "transport"      // road transport business licence
	LicenceTesting       LicenceKind = "testing"        // inspection body qualification (CMA)
	LicenceTrade         LicenceKind = "trade"          // business or food trading licence
	LicenceBroadcastRoom LicenceKind = "broadcast-room" // live-streaming room operator
	// LicenceGS1Prefix is a GS1 company prefix: Number is its digits, Scope is empty.
	LicenceGS1Prefix LicenceKind = "gs1-prefix"
)

// Category is a product category in a licence's scope and on a product.
type Category string

// Product categories.
const (
	CategoryFruit     Category = "fruit"
	CategoryVegetable Category = "vegetable"
	CategoryFood      Category = "food"
	CategoryCosmetics Category = "cosmetics"
	CategoryTextile   Category = "textile"
	CategoryMaterial  Category = "material" // raw material of another product
)

// GrantLicenceRequest puts a licence on file.
type GrantLicenceRequest struct {
	Write
	Party     PartyID     `json:"party"`
	Number    string      `json:"number"` // as printed, up to 40 characters
	Kind      LicenceKind `json:"kind"`
	Scope     []Category  `json:"scope,omitempty"`
	Issuer    string      `json:"issuer"`
	ValidFrom Date        `json:"validFrom"`
	ValidTo   Date        `json:"validTo"`
	Document  Digest      `json:"document,omitzero"` // the scan of the licence
}

// Licence is the record.
type Licence struct {
	Head
	Holder    PartyID     `json:"holder"`
	Number    string      `json:"number"`
	Kind      LicenceKind `json:"kind"`
	Scope     []Category  `json:"scope,omitempty"`
	Issuer    string      `json:"issuer"`
	ValidFrom Date        `json:"validFrom"`
	ValidTo   Date        `json:"validTo"`
	Document  Digest      `json:"document,omitzero"`
}

// CompanyPrefix is the state value of a GS1 company prefix: who holds it. Its validity is
// that of the holder's licence of the same number.
type CompanyPrefix struct {
	Holder PartyID `json:"holder"`
}

// RevokeLicenceRequest ends a licence before its time.
type RevokeLicenceRequest struct {
	Write
	Party  PartyID `json:"party"`
	Number string  `json:"number"`
	From   Date    `json:"from"`
	Reason string  `json:"reason"`
}

// LicenceRevocation is the record, one per licence.
type LicenceRevocation struct {
	Head
	Holder PartyID `json:"holder"`
	Number string  `json:"number"`
	From   Date    `json:"from"`
	Reason string  `json:"reason"`
}

// GrantAccreditationRequest puts a lab's accreditation scope on file.
type GrantAccreditationRequest struct {
	Write
	Lab       PartyID `json:"lab"`
	Number    string  `json:"number"` // CMA or CNAS number
	Issuer    string  `json:"issuer"`
	ValidFrom Date    `json:"validFrom"`
	ValidTo   Date    `json:"validTo"`
	// Items are the substances or properties the lab may judge, each within a
	// category; at most 500.
	Items []AccreditedItem `json:"items"`
}

// AccreditedItem is one entry of an accreditation scope.
type AccreditedItem struct {
	Category  Category `json:"category"`
	Substance string   `json:"substance"` // as in the standards table; "*" for all of the category
}

// Accreditation is the record.
type Accreditation struct {
	Head
	Lab       PartyID          `json:"lab"`
	Number    string           `json:"number"`
	Issuer    string           `json:"issuer"`
	ValidFrom Date             `json:"validFrom"`
	ValidTo   Date             `json:"validTo"`
	Items     []AccreditedItem `json:"items"`
}
