package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
)

func packChange(pack trace.PackID, to trace.PackState, reason string) *trace.ChangePackRequest {
	return &trace.ChangePackRequest{Write: writing(at(time.October, 25, 9, 0)), Pack: pack, To: to, Reason: reason}
}

func activation(pack trace.PackID, lot trace.LotID) *trace.ActivatePackRequest {
	return &trace.ActivatePackRequest{Write: writing(at(time.October, 19, 9, 0)), Pack: pack, LotID: lot}
}

// badCodes are packs that may not be bound or changed like this.
func (b *badHouse) badCodes(t *testing.T) {
	plot := b.plotOf(t, "plot-codes", 5_333)
	lot, other := b.lotOf(t, "CODES-1", plot, 100), b.lotOf(t, "CODES-2", plot, 100)
	const activations, changes = "/code-pack-activations", "/code-pack-changes"
	t.Run("more codes than the lot", func(t *testing.T) {
		order := api.CodeOrder{Count: 101, Lot: &lot, Claimed: at(time.October, 19, 9, 0)}
		b.refused(t, signFarm, "/code-orders", order, 422, trace.CodeTooManyCodes, "101", "100", "CODES-1")
		order.Lot = &trace.LotID{GTIN: demoKiwifruit, Lot: "NOWHERE"}
		b.refused(t, signFarm, "/code-orders", order, 404, trace.CodeNotFound, "NOWHERE")
		roll := b.packOf(t, "BAD00101", 101, nil)
		b.refused(t, signFarm, activations, activation(roll, lot), 422, trace.CodeTooManyCodes, "101", "100", "CODES-1")
	})
	t.Run("rebinding", func(t *testing.T) {
		pack := b.packOf(t, "BAD00001", 60, &lot)
		b.refused(t, signFarm, activations, activation(pack, other), 409, trace.CodeRebind, string(pack), "CODES-1")
		b.refused(t, signFarm, "/code-orders", api.CodeOrder{Count: 60, Lot: &other, Pack: pack, Claimed: at(time.October, 19, 9, 0)}, 409, trace.CodeRebind, string(pack), "CODES-1")
		rest := b.packOf(t, "BAD00002", 41, nil)
		b.refused(t, signFarm, activations, activation(rest, lot), 422, trace.CodeTooManyCodes, "41", "40")
	})
	t.Run("pack nobody issued", func(t *testing.T) {
		b.refused(t, signFarm, activations, activation("BAD0N0NE", lot), 404, trace.CodeNotFound, "BAD0N0NE")
		b.refused(t, signFarm, changes, packChange("BAD0N0NE", trace.PackFrozen, "核查"), 404, trace.CodeNotFound, "BAD0N0NE")
	})
	t.Run("bound before the harvest", func(t *testing.T) {
		early := activation(b.packOf(t, "BAD00003", 1, nil), other)
		early.Claimed = at(time.October, 17, 9, 0)
		b.refused(t, signFarm, activations, early, 422, trace.CodeChronology, "2026-10-17", "CODES-2")
	})
	t.Run("void", func(t *testing.T) {
		pack := b.packOf(t, "BAD00004", 2, nil)
		b.refused(t, signFarm, changes, packChange(pack, trace.PackVoid, ""), 400, trace.CodeMissing, "reason")
		b.refused(t, signFarm, changes, packChange(pack, "burnt", "标签印错"), 400, trace.CodeInvalid, "burnt", "frozen", "void")
		b.refused(t, signFarm, changes, packChange(pack, trace.PackActive, "标签印错"), 409, trace.CodeState, string(pack), "issued")
		b.accepted(t, signFarm, changes, packChange(pack, trace.PackVoid, "标签印错"))
		b.refused(t, signFarm, activations, activation(pack, other), 409, trace.CodeState, string(pack), "void")
		b.refused(t, signFarm, changes, packChange(pack, trace.PackActive, "又好了"), 409, trace.CodeState, string(pack), "void for ever", "标签印错")
	})
	t.Run("frozen by the regulator", func(t *testing.T) {
		pack := b.packOf(t, "BAD00005", 2, &other)
		b.accepted(t, signRegulator, changes, packChange(pack, trace.PackFrozen, "核查产地"))
		b.refused(t, signFarm, changes, packChange(pack, trace.PackActive, "我们查过了"), 403, trace.CodeForbidden, string(pack), "regulator")
		b.refused(t, signCarrier, "/shipments", b.dispatch("sh-frozen", pack, 1, 2), 409, trace.CodeState, string(pack), "frozen")
	})
}

