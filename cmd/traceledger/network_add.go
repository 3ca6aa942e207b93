package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	chain "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// networkAdd takes an organisation into the running channel. First the regulator admits
// it and installs its guard: gateways that name endorsers count it from then on, so that
// they are a majority already when the channel begins to ask for one more. Called again
// it finishes what was interrupted. One that Fabric's own tools took out of the channel it takes
// in again.
func networkAdd(ctx context.Context, c networkCall) error {
	msp, kind := c.flags.organisation, c.flags.kind
	if msp == "" || !trace.Founding(kind) {
		return fmt.Errorf("add needs -msp and -kind, which is one of %v", trace.MSPs())
	}
	if trace.Founding(msp) && kind != msp {
		return fmt.Errorf("%s is a founding organisation, and of its own kind", msp)
	}
	network, err := c.up(ctx)
	if err != nil {
		return err
	}
	defer network.Detach()
	began := time.Now()
	if err := network.MayAdd(msp); err != nil {
		return err
	}
	joining, cancel := fabric.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	if !trace.Founding(msp) { // nothing about a founder is on the chain
		if err := c.admitOrganisation(joining, network, msp, kind); err != nil {
			return fmt.Errorf("admit %s: %w", msp, err)
		}
	}
	if err := network.AddOrganisation(joining, fabric.NewOrganisation{MSPID: msp, Kind: kind, Host: c.flags.host}); err != nil {
		return err
	}
	program, err := c.cfg.chaincode()
	if err != nil {
		return err
	}
	// The newcomer's peer has fetched the whole chain, for as long as that took.
	deploying, cancel := fabric.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	if err := ready(deploying, network, program); err != nil {
		return err
	}
	equipping, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	if err := errors.Join(network.StartAuthorities(equipping), writeClients(network)); err != nil {
		return fmt.Errorf("what clients need: %w", err)
	}
	fmt.Fprintf(c.out, "%s joined as one more of kind %s in %s: %d organisations\n",
		msp, kind, time.Since(began).Round(100*time.Millisecond), len(network.Members()))
	return nil
}

// admitOrganisation has the regulator's operator, whose identity up has laid out, admit an
// organisation and install its guard, as far as that is not on the chain.
func (c *networkCall) admitOrganisation(ctx context.Context, network *fabric.Network, msp, kind string) (err error) {
	operator, err := c.asOperator(network)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, operator.close()) }()
	var guard trace.GuardReady
	if ready, err := operator.read(ctx, chain.GuardReadyKey(trace.RegulatorMSP), &guard); err != nil {
		return err
	} else if !ready {
		return errors.New("the contracts' guards are not installed: start a gateway with the regulator's operator first, which does it")
	}
	var end trace.OrganisationEnd
	if ended, err := operator.read(ctx, chain.OrganisationEndKey(msp), &end); err != nil {
		return err
	} else if ended {
		return fmt.Errorf("its membership ends on %s: the name does not come back", end.From)
	}
	admitted, err := operator.admitted(ctx, msp, kind)
	if err != nil {
		return err
	}
	if !admitted {
		key := "organisation-" + msp
		err := operator.submit(ctx, "AdmitOrganisation", key, trace.AdmitOrganisationRequest{
			Write: trace.Write{IdempotencyKey: key, Claimed: trace.TimeOf(time.Now())}, MSP: msp, Kind: kind,
		})
		if trace.CodeOf(err) == trace.CodeAlreadyExists { // sent by a call that was killed, and ordered since
			_, err = operator.admitted(ctx, msp, kind)
		}
		if err != nil {
			return err
		}
	}
	if installed, err := operator.read(ctx, chain.GuardReadyKey(msp), &guard); err != nil || installed {
		return err
	}
	return operator.submit(ctx, "InstallGuard", "guard-"+msp, trace.InstallGuardRequest{MSP: msp, Version: 1})
}
