package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"traceledger/chaincode/trace"
)

// flight is one call on its way. Repeats of the call wait for it instead of starting
// another.
type flight struct {
	key     string
	content [sha256.Size]byte

	transactionID atomic.Pointer[string] // of the transaction sent last; nil before

	done    chan struct{} // closed when receipt and err are set
	receipt Receipt
	err     error
}

// errAskAnew ends a flight of Recover whose transaction turned out void: whoever
// joined it starts a flight of its own.
var errAskAnew = errors.New("the earlier transaction took no effect")

// errSlow ends the waiting of a caller who set no time of his own.
var errSlow = errors.New("the ledger takes longer than usual")

// Submit makes call take effect once and returns where it did.
//
// Within (id.MSPID, id.Party, call.IdempotencyKey) the same call always gets the
// same receipt, also after a crash, for as long as the outbox keeps answers; another
// call under the key is refused with CodeKeyReused. A refusal is not remembered: it
// changed nothing, and the same key may be tried again.
//
// When ctx ends, or Config.AnswerTimeout, before the outcome is known, Submit returns an UnknownOutcome; the
// work goes on, and submitting the same call again waits for it.
func (c *Client) Submit(ctx context.Context, id Identity, call Call) (Receipt, error) {
	began := c.now()
	receipt, err := c.submit(ctx, id, call)
	c.metrics.answered(err, c.now().Sub(began))
	return receipt, err
}

func (c *Client) submit(ctx context.Context, id Identity, call Call) (Receipt, error) {
	if err := call.checkSubmit(); err != nil {
		return Receipt{}, err
	}
	if ctx.Err() != nil {
		return Receipt{}, trace.Errorf(CodeBusy, "the caller left before the request was sent (%v)", context.Cause(ctx))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.AnswerTimeout, errSlow)
	defer cancel()
	key, content := outboxKey(id, call), call.contentHash()
	for {
		f, joined, err := c.board(key, content)
		if err != nil {
			return Receipt{}, err
		}
		if !joined {
			go c.fly(f, id, call)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return Receipt{}, f.unknown(context.Cause(ctx))
		}
		if errors.Is(f.err, errAskAnew) {
			continue
		}
		return f.receipt, f.err
	}
}

// board returns the flight under way for key, or a new one that the caller has to
// carry out.
func (c *Client) board(key string, content [sha256.Size]byte) (f *flight, joined bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.flights[key]; ok {
		if f.content != content {
			return nil, false, keyReused()
		}
		return f, true, nil
	}
	if c.closed {
		return nil, false, trace.Errorf(CodeBusy, "the gateway is shutting down; nothing was sent")
	}
	f = &flight{key: key, content: content, done: make(chan struct{})}
	c.flights[key] = f
	c.work.Add(1)
	return f, false, nil
}

func keyReused() error {
	return trace.Errorf(CodeKeyReused, "this idempotency key was used for another request: use a new key for a new request, or repeat the first one unchanged")
}

// land ends a flight.
func (c *Client) land(f *flight, receipt Receipt, err error) {
	f.receipt, f.err = receipt, err
	c.mu.Lock()
	delete(c.flights, f.key)
	c.mu.Unlock()
	close(f.done)
	c.work.Done()
}

func (f *flight) unknown(reason error) error {
	e := &UnknownOutcome{Reason: reason}
	if id := f.transactionID.Load(); id != nil {
		e.TransactionID = *id
	}
	return e
}

// fly carries a call out from its outbox row to its answer.
func (c *Client) fly(f *flight, id Identity, call Call) {
	receipt, err := c.answer(f, id, call)
	c.land(f, receipt, err)
}

func (c *Client) answer(f *flight, id Identity, call Call) (Receipt, error) {
	receipt, earlier, err := c.recall(f)
	if err != nil || receipt != nil {
		return value(receipt), err
	}
	if err := c.admit(); err != nil {
		if earlier != nil { // "nothing was sent" would be said of what was
			f.transactionID.Store(&earlier.transactionID)
			return Receipt{}, f.unknown(err)
		}
		return Receipt{}, err
	}
	defer c.leave()
	if earlier != nil {
		receipt, err := c.conclude(f, earlier, &id, true)
		if !errors.Is(err, errAskAnew) {
			return receipt, err
		}
	}
	return c.carryOut(f, id, call)
}

func value(receipt *Receipt) Receipt {
	if receipt == nil {
		return Receipt{}
	}
	return *receipt
}

