package scanner

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
	"traceledger/scanner-api/page"
)

func TestNegotiation(t *testing.T) {
	for accept, want := range map[string]format{
		"": formatHTML, "*/*": formatHTML, "text/html": formatHTML, "image/png": formatHTML,
		"application/json": formatJSON, "application/linkset+json": formatLinkset,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": formatHTML,
		"application/json;q=0.5, text/html":                               formatHTML,
		"text/html;q=0.5, application/json":                               formatJSON,
		"application/json;q=0":                                            formatHTML,
		"application/json;q=x, application/linkset+json;q=0.1":            formatLinkset,
	} {
		require.Equal(t, want, accepted(accept), accept)
	}
	ask := func(query string) (wanted, error) {
		r := httptest.NewRequest(http.MethodGet, "/01/1?"+query, nil)
		return negotiate(r)
	}
	w, err := ask("lang=en&format=json")
	require.NoError(t, err)
	require.Equal(t, wanted{formatJSON, page.English}, w)
	w, err = ask("lang=fr&17=261018")
	require.NoError(t, err)
	require.Equal(t, wanted{formatHTML, page.Chinese}, w, "what is not known is ignored")
	_, err = ask("format=xml")
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(err))
}

func TestVisitorsAreNotRemembered(t *testing.T) {
	var v visitors
	now := time.Date(2026, 10, 23, 11, 0, 0, 0, time.UTC)
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	key := v.key(one, "phone", now)
	require.Len(t, key, 16)
	require.Equal(t, key, v.key(one, "phone", now.Add(time.Hour)))
	require.NotEqual(t, key, v.key(other, "phone", now))
	require.NotEqual(t, key, v.key(one, "tablet", now))
	require.NotEqual(t, key, v.key(one, "phone", now.Add(24*time.Hour)), "no key links two days")
	var restarted visitors
	require.NotEqual(t, key, restarted.key(one, "phone", now))
}

func TestClientAddressBehindProxies(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	ask := func(peer string, forwarded ...string) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		for _, f := range forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		return clientAddress(r, proxies).String()
	}
	require.Equal(t, "192.0.2.1", ask("192.0.2.1:1", "198.51.100.9"), "a stranger's word about itself is not taken")
	require.Equal(t, "198.51.100.9", ask("10.0.0.1:1", "203.0.113.7, 198.51.100.9"))
	require.Equal(t, "198.51.100.9", ask("10.0.0.1:1", "198.51.100.9, 10.2.3.4"))
	require.Equal(t, "198.51.100.9", ask("[::ffff:10.0.0.1]:1", "198.51.100.9"))
	require.Equal(t, "10.0.0.1", ask("10.0.0.1:1", "nonsense"))
}

func TestWhoIsCounted(t *testing.T) {
	for agent, want := range map[string]bool{
		"": true, "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) MicroMessenger/8.0.50": true,
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/141 Mobile Safari/537.36": true,
		"facebookexternalhit/1.1": false, "Twitterbot/1.0": false, "WhatsApp/2.24": false, "TelegramBot (like TwitterBot)": false,
		"Mozilla/5.0 (compatible; Baiduspider/2.0)": false, "Slackbot-LinkExpanding 1.0": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("User-Agent", agent)
		require.Equal(t, want, counts(r), agent)
	}
	require.False(t, counts(httptest.NewRequest(http.MethodHead, "/", nil)))
}

func TestLimiterAllowsABurstAndThenTheRate(t *testing.T) {
	l := newLimiter(10, 5)
	client, now := netip.MustParseAddr("192.0.2.1"), time.Unix(1_800_000_000, 0)
	for range 5 {
		_, ok := l.allow(client, now)
		require.True(t, ok)
	}
	wait, ok := l.allow(client, now)
	require.False(t, ok)
	_, ok = l.allow(client, now.Add(wait))
	require.True(t, ok, "after the time it named")
	_, ok = l.allow(netip.MustParseAddr("192.0.2.2"), now)
	require.True(t, ok)
	six := func(last int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", last)) }
	for n := range 5 {
		_, ok = l.allow(six(n+1), now)
		require.True(t, ok)
	}
	_, ok = l.allow(six(9), now)
	require.False(t, ok, "one /64 is one client")
}

func TestSuspectedCopyRule(t *testing.T) {
	limits := CopyLimits{}
	require.False(t, SuspectedCopy(ScanPattern{Count: 300, MostVisitor: 30, State: trace.PackActive}, limits))
	require.True(t, SuspectedCopy(ScanPattern{Count: 301, MostVisitor: 1}, limits))
	require.True(t, SuspectedCopy(ScanPattern{Count: 31, MostVisitor: 31}, limits))
	require.True(t, SuspectedCopy(ScanPattern{Count: 1, State: trace.PackVoid, AfterVoid: true}, limits))
	require.False(t, SuspectedCopy(ScanPattern{Count: 1, State: trace.PackVoid}, limits))
	require.False(t, SuspectedCopy(ScanPattern{Count: 1, State: trace.PackActive, AfterVoid: true}, limits))
}

func TestSightingsCountDistinctVisitorsOfADay(t *testing.T) {
	s := newSightings(CopyLimits{VisitorsPerDay: 3})
	for n := range 3 {
		require.Equal(t, n+1, s.see("code", fmt.Sprint(n), 100))
		require.Equal(t, n+1, s.see("code", fmt.Sprint(n), 100), "again")
	}
	require.Equal(t, 4, s.see("code", "x", 100))
	require.Equal(t, 4, s.see("code", "y", 100), "one more than the rule needs is enough")
	require.Equal(t, 4, s.see("code", "z", 101), "the worst day stays")
	require.Equal(t, 4, s.most("code"))
	require.Equal(t, 0, s.most("other"))
	for n := range 100_000 {
		s.see(fmt.Sprint("code", n), "v", 101)
	}
	total := 0
	for i := range s.shards {
		total += len(s.shards[i].young) + len(s.shards[i].old)
	}
	require.LessOrEqual(t, total, 16*2*sightingCodes)
}

// A body filled plainly and a body filled compressed are the same text, whatever is
// in the holes and wherever they are.
func TestBodiesFillTheSamePlainAndPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMarks()
		var template, want bytes.Buffer
		fill := filling{"/01/x", "SERIAL", "29", "2026-10-23 19:42", "2"}
		for range rapid.IntRange(0, 12).Draw(t, "parts") {
			text := rapid.StringN(0, 40, -1).Draw(t, "text")
			h := rapid.IntRange(0, int(holes)-1).Draw(t, "hole")
			template.WriteString(text + m[h])
			want.WriteString(text + fill[h])
		}
		b, err := m.cut(template.Bytes())
		require.NoError(t, err)
		require.Equal(t, want.String(), string(b.append(nil, &fill)))
		r, err := gzip.NewReader(bytes.NewReader(b.appendPacked(nil, &fill)))
		require.NoError(t, err)
		plain, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, want.String(), string(plain))
	})
}

func TestEntityTagsFollowTheCount(t *testing.T) {
	m := newMarks()
	b, err := m.cut([]byte("x" + m[holeCount] + "y"))
	require.NoError(t, err)
	one, two := filling{holeCount: "1"}, filling{holeCount: "2"}
	require.NotEqual(t, b.entityTag(&one), b.entityTag(&two))
	require.True(t, matches(`W/"a", `+b.entityTag(&one), b.entityTag(&one)))
	require.False(t, matches(b.entityTag(&two), b.entityTag(&one)))
	require.True(t, matches("*", b.entityTag(&one)))
}
