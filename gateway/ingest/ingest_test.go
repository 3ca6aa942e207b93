package ingest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// A binding is found exactly where the chain would take the reading, and it is one that
// the chain takes it under.
func TestBindingAtAgreesWithTheChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var bindings []trace.BoundPeriod
		from := trace.Time(1_792_468_800_000)
		for i := range rapid.IntRange(0, 5).Draw(t, "bindings") {
			from += trace.Time(rapid.Int64Range(1, 900_000).Draw(t, "after"))
			if i > 0 {
				bindings[i-1].To = from // binding again ends the one before
			}
			bindings = append(bindings, trace.BoundPeriod{Store: fmt.Sprintf("cold-%d", i), From: from})
		}
		at := from + trace.Time(rapid.Int64Range(-3_000_000, 1_000_000).Draw(t, "at"))
		status := &trace.DeviceStatus{Owner: "carrier-01", Bindings: bindings}
		anchors := func(store string) bool {
			_, err := rules.MayAnchor(&trace.AnchorSegmentRequest{Device: "tl-1", Sequence: 1, Store: store, Count: 1, From: at, To: at}, status, nil, "carrier-01")
			return err == nil
		}
		found, ok := ingest.BindingAt(bindings, at)
		some := false
		for _, b := range bindings {
			some = some || anchors(b.Store)
			if b.From <= at && (b.To == 0 || at < b.To) {
				require.Equal(t, b, found, "the one that covers it")
			}
		}
		require.Equal(t, some, ok)
		if ok {
			require.True(t, anchors(found.Store))
		}
	})
}

func TestSameSecret(t *testing.T) {
	kept := trace.DigestOf([]byte("CODE"))
	require.True(t, ingest.SameSecret(kept, "CODE"))
	for _, wrong := range []string{"", "CODF", "CODE ", "code"} {
		require.False(t, ingest.SameSecret(kept, wrong), wrong)
	}
}
