package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func limitFrom(effective string, head trace.Head) trace.Limit {
	return trace.Limit{Head: head, Source: trace.StandardSource{Effective: day(effective)}}
}

func TestLimitOnTheDay(t *testing.T) {
	var versions []trace.Limit
	add := func(effective, id string, corrects trace.Key) error {
		next, err := AddLimit(versions, limitFrom(effective, trace.Head{ID: id, Corrects: corrects}))
		if err == nil {
			versions = next
		}
		return err
	}
	require.NoError(t, add("2026-01-01", "b", ""))
	require.NoError(t, add("2020-01-01", "a", "")) // published later, effective earlier
	require.Equal(t, trace.CodeAlreadyExists, trace.CodeOf(add("2026-01-01", "again", "")))
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(add("2023-01-01", "corrects nothing", "limit/x/y")))

	require.Nil(t, LimitOn(versions, day("2019-12-31")))
	require.Equal(t, "a", LimitOn(versions, day("2020-01-01")).ID)
	require.Equal(t, "a", LimitOn(versions, day("2025-12-31")).ID)
	require.Equal(t, "b", LimitOn(versions, day("2026-01-01")).ID)

	require.NoError(t, add("2020-01-01", "a2", "limit/x/y"))
	require.Equal(t, "a2", LimitOn(versions, day("2025-12-31")).ID)
	require.Equal(t, "b", LimitOn(versions, day("2026-06-01")).ID)
	require.Len(t, versions, 3)
}

// Whatever the order of publication, the versions are in order and the one that
// applies is the latest effective by the day.
func TestVersionsStayInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var versions []trace.Interval
		published := map[trace.Date]bool{}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 30), 0, 20).Draw(t, "days") {
			effective := day("2026-01-01") + trace.Date(n)
			next, err := AddInterval(versions, trace.Interval{Source: trace.StandardSource{Effective: effective}})
			require.Equal(t, published[effective], err != nil)
			if err == nil {
				versions = next
				published[effective] = true
			}
		}
		for offset := trace.Date(-1); offset <= 31; offset++ {
			on := day("2026-01-01") + offset
			var want trace.Date
			for d := range published {
				if d <= on {
					want = max(want, d)
				}
			}
			found := IntervalOn(versions, on)
			require.Equal(t, want != 0, found != nil)
			if found != nil {
				require.Equal(t, want, found.Source.Effective)
			}
		}
	})
}

func TestCheckLimit(t *testing.T) {
	v := trace.Decimal(50_000)
	w := trace.Decimal(60_000)
	cases := []struct {
		name   string
		mutate func(*trace.PublishLimitRequest)
		code   trace.Code
	}{
		{"maximum", func(*trace.PublishLimitRequest) {}, ""},
		{"minimum", func(r *trace.PublishLimitRequest) { r.Kind, r.Minimum, r.Maximum = trace.LimitMinimum, &v, nil }, ""},
		{"range", func(r *trace.PublishLimitRequest) { r.Kind, r.Minimum = trace.LimitRange, &v }, ""},
		{"not detected", func(r *trace.PublishLimitRequest) { r.Kind, r.Maximum, r.Unit = trace.LimitNotDetected, nil, "" }, ""},
		{"qualitative", func(r *trace.PublishLimitRequest) {
			r.Kind, r.Maximum, r.Expected = trace.LimitQualitative, nil, "正常"
		}, ""},
		{"unknown kind", func(r *trace.PublishLimitRequest) { r.Kind = "about" }, trace.CodeInvalid},
		{"maximum without value", func(r *trace.PublishLimitRequest) { r.Maximum = nil }, trace.CodeInvalid},
		{"maximum with minimum", func(r *trace.PublishLimitRequest) { r.Minimum = &v }, trace.CodeInvalid},
		{"range backwards", func(r *trace.PublishLimitRequest) { r.Kind, r.Minimum, r.Maximum = trace.LimitRange, &w, &v }, trace.CodeInvalid},
		{"not detected with value", func(r *trace.PublishLimitRequest) { r.Kind = trace.LimitNotDetected }, trace.CodeInvalid},
		{"qualitative without text", func(r *trace.PublishLimitRequest) { r.Kind, r.Maximum = trace.LimitQualitative, nil }, trace.CodeMissing},
		{"number with text", func(r *trace.PublishLimitRequest) { r.Expected = "x" }, trace.CodeInvalid},
		{"no unit", func(r *trace.PublishLimitRequest) { r.Unit = "" }, trace.CodeMissing},
		{"no standard", func(r *trace.PublishLimitRequest) { r.Source.Standard = "" }, trace.CodeMissing},
		{"no source", func(r *trace.PublishLimitRequest) { r.Source.Source = "" }, trace.CodeMissing},
		{"no effective date", func(r *trace.PublishLimitRequest) { r.Source.Effective = 0 }, trace.CodeMissing},
		{"malformed substance", func(r *trace.PublishLimitRequest) { r.Substance = "a/b" }, trace.CodeInvalid},
	}
	for _, c := range cases {
		r := &trace.PublishLimitRequest{
			Commodity: "kiwifruit", Substance: "spinosad", Name: "多杀霉素", Kind: trace.LimitMaximum, Maximum: &w, Unit: "mg/kg",
			Source: trace.StandardSource{Standard: "GB 2763-2016", Effective: day("2017-06-18"), Source: "page"},
		}
		c.mutate(r)
		require.Equal(t, c.code, trace.CodeOf(CheckLimit(r)), c.name)
	}
}

func TestCheckIntervalAndCeiling(t *testing.T) {
	source := trace.StandardSource{Standard: "S", Effective: day("2020-01-01"), Source: "page"}
	interval := func(days, applications int) trace.Code {
		return trace.CodeOf(CheckInterval(&trace.PublishIntervalRequest{Registration: "PD1", Name: "n", Crop: "kiwifruit", PreHarvestDays: days, MaxApplications: applications, Source: source}))
	}
	require.Empty(t, interval(0, 1))
	require.Equal(t, trace.CodeInvalid, interval(-1, 1))
	require.Equal(t, trace.CodeInvalid, interval(366, 1))
	require.Equal(t, trace.CodeInvalid, interval(14, 0))
	ceiling := func(grams int64) trace.Code {
		return trace.CodeOf(CheckYieldCeiling(&trace.PublishYieldCeilingRequest{Crop: "kiwifruit", GramsPerHectare: grams, Source: source}))
	}
	require.Empty(t, ceiling(45_000_000))
	require.Equal(t, trace.CodeInvalid, ceiling(0))
	require.Equal(t, trace.CodeInvalid, ceiling(1_000_000_001))
}
