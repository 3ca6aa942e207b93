package page

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/scanner-api/internal/journeytest"
)

// The storybook: a kiwifruit lot and a face cream told by hand, true to the
// vocabulary, to see every state a page can be in without a ledger.

const kiwiPack = trace.PackID("7KQ2M9XA")

func kiwiID() trace.LotID { return trace.LotID{GTIN: "09520000100018", Lot: "PJ261018-A"} }

func at(t testing.TB, s string) trace.Time {
	v, err := trace.ParseTime(s + ":00+08:00")
	require.NoError(t, err)
	return v
}

func day(t testing.TB, s string) trace.Date {
	v, err := trace.ParseDate(s)
	require.NoError(t, err)
	return v
}

func decimal(t testing.TB, s string) *trace.Decimal {
	v, err := trace.ParseDecimal(s)
	require.NoError(t, err)
	return &v
}

type book struct {
	t     testing.TB
	block uint64
}

// provenance makes up who recorded a fact: every one in a block of its own.
func (b *book) provenance(key trace.Key, party trace.PartyID, role trace.Role, claimed string) index.Provenance {
	b.block++
	p := index.Provenance{
		Key: key, TransactionID: trace.DigestOf([]byte(key)).String(), Block: b.block, Party: party, Role: role,
		MSP: trace.MSPOf(role), Claimed: at(b.t, claimed), Recorded: at(b.t, claimed) + 95_000,
		Endorsers: []string{trace.MSPOf(role), trace.PlatformMSP, trace.RegulatorMSP},
	}
	return p
}

func bookFact[T any](b *book, kind, id string, party trace.PartyID, role trace.Role, claimed string, record T) index.Typed[T] {
	key := state.FactKey(state.LotSubject(kiwiID()), 0, kind, id)
	return index.Typed[T]{Record: record, Provenance: b.provenance(key, party, role, claimed)}
}

func (b *book) party(id trace.PartyID, role trace.Role, name, english, region string, licences ...trace.Licence) *index.Party {
	p := &index.Party{ID: id}
	p.Record = trace.Party{Roles: []trace.Role{role}, Org: trace.MSPOf(role), LegalPerson: true, Name: name, NameEnglish: english, Region: region}
	p.Provenance = b.provenance(state.PartyKey(id), "regulator-01", trace.RoleRegulator, "2026-03-02T09:00")
	for _, l := range licences {
		l.Holder = id
		p.Licences = append(p.Licences, index.Licence{Typed: index.Typed[trace.Licence]{Record: l, Provenance: b.provenance(state.LicenceKey(id, l.Number), "regulator-01", trace.RoleRegulator, "2026-03-02T09:10")}})
	}
	return p
}

func (b *book) licence(kind trace.LicenceKind, number, issuer string) trace.Licence {
	return trace.Licence{Kind: kind, Number: number, Issuer: issuer, ValidFrom: day(b.t, "2024-03-01"), ValidTo: day(b.t, "2029-02-28")}
}

func limit(t testing.TB, name, most, unit, standard string, checked bool) *trace.AppliedLimit {
	return &trace.AppliedLimit{Name: name, Kind: trace.LimitMaximum, Maximum: decimal(t, most), Unit: unit,
		Source: trace.StandardSource{Standard: standard, Effective: day(t, "2021-09-03"), Checked: checked}}
}

func passed(t testing.TB, substance, method, value, unit string, l *trace.AppliedLimit) trace.JudgedItem {
	return trace.JudgedItem{InspectionItem: trace.InspectionItem{Substance: substance, Method: method, Result: trace.ResultBelowLOQ, Value: decimal(t, value), Unit: unit}, Judgement: trace.JudgedPass, Limit: l}
}

