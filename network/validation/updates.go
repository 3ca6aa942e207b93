package validation

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sort"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
)

// Updates are the state changes of a block's valid transactions, the last
// write of a key winning.
type Updates struct {
	// Public maps namespace and key to the new value; Value.Value is nil for a
	// deleted key.
	Public map[string]map[string]*Value
	// Hashed maps namespace, collection and key hash likewise.
	Hashed map[string]map[string]map[string]*Value

	// sorted caches the ordered keys of a namespace for range checks.
	sorted map[string][]string
}

func newUpdates() *Updates {
	return &Updates{
		Public: map[string]map[string]*Value{},
		Hashed: map[string]map[string]map[string]*Value{},
		sorted: map[string][]string{},
	}
}

func (u *Updates) public(ns, key string) (*Value, bool) {
	v, ok := u.Public[ns][key]
	return v, ok
}

func (u *Updates) hashed(ns, collection, keyHash string) (*Value, bool) {
	v, ok := u.Hashed[ns][collection][keyHash]
	return v, ok
}

func (u *Updates) setPublic(ns, key string, v *Value) {
	m := u.Public[ns]
	if m == nil {
		m = map[string]*Value{}
		u.Public[ns] = m
	}
	if _, ok := m[key]; !ok {
		delete(u.sorted, ns)
	}
	m[key] = v
}

func (u *Updates) setHashed(ns, collection, keyHash string, v *Value) {
	m := u.Hashed[ns]
	if m == nil {
		m = map[string]map[string]*Value{}
		u.Hashed[ns] = m
	}
	if m[collection] == nil {
		m[collection] = map[string]*Value{}
	}
	m[collection][keyHash] = v
}

// between returns the updated keys of a namespace in [start, end), ordered.
func (u *Updates) between(ns, start, end string) []string {
	keys, ok := u.sorted[ns]
	if !ok {
		keys = sortedKeys(u.Public[ns])
		u.sorted[ns] = keys
	}
	from := sort.SearchStrings(keys, start)
	to := len(keys)
	if end != "" {
		to = sort.SearchStrings(keys, end)
	}
	if from >= to {
		return nil
	}
	return keys[from:to]
}

// change gathers what one transaction does to one key before it is merged with
// what the key held.
type change struct {
	write, remove, setsMetadata bool
	value, metadata             []byte
}

// apply merges a valid transaction's writes. A write keeps the key's metadata,
// a metadata write keeps its value, and a metadata write to an absent key does
// nothing.
func (u *Updates) apply(set *block.ReadWriteSet, at Version, state State) error {
	for i := range set.Namespaces {
		ns := &set.Namespaces[i]
		changes := map[string]*change{}
		for _, w := range ns.Public.GetWrites() {
			record(changes, w.GetKey(), block.IsDelete(w), w.GetValue())
		}
		for _, w := range ns.Public.GetMetadataWrites() {
			if err := recordMetadata(changes, w.GetKey(), w.GetEntries()); err != nil {
				return err
			}
		}
		for _, key := range sortedKeys(changes) {
			current := func() (*Value, error) {
				if v, ok := u.public(ns.Name, key); ok {
					return v, nil
				}
				return state.Public(ns.Name, key)
			}
			v, err := changes[key].merge(at, current)
			if err != nil {
				return err
			}
			if v != nil {
				u.setPublic(ns.Name, key, v)
			}
		}
		if err := u.applyCollections(ns, at, state); err != nil {
			return err
		}
	}
	return nil
}

func (u *Updates) applyCollections(ns *block.NamespaceSet, at Version, state State) error {
	for _, c := range ns.Collections {
		changes := map[string]*change{}
		for _, w := range c.Hashed.GetHashedWrites() {
			record(changes, string(w.GetKeyHash()), block.IsHashDelete(w), w.GetValueHash())
		}
		for _, w := range c.Hashed.GetMetadataWrites() {
			if err := recordMetadata(changes, string(w.GetKeyHash()), w.GetEntries()); err != nil {
				return err
			}
		}
		for _, key := range sortedKeys(changes) {
			current := func() (*Value, error) {
				if v, ok := u.hashed(ns.Name, c.Name, key); ok {
					return v, nil
				}
				return state.Hashed(ns.Name, c.Name, []byte(key))
			}
			v, err := changes[key].merge(at, current)
			if err != nil {
				return err
			}
			if v != nil {
				u.setHashed(ns.Name, c.Name, key, v)
			}
		}
	}
	return nil
}

