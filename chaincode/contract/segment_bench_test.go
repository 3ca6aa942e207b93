package contract_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/trace"
)

// BenchmarkAnchorSegment anchors segments of 1,000 noisy readings of one device through
// the whole ledger (in memory: no disk), 64 writers at once, endorsed by a majority.
// It reports readings anchored a second.
func BenchmarkAnchorSegment(b *testing.B) {
	const readings, writers = 1_000, 64
	k := contracttest.StartKiwifruit(contracttest.Start(b))
	farmer := k.Farm
	start := contracttest.At(-300, 0)
	probes := []string{trace.ProbeReturnAir, trace.ProbePulp}
	farmer.Must("transit:BindDevice", &trace.BindDeviceRequest{Write: k.Write(), Device: "dev-01", Store: "store-01", Probes: probes, From: start})
	payload, to := noisySegment(b, start+1_000, readings)
	request := trace.AnchorSegmentRequest{
		Device: "dev-01", Store: "store-01", Count: readings, From: start + 1_000, To: to,
		Previous: trace.DigestOf([]byte("before")), Payload: trace.DigestOf(payload),
	}
	transient := map[string][]byte{trace.TransientReadings: payload}
	var sequence atomic.Int64
	sequence.Store(1)
	b.SetParallelism(writers)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			r := request
			r.Sequence = sequence.Add(1)
			if _, err := farmer.SubmitTransient("transit:AnchorSegment", &r, transient, trace.ProducerMSP, trace.CarrierMSP, trace.RegulatorMSP); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)*readings/b.Elapsed().Seconds(), "readings/s")
	b.ReportMetric(float64(len(payload)), "bytes/segment")
}

// noisySegment packs readings of which no two are alike.
func noisySegment(tb testing.TB, from trace.Time, n int) (payload []byte, to trace.Time) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(of int) int32 { return int32(r.IntN(2*of+1) - of) }
	readings := make([]trace.Reading, n)
	point := trace.Point{Latitude: 30_205_000, Longitude: 103_512_000}
	at := from
	for i := range readings {
		readings[i] = trace.Reading{
			At: at, Temperatures: []trace.CentiCelsius{trace.CentiCelsius(120 + noise(80)), trace.CentiCelsius(90 + noise(15))},
			Humidity: trace.CentiPercent(9_200 + noise(250)), Shock: 200 + noise(190), Fix: true, Point: point, Speed: 800 + noise(60),
			SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
		}
		to = at
		at += trace.Time(60_000 + noise(900))
		point.Latitude += trace.MicroDegrees(noise(9_000))
		point.Longitude += trace.MicroDegrees(noise(9_000))
	}
	payload, err := trace.EncodeReadings(2, readings)
	require.NoError(tb, err)
	return payload, to
}
