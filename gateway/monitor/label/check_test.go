package label

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor"
)

func rulesOf(t require.TestingT) Rules {
	_, r, err := Load()
	require.NoError(t, err)
	return r
}

func codes(found []monitor.Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Finding)
	}
	return out
}

func spoken(kind trace.ClaimKind, text string) trace.ProductClaim {
	return trace.ProductClaim{Stream: "live-01", Host: "host-01", Run: "run", Utterance: 3, GTIN: "09520000200015", Kind: kind, Text: text}
}

func measured(substance string, result trace.ResultKind, value trace.Decimal) Inspection {
	item := trace.InspectionItem{Substance: substance, Result: result, Value: &value, Unit: "%"}
	return Inspection{Key: "inspection", Record: &trace.Inspection{CertificateNumber: "DEMO-1", Items: []trace.JudgedItem{{InspectionItem: item}}}}
}

func TestCheck(t *testing.T) {
	cream := &trace.Product{Ingredients: []string{"水", "甘油", "苯氧乙醇(0.6%)"}, LabelContent: "50 g", NetContent: trace.Quantity{Amount: 1, Unit: trace.Piece}}
	shirt := func(ingredients ...string) *trace.Product { return &trace.Product{Ingredients: ingredients} }
	fruit := func(labelled ...string) *trace.Product {
		return &trace.Product{LabelClaims: labelled, NetContent: trace.Quantity{Amount: 5000, Unit: trace.Gram}}
	}
	weight := func(amount int64, unit trace.Unit) trace.ProductClaim {
		c := spoken(trace.ClaimNetContent, "")
		c.Quantity = trace.Quantity{Amount: amount, Unit: unit}
		return c
	}
	for name, c := range map[string]struct {
		claim       trace.ProductClaim
		product     *trace.Product
		inspections []Inspection
		lots        []Lot
		want        []string
	}{
		"无添加, a preservative on the label":  {claim: spoken(trace.ClaimFreeOf, "添加剂"), product: cream, want: []string{AdditiveOnLabel}},
		"无防腐剂, a preservative on the label": {claim: spoken(trace.ClaimFreeOf, "防腐剂"), product: cream, want: []string{AdditiveOnLabel}},
		"无香精, none there":                   {claim: spoken(trace.ClaimFreeOf, "香精"), product: cream},
		"无苯氧乙醇 by its name":                 {claim: spoken(trace.ClaimFreeOf, "苯氧乙醇"), product: cream, want: []string{AdditiveOnLabel}},
		"无添加, phenoxyethanol 0.6 % found": {
			claim: spoken(trace.ClaimFreeOf, "添加剂"), product: shirt("水"), inspections: []Inspection{measured("phenoxyethanol", trace.ResultNumber, 600_000)}, want: []string{AdditiveFound}},
		"无激素, clobetasol detected": {
			claim: spoken(trace.ClaimFreeOf, "激素"), product: cream, inspections: []Inspection{measured("clobetasol-propionate", trace.ResultDetected, 0)}, want: []string{AdditiveFound}},
		"无激素, not detected": {
			claim: spoken(trace.ClaimFreeOf, "激素"), product: cream, inspections: []Inspection{measured("clobetasol-propionate", trace.ResultNotDetected, 10), measured("betamethasone", trace.ResultBelowLOQ, 10)}},
		"both on the label and found": {
			claim: spoken(trace.ClaimFreeOf, "防腐剂"), product: cream, inspections: []Inspection{measured("phenoxyethanol", trace.ResultNumber, 600_000)}, want: []string{AdditiveOnLabel, AdditiveFound}},

		"纯棉 and 棉 100%":             {claim: spoken(trace.ClaimMaterial, "纯棉"), product: shirt("棉 100%")},
		"纯棉 and a mixture":          {claim: spoken(trace.ClaimMaterial, "纯棉"), product: shirt("棉 60%", "聚酯纤维 40%"), want: []string{MaterialDiffers}},
		"纯棉 and 95 % with elastane": {claim: spoken(trace.ClaimMaterial, "100%棉"), product: shirt("棉 95%", "氨纶 5%"), want: []string{MaterialDiffers}},
		"含棉 and a mixture":          {claim: spoken(trace.ClaimMaterial, "棉"), product: shirt("棉 60%", "聚酯纤维 40%")},
		"羊绒 and wool":               {claim: spoken(trace.ClaimMaterial, "羊绒"), product: shirt("羊毛 100%"), want: []string{MaterialDiffers}},
		"a label without fibres":    {claim: spoken(trace.ClaimMaterial, "纯棉"), product: shirt("水")},
		"no fibre by any name":      {claim: spoken(trace.ClaimMaterial, "石墨烯"), product: shirt("棉 100%")},

		"50 g":                {claim: weight(50, trace.Gram), product: cream},
		"60 g said of 50 g":   {claim: weight(60, trace.Gram), product: cream, want: []string{NetContentDiffers}},
		"40 g said of 50 g":   {claim: weight(40, trace.Gram), product: cream},
		"50 ml said of 50 g":  {claim: weight(60, trace.Millilitre), product: cream},
		"5.5 kg said of 5 kg": {claim: weight(5500, trace.Gram), product: fruit(), want: []string{NetContentDiffers}},

		"特级 and 特级":          {claim: spoken(trace.ClaimGrade, "特级"), product: fruit("特级果")},
		"特级 and 一级":          {claim: spoken(trace.ClaimGrade, "特级果"), product: fruit("产地直发", "一级"), want: []string{GradeDiffers}},
		"一级 and 特级":          {claim: spoken(trace.ClaimGrade, "一级"), product: fruit("特级")},
		"特级 and no grade":    {claim: spoken(trace.ClaimGrade, "特级"), product: fruit(), want: []string{GradeNotOnLabel}},
		"a grade unheard of": {claim: spoken(trace.ClaimGrade, "天花板"), product: fruit()},

		"蒲江 and 蒲江": {claim: spoken(trace.ClaimOrigin, "四川蒲江"), product: fruit(), lots: []Lot{{"lot", "成都市蒲江县复兴乡"}}},
		"眉县 and 蒲江": {claim: spoken(trace.ClaimOrigin, "陕西眉县"), product: fruit(), lots: []Lot{{"lot", "成都市蒲江县复兴乡"}}, want: []string{OriginDiffers}},
	} {
		t.Run(name, func(t *testing.T) {
			found := Check(rulesOf(t), Case{Claim: monitor.Claim{Key: "claim", Record: c.claim}, Product: c.product, ProductKey: "product", Inspections: c.inspections, Lots: c.lots})
			require.Equal(t, c.want, codes(found))
			for _, f := range found {
				require.Equal(t, trace.Subject{Kind: trace.SubjectStream, ID: "live-01"}, f.Subject)
				require.Equal(t, trace.Key("run"), f.Evidence[0], "the run is the first of the evidence")
				require.Equal(t, 3, f.Utterance)
			}
		})
	}
}

