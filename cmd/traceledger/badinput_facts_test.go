package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/store"
)

// badCallers are people who may not write, or not this.
func (b *badHouse) badCallers(t *testing.T) {
	batch := harvest("WHO-1", demoPlot, 1)
	token := b.signIns[signFarm]
	t.Run("no token", func(t *testing.T) {
		b.refused(t, "", "/batches", batch, 401, api.CodeUnauthenticated, "Authorization: Bearer")
	})
	t.Run("another scheme", func(t *testing.T) {
		header := b.freshKey()
		header.Set("Authorization", "Basic ZmFybTpmYXJt")
		b.refusedAs(t, http.MethodPost, "", "/batches", header, batch, 401, api.CodeUnauthenticated, "Bearer")
	})
	t.Run("foreign token", func(t *testing.T) {
		b.refused(t, "tlt_0123456789abcdef_"+strings.Repeat("A", 43), "/batches", batch, 401, store.CodeTokenUnknown, "not one of this gateway's")
	})
	t.Run("altered token", func(t *testing.T) {
		altered := token[:len(token)-2] + "AA"
		require.NotEqual(t, token, altered)
		b.refused(t, altered, "/batches", batch, 401, store.CodeTokenUnknown, "not one of this gateway's")
	})
	t.Run("expired token", func(t *testing.T) {
		b.refused(t, "expired", "/batches", batch, 401, store.CodeTokenExpired, "expired on 20")
	})
	t.Run("revoked token", func(t *testing.T) {
		b.refused(t, "revoked", "/batches", batch, 401, store.CodeTokenRevoked, "revoked on 20")
	})
	t.Run("party nobody admitted", func(t *testing.T) {
		b.refused(t, "farm-unknown-01@farm", "/batches", batch, 403, trace.CodeUnknownParty, "farm-unknown-01", "registry")
	})
	t.Run("party under another organisation's role", func(t *testing.T) {
		b.refused(t, "farm-pujiang-01@lab", "/inspections", b.report(t, demoKiwifruitLot), 403, trace.CodeWrongOrg, "farm-pujiang-01", "ProducerMSP", "LabMSP")
		b.refused(t, "lab-chengdu-01@farm", "/batches", batch, 403, trace.CodeWrongOrg, "lab-chengdu-01", "LabMSP", "ProducerMSP")
	})
	t.Run("party under another role of its organisation", func(t *testing.T) {
		b.refused(t, "farm-pujiang-01@factory", "/batches", batch, 403, trace.CodeForbidden, "farm-pujiang-01", "farm", "factory")
	})
	t.Run("work of another role", func(t *testing.T) {
		b.refused(t, signFarm, "/inspections", b.report(t, demoKiwifruitLot), 403, trace.CodeForbidden, "inspection:Report", "farm", "lab")
		b.refused(t, signCarrier, "/batches", batch, 403, trace.CodeForbidden, "origin:RegisterBatch", "carrier", "farm")
		b.refused(t, signFarm, "/parties", admission("farm-mine-01", trace.RoleFarm), 403, trace.CodeForbidden, "registry:AdmitParty", "regulator")
	})
	t.Run("producer and lab at once", func(t *testing.T) {
		b.refused(t, signRegulator, "/parties", admission("both-01", trace.RoleFarm, trace.RoleLab), 403, trace.CodeWrongOrg, "farm", "lab", "one organisation")
	})
	t.Run("admitted for half a year that is over", func(t *testing.T) {
		late := admission("farm-late-01", trace.RoleFarm)
		late.ValidTo = at(time.June, 30, 9, 0).Date()
		b.accepted(t, signRegulator, "/parties", late)
		b.refused(t, "farm-late-01@farm", "/batches", batch, 403, trace.CodePartySuspended, "farm-late-01", "2026-06-30")
	})
	t.Run("suspended", func(t *testing.T) {
		b.accepted(t, signRegulator, "/parties", admission("farm-suspended-01", trace.RoleFarm))
		b.accepted(t, signRegulator, "/standings", &trace.SetStandingRequest{Write: writing(at(time.November, 1, 9, 0)), Party: "farm-suspended-01", Status: trace.PartySuspended, Reason: "涉嫌冒用产地"})
		b.refused(t, "farm-suspended-01@farm", "/batches", batch, 403, trace.CodePartySuspended, "farm-suspended-01", "涉嫌冒用产地")
	})
	t.Run("another's goods", func(t *testing.T) {
		b.refused(t, signFactory, "/batches", &trace.RegisterBatchRequest{
			Write: writing(at(time.October, 18, 15, 0)), LotID: trace.LotID{GTIN: demoKiwifruit, Lot: "WHO-2"}, Place: "广州市", Point: pujiang,
			Made: at(time.October, 18, 14, 0), Quantity: trace.Quantity{Amount: 5_000, Unit: trace.Gram},
		}, 403, trace.CodeForbidden, string(demoKiwifruit), "farm-pujiang-01", "factory-guangzhou-01")
		b.refused(t, signFactory, "/code-pack-changes", packChange(demoPack, trace.PackVoid, "抢占"), 403, trace.CodeForbidden, string(demoPack), "farm-pujiang-01")
	})
}

