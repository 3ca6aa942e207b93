package segment

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

func TestCutByCountAgeAndExcursion(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10})
	d.chain.ranges[shipment] = &trace.TemperatureRange{Minimum: 0, Maximum: 500}
	d.run()
	require.NoError(t, d.put(d.series(-300, -275)...))
	d.eventually("two full segments", func() bool { return len(d.chain.all(t, truck)) == 20 })
	require.Len(t, d.chain.segments[truck], 2)

	d.clock.advance(time.Minute)
	d.eventually("the rest by age", func() bool { return len(d.chain.all(t, truck)) == 25 })

	require.NoError(t, d.put(d.reading(1, 400)))
	require.NoError(t, d.put(d.reading(2, 501)))
	d.eventually("an excursion at once, with what came before it", func() bool { return len(d.chain.all(t, truck)) == 27 })
	require.NoError(t, d.put(d.reading(3, 502)))
	require.Never(t, func() bool { return len(d.chain.all(t, truck)) > 27 }, 200*time.Millisecond, 20*time.Millisecond, "one more outside waits for others")
	d.clock.advance(time.Second)
	d.eventually("but not long", func() bool { return len(d.chain.all(t, truck)) == 28 })

	knock := d.reading(4, 400)
	knock.Shock = 3_000
	require.NoError(t, d.put(knock))
	d.eventually("a shock at once", func() bool { return len(d.chain.all(t, truck)) == 29 })
	known, err := d.chain.Segments(truck)
	require.NoError(t, err)
	for i, k := range known {
		require.EqualValues(t, i+1, k.Sequence)
		if i > 0 {
			require.Equal(t, known[i-1].Payload, k.Previous, "each names the one before")
		}
	}
	d.eventually("nothing waits", func() bool { return d.Waiting() == 0 })
}

// A plot's readings wait an hour for others, through a crash too; how wet and bright it was
// is part of what a reading says.
func TestAPlotsReadingsWaitForOthers(t *testing.T) {
	const station trace.DeviceID = "orchard-01"
	d := newDesk(t, Limits{})
	d.chain.statuses[station] = &trace.DeviceStatus{Owner: "carrier", Bindings: []trace.BoundPeriod{{
		Plot: "plot-08", Probes: []string{trace.ProbeSoil}, From: d.reading(-3600, 0).At,
	}}}
	wet := func(seconds int, moisture trace.CentiPercent) trace.Reading {
		r := d.reading(seconds, 1_800)
		r.SoilMoisture, r.Illuminance = moisture, 41_200
		return r
	}
	require.NoError(t, d.Put(t.Context(), station, []trace.Reading{wet(-60, 2_375), wet(-30, 2_370)}))
	d.close()
	d.open()
	require.NoError(t, d.Put(t.Context(), station, []trace.Reading{wet(-60, 2_375), wet(0, 2_360)}))
	d.run()
	d.clock.advance(59 * time.Minute)
	require.NoError(t, d.Put(t.Context(), station, []trace.Reading{wet(0, 2_350)}), "the first word counts")
	require.Never(t, func() bool { return len(d.chain.all(t, station)) > 0 }, 200*time.Millisecond, 20*time.Millisecond)
	d.clock.advance(time.Minute)
	d.eventually("one segment", func() bool { return len(d.chain.all(t, station)) == 3 })
	require.Len(t, d.chain.segments[station], 1)
	require.EqualValues(t, 2_360, d.chain.all(t, station)[wet(0, 0).At].SoilMoisture)
	require.EqualValues(t, 41_200, d.chain.all(t, station)[wet(-30, 0).At].Illuminance)
}

func TestRepeatsAreDropped(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10})
	d.run()
	batch := d.series(-100, -85) // ten in a segment, five waiting
	for range 3 {
		require.NoError(t, d.put(batch...))
	}
	doubled := append(d.series(-85, -83), d.series(-85, -83)...)
	require.NoError(t, d.put(doubled...))
	restart := func() { d.close(); d.open(); d.run() }
	restart()
	require.NoError(t, d.put(batch...))
	d.eventually("the first ten", func() bool { return len(d.chain.all(t, truck)) == 10 })
	d.eventually("are forgotten here", func() bool { return d.Waiting() < 200 })
	restart() // what is compared with now is the chain's payload
	require.NoError(t, d.put(batch...))
	require.NoError(t, d.Flush(truck))
	d.eventually("each once", func() bool { return len(d.chain.all(t, truck)) == 17 })
	require.NoError(t, d.put(batch...))
	require.NoError(t, d.Flush(truck))
	require.Len(t, d.chain.segments[truck], 2)
}

