package contract

import (
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"traceledger/chaincode/trace"
)

// Context is the transaction context of all contracts.
type Context struct {
	contractapi.TransactionContext
}

// Caller is who signed the proposal, by certificate: the peer has checked that the
// organisation's CA issued it.
type Caller struct {
	MSP   string
	Kind  string // of the organisation, once submission.kindOf has found it
	Role  trace.Role
	Party trace.PartyID
}

func callerOf(ctx *Context) (Caller, error) {
	id := ctx.GetClientIdentity()
	if id == nil {
		return Caller{}, trace.Errorf(trace.CodeNoIdentity, "the caller's certificate cannot be read")
	}
	msp, err := id.GetMSPID()
	if err != nil {
		return Caller{}, trace.Errorf(trace.CodeNoIdentity, "the caller's certificate names no organisation")
	}
	role, err := attribute(ctx, trace.AttributeRole)
	if err != nil {
		return Caller{}, err
	}
	party, err := attribute(ctx, trace.AttributeParty)
	if err != nil {
		return Caller{}, err
	}
	caller := Caller{MSP: msp, Role: trace.Role(role), Party: trace.PartyID(party)}
	if err := caller.Party.Validate(); err != nil {
		return Caller{}, trace.Errorf(trace.CodeNoIdentity, "certificate attribute %s: %v", trace.AttributeParty, err)
	}
	return caller, nil
}

func attribute(ctx *Context, name string) (string, error) {
	value, found, err := ctx.GetClientIdentity().GetAttributeValue(name)
	if err != nil || !found || value == "" {
		return "", trace.Errorf(trace.CodeNoIdentity, "the caller's certificate carries no attribute %s", name)
	}
	return value, nil
}
