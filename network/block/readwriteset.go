package block

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/proto"
)

// ReadWriteSet is what a transaction read and what it wants to write.
type ReadWriteSet struct {
	Namespaces []NamespaceSet
}

// NamespaceSet holds the reads and writes in one chaincode's namespace.
type NamespaceSet struct {
	Name        string
	Public      *kvrwset.KVRWSet
	Collections []CollectionSet
}

// CollectionSet holds the hashed reads and writes of one private collection.
type CollectionSet struct {
	Name   string
	Hashed *kvrwset.HashedRWSet
	// PrivateHash is the SHA-256 of the private write set kept off the block;
	// nil when the transaction wrote nothing to the collection.
	PrivateHash []byte
}

// ParseReadWriteSet reads a serialized rwset.TxReadWriteSet. Fabric refuses a
// set that names a namespace twice at a later point, so that is not an error
// here.
func ParseReadWriteSet(raw []byte) (*ReadWriteSet, error) {
	return parseReadWriteSet(raw, wire{})
}

func parseReadWriteSet(raw []byte, w wire) (*ReadWriteSet, error) {
	namespaces, err := w.namespaces(raw)
	if err != nil {
		return nil, fmt.Errorf("read-write set: %w", err)
	}
	out := &ReadWriteSet{Namespaces: make([]NamespaceSet, 0, len(namespaces))}
	for _, ns := range namespaces {
		parsed := NamespaceSet{Name: ns.GetNamespace(), Public: &kvrwset.KVRWSet{}}
		if err := proto.Unmarshal(ns.GetRwset(), parsed.Public); err != nil {
			return nil, fmt.Errorf("read-write set of namespace %q: %w", ns.GetNamespace(), err)
		}
		for _, c := range ns.GetCollectionHashedRwset() {
			coll := CollectionSet{
				Name:        c.GetCollectionName(),
				Hashed:      &kvrwset.HashedRWSet{},
				PrivateHash: c.GetPvtRwsetHash(),
			}
			if err := proto.Unmarshal(c.GetHashedRwset(), coll.Hashed); err != nil {
				return nil, fmt.Errorf("hashed read-write set of collection %q in namespace %q: %w",
					coll.Name, ns.GetNamespace(), err)
			}
			parsed.Collections = append(parsed.Collections, coll)
		}
		out.Namespaces = append(out.Namespaces, parsed)
	}
	return out, nil
}

// Namespace returns the set of the named namespace, or nil.
func (s *ReadWriteSet) Namespace(name string) *NamespaceSet {
	if s == nil {
		return nil
	}
	for i := range s.Namespaces {
		if s.Namespaces[i].Name == name {
			return &s.Namespaces[i]
		}
	}
	return nil
}

// HasPrivateWrites reports whether private data belongs to the transaction.
func (s *ReadWriteSet) HasPrivateWrites() bool {
	if s == nil {
		return false
	}
	for _, ns := range s.Namespaces {
		for _, c := range ns.Collections {
			if c.PrivateHash != nil {
				return true
			}
		}
	}
	return false
}

// Writes reports whether the set changes anything in the namespace: a value,
// the metadata of a key, or either in a private collection.
func (n *NamespaceSet) Writes() bool {
	if len(n.Public.GetWrites()) > 0 || len(n.Public.GetMetadataWrites()) > 0 {
		return true
	}
	for _, c := range n.Collections {
		if len(c.Hashed.GetHashedWrites()) > 0 || len(c.Hashed.GetMetadataWrites()) > 0 {
			return true
		}
	}
	return false
}

// IsDelete reports whether a write removes its key. Fabric stores no empty
// values: writing one deletes the key, whatever the flag says.
func IsDelete(w *kvrwset.KVWrite) bool {
	return w.GetIsDelete() || len(w.GetValue()) == 0
}

// IsHashDelete is IsDelete for a write to a private collection.
func IsHashDelete(w *kvrwset.KVWriteHash) bool {
	empty := sha256.Sum256(nil)
	return w.GetIsDelete() || len(w.GetValueHash()) == 0 || bytes.Equal(w.GetValueHash(), empty[:])
}
