package api

import (
	"context"
	"sync"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
)

// heavyWait is how long large work waits for its turn, well below the time in which
// an answer has to be written.
const heavyWait = 20 * time.Second

// turns are held while work is done that may take a hundred megabytes and more than a
// second – a workbook, a million codes, ten thousand labels. Few run at once: without
// a bound, one token's requests would take all memory of everybody's gateway. One party
// gets half of the turns at most, so that it holds up nobody but itself.
type turns struct {
	all chan struct{}
	mu  sync.Mutex
	own map[string]chan struct{} // by party; as many as parties with tokens
}

func newTurns(n int) *turns {
	return &turns{all: make(chan struct{}, n), own: map[string]chan struct{}{}}
}

func (t *turns) of(party string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.own[party]
	if own == nil {
		own = make(chan struct{}, max(1, cap(t.all)/2))
		t.own[party] = own
	}
	return own
}

// heavy does a party's large work when its turn comes.
func (a *API) heavy(ctx context.Context, party string, work func() error) error {
	ctx, cancel := context.WithTimeout(ctx, heavyWait)
	defer cancel()
	for _, turn := range []chan struct{}{a.turns.of(party), a.turns.all} {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return trace.Errorf(ledger.CodeBusy, "%d large requests are under way already; nothing was done, try again in a moment", len(turn))
		}
		defer func() { <-turn }()
	}
	return work()
}
