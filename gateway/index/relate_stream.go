package index

import (
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

func relateStream(w *write, l *links) error {
	var v struct {
		head
		Merchant trace.PartyID         `json:"merchant"`
		Hosts    []trace.StreamHost    `json:"hosts"`
		Products []trace.StreamProduct `json:"products"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head = v.head
	l.topic(state.StreamSubject(trace.StreamID(w.parts[0])))
	for _, p := range v.Products {
		l.topic(state.ProductSubject(p.GTIN)) // whose lots' pages name the stream
		l.scopes = append(l.scopes, scopeListed(p.GTIN))
	}
	l.scopes = append(l.scopes, scopeIn(v.Merchant))
	for _, h := range v.Hosts {
		if h.Party != v.Merchant {
			l.scopes = append(l.scopes, scopeIn(h.Party))
		}
	}
	return nil
}

func relateOfStream(w *write, l *links) error {
	l.topic(state.StreamSubject(trace.StreamID(w.parts[0])))
	return nil
}

// relateVerdict puts a finding into the reviewers' queue.
func relateVerdict(w *write, l *links) error {
	var v struct {
		head
		Level trace.VerdictLevel `json:"level"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head, l.awaits = v.head, v.Level
	return nil
}

// relateVerdictReview takes a verdict out of the queue.
func relateVerdictReview(w *write, l *links) error {
	var v struct {
		head
		Verdict trace.Key `json:"verdict"`
	}
	if err := w.decode(&v); err != nil {
		return err
	}
	l.head, l.reviewed = v.head, v.Verdict
	return nil
}
