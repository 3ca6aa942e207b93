package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/api/apitest"
	"traceledger/gateway/floor"
)

// cheapest is a lexicon of one word.
type cheapest struct{}

func (cheapest) Rule() floor.Rule {
	return floor.Rule{Monitor: "speech", Version: "test-1", Description: "绝对化用语", Content: trace.DigestOf([]byte("全网最低价"))}
}

func (cheapest) Check(said floor.Said) ([]floor.Finding, error) {
	if !strings.Contains(said.Text, "全网最低价") {
		return nil, nil
	}
	return []floor.Finding{{Code: "absolute-term", Level: trace.LevelViolation, Text: "绝对化用语：全网最低价", Term: floor.Term{Text: "全网最低价"}}}, nil
}

type liveHouse struct {
	*apitest.House
	live    *contracttest.Live
	monitor string
}

func startLive(t *testing.T) *liveHouse {
	t.Helper()
	on := contracttest.Start(t)
	h := &liveHouse{live: contracttest.StartLive(contracttest.StartKiwifruit(on))}
	h.House = apitest.StartOn(t, on, func(house *apitest.House, _ *gin.Engine) {
		house.Token(trace.RolePlatformOperator, "operator-01")
		h.monitor = house.Token(trace.RoleMonitor, "monitor-01")
		house.RunFloor(floor.Config{
			Checker: cheapest{}, Monitor: "monitor-01@monitor", Operator: "operator-01@platform-operator",
			Limits: floor.Limits{RunAge: 200 * time.Millisecond},
		})
	})
	require.Eventually(t, func() bool { // the read model follows
		_, found, err := h.Index.Stream(h.live.Stream)
		return err == nil && found
	}, time.Minute, 10*time.Millisecond)
	return h
}

func (h *liveHouse) batch(first int64, texts ...string) api.Utterances {
	var out api.Utterances
	for i, text := range texts {
		from := h.live.Began + trace.Time(first+int64(i))*1_000
		out.Utterances = append(out.Utterances, floor.Spoken{Number: first + int64(i), From: from, To: from + 500, Host: h.live.Host.Party, Text: text})
	}
	return out
}

// follow reads server-sent events until it has n.
func (h *liveHouse) follow(t *testing.T, last string, n int) (ids []string, kinds []trace.ActionKind) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.Base+"/v1/events", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+h.monitor)
	request.Header.Set("Last-Event-ID", last)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	lines := bufio.NewScanner(response.Body)
	for len(ids) < n && lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found {
			continue
		}
		var event floor.Event
		require.NoError(t, json.Unmarshal([]byte(data), &event))
		var action trace.Action
		require.NoError(t, json.Unmarshal(event.Action, &action))
		ids, kinds = append(ids, event.ID), append(kinds, action.Kind)
	}
	return ids, kinds
}

// begins gives the id with which a follower begins who has none.
func (h *liveHouse) begins(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.Base+"/v1/events", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+h.monitor)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	require.True(t, lines.Scan())
	id, _ := strings.CutPrefix(lines.Text(), "id: ")
	require.True(t, lines.Scan())
	require.Empty(t, lines.Text(), "no event: an id alone")
	return id
}

// A transcript over WebSocket becomes steps, which a follower hears at once and, having
// lost its connection, hears on from where it was.
func TestTranscriptToEvents(t *testing.T) {
	h := startLive(t)
	socket, answer, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(h.Base, "http")+"/v1/streams/live-01/transcript",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + h.monitor}}})
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, answer.StatusCode)
	defer func() { _ = socket.CloseNow() }()
	// Somebody reads all the time, as every client does: the gateway's pings are answered by it.
	heard, ended := make(chan []byte, 10), make(chan error, 1)
	go func() {
		for {
			_, content, err := socket.Read(t.Context())
			if err != nil {
				ended <- err
				return
			}
			heard <- content
		}
	}()
	say := func(body any) (said struct {
		Through int64      `json:"through"`
		Code    trace.Code `json:"code"`
	}) {
		if body != nil {
			content, err := json.Marshal(body)
			require.NoError(t, err)
			require.NoError(t, socket.Write(t.Context(), websocket.MessageText, content))
		}
		select {
		case content := <-heard:
			require.NoError(t, json.Unmarshal(content, &said))
		case err := <-ended:
			require.NoError(t, err)
		}
		return said
	}
	require.EqualValues(t, 0, say(nil).Through)
	require.EqualValues(t, 3, say(h.batch(1, "全网最低价", "全网最低价", "全网最低价")).Through)
	ids, kinds := h.follow(t, "0-0", 1)
	require.Equal(t, []trace.ActionKind{trace.ActionHint}, kinds)
	require.Equal(t, trace.CodeSequence, say(h.batch(9, "跳号")).Code, "a refusal does not end the connection")
	require.Equal(t, trace.CodeUnknownField, say(map[string]any{"utterance": 1}).Code)
	require.EqualValues(t, 5, say(h.batch(4, "全网最低价", "全网最低价")).Through)
	more, kinds := h.follow(t, ids[0], 2)
	require.Equal(t, []trace.ActionKind{trace.ActionLimit, trace.ActionCut}, kinds)
	require.NotContains(t, more, ids[0])
	require.Equal(t, more[1], h.begins(t), "who breaks off before the first event knows where to go on")

	// A message of 1 MB is not read: the connection ends. Whether the other side hears why
	// depends on what it still has in its buffers.
	if err := socket.Write(t.Context(), websocket.MessageText, bytes.Repeat([]byte("x"), 1<<20)); err == nil {
		require.Error(t, <-ended)
	}
	status, _, body := h.Call(http.MethodGet, "/v1/streams/live-01/utterances", h.monitor, "", nil)
	require.Equal(t, http.StatusOK, status, string(body))
	require.JSONEq(t, `{"through":5}`, string(body), "where it goes on")
}

