package sheet

import (
	"fmt"
	"strings"

	"traceledger/chaincode/trace"
)

const (
	stepParty = iota
	stepLicence
	stepAccreditation
	stepStandard
	stepStanding
)

func registryTables() []table {
	return []table{partyTable(), licenceTable(), accreditationTable(), limitTable(), intervalTable(), yieldTable(), standingTable(), revocationTable()}
}

func roles() []choice {
	return []choice{
		{string(trace.RoleFarm), "农场", []string{"合作社", "种植户"}},
		{string(trace.RoleFactory), "工厂", []string{"生产企业"}},
		{string(trace.RoleProcessor), "加工供应商", []string{"加工", "供应商", "原料供应商"}},
		{string(trace.RoleLab), "检验机构", []string{"实验室"}},
		{string(trace.RoleCarrier), "承运人", []string{"承运商", "物流"}},
		{string(trace.RoleMerchant), "商家", []string{"经营者"}},
		{string(trace.RoleHost), "主播", nil},
		{string(trace.RoleRoomOperator), "直播间运营者", nil},
		{string(trace.RoleHostAgency), "主播服务机构", []string{"MCN"}},
		{string(trace.RoleConsumerDesk), "平台消费者服务", []string{"平台客服", "平台"}},
		{string(trace.RolePlatformOperator), "平台直播处置员", nil},
		{string(trace.RoleMonitor), "监测方", []string{"监测"}},
		{string(trace.RoleConsumerPanel), "消费者评审团", []string{"评审团"}},
		{string(trace.RoleScanner), "扫码服务", nil},
		{string(trace.RoleRegulator), "监管部门", []string{"监管"}},
		{string(trace.RoleArbitrator), "仲裁员", []string{"仲裁"}},
		{string(trace.RoleReviewer), "复核员", []string{"复核"}},
	}
}

func partyColumn(key, zh, en string, also ...string) column {
	return column{key: key, zh: zh, en: en, also: also, need: required, hint: nameHint, example: "farm-pujiang-01"}
}

func validityColumns() []column {
	return []column{
		{key: "validFrom", zh: "有效期起", en: "Valid from", also: []string{"生效日期", "起始日期"}, need: required, example: "2024-01-01"},
		{key: "validTo", zh: "有效期止", en: "Valid to", also: []string{"有效期至", "截止日期"}, need: required, example: "2031-12-31"},
	}
}

func partyTable() table {
	return table{key: "party", zh: "主体", en: "Parties", also: []string{"主体登记", "party"}, read: readParties, columns: append([]column{
		partyColumn("party", "主体代号", "Party", "代号"),
		{key: "roles", zh: "角色", en: "Roles", also: []string{"身份"}, need: required, many: true, choices: roles(), example: "农场"},
		{key: "legal", zh: "法人", en: "Legal person", also: []string{"是否法人"}, need: required, choices: yesNo(), hint: "自然人填“否”，且不填名称", example: "是"},
		{key: "name", zh: "名称", en: "Name", also: []string{"主体名称"}, example: "蒲江示范猕猴桃专业合作社"},
		{key: "nameEnglish", zh: "英文名称", en: "English name"},
		{key: "region", zh: "地区", en: "Region", also: []string{"所在地"}, example: "四川省成都市蒲江县"},
	}, validityColumns()...)}
}

func readParties(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.AdmitPartyRequest{
			Party: r.party("party"), LegalPerson: r.yes("legal"), Name: r.text("name", 100), NameEnglish: r.text("nameEnglish", 100),
			Region: r.text("region", 60), ValidFrom: r.day("validFrom"), ValidTo: r.day("validTo"),
		}
		for _, role := range r.choicesOf("roles") {
			q.Roles = append(q.Roles, trace.Role(role))
		}
		if !r.failed && !q.LegalPerson && q.Name+q.NameEnglish != "" {
			r.fail("name", bad(trace.CodeInvalid, "a natural person's name does not go on the chain", "自然人的姓名不上链，请留空"))
		}
		if q.LegalPerson && q.Name == "" {
			r.missing("name")
		}
		r.validity(q.ValidFrom, q.ValidTo)
		q.Claimed = q.ValidFrom.Start()
		p.add(r, stepParty, "registry:AdmitParty", q, fmt.Sprintf("%s %s", q.Party, q.Name))
	}
}

func (r *row) validity(from, to trace.Date) {
	if !r.failed && to < from {
		r.fail("validTo", bad(trace.CodeInvalid, "it ends "+to.String()+", before it begins "+from.String(), "有效期止应不早于有效期起"))
	}
}

