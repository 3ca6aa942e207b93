package contract_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/embedded"
)

// journey is a lot of kiwifruit on its way: 40 boxes with codes, a lab that inspects,
// two carriers, a store. Times are days from today, so that they lie in the past.
type journey struct {
	*contracttest.Kiwifruit
	t              *testing.T
	lab, secondLab *contracttest.Client
	carrier, next  *contracttest.Client
	store          *contracttest.Client
	lot            trace.LotID
	pack           trace.PackID
	departed       trace.Time
}

// Every organisation simulates on its own, so a method that is not deterministic fails
// each of these tests.
func startJourney(t *testing.T) *journey {
	k := contracttest.StartKiwifruit(contracttest.Start(t, func(c *embedded.Config) { c.SeparateEndorsers = true }))
	j := &journey{
		Kiwifruit: k, t: t, pack: "PACK0001", departed: contracttest.At(-34, 16*time.Hour),
		lab: k.Admit(trace.RoleLab, "lab-01"), secondLab: k.Admit(trace.RoleLab, "lab-02"),
		carrier: k.Admit(trace.RoleCarrier, "carrier-01"), next: k.Admit(trace.RoleCarrier, "carrier-02"),
		store: k.Admit(trace.RoleMerchant, "store-01"),
	}
	k.License("carrier-01", "YS-1", trace.LicenceTransport, trace.CategoryFruit)
	k.License("carrier-02", "YS-2", trace.LicenceTransport, trace.CategoryFruit)
	for _, lab := range []trace.PartyID{"lab-01", "lab-02"} {
		k.Regulator().Must("registry:GrantAccreditation", &trace.GrantAccreditationRequest{
			Write: k.Write(), Lab: lab, Number: "CMA-" + string(lab), Issuer: "市场监管总局",
			ValidFrom: contracttest.Day(-365), ValidTo: contracttest.Day(365),
			Items: []trace.AccreditedItem{{Category: trace.CategoryFruit, Substance: "*"}},
		})
	}
	k.Regulator().Must("standards:PublishLimit", &trace.PublishLimitRequest{
		Write: k.Write(), Commodity: "kiwifruit", Substance: "spinosad", Name: "多杀霉素", Kind: trace.LimitMaximum,
		Maximum: decimal(t, "0.05"), Unit: "mg/kg",
		Source: trace.StandardSource{Standard: "GB 2763", Effective: contracttest.Day(-1000), Source: "test"},
	})
	j.lot = k.Batch("PJ261018-A", 40)
	k.IssuePack(j.pack, 40)
	activation := &trace.ActivatePackRequest{Write: j.write(k.HarvestedAt + 3_600_000), Pack: j.pack, LotID: j.lot}
	k.Farm.Must("code:ActivatePack", activation)
	return j
}

// write is the common part of a request claimed in the past.
func (j *journey) write(claimed trace.Time) trace.Write {
	w := j.Write()
	w.Claimed = claimed
	return w
}

func (j *journey) report(value string, sampled trace.Time) *trace.ReportInspectionRequest {
	lot := j.lot
	return &trace.ReportInspectionRequest{
		Write: j.Write(), Sample: trace.SampleLot, Lot: &lot, SampledAt: sampled, ReportedAt: sampled + 1_000,
		CertificateNumber: "SC-1", Certificate: trace.DigestOf([]byte("report")),
		Items: []trace.InspectionItem{{
			Substance: "spinosad", Method: "GB 23200.121-2021", Result: trace.ResultNumber, Value: decimal(j.t, value), Unit: "mg/kg",
		}},
	}
}

func (j *journey) dispatch(id trace.ShipmentID, loads ...trace.Load) *trace.DispatchRequest {
	place := trace.Place{Name: "蒲江", Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000}}
	return &trace.DispatchRequest{
		Write: j.write(j.departed), Shipment: id, Loads: loads, From: "farm-01", Consignee: "store-01",
		Origin: place, Target: place, Departed: j.departed, Vehicle: "truck-07", Drivers: 2,
	}
}

// consign has the farm appoint a carrier for the whole lot.
func (j *journey) consign(id trace.ShipmentID, carrier trace.PartyID) trace.Key {
	return j.Farm.Must("transit:Consign", &trace.ConsignRequest{
		Write: j.write(j.departed - 3_600_000), Shipment: id, Carrier: carrier, Consignee: "store-01", Lots: []trace.LotID{j.lot},
	}).Record
}

