package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
	"traceledger/gateway/wallet"
)

// Parties the house itself works as, and their names in the wallet.
const (
	readerParty   = "platform-reader" // follows blocks; other organisations': readerPartyOf
	readerName    = readerParty + "@" + string(trace.RoleScanner)
	operatorParty = "regulator-operator" // keeps guards and epoch
	operatorName  = operatorParty + "@" + string(trace.RoleRegulator)
)

// readerPartyOf is the party as which an organisation's gateways and scanners follow the
// chain, "lab-reader". The role is scanner for every organisation: reading takes no more
// than a certificate of a member, and the contracts take nothing from that role.
func readerPartyOf(msp string) trace.PartyID {
	return trace.PartyID(strings.ToLower(strings.TrimSuffix(msp, "MSP")) + "-reader")
}

// readerIn finds the reader in a wallet: the platform's, or another organisation's.
func readerIn(identities *wallet.Wallet) (ledger.Identity, error) {
	reader, missing := identities.Identity(readerName)
	for _, msp := range trace.MSPs() {
		if trace.CodeOf(missing) != wallet.CodeUnknownIdentity {
			break
		}
		var err error
		if reader, err = identities.Identity(enrolmentName(readerPartyOf(msp), trace.RoleScanner)); trace.CodeOf(err) != wallet.CodeUnknownIdentity {
			return reader, err
		}
	}
	return reader, missing
}

// prepare makes an empty channel usable: one guard for each organisation and the
// first epoch. On a prepared channel it changes nothing. A gateway whose wallet holds
// no operator, and which cannot enrol one, leaves that to a gateway that does.
func (n *node) prepare(ctx context.Context) error {
	operator, err := n.enrolled(operatorName, trace.RegulatorMSP, trace.RoleRegulator, operatorParty)
	if trace.CodeOf(err) == wallet.CodeUnknownIdentity {
		n.logger.Info("guards and epoch are left to a gateway of the regulator", "because", err)
		return nil
	}
	if err != nil {
		return err
	}
	return reach(ctx, n.logger, func() error { return n.install(ctx, operator) })
}

func (n *node) install(ctx context.Context, operator ledger.Identity) error {
	for _, msp := range trace.MSPs() {
		request := trace.InstallGuardRequest{MSP: msp, Version: 1}
		if err := n.once(ctx, operator, "InstallGuard", "guard-"+msp, request, beforeGuards()...); err != nil {
			return fmt.Errorf("guard of %s: %w", msp, err)
		}
	}
	if _, err := n.epoch(ctx, operator); trace.CodeOf(err) == trace.CodeNotFound {
		err = n.once(ctx, operator, "TouchEpoch", "epoch-1", trace.TouchEpochRequest{Number: 1}, beforeGuards()...)
		if err != nil {
			return fmt.Errorf("first epoch: %w", err)
		}
	} else if err != nil {
		return err
	}
	return nil
}

// beforeGuards are who endorses while guards are still missing: nothing else demands the
// regulator's own endorsement then, without which the read model keeps the record out.
// Later the ledger chooses, which knows how many make a majority.
func beforeGuards() []string { return []string{trace.RegulatorMSP, trace.ProducerMSP, trace.LabMSP} }

// once submits a request that is allowed to be on the chain already.
func (n *node) once(ctx context.Context, as ledger.Identity, method, key string, request any, endorsers ...string) error {
	arguments, err := json.Marshal(request)
	if err != nil {
		return err
	}
	_, err = n.ledger.Submit(ctx, as, ledger.Call{
		Contract: "registry", Method: method, Arguments: arguments, IdempotencyKey: key, Endorsers: endorsers,
	})
	if code := trace.CodeOf(err); code == trace.CodeAlreadyRecorded || code == trace.CodeAlreadyExists {
		return nil
	}
	return err
}

// epoch reads the gate; NOT_FOUND before the first touch.
func (n *node) epoch(ctx context.Context, as ledger.Identity) (trace.Epoch, error) {
	value, err := n.ledger.Evaluate(ctx, as, ledger.Call{Contract: "registry", Method: "Get", Arguments: []byte(`{"key":"epoch"}`)})
	if err != nil {
		return trace.Epoch{}, err
	}
	var e trace.Epoch
	return e, json.Unmarshal(value, &e)
}

// keepEpoch touches the epoch every hour until ctx ends, so that a transaction
// endorsed today cannot be held back and committed next month. Other gateways of
// the regulator may do the same: who comes second reads a younger epoch and waits.
func (n *node) keepEpoch(ctx context.Context) error {
	operator, err := n.wallet.Identity(operatorName)
	if trace.CodeOf(err) == wallet.CodeUnknownIdentity {
		<-ctx.Done()
		return nil
	}
	if err != nil {
		return err
	}
	const period = time.Hour
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		timer.Reset(time.Minute)
		current, err := n.epoch(ctx, operator)
		if err != nil {
			n.logger.Warn("epoch not read", "error", err)
			continue
		}
		if time.Since(current.Touched.UTC()) < period {
			continue
		}
		next := trace.TouchEpochRequest{Number: current.Number + 1}
		if err := n.once(ctx, operator, "TouchEpoch", "epoch-"+strconv.FormatInt(next.Number, 10), next); err != nil {
			n.logger.Warn("epoch not touched", "number", next.Number, "error", err)
		}
	}
}