// kiwifruit is the demo lot's story with one shipment whose readings carry
// defrosts, tunnels and, when asked, the stop at Yichang with the cooling off.
func kiwifruit(t testing.TB, excursion bool) Subject {
	b := &book{t: t, block: 40}
	id := kiwiID()
	farm := trace.PartyID("farm-pujiang-01")
	lot := &index.Lot{ID: id, Version: 1, Made: at(t, "2026-10-18T08:30"), Quantity: trace.Quantity{Amount: 9_600_000, Unit: trace.Gram}, Season: 2026}
	lot.Parties = map[trace.PartyID]*index.Party{}
	for _, p := range []*index.Party{
		b.party(farm, trace.RoleFarm, "蒲江金艳猕猴桃专业合作社", "Pujiang Jinyan Kiwifruit Cooperative", "四川蒲江", b.licence(trace.LicenceFarming, "NX-5101-2024-0087", "蒲江县农业农村局")),
		b.party("supplier-fert-01", trace.RoleFactory, "川西有机肥料厂", "Chuanxi Organic Fertiliser", "四川眉山", b.licence(trace.LicenceTrade, "91511400MA6A", "眉山市市场监督管理局")),
		b.party("supplier-bags-01", trace.RoleFactory, "蓉城果袋厂", "Rongcheng Fruit Bags", "四川成都", b.licence(trace.LicenceTrade, "91510100MA61", "成都市市场监督管理局")),
		b.party("lab-cd-01", trace.RoleLab, "成都农产品质量检测中心", "Chengdu Produce Testing Centre", "四川成都", b.licence(trace.LicenceTesting, "CMA-222300", "国家认证认可监督管理委员会")),
		b.party("carrier-cold-01", trace.RoleCarrier, "川浙冷链运输公司", "Chuan-Zhe Cold Chain", "四川成都", b.licence(trace.LicenceTransport, "川交运管510100", "成都市交通运输局")),
		b.party("merchant-hz-01", trace.RoleMerchant, "杭州鲜果直播旗舰店", "Hangzhou Fresh Fruit Live", "浙江杭州", b.licence(trace.LicenceTrade, "91330100MA2C", "杭州市市场监督管理局")),
		b.party("platform-desk", trace.RoleConsumerDesk, "平台消费者服务", "Consumer desk", ""),
		b.party("monitor-cold", trace.RoleMonitor, "平台冷链监测", "Cold-chain monitor", ""),
	} {
		lot.Parties[p.ID] = p
	}
	cold, transit := trace.TemperatureRange{Minimum: 0, Maximum: 100}, trace.TemperatureRange{Minimum: 0, Maximum: 500}
	lot.Product = &index.Product{Typed: index.Typed[trace.Product]{Record: trace.Product{
		GTIN: id.GTIN, Name: "金艳猕猴桃 5 千克礼盒", NameEnglish: "Jinyan kiwifruit, 5 kg box", Brand: "蒲江", Category: trace.CategoryFruit, Commodity: "kiwifruit",
		NetContent: trace.Quantity{Amount: 5000, Unit: trace.Gram}, LabelContent: "5 kg", LabelClaims: []string{"产自蒲江", "采后 24 小时内预冷"},
		LicenceNumber: "NX-5101-2024-0087", Producer: farm, Merchant: "merchant-hz-01", Storage: &cold, Transport: &transit,
		DefrostSeconds: 900, GapSeconds: 900, ShelfLifeDays: 90,
	}, Provenance: b.provenance(state.ProductKey(id.GTIN), farm, trace.RoleFarm, "2026-08-01T10:00")}}
	lot.Batch = index.Typed[trace.Batch]{Record: trace.Batch{LotID: id, Place: "四川省成都市蒲江县复兴村", Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000}, Plot: "plot-08", Made: lot.Made, Quantity: lot.Quantity, Licence: "NX-5101-2024-0087",
		Materials: []trace.Material{{Name: "有机肥", Supplier: "supplier-fert-01", Lot: "YJ2603", LicenceNumber: "91511400MA6A"}, {Name: "育果袋", Supplier: "supplier-bags-01", LicenceNumber: "91510100MA61"}, {Name: "花粉", Supplier: "supplier-pollen-09"}}},
		Provenance: b.provenance(state.BatchKey(id), farm, trace.RoleFarm, "2026-10-18T19:20")}
	plot := index.Typed[trace.Plot]{Record: trace.Plot{Crop: "kiwifruit", Area: 5333, Place: "复兴村 3 组"}, Provenance: b.provenance(state.PlotKey(farm, "plot-08"), farm, trace.RoleFarm, "2026-03-10T10:00")}
	lot.Plot = &plot
	type entry struct {
		when string
		what trace.Activity
		note string
	}
	for i, e := range []entry{
		{"2026-03-12T09:00", trace.ActivitySoil, "取土化验"}, {"2026-03-20T08:00", trace.ActivityFertiliser, "每株有机肥 15 千克"}, {"2026-04-18T07:30", trace.ActivityPollinate, "人工授粉"},
		{"2026-06-05T08:00", trace.ActivityIrrigation, "滴灌 4 小时"}, {"2026-06-21T08:00", trace.ActivityLight, "套袋"}, {"2026-09-28T06:40", trace.ActivitySpray, "防治果实软腐"},
		{"2026-10-18T08:30", trace.ActivityHarvest, "可溶性固形物 7.1 %"}, {"2026-10-18T16:00", trace.ActivityPrecool, "24 小时内降至 0 °C"}, {"2026-10-19T09:00", trace.ActivitySort, "特级果，按标准分级"}, {"2026-10-19T14:00", trace.ActivityPack, "5 千克礼盒 1,920 件"},
	} {
		record := trace.LogEntry{Activity: e.what, At: at(t, e.when), Note: e.note}
		if e.what == trace.ActivitySpray {
			record.Registration, record.Dose, record.IntervalDays, record.SafeFrom = "PD20260001", "1:1500", 14, day(t, "2026-10-12")
		}
		if e.what == trace.ActivitySoil {
			record.Measures = []trace.Measurement{{Name: "pH", Value: *decimal(t, "6.2")}, {Name: "有机质", Value: *decimal(t, "28.4"), Unit: "g/kg"}}
		}
		lot.Log = append(lot.Log, bookFact(b, state.FactLog, fmt.Sprintf("log%02d", i), farm, trace.RoleFarm, e.when, record))
	}
	correction := bookFact(b, state.FactLog, "log99", farm, trace.RoleFarm, "2026-06-06T10:00", trace.LogEntry{Head: trace.Head{CorrectionReason: "时长记错"}, Activity: trace.ActivityIrrigation, At: at(t, "2026-06-05T08:00"), Note: "滴灌 6 小时"})
	lot.Log[3].Provenance.CorrectedBy = []trace.Key{correction.Provenance.Key}
	lot.Log = append(lot.Log, correction)
	lot.Growth = &index.Growth{Latest: b.provenance(state.SegmentKey("orchard-08", 40), farm, trace.RoleFarm, "2026-10-17T23:00")}
	for i := range 46 {
		if i == 20 || i == 21 { // the station was being charged
			continue
		}
		wet, light := trace.CentiPercent(2_900-60*(i%9)), trace.Lux(9_000+i*7919%14_000)
		lot.Growth.Days = append(lot.Growth.Days, trace.GrowingDay{
			Date:            day(t, "2026-09-02") + trace.Date(i),
			SoilMoisture:    &trace.MoistureSummary{Count: 24, Minimum: wet - 150, Maximum: wet + 170, Mean: wet},
			SoilTemperature: &trace.TemperatureSummary{Count: 24, Minimum: 1_900, Maximum: 2_300, Mean: 2_150 - trace.CentiCelsius(8*i)},
			Illuminance:     &trace.LightSummary{Count: 24, Maximum: 4 * light, Mean: light},
		})
	}
	lot.Certificates = append(lot.Certificates, bookFact(b, state.FactCertificate, "cert", farm, trace.RoleFarm, "2026-10-19T17:00", trace.ComplianceCertificate{LotID: id, Basis: []trace.CertificateBasis{trace.BasisCommissioned, trace.BasisQualityControl}, IssuedOn: day(t, "2026-10-19"), Document: trace.DigestOf([]byte("certificate"))}))
	for i, sample := range []trace.SampleKind{trace.SamplePlot, trace.SampleLot} {
		inspection := trace.Inspection{Sample: sample, SampledAt: at(t, []string{"2026-10-08T09:00", "2026-10-19T10:00"}[i]), ReportedAt: at(t, "2026-10-20T10:00"),
			CertificateNumber: fmt.Sprintf("CD2026-%04d", 1180+i), Certificate: trace.DigestOf([]byte{byte(i)}), Judgement: trace.JudgedPass,
			Items: []trace.JudgedItem{
				passed(t, "spinosad", "GB 23200.121-2021", "0.01", "mg/kg", limit(t, "多杀霉素", "0.05", "mg/kg", "GB 2763-2021", true)),
				passed(t, "forchlorfenuron", "GB 23200.121-2021", "0.01", "mg/kg", limit(t, "氯吡脲", "0.05", "mg/kg", "GB 2763-2021", false)),
				passed(t, "carbendazim", "GB/T 20769-2008", "0.02", "mg/kg", limit(t, "多菌灵", "0.5", "mg/kg", "GB 2763-2021", true)),
				passed(t, "lead", "GB 5009.12-2023", "0.02", "mg/kg", limit(t, "铅", "0.1", "mg/kg", "GB 2762-2022", true)),
			}}
		typed := bookFact(b, state.FactInspection, fmt.Sprintf("insp%d", i), "lab-cd-01", trace.RoleLab, "2026-10-20T10:00", inspection)
		lot.Inspections = append(lot.Inspections, index.Inspection{Typed: typed})
	}
	lot.Reviews = append(lot.Reviews, bookFact(b, state.FactReview, "rev1", "lab-cd-01", trace.RoleLab, "2026-10-20T11:00", trace.Review{LotID: id, Level: 1, Pass: true, Checks: []trace.ReviewCheck{{Check: "licence-valid", Pass: true}, {Check: "licence-scope", Pass: true}, {Check: "issuer", Pass: true}, {Check: "certificate-lot", Pass: true}}}))
	s := Subject{Lot: lot, Root: "/01/09520000100018/10/PJ261018-A", Files: func(d trace.Digest) bool { return d != trace.DigestOf([]byte{1}) }}
	s.Code = &Code{Pack: kiwiPack, Address: s.Root + "/21/0000X9C2K7QW4ZTBHM", Serial: "0000X9C2K7QW4ZTBHM", Item: "29", First: "2026-10-23 19:42", Count: "2"}
	b.kiwiJourney(&s, excursion)
	return s
}

