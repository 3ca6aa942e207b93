package webhook_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/gateway/webhook"
)

var secret = []byte(strings.Repeat("s", webhook.MinSecret))

// A delivery is taken once, as it was signed; anything else is not taken.
func TestDeliveriesThatAreForgedOrReplayed(t *testing.T) {
	began := time.Unix(1_800_000_000, 0)
	body := []byte(`{"delivery":"app:12-0"}`)
	signed := func(secret []byte, at time.Time) http.Header {
		h := http.Header{}
		webhook.Sign(h, secret, "app:12-0", body, at)
		return h
	}
	cases := []struct {
		name   string
		header http.Header
		change func(http.Header)
		body   string
		want   error
	}{
		{name: "as it was signed"},
		{name: "another body", body: `{"delivery":"app:13-0"}`, want: webhook.ErrForged},
		{name: "another secret", header: signed([]byte(strings.Repeat("x", webhook.MinSecret)), began), want: webhook.ErrForged},
		{name: "another delivery", change: func(h http.Header) { h.Set(webhook.HeaderDelivery, "app:13-0") }, want: webhook.ErrForged},
		{name: "a newer timestamp on an old signature", change: func(h http.Header) { h.Set(webhook.HeaderTimestamp, "1800000000001") }, want: webhook.ErrForged},
		{name: "old", header: signed(secret, began.Add(-webhook.Tolerance-time.Second)), want: webhook.ErrOld},
		{name: "from the future", header: signed(secret, began.Add(webhook.Tolerance+time.Second)), want: webhook.ErrOld},
		{name: "unsigned", change: func(h http.Header) { h.Del(webhook.HeaderSignature) }, want: webhook.ErrUnsigned},
		{name: "cut signature", change: func(h http.Header) { h.Set(webhook.HeaderSignature, "v1=00ff") }, want: webhook.ErrUnsigned},
		{name: "another version", change: func(h http.Header) {
			h.Set(webhook.HeaderSignature, "v0="+strings.TrimPrefix(h.Get(webhook.HeaderSignature), "v1="))
		}, want: webhook.ErrUnsigned},
		{name: "no delivery", change: func(h http.Header) { h.Del(webhook.HeaderDelivery) }, want: webhook.ErrUnsigned},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			now := began
			v := &webhook.Verifier{Secret: secret, Now: func() time.Time { return now }}
			header, content := c.header, body
			if header == nil {
				header = signed(secret, now)
			}
			if c.change != nil {
				c.change(header)
			}
			if c.body != "" {
				content = []byte(c.body)
			}
			delivery, err := v.Verify(header, content)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "app:12-0", delivery)
			_, err = v.Verify(header, content)
			require.ErrorIs(t, err, webhook.ErrReplayed)
			// The gateway itself may send it again, signed anew: the same delivery.
			again := signed(secret, now.Add(time.Second))
			delivery, err = v.Verify(again, content)
			require.NoError(t, err)
			require.Equal(t, "app:12-0", delivery)
			// What was remembered is remembered for as long as it could be taken.
			now = now.Add(webhook.Tolerance)
			_, err = v.Verify(header, content)
			require.ErrorIs(t, err, webhook.ErrReplayed)
			now = now.Add(time.Second)
			_, err = v.Verify(header, content)
			require.ErrorIs(t, err, webhook.ErrOld)
		})
	}
}
