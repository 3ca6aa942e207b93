package store_test

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/gateway/store"
)

// Seeds, contacts and scan counts come over once; what is here already stays, and tokens
// and answers stay behind.
func TestTakeOver(t *testing.T) {
	open := func(dir string, fs vfs.FS) *store.Store {
		s, err := store.Open(store.Config{Dir: dir, FS: fs})
		require.NoError(t, err)
		return s
	}
	fs := vfs.NewMem()
	from, to := open("from", fs), open("to", fs)
	require.NoError(t, from.Contacts().SetSalt("pack/A", []byte("seed of A")))
	require.NoError(t, from.Contacts().SetSalt("pack/B", []byte("seed of B")))
	require.NoError(t, from.Contacts().SetContact("person", []byte("phone")))
	_, _, err := from.Tokens().Create(store.Token{Name: "farm", Expires: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	scanned, err := from.Scans().Count("code", "phone", time.Now())
	require.NoError(t, err)
	require.NoError(t, from.Scans().Flush())
	require.NoError(t, to.Contacts().SetSalt("pack/B", []byte("another seed")))

	taken, err := to.TakeOver(from)
	require.NoError(t, err)
	require.Equal(t, 3, taken)
	taken, err = to.TakeOver(from)
	require.NoError(t, err)
	require.Zero(t, taken)
	require.NoError(t, from.Close())
	require.NoError(t, to.Close())

	to = open("to", fs)
	for reference, want := range map[string]string{"pack/A": "seed of A", "pack/B": "another seed"} {
		seed, found, err := to.Contacts().Salt(reference)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, want, string(seed))
	}
	summary, err := to.Scans().Summary("code")
	require.NoError(t, err)
	require.Equal(t, scanned.Count, summary.Count)
	require.NoError(t, to.Tokens().List(func(store.Token) error {
		require.Fail(t, "a token of the other ledger came over")
		return nil
	}))
	require.NoError(t, to.Close())
}