// start has the farm consign codes and the first carrier dispatch them.
func (j *journey) start(id trace.ShipmentID, loads ...trace.Load) trace.Receipt {
	j.consign(id, "carrier-01")
	return j.carrier.Must("transit:Dispatch", j.dispatch(id, loads...))
}

func (j *journey) handover(id trace.ShipmentID, giver trace.PartyID, at trace.Time) *trace.HandoverRequest {
	return &trace.HandoverRequest{Write: j.write(at), Shipment: id, Giver: giver, At: at, Place: trace.Place{Name: "武汉"}}
}

func (j *journey) arrive(id trace.ShipmentID, at trace.Time) *trace.ArriveRequest {
	return &trace.ArriveRequest{Write: j.write(at), Shipment: id, At: at, Place: trace.Place{Name: "临平"}, BadGoods: 160}
}

func (j *journey) codes(first, last int64) trace.Load {
	return trace.Load{Codes: &trace.CodeRange{Pack: j.pack, First: first, Last: last}}
}

func sscc(serial int) trace.SSCC {
	data := fmt.Sprintf("0952000010%07d", serial)
	return trace.SSCC(data + string(trace.CheckDigit(data)))
}

// holders lists who has the pack's items, run by run.
func (j *journey) holders() []string {
	custody := contracttest.Value[trace.PackCustody](j.Ledger, state.PackCustodyKey(j.pack))
	var out []string
	for _, s := range custody.Spans {
		out = append(out, fmt.Sprintf("%d-%d %s", s.First, s.Last, rules.HolderName(s.Holder)))
	}
	return out
}

func TestInspectionOnTheLedger(t *testing.T) {
	j := startJourney(t)
	sampled := j.HarvestedAt + 3_600_000
	failed := j.lab.Must("inspection:Report", j.report("0.06", sampled))
	require.Equal(t, "fail", failed.Result)
	record := contracttest.Value[trace.Inspection](j.Ledger, failed.Record)
	require.Equal(t, "CMA-lab-01", record.Accreditation)
	require.Equal(t, "GB 2763", record.Items[0].Limit.Source.Standard)

	retest := j.report("0.01", sampled+7_200_000)
	retest.Supersedes = failed.Record
	passed := j.secondLab.Must("inspection:Report", retest)
	require.Equal(t, "pass", passed.Result)
	again := j.report("0.01", sampled+7_200_000)
	again.Supersedes = failed.Record
	j.lab.Refused(trace.CodeState, "inspection:Report", again)

	// A correction takes the place of what it corrects, too; only its author corrects.
	typo := j.lab.Must("inspection:Report", j.report("0.6", sampled))
	correct := j.report("0.006", sampled)
	correct.Corrects, correct.CorrectionReason = typo.Record, "小数点错误"
	j.secondLab.Refused(trace.CodeForbidden, "inspection:Report", correct)
	j.lab.Must("inspection:Report", correct)
	correct.Write = j.Write()
	correct.Corrects, correct.CorrectionReason = typo.Record, "再改一次"
	j.lab.Refused(trace.CodeState, "inspection:Report", correct)

	j.lab.Refused(trace.CodeChronology, "inspection:Report", j.report("0.01", j.HarvestedAt-1))
	j.Farm.Refused(trace.CodeForbidden, "inspection:Report", j.report("0.01", sampled))
	j.Admit(trace.RoleLab, "lab-03").Refused(trace.CodeNotAccredited, "inspection:Report", j.report("0.01", sampled))
	unknown := j.report("0.01", sampled)
	unknown.Items[0].Substance = "forchlorfenuron"
	require.Equal(t, "no-limit", j.lab.Must("inspection:Report", unknown).Result)

	plot := j.report("0.01", j.HarvestedAt-24*3_600_000)
	plot.Sample, plot.Lot, plot.Producer, plot.Plot, plot.Season = trace.SamplePlot, nil, "farm-01", j.Plot, j.Season
	early := j.lab.Must("inspection:Report", plot)
	require.Equal(t, "pass", early.Result)

	// The levels of review build on each other.
	review := func(level int, inspection trace.Key, pass bool) *trace.ReviewRequest {
		return &trace.ReviewRequest{Write: j.Write(), LotID: j.lot, Level: level, Inspection: inspection, Pass: pass}
	}
	j.lab.Refused(trace.CodeReview, "inspection:Review", review(2, passed.Record, true))
	require.Equal(t, "fail", j.Farm.Must("inspection:Review", review(1, failed.Record, false)).Result)
	j.lab.Refused(trace.CodeReview, "inspection:Review", review(2, failed.Record, true))
	require.Equal(t, "pass", j.Farm.Must("inspection:Review", review(1, early.Record, false)).Result, "the plot's sample vouches for its season")
	first := j.Farm.Must("inspection:Review", review(1, passed.Record, false))
	require.Equal(t, "pass", first.Result)
	require.Len(t, contracttest.Value[trace.Review](j.Ledger, first.Record).Checks, 4)
	j.secondLab.Refused(trace.CodeOwnLot, "inspection:Review", review(2, passed.Record, true))
	panel := &trace.ReviewRequest{Write: j.Write(), LotID: j.lot, Level: 3, Panel: 5, Satisfied: 4, Pass: true}
	panellists := j.Admit(trace.RoleConsumerPanel, "panel-01")
	panellists.Refused(trace.CodeReview, "inspection:Review", panel)
	j.lab.Must("inspection:Review", review(2, passed.Record, true))
	panellists.Must("inspection:Review", panel)
}

