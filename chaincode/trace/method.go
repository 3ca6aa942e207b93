package trace

// Method is one submitting contract method: who may call it, what it takes, and
// which organisations answer for its facts.
type Method struct {
	Contract string
	Name     string
	// Path is its place under the REST root, "/v1".
	Path string
	// Roles may call it.
	Roles []Role
	// Guards are the organisations whose guard keys it writes. Empty: the
	// caller's own organisation.
	Guards []string
	// Transient names the transient-data key it reads, "" for none.
	Transient string
	// NewRequest makes an empty request of its type.
	NewRequest func() any
	// Title says in a few words what it does, for API documents and desks.
	Title, TitleEnglish string
}

// Transaction is the name a client calls: "origin:RegisterBatch".
func (m Method) Transaction() string { return m.Contract + ":" + m.Name }

// Founders tells whether only the founding organisation of the caller's kind may call the
// method: what decides who else is a member, what the channel begins with, or whether
// others' transactions still count, is not for those who joined. None of these asks the
// registry, so any certificate of the role would do.
func (m Method) Founders() bool {
	switch m.Transaction() {
	case "registry:TouchEpoch", "registry:InstallGuard", "registry:AdmitOrganisation", "registry:EndOrganisation",
		"registry:OpenImport", "registry:CloseImport":
		return true
	}
	return false
}