func (b *badHouse) dispatch(shipment trace.ShipmentID, pack trace.PackID, first, last int64) *trace.DispatchRequest {
	return &trace.DispatchRequest{
		Write: writing(at(time.October, 20, 17, 0)), Shipment: shipment, From: "farm-pujiang-01", Consignee: "merchant-hangzhou-01",
		Loads:  []trace.Load{{Codes: &trace.CodeRange{Pack: pack, First: first, Last: last}}},
		Origin: trace.Place{Name: "蒲江县", Point: pujiang}, Target: trace.Place{Name: "杭州市", Point: hangzhou}, Departed: at(time.October, 20, 16, 0),
	}
}

// consign has the farm appoint a carrier for what a dispatch takes.
func (b *badHouse) consign(t *testing.T, carrier trace.PartyID, r *trace.DispatchRequest) {
	t.Helper()
	b.accepted(t, signFarm, "/consignments", &trace.ConsignRequest{
		Write: writing(at(time.October, 20, 15, 0)), Shipment: r.Shipment, Carrier: carrier, Consignee: r.Consignee, Loads: r.Loads,
	})
}

// badCustody breaks or doubles the chain of custody.
func (b *badHouse) badCustody(t *testing.T) {
	plot := b.plotOf(t, "plot-custody", 5_333)
	lot := b.lotOf(t, "CUSTODY-1", plot, 100)
	pack := b.packOf(t, "CVST0001", 100, &lot)
	roll := b.packOf(t, "CVST0002", 10, nil)
	with := func(change func(*trace.DispatchRequest)) *trace.DispatchRequest {
		r := b.dispatch("sh-bad", pack, 1, 100)
		change(r)
		return r
	}
	for _, c := range []struct {
		name    string
		status  int
		code    trace.Code
		words   []string
		request *trace.DispatchRequest
	}{
		{"from somebody who does not hold it", 409, trace.CodeCustody, []string{string(pack), "farm-pujiang-01", "merchant-hangzhou-01"}, with(func(r *trace.DispatchRequest) { r.From, r.Consignee = "merchant-hangzhou-01", "platform-desk-01" })},
		{"codes on another truck", 409, trace.CodeCustody, []string{string(demoPack)}, with(func(r *trace.DispatchRequest) { r.Loads[0].Codes.Pack = demoPack })},
		{"unit that arrived elsewhere", 409, trace.CodeCustody, []string{"095200001000000018"}, with(func(r *trace.DispatchRequest) { r.Loads = []trace.Load{{SSCC: "095200001000000018"}} })},
		{"unit with a wrong check digit", 400, trace.CodeCheckDigit, []string{"095200001000000012", "1"}, with(func(r *trace.DispatchRequest) { r.Loads = []trace.Load{{SSCC: "095200001000000012"}} })},
		{"unit nobody packed", 404, trace.CodeNotFound, []string{"095200000000000998"[:17]}, with(func(r *trace.DispatchRequest) {
			data := "09520000000000099"
			r.Loads = []trace.Load{{SSCC: trace.SSCC(data + string(trace.CheckDigit(data)))}}
		})},
		{"the same codes twice", 409, trace.CodeCustody, []string{string(pack), "twice"}, with(func(r *trace.DispatchRequest) {
			r.Loads = append(r.Loads, trace.Load{Codes: &trace.CodeRange{Pack: pack, First: 100, Last: 100}})
		})},
		{"more codes than the pack", 400, trace.CodeInvalid, []string{string(pack), "101", "100"}, with(func(r *trace.DispatchRequest) { r.Loads[0].Codes.Last = 101 })},
		{"codes of no lot", 409, trace.CodeState, []string{string(roll), "issued"}, with(func(r *trace.DispatchRequest) { *r.Loads[0].Codes = trace.CodeRange{Pack: roll, First: 1, Last: 1} })},
		{"departed before the harvest", 422, trace.CodeChronology, []string{"CUSTODY-1"}, with(func(r *trace.DispatchRequest) { r.Departed = at(time.October, 17, 9, 0) })},
		{"consignee nobody admitted", 403, trace.CodeUnknownParty, []string{"merchant-nobody"}, with(func(r *trace.DispatchRequest) { r.Consignee = "merchant-nobody" })},
		{"impossible place", 422, trace.CodeOutOfRange, []string{"200"}, with(func(r *trace.DispatchRequest) { r.Target.Point.Longitude = 200_000_000 })},
		{"number plate", 400, trace.CodeInvalid, []string{"vehicle", "川A12345"}, with(func(r *trace.DispatchRequest) { r.Vehicle = "川A12345" })},
	} {
		t.Run(c.name, func(t *testing.T) { b.refused(t, signCarrier, "/shipments", c.request, c.status, c.code, c.words...) })
	}
	consign := &trace.ConsignRequest{
		Write: writing(at(time.October, 20, 15, 0)), Shipment: "sh-custody", Carrier: "carrier-sichuan-01", Consignee: "merchant-hangzhou-01", Loads: b.dispatch("", pack, 1, 50).Loads,
	}
	onward := &trace.ConsignRequest{Write: writing(at(time.October, 21, 7, 0)), Shipment: "sh-custody", Carrier: "carrier-zhejiang-01"}
	t.Run("without the holder's word", func(t *testing.T) {
		b.refused(t, signCarrier, "/shipments", b.dispatch("sh-custody", pack, 1, 50), 403, trace.CodeConsignment, "farm-pujiang-01", "sh-custody")
		nobody := *consign
		nobody.Carrier = "lab-chengdu-01"
		b.refused(t, signFarm, "/consignments", &nobody, 400, trace.CodeInvalid, "lab-chengdu-01", "carrier")
		b.refused(t, signLab, "/consignments", consign, 403, trace.CodeForbidden)
		b.refused(t, signFarm, "/consignments", onward, 404, trace.CodeNotFound, "sh-custody", "consignee")
		b.accepted(t, signFarm, "/consignments", consign)
		b.refused(t, signCarrierTwo, "/shipments", b.dispatch("sh-custody", pack, 1, 50), 403, trace.CodeConsignment, "carrier-sichuan-01", "carrier-zhejiang-01")
		b.refused(t, signCarrier, "/shipments", b.dispatch("sh-custody", pack, 1, 51), 403, trace.CodeConsignment, "1 to 51", string(pack))
	})
	b.accepted(t, signCarrier, "/shipments", b.dispatch("sh-custody", pack, 1, 50))
	t.Run("out of a carrier's scope", func(t *testing.T) {
		cosmetics := *onward
		cosmetics.Carrier = "carrier-guangdong-01"
		b.accepted(t, signCarrier, "/consignments", &cosmetics)
		b.refused(t, "carrier-guangdong-01@carrier", "/handovers", &trace.HandoverRequest{
			Write: writing(at(time.October, 21, 9, 0)), Shipment: "sh-custody", Giver: "carrier-sichuan-01", At: at(time.October, 21, 8, 0), Place: trace.Place{Name: "金华", Point: hangzhou},
		}, 403, trace.CodeLicence, "fruit", "carrier-guangdong-01")
	})
	place := trace.Place{Name: "金华", Point: hangzhou}
	handover := func(giver trace.PartyID) *trace.HandoverRequest {
		return &trace.HandoverRequest{Write: writing(at(time.October, 21, 9, 0)), Shipment: "sh-custody", Giver: giver, At: at(time.October, 21, 8, 0), Place: place}
	}
	arrive := &trace.ArriveRequest{Write: writing(at(time.October, 22, 9, 0)), Shipment: "sh-custody", At: at(time.October, 22, 8, 0), Place: place}
	t.Run("on the way", func(t *testing.T) {
		b.refused(t, signCarrier, "/shipments", b.dispatch("sh-custody-2", pack, 40, 60), 409, trace.CodeCustody, string(pack), "40 to 50", "sh-custody")
		b.refused(t, signCarrierTwo, "/handovers", handover("carrier-guangdong-01"), 409, trace.CodeCustody, "sh-custody", "carrier-sichuan-01")
		b.refused(t, signCarrierTwo, "/arrivals", arrive, 409, trace.CodeCustody, "sh-custody", "carrier-sichuan-01", "carrier-zhejiang-01")
		early := handover("carrier-sichuan-01")
		early.At = at(time.October, 20, 15, 0)
		b.refused(t, signCarrierTwo, "/handovers", early, 422, trace.CodeChronology, "sh-custody")
		b.refused(t, signCarrierTwo, "/handovers", handover("carrier-sichuan-01"), 403, trace.CodeConsignment, "sh-custody", "carrier-zhejiang-01")
		b.refused(t, signCarrierTwo, "/consignments", &trace.ConsignRequest{Write: onward.Write, Shipment: "sh-custody", Carrier: "carrier-sichuan-01"}, 409, trace.CodeCustody, "carrier-sichuan-01")
		b.accepted(t, signCarrier, "/consignments", onward)
		b.accepted(t, signCarrierTwo, "/handovers", handover("carrier-sichuan-01"))
		b.refused(t, signCarrier, "/arrivals", arrive, 409, trace.CodeCustody, "sh-custody", "carrier-zhejiang-01")
		worse := *arrive
		worse.BadGoods = 10_001
		b.refused(t, signCarrierTwo, "/arrivals", &worse, 400, trace.CodeInvalid, "badGoods", "10001", "10000")
	})
	t.Run("after arrival", func(t *testing.T) {
		b.accepted(t, signCarrierTwo, "/arrivals", arrive)
		b.refused(t, signCarrierTwo, "/arrivals", arrive, 409, trace.CodeState, "sh-custody", "arrived")
		b.refused(t, signCarrier, "/handovers", handover("carrier-zhejiang-01"), 409, trace.CodeState, "sh-custody", "arrived")
		nowhere := *arrive
		nowhere.Shipment = "sh-nowhere"
		b.refused(t, signCarrier, "/arrivals", &nowhere, 404, trace.CodeNotFound, "sh-nowhere")
	})
}

