package rules

import (
	"slices"

	"traceledger/chaincode/trace"
)

// Bounds of a stream.
const (
	maxHosts          = 8
	maxStreamProducts = 50
	maxListedLots     = 10
	maxSignatures     = 10
	// maxPlanned is how far ahead a stream is put on file, 90 days.
	maxPlanned trace.Time = 90 * 24 * 60 * 60 * 1000
)

// CheckStream checks a stream to be opened: its form, and that it is on file, with its
// commitment signed, before it begins. by is who opens it.
func CheckStream(r *trace.OpenStreamRequest, by trace.PartyID, role trace.Role, now trace.Time) error {
	if err := firstError(r.Stream.Validate(), r.Room.Validate(), r.Merchant.Validate(), checkHosts(r.Hosts), checkListed(r.Products)); err != nil {
		return err
	}
	if role == trace.RoleMerchant && r.Merchant != by {
		return trace.Errorf(trace.CodeForbidden, "merchant %s: a merchant opens streams of its own, this is %s", r.Merchant, by)
	}
	if r.Planned == 0 {
		return trace.Errorf(trace.CodeMissing, "planned is missing: when the stream begins")
	}
	if r.Planned < now-trace.ClockSkew || r.Planned > now+maxPlanned {
		return trace.Errorf(trace.CodeChronology, "planned %s: a stream is put on file before it begins, at most 90 days ahead; it is %s", r.Planned, now)
	}
	return checkCommitment(r, by, now)
}

func checkHosts(hosts []trace.StreamHost) error {
	if len(hosts) == 0 {
		return trace.Errorf(trace.CodeMissing, "hosts is missing")
	}
	if len(hosts) > maxHosts {
		return trace.Errorf(trace.CodeTooLarge, "hosts has %d entries, at most %d", len(hosts), maxHosts)
	}
	for i, h := range hosts {
		if err := h.Party.Validate(); err != nil {
			return err
		}
		if slices.ContainsFunc(hosts[:i], func(o trace.StreamHost) bool { return o.Party == h.Party }) {
			return trace.Errorf(trace.CodeInvalid, "hosts[%d]: %s is named twice", i, h.Party)
		}
	}
	return nil
}

func checkListed(products []trace.StreamProduct) error {
	if len(products) == 0 {
		return trace.Errorf(trace.CodeMissing, "products is missing")
	}
	if len(products) > maxStreamProducts {
		return trace.Errorf(trace.CodeTooLarge, "products has %d entries, at most %d", len(products), maxStreamProducts)
	}
	for i, p := range products {
		if err := p.GTIN.Validate(); err != nil {
			return err
		}
		if slices.ContainsFunc(products[:i], func(o trace.StreamProduct) bool { return o.GTIN == p.GTIN }) {
			return trace.Errorf(trace.CodeInvalid, "products[%d]: %s is named twice", i, p.GTIN)
		}
		if len(p.Lots) > maxListedLots {
			return trace.Errorf(trace.CodeTooLarge, "products[%d]: lots has %d entries, at most %d", i, len(p.Lots), maxListedLots)
		}
		for j, lot := range p.Lots {
			if err := lot.Validate(); err != nil {
				return err
			}
			if slices.Contains(p.Lots[:j], lot) {
				return trace.Errorf(trace.CodeInvalid, "products[%d]: lot %s is named twice", i, lot)
			}
		}
	}
	return nil
}

