package wording

// vocabulary are the words of requests and records that stand in messages as values.
func vocabulary() map[string]string {
	return map[string]string{
		// Roles and organisations.
		"farm": "农场", "factory": "工厂", "processor": "加工商", "lab": "检验机构", "carrier": "承运人", "merchant": "商家", "host": "主播",
		"room-operator": "直播间运营者", "host-agency": "直播机构", "consumer-desk": "平台消费者服务", "platform-operator": "平台直播处置员", "monitor": "监测方", "consumer-panel": "消费者评审团",
		"scanner": "扫码服务", "regulator": "监管部门", "arbitrator": "仲裁员", "reviewer": "复核员",
		"ProducerMSP": "生产方", "LabMSP": "检验方", "CarrierMSP": "运输方", "PlatformMSP": "平台方", "RegulatorMSP": "监管方",
		// Categories, licences, states.
		"fruit": "水果", "vegetable": "蔬菜", "food": "食品", "cosmetics": "化妆品", "textile": "纺织品", "material": "原料",
		"farming": "农业生产登记", "transport": "道路运输许可证", "testing": "检验机构资质", "trade": "营业执照", "gs1-prefix": "厂商识别代码", "broadcast-room": "直播间运营登记",
		"active": "有效", "suspended": "暂停", "issued": "未启用", "frozen": "冻结", "void": "作废",
		"recall": "召回", "delist": "下架", "reinstate": "恢复", "hint": "提示整改", "limit": "限制展示", "cut": "中断直播", "lower": "降级", "confirmed": "维持", "overturned": "推翻",
		"pass": "合格", "fail": "不合格", "no-limit": "无限量可判", "clear": "未见异常", "notice": "提示", "warning": "警示", "violation": "违规",
		// Inspections and logs.
		"lot": "批次", "plot": "地块", "market": "市场抽样", "number": "数值", "below-loq": "低于定量限", "not-detected": "未检出", "detected": "检出", "qualitative": "文字结果",
		"maximum": "上限", "minimum": "下限", "range": "范围", "own-test": "自我检测", "commissioned-test": "委托检测", "quality-control": "质量安全控制", "declaration": "自我承诺",
		"spray": "用药", "fertiliser": "施肥", "irrigation": "灌溉", "soil": "土壤检测", "light": "光照", "pollinate": "授粉", "harvest": "采收", "precool": "预冷",
		"sort": "分级", "mix": "配制", "fill": "灌装", "pack": "包装", "store": "贮存", "clean": "清洁", "kiwifruit": "猕猴桃",
		"g": "克", "ml": "毫升", "piece": "件", "true": "有", "false": "无", "string": "文字", "object": "对象", "array": "列表", "null": "空值", "boolean": "是否",
		"number like this": "这样的数", "truth value": "真假值", "list": "列表", "value like this": "这样的值",
		"a text": "文字", "a whole number": "整数", "a list": "列表", "an object": "对象", "true or false": "真假值", "another type": "其他类型",
		"micro": "微型", "small": "小型", "medium": "中型", "large": "大型", "net-content": "净含量", "grade": "等级", "free-of": "不含", "picked-at": "采摘时间",
		"utterances": "话语", "ended": "结束时间", "observed": "发生时间", "run": "话语段",
		// Fields.
		"party": "主体编号", "roles": "角色", "name": "名称", "reason": "原因", "status": "状态", "scope": "许可范围", "licence": "许可证", "issuer": "发证机关", "holder": "持证主体",
		"gtin": "商品条码", "sscc": "物流单元编号", "quantity": "数量", "amount": "数量", "unit": "单位", "made": "采收或生产时间", "origin": "起运地", "target": "目的地",
		"point": "北斗坐标", "inputs": "原料批次", "materials": "原料", "supplier": "供应商", "items": "项目", "substance": "项目名", "method": "检验方法", "value": "数值", "text": "文字",
		"result": "结果形式", "certificateNumber": "报告编号", "certificate": "报告文件", "sampledAt": "抽样时间", "reportedAt": "报告时间", "supersedes": "取代哪份检验",
		"shipment": "运单编号", "loads": "货物", "codes": "码段", "first": "首件", "last": "末件", "count": "数目", "consignee": "收货方", "lots": "批次", "vehicle": "车牌", "departed": "发运时间",
		"at": "时间", "claimed": "事实时间", "device": "设备编号", "probes": "探头", "season": "季", "commodity": "品类", "registration": "农药登记号", "dose": "用量", "activity": "作业",
		"note": "备注", "place": "地点", "region": "所在地", "brand": "品牌", "labelContent": "净含量标示", "netContent": "净含量", "ingredients": "配料", "filingNumber": "备案号",
		"licenceNumber": "生产许可", "kind": "种类", "basis": "依据", "law": "法律", "article": "条款", "causes": "事由记录", "undoes": "撤销哪次处置", "rectification": "整改报告",
		"inspection": "检验记录", "review": "复核记录", "verdict": "判定", "outcome": "结论", "level": "级别", "version": "版本", "corrects": "更正哪条记录", "correctionReason": "更正原因",
		"effective": "生效日期", "standard": "标准", "clause": "条款", "edition": "版次", "source": "来源", "storage": "贮存温度", "driver": "驾驶员", "producer": "生产者", "taker": "接收方",
		"validFrom": "有效期自", "validTo": "有效期至", "files": "文件", "evidence": "证据", "subject": "对象", "measures": "测量值", "media": "影像", "area": "面积",
	}
}