func admission(party trace.PartyID, roles ...trace.Role) *trace.AdmitPartyRequest {
	return &trace.AdmitPartyRequest{
		Write: writing(at(time.January, 5, 9, 0)), Party: party, Roles: roles, LegalPerson: true, Name: "示范合作社 " + string(party),
		ValidFrom: at(time.January, 1, 9, 0).Date(), ValidTo: at(time.January, 1, 9, 0).Date() + 3650,
	}
}

// badLicences are a farm whose licences do not fit what it does.
func (b *badHouse) badLicences(t *testing.T) {
	const farm, sign = trace.PartyID("farm-lapsed-01"), "farm-lapsed-01@farm"
	b.accepted(t, signRegulator, "/parties", admission(farm, trace.RoleFarm))
	grant := func(number string, kind trace.LicenceKind, scope trace.Category, from, to trace.Date) {
		b.accepted(t, signRegulator, "/licences", &trace.GrantLicenceRequest{
			Write: writing(at(time.January, 5, 9, 0)), Party: farm, Number: number, Kind: kind, Scope: []trace.Category{scope}, Issuer: "示范市场监督管理局", ValidFrom: from, ValidTo: to,
		})
	}
	january, october := at(time.January, 1, 9, 0).Date(), at(time.October, 1, 9, 0).Date()
	grant("TEST-EXPIRED", trace.LicenceFarming, trace.CategoryFruit, january-730, january-1)
	grant("TEST-VEGETABLE", trace.LicenceFarming, trace.CategoryVegetable, january, january+3650)
	grant("TEST-TRADE", trace.LicenceTrade, trace.CategoryFruit, january, january+3650)
	grant("TEST-REVOKED", trace.LicenceFarming, trace.CategoryFruit, january, january+3650)
	b.accepted(t, signRegulator, "/licences", &trace.GrantLicenceRequest{
		Write: writing(at(time.January, 5, 9, 0)), Party: farm, Number: "952000070", Kind: trace.LicenceGS1Prefix, Issuer: "示范编码中心", ValidFrom: january, ValidTo: january + 3650,
	})
	product := func(number int, licence string) *trace.RegisterProductRequest {
		return &trace.RegisterProductRequest{
			Write: writing(at(time.October, 1, 9, 0)), GTIN: gtin(number), Name: "试验猕猴桃", Category: trace.CategoryFruit, Commodity: "kiwifruit",
			NetContent: trace.Quantity{Amount: boxGrams, Unit: trace.Gram}, LicenceNumber: licence, Producer: farm, ShelfLifeDays: 100,
		}
	}
	for _, c := range []struct {
		licence string
		words   []string
	}{
		{"TEST-NONE", []string{"TEST-NONE", "not on file"}},
		{"TEST-EXPIRED", []string{"TEST-EXPIRED", (january - 1).String()}},
		{"TEST-VEGETABLE", []string{"TEST-VEGETABLE", "vegetable", "fruit"}},
		{"TEST-TRADE", []string{"TEST-TRADE", "trade", "farming"}},
	} {
		t.Run(c.licence, func(t *testing.T) {
			b.refused(t, sign, "/products", product(70001, c.licence), 403, trace.CodeLicence, c.words...)
		})
	}
	t.Run("another's GTIN", func(t *testing.T) {
		b.refused(t, sign, "/products", product(10099, "TEST-REVOKED"), 403, trace.CodeCompanyPrefix, string(gtin(10099)), "952000010", "farm-pujiang-01")
	})
	t.Run("GTIN of no prefix", func(t *testing.T) {
		b.refused(t, sign, "/products", product(90099, "TEST-REVOKED"), 403, trace.CodeCompanyPrefix, string(gtin(90099)), "on file")
	})
	t.Run("another's prefix", func(t *testing.T) {
		b.refused(t, signRegulator, "/licences", &trace.GrantLicenceRequest{
			Write: writing(at(time.January, 5, 9, 0)), Party: farm, Number: "9520000101", Kind: trace.LicenceGS1Prefix, Issuer: "示范编码中心", ValidFrom: january, ValidTo: january + 3650,
		}, 409, trace.CodeAlreadyExists, "9520000101", "952000010", "farm-pujiang-01")
	})
	t.Run("revoked before the harvest", func(t *testing.T) {
		b.accepted(t, sign, "/products", product(70002, "TEST-REVOKED"))
		b.accepted(t, sign, "/plots", &trace.RegisterPlotRequest{Write: writing(at(time.February, 10, 9, 0)), Plot: "plot-lapsed", Crop: "kiwifruit", Area: 5_333, Place: "蒲江县", Point: pujiang})
		b.accepted(t, signRegulator, "/licence-revocations", &trace.RevokeLicenceRequest{Write: writing(at(time.October, 10, 9, 0)), Party: farm, Number: "TEST-REVOKED", From: october + 9, Reason: "提供虚假材料"})
		batch := harvest("REVOKED-1", "plot-lapsed", 1)
		batch.GTIN = gtin(70002)
		b.refused(t, sign, "/batches", batch, 403, trace.CodeLicence, "TEST-REVOKED", (october + 9).String(), "提供虚假材料")
	})
}

