package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	chain "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/store"
)

const (
	// pullers is how many files are fetched at once.
	pullers = 2
	// pullAgain is how long a file that was not to be had is not asked for again.
	pullAgain = 10 * time.Second
	// maxPulled is the largest file a gateway keeps, and the largest leaf file: 32 bytes
	// for each of a million codes.
	maxPulled = 32 << 20
)

// FilesFrom is a gateway from which files are fetched that are not kept here.
type FilesFrom struct {
	// Base is the gateway's address, "https://gateway.example". Plain http is taken on
	// this very machine only: the token would travel in clear.
	Base string `yaml:"base"`
	// TokenFile holds an access token of that gateway, made there with
	// traceledger token -make NAME -role scanner -party PARTY. It is read at every use.
	TokenFile string `yaml:"tokenFile"`
	// CA is a PEM file with the authority behind the gateway's certificate; empty takes
	// the machine's own trusted authorities.
	CA string `yaml:"ca"`
}

func (f FilesFrom) check() error {
	base, err := url.Parse(f.Base)
	if err != nil || base.Host == "" || base.Path != "" || base.Scheme != "https" && base.Scheme != "http" {
		return fmt.Errorf("filesFrom: base %q must be like https://gateway.example", f.Base)
	}
	if ip := net.ParseIP(base.Hostname()); base.Scheme == "http" && base.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("filesFrom: base %q: https, because a token travels with every request", f.Base)
	}
	if f.TokenFile == "" {
		return fmt.Errorf("filesFrom: %s needs a tokenFile", f.Base)
	}
	return nil
}

// puller gives out kept files and fetches, behind the back of whoever asked, those
// that are not: by the hash that a record on the chain names, checked against it, and
// kept for good. Until then a file is absent, and pages say what they do not show.
type puller struct {
	kept    *store.Files
	sources []source
	logger  *slog.Logger
	wanted  chan store.Hash
	fetched *prometheus.CounterVec

	mu    sync.Mutex
	asked map[store.Hash]time.Time // when it was asked for last
}

type source struct {
	FilesFrom
	client *http.Client
}

func newPuller(kept *store.Files, from []FilesFrom, logger *slog.Logger, metrics prometheus.Registerer) (*puller, error) {
	p := &puller{
		kept: kept, logger: logger, wanted: make(chan store.Hash, 1024), asked: map[store.Hash]time.Time{},
		fetched: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "traceledger_files_pulled_total", Help: "Files asked of other gateways, by what came of it.",
		}, []string{"outcome"}),
	}
	for _, f := range from {
		client, err := clientOf(f)
		if err != nil {
			return nil, err
		}
		p.sources = append(p.sources, source{f, client})
	}
	return p, metrics.Register(p.fetched)
}

func clientOf(f FilesFrom) (*http.Client, error) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: pullers, IdleConnTimeout: time.Minute,
		ResponseHeaderTimeout: 15 * time.Second, TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true,
	}
	if f.CA != "" {
		content, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("filesFrom: %s holds no PEM certificate", f.CA)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Transport: transport, Timeout: 2 * time.Minute,
		// A token is for the gateway it was made at.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// Stat is store.Files.Stat; a file that is not kept is asked for.
func (p *puller) Stat(h store.Hash) (store.File, bool, error) {
	file, found, err := p.kept.Stat(h)
	if err == nil && !found {
		p.want(h)
	}
	return file, found, err
}

// Open is store.Files.Open; a file that is not kept, or damaged, is asked for.
func (p *puller) Open(h store.Hash) (*store.Content, error) {
	content, err := p.kept.Open(h)
	if code := trace.CodeOf(err); code == store.CodeFileUnknown || code == store.CodeFileDamaged {
		p.want(h)
	}
	return content, err
}

// want asks for a file, unless that was done a moment ago or too much is asked for.
func (p *puller) want(h store.Hash) {
	if !p.mayAsk(h, time.Now()) {
		return
	}
	select {
	case p.wanted <- h:
	default: // whoever looks at the page again asks again
	}
}

func (p *puller) mayAsk(h store.Hash, now time.Time) bool {
	if len(p.sources) == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.asked[h]) < pullAgain {
		return false
	}
	if len(p.asked) > 10_000 {
		clear(p.asked)
	}
	p.asked[h] = now
	return true
}

