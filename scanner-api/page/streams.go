package page

import (
	"fmt"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// Stream is a live stream that sold these goods. What was said in it changes nothing
// about the goods, so it stands beside the story and not in the verdict line.
type Stream struct {
	ID, When string
	AI       bool     // a host is made by software: the label is owed to the viewer
	Findings string   // adverse findings that stand, "" for none
	Steps    []string // what holds on its hosts now
	Cut      bool
	Stamp    Stamp
}

// streams shows the live streams that sold the goods, the newest first.
func (b *builder) streams() {
	for _, s := range b.s.Lot.Streams {
		b.v.Streams = append(b.v.Streams, b.streamView(s))
	}
}

func (b *builder) streamView(s index.StreamHead) Stream {
	v := Stream{ID: string(s.ID), When: Clock(s.Record.Planned), Stamp: b.sign(b.recordKind(state.KindStream), s.Provenance)}
	for _, h := range s.Record.Hosts {
		v.AI = v.AI || h.AI
	}
	adverse := 0
	for _, found := range s.Verdicts {
		if found.Adverse() {
			adverse++
		}
	}
	if adverse > 0 {
		v.Findings = b.counted(adverse, "%d 条不利判定", "%d adverse finding", "%d adverse findings")
	}
	for _, l := range s.Ladders {
		n := len(l.State.Steps)
		if n == 0 {
			continue
		}
		kind := l.State.Steps[n-1].Kind
		v.Cut = v.Cut || kind == trace.ActionCut
		v.Steps = append(v.Steps, fmt.Sprintf(b.words("主播 %s：%s", "Host %s: %s"), l.Host, b.action(kind)))
	}
	for _, a := range s.Actions {
		b.sign(b.recordKind(state.FactAction), a.Provenance)
	}
	return v
}
