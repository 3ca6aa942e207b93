package page

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// Language is a reader's language.
type Language string

// Languages of the pages. Chinese is what a page speaks unless asked otherwise.
const (
	Chinese Language = "zh"
	English Language = "en"
)

// Tag is the value of the html lang attribute.
func (l Language) Tag() string {
	if l == English {
		return "en"
	}
	return "zh-CN"
}

// Other is the language one tap away.
func (l Language) Other() Language {
	if l == English {
		return Chinese
	}
	return English
}

// words picks from a pair.
func (l Language) words(zh, en string) string {
	if l == English {
		return en
	}
	return zh
}

// pick prefers the language's own text and falls back to the other.
func (l Language) pick(zh, en string) string {
	if l == English && en != "" || zh == "" {
		return en
	}
	return zh
}

type pair struct{ zh, en string }

// lookup says a vocabulary word in the language; a word that the table lacks is
// shown as it is on the chain.
func lookup[K ~string](l Language, table map[K]pair, word K) string {
	if p, ok := table[word]; ok {
		return l.words(p.zh, p.en)
	}
	return string(word)
}

func (l Language) Level(level rules.LineLevel) string {
	return lookup(l, map[rules.LineLevel]pair{
		rules.LineRecalled:   {"已召回", "Recalled"},
		rules.LineVoid:       {"已作废", "Void"},
		rules.LineFrozen:     {"已冻结", "On hold"},
		rules.LineNotOnSale:  {"不在售", "Not on sale"},
		rules.LineWarning:    {"请留意", "Attention"},
		rules.LineIncomplete: {"信息不全", "Incomplete"},
		rules.LineGood:       {"良好", "Good"},
	}, level)
}

func (l Language) activity(a trace.Activity) string {
	return lookup(l, map[trace.Activity]pair{
		trace.ActivitySpray: {"用药", "Spray"}, trace.ActivityFertiliser: {"施肥", "Fertilise"},
		trace.ActivityIrrigation: {"灌溉", "Irrigate"}, trace.ActivitySoil: {"土壤", "Soil"},
		trace.ActivityLight: {"光照", "Light"}, trace.ActivityPollinate: {"授粉", "Pollinate"},
		trace.ActivityHarvest: {"采收", "Harvest"}, trace.ActivityPrecool: {"预冷", "Precool"},
		trace.ActivitySort: {"分级", "Sort"}, trace.ActivityMix: {"配制", "Mix"}, trace.ActivityFill: {"灌装", "Fill"},
		trace.ActivityPack: {"包装", "Pack"}, trace.ActivityStore: {"贮存", "Store"}, trace.ActivityClean: {"清洁", "Clean"},
	}, a)
}

func (l Language) role(r trace.Role) string {
	return lookup(l, map[trace.Role]pair{
		trace.RoleFarm: {"农场", "Farm"}, trace.RoleFactory: {"工厂", "Factory"}, trace.RoleProcessor: {"加工商", "Processor"},
		trace.RoleLab: {"检验机构", "Lab"}, trace.RoleCarrier: {"承运人", "Carrier"}, trace.RoleMerchant: {"商家", "Merchant"},
		trace.RoleHost: {"主播", "Host"}, trace.RoleRoomOperator: {"直播间运营者", "Room operator"},
		trace.RoleHostAgency: {"直播机构", "Host agency"}, trace.RoleConsumerDesk: {"平台消费者服务", "Consumer desk"},
		trace.RolePlatformOperator: {"平台直播处置员", "Platform operator"}, trace.RoleMonitor: {"监测方", "Monitor"}, trace.RoleConsumerPanel: {"消费者评审团", "Consumer panel"},
		trace.RoleScanner: {"扫码服务", "Scanner"}, trace.RoleRegulator: {"监管部门", "Regulator"},
		trace.RoleArbitrator: {"仲裁员", "Arbitrator"}, trace.RoleReviewer: {"复核员", "Reviewer"},
	}, r)
}

func (l Language) organisation(msp string) string {
	return lookup(l, map[string]pair{
		trace.ProducerMSP: {"生产方", "Producers"}, trace.LabMSP: {"检验方", "Labs"}, trace.CarrierMSP: {"运输方", "Carriers"},
		trace.PlatformMSP: {"平台方", "Platform"}, trace.RegulatorMSP: {"监管方", "Regulator"},
	}, msp)
}

func (l Language) category(c trace.Category) string {
	return lookup(l, map[trace.Category]pair{
		trace.CategoryFruit: {"水果", "Fruit"}, trace.CategoryVegetable: {"蔬菜", "Vegetables"}, trace.CategoryFood: {"食品", "Food"},
		trace.CategoryCosmetics: {"化妆品", "Cosmetics"}, trace.CategoryTextile: {"纺织品", "Textiles"}, trace.CategoryMaterial: {"原料", "Raw material"},
	}, c)
}

