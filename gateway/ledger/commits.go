package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// commits hears how transactions end from one stream of filtered blocks (transaction
// ids and validation codes), opened by the gateway's own identity. A commit status
// request for each transaction costs a signature here, its verification there and a
// call that waits; the stream costs a few bytes a transaction.
//
// It is a short cut and nothing else: whenever the stream is not there, ends or stays
// silent, the outcome is asked for by transaction id.
type commits struct {
	mu      sync.Mutex
	lost    chan struct{}          // closed when the stream ends; nil while there is none
	hangUp  context.CancelFunc     // ends the stream
	told    uint64                 // number of the block it brought last
	waiting map[string]chan ending // by transaction id; buffered for one
}

// expectation is one transaction that is about to be sent. Its zero value hears
// nothing.
type expectation struct {
	commits *commits
	id      string
	ended   chan ending
	lost    <-chan struct{}
}

// expect must be called before the transaction is sent, so that its block is one that
// the stream has still to bring.
func (s *commits) expect(id string) expectation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost == nil {
		return expectation{}
	}
	e := expectation{commits: s, id: id, ended: make(chan ending, 1), lost: s.lost}
	s.waiting[id] = e.ended
	return e
}

// wait returns the transaction's ending unless the stream is lost, patience is at its
// end, or ctx.
func (e expectation) wait(ctx context.Context, patience time.Duration) (ending, bool) {
	if e.commits == nil {
		return ending{}, false
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case end := <-e.ended:
		return end, true
	case <-e.lost:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ending{}, false
}

// missed is told the block of a transaction that had to be asked for. If the stream does
// not bring that block within a grace, the peer has forgotten the stream, or is stuck:
// another one is opened, or every writer would wait out its patience from now on.
func (e expectation) missed(block uint64, grace time.Duration) {
	if e.commits == nil {
		return
	}
	time.AfterFunc(grace, func() {
		e.commits.mu.Lock()
		defer e.commits.mu.Unlock()
		if e.commits.lost == e.lost && e.commits.told < block {
			e.commits.hangUp()
		}
	})
}

// forget ends an expectation; it may have been met.
func (e expectation) forget() {
	if e.commits == nil {
		return
	}
	e.commits.mu.Lock()
	defer e.commits.mu.Unlock()
	delete(e.commits.waiting, e.id)
}

// begin and end frame the time in which the stream is followed.
func (s *commits) begin(hangUp context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost, s.hangUp = make(chan struct{}), hangUp
}

func (s *commits) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != nil {
		close(s.lost)
		s.lost = nil
	}
	clear(s.waiting)
}

// tell hands on what a block says of the transactions themselves: a code that may be
// another envelope's is passed over.
func (s *commits) tell(number uint64, transactions []*peer.FilteredTransaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = number
	for _, t := range transactions {
		if !ofItself(t.GetTxValidationCode()) {
			continue
		}
		if ended, ok := s.waiting[t.GetTxid()]; ok {
			ended <- ending{code: t.GetTxValidationCode(), block: number}
			delete(s.waiting, t.GetTxid())
		}
	}
}

// listen follows the stream of filtered blocks until the client stops. A stream that held
// for a while is opened again at the preferred peer.
func (c *Client) listen(reader Identity) {
	for try := 0; ; {
		route := c.routes.pick(try)
		began := c.now()
		heard, err := c.listenAt(route, reader)
		if c.ctx.Err() != nil {
			return
		}
		level := slog.LevelDebug
		if heard || try == 0 {
			level = slog.LevelWarn
		}
		c.logger.Log(c.ctx, level, "no stream of commits; they are asked for until there is one", "error", err)
		if err != nil { // a stream that ends without a word says nothing of the connection
			c.routes.report(route, err)
		}
		if try++; heard && c.now().Sub(began) > c.cfg.Backoff.Max {
			try = 0
		}
		if c.pause(c.ctx, try) != nil {
			return
		}
	}
}

// errAway ends a stream at a peer that only stood in.
var errAway = errors.New("a preferred peer is back")

// callBack looks from time to time whether a peer preferred to route is well, and ends the
// stream then.
func (c *Client) callBack(ctx context.Context, route *route, back context.CancelCauseFunc) {
	ticker := time.NewTicker(c.cfg.away)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if c.routes.better(route) {
			back(errAway)
			return
		}
	}
}

// listenAt follows one stream from the newest block that there is: when that arrives,
// every block that comes into being later will. At another peer than the preferred one,
// which may be another organisation's, it does not stay for long once that is back.
func (c *Client) listenAt(route *route, reader Identity) (heard bool, err error) {
	height, err := c.height(c.ctx, reader, route)
	if err != nil {
		return false, err
	}
	gw, err := connect(route, reader)
	if err != nil {
		return false, err
	}
	defer gw.Close()
	next := max(height, 1) - 1
	whole, back := context.WithCancelCause(c.ctx)
	defer back(nil)
	go c.callBack(whole, route, back)
	ctx, cancel := route.use(whole)
	blocks, err := gw.GetNetwork(c.cfg.Channel).FilteredBlockEvents(ctx, client.WithStartBlock(next))
	if err != nil {
		cancel()
		return false, err
	}
	defer drain(cancel, blocks)
	defer c.commits.end()
	for block := range blocks {
		if block.GetNumber() != next {
			return heard, fmt.Errorf("expected block %d and got %d", next, block.GetNumber())
		}
		if !heard {
			c.commits.begin(cancel)
			heard = true
		}
		route.answered.Store(c.now().UnixNano())
		c.saw(next)
		c.commits.tell(next, block.GetFilteredTransactions())
		next++
	}
	return heard, context.Cause(ctx)
}
