package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ending is how a transaction ended.
type ending struct {
	code  peer.TxValidationCode
	block uint64 // where it is, unless never
	never bool   // proven: it is not on the chain and could not become valid there
}

func (e ending) valid() bool { return !e.never && e.code == peer.TxValidationCode_VALID }

// mayRepeat says whether a new transaction for the same call makes sense: the state
// it was simulated on had changed, or (once, see carryOut) what the channel demands of it.
func (e ending) mayRepeat() bool {
	return e.never || e.unendorsed() || e.code == peer.TxValidationCode_MVCC_READ_CONFLICT || e.code == peer.TxValidationCode_PHANTOM_READ_CONFLICT
}

// unendorsed says whether the transaction lacked an organisation's endorsement: one that
// was on its way while an organisation joined the channel is short of the new majority.
func (e ending) unendorsed() bool {
	return !e.never && e.code == peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
}

func (e ending) cause() string {
	if e.never {
		return "stale"
	}
	return e.code.String()
}

func (e ending) String() string {
	if e.never {
		return "not on the chain, and it can no longer become valid there"
	}
	return fmt.Sprintf("%s in block %d", e.code, e.block)
}

// ofItself says whether a validation code that is told by transaction id can only be that
// transaction's. A copy of it is a duplicate; and whoever may write can send an envelope
// of its own under another's id, which is refused for its form, its creator or its id,
// before anything else of it is looked at. Only the chain itself (prove) tells these from
// the transaction.
func ofItself(code peer.TxValidationCode) bool {
	switch code {
	case peer.TxValidationCode_DUPLICATE_TXID,
		peer.TxValidationCode_NIL_ENVELOPE, peer.TxValidationCode_BAD_PAYLOAD, peer.TxValidationCode_BAD_COMMON_HEADER,
		peer.TxValidationCode_BAD_CREATOR_SIGNATURE, peer.TxValidationCode_BAD_PROPOSAL_TXID,
		peer.TxValidationCode_BAD_CHANNEL_HEADER, peer.TxValidationCode_BAD_HEADER_EXTENSION,
		peer.TxValidationCode_UNKNOWN_TX_TYPE, peer.TxValidationCode_UNSUPPORTED_TX_PAYLOAD,
		peer.TxValidationCode_TARGET_CHAIN_NOT_FOUND, peer.TxValidationCode_INVALID_CONFIG_TRANSACTION,
		peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION, peer.TxValidationCode_NIL_TXACTION:
		return false
	}
	return true
}

// errNotDefinite: the ledger answered, but perhaps about another envelope.
var errNotDefinite = errors.New("only a copy of the transaction, or another envelope under its id, was reported")

// proofEvery is how many doubtful tries lie between two readings of the chain.
const proofEvery = 4

// outcome brings a transaction onto the chain and finds out how it ended. It returns
// an error only when the client stops. id is the caller's identity if it is at hand.
//
// First the transaction is sent and its commit heard of or asked for once, or only
// asked for if an earlier process may have sent it. After any doubt the same bytes go
// out again: the ledger keeps the first copy and marks others as duplicates, so this
// can repeat nothing. If the network does not take them any more, the chain itself is read
// (prove): that ends the doubt as soon as the transaction can no longer become
// valid, at the latest when the epoch that every transaction reads has moved on.
func (c *Client) outcome(p *prepared, id *Identity, sentBefore bool) (ending, error) {
	route := c.routes.pick(0)
	var lost error
	var commit expectation
	if !sentBefore {
		commit = c.commits.expect(p.transactionID)
		defer commit.forget()
		if lost = c.transmit(route, p); lost == nil {
			if end, ok := commit.wait(c.ctx, c.cfg.CommitTimeout); ok {
				return end, nil
			}
		}
	}
	patience := c.cfg.StatusTimeout
	if sentBefore {
		patience = min(time.Second, c.cfg.DoubtTimeout)
	}
	for try := 0; ; try++ {
		if lost == nil {
			end, err := c.askAround(try, p, id, patience)
			if err == nil {
				commit.missed(end.block, c.cfg.CommitTimeout)
				return end, nil
			}
			lost = err
		}
		c.metrics.retried("doubt")
		c.logger.Warn("outcome in doubt", "transaction", p.transactionID, "try", try, "error", doubt(lost))
		if err := c.pause(c.ctx, try); err != nil {
			return ending{}, fmt.Errorf("%w; %w", context.Cause(c.ctx), doubt(lost))
		}
		if try%proofEvery == proofEvery-1 {
			if end, proven := c.proveWithAny(p, id, route); proven {
				return end, nil
			}
		}
		route, patience = c.routes.pick(try+1), c.cfg.DoubtTimeout
		// A lost status answer is asked for once more before anything is sent.
		if try > 0 || isSubmitError(lost) || sentBefore {
			lost = c.transmit(route, p)
			if lost != nil {
				// It may be on the chain all the same.
				if end, err := c.askBriefly(route, p, id); err == nil {
					return end, nil
				}
			}
		} else {
			lost = nil
		}
	}
}