// What a page says is the product's, or the lot's.
func TestWrittenClaims(t *testing.T) {
	c := trace.ProductClaim{GTIN: "09520000200015", Kind: trace.ClaimFreeOf, Text: "防腐剂", Page: trace.DigestOf([]byte("page"))}
	judge := func() monitor.Finding {
		found := Check(rulesOf(t), Case{Claim: monitor.Claim{Key: "claim", Record: c}, Product: &trace.Product{Ingredients: []string{"苯氧乙醇"}}, ProductKey: "product"})
		require.Len(t, found, 1)
		return found[0]
	}
	require.Equal(t, trace.Subject{Kind: trace.SubjectProduct, ID: "09520000200015"}, judge().Subject)
	require.Equal(t, []trace.Digest{c.Page}, judge().Files)
	c.Lot = "FC260722-3"
	require.Equal(t, trace.SubjectLot, judge().Subject.Kind)
	require.Empty(t, judge().Host)
}

// A finding calls a substance as the standards table does in Chinese, and by its code in English.
func TestSubstanceFoundByName(t *testing.T) {
	found := measured("phenoxyethanol", trace.ResultNumber, 600_000)
	found.Record.Items[0].Limit = &trace.AppliedLimit{Name: "苯氧乙醇"}
	got := Check(rulesOf(t), Case{Claim: monitor.Claim{Key: "claim", Record: spoken(trace.ClaimFreeOf, "防腐剂")}, Product: &trace.Product{}, ProductKey: "product", Inspections: []Inspection{found}})
	require.Len(t, got, 1)
	require.Equal(t, "宣称不含防腐剂，检验报告 DEMO-1 检出 苯氧乙醇 0.6 %", got[0].Text)
	require.Equal(t, "claimed free of 防腐剂, report DEMO-1 found phenoxyethanol 0.6 %", got[0].TextEnglish)
}

func TestQuantity(t *testing.T) {
	for printed, want := range map[string]trace.Quantity{
		"50 g": {Amount: 50, Unit: trace.Gram}, "1.5kg": {Amount: 1500, Unit: trace.Gram}, "500毫升": {Amount: 500, Unit: trace.Millilitre}, "0.25 L": {Amount: 250, Unit: trace.Millilitre},
	} {
		got, ok := quantity(printed)
		require.True(t, ok, printed)
		require.Equal(t, want, got, printed)
	}
	for _, printed := range []string{"", "一盒", "1 件", "0.5 g", "-5 g", "99999999999 g"} {
		_, ok := quantity(printed)
		require.False(t, ok, printed)
	}
}

func TestProperties(t *testing.T) {
	r := rulesOf(t)
	names := append(append([]string{"水", "甘油"}, r.FreeOf["防腐剂"]...), r.FreeOf["香精"]...)
	claims := rapid.SampledFrom([]string{"添加剂", "防腐剂", "香精", "激素", "水"})
	ingredients := rapid.SliceOf(rapid.SampledFrom(names))
	check := func(claimed string, listed []string) []string {
		return codes(Check(r, Case{Claim: monitor.Claim{Key: "claim", Record: spoken(trace.ClaimFreeOf, claimed)}, Product: &trace.Product{Ingredients: listed}, ProductKey: "product"}))
	}
	t.Run("order of ingredients", rapid.MakeCheck(func(t *rapid.T) {
		claimed, listed := claims.Draw(t, "claimed"), ingredients.Draw(t, "listed")
		require.Equal(t, check(claimed, listed), check(claimed, rapid.Permutation(listed).Draw(t, "permuted")))
	}))
	t.Run("one ingredient less finds no more", rapid.MakeCheck(func(t *rapid.T) {
		claimed, listed := claims.Draw(t, "claimed"), ingredients.Draw(t, "listed")
		if len(listed) > 0 {
			require.Subset(t, append(check(claimed, listed), ""), check(claimed, listed[1:]))
		}
	}))
	t.Run("no additive at all rules out whatever one word does", rapid.MakeCheck(func(t *rapid.T) {
		listed := ingredients.Draw(t, "listed")
		if len(check("防腐剂", listed)) > 0 {
			require.NotEmpty(t, check("添加剂", listed))
		}
	}))
}
