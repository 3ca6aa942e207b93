package desk

// fieldLabel says what a field is called and what belongs in it.
type fieldLabel struct {
	name words
	hint words
}

// labelOf finds a field's label: first as this type calls it, then as all do. The
// second result is false for a field nobody has named yet.
func labelOf(owner, name string) (fieldLabel, bool) {
	if l, ok := particularLabel(owner + "." + name); ok {
		return l, true
	}
	if l, ok := streamLabel(owner, name); ok {
		return l, true
	}
	return commonLabel(name)
}

// label shortens the tables below.
func label(zh, en string, hint ...string) (fieldLabel, bool) {
	l := fieldLabel{name: words{zh, en}}
	if len(hint) == 2 {
		l.hint = words{hint[0], hint[1]}
	}
	return l, true
}

// particularLabel names fields whose meaning depends on the request.
func particularLabel(name string) (fieldLabel, bool) {
	switch name {
	case "TouchEpochRequest.number":
		return label("时段序号", "Epoch", "当前序号加一", "one above the current one")
	case "InstallGuardRequest.version":
		return label("版本", "Version", "从 1 起", "counts from 1")
	case "AdmitOrganisationRequest.kind", "Organisation.kind":
		return label("机构种类", "Kind of organisation", "它的成员可以做该类成员所做的事", "its members may do what that kind's may")
	case "AdmitPartyRequest.org":
		return label("所属机构", "Organisation", "属于后来加入的机构时填其 MSP 标识，否则留空", "the MSP id of an organisation that joined later, else empty")
	case "EndOrganisationRequest.from", "OrganisationEnd.from":
		return label("自何日起终止", "Ends on")
	case "RevokeLicenceRequest.from":
		return label("自何日起吊销", "Revoked from")
	case "DispatchRequest.from":
		return label("交出方", "From", "现在持有货物的主体编号", "the party that holds the goods now")
	case "ConsignRequest.shipment":
		return label("运单编号", "Shipment", "双方约定的运单号，承运人用它发运；转交在途运单时填该运单", "the number the carrier will dispatch under, or the open shipment you pass on")
	case "ConsignRequest.consignee":
		return label("收货方编号", "Consignee", "在途转交时不填", "leave empty when passing on an open shipment")
	case "ConsignRequest.lots":
		return label("整批委托的批次", "Whole lots", "该批中您持有的全部货物", "all items of the lot that you hold")
	case "ConsignRequest.loads":
		return label("委托的货物", "Goods", "每行填码段或物流单元之一；已写批次可不填", "codes or a logistic unit in each row; not needed where lots say it")
	case "BindDeviceRequest.from":
		return label("绑定开始（或结束）时间", "Bound from, or until")
	case "BindDeviceRequest.end", "DeviceBinding.end":
		return label("结束绑定", "Ends the binding", "此后不属于任何运单、地块或库房；上面三项和探头都不填", "from then on bound to nothing; leave those three and the probes empty")
	case "AnchorSegmentRequest.from":
		return label("首条读数时间", "First reading")
	case "AnchorSegmentRequest.to":
		return label("末条读数时间", "Last reading")
	case "AnchorSegmentRequest.count", "Segment.count", "ProbeSummary.count", "MoistureSummary.count", "LightSummary.count", "TemperatureSummary.count":
		return label("读数条数", "Readings")
	case "InspectionItem.substance":
		return label("项目", "Item", "标准库中的项目代码，如 spinosad", "its code in the standards table, like spinosad")
	case "ProbeSummary.minimum", "HumiditySummary.minimum", "MoistureSummary.minimum", "LightSummary.minimum", "TemperatureSummary.minimum":
		return label("最低", "Lowest")
	case "ProbeSummary.maximum", "HumiditySummary.maximum", "MoistureSummary.maximum", "LightSummary.maximum", "TemperatureSummary.maximum":
		return label("最高", "Highest")
	case "IssuePackRequest.count":
		return label("码数", "Codes")
	case "ChangePackRequest.to":
		return label("改为", "Change to")
	case "GrantLicenceRequest.kind":
		return label("许可证种类", "Kind of licence")
	case "PublishLimitRequest.kind":
		return label("比较方式", "How it is compared")
	case "TakeActionRequest.kind":
		return label("处置", "Measure")
	case "Subject.kind":
		return label("对象种类", "Kind of subject")
	case "Subject.id":
		return label("对象编号", "Id of the subject", "批次写 条码~批号", "a lot is GTIN~lot")
	case "PublishLimitRequest.name":
		return label("项目中文名", "Chinese name")
	case "AppliedLimit.name":
		return label("项目", "Item")
	case "PublishIntervalRequest.name":
		return label("农药名称", "Pesticide")
	case "Material.name":
		return label("原料名称", "Material")
	case "Material.lot":
		return label("供应商批号", "Supplier's lot")
	case "Material.licenceNumber":
		return label("供应商许可证号", "Supplier's licence")
	case "Place.name":
		return label("地点", "Place")
	case "Measurement.name":
		return label("测量项目", "Measured")
	case "GrantAccreditationRequest.items":
		return label("检验范围", "Scope")
	case "ReportInspectionRequest.items":
		return label("检验项目", "Items")
	case "ReviewVerdictRequest.verdict":
		return label("判定记录", "Verdict", "从判定列表点“复核”会自动填好", "“Review” in the list fills it in")
	case "ReviewRequest.level":
		return label("复核级别", "Level")
	case "GiveVerdictRequest.level":
		return label("程度", "Level")
	case "GiveVerdictRequest.text":
		return label("判定说明（中文）", "Finding in words, Chinese")
	case "InspectionItem.text":
		return label("文字结果", "Result as text")
	case "PublishRuleRequest.version", "GiveVerdictRequest.version":
		return label("规则版本", "Rule version")
	case "StandardSource.source":
		return label("数值出处", "Where it was read")
	case "AddLogEntryRequest.plot":
		return label("地块编号", "Plot", "地里的农事填地块和季，采收后的加工填批次", "work in the field: plot and season; after the harvest: the lot")
	case "RegisterBatchRequest.place":
		return label("产地或生产地", "Place", "消费者会看到", "shoppers see it")
	case "HandoverRequest.place", "ArriveRequest.place":
		return label("地点", "Place")
	case "RegisterPlotRequest.place":
		return label("村或基地", "Village or base", "消费者会看到", "shoppers see it")
	case "LotID.gtin":
		return label("商品条码", "GTIN", "13 或 14 位数字", "13 or 14 digits")
	case "TakeActionRequest.lot", "AddLogEntryRequest.lot", "ReportInspectionRequest.lot":
		return label("批次", "Lot")
	case "TakeActionRequest.codes":
		return label("只涉及部分码", "Only some codes", "不填则整批", "leave empty for the whole lot")
	case "TakeActionRequest.gtin":
		return label("整个商品（只填条码）", "The whole product, by GTIN", "与批次二选一", "instead of a lot")
	case "PackUnitRequest.codes":
		return label("装入的码段", "Codes inside")
	}
	return fieldLabel{}, false
}

