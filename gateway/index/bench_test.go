package index_test

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// working is a chain of envelopes of about 5 KB in blocks of 100, in the mix of a
// working day: for every segment a log entry, and now and then an inspection.
func working(b *testing.B, blocks int) *chain {
	c := newChain(b)
	w, _ := kiwifruit(c)
	note := make([]byte, 0, 2000)
	for len(note) < 1000 {
		note = append(note, "第三次灌溉,早晚各一次; "...)
	}
	for n := range blocks {
		var txs []sent
		for i := range 100 {
			id := lotOf(kiwi, fmt.Sprintf("L-%d", (n*100+i)%5000))
			switch i % 10 {
			case 0:
				tx, _ := w.inspect(id, trace.JudgedPass, "")
				txs = append(txs, tx)
			case 1, 3, 5, 7, 9:
				device, shipment := trace.DeviceID(fmt.Sprintf("tracker-%d", i)), trace.ShipmentID(fmt.Sprintf("truck-%d", n%500))
				txs = append(txs, w.segment(device, shipment, int64(n)))
			default:
				key, fid := w.factKey(state.LotSubject(id), state.FactLog)
				txs = append(txs, w.by(trace.RoleFarm, farm, w.put(key, trace.LogEntry{
					Head: w.head(trace.RoleFarm, farm, fid), Lot: &id, Activity: trace.ActivitySort, At: w.at(), Note: string(note),
				})))
			}
		}
		c.add(txs...)
	}
	return c
}

// BenchmarkReindex folds a whole chain from block 0 on disk, as the sub-command
// `reindex` does. Its figure is tx/s; cpu-µs/tx tells on a busy machine what an idle one
// would do.
func BenchmarkReindex(b *testing.B) {
	c := working(b, 200)
	size, transactions := 0, 0
	for _, block := range c.blocks {
		for _, envelope := range block.Data.Data {
			size += len(envelope)
			transactions++
		}
	}
	b.ReportMetric(float64(size/transactions), "B/tx")
	b.ResetTimer()
	for b.Loop() {
		x, err := index.Open(index.Config{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
		require.NoError(b, err)
		started, busy := time.Now(), cpuTime(b)
		require.NoError(b, x.Follow(context.Background(), c.source))
		b.ReportMetric(float64(transactions)/time.Since(started).Seconds(), "tx/s")
		b.ReportMetric(float64((cpuTime(b)-busy).Microseconds())/float64(transactions), "cpu-µs/tx")
		require.NoError(b, x.Close())
	}
}

func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkVersion is what every scan pays to know that its page is still right.
func BenchmarkVersion(b *testing.B) {
	c := newChain(b)
	_, id := kiwifruit(c)
	x := folded(b, c)
	for b.Loop() {
		if x.Version(id) == 0 {
			b.Fatal("lot not found")
		}
	}
}

// BenchmarkLot reads a whole story: what a scan pays after something changed.
func BenchmarkLot(b *testing.B) {
	c := newChain(b)
	_, id := kiwifruit(c)
	x := folded(b, c)
	for b.Loop() {
		_, found, err := x.Lot(id)
		require.NoError(b, err)
		require.True(b, found)
	}
}
