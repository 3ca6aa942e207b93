package embedded

import "traceledger/network/validation"

// blockState is the state before a block, remembering what has been looked up:
// validating and writing a block ask for the same keys and ids several times.
// It is used by one goroutine, for one block.
type blockState struct {
	*view
	values map[blockStateKey]*validation.Value
	places map[string]*place
}

type blockStateKey struct{ namespace, key string }

func newBlockState(v *view) *blockState {
	return &blockState{view: v, values: map[blockStateKey]*validation.Value{}, places: map[string]*place{}}
}

// Public is view.Public.
func (s *blockState) Public(namespace, key string) (*validation.Value, error) {
	k := blockStateKey{namespace, key}
	if v, ok := s.values[k]; ok {
		return v, nil
	}
	v, err := s.view.Public(namespace, key)
	if err == nil {
		s.values[k] = v
	}
	return v, err
}

// Committed is view.Committed.
func (s *blockState) Committed(transactionID string) (bool, error) {
	p, err := s.place(transactionID)
	return p != nil, err
}

func (s *blockState) place(transactionID string) (*place, error) {
	if p, ok := s.places[transactionID]; ok {
		return p, nil
	}
	p, err := s.view.place(transactionID)
	if err == nil {
		s.places[transactionID] = p
	}
	return p, err
}
