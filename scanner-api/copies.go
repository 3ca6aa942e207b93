package scanner

import (
	"hash/maphash"
	"sync"

	"traceledger/chaincode/trace"
)

// CopyLimits say what one pack cannot do. They are deliberately wide: a gift, a
// tasting table or a family may well scan a pack many times, and a page that cries
// wolf is worth nothing.
type CopyLimits struct {
	// VisitorsPerDay is the most distinct phones that one pack meets in a day. 0 is 30.
	VisitorsPerDay int
	// Scans is the most scans one pack has in its life. 0 is 300.
	Scans uint64
}

func (l CopyLimits) withDefaults() CopyLimits {
	if l.VisitorsPerDay <= 0 {
		l.VisitorsPerDay = 30
	}
	if l.Scans == 0 {
		l.Scans = 300
	}
	return l
}

// ScanPattern is how a code was scanned.
type ScanPattern struct {
	Count       uint64 // counted scans in all
	MostVisitor int    // most distinct visitors on one day
	State       trace.PackState
	// AfterVoid tells that the code was scanned for the first time after its pack was
	// void: the pack was destroyed or never left the producer, and yet its code is out.
	AfterVoid bool
}

// SuspectedCopy is the one rule: a code scanned in ways that one pack cannot be is
// probably printed on more than one. It is a statistic of this scanner and not on
// the chain; the page says "suspected", and a monitor may make a verdict of it.
func SuspectedCopy(p ScanPattern, limits CopyLimits) bool {
	limits = limits.withDefaults()
	return p.MostVisitor > limits.VisitorsPerDay || p.Count > limits.Scans || p.State == trace.PackVoid && p.AfterVoid
}

// sightings remembers, for the codes scanned lately, the distinct visitors of a day.
// It is bounded and lives in memory; the count of all scans, which is durable,
// catches what a restart makes it forget.
type sightings struct {
	limit  int // visitors of a day remembered, one more than the rule needs
	seed   maphash.Seed
	shards [16]sightingShard
}

type sightingShard struct {
	mu         sync.Mutex
	young, old map[string]*sighting
}

type sighting struct {
	day      trace.Date
	most     int
	visitors []uint64 // hashes of the day's distinct visitors
}

// sightingCodes bounds the codes remembered, per shard and generation.
const sightingCodes = 2_048

func newSightings(limits CopyLimits) *sightings {
	s := &sightings{limit: limits.withDefaults().VisitorsPerDay + 1, seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].young = make(map[string]*sighting)
	}
	return s
}

// see notes a visitor of a code and answers the most distinct visitors it had on one
// day.
func (s *sightings) see(code, visitor string, today trace.Date) int {
	shard := &s.shards[maphash.String(s.seed, code)&15]
	who := maphash.String(s.seed, visitor)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	seen := shard.find(code)
	if seen == nil {
		seen = &sighting{day: today}
		shard.keep(code, seen)
	}
	if seen.day != today {
		seen.day, seen.visitors = today, seen.visitors[:0]
	}
	known := false
	for _, v := range seen.visitors {
		if v == who {
			known = true
			break
		}
	}
	if !known && len(seen.visitors) < s.limit {
		seen.visitors = append(seen.visitors, who)
		seen.most = max(seen.most, len(seen.visitors))
	}
	return seen.most
}

// most answers without noting anyone.
func (s *sightings) most(code string) int {
	shard := &s.shards[maphash.String(s.seed, code)&15]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if seen := shard.find(code); seen != nil {
		return seen.most
	}
	return 0
}

func (s *sightingShard) find(code string) *sighting {
	if seen := s.young[code]; seen != nil {
		return seen
	}
	seen := s.old[code]
	if seen != nil {
		s.keep(code, seen)
	}
	return seen
}

func (s *sightingShard) keep(code string, seen *sighting) {
	if len(s.young) >= sightingCodes {
		s.old, s.young = s.young, make(map[string]*sighting)
	}
	s.young[code] = seen
}
