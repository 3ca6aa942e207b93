package desk

// labelOfRecords goes on with what the contracts add to records.
func labelOfRecords(name string) (fieldLabel, bool) {
	switch name {
	case "items":
		return label("项目", "Items")
	case "org":
		return label("机构", "Organisation")
	case "of":
		return label("主体", "Party")
	case "holder":
		return label("持证主体", "Holder")
	case "ancestors":
		return label("上游批次", "Lots it descends from")
	case "licence":
		return label("当日有效许可证", "Licence valid on the day")
	case "intervalDays":
		return label("适用的安全间隔期", "Interval applied")
	case "safeFrom":
		return label("最早可采收日", "Safe to harvest from")
	case "judgement":
		return label("判定", "Judgement")
	case "limit":
		return label("限量", "Limit")
	case "accreditation":
		return label("当日有效资质", "Accreditation valid on the day")
	case "checks":
		return label("核对", "Checks")
	case "check":
		return label("核对项", "Check")
	case "found":
		return label("所见", "Found")
	case "lots":
		return label("所涉批次", "Lots")
	case "range":
		return label("温度范围", "Range")
	case "from":
		return label("自", "From")
	case "to":
		return label("至", "To")
	case "probe":
		return label("探头", "Probe")
	case "mean":
		return label("均值", "Mean")
	case "humidity":
		return label("相对湿度", "Relative humidity")
	case "soilMoisture":
		return label("土壤水分（体积含水率）", "Soil moisture, by volume")
	case "soilTemperature":
		return label("土壤温度", "Soil temperature")
	case "illuminance":
		return label("光照", "Illuminance")
	case "days":
		return label("按日", "By the day")
	case "date":
		return label("日期", "Date")
	case "shock":
		return label("最大冲击（毫 g）", "Largest shock, milli-g")
	case "breaches":
		return label("超出范围（含除霜）", "Out of range, defrosts included")
	case "peak":
		return label("极值", "Peak")
	case "below":
		return label("低于下限", "Below the minimum")
	case "pulpMinimum":
		return label("品温最低", "Pulp minimum")
	case "pulpMaximum":
		return label("品温最高", "Pulp maximum")
	case "atStart":
		return label("始于首条", "Touches the start")
	case "atEnd":
		return label("止于末条", "Touches the end")
	case "gaps":
		return label("中断", "Gaps")
	case "fix":
		return label("仅无定位", "Without a position only")
	case "cut":
		return label("另有未列出", "More than listed")
	case "fixes":
		return label("有定位的读数", "Readings with a position")
	}
	return fieldLabel{}, false
}