// commonLabel names fields that mean the same everywhere.
func commonLabel(name string) (fieldLabel, bool) {
	switch name {
	case "claimed":
		return label("事实时间", "When it was so", "北京时间；默认现在", "Beijing time; now unless you change it")
	case "corrects":
		return label("更正哪条记录", "Corrects the record", "记录键；更正与原记录都会显示", "its key; both stay visible")
	case "correctionReason":
		return label("更正原因", "Why corrected")
	case "msp", "organisation":
		return label("机构", "Organisation")
	case "party":
		return label("主体编号", "Party", "小写字母、数字和连字符，如 farm-pujiang-01", "lower-case letters, digits and hyphens, like farm-pujiang-01")
	case "roles":
		return label("角色", "Roles")
	case "legalPerson":
		return label("是法人或组织（自然人不勾选，姓名不上链）", "A legal person; names of natural persons stay off the chain")
	case "name":
		return label("名称", "Name")
	case "nameEnglish":
		return label("英文名称", "English name")
	case "region":
		return label("所在地", "Region", "县或市", "county or city")
	case "validFrom":
		return label("有效期自", "Valid from")
	case "validTo":
		return label("有效期至", "Valid to")
	case "status":
		return label("改为", "Change to")
	case "reason":
		return label("原因（公开）", "Reason, public")
	case "number":
		return label("证号", "Number")
	case "scope":
		return label("许可类别", "Scope")
	case "issuer":
		return label("发证机构", "Issuer")
	case "document":
		return label("文件", "File", "扫描件或 PDF", "a scan or PDF")
	case "lab":
		return label("检验机构编号", "Lab")
	case "category":
		return label("类别", "Category")
	case "substance":
		return label("项目", "Item", "标准库中的项目名，如 spinosad；资质可写 * 表示全部", "as in the standards table, like spinosad; * in a scope means all")
	case "commodity":
		return label("标准库中的品类", "Commodity", "如 kiwifruit", "like kiwifruit")
	case "crop":
		return label("作物", "Crop", "标准库中的品类，如 kiwifruit", "as in the standards table, like kiwifruit")
	case "minimum":
		return label("下限", "Minimum")
	case "maximum":
		return label("上限", "Maximum")
	case "expected":
		return label("应为", "Expected")
	case "unit":
		return label("单位", "Unit")
	case "quality":
		return label("是品质指标（非安全限量）", "A quality value, not a safety limit")
	case "source":
		return label("依据", "Source")
	case "standard":
		return label("标准号", "Standard", "如 GB 2763-2021", "like GB 2763-2021")
	case "edition":
		return label("版本", "Edition")
	case "clause":
		return label("条款", "Clause")
	case "effective":
		return label("生效日期", "Effective from")
	case "checked":
		return label("已与现行版本核对", "Compared with the edition in force")
	case "proposal":
		return label("来自征求意见稿", "From a proposal")
	}
	return labelOfGoods(name)
}

