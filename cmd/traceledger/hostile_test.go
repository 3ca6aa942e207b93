package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/desk"
	"traceledger/gateway/index"
	"traceledger/gateway/ingest/segment"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
	"traceledger/gateway/wallet"
)

// TestNobodyChoosesWhereARedirectGoes: the address of a mistyped route is not made from
// headers that a stranger set and a cache may keep.
func TestNobodyChoosesWhereARedirectGoes(t *testing.T) {
	h := newHouse(t)
	h.start("serve")
	for _, path := range []string{"/v1/me/", "/metrics/", "/healthz/"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.base+path, nil)
		require.NoError(t, err)
		request.Header.Set("X-Forwarded-Prefix", "/evil")
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusNotFound, response.StatusCode, path)
		require.Empty(t, response.Header.Get("Location"), path)
	}
}

// TestAPanicTellsNoSecrets: the caller gets the kind of answer that other refusals have
// there, with the name under which the log has the place, and the log no cookie.
func TestAPanicTellsNoSecrets(t *testing.T) {
	for _, c := range []struct{ path, kind, says string }{
		{"/v1/broken/7", "application/problem+json", `"code":"INTERNAL"`},
		{"/desk/broken/7", "text/html; charset=utf-8", "服务器出错；运维人员可按请求编号"},
		{"/desk/broken/7?lang=en", "text/html; charset=utf-8", "its log has the details under request"},
	} {
		var log bytes.Buffer
		n := &node{logger: slog.New(slog.NewTextHandler(&log, nil))}
		var err error
		n.api, err = api.New(api.Config{Ledger: &ledger.Client{}, Index: &index.Index{}, Store: &store.Store{}, Identities: &wallet.Wallet{}, Segments: &segment.Segmenter{}, PublicBase: "https://trace.example"})
		require.NoError(t, err)
		n.desks, err = desk.New(desk.Config{API: n.api, Index: &index.Index{}, Store: &store.Store{}, PublicBase: "https://trace.example"})
		require.NoError(t, err)
		r := gin.New()
		r.Use(n.recovered)
		r.GET("/:house/broken/:id", func(c *gin.Context) {
			c.Header("Content-Disposition", `attachment; filename="codes.csv"`)
			panic("a row is missing")
		})
		request := httptest.NewRequest(http.MethodGet, c.path, nil)
		request.Header.Set("Cookie", "desk-session=SECRET")
		request.Header.Set("Authorization", "Bearer SECRET")
		answer := httptest.NewRecorder()
		r.ServeHTTP(answer, request)
		require.Equal(t, http.StatusInternalServerError, answer.Code)
		require.Equal(t, c.kind, answer.Header().Get("Content-Type"), c.path)
		require.Empty(t, answer.Header().Get("Content-Disposition"), "it is no download")
		require.Contains(t, answer.Body.String(), c.says)
		require.NotContains(t, answer.Body.String(), "row is missing")
		name := regexp.MustCompile(`request=([A-Z2-7]{12}) .*a row is missing`).FindStringSubmatch(log.String())
		require.NotNil(t, name, log.String())
		require.Contains(t, answer.Body.String(), name[1])
		require.NotContains(t, log.String(), "SECRET")
	}
}