func changeOf(changes map[string]*change, key string) *change {
	c := changes[key]
	if c == nil {
		c = &change{}
		changes[key] = c
	}
	return c
}

func record(changes map[string]*change, key string, remove bool, value []byte) {
	c := changeOf(changes, key)
	c.remove = remove
	c.write = !remove
	c.value = value
}

func recordMetadata(changes map[string]*change, key string, entries []*kvrwset.KVMetadataEntry) error {
	c := changeOf(changes, key)
	c.setsMetadata = true
	if entries == nil {
		return nil
	}
	raw, err := proto.Marshal(&kvrwset.KVMetadataWrite{Entries: entries})
	if err != nil {
		return fmt.Errorf("metadata of key %q: %w", key, err)
	}
	c.metadata = raw
	return nil
}

// merge returns the key's new value, or nil when nothing changes.
func (c *change) merge(at Version, current func() (*Value, error)) (*Value, error) {
	switch {
	case c.remove:
		return &Value{Version: at}, nil
	case c.write && c.setsMetadata:
		return &Value{Value: c.value, Metadata: c.metadata, Version: at}, nil
	}
	old, err := current()
	if err != nil {
		return nil, err
	}
	if c.write {
		v := &Value{Value: c.value, Version: at}
		if old != nil {
			v.Metadata = old.Metadata
		}
		return v, nil
	}
	if old == nil || old.Value == nil {
		return nil, nil
	}
	return &Value{Value: old.Value, Metadata: c.metadata, Version: at}, nil
}

// CommitHash continues a peer's commit hash: SHA-256 over the length of the
// flags, the flags, the updates in a fixed order, and the hash of the block
// before (nil for block 1). The updates are laid out as a Fabric peer does it.
func CommitHash(previous, flags []byte, u *Updates) []byte {
	b := protowire.AppendVarint(nil, uint64(len(flags)))
	b = append(b, flags...)
	b = u.appendTo(b)
	b = append(b, previous...)
	hash := sha256.Sum256(b)
	return hash[:]
}

func (u *Updates) appendTo(b []byte) []byte {
	namespaces := append(sortedKeys(u.Public), sortedKeys(u.Hashed)...)
	slices.Sort(namespaces)
	for _, ns := range slices.Compact(namespaces) {
		first := ns
		for _, key := range sortedKeys(u.Public[ns]) {
			b = appendWrite(b, first, "", key, u.Public[ns][key])
			first = ""
		}
		for _, collection := range sortedKeys(u.Hashed[ns]) {
			name := collection
			for _, key := range sortedKeys(u.Hashed[ns][collection]) {
				b = appendWrite(b, first, name, key, u.Hashed[ns][collection][key])
				first, name = "", ""
			}
		}
	}
	return b
}

// appendWrite appends one write as field 1 of the peer's update message:
// namespace 1, collection 2 (both only where they change), key 3, deleted 4,
// value 5, version 6.
func appendWrite(b []byte, ns, collection, key string, v *Value) []byte {
	var w []byte
	field := func(number protowire.Number, value []byte) {
		if len(value) > 0 {
			w = protowire.AppendTag(w, number, protowire.BytesType)
			w = protowire.AppendBytes(w, value)
		}
	}
	field(1, []byte(ns))
	field(2, []byte(collection))
	field(3, []byte(key))
	if v.Value == nil {
		w = protowire.AppendTag(w, 4, protowire.VarintType)
		w = protowire.AppendVarint(w, 1)
	}
	field(5, v.Value)
	field(6, appendOrdered(appendOrdered(nil, v.Version.Block), v.Version.Transaction))
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	return protowire.AppendBytes(b, w)
}

// appendOrdered appends a number as its length in bytes and its big-endian
// bytes without leading zeros, so that byte order is numeric order.
func appendOrdered(b []byte, n uint64) []byte {
	size := 0
	for v := n; v > 0; v >>= 8 {
		size++
	}
	b = append(b, byte(size))
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}