// reading is one measurement of a truck's recorder.
func reading(minute int, celsius trace.CentiCelsius) trace.Reading {
	return trace.Reading{
		At: at(time.October, 20, 16, minute), Temperatures: []trace.CentiCelsius{celsius}, Humidity: 9_000,
		Shock: trace.NoShock, Speed: trace.NoSpeed, Fix: true, Point: pujiang,
		SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
	}
}

// segment uploads readings and gives the request that anchors them.
func (b *badHouse) segment(t *testing.T, sequence int64, previous trace.Digest, readings ...trace.Reading) *trace.AnchorSegmentRequest {
	payload, err := trace.EncodeReadings(1, readings)
	require.NoError(t, err)
	return &trace.AnchorSegmentRequest{
		Device: "th-bad-01", Sequence: sequence, Shipment: "sh-segments", Count: len(readings), From: readings[0].At, To: readings[len(readings)-1].At,
		Previous: previous, Payload: b.keep(t, signCarrier, payload),
	}
}

// badSegments are readings that no device can have taken, or not there.
func (b *badHouse) badSegments(t *testing.T) {
	lot := b.lotOf(t, "SEGMENT-1", b.plotOf(t, "plot-segments", 5_333), 10)
	dispatch := b.dispatch("sh-segments", b.packOf(t, "SEGM0001", 10, &lot), 1, 10)
	b.consign(t, "carrier-sichuan-01", dispatch)
	b.accepted(t, signCarrier, "/shipments", dispatch)
	b.accepted(t, signCarrier, "/device-bindings", &trace.BindDeviceRequest{Write: writing(at(time.October, 20, 16, 0)), Device: "th-bad-01", Shipment: "sh-segments", Probes: []string{trace.ProbeReturnAir}, From: at(time.October, 20, 16, 0)})
	none := trace.Digest{}
	good := []trace.Reading{reading(0, 100), reading(5, 120), reading(10, 110)}
	changed := func(change func(*trace.AnchorSegmentRequest)) *trace.AnchorSegmentRequest {
		r := b.segment(t, 1, none, good...)
		change(r)
		return r
	}
	far := reading(5, 100)
	far.Point.Latitude = 130_000_000
	wet := reading(5, 100)
	wet.Humidity = 12_000
	for _, c := range []struct {
		name    string
		status  int
		code    trace.Code
		words   []string
		request *trace.AnchorSegmentRequest
	}{
		{"wrong count", 422, trace.CodeSegment, []string{"3", "4"}, changed(func(r *trace.AnchorSegmentRequest) { r.Count = 4 })},
		{"no count", 422, trace.CodeSegment, []string{"0", "5000"}, changed(func(r *trace.AnchorSegmentRequest) { r.Count = 0 })},
		{"wrong boundaries", 422, trace.CodeSegment, []string{"08:10", "08:11"}, changed(func(r *trace.AnchorSegmentRequest) { r.To += 60_000 })},
		{"disorder", 422, trace.CodeSegment, []string{"reading 3", "08:05"}, b.segment(t, 1, none, reading(0, 100), reading(10, 100), reading(5, 100), reading(15, 100))},
		{"the same time twice", 422, trace.CodeSegment, []string{"reading 2"}, b.segment(t, 1, none, reading(0, 100), reading(0, 100), reading(5, 100))},
		{"impossible temperature", 422, trace.CodeOutOfRange, []string{"reading 2", "112", "°C"}, b.segment(t, 1, none, reading(0, 100), reading(5, 11_200))},
		{"impossible humidity", 422, trace.CodeOutOfRange, []string{"reading 2", "120", "100"}, b.segment(t, 1, none, reading(0, 100), wet)},
		{"impossible coordinate", 422, trace.CodeOutOfRange, []string{"reading 2", "130000000", "90"}, b.segment(t, 1, none, reading(0, 100), far)},
		{"before the departure", 409, trace.CodeState, []string{"th-bad-01", "sh-segments"}, b.segment(t, 1, none, reading(-60, 100), reading(5, 100))},
		{"another's device", 403, trace.CodeForbidden, []string{"th-0312", "carrier-guangdong-01"}, changed(func(r *trace.AnchorSegmentRequest) { r.Device, r.Sequence, r.Previous = "th-0312", 99, r.Payload })},
		{"device nobody bound", 404, trace.CodeNotFound, []string{"th-nowhere"}, changed(func(r *trace.AnchorSegmentRequest) { r.Device = "th-nowhere" })},
		{"readings nobody uploaded", 404, "FILE_UNKNOWN", []string{trace.DigestOf([]byte("readings nobody uploaded")).String()}, changed(func(r *trace.AnchorSegmentRequest) { r.Payload = trace.DigestOf([]byte("readings nobody uploaded")) })},
		{"no readings named", 400, trace.CodeMissing, []string{"payload", "/v1/files"}, changed(func(r *trace.AnchorSegmentRequest) { r.Payload = none })},
		{"not readings", 422, trace.CodeSegment, nil, changed(func(r *trace.AnchorSegmentRequest) { r.Payload = b.keep(t, signCarrier, []byte("not readings at all")) })},
		{"sequence 2 with no previous", 409, trace.CodeSequence, []string{"sequence 2", "previous"}, b.segment(t, 2, none, good...)},
	} {
		t.Run(c.name, func(t *testing.T) { b.refused(t, signCarrier, "/segments", c.request, c.status, c.code, c.words...) })
	}
	t.Run("sequence with other content", func(t *testing.T) {
		first := b.segment(t, 1, none, good...)
		written := b.accepted(t, signCarrier, "/segments", first)
		require.Equal(t, written.Record, b.accepted(t, signCarrier, "/segments", first).Record)
		require.Equal(t, written.Block+1, b.known, "a retry makes no block")
		hotter := b.segment(t, 1, none, reading(0, 100), reading(5, 900), reading(10, 110))
		b.refused(t, signCarrier, "/segments", hotter, 409, trace.CodeSequence, "th-bad-01", "sequence 1", "other content")
	})
}

