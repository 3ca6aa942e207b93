package ledger

import (
	"testing"

	"go.uber.org/goleak"
)

// Every goroutine a client starts ends with it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