// badLots are lots and log entries that cannot be so.
func (b *badHouse) badLots(t *testing.T) {
	plot := b.plotOf(t, "plot-bad-lots", 5_333)
	lot := func(change func(*trace.RegisterBatchRequest)) *trace.RegisterBatchRequest {
		r := harvest("BAD-1", plot, 100)
		change(r)
		return r
	}
	other := trace.LotID{GTIN: demoKiwifruit, Lot: "NOWHERE"}
	for _, c := range []struct {
		name    string
		status  int
		code    trace.Code
		words   []string
		request *trace.RegisterBatchRequest
	}{
		{"product nobody registered", 404, trace.CodeNotFound, []string{string(gtin(70099))}, lot(func(r *trace.RegisterBatchRequest) { r.GTIN = gtin(70099) })},
		{"plot nobody registered", 404, trace.CodeNotFound, []string{"plot-nowhere"}, lot(func(r *trace.RegisterBatchRequest) { r.Plot = "plot-nowhere" })},
		{"more than the plot gives", 422, trace.CodeYield, []string{"24000000", "23998500"}, lot(func(r *trace.RegisterBatchRequest) { r.Quantity.Amount = 24_000_000 })},
		{"less than nothing", 400, trace.CodeInvalid, []string{"-5000"}, lot(func(r *trace.RegisterBatchRequest) { r.Quantity.Amount = -5_000 })},
		{"harvested next year", 422, trace.CodeChronology, []string{"made", "2199"}, lot(func(r *trace.RegisterBatchRequest) {
			r.Made = trace.TimeOf(time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC))
		})},
		{"impossible place", 422, trace.CodeOutOfRange, []string{"130"}, lot(func(r *trace.RegisterBatchRequest) { r.Point.Latitude = 130_000_000 })},
		{"supplier nobody admitted", 403, trace.CodeUnknownParty, []string{"supplier-nobody"}, lot(func(r *trace.RegisterBatchRequest) {
			r.Materials = []trace.Material{{Name: "有机肥", Supplier: "supplier-nobody"}}
		})},
		{"input nobody registered", 404, trace.CodeNotFound, []string{"NOWHERE"}, lot(func(r *trace.RegisterBatchRequest) {
			r.Plot, r.Inputs = "", []trace.Input{{LotID: other, Quantity: r.Quantity}}
		})},
		{"its own input", 400, trace.CodeInvalid, []string{"own input"}, lot(func(r *trace.RegisterBatchRequest) {
			r.Plot, r.Inputs = "", []trace.Input{{LotID: r.LotID, Quantity: r.Quantity}}
		})},
		{"lot that exists", 409, trace.CodeAlreadyExists, []string{"PJ261018-A", "farm-pujiang-01"}, lot(func(r *trace.RegisterBatchRequest) { r.LotID = demoKiwifruitLot })},
	} {
		t.Run(c.name, func(t *testing.T) { b.refused(t, signFarm, "/batches", c.request, c.status, c.code, c.words...) })
	}
	t.Run("inputs", func(t *testing.T) { b.badInputs(t, plot) })
	t.Run("made of recalled goods", func(t *testing.T) {
		b.refused(t, signFactory, "/batches", &trace.RegisterBatchRequest{
			Write: writing(at(time.November, 10, 9, 0)), LotID: trace.LotID{GTIN: demoCream, Lot: "AGAIN-1"}, Place: "广州市", Point: pujiang, Made: at(time.November, 10, 8, 0),
			Quantity: trace.Quantity{Amount: 10, Unit: trace.Piece},
			Inputs:   []trace.Input{{LotID: trace.LotID{GTIN: demoCream, Lot: "FC260722-3"}, Quantity: trace.Quantity{Amount: 10, Unit: trace.Piece}}},
		}, 409, trace.CodeRecalled, "FC260722-3", "recalled")
	})
	t.Run("sprays", b.badSprays)
}

