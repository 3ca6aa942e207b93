package embedded

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"traceledger/network/validation"
)

// planner finds sets of organisations whose endorsements satisfy policies. It
// remembers its answers: policies repeat, and trying every subset does not.
type planner struct {
	members    []string // sorted
	identities map[string]*validation.Identity

	mu    sync.Mutex
	known map[string][][]string
	seen  map[validation.Policy]int
}

// maxPlans bounds how many combinations of policies are remembered.
const maxPlans = 4096

func newPlanner(members []string, peers map[string]*signer) *planner {
	p := &planner{members: slices.Sorted(slices.Values(members)), identities: map[string]*validation.Identity{}}
	for _, m := range p.members {
		p.identities[m] = peers[m].identity
	}
	p.forget()
	return p
}

func (p *planner) forget() {
	p.known, p.seen = map[string][][]string{}, map[validation.Policy]int{}
}

// sets returns every smallest-by-inclusion set of the allowed organisations
// that satisfies all policies, in a fixed order.
func (p *planner) sets(policies []validation.Policy, allowed func(string) bool) [][]string {
	candidates := make([]string, 0, len(p.members))
	for _, m := range p.members {
		if allowed(m) {
			candidates = append(candidates, m)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := p.key(policies, candidates)
	if sets, ok := p.known[key]; ok {
		return sets
	}
	sets := p.search(policies, candidates)
	if len(p.known) >= maxPlans {
		p.forget()
		key = p.key(policies, candidates)
	}
	p.known[key] = sets
	return sets
}

func (p *planner) key(policies []validation.Policy, candidates []string) string {
	var b strings.Builder
	for _, policy := range policies {
		n, ok := p.seen[policy]
		if !ok {
			n = len(p.seen)
			p.seen[policy] = n
		}
		b.WriteString(strconv.Itoa(n))
		b.WriteByte(0)
	}
	for _, c := range candidates {
		b.WriteString(c)
		b.WriteByte(0)
	}
	return b.String()
}

func (p *planner) search(policies []validation.Policy, candidates []string) [][]string {
	var found []uint
	var out [][]string
	// By growing size, so that a set that contains a found one is not minimal.
	subsets := make([]uint, 0, 1<<len(candidates))
	for s := range uint(1) << len(candidates) {
		if s > 0 {
			subsets = append(subsets, s)
		}
	}
	slices.SortStableFunc(subsets, func(a, b uint) int { return ones(a) - ones(b) })
	for _, s := range subsets {
		if slices.ContainsFunc(found, func(f uint) bool { return s&f == f }) {
			continue
		}
		names, ids := p.pick(candidates, s)
		satisfied := true
		for _, policy := range policies {
			if policy.Evaluate(ids) != nil {
				satisfied = false
				break
			}
		}
		if satisfied {
			found, out = append(found, s), append(out, names)
		}
	}
	return out
}

func (p *planner) pick(candidates []string, subset uint) (names []string, ids []*validation.Identity) {
	for i, name := range candidates {
		if subset&(1<<i) != 0 {
			names, ids = append(names, name), append(ids, p.identities[name])
		}
	}
	return names, ids
}

func ones(s uint) (n int) {
	for ; s > 0; s &= s - 1 {
		n++
	}
	return n
}

// choose takes one of the sets: one with the preferred organisation if there is
// any, and among equals by the transaction id, so that which organisations
// endorse varies as it does on a network.
func choose(sets [][]string, preferred, txID string) []string {
	pool := make([][]string, 0, len(sets))
	for _, s := range sets {
		if slices.Contains(s, preferred) {
			pool = append(pool, s)
		}
	}
	if len(pool) == 0 {
		pool = sets
	}
	if len(pool) == 0 {
		return nil
	}
	n := 0
	for _, c := range []byte(txID) {
		n = (n*31 + int(c)) & 0xffff
	}
	return pool[n%len(pool)]
}
