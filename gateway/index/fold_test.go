package index_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// long is a chain with the kiwifruit's story, its journey, invalid transactions,
// refused ones and a recall, and then many more blocks.
func long(t testing.TB, more int) *chain {
	c := newChain(t)
	w, id := kiwifruit(c)
	c.add(w.dispatch(truck, unitA, pack, farm, id), w.bind(tracker, truck))
	late := w.segment(tracker, truck, 900)
	late.code = peer.TxValidationCode_MVCC_READ_CONFLICT
	forged, _ := w.inspect(id, trace.JudgedPass, "")
	forged.endorsers = []string{trace.ProducerMSP, trace.CarrierMSP, trace.PlatformMSP}
	c.add(late, forged)
	recalled, _ := w.recall(id, nil, true, "")
	c.add(w.segment(tracker, truck, 1), recalled)
	for i := range more {
		entry, _ := w.log(nil, trace.ActivityIrrigation, "")
		c.add(w.segment(tracker, truck, int64(2+i)), entry, w.orchard(int64(1+i), grown(day(2026, 10, 1+i/20), 2_000+trace.CentiPercent(i), 20_000, 3)))
	}
	return c
}

func TestRebuildGivesTheSameDump(t *testing.T) {
	c := long(t, 60)
	want := dumpOf(t, folded(t, c))
	require.Contains(t, want, "batch/09520000100018/PJ261018-A")
	require.Contains(t, want, "NOT_ENDORSED")
	require.Contains(t, want, "g/farm-01")
	require.Equal(t, want, dumpOf(t, folded(t, c)))
}

func TestAnyBatchSizeGivesTheSameDump(t *testing.T) {
	c := long(t, 60)
	want := dumpOf(t, folded(t, c))
	for _, bytes := range []int{1, 2_000, 30_000, 64 << 20} {
		x, err := index.Open(index.Config{Dir: "index", FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler), BatchBytes: bytes})
		require.NoError(t, err)
		require.NoError(t, x.Follow(context.Background(), c.source))
		require.Equal(t, want, dumpOf(t, x), "batches of %d bytes", bytes)
		require.NoError(t, x.Close())
	}
}

var errStopped = errors.New("stopped")

// upTo hands over the blocks before number end, then fails.
func (c *chain) upTo(end int) index.Source {
	return func(_ context.Context, from uint64, handle func(*common.Block) error) error {
		for n := from; n < uint64(min(end, len(c.blocks))); n++ {
			if err := handle(c.blocks[n]); err != nil {
				return err
			}
		}
		return errStopped
	}
}

// Nothing is synced, so a crash may lose folded blocks; what is left is a whole prefix
// with its cursor, and folding on from there gives the same dump.
func TestCrashLosesASuffixAndRebuildsTheSame(t *testing.T) {
	c := long(t, 120)
	want := dumpOf(t, folded(t, c))
	random := rand.New(rand.NewPCG(7, 11))
	for round := range 12 {
		fs := vfs.NewCrashableMem()
		for fs != nil {
			x, err := index.Open(index.Config{
				Dir: "index", FS: fs, Logger: slog.New(slog.DiscardHandler), BatchBytes: 1 + random.IntN(20_000), MemTableBytes: 64 << 10,
			})
			require.NoError(t, err)
			height := x.Height()
			stop := int(height) + 1 + random.IntN(80)
			require.ErrorIs(t, x.Follow(context.Background(), c.upTo(stop)), errStopped)
			crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: random})
			if stop >= len(c.blocks) {
				require.NoError(t, x.Follow(context.Background(), c.source))
				require.Equal(t, want, dumpOf(t, x), "round %d", round)
				crashed = nil
			}
			require.NoError(t, x.Close())
			fs = crashed
		}
	}
}

func TestFollowResumesWhereItStopped(t *testing.T) {
	c := long(t, 10)
	fs := vfs.NewMem()
	x := open(t, fs)
	require.ErrorIs(t, x.Follow(context.Background(), c.upTo(7)), errStopped)
	require.NoError(t, x.Close())

	x = open(t, fs)
	defer func() { require.NoError(t, x.Close()) }()
	require.LessOrEqual(t, x.Height(), uint64(7))
	asked := uint64(0)
	require.NoError(t, x.Follow(context.Background(), func(ctx context.Context, from uint64, handle func(*common.Block) error) error {
		asked = from
		return c.source(ctx, from, handle)
	}))
	require.Positive(t, asked)
	require.Equal(t, uint64(len(c.blocks)), x.Height())
}

