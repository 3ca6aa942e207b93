package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Stream is the contract of live streams: what is sold by whom, what was said, and what
// was claimed about the goods.
type Stream struct{ subject }

// Open puts a stream on file before it begins.
func (c *Stream) Open(ctx *Context, argument string) (string, error) {
	return submit(ctx, c.methods["Open"], argument, func(s *submission, r *trace.OpenStreamRequest) (any, error) {
		if err := rules.CheckStream(r, s.Caller.Party, s.Caller.Role, s.Now); err != nil {
			return nil, err
		}
		if err := s.natural(state.StreamKey(r.Stream)); err != nil {
			return nil, err
		}
		if err := firstOf(s.participants(r), s.listed(r)); err != nil {
			return nil, err
		}
		return &trace.Stream{
			Room: r.Room, Merchant: r.Merchant, Hosts: r.Hosts, Products: r.Products, Planned: r.Planned, Commitment: r.Commitment,
		}, nil
	})
}

// participants refuses hosts and a merchant that the registry does not let take part.
func (s *submission) participants(r *trace.OpenStreamRequest) error {
	if err := s.takesPart(r.Merchant, trace.RoleMerchant); err != nil {
		return err
	}
	for _, h := range r.Hosts {
		if err := s.takesPart(h.Party, trace.RoleHost); err != nil {
			return err
		}
	}
	return nil
}

func (s *submission) takesPart(id trace.PartyID, role trace.Role) error {
	p := rules.Participant{ID: id}
	var err error
	if p.Party, err = state.GetParty(s.Ledger, id); err != nil {
		return err
	}
	if p.Standing, err = state.GetStanding(s.Ledger, id); err != nil {
		return err
	}
	return rules.MayTakePart(p, role, s.Today)
}

// listed refuses products and lots that are not on file or not on sale.
func (s *submission) listed(r *trace.OpenStreamRequest) error {
	for _, p := range r.Products {
		product, err := s.product(p.GTIN)
		if err != nil {
			return err
		}
		delisted, err := state.GetRecall(s.Ledger, state.DelistProductKey(p.GTIN))
		if err != nil {
			return err
		}
		if err := rules.MayList(r.Merchant, product, delisted); err != nil {
			return err
		}
		for _, lot := range p.Lots {
			if err := s.lotOnSale(trace.LotID{GTIN: p.GTIN, Lot: lot}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *submission) lotOnSale(id trace.LotID) error {
	lot, err := s.registered(id)
	if err != nil {
		return err
	}
	if err := s.lineNotRecalled(lot.Batch); err != nil {
		return err
	}
	delisted, err := state.GetRecall(s.Ledger, state.DelistLotKey(id))
	if err != nil {
		return err
	}
	return rules.LotOnSale(id, delisted)
}

// Close ends a stream, once.
func (c *Stream) Close(ctx *Context, argument string) (string, error) {
	return submit(ctx, c.methods["Close"], argument, func(s *submission, r *trace.CloseStreamRequest) (any, error) {
		if err := r.Stream.Validate(); err != nil {
			return nil, err
		}
		if err := s.natural(state.StreamCloseKey(r.Stream)); err != nil {
			return nil, err
		}
		broadcast, err := s.broadcast(r.Stream)
		if err != nil {
			return nil, err
		}
		if err := rules.CloseStream(r, broadcast, s.Caller.Party, s.Now); err != nil {
			return nil, err
		}
		return &trace.StreamClose{Stream: r.Stream, Ended: r.Ended}, nil
	})
}

// broadcast loads a stream with its end.
func (s *submission) broadcast(id trace.StreamID) (rules.Broadcast, error) {
	b := rules.Broadcast{ID: id}
	var err error
	if b.Stream, err = state.GetStream(s.Ledger, id); err != nil || b.Stream == nil {
		return b, err
	}
	b.Close, err = state.GetStreamClose(s.Ledger, id)
	return b, err
}

// AnchorTranscript records a run of utterances by its hashes. It reads nothing that is
// written often: the stream and its end.
func (c *Stream) AnchorTranscript(ctx *Context, argument string) (string, error) {
	return submit(ctx, c.methods["AnchorTranscript"], argument, func(s *submission, r *trace.AnchorTranscriptRequest) (any, error) {
		if err := rules.CheckTranscript(r); err != nil {
			return nil, err
		}
		if err := s.claim(r.To); err != nil { // the transcriber's word is the end of its last utterance
			return nil, err
		}
		if err := s.natural(state.UtterancesKey(r.Stream, s.Caller.Party, r.Sequence)); err != nil {
			if trace.CodeOf(err) == trace.CodeAlreadyExists {
				err = trace.Errorf(trace.CodeSequence, "stream %s sequence %d of %s is on the chain with other content", r.Stream, r.Sequence, s.Caller.Party)
			}
			return nil, err
		}
		broadcast, err := s.broadcast(r.Stream)
		if err != nil {
			return nil, err
		}
		if err := rules.MayTranscribe(r, broadcast, s.Caller.Party, s.Caller.Role, s.Now); err != nil {
			return nil, err
		}
		return &trace.UtteranceRun{
			Stream: r.Stream, Sequence: r.Sequence, Count: r.Count, From: r.From, To: r.To,
			Previous: r.Previous, Payload: r.Payload, Root: r.Root,
		}, nil
	})
}

// Claim records what was said or written about a product.
func (c *Stream) Claim(ctx *Context, argument string) (string, error) {
	return submit(ctx, c.methods["Claim"], argument, func(s *submission, r *trace.ClaimRequest) (any, error) {
		if err := rules.CheckClaim(r); err != nil {
			return nil, err
		}
		subject := state.ProductSubject(r.GTIN)
		if r.Stream != "" {
			subject = state.StreamSubject(r.Stream)
		}
		if err := s.fact(subject, state.FactClaim); err != nil {
			return nil, err
		}
		facts, err := s.claimFacts(r)
		if err != nil {
			return nil, err
		}
		if err := rules.MayClaim(r, facts); err != nil {
			return nil, err
		}
		return &trace.ProductClaim{
			Stream: r.Stream, Host: r.Host, Run: r.Run, Utterance: r.Utterance, Page: r.Page, GTIN: r.GTIN, Lot: r.Lot,
			Kind: r.Kind, Quantity: r.Quantity, Text: r.Text, At: r.At,
		}, nil
	})
}

func (s *submission) claimFacts(r *trace.ClaimRequest) (f rules.ClaimFacts, err error) {
	f.By, f.Role = s.Caller.Party, s.Caller.Role
	if f.Product, err = s.product(r.GTIN); err != nil {
		return f, err
	}
	if r.Lot != "" {
		if _, err := s.registered(trace.LotID{GTIN: r.GTIN, Lot: r.Lot}); err != nil {
			return f, err
		}
	}
	if r.Stream == "" {
		return f, nil
	}
	if f.Stream, err = s.broadcast(r.Stream); err != nil {
		return f, err
	}
	f.Run, err = state.GetUtteranceRun(s.Ledger, r.Run)
	return f, err
}
