package index_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// blocksOf follows an embedded ledger with the stock client.
func blocksOf(t *testing.T, l *contracttest.Ledger) index.Source {
	t.Helper()
	enrolment, err := l.Ledger.Enrol(trace.PlatformMSP, "indexer", map[string]string{
		trace.AttributeRole: string(trace.RoleScanner), trace.AttributeParty: "indexer-01",
	})
	require.NoError(t, err)
	block, _ := pem.Decode(enrolment.CertPEM)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	id, err := identity.NewX509Identity(trace.PlatformMSP, certificate)
	require.NoError(t, err)
	key, err := identity.PrivateKeyFromPEM(enrolment.KeyPEM)
	require.NoError(t, err)
	sign, err := identity.NewPrivateKeySign(key)
	require.NoError(t, err)
	conn := l.Conn()
	gate, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, gate.Close())
		require.NoError(t, conn.Close())
	})
	return func(ctx context.Context, from uint64, handle func(*common.Block) error) error {
		blocks, err := gate.GetNetwork(contracttest.Channel).BlockEvents(ctx, client.WithStartBlock(from))
		if err != nil {
			return err
		}
		for b := range blocks {
			if err := handle(b); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
}

// following is an index that follows a running ledger.
type following struct {
	*index.Index
	t      *testing.T
	ledger *contracttest.Ledger
}

func follow(t *testing.T, l *contracttest.Ledger) *following {
	t.Helper()
	source := blocksOf(t, l)
	x := open(t, vfs.NewMem())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- x.Follow(ctx, source) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, x.Close())
	})
	return &following{x, t, l}
}

// caughtUp waits until everything committed is folded.
func (f *following) caughtUp() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	require.NoError(f.t, f.WaitFor(ctx, f.ledger.Height()-1))
}

// anchor sends readings one minute apart: return air as given, pulp at 1 °C.
func anchor(t *testing.T, carrier *contracttest.Client, r trace.AnchorSegmentRequest, air ...trace.CentiCelsius) trace.AnchorSegmentRequest {
	t.Helper()
	readings := make([]trace.Reading, len(air))
	for i, temperature := range air {
		readings[i] = trace.Reading{
			At: r.From + trace.Time(i)*60_000, Temperatures: []trace.CentiCelsius{temperature, 100}, Humidity: 9_000,
			Shock: trace.NoShock, Fix: true, Point: trace.Point{Latitude: 30_205_123, Longitude: 103_512_456}, Speed: 800,
			SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
		}
	}
	payload, err := trace.EncodeReadings(2, readings)
	require.NoError(t, err)
	r.Count, r.To, r.Payload = len(air), readings[len(air)-1].At, trace.DigestOf(payload)
	_, err = carrier.SubmitTransient("transit:AnchorSegment", &r, map[string][]byte{trace.TransientReadings: payload},
		trace.CarrierMSP, trace.ProducerMSP, trace.RegulatorMSP)
	require.NoError(t, err)
	return r
}

