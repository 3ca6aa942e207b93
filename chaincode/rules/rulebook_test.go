package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func TestCheckRulebook(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*trace.PublishRulebookRequest)
		code   trace.Code
	}{
		"valid":       {func(*trace.PublishRulebookRequest) {}, ""},
		"only a hint": {func(r *trace.PublishRulebookRequest) { r.Ladder.Steps = []trace.ActionKind{trace.ActionHint} }, ""},
		"hint then cut": {func(r *trace.PublishRulebookRequest) {
			r.Ladder.Steps = []trace.ActionKind{trace.ActionHint, trace.ActionCut}
		}, ""},
		"no date":            {func(r *trace.PublishRulebookRequest) { r.Effective = 0 }, trace.CodeMissing},
		"no row":             {func(r *trace.PublishRulebookRequest) { r.Ladder.Row = 0 }, trace.CodeInvalid},
		"no window":          {func(r *trace.PublishRulebookRequest) { r.Ladder.WindowSeconds = 0 }, trace.CodeInvalid},
		"a reset of a month": {func(r *trace.PublishRulebookRequest) { r.Ladder.ResetSeconds = 30 * 86_400 }, trace.CodeInvalid},
		"no steps":           {func(r *trace.PublishRulebookRequest) { r.Ladder.Steps = nil }, trace.CodeMissing},
		"cut before hint": {func(r *trace.PublishRulebookRequest) {
			r.Ladder.Steps = []trace.ActionKind{trace.ActionCut, trace.ActionHint}
		}, trace.CodeInvalid},
		"a hint twice": {func(r *trace.PublishRulebookRequest) {
			r.Ladder.Steps = []trace.ActionKind{trace.ActionHint, trace.ActionHint}
		}, trace.CodeInvalid},
		"a recall":      {func(r *trace.PublishRulebookRequest) { r.Ladder.Steps = []trace.ActionKind{trace.ActionRecall} }, trace.CodeInvalid},
		"notices count": {func(r *trace.PublishRulebookRequest) { r.Ladder.Levels = []trace.VerdictLevel{trace.LevelNotice} }, trace.CodeInvalid},
		"no source":     {func(r *trace.PublishRulebookRequest) { r.Provisions[1].Parameters = nil }, trace.CodeMissing},
		"two sources": {func(r *trace.PublishRulebookRequest) {
			r.Provisions[1].Parameters = append(r.Provisions[1].Parameters, "row")
		}, trace.CodeInvalid},
		"no parameter":       {func(r *trace.PublishRulebookRequest) { r.Provisions[0].Parameters[0] = "colour" }, trace.CodeInvalid},
		"law without a name": {func(r *trace.PublishRulebookRequest) { r.Provisions[1].Law = "" }, trace.CodeMissing},
		"from nowhere":       {func(r *trace.PublishRulebookRequest) { r.Provisions[0].Source = "" }, trace.CodeMissing},
	} {
		r := &trace.PublishRulebookRequest{
			Version: "2026-1", Effective: day("2026-02-01"), Ladder: ladderRules(),
			Provisions: []trace.Provision{
				{Parameters: []string{"row", "windowSeconds", "further", "resetSeconds", "steps"}, Proposal: true, Source: "平台治理建议"},
				{Parameters: []string{"levels"}, Law: "直播电商监督管理办法", Article: "第三十四条", Source: "官网"},
			},
		}
		c.change(r)
		require.Equal(t, c.code, trace.CodeOf(CheckRulebook(r)), name)
	}
}

func TestRulebookVersions(t *testing.T) {
	book := func(version, effective string) trace.Rulebook {
		return trace.Rulebook{Version: version, Effective: day(effective)}
	}
	today := day("2026-10-20")
	versions, err := AddRulebook(nil, book("1", "2026-02-01"), today)
	require.NoError(t, err, "the first may take effect before it is published")
	_, err = AddRulebook(versions, book("2", "2026-10-20"), today)
	require.Equal(t, trace.CodeChronology, trace.CodeOf(err))
	_, err = AddRulebook(versions, book("1", "2026-10-21"), today)
	require.Equal(t, trace.CodeAlreadyExists, trace.CodeOf(err))
	versions, err = AddRulebook(versions, book("2", "2026-10-21"), today)
	require.NoError(t, err)
	require.Equal(t, "1", RulebookOn(versions, today).Version, "the superseded version is kept")
	require.Equal(t, "2", RulebookOn(versions, today+1).Version)
	require.Nil(t, RulebookOn(versions, day("2026-01-31")))
}