// TestAnAnswerCutShortIsBrokenOff: after a panic half an answer must not look whole.
func TestAnAnswerCutShortIsBrokenOff(t *testing.T) {
	n := &node{logger: slog.New(slog.DiscardHandler)}
	r := gin.New()
	r.Use(n.recovered)
	r.GET("/codes.csv", func(c *gin.Context) {
		_, err := c.Writer.WriteString("code,address\n")
		require.NoError(t, err)
		c.Writer.Flush()
		panic("a row is missing")
	})
	server := httptest.NewServer(r)
	defer server.Close()
	response, err := http.Get(server.URL + "/codes.csv")
	require.NoError(t, err)
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// TestStopLetsWritesFinish: a write under way when the house is told to stop is
// answered, and what was answered is there after the start.
func TestStopLetsWritesFinish(t *testing.T) {
	h := newHouse(t, trace.RoleRegulator, trace.RoleFactory)
	h.start("serve")
	h.furnish()
	body, err := json.Marshal(lotRequest(trace.TimeOf(time.Now())-3_600_000, "SLOW-1"))
	require.NoError(t, err)
	address := strings.TrimPrefix(h.base, "http://")
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	request, err := http.NewRequest(http.MethodPost, h.base+"/v1/batches", bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+h.tokens[trace.RoleFactory])
	request.Header.Set("Idempotency-Key", "slow-1")
	request.Header.Set("Expect", "100-continue") // answered once the house reads the body
	var whole bytes.Buffer
	require.NoError(t, request.Write(&whole))
	_, err = conn.Write(whole.Next(whole.Len() - 10))
	require.NoError(t, err)
	answers := bufio.NewReader(conn)
	goOn, err := http.ReadResponse(answers, request)
	require.NoError(t, err)
	require.Equal(t, http.StatusContinue, goOn.StatusCode)
	require.NoError(t, h.cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool {
		other, err := net.Dial("tcp", address)
		if err == nil {
			other.Close()
		}
		return err != nil
	}, time.Minute, 10*time.Millisecond, "it still takes connections")
	_, err = conn.Write(whole.Bytes())
	require.NoError(t, err)
	response, err := http.ReadResponse(answers, request)
	require.NoError(t, err)
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, response.StatusCode, string(content))
	var written api.Written
	require.NoError(t, json.Unmarshal(content, &written))
	h.gone()

	h.start("serve")
	h.checkAcknowledged(map[string]string{"SLOW-1": written.Transaction})
}

// TestReadyTellsTheTruth: a house that was ready and can write no more says so.
func TestReadyTellsTheTruth(t *testing.T) {
	cfg := defaultConfig()
	cfg.Address, cfg.Data, cfg.LogLevel = "127.0.0.1:0", t.TempDir(), "error"
	told, stop := context.WithCancel(t.Context())
	err := serve(told, cfg, io.Discard, func(_ context.Context, n *node, _ string) error {
		n.ready.Store(true)
		ask := func() (int, string) {
			answer := httptest.NewRecorder()
			n.handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			return answer.Code, answer.Body.String()
		}
		status, body := ask()
		require.Equal(t, http.StatusOK, status, body)
		require.NoError(t, n.engine.Close())
		status, body = ask()
		require.Equal(t, http.StatusServiceUnavailable, status, body)
		require.Contains(t, body, "ledger")
		stop()
		return nil
	})
	require.NoError(t, err)
}

func TestTrustedProxies(t *testing.T) {
	cfg := defaultConfig()
	cfg.TrustedProxies = []string{"127.0.0.1", "10.0.0.0/8", "fd00::/8"}
	proxies, err := cfg.proxies()
	require.NoError(t, err)
	require.Len(t, proxies, 3)
	require.Equal(t, 32, proxies[0].Bits())
	cfg.TrustedProxies = []string{"proxy.example"}
	_, err = cfg.proxies()
	require.ErrorContains(t, err, "proxy.example")
}

// TestDeskIsThere: the address that the house prints is served with its style, and
// without a sign-in shows the form only.
func TestDeskIsThere(t *testing.T) {
	h := newHouse(t)
	h.start("serve")
	for path, want := range map[string]int{"/desk": http.StatusOK, "/desk/farm": http.StatusUnauthorized, "/desk/file/" + strings.Repeat("0", 64): http.StatusUnauthorized} {
		response, err := http.Get(h.base + path)
		require.NoError(t, err)
		content, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, path)
		require.Contains(t, string(content), `name="token"`, path)
		_, rest, found := strings.Cut(string(content), `rel="stylesheet" href="`)
		require.True(t, found)
		style, _, _ := strings.Cut(rest, `"`)
		response, err = http.Get(h.base + style)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode, style)
	}
}