func TestCustodyOnTheLedger(t *testing.T) {
	j := startJourney(t)
	unit := sscc(1)
	pack := &trace.PackUnitRequest{Write: j.write(j.HarvestedAt + 7_200_000), SSCC: unit, Codes: []trace.CodeRange{{Pack: j.pack, First: 1, Last: 10}}}
	j.Farm.Must("transit:PackUnit", pack)
	other := *pack
	other.Write, other.SSCC = j.write(pack.Claimed), sscc(2)
	j.Farm.Refused(trace.CodeCustody, "transit:PackUnit", &other)
	j.Farm.Refused(trace.CodeAlreadyRecorded, "transit:PackUnit", pack)

	j.carrier.Refused(trace.CodeCustody, "transit:Dispatch", j.dispatch("ship-01", j.codes(10, 20))) // 10 is in the unit
	stranger := j.dispatch("ship-01", j.codes(11, 20))
	stranger.From = "carrier-02"
	j.carrier.Refused(trace.CodeCustody, "transit:Dispatch", stranger)
	unlicensed := j.Admit(trace.RoleCarrier, "carrier-03")
	unlicensed.Refused(trace.CodeLicence, "transit:Dispatch", j.dispatch("ship-01", j.codes(11, 20)))
	early := j.dispatch("ship-01", j.codes(11, 20))
	early.Departed = j.HarvestedAt + 60_000 // before the codes were activated
	j.carrier.Refused(trace.CodeChronology, "transit:Dispatch", early)
	nobody := j.dispatch("ship-01", j.codes(11, 20))
	nobody.Consignee = "store-99"
	j.carrier.Refused(trace.CodeUnknownParty, "transit:Dispatch", nobody)

	dispatch := j.dispatch("ship-01", j.codes(11, 20), trace.Load{SSCC: unit})
	word := j.consign("ship-01", "carrier-01")
	receipt := j.carrier.Must("transit:Dispatch", dispatch)
	shipment := contracttest.Value[trace.Shipment](j.Ledger, receipt.Record)
	require.Equal(t, []trace.CodeRange{{Pack: j.pack, First: 1, Last: 10}, {Pack: j.pack, First: 11, Last: 20}}, shipment.Codes)
	require.Equal(t, []trace.LotID{j.lot}, shipment.Lots)
	require.Equal(t, word, shipment.Consignment)
	require.Equal(t, []trace.Category{trace.CategoryFruit}, shipment.Categories)
	require.EqualValues(t, 500, shipment.Range.Maximum)
	require.EqualValues(t, 900, shipment.GapSeconds)
	require.Equal(t, []string{"1-10 logistic unit " + string(unit), "11-20 shipment ship-01", "21-40 party farm-01"}, j.holders())
	j.carrier.Refused(trace.CodeAlreadyRecorded, "transit:Dispatch", dispatch)
	j.next.Refused(trace.CodeAlreadyExists, "transit:Dispatch", j.dispatch("ship-01", j.codes(21, 30)))
	j.next.Refused(trace.CodeCustody, "transit:Dispatch", j.dispatch("ship-02", j.codes(20, 21))) // 20 left
	j.next.Refused(trace.CodeCustody, "transit:Dispatch", j.dispatch("ship-02", trace.Load{SSCC: unit}))

	// From carrier to carrier to the store.
	at := j.departed + 3_600_000
	j.next.Refused(trace.CodeCustody, "transit:Handover", j.handover("ship-01", "carrier-03", at))
	j.next.Refused(trace.CodeChronology, "transit:Handover", j.handover("ship-01", "carrier-01", j.departed-1))
	j.next.Refused(trace.CodeNotFound, "transit:Handover", j.handover("ship-09", "carrier-01", at))
	unlicensed.Refused(trace.CodeLicence, "transit:Handover", j.handover("ship-01", "carrier-01", at))
	j.carrier.Must("transit:Consign", &trace.ConsignRequest{Write: j.write(at), Shipment: "ship-01", Carrier: "carrier-02"})
	j.next.Must("transit:Handover", j.handover("ship-01", "carrier-01", at))
	j.carrier.Refused(trace.CodeCustody, "transit:Arrive", j.arrive("ship-01", at+1))
	j.next.Must("transit:Arrive", j.arrive("ship-01", at+3_600_000))
	j.next.Refused(trace.CodeState, "transit:Arrive", j.arrive("ship-01", at+3_600_001))
	require.Equal(t, []string{"1-10 logistic unit " + string(unit), "11-20 party store-01", "21-40 party farm-01"}, j.holders())
	held := contracttest.Value[trace.UnitCustody](j.Ledger, state.UnitCustodyKey(unit))
	require.Equal(t, trace.PartyID("store-01"), held.Holder.Party)
	status := contracttest.Value[trace.ShipmentStatus](j.Ledger, state.ShipmentStatusKey("ship-01"))
	require.Equal(t, []trace.PartyID{"carrier-01", "carrier-02"}, status.Carriers)

	// The store sends the unit on.
	onward := j.dispatch("ship-03", trace.Load{SSCC: unit})
	onward.From, onward.Consignee, onward.Departed = "store-01", "farm-01", at+7_200_000
	j.carrier.Refused(trace.CodeConsignment, "transit:Dispatch", onward)
	j.store.Must("transit:Consign", &trace.ConsignRequest{
		Write: j.write(onward.Departed), Shipment: "ship-03", Carrier: "carrier-01", Consignee: "farm-01", Loads: onward.Loads,
	})
	j.carrier.Must("transit:Dispatch", onward)

	// A frozen pack stays where it is.
	freeze := &trace.ChangePackRequest{Write: j.Write(), Pack: j.pack, To: trace.PackFrozen, Reason: "标签待查"}
	j.Farm.Must("code:ChangePack", freeze)
	j.next.Refused(trace.CodeState, "transit:Dispatch", j.dispatch("ship-04", j.codes(21, 30)))
}

