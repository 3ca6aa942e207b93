package embedded

import (
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"traceledger/network/validation"
)

// simulation runs one proposal against one view and records what it reads and
// writes. Reads see the view only, never the simulation's own writes. It is
// used by one goroutine.
type simulation struct {
	view *view
	txID string
	// organisation is the member on whose peer the simulation runs; it decides
	// which private data there is to read.
	organisation string
	// creatorMSP is the client's organisation.
	creatorMSP string
	endorser   *endorser

	namespaces map[string]*recorder
	open       []*scanner

	wrote        bool
	pagedQuery   bool
	privateQuery bool
	// privateReads are the collections of which single keys were read,
	// consulted those that any private data was read of: what such a
	// simulation comes to depends on whose peer it runs on.
	privateReads map[collectionID]bool
	consulted    map[collectionID]*peer.StaticCollectionConfig
	definitions  map[string]*committedDefinition
}

type collectionID struct{ namespace, collection string }

// recorder gathers what happens in one namespace.
type recorder struct {
	reads          map[string]*kvrwset.KVRead
	writes         map[string]*kvrwset.KVWrite
	metadataWrites map[string]*kvrwset.KVMetadataWrite
	ranges         []*rangeRecord
	collections    map[string]*collectionRecorder
}

type collectionRecorder struct {
	reads          map[string]*kvrwset.KVReadHash
	writes         map[string]*kvrwset.KVWriteHash
	metadataWrites map[string]*kvrwset.KVMetadataWriteHash
	private        map[string]*kvrwset.KVWrite
	touched        map[string]*kvrwset.KVMetadataWrite
}

// rangeRecord is one range query: what was asked and what has been returned.
type rangeRecord struct {
	start, end string
	exhausted  bool
	summary    *validation.RangeSummary
}

func newSimulation(v *view, txID, organisation, creatorMSP string, e *endorser) *simulation {
	return &simulation{
		view:         v,
		txID:         txID,
		organisation: organisation,
		creatorMSP:   creatorMSP,
		endorser:     e,
		namespaces:   map[string]*recorder{},
		privateReads: map[collectionID]bool{},
		consulted:    map[collectionID]*peer.StaticCollectionConfig{},
		definitions:  map[string]*committedDefinition{},
	}
}

// done closes the iterators that the chaincode left open.
func (s *simulation) done() {
	for _, it := range s.open {
		it.close()
	}
}

func (s *simulation) in(namespace string) *recorder {
	r := s.namespaces[namespace]
	if r == nil {
		r = &recorder{
			reads:          map[string]*kvrwset.KVRead{},
			writes:         map[string]*kvrwset.KVWrite{},
			metadataWrites: map[string]*kvrwset.KVMetadataWrite{},
			collections:    map[string]*collectionRecorder{},
		}
		s.namespaces[namespace] = r
	}
	return r
}

func (r *recorder) in(collection string) *collectionRecorder {
	c := r.collections[collection]
	if c == nil {
		c = &collectionRecorder{
			reads:          map[string]*kvrwset.KVReadHash{},
			writes:         map[string]*kvrwset.KVWriteHash{},
			metadataWrites: map[string]*kvrwset.KVMetadataWriteHash{},
			private:        map[string]*kvrwset.KVWrite{},
			touched:        map[string]*kvrwset.KVMetadataWrite{},
		}
		r.collections[collection] = c
	}
	return c
}

// get reads a public key and records the version found.
func (s *simulation) get(namespace, key string) (*validation.Value, error) {
	v, err := s.view.Public(namespace, key)
	if err != nil {
		return nil, err
	}
	s.in(namespace).reads[key] = &kvrwset.KVRead{Key: key, Version: versionOf(v)}
	return v, nil
}

// put writes a public key; an empty value deletes it.
func (s *simulation) put(namespace, key string, value []byte) error {
	if err := s.mayWrite(); err != nil {
		return err
	}
	s.in(namespace).writes[key] = newWrite(key, value)
	return nil
}