func (b *book) kiwiJourney(s *Subject, excursion bool) {
	t, lot := b.t, s.Lot
	id, farm, carrier := lot.ID, trace.PartyID("farm-pujiang-01"), trace.PartyID("carrier-cold-01")
	pack := index.Pack{ID: kiwiPack, Typed: index.Typed[trace.CodePack]{Record: trace.CodePack{Count: 1920}, Provenance: b.provenance(state.CodePackKey(kiwiPack), farm, trace.RoleFarm, "2026-10-10T10:00")}}
	activation := bookFact(b, state.FactActivation, "act", farm, trace.RoleFarm, "2026-10-19T18:00", trace.PackActivation{LotID: id, Pack: kiwiPack, Count: 1920})
	pack.Activation = &activation
	lot.Packs = append(lot.Packs, pack)
	shipment := trace.Shipment{Head: trace.Head{ID: "ship-pj-hz-01"}, From: farm, Consignee: "merchant-hz-01", Departed: at(t, "2026-10-20T16:00"), Drivers: 2, Vehicle: "川A·冷08", DefrostSeconds: 900, GapSeconds: 900,
		Origin: trace.Place{Name: "蒲江", Point: trace.Point{Latitude: 30_205_000, Longitude: 103_512_000}}, Target: trace.Place{Name: "临平", Point: trace.Point{Latitude: 30_420_000, Longitude: 120_300_000}},
		Range: lot.Product.Record.Transport, Lots: []trace.LotID{id}, Codes: []trace.CodeRange{{Pack: kiwiPack, First: 1, Last: 1920}}}
	leg := index.Leg{}
	leg.ID = "ship-pj-hz-01"
	leg.Record = shipment
	leg.Provenance = b.provenance(state.ShipmentKey(leg.ID), carrier, trace.RoleCarrier, "2026-10-20T16:00")
	leg.Status = trace.ShipmentStatus{Carriers: []trace.PartyID{carrier}, Departed: shipment.Departed, Arrived: at(t, "2026-10-21T23:30")}
	arrival := bookFact(b, state.FactArrival, "arr", carrier, trace.RoleCarrier, "2026-10-21T23:30", trace.Arrival{Shipment: leg.ID, At: at(t, "2026-10-21T23:30"), Place: shipment.Target, BadGoods: 160})
	leg.Arrival = &arrival
	binding := bookFact(b, state.FactBinding, "bind", carrier, trace.RoleCarrier, "2026-10-20T15:30", trace.DeviceBinding{Device: "bd-40071", Shipment: leg.ID, Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}})
	leg.Bindings = append(leg.Bindings, index.Binding{Typed: binding})
	consignment := bookFact(b, state.FactConsignment, "con", farm, trace.RoleFarm, "2026-10-20T14:30", trace.Consignment{Shipment: leg.ID, Carrier: carrier, Consignee: "merchant-hz-01", Lots: []trace.LotID{id}})
	leg.Record.Consignment = consignment.Provenance.Key
	leg.Consignments = append(leg.Consignments, consignment)
	s.Telemetry = map[trace.ShipmentID]Telemetry{leg.ID: {Segments: map[trace.Key]SegmentReadings{}}}
	var records []rules.SegmentRecord
	readings := journeytest.Kiwifruit(shipment.Departed, excursion)
	var previous trace.Digest
	for n, sequence := 0, int64(1); n < len(readings); n, sequence = n+1000, sequence+1 {
		part := readings[n:min(n+1000, len(readings))]
		payload, err := trace.EncodeReadings(2, part)
		require.NoError(t, err)
		segment, err := rules.Summarise(&trace.AnchorSegmentRequest{Device: "bd-40071", Sequence: sequence, Shipment: leg.ID, Count: len(part), From: part[0].At, To: part[len(part)-1].At, Payload: trace.DigestOf(payload), Previous: previous},
			rules.SegmentTerms{Probes: binding.Record.Probes, Range: shipment.Range, GapSeconds: 900}, payload)
		require.NoError(t, err)
		previous = segment.Payload
		key := state.SegmentKey("bd-40071", sequence)
		leg.Segments = append(leg.Segments, index.Typed[trace.Segment]{Record: *segment, Provenance: b.provenance(key, carrier, trace.RoleCarrier, "2026-10-21T23:40")})
		records = append(records, rules.SegmentRecord{Key: key, Segment: segment})
		s.Telemetry[leg.ID].Segments[key] = SegmentReadings{Probes: binding.Record.Probes, Readings: part}
	}
	findings := rules.FindJourney(&shipment, leg.Status.Arrived, records)
	if excursion {
		leg.Verdicts = append(leg.Verdicts, index.Verdict{Typed: bookFact(b, state.FactVerdict, "v1", "monitor-cold", trace.RoleMonitor, "2026-10-22T00:10", trace.Verdict{Monitor: "coldchain", Version: "2026.2", Finding: "temperature-excursion", Level: trace.LevelWarning, Text: "宜昌服务区停车期间制冷关闭，回风超温 75 分钟，最高 11.8 °C", TextEnglish: "Cooling off while parked at Yichang: return air above range for 75 min, peak 11.8 °C"})})
	}
	overturned := index.Verdict{Typed: bookFact(b, state.FactVerdict, "v2", "monitor-cold", trace.RoleMonitor, "2026-10-21T04:00", trace.Verdict{Monitor: "route", Version: "2026.1", Finding: "route-gap", Level: trace.LevelWarning, Text: "恩施至宜昌间多次无定位", TextEnglish: "Several stretches without position between Enshi and Yichang"})}
	overturned.Reviews = append(overturned.Reviews, bookFact(b, state.FactVerdictReview, "vr", "reviewer-01", trace.RoleReviewer, "2026-10-22T09:00", trace.VerdictReview{Outcome: trace.OutcomeOverturned, Reason: "隧道路段，属正常"}))
	leg.Verdicts = append(leg.Verdicts, overturned)
	origin := shipment.Origin
	s.Journey = &index.Journey{Lot: id, Pack: kiwiPack, Item: 29, Group: "ship-pj-hz-01", Legs: []index.Leg{leg}, Steps: []index.CustodyStep{
		{Kind: index.StepActivated, To: farm, At: at(t, "2026-10-19T18:00"), Key: activation.Provenance.Key},
		{Kind: index.StepDispatched, From: farm, To: carrier, Shipment: leg.ID, At: shipment.Departed, Place: &origin, Key: leg.Provenance.Key, Consignment: consignment.Provenance.Key},
		{Kind: index.StepArrived, From: carrier, To: "merchant-hz-01", Shipment: leg.ID, At: leg.Status.Arrived, Place: &shipment.Target, Key: arrival.Provenance.Key},
	}}
	s.Facts = rules.PageFacts{
		Lot: id, Today: day(t, "2026-10-23"), Batch: lot.Batch.Provenance.Key, Harvested: true, Expires: day(t, "2027-01-16"),
		Pack:    &rules.PackFacts{Pack: kiwiPack, Item: 29, State: trace.PackActive, Keys: []trace.Key{activation.Provenance.Key}},
		Licence: rules.LicenceFacts{Status: rules.LicenceValid, Number: "NX-5101-2024-0087"}, CertificateRequired: true, Certificate: lot.Certificates[0].Provenance.Key,
		Journey: rules.JourneyFacts{Custody: rules.CustodyUnbroken, Shipments: []trace.Key{leg.Provenance.Key}, ColdChain: true, Findings: []rules.JourneyFindings{findings}},
	}
	for _, i := range lot.Inspections {
		s.Facts.Inspections = append(s.Facts.Inspections, rules.InspectionFact{Key: i.Provenance.Key, Sample: i.Record.Sample, Judgement: i.Record.Judgement})
	}
	for _, r := range lot.Reviews {
		s.Facts.Reviews = append(s.Facts.Reviews, rules.ReviewFact{Key: r.Provenance.Key, Level: r.Record.Level, Pass: r.Record.Pass})
	}
	for _, v := range leg.Verdicts {
		s.Facts.Verdicts = append(s.Facts.Verdicts, rules.VerdictFact{Key: v.Provenance.Key, Finding: v.Record.Finding, Level: v.Record.Level, Text: v.Record.Text, TextEnglish: v.Record.TextEnglish, Overturned: v.Overturned()})
	}
	s.Line = rules.VerdictLine(s.Facts)
}

