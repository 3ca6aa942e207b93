package embedded

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkIdleMemory reports what a process holds after 2,000 submits and some
// rest, in MB resident.
func BenchmarkIdleMemory(b *testing.B) {
	for b.Loop() {
		cfg := testConfig(nil)
		cfg.Dir = b.TempDir()
		l := openTest(b, cfg)
		contract := connect(b, l, "ProducerMSP").GetNetwork("trace").GetContract("store")
		for range 2000 {
			_, err := contract.SubmitTransaction("put", "key", strings.Repeat("v", 5<<10))
			require.NoError(b, err)
		}
		runtime.GC()
		debug.FreeOSMemory()
		b.ReportMetric(residentMB(b), "MB")
	}
}

func residentMB(b *testing.B) float64 {
	raw, err := os.ReadFile("/proc/self/statm")
	require.NoError(b, err)
	var pages [2]int
	_, err = fmt.Sscan(string(raw), &pages[0], &pages[1])
	require.NoError(b, err)
	return float64(pages[1]*os.Getpagesize()) / (1 << 20)
}
