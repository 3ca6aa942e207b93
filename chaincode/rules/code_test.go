package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func TestActivatePack(t *testing.T) {
	cases := []struct {
		name   string
		mutate func(*trace.PackStatus, *Lot, *trace.BoundItems)
		code   trace.Code
	}{
		{"all 1,920 boxes", func(*trace.PackStatus, *Lot, *trace.BoundItems) {}, ""},
		{"4,900 codes", func(p *trace.PackStatus, _ *Lot, _ *trace.BoundItems) { p.Count = 4_900 }, trace.CodeTooManyCodes},
		{"one too many", func(_ *trace.PackStatus, _ *Lot, b *trace.BoundItems) { b.Count = 1 }, trace.CodeTooManyCodes},
		{"a part of a box is no item", func(_ *trace.PackStatus, l *Lot, _ *trace.BoundItems) { l.Batch.Quantity.Amount-- }, trace.CodeTooManyCodes},
		{"another's pack", func(p *trace.PackStatus, _ *Lot, _ *trace.BoundItems) { p.Owner = "farm-02" }, trace.CodeForbidden},
		{"another's lot", func(_ *trace.PackStatus, l *Lot, _ *trace.BoundItems) { l.Batch.Party = "farm-02" }, trace.CodeForbidden},
		{"no such lot", func(_ *trace.PackStatus, l *Lot, _ *trace.BoundItems) { l.Batch = nil }, trace.CodeNotFound},
		{"bound", func(p *trace.PackStatus, l *Lot, _ *trace.BoundItems) {
			p.State, p.Lot = trace.PackActive, &l.Batch.LotID
		}, trace.CodeRebind},
		{"bound and void", func(p *trace.PackStatus, l *Lot, _ *trace.BoundItems) {
			p.State, p.Lot = trace.PackVoid, &l.Batch.LotID
		}, trace.CodeRebind},
		{"frozen", func(p *trace.PackStatus, _ *Lot, _ *trace.BoundItems) { p.State = trace.PackFrozen }, trace.CodeState},
		{"void", func(p *trace.PackStatus, _ *Lot, _ *trace.BoundItems) { p.State = trace.PackVoid }, trace.CodeState},
		{"presale", func(_ *trace.PackStatus, l *Lot, _ *trace.BoundItems) { l.Batch.Presale = true }, trace.CodeState},
		{"before the harvest", func(_ *trace.PackStatus, l *Lot, _ *trace.BoundItems) { l.Batch.Made += 2 * trace.ClockSkew }, trace.CodeChronology},
	}
	for _, c := range cases {
		status := &trace.PackStatus{State: trace.PackIssued, Count: 1_920, Owner: "farm-01"}
		lot, bound := lotOf("A", grams(9_600_000)), trace.BoundItems{}
		r := &trace.ActivatePackRequest{Write: trace.Write{Claimed: lot.Made()}, Pack: "PACK0001", LotID: lot.Batch.LotID}
		c.mutate(status, &lot, &bound)
		next, after, err := ActivatePack(r, "farm-01", status, lot, kiwifruit(), bound)
		require.Equal(t, c.code, trace.CodeOf(err), "%s: %v", c.name, err)
		if err == nil {
			require.Equal(t, trace.PackActive, next.State)
			require.Equal(t, int64(1_920), after.Count)
		}
	}
	_, _, err := ActivatePack(&trace.ActivatePackRequest{}, "farm-01", nil, Lot{}, kiwifruit(), trace.BoundItems{})
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(err))
}

