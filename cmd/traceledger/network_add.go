package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/status"

	chain "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/wallet"
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
	ctx, cancel := fabric.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	began := time.Now()
	if err := network.MayAdd(msp); err != nil {
		return err
	}
	if !trace.Founding(msp) { // nothing about a founder is on the chain
		if err := admitOrganisation(ctx, network, msp, kind); err != nil {
			return fmt.Errorf("admit %s: %w", msp, err)
		}
	}
	if err := network.AddOrganisation(ctx, fabric.NewOrganisation{MSPID: msp, Kind: kind, Host: c.flags.host}); err != nil {
		return err
	}
	program, err := c.cfg.chaincode()
	if err != nil {
		return err
	}
	if err := ready(ctx, network, program); err != nil {
		return err
	}
	if err := errors.Join(network.StartAuthorities(ctx), writeClients(network)); err != nil {
		return fmt.Errorf("what clients need: %w", err)
	}
	fmt.Fprintf(c.out, "%s joined as one more of kind %s in %s: %d organisations\n",
		msp, kind, time.Since(began).Round(100*time.Millisecond), len(network.Members()))
	return nil
}

// admitOrganisation has the regulator's operator, whose identity up has laid out, admit an
// organisation and install its guard, as far as that is not on the chain.
func admitOrganisation(ctx context.Context, network *fabric.Network, msp, kind string) error {
	contract, leave, err := asOperator(network)
	if err != nil {
		return err
	}
	defer leave()
	submit := func(transaction string, request any) error {
		argument, err := json.Marshal(request)
		if err != nil {
			return err
		}
		_, err = contract.SubmitWithContext(ctx, transaction, client.WithBytesArguments(argument))
		return contractError(err)
	}
	var guard trace.GuardReady
	if ready, err := readRecord(ctx, contract, chain.GuardReadyKey(trace.RegulatorMSP), &guard); err != nil {
		return err
	} else if !ready {
		return errors.New("the contracts' guards are not installed: start a gateway with the regulator's operator first, which does it")
	}
	var end trace.OrganisationEnd
	if ended, err := readRecord(ctx, contract, chain.OrganisationEndKey(msp), &end); err != nil {
		return err
	} else if ended {
		return fmt.Errorf("its membership ends on %s: the name does not come back", end.From)
	}
	var known trace.Organisation
	admitted, err := readRecord(ctx, contract, chain.OrganisationKey(msp), &known)
	switch {
	case err != nil:
		return err
	case admitted && known.Kind != kind:
		return fmt.Errorf("it was admitted as one of kind %s on %s", known.Kind, known.Recorded)
	case !admitted:
		err := submit("registry:AdmitOrganisation", trace.AdmitOrganisationRequest{
			Write: trace.Write{IdempotencyKey: "organisation-" + msp, Claimed: trace.TimeOf(time.Now())}, MSP: msp, Kind: kind,
		})
		if err != nil {
			return err
		}
	}
	if installed, err := readRecord(ctx, contract, chain.GuardReadyKey(msp), &guard); err != nil || installed {
		return err
	}
	return submit("registry:InstallGuard", trace.InstallGuardRequest{MSP: msp, Version: 1})
}

// readRecord reads a record by its key.
func readRecord(ctx context.Context, contract *client.Contract, key trace.Key, into any) (found bool, err error) {
	argument, err := json.Marshal(map[string]trace.Key{"key": key})
	if err != nil {
		return false, err
	}
	answer, err := contract.EvaluateWithContext(ctx, "registry:Get", client.WithBytesArguments(argument))
	if err = contractError(err); trace.CodeOf(err) == trace.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, chain.Decode(answer, into)
}

// asOperator is the contracts as the regulator's operator reaches them.
func asOperator(network *fabric.Network) (*client.Contract, func(), error) {
	folder, err := network.ClientFolder(trace.RegulatorMSP)
	if err != nil {
		return nil, nil, err
	}
	identities, err := wallet.Open(filepath.Join(folder, "wallet"), nil)
	if err != nil {
		return nil, nil, err
	}
	operator, err := identities.Identity(operatorName)
	if err != nil {
		return nil, nil, err
	}
	id, err := identity.NewX509Identity(operator.MSPID, operator.Certificate)
	if err != nil {
		return nil, nil, err
	}
	conn, err := network.Conn(trace.RegulatorMSP)
	if err != nil {
		return nil, nil, err
	}
	gate, err := client.Connect(id, client.WithSign(operator.Sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn))
	if err != nil {
		return nil, nil, err
	}
	return gate.GetNetwork(network.Channel()).GetContract(chaincodeName), func() { gate.Close() }, nil
}

// contractError restores a contract's refusal, which the client reports among details.
func contractError(err error) error {
	if err == nil {
		return nil
	}
	texts := []string{status.Convert(err).Message()}
	for _, detail := range status.Convert(err).Details() {
		if said, ok := detail.(*gateway.ErrorDetail); ok {
			texts = append(texts, said.GetMessage())
		}
	}
	slices.Reverse(texts) // what the endorsers said tells more
	for _, text := range texts {
		if coded, ok := trace.Parse(text); ok {
			return coded
		}
	}
	return fmt.Errorf("%w: %s", err, strings.Join(texts, "; "))
}
