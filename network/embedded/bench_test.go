package embedded

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/stretchr/testify/require"
)

// BenchmarkSubmit measures durable submits by stock clients: endorse, submit,
// wait for the commit, a 5 KB argument that becomes the value. It reports them
// per second and as a ratio to the bound that signatures set: six ECDSA P-256
// signatures and six verifications per transaction on all cores.
func BenchmarkSubmit(b *testing.B) {
	for _, clients := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			value := strings.Repeat("v", 5<<10)
			benchmarkSubmit(b, clients, func(c *client.Contract, n int64) error {
				_, err := c.SubmitTransaction("put", fmt.Sprintf("key-%d", n), value)
				return err
			})
		})
	}
}

// BenchmarkSubmitTransient is BenchmarkSubmit with a 24 KB payload that travels
// as transient data and only its digest is written.
func BenchmarkSubmitTransient(b *testing.B) {
	payload := map[string][]byte{"value": []byte(strings.Repeat("p", 24<<10))}
	benchmarkSubmit(b, 64, func(c *client.Contract, n int64) error {
		_, err := c.Submit("digest", client.WithArguments(fmt.Sprintf("key-%d", n)),
			client.WithTransient(payload),
			client.WithEndorsingOrganizations("ProducerMSP", "LabMSP", "CarrierMSP"))
		return err
	})
}

func benchmarkSubmit(b *testing.B, clients int, submit func(*client.Contract, int64) error) {
	cfg := testConfig(nil)
	cfg.Dir = b.TempDir()
	l := openTest(b, cfg)
	contracts := make([]*client.Contract, clients)
	for i := range contracts {
		contracts[i] = connect(b, l, "ProducerMSP").GetNetwork("trace").GetContract("store")
	}
	var next atomic.Int64
	var failed atomic.Pointer[error]
	b.ResetTimer()
	start := time.Now()
	var wg sync.WaitGroup
	for _, c := range contracts {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := submit(c, n); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	wg.Wait()
	rate := float64(b.N) / time.Since(start).Seconds()
	b.StopTimer()
	if err := failed.Load(); err != nil {
		require.NoError(b, *err)
	}
	b.ReportMetric(rate, "tx/s")
	b.ReportMetric(rate/signatureBound(b), "of-bound")
	b.ReportMetric(float64(b.N)/float64(l.Height()), "tx/block")
}

// signatureBound returns how many transactions per second this machine could
// do if six signatures and six verifications were all they cost.
func signatureBound(b *testing.B) float64 {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	digest := sha256.Sum256([]byte("message"))
	const rounds = 300
	start := time.Now()
	for range rounds {
		signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		require.NoError(b, err)
		require.True(b, ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature))
	}
	pair := time.Since(start).Seconds() / rounds
	return float64(runtime.GOMAXPROCS(0)) / (6 * pair)
}
