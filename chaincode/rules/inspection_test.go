package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func number(t testing.TB, s string) *trace.Decimal {
	v, err := trace.ParseDecimal(s)
	require.NoError(t, err)
	return &v
}

func TestJudgeItem(t *testing.T) {
	maximum := &trace.Limit{Kind: trace.LimitMaximum, Maximum: number(t, "0.05"), Unit: "mg/kg"}
	minimum := &trace.Limit{Kind: trace.LimitMinimum, Minimum: number(t, "6.2"), Unit: "%"}
	window := &trace.Limit{Kind: trace.LimitRange, Minimum: number(t, "6.2"), Maximum: number(t, "7.5"), Unit: "%"}
	prohibited := &trace.Limit{Kind: trace.LimitNotDetected}
	quality := &trace.Limit{Kind: trace.LimitQualitative, Expected: "阴性"}
	item := func(kind trace.ResultKind, value, unit string) trace.InspectionItem {
		i := trace.InspectionItem{Substance: "x", Result: kind, Unit: unit}
		if value != "" {
			i.Value = number(t, value)
		}
		return i
	}
	text := func(s string) trace.InspectionItem {
		return trace.InspectionItem{Substance: "x", Result: trace.ResultQualitative, Text: s}
	}
	const pass, fail, noLimit = trace.JudgedPass, trace.JudgedFail, trace.JudgedNoLimit
	for name, c := range map[string]struct {
		item  trace.InspectionItem
		limit *trace.Limit
		want  trace.Judgement
		code  trace.Code
	}{
		"at the maximum":                    {item(trace.ResultNumber, "0.05", "mg/kg"), maximum, pass, ""},
		"over the maximum":                  {item(trace.ResultNumber, "0.050001", "mg/kg"), maximum, fail, ""},
		"another unit":                      {item(trace.ResultNumber, "0.05", "ug/kg"), maximum, "", trace.CodeInvalid},
		"no unit":                           {item(trace.ResultNumber, "0.05", ""), maximum, "", trace.CodeInvalid},
		"below an LOQ at the maximum":       {item(trace.ResultBelowLOQ, "0.05", "mg/kg"), maximum, pass, ""},
		"below an LOQ over the maximum":     {item(trace.ResultBelowLOQ, "0.1", "mg/kg"), maximum, "", trace.CodeInvalid},
		"not detected, LOD given":           {item(trace.ResultNotDetected, "0.01", "mg/kg"), maximum, pass, ""},
		"not detected, LOD over":            {item(trace.ResultNotDetected, "0.06", "mg/kg"), maximum, "", trace.CodeInvalid},
		"not detected, LOD unknown":         {item(trace.ResultNotDetected, "", ""), maximum, "", trace.CodeMissing},
		"detected but not how much":         {item(trace.ResultDetected, "", ""), maximum, "", trace.CodeInvalid},
		"a text for a number":               {text("好"), maximum, "", trace.CodeInvalid},
		"at the minimum":                    {item(trace.ResultNumber, "6.2", "%"), minimum, pass, ""},
		"under the minimum":                 {item(trace.ResultNumber, "6.19", "%"), minimum, fail, ""},
		"below an LOQ under the minimum":    {item(trace.ResultBelowLOQ, "6.2", "%"), minimum, fail, ""},
		"below an LOQ over the minimum":     {item(trace.ResultBelowLOQ, "6.3", "%"), minimum, "", trace.CodeInvalid},
		"inside the window":                 {item(trace.ResultNumber, "7.1", "%"), window, pass, ""},
		"over the window":                   {item(trace.ResultNumber, "7.6", "%"), window, fail, ""},
		"below an LOQ inside the window":    {item(trace.ResultBelowLOQ, "7", "%"), window, "", trace.CodeInvalid},
		"prohibited, not detected":          {item(trace.ResultNotDetected, "", ""), prohibited, pass, ""},
		"prohibited, not detected with LOD": {item(trace.ResultNotDetected, "0.01", "mg/kg"), prohibited, pass, ""},
		"prohibited, detected":              {item(trace.ResultDetected, "", ""), prohibited, fail, ""},
		"prohibited, a number":              {item(trace.ResultNumber, "0.3", "mg/kg"), prohibited, fail, ""},
		"prohibited, below an LOQ":          {item(trace.ResultBelowLOQ, "0.3", "mg/kg"), prohibited, "", trace.CodeInvalid},
		"prohibited, a text":                {text("无"), prohibited, "", trace.CodeInvalid},
		"the expected text":                 {text("阴性"), quality, pass, ""},
		"another text":                      {text("阳性"), quality, fail, ""},
		"a number for a text":               {item(trace.ResultNumber, "1", ""), quality, "", trace.CodeInvalid},
		"no limit on file":                  {item(trace.ResultNumber, "1", "mg/kg"), nil, noLimit, ""},
	} {
		judged, err := JudgeItem(c.item, c.limit)
		require.Equal(t, c.code, trace.CodeOf(err), name)
		if c.code == "" {
			require.Equal(t, c.want, judged.Judgement, name)
			require.Equal(t, c.limit == nil, judged.Limit == nil, name)
		}
	}
}