func TestFollowRefusesWhatIsNotTheNextBlock(t *testing.T) {
	c := long(t, 0)
	other := long(t, 0) // same facts, other certificates: another chain
	damaged := proto.Clone(c.blocks[4]).(*common.Block)
	damaged.Data.Data[0][40] ^= 1
	unflagged := proto.Clone(c.blocks[4]).(*common.Block)
	unflagged.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = nil
	for name, tc := range map[string]struct {
		block *common.Block
		code  trace.Code
	}{
		"skips one":           {c.blocks[5], index.CodeBlock},
		"comes again":         {c.blocks[3], index.CodeBlock},
		"of another chain":    {other.blocks[4], index.CodeOtherChain},
		"altered transaction": {damaged, index.CodeBlock},
		"without flags":       {unflagged, index.CodeBlock},
		"no header":           {&common.Block{}, index.CodeBlock},
	} {
		t.Run(name, func(t *testing.T) {
			x := open(t, vfs.NewMem())
			defer func() { require.NoError(t, x.Close()) }()
			err := x.Follow(context.Background(), func(_ context.Context, _ uint64, handle func(*common.Block) error) error {
				for _, b := range append(append([]*common.Block{}, c.blocks[:4]...), tc.block) {
					if err := handle(b); err != nil {
						return err
					}
				}
				return nil
			})
			require.Equal(t, tc.code, trace.CodeOf(err), "%v", err)
			require.Equal(t, uint64(4), x.Height(), "the blocks before it are kept")
		})
	}
}

func TestWaitForReturnsWhenTheBlockIsShown(t *testing.T) {
	s := newTale(t)
	require.NoError(t, s.WaitFor(context.Background(), s.Height()-1))
	ended, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.WaitFor(ended, s.Height()), context.DeadlineExceeded)

	before, number := s.Version(s.lot), s.Height()
	shown := make(chan uint64)
	go func() {
		if s.WaitFor(context.Background(), number) != nil {
			close(shown)
			return
		}
		shown <- s.Version(s.lot)
	}()
	cooled, _ := s.log(&s.lot, trace.ActivityPrecool, "")
	s.then(cooled)
	require.Greater(t, <-shown, before)
}

func TestOnlyOneFollowsAtATime(t *testing.T) {
	s := newTale(t)
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Follow(ctx, func(ctx context.Context, _ uint64, _ func(*common.Block) error) error {
			close(started)
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	<-started
	require.Equal(t, index.CodeFollowed, trace.CodeOf(s.Follow(context.Background(), s.source)))
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// TestAdmission alters one thing about a good transaction.
func TestAdmission(t *testing.T) {
	for name, tc := range map[string]struct {
		alter  func(*world, *sent)
		reason trace.Code
	}{
		"good": {func(*world, *sent) {}, ""},
		"lab did not endorse": {func(_ *world, s *sent) {
			s.endorsers = []string{trace.ProducerMSP, trace.CarrierMSP, trace.PlatformMSP}
		}, index.ReasonNotEndorsed},
		"a farm writes an inspection": {func(_ *world, s *sent) { s.role, s.party = trace.RoleFarm, farm }, index.ReasonWriter},
		"another lab's name in it":    {func(_ *world, s *sent) { s.party = "lab-02" }, index.ReasonWriter},
		"role of another organisation": {func(_ *world, s *sent) {
			s.msp = trace.ProducerMSP
			s.endorsers = trace.MSPs()
		}, index.ReasonWriter},
		"not a record":   {func(_ *world, s *sent) { s.writes[0].Value = []byte("[1") }, index.ReasonMalformed},
		"record deleted": {func(_ *world, s *sent) { s.writes[0].Value, s.writes[0].IsDelete = nil, true }, index.ReasonRewritten},
		"recall slipped in": {func(w *world, s *sent) {
			s.writes = append(s.writes, w.put(state.RecallLotKey(lotOf(kiwi, "PJ261018-A")), trace.Recall{Active: true}))
		}, index.ReasonAlone},
		"recall alone": {func(w *world, s *sent) {
			s.writes = []*kvrwset.KVWrite{w.put(state.RecallLotKey(lotOf(kiwi, "PJ261018-A")), trace.Recall{})}
		}, index.ReasonAlone},
		"a product with it": {func(w *world, s *sent) {
			s.writes = append(s.writes, w.product(juice, farm).writes...)
		}, index.ReasonWriter},
		"a key of no kind beside it": {func(w *world, s *sent) { s.writes = append(s.writes, w.put("unheard/of", 1)) }, index.ReasonUnknownKind},
		"a guard beside it": {func(w *world, s *sent) {
			s.writes = append(s.writes, w.put(state.GuardKey(trace.LabMSP, 1), 1))
		}, ""},
		"of another chaincode": {func(_ *world, s *sent) { s.chaincode = "lifecycle" }, ""},
		"invalid":              {func(_ *world, s *sent) { s.code = peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{chain: newChain(t)}
			tx, key := w.inspect(lotOf(kiwi, "PJ261018-A"), trace.JudgedPass, "")
			tc.alter(w, &tx)
			w.add(tx)
			registry := prometheus.NewRegistry()
			x, err := index.Open(index.Config{Dir: "index", FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler), Metrics: registry})
			require.NoError(t, err)
			defer func() { require.NoError(t, x.Close()) }()
			require.NoError(t, x.Follow(context.Background(), w.source))

			_, found, err := x.Record(key)
			require.NoError(t, err)
			enters := tx.chaincode == "" && tx.code == peer.TxValidationCode_VALID && (tc.reason == "" || tc.reason == index.ReasonUnknownKind)
			require.Equal(t, enters, found)
			aside, _, err := x.Rejected("", 0)
			require.NoError(t, err)
			if tc.reason == "" {
				require.Empty(t, aside)
				return
			}
			require.NotEmpty(t, aside)
			require.Equal(t, tc.reason, aside[0].Reason)
			require.NotEmpty(t, aside[0].Message)
			require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(fmt.Sprintf(`
				# HELP traceledger_index_rejected_total Transactions, or single values, on the chain but kept out of the read model, by reason.
				# TYPE traceledger_index_rejected_total counter
				traceledger_index_rejected_total{reason=%q} 1
			`, tc.reason)), "traceledger_index_rejected_total"))
		})
	}
}

