package index_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// world writes records as the contracts would, straight into the blocks of a chain.
type world struct {
	*chain
	facts int
}

const (
	farm     = trace.PartyID("farm-01")
	lab      = trace.PartyID("lab-01")
	carrier  = trace.PartyID("carrier-01")
	carrier2 = trace.PartyID("carrier-02")
	shop     = trace.PartyID("shop-01")
	office   = trace.PartyID("office-01")
	watcher  = trace.PartyID("watcher-01")
	second   = trace.PartyID("second-01")

	kiwi     = trace.GTIN("09520000100018")
	juice    = trace.GTIN("09520000300012")
	plot     = trace.PlotID("plot-08mu")
	pack     = trace.PackID("K1WF0001")
	truck    = trace.ShipmentID("truck-01")
	tracker  = trace.DeviceID("tracker-01")
	season   = 2026
	licenceN = "川农 2021-77"
)

func lotOf(gtin trace.GTIN, lot string) trace.LotID {
	return trace.LotID{GTIN: gtin, Lot: trace.LotNumber(lot)}
}

// at is a moment after all before it.
func (w *world) at() trace.Time {
	w.now = w.now.Add(time.Second)
	return trace.TimeOf(w.now)
}

func (w *world) head(role trace.Role, party trace.PartyID, id string) trace.Head {
	return trace.Head{
		ID: id, MSP: trace.MSPOf(role), Party: party, Role: role, Claimed: w.at(), Recorded: w.at(),
		Request: trace.DigestOf([]byte(id)),
	}
}

func (w *world) by(role trace.Role, party trace.PartyID, writes ...*kvrwset.KVWrite) sent {
	return sent{role: role, party: party, writes: writes}
}

func (w *world) put(key trace.Key, value any) *kvrwset.KVWrite { return put(w.t, key, value) }

// factKey names the next fact of a subject.
func (w *world) factKey(subject trace.Subject, kind string) (trace.Key, string) {
	w.facts++
	id := string(trace.NewFactID("msp", "party", fmt.Sprint(w.facts)))
	return state.FactKey(subject, 0, kind, id), id
}

func (w *world) admit(party trace.PartyID, role trace.Role) sent {
	return w.by(trace.RoleRegulator, office, w.put(state.PartyKey(party), trace.Party{
		Head: w.head(trace.RoleRegulator, office, string(party)), Roles: []trace.Role{role}, Org: trace.MSPOf(role),
		LegalPerson: true, Name: "名 " + string(party), ValidFrom: 20000, ValidTo: 40000,
	}))
}

func (w *world) licence(holder trace.PartyID, number string) sent {
	return w.by(trace.RoleRegulator, office, w.put(state.LicenceKey(holder, number), trace.Licence{
		Head: w.head(trace.RoleRegulator, office, number), Holder: holder, Number: number, Kind: trace.LicenceFarming,
		Scope: []trace.Category{trace.CategoryFruit}, Issuer: "农业农村局", ValidFrom: 18_000, ValidTo: 30_000,
	}))
}

func (w *world) stand(status trace.PartyStatus, party trace.PartyID) (sent, trace.Key) {
	key, id := w.factKey(state.PartySubject(party), state.FactStanding)
	s := trace.Standing{Head: w.head(trace.RoleRegulator, office, id), Of: party, Status: status, Reason: "检查"}
	return w.by(trace.RoleRegulator, office, w.put(key, s), w.put(state.StandingKey(party), s)), key
}

func (w *world) product(gtin trace.GTIN, producer trace.PartyID) sent {
	return w.by(trace.RoleMerchant, shop, w.put(state.ProductKey(gtin), trace.Product{
		Head: w.head(trace.RoleMerchant, shop, string(gtin)), GTIN: gtin, Name: "金艳猕猴桃", Category: trace.CategoryFruit,
		Commodity: "kiwifruit", NetContent: trace.Quantity{Amount: 5000, Unit: trace.Gram}, LicenceNumber: licenceN,
		Producer: producer, Merchant: shop, Transport: &trace.TemperatureRange{Minimum: 0, Maximum: 500},
		DefrostSeconds: 900, GapSeconds: 900, ShelfLifeDays: 120,
	}))
}

