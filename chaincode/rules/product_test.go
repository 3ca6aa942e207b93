package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func TestCheckProduct(t *testing.T) {
	cases := []struct {
		name   string
		mutate func(*trace.RegisterProductRequest)
		code   trace.Code
	}{
		{"valid", func(*trace.RegisterProductRequest) {}, ""},
		{"wrong check digit", func(r *trace.RegisterProductRequest) { r.GTIN = "09520000100017" }, trace.CodeCheckDigit},
		{"another's product", func(r *trace.RegisterProductRequest) { r.Producer = "farm-02" }, trace.CodeForbidden},
		{"unknown category", func(r *trace.RegisterProductRequest) { r.Category = "gold" }, trace.CodeInvalid},
		{"malformed commodity", func(r *trace.RegisterProductRequest) { r.Commodity = "猕猴桃" }, trace.CodeInvalid},
		{"no net content", func(r *trace.RegisterProductRequest) { r.NetContent.Amount = 0 }, trace.CodeInvalid},
		{"unknown unit", func(r *trace.RegisterProductRequest) { r.NetContent.Unit = "kg" }, trace.CodeInvalid},
		{"no name", func(r *trace.RegisterProductRequest) { r.Name = "" }, trace.CodeMissing},
		{"no licence", func(r *trace.RegisterProductRequest) { r.LicenceNumber = "" }, trace.CodeMissing},
		{"cosmetics without filing", func(r *trace.RegisterProductRequest) { r.Category = trace.CategoryCosmetics }, trace.CodeMissing},
		{"range backwards", func(r *trace.RegisterProductRequest) {
			r.Transport = &trace.TemperatureRange{Minimum: 500, Maximum: 0}
		}, trace.CodeInvalid},
		{"impossible range", func(r *trace.RegisterProductRequest) {
			r.Storage = &trace.TemperatureRange{Minimum: -10_000, Maximum: 0}
		}, trace.CodeOutOfRange},
		{"negative allowance", func(r *trace.RegisterProductRequest) { r.GapSeconds = -1 }, trace.CodeInvalid},
		{"no shelf life", func(r *trace.RegisterProductRequest) { r.ShelfLifeDays = 0 }, trace.CodeInvalid},
		{"too many ingredients", func(r *trace.RegisterProductRequest) { r.Ingredients = make([]string, 101) }, trace.CodeTooLarge},
		{"empty ingredient", func(r *trace.RegisterProductRequest) { r.Ingredients = []string{""} }, trace.CodeMissing},
	}
	for _, c := range cases {
		r := &trace.RegisterProductRequest{
			GTIN: "09520000100018", Name: "金艳猕猴桃", Category: trace.CategoryFruit, Commodity: "kiwifruit", NetContent: grams(5_000),
			LicenceNumber: "N1", Producer: "farm-01", ShelfLifeDays: 120, Transport: &trace.TemperatureRange{Minimum: 0, Maximum: 500},
		}
		c.mutate(r)
		require.Equal(t, c.code, trace.CodeOf(CheckProduct(r, "farm-01", trace.RoleFarm)), c.name)
	}
	r := &trace.RegisterProductRequest{GTIN: "09520000100018", Producer: "farm-01", Merchant: "shop-01"}
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(CheckProduct(r, "shop-02", trace.RoleMerchant)))
	require.NotEqual(t, trace.CodeForbidden, trace.CodeOf(CheckProduct(r, "shop-01", trace.RoleMerchant)))
}

func TestCheckMaker(t *testing.T) {
	r := &trace.RegisterProductRequest{Producer: "farm-01", LicenceNumber: "N1", Category: trace.CategoryFruit}
	today := day("2026-10-18")
	maker := func() Supplier {
		return Supplier{
			Party:   &trace.Party{Org: trace.ProducerMSP, Roles: []trace.Role{trace.RoleFarm}, ValidFrom: day("2026-01-01"), ValidTo: day("2026-12-31")},
			Licence: HeldLicence{Number: "N1", Licence: fruitLicence()},
		}
	}
	require.NoError(t, CheckMaker(r, maker(), today))
	require.Equal(t, trace.CodeUnknownParty, trace.CodeOf(CheckMaker(r, Supplier{}, today)))
	lab := maker()
	lab.Party.Org, lab.Party.Roles = trace.LabMSP, []trace.Role{trace.RoleLab}
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(CheckMaker(r, lab, today)))
	unlicensed := maker()
	unlicensed.Licence.Licence = nil
	require.Equal(t, trace.CodeLicence, trace.CodeOf(CheckMaker(r, unlicensed, today)))
}

func TestCheckPlot(t *testing.T) {
	cases := []struct {
		name   string
		mutate func(*trace.RegisterPlotRequest)
		code   trace.Code
	}{
		{"valid", func(*trace.RegisterPlotRequest) {}, ""},
		{"no area", func(r *trace.RegisterPlotRequest) { r.Area = 0 }, trace.CodeInvalid},
		{"area beyond a county", func(r *trace.RegisterPlotRequest) { r.Area = maxArea + 1 }, trace.CodeInvalid},
		{"no crop", func(r *trace.RegisterPlotRequest) { r.Crop = "" }, trace.CodeMissing},
		{"no place", func(r *trace.RegisterPlotRequest) { r.Place = "" }, trace.CodeMissing},
		{"point too exact", func(r *trace.RegisterPlotRequest) { r.Point.Longitude = 103_512_000 }, trace.CodeInvalid},
	}
	for _, c := range cases {
		r := &trace.RegisterPlotRequest{Plot: "plot-08mu", Crop: "kiwifruit", Area: 5_333, Place: "蒲江", Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000}}
		c.mutate(r)
		require.Equal(t, c.code, trace.CodeOf(CheckPlot(r)), c.name)
	}
}
