package store

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

func TestScansCount(t *testing.T) {
	fs, c := vfs.NewMem(), newClock()
	s := memory(t, fs, c)
	count := func(code, visitor string) ScanSummary {
		t.Helper()
		summary, err := s.Scans().Count(code, visitor, c.now)
		require.NoError(t, err)
		return summary
	}
	first := c.now

	summary, err := s.Scans().Summary("x")
	require.NoError(t, err)
	require.Equal(t, ScanSummary{}, summary, "looking does not count")
	require.Equal(t, ScanSummary{First: first, Count: 1}, count("x", "phone 1"))
	c.advance(10 * time.Minute)
	require.EqualValues(t, 1, count("x", "phone 1").Count, "a repeat within half an hour")
	require.EqualValues(t, 2, count("x", "phone 2").Count, "another phone")
	require.EqualValues(t, 1, count("y", "phone 1").Count, "another code")
	require.EqualValues(t, 3, count("x", "").Count, "without a visitor every scan counts")
	c.advance(20*time.Minute - time.Millisecond)
	require.EqualValues(t, 3, count("x", "phone 1").Count)
	c.advance(time.Millisecond)
	require.EqualValues(t, 4, count("x", "phone 1").Count, "half an hour after the counted scan, not after the last")
	require.NoError(t, s.Close())

	s = memory(t, fs, c)
	require.Equal(t, ScanSummary{First: first, Count: 5}, count("x", "phone 3"))
	require.NoError(t, s.Close())
}

func TestScansAreWrittenWithoutBeingAsked(t *testing.T) {
	disk, c := vfs.NewCrashableMem(), newClock()
	s := memory(t, disk, c)
	for i := range 5 {
		_, err := s.Scans().Count("code", fmt.Sprint(i), c.now)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		crashed := memory(t, disk.CrashClone(vfs.CrashCloneCfg{}), c)
		defer func() { require.NoError(t, crashed.Close()) }()
		summary, err := crashed.Scans().Summary("code")
		require.NoError(t, err)
		return summary == ScanSummary{First: c.now, Count: 5}
	}, time.Minute, 20*time.Millisecond)
	require.NoError(t, s.Close())
}

// Many codes through little memory, from many goroutines, written out meanwhile: no
// scan is lost or counted twice.
func TestScansInBoundedMemory(t *testing.T) {
	fs, c := vfs.NewMem(), newClock()
	s := open(t, Config{Dir: "/s", FS: fs, Now: c.Now, Scans: ScanLimits{Codes: 256, Visitors: 1024}})
	const codes, rounds, workers = 2000, 3, 8
	var work sync.WaitGroup
	for worker := range workers {
		work.Go(func() {
			for range rounds {
				for code := range codes {
					_, err := s.Scans().Count(strconv.Itoa(code), "", c.now)
					require.NoError(t, err)
				}
				if worker == 0 {
					require.NoError(t, s.Scans().Flush())
				}
			}
		})
	}
	work.Wait()
	for i := range s.scans.shards {
		shard := &s.scans.shards[i]
		require.LessOrEqual(t, len(shard.visitors)+len(shard.oldVisitors), 2*shard.limits.Visitors)
	}
	require.NoError(t, s.Close())
	s = open(t, Config{Dir: "/s", FS: fs, Now: c.Now})
	for code := range codes {
		summary, err := s.Scans().Summary(strconv.Itoa(code))
		require.NoError(t, err)
		require.EqualValues(t, rounds*workers, summary.Count, code)
	}
	require.NoError(t, s.Close())
}

func BenchmarkScansCount(b *testing.B) {
	s, err := Open(Config{Dir: b.TempDir(), Logger: quiet})
	require.NoError(b, err)
	codes := make([]string, 10000)
	for i := range codes {
		codes[i] = fmt.Sprintf("https://trace.example/01/09520000100018/10/PJ261018-A/21/%016x", i)
	}
	visitors := make([]string, 997)
	for i := range visitors {
		visitors[i] = fmt.Sprintf("visitor-%016x", i*7919)
	}
	now := time.Now()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := s.Scans().Count(codes[i%len(codes)], visitors[i%len(visitors)], now); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.StopTimer()
	require.NoError(b, s.Close())
}

func benchmarkDurable(b *testing.B, write func(s *Store, worker, i int) error) {
	s, err := Open(Config{Dir: b.TempDir(), Logger: quiet})
	require.NoError(b, err)
	var next sync.Mutex
	worker := 0
	b.SetParallelism(32) // times two cores
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		next.Lock()
		worker++
		mine := worker
		next.Unlock()
		for i := 0; pb.Next(); i++ {
			if err := write(s, mine, i); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.StopTimer()
	require.NoError(b, s.Close())
}

// BenchmarkOutboxPrepare: one transaction of 5 KB from each of 64 writers at a time.
func BenchmarkOutboxPrepare(b *testing.B) {
	row := make([]byte, 5000)
	benchmarkDurable(b, func(s *Store, worker, i int) error {
		id := fmt.Sprintf("%d-%d", worker, i)
		if err := s.Outbox().Prepare(id, row); err != nil {
			return err
		}
		return s.Outbox().Settle(id, time.Now(), row[:200])
	})
}

// BenchmarkKeepPayload: segment payloads of 24 KB from 64 writers at a time.
func BenchmarkKeepPayload(b *testing.B) {
	benchmarkDurable(b, func(s *Store, worker, i int) error {
		payload := make([]byte, 24<<10)
		copy(payload, fmt.Sprintf("%d-%d", worker, i))
		_, err := s.Files().Keep(payload, About{})
		return err
	})
}