func (w *world) batch(id trace.LotID, inputs ...trace.LotID) sent {
	b := trace.Batch{
		Head: w.head(trace.RoleFarm, farm, string(id.Lot)), LotID: id, Place: "四川蒲江", Plot: plot,
		Made: w.at() - 86_400_000, Quantity: trace.Quantity{Amount: 9_600_000, Unit: trace.Gram}, Licence: licenceN,
		Materials: []trace.Material{{Name: "果袋", Supplier: shop}},
	}
	writes := []*kvrwset.KVWrite{}
	for _, in := range inputs {
		b.Inputs = append(b.Inputs, trace.Input{LotID: in, Quantity: trace.Quantity{Amount: 1, Unit: trace.Gram}})
		b.Ancestors = append(b.Ancestors, in)
		writes = append(writes, w.put(state.BatchInputsKey(in), trace.TakenQuantity{Amount: 1}))
	}
	writes = append(writes, w.put(state.BatchKey(id), b), w.put(state.SeasonKey(farm, plot, season), trace.Season{Grams: 9_600_000}))
	return w.by(trace.RoleFarm, farm, writes...)
}

func (w *world) log(id *trace.LotID, activity trace.Activity, corrects trace.Key) (sent, trace.Key) {
	subject := state.PlotSubject(farm, plot, season)
	if id != nil {
		subject = state.LotSubject(*id)
	}
	key, fid := w.factKey(subject, state.FactLog)
	e := trace.LogEntry{Head: w.head(trace.RoleFarm, farm, fid), Lot: id, Activity: activity, At: w.at(), Note: "第三次"}
	if id == nil {
		e.Plot, e.Season = plot, season
	}
	e.Corrects = corrects
	return w.by(trace.RoleFarm, farm, w.put(key, e)), key
}

func (w *world) inspect(id trace.LotID, judgement trace.Judgement, supersedes trace.Key) (sent, trace.Key) {
	key, fid := w.factKey(state.LotSubject(id), state.FactInspection)
	maximum, value := trace.Decimal(50_000), trace.Decimal(12_000)
	i := trace.Inspection{
		Head: w.head(trace.RoleLab, lab, fid), Sample: trace.SampleLot, Lot: &id, Commodity: "kiwifruit",
		SampledAt: w.at(), ReportedAt: w.at(), CertificateNumber: "R-1", Judgement: judgement, Supersedes: supersedes,
	}
	for _, substance := range []string{"spinosad", "forchlorfenuron", "imidacloprid", "carbendazim"} {
		i.Items = append(i.Items, trace.JudgedItem{
			InspectionItem: trace.InspectionItem{Substance: substance, Method: "GB 23200.121-2021", Result: trace.ResultNumber, Value: &value, Unit: "mg/kg"},
			Judgement:      judgement,
			Limit: &trace.AppliedLimit{Name: "多杀霉素", Kind: trace.LimitMaximum, Maximum: &maximum, Unit: "mg/kg",
				Source: trace.StandardSource{Standard: "GB 2763-2021", Effective: 18_000, Source: "测试"}},
		})
	}
	return w.by(trace.RoleLab, lab, w.put(key, i)), key
}

// activate issues a pack of 1,920 codes and binds it.
func (w *world) activate(pack trace.PackID, id trace.LotID) []sent {
	key, fid := w.factKey(state.LotSubject(id), state.FactActivation)
	const count = 1920
	return []sent{
		w.by(trace.RoleFarm, farm,
			w.put(state.CodePackKey(pack), trace.CodePack{Head: w.head(trace.RoleFarm, farm, string(pack)), Count: count}),
			w.put(state.PackStatusKey(pack), trace.PackStatus{State: trace.PackIssued, Count: count, Owner: farm})),
		w.by(trace.RoleFarm, farm,
			w.put(key, trace.PackActivation{Head: w.head(trace.RoleFarm, farm, fid), LotID: id, Pack: pack, Count: count}),
			w.put(state.PackStatusKey(pack), trace.PackStatus{State: trace.PackActive, Count: count, Lot: &id, Owner: farm}),
			w.put(state.BatchCodesKey(id), trace.BoundItems{Count: count}),
			w.put(state.PackCustodyKey(pack), trace.PackCustody{Spans: []trace.CustodySpan{{First: 1, Last: count, Holder: trace.CustodyHolder{Party: farm, Since: w.at()}}}})),
	}
}

