package main

import (
	"context"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/api"
)

// demoFile is a file of the demonstration.
func demoFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := fs.ReadFile(fixtures.Files(), name)
	require.NoError(t, err)
	return content
}

// attempt is one of several requests sent at once.
type attempt struct {
	sign, path, key string
	body            []byte
}

// atOnce sends requests at the same time and gives each one's record or refusal.
func (b *badHouse) atOnce(t *testing.T, attempts []attempt) ([]api.Written, []*api.Problem) {
	t.Helper()
	written, refused := make([]api.Written, len(attempts)), make([]*api.Problem, len(attempts))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	begin := make(chan struct{})
	for i, a := range attempts {
		role := trace.Role(a.sign)
		b.tokens[role] = b.signIns[a.sign]
		group.Go(func() error {
			<-begin
			var err error
			written[i], refused[i], err = b.post(ctx, role, a.path, a.key, a.body)
			return err
		})
	}
	close(begin)
	require.NoError(t, group.Wait())
	for i := range attempts {
		if refused[i] == nil {
			b.settle(t, written[i].Block)
		}
	}
	b.settled(t)
	return written, refused
}

// settled takes the height as known once it is that of a record behind all: writers that
// lost a race leave blocks of invalid transactions, which the house may tell of later.
func (b *badHouse) settled(t *testing.T) {
	t.Helper()
	b.plotOf(t, trace.PlotID(fmt.Sprintf("plot-behind-%d", b.serial)), 100)
}

// oneOf demands that exactly one of the requests made its record and that the others
// were refused with the code, in words that help.
func (b *badHouse) oneOf(t *testing.T, attempts []attempt, code trace.Code, words ...string) {
	t.Helper()
	written, refused := b.atOnce(t, attempts)
	made := 0
	for i := range attempts {
		if refused[i] == nil {
			made++
			require.NotEmpty(t, written[i].Record)
			continue
		}
		require.Equal(t, code, refused[i].Code, refused[i].Detail)
		require.Equal(t, api.Status(code), refused[i].Status)
		requireHelpful(t, refused[i].Detail, words)
	}
	require.Equal(t, 1, made, "exactly one of %d writers succeeds", len(attempts))
}

// manyWriters lets two and eight writers ask at once for what only one can have.
func (b *badHouse) manyWriters(t *testing.T) {
	for _, writers := range []int{2, 8} {
		t.Run(fmt.Sprint(writers), func(t *testing.T) {
			t.Run("more lot than the plot", func(t *testing.T) {
				plot := b.plotOf(t, trace.PlotID(fmt.Sprintf("plot-race-%d", writers)), 5_333)
				b.oneOf(t, b.each(t, writers, signFarm, "/batches", func(i int) any {
					return harvest(trace.LotNumber(fmt.Sprintf("RACE-%d-%d", writers, i)), plot, 3_000)
				}), trace.CodeYield, "15000000", "23998500")
			})
			plot := b.plotOf(t, trace.PlotID(fmt.Sprintf("plot-races-%d", writers)), 5_333)
			t.Run("more inputs than the parent", func(t *testing.T) {
				parent := b.lotOf(t, trace.LotNumber(fmt.Sprintf("RACED-%d", writers)), plot, 100)
				b.oneOf(t, b.each(t, writers, signFarm, "/batches", func(i int) any {
					r := harvest(trace.LotNumber(fmt.Sprintf("BLEND-%d-%d", writers, i)), "", 60)
					r.Made, r.Claimed = at(time.October, 19, 9, 0), at(time.October, 19, 9, 0)
					r.Inputs = []trace.Input{{LotID: parent, Quantity: r.Quantity}}
					return r
				}), trace.CodeInputs, string(parent.Lot), "300000")
			})
			lot := b.lotOf(t, trace.LotNumber(fmt.Sprintf("CODED-%d", writers)), plot, 100)
			t.Run("more codes than the lot", func(t *testing.T) {
				packs := make([]trace.PackID, writers)
				for i := range packs {
					packs[i] = b.packOf(t, trace.PackID(fmt.Sprintf("RACE%d%03d", writers, i)), 60, nil)
				}
				b.oneOf(t, b.each(t, writers, signFarm, "/code-pack-activations", func(i int) any { return activation(packs[i], lot) }), trace.CodeTooManyCodes, "60", string(lot.Lot))
			})
			t.Run("one pack for many lots", func(t *testing.T) {
				lots := make([]trace.LotID, writers)
				for i := range lots {
					lots[i] = b.lotOf(t, trace.LotNumber(fmt.Sprintf("REBIND-%d-%d", writers, i)), plot, 10)
				}
				pack := b.packOf(t, trace.PackID(fmt.Sprintf("REB0%d000", writers)), 10, nil)
				b.oneOf(t, b.each(t, writers, signFarm, "/code-pack-activations", func(i int) any { return activation(pack, lots[i]) }), trace.CodeRebind, string(pack))
			})
			t.Run("one unit for many trucks", func(t *testing.T) {
				own := b.lotOf(t, trace.LotNumber(fmt.Sprintf("TRUCKS-%d", writers)), plot, 10)
				pack := b.packOf(t, trace.PackID(fmt.Sprintf("TRVCK%d00", writers)), 10, &own)
				carriers := []trace.PartyID{"carrier-sichuan-01", "carrier-zhejiang-01"}
				attempts := b.each(t, writers, signCarrier, "/shipments", func(i int) any {
					r := b.dispatch(trace.ShipmentID(fmt.Sprintf("sh-race-%d-%d", writers, i)), pack, 1, 10)
					b.consign(t, carriers[i%2], r)
					return r
				})
				for i := range attempts {
					attempts[i].sign = string(carriers[i%2]) + "@carrier"
				}
				b.oneOf(t, attempts, trace.CodeCustody, string(pack), "sh-race")
			})
			t.Run("the same request", func(t *testing.T) {
				attempts := b.each(t, writers, signFarm, "/batches", func(int) any {
					return harvest(trace.LotNumber(fmt.Sprintf("SAME-%d", writers)), plot, 1)
				})
				for i := range attempts {
					attempts[i].key = attempts[0].key
				}
				written, refused := b.atOnce(t, attempts)
				for i := range attempts {
					require.Nil(t, refused[i])
					require.Equal(t, written[0], written[i], "one answer")
				}
			})
		})
	}
}

// each makes one request a writer, under keys of their own.
func (b *badHouse) each(t *testing.T, writers int, sign, path string, request func(i int) any) []attempt {
	t.Helper()
	attempts := make([]attempt, writers)
	for i := range attempts {
		attempts[i] = attempt{sign: sign, path: path, key: b.freshKey().Get("Idempotency-Key"), body: bodyOf(t, request(i))}
	}
	return attempts
}
