package embedded

import (
	"bytes"
	"encoding/binary"
)

// Every key of the store. The first byte names the kind.
//
//	m                                          height, written with every block
//	i                                          the organisations' keys and certificates
//	b block                                    block without its envelopes
//	e block index                              envelope
//	t id                                       where a transaction id first stands, and its code
//	s namespace 00 key                         public state
//	h namespace 00 collection 00 keyhash       hashes of private state
//	p namespace 00 collection 00 key           private state
//	k |namespace| namespace |key| key block tx history: who wrote the key
//	w block index                              private write set of a transaction
//	v namespace 00 collection 00 keyhash block tx  who wrote the private key
//	x block namespace 00 collection 00 keyhash     private key that expires with this block
//	y height id                                private write set endorsed but not committed
//
// Numbers are big-endian so that byte order is numeric order. Namespaces and
// collections contain no zero byte; keys may.
const (
	kindHeight     = 'm'
	kindIdentities = 'i'
	kindBlock      = 'b'
	kindEnvelope   = 'e'
	kindID         = 't'
	kindState      = 's'
	kindHashed     = 'h'
	kindPrivate    = 'p'
	kindHistory    = 'k'
	kindWriteSet   = 'w'
	kindWriters    = 'v'
	kindExpiry     = 'x'
	kindTransient  = 'y'
)

func heightKey() []byte     { return []byte{kindHeight} }
func identitiesKey() []byte { return []byte{kindIdentities} }

func blockKey(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kindBlock}, number)
}

func envelopeKey(number uint64, index int) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte{kindEnvelope}, number), uint32(index))
}

func idKey(transactionID string) []byte {
	return append([]byte{kindID}, transactionID...)
}

func stateKey(namespace, key string) []byte {
	b := make([]byte, 0, 2+len(namespace)+len(key))
	b = append(b, kindState)
	b = append(b, namespace...)
	b = append(b, 0)
	return append(b, key...)
}

// namespaceEnd is the first key after a namespace's state.
func namespaceEnd(namespace string) []byte {
	return append(append([]byte{kindState}, namespace...), 1)
}

func collectionKey(kind byte, namespace, collection, key string) []byte {
	b := make([]byte, 0, 3+len(namespace)+len(collection)+len(key))
	b = append(b, kind)
	b = append(b, namespace...)
	b = append(b, 0)
	b = append(b, collection...)
	b = append(b, 0)
	return append(b, key...)
}

// collectionEnd is the first key after a collection's state.
func collectionEnd(kind byte, namespace, collection string) []byte {
	b := collectionKey(kind, namespace, collection, "")
	b[len(b)-1] = 1
	return b
}

func historyPrefix(namespace, key string) []byte {
	b := binary.AppendUvarint([]byte{kindHistory}, uint64(len(namespace)))
	b = append(b, namespace...)
	b = binary.AppendUvarint(b, uint64(len(key)))
	return append(b, key...)
}

func historyKey(namespace, key string, number uint64, index int) []byte {
	b := binary.BigEndian.AppendUint64(historyPrefix(namespace, key), number)
	return binary.BigEndian.AppendUint32(b, uint32(index))
}

// historyPlace reads the block and index off the end of a history key.
func historyPlace(key []byte) (number uint64, index int) {
	tail := key[len(key)-12:]
	return binary.BigEndian.Uint64(tail), int(binary.BigEndian.Uint32(tail[8:]))
}

func writeSetKey(number uint64, index int) []byte {
	b := envelopeKey(number, index)
	b[0] = kindWriteSet
	return b
}

// writersKey lists the private write sets that hold a private key, so that a
// purge finds them.
func writersKey(namespace, collection, keyHash string, number uint64, index int) []byte {
	b := binary.BigEndian.AppendUint64(collectionKey(kindWriters, namespace, collection, keyHash), number)
	return binary.BigEndian.AppendUint32(b, uint32(index))
}

func expiryPrefix(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kindExpiry}, number)
}

func expiryKey(number uint64, namespace, collection, keyHash string) []byte {
	return append(expiryPrefix(number), collectionKey(kindExpiry, namespace, collection, keyHash)[1:]...)
}

// splitCollectionKey undoes collectionKey behind its kind byte.
func splitCollectionKey(b []byte) (namespace, collection, key string, ok bool) {
	ns, rest, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return "", "", "", false
	}
	coll, rest, ok := bytes.Cut(rest, []byte{0})
	return string(ns), string(coll), string(rest), ok
}

func transientKey(height uint64, transactionID string) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{kindTransient}, height), transactionID...)
}

// after returns the smallest key greater than every key with the prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
