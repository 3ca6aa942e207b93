package jt808

import (
	"time"

	"traceledger/chaincode/trace"
)

// assembler puts the packets of one message together. A terminal sends one message
// after the other, so there is one at a time: a packet of another message gives up the
// one before, whose packets were not acknowledged and come again.
type assembler struct {
	head    Header // of the first packet: its serial names the message
	begun   time.Time
	parts   [][]byte // by index, nil until there
	missing int
	bytes   int
}

const (
	// CodeFragments is the code of a fragmented message that was given up.
	CodeFragments trace.Code = "FRAGMENTS"

	maxPackets = 64
)

var errPackets = trace.Errorf(trace.CodeTooLarge, "a message in more than %d packets, or larger than the limit", maxPackets)

func (a *assembler) pending() bool { return a.missing > 0 }

func (a *assembler) drop() { *a = assembler{} }

// add keeps one packet, of which body is the caller's, and gives the whole message once
// all are there. Its header is that of the first packet. dropped tells that another
// message was given up for it.
func (a *assembler) add(h *Header, body []byte, limit int, now time.Time) (whole *Header, all []byte, dropped bool, err error) {
	first := h.Serial - (h.Index - 1)
	if a.pending() && (a.head.ID != h.ID || a.head.Serial != first || a.head.Total != h.Total) {
		a.drop()
		dropped = true
	}
	if !a.pending() {
		if h.Total > maxPackets {
			return nil, nil, dropped, errPackets
		}
		*a = assembler{head: *h, begun: now, parts: make([][]byte, h.Total), missing: int(h.Total)}
		a.head.Serial, a.head.Index = first, 1
	}
	if a.parts[h.Index-1] != nil {
		return nil, nil, dropped, nil // a resend
	}
	if a.bytes += len(body); a.bytes > limit {
		a.drop()
		return nil, nil, dropped, errPackets
	}
	a.parts[h.Index-1] = append(make([]byte, 0, len(body)), body...)
	if a.missing--; a.missing > 0 {
		return nil, nil, dropped, nil
	}
	all = make([]byte, 0, a.bytes)
	for _, part := range a.parts {
		all = append(all, part...)
	}
	head := a.head
	a.drop()
	return &head, all, dropped, nil
}
