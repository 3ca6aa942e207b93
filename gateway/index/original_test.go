package index_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// An earlier time is believed only while the import is open, by what lies before it on the
// chain, whatever a majority that runs altered contracts writes.
func TestAnEarlierTimeOutsideAnImport(t *testing.T) {
	w := &world{chain: newChain(t)}
	genesis := trace.DigestOf([]byte("source"))
	first := trace.TimeOf(w.now.AddDate(0, -3, 0))
	moved := func(id trace.PlotID, as func(*trace.Head)) sent {
		head := w.head(trace.RoleFarm, farm, string(id))
		head.Recorded = first
		head.Original = &trace.Original{Block: 7, Imported: trace.TimeOf(w.now.Add(time.Second))} // when the envelope is made
		if as != nil {
			as(&head)
		}
		return w.by(trace.RoleFarm, farm,
			w.put(state.PlotKey(farm, id), trace.Plot{Head: head}),
			w.put(state.ImportProgressKey(genesis), trace.ImportProgress{Next: 1}))
	}
	step := func(key trace.Key, value func(trace.Head) any) sent {
		tx := w.by(trace.RoleRegulator, office, w.put(key, value(w.head(trace.RoleRegulator, office, genesis.String()))))
		tx.endorsers = trace.MSPs()
		return tx
	}
	opening := func() sent {
		return step(state.ImportKey(genesis), func(h trace.Head) any { return trace.Import{Head: h} })
	}
	unendorsed := opening()
	unendorsed.endorsers = trace.MSPs()[1:]
	w.add(unendorsed)
	w.add(moved("p-never-opened", nil))
	w.add(opening())
	w.add(moved("p-open", nil))
	w.add(moved("p-another-moment", func(h *trace.Head) { h.Original.Imported++ }))
	w.add(step(state.ImportClosedKey(genesis), func(h trace.Head) any { return trace.ImportClosing{Head: h} }))
	w.add(moved("p-closed", nil))

	want := dumpOf(t, folded(t, w.chain))
	x, err := index.Open(index.Config{Dir: "index", FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler), BatchBytes: 1})
	require.NoError(t, err)
	for end := range len(w.blocks) { // each block by a fold of its own
		require.ErrorIs(t, x.Follow(context.Background(), w.upTo(end+1)), errStopped)
	}
	require.Equal(t, want, dumpOf(t, x))
	for id, admitted := range map[trace.PlotID]bool{"p-never-opened": false, "p-open": true, "p-another-moment": false, "p-closed": false} {
		rec, found, err := x.Record(state.PlotKey(farm, id))
		require.NoError(t, err)
		require.Equal(t, admitted, found, id)
		if found {
			require.Equal(t, first, rec.Recorded)
		}
	}
	require.NoError(t, x.Close())
}
