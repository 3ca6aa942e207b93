package store

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"
)

// ScanSummary is what a page shows about a code's scans.
type ScanSummary struct {
	First time.Time // first counted scan, UTC, whole milliseconds; zero if never scanned
	Count uint64    // counted scans
}

const (
	// scanRepeat: scans of one code by one visitor within this time count once.
	scanRepeat = 30 * time.Minute
	// scanDelay bounds what a crash loses.
	scanDelay = 200 * time.Millisecond
	// scanShards keeps requests on different codes from waiting for each other.
	scanShards = 64
	// scanBacklog, times the codes of a generation, bounds the codes that wait to be
	// written when the disk refuses.
	scanBacklog = 16
)

// ScanLimits bound the memory of scan counting.
type ScanLimits struct {
	Codes    int // codes kept in memory; 0 is 100,000 (about 20 MB when full)
	Visitors int // (code, visitor) pairs remembered for half an hour; 0 is 400,000 (about 20 MB when full)
}

// Scans counts scans of codes in memory and writes the counts out together, at most
// every 200 ms. A scan count is a statistic: a crash may lose up to 200 ms of scans,
// first scans among them, and starts the half hours of repeats afresh; it never
// loses what was written before and never leaves a first scan without its count.
// A clean Close loses nothing.
type Scans struct {
	store  *Store
	seed   maphash.Seed
	shards [scanShards]scanShard

	writing sync.Mutex // one write-out at a time
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
}

// scanShard holds the codes whose hash falls to it. Entries live in two
// generations: a full young one becomes the old one, and what was in the old one
// and was not used again is dropped, unless it still has to be written.
type scanShard struct {
	mu           sync.Mutex
	limits       ScanLimits // of this shard, per generation
	codes        map[string]*scanEntry
	oldCodes     map[string]*scanEntry
	visitors     map[uint64]int64 // hash of code and visitor → Unix milliseconds of the counted scan
	oldVisitors  map[uint64]int64
	visitorsFrom int64        // when the young visitors began
	changed      []*scanEntry // to be written
}

type scanEntry struct {
	code    string
	first   int64 // Unix milliseconds
	count   uint64
	changed bool // is in the shard's list of changed entries
	writing bool // handed to a write-out that has not ended
}

func newScans(s *Store, limits ScanLimits) *Scans {
	if limits.Codes <= 0 {
		limits.Codes = 100_000
	}
	if limits.Visitors <= 0 {
		limits.Visitors = 400_000
	}
	c := &Scans{
		store: s, seed: maphash.MakeSeed(),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	for i := range c.shards {
		shard := &c.shards[i]
		shard.limits = ScanLimits{Codes: max(1, limits.Codes/scanShards/2), Visitors: max(1, limits.Visitors/scanShards/2)}
		shard.codes = make(map[string]*scanEntry)
		shard.visitors = make(map[uint64]int64)
	}
	go c.run()
	return c
}

// Count counts a scan of code by visitor at now and returns the summary with it
// included. visitor is an opaque key of one phone (never an address or a name);
// with an empty one every scan counts. It touches the disk only for a code that is
// not in memory, and waits for it only when more codes were scanned within 200 ms
// than memory is set aside for.
//
// The two hashes of code and visitor are 64 bits under a random seed, so a visitor
// is mistaken for another one with negligible probability, and then one scan is
// not counted.
func (c *Scans) Count(code, visitor string, now time.Time) (ScanSummary, error) {
	ms := int64(milliseconds(now))
	shard, pair := c.locate(code, visitor)
	for {
		summary, full, err := shard.count(c, code, pair, ms)
		if err != nil {
			return ScanSummary{}, err
		}
		if !full {
			select {
			case c.wake <- struct{}{}:
			default:
			}
			return summary, nil
		}
		if err := c.Flush(); err != nil {
			return ScanSummary{}, err
		}
	}
}

// count counts one scan; pair is 0 for a scan without a visitor. full says that too
// many codes wait to be written and nothing was counted.
func (s *scanShard) count(c *Scans, code string, pair uint64, now int64) (summary ScanSummary, full bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, err := s.entry(c, code)
	if err != nil {
		return ScanSummary{}, false, err
	}
	if !entry.changed && len(s.changed) >= scanBacklog*s.limits.Codes {
		return ScanSummary{}, true, nil
	}
	if pair != 0 && s.repeated(pair, now) {
		return entry.summary(), false, nil
	}
	if entry.count == 0 {
		entry.first = now
	}
	entry.count++
	if !entry.changed {
		entry.changed = true
		s.changed = append(s.changed, entry)
	}
	return entry.summary(), false, nil
}

// Summary returns what is known about a code's scans without counting one, for link
// previews and HEAD requests.
func (c *Scans) Summary(code string) (ScanSummary, error) {
	shard, _ := c.locate(code, "")
	shard.mu.Lock()
	defer shard.mu.Unlock()
	entry, err := shard.entry(c, code)
	if err != nil {
		return ScanSummary{}, err
	}
	return entry.summary(), nil
}

// Flush writes all counts out. What was counted before the call survives a crash
// once it returned nil.
func (c *Scans) Flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	var taken [scanShards][]*scanEntry
	b := c.store.db.NewBatch()
	var err error
	for i := range c.shards {
		taken[i] = c.shards[i].take()
		for _, entry := range taken[i] {
			// first, count and code of a taken entry are read under the shard's lock.
			k, row := c.shards[i].row(entry)
			err = errors.Join(err, b.Set(k, row, nil))
		}
	}
	if err == nil && !b.Empty() {
		err = c.store.commit(b)
	}
	for i := range c.shards {
		c.shards[i].written(taken[i], err == nil)
	}
	return errors.Join(err, b.Close())
}