// labelOfGoods goes on with products, lots and codes.
func labelOfGoods(name string) (fieldLabel, bool) {
	switch name {
	case "registration":
		return label("农药登记证号", "Pesticide registration")
	case "preHarvestDays":
		return label("安全间隔期", "Pre-harvest interval")
	case "maxApplications":
		return label("每季最多次数", "Most applications a season")
	case "gramsPerHectare":
		return label("最高单产", "Yield ceiling")
	case "gtin":
		return label("商品条码", "GTIN", "包装上的 13 位条码，或 14 位", "the 13 digits of the bar code, or 14")
	case "brand":
		return label("品牌", "Brand")
	case "netContent":
		return label("每件净含量", "Content of one item", "一个码对应的一件，如一箱 5 千克", "of the one item a code stands for, a box of 5 kg")
	case "labelContent":
		return label("标签净含量", "Net content as printed")
	case "ingredients":
		return label("配料或成分", "Ingredients", "每行一种", "one a line")
	case "labelClaims":
		return label("标签声称", "Claims on the label", "每行一条", "one a line")
	case "filingNumber":
		return label("备案或注册号", "Filing number")
	case "licenceNumber":
		return label("生产许可证号", "Licence it is made under")
	case "producer":
		return label("生产者编号", "Producer")
	case "merchant":
		return label("商家编号", "Merchant")
	case "storage":
		return label("贮存温度", "Storage")
	case "transport":
		return label("运输温度", "Transport")
	case "defrostSeconds":
		return label("允许除霜时长", "Longest defrost")
	case "gapSeconds":
		return label("允许读数中断", "Longest gap in readings")
	case "excursionSeconds":
		return label("允许累计超温", "Excursion allowed in all")
	case "shelfLifeDays":
		return label("保质期", "Shelf life")
	case "highRisk":
		return label("高风险商品（须二级复核）", "High risk: needs review level 2")
	case "plot":
		return label("地块编号", "Plot", "如 plot-08mu", "like plot-08mu")
	case "area":
		return label("面积", "Area", "1 亩 ≈ 666.67 平方米，填整数", "a whole number; 1 mu is about 666.67 m²")
	case "place":
		return label("地点", "Place")
	case "point":
		return label("北斗位置", "Position")
	case "latitude":
		return label("纬度", "Latitude", "如 30.205；上链取整到 0.01°", "like 30.205; kept to 0.01°")
	case "longitude":
		return label("经度", "Longitude", "如 103.512；上链取整到 0.01°", "like 103.512; kept to 0.01°")
	case "lot":
		return label("批号", "Lot", "最多 20 个字母、数字或符号", "at most 20 letters, digits or symbols")
	case "presale":
		return label("预售（采收后再补全）", "Presale, completed after harvest")
	case "planned":
		return label("计划采收日", "Planned harvest", "仅预售", "presale only")
	case "made":
		return label("采收或生产时间", "Harvested or made", "北京时间", "Beijing time")
	case "quantity":
		return label("数量", "Quantity")
	case "inputs":
		return label("投入的原料批次", "Lots it was made from")
	case "materials":
		return label("采购的原料", "Bought materials")
	case "taker":
		return label("使用方编号", "Taker", "可用它作原料的生产者", "the producer that may use it")
	case "supplier":
		return label("供应商编号", "Supplier")
	case "season":
		return label("季（采收年份）", "Season, the harvest's year", "如 2026", "like 2026")
	case "activity":
		return label("作业", "Step")
	case "at":
		return label("时间", "When", "北京时间", "Beijing time")
	case "note":
		return label("说明", "Note")
	case "dose":
		return label("用量", "Dose", "仅用药", "for a spray")
	case "measures":
		return label("测量值", "Measurements")
	case "value":
		return label("数值", "Value")
	case "media":
		return label("照片等文件", "Pictures and files")
	case "basis":
		return label("依据", "Basis")
	case "issuedOn":
		return label("开具日期", "Issued on")
	case "pack":
		return label("码包编号", "Code pack", "八位，如 KF261018", "eight characters, like KF261018")
	case "count":
		return label("数量", "Count")
	case "root":
		return label("默克尔树根", "Merkle root", "64 位十六进制", "64 hexadecimal digits")
	case "genesis":
		return label("原账本创世块散列", "Genesis block of the source")
	case "height":
		return label("原账本块数", "Blocks of the source")
	case "tip":
		return label("原账本末块散列", "Last block of the source")
	case "channel":
		return label("原通道", "Channel of the source")
	case "chaincode":
		return label("原链码", "Chaincode of the source")
	case "authorities":
		return label("原账本的签发机构", "Authorities of the source")
	case "certificates":
		return label("签发机构证书", "Authorities' certificates")
	case "archive":
		return label("归档清单散列", "Manifest of the archive")
	case "leafFile":
		return label("叶散列文件", "Leaf file")
	case "sscc":
		return label("物流单元号 SSCC", "SSCC", "18 位数字", "18 digits")
	case "codes":
		return label("码段", "Codes")
	case "first":
		return label("首件", "First item")
	case "last":
		return label("末件", "Last item")
	}
	return labelOfFindings(name)
}