// checkCommitment: every host that is a person signed before the planned start; for an
// AI host, which cannot sign, the merchant or who opens the stream did.
func checkCommitment(r *trace.OpenStreamRequest, by trace.PartyID, now trace.Time) error {
	c := r.Commitment
	if c.Text.IsZero() || len(c.Signatures) == 0 {
		return trace.Errorf(trace.CodeMissing, "commitment: the hash of its text and its signatures are both needed")
	}
	if len(c.Signatures) > maxSignatures {
		return trace.Errorf(trace.CodeTooLarge, "commitment: signatures has %d entries, at most %d", len(c.Signatures), maxSignatures)
	}
	for i, s := range c.Signatures {
		host := hostOf(r.Hosts, s.Party)
		if s.Party != by && s.Party != r.Merchant && (host == nil || host.AI) {
			return trace.Errorf(trace.CodeInvalid, "commitment: %s is neither host, merchant nor who opens the stream, or is an AI, and does not sign", s.Party)
		}
		if slices.ContainsFunc(c.Signatures[:i], func(o trace.Signature) bool { return o.Party == s.Party }) {
			return trace.Errorf(trace.CodeInvalid, "commitment: %s signs twice", s.Party)
		}
		if s.At == 0 || s.At > r.Planned || s.At > now+trace.ClockSkew {
			return trace.Errorf(trace.CodeChronology, "commitment: %s signed at %s; it is signed before the stream begins, %s, and not in the future", s.Party, s.At, r.Planned)
		}
	}
	signed := func(p trace.PartyID) bool {
		return slices.ContainsFunc(c.Signatures, func(s trace.Signature) bool { return s.Party == p })
	}
	for _, h := range r.Hosts {
		if h.AI && !signed(by) && !signed(r.Merchant) {
			return trace.Errorf(trace.CodeMissing, "commitment: host %s is an AI; the merchant or who opens the stream signs for it", h.Party)
		}
		if !h.AI && !signed(h.Party) {
			return trace.Errorf(trace.CodeMissing, "commitment: host %s did not sign", h.Party)
		}
	}
	return nil
}

func hostOf(hosts []trace.StreamHost, party trace.PartyID) *trace.StreamHost {
	for i := range hosts {
		if hosts[i].Party == party {
			return &hosts[i]
		}
	}
	return nil
}

// Participant is what the registry knows of somebody in a stream.
type Participant struct {
	ID       trace.PartyID
	Party    *trace.Party
	Standing *trace.Standing
}

// MayTakePart decides whether somebody may appear in a stream as a host or merchant
// on a day.
func MayTakePart(p Participant, role trace.Role, day trace.Date) error {
	if err := PartyMayAct(p.ID, p.Party, p.Standing, day); err != nil {
		return err
	}
	if !slices.Contains(p.Party.Roles, role) {
		return trace.Errorf(trace.CodeForbidden, "party %s is admitted as %v, not as %s", p.ID, p.Party.Roles, role)
	}
	return nil
}

// MayList decides whether a stream of a merchant may list a product: its own to sell
// where the product names a merchant, and on sale. delisted is nil when it never was.
func MayList(merchant trace.PartyID, product *trace.Product, delisted *trace.Recall) error {
	if product.Merchant != "" && product.Merchant != merchant {
		return trace.Errorf(trace.CodeForbidden, "product %s is sold by %s, not by %s", product.GTIN, product.Merchant, merchant)
	}
	if delisted != nil && delisted.Active {
		return trace.Errorf(trace.CodeState, "product %s is delisted by %s", product.GTIN, delisted.Action)
	}
	return nil
}

// LotOnSale refuses a lot that is delisted. delisted is nil when it never was.
func LotOnSale(lot trace.LotID, delisted *trace.Recall) error {
	if delisted != nil && delisted.Active {
		return trace.Errorf(trace.CodeState, "lot %s is delisted by %s", lot, delisted.Action)
	}
	return nil
}

// Broadcast is a stream with its end.
type Broadcast struct {
	ID     trace.StreamID
	Stream *trace.Stream      // nil when it was never opened
	Close  *trace.StreamClose // nil while it runs
}

func (b Broadcast) exists() error {
	if b.Stream == nil {
		return trace.Errorf(trace.CodeNotFound, "stream %s was never opened", b.ID)
	}
	return nil
}

// hosts refuses a party that is no host of the stream.
func (b Broadcast) hosts(party trace.PartyID) error {
	if hostOf(b.Stream.Hosts, party) == nil {
		return trace.Errorf(trace.CodeForbidden, "%s is no host of stream %s", party, b.ID)
	}
	return nil
}

