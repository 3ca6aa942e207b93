package archive

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// proofs gives the audit paths of many leaves; rules.InclusionProof hashes the whole tree
// for each.
type proofs struct {
	levels [][]trace.Digest // leaves first; a last node without a sibling moves up unhashed
}

func newProofs(leaves []trace.Digest) *proofs {
	p := &proofs{levels: [][]trace.Digest{leaves}}
	for level := leaves; len(level) > 1; {
		above := make([]trace.Digest, 0, (len(level)+1)/2)
		for i := 0; i+1 < len(level); i += 2 {
			above = append(above, rules.NodeHash(level[i], level[i+1]))
		}
		if len(level)%2 == 1 {
			above = append(above, level[len(level)-1])
		}
		p.levels = append(p.levels, above)
		level = above
	}
	return p
}

func (p *proofs) path(index int64) []trace.Digest {
	path := []trace.Digest{}
	for _, level := range p.levels {
		if sibling := index ^ 1; sibling < int64(len(level)) {
			path = append(path, level[sibling])
		}
		index /= 2
	}
	return path
}
