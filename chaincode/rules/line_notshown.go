package rules

import (
	"fmt"

	"traceledger/chaincode/trace"
)

// CertificateRequired tells whether lots of a category must carry a compliance
// certificate (承诺达标合格证): fresh fruit and vegetables.
func CertificateRequired(c trace.Category) bool {
	return c == trace.CategoryFruit || c == trace.CategoryVegetable
}

// notShownRows are what "good" needs and the chain does not hold.
func notShownRows() []lineRow {
	return []lineRow{
		{LineIncomplete, "batch", "the lot has no record", missing(func(f *PageFacts) bool { return f.Batch == "" }, "批次登记", "the lot's record")},
		{LineIncomplete, "licence", "no licence of the producer is on file", missing(noLicence, "生产者许可证", "the producer's licence")},
		{LineIncomplete, "inspection", "no inspection of the lot, or of its plot and season, is on file", missing(noInspection, "检验报告", "an inspection")},
		{LineIncomplete, "inspection-limit", "no inspection passed: none failed, but no limit is on file for some item", noPassing},
		{LineIncomplete, "review", "a high-risk product without a passed review of level 2", missing(noReview, "第 2 级复核", "the review of level 2 that this product needs")},
		{LineIncomplete, "certificate", "fruit or vegetables without a compliance certificate", missing(func(f *PageFacts) bool { return f.CertificateRequired && f.Certificate == "" }, "承诺达标合格证", "the compliance certificate")},
		{LineIncomplete, "pack-journey", "lot page: a journey belongs to one pack", missing(func(f *PageFacts) bool { return f.Pack == nil }, "您手中这一件的流转（请扫包装上的码）", "the journey of your own pack (scan its code)")},
		{LineIncomplete, "journey", "no shipment that carried this pack is on file", missing(noJourney, "流转记录", "the journey")},
		{LineIncomplete, "arrival", "the last shipment of this pack has not arrived", inTransit},
		{LineIncomplete, "temperature", "a cold chain is claimed and a shipment has no temperature", noTemperature},
		{LineIncomplete, "telemetry-gap", "a cold chain is claimed and the temperatures have a gap longer than the allowance", telemetryGaps},
		{LineIncomplete, "telemetry-silent", "a cold chain is claimed and a device bound to a shipment gave nothing for longer than the allowance while others did", telemetrySilent},
		{LineIncomplete, "telemetry-chain", "a device's segments of readings do not chain, lack one between others (whatever other devices cover), or list only part of what they found", telemetryChain},
	}
}

func missing(when func(*PageFacts) bool, zh, en string) func(*PageFacts) []Reason {
	return func(f *PageFacts) []Reason {
		if !when(f) {
			return nil
		}
		return []Reason{{Zh: zh, En: en}}
	}
}

// noLicence and noJourney name what they know: a status added later is not shown
// until a row speaks of it, never good.
func noLicence(f *PageFacts) bool {
	switch f.Licence.Status {
	case LicenceValid, LicenceExpired, LicenceRevoked, LicenceSuspended:
		return false
	}
	return true
}

func noJourney(f *PageFacts) bool {
	switch f.Journey.Custody {
	case CustodyUnbroken, CustodyInTransit, CustodyBroken:
		return false
	}
	return f.Pack != nil
}

func standing(f *PageFacts, judgement trace.Judgement) []trace.Key {
	var out []trace.Key
	for _, i := range f.Inspections {
		if !i.Superseded && i.Judgement == judgement {
			out = append(out, i.Key)
		}
	}
	return out
}

func noInspection(f *PageFacts) bool {
	for _, i := range f.Inspections {
		if !i.Superseded {
			return false
		}
	}
	return true
}

// noPassing holds while inspections stand of which none passed and none failed.
func noPassing(f *PageFacts) []Reason {
	if noInspection(f) || len(standing(f, trace.JudgedPass)) > 0 || len(standing(f, trace.JudgedFail)) > 0 {
		return nil
	}
	return []Reason{{Zh: "检验结论（部分项目没有可对照的限量）", En: "an inspection's outcome (no limit is on file for some items)", Keys: standing(f, trace.JudgedNoLimit)}}
}

func noReview(f *PageFacts) bool {
	r := newestReview(f, 2)
	return f.HighRisk && (r == nil || !r.Pass)
}

