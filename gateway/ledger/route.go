package ledger

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// avoidFor is how long a connection that failed is asked last, at least.
const avoidFor = 3 * time.Second

// routes are the connections in order of preference.
type routes struct {
	all     []*route
	now     func() time.Time
	logger  *slog.Logger
	metrics *Metrics
}

// route is a connection and a client on it that sends what is signed already.
type route struct {
	name      string // the peer's address
	conn      grpc.ClientConnInterface
	messenger *client.Gateway

	using    atomic.Int64 // calls and streams under way
	answered atomic.Int64 // when the peer answered last, Unix nanoseconds

	mu     sync.Mutex
	ailing bool
	until  time.Time // it is ailing at least so long
	stalls int       // how often in a row its block stream stood still
	life   context.Context
	end    context.CancelCauseFunc // of life
}

func newRoutes(conns []grpc.ClientConnInterface, now func() time.Time, logger *slog.Logger, metrics *Metrics) (*routes, error) {
	r := &routes{now: now, logger: logger, metrics: metrics}
	for i, conn := range conns {
		messenger, err := client.Connect(nobody{}, client.WithClientConnection(conn))
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		route := &route{name: nameOf(conn, i), conn: conn, messenger: messenger}
		route.life, route.end = context.WithCancelCause(context.Background())
		metrics.peerWell.WithLabelValues(route.name).Set(1)
		r.all = append(r.all, route)
	}
	return r, nil
}

// nameOf is a connection's address without its resolver, or its place in the order.
func nameOf(conn grpc.ClientConnInterface, place int) string {
	if dialled, ok := conn.(interface{ Target() string }); ok {
		target := dialled.Target()
		return target[strings.LastIndex(target, "/")+1:]
	}
	return strconv.Itoa(place + 1)
}

// nobody is the identity of a client that never signs: everything it sends carries
// its signature already.
type nobody struct{}

func (nobody) MspID() string       { return "" }
func (nobody) Credentials() []byte { return nil }

// pick returns the connection for the nth try (from 0) of something: the most
// preferred one that is well, then the next, and so on around.
func (r *routes) pick(try int) *route {
	if len(r.all) == 1 {
		return r.all[0]
	}
	usable := make([]*route, 0, len(r.all))
	for _, candidate := range r.all {
		if candidate.well() {
			usable = append(usable, candidate)
		}
	}
	if len(usable) == 0 {
		usable = r.all
	}
	return usable[try%len(usable)]
}

// better says whether a connection preferred to route is well.
func (r *routes) better(route *route) bool {
	for _, preferred := range r.all {
		if preferred == route {
			return false
		}
		if preferred.well() {
			return true
		}
	}
	return false
}

// anyWell says whether any connection is.
func (r *routes) anyWell() bool {
	return slices.ContainsFunc(r.all, (*route).well)
}

// report notes whether the connection itself is to blame for err.
func (r *routes) report(used *route, err error) {
	switch status.Code(err) {
	case codes.OK:
		used.answered.Store(r.now().UnixNano())
	case codes.Unavailable, codes.DeadlineExceeded:
		why, _ := explain(err)
		if why == refused || strings.Contains(status.Convert(err).Message(), noPeersText) { // it answered, and is well
			return
		}
		r.avoid(used, avoidFor, err)
	}
}

// avoid asks a connection last until it answers again and is level, at the earliest after
// a time.
func (r *routes) avoid(route *route, atLeast time.Duration, because error) {
	route.mu.Lock()
	changed := !route.ailing
	route.ailing = true
	if until := r.now().Add(atLeast); until.After(route.until) {
		route.until = until
	}
	route.mu.Unlock()
	if changed {
		r.metrics.peerWell.WithLabelValues(route.name).Set(0)
		r.logger.Warn("a peer fails; others are asked before it", "peer", route.name, "error", because)
	}
}

// welcome ends avoid.
func (r *routes) welcome(route *route) {
	route.mu.Lock()
	changed := route.ailing
	route.ailing, route.until = false, time.Time{}
	route.mu.Unlock()
	if changed {
		r.metrics.peerWell.WithLabelValues(route.name).Set(1)
		r.logger.Warn("a peer answers again, is level and has its place back", "peer", route.name)
	}
}

func (route *route) well() bool {
	route.mu.Lock()
	defer route.mu.Unlock()
	return !route.ailing
}

// due says whether an ailing connection may be tried again.
func (route *route) due(now time.Time) bool {
	route.mu.Lock()
	defer route.mu.Unlock()
	return route.ailing && !route.until.After(now)
}

