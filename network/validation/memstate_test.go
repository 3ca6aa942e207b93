package validation

import (
	"maps"
	"slices"
)

// memState is a State in memory that blocks can be applied to.
type memState struct {
	public    map[string]map[string]*Value
	hashed    map[string]map[string]*Value // namespace/collection -> key hash
	committed map[string]bool
}

func newMemState() *memState {
	return &memState{
		public: map[string]map[string]*Value{}, hashed: map[string]map[string]*Value{}, committed: map[string]bool{},
	}
}

func (s *memState) Public(ns, key string) (*Value, error) { return s.public[ns][key], nil }

func (s *memState) Hashed(ns, collection string, keyHash []byte) (*Value, error) {
	return s.hashed[ns+"/"+collection][string(keyHash)], nil
}

func (s *memState) Range(ns, start, end string, visit func(string, Version) bool) error {
	for _, key := range slices.Sorted(maps.Keys(s.public[ns])) {
		if key >= start && (end == "" || key < end) && !visit(key, s.public[ns][key].Version) {
			return nil
		}
	}
	return nil
}

func (s *memState) Committed(id string) (bool, error) { return s.committed[id], nil }

func put(m map[string]map[string]*Value, ns, key string, v *Value) {
	if m[ns] == nil {
		m[ns] = map[string]*Value{}
	}
	if v.Value == nil {
		delete(m[ns], key)
	} else {
		m[ns][key] = v
	}
}

func (s *memState) apply(u *Updates) {
	for ns, keys := range u.Public {
		for key, v := range keys {
			put(s.public, ns, key, v)
		}
	}
	for ns, collections := range u.Hashed {
		for collection, keys := range collections {
			for key, v := range keys {
				put(s.hashed, ns+"/"+collection, key, v)
			}
		}
	}
}
