package desk

import (
	"slices"
	"strings"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/sheet"
)

// job is something a role does often, with the ways to do it.
type job struct {
	name, about words
	kind        sheet.Kind // by uploading such a sheet; "" if there is none
	method      string     // by filling in the form of this method; "" if there is none
	page        string     // on a page of its own, below the role's; "" if there is none
}

// jobsOf lists a role's jobs, what it needs first at the top.
func jobsOf(role trace.Role) []job {
	switch role {
	case trace.RoleFarm, trace.RoleFactory, trace.RoleProcessor:
		return producerJobs()
	case trace.RoleLab:
		return []job{
			{words{"提交检验", "Report an inspection"}, words{"检验报告表和报告 PDF 一起上传；限量由账本按公布的标准判定", "Upload the sheet with the report PDF; the ledger judges by the published limits"}, sheet.KindInspection, "inspection:Report", ""},
			{words{"二级复核", "Level 2 review"}, words{"对高风险商品的批次复检", "Re-test lots of high-risk products"}, sheet.KindReview, "inspection:Review", ""},
		}
	case trace.RoleCarrier:
		return []job{
			{words{"发运、交接、到货", "Dispatch, hand over, arrive"}, words{"一张运输登记表写完整段运输，设备绑定也写在里面", "One transport sheet says it all, device bindings too"}, sheet.KindTransport, "transit:Dispatch", ""},
			{words{"上传温度与轨迹", "Upload temperatures and track"}, words{"记录仪或定位器导出的文件，一台设备一次", "Exports of loggers and trackers, a device at a time"}, sheet.KindReadings, "", ""},
			{words{"接收交接", "Take over"}, words{"从另一承运人手中接过运单", "Take a shipment over from another carrier"}, "", "transit:Handover", ""},
			{words{"委托下一承运人", "Appoint the next carrier"}, words{"转交运单前先委托，对方才能接收", "Before you pass a shipment on: the other takes over on your word"}, "", "transit:Consign", ""},
			{words{"到货", "Arrive"}, words{"运单送达，记下坏品率", "Close the shipment with its share of bad goods"}, "", "transit:Arrive", ""},
			{words{"设备", "Devices"}, words{"登记定位器和记录仪，绑定运单，途中换机，看最近一次上报", "Enrol trackers and loggers, bind them to shipments, swap one on the way, see when each reported last"}, "", "transit:BindDevice", "devices"},
		}
	case trace.RoleMerchant:
		return []job{
			{words{"登记商品", "Register products"}, words{"条码、标签、许可证和温度要求", "GTIN, label, licence and temperatures"}, sheet.KindProduct, "origin:RegisterProduct", ""},
			{words{"登记直播", "Open a stream"}, words{"开播前登记，附签署的合规承诺", "Before it begins, with the signed commitment"}, "", "stream:Open", ""},
			{words{"复核批次", "Review a lot"}, words{"上架前核对资质与报告", "Check papers before a lot goes on sale"}, sheet.KindReview, "inspection:Review", ""},
			{words{"委托承运人", "Appoint a carrier"}, words{"转运持有的货物前先委托", "Before goods you hold are sent on"}, sheet.KindTransport, "transit:Consign", ""},
			{words{"话术自查", "Check a script"}, words{"看监测会发现什么，不作记录", "What the monitor would find; nothing is recorded"}, "", "", "self-check"},
			{words{"判定与处置", "Verdicts and measures"}, words{"监测方对商品和批次的判定", "What monitors found"}, "", "", "verdicts"},
		}
	case trace.RoleConsumerDesk:
		return []job{
			{words{"下架与恢复", "Delist and reinstate"}, words{"写明法律依据和事由记录", "With legal basis and cause records"}, sheet.KindEnforcement, "enforcement:TakeAction", ""},
			{words{"直播与阶梯处置", "Streams and their ladders"}, words{"每位主播现在几级、因何判定", "Where each host stands, and why"}, "", "", "streams"},
			{words{"查看判定", "Read verdicts"}, words{"下架前先看监测与复核的结论", "What monitors found and reviewers say"}, "", "", "verdicts"},
		}
	case trace.RoleHost:
		return []job{
			{words{"话术自查", "Check a script"}, words{"看监测会发现什么，不作记录", "What the monitor would find; nothing is recorded"}, "", "", "self-check"},
		}
	case trace.RoleRoomOperator, trace.RoleHostAgency:
		return []job{
			{words{"登记直播", "Open a stream"}, words{"开播前登记，附签署的合规承诺", "Before it begins, with the signed commitment"}, "", "stream:Open", ""},
			{words{"话术自查", "Check a script"}, words{"看监测会发现什么，不作记录", "What the monitor would find; nothing is recorded"}, "", "", "self-check"},
			{words{"结束直播", "Close a stream"}, words{"由登记方结束", "By whoever opened it"}, "", "stream:Close", ""},
		}
	case trace.RolePlatformOperator:
		return []job{
			{words{"直播与阶梯处置", "Streams and their ladders"}, words{"每位主播现在几级、因何判定", "Where each host stands, and why"}, "", "", "streams"},
			{words{"阶梯处置", "The ladder"}, words{"提示整改、限制展示、中断直播，或因判定被推翻而降级", "Hint, limit, cut; or lower it after an overturned verdict"}, "", "enforcement:TakeAction", ""},
			{words{"查看判定", "Read verdicts"}, words{"监测方对直播的判定和复核结论", "What monitors found in streams, and reviewers say"}, "", "", "verdicts"},
		}
	case trace.RoleMonitor:
		return []job{
			{words{"出具判定", "Give verdicts"}, words{"判定表和所依据的文件一起上传", "Upload the sheet with the files the rule looked at"}, sheet.KindMonitor, "verdict:Give", ""},
			{words{"发布规则版本", "Publish a rule version"}, words{"先有规则，后有判定", "Rules come before verdicts"}, "", "verdict:PublishRule", ""},
			{words{"查看判定", "Read verdicts"}, words{"已出具的判定和复核结论", "Verdicts so far and their reviews"}, "", "", "verdicts"},
		}
	case trace.RoleConsumerPanel:
		return []job{{words{"三级评审", "Level 3 review"}, words{"消费者评审团对批次的评价", "The consumer panel's word on a lot"}, sheet.KindReview, "inspection:Review", ""}}
	}
	return overseerJobs(role)
}