// kiwiReport is a valid report of a lot sample, with what the chain knows of it.
func kiwiReport(t testing.TB) (*trace.ReportInspectionRequest, *InspectionFacts) {
	lot := trace.LotID{GTIN: "09520000100018", Lot: "PJ261018-A"}
	r := &trace.ReportInspectionRequest{
		Sample: trace.SampleLot, Lot: &lot, SampledAt: at("2026-10-18T14:00:00+08:00"), ReportedAt: at("2026-10-19T18:00:00+08:00"),
		CertificateNumber: "SC-2026-1", Certificate: trace.DigestOf([]byte("report")),
		Items: []trace.InspectionItem{
			{Substance: "spinosad", Method: "GB 23200.121-2021", Result: trace.ResultBelowLOQ, Value: number(t, "0.01"), Unit: "mg/kg"},
			{Substance: "soluble-solids", Method: "NY/T 2637-2014", Result: trace.ResultNumber, Value: number(t, "7.1"), Unit: "%"},
		},
	}
	source := func(from string) trace.StandardSource {
		return trace.StandardSource{Standard: "GB 2763", Effective: day(from)}
	}
	f := &InspectionFacts{
		Now: at("2026-10-19T19:00:00+08:00"), Lab: "lab-01", Producer: "farm-01", Commodity: "kiwifruit",
		Categories: []trace.Category{trace.CategoryFruit}, Made: at("2026-10-18T09:00:00+08:00"),
		Accreditations: []trace.Accreditation{{
			Number: "CMA-1", ValidFrom: day("2025-01-01"), ValidTo: day("2027-12-31"),
			Items: []trace.AccreditedItem{{Category: trace.CategoryFruit, Substance: "*"}},
		}},
		Limits: [][]trace.Limit{
			{{Kind: trace.LimitMaximum, Maximum: number(t, "0.05"), Unit: "mg/kg", Source: source("2020-01-01")},
				{Kind: trace.LimitMaximum, Maximum: number(t, "0.001"), Unit: "mg/kg", Source: source("2026-10-19")}},
			{{Kind: trace.LimitRange, Minimum: number(t, "6.2"), Maximum: number(t, "7.5"), Unit: "%", Source: source("2020-01-01")}},
		},
	}
	return r, f
}

// asPlotSample turns the report into one of the plot, sampled before harvest.
func asPlotSample(r *trace.ReportInspectionRequest, f *InspectionFacts) {
	r.Sample, r.Lot, r.Producer, r.Plot, r.Season = trace.SamplePlot, nil, "farm-01", "plot-08mu", 2026
	r.SampledAt, r.ReportedAt = at("2026-10-10T09:00:00+08:00"), at("2026-10-12T09:00:00+08:00")
	f.Made, f.Categories = 0, CropCategories()
}