// recall looks up what the outbox says of the flight's key: the receipt given
// before, or a transaction whose outcome is open.
func (c *Client) recall(f *flight) (*Receipt, *prepared, error) {
	row, settled, found, err := c.cfg.Outbox.Get(f.key)
	if err != nil {
		return nil, nil, trace.Errorf(CodeOutbox, "the outbox cannot be read, nothing was sent: %v", err)
	}
	if !found {
		return nil, nil, nil
	}
	if settled {
		a, err := readAnswered(row)
		if err != nil {
			return nil, nil, trace.Errorf(CodeOutbox, "the answer given earlier cannot be read: %v", err)
		}
		if a.content != f.content {
			return nil, nil, keyReused()
		}
		return &a.receipt, nil, nil
	}
	earlier, err := readPrepared(row)
	if err != nil {
		return nil, nil, trace.Errorf(CodeOutbox, "the transaction sent earlier cannot be read: %v", err)
	}
	if earlier.content != f.content {
		return nil, nil, keyReused()
	}
	return nil, earlier, nil
}

// admit waits for a slot, or refuses when too many wait already, or when its turn does
// not come in time: on a network that is slower than usual the same number of waiting
// calls is minutes long, and who waits that long is better told.
func (c *Client) admit() error {
	if c.waiting.Add(1) > int64(c.cfg.MaxQueue+c.cfg.MaxInFlight) {
		c.waiting.Add(-1)
		return trace.Errorf(CodeBusy, "%d requests are under way and %d wait; nothing was sent, try again in a moment", c.cfg.MaxInFlight, c.cfg.MaxQueue)
	}
	c.metrics.waiting.Inc()
	defer c.metrics.waiting.Dec()
	timer := time.NewTimer(c.cfg.MaxWait)
	defer timer.Stop()
	select {
	case c.slots <- struct{}{}:
		c.metrics.inFlight.Inc()
		return nil
	case <-timer.C:
		c.waiting.Add(-1)
		return trace.Errorf(CodeBusy, "the request waited %s for its turn; nothing was sent, try again in a moment", c.cfg.MaxWait)
	case <-c.ctx.Done():
		c.waiting.Add(-1)
		return trace.Errorf(CodeBusy, "the gateway is shutting down; nothing was sent")
	}
}

func (c *Client) leave() {
	<-c.slots
	c.waiting.Add(-1)
	c.metrics.inFlight.Dec()
}

// carryOut endorses, sends and follows transactions until one is committed as valid
// or the call is refused.
func (c *Client) carryOut(f *flight, id Identity, call Call) (Receipt, error) {
	var refusedSince time.Time
	unendorsed := false
	for conflicts := 0; ; conflicts++ {
		p, why, refusal := c.endorse(id, call)
		if refusal == nil {
			p.content = f.content
			receipt, err := c.send(f, p, &id)
			if !errors.Is(err, errAskAnew) {
				return receipt, err
			}
			var invalid *trace.Error
			if errors.As(err, &invalid) { // unendorsed: another time it is not for a majority that grew
				c.plans.forget()
				if unendorsed {
					return Receipt{}, invalid
				}
				unendorsed = true
			}
			refusal, why = trace.Errorf(CodeConflict, "%v", err), conflicting
		}
		switch {
		case why == conflicting && conflicts < c.cfg.Conflicts:
		case why == conflicting:
			return Receipt{}, trace.Errorf(CodeConflict, "gave up after %d conflicts with other writers or between endorsers, nothing was recorded; the last: %s", conflicts, refusal.Message)
		case why == refused && c.mayLag(&refusedSince):
			c.metrics.retried("lag")
		default:
			return c.refuse(f, id, call, refusal)
		}
		if err := c.pause(c.ctx, conflicts); err != nil {
			return Receipt{}, trace.Errorf(CodeBusy, "the gateway is shutting down; nothing was recorded")
		}
	}
}

// mayLag says whether a refusal may come from an endorser that has not seen a recent
// commit, and so has to be repeated before it counts.
func (c *Client) mayLag(since *time.Time) bool {
	if c.cfg.Lag <= 0 {
		return false
	}
	if since.IsZero() {
		*since = c.now()
	}
	return c.now().Sub(*since) < c.cfg.Lag
}

// refuse answers with a refusal, unless it says that this very call is on the chain
// already and the caller knows how to find where.
func (c *Client) refuse(f *flight, id Identity, call Call, refusal *trace.Error) (Receipt, error) {
	if refusal.Code != trace.CodeAlreadyRecorded || c.cfg.Resolve == nil {
		return Receipt{}, refusal
	}
	receipt, err := c.cfg.Resolve(c.ctx, id, call)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w (looking it up: %w)", refusal, err)
	}
	return receipt, c.settle(f, receipt)
}

