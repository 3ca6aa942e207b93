package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func TestVerdict(t *testing.T) {
	fresh := func() *trace.GiveVerdictRequest {
		return &trace.GiveVerdictRequest{
			Claimed: 1, Monitor: "coldchain", Version: "1.0", Subject: trace.Subject{Kind: trace.SubjectShipment, ID: "ship-01"},
			Finding: "temperature-excursion", Level: trace.LevelWarning, Text: "超温", Input: trace.DigestOf([]byte("input")), Evidence: []trace.Key{"a", "b"},
		}
	}
	for name, c := range map[string]struct {
		change func(*trace.GiveVerdictRequest)
		code   trace.Code
	}{
		"valid":          {func(*trace.GiveVerdictRequest) {}, ""},
		"monitor":        {func(r *trace.GiveVerdictRequest) { r.Monitor = "Cold Chain" }, trace.CodeInvalid},
		"level":          {func(r *trace.GiveVerdictRequest) { r.Level = "bad" }, trace.CodeInvalid},
		"no text":        {func(r *trace.GiveVerdictRequest) { r.Text = "" }, trace.CodeMissing},
		"no input":       {func(r *trace.GiveVerdictRequest) { r.Input = trace.Digest{} }, trace.CodeMissing},
		"evidence twice": {func(r *trace.GiveVerdictRequest) { r.Evidence[1] = "a" }, trace.CodeInvalid},
		"much evidence":  {func(r *trace.GiveVerdictRequest) { r.Evidence = make([]trace.Key, 21) }, trace.CodeTooLarge},
		"many files":     {func(r *trace.GiveVerdictRequest) { r.Files = make([]trace.Digest, 21) }, trace.CodeTooLarge},
		"confidence":     {func(r *trace.GiveVerdictRequest) { r.ConfidenceBP = 10_001 }, trace.CodeInvalid},
	} {
		r := fresh()
		c.change(r)
		require.Equal(t, c.code, trace.CodeOf(CheckVerdict(r)), name)
	}

	// What names a verdict, and what does not.
	id := VerdictID(fresh())
	for name, change := range map[string]func(*trace.GiveVerdictRequest){
		"monitor": func(r *trace.GiveVerdictRequest) { r.Monitor = "route" },
		"version": func(r *trace.GiveVerdictRequest) { r.Version = "1.1" },
		"subject": func(r *trace.GiveVerdictRequest) { r.Subject.ID = "ship-02" },
		"kind":    func(r *trace.GiveVerdictRequest) { r.Subject.Kind = trace.SubjectDevice },
		"finding": func(r *trace.GiveVerdictRequest) { r.Finding = "gap" },
		"input":   func(r *trace.GiveVerdictRequest) { r.Input = trace.DigestOf([]byte("other")) },
		"moved":   func(r *trace.GiveVerdictRequest) { r.Monitor, r.Version = "coldchain1", ".0" },
	} {
		r := fresh()
		change(r)
		require.NotEqual(t, id, VerdictID(r), name)
	}
	later := fresh()
	later.Claimed, later.Text = 99, "再看一次"
	require.Equal(t, id, VerdictID(later))

	require.NoError(t, MayGive(fresh(), &trace.MonitorRule{Head: trace.Head{Party: "monitor-01"}}, "monitor-01"))
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(MayGive(fresh(), &trace.MonitorRule{Head: trace.Head{Party: "monitor-01"}}, "monitor-02")))
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(MayGive(fresh(), nil, "monitor-01")))
}

func TestReviewVerdict(t *testing.T) {
	verdict := &trace.Verdict{Head: trace.Head{Party: "monitor-01"}}
	review := func(outcome trace.ReviewOutcome, reason string) *trace.ReviewVerdictRequest {
		return &trace.ReviewVerdictRequest{Verdict: "fact/v", Outcome: outcome, Reason: reason}
	}
	require.NoError(t, ReviewVerdict(review(trace.OutcomeConfirmed, ""), verdict, "reviewer-01"))
	require.NoError(t, ReviewVerdict(review(trace.OutcomeOverturned, "误报"), verdict, "reviewer-01"))
	require.Equal(t, trace.CodeMissing, trace.CodeOf(ReviewVerdict(review(trace.OutcomeOverturned, ""), verdict, "reviewer-01")))
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(ReviewVerdict(review("maybe", ""), verdict, "reviewer-01")))
	require.Equal(t, trace.CodeOwnLot, trace.CodeOf(ReviewVerdict(review(trace.OutcomeConfirmed, ""), verdict, "monitor-01")))
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(ReviewVerdict(review(trace.OutcomeConfirmed, ""), nil, "reviewer-01")))
}

