package validation

// Version is the place of the transaction that last wrote a key.
type Version struct {
	Block, Transaction uint64
}

// Value is a committed value. Deleted keys have none.
type Value struct {
	// Value is never empty. In a private collection it is the SHA-256 of the
	// private value.
	Value []byte
	// Metadata is a serialized kvrwset.KVMetadataWrite that holds entries only,
	// nil when the key has no metadata.
	Metadata []byte
	Version  Version
}

// State is a view of the state as the block before left it. A Validator only
// reads it, from one goroutine at a time.
type State interface {
	// Public returns the value of a key in a chaincode's namespace, nil when
	// there is none.
	Public(namespace, key string) (*Value, error)
	// Hashed is Public for a private collection; the key is the SHA-256 of the
	// private key.
	Hashed(namespace, collection string, keyHash []byte) (*Value, error)
	// Range visits the keys in [start, end) in byte order until visit returns
	// false. An empty end means the end of the namespace.
	Range(namespace, start, end string, visit func(key string, version Version) bool) error
	// Committed reports whether a transaction with this id stands in a block,
	// valid or not.
	Committed(transactionID string) (bool, error)
}