func TestFirstWordCounts(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10})
	d.run()
	require.NoError(t, d.put(d.reading(-10, 100)))
	require.NoError(t, d.put(d.reading(-10, 200), d.reading(-9, 100)))
	require.NoError(t, d.Flush(truck))
	d.eventually("both times", func() bool { return len(d.chain.all(t, truck)) == 2 })
	require.NoError(t, d.put(d.reading(-9, 300)), "also after it is on the chain")
	d.close()
	d.open()
	d.run()
	require.Equal(t, trace.CentiCelsius(100), d.chain.all(t, truck)[d.reading(-10, 0).At].Temperatures[0])
	conflicts, err := d.Conflicts()
	require.NoError(t, err)
	require.Len(t, conflicts, 2)
	require.Equal(t, d.reading(-10, 100), conflicts[0].Kept)
	require.Equal(t, d.reading(-10, 200), conflicts[0].Dropped)
	require.Equal(t, d.reading(-9, 300), conflicts[1].Dropped)
}

func TestRefusals(t *testing.T) {
	d := newDesk(t, Limits{})
	d.chain.shipments[shipment].Arrived = d.reading(-600, 0).At
	d.chain.bind(t, "fresh-device", "ship-02", d.reading(0, 0).At)
	d.chain.bind(t, "early-device", "ship-03", d.reading(-3600, 0).At, trace.ProbeReturnAir)
	d.chain.shipments["ship-03"].Departed = d.reading(0, 0).At
	odd := d.reading(-700, 0)
	odd.Temperatures = append(odd.Temperatures, 3)
	placed := d.reading(-700, 0)
	placed.Point.Latitude = 1
	soaked, dazzled := d.reading(-700, 0), d.reading(-700, 0)
	soaked.SoilMoisture, dazzled.Illuminance = 100_01, 200_001
	for _, c := range []struct {
		name   string
		device trace.DeviceID
		r      trace.Reading
		want   trace.Code
	}{
		{"a device that is bound to nothing", "unknown-device", d.reading(-700, 0), ingest.CodeNotBound},
		{"before its first binding", "fresh-device", d.reading(-301, 0), ingest.CodeNotBound},
		{"before its binding and departure", truck, d.reading(-24*3600-301, 0), ingest.CodeNotBound},
		{"before the departure", "early-device", d.reading(-301, 0), trace.CodeChronology},
		{"after the arrival", truck, d.reading(-299, 0), trace.CodeChronology},
		{"a clock ahead", "fresh-device", d.reading(301, 0), trace.CodeChronology},
		{"a clock years away", truck, d.reading(-31*24*3600, 0), CodeTooOld},
		{"an impossible temperature", truck, d.reading(-700, 70_01), trace.CodeOutOfRange},
		{"more water than soil", truck, soaked, trace.CodeOutOfRange},
		{"brighter than the sun", truck, dazzled, trace.CodeOutOfRange},
		{"more temperatures than probes", truck, odd, trace.CodeSegment},
		{"a position without a fix", truck, placed, trace.CodeSegment},
	} {
		good := d.reading(-800, 0)
		err := d.Put(t.Context(), c.device, []trace.Reading{good, c.r})
		if c.device != truck {
			err = d.Put(t.Context(), c.device, []trace.Reading{c.r})
		}
		require.Equal(t, c.want, trace.CodeOf(err), "%s: %v", c.name, err)
	}
	require.NoError(t, d.Flush(truck))
	require.Zero(t, d.Waiting(), "nothing of a refused call is kept")
}

func TestLateReadingsTakeSegmentsOfTheirOwn(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10})
	d.run()
	require.NoError(t, d.put(d.series(-100, -90)...))
	require.NoError(t, d.put(d.series(-50, -40)...))
	late := append(d.series(-120, -115), d.series(-80, -77)...)
	require.NoError(t, d.put(late...))
	require.NoError(t, d.put(d.series(-30, -28)...))
	require.NoError(t, d.Flush(truck))
	d.eventually("all", func() bool { return len(d.chain.all(t, truck)) == 30 })
	spans := map[string]bool{}
	for _, a := range d.chain.segments[truck] {
		spans[fmt.Sprintf("%d %d", (a.request.From-d.reading(0, 0).At)/1000, (a.request.To-d.reading(0, 0).At)/1000)] = true
	}
	require.Equal(t, map[string]bool{"-100 -91": true, "-50 -41": true, "-120 -116": true, "-80 -78": true, "-30 -29": true}, spans, "no segment reaches over another")
}

func TestBusyAndDrain(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10, Waiting: 4_000, Retry: 10 * time.Millisecond})
	d.chain.setAway(unavailable)
	d.run()
	kept := 0
	var err error
	for i := -20_000; err == nil; i += 10 {
		if err = d.put(d.series(i, i+10)...); err == nil {
			kept += 10
		}
		require.LessOrEqual(t, d.Waiting(), int64(4_000))
	}
	require.Equal(t, ingest.CodeBusy, trace.CodeOf(err))
	require.Greater(t, kept, 100)
	d.chain.setAway(nil)
	d.eventually("drained", func() bool { return len(d.chain.all(t, truck)) == kept && d.Waiting() == 0 })
	require.NoError(t, d.put(d.series(-10, 0)...), "and taken again")
}

