package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What was said cannot be configured away before the law allows it.
func TestTranscriptsAreKeptForThreeYears(t *testing.T) {
	for days, taken := range map[int]bool{0: true, 1: false, 1097: false, 1098: true, 36_500: true, 36_501: false, -1: false} {
		path := filepath.Join(t.TempDir(), "traceledger.yaml")
		require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "floor: {transcriptDays: %d}\n", days), 0o600))
		_, err := readConfig("serve", []string{"-config", path}, nil)
		if taken {
			require.NoError(t, err, days)
		} else {
			require.ErrorContains(t, err, "transcriptDays", "%d", days)
		}
	}
}
