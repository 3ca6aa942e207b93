package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	chain "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// endorsementPolicy is the contracts': most of the organisations that are members today.
// Whose membership has ended on the chain counts no more, though the channel still knows
// it. Only of those that joined can it end, so without one the chain is not asked
// (docs/decisions/endorsement-policy.md).
func endorsementPolicy(ctx context.Context, network *fabric.Network, deployed bool) (string, error) {
	var members, joined []string
	for _, member := range network.Members() {
		if member.Kind == "" {
			members = append(members, member.MSPID)
		} else {
			joined = append(joined, member.MSPID)
		}
	}
	if len(joined) == 0 || !deployed {
		return fabric.Majority(append(members, joined...)), nil
	}
	contract, leave, err := asOperator(network)
	if err != nil {
		return "", err
	}
	defer leave()
	today := trace.TimeOf(time.Now()).Date()
	for _, msp := range joined {
		var end trace.OrganisationEnd
		ended, err := readRecord(ctx, contract, chain.OrganisationEndKey(msp), &end)
		if err != nil {
			return "", err
		}
		if !ended || today < end.From {
			members = append(members, msp)
		}
	}
	return fabric.Majority(members), nil
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