func TestOldestFirst(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10, InFlight: 1, Retry: time.Millisecond})
	for _, other := range []trace.DeviceID{"truck-02", "truck-03"} {
		d.chain.bind(t, other, shipment, d.reading(-24*3600, 0).At, trace.ProbeReturnAir)
	}
	var want []trace.Digest
	for i := range 30 {
		device := []trace.DeviceID{truck, "truck-02", "truck-03"}[i%3]
		require.NoError(t, d.Put(t.Context(), device, d.series(-1000+10*i, -990+10*i)))
		require.NoError(t, d.Flush(device)) // it would grow
	}
	require.NoError(t, d.visitCut(func(c *cutSegment) error { want = append(want, c.request.Payload); return nil }))
	require.Len(t, want, 30)
	d.close()
	d.open() // as after an outage with a restart
	d.run()
	d.eventually("all", func() bool { return d.Waiting() == 0 })
	require.Equal(t, want, d.chain.order)
}

func TestARefusedSegmentIsParkedAndHoldsNobodyUp(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10})
	d.chain.bind(t, "truck-02", shipment, d.reading(-24*3600, 0).At, trace.ProbeReturnAir)
	require.NoError(t, d.put(d.series(-100, -90)...))
	status := d.chain.statuses[truck]
	d.chain.statuses[truck] = &trace.DeviceStatus{Owner: "somebody", Bindings: status.Bindings} // as if the party had lost it
	d.run()
	require.NoError(t, d.Put(t.Context(), "truck-02", d.series(-100, -90)))
	d.eventually("the other device", func() bool { return len(d.chain.all(t, "truck-02")) == 10 })
	d.eventually("parked", func() bool { p, err := d.Parked(); return err == nil && len(p) == 1 })
	parked, err := d.Parked()
	require.NoError(t, err)
	require.Equal(t, trace.CodeForbidden, parked[0].Code)
	require.Equal(t, 10, parked[0].Request.Count)
	require.NoError(t, d.put(d.series(-100, -90)...), "what is parked is kept: a resend is a repeat")
	d.chain.mu.Lock()
	d.chain.statuses[truck] = status
	d.chain.mu.Unlock()
	n, err := d.Retry(truck)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	d.eventually("on the chain", func() bool { return len(d.chain.all(t, truck)) == 10 })
	require.NotNil(t, d.chain.segments[truck][1], "under the number it gave back")
}

func TestReboundInThePast(t *testing.T) {
	d := newDesk(t, Limits{Readings: 100})
	require.NoError(t, d.put(d.series(-100, -80)...))
	// The clerk types in later that the tracker moved to another truck at -90, with its
	// probe in another column.
	d.chain.bind(t, truck, "ship-02", d.reading(-90, 0).At, trace.ProbePulp, trace.ProbeReturnAir)
	d.run()
	require.NoError(t, d.Flush(truck))
	d.eventually("all", func() bool { return len(d.chain.all(t, truck)) == 20 })
	for _, a := range d.chain.segments[truck] {
		if a.request.From < d.reading(-90, 0).At {
			require.Equal(t, shipment, a.request.Shipment)
			continue
		}
		require.EqualValues(t, "ship-02", a.request.Shipment)
		require.Equal(t, []trace.CentiCelsius{trace.NoTemperature, d.series(-90, -89)[0].Temperatures[0]}, a.readings[0].Temperatures)
	}
}

func TestNumbersGoOnFromTheChain(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10})
	d.run()
	require.NoError(t, d.put(d.series(-100, -90)...))
	d.eventually("there", func() bool { return len(d.chain.all(t, truck)) == 10 })
	d.close()
	d.fs = vfs.NewMem() // the directory is lost
	d.open()
	d.run()
	require.NoError(t, d.put(d.series(-100, -80)...))
	d.eventually("only what is new", func() bool { return len(d.chain.all(t, truck)) == 20 })
	require.Equal(t, d.chain.segments[truck][1].request.Payload, d.chain.segments[truck][2].request.Previous)
}

func TestANumberTakenByOthersIsGivenUp(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10})
	require.NoError(t, d.put(d.series(-100, -90)...))
	foreign := d.series(-200, -195)
	payload, err := trace.EncodeReadings(1, foreign)
	require.NoError(t, err)
	_, err = d.chain.Anchor(t.Context(), "", &trace.AnchorSegmentRequest{Device: truck, Sequence: 1, Shipment: shipment, Count: 5, From: foreign[0].At, To: foreign[4].At, Payload: trace.DigestOf(payload)}, payload)
	require.NoError(t, err)
	d.run()
	d.eventually("both", func() bool { return len(d.chain.all(t, truck)) == 15 })
	require.Equal(t, trace.DigestOf(payload), d.chain.segments[truck][2].request.Previous)
}

