package scanner

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/store"
	"traceledger/gateway/wording"
	"traceledger/scanner-api/page"
	"traceledger/scanner-api/recent"
)

// Index is what the scanner reads of gateway/index.
type Index interface {
	Version(trace.LotID) uint64
	Lot(trace.LotID) (*index.Lot, bool, error)
	Page(id trace.LotID, pack trace.PackID, item int64, today trace.Date) (*index.Page, bool, error)
	Pack(trace.PackID) (*index.Pack, bool, error)
	Product(trace.GTIN) (*index.Product, bool, error)
	Party(trace.PartyID) (*index.Party, bool, error)
	LotsFor(gtin trace.GTIN, cursor string, limit int) ([]index.Typed[trace.Batch], string, error)
	PageFacts(id trace.LotID, pack trace.PackID, item int64, today trace.Date) (rules.PageFacts, bool, error)
}

// Files is what the scanner reads of gateway/store: leaf files, segment payloads and
// the papers that pages link to.
type Files interface {
	Stat(store.Hash) (store.File, bool, error)
	Open(store.Hash) (*store.Content, error)
}

// Scans counts scans durably.
type Scans interface {
	Count(code, visitor string, now time.Time) (store.ScanSummary, error)
	Summary(code string) (store.ScanSummary, error)
}

// Config says what a scanner serves from and within which bounds.
type Config struct {
	Index Index
	Files Files
	Scans Scans
	// BaseURL is the public address in front of every path, "https://trace.example";
	// QR codes and canonical links carry it.
	BaseURL string

	Now     func() time.Time      // nil is time.Now
	Logger  *slog.Logger          // nil is slog.Default()
	Metrics prometheus.Registerer // nil: not registered

	// TrustedProxies may name the client in X-Forwarded-For.
	TrustedProxies []netip.Prefix
	// Rate and Burst bound one client's requests: on average a second, and at once.
	// 0 is 100 and 400: behind one address of a mobile network (RFC 6598) are many phones, which
	// scan when the host tells them to.
	Rate  float64
	Burst int
	// Copies bound what one pack can do; see SuspectedCopy.
	Copies CopyLimits
	// CacheBytes bounds rendered pages in memory; 0 is 32 MiB.
	CacheBytes int64
}

// Scanner serves the public pages. It is an http.Handler; Close it at the end.
type Scanner struct {
	index    Index
	files    Files
	scans    Scans
	base     string
	now      func() time.Time
	log      *slog.Logger
	trusted  []netip.Prefix
	copies   CopyLimits
	limiter  *limiter
	visitors visitors
	sighted  *sightings
	renderer *page.Renderer
	wording  *wording.Table
	library  *library
	outlines *recent.Cache[outlineKey, *outline]
	bodies   *recent.Cache[bodyKey, *body]
	marks    marks
	answers  *answers
	metrics  metrics
	engine   *gin.Engine
}

type outlineKey struct {
	lot     trace.LotID
	version uint64
}

// New makes a scanner.
func New(cfg Config) (*Scanner, error) {
	base, err := url.Parse(cfg.BaseURL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.RawQuery != "" || base.Fragment != "" {
		return nil, trace.Errorf(trace.CodeInvalid, "base URL %q must be like https://trace.example", cfg.BaseURL)
	}
	renderer, err := page.NewRenderer()
	if err != nil {
		return nil, err
	}
	s := &Scanner{
		index: cfg.Index, files: cfg.Files, scans: cfg.Scans, base: strings.TrimSuffix(cfg.BaseURL, "/"),
		now: cfg.Now, log: cfg.Logger, trusted: cfg.TrustedProxies, copies: cfg.Copies.withDefaults(),
		sighted: newSightings(cfg.Copies), renderer: renderer, marks: newMarks(),
		outlines: recent.New[outlineKey, *outline](outlineBytes, nil),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if cfg.Rate <= 0 {
		cfg.Rate = 100
	}
	if cfg.Burst <= 0 {
		cfg.Burst = 400
	}
	if cfg.CacheBytes <= 0 {
		cfg.CacheBytes = 32 << 20
	}
	s.wording = wording.New()
	s.limiter = newLimiter(cfg.Rate, cfg.Burst)
	s.bodies = recent.New[bodyKey, *body](cfg.CacheBytes, nil)
	s.library = newLibrary(cfg.Files, s.log)
	s.answers = newAnswers("default-src 'none'; style-src " + renderer.StyleHash() + "; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	if s.metrics, err = newMetrics(cfg.Metrics); err != nil {
		return nil, err
	}
	s.engine = s.routes()
	return s, nil
}

// outlineBytes bounds the outlines of lots in memory.
const outlineBytes = 8 << 20

// Close releases the open leaf files.
func (s *Scanner) Close() { s.library.close() }

// ServeHTTP answers one request.
func (s *Scanner) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

func (s *Scanner) routes() *gin.Engine {
	gin.SetMode(gin.ReleaseMode) // else gin writes its routes to the standard output
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	engine.HandleMethodNotAllowed = true
	engine.Use(s.guard)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		engine.Handle(method, "/01/*link", s.digitalLink)
		engine.Handle(method, "/c/*code", s.short)
		engine.Handle(method, "/.well-known/gs1resolver", s.resolver)
	}
	engine.NoRoute(func(c *gin.Context) { s.refuse(c, problemNotFound()) })
	engine.NoMethod(func(c *gin.Context) { s.refuse(c, problemMethod(c.Request.Method)) })
	return engine
}

// guard stands before every handler: headers, the rate limit, and a plain answer
// should a handler panic.
func (s *Scanner) guard(c *gin.Context) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(cause) // how a handler breaks off an answer; the server knows it
		}
		s.failed(c, fmt.Errorf("panic: %v", cause), "stack", string(debug.Stack()))
	}()
	h := c.Writer.Header()
	h["Content-Security-Policy"] = s.answers.policy
	h["X-Content-Type-Options"] = s.answers.noSniff
	h["Referrer-Policy"] = s.answers.noReferrer
	h["Vary"] = s.answers.vary
	client := clientAddress(c.Request, s.trusted)
	if wait, ok := s.limiter.allow(client, s.now()); !ok {
		s.refuse(c, problemTooMany(wait))
		c.Abort()
		return
	}
	c.Next()
}

// failed answers when a page could not be made. The log says why, under a name for the
// request, and the answer says the name. An answer that has begun is broken off: cut
// short, it would look whole.
func (s *Scanner) failed(c *gin.Context, err error, about ...any) {
	name := rand.Text()[:12] // 60 bits
	s.log.With("request", name, "path", c.Request.URL.Path, "error", err).Error("page", about...)
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	for _, header := range []string{"Content-Encoding", "Content-Length", "Etag", "Link"} { // of the page that was to be
		c.Writer.Header().Del(header)
	}
	s.refuse(c, problemInternal(name))
}

// NewServer is an HTTP server with the time and size limits that a public page
// needs: a page is one small request and one short answer.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(handler, 1<<10),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
}