func TestStandardsNeedBothOrganisations(t *testing.T) {
	w := &world{chain: newChain(t)}
	tx := w.by(trace.RoleRegulator, office, w.put(state.LimitKey("kiwifruit", "lead"), []trace.Limit{}))
	tx.endorsers = []string{trace.ProducerMSP, trace.LabMSP, trace.RegulatorMSP}
	w.add(tx)
	x := folded(t, w.chain)
	aside, _, err := x.Rejected("", 0)
	require.NoError(t, err)
	require.Equal(t, index.ReasonNotEndorsed, aside[0].Reason)
	require.Contains(t, aside[0].Message, trace.PlatformMSP)
}

func TestARecordIsWrittenOnce(t *testing.T) {
	s := newTale(t)
	changed := s.batch(s.lot)
	s.then(changed)
	again, key := s.inspect(s.lot, trace.JudgedFail, "")
	twice := s.by(trace.RoleLab, lab, s.put(key, trace.Inspection{Head: s.head(trace.RoleLab, lab, "x")}))
	s.then(again, twice) // within one block, before anything is committed
	aside, next, err := s.Rejected("", 2)
	require.NoError(t, err)
	rest, end, err := s.Rejected(next, 0)
	require.NoError(t, err)
	require.Empty(t, end)
	aside = append(aside, rest...)
	require.Len(t, aside, 3, "batch and season of the first, the second inspection")
	for _, r := range aside {
		require.Equal(t, index.ReasonRewritten, r.Reason)
	}
	rec, found, err := s.Record(key)
	require.NoError(t, err)
	require.True(t, found)
	require.JSONEq(t, string(again.writes[0].Value), string(rec.Value))

	var kept, notAdmitted int
	require.NoError(t, s.Values(t.Context(), func(value []byte) error {
		kept += bytes.Count(value, again.writes[0].Value)
		notAdmitted += bytes.Count(value, twice.writes[0].Value)
		return nil
	}))
	require.Equal(t, []int{1, 1}, []int{kept, notAdmitted}, "Values shows what is on the chain, admitted or not")
}

func TestDumpReportsAFailingWriter(t *testing.T) {
	reader, writer := io.Pipe()
	require.NoError(t, reader.CloseWithError(errStopped))
	require.ErrorIs(t, newTale(t).Dump(writer), errStopped)
}