func inTransit(f *PageFacts) []Reason {
	if f.Pack == nil || f.Journey.Custody != CustodyInTransit {
		return nil
	}
	return []Reason{{Zh: "到货（仍在途中）", En: "the arrival (still on its way)", Keys: f.Journey.Shipments}}
}

func noTemperature(f *PageFacts) []Reason {
	if f.Journey.ColdChain && len(f.Journey.Findings) == 0 && f.Journey.Custody != "" {
		return []Reason{{Zh: "运输温度", En: "transport temperatures", Keys: f.Journey.Shipments}}
	}
	return telemetry(f, func(j *JourneyFindings) (Reason, bool) {
		return Reason{Zh: "运输温度", En: "transport temperatures", Keys: j.Keys}, j.Measured == 0
	})
}

func telemetryGaps(f *PageFacts) []Reason {
	return telemetry(f, func(j *JourneyFindings) (Reason, bool) {
		total, longest := durationWords(j.GapSeconds), durationWords(j.LongestGap)
		if len(j.Gaps) == 1 {
			return Reason{Zh: "运输温度中的 1 段（" + total.Zh + "）", En: "1 stretch of transport temperatures (" + total.En + ")", Keys: j.Keys}, j.Measured > 0
		}
		return Reason{
			Zh:   fmt.Sprintf("运输温度中的 %d 段（共 %s，最长 %s）", len(j.Gaps), total.Zh, longest.Zh),
			En:   fmt.Sprintf("%d stretches of transport temperatures (%s in all, the longest %s)", len(j.Gaps), total.En, longest.En),
			Keys: j.Keys,
		}, j.Measured > 0 && len(j.Gaps) > 0
	})
}

func telemetrySilent(f *PageFacts) []Reason {
	return telemetry(f, func(j *JourneyFindings) (Reason, bool) {
		devices, longest := map[trace.DeviceID]bool{}, int64(0)
		for _, s := range j.Silences {
			devices[s.Device], longest = true, max(longest, s.Seconds)
		}
		most := durationWords(longest)
		many := "devices"
		if len(devices) == 1 {
			many = "device"
		}
		return Reason{
			Zh:   fmt.Sprintf("%d 台设备的部分读数（最长 %s 未上链，其他设备有读数）", len(devices), most.Zh),
			En:   fmt.Sprintf("part of the readings of %d %s (up to %s not on the chain, others gave readings)", len(devices), many, most.En),
			Keys: j.Keys,
		}, len(j.Silences) > 0
	})
}

func telemetryChain(f *PageFacts) []Reason {
	return telemetry(f, func(j *JourneyFindings) (Reason, bool) {
		return Reason{Zh: "部分运输读数（缺段、前后不衔接或未列全）", En: "some of the transport readings (segments are missing, do not chain, or are not all listed)", Keys: j.Unchained}, len(j.Unchained) > 0 || len(j.Missing) > 0 || j.Cut
	})
}

// telemetry asks for every shipment of a product that claims a cold chain.
func telemetry(f *PageFacts, find func(*JourneyFindings) (Reason, bool)) []Reason {
	if !f.Journey.ColdChain {
		return nil
	}
	var out []Reason
	for i := range f.Journey.Findings {
		if r, ok := find(&f.Journey.Findings[i]); ok {
			out = append(out, r)
		}
	}
	return out
}

// goodReasons says what "good" rests on.
func goodReasons(f *PageFacts) []Reason {
	out := []Reason{
		{Code: "licence-valid", Zh: "生产者许可证有效", En: "the producer's licence is valid", Keys: f.Licence.Keys},
		{Code: "inspection-passed", Zh: "检验合格（对照公布的限量）", En: "inspections passed against the published limits", Keys: standing(f, trace.JudgedPass)},
		{Code: "custody-unbroken", Zh: "本件流转记录完整", En: "this pack's chain of custody is unbroken", Keys: f.Journey.Shipments},
	}
	if f.Journey.ColdChain {
		r := Reason{Code: "cold-chain-kept", Zh: "运输温度记录完整，未超出允许范围", En: "transport temperatures are complete and within what the product allows"}
		for _, j := range f.Journey.Findings {
			r.Keys = append(r.Keys, j.Keys...)
		}
		out = append(out, r)
	}
	if f.Certificate != "" {
		out = append(out, Reason{Code: "certificate", Zh: "附承诺达标合格证", En: "it carries a compliance certificate", Keys: keys(f.Certificate)})
	}
	return out
}
