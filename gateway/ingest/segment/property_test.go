package segment

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

// TestEveryAcknowledgedReadingOnce runs any interleaving of puts (new, late, repeated,
// contradicting), cuts, sends, answers lost on the way, outages and losses of power –
// after which the disk holds what was synced and nothing else – and demands at the end
// that the chain holds every acknowledged reading exactly once, with the content that
// was acknowledged first, and nothing that nobody sent.
func TestEveryAcknowledgedReadingOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk := vfs.NewCrashableMem()
		chain, clock := newChain(), newClock()
		start := trace.TimeOf(clock.Now())
		devices := []trace.DeviceID{"truck-01", "truck-02"}
		for _, d := range devices {
			chain.bind(t, d, shipment, start-24*3600*1000, trace.ProbeReturnAir)
		}
		var s *Segmenter
		open := func() {
			var err error
			s, err = Open(Config{Dir: "/data/ingest", FS: disk, Bindings: chain, Chain: chain, Now: clock.Now, Logger: quiet,
				Limits: Limits{Readings: 7, InFlight: 2, Retry: time.Millisecond}})
			require.NoError(t, err)
			s.queue.add(s.opened...)
		}
		open()
		defer func() { s.Close() }()
		acknowledged := map[trace.DeviceID]map[trace.Time]trace.CentiCelsius{devices[0]: {}, devices[1]: {}}
		step := func() { // one attempt for whatever is ready
			if c, _ := s.queue.next(time.Now().Add(time.Hour)); c != nil {
				require.NoError(t, s.send(t.Context(), c))
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"put", "put", "put", "put", "cut", "send", "send", "send", "away", "back", "lose", "power"}).Draw(t, "step") {
			case "put":
				device := rapid.SampledFrom(devices).Draw(t, "device")
				var readings []trace.Reading
				for range rapid.IntRange(1, 12).Draw(t, "count") {
					readings = append(readings, trace.Reading{
						At:           start - trace.Time(rapid.IntRange(0, 60).Draw(t, "at"))*1000,
						Temperatures: []trace.CentiCelsius{trace.CentiCelsius(rapid.IntRange(0, 1).Draw(t, "celsius"))},
						Humidity:     trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed,
						SoilMoisture: rapid.SampledFrom([]trace.CentiPercent{trace.NoSoilMoisture, 2_000}).Draw(t, "moisture"), Illuminance: trace.NoIlluminance,
					})
				}
				require.NoError(t, s.Put(t.Context(), device, readings))
				for _, r := range readings {
					if _, known := acknowledged[device][r.At]; !known {
						acknowledged[device][r.At] = r.Temperatures[0]
					}
				}
			case "cut":
				require.NoError(t, s.Flush(rapid.SampledFrom(devices).Draw(t, "device")))
			case "send":
				step()
			case "away":
				chain.setAway(unavailable)
			case "back":
				chain.setAway(nil)
			case "lose":
				chain.loseAfter = 1
			case "power":
				after := disk.CrashClone(vfs.CrashCloneCfg{})
				s.Close()
				disk = after
				open()
			}
		}
		chain.setAway(nil)
		for _, d := range devices {
			require.NoError(t, s.Flush(d))
		}
		for s.Waiting() > 0 {
			step()
		}
		for _, d := range devices {
			got := map[trace.Time]trace.CentiCelsius{}
			for at, r := range chain.all(t, d) {
				got[at] = r.Temperatures[0]
			}
			require.Equal(t, acknowledged[d], got)
			known, err := chain.Segments(d)
			require.NoError(t, err)
			for i, k := range known {
				require.EqualValues(t, i+1, k.Sequence, "no number is left out")
				if i > 0 {
					require.Equal(t, known[i-1].Payload, k.Previous)
				}
			}
		}
	})
}