// sameRequestTwice sends what was written before: the same answer, one record.
func (b *badHouse) sameRequestTwice(t *testing.T) {
	plot := b.plotOf(t, "plot-twice", 5_333)
	key := b.freshKey()
	body := bodyOf(t, harvest("TWICE-1", plot, 10))
	status, _, first := b.send(t, http.MethodPost, "/v1/batches", signFarm, key, body)
	require.Equal(t, http.StatusCreated, status, string(first))
	var written api.Written
	require.NoError(t, json.Unmarshal(first, &written))
	b.settle(t, written.Block)
	status, _, second := b.send(t, http.MethodPost, "/v1/batches", signFarm, key, body)
	require.Equal(t, http.StatusCreated, status, string(second))
	require.JSONEq(t, string(first), string(second))
	require.Equal(t, b.known, b.height(t))
	t.Run("key with other content", func(t *testing.T) {
		other := harvest("TWICE-1", plot, 11)
		b.refusedAs(t, http.MethodPost, signFarm, "/batches", key, other, 409, "IDEMPOTENCY_KEY_REUSED", "another request", "new key")
	})
	t.Run("file confirmed twice", func(t *testing.T) {
		const name = "name=batch-record.xlsx&kind=batch-record"
		content := demoFile(t, "kiwifruit/batch-record.xlsx")
		status, _, answer := b.send(t, http.MethodPost, "/v1/sheets?"+name, signFarm, nil, content)
		require.Equal(t, http.StatusOK, status, string(answer))
		var plan api.SheetPlan
		require.NoError(t, json.Unmarshal(answer, &plan))
		for _, row := range plan.Rows {
			require.Equal(t, api.CheckRecorded, row.Check, "%+v", row)
		}
		status, _, answer = b.send(t, http.MethodPost, "/v1/sheets/"+plan.Hash+"/confirmation?"+name, signFarm, nil, nil)
		require.Equal(t, http.StatusOK, status, string(answer))
		var result api.SheetResult
		require.NoError(t, json.Unmarshal(answer, &result))
		require.True(t, result.Complete, string(answer))
		require.Equal(t, b.known, b.height(t), "confirming again repeats nothing")
	})
}
