package freshness

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor"
)

func thresholds(t require.TestingT) Thresholds {
	_, th, err := Load()
	require.NoError(t, err)
	return th
}

func codes(found []monitor.Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Finding)
	}
	return out
}

const (
	hour = trace.Time(3600 * 1000)
	day  = 24 * hour
	made = trace.Time(1_792_281_600_000)
)

func spray(at trace.Time, days int) LogEntry {
	return LogEntry{Key: "spray", Record: &trace.LogEntry{
		Activity: trace.ActivitySpray, At: at, Registration: "PD1", IntervalDays: days, SafeFrom: at.Date() + trace.Date(days),
	}}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		lot  Lot
		want []string
	}{
		"a good lot": {lot: Lot{Made: made, ShelfDays: 120, Log: []LogEntry{spray(made-20*day, 14)},
			Shipments: []Shipment{{Departed: made + 2*day, Arrived: made + 4*day}}, Streams: []Stream{{Planned: made + 5*day}}}},
		"a presale lot":             {lot: Lot{Planned: made.Date(), ShelfDays: 1, Shipments: []Shipment{{Departed: 1, Arrived: 2}}}},
		"arrived past its life":     {lot: Lot{Made: made, ShelfDays: 3, Shipments: []Shipment{{Departed: made, Arrived: made + 5*day}}}, want: []string{PastShelfLife}},
		"arrived on its last day":   {lot: Lot{Made: made, ShelfDays: 3, Shipments: []Shipment{{Departed: made, Arrived: made + 3*day}}}, want: []string{OldOnArrival}},
		"sold past its life":        {lot: Lot{Made: made, ShelfDays: 30, Streams: []Stream{{Planned: made + 31*day}}}, want: []string{PastShelfLife}},
		"no shelf life on file":     {lot: Lot{Made: made, Streams: []Stream{{Planned: made + 900*day}}}},
		"old on arrival":            {lot: Lot{Made: made, ShelfDays: 30, Shipments: []Shipment{{Departed: made, Arrived: made + 11*day}}}, want: []string{OldOnArrival}},
		"left before the harvest":   {lot: Lot{Made: made, Shipments: []Shipment{{Departed: made - hour}}}, want: []string{LeftBeforeHarvest}},
		"sprayed too late":          {lot: Lot{Made: made, Log: []LogEntry{spray(made-8*day, 14)}}, want: []string{PreHarvestInterval}},
		"sprayed just long enough":  {lot: Lot{Made: made, Log: []LogEntry{spray(made-14*day, 14)}}},
		"sprayed after the harvest": {lot: Lot{Made: made, Log: []LogEntry{spray(made+day, 14)}}},
		"harvested ten days late":   {lot: Lot{Made: made, Planned: made.Date() - 10}, want: []string{HarvestedLate}},
	} {
		t.Run(name, func(t *testing.T) {
			c.lot.ID, c.lot.Key = trace.LotID{GTIN: "09520000100018", Lot: "A"}, "batch"
			require.Equal(t, c.want, codes(Check(thresholds(t), c.lot)))
		})
	}
}

// "今早刚摘的" of a lot that was picked days ago and is on the truck.
func TestPicked(t *testing.T) {
	lot := Lot{ID: trace.LotID{GTIN: "09520000100018", Lot: "PJ261018-A"}, Key: "batch", Made: made, Shipments: []Shipment{{Key: "shipment", Departed: made + 2*day}}}
	claim := func(at trace.Time) monitor.Claim {
		return monitor.Claim{Key: "claim", Record: trace.ProductClaim{Stream: "live-01", Host: "host-01", Run: "run", Utterance: 1, Kind: trace.ClaimPickedAt, At: at}}
	}
	found := CheckPicked(thresholds(t), claim(made+4*day), []Lot{lot})
	require.Equal(t, []string{PickedEarlier}, codes(found))
	require.Equal(t, []trace.Key{"run", "claim", "batch", "shipment"}, found[0].Evidence)
	require.Contains(t, found[0].Text, "已发运")
	found = CheckPicked(thresholds(t), claim(made+day), []Lot{lot})
	require.Equal(t, []string{PickedEarlier}, codes(found))
	require.NotContains(t, found[0].Text, "已发运")
	require.Empty(t, CheckPicked(thresholds(t), claim(made+6*hour), []Lot{lot}), "a harvest lasts a day")
	require.Empty(t, CheckPicked(thresholds(t), claim(made-day), []Lot{lot}), "older than it is claims nothing")
	require.Empty(t, CheckPicked(thresholds(t), claim(made+4*day), nil), "nothing to compare with")
}

func TestProperties(t *testing.T) {
	th := thresholds(t)
	lots := rapid.Custom(func(t *rapid.T) Lot {
		l := Lot{ID: trace.LotID{GTIN: "09520000100018", Lot: "A"}, Key: "batch", Made: made, ShelfDays: rapid.IntRange(0, 60).Draw(t, "shelf")}
		for range rapid.IntRange(0, 3).Draw(t, "shipments") {
			departed := made + trace.Time(rapid.IntRange(-48, 480).Draw(t, "departed"))*hour
			l.Shipments = append(l.Shipments, Shipment{Key: "shipment", ArrivalKey: "arrival", Departed: departed, Arrived: departed + trace.Time(rapid.IntRange(1, 900).Draw(t, "hours"))*hour})
		}
		for range rapid.IntRange(0, 3).Draw(t, "sprays") {
			l.Log = append(l.Log, spray(made-trace.Time(rapid.IntRange(-5, 30).Draw(t, "before"))*day, rapid.IntRange(0, 20).Draw(t, "interval")))
		}
		return l
	})
	t.Run("order", rapid.MakeCheck(func(t *rapid.T) {
		l := lots.Draw(t, "lot")
		other := l
		other.Shipments = rapid.Permutation(l.Shipments).Draw(t, "shipments")
		other.Log = rapid.Permutation(l.Log).Draw(t, "log")
		require.ElementsMatch(t, Check(th, l), Check(th, other))
	}))
	t.Run("tolerance adds nothing", rapid.MakeCheck(func(t *rapid.T) {
		l := lots.Draw(t, "lot")
		wide := th
		wide.OldOnArrival += rapid.Int64Range(0, 100).Draw(t, "more")
		require.LessOrEqual(t, len(Check(wide, l)), len(Check(th, l)))
	}))
}
