package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBackOff(t *testing.T) {
	var b backOff
	at := time.Unix(1_790_000_000, 0)
	refuse := func(times int, at time.Time) (last time.Duration) {
		for range times {
			last = b.refuse(at)
		}
		return last
	}
	require.Equal(t, time.Second, refuse(99, at))
	require.Equal(t, 2*time.Second, refuse(1, at), "the hundredth within a second")
	require.Equal(t, 5*time.Second, refuse(300, at.Add(999*time.Millisecond)))
	require.Equal(t, 5*time.Second, refuse(1, at.Add(time.Second)), "the second before counts too")
	require.Equal(t, time.Second, refuse(1, at.Add(2*time.Second)), "one in the second before")
	require.Equal(t, maxBackOff, refuse(10_000, at.Add(time.Minute)))
	require.Equal(t, time.Second, refuse(1, at.Add(2*time.Minute)), "it was quiet")
	require.Equal(t, time.Second, refuse(1, at), "a clock set back")
}

// TestManyThatComeBackWhenTold simulates clients of which each is refused every time.
func TestManyThatComeBackWhenTold(t *testing.T) {
	const clients, minutes = 2_500, 2
	var b backOff
	due := map[int64]int{0: clients} // by second
	refusals := 0
	for second := range int64(minutes * 60) {
		for range due[second] {
			wait := b.refuse(time.Unix(second, 0))
			due[second+int64(wait/time.Second)]++
			if second >= 60 {
				refusals++
			}
		}
	}
	require.Less(t, refusals/60, 1_000, "a second; with Retry-After: 1 it would be each of them")
}