// segment packs readings of two probes from a time on, one a minute.
func segment(t testing.TB, r *trace.AnchorSegmentRequest, temperatures ...trace.CentiCelsius) (*trace.AnchorSegmentRequest, map[string][]byte) {
	readings := make([]trace.Reading, len(temperatures))
	for i, air := range temperatures {
		readings[i] = trace.Reading{
			At: r.From + trace.Time(i)*60_000, Temperatures: []trace.CentiCelsius{air, 100}, Humidity: 9_000, Shock: trace.NoShock,
			Fix: true, Point: trace.Point{Latitude: 30_205_123, Longitude: 103_512_456}, Speed: 800,
			SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
		}
	}
	payload, err := trace.EncodeReadings(2, readings)
	require.NoError(t, err)
	next := *r
	next.Count, next.To, next.Payload = len(readings), readings[len(readings)-1].At, trace.DigestOf(payload)
	return &next, map[string][]byte{trace.TransientReadings: payload}
}

func TestSegmentsOnTheLedger(t *testing.T) {
	j := startJourney(t)
	j.start("ship-01", j.codes(1, 20))
	bind := &trace.BindDeviceRequest{
		Write: j.write(j.departed), Device: "dev-01", Shipment: "ship-01", Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}, From: j.departed,
	}
	j.next.Refused(trace.CodeForbidden, "transit:BindDevice", bind)
	j.carrier.Must("transit:BindDevice", bind)
	anchor := func(c *contracttest.Client, r *trace.AnchorSegmentRequest, payload map[string][]byte) (trace.Receipt, error) {
		return c.SubmitTransient("transit:AnchorSegment", r, payload, trace.CarrierMSP, trace.ProducerMSP, trace.RegulatorMSP)
	}
	refused := func(code trace.Code, r *trace.AnchorSegmentRequest, payload map[string][]byte) {
		t.Helper()
		_, err := anchor(j.carrier, r, payload)
		require.Equal(t, code, trace.CodeOf(err), "%v", err)
	}
	base := &trace.AnchorSegmentRequest{Device: "dev-01", Sequence: 1, Shipment: "ship-01", From: j.departed + 60_000}
	first, payload := segment(t, base, 100, 600, 620, 100)
	receipt, err := anchor(j.carrier, first, payload)
	require.NoError(t, err)
	require.Equal(t, state.SegmentKey("dev-01", 1), receipt.Record)
	record := contracttest.Value[trace.Segment](j.Ledger, receipt.Record)
	require.Equal(t, first.To, record.Claimed)
	require.Len(t, record.Breaches, 1)
	require.EqualValues(t, 620, record.Breaches[0].Peak)
	require.Equal(t, trace.Point{Latitude: 30_210_000, Longitude: 103_510_000}, *record.First)
	refused(trace.CodeAlreadyRecorded, first, payload)

	other, otherPayload := segment(t, base, 100, 101)
	refused(trace.CodeSequence, other, otherPayload)
	second := *base
	second.Sequence, second.Previous, second.From = 2, first.Payload, first.To+60_000
	good, goodPayload := segment(t, &second, 100, 110)
	_, err = anchor(j.next, good, goodPayload)
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(err), "another's device")
	refused(trace.CodeMissing, good, map[string][]byte{"other": nil})
	refused(trace.CodeSegment, good, payload)
	wrong := *good
	wrong.Count++
	refused(trace.CodeSegment, &wrong, goodPayload)
	hot, hotPayload := segment(t, &second, 100, 7_001)
	refused(trace.CodeOutOfRange, hot, hotPayload)
	before := second
	before.From = j.departed - 10*60_000
	unbound, unboundPayload := segment(t, &before, 100)
	refused(trace.CodeState, unbound, unboundPayload)
	unknown := *good
	unknown.Device = "dev-99"
	refused(trace.CodeNotFound, &unknown, goodPayload)

	// Late, after the arrival and out of order, is fine; after the arrival's own time is not.
	arrived := j.departed + 24*3_600_000
	j.carrier.Must("transit:Arrive", j.arrive("ship-01", arrived))
	third := second
	third.Sequence, third.Previous, third.From = 3, good.Payload, good.To+60_000
	late, latePayload := segment(t, &third, 100, 90)
	_, err = anchor(j.carrier, late, latePayload)
	require.NoError(t, err)
	_, err = anchor(j.carrier, good, goodPayload)
	require.NoError(t, err)
	beyond := third
	beyond.Sequence, beyond.Previous, beyond.From = 4, late.Payload, arrived+6*60_000
	after, afterPayload := segment(t, &beyond, 100)
	refused(trace.CodeChronology, after, afterPayload)

	// A farm's sensor on its plot.
	j.Farm.Refused(trace.CodeNotFound, "transit:BindDevice", &trace.BindDeviceRequest{Write: j.Write(), Device: "dev-02", Plot: "plot-99", From: j.departed})
	j.Farm.Must("transit:BindDevice", &trace.BindDeviceRequest{Write: j.Write(), Device: "dev-02", Plot: j.Plot, Probes: []string{"air", "soil"}, From: j.departed})
	orchard, orchardPayload := segment(t, &trace.AnchorSegmentRequest{Device: "dev-02", Sequence: 1, Plot: j.Plot, From: j.departed}, 1_500, 1_600)
	_, err = j.Farm.SubmitTransient("transit:AnchorSegment", orchard, orchardPayload, trace.ProducerMSP, trace.CarrierMSP, trace.RegulatorMSP)
	require.NoError(t, err)
}