func licenceKinds() []choice {
	return []choice{
		{string(trace.LicenceFarming), "农业经营登记", []string{"农民专业合作社登记", "种植登记"}},
		{string(trace.LicenceFood), "食品生产许可", []string{"SC"}},
		{string(trace.LicenceCosmetics), "化妆品生产许可", nil},
		{string(trace.LicenceTransport), "道路运输经营许可", []string{"运输许可"}},
		{string(trace.LicenceTesting), "检验检测资质", []string{"CMA"}},
		{string(trace.LicenceTrade), "经营许可", []string{"营业执照", "食品经营许可"}},
		{string(trace.LicenceBroadcastRoom), "直播间运营登记", nil},
		{string(trace.LicenceGS1Prefix), "厂商识别代码", []string{"GS1 厂商识别代码", "GS1 company prefix"}},
	}
}

func licenceTable() table {
	return table{key: "licence", zh: "许可证", en: "Licences", also: []string{"许可", "licence"}, read: readLicences, columns: append([]column{
		partyColumn("party", "主体代号", "Party", "持证主体", "代号"),
		{key: "number", zh: "许可证号", en: "Number", also: []string{"证号", "编号"}, need: required, example: "DEMO-FARM-510131-001"},
		{key: "kind", zh: "许可种类", en: "Kind", also: []string{"种类"}, need: required, choices: licenceKinds(), example: "农业经营登记"},
		{key: "scope", zh: "许可范围", en: "Scope", also: []string{"范围"}, need: wanted, many: true, choices: categories(), hint: "用顿号隔开；厂商识别代码不填", example: "水果"},
		{key: "issuer", zh: "发证机关", en: "Issuer", need: required, example: "蒲江县市场监督管理局(示范)"},
		{key: "document", zh: "扫描件", en: "Document", also: []string{"文件"}},
	}, validityColumns()...)}
}

func readLicences(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.GrantLicenceRequest{
			Party: r.party("party"), Number: r.name("number"), Kind: trace.LicenceKind(r.choice("kind")), Issuer: r.text("issuer", 100),
			ValidFrom: r.day("validFrom"), ValidTo: r.day("validTo"), Document: r.file("document"),
		}
		if r.blank("scope") && q.Kind != trace.LicenceGS1Prefix {
			r.missing("scope")
		}
		for _, c := range r.choicesOf("scope") {
			q.Scope = append(q.Scope, trace.Category(c))
		}
		r.validity(q.ValidFrom, q.ValidTo)
		q.Claimed = q.ValidFrom.Start()
		p.add(r, stepLicence, "registry:GrantLicence", q, fmt.Sprintf("%s %s", q.Party, q.Number))
	}
}

func accreditationTable() table {
	return table{key: "accreditation", zh: "检验资质", en: "Accreditations", also: []string{"资质认定", "accreditation"}, read: readAccreditations, columns: append([]column{
		partyColumn("lab", "检验机构代号", "Lab", "主体代号", "机构代号"),
		{key: "number", zh: "资质编号", en: "Number", also: []string{"编号"}, need: required, example: "CMA-DEMO-2301"},
		{key: "issuer", zh: "发证机关", en: "Issuer", need: required, example: "四川省市场监督管理局(示范)"},
		{key: "category", zh: "类别", en: "Category", need: required, choices: categories(), example: "水果"},
		{key: "substance", zh: "项目代码", en: "Substance", also: []string{"项目"}, need: required, hint: "* 表示该类别的全部项目", example: "*"},
	}, validityColumns()...)}
}

// readAccreditations joins the rows of one accreditation: a row an item.
func readAccreditations(p *parser, rows []*row) {
	type pending struct {
		row     *row
		request *trace.GrantAccreditationRequest
	}
	var all []pending
	for _, r := range rows {
		q := &trace.GrantAccreditationRequest{
			Lab: r.party("lab"), Number: r.name("number"), Issuer: r.text("issuer", 100), ValidFrom: r.day("validFrom"), ValidTo: r.day("validTo"),
		}
		item := trace.AccreditedItem{Category: trace.Category(r.choice("category")), Substance: strings.ToLower(r.name("substance"))}
		r.validity(q.ValidFrom, q.ValidTo)
		i := 0
		for ; i < len(all); i++ {
			if all[i].request.Lab == q.Lab && all[i].request.Number == q.Number {
				break
			}
		}
		if i == len(all) {
			q.Claimed = q.ValidFrom.Start()
			all = append(all, pending{r, q})
		} else if o := all[i].request; o.Issuer != q.Issuer || o.ValidFrom != q.ValidFrom || o.ValidTo != q.ValidTo {
			r.fail("number", bad(trace.CodeInvalid, "the accreditation's issuer or validity differs from its first row", "同一资质编号的发证机关和有效期应一致"))
		}
		all[i].request.Items = append(all[i].request.Items, item)
		all[i].row.failed = all[i].row.failed || r.failed
	}
	for _, a := range all {
		if len(a.request.Items) > 500 {
			a.row.fail("number", bad(trace.CodeTooLarge, "more than 500 items", "一项资质最多 500 个项目"))
		}
		p.add(a.row, stepAccreditation, "registry:GrantAccreditation", a.request, fmt.Sprintf("%s %s", a.request.Lab, a.request.Number))
	}
}

