package index_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// all reads every page of a list.
func all(t *testing.T, x *index.Index, q index.ListQuery) []index.Record {
	t.Helper()
	var out []index.Record
	for {
		page, next, err := x.List(q)
		require.NoError(t, err)
		out = append(out, page...)
		if next == "" {
			return out
		}
		require.Equal(t, q.Limit, len(page))
		q.Cursor = next
	}
}

func TestListPagesNewestFirst(t *testing.T) {
	s := newTale(t)
	for range 25 {
		entry, _ := s.log(&s.lot, trace.ActivitySort, "")
		s.then(entry)
	}
	lot := s.lot
	for name, tc := range map[string]struct {
		query index.ListQuery
		want  int
	}{
		"a kind":              {index.ListQuery{Kind: state.FactLog}, 28},
		"everything":          {index.ListQuery{}, 45},
		"by party":            {index.ListQuery{Party: lab}, 2},
		"by party and kind":   {index.ListQuery{Party: farm, Kind: state.KindBatch}, 1},
		"by lot":              {index.ListQuery{Lot: &lot}, 31},
		"by lot and kind":     {index.ListQuery{Lot: &lot, Kind: state.FactInspection}, 2},
		"nothing of the kind": {index.ListQuery{Kind: state.KindShipment}, 0},
		"nobody":              {index.ListQuery{Party: "nobody"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			whole := all(t, s.Index, tc.query)
			require.Equal(t, tc.want, len(whole))
			for i := 1; i < len(whole); i++ {
				newer, older := whole[i-1], whole[i]
				require.True(t, newer.Block > older.Block || newer.Block == older.Block && newer.Position >= older.Position)
			}
			for _, limit := range []int{1, 7} {
				tc.query.Limit = limit
				require.Equal(t, whole, all(t, s.Index, tc.query), "pages of %d", limit)
			}
		})
	}
}

func TestListByPrefixInKeyOrder(t *testing.T) {
	s := newTale(t)
	whole := all(t, s.Index, index.ListQuery{Prefix: "party/"})
	require.Equal(t, 7, len(whole))
	require.Equal(t, state.PartyKey(carrier), whole[0].Key)
	require.Equal(t, whole, all(t, s.Index, index.ListQuery{Prefix: "party/", Limit: 2}))
	require.Len(t, all(t, s.Index, index.ListQuery{Prefix: "limit/kiwifruit/"}), 1)
	_, next, err := s.List(index.ListQuery{Prefix: "party/", Limit: 1})
	require.NoError(t, err)
	_, _, err = s.List(index.ListQuery{Prefix: "licence/", Cursor: next})
	require.Equal(t, index.CodeCursor, trace.CodeOf(err))
}

func TestListRefusesStrangeCursors(t *testing.T) {
	s := newTale(t)
	for _, cursor := range []string{"!", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		_, _, err := s.List(index.ListQuery{Cursor: cursor})
		require.Equal(t, index.CodeCursor, trace.CodeOf(err), cursor)
	}
}

func TestListShowsCorrections(t *testing.T) {
	s := newTale(t)
	logs := all(t, s.Index, index.ListQuery{Kind: state.FactLog})
	require.Equal(t, []trace.Key{logs[1].Key}, logs[2].CorrectedBy)
	rec, found, err := s.Record(logs[2].Key)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, logs[2], rec)
}

func TestHistoryKeepsStateNotBalances(t *testing.T) {
	s := newTale(t)
	limits, err := s.History(state.LimitKey("kiwifruit", "spinosad"))
	require.NoError(t, err)
	require.Len(t, limits, 2)
	require.Less(t, limits[0].Block*1000+uint64(limits[0].Position), limits[1].Block*1000+uint64(limits[1].Position))
	published, err := s.Limits("kiwifruit")
	require.NoError(t, err)
	require.Len(t, published, 2)

	recalled, action := s.recall(s.lot, nil, true, "")
	s.then(recalled)
	lifted, _ := s.recall(s.lot, nil, false, action)
	s.then(lifted)
	recalls, err := s.History(state.RecallLotKey(s.lot))
	require.NoError(t, err)
	require.Len(t, recalls, 2)
	balances, err := s.History(state.PackStatusKey(pack))
	require.NoError(t, err)
	require.Empty(t, balances)
}

func TestOtherQueries(t *testing.T) {
	s := newTale(t)
	second := lotOf(kiwi, "PJ261018-B")
	s.then(s.batch(second), s.dispatch(truck, unitA, pack, farm, s.lot))
	lots, next, err := s.LotsFor(kiwi, "", 1)
	require.NoError(t, err)
	require.Equal(t, s.lot, lots[0].Record.LotID)
	lots, next, err = s.LotsFor(kiwi, next, 1)
	require.NoError(t, err)
	require.Equal(t, second, lots[0].Record.LotID)
	require.Empty(t, next)

	products, err := s.ProductsOf(shop)
	require.NoError(t, err)
	require.Len(t, products, 2)

	shipment, found, err := s.Shipment(truck)
	require.NoError(t, err)
	require.True(t, found)
	require.True(t, shipment.Status.Open)
	unit, found, err := s.Unit(unitA)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []trace.ShipmentID{truck}, unit.Shipments)

	rolls := s.activate("K1WF0009", second)
	s.then(rolls[0])
	p, found, err := s.Pack("K1WF0009")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, trace.PackIssued, p.Status.State)
	require.Nil(t, p.Activation)
	before, err := s.PackVersion("K1WF0009")
	require.NoError(t, err)
	s.then(rolls[1])
	now, err := s.PackVersion("K1WF0009")
	require.NoError(t, err)
	require.Greater(t, now, before)

	for _, ask := range []func() (bool, error){
		func() (bool, error) { _, found, err := s.Shipment("none"); return found, err },
		func() (bool, error) { _, found, err := s.Pack("NONE0000"); return found, err },
		func() (bool, error) { _, found, err := s.Party("none"); return found, err },
		func() (bool, error) { _, found, err := s.Product("00000000000000"); return found, err },
		func() (bool, error) { _, found, err := s.Unit("000000000000000000"); return found, err },
		func() (bool, error) { _, found, err := s.Record("batch/x/y"); return found, err },
	} {
		found, err := ask()
		require.NoError(t, err)
		require.False(t, found)
	}
}
