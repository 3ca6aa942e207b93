package desk

import (
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// recordKind is a kind of record: its name, its Go type, and the method that writes it.
type recordKind struct {
	name   words
	make   func() any
	method string
}

func newOf[T any]() any { return new(T) }

// kindOf describes a kind as the index lists it.
func kindOf(kind string) (recordKind, bool) {
	switch kind {
	case state.KindEpoch:
		return recordKind{words{"时段门", "Epoch"}, newOf[trace.Epoch], ""}, true
	case state.KindGuardReady:
		return recordKind{words{"机构守护键", "Guard"}, newOf[trace.GuardReady], ""}, true
	case state.KindOrganisation:
		return recordKind{words{"加入的机构", "Organisation that joined"}, newOf[trace.Organisation], "registry:AdmitOrganisation"}, true
	case state.KindOrganisationEnd:
		return recordKind{words{"机构资格终止", "End of a membership"}, newOf[trace.OrganisationEnd], "registry:EndOrganisation"}, true
	case state.KindImport:
		return recordKind{words{"迁入原账本", "Import of an earlier ledger"}, newOf[trace.Import], "registry:OpenImport"}, true
	case state.KindImportClosed:
		return recordKind{words{"迁入结束", "Import closed"}, newOf[trace.ImportClosing], "registry:CloseImport"}, true
	case state.KindParty:
		return recordKind{words{"主体", "Party"}, newOf[trace.Party], "registry:AdmitParty"}, true
	case state.FactStanding:
		return recordKind{words{"主体状态", "Standing"}, newOf[trace.Standing], "registry:SetStanding"}, true
	case state.KindLicence:
		return recordKind{words{"许可证", "Licence"}, newOf[trace.Licence], "registry:GrantLicence"}, true
	case state.KindRevocation:
		return recordKind{words{"吊销许可证", "Licence revoked"}, newOf[trace.LicenceRevocation], "registry:RevokeLicence"}, true
	case state.KindAccreditation:
		return recordKind{words{"检验资质", "Accreditation"}, newOf[trace.Accreditation], "registry:GrantAccreditation"}, true
	case state.KindLimit:
		return recordKind{name: words{"限量标准", "Limit"}}, true
	case state.KindInterval:
		return recordKind{name: words{"安全间隔期", "Pre-harvest interval"}}, true
	case state.KindYieldCeiling:
		return recordKind{name: words{"产量上限", "Yield ceiling"}}, true
	case state.KindProduct:
		return recordKind{words{"商品", "Product"}, newOf[trace.Product], "origin:RegisterProduct"}, true
	case state.KindPlot:
		return recordKind{words{"地块", "Plot"}, newOf[trace.Plot], "origin:RegisterPlot"}, true
	case state.KindBatch:
		return recordKind{words{"批次", "Lot"}, newOf[trace.Batch], "origin:RegisterBatch"}, true
	case state.KindCompletion:
		return recordKind{words{"批次补全", "Lot completed"}, newOf[trace.Completion], "origin:CompleteBatch"}, true
	case state.FactRelease:
		return recordKind{words{"放行原料批次", "Lot released as input"}, newOf[trace.InputRelease], "origin:ReleaseInput"}, true
	case state.FactLog:
		return recordKind{words{"农事或生产记录", "Log entry"}, newOf[trace.LogEntry], "origin:AddLogEntry"}, true
	case state.FactCertificate:
		return recordKind{words{"承诺达标合格证", "Compliance certificate"}, newOf[trace.ComplianceCertificate], "origin:IssueCertificate"}, true
	}
	return kindOfMoving(kind)
}

// kindOfMoving goes on with codes, inspections, transport, verdicts and measures.
func kindOfMoving(kind string) (recordKind, bool) {
	switch kind {
	case state.KindCodePack:
		return recordKind{words{"赋码包", "Code pack"}, newOf[trace.CodePack], "code:IssuePack"}, true
	case state.FactActivation:
		return recordKind{words{"激活赋码包", "Code pack activated"}, newOf[trace.PackActivation], "code:ActivatePack"}, true
	case state.FactPackChange:
		return recordKind{words{"赋码包变更", "Code pack changed"}, newOf[trace.PackChange], "code:ChangePack"}, true
	case state.FactInspection:
		return recordKind{words{"检验", "Inspection"}, newOf[trace.Inspection], "inspection:Report"}, true
	case state.FactReview:
		return recordKind{words{"批次复核", "Lot review"}, newOf[trace.Review], "inspection:Review"}, true
	case state.KindSSCC:
		return recordKind{words{"物流单元", "Logistic unit"}, newOf[trace.LogisticUnit], "transit:PackUnit"}, true
	case state.KindShipment:
		return recordKind{words{"运单", "Shipment"}, newOf[trace.Shipment], "transit:Dispatch"}, true
	case state.FactConsignment:
		return recordKind{words{"托运委托", "Carrier appointed"}, newOf[trace.Consignment], "transit:Consign"}, true
	case state.FactHandover:
		return recordKind{words{"交接", "Handover"}, newOf[trace.Handover], "transit:Handover"}, true
	case state.FactArrival:
		return recordKind{words{"到货", "Arrival"}, newOf[trace.Arrival], "transit:Arrive"}, true
	case state.FactBinding:
		return recordKind{words{"设备绑定", "Device binding"}, newOf[trace.DeviceBinding], "transit:BindDevice"}, true
	case state.KindSegment:
		return recordKind{words{"读数段", "Segment of readings"}, newOf[trace.Segment], "transit:AnchorSegment"}, true
	case state.KindRule:
		return recordKind{words{"监测规则", "Monitor rule"}, newOf[trace.MonitorRule], "verdict:PublishRule"}, true
	case state.FactVerdict:
		return recordKind{words{"判定", "Verdict"}, newOf[trace.Verdict], "verdict:Give"}, true
	case state.FactVerdictReview:
		return recordKind{words{"判定复核", "Verdict review"}, newOf[trace.VerdictReview], "verdict:Review"}, true
	case state.FactAction:
		return recordKind{words{"处置", "Measure"}, newOf[trace.Action], "enforcement:TakeAction"}, true
	}
	return kindOfStreams(kind)
}

func kindName(kind string) words {
	if k, known := kindOf(kind); known {
		return k.name
	}
	return words{kind, kind}
}

// newRecord makes an empty record of a kind, nil for values that are lists or unknown.
func newRecord(kind string) any {
	k, known := kindOf(kind)
	if !known || k.make == nil {
		return nil
	}
	return k.make()
}

// corrector is the method whose request may correct a record of a kind: facts only,
// since a natural id is taken once and for all.
func corrector(kind string) (trace.Method, bool) {
	switch kind {
	case state.FactLog, state.FactCertificate, state.FactInspection, state.FactHandover, state.FactArrival, state.FactBinding:
	default:
		return trace.Method{}, false
	}
	k, _ := kindOf(kind)
	for _, m := range trace.Methods() {
		if m.Transaction() == k.method {
			return m, true
		}
	}
	return trace.Method{}, false
}