func sourceColumns() []column {
	return []column{
		{key: "standard", zh: "标准号", en: "Standard", also: []string{"标准"}, need: required, example: "GB 2763-2016"},
		{key: "edition", zh: "版本", en: "Edition"},
		{key: "clause", zh: "条款", en: "Clause"},
		{key: "effective", zh: "实施日期", en: "Effective", also: []string{"生效日期"}, need: required, example: "2017-06-18"},
		{key: "source", zh: "来源", en: "Source", also: []string{"出处"}, need: required, example: "标准文本"},
		{key: "checked", zh: "已核对", en: "Checked", also: []string{"是否核对现行版本"}, need: required, choices: yesNo(), hint: "与现行版本核对过才填“是”", example: "否"},
		{key: "proposal", zh: "政策建议值", en: "Proposal", choices: yesNo()},
		{key: "published", zh: "发布日期", en: "Published on", hint: "登记到链上的日期，空着就是实施日期"},
	}
}

func (r *row) source() trace.StandardSource {
	return trace.StandardSource{
		Standard: r.text("standard", 100), Edition: r.text("edition", 60), Clause: r.text("clause", 100), Effective: r.day("effective"),
		Source: r.text("source", 200), Checked: r.yes("checked"), Proposal: r.yes("proposal"),
	}
}

// published is when a standard was put on file, by the writer's word.
func (r *row) published(effective trace.Date) trace.Time {
	if !r.blank("published") {
		return r.day("published").Start()
	}
	return effective.Start()
}

func limitKinds() []choice {
	return []choice{
		{string(trace.LimitMaximum), "不超过", []string{"上限", "≤"}},
		{string(trace.LimitMinimum), "不低于", []string{"下限", "≥"}},
		{string(trace.LimitRange), "范围", nil},
		{string(trace.LimitNotDetected), "不得检出", []string{"禁用"}},
		{string(trace.LimitQualitative), "定性", nil},
	}
}

func limitTable() table {
	return table{key: "limit", zh: "限量标准", en: "Limits", also: []string{"限量", "limit"}, read: readLimits, columns: append([]column{
		{key: "commodity", zh: "标准类目", en: "Commodity", also: []string{"品类"}, need: required, example: "kiwifruit"},
		{key: "substance", zh: "项目代码", en: "Substance", also: []string{"项目"}, need: required, example: "spinosad"},
		{key: "name", zh: "项目名称", en: "Name", also: []string{"名称"}, need: required, example: "多杀霉素"},
		{key: "kind", zh: "判定方式", en: "Kind", also: []string{"限量类型"}, need: required, choices: limitKinds(), example: "不超过"},
		{key: "minimum", zh: "最小值", en: "Minimum"},
		{key: "maximum", zh: "最大值", en: "Maximum", also: []string{"限量值"}, example: "0.05"},
		{key: "expected", zh: "应为", en: "Expected"},
		{key: "unit", zh: "单位", en: "Unit", example: "mg/kg"},
		{key: "quality", zh: "品质指标", en: "Quality", choices: yesNo(), hint: "不是安全限量时填“是”"},
	}, sourceColumns()...)}
}

func readLimits(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.PublishLimitRequest{
			Commodity: r.term("commodity"), Substance: r.term("substance"), Name: r.text("name", 60),
			Kind: trace.LimitKind(r.choice("kind")), Expected: r.text("expected", 60), Unit: narrow(r.text("unit", 20)), Quality: r.yes("quality"), Source: r.source(),
		}
		if v, ok := r.number("minimum"); ok {
			q.Minimum = &v
		}
		if v, ok := r.number("maximum"); ok {
			q.Maximum = &v
		}
		needs := map[trace.LimitKind][]string{
			trace.LimitMaximum: {"maximum"}, trace.LimitMinimum: {"minimum"}, trace.LimitRange: {"minimum", "maximum"}, trace.LimitQualitative: {"expected"},
		}[q.Kind]
		for _, key := range []string{"minimum", "maximum", "expected"} {
			wantedHere := false
			for _, n := range needs {
				wantedHere = wantedHere || n == key
			}
			switch {
			case wantedHere && r.blank(key):
				r.missing(key)
			case !wantedHere && !r.blank(key) && q.Kind != "":
				r.fail(key, bad(trace.CodeInvalid, "this kind of limit does not have it", "这种判定方式不填这一列"))
			}
		}
		q.Claimed = r.published(q.Source.Effective)
		p.add(r, stepStandard, "standards:PublishLimit", q, fmt.Sprintf("%s %s", q.Commodity, q.Name))
	}
}

