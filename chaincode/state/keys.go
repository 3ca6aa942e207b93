package state

import (
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
)

// Key kinds: the literal beginning of every key on the chain, in front of its
// parts. Each names the type of its value.
const (
	// Gates: point-read by every fact that depends on them.
	KindEpoch      = "epoch"      // trace.Epoch
	KindGuard      = "guard"      // {msp}/{version}: opaque, written blindly, never read
	KindGuardReady = "guardready" // {msp}: trace.GuardReady
	KindFreeze     = "freeze"     // {subjectKind}/{subjectID}: trace.FreezeNumber

	// The import of an earlier ledger, by the digest of that ledger's genesis block.
	KindImport       = "import"       // {genesis}: trace.Import
	KindImportClosed = "importclosed" // {genesis}: trace.ImportClosing

	// Registry.
	KindOrganisation    = "organisation"    // {msp}: trace.Organisation, of one that joined later
	KindOrganisationEnd = "organisationend" // {msp}: trace.OrganisationEnd
	KindParty           = "party"           // {party}: trace.Party
	KindStanding        = "standing"        // {party}: trace.Standing, the newest
	KindLicence         = "licence"         // {party}/{number}: trace.Licence
	KindRevocation      = "revocation"      // {party}/{number}: trace.LicenceRevocation
	KindCompanyPrefix   = "prefix"          // {digits}: trace.CompanyPrefix, the newest holder
	KindAccreditation   = "accreditation"   // {lab}/{number}: trace.Accreditation

	// Standards: a JSON array of all published versions, by effective date rising.
	KindLimit        = "limit"        // {commodity}/{substance}: []trace.Limit
	KindInterval     = "interval"     // {registration}/{crop}: []trace.Interval
	KindYieldCeiling = "yieldceiling" // {crop}: []trace.YieldCeiling

	// The rulebook's chapter on the ladder, all versions likewise.
	KindRulebook = "rulebook" // []trace.Rulebook

	// Origin.
	KindProduct    = "product"    // {gtin}: trace.Product
	KindPlot       = "plot"       // {producer}/{plot}: trace.Plot
	KindBatch      = "batch"      // {gtin}/{lot}: trace.Batch
	KindCompletion = "completion" // {gtin}/{lot}: trace.Completion

	// Codes and transit.
	KindCodePack = "codepack" // {pack}: trace.CodePack
	KindShipment = "shipment" // {shipment}: trace.Shipment
	KindSSCC     = "sscc"     // {sscc}: trace.LogisticUnit
	KindSegment  = "seg"      // {device}/{sequence, 12 digits}: trace.Segment
	KindRule     = "rule"     // {monitor}/{version}: trace.MonitorRule

	// Streams.
	KindStream      = "stream"      // {stream}: trace.Stream
	KindStreamClose = "streamclose" // {stream}: trace.StreamClose
	KindUtterances  = "utterances"  // {stream}/{writer}/{sequence, 12 digits}: trace.UtteranceRun

	// KindSuperseded marks an inspection that another took the place of, once.
	KindSuperseded = "superseded" // {inspection's key}: trace.Supersession

	// KindFact is a fact about a subject:
	// {subjectKind}/{subjectID}/{freeze, 4 digits}/{factKind}/{factID}; the fact kind
	// names the value's type.
	KindFact = "fact"
)

