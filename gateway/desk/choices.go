package desk

import (
	"reflect"

	"traceledger/chaincode/trace"
)

// choice is one allowed value of a field and how people say it.
type choice struct {
	value string
	words words
}

// choicesOf lists what a field may hold, nil where it is free.
func choicesOf(m member) []choice {
	switch m.owner + "." + m.name {
	case "AdmitOrganisationRequest.kind", "Organisation.kind", "GuardReady.msp", "Party.org":
		var out []choice
		for _, msp := range trace.MSPs() {
			out = append(out, choice{msp, organisation(msp)})
		}
		return out
	case "ReviewRequest.level":
		return []choice{{"1", words{"一级：资质与报告核对（自动）", "Level 1: papers, computed"}}, {"2", words{"二级：检验机构复检", "Level 2: a lab's"}}, {"3", words{"三级：消费者评审", "Level 3: consumer panel"}}}
	}
	of := m.typ
	if of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	return choicesOfType(of)
}

func choicesOfType(of reflect.Type) []choice {
	switch of {
	case reflect.TypeFor[trace.Role]():
		var out []choice
		for _, r := range allRoles() {
			out = append(out, choice{string(r), roleName(r)})
		}
		return out
	case reflect.TypeFor[trace.Category]():
		return []choice{{"fruit", words{"水果", "Fruit"}}, {"vegetable", words{"蔬菜", "Vegetables"}}, {"food", words{"食品", "Food"}},
			{"cosmetics", words{"化妆品", "Cosmetics"}}, {"textile", words{"纺织品", "Textiles"}}, {"material", words{"原料", "Raw material"}}}
	case reflect.TypeFor[trace.LicenceKind]():
		return []choice{{"farming", words{"农业生产登记", "Farming registration"}}, {"food", words{"食品生产许可证", "Food production licence"}},
			{"cosmetics", words{"化妆品生产许可证", "Cosmetics production licence"}}, {"transport", words{"道路运输经营许可证", "Road transport licence"}},
			{"testing", words{"检验机构资质", "Testing qualification"}}, {"trade", words{"营业执照", "Trading licence"}},
			{"broadcast-room", words{"直播间运营登记", "Live-room registration"}}, {"gs1-prefix", words{"厂商识别代码（GS1）", "GS1 company prefix"}}}
	case reflect.TypeFor[trace.PartyStatus]():
		return []choice{{"suspended", words{"暂停", "Suspend"}}, {"active", words{"恢复", "Restore"}}}
	case reflect.TypeFor[trace.LimitKind]():
		return []choice{{"maximum", words{"不得高于", "At most"}}, {"minimum", words{"不得低于", "At least"}}, {"range", words{"范围之内", "Within a range"}},
			{"not-detected", words{"不得检出", "Must not be detected"}}, {"qualitative", words{"文字结果", "A text"}}}
	case reflect.TypeFor[trace.CertificateBasis]():
		return []choice{{"own-test", words{"自我检测", "Own test"}}, {"commissioned-test", words{"委托检测", "Commissioned test"}},
			{"quality-control", words{"质量安全控制符合要求", "Quality control"}}, {"declaration", words{"自我承诺", "Declaration"}}}
	case reflect.TypeFor[trace.Activity]():
		return activities()
	case reflect.TypeFor[trace.PackState]():
		return []choice{{"frozen", words{"冻结", "Freeze"}}, {"active", words{"解冻", "Unfreeze"}}, {"void", words{"作废（不可恢复）", "Void, for good"}}}
	}
	return choicesOfJudging(of)
}

