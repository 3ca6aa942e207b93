package index

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// A topic is something whose facts appear on pages: a lot, a party, a shipment. The
// fold notes with each topic the last block that changed it. What a lot's page shows
// depends on a set of topics, which only grows; so the newest block among them is a
// version that changes whenever anything on the page did. It is derived from the chain
// alone: two gateways agree on it.
func topicOf(s trace.Subject) string { return string(s.Kind) + "/" + s.ID }

// Logistic units are no subject of verdicts, but of pages.
func topicOfUnit(s trace.SSCC) string { return "unit/" + string(s) }

// maxDependencies bounds what is remembered, as pairs of lot and topic (about 100
// bytes each); when full, all is forgotten.
const maxDependencies = 200_000

// versions remembers the versions of lots that were asked for, and forgets them when
// a topic of theirs changes.
type versions struct {
	mu     sync.RWMutex
	height uint64 // blocks folded, as far as changed was told
	lots   map[trace.LotID]lotVersion
	depend map[string]map[trace.LotID]struct{} // topic → lots remembered
	pairs  int                                 // of depend
}

type lotVersion struct {
	version uint64
	topics  []string
}

func newVersions() *versions {
	v := &versions{}
	v.forgetAll()
	return v
}

func (v *versions) forgetAll() {
	v.lots, v.depend, v.pairs = map[trace.LotID]lotVersion{}, map[string]map[trace.LotID]struct{}{}, 0
}

func (v *versions) known(id trace.LotID) (version, height uint64, known bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	l, known := v.lots[id]
	return l.version, v.height, known
}

// changed forgets the lots that depend on a changed topic. It is told after the
// database shows the change.
func (v *versions) changed(height uint64, topics map[string]uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.height = height
	for topic := range topics {
		for id := range v.depend[topic] {
			v.forget(id)
		}
	}
}

func (v *versions) forget(id trace.LotID) {
	for _, topic := range v.lots[id].topics {
		lots := v.depend[topic]
		if delete(lots, id); len(lots) == 0 {
			delete(v.depend, topic)
		}
	}
	v.pairs -= len(v.lots[id].topics)
	delete(v.lots, id)
}

// remember keeps a lot's version that was read when at least height blocks were
// folded. If any were since, a change may have been missed: nothing is kept.
func (v *versions) remember(id trace.LotID, height uint64, l lotVersion) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.height != height {
		return
	}
	if _, known := v.lots[id]; known {
		return
	}
	if v.pairs+len(l.topics) > maxDependencies {
		v.forgetAll()
	}
	v.lots[id] = l
	v.pairs += len(l.topics)
	for _, topic := range l.topics {
		if v.depend[topic] == nil {
			v.depend[topic] = map[trace.LotID]struct{}{}
		}
		v.depend[topic][id] = struct{}{}
	}
}

// Version changes whenever anything that the lot's pages show changed: its own facts,
// a parent's recall, its parties' licences and standing, verdicts on its shipments,
// their segments. It is the number, plus one, of the last block that did so; 0 for a
// lot that is not on file. It costs a look-up in memory unless the lot changed since
// it was last asked for. What Lot and Journey give afterwards is at least as new.
// When the index cannot be read it is 0 too, and Lot says why.
func (x *Index) Version(id trace.LotID) uint64 {
	version, height, known := x.versions.known(id)
	if known {
		return version
	}
	err := x.read(func(s *story) error {
		lot, err := s.lot(id)
		if err != nil || lot == nil {
			return err
		}
		version = lot.Version
		x.versions.remember(id, height, lotVersion{version: version, topics: s.topicList()})
		return nil
	})
	if err != nil {
		x.logger.Error("version of a lot", "lot", id, "error", err)
		return 0
	}
	return version
}

// PackVersion is to the page of a code pack that is not bound to a lot what Version
// is to a lot's pages.
func (x *Index) PackVersion(id trace.PackID) (uint64, error) {
	version, err := topicVersion(x.db, topicOf(state.PackSubject(id)))
	return version, x.failure(err)
}

func topicVersion(from pebble.Reader, topic string) (uint64, error) {
	row, found, err := get(from, versionRow(topic))
	if err != nil || !found {
		return 0, err
	}
	r := rowReader{rest: row}
	if v := r.unsigned(); !r.failed {
		return v, nil
	}
	return 0, errRow
}
