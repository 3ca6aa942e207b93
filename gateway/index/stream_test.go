package index_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// TestStreamFromTheLedger tells a stream's story through the contracts: the runner's
// view says what is due, the chain takes exactly that, and it comes down again.
func TestStreamFromTheLedger(t *testing.T) {
	l := contracttest.StartLive(contracttest.StartKiwifruit(contracttest.Start(t)))
	x := follow(t, l.Ledger)
	lot := l.Batch("PJ261018-A", 40)
	stream := func() *index.Stream {
		t.Helper()
		x.caughtUp()
		v, found, err := x.Stream(l.Stream)
		require.NoError(t, err)
		require.True(t, found)
		require.Len(t, v.Ladders, 2)
		require.Empty(t, v.Ladders[1].Violations, "the second host said nothing")
		return v
	}
	page := func() *index.Lot {
		t.Helper()
		x.caughtUp()
		v, found, err := x.Lot(lot)
		require.NoError(t, err)
		require.True(t, found)
		return v
	}
	require.Len(t, page().Streams, 1)
	version := page().Version

	// Three in a row: a hint is due, and taken as it is due.
	for n := range 2 {
		l.Violation(n)
	}
	require.Nil(t, stream().Ladders[0].Next)
	third := l.Violation(2)
	require.Greater(t, page().Version, version)
	take := func() trace.Key {
		t.Helper()
		due := stream().Ladders[0].Next
		require.NotNil(t, due)
		var causes []trace.Key
		for _, c := range due.Causes {
			causes = append(causes, c.Verdict)
		}
		return l.Step(due.Kind, causes...)
	}
	take()
	l.Violation(3)
	take()
	l.Violation(4)
	cut := take()
	up := stream().Ladders[0]
	require.Nil(t, up.Next)
	require.Nil(t, up.Lower)
	require.Equal(t, 3, up.Height)
	require.Equal(t, up.Violations[4].At+7200*1000, up.Quiet)
	require.Equal(t, []trace.ActionKind{trace.ActionHint, trace.ActionLimit, trace.ActionCut},
		[]trace.ActionKind{up.State.Steps[0].Kind, up.State.Steps[1].Kind, up.State.Steps[2].Kind})
	require.Equal(t, cut, page().Streams[0].Ladders[0].State.Action)

	// The line of the lot stands: words spoken do not change the goods.
	facts, _, err := x.PageFacts(lot, "", 0, contracttest.Day(0))
	require.NoError(t, err)
	require.Empty(t, facts.Verdicts)
	for _, reason := range rules.VerdictLine(facts).Reasons {
		require.NotContains(t, reason.Zh, "监测判定")
	}

	// Overturned: a lowering is due, and taken as it is due.
	review := l.Overturn(third)
	due := stream().Ladders[0].Lower
	require.Equal(t, &index.DueLowering{Undoes: cut, Reviews: []trace.Key{review}, Left: 2}, due)
	lowered := l.Operator.Must("enforcement:TakeAction", l.LowerRequest(due.Undoes, due.Reviews...))
	down := stream()
	require.Nil(t, down.Ladders[0].Lower)
	require.Len(t, down.Ladders[0].State.Steps, 2)
	require.Len(t, down.Actions, 4)
	require.Equal(t, []trace.Key{lowered.Record}, down.Actions[2].UndoneBy)

	// Many streams later the page still names the one in which a step was taken.
	for n := range 5 {
		l.Merchant.Must("stream:Open", l.OpenRequest(trace.StreamID(fmt.Sprintf("later-%d", n))))
	}
	other := l.OpenRequest("other-lot")
	other.Products[0].Lots = []trace.LotNumber{l.Batch("OTHER", 1).Lot}
	l.Merchant.Must("stream:Open", other)
	var named []trace.StreamID
	for _, s := range page().Streams {
		named = append(named, s.ID)
	}
	require.Equal(t, []trace.StreamID{"later-4", "later-3", "later-2", l.Stream}, named)
	opened, _, err := x.StreamsOf(l.Host.Party, "", 0)
	require.NoError(t, err)
	require.Len(t, opened, 7)
	selling, next, err := x.StreamsSelling(l.Product, "", 2)
	require.NoError(t, err)
	require.Len(t, selling, 2)
	require.NotEmpty(t, next)

	// Runs of two writers, one missing, one that does not join.
	run := trace.AnchorTranscriptRequest{
		Stream: l.Stream, Sequence: 1, Count: 3, From: l.Began, To: l.Began + 1000, Payload: trace.DigestOf([]byte("1")), Root: trace.DigestOf([]byte("r")),
	}
	l.Monitor.Must("stream:AnchorTranscript", &run)
	run.Sequence, run.Previous, run.Payload = 2, trace.DigestOf([]byte("else")), trace.DigestOf([]byte("2"))
	l.Monitor.Must("stream:AnchorTranscript", &run)
	run.Sequence = 4
	l.Monitor.Must("stream:AnchorTranscript", &run)
	l.Monitor.Must("stream:Claim", &trace.ClaimRequest{
		Write: l.Write(), Stream: l.Stream, Host: l.Host.Party, Run: state.UtterancesKey(l.Stream, l.Monitor.Party, 1), Utterance: 1,
		GTIN: l.Product, Kind: trace.ClaimGrade, Text: "特级",
	})
	l.Merchant.Must("stream:Close", &trace.CloseStreamRequest{Write: l.Write(), Stream: l.Stream, Ended: trace.TimeOf(time.Now())})
	told := stream()
	require.Equal(t, []index.Transcript{{
		Writer: l.Monitor.Party, Runs: 3, Utterances: 9, From: l.Began, To: l.Began + 1000, Missing: []int64{3}, Broken: []int64{2},
	}}, told.Transcripts)
	require.Len(t, told.Claims, 1)
	require.NotNil(t, told.Closed)

	aside, _, err := x.Rejected("", 0)
	require.NoError(t, err)
	require.Empty(t, aside)
	again := follow(t, l.Ledger)
	again.caughtUp()
	require.Equal(t, dumpOf(t, x.Index), dumpOf(t, again.Index), "rebuilt from block 0")
}