// Balance and state kinds: the ONLY keys that a transaction reads and writes again,
// because something conserved or exclusive depends on them. Two writers of one such
// key conflict and one is retried; that is the purpose. Everything else is written
// once.
const (
	// The quantity a lot gave to other lots, and the items of it that have a code.
	// Whoever writes one reads the other: together they are at most the lot.
	KindBatchInputs = "balance/inputs" // {gtin}/{lot}: trace.TakenQuantity
	KindBatchCodes  = "balance/codes"  // {gtin}/{lot}: trace.BoundItems
	// What a lot's producer released to one other producer, and what that one took:
	// takers do not conflict with each other, nor with the producer.
	KindInputRelease = "balance/release" // {gtin}/{lot}/{taker}: trace.ReleasedQuantity
	// Yield taken, sprays and harvest days of a plot's season: a batch and a spray
	// of one season must see each other.
	KindSeason = "balance/season" // {producer}/{plot}/{season, 4 digits}: trace.Season
	// A pack is bound once and has one state.
	KindPackStatus = "balance/pack" // {pack}: trace.PackStatus
	// Every item, unit, shipment and device has one holder at a time.
	KindPackCustody    = "balance/custody/pack" // {pack}: trace.PackCustody
	KindUnitCustody    = "balance/custody/sscc" // {sscc}: trace.UnitCustody
	KindShipmentStatus = "balance/shipment"     // {shipment}: trace.ShipmentStatus
	KindDeviceStatus   = "balance/device"       // {device}: trace.DeviceStatus
	// What a holder last said about who takes its goods. Under the consignor too, so that
	// nobody takes a shipment's number from another.
	KindConsignmentStatus = "balance/consignment" // {shipment}/{consignor}: trace.ConsignmentStatus
	// A review builds on the level below it.
	KindReviewLevels = "balance/review" // {gtin}/{lot}: trace.ReviewLevels

	// A step of a ladder builds on the one below it, and no violation carries two.
	KindLadder = "balance/ladder" // {stream}/{host}: trace.LadderState
	// Imported transactions are recorded one after the other, in the source's order.
	KindImportProgress = "balance/import" // {genesis}: trace.ImportProgress

	// Enforcement: what holds now; each step is also a fact.
	KindRecallLot     = "recall/lot"     // {gtin}/{lot}: trace.Recall
	KindRecallCodes   = "recall/codes"   // {pack}/{first, 7 digits}-{last, 7 digits}: trace.Recall
	KindDelistProduct = "delist/product" // {gtin}: trace.Recall
	KindDelistLot     = "delist/lot"     // {gtin}/{lot}: trace.Recall
)

// Fact kinds.
const (
	FactLog           = "log"           // trace.LogEntry
	FactCertificate   = "certificate"   // trace.ComplianceCertificate
	FactRelease       = "release"       // trace.InputRelease
	FactActivation    = "activation"    // trace.PackActivation
	FactPackChange    = "packchange"    // trace.PackChange
	FactInspection    = "inspection"    // trace.Inspection
	FactReview        = "review"        // trace.Review
	FactConsignment   = "consignment"   // trace.Consignment
	FactHandover      = "handover"      // trace.Handover
	FactArrival       = "arrival"       // trace.Arrival
	FactBinding       = "binding"       // trace.DeviceBinding
	FactVerdict       = "verdict"       // trace.Verdict
	FactVerdictReview = "verdictreview" // trace.VerdictReview
	FactAction        = "action"        // trace.Action
	FactStanding      = "standing"      // trace.Standing
	FactClaim         = "claim"         // trace.ProductClaim
)

// partCounts is how many parts follow each kind. A function and not a variable: the
// package keeps no state.
func partCount(kind string) int {
	switch kind {
	case KindEpoch, KindRulebook:
		return 0
	case KindGuardReady, KindParty, KindStanding, KindYieldCeiling, KindProduct, KindCodePack, KindShipment, KindSSCC,
		KindPackStatus, KindPackCustody, KindUnitCustody, KindShipmentStatus, KindDeviceStatus, KindDelistProduct,
		KindSuperseded, KindCompanyPrefix, KindOrganisation, KindOrganisationEnd, KindStream, KindStreamClose,
		KindImport, KindImportClosed, KindImportProgress:
		return 1
	case KindGuard, KindFreeze, KindLicence, KindRevocation, KindAccreditation, KindLimit, KindInterval, KindPlot,
		KindBatch, KindCompletion, KindSegment, KindRule, KindBatchInputs, KindBatchCodes, KindRecallLot,
		KindRecallCodes, KindDelistLot, KindReviewLevels, KindConsignmentStatus, KindLadder:
		return 2
	case KindSeason, KindInputRelease, KindUtterances:
		return 3
	case KindFact:
		return 5
	}
	return -1
}