func producerJobs() []job {
	return []job{
		{words{"登记批次", "Register a lot"}, words{"批次登记表一次写完：商品、地块、批次、农事、合格证、赋码", "One sheet holds it all: product, plot, lot, log, certificate, codes"}, sheet.KindBatchRecord, "origin:RegisterBatch", ""},
		{words{"赋码与标签", "Codes and labels"}, words{"为批次生成一物一码，下载码表，打印标签", "Make item codes, download them, print labels"}, "", "", "codes"},
		{words{"委托承运人", "Appoint a carrier"}, words{"也可写在批次登记表的“托运委托”里；没有委托，承运人不能发运", "The batch sheet can say it too; no carrier dispatches your goods without it"}, "", "transit:Consign", ""},
		{words{"记农事或生产", "Add to the log"}, words{"用药、施肥、采收、分级……随做随记", "Sprays, fertiliser, harvest, sorting, as you go"}, "", "origin:AddLogEntry", ""},
		{words{"开具承诺达标合格证", "Issue the compliance certificate"}, words{"每批一证，随货出示", "One for each lot"}, "", "origin:IssueCertificate", ""},
		{words{"上传温湿度记录", "Upload sensor readings"}, words{"地里或库房设备导出的文件", "Exports of sensors in orchard or store"}, sheet.KindReadings, "", ""},
		{words{"设备", "Devices"}, words{"登记地里和库房的传感器，绑定地块或库房，看最近一次上报", "Enrol sensors in orchard and store, bind them, see when each reported last"}, "", "transit:BindDevice", "devices"},
		{words{"申请一级复核", "Ask for a level 1 review"}, words{"账本自动核对资质与检验报告", "The ledger checks papers by itself"}, sheet.KindReview, "inspection:Review", ""},
	}
}