func (b *badHouse) badInputs(t *testing.T, plot trace.PlotID) {
	parent := b.lotOf(t, "PARENT-1", plot, 100)
	blend := func(taken, made int64) *trace.RegisterBatchRequest {
		r := harvest("BLEND-1", "", 1)
		r.Made, r.Claimed = at(time.October, 19, 9, 0), at(time.October, 19, 9, 0)
		r.Quantity.Amount = made * boxGrams
		r.Inputs = []trace.Input{{LotID: parent, Quantity: trace.Quantity{Amount: taken * boxGrams, Unit: trace.Gram}}}
		return r
	}
	b.refused(t, signFarm, "/batches", blend(101, 100), 422, trace.CodeInputs, "PARENT-1", "505000", "500000")
	b.refused(t, signFarm, "/batches", blend(50, 60), 422, trace.CodeInputs, "300000", "250000")
	early := blend(50, 50)
	early.Made = at(time.October, 17, 9, 0)
	b.refused(t, signFarm, "/batches", early, 422, trace.CodeChronology, "PARENT-1")
	b.accepted(t, signFarm, "/batches", blend(60, 60))
	again := blend(60, 60)
	again.Lot = "BLEND-2"
	b.refused(t, signFarm, "/batches", again, 422, trace.CodeInputs, "PARENT-1", "200000")
}

func spray(plot trace.PlotID, month time.Month, day int) *trace.AddLogEntryRequest {
	return &trace.AddLogEntryRequest{
		Write: writing(at(month, day, 9, 0)), Plot: plot, Season: 2026, Activity: trace.ActivitySpray, At: at(month, day, 8, 0), Registration: "PD20269901", Dose: "1500 倍液",
	}
}

func (b *badHouse) badSprays(t *testing.T) {
	b.refused(t, signFarm, "/log-entries", spray(demoPlot, time.October, 10), 422, trace.CodeInterval, "2026-10-10", "8 days", "14")
	unknown := spray(demoPlot, time.September, 1)
	unknown.Registration = "PD00000000"
	b.refused(t, signFarm, "/log-entries", unknown, 422, trace.CodeStandard, "PD00000000", "kiwifruit")

	own := bodyOf(t, spray(demoPlot, time.September, 1))
	b.refused(t, signFarm, "/log-entries", append([]byte(`{"intervalDays":3,`), own[1:]...), 400, trace.CodeUnknownField, "intervalDays")
	b.refused(t, signFarm, "/log-entries", append([]byte(`{"safeFrom":"2026-10-01",`), own[1:]...), 400, trace.CodeUnknownField, "safeFrom")

	plot := b.plotOf(t, "plot-sprayed", 5_333)
	b.accepted(t, signFarm, "/log-entries", spray(plot, time.October, 10))
	b.refused(t, signFarm, "/batches", harvest("SPRAYED-1", plot, 1), 422, trace.CodeInterval, "2026-10-18", "8 days", "2026-10-24")
	b.accepted(t, signFarm, "/log-entries", spray(plot, time.October, 1))
	b.accepted(t, signFarm, "/log-entries", spray(plot, time.September, 20))
	b.refused(t, signFarm, "/log-entries", spray(plot, time.September, 10), 422, trace.CodeApplications, "PD20269901", "3")
}

// report is a passing report of a lot.
func (b *badHouse) report(t *testing.T, lot trace.LotID) *trace.ReportInspectionRequest {
	value, err := trace.ParseDecimal("0.01")
	require.NoError(t, err)
	return &trace.ReportInspectionRequest{
		Write: writing(at(time.October, 21, 9, 0)), Sample: trace.SampleLot, Lot: &lot, SampledAt: at(time.October, 19, 9, 0), ReportedAt: at(time.October, 20, 9, 0),
		CertificateNumber: "TEST-" + string(lot.Lot), Certificate: trace.DigestOf([]byte("report of " + lot.Lot)),
		Items: []trace.InspectionItem{{Substance: "spinosad", Method: "GB 23200.121-2021", Result: trace.ResultNumber, Value: &value, Unit: "mg/kg"}},
	}
}