func intervalTable() table {
	return table{key: "interval", zh: "安全间隔期", en: "Intervals", also: []string{"间隔期", "interval"}, read: readIntervals, columns: append([]column{
		{key: "registration", zh: "农药登记证号", en: "Registration", also: []string{"登记证号"}, need: required, example: "PD20269901"},
		{key: "name", zh: "农药名称", en: "Name", also: []string{"名称"}, need: required, example: "示范杀菌剂"},
		{key: "crop", zh: "作物", en: "Crop", need: required, example: "kiwifruit"},
		{key: "days", zh: "安全间隔期天数", en: "Pre-harvest days", also: []string{"安全间隔期(天)", "天数"}, need: required, example: "14"},
		{key: "most", zh: "每季最多使用次数", en: "Maximum applications", also: []string{"最多次数"}, need: required, example: "3"},
	}, sourceColumns()...)}
}

func readIntervals(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.PublishIntervalRequest{
			Registration: r.name("registration"), Name: r.text("name", 60), Crop: r.term("crop"),
			PreHarvestDays: int(r.whole("days", 0, 400)), MaxApplications: int(r.whole("most", 1, 100)), Source: r.source(),
		}
		q.Claimed = r.published(q.Source.Effective)
		p.add(r, stepStandard, "standards:PublishInterval", q, fmt.Sprintf("%s %s %d", q.Registration, q.Crop, q.PreHarvestDays))
	}
}

func yieldTable() table {
	return table{key: "yield", zh: "产量上限", en: "Yield ceilings", also: []string{"单产上限", "yield"}, read: readYields, columns: append([]column{
		{key: "crop", zh: "作物", en: "Crop", need: required, example: "kiwifruit"},
		{key: "tonnes", zh: "每公顷吨数", en: "Tonnes per hectare", also: []string{"吨/公顷"}, need: required, example: "45"},
	}, sourceColumns()...)}
}

func readYields(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.PublishYieldCeilingRequest{Crop: r.term("crop"), Source: r.source()}
		if v, ok := r.number("tonnes"); ok {
			grams, exact := scaled(v, 1_000_000)
			if !exact || grams <= 0 {
				r.fail("tonnes", bad(trace.CodeInvalid, "it is not a plausible yield", "应为大于 0 的吨数，如 45"))
			}
			q.GramsPerHectare = grams
		}
		q.Claimed = r.published(q.Source.Effective)
		p.add(r, stepStandard, "standards:PublishYieldCeiling", q, fmt.Sprintf("%s %d g/ha", q.Crop, q.GramsPerHectare))
	}
}

func standingTable() table {
	return table{key: "standing", zh: "主体状态", en: "Standings", also: []string{"暂停与恢复", "standing"}, read: readStandings, columns: []column{
		partyColumn("party", "主体代号", "Party", "代号"),
		{key: "status", zh: "状态", en: "Status", need: required, choices: []choice{{string(trace.PartyActive), "正常", []string{"恢复"}}, {string(trace.PartySuspended), "暂停", nil}}, example: "暂停"},
		{key: "reason", zh: "理由", en: "Reason", need: required, example: "许可证被吊销"},
		{key: "at", zh: "日期", en: "On", also: []string{"时间"}, need: required, example: "2026-11-01"},
	}}
}

func readStandings(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.SetStandingRequest{Party: r.party("party"), Status: trace.PartyStatus(r.choice("status")), Reason: r.text("reason", 500)}
		q.Claimed = r.moment("at")
		p.add(r, stepStanding, "registry:SetStanding", q, fmt.Sprintf("%s %s", q.Party, q.Status))
	}
}

func revocationTable() table {
	return table{key: "revocation", zh: "吊销", en: "Revocations", also: []string{"许可吊销", "revocation"}, read: readRevocations, columns: []column{
		partyColumn("party", "主体代号", "Party", "持证主体", "代号"),
		{key: "number", zh: "许可证号", en: "Number", also: []string{"证号"}, need: required, example: "DEMO-FARM-510131-001"},
		{key: "from", zh: "吊销日期", en: "From", need: required, example: "2026-11-01"},
		{key: "reason", zh: "理由", en: "Reason", need: required, example: "严重违法"},
	}}
}

func readRevocations(p *parser, rows []*row) {
	for _, r := range rows {
		q := &trace.RevokeLicenceRequest{Party: r.party("party"), Number: r.name("number"), From: r.day("from"), Reason: r.text("reason", 500)}
		q.Claimed = q.From.Start()
		p.add(r, stepStanding, "registry:RevokeLicence", q, fmt.Sprintf("%s %s", q.Party, q.Number))
	}
}
