package ledger

import (
	"testing"

	"traceledger/gateway/leaktest"
)

// TestMain demands that every goroutine a client starts ends with it.
func TestMain(m *testing.M) { leaktest.Main(m) }