func overseerJobs(role trace.Role) []job {
	switch role {
	case trace.RoleRegulator:
		return []job{
			{words{"登记主体、许可证与标准", "Parties, licences and standards"}, words{"监管登记表一次写完", "One registry sheet holds them all"}, sheet.KindRegistry, "registry:AdmitParty", ""},
			{words{"召回与恢复", "Recall and reinstate"}, words{"写明法律依据和事由记录，公开可查", "With legal basis and cause records, in public"}, sheet.KindEnforcement, "enforcement:TakeAction", ""},
			{words{"登记许可证", "Put a licence on file"}, words{"许可范围与有效期", "Scope and validity"}, "", "registry:GrantLicence", ""},
			{words{"发布限量标准", "Publish a limit"}, words{"检验按它判定", "Inspections are judged by it"}, "", "standards:PublishLimit", ""},
			{words{"发布处置规则", "Publish the rulebook"}, words{"直播违规的阶梯按它执行", "The ladder of live streams follows it"}, "", "rulebook:Publish", ""},
			{words{"判定推翻率", "Overturn rates"}, words{"按监测、规则版本和商家规模", "By monitor, rule version and size of merchant"}, "", "", "audit"},
			{words{"直播与阶梯处置", "Streams and their ladders"}, words{"每位主播现在几级、因何判定", "Where each host stands, and why"}, "", "", "streams"},
			{words{"暂停或恢复主体", "Suspend or restore a party"}, words{"暂停期间不能写入", "A suspended party cannot write"}, "", "registry:SetStanding", ""},
			{words{"查看判定", "Read verdicts"}, words{"监测发现与复核结论", "What monitors found and reviewers say"}, "", "", "verdicts"},
		}
	case trace.RoleReviewer:
		return []job{
			{words{"待复核的判定", "Verdicts to review"}, words{"认领，看当时说的话或测的温度，维持或推翻", "Claim one, see what was said or measured, confirm or overturn"}, "", "", "queue"},
			{words{"判定推翻率", "Overturn rates"}, words{"按监测、规则版本和商家规模", "By monitor, rule version and size of merchant"}, "", "", "audit"},
			{words{"全部判定", "All verdicts"}, words{"已复核和未复核的", "Reviewed and not"}, "", "", "verdicts"},
			{words{"用表格复核", "Review by sheet"}, words{"复核表一次写多条", "Several at once"}, sheet.KindReview, "verdict:Review", ""},
		}
	case trace.RoleArbitrator:
		return []job{{words{"查看判定", "Read verdicts"}, words{"监测发现与复核结论", "What monitors found and reviewers say"}, "", "", "verdicts"}}
	}
	return nil
}

// formName is a method's form in an address: its REST path without the slash.
func formName(m trace.Method) string { return strings.TrimPrefix(m.Path, "/") }

// methodsOf lists the methods a role may call.
func methodsOf(role trace.Role) []trace.Method {
	return slices.DeleteFunc(trace.Methods(), func(m trace.Method) bool { return !slices.Contains(m.Roles, role) })
}

// methodByForm finds the method behind a form's address; a role has no other's.
func methodByForm(role trace.Role, form string) (trace.Method, error) {
	for _, m := range trace.Methods() {
		if formName(m) != form {
			continue
		}
		if !slices.Contains(m.Roles, role) {
			return trace.Method{}, trace.Errorf(trace.CodeForbidden, "%s is not for role %s", m.TitleEnglish, role)
		}
		return m, nil
	}
	return trace.Method{}, trace.Errorf(trace.CodeNotFound, "there is no form %q", form)
}

func formByTransaction(transaction string) string {
	for _, m := range trace.Methods() {
		if m.Transaction() == transaction {
			return formName(m)
		}
	}
	return ""
}

// sheetTitle names a kind of sheet.
func sheetTitle(kind sheet.Kind) (words, bool) {
	for _, k := range sheet.Kinds() {
		if k.Kind == kind {
			return words{k.Title, k.TitleEnglish}, true
		}
	}
	return words{}, false
}
