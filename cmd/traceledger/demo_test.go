package main

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDemoIsPatient: what a slow ledger refuses is got over, what the files do wrong is told.
func TestDemoIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &uploader{patience: 10 * time.Second, logger: slog.New(slog.DiscardHandler)}
		lags := errors.New("NOT_FOUND: an endorser has not seen it")
		tries := 0
		require.NoError(t, u.persist(t.Context(), func() error {
			if tries++; tries < 10 {
				return lags
			}
			return nil
		}))
		require.Equal(t, 10, tries)

		began := time.Now()
		require.ErrorIs(t, u.persist(t.Context(), func() error {
			<-time.After(time.Minute) // however long a try takes
			return lags
		}), lags)
		require.Greater(t, time.Since(began), 2*time.Minute)
		require.Less(t, time.Since(began), 3*time.Minute)

		tries = 0
		require.ErrorIs(t, u.persist(t.Context(), func() error {
			tries++
			return fmt.Errorf("row 7: %w", errForGood)
		}), errForGood)
		require.Equal(t, 1, tries)
	})
}
