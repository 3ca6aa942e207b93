package ledger

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/stretchr/testify/require"

	"traceledger/gateway/store"
)

// The cost of this package per submit is the difference between these two, at 64
// clients on one embedded ledger: compare cpu-µs/op.
//
//	go test -run x -bench Submit64 -benchtime 3s ./gateway/ledger

func BenchmarkSubmit64(b *testing.B) {
	n := newNetwork(b)
	s, err := store.Open(store.Config{Dir: b.TempDir() + "/store", Logger: quiet})
	require.NoError(b, err)
	c := n.client(b, s)
	submit64(b, func(i uint64) error {
		name := fmt.Sprint(i)
		_, err := c.Submit(context.Background(), n.farm, write(name, name))
		return err
	})
	require.NoError(b, c.Close())
	require.NoError(b, s.Close())
}

// BenchmarkStockSubmit64 is the same with the stock client alone: no outbox, no
// idempotency, no answer to a lost answer.
func BenchmarkStockSubmit64(b *testing.B) {
	n := newNetwork(b)
	certificate, err := identity.NewX509Identity(n.farm.MSPID, n.farm.Certificate)
	require.NoError(b, err)
	gw, err := client.Connect(certificate, client.WithSign(n.farm.Sign), client.WithClientConnection(n.faults))
	require.NoError(b, err)
	contract := gw.GetNetwork("trace").GetContract("diary")
	submit64(b, func(i uint64) error {
		_, err := contract.SubmitTransaction("diary:Write", fmt.Sprint(i))
		return err
	})
	require.NoError(b, gw.Close())
}

func submit64(b *testing.B, submit func(i uint64) error) {
	const clients = 64
	numbers := make(chan uint64)
	ended := make(chan error, clients)
	for range clients {
		go func() {
			var err error
			for i := range numbers {
				if err == nil {
					err = submit(i)
				}
			}
			ended <- err
		}()
	}
	b.ResetTimer()
	before := processorTime(b)
	for i := range b.N {
		numbers <- uint64(i)
	}
	close(numbers)
	for range clients {
		require.NoError(b, <-ended)
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "submits/s")
	b.StopTimer()
}

// processorTime is what this process has used of all processors.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
