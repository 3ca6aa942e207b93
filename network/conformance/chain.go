package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"traceledger/network/block"
	"traceledger/network/conformance/chaincode"
	"traceledger/network/validation"
)

// testChain walks all that the other tests have left on the chain and judges it
// anew, from block 0 and nothing else: hashes and links, orderer signatures,
// every creator's and endorser's signature, each transaction's validation code
// and the peer's commit hash, as packages block and validation compute them. At
// the end the state that comes out is the one the peers answer with.
//
// It is what a witness does that trusts no peer.
func testChain(t *testing.T, s *suite) {
	last := s.submit(t, s.members[producer], steps(put(s.prefix()+"end", "1"))).block
	blocks := s.blocks(t, 0, last)
	channel, err := validation.ReadChannel(blocks[0])
	require.NoError(t, err)
	validator := validation.New(channel)
	state := newReplica()
	var previous, commitHash []byte
	seen := map[peer.TxValidationCode]int{}
	for _, b := range blocks {
		number := b.GetHeader().GetNumber()
		require.NoError(t, block.CheckLink(b, previous))
		previous = block.HeaderHash(b.GetHeader())
		if number > 0 {
			require.NoError(t, validator.VerifyOrderers(b))
		}
		flags, err := block.Flags(b)
		require.NoError(t, err)
		result, err := validator.ValidateBlock(b, state)
		require.NoError(t, err)
		for i, raw := range b.GetData().GetData() {
			require.Equal(t, flags[i].String(), result.Codes[i].String(),
				"block %d, transaction %d, %s", number, i, block.ParseTransaction(raw).ChannelHeader.GetTxId())
			seen[flags[i]]++
			state.ids[block.ParseTransaction(raw).ChannelHeader.GetTxId()] = true
		}
		if number > 0 {
			recorded, err := block.CommitHash(b)
			require.NoError(t, err)
			commitHash = validation.CommitHash(commitHash,
				b.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER], result.Updates)
			require.Equal(t, recorded, commitHash, "commit hash of block %d", number)
		}
		state.apply(result.Updates)
	}
	t.Logf("%d blocks, transactions by code: %v", len(blocks), seen)

	t.Run("StateIsThatOfThePeers", func(t *testing.T) {
		var want []chaincode.Row
		for _, key := range state.keys(Chaincode) {
			if !strings.HasPrefix(key, "\x00") {
				want = append(want, chaincode.Row{Key: key, Value: string(state.public[Chaincode][key].Value)})
			}
		}
		var got []chaincode.Row
		bookmark := ""
		for {
			page := s.members[lab].evaluate(t, steps(chaincode.Step{Op: "rangePage", Size: 1000, Bookmark: bookmark}))[0]
			got = append(got, page.Rows...)
			if bookmark = page.Bookmark; bookmark == "" {
				break
			}
		}
		require.Equal(t, len(want), len(got))
		for i := range want {
			require.Equal(t, want[i].Key, got[i].Key)
			require.True(t, want[i].Value == got[i].Value, "value of %q", want[i].Key) // some are megabytes
		}
	})
	t.Run("ChangedBlocksAreNoticed", func(t *testing.T) {
		b := blocks[len(blocks)-1]
		link := blocks[len(blocks)-2]
		before := block.HeaderHash(link.GetHeader())
		require.NoError(t, block.CheckLink(b, before))
		b.Data.Data[0][len(b.Data.Data[0])/2] ^= 1
		require.Error(t, block.CheckLink(b, before), "an envelope changed")
		b.Header.DataHash = block.DataHash(b.GetData().GetData())
		require.NoError(t, block.CheckLink(b, before))
		require.Error(t, validator.VerifyOrderers(b), "the header changed with it")
	})
}

// replica is the state of a channel, in memory, as blocks leave it.
type replica struct {
	public map[string]map[string]*validation.Value
	hashed map[[2]string]map[string]*validation.Value // namespace and collection
	ids    map[string]bool
}

func newReplica() *replica {
	return &replica{
		public: map[string]map[string]*validation.Value{},
		hashed: map[[2]string]map[string]*validation.Value{},
		ids:    map[string]bool{},
	}
}

func (r *replica) apply(updates *validation.Updates) {
	for namespace, values := range updates.Public {
		if r.public[namespace] == nil {
			r.public[namespace] = map[string]*validation.Value{}
		}
		update(r.public[namespace], values)
	}
	for namespace, collections := range updates.Hashed {
		for collection, values := range collections {
			place := [2]string{namespace, collection}
			if r.hashed[place] == nil {
				r.hashed[place] = map[string]*validation.Value{}
			}
			update(r.hashed[place], values)
		}
	}
}

func update(state, values map[string]*validation.Value) {
	for key, value := range values {
		if value == nil || value.Value == nil {
			delete(state, key)
		} else {
			state[key] = value
		}
	}
}

func (r *replica) keys(namespace string) []string {
	keys := make([]string, 0, len(r.public[namespace]))
	for key := range r.public[namespace] {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Public implements validation.State.
func (r *replica) Public(namespace, key string) (*validation.Value, error) {
	return r.public[namespace][key], nil
}

// Hashed implements validation.State.
func (r *replica) Hashed(namespace, collection string, keyHash []byte) (*validation.Value, error) {
	return r.hashed[[2]string{namespace, collection}][string(keyHash)], nil
}

// Range implements validation.State.
func (r *replica) Range(namespace, start, end string, visit func(key string, version validation.Version) bool) error {
	for _, key := range r.keys(namespace) {
		if key < start || end != "" && key >= end {
			continue
		}
		if !visit(key, r.public[namespace][key].Version) {
			return nil
		}
	}
	return nil
}

// Committed implements validation.State.
func (r *replica) Committed(transactionID string) (bool, error) { return r.ids[transactionID], nil }