func TestFilesShareTheSequence(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10})
	d.run()
	file := func(from, to int) (trace.AnchorSegmentRequest, []byte) {
		readings := d.series(from, to)
		payload, err := trace.EncodeReadings(1, readings)
		require.NoError(t, err)
		return trace.AnchorSegmentRequest{Device: truck, Shipment: shipment, Count: to - from, From: readings[0].At, To: readings[len(readings)-1].At, Payload: trace.DigestOf(payload)}, payload
	}
	require.NoError(t, d.put(d.series(-100, -90)...))
	request, payload := file(-300, -200)
	_, err := d.Anchor(t.Context(), "clerk", request, payload)
	require.NoError(t, err)
	require.NoError(t, d.put(d.series(-250, -190)...), "what the file brought is known")
	require.NoError(t, d.Flush(truck))
	d.eventually("each once", func() bool { return len(d.chain.all(t, truck)) == 120 })

	require.NoError(t, d.put(d.series(-60, -55)...))
	request, payload = file(-58, -50)
	_, err = d.Anchor(t.Context(), "clerk", request, payload)
	require.Equal(t, trace.CodeSequence, trace.CodeOf(err), "a time that waits here is taken")
	known, err := d.Known(truck)
	require.NoError(t, err)

	foreign, payload := file(-58, -50)
	foreign.Shipment = "ship-99"
	foreign.Device = "truck-09"
	_, err = d.Anchor(t.Context(), "clerk", foreign, payload)
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(err))
	after, err := d.Known(truck)
	require.NoError(t, err)
	require.Equal(t, known, after, "a refused file leaves nothing")
	require.NoError(t, d.Flush(truck))
}

// A call that fails half way – here because what it repeats is on the chain and no longer
// in anybody's files – leaves nothing behind, in the accounts neither: else the bound of
// what waits would move with each such call.
func TestACallThatFailsHalfWayCountsNothing(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10})
	old := d.series(-300, -290)
	require.NoError(t, d.put(old...))
	d.run()
	d.eventually("on the chain", func() bool { return len(d.chain.all(t, truck)) == 10 && d.unsent.Load() == 0 && d.Waiting() == 0 })
	d.close()
	d.chain.mu.Lock()
	d.chain.lost = true
	d.chain.mu.Unlock()
	d.open()
	require.NoError(t, d.put(d.series(-50, -45)...))
	waits := d.Waiting()
	for name, readings := range map[string][]trace.Reading{
		"new ones into a bin that waits":   append(d.series(-45, -43), old[3]),
		"so many that they make a segment": append(d.series(-40, -25), old[3]),
	} {
		require.Equal(t, CodeTooOld, trace.CodeOf(d.put(readings...)), name)
		require.Equal(t, waits, d.Waiting(), name)
		require.Zero(t, d.unsent.Load(), name)
		require.Equal(t, Progress{Newest: d.reading(-46, 0).At, Waiting: 5}, d.Progress(truck), name)
	}
	d.run()
	require.NoError(t, d.put(d.series(-50, -25)...))
	require.NoError(t, d.Flush(truck))
	d.eventually("each once", func() bool { return len(d.chain.all(t, truck)) == 35 && d.Waiting() == 0 && d.unsent.Load() == 0 })
}

// Two who ask for the same parked segment at once, or before Run looks at it, send it
// once: its readings do not get a second number.
func TestAParkedSegmentIsTriedAgainOnce(t *testing.T) {
	d := newDesk(t, Limits{Readings: 10})
	require.NoError(t, d.put(d.series(-100, -90)...))
	status := d.chain.statuses[truck]
	d.chain.statuses[truck] = &trace.DeviceStatus{Owner: "somebody", Bindings: status.Bindings}
	d.run()
	d.eventually("parked", func() bool { p, err := d.Parked(); return err == nil && len(p) == 1 })
	d.close()
	d.chain.statuses[truck] = status
	d.open()
	asked := false
	d.chain.asked = func() {
		if !asked { // the other one, while the first looks
			asked = true
			_, err := d.Retry(truck)
			require.NoError(t, err)
		}
	}
	_, err := d.Retry(truck)
	require.NoError(t, err)
	d.chain.asked = nil
	d.run()
	d.eventually("sent", func() bool { return d.unsent.Load() == 0 })
	require.Len(t, d.chain.all(t, truck), 10)
	require.Len(t, d.chain.segments[truck], 1)
	require.Zero(t, d.Progress(truck).Waiting)
}
