package desk_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/api/apitest"
	"traceledger/gateway/desk"
	"traceledger/gateway/floor"
	"traceledger/gateway/store"
)

type cheapest struct{}

const cheapestTerm = "全网最低价"

func (cheapest) Rule() floor.Rule {
	return floor.Rule{Monitor: "speech", Version: "test-1", Description: "绝对化用语", Content: trace.DigestOf([]byte(cheapestTerm))}
}

func (cheapest) Check(said floor.Said) ([]floor.Finding, error) {
	at := strings.Index(said.Text, cheapestTerm)
	if at < 0 {
		return nil, nil
	}
	return []floor.Finding{{Code: "absolute-term", Level: trace.LevelViolation, Text: "绝对化用语", Term: floor.Term{Text: cheapestTerm, Begin: at, End: at + len(cheapestTerm), Article: "广告法第九条"}}}, nil
}

// What was said is judged, shown to the reviewer with the term marked, claimed by one of
// two, overturned, and the platform's page shows the ladder that came down.
func TestSecondTrackOnTheDesk(t *testing.T) {
	on := contracttest.Start(t)
	live := contracttest.StartLive(contracttest.StartKiwifruit(on))
	tokens := map[trace.Role]string{}
	var second string
	h := &house{House: apitest.StartOn(t, on, func(h *apitest.House, r *gin.Engine) {
		for role, party := range map[trace.Role]trace.PartyID{
			trace.RoleMonitor: "monitor-01", trace.RolePlatformOperator: "operator-01", trace.RoleReviewer: "reviewer-01", trace.RoleMerchant: "shop-01", trace.RoleHost: live.Host.Party,
		} {
			tokens[role] = h.Token(role, party)
		}
		var err error
		second, _, err = h.Store.Tokens().Create(store.Token{
			Name: "a colleague", MSPID: trace.MSPOf(trace.RoleReviewer), Party: "reviewer-01", Role: string(trace.RoleReviewer), Enrolment: "reviewer-01@reviewer",
		})
		require.NoError(t, err)
		h.RunFloor(floor.Config{Checker: cheapest{}, Monitor: "monitor-01@monitor", Operator: "operator-01@platform-operator",
			Limits: floor.Limits{RunAge: time.Hour}})
		desks, err := desk.New(desk.Config{API: h.API, Index: h.Index, Store: h.Store, PublicBase: h.Base})
		require.NoError(t, err)
		r.Any("/desk", gin.WrapH(desks))
		r.Any("/desk/*page", gin.WrapH(desks))
	})}
	var said api.Utterances
	for i, text := range []string{"大家好", "不敢说全网最低价", "全网最低价", "全网最低价啦"} {
		from := live.Began + trace.Time(i)*2_000
		said.Utterances = append(said.Utterances, floor.Spoken{Number: int64(i) + 1, From: from, To: from + 500, Host: live.Host.Party, Text: text})
	}
	require.Eventually(t, func() bool {
		status, _, _ := h.Call(http.MethodPost, "/v1/streams/live-01/utterances", tokens[trace.RoleMonitor], "", said)
		return status == http.StatusOK
	}, time.Minute, 20*time.Millisecond, "the read model knows the stream")
	acted := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool {
			s, found, err := h.Index.Stream(live.Stream)
			return err == nil && found && len(s.Actions) == n
		}, 2*time.Minute, 10*time.Millisecond)
	}
	acted(1)
	as := func(token string, role trace.Role) *person {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		p := &person{t: t, base: h.Base, client: &http.Client{Jar: jar}, role: role}
		p.get("/desk")
		p.post("/desk/sign-in", url.Values{"csrf": {p.field("csrf")}, "token": {token}})
		return p
	}

	reviewer, colleague := as(tokens[trace.RoleReviewer], trace.RoleReviewer), as(second, trace.RoleReviewer)
	s, _, err := h.Index.Stream(live.Stream)
	require.NoError(t, err)
	var key trace.Key
	for _, v := range s.Verdicts {
		if v.Record.Observed == live.Began+2_000 {
			key = v.Provenance.Key
		}
	}
	watching := as(tokens[trace.RolePlatformOperator], trace.RolePlatformOperator)
	watching.get("/desk/platform-operator/streams")
	require.Regexp(t, `live-01 · [^<]*：提示整改`, watching.page, "the list says where each host stands")

	reviewer.get("/desk/reviewer/queue")
	require.Contains(t, reviewer.page, "绝对化用语")
	address := "/desk/reviewer/queue/item?" + url.Values{"verdict": {string(key)}}.Encode()
	reviewer.get(address)
	require.Regexp(t, `href="\?lang=en&amp;verdict=fact`, reviewer.page, "the other language shows the same verdict")
	require.Contains(t, reviewer.page, "不敢说<mark>全网最低价</mark>")
	require.Contains(t, reviewer.page, "大家好")
	require.Contains(t, reviewer.page, "含有该判定话语的话语段尚未上链", "its run is not cut yet")
	act := func(p *person, do, reason string) {
		p.get(address)
		p.post("/desk/reviewer/queue/item", url.Values{"csrf": {p.field("csrf")}, "verdict": {string(key)}, "do": {do}, "reason": {reason}})
	}
	act(reviewer, "claim", "")
	act(colleague, "claim", "")
	require.Contains(t, colleague.page, "STATE", "somebody works on it")
	act(colleague, "overturned", "我来")
	require.Contains(t, colleague.page, "STATE")
	require.Contains(t, colleague.page, ">我来</textarea>", "what was typed stays")
	act(reviewer, "overturned", "")
	require.Contains(t, reviewer.page, "MISSING", "overturning needs a reason")
	height := h.Height()
	act(reviewer, "overturned", "是否定句")
	require.Equal(t, http.StatusOK, reviewer.status)
	require.Contains(t, reviewer.page, "您将推翻这条判定，请核对后确认")
	require.Contains(t, reviewer.page, "<dd>是否定句</dd>")
	require.Equal(t, height, h.Height(), "nothing is recorded before it is confirmed")
	step := func(do string) url.Values {
		return url.Values{"csrf": {reviewer.field("csrf")}, "verdict": {string(key)}, "outcome": {reviewer.field("outcome")}, "reason": {reviewer.field("reason")}, "asked": {reviewer.field("asked")}, "do": {do}}
	}
	sure := step("record")
	reviewer.post("/desk/reviewer/queue/item", step("edit"))
	require.Contains(t, reviewer.page, ">是否定句</textarea>", "what was typed stays")
	require.Equal(t, height, h.Height())
	reviewer.post("/desk/reviewer/queue/item", sure)
	acted(2)
	reviewer.post("/desk/reviewer/queue/item", sure)
	require.Equal(t, http.StatusOK, reviewer.status, "pressed twice it is one review")

	operator := as(tokens[trace.RolePlatformOperator], trace.RolePlatformOperator)
	operator.get("/desk/platform-operator/streams")
	require.Regexp(t, `live-01 · [^<]*进行中`, operator.page)
	operator.get("/desk/platform-operator/streams/live-01")
	require.Contains(t, operator.page, "提示")
	require.Contains(t, operator.page, "降级")
	require.Contains(t, operator.page, "没有处置", "no step holds any more")
	var at []int
	for _, second := range []trace.Time{2, 4, 6} {
		at = append(at, strings.Index(operator.page, "<b>"+beijing(live.Began+second*1_000)+"</b>"))
	}
	require.True(t, at[0] > 0 && slices.IsSorted(at), "verdicts stand in the order in which the words were said: %v", at)
	reviewer.get("/desk/reviewer/audit")
	require.Contains(t, reviewer.page, "100.0 %", "one reviewed, one overturned")

	for _, role := range []trace.Role{trace.RoleMerchant, trace.RoleHost} {
		p := as(tokens[role], role)
		require.Contains(t, p.page, "/desk/"+string(role)+"/self-check")
		p.get("/desk/" + string(role) + "/self-check")
		p.post("/desk/"+string(role)+"/self-check", url.Values{"csrf": {p.field("csrf")}, "text": {"<b>全网最低价"}})
		require.Contains(t, p.page, "&lt;b&gt;<mark>全网最低价</mark>")
	}
}

// beijing writes a time as pages do.
func beijing(at trace.Time) string {
	return time.UnixMilli(int64(at)).In(time.FixedZone("+08:00", 8*3600)).Format("2006-01-02 15:04:05")
}