// What may not come in by the floor's routes.
func TestLiveRequestsThatAreRefused(t *testing.T) {
	h := startLive(t)
	merchant := h.Token(trace.RoleMerchant, "shop-01")
	const utterances = "/v1/streams/live-01/utterances"
	cases := []struct {
		name, method, path, token string
		body                      any
		want                      trace.Code
	}{
		{"an utterance over 16 KiB", http.MethodPost, utterances, h.monitor, h.batch(1, strings.Repeat("x", 16<<10+1)), trace.CodeTooLarge},
		{"a merchant's transcript", http.MethodPost, utterances, merchant, h.batch(1, "话"), trace.CodeForbidden},
		{"no token", http.MethodPost, utterances, "", h.batch(1, "话"), api.CodeUnauthenticated},
		{"another stream", http.MethodPost, "/v1/streams/live-99/utterances", h.monitor, h.batch(1, "话"), trace.CodeNotFound},
		{"an event that never was", http.MethodGet, "/v1/events", h.monitor, nil, trace.CodeInvalid},
		{"a monitor at the webhooks", http.MethodGet, "/v1/webhooks", h.monitor, nil, trace.CodeForbidden},
		{"an empty self-check", http.MethodPost, "/v1/self-check", merchant, api.SelfCheck{}, trace.CodeMissing},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			content, err := json.Marshal(c.body)
			require.NoError(t, err)
			request, err := http.NewRequestWithContext(t.Context(), c.method, h.Base+c.path, bytes.NewReader(content))
			require.NoError(t, err)
			request.Header.Set("Authorization", "Bearer "+c.token)
			request.Header.Set("Last-Event-ID", "yesterday")
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			var problem api.Problem
			require.NoError(t, json.NewDecoder(response.Body).Decode(&problem))
			require.Equal(t, c.want, problem.Code, problem.Detail)
		})
	}
}

// An utterance of 1 MB is refused by what its header says, before it is sent.
func TestAMegabyteIsNotRead(t *testing.T) {
	h := startLive(t)
	base, err := url.Parse(h.Base)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", base.Host)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(2*time.Minute)))
	_, err = io.WriteString(conn, "POST /v1/streams/live-01/utterances HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer "+h.monitor+"\r\nContent-Length: 1048576\r\n\r\n")
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil) // although no byte of the body was sent
	require.NoError(t, err)
	defer response.Body.Close()
	var problem api.Problem
	require.NoError(t, json.NewDecoder(response.Body).Decode(&problem))
	require.Equal(t, trace.CodeTooLarge, problem.Code)
}

// A merchant reads what would be found, and nothing is written anywhere; many a second
// are not answered.
func TestSelfCheckRecordsNothing(t *testing.T) {
	h := startLive(t)
	merchant := h.Token(trace.RoleMerchant, "shop-01")
	require.Eventually(t, func() bool { // what the floor writes by itself when it starts
		_, found, err := h.Index.Record(state.RuleKey("speech", "test-1"))
		return err == nil && found
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, h.Index.WaitFor(t.Context(), h.Height()-1))
	before := h.Index.Height()
	var limited bool
	for range 400 { // 20 at once and one a second, however slow the machine is
		status, _, body := h.Call(http.MethodPost, "/v1/self-check", merchant, "", api.SelfCheck{Text: "今天全网最低价"})
		if limited = status == http.StatusTooManyRequests; limited {
			break
		}
		require.Equal(t, http.StatusOK, status, string(body))
		var found api.SelfChecked
		require.NoError(t, json.Unmarshal(body, &found))
		require.Len(t, found.Findings, 1)
		require.Equal(t, "test-1", found.Version)
	}
	require.True(t, limited)
	require.Equal(t, before, h.Index.Height())
	require.NoError(t, h.Store.Floor().Each("", func(name string, row []byte) error {
		require.NotContains(t, string(row), "全网最低价")
		return nil
	}))
}
