package floor

import (
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
)

// Evidence is what a verdict on a stream looked at.
type Evidence struct {
	Utterance trace.Utterance
	Number    int64 // within its transcript
	Terms     []Term
	// Around are what was said just before and after, by time.
	Before, After []trace.Utterance
}

// around is how many utterances are shown on either side.
const around = 3

// Evidence finds the utterance that a verdict looked at; false where it is not kept here.
func (f *Floor) Evidence(input trace.Digest) (e Evidence, found bool, err error) {
	leave, err := f.enter()
	if err != nil {
		return e, false, err
	}
	defer leave()
	name := rowEvidence + input.String()
	row, found, err := f.Store.Floor().Get(name)
	if err != nil || !found {
		return e, false, err
	}
	at, err := decode[evidenceRow](name, row)
	if err != nil {
		return e, false, err
	}
	l := f.line(lineKey{at.Stream, at.Writer})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := f.load(l); err != nil {
		return e, false, err
	}
	e.Number, e.Terms = at.Number, at.Terms
	if e.Utterance, found, err = f.utterance(l, at.Number); err != nil || !found {
		return e, false, err
	}
	for n := max(1, at.Number-around); n <= at.Number+around && n < l.row.Next; n++ {
		u, there, err := f.utterance(l, n)
		if err != nil {
			return e, false, err
		}
		switch {
		case !there || n == at.Number:
		case n < at.Number:
			e.Before = append(e.Before, u)
		default:
			e.After = append(e.After, u)
		}
	}
	return e, true, nil
}

// Claim says that a reviewer works on a verdict until some time. It is no record: it
// only keeps two people from reading the same thing, and it runs out by itself.
type Claim struct {
	By    trace.PartyID `json:"by"`
	Token string        `json:"token"` // its holder's access token: two people of one office are two
	Until trace.Time    `json:"until"`
}

// ClaimTime is how long a reviewer may think.
const ClaimTime = 20 * time.Minute

// ClaimOf is who works on a verdict now.
func (f *Floor) ClaimOf(verdict trace.Key) (c Claim, held bool, err error) {
	row, found, err := f.Store.Floor().Get(rowClaim + string(verdict))
	if err != nil || !found {
		return c, false, err
	}
	c, err = decode[Claim](string(verdict), row)
	return c, err == nil && c.Until > trace.TimeOf(f.Now()), err
}

// Claim takes a verdict for a reviewer, or holds it longer. Refused with STATE while
// somebody else works on it.
func (f *Floor) Claim(verdict trace.Key, by trace.PartyID, token string) (Claim, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	held, is, err := f.ClaimOf(verdict)
	if err != nil {
		return held, err
	}
	if is && held.Token != token {
		return held, trace.Errorf(trace.CodeState, "%s works on this verdict until %s", held.By, held.Until)
	}
	c := Claim{By: by, Token: token, Until: trace.TimeOf(f.Now().Add(ClaimTime))}
	return c, f.Store.Floor().Apply(store.Change{rowClaim + string(verdict): encode(&c)})
}

// Unclaim gives a verdict back, or forgets the claim once it is reviewed.
func (f *Floor) Unclaim(verdict trace.Key, token string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	held, is, err := f.ClaimOf(verdict)
	if err != nil || is && held.Token != token {
		return err
	}
	return f.Store.Floor().Apply(store.Change{rowClaim + string(verdict): nil})
}