// run writes counts out scanDelay after the first change, and sleeps while there is
// none.
func (c *Scans) run() {
	defer close(c.stopped)
	timer := time.NewTimer(scanDelay)
	timer.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-c.wake:
		}
		timer.Reset(scanDelay)
		select {
		case <-c.stop:
			return
		case <-timer.C:
		}
		select { // what woke us is among what is written now
		case <-c.wake:
		default:
		}
		if err := c.Flush(); err != nil {
			c.store.logger.Error("scan counts were not written; trying again", "error", err)
			select {
			case c.wake <- struct{}{}:
			default:
			}
		}
	}
}

func (c *Scans) close() error {
	close(c.stop)
	<-c.stopped
	return c.Flush()
}

// locate returns a code's shard and the hash of code and visitor, 0 without one.
func (c *Scans) locate(code, visitor string) (*scanShard, uint64) {
	h := maphash.String(c.seed, code)
	shard := &c.shards[h%scanShards]
	if visitor == "" {
		return shard, 0
	}
	return shard, max(1, maphash.Comparable(c.seed, [2]uint64{h, maphash.String(c.seed, visitor)}))
}

// entry returns the entry of code, from memory or the disk. The caller has the lock;
// a miss reads one row under it, so that two requests do not count from the same
// old value.
func (s *scanShard) entry(c *Scans, code string) (*scanEntry, error) {
	if entry, ok := s.codes[code]; ok {
		return entry, nil
	}
	entry, ok := s.oldCodes[code]
	if !ok {
		var err error
		if entry, err = c.read(code); err != nil {
			return nil, err
		}
	}
	s.codes[entry.code] = entry
	if len(s.codes) >= s.limits.Codes {
		s.ageCodes()
	}
	return entry, nil
}

func (s *scanShard) ageCodes() {
	young := make(map[string]*scanEntry)
	for code, entry := range s.oldCodes {
		if entry.changed || entry.writing {
			young[code] = entry
		}
	}
	s.codes, s.oldCodes = young, s.codes
}

// repeated says whether the pair was counted within scanRepeat, and if not,
// remembers it. When the memory for visitors is full the oldest are forgotten
// early, and a repeat of theirs counts again.
func (s *scanShard) repeated(pair uint64, now int64) bool {
	const repeat = int64(scanRepeat / time.Millisecond)
	if now-s.visitorsFrom >= repeat || len(s.visitors) >= s.limits.Visitors {
		s.oldVisitors, s.visitors, s.visitorsFrom = s.visitors, make(map[uint64]int64), now
	}
	at, known := s.visitors[pair]
	if !known {
		at, known = s.oldVisitors[pair]
	}
	if known && now-at < repeat {
		return true
	}
	s.visitors[pair] = now
	return false
}

func (s *scanShard) take() []*scanEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.changed
	s.changed = nil
	for _, entry := range taken {
		entry.changed, entry.writing = false, true
	}
	return taken
}

func (s *scanShard) row(entry *scanEntry) (k, row []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return key(kindScan, entry.code), appendNumbers([]byte{scanForm}, uint64(entry.first), entry.count)
}

func (s *scanShard) written(taken []*scanEntry, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, entry := range taken {
		entry.writing = false
		if !ok && !entry.changed {
			entry.changed = true
			s.changed = append(s.changed, entry)
		}
	}
}

func (c *Scans) read(code string) (*scanEntry, error) {
	row, found, err := c.store.get(key(kindScan, code))
	if err != nil {
		return nil, err
	}
	entry := &scanEntry{code: code}
	if !found {
		return entry, nil
	}
	r := rowReader{rest: row}
	r.form(scanForm)
	entry.first, entry.count = int64(r.number()), r.number()
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("row of scans of %q: %w", code, err)
	}
	return entry, nil
}

func (e *scanEntry) summary() ScanSummary {
	if e.count == 0 {
		return ScanSummary{}
	}
	return ScanSummary{First: fromMilliseconds(uint64(e.first)), Count: e.count}
}

const scanForm = 1
