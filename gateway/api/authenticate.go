package api

import (
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// Caller is who a request acts for.
type Caller struct {
	Token    store.Token
	Identity ledger.Identity

	presented string // for connections that stay: a token may be revoked meanwhile
}

const callerKey = "traceledger.caller"

// authenticate resolves the bearer token, once a request.
func (a *API) authenticate(c *gin.Context) {
	scheme, presented, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || presented == "" {
		c.Header("WWW-Authenticate", `Bearer realm="traceledger"`)
		a.fail(c, trace.Errorf(CodeUnauthenticated, "no token: send the header Authorization: Bearer TOKEN"))
		return
	}
	caller, err := a.Resolve(strings.TrimSpace(presented))
	if err != nil {
		c.Header("WWW-Authenticate", `Bearer realm="traceledger", error="invalid_token"`)
		a.fail(c, err)
		return
	}
	if !a.limiter.allow(caller.Token.ID) {
		a.fail(c, trace.Errorf(CodeRateLimited, "more than %g requests a second with this token; slow down", a.Limits.PerSecond))
		return
	}
	c.Set(callerKey, caller)
}

// Resolve turns a presented token into a caller. The desks sign in through it too.
func (a *API) Resolve(presented string) (Caller, error) {
	token, err := a.Store.Tokens().Authenticate(presented)
	if err != nil {
		return Caller{}, err
	}
	identity, err := a.Identities.Identity(token.Enrolment)
	if err != nil {
		return Caller{}, err
	}
	return Caller{Token: token, Identity: identity, presented: presented}, nil
}

func callerOf(c *gin.Context) Caller { return c.MustGet(callerKey).(Caller) }

// limiter holds one token bucket per access token; those idle for ten minutes are
// forgotten, so its memory is bounded by the callers of ten minutes.
type limiter struct {
	mu      sync.Mutex
	per     rate.Limit
	burst   int
	buckets map[string]*bucket
	swept   time.Time
}

type bucket struct {
	*rate.Limiter
	seen time.Time
}

func newLimiter(perSecond float64, burst int) *limiter {
	return &limiter{per: rate.Limit(perSecond), burst: burst, buckets: map[string]*bucket{}}
}

func (l *limiter) allow(id string) bool {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > 10*time.Minute {
		for k, b := range l.buckets {
			if now.Sub(b.seen) > 10*time.Minute {
				delete(l.buckets, k)
			}
		}
		l.swept = now
	}
	b := l.buckets[id]
	if b == nil {
		b = &bucket{Limiter: rate.NewLimiter(l.per, l.burst)}
		l.buckets[id] = b
	}
	b.seen = now
	return b.AllowN(now, 1)
}
