package desk_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/desk"
	"traceledger/gateway/ledger"
)

// doubtful is the real ledger behind a connection that loses answers: the transaction
// is committed, and nobody can say so.
type doubtful struct {
	api.Ledger
	lose atomic.Bool
}

func (l *doubtful) Submit(ctx context.Context, as ledger.Identity, call ledger.Call) (ledger.Receipt, error) {
	receipt, err := l.Ledger.Submit(ctx, as, call)
	if err == nil && l.lose.Load() {
		return ledger.Receipt{}, &ledger.UnknownOutcome{TransactionID: receipt.TransactionID, Reason: errors.New("the answer was lost")}
	}
	return receipt, err
}

func TestAnUnknownOutcomeIsToldAndRetried(t *testing.T) {
	h := open(t)
	h.load(t, "regulator/registry.xlsx")
	lost := &doubtful{Ledger: h.API.Ledger}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	rest, err := api.New(api.Config{Ledger: lost, Index: h.Index, Store: h.Store, Identities: h.Wallet, Segments: h.Segments, PublicBase: h.Base, Logger: logger})
	require.NoError(t, err)
	desks, err := desk.New(desk.Config{API: rest, Index: h.Index, Store: h.Store, PublicBase: h.Base, Logger: logger})
	require.NoError(t, err)
	server := httptest.NewServer(desks)
	t.Cleanup(server.Close)

	h.Base = server.URL
	p := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	p.send("/desk/farm/new/plots", plot(p))
	again := p.again()
	again.Set("do", "confirm")
	lost.lose.Store(true)
	p.send("/desk/farm/new/plots", again)
	require.Equal(t, http.StatusOK, p.status)
	require.Contains(t, p.page, "正在确认是否已记录，请用同一页重试")
	require.Contains(t, p.page, "重试")
	require.NotContains(t, p.page, "已在账本上")

	lost.lose.Store(false)
	retry := p.again()
	retry.Set("do", "confirm")
	height := h.Height() // the ledger's: the read model may yet have to show the first try
	p.send("/desk/farm/new/plots", retry)
	require.Contains(t, p.page, "已在账本上")
	require.Equal(t, height, h.Height(), "the retry finds the record of the first try")
}