// unit packs items 1 to 100 of a pack.
func (w *world) unit(sscc trace.SSCC, pack trace.PackID, id trace.LotID) sent {
	return w.by(trace.RoleFarm, farm,
		w.put(state.UnitKey(sscc), trace.LogisticUnit{
			Head: w.head(trace.RoleFarm, farm, string(sscc)), Codes: []trace.CodeRange{{Pack: pack, First: 1, Last: 100}}, Lots: []trace.LotID{id},
		}),
		w.put(state.UnitCustodyKey(sscc), trace.UnitCustody{Holder: trace.CustodyHolder{Party: farm, Since: w.at()}}),
		w.put(state.PackCustodyKey(pack), trace.PackCustody{Spans: []trace.CustodySpan{
			{First: 1, Last: 100, Holder: trace.CustodyHolder{SSCC: sscc, Since: w.at()}}, {First: 101, Last: 1920, Holder: trace.CustodyHolder{Party: farm, Since: w.at()}},
		}}))
}

// dispatch opens a shipment with a unit (items 1 to 100) and items 101 to 400.
func (w *world) dispatch(shipment trace.ShipmentID, sscc trace.SSCC, pack trace.PackID, from trace.PartyID, id trace.LotID) sent {
	return w.by(trace.RoleCarrier, carrier,
		w.put(state.ShipmentKey(shipment), trace.Shipment{
			Head:  w.head(trace.RoleCarrier, carrier, string(shipment)),
			Loads: []trace.Load{{SSCC: sscc}, {Codes: &trace.CodeRange{Pack: pack, First: 101, Last: 400}}},
			From:  from, Consignee: shop, Departed: w.at(), Origin: trace.Place{Name: "蒲江"}, Target: trace.Place{Name: "杭州"},
			Lots: []trace.LotID{id}, Codes: []trace.CodeRange{{Pack: pack, First: 1, Last: 400}},
			Range: &trace.TemperatureRange{Minimum: 0, Maximum: 500}, DefrostSeconds: 900, GapSeconds: 900,
		}),
		w.put(state.ShipmentStatusKey(shipment), trace.ShipmentStatus{Open: true, Carrier: carrier, Carriers: []trace.PartyID{carrier}, Since: w.at(), Departed: w.at()}),
		w.put(state.UnitCustodyKey(sscc), trace.UnitCustody{Holder: trace.CustodyHolder{Shipment: shipment, Since: w.at()}}))
}

func (w *world) bind(device trace.DeviceID, shipment trace.ShipmentID) sent {
	key, id := w.factKey(state.DeviceSubject(device), state.FactBinding)
	return w.by(trace.RoleCarrier, carrier, w.put(key, trace.DeviceBinding{
		Head: w.head(trace.RoleCarrier, carrier, id), Device: device, Shipment: shipment, From: w.at(),
		Probes: []string{trace.ProbeReturnAir, trace.ProbePulp},
	}), w.put(state.DeviceStatusKey(device), trace.DeviceStatus{Owner: carrier}))
}

func (w *world) segment(device trace.DeviceID, shipment trace.ShipmentID, sequence int64, breaches ...trace.Breach) sent {
	from := w.at()
	return w.by(trace.RoleCarrier, carrier, w.put(state.SegmentKey(device, sequence), trace.Segment{
		Head: w.head(trace.RoleCarrier, carrier, fmt.Sprintf("%012d", sequence)), Device: device, Sequence: sequence, Shipment: shipment,
		Count: 1000, From: from, To: from + 60_000, Payload: trace.DigestOf([]byte(fmt.Sprint(device, sequence))),
		Range: &trace.TemperatureRange{Minimum: 0, Maximum: 500},
		Probes: []trace.ProbeSummary{
			{Probe: trace.ProbeReturnAir, Count: 1000, Minimum: 40, Maximum: 480, Mean: 130},
			{Probe: trace.ProbePulp, Count: 1000, Minimum: 60, Maximum: 120, Mean: 90},
		},
		Humidity: &trace.HumiditySummary{Minimum: 9000, Maximum: 9500, Mean: 9200}, Breaches: breaches,
	}))
}

