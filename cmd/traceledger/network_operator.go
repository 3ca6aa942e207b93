package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc"

	chain "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
	"traceledger/gateway/wallet"
	"traceledger/network/fabric"
)

// A command can wait longer than a request: operatorLag is how far endorsers may be behind
// what the operator has just written, operatorPatience how long the ledger is tried again that
// is not to be reached.
const (
	operatorLag      = 30 * time.Second
	operatorPatience = time.Minute
)

// chainOperator is the regulator's operator, whose identity up has laid out, at the gateway
// of its own organisation's peer and, while that is away, at those of the others.
type chainOperator struct {
	id     ledger.Identity
	outbox *store.Store
	ledger *ledger.Client
	logger *slog.Logger
}

// asOperator connects the operator. What it has sent and not seen committed is not kept
// when the command is killed: its records have natural keys, and the next call reads the
// chain first.
func (c *networkCall) asOperator(network *fabric.Network) (_ *chainOperator, err error) {
	folder, err := network.ClientFolder(trace.RegulatorMSP)
	if err != nil {
		return nil, err
	}
	identities, err := wallet.Open(filepath.Join(folder, "wallet"), nil)
	if err != nil {
		return nil, err
	}
	o := &chainOperator{logger: c.logger}
	if o.id, err = identities.Identity(operatorName); err != nil {
		return nil, err
	}
	own, err := network.Conn(trace.RegulatorMSP)
	if err != nil {
		return nil, err
	}
	conns := []grpc.ClientConnInterface{own}
	for _, member := range network.Members() {
		if member.MSPID == trace.RegulatorMSP {
			continue
		}
		if conn, err := network.Conn(member.MSPID); err == nil { // what it takes may not be in this folder
			conns = append(conns, conn)
		}
	}
	if o.outbox, err = store.Open(store.Config{Dir: "outbox", FS: vfs.NewMem()}); err != nil {
		return nil, err
	}
	o.ledger, err = ledger.New(ledger.Config{
		Conns: conns, Channel: network.Channel(), Chaincode: chaincodeName, Outbox: o.outbox.Outbox(),
		Lag: operatorLag, AnswerTimeout: c.cfg.Timeout, Logger: c.logger,
	})
	if err != nil {
		return nil, errors.Join(err, o.outbox.Close())
	}
	return o, nil
}

func (o *chainOperator) close() error {
	return errors.Join(o.ledger.Close(), o.outbox.Close())
}

// read reads a record by its key.
func (o *chainOperator) read(ctx context.Context, key trace.Key, into any) (found bool, err error) {
	argument, err := json.Marshal(map[string]trace.Key{"key": key})
	if err != nil {
		return false, err
	}
	var answer []byte
	err = o.persist(ctx, func() (err error) {
		answer, err = o.ledger.Evaluate(ctx, o.id, ledger.Call{Contract: "registry", Method: "Get", Arguments: argument})
		return err
	})
	if trace.CodeOf(err) == trace.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, chain.Decode(answer, into)
}

// submit has a method of the registry take effect, unless it has already.
func (o *chainOperator) submit(ctx context.Context, method, key string, request any) error {
	argument, err := json.Marshal(request)
	if err != nil {
		return err
	}
	err = o.persist(ctx, func() error {
		_, err := o.ledger.Submit(ctx, o.id, ledger.Call{Contract: "registry", Method: method, Arguments: argument, IdempotencyKey: key})
		return err
	})
	if trace.CodeOf(err) == trace.CodeAlreadyRecorded { // by a command that was killed
		return nil
	}
	return err
}

// persist is reach for a minute.
func (o *chainOperator) persist(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, operatorPatience)
	defer cancel()
	return reach(ctx, o.logger, do)
}

// admitted tells whether an organisation is admitted, and refuses one of another kind.
func (o *chainOperator) admitted(ctx context.Context, msp, kind string) (bool, error) {
	var known trace.Organisation
	found, err := o.read(ctx, chain.OrganisationKey(msp), &known)
	if err == nil && found && known.Kind != kind {
		err = fmt.Errorf("it was admitted as one of kind %s on %s", known.Kind, known.Recorded)
	}
	return found, err
}