// TestWholeStoryFromTheLedger tells a lot's story through the contracts on the
// embedded ledger and reads it from the index: nothing is refused, every value is the
// one on the chain, and the story, its journey and its verdict line are right.
func TestWholeStoryFromTheLedger(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	x := follow(t, k.Ledger)
	lab, carrier, next := k.Admit(trace.RoleLab, "lab-01"), k.Admit(trace.RoleCarrier, "carrier-01"), k.Admit(trace.RoleCarrier, "carrier-02")
	k.Admit(trace.RoleMerchant, "store-01")
	k.License("carrier-01", "YS-1", trace.LicenceTransport, trace.CategoryFruit)
	k.License("carrier-02", "YS-2", trace.LicenceTransport, trace.CategoryFruit)
	regulator := k.Regulator()
	regulator.Must("registry:GrantAccreditation", &trace.GrantAccreditationRequest{
		Write: k.Write(), Lab: "lab-01", Number: "CMA-1", Issuer: "市场监管总局", ValidFrom: contracttest.Day(-365), ValidTo: contracttest.Day(365),
		Items: []trace.AccreditedItem{{Category: trace.CategoryFruit, Substance: "*"}},
	})
	limit, value := trace.Decimal(50_000), trace.Decimal(10_000)
	regulator.Must("standards:PublishLimit", &trace.PublishLimitRequest{
		Write: k.Write(), Commodity: "kiwifruit", Substance: "spinosad", Name: "多杀霉素", Kind: trace.LimitMaximum, Maximum: &limit, Unit: "mg/kg",
		Source: trace.StandardSource{Standard: "GB 2763", Effective: contracttest.Day(-1000), Source: "test"},
	})

	k.Farm.Must("origin:AddLogEntry", k.SprayRequest(20))
	lot, pack := k.Batch("PJ261018-A", 40), trace.PackID("PACK0001")
	claimed := func(at trace.Time) trace.Write {
		w := k.Write()
		w.Claimed = at
		return w
	}
	k.Farm.Must("origin:IssueCertificate", &trace.IssueCertificateRequest{
		Write: k.Write(), LotID: lot, Basis: []trace.CertificateBasis{trace.BasisOwnTest}, IssuedOn: contracttest.Day(k.HarvestDay),
	})
	inspected := lab.Must("inspection:Report", &trace.ReportInspectionRequest{
		Write: k.Write(), Sample: trace.SampleLot, Lot: &lot, SampledAt: k.HarvestedAt + 1000, ReportedAt: k.HarvestedAt + 2000,
		CertificateNumber: "SC-1", Certificate: trace.DigestOf([]byte("report")),
		Items: []trace.InspectionItem{{Substance: "spinosad", Method: "GB 23200.121-2021", Result: trace.ResultNumber, Value: &value, Unit: "mg/kg"}},
	})
	k.Farm.Must("inspection:Review", &trace.ReviewRequest{Write: k.Write(), LotID: lot, Level: 1, Inspection: inspected.Record})
	k.IssuePack(pack, 40)
	k.Farm.Must("code:ActivatePack", &trace.ActivatePackRequest{Write: claimed(k.HarvestedAt + 3_600_000), Pack: pack, LotID: lot})
	k.Farm.Must("transit:PackUnit", &trace.PackUnitRequest{
		Write: claimed(k.HarvestedAt + 7_200_000), SSCC: unitA, Codes: []trace.CodeRange{{Pack: pack, First: 1, Last: 10}},
	})
	departed := contracttest.At(-34, 16*time.Hour)
	place := trace.Place{Name: "蒲江", Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000}}
	k.Farm.Must("transit:Consign", &trace.ConsignRequest{
		Write: claimed(departed), Shipment: truck, Carrier: "carrier-01", Consignee: "store-01", Lots: []trace.LotID{lot},
	})
	unused := &trace.ConsignRequest{Write: claimed(departed), Shipment: truck, Carrier: "carrier-02", Consignee: "carrier-01", Lots: []trace.LotID{lot}}
	k.Admit(trace.RoleMerchant, "stranger-01").Must("transit:Consign", unused)
	carrier.Must("transit:Dispatch", &trace.DispatchRequest{
		Write: claimed(departed), Shipment: truck, Loads: []trace.Load{{SSCC: unitA}, {Codes: &trace.CodeRange{Pack: pack, First: 11, Last: 20}}},
		From: "farm-01", Consignee: "store-01", Origin: place, Target: place, Departed: departed,
	})
	carrier.Must("transit:BindDevice", &trace.BindDeviceRequest{
		Write: claimed(departed), Device: tracker, Shipment: truck, Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}, From: departed,
	})
	first := anchor(t, carrier, trace.AnchorSegmentRequest{Device: tracker, Sequence: 1, Shipment: truck, From: departed + 60_000}, 100, 120, 600, 610, 100)
	anchor(t, carrier, trace.AnchorSegmentRequest{Device: tracker, Sequence: 2, Shipment: truck, From: first.To + 60_000, Previous: first.Payload}, 110, 100)
	carrier.Must("transit:Consign", &trace.ConsignRequest{Write: claimed(departed + 400_000), Shipment: truck, Carrier: "carrier-02"})
	next.Must("transit:Handover", &trace.HandoverRequest{
		Write: claimed(departed + 480_000), Shipment: truck, Giver: "carrier-01", At: departed + 480_000, Place: trace.Place{Name: "武汉"},
	})
	next.Must("transit:Arrive", &trace.ArriveRequest{
		Write: claimed(departed + 600_000), Shipment: truck, At: departed + 600_000, Place: trace.Place{Name: "临平"}, BadGoods: 160,
	})
	monitor, reviewer := k.Admit(trace.RoleMonitor, "monitor-01"), k.Admit(trace.RoleReviewer, "reviewer-01")
	monitor.Must("verdict:PublishRule", &trace.PublishRuleRequest{Write: k.Write(), Monitor: "coldchain", Version: "1.0", Description: "冷链", Content: trace.DigestOf([]byte("rule"))})
	given := monitor.Must("verdict:Give", &trace.GiveVerdictRequest{
		Claimed: trace.TimeOf(time.Now()), Monitor: "coldchain", Version: "1.0", Subject: state.ShipmentSubject(truck),
		Finding: "temperature-excursion", Level: trace.LevelWarning, Text: "运输超温", Input: trace.DigestOf([]byte("input")), Evidence: []trace.Key{state.ShipmentKey(truck)},
	})

	line := func(pack trace.PackID, item int64) rules.Line {
		t.Helper()
		x.caughtUp()
		f, found, err := x.PageFacts(lot, pack, item, contracttest.Day(0))
		require.NoError(t, err)
		require.True(t, found)
		return rules.VerdictLine(f)
	}
	require.Equal(t, rules.LineWarning, line(pack, 5).Level)
	reviewer.Must("verdict:Review", &trace.ReviewVerdictRequest{Write: k.Write(), Verdict: given.Record, Outcome: trace.OutcomeOverturned, Reason: "除霜"})
	good := line(pack, 5)
	require.Equal(t, rules.LineGood, good.Level, "%+v", good)
	require.Equal(t, rules.LineGood, line(pack, 15).Level)
	require.Equal(t, rules.LineIncomplete, line(pack, 30).Level, "it stayed at the farm")

	story, found, err := x.Lot(lot)
	require.NoError(t, err)
	require.True(t, found)
	require.Len(t, story.Log, 1)
	require.Len(t, story.Certificates, 1)
	require.Len(t, story.Reviews, 1)
	require.Equal(t, trace.JudgedPass, story.Inspections[0].Record.Judgement)
	require.Contains(t, story.Inspections[0].Provenance.Endorsers, trace.LabMSP)
	require.Equal(t, trace.BasisPoints(160), story.Shipments[0].Arrival.Record.BadGoods)
	require.Contains(t, story.Parties, trace.PartyID("carrier-02"))
	journey, found, err := x.Journey(lot, pack, 5)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, departed+480_000, story.Shipments[0].Bindings[0].To, "the tracker left with its carrier")
	heads := story.Shipments[0].Consignments
	require.Len(t, heads, 2, "what a stranger said under the shipment's number is not the shipment's")
	require.Equal(t, []trace.PartyID{"farm-01", "carrier-01"}, []trace.PartyID{heads[0].Record.Party, heads[1].Record.Party})
	for carrier, newest := range map[trace.PartyID]trace.Key{"carrier-01": heads[0].Provenance.Key, "carrier-02": heads[1].Provenance.Key} {
		waiting, _, err := x.List(index.ListQuery{For: carrier})
		require.NoError(t, err)
		require.Equal(t, newest, waiting[0].Key)
		for _, rec := range waiting {
			said := trace.Consignment{}
			require.NoError(t, json.Unmarshal(rec.Value, &said))
			require.Equal(t, carrier, said.Carrier, "what others wrote for this carrier, and nothing else")
		}
	}
	require.Equal(t, heads[0].Provenance.Key, journey.Steps[2].Consignment)
	require.Equal(t, heads[1].Provenance.Key, journey.Steps[3].Consignment)
	require.Equal(t, []index.StepKind{index.StepActivated, index.StepPacked, index.StepDispatched, index.StepHandedOver, index.StepArrived}, kindsOf(journey.Steps))
	require.Len(t, journey.Legs[0].Findings.Defrosts, 1)
	require.Equal(t, trace.PartyID("store-01"), journey.Holder.Party)

	regulator.Must("enforcement:TakeAction", &trace.TakeActionRequest{
		Write: k.Write(), Kind: trace.ActionRecall, Lot: &lot, Codes: &trace.CodeRange{Pack: pack, First: 5, Last: 9}, Reason: "标签错误",
		Basis: []trace.LegalBasis{{Law: "食品安全法", Article: "第六十三条", Effective: contracttest.Day(-2000)}}, Causes: []trace.Key{inspected.Record},
	})
	require.Equal(t, rules.LineRecalled, line(pack, 5).Level)
	require.Equal(t, rules.LineGood, line(pack, 4).Level)
	k.Farm.Must("code:ChangePack", &trace.ChangePackRequest{Write: k.Write(), Pack: pack, To: trace.PackFrozen, Reason: "标签待查"})
	require.Equal(t, rules.LineFrozen, line(pack, 4).Level)
	regulator.Must("registry:SetStanding", &trace.SetStandingRequest{Write: k.Write(), Party: "farm-01", Status: trace.PartySuspended, Reason: "检查"})
	x.caughtUp()

	aside, _, err := x.Rejected("", 0)
	require.NoError(t, err)
	require.Empty(t, aside)
	values := all(t, x.Index, index.ListQuery{Prefix: "", Kind: "", Limit: 50})
	require.Greater(t, len(values), 30)
	for _, rec := range values {
		onChain := contracttest.Value[json.RawMessage](k.Ledger, rec.Key)
		require.NotNil(t, onChain, rec.Key)
		require.JSONEq(t, string(*onChain), string(rec.Value), rec.Key)
		require.Contains(t, rec.Endorsers, rec.MSP)
	}

	again := follow(t, k.Ledger)
	again.caughtUp()
	require.Equal(t, dumpOf(t, x.Index), dumpOf(t, again.Index), "rebuilt from block 0")
}