// choicesOfJudging goes on with the types of inspections, verdicts and actions.
func choicesOfJudging(of reflect.Type) []choice {
	switch of {
	case reflect.TypeFor[trace.SampleKind]():
		return []choice{{"lot", words{"批次抽样", "Lot sample"}}, {"plot", words{"产地抽样", "Plot sample"}}, {"market", words{"市场抽样", "Market sample"}}}
	case reflect.TypeFor[trace.ResultKind]():
		return []choice{{"number", words{"数值", "A number"}}, {"below-loq", words{"低于定量限", "Below the limit of quantification"}},
			{"not-detected", words{"未检出", "Not detected"}}, {"detected", words{"检出", "Detected"}}, {"qualitative", words{"文字结果", "A text"}}}
	case reflect.TypeFor[trace.Judgement]():
		return []choice{{"pass", words{"合格", "Pass"}}, {"fail", words{"不合格", "Fail"}}, {"no-limit", words{"无限量可判", "No limit on file"}}}
	case reflect.TypeFor[trace.SubjectKind]():
		return []choice{{"lot", words{"批次", "Lot"}}, {"plot", words{"地块", "Plot"}}, {"shipment", words{"运单", "Shipment"}}, {"product", words{"商品", "Product"}},
			{"party", words{"主体", "Party"}}, {"pack", words{"码包", "Code pack"}}, {"device", words{"设备", "Device"}}, {"stream", words{"直播", "Stream"}}}
	case reflect.TypeFor[trace.VerdictLevel]():
		return []choice{{"clear", words{"未见异常", "Clear"}}, {"notice", words{"提示", "Notice"}}, {"warning", words{"警示", "Warning"}}, {"violation", words{"违规", "Violation"}}}
	case reflect.TypeFor[trace.ReviewOutcome]():
		return []choice{{"confirmed", words{"维持", "Confirm"}}, {"overturned", words{"推翻", "Overturn"}}}
	case reflect.TypeFor[trace.ActionKind]():
		return []choice{{"recall", words{"召回", "Recall"}}, {"delist", words{"下架", "Delist"}}, {"reinstate", words{"恢复", "Reinstate"}},
			{"hint", words{"提示整改（直播）", "Hint, in a stream"}}, {"limit", words{"限制展示（直播）", "Limit display, of a stream"}},
			{"cut", words{"中断直播", "Cut a stream"}}, {"lower", words{"降级（直播）", "Lower the ladder"}}}
	}
	return choicesOfStreams(of)
}

func activities() []choice {
	return []choice{{"spray", words{"用药", "Spray"}}, {"fertiliser", words{"施肥", "Fertilise"}}, {"irrigation", words{"灌溉", "Irrigate"}},
		{"soil", words{"土壤", "Soil"}}, {"light", words{"光照", "Light"}}, {"pollinate", words{"授粉", "Pollinate"}},
		{"harvest", words{"采收", "Harvest"}}, {"precool", words{"预冷", "Precool"}}, {"sort", words{"分级", "Sort"}}, {"mix", words{"配制", "Mix"}},
		{"fill", words{"灌装", "Fill"}}, {"pack", words{"包装", "Pack"}}, {"store", words{"贮存", "Store"}}, {"clean", words{"清洁", "Clean"}}}
}

func allRoles() []trace.Role {
	return []trace.Role{trace.RoleFarm, trace.RoleFactory, trace.RoleProcessor, trace.RoleLab, trace.RoleCarrier, trace.RoleMerchant,
		trace.RoleHost, trace.RoleRoomOperator, trace.RoleHostAgency, trace.RoleConsumerDesk, trace.RolePlatformOperator, trace.RoleMonitor, trace.RoleConsumerPanel,
		trace.RoleScanner, trace.RoleRegulator, trace.RoleArbitrator, trace.RoleReviewer}
}

func roleName(r trace.Role) words {
	switch r {
	case trace.RoleFarm:
		return words{"农场", "Farm"}
	case trace.RoleFactory:
		return words{"工厂", "Factory"}
	case trace.RoleProcessor:
		return words{"加工商", "Processor"}
	case trace.RoleLab:
		return words{"检验机构", "Lab"}
	case trace.RoleCarrier:
		return words{"承运人", "Carrier"}
	case trace.RoleMerchant:
		return words{"商家", "Merchant"}
	case trace.RoleHost:
		return words{"主播", "Host"}
	case trace.RoleRoomOperator:
		return words{"直播间运营者", "Room operator"}
	case trace.RoleHostAgency:
		return words{"直播机构", "Host agency"}
	case trace.RoleConsumerDesk:
		return words{"平台消费者服务", "Consumer desk"}
	case trace.RolePlatformOperator:
		return words{"平台直播处置员", "Platform operator"}
	case trace.RoleMonitor:
		return words{"监测方", "Monitor"}
	case trace.RoleConsumerPanel:
		return words{"消费者评审团", "Consumer panel"}
	case trace.RoleScanner:
		return words{"扫码服务", "Scanner"}
	case trace.RoleRegulator:
		return words{"监管部门", "Regulator"}
	case trace.RoleArbitrator:
		return words{"仲裁员", "Arbitrator"}
	case trace.RoleReviewer:
		return words{"复核员", "Reviewer"}
	}
	return words{string(r), string(r)}
}

func organisation(msp string) words {
	switch msp {
	case trace.ProducerMSP:
		return words{"生产方", "Producers"}
	case trace.LabMSP:
		return words{"检验方", "Labs"}
	case trace.CarrierMSP:
		return words{"运输方", "Carriers"}
	case trace.PlatformMSP:
		return words{"平台方", "Platform"}
	case trace.RegulatorMSP:
		return words{"监管方", "Regulator"}
	}
	return words{msp, msp}
}

func judgements() []choice { return choicesOfType(reflect.TypeFor[trace.Judgement]()) }