func (l Language) licence(k trace.LicenceKind) string {
	return lookup(l, map[trace.LicenceKind]pair{
		trace.LicenceFarming: {"农业生产登记", "Farming registration"}, trace.LicenceFood: {"食品生产许可证", "Food production licence"},
		trace.LicenceCosmetics: {"化妆品生产许可证", "Cosmetics production licence"}, trace.LicenceTransport: {"道路运输经营许可证", "Road transport licence"},
		trace.LicenceTesting: {"检验机构资质", "Testing qualification"}, trace.LicenceTrade: {"营业执照", "Trading licence"},
		trace.LicenceBroadcastRoom: {"直播间运营登记", "Live-room registration"}, trace.LicenceGS1Prefix: {"厂商识别代码", "GS1 company prefix"},
	}, k)
}

func (l Language) basis(b trace.CertificateBasis) string {
	return lookup(l, map[trace.CertificateBasis]pair{
		trace.BasisOwnTest: {"自我检测", "own test"}, trace.BasisCommissioned: {"委托检测", "commissioned test"},
		trace.BasisQualityControl: {"质量安全控制符合要求", "quality control"}, trace.BasisDeclaration: {"自我承诺", "declaration"},
	}, b)
}

func (l Language) judgement(j trace.Judgement) string {
	return lookup(l, map[trace.Judgement]pair{
		trace.JudgedPass: {"合格", "Pass"}, trace.JudgedFail: {"不合格", "Fail"}, trace.JudgedNoLimit: {"无限量可判", "No limit on file"},
	}, j)
}

func (l Language) sample(k trace.SampleKind) string {
	return lookup(l, map[trace.SampleKind]pair{
		trace.SamplePlot: {"产地抽样", "Plot sample"}, trace.SampleLot: {"批次抽样", "Lot sample"}, trace.SampleMarket: {"市场抽样", "Market sample"},
	}, k)
}

func (l Language) verdict(v trace.VerdictLevel) string {
	return lookup(l, map[trace.VerdictLevel]pair{
		trace.LevelClear: {"未见异常", "Clear"}, trace.LevelNotice: {"提示", "Notice"}, trace.LevelWarning: {"警示", "Warning"}, trace.LevelViolation: {"违规", "Violation"},
	}, v)
}

func (l Language) outcome(o trace.ReviewOutcome) string {
	return lookup(l, map[trace.ReviewOutcome]pair{
		trace.OutcomeConfirmed: {"复核维持", "Confirmed on review"}, trace.OutcomeOverturned: {"复核推翻", "Overturned on review"},
	}, o)
}

func (l Language) action(k trace.ActionKind) string {
	return lookup(l, map[trace.ActionKind]pair{
		trace.ActionRecall: {"召回", "Recall"}, trace.ActionDelist: {"下架", "Delisting"}, trace.ActionReinstate: {"恢复", "Reinstatement"},
		trace.ActionHint: {"提示整改", "Hint"}, trace.ActionLimit: {"限制展示", "Display limit"}, trace.ActionCut: {"中断直播", "Stream cut"}, trace.ActionLower: {"降级", "Ladder lowered"},
	}, k)
}

func (l Language) step(k index.StepKind) string {
	return lookup(l, map[index.StepKind]pair{
		index.StepActivated: {"赋码激活", "Code activated"}, index.StepPacked: {"装箱", "Packed into a unit"},
		index.StepDispatched: {"发运", "Dispatched"}, index.StepHandedOver: {"交接", "Handed over"}, index.StepArrived: {"到货", "Arrived"},
	}, k)
}

func (l Language) check(name string) string {
	return lookup(l, map[string]pair{
		"licence-valid": {"许可证有效", "Licence valid"}, "licence-scope": {"许可范围相符", "Licence scope"},
		"issuer": {"发证机构", "Issuer"}, "certificate-lot": {"报告与批次相符", "Report matches lot"},
	}, name)
}

func (l Language) unit(u trace.Unit) string {
	return lookup(l, map[trace.Unit]pair{trace.Gram: {"克", "g"}, trace.Millilitre: {"毫升", "ml"}, trace.Piece: {"件", "pcs"}}, u)
}

// recordKind names a kind of record as the parser of state keys calls it.
func (l Language) recordKind(kind string) string {
	return lookup(l, map[string]pair{
		"stream": {"直播登记", "Live stream"}, "product": {"商品登记", "Product"}, "plot": {"地块登记", "Plot"}, "batch": {"批次登记", "Lot"}, "completion": {"采收完成", "Harvest of presale lot"},
		"log": {"生产记录", "Log entry"}, "certificate": {"承诺达标合格证", "Compliance certificate"}, "codepack": {"码包", "Code pack"},
		"activation": {"激活", "Activation"}, "packchange": {"码包变更", "Code pack change"}, "inspection": {"检验", "Inspection"},
		"review": {"评审", "Review"}, "consignment": {"托运委托", "Carrier appointed"}, "shipment": {"发运", "Shipment"}, "handover": {"交接", "Handover"}, "arrival": {"到货", "Arrival"},
		"binding": {"设备绑定", "Device binding"}, "segment": {"读数段", "Readings"}, "seg": {"读数段", "Readings"}, "verdict": {"判定", "Verdict"},
		"verdictreview": {"判定复核", "Verdict review"}, "action": {"处置", "Action"}, "licence": {"许可证", "Licence"},
		"revocation": {"许可证吊销", "Licence revocation"}, "standing": {"主体状态", "Standing"}, "party": {"主体登记", "Party"},
	}, kind)
}
