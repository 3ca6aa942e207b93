package scanner

import (
	"net/netip"
	"sync"
	"time"
)

// limiter bounds how often one client may ask, by the generic cell rate algorithm:
// for each address it remembers one moment, the time up to which its requests are
// paid for. IPv6 clients are known by their /64.
type limiter struct {
	interval time.Duration // time a request costs
	credit   time.Duration // how far ahead of now a client may be
	shards   [16]limiterShard
}

type limiterShard struct {
	mu         sync.Mutex
	young, old map[netip.Addr]int64 // Unix nanoseconds
}

// limiterClients bounds the addresses remembered, per shard and generation.
const limiterClients = 8_192

// newLimiter allows rate requests a second on average and burst at once.
func newLimiter(rate float64, burst int) *limiter {
	l := &limiter{interval: time.Duration(float64(time.Second) / rate)}
	l.credit = l.interval * time.Duration(burst)
	for i := range l.shards {
		l.shards[i].young = make(map[netip.Addr]int64)
	}
	return l
}

// allow takes one request from client's allowance; when there is none it says how
// long to wait. An address pushed out of memory starts afresh.
func (l *limiter) allow(client netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	if client.Is6() {
		if prefix, err := client.Prefix(64); err == nil {
			client = prefix.Addr()
		}
	}
	raw := client.As16()
	s := &l.shards[(raw[15]^raw[14]^raw[7])&15]
	at := now.UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	paid, known := s.young[client]
	if !known {
		paid = s.old[client]
	}
	paid = max(paid, at) + int64(l.interval)
	if ahead := paid - at; ahead > int64(l.credit) {
		return time.Duration(ahead - int64(l.credit)), false
	}
	s.young[client] = paid
	if len(s.young) >= limiterClients {
		s.old, s.young = s.young, make(map[netip.Addr]int64)
	}
	return 0, true
}
