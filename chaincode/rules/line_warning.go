package rules

import (
	"fmt"

	"traceledger/chaincode/trace"
)

// warningRows are the adverse findings.
func warningRows() []lineRow {
	return []lineRow{
		{LineWarning, "recalled-some-packs", "lot page: a run of the lot's codes is recalled", someRecalled},
		{LineWarning, "inspection-failed", "an inspection failed and no later one supersedes it", inspectionsFailed},
		{LineWarning, "ancestor-failed", "a lot that this lot was made from, or its plot and season, failed an inspection and no later one supersedes it", ancestorsFailed},
		{LineWarning, "verdict-violation", "a monitor's verdict of level violation is open", openVerdicts(trace.LevelViolation)},
		{LineWarning, "excursion", "the journey's time outside the transport range is above the product's allowance (0: any)", excursions},
		{LineWarning, "custody-broken", "a step of custody does not join the one before", custodyBroken},
		{LineWarning, "suspected-copy", "the code was scanned in ways that one pack cannot be", suspectedCopy},
		{LineWarning, "licence-revoked", "the producer's licence was revoked", licence(LicenceRevoked, "生产者许可证已被吊销", "the producer's licence was revoked")},
		{LineWarning, "licence-expired", "the producer's licence was not in force on the day the lot was made", licence(LicenceExpired, "生产当日生产者许可证不在有效期", "the producer's licence was not in force on the day the lot was made")},
		{LineWarning, "producer-suspended", "the producer is suspended", licence(LicenceSuspended, "生产者已被暂停资格", "the producer is suspended")},
		{LineWarning, "verdict-warning", "a monitor's verdict of level warning is open", openVerdicts(trace.LevelWarning)},
		{LineWarning, "review-failed", "the newest review of a level did not pass", reviewsFailed},
		{LineWarning, "past-shelf-life", "today is after the last day of the shelf life", pastShelfLife},
	}
}

func someRecalled(f *PageFacts) []Reason {
	var out []Reason
	for _, r := range f.Recalls {
		if r.Partial && !r.Parent {
			out = append(out, Reason{Zh: "本批次部分商品已召回，请扫描您手中的包装码", En: "some packs of this lot are recalled: scan the code on your pack", Keys: keys(r.Action)})
		}
	}
	return out
}

func inspectionsFailed(f *PageFacts) []Reason {
	var out []Reason
	for _, i := range f.Inspections {
		if i.Judgement == trace.JudgedFail && !i.Superseded {
			out = append(out, Reason{Zh: "检验不合格", En: "an inspection failed", Keys: keys(i.Key)})
		}
	}
	return out
}

// ancestorsFailed: goods that failed do not become good by being packed anew.
func ancestorsFailed(f *PageFacts) []Reason {
	var out []Reason
	for _, a := range f.FailedAncestors {
		out = append(out, Reason{
			Zh: "本批次所用的原料批次 " + string(a.Lot.Lot) + " 检验不合格", En: "lot " + string(a.Lot.Lot) + ", which this one was made from, failed an inspection",
			Keys: keys(a.Inspection),
		})
	}
	return out
}

func openVerdicts(level trace.VerdictLevel) func(*PageFacts) []Reason {
	return func(f *PageFacts) []Reason {
		var out []Reason
		for _, v := range f.Verdicts {
			if v.Level != level || v.Overturned {
				continue
			}
			r := Reason{Zh: "监测判定：" + v.Text, En: "a monitor found: " + v.TextEnglish, Keys: keys(v.Key)}
			if v.TextEnglish == "" {
				r.En = "a monitor found: " + v.Finding
			}
			out = append(out, r)
		}
		return out
	}
}

func licence(status LicenceStatus, zh, en string) func(*PageFacts) []Reason {
	return func(f *PageFacts) []Reason {
		if f.Licence.Status != status {
			return nil
		}
		return []Reason{{Zh: zh, En: en, Keys: f.Licence.Keys}}
	}
}

// reviewsFailed looks at the newest uncorrected review of each level.
func reviewsFailed(f *PageFacts) []Reason {
	var out []Reason
	for level := 1; level <= 3; level++ {
		if r := newestReview(f, level); r != nil && !r.Pass {
			out = append(out, Reason{Zh: fmt.Sprintf("第 %d 级复核未通过", level), En: fmt.Sprintf("review of level %d did not pass", level), Keys: keys(r.Key)})
		}
	}
	return out
}

