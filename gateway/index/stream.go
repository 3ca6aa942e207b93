package index

import (
	"slices"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// StreamHead is a live stream with what was found in it and done about it.
type StreamHead struct {
	ID trace.StreamID `json:"id"`
	Typed[trace.Stream]
	Closed   *Typed[trace.StreamClose] `json:"closed,omitempty"` // nil while it runs
	Verdicts []Verdict                 `json:"verdicts,omitempty"`
	Actions  []Action                  `json:"actions,omitempty"` // steps and lowerings, as they were taken
	// Ladders are those of its hosts, in the order of the record.
	Ladders []Ladder `json:"ladders"`
}

// Ladder is where the ladder of one host in a stream stands, and where it ought to.
type Ladder struct {
	Host trace.PartyID `json:"host"`
	// State is what the chain says: the steps that hold and the violations they rest on.
	State trace.LadderState `json:"state"`
	// Violations are all that stand, by time; those of levels that count for nothing too.
	Violations []trace.LadderCause `json:"violations,omitempty"`
	// Height is how many steps the standing violations carry.
	Height int `json:"height"`
	// Next is the step that is due, Lower the lowering, nil where none is. A lowering
	// comes before a step.
	Next  *rules.DueStep `json:"next,omitempty"`
	Lower *DueLowering   `json:"lower,omitempty"`
	// Quiet is when the ladder begins anew unless something is found, 0 before the first
	// violation.
	Quiet trace.Time `json:"quiet,omitempty"`
}

// DueLowering is a lowering that the platform owes after a verdict was overturned.
type DueLowering struct {
	Undoes  trace.Key   `json:"undoes"`  // the newest step
	Reviews []trace.Key `json:"reviews"` // that overturned what the ladder rests on
	Left    int         `json:"left"`    // steps that are left
}

// Stream is a live stream's whole story.
type Stream struct {
	StreamHead
	Transcripts []Transcript                `json:"transcripts,omitempty"` // by writer
	Claims      []Typed[trace.ProductClaim] `json:"claims,omitempty"`
	Parties     map[trace.PartyID]*Party    `json:"parties,omitempty"`
}

// Transcript is what one writer anchored of a stream. Its runs are listed by their
// prefix (state.UtterancesPrefix).
type Transcript struct {
	Writer     trace.PartyID `json:"writer"`
	Runs       int           `json:"runs"`
	Utterances int           `json:"utterances"`
	From       trace.Time    `json:"from"`
	To         trace.Time    `json:"to"`
	// Missing are sequences below the highest that are not on the chain; Broken those whose
	// previous hash is not that of the run before. At most 100 each.
	Missing []int64 `json:"missing,omitempty"`
	Broken  []int64 `json:"broken,omitempty"`
}

// Stream gives a live stream's whole story.
func (x *Index) Stream(id trace.StreamID) (*Stream, bool, error) {
	var out *Stream
	err := x.read(func(s *story) error {
		of, err := s.factsOf(state.StreamSubject(id))
		if err != nil {
			return err
		}
		head, err := s.streamHead(id, of)
		if err != nil || head == nil {
			return err
		}
		v := &Stream{StreamHead: *head}
		if v.Claims, err = typedAll[trace.ProductClaim](s, of[state.FactClaim]); err != nil {
			return err
		}
		if v.Transcripts, err = s.transcripts(id); err != nil {
			return err
		}
		if v.Parties, err = s.partiesNamed(); err != nil {
			return err
		}
		out = v
		return nil
	})
	return out, out != nil, err
}

// StreamsOf lists the streams in which a party is merchant or host, newest first, as
// List does.
func (x *Index) StreamsOf(party trace.PartyID, cursor string, limit int) ([]Record, string, error) {
	return x.List(ListQuery{Kind: state.KindStream, Cursor: cursor, Limit: limit, scope: scopeIn(party)})
}

// StreamsSelling lists the streams that list a product, newest first, as List does.
func (x *Index) StreamsSelling(gtin trace.GTIN, cursor string, limit int) ([]Record, string, error) {
	return x.List(ListQuery{Kind: state.KindStream, Cursor: cursor, Limit: limit, scope: scopeListed(gtin)})
}

// streamHead reads a stream without its transcripts; nil when it is not on file.
func (s *story) streamHead(id trace.StreamID, of facts) (*StreamHead, error) {
	opened, err := load[trace.Stream](s, state.StreamKey(id))
	if err != nil || opened == nil {
		return nil, err
	}
	h := &StreamHead{ID: id, Typed: *opened}
	s.name(h.Record.Merchant)
	if h.Closed, err = load[trace.StreamClose](s, state.StreamCloseKey(id)); err != nil {
		return nil, err
	}
	if h.Verdicts, err = s.verdicts(of); err != nil {
		return nil, err
	}
	if h.Actions, err = s.actions(of); err != nil {
		return nil, err
	}
	books, err := value[[]trace.Rulebook](s, state.RulebookKey())
	if err != nil {
		return nil, err
	}
	if books == nil {
		books = new([]trace.Rulebook)
	}
	for _, host := range h.Record.Hosts {
		s.name(host.Party)
		held, err := value[trace.LadderState](s, state.LadderKey(id, host.Party))
		if err != nil {
			return nil, err
		}
		if held == nil {
			held = &trace.LadderState{}
		}
		h.Ladders = append(h.Ladders, h.ladder(host.Party, *held, *books))
	}
	return h, nil
}

// ladder works out where a host's ladder ought to stand.
func (h *StreamHead) ladder(host trace.PartyID, held trace.LadderState, books []trace.Rulebook) Ladder {
	l := Ladder{Host: host, State: held}
	overturned := map[trace.Key]trace.Key{} // verdict → review
	for _, v := range h.Verdicts {
		switch {
		case v.Record.Host != host:
		case v.Overturned():
			overturned[v.Provenance.Key] = v.Reviews[0].Provenance.Key
		case v.Record.Level == trace.LevelWarning || v.Record.Level == trace.LevelViolation:
			l.Violations = append(l.Violations, trace.LadderCause{Verdict: v.Provenance.Key, At: v.Record.Observed, Level: v.Record.Level})
		}
	}
	slices.SortStableFunc(l.Violations, func(a, b trace.LadderCause) int { return int(min(1, max(-1, a.At-b.At))) })
	rule := rules.Ladder{Versions: books, State: held}
	lower := &DueLowering{}
	for _, c := range held.Causes {
		review, gone := overturned[c.Verdict]
		rule.Overturned = append(rule.Overturned, gone)
		if gone {
			lower.Reviews = append(lower.Reviews, review)
		}
	}
	height := rules.Climb(books, l.Violations)
	l.Height = height.Steps
	if book := rules.RulebookOn(books, height.To.Date()); height.To != 0 && book != nil {
		l.Quiet = height.To + trace.Time(book.Ladder.ResetSeconds)*1000
	}
	left, due := rules.LowerDue(rule)
	if due {
		lower.Undoes, lower.Left = held.Steps[len(held.Steps)-1].Action, left
		l.Lower = lower
	} else if h.Closed == nil {
		l.Next = rules.NextStep(rule, l.Violations)
	}
	return l
}

const maxTranscriptFaults = 100

// transcripts sums up the runs of a stream, by writer.
func (s *story) transcripts(id trace.StreamID) ([]Transcript, error) {
	recs, err := records(s.from, state.UtterancesPrefix(id))
	if err != nil {
		return nil, err
	}
	var out []Transcript
	var before *trace.UtteranceRun
	for _, rec := range recs {
		run, err := typed[trace.UtteranceRun](s, rec)
		if err != nil {
			return nil, err
		}
		r := run.Record
		if n := len(out); n == 0 || out[n-1].Writer != rec.Party {
			out, before = append(out, Transcript{Writer: rec.Party, From: r.From}), nil
		}
		t := &out[len(out)-1]
		t.Runs, t.Utterances = t.Runs+1, t.Utterances+r.Count
		t.From, t.To = min(t.From, r.From), max(t.To, r.To)
		next := int64(1)
		if before != nil {
			next = before.Sequence + 1
			if next == r.Sequence && r.Previous != before.Payload && len(t.Broken) < maxTranscriptFaults {
				t.Broken = append(t.Broken, r.Sequence)
			}
		}
		for ; next < r.Sequence && len(t.Missing) < maxTranscriptFaults; next++ {
			t.Missing = append(t.Missing, next)
		}
		before = &r
	}
	return out, nil
}

// Streams that a lot's page names: those in which a step was taken, and the newest.
const (
	maxActedStreams = 5
	maxNewStreams   = 3
	maxLooked       = 50
)

// lotStreams reads the streams that sold a lot's product, or this lot of it.
func (s *story) lotStreams(l *Lot) error {
	var ids []trace.StreamID
	look := func(scope, kind string, most int, streamOf func(Record) trace.StreamID) error {
		recs, _, err := listNewest(s.from, ListQuery{Kind: kind, Limit: maxLooked, scope: scope}, nil)
		if err != nil {
			return err
		}
		found := 0
		for _, rec := range recs {
			id := streamOf(rec)
			if found == most || id == "" || slices.Contains(ids, id) {
				continue
			}
			stream, err := value[trace.Stream](s, state.StreamKey(id))
			if err != nil {
				return err
			}
			if stream != nil && sells(stream, l.ID) {
				ids, found = append(ids, id), found+1
			}
		}
		return nil
	}
	acted := func(rec Record) trace.StreamID {
		fact, _ := state.ParseFactKey(rec.Key)
		return trace.StreamID(fact.Subject.ID)
	}
	opened := func(rec Record) trace.StreamID { return trace.StreamID(state.LastPart(rec.Key)) }
	if err := look(scopeActed(l.ID.GTIN), state.FactAction, maxActedStreams, acted); err != nil {
		return err
	}
	if err := look(scopeListed(l.ID.GTIN), state.KindStream, maxNewStreams, opened); err != nil {
		return err
	}
	for _, id := range ids {
		of, err := s.factsOf(state.StreamSubject(id))
		if err != nil {
			return err
		}
		head, err := s.streamHead(id, of)
		if err != nil {
			return err
		}
		l.Streams = append(l.Streams, *head)
	}
	slices.SortStableFunc(l.Streams, func(a, b StreamHead) int { return provenanceOrder(b.Provenance, a.Provenance) })
	return nil
}

// sells tells whether a stream lists a lot: its product, without lots or with this one.
func sells(stream *trace.Stream, lot trace.LotID) bool {
	return slices.ContainsFunc(stream.Products, func(p trace.StreamProduct) bool {
		return p.GTIN == lot.GTIN && (len(p.Lots) == 0 || slices.Contains(p.Lots, lot.Lot))
	})
}
