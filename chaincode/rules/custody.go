package rules

import (
	"slices"

	"traceledger/chaincode/trace"
)

// MaxSpans is the most runs of items with different holders that one pack keeps.
const MaxSpans = 500

// MoveCodes moves a run of a pack's items from one holder to another. Every item must
// be with from, whose Since is not compared (CUSTODY), and since no later than to
// (CHRONOLOGY). The result covers the pack as before, without gap or overlap;
// neighbours with the same holder since the same time are one span.
func MoveCodes(custody trace.PackCustody, r trace.CodeRange, from, to trace.CustodyHolder) (trace.PackCustody, error) {
	if len(custody.Spans) == 0 {
		return custody, trace.Errorf(trace.CodeCustody, "pack %s has no custody: it was never activated", r.Pack)
	}
	if end := custody.Spans[len(custody.Spans)-1].Last; r.First < 1 || r.Last < r.First || r.Last > end {
		return custody, trace.Errorf(trace.CodeInvalid, "items %d to %d of pack %s: it has items 1 to %d", r.First, r.Last, r.Pack, end)
	}
	out := make([]trace.CustodySpan, 0, len(custody.Spans)+2)
	for _, s := range custody.Spans {
		first, last := max(s.First, r.First), min(s.Last, r.Last)
		if first > last {
			out = appendSpan(out, s)
			continue
		}
		if !SameHolder(s.Holder, from) {
			return custody, trace.Errorf(trace.CodeCustody, "items %d to %d of pack %s are with %s, not with %s", first, last, r.Pack, HolderName(s.Holder), HolderName(from))
		}
		if to.Since < s.Holder.Since {
			return custody, trace.Errorf(trace.CodeChronology, "items %d to %d of pack %s are with %s since %s, they cannot leave at %s", first, last, r.Pack, HolderName(s.Holder), s.Holder.Since, to.Since)
		}
		if s.First < first {
			out = appendSpan(out, trace.CustodySpan{First: s.First, Last: first - 1, Holder: s.Holder})
		}
		out = appendSpan(out, trace.CustodySpan{First: first, Last: last, Holder: to})
		if last < s.Last {
			out = appendSpan(out, trace.CustodySpan{First: last + 1, Last: s.Last, Holder: s.Holder})
		}
	}
	if len(out) > MaxSpans {
		return custody, trace.Errorf(trace.CodeTooLarge, "pack %s would be split into %d runs, at most %d", r.Pack, len(out), MaxSpans)
	}
	return trace.PackCustody{Spans: out}, nil
}

func appendSpan(spans []trace.CustodySpan, s trace.CustodySpan) []trace.CustodySpan {
	if n := len(spans); n > 0 && spans[n-1].Holder == s.Holder {
		spans[n-1].Last = s.Last
		return spans
	}
	return append(spans, s)
}

// MoveUnit moves a logistic unit from one holder to another, as MoveCodes does items.
func MoveUnit(sscc trace.SSCC, custody *trace.UnitCustody, from, to trace.CustodyHolder) (trace.UnitCustody, error) {
	if custody == nil {
		return trace.UnitCustody{}, trace.Errorf(trace.CodeNotFound, "logistic unit %s is not on the chain", sscc)
	}
	if !SameHolder(custody.Holder, from) {
		return *custody, trace.Errorf(trace.CodeCustody, "logistic unit %s is with %s, not with %s", sscc, HolderName(custody.Holder), HolderName(from))
	}
	if to.Since < custody.Holder.Since {
		return *custody, trace.Errorf(trace.CodeChronology, "logistic unit %s is with %s since %s, it cannot leave at %s", sscc, HolderName(custody.Holder), custody.Holder.Since, to.Since)
	}
	return trace.UnitCustody{Holder: to}, nil
}

// SameHolder compares who holds, not since when.
func SameHolder(a, b trace.CustodyHolder) bool {
	return a.Party == b.Party && a.Shipment == b.Shipment && a.SSCC == b.SSCC
}

// HolderName says who holds, for messages.
func HolderName(h trace.CustodyHolder) string {
	switch {
	case h.Party != "":
		return "party " + string(h.Party)
	case h.Shipment != "":
		return "shipment " + string(h.Shipment)
	case h.SSCC != "":
		return "logistic unit " + string(h.SSCC)
	}
	return "nobody"
}

// checkRanges checks runs of codes: each well formed, none overlapping another.
func checkRanges(name string, ranges []trace.CodeRange) error {
	sorted := SortedRanges(ranges)
	for i, r := range sorted {
		if err := r.Pack.Validate(); err != nil {
			return err
		}
		if r.First < 1 || r.Last < r.First || r.Last > trace.MaxPackCount {
			return trace.Errorf(trace.CodeInvalid, "%s: items %d to %d of pack %s is not a run of items", name, r.First, r.Last, r.Pack)
		}
		if i > 0 && sorted[i-1].Overlaps(r) {
			return trace.Errorf(trace.CodeCustody, "%s: item %d of pack %s is given twice", name, r.First, r.Pack)
		}
	}
	return nil
}

// SortedRanges orders runs by pack and first item.
func SortedRanges(ranges []trace.CodeRange) []trace.CodeRange {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, compareRanges)
	return sorted
}
