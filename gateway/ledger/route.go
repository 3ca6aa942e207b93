package ledger

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// avoidFor is how long a connection that failed is asked last.
const avoidFor = 3 * time.Second

// routes are the connections in order of preference.
type routes struct {
	all []*route
	now func() time.Time
}

// route is a connection and a client on it that sends what is signed already.
type route struct {
	conn       grpc.ClientConnInterface
	messenger  *client.Gateway
	avoidUntil atomic.Int64 // Unix nanoseconds
}

func newRoutes(conns []grpc.ClientConnInterface, now func() time.Time) (*routes, error) {
	r := &routes{now: now}
	for _, conn := range conns {
		messenger, err := client.Connect(nobody{}, client.WithClientConnection(conn))
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.all = append(r.all, &route{conn: conn, messenger: messenger})
	}
	return r, nil
}

// nobody is the identity of a client that never signs: everything it sends carries
// its signature already.
type nobody struct{}

func (nobody) MspID() string       { return "" }
func (nobody) Credentials() []byte { return nil }

// pick returns the connection for the nth try (from 0) of something: the most
// preferred one that has not failed lately, then the next, and so on around.
func (r *routes) pick(try int) *route {
	if len(r.all) == 1 {
		return r.all[0]
	}
	now := r.now().UnixNano()
	usable := make([]*route, 0, len(r.all))
	for _, candidate := range r.all {
		if candidate.avoidUntil.Load() <= now {
			usable = append(usable, candidate)
		}
	}
	if len(usable) == 0 {
		usable = r.all
	}
	return usable[try%len(usable)]
}

// report notes whether the connection itself is to blame for err.
func (r *routes) report(used *route, err error) {
	switch status.Code(err) {
	case codes.OK:
		used.avoidUntil.Store(0)
	case codes.Unavailable, codes.DeadlineExceeded:
		if why, _ := explain(err); why == refused { // it answered, and is well
			return
		}
		used.avoidUntil.Store(r.now().Add(avoidFor).UnixNano())
	}
}

func (r *routes) close() error {
	var err error
	for _, route := range r.all {
		err = errors.Join(err, route.messenger.Close())
	}
	return err
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
