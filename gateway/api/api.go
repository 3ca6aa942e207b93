package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/trace"
	"traceledger/gateway/codes"
	"traceledger/gateway/floor"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
	"traceledger/gateway/wording"
)

// Ledger is what the interface needs of gateway/ledger.
type Ledger interface {
	Submit(ctx context.Context, as ledger.Identity, call ledger.Call) (ledger.Receipt, error)
	Evaluate(ctx context.Context, as ledger.Identity, call ledger.Call) ([]byte, error)
}

// Identities resolves the enrolment a token names to a signing identity.
type Identities interface {
	Identity(enrolment string) (ledger.Identity, error)
}

// Limits bound what one caller can take.
type Limits struct {
	BodyBytes   int64   // of a JSON request
	FileBytes   int64   // of an uploaded file
	PerSecond   float64 // requests a second for one token
	Burst       int
	IndexWait   time.Duration // how long a write waits for its page to show it
	SheetWrites int           // transactions one sheet may make
	Heavy       int           // workbooks, orders of codes and label sheets worked on at once, of all callers
}

// DefaultLimits are what a gateway starts with.
func DefaultLimits() Limits {
	return Limits{BodyBytes: 64 << 10, FileBytes: 32 << 20, PerSecond: 200, Burst: 400, IndexWait: 2 * time.Second, SheetWrites: 2_000, Heavy: 4}
}

// Config is what the interface is built from. All fields but Floor, Logger and Limits
// are required.
type Config struct {
	Ledger     Ledger
	Index      *index.Index
	Store      *store.Store
	Identities Identities
	Segments   Segments
	// Disconnect ends a device's connections, after its credential was withdrawn; nil where
	// no device connects.
	Disconnect func(device trace.DeviceID)
	// PublicBase is the address printed into codes and labels, such as
	// "https://trace.example", without a trailing slash.
	PublicBase string
	Limits     Limits
	// Floor takes transcripts and tells of actions; without it those routes say NOT_READY.
	Floor  *floor.Floor
	Logger *slog.Logger
}

// API serves /v1.
type API struct {
	Config
	limiter  *limiter
	turns    *turns
	busy     backOff
	codes    *codes.Factory
	document []byte
	wording  *wording.Table // the chain's refusals in Chinese

	transcripts, followers *places // connections that stay
	selfChecks             *limiter
}

// New builds the interface.
func New(cfg Config) (*API, error) {
	if cfg.Ledger == nil || cfg.Index == nil || cfg.Store == nil || cfg.Identities == nil || cfg.Segments == nil || cfg.PublicBase == "" {
		return nil, errors.New("api: ledger, index, store, identities, segments and public base are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Limits == (Limits{}) {
		cfg.Limits = DefaultLimits()
	}
	if cfg.Limits.Heavy < 1 {
		return nil, errors.New("api: at least one large request must be allowed at a time")
	}
	document, err := json.Marshal(Document())
	if err != nil {
		return nil, err
	}
	return &API{
		Config: cfg, limiter: newLimiter(cfg.Limits.PerSecond, cfg.Limits.Burst), turns: newTurns(cfg.Limits.Heavy),
		codes: codes.NewFactory(cfg.Store.Contacts(), time.Now), document: document, wording: wording.New(),
		transcripts: newPlaces(maxTranscripts, maxOwnTranscripts), followers: newPlaces(maxFollowers, maxOwnFollowers),
		selfChecks: newLimiter(1, 20),
	}, nil
}

// Mount puts the interface under root ("/v1").
func (a *API) Mount(r gin.IRouter) {
	r.GET("/v1/openapi.json", func(c *gin.Context) { c.Data(http.StatusOK, "application/json", a.document) })
	v1 := r.Group("/v1", a.authenticate)
	for _, m := range trace.Methods() {
		v1.POST(m.Path, a.write(m))
	}
	v1.GET("/me", a.handle(a.me))
	v1.GET("/records", a.handle(a.listRecords))
	v1.GET("/records/*key", a.handle(a.readRecord))
	v1.GET("/lots/:gtin/*lot", a.handle(a.readLot))
	v1.POST("/files", a.handle(a.receiveFile))
	v1.GET("/files/:hash", a.sendFile)
	v1.POST("/sheets", a.handle(a.dryRunSheet))
	v1.POST("/sheets/:hash/confirmation", a.handle(a.confirmSheet))
	v1.GET("/sheet-templates/:kind", a.sheetTemplate)
	v1.POST("/code-orders", a.handle(a.orderCodes))
	v1.GET("/code-packs/:pack/codes", a.listCodes)
	v1.GET("/code-packs/:pack/labels", a.labels)
	a.mountDevices(v1)
	v1.POST("/streams/:stream/utterances", a.handle(a.takeUtterances))
	v1.GET("/streams/:stream/utterances", a.handle(a.transcribed))
	v1.GET("/streams/:stream/transcript", a.transcript)
	v1.GET("/words", a.handle(a.words))
	v1.GET("/events", a.events)
	v1.POST("/self-check", a.handle(a.checkSelf))
	v1.GET("/webhooks", a.handle(a.listWebhooks))
	v1.POST("/webhooks/redeliveries/:delivery", a.handle(a.redeliver))
}

// NoSuchRoute answers a request below /v1 that no route takes, by path or by method.
func (a *API) NoSuchRoute(c *gin.Context) {
	a.fail(c, trace.Errorf(CodeNoSuchRoute, "%s %s is no route of this interface; GET /v1/openapi.json lists them all", c.Request.Method, c.Request.URL.Path))
}

// Failed answers a request that a handler left without an answer, after a panic.
func (a *API) Failed(c *gin.Context, err *trace.Error) {
	a.fail(c, trace.Errorf(err.Code, "%s. Repeat a write with the same Idempotency-Key: it makes one record", err.Message))
}

// answer is a status with a JSON body.
type answer struct {
	status int
	body   any
}

// handle adapts a handler that answers or fails.
func (a *API) handle(h func(c *gin.Context) (answer, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		out, err := h(c)
		if err != nil {
			a.fail(c, err)
			return
		}
		c.JSON(out.status, out.body)
	}
}

func (a *API) fail(c *gin.Context, err error) {
	c.Abort()
	p, after := problemOf(err, a.wording, a.Logger.With("route", c.FullPath())), time.Second
	if p.Code == ledger.CodeBusy {
		after = a.busy.refuse(time.Now())
	}
	writeProblem(c.Writer, p, after)
}