// badInspections are reports and reviews that a lab may not write.
func (b *badHouse) badInspections(t *testing.T) {
	lot := b.lotOf(t, "LAB-1", b.plotOf(t, "plot-lab", 5_333), 100)
	with := func(change func(*trace.ReportInspectionRequest)) *trace.ReportInspectionRequest {
		r := b.report(t, lot)
		change(r)
		return r
	}
	for _, c := range []struct {
		name    string
		status  int
		code    trace.Code
		words   []string
		request any
	}{
		{"limit sent by the lab", 400, trace.CodeUnknownField, []string{"items[0].limit"}, bytes.Replace(bodyOf(t, b.report(t, lot)), []byte(`"method"`), []byte(`"limit":"9","method"`), 1)},
		{"judgement sent by the lab", 400, trace.CodeUnknownField, []string{"judgement"}, append([]byte(`{"judgement":"pass",`), bodyOf(t, b.report(t, lot))[1:]...)},
		{"value as a number", 400, trace.CodeInvalid, []string{"items[0].value", "0.01"}, bytes.Replace(bodyOf(t, b.report(t, lot)), []byte(`"0.01"`), []byte(`0.01`), 1)},
		{"lot sample before harvest", 422, trace.CodeChronology, []string{"sampledAt", "plot sample"}, with(func(r *trace.ReportInspectionRequest) { r.SampledAt = at(time.October, 14, 9, 0) })},
		{"reported before sampled", 422, trace.CodeChronology, []string{"reportedAt", "sampledAt"}, with(func(r *trace.ReportInspectionRequest) { r.ReportedAt = at(time.October, 18, 20, 0) })},
		{"no report file", 400, trace.CodeMissing, []string{"certificate", "SHA-256"}, with(func(r *trace.ReportInspectionRequest) { r.Certificate = trace.Digest{} })},
		{"no items", 400, trace.CodeMissing, []string{"items"}, with(func(r *trace.ReportInspectionRequest) { r.Items = nil })},
		{"item twice", 400, trace.CodeInvalid, []string{"spinosad", "twice"}, with(func(r *trace.ReportInspectionRequest) { r.Items = append(r.Items, r.Items[0]) })},
		{"unknown lot", 404, trace.CodeNotFound, []string{"NOWHERE"}, with(func(r *trace.ReportInspectionRequest) {
			r.Lot = &trace.LotID{GTIN: demoKiwifruit, Lot: "NOWHERE"}
		})},
		{"not accredited", 403, trace.CodeNotAccredited, []string{"lab-chengdu-01", "cosmetics"}, b.creamReport(t)},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.refused(t, signLab, "/inspections", c.request, c.status, c.code, c.words...)
		})
	}
	t.Run("plot sample before harvest is fine", func(t *testing.T) {
		b.accepted(t, signLab, "/inspections", with(func(r *trace.ReportInspectionRequest) {
			r.Sample, r.Lot, r.Producer, r.Plot, r.Season, r.Commodity = trace.SamplePlot, nil, "farm-pujiang-01", "plot-lab", 2026, "kiwifruit"
			r.SampledAt, r.ReportedAt = at(time.October, 14, 9, 0), at(time.October, 16, 9, 0)
		}))
	})
	t.Run("lab that reviews itself", func(t *testing.T) {
		inspection := b.accepted(t, signLab, "/inspections", b.report(t, lot)).Record
		review := func(level int) *trace.ReviewRequest {
			return &trace.ReviewRequest{Write: writing(at(time.October, 22, 9, 0)), LotID: lot, Level: level, Inspection: inspection, Pass: level > 1, Note: strings.Repeat("复核", level-1)}
		}
		b.refused(t, signLabHangzhou, "/reviews", review(2), 422, trace.CodeReview, "level 1")
		b.accepted(t, signMerchant, "/reviews", review(1))
		b.refused(t, signLab, "/reviews", review(2), 403, trace.CodeOwnLot, "lab-chengdu-01", "may not review")
		b.accepted(t, signLabHangzhou, "/reviews", review(2))
	})
}

func (b *badHouse) creamReport(t *testing.T) *trace.ReportInspectionRequest {
	r := b.report(t, demoCreamLot)
	r.Items[0].Substance, r.SampledAt, r.ReportedAt = "lead", at(time.August, 20, 9, 0), at(time.August, 22, 9, 0)
	return r
}
