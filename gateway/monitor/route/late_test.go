package route

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// A lorry that was out of reach sends where it was meanwhile after where it is now. That
// says nothing else about its way.
func TestSentLateIsJudgedAsInTime(t *testing.T) {
	road := func() []trace.Reading { return drive(start, 26*60, pujiang, linping) }
	jump := road()
	jump[500].Point.Latitude += 100_000
	for name, readings := range map[string][]trace.Reading{
		"a good journey":                      road(),
		"a jump":                              jump,
		"no fix for half an hour on the road": without(road(), 480, 510),
		"standing at no place":                append(road()[:510], drive(start+510*60_000, 180, road()[510].Point, road()[510].Point)...),
	} {
		t.Run(name, func(t *testing.T) {
			judged := func(each, from, to int) []string {
				s := shipment()
				parts := slices.Concat(readings[:from], readings[to:], readings[from:to])
				s.add(t, "bd-01", each, parts)
				return codes(Check(thresholds(t), s))
			}
			for _, each := range []int{10, 30} {
				inTime := judged(each, 0, 0)
				for _, late := range [][2]int{{0, 60}, {300, 360}, {480, 540}, {510, 630}} {
					require.ElementsMatch(t, inTime, judged(each, late[0], late[1]), "%d readings each, %v late", each, late)
				}
			}
			around := shipment() // the readings around it were one segment
			around.add(t, "bd-01", 2_000, slices.Concat(readings[:300], readings[360:]))
			late := shipment()
			late.add(t, "bd-01", 20, slices.Concat(readings[340:360], readings[300:340])) // numbers 1 to 3
			for i, s := range late.Segments {
				s.Segment.Sequence = int64(i) + 2
				around.Segments = append(around.Segments, s)
				around.Readings[s.Segment.Payload] = late.Readings[s.Segment.Payload]
			}
			require.ElementsMatch(t, judged(30, 0, 0), codes(Check(thresholds(t), around)), "inside a segment")
		})
	}
}