func (w *world) handover(shipment trace.ShipmentID, giver, taker trace.PartyID) sent {
	key, id := w.factKey(state.ShipmentSubject(shipment), state.FactHandover)
	return w.by(trace.RoleCarrier, taker, w.put(key, trace.Handover{
		Head: w.head(trace.RoleCarrier, taker, id), Shipment: shipment, Giver: giver, At: w.at(), Place: trace.Place{Name: "武汉"},
	}), w.put(state.ShipmentStatusKey(shipment), trace.ShipmentStatus{Open: true, Carrier: taker, Carriers: []trace.PartyID{giver, taker}, Since: w.at(), Departed: w.at()}))
}

func (w *world) arrive(shipment trace.ShipmentID, by trace.PartyID, sscc trace.SSCC) sent {
	key, id := w.factKey(state.ShipmentSubject(shipment), state.FactArrival)
	return w.by(trace.RoleCarrier, by, w.put(key, trace.Arrival{
		Head: w.head(trace.RoleCarrier, by, id), Shipment: shipment, Consignee: shop, At: w.at(), Place: trace.Place{Name: "杭州"}, BadGoods: 160,
	}), w.put(state.ShipmentStatusKey(shipment), trace.ShipmentStatus{Carrier: by, Carriers: []trace.PartyID{carrier, by}, Since: w.at(), Departed: w.at(), Arrived: w.at()}),
		w.put(state.UnitCustodyKey(sscc), trace.UnitCustody{Holder: trace.CustodyHolder{Party: shop, Since: w.at()}}))
}

func (w *world) verdict(subject trace.Subject, level trace.VerdictLevel) (sent, trace.Key) {
	key, id := w.factKey(subject, state.FactVerdict)
	return w.by(trace.RoleMonitor, watcher, w.put(key, trace.Verdict{
		Head: w.head(trace.RoleMonitor, watcher, id), Monitor: "coldchain", Version: "1", Subject: subject,
		Finding: "temperature-excursion", Level: level, Text: "超温 75 分钟",
	})), key
}

func (w *world) overturn(subject trace.Subject, verdict trace.Key) sent {
	key, id := w.factKey(subject, state.FactVerdictReview)
	return w.by(trace.RoleReviewer, second, w.put(key, trace.VerdictReview{
		Head: w.head(trace.RoleReviewer, second, id), Verdict: verdict, Subject: subject, Outcome: trace.OutcomeOverturned, Reason: "探头故障",
	}))
}

func (w *world) recall(id trace.LotID, codes *trace.CodeRange, active bool, undoes trace.Key) (sent, trace.Key) {
	key, fid := w.factKey(state.LotSubject(id), state.FactAction)
	a := trace.Action{Head: w.head(trace.RoleRegulator, office, fid), Kind: trace.ActionRecall, Lot: &id, Codes: codes, Reason: "检出禁用成分", Undoes: undoes}
	if !active {
		a.Kind = trace.ActionReinstate
	}
	target := state.RecallLotKey(id)
	if codes != nil {
		target = state.RecallCodesKey(*codes)
	}
	return w.by(trace.RoleRegulator, office, w.put(key, a), w.put(target, trace.Recall{Active: active, Action: key, Since: w.at()})), key
}

// open opens a stream that sells a product.
func (w *world) open(id trace.StreamID, by trace.PartyID, gtin trace.GTIN) sent {
	return w.by(trace.RoleMerchant, by, w.put(state.StreamKey(id), trace.Stream{
		Head: w.head(trace.RoleMerchant, by, string(id)), Room: "room-01", Merchant: by, Hosts: []trace.StreamHost{{Party: "host-01"}},
		Products: []trace.StreamProduct{{GTIN: gtin}}, Planned: w.at(),
		Commitment: trace.Commitment{Signatures: []trace.Signature{{Party: "host-01", At: w.at()}}},
	}))
}

func (w *world) closeStream(id trace.StreamID) sent {
	return w.by(trace.RoleMerchant, shop, w.put(state.StreamCloseKey(id), trace.StreamClose{
		Head: w.head(trace.RoleMerchant, shop, string(id)), Stream: id, Ended: w.at(),
	}))
}

