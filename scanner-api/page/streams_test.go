package page

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// The page names the streams that sold the goods, with what was found and done, and the
// verdict line stays as it was.
func TestStreamsAreShownBesideTheStory(t *testing.T) {
	s := states(t)["good"]
	before := rendered(t, Chinese, s)
	require.NotContains(t, before, "直播间")
	b := &book{t: t, block: 95}
	found := index.Verdict{Typed: bookFact(b, state.FactVerdict, "speech", "monitor-speech", trace.RoleMonitor, "2026-10-20T20:05", trace.Verdict{Level: trace.LevelViolation, Host: "host-01", Text: "绝对化用语"})}
	s.Lot.Streams = []index.StreamHead{{
		ID: "live-01", Verdicts: []index.Verdict{found},
		Typed: bookFact(b, state.KindStream, "live-01", "merchant-hz-01", trace.RoleMerchant, "2026-10-20T18:00", trace.Stream{
			Hosts: []trace.StreamHost{{Party: "host-01", AI: true}}, Planned: at(t, "2026-10-20T20:00"),
		}),
		Ladders: []index.Ladder{{Host: "host-01", State: trace.LadderState{Steps: []trace.LadderStep{{Kind: trace.ActionHint}, {Kind: trace.ActionLimit}}}}},
	}}
	html := rendered(t, Chinese, s)
	for _, shown := range []string{"直播间", "live-01", "2026-10-20 20:00", "人工智能主播", "主播 host-01：限制展示", "1 条不利判定"} {
		require.Contains(t, html, shown)
	}
	require.Contains(t, html, "各项记录齐全、合格", "the line does not change")
	s.Lot.Streams[0].Ladders[0].State.Steps = nil
	html = rendered(t, English, s)
	require.NotContains(t, html, "Display limit")
	require.Contains(t, html, "AI host")
}