// queued is a chain of verdicts of all levels, half of which are reviewed: some in the
// block they were given in, some later.
func queued(t *testing.T) (*world, []trace.Key) {
	w, _ := kiwifruit(newChain(t))
	subject := state.ProductSubject(kiwi)
	levels := []trace.VerdictLevel{trace.LevelNotice, trace.LevelViolation, trace.LevelClear, trace.LevelWarning}
	open := map[trace.VerdictLevel][]trace.Key{}
	var late []sent
	for n := range 40 {
		level := levels[n%4]
		given, key := w.verdict(subject, level)
		review := w.overturn(subject, key)
		switch n / 4 % 3 {
		case 0:
			w.add(given, review)
			continue
		case 1:
			late = append(late, review)
		default:
			open[level] = append([]trace.Key{key}, open[level]...)
		}
		w.add(given)
	}
	w.add(late...)
	var want []trace.Key
	for _, level := range []trace.VerdictLevel{trace.LevelViolation, trace.LevelWarning, trace.LevelNotice} {
		want = append(want, open[level]...)
	}
	return w, want
}

func TestQueueHoldsWhatNobodyReviewed(t *testing.T) {
	w, want := queued(t)
	x := folded(t, w.chain)
	require.NotEmpty(t, want)
	for _, limit := range []int{1, 2, 7, 0} {
		var got []trace.Key
		for cursor := ""; ; {
			open, next, err := x.OpenVerdicts(cursor, limit)
			require.NoError(t, err)
			for _, v := range open {
				got = append(got, v.Provenance.Key)
			}
			if cursor = next; next == "" {
				break
			}
		}
		require.Equal(t, want, got, "pages of %d", limit)
	}
	_, _, err := x.OpenVerdicts("!", 0)
	require.Equal(t, index.CodeCursor, trace.CodeOf(err))

	dump := dumpOf(t, x)
	for _, bytes := range []int{1, 2_000, 64 << 20} {
		other, err := index.Open(index.Config{Dir: "index", FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler), BatchBytes: bytes})
		require.NoError(t, err)
		require.NoError(t, other.Follow(context.Background(), w.source))
		require.Equal(t, dump, dumpOf(t, other), "batches of %d bytes", bytes)
		require.NoError(t, other.Close())
	}
}

func TestAuditCountsByMerchantSize(t *testing.T) {
	w, _ := queued(t)
	large, small := trace.PartyID("large-01"), trace.PartyID("small-01")
	admit := func(party trace.PartyID, size trace.PartySize) sent {
		return w.by(trace.RoleRegulator, office, w.put(state.PartyKey(party), trace.Party{
			Head: w.head(trace.RoleRegulator, office, string(party)), Roles: []trace.Role{trace.RoleMerchant}, Org: trace.PlatformMSP,
			LegalPerson: true, Name: "商家", Size: size, ValidFrom: 20000, ValidTo: 40000,
		}))
	}
	w.add(admit(large, trace.SizeLarge), admit(small, trace.SizeMicro))
	for n, merchant := range []trace.PartyID{large, small, small} {
		id := trace.StreamID(fmt.Sprintf("live-%02d", n))
		w.add(w.open(id, merchant, kiwi))
		given, key := w.verdict(state.StreamSubject(id), trace.LevelViolation)
		w.add(given)
		if merchant == small {
			w.add(w.overturn(state.StreamSubject(id), key))
		}
	}
	rows, err := folded(t, w.chain).Audit(context.Background())
	require.NoError(t, err)
	require.Equal(t, []index.AuditRow{
		{Monitor: "coldchain", Version: "1", Given: 40, Overturned: 28},
		{Monitor: "coldchain", Version: "1", Size: trace.SizeLarge, Given: 1},
		{Monitor: "coldchain", Version: "1", Size: trace.SizeMicro, Given: 2, Overturned: 2},
	}, rows)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = folded(t, w.chain).Audit(cancelled)
	require.ErrorIs(t, err, context.Canceled)
}