func (s *simulation) putMetadata(namespace, key, name string, value []byte) error {
	if err := s.mayWrite(); err != nil {
		return err
	}
	s.in(namespace).metadataWrites[key] = &kvrwset.KVMetadataWrite{
		Key:     key,
		Entries: []*kvrwset.KVMetadataEntry{{Name: name, Value: clone(value)}},
	}
	return nil
}

func (s *simulation) putPrivate(namespace, collection, key string, value []byte, purge bool) error {
	if err := s.known(namespace, collection); err != nil {
		return err
	}
	if err := s.mayWrite(); err != nil {
		return err
	}
	c := s.in(namespace).in(collection)
	w := newWrite(key, value)
	c.private[key] = w
	hashed := &kvrwset.KVWriteHash{KeyHash: hashOf([]byte(key)), IsDelete: w.IsDelete, IsPurge: purge}
	if !w.IsDelete {
		hashed.ValueHash = hashOf(value)
	}
	c.writes[key] = hashed
	return nil
}

func (s *simulation) putPrivateMetadata(namespace, collection, key, name string, value []byte) error {
	if err := s.known(namespace, collection); err != nil {
		return err
	}
	if err := s.mayWrite(); err != nil {
		return err
	}
	c := s.in(namespace).in(collection)
	// The private set names the key only: the metadata itself lives with the
	// hash, but the private copy's version has to follow.
	c.touched[key] = &kvrwset.KVMetadataWrite{Key: key}
	c.metadataWrites[key] = &kvrwset.KVMetadataWriteHash{
		KeyHash: hashOf([]byte(key)),
		Entries: []*kvrwset.KVMetadataEntry{{Name: name, Value: clone(value)}},
	}
	return nil
}

// getPrivate reads a private value on this organisation's peer.
func (s *simulation) getPrivate(namespace, collection, key string) ([]byte, error) {
	definition, err := s.collection(namespace, collection)
	if err != nil {
		return nil, err
	}
	s.consulted[collectionID{namespace, collection}] = definition
	hashed, err := s.view.Hashed(namespace, collection, hashOf([]byte(key)))
	if err != nil {
		return nil, err
	}
	var private *validation.Value
	if isMember(definition, s.organisation) {
		if private, err = s.view.private(namespace, collection, key); err != nil {
			return nil, err
		}
	}
	if !sameVersion(hashed, private) {
		return nil, fmt.Errorf("private data matching public hash version is not available. Public hash version = %s, Private data version = %s",
			describe(hashed), describe(private))
	}
	s.recordPrivateRead(namespace, collection, key, hashed)
	s.privateReads[collectionID{namespace, collection}] = true
	if private == nil {
		return nil, nil
	}
	return private.Value, nil
}

// getPrivateHash reads the hash of a private value, which every peer has.
func (s *simulation) getPrivateHash(namespace, collection, key string) (*validation.Value, error) {
	if err := s.known(namespace, collection); err != nil {
		return nil, err
	}
	hashed, err := s.view.Hashed(namespace, collection, hashOf([]byte(key)))
	if err != nil {
		return nil, err
	}
	s.recordPrivateRead(namespace, collection, key, hashed)
	return hashed, nil
}

func (s *simulation) recordPrivateRead(namespace, collection, key string, v *validation.Value) {
	s.in(namespace).in(collection).reads[key] = &kvrwset.KVReadHash{
		KeyHash: hashOf([]byte(key)),
		Version: versionOf(v),
	}
}

// scan starts a range query and records it. With paged set the query is
// informative only, and the transaction may not write.
func (s *simulation) scan(namespace, start, end string, paged bool) (*scanner, *rangeRecord, error) {
	if paged {
		if s.wrote {
			return nil, nil, fmt.Errorf("txid [%s]: unsuppored transaction. Paginated queries are supported only in a read-only transaction", s.txID)
		}
		s.pagedQuery = true
	}
	it, err := s.view.scan(namespace, start, end)
	if err != nil {
		return nil, nil, err
	}
	s.open = append(s.open, it)
	record := &rangeRecord{start: start, summary: validation.NewRangeSummary(validation.RangeDegree)}
	r := s.in(namespace)
	r.ranges = append(r.ranges, record)
	return it, record, nil
}