// ParseKey takes a key of this chaincode apart: its kind and its parts, decoded. A
// subject id (in a freeze or fact key) is one part and stays encoded as in
// trace.Subject. It reports false for keys that no function of this package makes.
func ParseKey(key trace.Key) (kind string, parts []string, ok bool) {
	s := string(key)
	kind, rest, _ := strings.Cut(s, "/")
	switch kind {
	case "balance", "recall", "delist":
		var next string
		next, rest, _ = strings.Cut(rest, "/")
		kind += "/" + next
		if kind == "balance/custody" {
			next, rest, _ = strings.Cut(rest, "/")
			kind += "/" + next
		}
	}
	count := partCount(kind)
	if count < 0 {
		return "", nil, false
	}
	if count == 0 {
		return kind, nil, s == kind
	}
	parts = strings.Split(rest, "/")
	if len(parts) != count {
		return "", nil, false
	}
	subject := -1 // the part that is a subject id
	if kind == KindFact || kind == KindFreeze {
		subject = 1
	}
	for i, p := range parts {
		if i == subject {
			if p == "" {
				return "", nil, false
			}
			continue
		}
		plain, ok := decodePart(p)
		if !ok {
			return "", nil, false
		}
		parts[i] = plain
	}
	return kind, parts, true
}

// Fact is a fact key taken apart.
type Fact struct {
	Subject trace.Subject
	Freeze  int
	Kind    string
	ID      string
}

// ParseFactKey takes a fact key apart.
func ParseFactKey(key trace.Key) (Fact, bool) {
	kind, parts, ok := ParseKey(key)
	if !ok || kind != KindFact {
		return Fact{}, false
	}
	freeze, err := strconv.Atoi(parts[2])
	if err != nil || len(parts[2]) != 4 || freeze < 0 {
		return Fact{}, false
	}
	return Fact{
		Subject: trace.Subject{Kind: trace.SubjectKind(parts[0]), ID: parts[1]},
		Freeze:  freeze, Kind: parts[3], ID: parts[4],
	}, true
}

// LastPart is the last part of a key as it stands there: a record's Head.ID.
func LastPart(key trace.Key) string {
	return string(key[strings.LastIndexByte(string(key), '/')+1:])
}

func key(kind string, parts ...string) trace.Key {
	var b strings.Builder
	b.WriteString(kind)
	for _, p := range parts {
		b.WriteByte('/')
		writePart(&b, p)
	}
	return trace.Key(b.String())
}

// EpochKey is the gate every submitting method reads.
func EpochKey() trace.Key { return KindEpoch }

// GuardKey is an organisation's guard: it carries a key-level endorsement policy and
// is only ever written blindly. Reading it, or its policy, would make all facts of
// the organisation conflict.
func GuardKey(msp string, version int) trace.Key {
	return key(KindGuard, msp, strconv.Itoa(version))
}

// GuardReadyKey is the marker read in place of the guard.
func GuardReadyKey(msp string) trace.Key { return key(KindGuardReady, msp) }

// FreezeKey is the gate of a subject's facts.
func FreezeKey(s trace.Subject) trace.Key {
	return trace.Key(KindFreeze + "/" + string(s.Kind) + "/" + s.ID)
}

// FactKey is where a fact of a subject lies.
func FactKey(s trace.Subject, freeze int, kind, id string) trace.Key {
	n := strconv.Itoa(freeze)
	return FactPrefix(s) + trace.Key("0000"[:max(0, 4-len(n))]+n+"/"+kind+"/"+id)
}

// FactPrefix begins the keys of all facts of a subject.
func FactPrefix(s trace.Subject) trace.Key {
	return trace.Key(KindFact + "/" + string(s.Kind) + "/" + s.ID + "/")
}

// OrganisationKey is the admission of an organisation that joined later.
func OrganisationKey(msp string) trace.Key { return key(KindOrganisation, msp) }

