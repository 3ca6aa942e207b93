package segment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// TestBinsGrowWhileOthersWait: while more segments wait than are sent, a full bin takes
// more readings, up to what one segment can hold, and is cut by its age all the same. It
// goes as soon as there is room, also if its device is silent by then.
func TestBinsGrowWhileOthersWait(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10, InFlight: 1, Retry: time.Millisecond})
	d.chain.setAway(unavailable)
	d.run()
	put := func(from, to int) {
		t.Helper()
		for ; from < to; from += 10 {
			require.NoError(t, d.put(d.series(from, from+10)...))
		}
	}
	put(-30_000, -24_000)
	require.EqualValues(t, 3, d.unsent.Load(), "two of ten readings, then the largest there is")
	require.Len(t, d.bins(), 1)
	require.Len(t, d.bins()[0].readings, 6_000-20-trace.MaxReadings)

	d.clock.advance(d.Segmenter.limits.Age)
	d.eventually("the rest by its age", func() bool { return d.unsent.Load() == 4 })
	put(-24_000, -23_900)
	require.Len(t, d.bins()[0].readings, 100)
	require.EqualValues(t, 1, d.growing.Load())

	d.chain.setAway(nil)
	d.eventually("all, without waiting for age", func() bool { return d.Waiting() == 0 })
	require.Zero(t, d.growing.Load())
	require.Len(t, d.chain.all(t, truck), 6_100)
	var counts []int
	for n := range int64(5) {
		counts = append(counts, d.chain.segments[truck][n+1].request.Count)
	}
	require.Equal(t, []int{10, 10, trace.MaxReadings, 980, 100}, counts)
}

// TestFewBinsGrow: the memory of growing bins is bounded by their number.
func TestFewBinsGrow(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10, InFlight: 1})
	devices := []trace.DeviceID{truck, "truck-02", "truck-03", "truck-04", "truck-05", "truck-06"}
	for _, other := range devices[1:] {
		d.chain.bind(t, other, shipment, d.reading(-24*3600, 0).At, trace.ProbeReturnAir)
	}
	for i := range 3 {
		for _, device := range devices {
			require.NoError(t, d.Put(t.Context(), device, d.series(-100+10*i, -90+10*i)))
		}
	}
	require.EqualValues(t, growingBins, d.growing.Load())
	require.EqualValues(t, 3*(len(devices)-growingBins), d.unsent.Load(), "those of the others are cut as ever")
}

// bins are the truck's.
func (d *desk) bins() []*bin {
	found, _ := d.lines.Load(truck)
	l := found.(*line)
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*bin(nil), l.bins...)
}