// transmit sends the signed bytes once.
func (c *Client) transmit(route *route, p *prepared) error {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.SubmitTimeout)
	defer cancel()
	ctx, done := route.use(ctx)
	defer done()
	transaction, err := route.messenger.NewTransaction(p.transaction)
	if err != nil {
		return err
	}
	_, err = transaction.SubmitWithContext(ctx)
	c.routes.report(route, err)
	if err == nil {
		c.metrics.sent.WithLabelValues(route.name).Inc()
	}
	return err
}

// errNobodyAsks: an outbox row without a signed question, and no identity to sign one.
var errNobodyAsks = errors.New("neither the caller's identity nor the gateway's own is at hand to ask")

// askAround asks one connection after the other, from the nth on, each for DoubtTimeout
// at most: a peer that lies behind keeps a question until it has the block.
func (c *Client) askAround(nth int, p *prepared, id *Identity, patience time.Duration) (ending, error) {
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	for ; ; nth++ {
		asked, done := context.WithTimeout(ctx, c.cfg.DoubtTimeout)
		end, err := c.ask(asked, c.routes.pick(nth), p, id)
		waited := asked.Err() != nil
		done()
		if err == nil || !waited || ctx.Err() != nil {
			return end, err
		}
	}
}

// askBriefly asks after a transmission that failed.
func (c *Client) askBriefly(route *route, p *prepared, id *Identity) (ending, error) {
	ctx, cancel := context.WithTimeout(c.ctx, min(time.Second, c.cfg.DoubtTimeout))
	defer cancel()
	return c.ask(ctx, route, p, id)
}

// ask waits for the transaction's status, with the question that is kept, the gateway's
// own identity or the caller's. If the certificate that signed one question does not
// count any more, the next asks.
func (c *Client) ask(ctx context.Context, route *route, p *prepared, id *Identity) (ending, error) {
	var denied error
	if len(p.status) > 0 {
		end, err := c.askWith(ctx, route, p.status)
		if !isDenied(err) {
			return end, err
		}
		denied = err
	}
	for _, asker := range []*Identity{c.cfg.Reader, id} {
		if asker == nil {
			continue
		}
		request, err := signStatusRequest(route, *asker, c.cfg.Channel, p.transactionID)
		if err == nil {
			var end ending
			if end, err = c.askWith(ctx, route, request); !isDenied(err) {
				return end, err
			}
		}
		denied = errors.Join(denied, err)
	}
	if denied == nil {
		denied = errNobodyAsks
	}
	return ending{}, denied
}

func isDenied(err error) bool {
	code := status.Code(err)
	return code == codes.PermissionDenied || code == codes.Unauthenticated
}

func (c *Client) askWith(ctx context.Context, route *route, request []byte) (ending, error) {
	ctx, done := route.use(ctx)
	defer done()
	commit, err := route.messenger.NewCommit(request)
	if err != nil {
		return ending{}, err
	}
	answer, err := commit.StatusWithContext(ctx)
	if err != nil {
		// A status that did not come in time says nothing about the connection.
		if status.Code(err) != codes.DeadlineExceeded {
			c.routes.report(route, err)
		}
		return ending{}, err
	}
	c.saw(answer.BlockNumber)
	if !ofItself(answer.Code) {
		return ending{}, errNotDefinite
	}
	return ending{code: answer.Code, block: answer.BlockNumber}, nil
}

// saw remembers the highest block heard of.
func (c *Client) saw(block uint64) {
	for {
		known := c.known.Load()
		if block <= known || c.known.CompareAndSwap(known, block) {
			return
		}
	}
}

// proveWithAny reads the chain with the caller's identity or the gateway's own.
func (c *Client) proveWithAny(p *prepared, id *Identity, route *route) (ending, bool) {
	for _, reader := range []*Identity{id, c.cfg.Reader} {
		if reader == nil {
			continue
		}
		end, proven, err := c.prove(*reader, route, p)
		if err == nil {
			return end, proven
		}
		c.logger.Warn("the chain could not be read for a transaction in doubt", "transaction", p.transactionID, "error", err)
	}
	return ending{}, false
}
