package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func kiwifruit() *trace.Product {
	return &trace.Product{
		GTIN: "09520000100018", Category: trace.CategoryFruit, Commodity: "kiwifruit", Producer: "farm-01",
		NetContent: trace.Quantity{Amount: 5_000, Unit: trace.Gram}, LicenceNumber: "N1",
	}
}

func ceilings() []trace.YieldCeiling {
	return []trace.YieldCeiling{{Crop: "kiwifruit", GramsPerHectare: 45_000_000, Source: trace.StandardSource{Effective: day("2020-01-01")}}}
}

func plot8mu() *trace.Plot { return &trace.Plot{Crop: "kiwifruit", Area: 5_333} }

func grams(n int64) trace.Quantity { return trace.Quantity{Amount: n, Unit: trace.Gram} }

func TestHarvestWithinTheYield(t *testing.T) {
	harvested := at("2026-10-18T09:00:00+08:00")
	cases := []struct {
		name     string
		quantity trace.Quantity
		mutate   func(*HarvestFacts)
		code     trace.Code
	}{
		{"the demonstration lot, 1,920 boxes", grams(9_600_000), nil, ""},
		{"exactly the ceiling of 8 mu", grams(23_998_500), nil, ""},
		{"one gram above", grams(23_998_501), nil, trace.CodeYield},
		{"what others left", grams(3_998_500), func(f *HarvestFacts) { f.Season.Grams = 20_000_000 }, ""},
		{"more than others left", grams(3_998_501), func(f *HarvestFacts) { f.Season.Grams = 20_000_000 }, trace.CodeYield},
		{"plot not registered", grams(1), func(f *HarvestFacts) { f.Plot = nil }, trace.CodeNotFound},
		{"another crop", grams(1), func(f *HarvestFacts) { f.Plot.Crop = "apple" }, trace.CodeInvalid},
		{"not weighed", trace.Quantity{Amount: 1, Unit: trace.Piece}, nil, trace.CodeInvalid},
		{"no ceiling on file", grams(1), func(f *HarvestFacts) { f.Ceilings = nil }, trace.CodeStandard},
		{"ceiling only effective later", grams(1), func(f *HarvestFacts) { f.Ceilings[0].Source.Effective = day("2026-10-19") }, trace.CodeStandard},
		{"sprayed 20 days before", grams(1), func(f *HarvestFacts) { f.Season.Sprays = spray("2026-09-28", 14) }, ""},
		{"sprayed 8 days before", grams(1), func(f *HarvestFacts) { f.Season.Sprays = spray("2026-10-10", 14) }, trace.CodeInterval},
		{"on the first safe day", grams(1), func(f *HarvestFacts) { f.Season.Sprays = spray("2026-10-04", 14) }, ""},
		{"a day before it", grams(1), func(f *HarvestFacts) { f.Season.Sprays = spray("2026-10-05", 14) }, trace.CodeInterval},
		{"sprayed after the harvest", grams(1), func(f *HarvestFacts) { f.Season.Sprays = spray("2026-10-19", 14) }, ""},
		{"spray logged to the next season", grams(1), func(f *HarvestFacts) { f.After.Sprays = spray("2026-10-10", 14) }, trace.CodeInterval},
		{"spray logged to the season before", grams(1), func(f *HarvestFacts) { f.Before.Sprays = spray("2026-10-10", 14) }, trace.CodeInterval},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := HarvestFacts{Plot: plot8mu(), Ceilings: ceilings()}
			if c.mutate != nil {
				c.mutate(&f)
			}
			season, err := Harvest("plot-08mu", kiwifruit(), harvested, c.quantity, f)
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
			if err == nil {
				require.Equal(t, f.Season.Grams+c.quantity.Amount, season.Grams)
				require.Equal(t, []trace.Date{day("2026-10-18")}, season.Harvests)
			}
		})
	}
}

func spray(on string, days trace.Date) []trace.SprayWindow {
	return []trace.SprayWindow{{Registration: "PD1", Day: day(on), SafeFrom: day(on) + days}}
}

func TestYieldCapDoesNotOverflow(t *testing.T) {
	most, err := YieldCap(5_333, &trace.YieldCeiling{GramsPerHectare: 45_000_000})
	require.NoError(t, err)
	require.Equal(t, int64(23_998_500), most)
	_, err = YieldCap(maxArea, &trace.YieldCeiling{GramsPerHectare: 1_000_000_000})
	require.NoError(t, err)
	_, err = YieldCap(1<<62, &trace.YieldCeiling{GramsPerHectare: 1 << 62})
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(err))
}