// hint takes the first step of the ladder in a stream that sells a product.
func (w *world) hint(id trace.StreamID, gtin trace.GTIN) sent {
	key, fid := w.factKey(state.StreamSubject(id), state.FactAction)
	return w.by(trace.RolePlatformOperator, "operator-01",
		w.put(key, trace.Action{
			Head: w.head(trace.RolePlatformOperator, "operator-01", fid), Kind: trace.ActionHint, Stream: id, Host: "host-01", Step: 1,
			Listed: []trace.GTIN{gtin}, Basis: []trace.LegalBasis{{Law: "办法", Article: "第一条", Effective: 18_000}}, Reason: "连续违规",
		}),
		w.put(state.LadderKey(id, "host-01"), trace.LadderState{
			Steps: []trace.LadderStep{{Kind: trace.ActionHint, Action: key}}, Action: key, Since: w.at(),
		}))
}

const unitA = trace.SSCC("095200001000000018")

// kiwifruit tells the story of one lot, a few transactions to a block.
func kiwifruit(c *chain) (*world, trace.LotID) {
	w := &world{chain: c}
	id := lotOf(kiwi, "PJ261018-A")
	var all []sent
	add := func(s ...sent) { all = append(all, s...) }
	add(w.admit(office, trace.RoleRegulator), w.admit(farm, trace.RoleFarm), w.admit(lab, trace.RoleLab), w.admit(carrier, trace.RoleCarrier),
		w.admit(carrier2, trace.RoleCarrier), w.admit(shop, trace.RoleMerchant), w.admit(watcher, trace.RoleMonitor))
	add(w.licence(farm, licenceN))
	limit := trace.Limit{Head: w.head(trace.RoleRegulator, office, "spinosad"), Commodity: "kiwifruit", Substance: "spinosad", Name: "多杀霉素", Kind: trace.LimitMaximum, Source: trace.StandardSource{Standard: "GB 2763-2021", Effective: 18_000}}
	published := w.by(trace.RoleRegulator, office, w.put(state.LimitKey("kiwifruit", "spinosad"), []trace.Limit{limit}))
	published.endorsers = []string{trace.RegulatorMSP, trace.PlatformMSP, trace.LabMSP}
	add(published)
	again := w.by(trace.RoleRegulator, office, w.put(state.LimitKey("kiwifruit", "spinosad"), []trace.Limit{limit, limit}))
	again.endorsers = published.endorsers
	add(again)
	add(w.product(kiwi, farm), w.product(juice, farm))
	add(w.by(trace.RoleFarm, farm, w.put(state.PlotKey(farm, plot), trace.Plot{Head: w.head(trace.RoleFarm, farm, string(plot)), Crop: "kiwifruit", Area: 5333, Place: "蒲江基地"})))
	spray, sprayed := w.log(nil, trace.ActivitySpray, "")
	corrected, _ := w.log(nil, trace.ActivitySpray, sprayed)
	cooled, _ := w.log(&id, trace.ActivityPrecool, "")
	add(spray, corrected, w.batch(id), cooled)
	failed, failedKey := w.inspect(id, trace.JudgedFail, "")
	passed, _ := w.inspect(id, trace.JudgedPass, failedKey)
	add(failed, passed)
	add(w.activate(pack, id)...)
	add(w.unit(unitA, pack, id))
	for few := range slices.Chunk(all, 3) {
		c.add(few...)
	}
	return w, id
}

func day(year int, month time.Month, d int) trace.Date {
	return trace.TimeOf(time.Date(year, month, d, 4, 0, 0, 0, time.UTC)).Date()
}

// orchard anchors what a plot's sensors measured on some days.
func (w *world) orchard(sequence int64, days ...trace.GrowingDay) sent {
	from := days[0].Date.Start()
	return w.by(trace.RoleFarm, farm, w.put(state.SegmentKey("orchard-01", sequence), trace.Segment{
		Head: w.head(trace.RoleFarm, farm, "orchard-01"), Device: "orchard-01", Sequence: sequence, Plot: plot,
		Count: 4, From: from, To: from + 60_000, Payload: trace.DigestOf([]byte("payload")), Days: days,
	}))
}

func grown(on trace.Date, moisture trace.CentiPercent, light trace.Lux, count int) trace.GrowingDay {
	d := trace.GrowingDay{Date: on, SoilMoisture: &trace.MoistureSummary{Count: count, Minimum: moisture - 50, Maximum: moisture + 50, Mean: moisture}}
	if light > 0 {
		d.Illuminance = &trace.LightSummary{Count: count, Maximum: 2 * light, Mean: light}
	}
	return d
}
