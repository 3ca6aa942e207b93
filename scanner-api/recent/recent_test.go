package recent

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func one(v string) func() (string, int64, error) {
	return func() (string, int64, error) { return v, 1, nil }
}

func TestCacheKeepsTheMostRecentlyUsed(t *testing.T) {
	var dropped []string
	c := New[int, string](2, func(v string) { dropped = append(dropped, v) })
	for i, v := range []string{"a", "b"} {
		got, err := c.Load(i, one(v))
		require.NoError(t, err)
		require.Equal(t, v, got)
	}
	_, ok := c.Get(0)
	require.True(t, ok)
	_, err := c.Load(2, one("c"))
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, dropped, "b was used longest ago")
	require.Equal(t, 2, c.Len())
	c.Forget(2)
	c.Forget(2)
	require.Equal(t, []string{"b", "c"}, dropped)
	require.Equal(t, 1, c.Len())
	c.Clear()
	require.Zero(t, c.Len())
	require.Len(t, dropped, 3)
}

func TestCacheKeepsOneTooHeavyValue(t *testing.T) {
	c := New[int, string](10, nil)
	_, err := c.Load(1, func() (string, int64, error) { return "huge", 100, nil })
	require.NoError(t, err)
	_, ok := c.Get(1)
	require.True(t, ok)
	_, err = c.Load(2, one("small"))
	require.NoError(t, err)
	_, ok = c.Get(1)
	require.False(t, ok)
}

func TestCacheMakesAValueOnce(t *testing.T) {
	c := New[int, string](10, nil)
	started, release := make(chan struct{}), make(chan struct{})
	calls := 0
	var all sync.WaitGroup
	all.Add(1)
	go func() {
		defer all.Done()
		_, _ = c.Load(1, func() (string, int64, error) {
			calls++
			close(started)
			<-release
			return "v", 1, nil
		})
	}()
	<-started
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			v, err := c.Load(1, one("other"))
			if err != nil || v != "v" {
				t.Errorf("got %q, %v", v, err)
			}
		}()
	}
	close(release)
	all.Wait()
	require.Equal(t, 1, calls)
}

func TestCacheForgetsFailures(t *testing.T) {
	c := New[int, string](10, nil)
	broken := errors.New("broken")
	_, err := c.Load(1, func() (string, int64, error) { return "", 0, broken })
	require.ErrorIs(t, err, broken)
	require.Panics(t, func() { _, _ = c.Load(1, func() (string, int64, error) { panic("x") }) })
	v, err := c.Load(1, one("v"))
	require.NoError(t, err)
	require.Equal(t, "v", v)
}