// Whatever lots a farm registers in whatever order, the accepted ones together stay
// within the plot's ceiling, and a refused one changes nothing.
func TestYieldIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := HarvestFacts{Plot: plot8mu(), Ceilings: ceilings()}
		var accepted int64
		for _, q := range rapid.SliceOf(rapid.Int64Range(1, 15_000_000)).Draw(t, "lots") {
			season, err := Harvest("plot-08mu", kiwifruit(), at("2026-10-18T09:00:00+08:00"), grams(q), f)
			require.Equal(t, accepted+q > 23_998_500, err != nil)
			if err == nil {
				accepted += q
			}
			f.Season = season
			require.Equal(t, accepted, season.Grams)
		}
	})
}

func intervals() []trace.Interval {
	return []trace.Interval{{
		Registration: "PD1", Crop: "kiwifruit", PreHarvestDays: 14, MaxApplications: 2,
		Source: trace.StandardSource{Standard: "登记证", Effective: day("2020-01-01")},
	}}
}

func sprayRequest(on string) *trace.AddLogEntryRequest {
	return &trace.AddLogEntryRequest{Plot: "plot-08mu", Season: 2026, Activity: trace.ActivitySpray, At: at(on + "T08:00:00+08:00"), Registration: "PD1", Dose: "1000x"}
}

func TestSpray(t *testing.T) {
	harvest := trace.Season{Harvests: []trace.Date{day("2026-10-18")}}
	cases := []struct {
		name string
		on   string
		f    SprayFacts
		code trace.Code
	}{
		{"no harvest yet", "2026-09-28", SprayFacts{}, ""},
		{"20 days before the harvest", "2026-09-28", SprayFacts{Season: harvest}, ""},
		{"14 days before", "2026-10-04", SprayFacts{Season: harvest}, ""},
		{"13 days before", "2026-10-05", SprayFacts{Season: harvest}, trace.CodeInterval},
		{"8 days before", "2026-10-10", SprayFacts{Season: harvest}, trace.CodeInterval},
		{"on the day of harvest", "2026-10-18", SprayFacts{Season: harvest}, trace.CodeInterval},
		{"after the harvest", "2026-10-19", SprayFacts{Season: harvest}, ""},
		{"harvest of a neighbouring season", "2026-10-10", SprayFacts{Before: harvest}, trace.CodeInterval},
		{"second application", "2026-09-28", SprayFacts{Season: trace.Season{Sprays: spray("2026-08-01", 14)}}, ""},
		{"third application", "2026-09-28", SprayFacts{Season: trace.Season{Sprays: append(spray("2026-08-01", 14), spray("2026-08-20", 14)...)}}, trace.CodeApplications},
		{"third, but it corrects one", "2026-09-28", SprayFacts{
			Season: trace.Season{Sprays: append(spray("2026-08-01", 14), spray("2026-08-20", 14)...)}, Corrected: &trace.LogEntry{Registration: "PD1"},
		}, ""},
		{"third, correcting one of another product", "2026-09-28", SprayFacts{
			Season: trace.Season{Sprays: append(spray("2026-08-01", 14), spray("2026-08-20", 14)...)}, Corrected: &trace.LogEntry{Registration: "PD2"},
		}, trace.CodeApplications},
		{"before the standard is effective", "2019-12-31", SprayFacts{}, trace.CodeStandard},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.f.Intervals = intervals()
			interval, safeFrom, season, err := Spray(sprayRequest(c.on), "kiwifruit", c.f)
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
			if err == nil {
				require.Equal(t, 14, interval.PreHarvestDays)
				require.Equal(t, day(c.on)+14, safeFrom)
				require.Len(t, season.Sprays, len(c.f.Season.Sprays)+1)
			}
		})
	}
	_, _, _, err := Spray(sprayRequest("2026-09-28"), "kiwifruit", SprayFacts{})
	require.Equal(t, trace.CodeStandard, trace.CodeOf(err))
}

// A spray and a harvest meet the same verdict whichever of them is recorded first,
// and whichever of two neighbouring seasons each is logged to.
func TestSprayAndHarvestAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sprayed := day("2026-09-01") + trace.Date(rapid.IntRange(0, 60).Draw(t, "sprayed"))
		harvested := day("2026-10-01") + trace.Date(rapid.IntRange(0, 30).Draw(t, "harvested"))
		neighbour := rapid.Bool().Draw(t, "neighbour")

		h := HarvestFacts{}
		window := []trace.SprayWindow{{Registration: "PD1", Day: sprayed, SafeFrom: sprayed + 14}}
		s := SprayFacts{Intervals: intervals()}
		if neighbour {
			h.After.Sprays, s.Before.Harvests = window, []trace.Date{harvested}
		} else {
			h.Season.Sprays, s.Season.Harvests = window, []trace.Date{harvested}
		}
		_, sprayFirst := HarvestLogged(harvested, h)
		_, _, _, harvestFirst := Spray(sprayRequest(sprayed.String()), "kiwifruit", s)
		inside := sprayed <= harvested && harvested < sprayed+14
		require.Equal(t, inside, sprayFirst != nil)
		require.Equal(t, inside, harvestFirst != nil)
	})
}

