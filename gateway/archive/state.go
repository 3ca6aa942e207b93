package archive

import (
	"slices"

	"traceledger/network/validation"
)

// memory is the state that the blocks so far have come to, in memory: the state of a
// pilot, not its history.
type memory struct {
	public    map[string]*namespace
	hashed    map[[3]string]*validation.Value
	committed map[string]bool
}

type namespace struct {
	values map[string]*validation.Value
	keys   []string // sorted
}

func newMemory() *memory {
	return &memory{public: map[string]*namespace{}, hashed: map[[3]string]*validation.Value{}, committed: map[string]bool{}}
}

func (m *memory) Public(ns, key string) (*validation.Value, error) {
	if n := m.public[ns]; n != nil {
		return n.values[key], nil
	}
	return nil, nil
}

func (m *memory) Hashed(ns, collection string, keyHash []byte) (*validation.Value, error) {
	return m.hashed[[3]string{ns, collection, string(keyHash)}], nil
}

func (m *memory) Range(ns, start, end string, visit func(string, validation.Version) bool) error {
	n := m.public[ns]
	if n == nil {
		return nil
	}
	from, _ := slices.BinarySearch(n.keys, start)
	for _, key := range n.keys[from:] {
		if end != "" && key >= end || !visit(key, n.values[key].Version) {
			return nil
		}
	}
	return nil
}

func (m *memory) Committed(id string) (bool, error) { return m.committed[id], nil }

func (m *memory) apply(u *validation.Updates) {
	for ns, values := range u.Public {
		n := m.public[ns]
		if n == nil {
			n = &namespace{values: map[string]*validation.Value{}}
			m.public[ns] = n
		}
		for key, v := range values {
			n.set(key, v)
		}
	}
	for ns, collections := range u.Hashed {
		for collection, values := range collections {
			for keyHash, v := range values {
				at := [3]string{ns, collection, keyHash}
				if m.hashed[at] = v; v.Value == nil {
					delete(m.hashed, at)
				}
			}
		}
	}
}

func (n *namespace) set(key string, v *validation.Value) {
	at, there := slices.BinarySearch(n.keys, key)
	switch {
	case v.Value == nil && there:
		n.keys = slices.Delete(n.keys, at, at+1)
		delete(n.values, key)
	case v.Value != nil:
		if !there {
			n.keys = slices.Insert(n.keys, at, key)
		}
		n.values[key] = v
	}
}
