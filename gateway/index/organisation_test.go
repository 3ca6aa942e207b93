package index_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

const producer2 = "Producer2MSP"

// joining is a chain on which a second producers' organisation joins and leaves.
type joining struct{ *world }

func newJoining(t testing.TB) joining {
	w := &world{chain: newChain(t)}
	w.endorsers[producer2] = serialized(t, producer2, "peer", "")
	return joining{w}
}

// plot is registered by a farm of the second organisation, endorsed by it.
func (j joining) plot(id trace.PlotID) sent {
	head := j.head(trace.RoleFarm, "farm-02", string(id))
	head.MSP = producer2
	tx := j.by(trace.RoleFarm, "farm-02", j.put(state.PlotKey("farm-02", id), trace.Plot{Head: head}))
	tx.msp, tx.endorsers = producer2, []string{producer2, trace.LabMSP, trace.CarrierMSP, trace.PlatformMSP}
	return tx
}

func (j joining) admitted(kind string) sent {
	return j.by(trace.RoleRegulator, office, j.put(state.OrganisationKey(producer2), trace.Organisation{
		Head: j.head(trace.RoleRegulator, office, producer2), Organisation: producer2, Kind: kind,
	}))
}

func (j joining) ended(from trace.Date) sent {
	return j.by(trace.RoleRegulator, office, j.put(state.OrganisationEndKey(producer2), trace.OrganisationEnd{
		Head: j.head(trace.RoleRegulator, office, producer2), Organisation: producer2, From: from, Reason: "退出",
	}))
}

// An organisation's facts enter from its admission on and until its end, by what lies
// before them on the chain, however the blocks are gathered.
func TestAnOrganisationJoinsAndLeaves(t *testing.T) {
	j := newJoining(t)
	unendorsed := j.plot("p-unendorsed")
	unendorsed.endorsers = []string{trace.ProducerMSP, trace.LabMSP, trace.CarrierMSP, trace.PlatformMSP}
	alone := j.admitted(trace.LabMSP)
	alone.role, alone.party, alone.msp = trace.RoleRegulator, "farm-02", producer2
	today := trace.TimeOf(j.now).Date()
	j.add(j.plot("p-before"), alone)
	j.add(j.plot("p-same-block-before"), j.admitted(trace.ProducerMSP), j.plot("p-same-block"))
	j.add(j.plot("p-member"), unendorsed)
	j.add(j.admitted(trace.LabMSP), j.ended(today+1), j.plot("p-until-the-day"))
	j.now = j.now.AddDate(0, 0, 1)
	j.add(j.plot("p-ended"))

	want := dumpOf(t, folded(t, j.chain))
	for _, bytes := range []int{1, 1_000, 64 << 20} {
		x, err := index.Open(index.Config{Dir: "index", FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler), BatchBytes: bytes})
		require.NoError(t, err)
		for end := range len(j.blocks) { // each block by a fold of its own
			require.ErrorIs(t, x.Follow(context.Background(), j.upTo(end+1)), errStopped)
		}
		require.Equal(t, want, dumpOf(t, x), "batches of %d bytes", bytes)

		reasons := map[trace.Key]trace.Code{}
		aside, _, err := x.Rejected("", 0)
		require.NoError(t, err)
		for _, r := range aside {
			reasons[r.Key] = r.Reason
		}
		for id, want := range map[trace.PlotID]trace.Code{
			"p-before": index.ReasonWriter, "p-same-block-before": index.ReasonWriter, "p-same-block": "", "p-member": "",
			"p-unendorsed": index.ReasonNotEndorsed, "p-until-the-day": "", "p-ended": index.ReasonWriter,
		} {
			key := state.PlotKey("farm-02", id)
			require.Equal(t, want, reasons[key], id)
			_, found, err := x.Record(key)
			require.NoError(t, err)
			require.Equal(t, want == "", found, id)
		}
		require.Equal(t, index.ReasonRewritten, reasons[state.OrganisationKey(producer2)], "an admission is never edited")
		members, err := x.Organisations()
		require.NoError(t, err)
		require.Len(t, members, 6)
		require.Equal(t, index.Organisation{MSP: producer2, Kind: trace.ProducerMSP, Ended: true}, members[5])
		require.NoError(t, x.Close())
	}
}

// Who counts among those that endorse follows the channel's configuration: one that joins
// from its admission on, before the channel has it; one that left until the channel drops it.
func TestMembersFollowTheChannel(t *testing.T) {
	j := newJoining(t)
	founders := trace.MSPs()
	members := func() []index.Organisation {
		t.Helper()
		out, err := folded(t, j.chain).Organisations()
		require.NoError(t, err)
		return out
	}
	require.Len(t, members(), 5, "a configuration that names nobody says nothing")
	require.False(t, members()[0].Outside)
	j.configure(founders...)
	second := index.Organisation{MSP: producer2, Kind: trace.ProducerMSP}
	for _, step := range []struct {
		does           func()
		ended, outside bool
	}{
		{func() { j.add(j.admitted(trace.ProducerMSP)) }, false, true},
		{func() { j.configure(append([]string{producer2}, founders...)...) }, false, false},
		{func() { j.add(j.ended(trace.TimeOf(j.now).Date() + 1)) }, true, false},
	} {
		step.does()
		second.Ended, second.Outside = step.ended, step.outside
		require.Equal(t, second, members()[5])
	}
	j.configure(founders...)
	require.Len(t, members(), 5)
	j.configure(founders[1:]...)
	require.True(t, members()[0].Outside, "a founder that somebody took out is not asked")
}

// The fold goes by an admission's value, so one that says something else is kept out.
func TestAnAdmissionThatCannotBeRead(t *testing.T) {
	for name, value := range map[string]any{
		"another organisation": trace.Organisation{Organisation: "Lab2MSP", Kind: trace.LabMSP},
		"no kind":              trace.Organisation{Organisation: producer2, Kind: producer2},
		"not a record":         []byte(`[1]`),
	} {
		t.Run(name, func(t *testing.T) {
			j := newJoining(t)
			tx := j.admitted(trace.ProducerMSP)
			if v, ok := value.(trace.Organisation); ok {
				v.Head = j.head(trace.RoleRegulator, office, producer2)
				value = v
			}
			tx.writes[0] = j.put(state.OrganisationKey(producer2), value)
			j.add(tx, j.plot("p-1"))
			aside, _, err := folded(t, j.chain).Rejected("", 0)
			require.NoError(t, err)
			require.Len(t, aside, 2)
		})
	}
}