func newestReview(f *PageFacts, level int) *ReviewFact {
	for i := len(f.Reviews) - 1; i >= 0; i-- {
		if f.Reviews[i].Level == level && !f.Reviews[i].Corrected {
			return &f.Reviews[i]
		}
	}
	return nil
}

func custodyBroken(f *PageFacts) []Reason {
	if f.Journey.Custody != CustodyBroken {
		return nil
	}
	return []Reason{{Zh: "流转记录中断", En: "the chain of custody is broken", Keys: f.Journey.Shipments}}
}

// excursions says the journey's excursions in figures, once the product's allowance
// is used up. One pack's journey is all the shipments that carried it; on a lot's page
// every shipment is a journey of its own, and the one longest outside speaks.
func excursions(f *PageFacts) []Reason {
	if f.Pack != nil {
		return excursionOf(f.Journey.Findings, f.Journey.ExcursionSeconds)
	}
	longest := -1
	for i := range f.Journey.Findings {
		if len(f.Journey.Findings[i].Excursions) > 0 && (longest < 0 || f.Journey.Findings[i].ExcursionSeconds > f.Journey.Findings[longest].ExcursionSeconds) {
			longest = i
		}
	}
	if longest < 0 {
		return nil
	}
	return excursionOf(f.Journey.Findings[longest:longest+1], f.Journey.ExcursionSeconds)
}

func excursionOf(journey []JourneyFindings, allowance int64) []Reason {
	var total int64
	count := 0
	var worst *JourneyBreach
	var limits trace.TemperatureRange
	var evidence []trace.Key
	for _, j := range journey {
		if j.Range == nil {
			continue
		}
		total += j.ExcursionSeconds
		count += len(j.Excursions)
		for i := range j.Excursions {
			b := &j.Excursions[i]
			evidence = append(evidence, b.Segments...)
			if worst == nil || outsideBy(b, *j.Range) > outsideBy(worst, limits) {
				worst, limits = b, *j.Range
			}
		}
	}
	if worst == nil || total <= allowance && allowance > 0 {
		return nil
	}
	return []Reason{excursionReason(worst, limits, total, count, evidence)}
}

func outsideBy(b *JourneyBreach, limits trace.TemperatureRange) trace.CentiCelsius {
	return max(b.Peak-limits.Maximum, limits.Minimum-b.Peak)
}

func excursionReason(worst *JourneyBreach, limits trace.TemperatureRange, total int64, count int, evidence []trace.Key) Reason {
	long := durationWords(total)
	extremeZh, extremeEn := "最高", "peak"
	if worst.Below {
		extremeZh, extremeEn = "最低", "lowest"
	}
	r := Reason{
		Zh:   fmt.Sprintf("运输温度超出 %s 共 %s，%s %s °C", rangeWords(limits), long.Zh, extremeZh, Hundredths(worst.Peak)),
		En:   fmt.Sprintf("outside %s for %s in transit, %s %s °C", rangeWords(limits), long.En, extremeEn, Hundredths(worst.Peak)),
		Keys: evidence,
	}
	if count > 1 {
		r.Zh += fmt.Sprintf("（%d 次）", count)
		r.En += fmt.Sprintf(" (%d times)", count)
	}
	if pulp := worst.PulpMaximum; pulp != nil {
		if worst.Below {
			pulp = worst.PulpMinimum
		}
		r.Zh += fmt.Sprintf("，货品中心%s %s °C", extremeZh, Hundredths(*pulp))
		r.En += fmt.Sprintf(", inside the goods %s %s °C", extremeEn, Hundredths(*pulp))
	}
	return r
}

func pastShelfLife(f *PageFacts) []Reason {
	if f.Expires == 0 || f.Today <= f.Expires {
		return nil
	}
	day := f.Expires.String()
	return []Reason{{Zh: "已过保质期（至 " + day + "）", En: "past its shelf life (until " + day + ")", Keys: keys(f.Batch)}}
}

func suspectedCopy(f *PageFacts) []Reason {
	if !f.SuspectedCopy {
		return nil
	}
	return []Reason{{Zh: "此码的扫描情况异常，可能被复制，请核对包装", En: "this code's scans are unusual and it may be a copy: check the pack"}}
}