func TestInspection(t *testing.T) {
	type change func(*trace.ReportInspectionRequest, *InspectionFacts)
	old := func(lot *trace.LotID) *trace.Inspection {
		return &trace.Inspection{Lot: lot, ReportedAt: at("2026-10-18T18:00:00+08:00"), Judgement: trace.JudgedFail}
	}
	for name, c := range map[string]struct {
		change change
		code   trace.Code
	}{
		"valid":                      {func(*trace.ReportInspectionRequest, *InspectionFacts) {}, ""},
		"market sample":              {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Sample = trace.SampleMarket }, ""},
		"plot sample before harvest": {asPlotSample, ""},
		"plot of the coming season": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			asPlotSample(r, f)
			r.Season = 2027
		}, ""},
		"plot of a past season": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			asPlotSample(r, f)
			r.Season = 2025
		}, trace.CodeChronology},
		"plot with a lot": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			lot := r.Lot
			asPlotSample(r, f)
			r.Lot = lot
		}, trace.CodeInvalid},
		"plot of another crop": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			asPlotSample(r, f)
			r.Commodity = "citrus"
		}, trace.CodeInvalid},
		"no producer of the plot": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			asPlotSample(r, f)
			r.Producer = ""
		}, trace.CodeMissing},
		"no lot":             {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Lot = nil }, trace.CodeMissing},
		"commodity of a lot": {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Commodity = "kiwifruit" }, trace.CodeInvalid},
		"unknown sample":     {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Sample = "x" }, trace.CodeInvalid},
		"own lot":            {func(_ *trace.ReportInspectionRequest, f *InspectionFacts) { f.Lab = "farm-01" }, trace.CodeOwnLot},
		"sampled before harvest": {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) {
			r.SampledAt = at("2026-10-18T08:59:59+08:00")
		}, trace.CodeChronology},
		"not harvested yet":       {func(_ *trace.ReportInspectionRequest, f *InspectionFacts) { f.Made = 0 }, trace.CodeChronology},
		"reported before sampled": {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.ReportedAt = r.SampledAt - 1 }, trace.CodeChronology},
		"reported tomorrow":       {func(r *trace.ReportInspectionRequest, f *InspectionFacts) { r.ReportedAt = f.Now + trace.ClockSkew + 1 }, trace.CodeChronology},
		"no certificate":          {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Certificate = trace.Digest{} }, trace.CodeMissing},
		"no certificate number":   {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.CertificateNumber = "" }, trace.CodeMissing},
		"no items":                {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Items = nil }, trace.CodeMissing},
		"too many items": {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) {
			r.Items = make([]trace.InspectionItem, 201)
		}, trace.CodeTooLarge},
		"an item twice":          {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Items[1] = r.Items[0] }, trace.CodeInvalid},
		"a number without value": {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Items[1].Value = nil }, trace.CodeInvalid},
		"a negative LOQ":         {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Items[0].Value = number(t, "-1") }, trace.CodeInvalid},
		"no method":              {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Items[0].Method = "" }, trace.CodeMissing},
		"unknown result":         {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Items[0].Result = "fine" }, trace.CodeInvalid},
		"accreditation over": {func(_ *trace.ReportInspectionRequest, f *InspectionFacts) {
			f.Accreditations[0].ValidTo = day("2026-10-18")
		}, trace.CodeNotAccredited},
		"not accredited for it": {func(_ *trace.ReportInspectionRequest, f *InspectionFacts) {
			f.Accreditations[0].Items[0].Substance = "spinosad"
		}, trace.CodeNotAccredited},
		"another category": {func(_ *trace.ReportInspectionRequest, f *InspectionFacts) {
			f.Accreditations[0].Items[0].Category = trace.CategoryCosmetics
		}, trace.CodeNotAccredited},
		"no accreditation": {func(_ *trace.ReportInspectionRequest, f *InspectionFacts) { f.Accreditations = nil }, trace.CodeNotAccredited},
		"supersedes": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			r.Supersedes, f.Superseded = "fact/x", old(r.Lot)
		}, ""},
		"supersedes nothing": {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) { r.Supersedes = "fact/x" }, trace.CodeNotFound},
		"supersedes another lot's": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			r.Supersedes, f.Superseded = "fact/x", old(&trace.LotID{GTIN: "09520000100018", Lot: "B"})
		}, trace.CodeInvalid},
		"supersedes twice": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			r.Supersedes, f.Superseded, f.SupersededBy = "fact/x", old(r.Lot), "fact/y"
		}, trace.CodeState},
		"supersedes a later report": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			r.Supersedes, f.Superseded = "fact/x", old(r.Lot)
			f.Superseded.ReportedAt = r.ReportedAt + 1
		}, trace.CodeChronology},
		"supersedes and is silent about what failed": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			r.Supersedes, f.Superseded = "fact/x", old(r.Lot)
			f.Superseded.Items = []trace.JudgedItem{{InspectionItem: trace.InspectionItem{Substance: "carbendazim"}, Judgement: trace.JudgedFail}}
		}, trace.CodeMissing},
		"supersedes and leaves out what passed": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			r.Supersedes, f.Superseded = "fact/x", old(r.Lot)
			f.Superseded.Items = []trace.JudgedItem{{InspectionItem: trace.InspectionItem{Substance: "carbendazim"}, Judgement: trace.JudgedPass}}
		}, ""},
		"supersedes with an older sample": {func(r *trace.ReportInspectionRequest, f *InspectionFacts) {
			r.Supersedes, f.Superseded = "fact/x", old(r.Lot)
			f.Superseded.SampledAt, f.Superseded.ReportedAt = r.SampledAt+1, r.SampledAt+1
		}, trace.CodeChronology},
		"corrects and supersedes": {func(r *trace.ReportInspectionRequest, _ *InspectionFacts) {
			r.Supersedes, r.Corrects = "fact/x", "fact/x"
		}, trace.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			r, f := kiwiReport(t)
			c.change(r, f)
			err := CheckInspection(r)
			var record *trace.Inspection
			if err == nil {
				record, err = JudgeInspection(r, *f)
			}
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
			if c.code == "" {
				require.Equal(t, trace.JudgedPass, record.Judgement, "judged by the limits of the day of sampling, not by later ones")
				require.Equal(t, "CMA-1", record.Accreditation)
			}
		})
	}
}

