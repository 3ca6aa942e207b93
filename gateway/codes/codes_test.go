package codes

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

type seeds map[string][]byte

func (s seeds) Salt(r string) ([]byte, bool, error) { v, ok := s[r]; return v, ok, nil }
func (s seeds) SetSalt(r string, seed []byte) error { s[r] = seed; return nil }

func TestMakingAPackAgainGivesTheSamePack(t *testing.T) {
	f := NewFactory(seeds{}, time.Now)
	pack := PackOf(trace.ProducerMSP, "farm-a", "order-1")
	require.NotEqual(t, pack, PackOf(trace.ProducerMSP, "farm-b", "order-1"))
	first, err := f.Make(pack, 1000)
	require.NoError(t, err)
	again, err := f.Make(pack, 1000)
	require.NoError(t, err)
	require.Equal(t, first, again)
	other, err := NewFactory(seeds{}, time.Now).Make(pack, 1000)
	require.NoError(t, err)
	require.NotEqual(t, first.Root, other.Root, "another seed gives other codes")
}

func TestSerialsAreDistinctWellFormedAndProvable(t *testing.T) {
	f := NewFactory(seeds{}, time.Now)
	pack := PackOf(trace.ProducerMSP, "farm-a", "order-1")
	made, err := f.Make(pack, 300)
	require.NoError(t, err)
	all, err := f.Serials(pack, 1, 300)
	require.NoError(t, err)
	seen := map[trace.Serial]bool{}
	for item, serial := range all {
		parsed, number, err := rules.ParseSerial(string(serial))
		require.NoError(t, err)
		require.Equal(t, serial, parsed)
		require.Equal(t, item, number)
		require.False(t, seen[serial])
		seen[serial] = true
		leaf := rules.CodeLeaf(pack, serial)
		require.Equal(t, made.LeafFile[(item-1)*32:item*32], leaf[:])
	}
	require.Len(t, seen, 300)
}

func TestForeignPacksCannotBePrinted(t *testing.T) {
	_, err := NewFactory(seeds{}, time.Now).Serials("ABCDEFGH", 1, 2)
	require.Equal(t, CodeNoSeed, trace.CodeOf(err))
	_, err = NewFactory(seeds{}, time.Now).Make("ABCDEFGH", trace.MaxPackCount+1)
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(err))
}