// OrganisationEndKey is the end of its membership.
func OrganisationEndKey(msp string) trace.Key { return key(KindOrganisationEnd, msp) }

// PartyKey is a party's record.
func PartyKey(p trace.PartyID) trace.Key { return key(KindParty, string(p)) }

// StandingKey is a party's current standing; absent while nothing was said about it.
func StandingKey(p trace.PartyID) trace.Key { return key(KindStanding, string(p)) }

// LicenceKey is one licence of a party.
func LicenceKey(p trace.PartyID, number string) trace.Key { return key(KindLicence, string(p), number) }

// RevocationKey is the end of a licence before its time.
func RevocationKey(p trace.PartyID, number string) trace.Key {
	return key(KindRevocation, string(p), number)
}

// CompanyPrefixKey is who holds a GS1 company prefix.
func CompanyPrefixKey(digits string) trace.Key { return key(KindCompanyPrefix, digits) }

// AccreditationKey is one accreditation of a lab.
func AccreditationKey(lab trace.PartyID, number string) trace.Key {
	return key(KindAccreditation, string(lab), number)
}

// LimitKey is all published limits of a substance in a commodity.
func LimitKey(commodity, substance string) trace.Key { return key(KindLimit, commodity, substance) }

// IntervalKey is all published intervals of a pesticide registration on a crop.
func IntervalKey(registration, crop string) trace.Key { return key(KindInterval, registration, crop) }

// YieldCeilingKey is all published yield ceilings of a crop.
func YieldCeilingKey(crop string) trace.Key { return key(KindYieldCeiling, crop) }

// ProductKey is a trade item.
func ProductKey(g trace.GTIN) trace.Key { return key(KindProduct, string(g)) }

// PlotKey is a producer's plot.
func PlotKey(producer trace.PartyID, plot trace.PlotID) trace.Key {
	return key(KindPlot, string(producer), string(plot))
}

// BatchKey is a lot's record.
func BatchKey(l trace.LotID) trace.Key { return lotKey(KindBatch, l) }

// CompletionKey is the harvest of a lot that was opened for presale.
func CompletionKey(l trace.LotID) trace.Key { return lotKey(KindCompletion, l) }

// CodePackKey is a code pack's record.
func CodePackKey(p trace.PackID) trace.Key { return key(KindCodePack, string(p)) }

// ShipmentKey is a shipment's record.
func ShipmentKey(s trace.ShipmentID) trace.Key { return key(KindShipment, string(s)) }

// UnitKey is a logistic unit's record.
func UnitKey(s trace.SSCC) trace.Key { return key(KindSSCC, string(s)) }

// SegmentKey is one segment of a device; sequences sort as numbers.
func SegmentKey(d trace.DeviceID, sequence int64) trace.Key {
	return key(KindSegment, string(d), digits(sequence, 12))
}

// SegmentPrefix begins the keys of a device's segments, by sequence.
func SegmentPrefix(d trace.DeviceID) trace.Key { return key(KindSegment, string(d)) + "/" }

// RuleKey is one version of a monitor's rule.
func RuleKey(monitor, version string) trace.Key { return key(KindRule, monitor, version) }

// RulebookKey is all published versions of the rulebook's chapter on the ladder.
func RulebookKey() trace.Key { return KindRulebook }

// StreamKey is a stream's record.
func StreamKey(s trace.StreamID) trace.Key { return key(KindStream, string(s)) }

// StreamCloseKey is the end of a stream.
func StreamCloseKey(s trace.StreamID) trace.Key { return key(KindStreamClose, string(s)) }

// UtterancesKey is one run of utterances that a writer heard in a stream.
func UtterancesKey(s trace.StreamID, writer trace.PartyID, sequence int64) trace.Key {
	return key(KindUtterances, string(s), string(writer), digits(sequence, 12))
}

// UtterancesPrefix begins the keys of a stream's runs, by writer, then by sequence.
func UtterancesPrefix(s trace.StreamID) trace.Key { return key(KindUtterances, string(s)) + "/" }

