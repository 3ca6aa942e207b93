package main

import (
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
)

// TestPull: a file that is not kept is fetched from the gateway that has it, only with
// the token, and only the bytes with its hash are kept.
func TestPull(t *testing.T) {
	report := []byte("a laboratory's report")
	hash := store.Hash(sha256.Sum256(report))
	answers := func(content []byte) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer secret" || r.URL.Path != "/v1/files/"+hash.String() {
				http.Error(w, "no", http.StatusUnauthorized)
				return
			}
			_, _ = w.Write(content)
		}))
		t.Cleanup(server.Close)
		return server
	}
	leads := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer leads.Close()
	other, right := answers([]byte("something else")), answers(report)

	p, files := newTestPuller(t, "secret\n", leads.URL, other.URL)
	_, found, err := p.Stat(hash)
	require.NoError(t, err)
	require.False(t, found)
	p.pull(t.Context(), <-p.wanted)
	_, found, err = files.Stat(hash)
	require.NoError(t, err)
	require.False(t, found, "bytes of another hash are not kept")
	_, err = p.Open(hash)
	require.Equal(t, store.CodeFileUnknown, trace.CodeOf(err))
	require.Empty(t, p.wanted, "not asked for again at once")

	p, files = newTestPuller(t, "secret\n", other.URL, right.URL)
	_, err = p.Open(hash)
	require.Equal(t, store.CodeFileUnknown, trace.CodeOf(err))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.run(ctx) }()
	require.Eventually(t, func() bool {
		_, found, err := files.Stat(hash)
		return err == nil && found
	}, time.Minute, 10*time.Millisecond)
	stop()
	require.NoError(t, <-done)
	content, err := p.Open(hash)
	require.NoError(t, err)
	defer content.Close()
	kept, err := io.ReadAll(content)
	require.NoError(t, err)
	require.Equal(t, report, kept)

	p, _ = newTestPuller(t, "wrong", right.URL)
	_, err = p.sources[0].fetch(t.Context(), hash)
	require.ErrorContains(t, err, "401")
}

func newTestPuller(t *testing.T, token string, bases ...string) (*puller, *store.Files) {
	s, err := store.Open(store.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	tokenFile := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(tokenFile, []byte(token), 0o600))
	logger, err := logTo("error")
	require.NoError(t, err)
	var from []FilesFrom
	for _, base := range bases {
		from = append(from, FilesFrom{Base: base, TokenFile: tokenFile})
	}
	p, err := newPuller(s.Files(), from, logger, prometheus.NewRegistry())
	require.NoError(t, err)
	return p, s.Files()
}

// TestFilesOf: every file that a record names, and nothing else.
func TestFilesOf(t *testing.T) {
	a, b, c := trace.DigestOf([]byte("a")), trace.DigestOf([]byte("b")), trace.DigestOf([]byte("c"))
	require.Equal(t, []trace.Digest{a}, filesOf([]byte(`{"leafFile":"`+a.String()+`","root":"`+b.String()+`"}`)))
	require.Equal(t, []trace.Digest{a, b, c}, filesOf([]byte(`{"certificate":"`+a.String()+`","media":["`+b.String()+`"],"files":["`+c.String()+`"]}`)))
	require.Empty(t, filesOf([]byte(`{"certificate":{"number":1}}`)))
	require.Empty(t, filesOf(nil))
}
