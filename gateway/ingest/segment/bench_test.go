package segment

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"context"
	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
)

// BenchmarkPut keeps readings of 500 devices durably on this disk, twenty a call and one
// a call, from 64 callers; segments are cut and anchored at once.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{1, 20} {
		b.Run(fmt.Sprintf("%d a call", size), func(b *testing.B) {
			c := &free{chain: newChain()}
			clock := newClock()
			start := trace.TimeOf(clock.Now())
			devices := make([]trace.DeviceID, 512)
			next := make([]atomic.Int64, len(devices))
			for i := range devices {
				devices[i] = trace.DeviceID(fmt.Sprintf("truck-%03d", i))
				c.bind(b, devices[i], shipment, start-24*3600*1000, trace.ProbeReturnAir, trace.ProbePulp)
			}
			s, err := Open(Config{Dir: b.TempDir(), Bindings: c.chain, Chain: c, Now: clock.Now, Logger: quiet})
			require.NoError(b, err)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			var caller atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(32)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				readings := make([]trace.Reading, size)
				for i := range readings {
					readings[i].Temperatures = make([]trace.CentiCelsius, 2)
				}
				for pb.Next() {
					d := int(caller.Add(1)) % len(devices)
					at := next[d].Add(int64(size)) - int64(size)
					for i := range readings {
						n := at + int64(i)
						readings[i].At = start - 20*3600*1000 + trace.Time(n*100)
						readings[i].Temperatures[0], readings[i].Temperatures[1] = trace.CentiCelsius(n%300), trace.CentiCelsius(n%200)
						readings[i].Humidity, readings[i].Speed, readings[i].Fix = 8000+trace.CentiPercent(n%500), 700, true
						readings[i].Point = trace.Point{Latitude: 30_000_000 + trace.MicroDegrees(n%9000), Longitude: 104_000_000}
					}
					if err := s.Put(ctx, devices[d], readings); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "readings/s")
			cancel()
			require.NoError(b, <-done)
			require.NoError(b, s.Close())
		})
	}
}

// free takes every segment at once, so that what is measured is this package.
type free struct{ *chain }

func (f *free) Anchor(context.Context, string, *trace.AnchorSegmentRequest, []byte) (ledger.Receipt, error) {
	return ledger.Receipt{}, nil
}