// LadderKey is where the ladder of a host in a stream stands.
func LadderKey(s trace.StreamID, host trace.PartyID) trace.Key {
	return key(KindLadder, string(s), string(host))
}

// LadderPrefix begins the keys of a stream's ladders, by host.
func LadderPrefix(s trace.StreamID) trace.Key { return key(KindLadder, string(s)) + "/" }

// SupersededKey marks an inspection that another took the place of. It names the whole
// key: a lab that uses one idempotency key for two lots has two facts with one id.
func SupersededKey(inspection trace.Key) trace.Key { return key(KindSuperseded, string(inspection)) }

// ReviewLevelsKey is the balance of a lot's passed reviews.
func ReviewLevelsKey(l trace.LotID) trace.Key { return lotKey(KindReviewLevels, l) }

// BatchInputsKey is the balance of what a lot gave to other lots.
func BatchInputsKey(l trace.LotID) trace.Key { return lotKey(KindBatchInputs, l) }

// InputReleaseKey is the balance of what a lot's producer released to a taker.
func InputReleaseKey(l trace.LotID, taker trace.PartyID) trace.Key {
	return key(KindInputRelease, string(l.GTIN), string(l.Lot), string(taker))
}

// BatchCodesKey is the balance of a lot's coded items.
func BatchCodesKey(l trace.LotID) trace.Key { return lotKey(KindBatchCodes, l) }

// SeasonKey is the balance of one season of a plot.
func SeasonKey(producer trace.PartyID, plot trace.PlotID, season int) trace.Key {
	return key(KindSeason, string(producer), string(plot), digits(int64(season), 4))
}

// PackStatusKey is the state of a code pack.
func PackStatusKey(p trace.PackID) trace.Key { return key(KindPackStatus, string(p)) }

// PackCustodyKey is who holds which items of a pack.
func PackCustodyKey(p trace.PackID) trace.Key { return key(KindPackCustody, string(p)) }

// UnitCustodyKey is who holds a logistic unit.
func UnitCustodyKey(s trace.SSCC) trace.Key { return key(KindUnitCustody, string(s)) }

// ShipmentStatusKey is where a shipment stands.
func ShipmentStatusKey(s trace.ShipmentID) trace.Key { return key(KindShipmentStatus, string(s)) }

// ConsignmentStatusKey is what a consignor last said about a shipment.
func ConsignmentStatusKey(s trace.ShipmentID, consignor trace.PartyID) trace.Key {
	return key(KindConsignmentStatus, string(s), string(consignor))
}

// DeviceStatusKey is a device's owner and bindings.
func DeviceStatusKey(d trace.DeviceID) trace.Key { return key(KindDeviceStatus, string(d)) }

// RecallLotKey tells whether a whole lot is recalled.
func RecallLotKey(l trace.LotID) trace.Key { return lotKey(KindRecallLot, l) }

// RecallCodesKey tells whether a run of codes is recalled.
func RecallCodesKey(r trace.CodeRange) trace.Key {
	return key(KindRecallCodes, string(r.Pack), digits(r.First, 7)+"-"+digits(r.Last, 7))
}

// RecallCodesPrefix begins the keys of all recalled runs of a pack, by first item.
func RecallCodesPrefix(p trace.PackID) trace.Key {
	return key(KindRecallCodes, string(p)) + "/"
}

// DelistProductKey tells whether a product is delisted.
func DelistProductKey(g trace.GTIN) trace.Key { return key(KindDelistProduct, string(g)) }

// DelistLotKey tells whether a lot is delisted.
func DelistLotKey(l trace.LotID) trace.Key { return lotKey(KindDelistLot, l) }

func lotKey(kind string, l trace.LotID) trace.Key { return key(kind, string(l.GTIN), string(l.Lot)) }

func digits(n int64, width int) string {
	s := strconv.FormatInt(n, 10)
	if pad := width - len(s); pad > 0 {
		return strings.Repeat("0", pad) + s
	}
	return s
}