func TestOverallJudgement(t *testing.T) {
	r, f := kiwiReport(t)
	f.Limits[1] = nil
	record, err := JudgeInspection(r, *f)
	require.NoError(t, err)
	require.Equal(t, trace.JudgedNoLimit, record.Judgement, "no limit on file is never a pass")
	r.Items[0].Result, r.Items[0].Value = trace.ResultNumber, number(t, "0.06")
	record, err = JudgeInspection(r, *f)
	require.NoError(t, err)
	require.Equal(t, trace.JudgedFail, record.Judgement)
}

func TestReviews(t *testing.T) {
	lot := trace.LotID{GTIN: "09520000100018", Lot: "PJ261018-A"}
	fresh := func() (*trace.ReviewRequest, trace.Role, *LotReviewFacts) {
		f := &LotReviewFacts{
			Reviewer: "lab-02", Today: day("2026-10-21"),
			Batch: &trace.Batch{Head: trace.Head{Party: "farm-01"}, LotID: lot, Plot: "plot-08mu", Licence: "L1"},
			Made:  at("2026-10-18T09:00:00+08:00"), Product: &trace.Product{Category: trace.CategoryFruit, Producer: "farm-01"},
			Licence:    &trace.Licence{Number: "L1", Kind: trace.LicenceFarming, Scope: []trace.Category{trace.CategoryFruit}, Issuer: "农业局", ValidFrom: day("2025-01-01"), ValidTo: day("2026-10-18")},
			Inspection: &trace.Inspection{Head: trace.Head{Party: "lab-01"}, Lot: &lot, Judgement: trace.JudgedPass, CertificateNumber: "C1", Items: []trace.JudgedItem{{InspectionItem: trace.InspectionItem{Substance: "spinosad"}}}},
			Accreditations: []trace.Accreditation{{Number: "CMA-2", ValidFrom: day("2025-01-01"), ValidTo: day("2027-01-01"),
				Items: []trace.AccreditedItem{{Category: trace.CategoryFruit, Substance: "spinosad"}}}},
			Levels: trace.ReviewLevels{Passed: []trace.PassedReview{{Level: 1, Inspection: "fact/i"}, {Level: 2, Inspection: "fact/i"}}},
		}
		return &trace.ReviewRequest{LotID: lot, Level: 2, Inspection: "fact/i", Pass: true}, trace.RoleLab, f
	}
	level1 := func(r *trace.ReviewRequest) { r.Level, r.Pass = 1, false }
	level3 := func(r *trace.ReviewRequest, role *trace.Role) {
		r.Level, r.Inspection, r.Panel, r.Satisfied, *role = 3, "", 5, 4, trace.RoleConsumerPanel
	}
	type change func(*trace.ReviewRequest, *trace.Role, *LotReviewFacts)
	for name, c := range map[string]struct {
		change change
		code   trace.Code
		failed string // level 1: the check that fails
	}{
		"level 2":                 {func(*trace.ReviewRequest, *trace.Role, *LotReviewFacts) {}, "", ""},
		"level 2, no pass":        {func(r *trace.ReviewRequest, _ *trace.Role, _ *LotReviewFacts) { r.Pass = false }, "", ""},
		"level 1":                 {func(r *trace.ReviewRequest, _ *trace.Role, _ *LotReviewFacts) { level1(r) }, "", ""},
		"level 3":                 {func(r *trace.ReviewRequest, role *trace.Role, _ *LotReviewFacts) { level3(r, role) }, "", ""},
		"level 4":                 {func(r *trace.ReviewRequest, _ *trace.Role, _ *LotReviewFacts) { r.Level = 4 }, trace.CodeInvalid, ""},
		"level 1 with an opinion": {func(r *trace.ReviewRequest, _ *trace.Role, _ *LotReviewFacts) { r.Level = 1 }, trace.CodeInvalid, ""},
		"level 1 without inspection": {func(r *trace.ReviewRequest, _ *trace.Role, _ *LotReviewFacts) {
			level1(r)
			r.Inspection = ""
		}, trace.CodeMissing, ""},
		"level 1, no such inspection": {func(r *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Inspection = nil
		}, trace.CodeNotFound, ""},
		"level 1, licence over": {func(r *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Licence.ValidTo = day("2026-10-17")
		}, "", "licence-valid"},
		"level 1, licence revoked": {func(r *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Revocation = &trace.LicenceRevocation{From: day("2026-10-01")}
		}, "", "licence-valid"},
		"level 1, out of scope": {func(r *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Licence.Scope = nil
		}, "", "licence-scope"},
		"level 1, no issuer": {func(r *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Licence.Issuer = ""
		}, "", "issuer"},
		"level 1, another lot's certificate": {func(r *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Inspection.Lot = &trace.LotID{GTIN: lot.GTIN, Lot: "B"}
		}, "", "certificate-lot"},
		"level 1, the plot's certificate": {func(r *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Inspection.Lot, f.Inspection.Producer, f.Inspection.Plot, f.Inspection.Season = nil, "farm-01", "plot-08mu", 2026
		}, "", ""},
		"level 1, last season's certificate": {func(r *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Inspection.Lot, f.Inspection.Producer, f.Inspection.Plot, f.Inspection.Season = nil, "farm-01", "plot-08mu", 2025
		}, "", "certificate-lot"},
		"level 1, failed certificate": {func(r *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Inspection.Judgement = trace.JudgedNoLimit
		}, "", "certificate-lot"},
		"level 1, superseded certificate": {func(r *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.SupersededBy = "fact/j"
		}, "", "certificate-lot"},
		"level 1 by a stranger": {func(r *trace.ReviewRequest, role *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Reviewer, *role = "farm-02", trace.RoleFarm
		}, trace.CodeForbidden, ""},
		"level 1 by the producer": {func(r *trace.ReviewRequest, role *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Reviewer, *role = "farm-01", trace.RoleFarm
		}, "", ""},
		"level 1 by the merchant": {func(r *trace.ReviewRequest, role *trace.Role, f *LotReviewFacts) {
			level1(r)
			f.Reviewer, f.Product.Merchant, *role = "store-01", "store-01", trace.RoleMerchant
		}, "", ""},
		"level 2 by a farm":       {func(_ *trace.ReviewRequest, role *trace.Role, _ *LotReviewFacts) { *role = trace.RoleFarm }, trace.CodeForbidden, ""},
		"level 2 with a panel":    {func(r *trace.ReviewRequest, _ *trace.Role, _ *LotReviewFacts) { r.Panel = 5 }, trace.CodeInvalid, ""},
		"level 2 by the author":   {func(_ *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) { f.Reviewer = "lab-01" }, trace.CodeOwnLot, ""},
		"level 2 by the producer": {func(_ *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) { f.Reviewer = "farm-01" }, trace.CodeOwnLot, ""},
		"level 2, not accredited": {func(_ *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) { f.Accreditations = nil }, trace.CodeNotAccredited, ""},
		"level 2 without level 1": {func(_ *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) { f.Levels = trace.ReviewLevels{} }, trace.CodeReview, ""},
		"level 2, another inspection": {func(_ *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) {
			f.Levels.Passed[0].Inspection = "fact/j"
		}, trace.CodeReview, ""},
		"level 2, superseded": {func(_ *trace.ReviewRequest, _ *trace.Role, f *LotReviewFacts) { f.SupersededBy = "fact/j" }, trace.CodeReview, ""},
		"level 3 by a lab": {func(r *trace.ReviewRequest, role *trace.Role, _ *LotReviewFacts) {
			level3(r, role)
			*role = trace.RoleLab
		}, trace.CodeForbidden, ""},
		"level 3 without level 2": {func(r *trace.ReviewRequest, role *trace.Role, f *LotReviewFacts) {
			level3(r, role)
			f.Levels.Passed = f.Levels.Passed[:1]
		}, trace.CodeReview, ""},
		"level 3, panel of two": {func(r *trace.ReviewRequest, role *trace.Role, _ *LotReviewFacts) {
			level3(r, role)
			r.Panel, r.Satisfied = 2, 2
		}, trace.CodeInvalid, ""},
		"level 3, more satisfied than asked": {func(r *trace.ReviewRequest, role *trace.Role, _ *LotReviewFacts) {
			level3(r, role)
			r.Satisfied = 6
		}, trace.CodeInvalid, ""},
		"level 3, pass against the panel": {func(r *trace.ReviewRequest, role *trace.Role, _ *LotReviewFacts) {
			level3(r, role)
			r.Satisfied = 2
		}, trace.CodeInvalid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, role, f := fresh()
			c.change(r, &role, f)
			err := CheckReview(r, role)
			var record *trace.Review
			if err == nil {
				f.Role = role
				record, err = ReviewLot(r, *f)
			}
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
			if c.code != "" {
				return
			}
			for _, check := range record.Checks {
				require.NotEmpty(t, check.Found)
				if check.Check == c.failed {
					require.False(t, check.Pass)
				}
			}
			if r.Level == 1 {
				require.Len(t, record.Checks, 4)
				require.Equal(t, c.failed == "", record.Pass)
			} else {
				require.Equal(t, r.Pass, record.Pass)
			}
		})
	}
}

func TestWithPassedKeepsTheNewestOfEachLevel(t *testing.T) {
	levels := WithPassed(trace.ReviewLevels{}, trace.PassedReview{Level: 2, Review: "b"})
	levels = WithPassed(levels, trace.PassedReview{Level: 1, Review: "a"})
	levels = WithPassed(levels, trace.PassedReview{Level: 2, Review: "c"})
	require.Equal(t, []trace.PassedReview{{Level: 1, Review: "a"}, {Level: 2, Review: "c"}}, levels.Passed)
	require.Equal(t, levels.Passed[:1], WithFailed(levels, 2).Passed)
	require.Empty(t, WithFailed(levels, 1).Passed)
}
