package contract

import (
	"fmt"
	"strings"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"traceledger/chaincode/trace"
)

// Chaincode is all contracts as one shim.Chaincode. It lets only catalogued
// transactions through, by their exact name and with exactly one argument, so that
// every refusal is coded; contractapi does the rest.
type Chaincode struct {
	contracts *contractapi.ContractChaincode
	known     map[string]bool
}

// New builds the chaincode. It fails only on a programming error: a contract that
// contractapi cannot take.
func New() (*Chaincode, error) {
	registry := &Registry{newSubject("registry")}
	standards := &Standards{newSubject("standards")}
	origin := &Origin{newSubject("origin")}
	code := &Code{newSubject("code")}
	inspection := &Inspection{newSubject("inspection")}
	transit := &Transit{newSubject("transit")}
	stream := &Stream{newSubject("stream")}
	rulebook := &Rulebook{newSubject("rulebook")}
	verdict := &Verdict{newSubject("verdict")}
	enforcement := &Enforcement{newSubject("enforcement")}

	contracts, err := contractapi.NewChaincode(registry, standards, origin, code, inspection, transit, stream, rulebook, verdict, enforcement)
	if err != nil {
		return nil, fmt.Errorf("build the contracts: %w", err)
	}
	contracts.TransactionSerializer = argumentSerializer{}

	known := map[string]bool{}
	for _, m := range trace.Methods() {
		known[m.Transaction()] = true
		known[m.Contract+":"+getMethod] = true
	}
	return &Chaincode{contracts: contracts, known: known}, nil
}

// Init does nothing: the channel is initialised by transactions (registry:TouchEpoch
// and registry:InstallGuard).
func (c *Chaincode) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

// Invoke runs one transaction. A refusal is a response with status 500 whose message
// is "CODE: message".
func (c *Chaincode) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	arguments := stub.GetArgs()
	if len(arguments) == 0 || !c.known[string(arguments[0])] {
		name := ""
		if len(arguments) > 0 {
			name = strings.ToValidUTF8(string(arguments[0][:min(len(arguments[0]), 80)]), "?")
		}
		return refusal(trace.Errorf(trace.CodeUnknownMethod, "there is no transaction %q; names are like \"origin:RegisterBatch\"", name))
	}
	if len(arguments) != 2 {
		return refusal(trace.Errorf(trace.CodeMalformed, "%s takes exactly one JSON argument, got %d", arguments[0], len(arguments)-1))
	}
	return c.contracts.Invoke(stub)
}

func refusal(err *trace.Error) *peer.Response { return shim.Error(err.Error()) }

// subject is what every contract is made of: its name and its part of the catalogue.
type subject struct {
	contractapi.Contract
	methods map[string]trace.Method
}

func newSubject(name string) subject {
	s := subject{methods: map[string]trace.Method{}}
	s.Name = name
	s.TransactionContextHandler = new(Context)
	for _, m := range trace.Methods() {
		if m.Contract == name {
			s.methods[m.Name] = m
		}
	}
	return s
}
