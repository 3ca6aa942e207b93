//go:build soak

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// TestSoakOrganisations is TestOrganisations' long form: thirty faults, or
// TRACELEDGER_SOAK_FAULTS, of random kinds at random organisations, with requests doubled,
// answers lost and a gateway flooded in between.
func TestSoakOrganisations(t *testing.T) {
	faults := 30
	if text := os.Getenv("TRACELEDGER_SOAK_FAULTS"); text != "" {
		var err error
		faults, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	s := startOrganisations(t)
	w := s.write(trace.MSPs()...)
	for fault := range faults {
		w.more(10)
		msp := trace.MSPs()[rand.IntN(len(trace.MSPs()))]
		switch fault % 5 {
		case 0:
			s.losesPeer(w, msp)
		case 1:
			s.frozenPeer(w, msp)
		case 2:
			s.losesOrderer(w, fmt.Sprintf("orderer%d", 1+rand.IntN(4)))
		case 3:
			s.killedGateway(w, msp)
		case 4:
			s.killedScanner(w, rand.IntN(2))
			s.doubled(8)
			s.contested(4)
			s.lostAnswers(8)
		}
	}
	w.end()
	var goodput []float64
	for range 3 {
		goodput = append(goodput, s.flood(3_000, 4_000))
	}
	slices.Sort(goodput)
	require.Greater(t, goodput[1], 0.5, "above saturation goodput does not collapse")
	s.settle()
	s.requireSame()
}
