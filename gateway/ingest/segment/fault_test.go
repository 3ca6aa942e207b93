package segment

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// broken makes operations of a kind fail from a moment on.
type broken struct {
	kinds []errorfs.OpKind
	now   atomic.Bool
}

func (*broken) String() string { return "broken" }

func (b *broken) MaybeError(op errorfs.Op) error {
	for _, kind := range b.kinds {
		if b.now.Load() && op.Kind == kind {
			return syscall.ENOSPC
		}
	}
	return nil
}

// On a full disk, or one whose sync fails, nothing is acknowledged: not what is put then,
// nor its repeat, nor anything until a restart. The answer has no code, so that devices
// are held back and not refused. What was acknowledged before is there after the restart.
func TestNothingIsAcknowledgedOnADiskThatFails(t *testing.T) {
	for name, kinds := range map[string][]errorfs.OpKind{
		"sync":  {errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo},
		"write": {errorfs.OpFileWrite},
	} {
		t.Run(name, func(t *testing.T) {
			disk, script := vfs.NewCrashableMem(), &broken{kinds: kinds}
			chain, clock := newChain(), newClock()
			chain.bind(t, truck, shipment, trace.TimeOf(clock.Now().Add(-24*time.Hour)), trace.ProbeReturnAir)
			open := func(fs vfs.FS) *desk {
				s, err := Open(Config{Dir: "/data/ingest", FS: fs, Bindings: chain, Chain: chain, Limits: Limits{Readings: 10}, Now: clock.Now, Logger: quiet})
				require.NoError(t, err)
				return &desk{t: t, chain: chain, clock: clock, Segmenter: s}
			}
			d := open(errorfs.Wrap(disk, script))
			before := d.series(-100, -95)
			require.NoError(t, d.put(before...))
			script.now.Store(true)
			for range 3 { // the same again, and through a cut
				for _, readings := range [][]trace.Reading{d.series(-90, -85), before, d.series(-80, -60)} {
					err := d.put(readings...)
					require.Error(t, err)
					require.Empty(t, trace.CodeOf(err), "%v", err)
				}
			}
			require.Error(t, d.Healthy())
			script.now.Store(false)
			require.Error(t, d.put(d.series(-50, -45)...), "nobody knows what the disk holds")
			crashed := disk.CrashClone(vfs.CrashCloneCfg{})
			_ = d.Close()
			require.Equal(t, ingest.CodeBusy, trace.CodeOf(d.put(before...)), "closed")

			d = open(crashed)
			defer d.close()
			require.NoError(t, d.put(d.series(-100, -45)...))
			d.run()
			require.NoError(t, d.Flush(truck))
			d.eventually("each once", func() bool { return len(d.chain.all(t, truck)) == 55 && d.Waiting() == 0 })
		})
	}
}