// scanPrivate starts a range query over private data. It is not checked again
// at commit, so the transaction may not write.
func (s *simulation) scanPrivate(namespace, collection, start, end string) (*scanner, error) {
	if s.wrote {
		return nil, fmt.Errorf("txid [%s]: unsuppored transaction. Queries on pvt data is supported only in a read-only transaction", s.txID)
	}
	s.privateQuery = true
	definition, err := s.collection(namespace, collection)
	if err != nil {
		return nil, err
	}
	s.consulted[collectionID{namespace, collection}] = definition
	it, err := s.view.scanPrivate(namespace, collection, start, end)
	if err != nil {
		return nil, err
	}
	if !isMember(definition, s.organisation) {
		it.close() // this peer holds none of the collection's data
		it, err = s.view.rows([]byte{kindPrivate}, []byte{kindPrivate}, 1)
		if err != nil {
			return nil, err
		}
	}
	s.open = append(s.open, it)
	return it, nil
}

// mayWrite refuses writes behind queries that are not checked at commit.
func (s *simulation) mayWrite() error {
	if s.privateQuery {
		return fmt.Errorf("txid [%s]: unsuppored transaction. Transaction has already performed queries on pvt data. Writes are not allowed", s.txID)
	}
	if s.pagedQuery {
		return fmt.Errorf("txid [%s]: unsuppored transaction. Transaction has already performed a paginated query. Writes are not allowed", s.txID)
	}
	s.wrote = true
	return nil
}

// definition returns the chaincode's committed definition and makes the
// transaction conflict with a change of it, as a peer's look-up does.
func (s *simulation) definition(chaincode string) (*validation.Definition, error) {
	d, ok := s.definitions[chaincode]
	if !ok {
		var err error
		if d, err = s.endorser.definition(s.view, chaincode); err != nil {
			return nil, err
		}
		if d == nil {
			return nil, fmt.Errorf("chaincode %s not found", chaincode)
		}
		s.definitions[chaincode] = d
		key := validation.SequenceKey(chaincode)
		s.in(validation.LifecycleNamespace).reads[key] = &kvrwset.KVRead{
			Key:     key,
			Version: &kvrwset.Version{BlockNum: d.sequence.Block, TxNum: d.sequence.Transaction},
		}
	}
	return d.Definition, nil
}

func (s *simulation) known(namespace, collection string) error {
	_, err := s.collection(namespace, collection)
	return err
}

func (s *simulation) collection(namespace, collection string) (*peer.StaticCollectionConfig, error) {
	d, err := s.definition(namespace)
	if err != nil {
		return nil, err
	}
	c := d.Collection(collection)
	if c == nil {
		return nil, fmt.Errorf("collection [%s] not defined in the collection config for chaincode [%s]", collection, namespace)
	}
	return c, nil
}

// permission checks the creator's right to a collection, which its definition
// may keep to members.
func (s *simulation) permission(channel, namespace, collection string, write bool) error {
	d, err := s.definition(namespace)
	if err != nil {
		return err
	}
	c := d.Collection(collection)
	if c == nil {
		return fmt.Errorf("collection %s/%s/%s could not be found", channel, namespace, collection)
	}
	restricted, what := c.GetMemberOnlyRead(), "read"
	if write {
		restricted, what = c.GetMemberOnlyWrite(), "write"
	}
	if restricted && !isMember(c, s.creatorMSP) {
		return fmt.Errorf("tx creator does not have %s access permission on privatedata in chaincodeName:%s collectionName: %s",
			what, namespace, collection)
	}
	return nil
}

var errExhausted = errors.New("no such key")