// ran refuses a time at which the stream did not run: before it was put on file, or
// after its end.
func (b Broadcast) ran(what string, from, to, now trace.Time) error {
	if from < b.Stream.Recorded-trace.ClockSkew {
		return trace.Errorf(trace.CodeChronology, "%s %s lies before stream %s was put on file, %s", what, from, b.ID, b.Stream.Recorded)
	}
	if b.Close != nil && to > b.Close.Ended+trace.ClockSkew {
		return trace.Errorf(trace.CodeChronology, "%s %s lies after the end of stream %s, %s", what, to, b.ID, b.Close.Ended)
	}
	if to > now+trace.ClockSkew {
		return trace.Errorf(trace.CodeChronology, "%s %s lies after the transaction's time %s", what, to, now)
	}
	return nil
}

// CloseStream decides the end of a stream: by who opened it.
func CloseStream(r *trace.CloseStreamRequest, b Broadcast, by trace.PartyID, now trace.Time) error {
	if err := b.exists(); err != nil {
		return err
	}
	if b.Stream.Party != by {
		return trace.Errorf(trace.CodeForbidden, "stream %s was opened by %s, who alone closes it", b.ID, b.Stream.Party)
	}
	if r.Ended == 0 {
		return trace.Errorf(trace.CodeMissing, "ended is missing: when the stream ended")
	}
	return b.ran("ended", r.Ended, r.Ended, now)
}

// VerdictOnStream decides whether a verdict may be about a stream: it says when the
// words were spoken, while the stream ran, and who of its hosts is blamed. run is the
// first of the evidence where the verdict names an utterance, nil where it names none.
func VerdictOnStream(r *trace.GiveVerdictRequest, b Broadcast, run *trace.UtteranceRun, now trace.Time) error {
	if err := b.exists(); err != nil {
		return err
	}
	if r.Observed == 0 {
		return trace.Errorf(trace.CodeMissing, "observed is missing: a verdict on a stream says when the words were spoken")
	}
	if err := b.ran("observed", r.Observed, r.Observed, now); err != nil {
		return err
	}
	if r.Host == "" && (r.Level == trace.LevelWarning || r.Level == trace.LevelViolation) {
		return trace.Errorf(trace.CodeMissing, "host is missing: a %s in a stream says whose it is", r.Level)
	}
	if r.Host != "" {
		if err := b.hosts(r.Host); err != nil {
			return err
		}
	}
	if r.Utterance == 0 {
		return nil
	}
	return utteranceOf("evidence[0]", run, b.ID, r.Utterance, r.Observed)
}

// NotOnStream refuses what only a verdict on a stream has.
func NotOnStream(r *trace.GiveVerdictRequest) error {
	if r.Host != "" || r.Utterance != 0 {
		return trace.Errorf(trace.CodeInvalid, "host and utterance belong to verdicts on streams, this is about a %s", r.Subject.Kind)
	}
	if r.Observed > r.Claimed+trace.ClockSkew {
		return trace.Errorf(trace.CodeChronology, "observed %s lies after claimed %s", r.Observed, r.Claimed)
	}
	return nil
}

// utteranceOf checks that a run holds an utterance of a stream at a time; at 0 is any.
func utteranceOf(name string, run *trace.UtteranceRun, stream trace.StreamID, number int, at trace.Time) error {
	if run == nil || run.Stream != stream {
		return trace.Errorf(trace.CodeInvalid, "%s must be a run of utterances of stream %s, in which the utterance is", name, stream)
	}
	if number < 1 || number > run.Count {
		return trace.Errorf(trace.CodeInvalid, "%s: the run has utterances 1 to %d, not %d", name, run.Count, number)
	}
	if at != 0 && (at < run.From || at > run.To) {
		return trace.Errorf(trace.CodeChronology, "%s: the run was spoken from %s to %s, not at %s", name, run.From, run.To, at)
	}
	return nil
}