func TestChangePack(t *testing.T) {
	change := func(status trace.PackStatus, to trace.PackState, by trace.PartyID, role trace.Role) (trace.PackStatus, trace.Code) {
		next, err := ChangePack(&trace.ChangePackRequest{Pack: "PACK0001", To: to, Reason: "标签受损"}, by, role, &status)
		return next, trace.CodeOf(err)
	}
	farm := func(s trace.PackStatus, to trace.PackState) (trace.PackStatus, trace.Code) {
		return change(s, to, "farm-01", trace.RoleFarm)
	}
	regulator := func(s trace.PackStatus, to trace.PackState) (trace.PackStatus, trace.Code) {
		return change(s, to, "regulator-01", trace.RoleRegulator)
	}
	issued := trace.PackStatus{State: trace.PackIssued, Count: 5, Owner: "farm-01"}

	frozen, code := farm(issued, trace.PackFrozen)
	require.Empty(t, code)
	require.Equal(t, trace.PackIssued, frozen.Before)
	back, code := farm(frozen, trace.PackActive)
	require.Empty(t, code)
	require.Equal(t, trace.PackIssued, back.State, "an unbound pack returns to issued, never to active")
	_, code = farm(issued, trace.PackActive)
	require.Equal(t, trace.CodeState, code)
	_, code = farm(frozen, trace.PackFrozen)
	require.Equal(t, trace.CodeState, code)
	_, code = change(issued, trace.PackFrozen, "farm-02", trace.RoleFarm)
	require.Equal(t, trace.CodeForbidden, code)
	_, code = farm(issued, "lost")
	require.Equal(t, trace.CodeInvalid, code)

	held, code := regulator(frozen, trace.PackFrozen) // the regulator takes over
	require.Empty(t, code)
	for _, to := range []trace.PackState{trace.PackActive, trace.PackVoid, trace.PackFrozen} {
		_, code = farm(held, to)
		require.Equal(t, trace.CodeForbidden, code)
	}
	back, code = regulator(held, trace.PackActive)
	require.Empty(t, code)
	require.Equal(t, trace.PackIssued, back.State)

	void, code := farm(issued, trace.PackVoid)
	require.Empty(t, code)
	_, code = regulator(void, trace.PackActive)
	require.Equal(t, trace.CodeState, code)

	_, err := ChangePack(&trace.ChangePackRequest{Pack: "PACK0001", To: trace.PackVoid}, "farm-01", trace.RoleFarm, &issued)
	require.Equal(t, trace.CodeMissing, trace.CodeOf(err), "void without reason")
	_, err = ChangePack(&trace.ChangePackRequest{}, "farm-01", trace.RoleFarm, nil)
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(err))
}

// Whatever is done to packs in whatever order: a pack is bound at most once and keeps
// its lot, void stays void, and no lot has more codes than items.
func TestPacksAreNeverBoundAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lots := []Lot{lotOf("A", grams(50_000)), lotOf("B", grams(30_000))}
		bound := make([]trace.BoundItems, len(lots))
		packs := make([]trace.PackStatus, 4)
		for i := range packs {
			packs[i] = trace.PackStatus{State: trace.PackIssued, Count: rapid.Int64Range(1, 8).Draw(t, "count"), Owner: "farm-01"}
		}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			i := rapid.IntRange(0, len(packs)-1).Draw(t, "pack")
			before := packs[i]
			if n := rapid.IntRange(0, 4).Draw(t, "step"); n < len(lots) {
				r := &trace.ActivatePackRequest{Write: trace.Write{Claimed: lots[n].Made()}, Pack: "PACK0001", LotID: lots[n].Batch.LotID}
				next, after, err := ActivatePack(r, "farm-01", &packs[i], lots[n], kiwifruit(), bound[n])
				if err == nil {
					require.Nil(t, before.Lot)
					packs[i], bound[n] = next, after
				}
			} else {
				to := []trace.PackState{trace.PackFrozen, trace.PackActive, trace.PackVoid}[n-len(lots)]
				role := rapid.SampledFrom([]trace.Role{trace.RoleFarm, trace.RoleRegulator}).Draw(t, "role")
				next, err := ChangePack(&trace.ChangePackRequest{Pack: "PACK0001", To: to, Reason: "x"}, "farm-01", role, &packs[i])
				if err == nil {
					packs[i] = next
				}
				require.Equal(t, before.Lot, packs[i].Lot)
			}
			if before.Lot != nil {
				require.Equal(t, *before.Lot, *packs[i].Lot)
			}
			if before.State == trace.PackVoid {
				require.Equal(t, before, packs[i])
			}
			require.Equal(t, packs[i].State == trace.PackActive && packs[i].Lot == nil, false)
			for n := range lots {
				require.LessOrEqual(t, bound[n].Count, ItemsOf(lots[n], kiwifruit()))
			}
		}
	})
}

func TestCheckPack(t *testing.T) {
	hash := trace.DigestOf([]byte("x"))
	cases := []struct {
		r    trace.IssuePackRequest
		code trace.Code
	}{
		{trace.IssuePackRequest{Pack: "PACK0001", Count: 1_000_000, Root: hash, LeafFile: hash}, ""},
		{trace.IssuePackRequest{Pack: "PACK0001", Count: 1_000_001, Root: hash, LeafFile: hash}, trace.CodeInvalid},
		{trace.IssuePackRequest{Pack: "PACK0001", Root: hash, LeafFile: hash}, trace.CodeInvalid},
		{trace.IssuePackRequest{Pack: "PACK000U", Count: 1, Root: hash, LeafFile: hash}, trace.CodeInvalid},
		{trace.IssuePackRequest{Count: 1, Root: hash, LeafFile: hash}, trace.CodeMissing},
		{trace.IssuePackRequest{Pack: "PACK0001", Count: 1, LeafFile: hash}, trace.CodeMissing},
		{trace.IssuePackRequest{Pack: "PACK0001", Count: 1, Root: hash}, trace.CodeMissing},
	}
	for i, c := range cases {
		require.Equal(t, c.code, trace.CodeOf(CheckPack(&c.r)), i)
	}
}