// states are all the pages of the storybook by name.
func states(t testing.TB) map[string]Subject {
	judged := func(s Subject) Subject {
		s.Line = rules.VerdictLine(s.Facts)
		return s
	}
	pages := map[string]Subject{"good": kiwifruit(t, false), "warning": kiwifruit(t, true)}
	s := kiwifruit(t, true)
	s.Facts.Recalls = []rules.RecallFact{{Lot: kiwiID(), Action: "fact/lot/x/0000/action/a"}}
	b := &book{t: t, block: 90}
	s.Lot.Actions = append(s.Lot.Actions, index.Action{Typed: bookFact(b, state.FactAction, "a", "regulator-01", trace.RoleRegulator, "2026-10-23T09:00", trace.Action{Kind: trace.ActionRecall, Reason: "检出不得检出的物质，停止销售并召回", Basis: []trace.LegalBasis{{Law: "食品安全法", Article: "第六十三条"}}})})
	pages["recalled"] = judged(s)
	for name, packState := range map[string]trace.PackState{"void": trace.PackVoid, "frozen": trace.PackFrozen, "not-on-sale": trace.PackIssued} {
		s := kiwifruit(t, false)
		s.Facts.Pack.State, s.Facts.Pack.Reason = packState, "包装批次印刷错误"
		pages[name] = judged(s)
	}
	s = kiwifruit(t, false)
	s.Lot.Inspections, s.Facts.Inspections, s.Lot.Certificates, s.Facts.Certificate, s.Lot.Log = nil, nil, nil, "", nil
	s.Journey, s.Facts.Journey = nil, rules.JourneyFacts{ColdChain: true}
	pages["incomplete"] = judged(s)
	s = kiwifruit(t, true)
	s.Telemetry = nil
	pages["summaries"] = s
	s = kiwifruit(t, false)
	s.Code, s.Journey, s.Facts.Pack = nil, nil, nil
	pages["lot"] = judged(s)
	pages["cream"] = judged(cream(t))
	return pages
}

