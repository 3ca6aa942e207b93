package embedded

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// queueLength bounds the transactions that stand in line; a further Submit
// waits.
const queueLength = 4096

// orderingNode puts transactions in order, cuts them into blocks and commits each
// block before it starts the next. While one block is being synced the next one
// gathers, so one sync serves many transactions.
type orderingNode struct {
	batch     BatchConfig
	maxBytes  int
	store     *store
	validator *validation.Validator
	signer    *signer
	now       func() time.Time
	log       *slog.Logger

	queue chan *validation.Checked
	done  chan struct{} // closed when run has returned

	mu      sync.RWMutex // held for reading while something enters the queue
	closed  bool
	failure error

	// Owned by run.
	company    int    // transactions in the last block
	previous   []byte // header hash of the last block
	commitHash []byte
}

// rejection is how an orderer refuses an envelope.
type rejection struct {
	status common.Status
	info   string
}

// accept checks what orderers check: size, expiry, and that a writer of the
// channel signed. Whether the transaction is valid is settled at commit.
func (o *orderingNode) accept(tx *validation.Checked) *rejection {
	if len(tx.Payload) == 0 {
		return &rejection{common.Status_BAD_REQUEST, "message payload is empty"}
	}
	if len(tx.Raw) > o.maxBytes {
		return &rejection{common.Status_BAD_REQUEST, fmt.Sprintf(
			"message payload is %d bytes and exceeds maximum allowed %d bytes", len(tx.Raw), o.maxBytes)}
	}
	if tx.SignatureHeader == nil {
		return &rejection{common.Status_BAD_REQUEST, tx.Defect.Reason}
	}
	if channel := tx.ChannelHeader.GetChannelId(); channel != o.validator.Channel().ID {
		return &rejection{common.Status_NOT_FOUND, fmt.Sprintf("channel %q does not exist", channel)}
	}
	if tx.Type != common.HeaderType_ENDORSER_TRANSACTION {
		return &rejection{common.Status_BAD_REQUEST, fmt.Sprintf("message of type %s is not accepted", tx.Type)}
	}
	var signers []*validation.Identity
	if tx.Creator != nil {
		if now := o.now(); now.After(tx.Creator.Certificate.NotAfter) {
			return &rejection{common.Status_BAD_REQUEST, fmt.Sprintf(
				"broadcast client identity expired %v before", now.Sub(tx.Creator.Certificate.NotAfter))}
		}
		signers = append(signers, tx.Creator)
	}
	if err := o.validator.Channel().Policy(validation.PolicyChannelWriters).Evaluate(signers); err != nil {
		return &rejection{common.Status_FORBIDDEN, err.Error() + ": permission denied"}
	}
	return nil
}

// enqueue puts a transaction in line.
func (o *orderingNode) enqueue(ctx context.Context, tx *validation.Checked) error {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.failure != nil {
		return o.failure
	}
	if o.closed {
		return errClosed
	}
	select {
	case o.queue <- tx:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-o.done:
		return errClosed
	}
}

// close stops accepting, commits what stands in line and waits for it.
func (o *orderingNode) close() {
	o.mu.Lock()
	first := !o.closed
	o.closed = true
	o.mu.Unlock()
	if first {
		close(o.queue)
	}
	<-o.done
}

// run commits blocks until the queue is closed and empty, or the store fails.
func (o *orderingNode) run() {
	defer close(o.done)
	var held *validation.Checked // did not fit into the block before
	for {
		first := held
		held = nil
		if first == nil {
			var ok bool
			if first, ok = <-o.queue; !ok {
				return
			}
		}
		txs, rest := o.gather(first)
		held = rest
		if err := o.commit(txs); err != nil {
			o.log.Error("the ledger stops: a block could not be committed", "error", err)
			o.fail(err)
			return
		}
	}
}

// fail refuses everything from now on. Nothing that was in line has been
// reported as committed.
func (o *orderingNode) fail(err error) {
	o.store.stop()
	// A Submit that waits for room in the queue holds the read lock; draining
	// lets it go.
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.failure = fmt.Errorf("the ledger has stopped: %w", err)
	}()
	for {
		select {
		case <-o.queue:
		case <-stopped:
			return
		}
	}
}

// gather takes what stands in line, up to the bounds of a block.
func (o *orderingNode) gather(first *validation.Checked) (txs []*validation.Checked, rest *validation.Checked) {
	txs = append(txs, first)
	size := len(first.Raw)
	defer func() { o.company = len(txs) }()
	var linger <-chan time.Time
	if wait := o.linger(); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		linger = timer.C
	}
	for len(txs) < o.batch.MaxMessages {
		tx, ok := o.next(linger)
		if !ok {
			return txs, nil
		}
		if size += len(tx.Raw); size > o.batch.MaxBytes {
			return txs, tx
		}
		txs = append(txs, tx)
	}
	return txs, nil
}

// Under load a block costs more than waiting for company: its own signature, batch and
// sync are shared by the transactions in it. Somebody who submits one after the other
// finds blocks of one before it, and never waits.
const (
	loadedCompany = 3                    // transactions in the block before that mean load
	loadedLinger  = 5 * time.Millisecond // about what a sync takes
)

// linger is how long the block to be waits for company.
func (o *orderingNode) linger() time.Duration {
	if o.batch.MaxLinger == 0 && o.company >= loadedCompany {
		return loadedLinger
	}
	return o.batch.MaxLinger
}

// next takes one transaction, waiting for it only as long as linger.
func (o *orderingNode) next(linger <-chan time.Time) (*validation.Checked, bool) {
	select {
	case tx, ok := <-o.queue:
		return tx, ok
	default:
	}
	if linger == nil {
		return nil, false
	}
	select {
	case tx, ok := <-o.queue:
		return tx, ok
	case <-linger:
		return nil, false
	}
}

// commit makes a block of the transactions, validates it and stores it.
func (o *orderingNode) commit(txs []*validation.Checked) error {
	v := o.store.view()
	defer v.release()
	before := newBlockState(v)
	number := v.height
	envelopes := make([][]byte, len(txs))
	for i, tx := range txs {
		envelopes[i] = tx.Raw
	}
	b := block.New(number, o.previous, envelopes)
	nonce := make([]byte, 24)
	if _, err := rand.Read(nonce); err != nil {
		return err
	}
	if err := block.Seal(b, consenterID, nonce, 0, o.signer.sign); err != nil {
		return err
	}
	outcome, err := o.validator.Validate(number, txs, before)
	if err != nil {
		return err
	}
	block.SetFlags(b, outcome.Codes)
	commitHash := validation.CommitHash(o.commitHash, b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER], outcome.Updates)
	if err := block.SetCommitHash(b, commitHash); err != nil {
		return err
	}
	if err := o.store.commit(b, txs, outcome, before); err != nil {
		return err
	}
	o.previous, o.commitHash = block.HeaderHash(b.GetHeader()), commitHash
	for i, code := range outcome.Codes {
		if code != peer.TxValidationCode_VALID {
			o.log.Info("transaction is invalid", "block", number, "tx", txs[i].ID(), "code", code.String())
		}
	}
	return nil
}

// healthy returns why the node stopped committing, nil while it commits.
func (o *orderingNode) healthy() error {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.failure
}
