package index

import (
	"fmt"
	"slices"
	"strings"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// nature says what may happen to a key of a kind.
type nature int

const (
	natureRecord  nature = iota + 1 // written once; begins with a trace.Head
	natureState                     // changes; every value is kept
	natureBalance                   // changes with every movement; only the newest value is kept
)

// kind is everything the fold knows about one kind of value on the chain.
type kind struct {
	// id tells kinds apart: the beginning of the key, for facts with the fact kind
	// ("fact/standing" is the fact, "standing" the value that holds now).
	id     string
	name   string // id without "fact/": what records are listed by
	nature nature
	// call is the catalogue's method that writes this kind as its record. Roles and
	// responsible organisations follow from it.
	call trace.Method
	// with are the ids of the record kinds one of which must be in the same transaction, for
	// values that only ever change along with a record.
	with []string
	// relate derives relations from a value.
	relate func(w *write, l *links) error
}

// factID is the id of a kind of fact.
func factID(kind string) string { return state.KindFact + "/" + kind }

// kinds lays out the table of all kinds. It fails when the catalogue of methods
// lacks one that it names, so that the two cannot drift apart unnoticed.
func kinds() (map[string]*kind, error) {
	catalogue := map[string]trace.Method{}
	for _, m := range trace.Methods() {
		catalogue[m.Transaction()] = m
	}
	table := map[string]*kind{}
	var missing error
	enter := func(k *kind) {
		k.name = strings.TrimPrefix(k.id, factID(""))
		table[k.id] = k
	}
	add := func(n nature, id string, relate func(*write, *links) error, call string) {
		m, known := catalogue[call]
		if !known {
			missing = fmt.Errorf("kind %q is written by %s, which is not in the catalogue of methods", id, call)
		}
		enter(&kind{id: id, nature: n, relate: relate, call: m})
	}
	with := func(n nature, id string, relate func(*write, *links) error, records ...string) {
		enter(&kind{id: id, nature: n, relate: relate, with: records})
	}

	// Gates. Guards themselves carry no fact and are left out.
	add(natureState, state.KindEpoch, nil, "registry:TouchEpoch")
	add(natureState, state.KindGuardReady, nil, "registry:InstallGuard")

	add(natureRecord, state.KindOrganisation, relateOrganisation, "registry:AdmitOrganisation")
	add(natureRecord, state.KindOrganisationEnd, relateOrganisationEnd, "registry:EndOrganisation")
	add(natureRecord, state.KindImport, nil, "registry:OpenImport")
	add(natureRecord, state.KindImportClosed, nil, "registry:CloseImport")

	add(natureRecord, state.KindParty, relateParty, "registry:AdmitParty")
	add(natureRecord, factID(state.FactStanding), nil, "registry:SetStanding")
	with(natureState, state.KindStanding, relateParty, factID(state.FactStanding))
	add(natureRecord, state.KindLicence, relateParty, "registry:GrantLicence")
	with(natureState, state.KindCompanyPrefix, nil, state.KindLicence)
	add(natureRecord, state.KindRevocation, relateParty, "registry:RevokeLicence")
	add(natureRecord, state.KindAccreditation, relateParty, "registry:GrantAccreditation")

	add(natureState, state.KindLimit, nil, "standards:PublishLimit")
	add(natureState, state.KindInterval, nil, "standards:PublishInterval")
	add(natureState, state.KindYieldCeiling, nil, "standards:PublishYieldCeiling")

	add(natureRecord, state.KindProduct, relateProduct, "origin:RegisterProduct")
	add(natureRecord, state.KindPlot, nil, "origin:RegisterPlot")
	add(natureRecord, state.KindBatch, relateBatch, "origin:RegisterBatch")
	add(natureRecord, state.KindCompletion, relateLot, "origin:CompleteBatch")
	add(natureRecord, factID(state.FactLog), nil, "origin:AddLogEntry")
	add(natureRecord, factID(state.FactCertificate), nil, "origin:IssueCertificate")
	add(natureRecord, factID(state.FactRelease), nil, "origin:ReleaseInput")
	with(natureBalance, state.KindBatchInputs, nil, state.KindBatch, factID(state.FactRelease))
	with(natureBalance, state.KindInputRelease, nil, state.KindBatch, factID(state.FactRelease))
	with(natureBalance, state.KindSeason, nil, state.KindBatch, state.KindCompletion, factID(state.FactLog))

	add(natureRecord, state.KindCodePack, relatePack, "code:IssuePack")
	add(natureRecord, factID(state.FactActivation), relateActivation, "code:ActivatePack")
	add(natureRecord, factID(state.FactPackChange), relatePackChange, "code:ChangePack")
	with(natureBalance, state.KindBatchCodes, nil, factID(state.FactActivation))
	with(natureBalance, state.KindPackStatus, relatePack, state.KindCodePack, factID(state.FactActivation), factID(state.FactPackChange))

	add(natureRecord, factID(state.FactInspection), nil, "inspection:Report")
	add(natureRecord, factID(state.FactReview), nil, "inspection:Review")
	with(natureBalance, state.KindSuperseded, nil, factID(state.FactInspection))
	with(natureBalance, state.KindReviewLevels, nil, factID(state.FactReview))

	add(natureRecord, state.KindSSCC, relateUnit, "transit:PackUnit")
	add(natureRecord, factID(state.FactConsignment), relateConsignment, "transit:Consign")
	with(natureBalance, state.KindConsignmentStatus, nil, factID(state.FactConsignment), state.KindShipment, factID(state.FactHandover))
	add(natureRecord, state.KindShipment, relateShipment, "transit:Dispatch")
	add(natureRecord, factID(state.FactHandover), nil, "transit:Handover")
	add(natureRecord, factID(state.FactArrival), nil, "transit:Arrive")
	add(natureRecord, factID(state.FactBinding), relateBinding, "transit:BindDevice")
	add(natureRecord, state.KindSegment, relateSegment, "transit:AnchorSegment")
	moves := []string{factID(state.FactActivation), state.KindSSCC, state.KindShipment, factID(state.FactHandover), factID(state.FactArrival)}
	with(natureBalance, state.KindPackCustody, relatePack, moves...)
	with(natureBalance, state.KindUnitCustody, relateUnitCustody, moves...)
	with(natureBalance, state.KindShipmentStatus, relateShipmentStatus, moves...)
	with(natureBalance, state.KindDeviceStatus, nil, factID(state.FactBinding))

	add(natureRecord, state.KindStream, relateStream, "stream:Open")
	add(natureRecord, state.KindStreamClose, relateOfStream, "stream:Close")
	// Not the stream's topic: runs come every few seconds, and no lot's page shows them.
	add(natureRecord, state.KindUtterances, nil, "stream:AnchorTranscript")
	add(natureRecord, factID(state.FactClaim), nil, "stream:Claim")
	with(natureState, state.KindLadder, relateOfStream, factID(state.FactAction))

	add(natureState, state.KindRulebook, nil, "rulebook:Publish")

	add(natureRecord, state.KindRule, nil, "verdict:PublishRule")
	add(natureRecord, factID(state.FactVerdict), relateVerdict, "verdict:Give")
	add(natureRecord, factID(state.FactVerdictReview), relateVerdictReview, "verdict:Review")

	add(natureRecord, factID(state.FactAction), relateAction, "enforcement:TakeAction")
	with(natureState, state.KindRecallLot, relateLot, factID(state.FactAction))
	with(natureState, state.KindRecallCodes, relatePack, factID(state.FactAction))
	with(natureState, state.KindDelistProduct, relateDelistedProduct, factID(state.FactAction))
	with(natureState, state.KindDelistLot, relateLot, factID(state.FactAction))

	// Whatever is imported moves the import on.
	var imported []string
	for id, k := range table {
		if len(k.with) == 0 && rules.Imported(k.call.Transaction()) {
			imported = append(imported, id)
		}
	}
	slices.Sort(imported)
	with(natureBalance, state.KindImportProgress, nil, imported...)
	return table, missing
}
