package fabric

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// To look for free ports must not keep a network's nodes from listening on theirs: claimed ones are not touched, and
// who starts a node waits for who only looks.
func TestWhoLooksForPortsIsNotInTheWay(t *testing.T) {
	var claims portClaims
	defer claims.release()
	run := -1
	for i := range countFree / portRun {
		if ports, free := freeRun(i); free && claims.claim(ports...) {
			run = i
			break
		}
	}
	require.GreaterOrEqual(t, run, 0)
	_, free := freeRun(run)
	require.False(t, free, "claimed")

	address := net.JoinHostPort(loopback, strconv.Itoa(lowestFree+run*portRun+7))
	looking, err := net.Listen("tcp", address)
	require.NoError(t, err)
	require.Error(t, awaitUnused(address), "it stays")
	done := make(chan error, 1)
	go func() { done <- awaitUnused(address) }()
	time.AfterFunc(anInstant/10, func() { looking.Close() })
	require.NoError(t, <-done)
}