// cream is a recalled face cream: no plot, no cold chain, a parent lot, a filing
// number, a prohibited substance found and a limit that is not on file.
func cream(t testing.TB) Subject {
	s := kiwifruit(t, false)
	b := &book{t: t, block: 200}
	room := trace.TemperatureRange{Minimum: 500, Maximum: 3000}
	p := &s.Lot.Product.Record
	p.Name, p.NameEnglish, p.Brand, p.LabelContent, p.Category = "舒缓面霜", "Soothing face cream", "云肌", "50 g", trace.CategoryCosmetics
	p.Ingredients, p.LabelClaims, p.FilingNumber = []string{"水", "甘油", "角鲨烷", "苯氧乙醇"}, []string{"无添加"}, "粤G妆网备字2026000123"
	p.Storage, p.Transport, p.NetContent = &room, nil, trace.Quantity{Amount: 1, Unit: trace.Piece}
	s.Lot.Plot, s.Lot.Certificates, s.Lot.Quantity = nil, nil, trace.Quantity{Amount: 12_000, Unit: trace.Piece}
	s.Lot.Log = s.Lot.Log[:0]
	for i, a := range []trace.Activity{trace.ActivityClean, trace.ActivityMix, trace.ActivityFill, trace.ActivityPack} {
		s.Lot.Log = append(s.Lot.Log, bookFact(b, state.FactLog, fmt.Sprint("c", i), "farm-pujiang-01", trace.RoleFactory, "2026-10-18T09:00", trace.LogEntry{Activity: a, At: at(t, "2026-10-18T09:00")}))
	}
	s.Lot.Ancestors = []index.Relative{{ID: trace.LotID{GTIN: "09520000300012", Lot: "GLY-07"}, Direct: true, Recall: &trace.Recall{Active: true}}}
	prohibited := &trace.AppliedLimit{Name: "丙酸氯倍他索", Kind: trace.LimitNotDetected, Source: trace.StandardSource{Standard: "化妆品安全技术规范（2015 年版）", Checked: true}}
	inspection := &s.Lot.Inspections[1].Record
	inspection.Judgement = trace.JudgedFail
	inspection.Items = []trace.JudgedItem{
		passed(t, "mercury", "化妆品安全技术规范 1.2", "0.01", "mg/kg", limit(t, "汞", "1", "mg/kg", "化妆品安全技术规范（2015 年版）", true)),
		{InspectionItem: trace.InspectionItem{Substance: "clobetasol-propionate", Method: "GB/T 24800.2-2009", Result: trace.ResultDetected}, Judgement: trace.JudgedFail, Limit: prohibited},
		{InspectionItem: trace.InspectionItem{Substance: "phenoxyethanol", Method: "HPLC", Result: trace.ResultNumber, Value: decimal(t, "0.6"), Unit: "%"}, Judgement: trace.JudgedNoLimit},
	}
	s.Lot.Inspections = s.Lot.Inspections[1:]
	s.Lot.Actions = []index.Action{{Typed: bookFact(b, state.FactAction, "recall", "regulator-01", trace.RoleRegulator, "2026-10-23T09:00", trace.Action{Kind: trace.ActionRecall, Reason: "检出禁用原料丙酸氯倍他索", Basis: []trace.LegalBasis{{Law: "化妆品监督管理条例", Article: "第四十四条"}}})}}
	s.Facts.Recalls = []rules.RecallFact{{Lot: s.Lot.ID, Action: s.Lot.Actions[0].Provenance.Key}}
	s.Facts.Inspections = []rules.InspectionFact{{Key: s.Lot.Inspections[0].Provenance.Key, Judgement: trace.JudgedFail}}
	s.Facts.Certificate, s.Facts.CertificateRequired = "", false
	s.Facts.Journey = rules.JourneyFacts{Custody: rules.CustodyUnbroken}
	leg := &s.Journey.Legs[0]
	leg.Segments, leg.Bindings, leg.Verdicts, leg.Record.Range = nil, nil, nil, nil
	return s
}