// run fetches what is asked for until ctx ends.
func (p *puller) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for range pullers {
		group.Go(func() error {
			for {
				select {
				case <-ctx.Done():
					return nil
				case h := <-p.wanted:
					p.pull(ctx, h)
				}
			}
		})
	}
	return group.Wait()
}

func (p *puller) pull(ctx context.Context, h store.Hash) {
	for _, s := range p.sources {
		content, err := s.fetch(ctx, h)
		if err == nil {
			_, err = p.kept.Keep(content, store.About{MediaType: "application/octet-stream"})
		}
		switch {
		case err == nil:
			p.fetched.WithLabelValues("kept").Inc()
			return
		case trace.CodeOf(err) == store.CodeFileUnknown:
			p.fetched.WithLabelValues("absent").Inc()
			p.logger.Debug("file not pulled", "hash", h, "from", s.Base, "error", err)
		default:
			p.fetched.WithLabelValues("failed").Inc()
			p.logger.Warn("file not pulled", "hash", h, "from", s.Base, "error", err)
		}
	}
}

// fetch asks one gateway for a file and takes nothing but the bytes with that hash.
func (s *source) fetch(ctx context.Context, h store.Hash) (content []byte, err error) {
	token, err := os.ReadFile(s.TokenFile)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Base+"/v1/files/"+h.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return nil, refusalOf(response)
	}
	content, err = io.ReadAll(io.LimitReader(response.Body, maxPulled+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxPulled {
		return nil, trace.Errorf(store.CodeFileTooLarge, "the file has more than %d bytes", maxPulled)
	}
	if got := store.Hash(sha256.Sum256(content)); got != h {
		return nil, trace.Errorf(store.CodeFileDamaged, "the gateway sent a file whose hash is %s", got)
	}
	return content, nil
}

func refusalOf(response *http.Response) error {
	var problem struct {
		Code   trace.Code `json:"code"`
		Detail string     `json:"detail"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&problem); err != nil || problem.Code == "" {
		return fmt.Errorf("the gateway answered %s", response.Status)
	}
	return trace.Errorf(problem.Code, "%s", problem.Detail)
}

// named are the files that records name, whatever their kind.
type named struct {
	LeafFile      trace.Digest   `json:"leafFile"`
	Payload       trace.Digest   `json:"payload"`
	Certificate   trace.Digest   `json:"certificate"`
	Document      trace.Digest   `json:"document"`
	Rectification trace.Digest   `json:"rectification"`
	Media         []trace.Digest `json:"media"`
	Files         []trace.Digest `json:"files"`
}

// foresee asks for files as records that name them come onto the chain, so that they
// are here before the first scan. What it misses, a scan asks for. What was said in a
// stream stays with who wrote it down: no page shows it, and it is removed in its time.
func (p *puller) foresee(ctx context.Context, x *index.Index) error {
	if len(p.sources) == 0 {
		return nil
	}
	for seen := uint64(0); ; {
		height := x.Height()
		if err := p.askSince(ctx, x, seen); err != nil {
			return err
		}
		seen = height
		if err := x.WaitFor(ctx, height); err != nil {
			return err
		}
	}
}

// askSince asks for the files of the records in block first and after it.
func (p *puller) askSince(ctx context.Context, x *index.Index, first uint64) error {
	for cursor := ""; ; {
		records, next, err := x.List(index.ListQuery{Cursor: cursor})
		if err != nil {
			return err
		}
		for i := range records {
			if records[i].Block < first {
				return nil
			}
			if records[i].Kind == chain.KindUtterances {
				continue
			}
			for _, d := range filesOf(records[i].Value) {
				if err := p.askAhead(ctx, store.Hash(d)); err != nil {
					return err
				}
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}

// askAhead waits for its turn: a long history is no reason to forget a part of it.
func (p *puller) askAhead(ctx context.Context, h store.Hash) error {
	if _, found, err := p.kept.Stat(h); err != nil || found || !p.mayAsk(h, time.Now()) {
		return err
	}
	select {
	case p.wanted <- h:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// filesOf reads the files a record names. A field of another kind under one of these
// names is no file.
func filesOf(value []byte) []trace.Digest {
	var n named
	if json.Unmarshal(value, &n) != nil {
		return nil
	}
	var files []trace.Digest
	for _, d := range append(append([]trace.Digest{n.LeafFile, n.Payload, n.Certificate, n.Document, n.Rectification}, n.Media...), n.Files...) {
		if !d.IsZero() {
			files = append(files, d)
		}
	}
	return files
}