// send puts p into the outbox, durably, and then on its way.
func (c *Client) send(f *flight, p *prepared, id *Identity) (Receipt, error) {
	if err := c.cfg.Outbox.Prepare(f.key, p.row()); err != nil {
		return Receipt{}, trace.Errorf(CodeOutbox, "the transaction could not be put into the outbox and was not sent: %v", err)
	}
	return c.conclude(f, p, id, false)
}

// conclude brings a transaction of the outbox to its end: a receipt; errAskAnew when
// it is void; or an UnknownOutcome when the client stops first.
func (c *Client) conclude(f *flight, p *prepared, id *Identity, sentBefore bool) (Receipt, error) {
	f.transactionID.Store(&p.transactionID)
	c.metrics.outbox.Inc()
	defer c.metrics.outbox.Dec()
	end, err := c.outcome(p, id, sentBefore)
	if err != nil {
		return Receipt{}, f.unknown(err)
	}
	if !end.valid() {
		c.metrics.retried(end.cause())
		if err := c.cfg.Outbox.Forget(f.key); err != nil {
			c.logger.Error("a void transaction stays in the outbox", "transaction", p.transactionID, "error", err)
		}
		invalid := trace.Errorf(CodeInvalid, "transaction %s was recorded as invalid and changed nothing: %s", p.transactionID, end)
		switch {
		case end.unendorsed():
			return Receipt{}, fmt.Errorf("%w: %w", errAskAnew, invalid)
		case end.mayRepeat():
			return Receipt{}, fmt.Errorf("%w: %s", errAskAnew, end)
		}
		return Receipt{}, invalid
	}
	receipt := Receipt{TransactionID: p.transactionID, Block: end.block, Result: p.result}
	return receipt, c.settle(f, receipt)
}

// settle remembers the answer. If the outbox cannot, the answer is true all the
// same, and the transaction is asked about again next time.
func (c *Client) settle(f *flight, receipt Receipt) error {
	row := answered{content: f.content, receipt: receipt}.row()
	if err := c.cfg.Outbox.Settle(f.key, c.now(), row); err != nil {
		c.logger.Error("the answer is not remembered", "transaction", receipt.TransactionID, "error", err)
	}
	return nil
}

// Recover finishes what an earlier process left in the outbox: it asks for the
// outcome of every transaction there, sends again what the ledger does not have, and
// records the answers. It returns nil when nothing is open; when ctx ends first, the
// work goes on in the background, and a call with the same idempotency key waits for
// it.
func (c *Client) Recover(ctx context.Context) error {
	var flights []*flight
	err := c.cfg.Outbox.Pending(func(key string, row []byte) error {
		p, err := readPrepared(append([]byte(nil), row...))
		if err != nil {
			return trace.Errorf(CodeOutbox, "a transaction in the outbox cannot be read: %v", err)
		}
		if len(p.status) == 0 && c.cfg.Reader == nil {
			return nil // its owner will ask; nobody else can
		}
		f, joined, err := c.board(key, p.content)
		if err != nil {
			return err
		}
		flights = append(flights, f)
		if !joined {
			go c.resume(f, p)
		}
		return nil
	})
	for _, f := range flights {
		select {
		case <-f.done:
		case <-ctx.Done():
			return errors.Join(err, f.unknown(context.Cause(ctx)))
		}
		if f.err != nil && !errors.Is(f.err, errAskAnew) {
			c.logger.Warn("recovered transaction", "error", f.err)
			err = errors.Join(err, f.err)
		}
	}
	return err
}

// resume concludes a transaction without its caller. What turns out void is dropped;
// its caller, who never had an answer, may ask again.
func (c *Client) resume(f *flight, p *prepared) {
	f.transactionID.Store(&p.transactionID)
	select {
	case c.slots <- struct{}{}:
	case <-c.ctx.Done():
		c.land(f, Receipt{}, f.unknown(context.Cause(c.ctx)))
		return
	}
	c.waiting.Add(1)
	c.metrics.inFlight.Inc()
	receipt, err := c.conclude(f, p, nil, true)
	c.leave()
	if trace.CodeOf(err) == CodeInvalid {
		err = errAskAnew
	}
	c.land(f, receipt, err)
}

func (c *Client) pause(ctx context.Context, try int) error {
	timer := time.NewTimer(c.cfg.Backoff.wait(try))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
