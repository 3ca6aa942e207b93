package segment

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// TestCrashAtEveryWriteAndSync takes, before every write and sync and after every
// acknowledgement, the disk as a loss of power would leave it. On each of these disks
// the segmenter must open and hold every reading acknowledged by then; and whatever had
// been sent to the chain by then must go out again under the same number with the same
// bytes, or not at all.
func TestCrashAtEveryWriteAndSync(t *testing.T) {
	chain, clock := newChain(), newClock()
	start := trace.TimeOf(clock.Now())
	chain.bind(t, truck, shipment, start-24*3600*1000, trace.ProbeReturnAir)
	script := &crashScript{disk: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(1, 2)), chain: chain}
	limits := Limits{Readings: 5, InFlight: 1, Retry: time.Millisecond}
	config := func(fs vfs.FS) Config {
		return Config{Dir: "/data/ingest", FS: fs, Bindings: chain, Chain: chain, Limits: limits, Now: clock.Now, Logger: quiet}
	}
	s, err := Open(config(errorfs.Wrap(script.disk, script)))
	require.NoError(t, err)
	script.opened = true
	script.crash("opened")
	reading := func(second int) trace.Reading {
		return trace.Reading{At: start + trace.Time(second)*1000, Temperatures: []trace.CentiCelsius{trace.CentiCelsius(second)}, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance}
	}
	for i := range 12 {
		batch := []trace.Reading{reading(-100 + 2*i), reading(-99 + 2*i)}
		require.NoError(t, s.Put(t.Context(), truck, batch))
		script.acknowledge(batch)
		if i%3 == 2 {
			c, _ := s.queue.next(time.Now().Add(time.Hour))
			if c != nil {
				require.NoError(t, s.send(t.Context(), c))
				script.crash("sent")
			}
		}
	}
	require.NoError(t, s.Flush(truck))
	script.crash("flushed")
	script.opened = false
	crashes := script.crashes
	require.NoError(t, s.Close())
	t.Logf("%d crashes", len(crashes))

	for _, c := range crashes {
		after := c.chain
		config := config(c.disk)
		config.Chain, config.Bindings = after, after
		s, err := Open(config)
		require.NoError(t, err, c.moment)
		s.queue.add(s.opened...)
		require.NoError(t, s.Flush(truck))
		for s.Waiting() > 0 {
			next, _ := s.queue.next(time.Now().Add(time.Hour))
			require.NotNil(t, next, c.moment)
			require.NoError(t, s.send(t.Context(), next), c.moment)
		}
		got := after.all(t, truck)
		for _, at := range c.acknowledged {
			require.Contains(t, got, at, "%s: an acknowledged reading is lost", c.moment)
		}
		for n := range after.segments[truck] {
			require.LessOrEqual(t, n, int64(len(after.segments[truck])), "%s: a number is left out", c.moment)
		}
		require.NoError(t, s.Close())
	}
}

type crash struct {
	moment       string
	disk         *vfs.MemFS
	chain        *chain
	acknowledged []trace.Time
}

type crashScript struct {
	disk  *vfs.MemFS
	rng   *rand.Rand
	chain *chain

	mu           sync.Mutex
	opened       bool
	acknowledged []trace.Time
	crashes      []crash
}

func (s *crashScript) String() string { return "crash" }

func (s *crashScript) MaybeError(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRename, errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		if s.opened {
			s.crash(fmt.Sprintf("before operation %d on %s", op.Kind, op.Path))
		}
	}
	return nil
}

func (s *crashScript) acknowledge(batch []trace.Reading) {
	s.mu.Lock()
	for _, r := range batch {
		s.acknowledged = append(s.acknowledged, r.At)
	}
	s.mu.Unlock()
	s.crash("acknowledged")
}

// crash takes the disk and the chain.
func (s *crashScript) crash(moment string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kept := range []int{0, 50} {
		after := newChain()
		if !s.chain.mu.TryLock() {
			return // in the middle of an answer; the next write is soon
		}
		after.statuses, after.shipments, after.ranges = s.chain.statuses, s.chain.shipments, s.chain.ranges
		for d, of := range s.chain.segments {
			after.segments[d] = maps.Clone(of)
		}
		s.chain.mu.Unlock()
		s.crashes = append(s.crashes, crash{
			fmt.Sprintf("%s, %d %% of the unsynced kept", moment, kept),
			s.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: s.rng}), after, slices.Clone(s.acknowledged),
		})
	}
}