func lotOf(name trace.LotNumber, quantity trace.Quantity) Lot {
	return Lot{Batch: &trace.Batch{
		Head: trace.Head{Party: "farm-01", Claimed: at("2026-10-01T09:00:00+08:00")}, LotID: trace.LotID{GTIN: "09520000100018", Lot: name},
		Made: at("2026-10-18T09:00:00+08:00"), Quantity: quantity,
	}}
}

func TestTakeInput(t *testing.T) {
	made := at("2026-10-20T09:00:00+08:00")
	cases := []struct {
		name   string
		want   trace.Quantity
		mutate func(*Lot, *trace.TakenQuantity)
		code   trace.Code
	}{
		{"all of it", grams(1_000), nil, ""},
		{"one too many", grams(1_001), nil, trace.CodeInputs},
		{"what others left", grams(400), func(_ *Lot, b *trace.TakenQuantity) { b.Amount = 600 }, ""},
		{"more than others left", grams(401), func(_ *Lot, b *trace.TakenQuantity) { b.Amount = 600 }, trace.CodeInputs},
		{"another unit", trace.Quantity{Amount: 1, Unit: trace.Piece}, nil, trace.CodeInvalid},
		{"nothing", trace.Quantity{}, nil, trace.CodeMissing},
		{"less than nothing", grams(-1), nil, trace.CodeInvalid},
		{"before the parent was made", grams(1), func(l *Lot, _ *trace.TakenQuantity) { l.Batch.Made = made + 1 }, trace.CodeChronology},
		{"a parent not harvested yet", grams(1), func(l *Lot, _ *trace.TakenQuantity) { l.Batch.Presale = true }, trace.CodeState},
	}
	for _, c := range cases {
		parent, taken := lotOf("P", grams(1_000)), trace.TakenQuantity{}
		if c.mutate != nil {
			c.mutate(&parent, &taken)
		}
		after, err := TakeInput(trace.Input{LotID: parent.Batch.LotID, Quantity: c.want}, parent, taken, made)
		require.Equal(t, c.code, trace.CodeOf(err), "%s: %v", c.name, err)
		if err != nil {
			require.Equal(t, taken, after, c.name)
		}
	}
}

// Whatever is taken, a parent never gives more than it holds.
func TestInputsConserve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parent := lotOf("P", grams(rapid.Int64Range(1, 1_000).Draw(t, "held")))
		var taken trace.TakenQuantity
		var given int64
		for _, q := range rapid.SliceOf(rapid.Int64Range(-5, 400)).Draw(t, "wanted") {
			after, err := TakeInput(trace.Input{LotID: parent.Batch.LotID, Quantity: grams(q)}, parent, taken, parent.Made())
			if err == nil {
				given += q
			}
			taken = after
			require.Equal(t, given, taken.Amount)
			require.LessOrEqual(t, given, parent.Quantity().Amount)
		}
	})
}

func TestAncestorsAreClosed(t *testing.T) {
	a, b, c := lotOf("A", grams(1)).Batch, lotOf("B", grams(1)).Batch, lotOf("C", grams(1)).Batch
	b.Ancestors = []trace.LotID{a.LotID}
	c.Ancestors = []trace.LotID{a.LotID}
	closure, err := Ancestors([]*trace.Batch{c, b})
	require.NoError(t, err)
	require.Equal(t, []trace.LotID{a.LotID, b.LotID, c.LotID}, closure)

	many := lotOf("M", grams(1)).Batch
	for i := range 1_000 {
		many.Ancestors = append(many.Ancestors, trace.LotID{GTIN: "09520000100018", Lot: trace.LotNumber(ItemDigits(int64(i)))})
	}
	_, err = Ancestors([]*trace.Batch{many})
	require.Equal(t, trace.CodeTooLarge, trace.CodeOf(err))

	require.NoError(t, NotRecalled(closure, []*trace.Recall{nil, {Active: false}, nil}))
	require.Equal(t, trace.CodeRecalled, trace.CodeOf(NotRecalled(closure, []*trace.Recall{nil, {Active: true}, nil})))
}
