package embedded

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"traceledger/network/validation"
)

const (
	// fetchSize is how many results a peer hands to a chaincode at once. It
	// shows in the read set: results count as read when fetched.
	fetchSize = 100
	// totalQueryLimit ends any query, as a peer's default configuration does.
	totalQueryLimit = 100000

	compositePrefix = "\x00"
	// smallestSimpleKey is where an open-ended range of simple keys starts, so
	// that it does not run over composite keys.
	smallestSimpleKey = "\x01"
	maxRune           = string(utf8.MaxRune)
)

func parameterOf(metadata []byte) ([]byte, error) { return validation.KeyPolicy(metadata) }

func (s *stub) GetStateByRange(start, end string) (shim.StateQueryIteratorInterface, error) {
	start, err := simpleRange(start, end)
	if err != nil {
		return nil, err
	}
	it, _, err := s.stateRange(start, end, 0, "")
	return it, err
}

func (s *stub) GetStateByRangeWithPagination(start, end string, size int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	start, err := simpleRange(start, end)
	if err != nil {
		return nil, nil, err
	}
	return s.stateRange(start, end, size, bookmark)
}

func (s *stub) GetStateByPartialCompositeKey(objectType string, keys []string) (shim.StateQueryIteratorInterface, error) {
	start, err := s.CreateCompositeKey(objectType, keys)
	if err != nil {
		return nil, err
	}
	it, _, err := s.stateRange(start, start+maxRune, 0, "")
	return it, err
}

func (s *stub) GetStateByPartialCompositeKeyWithPagination(objectType string, keys []string, size int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	start, err := s.CreateCompositeKey(objectType, keys)
	if err != nil {
		return nil, nil, err
	}
	return s.stateRange(start, start+maxRune, size, bookmark)
}

func (s *stub) GetAllStatesCompositeKeyWithPagination(size int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	return s.stateRange(compositePrefix, compositePrefix+maxRune, size, bookmark)
}

func (s *stub) GetPrivateDataByRange(collection, start, end string) (shim.StateQueryIteratorInterface, error) {
	if collection == "" {
		return nil, errNoCollection
	}
	start, err := simpleRange(start, end)
	if err != nil {
		return nil, err
	}
	return s.privateRange(collection, start, end)
}

func (s *stub) GetPrivateDataByPartialCompositeKey(collection, objectType string, keys []string) (shim.StateQueryIteratorInterface, error) {
	if collection == "" {
		return nil, errNoCollection
	}
	start, err := s.CreateCompositeKey(objectType, keys)
	if err != nil {
		return nil, err
	}
	return s.privateRange(collection, start, start+maxRune)
}

// Rich queries need CouchDB; the answer is that of a peer on LevelDB.

func (s *stub) GetQueryResult(string) (shim.StateQueryIteratorInterface, error) {
	return nil, errors.New("ExecuteQuery not supported for leveldb")
}

func (s *stub) GetQueryResultWithPagination(_ string, size int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	if size == 0 && bookmark == "" {
		return nil, nil, errors.New("ExecuteQuery not supported for leveldb")
	}
	if s.sim.wrote {
		return nil, nil, fmt.Errorf("txid [%s]: unsuppored transaction. Paginated queries are supported only in a read-only transaction", s.sim.txID)
	}
	s.sim.pagedQuery = true
	return nil, nil, errors.New("ExecuteQueryWithMetadata not supported for leveldb")
}

func (s *stub) GetPrivateDataQueryResult(collection, _ string) (shim.StateQueryIteratorInterface, error) {
	if err := s.mayRead(collection); err != nil {
		return nil, err
	}
	if s.sim.wrote {
		return nil, fmt.Errorf("txid [%s]: unsuppored transaction. Queries on pvt data is supported only in a read-only transaction", s.sim.txID)
	}
	s.sim.privateQuery = true
	return nil, errors.New("ExecuteQuery not supported for leveldb")
}

func (s *stub) CreateCompositeKey(objectType string, attributes []string) (string, error) {
	return shim.CreateCompositeKey(objectType, attributes)
}