func TestVerdictsOnTheLedger(t *testing.T) {
	j := startJourney(t)
	shipment := j.start("ship-01", j.codes(1, 20))
	monitor, reviewer := j.Admit(trace.RoleMonitor, "monitor-01"), j.Admit(trace.RoleReviewer, "reviewer-01")
	verdict := func() *trace.GiveVerdictRequest {
		return &trace.GiveVerdictRequest{
			Claimed: trace.TimeOf(time.Now()), Monitor: "coldchain", Version: "1.0", Subject: state.ShipmentSubject("ship-01"),
			Finding: "temperature-excursion", Level: trace.LevelWarning, Text: "运输超温", Input: trace.DigestOf([]byte("input")), Evidence: []trace.Key{shipment.Record},
		}
	}
	monitor.Refused(trace.CodeNotFound, "verdict:Give", verdict())
	monitor.Must("verdict:PublishRule", &trace.PublishRuleRequest{Write: j.Write(), Monitor: "coldchain", Version: "1.0", Description: "冷链", Content: trace.DigestOf([]byte("rule"))})
	for name, change := range map[string]func(*trace.GiveVerdictRequest){
		"nothing there": func(r *trace.GiveVerdictRequest) { r.Evidence = []trace.Key{state.ShipmentKey("ship-09")} },
		"a balance":     func(r *trace.GiveVerdictRequest) { r.Evidence = []trace.Key{state.ShipmentStatusKey("ship-01")} },
		"a guard":       func(r *trace.GiveVerdictRequest) { r.Evidence = []trace.Key{state.GuardKey(trace.LabMSP, 1)} },
		"no key":        func(r *trace.GiveVerdictRequest) { r.Evidence = []trace.Key{"x"} },
	} {
		r := verdict()
		change(r)
		require.NotNil(t, monitor.Refused(trace.CodeNotFound, "verdict:Give", r), name)
	}
	bad := verdict()
	bad.Subject.ID = "Ship 01"
	monitor.Refused(trace.CodeInvalid, "verdict:Give", bad)
	j.Admit(trace.RoleMonitor, "monitor-02").Refused(trace.CodeForbidden, "verdict:Give", verdict())

	given := monitor.Must("verdict:Give", verdict())
	later := verdict()
	later.Claimed++
	again := monitor.Refused(trace.CodeAlreadyRecorded, "verdict:Give", later)
	require.Equal(t, string(given.Record), lastWord(again.Message))
	other := verdict()
	other.Level = trace.LevelViolation
	monitor.Refused(trace.CodeAlreadyExists, "verdict:Give", other)

	review := &trace.ReviewVerdictRequest{Write: j.Write(), Verdict: given.Record, Outcome: trace.OutcomeOverturned}
	reviewer.Refused(trace.CodeMissing, "verdict:Review", review)
	monitor.Refused(trace.CodeForbidden, "verdict:Review", review)
	review.Reason = "传感器故障"
	reviewer.Must("verdict:Review", review)
	reviewer.Refused(trace.CodeAlreadyRecorded, "verdict:Review", review)
	second := &trace.ReviewVerdictRequest{Write: j.Write(), Verdict: given.Record, Outcome: trace.OutcomeConfirmed}
	reviewer.Refused(trace.CodeAlreadyExists, "verdict:Review", second)
	reviewer.Refused(trace.CodeInvalid, "verdict:Review", &trace.ReviewVerdictRequest{Write: j.Write(), Verdict: shipment.Record, Outcome: trace.OutcomeConfirmed})

	// An overturned verdict is no cause.
	lot := j.lot
	j.Regulator().Refused(trace.CodeBasis, "enforcement:TakeAction", &trace.TakeActionRequest{
		Write: j.Write(), Kind: trace.ActionRecall, Lot: &lot, Reason: "超温", Basis: basis(), Causes: []trace.Key{given.Record},
	})
}