// errPeerSilent ends what is under way at a peer that does not answer at all.
var errPeerSilent = status.Error(codes.Unavailable, "the peer keeps the connection and does not answer")

// use frames a call or a stream: its context ends when the peer is abandoned.
func (route *route) use(ctx context.Context) (context.Context, context.CancelFunc) {
	route.mu.Lock()
	life := route.life
	route.mu.Unlock()
	route.using.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(life, func() { cancel(context.Cause(life)) })
	return ctx, sync.OnceFunc(func() {
		stop()
		cancel(context.Canceled)
		route.using.Add(-1)
	})
}

// abandon ends what is under way.
func (route *route) abandon(because error) {
	route.mu.Lock()
	defer route.mu.Unlock()
	route.end(because)
	route.life, route.end = context.WithCancelCause(context.Background())
}

// stalled counts block streams that stood still, one after the other, and says how long
// the peer is better avoided: it may lie far behind.
func (route *route) stalled() time.Duration {
	route.mu.Lock()
	defer route.mu.Unlock()
	route.stalls = min(route.stalls+1, 6)
	return 5 * time.Second << route.stalls
}

// flows ends the count of stalled.
func (route *route) flows() {
	route.mu.Lock()
	defer route.mu.Unlock()
	route.stalls = 0
}

func (r *routes) close() error {
	var err error
	for _, route := range r.all {
		route.end(nil)
		err = errors.Join(err, route.messenger.Close())
	}
	return err
}

// guard keeps an eye on one connection while the client lives. A peer in use that is found
// silent, or behind the others, is avoided, and what is under way there goes elsewhere. It
// has its place back once it answers and is level.
func (c *Client) guard(route *route) {
	ticker := time.NewTicker(c.cfg.probeEvery)
	defer ticker.Stop()
	for compared := c.now(); ; {
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
		}
		if !route.well() {
			// Calls may wait here from when nobody was well; once another is, they go there.
			if route.due(c.now()) && !c.readmit(route) && route.using.Load() > 0 && c.routes.anyWell() {
				route.abandon(errPeerSilent)
			}
			continue
		}
		if route.using.Load() == 0 {
			continue
		}
		trouble := c.isSilent(route)
		if trouble == nil && c.now().Sub(compared) >= c.cfg.levelEvery {
			trouble = c.isBehind(route)
			compared = c.now()
		}
		if trouble != nil && len(c.routes.all) > 1 { // or nobody could take it over
			route.abandon(trouble)
		}
	}
}

// isSilent avoids a peer that has calls under way, has answered nothing and does not answer
// a question either that any living peer answers at once. One whose process hangs is found
// in this way: its host still acknowledges every packet.
func (c *Client) isSilent(route *route) error {
	if c.now().UnixNano()-route.answered.Load() < int64(c.cfg.probeEvery) {
		return nil
	}
	err := c.probe(route)
	if err == nil || c.ctx.Err() != nil {
		route.answered.Store(c.now().UnixNano())
		return nil
	}
	c.routes.avoid(route, avoidFor, err)
	return errPeerSilent
}

// isBehind avoids a peer that answers and lacks blocks.
func (c *Client) isBehind(route *route) error {
	if !c.lacks(route, c.cfg.mayLack) || c.ctx.Err() != nil {
		return nil
	}
	c.routes.avoid(route, avoidFor, errBehind)
	return errBehind
}

// readmit gives a connection that was avoided its place back, if its peer answers and is
// level, and says whether it answers.
func (c *Client) readmit(route *route) (answers bool) {
	if c.probe(route) != nil {
		return false
	}
	route.answered.Store(c.now().UnixNano())
	if !c.lacks(route, c.cfg.mayLackOnReturn) {
		c.routes.welcome(route)
	}
	return true
}

// probe asks for something that needs no identity, no chaincode and no ledger: any
// answer of the peer itself will do, and a refusal is what is expected.
func (c *Client) probe(route *route) error {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.probeTimeout)
	defer cancel()
	_, err := gateway.NewGatewayClient(route.conn).Evaluate(ctx, &gateway.EvaluateRequest{})
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return err
	}
	return nil
}

// Backoff is the waiting time between tries: a random part of a bound that starts at
// Base and doubles up to Max. The random part keeps writers that met in one conflict
// from meeting again.
type Backoff struct{ Base, Max time.Duration }

func (b Backoff) wait(try int) time.Duration {
	bound := b.Base << min(try, 20)
	if bound <= 0 || bound > b.Max {
		bound = b.Max
	}
	return bound/2 + rand.N(bound/2+1)
}