// Methods is the catalogue of all submitting methods: the contracts, the REST
// interface and its document are checked against it.
func Methods() []Method {
	producers := []Role{RoleFarm, RoleFactory, RoleProcessor}
	regulator := []Role{RoleRegulator}
	carrier := []Role{RoleCarrier}
	both := []string{RegulatorMSP, PlatformMSP}
	return []Method{
		{"registry", "TouchEpoch", "/epochs", regulator, nil, "", newOf[TouchEpochRequest], "推进时段门", "Advance the epoch gate"},
		{"registry", "InstallGuard", "/guards", regulator, nil, "", newOf[InstallGuardRequest], "设立机构守护键", "Install an organisation's guard"},
		{"registry", "AdmitOrganisation", "/organisations", regulator, nil, "", newOf[AdmitOrganisationRequest], "接纳机构", "Admit an organisation"},
		{"registry", "EndOrganisation", "/organisation-ends", regulator, nil, "", newOf[EndOrganisationRequest], "终止机构资格", "End an organisation's membership"},
		{"registry", "OpenImport", "/imports", regulator, MSPs(), "", newOf[OpenImportRequest], "开始迁入原账本", "Open the import of an earlier ledger"},
		{"registry", "CloseImport", "/import-closings", regulator, MSPs(), "", newOf[CloseImportRequest], "结束迁入原账本", "Close the import of an earlier ledger"},
		{"registry", "AdmitParty", "/parties", regulator, nil, "", newOf[AdmitPartyRequest], "登记主体", "Admit a party"},
		{"registry", "SetStanding", "/standings", regulator, nil, "", newOf[SetStandingRequest], "暂停或恢复主体", "Suspend or restore a party"},
		{"registry", "GrantLicence", "/licences", regulator, nil, "", newOf[GrantLicenceRequest], "登记许可证", "Put a licence on file"},
		{"registry", "RevokeLicence", "/licence-revocations", regulator, nil, "", newOf[RevokeLicenceRequest], "吊销许可证", "Revoke a licence"},
		{"registry", "GrantAccreditation", "/accreditations", regulator, nil, "", newOf[GrantAccreditationRequest], "登记检验资质", "Put a lab's accreditation on file"},

		{"standards", "PublishLimit", "/limits", regulator, both, "", newOf[PublishLimitRequest], "发布限量标准", "Publish a limit"},
		{"standards", "PublishInterval", "/intervals", regulator, both, "", newOf[PublishIntervalRequest], "发布安全间隔期", "Publish a pre-harvest interval"},
		{"standards", "PublishYieldCeiling", "/yield-ceilings", regulator, both, "", newOf[PublishYieldCeilingRequest], "发布产量上限", "Publish a yield ceiling"},

		{"origin", "RegisterProduct", "/products", []Role{RoleMerchant, RoleFarm, RoleFactory, RoleProcessor}, nil, "", newOf[RegisterProductRequest], "登记商品", "Register a product"},
		{"origin", "RegisterPlot", "/plots", []Role{RoleFarm}, nil, "", newOf[RegisterPlotRequest], "登记地块", "Register a plot"},
		{"origin", "RegisterBatch", "/batches", producers, nil, "", newOf[RegisterBatchRequest], "登记批次", "Register a lot"},
		{"origin", "ReleaseInput", "/input-releases", producers, nil, "", newOf[ReleaseInputRequest], "放行原料批次", "Release a lot as another producer's input"},
		{"origin", "CompleteBatch", "/batch-completions", producers, nil, "", newOf[CompleteBatchRequest], "补全预售批次", "Complete a presale lot"},
		{"origin", "AddLogEntry", "/log-entries", producers, nil, "", newOf[AddLogEntryRequest], "记录农事或生产", "Add a log entry"},
		{"origin", "IssueCertificate", "/certificates", producers, nil, "", newOf[IssueCertificateRequest], "开具承诺达标合格证", "Issue a compliance certificate"},

		{"code", "IssuePack", "/code-packs", producers, nil, "", newOf[IssuePackRequest], "发放赋码包", "Issue a code pack"},
		{"code", "ActivatePack", "/code-pack-activations", producers, nil, "", newOf[ActivatePackRequest], "激活赋码包", "Activate a code pack"},
		{"code", "ChangePack", "/code-pack-changes", []Role{RoleFarm, RoleFactory, RoleProcessor, RoleRegulator}, nil, "", newOf[ChangePackRequest], "冻结、解冻或作废赋码包", "Freeze, unfreeze or void a code pack"},

		{"inspection", "Report", "/inspections", []Role{RoleLab}, nil, "", newOf[ReportInspectionRequest], "提交检验报告", "Report an inspection"},
		{"inspection", "Review", "/reviews", []Role{RoleFarm, RoleFactory, RoleProcessor, RoleMerchant, RoleLab, RoleConsumerPanel}, nil, "", newOf[ReviewRequest], "复核批次", "Review a lot"},

		{"transit", "PackUnit", "/logistic-units", producers, nil, "", newOf[PackUnitRequest], "组装物流单元", "Pack a logistic unit"},
		{"transit", "Consign", "/consignments", []Role{RoleFarm, RoleFactory, RoleProcessor, RoleMerchant, RoleCarrier}, nil, "", newOf[ConsignRequest], "托运委托", "Appoint a carrier"},
		{"transit", "Dispatch", "/shipments", carrier, nil, "", newOf[DispatchRequest], "发运", "Dispatch a shipment"},
		{"transit", "Handover", "/handovers", carrier, nil, "", newOf[HandoverRequest], "交接", "Hand over a shipment"},
		{"transit", "Arrive", "/arrivals", carrier, nil, "", newOf[ArriveRequest], "到货", "Close a shipment on arrival"},
		{"transit", "BindDevice", "/device-bindings", []Role{RoleCarrier, RoleFarm, RoleFactory, RoleProcessor}, nil, "", newOf[BindDeviceRequest], "绑定设备", "Bind a device"},
		{"transit", "AnchorSegment", "/segments", []Role{RoleCarrier, RoleFarm, RoleFactory, RoleProcessor}, nil, TransientReadings, newOf[AnchorSegmentRequest], "锚定读数段", "Anchor a segment of readings"},

		{"stream", "Open", "/streams", []Role{RoleMerchant, RoleRoomOperator, RoleHostAgency}, nil, "", newOf[OpenStreamRequest], "登记直播", "Open a live stream"},
		{"stream", "Close", "/stream-closings", []Role{RoleMerchant, RoleRoomOperator, RoleHostAgency}, nil, "", newOf[CloseStreamRequest], "结束直播", "Close a live stream"},
		{"stream", "AnchorTranscript", "/transcripts", []Role{RoleMonitor, RoleRoomOperator}, nil, "", newOf[AnchorTranscriptRequest], "锚定话语段", "Anchor a run of utterances"},
		{"stream", "Claim", "/claims", []Role{RoleMonitor, RoleMerchant}, nil, "", newOf[ClaimRequest], "记录商品宣称", "Record a claim about a product"},

		{"rulebook", "Publish", "/rulebooks", regulator, both, "", newOf[PublishRulebookRequest], "发布处置规则", "Publish a version of the rulebook"},

		{"verdict", "PublishRule", "/monitor-rules", []Role{RoleMonitor}, nil, "", newOf[PublishRuleRequest], "发布监测规则版本", "Publish a monitor rule version"},
		{"verdict", "Give", "/verdicts", []Role{RoleMonitor}, nil, "", newOf[GiveVerdictRequest], "出具判定", "Give a verdict"},
		{"verdict", "Review", "/verdict-reviews", []Role{RoleReviewer}, nil, "", newOf[ReviewVerdictRequest], "复核判定", "Review a verdict"},

		{"enforcement", "TakeAction", "/actions", []Role{RoleRegulator, RoleConsumerDesk, RolePlatformOperator}, nil, "", newOf[TakeActionRequest], "采取处置", "Take an action"},
	}
}

func newOf[T any]() any { return new(T) }
