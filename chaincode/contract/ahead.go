package contract

import (
	"fmt"
	"sync"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"traceledger/chaincode/state"
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
	if len(missing) == 0 {
		return nil
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

// licencesAhead remembers under which licence a product is made, so that a lot's
// registration fetches the licence together with the product instead of after it: one
// exchange with the peer less on each endorser. It says which keys to read together and
// never a value; every value comes from the peer.
//
// Endorsers that remember and those that do not read the same keys, because a product is
// written once and never changed, and a lot's registration reads its product's licence in
// any case. So a process may be stopped and started at any time, as before.
type licencesAhead struct {
	mu    sync.Mutex
	known map[productOf][]trace.Key
}

type productOf struct {
	channel string
	gtin    trace.GTIN
}

// licencesMax bounds what is remembered; past it, all is forgotten and learnt again.
const licencesMax = 10_000

// keys are the licence's and its revocation's, nil for a product not seen yet.
func (l *licencesAhead) keys(channel string, gtin trace.GTIN) []trace.Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[productOf{channel, gtin}]
}

func (l *licencesAhead) learn(channel string, product *trace.Product) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil || len(l.known) >= licencesMax {
		l.known = map[productOf][]trace.Key{}
	}
	l.known[productOf{channel, product.GTIN}] = licenceKeys(product.Producer, product.LicenceNumber)
}

func licenceKeys(holder trace.PartyID, number string) []trace.Key {
	return []trace.Key{state.LicenceKey(holder, number), state.RevocationKey(holder, number)}
}