func (s *stub) SplitCompositeKey(key string) (string, []string, error) {
	parts := strings.Split(strings.TrimPrefix(key, compositePrefix), "\x00")
	if !strings.HasPrefix(key, compositePrefix) || len(parts) < 2 {
		return "", nil, fmt.Errorf("%q is not a composite key", key)
	}
	return parts[0], parts[1 : len(parts)-1], nil
}

func simpleRange(start, end string) (string, error) {
	if start == "" {
		start = smallestSimpleKey
	}
	for _, key := range []string{start, end} {
		if strings.HasPrefix(key, compositePrefix) {
			return "", fmt.Errorf("first character of the key [%s] contains a null character which is not allowed", key)
		}
	}
	return start, nil
}

func (s *stub) stateRange(start, end string, size int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	if err := s.live(); err != nil {
		return nil, nil, err
	}
	paged := size != 0 || bookmark != ""
	if bookmark != "" {
		start = bookmark
	}
	source, record, err := s.sim.scan(s.namespace, start, end, paged)
	if err != nil {
		return nil, nil, err
	}
	limit := totalQueryLimit
	if size > 0 && int(size) < limit {
		limit = int(size)
	}
	it := &stateIterator{stub: s, source: source, record: record, end: end, limit: limit}
	if !paged {
		return it, &peer.QueryResponseMetadata{}, it.fetch(fetchSize)
	}
	if err := it.fetch(limit); err != nil {
		return nil, nil, err
	}
	metadata := &peer.QueryResponseMetadata{FetchedRecordsCount: int32(len(it.fetched))}
	next, err := source.next()
	if err != nil {
		return nil, nil, err
	}
	if next != nil {
		metadata.Bookmark = next.key
	}
	it.more = false
	source.close()
	return it, metadata, nil
}

func (s *stub) privateRange(collection, start, end string) (shim.StateQueryIteratorInterface, error) {
	if err := s.mayRead(collection); err != nil {
		return nil, err
	}
	source, err := s.sim.scanPrivate(s.namespace, collection, start, end)
	if err != nil {
		return nil, err
	}
	it := &stateIterator{stub: s, source: source, limit: totalQueryLimit}
	return it, it.fetch(fetchSize)
}

// stateIterator hands out the results of a range query in fetches, the way a
// peer sends them to a chaincode: to know whether there is more, a fetch reads
// one result ahead.
type stateIterator struct {
	stub   *stub
	source *scanner
	// record is nil for private data, whose queries are not checked again.
	record *rangeRecord
	end    string
	limit  int // results that may still be read

	fetched []*entry
	ahead   *entry
	more    bool
}

// fetch reads the next results, at most n, into fetched.
func (it *stateIterator) fetch(n int) error {
	it.fetched, it.more = nil, false
	if it.ahead != nil {
		it.fetched, it.ahead = append(it.fetched, it.ahead), nil
	}
	for it.limit > 0 {
		e, err := it.read()
		if err != nil || e == nil {
			return err
		}
		it.limit--
		if len(it.fetched) == n {
			it.ahead, it.more = e, true
			return nil
		}
		it.fetched = append(it.fetched, e)
	}
	return nil
}

// read takes one result from the store and records it.
func (it *stateIterator) read() (*entry, error) {
	if err := it.stub.live(); err != nil {
		return nil, err
	}
	e, err := it.source.next()
	if err != nil {
		return nil, err
	}
	if it.record == nil {
		return e, nil
	}
	if e == nil {
		it.record.exhausted, it.record.end = true, it.end
		return nil, nil
	}
	it.record.end = e.key
	return e, it.record.summary.Add(e.key, e.value.Version)
}

func (it *stateIterator) HasNext() bool { return len(it.fetched) > 0 || it.more }

func (it *stateIterator) Next() (*queryresult.KV, error) {
	if len(it.fetched) == 0 {
		return nil, errExhausted
	}
	e := it.fetched[0]
	it.fetched = it.fetched[1:]
	if len(it.fetched) == 0 && it.more {
		if err := it.fetch(fetchSize); err != nil {
			return nil, err
		}
	}
	return &queryresult.KV{Namespace: it.stub.namespace, Key: e.key, Value: e.value.Value}, nil
}

func (it *stateIterator) Close() error {
	it.source.close()
	return nil
}
