package index_test

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// TestALotShowsItsSeasonByTheDay: days of several segments become one, those of other
// seasons and after the harvest are not this lot's, and the page changes with each.
func TestALotShowsItsSeasonByTheDay(t *testing.T) {
	s := newTale(t)
	require.Nil(t, s.story().Growth)
	before := s.story()
	harvest := before.Made.Date()
	require.Equal(t, season, harvest.Year())
	s.then(s.orchard(1, grown(harvest-2, 2_500, 20_000, 4), grown(harvest-1, 2_400, 0, 2)))
	s.then(s.orchard(3, grown(harvest-400, 900, 900, 4)), s.orchard(4, grown(harvest+1, 900, 900, 4)))
	s.then(s.orchard(2, grown(harvest-1, 2_100, 15_000, 1), grown(harvest, 2_000, 10_000, 4)))
	l := s.story()
	require.Greater(t, l.Version, before.Version)
	require.Equal(t, []trace.GrowingDay{
		grown(harvest-2, 2_500, 20_000, 4),
		{
			Date:         harvest - 1,
			SoilMoisture: &trace.MoistureSummary{Count: 3, Minimum: 2_050, Maximum: 2_450, Mean: 2_300},
			Illuminance:  &trace.LightSummary{Count: 1, Maximum: 30_000, Mean: 15_000},
		},
		grown(harvest, 2_000, 10_000, 4),
	}, l.Growth.Days)
	require.Equal(t, state.SegmentKey("orchard-01", 2), l.Growth.Latest.Key)

	version := s.Version(s.lot)
	s.then(s.orchard(5, grown(harvest, 2_200, 10_000, 4)))
	require.Greater(t, s.Version(s.lot), version)
	days := s.story().Growth.Days
	require.Equal(t, trace.CentiPercent(2_100), days[2].SoilMoisture.Mean)

	again := open(t, vfs.NewMem())
	defer func() { require.NoError(t, again.Close()) }()
	require.NoError(t, again.Follow(context.Background(), s.source))
	require.Equal(t, dumpOf(t, s.Index), dumpOf(t, again), "folded block by block, and at once")
}