// labelOfFindings goes on with inspections, transport, verdicts and measures.
func labelOfFindings(name string) (fieldLabel, bool) {
	switch name {
	case "sample":
		return label("样品", "Sample")
	case "sampledAt":
		return label("抽样时间", "Sampled", "北京时间", "Beijing time")
	case "reportedAt":
		return label("报告时间", "Reported", "北京时间", "Beijing time")
	case "certificateNumber":
		return label("报告编号", "Report number")
	case "certificate":
		return label("报告文件", "Report file", "PDF 或扫描件", "a PDF or scan")
	case "method":
		return label("检验方法", "Method", "如 GB 23200.121-2021", "like GB 23200.121-2021")
	case "result":
		return label("结果形式", "Result")
	case "supersedes":
		return label("取代哪份检验", "Supersedes", "复检时选原来那份检验", "the inspection re-tested")
	case "level":
		return label("级别", "Level")
	case "inspection":
		return label("检验记录", "Inspection")
	case "pass":
		return label("通过", "Passed")
	case "panel":
		return label("参评人数", "People on the panel")
	case "satisfied":
		return label("满意人数", "Satisfied")
	case "shipment":
		return label("运单编号", "Shipment", "如 ship-pj-hz-1020", "like ship-pj-hz-1020")
	case "loads":
		return label("货物", "Goods", "每行填码段或物流单元之一", "codes or a logistic unit in each row")
	case "carrier":
		return label("承运人编号", "Carrier")
	case "consignment":
		return label("托运委托记录", "Appointment of the carrier")
	case "categories":
		return label("货物类别", "Categories")
	case "consignee":
		return label("收货方编号", "Consignee")
	case "origin":
		return label("起运地", "Origin")
	case "target":
		return label("目的地", "Destination")
	case "departed":
		return label("发车时间", "Departed", "北京时间", "Beijing time")
	case "vehicle":
		return label("车辆代号", "Vehicle", "不要写车牌", "a pseudonym, never a plate")
	case "drivers":
		return label("司机人数", "Drivers")
	case "giver":
		return label("交出的承运人", "Given by")
	case "badGoods":
		return label("坏品率", "Bad goods")
	case "device":
		return label("设备编号", "Device")
	case "store":
		return label("库房", "Store")
	case "probes":
		return label("温度探头", "Temperature probes", "每行一个，按读数次序：return-air（回风）、supply-air（送风）、pulp（品温）、soil（土壤）", "one a line in reading order: return-air, supply-air, pulp, soil")
	case "sequence":
		return label("序号", "Sequence", "从 1 起", "from 1")
	case "previous":
		return label("前一段散列", "Hash of the segment before")
	case "payload":
		return label("读数文件", "Readings")
	case "monitor":
		return label("监测名", "Monitor", "如 coldchain", "like coldchain")
	case "version":
		return label("版本", "Version")
	case "description":
		return label("规则说明", "Description")
	case "content":
		return label("规则文件", "Rule file")
	case "subject":
		return label("对象", "Subject")
	case "id":
		return label("编号", "Id")
	case "kind":
		return label("种类", "Kind")
	case "finding":
		return label("发现（代码）", "Finding, its code", "如 temperature-excursion", "like temperature-excursion")
	case "text":
		return label("文字", "Text")
	case "textEnglish":
		return label("英文说明", "Finding in words, English")
	case "input":
		return label("所依据的数据文件", "What the rule looked at")
	case "evidence":
		return label("证据记录", "Evidence", "每行一个记录键", "record keys, one a line")
	case "files":
		return label("证据文件", "Evidence files")
	case "confidenceBP":
		return label("置信度", "Confidence")
	case "verdict":
		return label("判定记录", "Verdict")
	case "outcome":
		return label("结论", "Outcome")
	case "causes":
		return label("事由记录", "Cause records", "如不合格的检验、监测的判定", "such as a failed inspection, a monitor's verdict")
	case "law":
		return label("法律", "Law", "如 食品安全法", "like 食品安全法")
	case "article":
		return label("条", "Article", "如 第六十三条", "like 第六十三条")
	case "undoes":
		return label("撤销哪次处置", "Lifts the measure", "恢复或降级时选", "for a reinstatement or a lowering")
	case "rectification":
		return label("整改报告", "Rectification report")
	case "review":
		return label("复核记录", "Review")
	}
	return labelOfRecords(name)
}