func basis() []trace.LegalBasis {
	return []trace.LegalBasis{{Law: "食品安全法", Article: "第六十三条", Effective: contracttest.Day(-2000)}}
}

func TestRecallAndReinstatementOnTheLedger(t *testing.T) {
	j := startJourney(t)
	lot := j.lot
	failed := j.lab.Must("inspection:Report", j.report("0.06", j.HarvestedAt+3_600_000))
	recall := func(codes *trace.CodeRange) *trace.TakeActionRequest {
		return &trace.TakeActionRequest{
			Write: j.Write(), Kind: trace.ActionRecall, Lot: &lot, Codes: codes, Reason: "农残超标", Basis: basis(), Causes: []trace.Key{failed.Record},
		}
	}
	missing := recall(nil)
	missing.Causes = []trace.Key{state.FactKey(state.LotSubject(lot), 0, state.FactInspection, "00112233445566778899aabbccddeeff")}
	j.Regulator().Refused(trace.CodeBasis, "enforcement:TakeAction", missing)
	desk := j.Admit(trace.RoleConsumerDesk, "desk-01")
	desk.Refused(trace.CodeForbidden, "enforcement:TakeAction", recall(nil))

	// A run of codes: the others still travel.
	j.Regulator().Must("enforcement:TakeAction", recall(&trace.CodeRange{Pack: j.pack, First: 5, Last: 9}))
	j.carrier.Refused(trace.CodeRecalled, "transit:Dispatch", j.dispatch("ship-01", j.codes(9, 20)))
	j.start("ship-01", j.codes(10, 20))

	// The whole lot.
	taken := j.Regulator().Must("enforcement:TakeAction", recall(nil))
	j.Regulator().Refused(trace.CodeState, "enforcement:TakeAction", recall(nil))
	j.carrier.Refused(trace.CodeRecalled, "transit:Dispatch", j.dispatch("ship-02", j.codes(21, 30)))
	holds := contracttest.Value[trace.Recall](j.Ledger, state.RecallLotKey(lot))
	require.Equal(t, taken.Record, holds.Action)
	require.True(t, holds.Active)

	reinstate := recall(nil)
	reinstate.Kind, reinstate.Undoes, reinstate.Rectification = trace.ActionReinstate, taken.Record, trace.DigestOf([]byte("整改报告"))
	j.Regulator().Refused(trace.CodeReview, "enforcement:TakeAction", reinstate)
	wrongTarget := *reinstate
	wrongTarget.Write, wrongTarget.Lot, wrongTarget.GTIN = j.Write(), nil, lot.GTIN
	j.Regulator().Refused(trace.CodeInvalid, "enforcement:TakeAction", &wrongTarget)
	require.Eventually(t, func() bool { return trace.TimeOf(time.Now()) > holds.Since }, time.Minute, time.Millisecond)
	passed := j.lab.Must("inspection:Report", j.report("0.01", trace.TimeOf(time.Now())))
	j.Farm.Must("inspection:Review", &trace.ReviewRequest{Write: j.Write(), LotID: lot, Level: 1, Inspection: passed.Record})
	review := j.secondLab.Must("inspection:Review", &trace.ReviewRequest{Write: j.Write(), LotID: lot, Level: 2, Inspection: passed.Record, Pass: true})
	reinstate.Inspection, reinstate.Review = passed.Record, review.Record
	j.Regulator().Must("enforcement:TakeAction", reinstate)
	require.False(t, contracttest.Value[trace.Recall](j.Ledger, state.RecallLotKey(lot)).Active)
	j.start("ship-02", j.codes(21, 30))

	// The platform delists a product and alone lifts it.
	delist := &trace.TakeActionRequest{Write: j.Write(), Kind: trace.ActionDelist, GTIN: lot.GTIN, Reason: "投诉集中", Basis: basis(), Causes: []trace.Key{failed.Record}}
	off := desk.Must("enforcement:TakeAction", delist)
	lift := *delist
	lift.Write, lift.Kind, lift.Undoes, lift.Rectification = j.Write(), trace.ActionReinstate, off.Record, trace.DigestOf([]byte("整改"))
	j.Regulator().Refused(trace.CodeForbidden, "enforcement:TakeAction", &lift)
	desk.Must("enforcement:TakeAction", &lift)
	require.False(t, contracttest.Value[trace.Recall](j.Ledger, state.DelistProductKey(lot.GTIN)).Active)

	// The regulator is not kept out by a delisting of the platform, which cannot lift the regulator's.
	again := *delist
	again.Write = j.Write()
	off = desk.Must("enforcement:TakeAction", &again)
	again.Write = j.Write()
	j.Regulator().Must("enforcement:TakeAction", &again)
	lift.Write, lift.Undoes = j.Write(), off.Record
	desk.Refused(trace.CodeState, "enforcement:TakeAction", &lift)
	require.True(t, contracttest.Value[trace.Recall](j.Ledger, state.DelistProductKey(lot.GTIN)).Active)
}
