package index

import (
	"fmt"

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

// kind is everything the fold knows about one kind of value on the chain. The name
// of a fact's kind is its fact kind, any other's the beginning of its key.
type kind struct {
	name   string
	nature nature
	// calls are the catalogue's methods that write this kind as their record. Roles
	// and responsible organisations follow from them.
	calls []trace.Method
	// with names the record kinds one of which must be in the same transaction, for
	// values that only ever change along with a record.
	with []string
	// relate derives relations from a value.
	relate func(w *write, l *links) error
}

// kinds lays out the table of all kinds. It fails when the catalogue of methods
// lacks one that it names, so that the two cannot drift apart unnoticed.
func kinds() (map[string]*kind, error) {
	catalogue := map[string]trace.Method{}
	for _, m := range trace.Methods() {
		catalogue[m.Transaction()] = m
	}
	table := map[string]*kind{}
	var missing error
	add := func(n nature, name string, relate func(*write, *links) error, calls ...string) {
		k := &kind{name: name, nature: n, relate: relate}
		for _, call := range calls {
			m, known := catalogue[call]
			if !known {
				missing = fmt.Errorf("kind %q is written by %s, which is not in the catalogue of methods", name, call)
			}
			k.calls = append(k.calls, m)
		}
		table[name] = k
	}
	with := func(n nature, name string, relate func(*write, *links) error, records ...string) {
		table[name] = &kind{name: name, nature: n, with: records, relate: relate}
	}

	// Gates. Guards themselves carry no fact and are left out.
	add(natureState, state.KindEpoch, nil, "registry:TouchEpoch")
	add(natureState, state.KindGuardReady, nil, "registry:InstallGuard")

	add(natureRecord, state.KindParty, relateParty, "registry:AdmitParty")
	add(natureRecord, state.FactStanding, nil, "registry:SetStanding")
	with(natureState, state.KindStanding, relateParty, state.FactStanding)
	add(natureRecord, state.KindLicence, relateParty, "registry:GrantLicence")
	add(natureRecord, state.KindRevocation, relateParty, "registry:RevokeLicence")
	add(natureRecord, state.KindAccreditation, relateParty, "registry:GrantAccreditation")

	add(natureState, state.KindLimit, nil, "standards:PublishLimit")
	add(natureState, state.KindInterval, nil, "standards:PublishInterval")
	add(natureState, state.KindYieldCeiling, nil, "standards:PublishYieldCeiling")

	add(natureRecord, state.KindProduct, relateProduct, "origin:RegisterProduct")
	add(natureRecord, state.KindPlot, nil, "origin:RegisterPlot")
	add(natureRecord, state.KindBatch, relateBatch, "origin:RegisterBatch")
	add(natureRecord, state.KindCompletion, relateLot, "origin:CompleteBatch")
	add(natureRecord, state.FactLog, nil, "origin:AddLogEntry")
	add(natureRecord, state.FactCertificate, nil, "origin:IssueCertificate")
	with(natureBalance, state.KindBatchInputs, nil, state.KindBatch)
	with(natureBalance, state.KindSeason, nil, state.KindBatch, state.KindCompletion, state.FactLog)

	add(natureRecord, state.KindCodePack, relatePack, "code:IssuePack")
	add(natureRecord, state.FactActivation, relateActivation, "code:ActivatePack")
	add(natureRecord, state.FactPackChange, relatePackChange, "code:ChangePack")
	with(natureBalance, state.KindBatchCodes, nil, state.FactActivation)
	with(natureBalance, state.KindPackStatus, relatePack, state.KindCodePack, state.FactActivation, state.FactPackChange)

	add(natureRecord, state.FactInspection, nil, "inspection:Report")
	add(natureRecord, state.FactReview, nil, "inspection:Review")

	add(natureRecord, state.KindSSCC, relateUnit, "transit:PackUnit")
	add(natureRecord, state.KindShipment, relateShipment, "transit:Dispatch")
	add(natureRecord, state.FactHandover, nil, "transit:Handover")
	add(natureRecord, state.FactArrival, nil, "transit:Arrive")
	add(natureRecord, state.FactBinding, relateBinding, "transit:BindDevice")
	add(natureRecord, state.KindSegment, relateSegment, "transit:AnchorSegment")
	moves := []string{state.FactActivation, state.KindSSCC, state.KindShipment, state.FactHandover, state.FactArrival}
	with(natureBalance, state.KindPackCustody, relatePack, moves...)
	with(natureBalance, state.KindUnitCustody, relateUnitCustody, moves...)
	with(natureBalance, state.KindShipmentStatus, relateShipmentStatus, moves...)
	with(natureBalance, state.KindDeviceStatus, nil, state.FactBinding)

	add(natureRecord, state.KindRule, nil, "verdict:PublishRule")
	add(natureRecord, state.FactVerdict, nil, "verdict:Give")
	add(natureRecord, state.FactVerdictReview, nil, "verdict:Review")

	add(natureRecord, state.FactAction, relateAction, "enforcement:TakeAction")
	with(natureState, state.KindRecallLot, relateLot, state.FactAction)
	with(natureState, state.KindRecallCodes, relatePack, state.FactAction)
	with(natureState, state.KindDelistProduct, relateDelistedProduct, state.FactAction)
	with(natureState, state.KindDelistLot, relateLot, state.FactAction)
	return table, missing
}
