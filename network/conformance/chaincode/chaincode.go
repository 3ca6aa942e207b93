// Package chaincode is the chaincode of the conformance suite: an interpreter
// for what a chaincode can ask of its ledger.
//
// A transaction is the function "run" with one argument, a JSON list of Steps.
// They are executed in order and their Results come back as a JSON list, so
// that a test states in one place what a transaction does. The interpreter adds
// no meaning of its own: what it returns is what the stub returned.
//
// It imports the shim only, and runs both in the process of the embedded ledger
// and, by the program in the folder service, beside a Fabric peer.
package chaincode

import (
	"encoding/json"
	"fmt"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// Function is the name of the one transaction function.
const Function = "run"

// Step is one call of the stub. Op selects it (see operations); the other
// fields are its arguments, each used by the operations that have such an
// argument.
type Step struct {
	Op         string   `json:"op"`
	Key        string   `json:"key,omitempty"` // also: start of a range, object type, event name, message
	End        string   `json:"end,omitempty"` // end of a range
	Value      string   `json:"value,omitempty"`
	Keys       []string `json:"keys,omitempty"` // also: attributes of a composite key
	Orgs       []string `json:"orgs,omitempty"` // MSP ids whose peers must endorse
	Collection string   `json:"collection,omitempty"`
	Size       int      `json:"size,omitempty"` // bytes to write, page size, response status
	Bookmark   string   `json:"bookmark,omitempty"`
	// Catch records an error of the stub in the result instead of failing the
	// transaction.
	Catch bool `json:"catch,omitempty"`
}

// Result is what one Step returned.
type Result struct {
	Found    bool           `json:"found,omitempty"` // the stub returned a value, possibly an empty one
	Value    string         `json:"value,omitempty"`
	Values   []string       `json:"values,omitempty"`
	Rows     []Row          `json:"rows,omitempty"`
	History  []Modification `json:"history,omitempty"`
	Bookmark string         `json:"bookmark,omitempty"`
	Fetched  int            `json:"fetched,omitempty"` // rows, as the page's metadata counts them
	Error    string         `json:"error,omitempty"`
}

// Row is an entry of a range.
type Row struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Modification is an entry of a key's history.
type Modification struct {
	TxID    string `json:"tx"`
	Value   string `json:"value,omitempty"`
	Deleted bool   `json:"deleted,omitempty"`
	Seconds int64  `json:"seconds"` // the transaction's own time, Unix
}

// Chaincode implements shim.Chaincode.
type Chaincode struct{}

// Init does nothing; the lifecycle does not require it.
func (Chaincode) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

// Invoke runs the steps.
func (Chaincode) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	function, args := stub.GetFunctionAndParameters()
	if function != Function || len(args) != 1 {
		return shim.Error(fmt.Sprintf("UNKNOWN_FUNCTION: %q with %d arguments; there is %q with one", function, len(args), Function))
	}
	var steps []Step
	if err := json.Unmarshal([]byte(args[0]), &steps); err != nil {
		return shim.Error("BAD_ARGUMENT: " + err.Error())
	}
	results := make([]Result, len(steps))
	for i, step := range steps {
		if step.Op == "respond" { // ends the transaction with a status of the test's choosing
			return &peer.Response{Status: int32(step.Size), Message: step.Key, Payload: []byte(step.Value)}
		}
		operation, ok := operations[step.Op]
		if !ok {
			return shim.Error("UNKNOWN_OPERATION: " + step.Op)
		}
		result, err := operation(stub, step)
		if err != nil {
			if !step.Catch {
				return shim.Error(err.Error())
			}
			result.Error = err.Error()
		}
		results[i] = result
	}
	payload, err := json.Marshal(results)
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(payload)
}
