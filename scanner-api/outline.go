package scanner

import (
	"slices"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// outline is what the path of a scan needs to know of a lot: its packs and which of
// their items travelled alike. It is made once for each version of the lot.
type outline struct {
	packs []packOutline
	files map[trace.Digest]bool // files that the lot's page shows, and no others
}

// packOutline is one code pack.
type packOutline struct {
	id       trace.PackID
	count    int64
	root     trace.Digest
	leafFile trace.Digest
	state    trace.PackState
	void     trace.Time // when it was voided; zero unless it is
	groups   []index.JourneyGroup
}

// group is the first item of the run that the item belongs to: items of one run
// share their page but for the number.
func (p *packOutline) group(item int64) int64 {
	n, _ := slices.BinarySearchFunc(p.groups, item, func(g index.JourneyGroup, item int64) int {
		if g.Last < item {
			return -1
		}
		return 1
	})
	if n < len(p.groups) && p.groups[n].First <= item {
		return p.groups[n].First
	}
	return item
}

func newOutline(lot *index.Lot) *outline {
	o := &outline{files: map[trace.Digest]bool{}}
	for i := range lot.Packs {
		p := outlineOfPack(&lot.Packs[i])
		p.groups = lot.JourneyGroups(p.id)
		o.packs = append(o.packs, p)
	}
	o.collectFiles(lot)
	delete(o.files, trace.Digest{})
	return o
}

func outlineOfPack(pack *index.Pack) packOutline {
	p := packOutline{id: pack.ID, count: pack.Record.Count, root: pack.Record.Root, leafFile: pack.Record.LeafFile, state: pack.Status.State}
	if p.state == trace.PackVoid {
		for _, change := range pack.Changes {
			if change.Record.To == trace.PackVoid {
				p.void = change.Provenance.Recorded
			}
		}
	}
	return p
}

// collectFiles lists what readers may fetch: papers, reports, pictures, documents
// of reviews and measures. Segment payloads are not among them: a raw track tells
// where a driver was.
func (o *outline) collectFiles(lot *index.Lot) {
	add := func(digests ...trace.Digest) {
		for _, d := range digests {
			o.files[d] = true
		}
	}
	for _, party := range lot.Parties {
		for _, l := range party.Licences {
			add(l.Record.Document)
		}
	}
	for _, c := range lot.Certificates {
		add(c.Record.Document)
	}
	for _, i := range lot.Inspections {
		add(i.Record.Certificate)
	}
	for _, r := range lot.Reviews {
		add(r.Record.Document)
	}
	for _, e := range lot.Log {
		add(e.Record.Media...)
	}
	for _, a := range lot.Actions {
		add(a.Record.Rectification)
	}
}
