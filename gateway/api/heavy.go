package api

import (
	"context"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
)

// heavyWait is how long large work waits for its turn, well below the time in which
// an answer has to be written.
const heavyWait = 20 * time.Second

// heavy does work that may take a hundred megabytes and more than a second – a
// workbook, a million codes, ten thousand labels – of which few run at once: without
// a bound, one token's requests would take all memory of everybody's gateway.
func (a *API) heavy(ctx context.Context, work func() error) error {
	ctx, cancel := context.WithTimeout(ctx, heavyWait)
	defer cancel()
	select {
	case a.turns <- struct{}{}:
	case <-ctx.Done():
		return trace.Errorf(ledger.CodeBusy, "%d large requests are under way already; nothing was done, try again in a moment", cap(a.turns))
	}
	defer func() { <-a.turns }()
	return work()
}
