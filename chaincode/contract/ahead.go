package contract

import (
	"fmt"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"traceledger/chaincode/trace"
)

// readAhead is the world state with values that were fetched together. Every GetState is a
// message to the peer and one back, on each endorser; a registration of a lot reads eight
// keys.
type readAhead struct {
	stub    shim.ChaincodeStubInterface
	fetched map[string][]byte
}

// GetState implements state.Reader.
func (r *readAhead) GetState(key string) ([]byte, error) {
	if value, ok := r.fetched[key]; ok {
		return value, nil
	}
	return r.stub.GetState(key)
}

// fetch reads keys in one exchange with the peer. They become part of the transaction's
// read set, so only what the method reads anyway may be named: any other key would be one
// more to conflict on.
func (r *readAhead) fetch(keys ...trace.Key) error {
	missing := make([]string, 0, len(keys))
	for _, key := range keys {
		if _, ok := r.fetched[string(key)]; !ok {
			missing = append(missing, string(key))
		}
	}
	values, err := r.stub.GetMultipleStates(missing...)
	if err != nil {
		return fmt.Errorf("read %d keys: %w", len(missing), err)
	}
	for i, value := range values {
		r.fetched[missing[i]] = value
	}
	return nil
}