func TestTakeAction(t *testing.T) {
	lot := trace.LotID{GTIN: "09520000200015", Lot: "B1"}
	now := at("2026-11-01T12:00:00+08:00")
	recalled := now - 1_000_000
	type input struct {
		r    *trace.TakeActionRequest
		role trace.Role
		f    *ActionFacts
	}
	codes := &trace.CodeRange{Pack: "PACK0001", First: 5, Last: 9}
	pack := func() *trace.PackStatus { return &trace.PackStatus{State: trace.PackActive, Count: 9, Lot: &lot} }
	reinstate := func(i *input) {
		i.r.Kind, i.r.Undoes, i.r.Rectification = trace.ActionReinstate, "fact/old", trace.DigestOf([]byte("report"))
		i.r.Inspection, i.r.Review = "fact/i", "fact/r"
		i.f.Current = &trace.Recall{Active: true, Action: "fact/old", Since: recalled}
		i.f.Undone = &trace.Action{Head: trace.Head{Party: "regulator-01", Recorded: recalled}, Kind: trace.ActionRecall, Lot: &lot}
		i.f.Inspection = &trace.Inspection{Head: trace.Head{Recorded: now - 10}, Lot: &lot, Judgement: trace.JudgedPass, SampledAt: now - 20}
		i.f.Review = &trace.Review{Head: trace.Head{Recorded: now - 5}, LotID: lot, Level: 2, Pass: true, Inspection: "fact/i"}
		i.f.Levels = trace.ReviewLevels{Passed: []trace.PassedReview{{Level: 2, Review: "fact/r"}}}
	}
	then := func(change func(*input)) func(*input) {
		return func(i *input) {
			reinstate(i)
			change(i)
		}
	}
	product := func(i *input) { i.r.Lot, i.r.GTIN = nil, lot.GTIN }
	for name, c := range map[string]struct {
		change func(*input)
		code   trace.Code
		active bool
	}{
		"recall":                       {func(*input) {}, "", true},
		"recall of codes":              {func(i *input) { i.r.Codes, i.f.Pack = codes, pack() }, "", true},
		"recall after a reinstatement": {func(i *input) { i.f.Current = &trace.Recall{} }, "", true},
		"delist by the platform":       {func(i *input) { i.r.Kind, i.role = trace.ActionDelist, trace.RoleConsumerDesk }, "", true},
		"delist a product":             {func(i *input) { i.r.Kind = trace.ActionDelist; product(i) }, "", true},
		"recall by the platform":       {func(i *input) { i.role = trace.RoleConsumerDesk }, trace.CodeForbidden, false},
		"recall a product":             {product, trace.CodeInvalid, false},
		"lot and product":              {func(i *input) { i.r.GTIN = lot.GTIN }, trace.CodeInvalid, false},
		"delist codes":                 {func(i *input) { i.r.Kind, i.r.Codes = trace.ActionDelist, codes }, trace.CodeInvalid, false},
		"unknown kind":                 {func(i *input) { i.r.Kind = "scold" }, trace.CodeInvalid, false},
		"delist what the platform delisted": {func(i *input) {
			i.r.Kind, i.f.Current, i.f.CurrentBy = trace.ActionDelist, &trace.Recall{Active: true}, trace.RoleConsumerDesk
		}, "", true},
		"delist what the regulator delisted": {func(i *input) {
			i.r.Kind, i.role, i.f.Current, i.f.CurrentBy = trace.ActionDelist, trace.RoleConsumerDesk, &trace.Recall{Active: true}, trace.RoleRegulator
		}, trace.CodeState, false},
		"delist twice": {func(i *input) {
			i.r.Kind, i.f.Current, i.f.CurrentBy = trace.ActionDelist, &trace.Recall{Active: true}, trace.RoleRegulator
		}, trace.CodeState, false},
		"recall twice":                {func(i *input) { i.f.Current = &trace.Recall{Active: true} }, trace.CodeState, false},
		"codes of another lot":        {func(i *input) { i.r.Codes, i.f.Pack = codes, &trace.PackStatus{Count: 9} }, trace.CodeState, false},
		"codes beyond the pack":       {func(i *input) { i.r.Codes, i.f.Pack = codes, pack(); i.f.Pack.Count = 8 }, trace.CodeInvalid, false},
		"codes of no pack":            {func(i *input) { i.r.Codes = codes }, trace.CodeNotFound, false},
		"no basis":                    {func(i *input) { i.r.Basis = nil }, trace.CodeBasis, false},
		"a law without article":       {func(i *input) { i.r.Basis[0].Article = "" }, trace.CodeBasis, false},
		"a law of today":              {func(i *input) { i.r.Basis[0].Effective = now.Date() }, "", true},
		"eleven laws":                 {func(i *input) { i.r.Basis = make([]trace.LegalBasis, 11) }, trace.CodeTooLarge, false},
		"a law of tomorrow":           {func(i *input) { i.r.Basis[0].Effective = now.Date() + 1 }, trace.CodeBasis, false},
		"no causes":                   {func(i *input) { i.r.Causes = nil }, trace.CodeBasis, false},
		"a cause twice":               {func(i *input) { i.r.Causes = []trace.Key{"a", "a"} }, trace.CodeInvalid, false},
		"no reason":                   {func(i *input) { i.r.Reason = "" }, trace.CodeMissing, false},
		"recall with a rectification": {func(i *input) { i.r.Rectification = trace.DigestOf(nil) }, trace.CodeInvalid, false},

		"reinstate":                       {reinstate, "", false},
		"reinstate nothing":               {then(func(i *input) { i.r.Undoes = "" }), trace.CodeMissing, false},
		"reinstate without rectification": {then(func(i *input) { i.r.Rectification = trace.Digest{} }), trace.CodeMissing, false},
		"reinstate what is not there":     {then(func(i *input) { i.f.Undone = nil }), trace.CodeNotFound, false},
		"reinstate by another":            {then(func(i *input) { i.f.By = "regulator-02" }), trace.CodeForbidden, false},
		"reinstate another lot":           {then(func(i *input) { i.f.Undone.Lot = &trace.LotID{} }), trace.CodeInvalid, false},
		"reinstate the lot for its codes": {then(func(i *input) { i.f.Undone.Codes = codes }), trace.CodeInvalid, false},
		"reinstate a reinstatement":       {then(func(i *input) { i.f.Undone.Kind = trace.ActionReinstate }), trace.CodeInvalid, false},
		"reinstate twice":                 {then(func(i *input) { i.f.Current.Active = false }), trace.CodeState, false},
		"reinstate under a newer recall":  {then(func(i *input) { i.f.Current.Action = "fact/newer" }), trace.CodeState, false},
		"without inspection":              {then(func(i *input) { i.f.Inspection = nil }), trace.CodeReview, false},
		"inspection failed":               {then(func(i *input) { i.f.Inspection.Judgement = trace.JudgedNoLimit }), trace.CodeReview, false},
		"inspection of another lot":       {then(func(i *input) { i.f.Inspection.Lot = nil }), trace.CodeReview, false},
		"inspection superseded":           {then(func(i *input) { i.f.SupersededBy = "fact/j" }), trace.CodeReview, false},
		"sampled before the recall":       {then(func(i *input) { i.f.Inspection.SampledAt = recalled - 1 }), trace.CodeReview, false},
		"without review":                  {then(func(i *input) { i.f.Review = nil }), trace.CodeReview, false},
		"review of level 1":               {then(func(i *input) { i.f.Review.Level = 1 }), trace.CodeReview, false},
		"review not passed":               {then(func(i *input) { i.f.Review.Pass = false }), trace.CodeReview, false},
		"review of another inspection":    {then(func(i *input) { i.f.Review.Inspection = "fact/j" }), trace.CodeReview, false},
		"review taken back":               {then(func(i *input) { i.f.Levels = trace.ReviewLevels{} }), trace.CodeReview, false},
		"review before the recall":        {then(func(i *input) { i.f.Review.Recorded = recalled - 1 }), trace.CodeReview, false},
		"a delisting needs no inspection": {then(func(i *input) {
			i.f.Undone.Kind, i.f.Inspection, i.f.Review = trace.ActionDelist, nil, nil
		}), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			i := &input{
				r: &trace.TakeActionRequest{
					Kind: trace.ActionRecall, Lot: &lot, Reason: "检出禁用物质", Causes: []trace.Key{"fact/inspection"},
					Basis: []trace.LegalBasis{{Law: "化妆品监督管理条例", Article: "第四十四条", Effective: day("2021-01-01")}},
				},
				role: trace.RoleRegulator, f: &ActionFacts{By: "regulator-01", Now: now, Action: "fact/new"},
			}
			c.change(i)
			err := CheckAction(i.r, i.role, now.Date())
			var holds trace.Recall
			if err == nil {
				i.f.Role = i.role
				holds, err = TakeAction(i.r, *i.f)
			}
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
			if c.code == "" {
				require.Equal(t, trace.Recall{Active: c.active, Action: "fact/new", Since: now}, holds)
			}
		})
	}
}
